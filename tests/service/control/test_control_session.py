"""Sign in and out; what a foreign page, a guesser and a flood are told."""

from __future__ import annotations

import statistics
import time

import httpx
import pytest
from control_site import PASSWORD, run

from affekt.service.auth import passwords
from affekt.service.control.parts import Principal


def audited(site, action: str) -> list[dict]:
    return site.store.audits("default", action=action, limit=200)["items"]


def test_a_session_is_a_cookie_that_no_script_reads_and_a_token_that_no_foreign_page_knows(site):
    with site.client(None) as client:
        answer = client.post("/v1/session", json={"name": "ada", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Secure" not in cookie  # over plain HTTP on loopback it would not come back
        body = answer.json()
        assert (body["name"], body["role"], body["tenant"]) == ("ada", "admin", "default")
        assert client.get("/v1/session").json()["csrf"] == body["csrf"]


def test_under_tls_the_cookie_never_travels_in_the_clear(site):
    from starlette.testclient import TestClient

    client = TestClient(site.application, base_url="https://affekt.example")  # as behind a proxy that speaks TLS
    answer = client.post("/v1/session", json={"name": "ada", "password": PASSWORD})
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_the_store_has_neither_the_session_nor_the_key(site):
    with site.signed_in() as client:
        token = client.cookies["affekt_session"]
    dump = (site.folder / "affekt.db").read_bytes() + (site.folder / "affekt.db-wal").read_bytes()
    assert token.encode() not in dump
    assert site.keys["admin"].encode() not in dump
    assert PASSWORD.encode() not in dump


def test_with_a_session_whatever_changes_something_needs_the_token(site):
    with site.signed_in() as client:
        token = client.headers.pop("X-CSRF-Token")
        body = {"name": "k", "role": "viewer"}
        assert client.post("/v1/keys", json=body).status_code == 403
        assert client.post("/v1/keys", json=body, headers={"X-CSRF-Token": token[:-1] + "?"}).status_code == 403
        assert client.post("/v1/keys", json=body, headers={"X-CSRF-Token": "é".encode()}).status_code == 403
        assert client.post("/v1/keys", json=body, headers={"X-CSRF-Token": token}).status_code == 201


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_a_page_of_somebody_else_may_change_nothing(site, origin):
    with site.signed_in() as client:
        answer = client.post("/v1/keys", json={"name": "k", "role": "viewer"}, headers={"Origin": origin})
        assert answer.status_code == 403
    with site.client(None) as client:
        answer = client.post("/v1/session", json={"name": "ada", "password": PASSWORD}, headers={"Origin": origin})
        assert answer.status_code == 403  # nor sign somebody in under another name


def test_our_own_page_may(site):
    with site.signed_in() as client:
        answer = client.post("/v1/keys", json={"name": "k", "role": "viewer"}, headers={"Origin": site.url})
        assert answer.status_code == 201


def test_a_form_of_another_site_is_refused_even_without_an_origin(site):
    with site.signed_in() as client:
        assert client.delete("/v1/session", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_signing_out_ends_the_session_for_whoever_has_the_cookie(site):
    with site.signed_in() as client:
        cookie = client.cookies["affekt_session"]
        assert client.delete("/v1/session").json() == {"done": True}
    with httpx.Client(base_url=site.url, cookies={"affekt_session": cookie}) as thief:
        assert thief.get("/v1/session").status_code == 401


def test_a_changed_role_ends_the_sessions_and_a_disabled_user_is_out(site):
    site.store.user_add("default", "eve", passwords.make(PASSWORD), "viewer")
    id = next(user["id"] for user in site.store.users("default") if user["name"] == "eve")
    with site.signed_in("eve") as eve, site.client() as admin:
        assert admin.patch(f"/v1/users/{id}", json={"role": "supervisor"}).json()["role"] == "supervisor"
        assert eve.get("/v1/session").status_code == 401
    with site.signed_in("eve") as eve, site.client() as admin:
        assert eve.get("/v1/session").json()["role"] == "supervisor"
        admin.patch(f"/v1/users/{id}", json={"disabled": True})
        assert eve.get("/v1/session").status_code == 401
    with site.client(None) as eve:
        assert eve.post("/v1/session", json={"name": "eve", "password": PASSWORD}).status_code == 401


def test_an_expired_key_opens_nothing(site):
    key = site.store.key_add("default", "old", "admin", "test", expires=time.time() - 1)["key"]
    with site.client(None, Authorization=f"Bearer {key}") as client:
        assert client.get("/v1/calls").status_code == 401


@pytest.mark.parametrize(
    "header", ["Basic YTpi", "Bearer", "Bearer afk_", "Bearer " + "x" * 5000, "afk_x", "Bearer \x7f"]
)
def test_what_is_no_key_is_nobody(site, header):
    with site.client(None, Authorization=header) as client:
        assert client.get("/v1/calls").status_code == 401


def test_a_password_is_changed_by_who_knows_the_old_one(site):
    site.store.user_add("default", "joan", passwords.make(PASSWORD), "viewer")
    with site.signed_in("joan") as client:
        wrong = client.post("/v1/session/password", json={"old": "x" * 12, "new": "y" * 12})
        assert wrong.status_code == 403
        right = client.post("/v1/session/password", json={"old": PASSWORD, "new": "a new and longer one"})
        assert right.status_code == 200
        assert client.get("/v1/session").json()["csrf"] == right.json()["csrf"]
    with site.signed_in("joan", "a new and longer one") as client:
        assert client.get("/v1/calls").status_code == 200


def test_the_last_admin_stays(tmp_path):
    for site in run(tmp_path):
        (admin,) = site.store.users("default")
        with site.client() as client:
            assert client.delete(f"/v1/users/{admin['id']}").status_code == 409
            assert client.patch(f"/v1/users/{admin['id']}", json={"role": "viewer"}).status_code == 409
            assert client.patch(f"/v1/users/{admin['id']}", json={"disabled": True}).status_code == 409


# Guessing -----------------------------------------------------------------------------------------------------------


def test_nobody_learns_whether_a_user_exists(tmp_path):
    """Neither by what is said nor by the time it takes: argon2 is asked either way."""
    for site in run(tmp_path):
        site.application.state.parts.lockout.FREE = (1000, 1000, 1000)
        with site.client(None) as client:
            took: dict[str, list[float]] = {"admin": [], "nobody": []}
            said = set()
            for _ in range(8):
                for name, times in took.items():
                    start = time.perf_counter()
                    answer = client.post("/v1/session", json={"name": name, "password": "wrong " * 3})
                    times.append(time.perf_counter() - start)
                    said.add((answer.status_code, answer.json()["detail"]))
        assert said == {(401, "name or password is wrong")}
        known, unknown = (statistics.median(times) for times in took.values())
        assert 0.5 < known / unknown < 2.0, took
        lines = site.store.audits("default", action="login refused")["items"]
        assert {line["who"] for line in lines} == {"admin", "unknown"}  # people type passwords for names


def test_after_five_wrong_passwords_tries_must_wait_and_even_the_right_one(tmp_path):
    for site in run(tmp_path):
        with site.client(None) as client:
            wrong = {"name": "admin", "password": "wrong wrong wrong"}
            statuses = [client.post("/v1/session", json=wrong).status_code for _ in range(7)]
            assert statuses == [401] * 5 + [429] * 2
            answer = client.post("/v1/session", json={"name": "admin", "password": PASSWORD})
            assert answer.status_code == 429
            assert int(answer.headers["Retry-After"]) >= 1
            other = client.post("/v1/session", json={"name": "somebody else", "password": "wrong wrong wrong"})
            assert other.status_code == 401  # the address is not locked yet
            site.application.state.parts.clock = lambda: time.time() + 20
            assert client.post("/v1/session", json={"name": "admin", "password": PASSWORD}).status_code == 200


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path):
    for site in run(tmp_path, http={"rate": 1.0, "burst": 5}):
        with site.client("viewer") as client, site.client("admin") as other:
            answers = [client.get("/v1/session") for _ in range(8)]
            assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
            assert answers[-1].headers["Retry-After"] == "1"
            assert answers[-1].headers["content-type"] == "application/problem+json"
            assert other.get("/v1/session").status_code == 200  # nobody else's bucket


def test_strangers_have_a_bucket_of_their_address(tmp_path):
    for site in run(tmp_path):
        strangers = site.application.state.parts.strangers
        strangers._rate, strangers._burst = 0.1, 3
        with site.client(None) as client:
            assert [client.get("/v1/calls").status_code for _ in range(5)] == [401] * 3 + [429] * 2


# Without sign-in -----------------------------------------------------------------------------------------------------


def test_without_sign_in_only_this_machine_and_only_its_own_pages_are_answered(tmp_path):
    for site in run(tmp_path, auth={"enabled": False}):
        with site.client(None) as client:
            assert client.get("/v1/session").json()["role"] == "admin"
            assert client.get("/v1/calls", headers={"Host": "evil.example"}).status_code == 403  # DNS rebinding
            body = {"name": "k", "role": "viewer"}
            assert client.post("/v1/keys", json=body, headers={"Origin": "https://evil.example"}).status_code == 403
            assert client.post("/v1/keys", json=body).status_code == 201


# The log and the audit log --------------------------------------------------------------------------------------------


def test_no_secret_is_ever_logged(site, caplog, capfd):
    for name in ("affekt", "uvicorn", "multipart", "python_multipart", "asyncio"):
        caplog.set_level("DEBUG", logger=name)
    with site.signed_in() as client:
        session, csrf = client.cookies["affekt_session"], client.headers["X-CSRF-Token"]
        key = client.post("/v1/keys", json={"name": "k", "role": "viewer"}).json()["key"]
        material = {"auth_token": "the twilio token"}
        made = client.post("/v1/tokens", json={"name": "T", "protocol": "twilio", "material": material})
        token = made.json()["token"]
        client.post("/v1/session/password", json={"old": "wrong", "new": "short"})
        client.post("/v1/users", json={"name": "new", "password": "another password", "role": "nothing"})
        client.post("/v1/subjects/erase", json={"number": "+49 30 5550123"})
        client.get("/v1/calls?q=a+private+word")
        client.get("/v1/session/oidc/callback?state=s&code=the-code-of-the-issuer")
    with site.client(None, Authorization=f"Bearer {key}") as client:
        client.get("/v1/calls")
    own = site.application.state.parts
    heard = caplog.text + "".join(capfd.readouterr()) + repr((own.secrets, own.settings, own.store))
    assert "POST /v1/keys 201" in heard
    secrets = (PASSWORD, session, csrf, key, token, material["auth_token"], "another password", "5550123")
    for secret in (*secrets, "private", "the-code-of-the-issuer", "s" * 32):
        assert secret not in heard, secret
    rows = repr(site.store.audits("default", limit=200))
    for secret in (PASSWORD, session, csrf, key, token, material["auth_token"], "5550123"):
        assert secret not in rows, secret


def test_refusals_never_repeat_what_was_sent(site):
    with site.client(None) as client:
        answer = client.post("/v1/session", json={"name": "ada", "password": ["my secret"]})
        assert answer.status_code == 422
        assert "my secret" not in answer.text


def test_the_audit_log_has_logins_refusals_and_changes(site):
    with site.client(None) as client:
        client.post("/v1/session", json={"name": "ada", "password": "wrong wrong"})
    with site.signed_in() as client:
        id = client.post("/v1/keys", json={"name": "audited", "role": "viewer"}).json()["id"]
        client.delete(f"/v1/keys/{id}")
        client.delete("/v1/session")
    with site.client("viewer") as client:
        client.get("/v1/users")
    for action, what in (("login", "password"), ("login refused", "session"), ("key added", id), ("key removed", id)):
        assert what in [line["what"] for line in audited(site, action)], action
    assert audited(site, "logout")[0]["who"] == "ada"
    refused = audited(site, "refused")[0]
    assert refused["what"] == "GET /v1/users"
    assert refused["who"].startswith("key:")
    with site.client("auditor") as client:
        assert client.get("/v1/audit?action=login").json()["items"][0]["action"] == "login"


def test_a_principal_shows_no_token():
    assert "secret" not in repr(Principal("t", "n", "admin", "secret", "secret"))
