"""Who may come in, by what, and what is kept of it."""

from __future__ import annotations

import time

import pytest

from affekt.errors import UnknownNameError, UsageError
from affekt.service.seal import digest

SOON, PAST = time.time() + 1e6, time.time() - 1


def test_tenants_are_added_and_changed(store):
    store.tenant_add("acme", name="Acme", record_audio=True, retention_days=7)
    found = store.tenant_update("acme", retention_days=14)
    assert (found["name"], found["record_audio"], found["retention_days"]) == ("Acme", True, 14)
    assert [tenant["id"] for tenant in store.tenants()] == ["acme", "default", "other"]
    assert store.tenant_update("acme", record_audio=False)["record_audio"] is False
    assert store.tenant_update("nobody", name="x") is None
    for wrong in ({"id": "acme"}, {"id": ""}, {"id": "x", "retention_days": 0}):
        with pytest.raises(UsageError):
            store.tenant_add(**wrong)


def test_a_user_is_shown_without_the_password_hash_but_to_who_checks_it(store):
    store.user_add("default", "ann", "argon2...", "supervisor")
    assert store.user("default", "ann")["password_hash"] == store.user(None, "ann")["password_hash"] == "argon2..."
    assert "password_hash" not in store.users("default")[0]
    assert store.user_update("default", "ann", role="admin")["role"] == "admin"
    with pytest.raises(UsageError, match="'ann' is there already"):
        store.user_add("default", "ann", "x", "viewer")
    with pytest.raises(UnknownNameError, match="viewer"):
        store.user_add("default", "bob", "x", "view")


def test_a_session_lasts_until_it_expires_or_its_user_is_changed(store):
    store.user_add("default", "ann", "hash", "viewer")
    store.session_add("default", "ann", "good", csrf="c1", expires=SOON)
    store.session_add("default", "ann", "old", csrf="c2", expires=PAST)
    found = store.session("good")
    assert (found["tenant"], found["user"], found["role"], found["csrf"]) == ("default", "ann", "viewer", "c1")
    assert store.session("old") is None
    assert store.session("wrong") is None
    store.user_update("default", "ann", disabled=True)
    assert store.session("good") is None
    store.session_add("default", "ann", "new", csrf="c", expires=SOON)
    assert store.session("new") is None  # who is disabled does not come in
    store.user_update("default", "ann", disabled=False)
    store.session_add("default", "ann", "newer", csrf="c", expires=SOON)
    assert store.session_end("newer") is True
    assert store.session("newer") is None
    with pytest.raises(UnknownNameError):
        store.session_add("default", "nobody", "t", csrf="c", expires=SOON)


def test_a_key_is_shown_once_and_opens_until_it_expires(store):
    made = store.key_add("default", "ci", "viewer", "ann", expires=SOON)
    old = store.key_add("default", "old", "viewer", "ann", expires=PAST)
    assert store.key(made["key"])["role"] == "viewer"
    assert store.key(old["key"]) is None
    assert store.key("afk_wrong") is None
    shown = store.keys("default")[0]
    assert "key" not in shown
    assert "hash" not in shown
    assert made["key"].startswith(shown["prefix"])
    assert shown["used"] is not None
    assert store.key_remove("default", made["id"]) is True
    assert store.key(made["key"]) is None


def test_the_gateway_gets_all_that_it_needs_to_let_calls_in(store):
    made = store.token_add(
        "other",
        "twilio",
        protocol="twilio",
        material={"auth_token": "geheim"},
        roles={"inbound": "customer"},
        notice=True,
    )
    store.expect("default", "u1", "CA1", track="a", role="customer", expires=SOON, details={"agent": "Ann"})
    store.expect("default", "u2", "CA2", track="a", role="agent", expires=PAST)
    found = store.ingest_snapshot()
    assert found["tenants"] == {"default": {"record_audio": False}, "other": {"record_audio": False}}
    token = found["tokens"][0]
    assert token["hash"] == digest(made["token"])
    assert (token["tenant"], token["material"], token["roles"]) == (
        "other",
        {"auth_token": "geheim"},
        {"inbound": "customer"},
    )
    assert [(call["id"], call["details"]) for call in found["expected"]] == [("u1", {"agent": "Ann"})]
    assert not {"hash", "material", "token"} & set(store.tokens("other")[0])
    with pytest.raises(UnknownNameError):
        store.token_add("default", "x", consent="perhaps")
    with pytest.raises(UsageError, match="u1"):
        store.expect("other", "u1", "CA1", track="a", role="customer", expires=SOON)


def test_no_token_nor_secret_is_in_the_database(store):
    drawn = [store.key_add("default", "k", "viewer", "ann")["key"]]
    drawn.append(store.token_add("default", "t", material={"auth_token": "geheim"})["token"])
    store.user_add("default", "ann", "hash", "viewer")
    store.session_add("default", "ann", "the session's token", csrf="c", expires=SOON)
    with store._read() as c:
        rows = [c.exec_driver_sql(f"SELECT * FROM {table}").all() for table in ("keys", "tokens", "sessions")]
    text = repr(
        [[bytes(value) if isinstance(value, memoryview) else value for value in row] for table in rows for row in table]
    )
    assert [word for word in (*drawn, "geheim", "the session's token") if word in text] == []


def test_the_audit_log_grows_and_is_read_from_its_end(store):
    for number in range(5):
        store.audit("default", "ann", "look" if number % 2 else "open", f"call {number}", detail={"number": number})
    first = store.audits("default", limit=2)
    rest = store.audits("default", cursor=first["next"])
    assert [line["detail"]["number"] for line in first["items"] + rest["items"]] == [4, 3, 2, 1, 0]
    assert [line["what"] for line in store.audits("default", action="look")["items"]] == ["call 3", "call 1"]
    assert store.audits("default", who="bob")["items"] == []
    assert store.audits("default", since=SOON)["items"] == []


def test_a_job_goes_from_waiting_to_its_result(store):
    job = store.job_add("default", "predict", "ann", request={"files": 3})
    assert (job["state"], job["progress"]) == ("waiting", 0.0)
    assert store.job_update(job["id"], state="running", progress=0.5) is True
    assert store.job_update(job["id"], state="done", progress=1.0, result={"rows": [1]}) is True
    assert store.job("default", job["id"])["result"] == {"rows": [1]}
    assert "result" not in store.jobs("default", state="done")["items"][0]
    with pytest.raises(UnknownNameError, match="cancelled"):
        store.job_update(job["id"], state="lost")
    lost = store.job_add("default", "predict", "ann")
    assert store.jobs_interrupted() == 1
    assert store.job("default", lost["id"])["state"] == "failed"
    assert store.job_remove("default", job["id"]) is True
    assert store.job_update(job["id"], progress=1.0) is False
