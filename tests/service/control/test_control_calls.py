"""Calls and alerts over HTTP: what is shown, changed, told to the others, and erased; each tenant for itself."""

from __future__ import annotations

import threading
import time

import pytest
from control_site import call, run

from affekt.service.subject import subject


def test_calls_are_found_and_shown(site):
    call(site.store, "shown")
    with site.client("viewer") as client:
        found = client.get("/v1/calls", params={"agent": "agent 7", "rule": "sustained", "limit": 200}).json()
        assert "shown" in [row["id"] for row in found["items"]]
        whole = client.get("/v1/calls/shown").json()
        assert whole["alerts"][0]["rule"] == "sustained"
        assert client.get("/v1/calls", params={"queue": "nobody's"}).json() == {"items": [], "next": None}
        assert client.get("/v1/trends").json()["items"][-1]["calls"] >= 1


def test_pages_follow_each_other(site):
    for i in range(3):
        call(site.store, f"page {i}")
    with site.client() as client:
        seen, cursor = [], None
        while True:
            page = client.get("/v1/calls", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
            seen += [row["id"] for row in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
    assert len(seen) == len(set(seen))
    assert {"page 0", "page 1", "page 2"} <= set(seen)


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"cursor": "x"}, {"limit": 201}, {"live": "maybe"}, {"q": "x" * 500}]
)
def test_what_cannot_be_looked_for_is_told(site, query):
    with site.client() as client:
        assert client.get("/v1/calls", params=query).status_code == 422


@pytest.mark.parametrize(("path", "body"), [("pause", None), ("resume", None), ("consent", {"state": "refused"})])
def test_commands_go_to_the_others_and_into_the_audit_log(site, path, body):
    call(site.store, "commanded")
    with site.client("supervisor") as client:
        assert client.post(f"/v1/calls/commanded/{path}", json=body).json() == {"done": True}
        assert client.post(f"/v1/calls/nobody/{path}", json=body).status_code == 404
    assert site.bus.sent[-1] == {"type": path, "call": "commanded", **(body or {})}
    assert site.store.audits("default", action=path)["items"][0]["what"] == "commanded"


def test_the_bus_is_only_touched_in_its_event_loop(site):
    call(site.store, "threads")
    with site.client() as client:
        client.post("/v1/calls/threads/pause")
        client.post("/v1/tokens", json={"name": "T"})
    assert len(site.bus.threads) == 1
    assert site.bus.threads != {threading.get_ident()}


def test_an_alert_is_acknowledged_once_and_told_to_engine_and_wall(site):
    id = call(site.store, "acknowledged")
    with site.client("supervisor") as client:
        first = client.post(f"/v1/alerts/{id}/acknowledge", json={"note": "I listen."})
        assert first.json()["state"] == "acknowledged"
        assert site.bus.sent[-1] == {
            "type": "alert.acknowledge",
            "call": "acknowledged",
            "rule": "sustained",
            "speaker": "in",
        }
        assert site.hub.rows[-1] == ("default", id, "acknowledged")
        told = len(site.bus.sent)
        assert client.post(f"/v1/alerts/{id}/acknowledge").status_code == 200  # two clicks are one
        assert len(site.bus.sent) == told
        assert client.get(f"/v1/alerts/{id}").json()["notes"][0]["text"] == "I listen."
        snoozed = client.post(f"/v1/alerts/{id}/snooze", json={"seconds": 60})
        assert snoozed.json()["state"] == "snoozed"
        assert site.bus.sent[-1]["seconds"] == 60
        assert client.post(f"/v1/alerts/{id}/snooze", json={"seconds": 60}).status_code == 409
        assert client.post(f"/v1/alerts/{id}/acknowledge").status_code == 409
        note = client.post(f"/v1/alerts/{id}/notes", json={"text": "It was right."})
        assert (note.status_code, note.json()["by"]) == (201, f"key:{site.keys['supervisor'][:12]}")
        assert client.post("/v1/alerts/nobody/acknowledge").status_code == 404
        assert id in [row["id"] for row in client.get("/v1/alerts?state=snoozed").json()["items"]]


@pytest.mark.parametrize("seconds", [0, -1, 1e9, "NaN"])
def test_a_snooze_has_an_end(site, seconds):
    id = call(site.store, f"snooze {seconds}")
    with site.client() as client:
        assert client.post(f"/v1/alerts/{id}/snooze", json={"seconds": seconds}).status_code == 422


def test_an_erased_call_is_gone_from_store_wall_and_audit_log(site):
    call(site.store, "erased one")
    with site.client() as client:
        client.post("/v1/calls/erased one/notes", json={"text": "a word of the caller"})
        assert client.delete("/v1/calls/erased one").json() == {"done": True}
        assert client.get("/v1/calls/erased one").status_code == 404
        assert client.delete("/v1/calls/erased one").status_code == 404
    assert "erased one" in site.hub.ended
    rows = site.store.audits("default", limit=200)["items"]
    assert "call.erase" in [row["action"] for row in rows]
    assert "erased one" not in repr(rows)


def test_a_person_is_erased_by_number_and_the_number_is_nowhere(site):
    number = "+49 30 5550199"
    for i in range(2):
        call(site.store, f"person {i}", subject=subject(b"s" * 32, number))
    with site.client() as client:
        assert client.post("/v1/subjects/erase", json={"number": "0049305550199"}).json() == {"erased": 2}
        assert client.post("/v1/subjects/erase", json={"number": number}).json() == {"erased": 0}
        for wrong in ({}, {"number": "1", "subject": "ab"}, {"number": "anonymous"}, {"subject": "no hex"}):
            assert client.post("/v1/subjects/erase", json=wrong).status_code == 422
    assert {"person 0", "person 1"} <= set(site.hub.ended)
    assert "5550199" not in repr(site.store.audits("default", limit=200))


def test_a_tenant_sees_and_touches_nothing_of_another(tmp_path):
    for site in run(tmp_path):
        alert = call(site.store, "ours")
        with site.client() as client:
            made = client.post("/v1/tenants", json={"id": "acme", "name": "Acme"}).json()
            assert client.post("/v1/tenants", json={"id": "acme", "name": "Acme"}).status_code == 409
            ours = client.post("/v1/users", json={"name": "u", "password": "x" * 12, "role": "viewer"}).json()
            key = client.post("/v1/keys", json={"name": "k", "role": "viewer"}).json()
            token = client.post("/v1/tokens", json={"name": "t"}).json()
            place = {"kind": "webhook", "name": "d", "settings": {}, "secret": "hush"}
            to = client.post("/v1/destinations", json=place).json()
            assert "hush" not in client.get("/v1/destinations").text
        admin = made["admin"] | {"tenant": "acme"}
        with site.client(None) as theirs:
            answer = theirs.post("/v1/session", json=admin)
            theirs.headers["X-CSRF-Token"] = answer.json()["csrf"]
            for path in ("calls", "alerts", "users", "keys", "tokens", "destinations", "jobs", "deliveries"):
                rows = theirs.get(f"/v1/{path}").json()["items"]
                assert [row for row in rows if row.get("tenant", "acme") != "acme" or path not in ("users",)] == []
            for path in (
                "calls/ours",
                f"users/{ours['id']}",
                f"keys/{key['id']}",
                f"tokens/{token['id']}",
                f"destinations/{to['id']}",
            ):
                assert theirs.delete(f"/v1/{path}").status_code == 404, path
            assert theirs.post(f"/v1/alerts/{alert}/acknowledge").status_code == 404
            assert theirs.post("/v1/calls/ours/pause").status_code == 404
            assert theirs.patch("/v1/tenants/default", json={"retention_days": 1}).status_code == 404
            assert theirs.post("/v1/tenants", json={"id": "more", "name": "More"}).status_code == 403
            assert [row["id"] for row in theirs.get("/v1/tenants").json()["items"]] == ["acme"]
            assert theirs.patch("/v1/tenants/acme", json={"retention_days": 7}).json()["retention_days"] == 7


def test_tokens_and_expected_connections_reach_the_gateway(site):
    with site.client() as client:
        material = {"auth_token": "twilio's"}
        made = client.post("/v1/tokens", json={"name": "T", "protocol": "twilio", "material": material}).json()
        snapshot = site.bus.sent[-1]["snapshot"]
        assert [t["material"] for t in snapshot["tokens"] if t["id"] == made["id"]] == [material]
        assert made["token"] not in client.get("/v1/tokens").text
        assert "twilio's" not in client.get("/v1/tokens").text
        coming = client.post("/v1/expected", json={"external": "pbx-1", "track": "in", "role": "customer"}).json()
        assert coming["id"] in [row["id"] for row in site.bus.sent[-1]["snapshot"]["expected"]]
        assert client.delete(f"/v1/expected/{coming['id']}").status_code == 200
        assert client.delete(f"/v1/tokens/{made['id']}").status_code == 200
        assert made["id"] not in [row["id"] for row in site.bus.sent[-1]["snapshot"]["tokens"]]


def test_calls_are_written_as_parquet_in_the_background(site):
    parquet = pytest.importorskip("pyarrow.parquet", reason='needs pip install "affekt[data]"')
    call(site.store, "exported")
    with site.client() as client:
        assert client.post("/v1/export", json={"since": "no day"}).status_code == 422
        answer = client.post("/v1/export", json={})
        assert answer.status_code == 202
        end = time.monotonic() + 30
        while (job := client.get(answer.json()["location"]).json())["state"] != "done":
            assert time.monotonic() < end, job
            time.sleep(0.05)
    rows = parquet.read_table(f"{job['result']['folder']}/calls.parquet").to_pylist()
    assert "exported" in [row["id"] for row in rows]
    assert site.store.audits("default", action="export")["items"][0]["what"] == job["id"]


def test_examples_have_no_key_that_the_service_does_not_say(site):
    """The description is held against the real answers."""
    from affekt.service.control.pages import example

    alert = call(site.store, "example")
    with site.client() as client:
        api = client.get("/v1/openapi.json").json()
        user = client.post("/v1/users", json={"name": "eg", "password": "x" * 12, "role": "viewer"})
        key = client.post("/v1/keys", json={"name": "eg", "role": "viewer"})
        token = client.post("/v1/tokens", json={"name": "eg"})
        job = client.post("/v1/predict?async=true", files=[("files", ("a.wav", b""))])
        real = {
            ("get", "/v1/calls/{id}"): client.get("/v1/calls/example"),
            ("get", "/v1/alerts/{id}"): client.get(f"/v1/alerts/{alert}"),
            ("get", "/v1/jobs/{id}"): client.get(job.json()["location"]),
            ("get", "/v1/trends"): client.get("/v1/trends"),
            ("get", "/v1/health"): client.get("/v1/health"),
            ("get", "/v1/ready"): client.get("/v1/ready"),
            ("get", "/v1/system"): client.get("/v1/system"),
            ("get", "/v1/models"): client.get("/v1/models"),
            ("get", "/v1/models/{name}"): client.get("/v1/models/default"),
            ("get", "/v1/session"): client.get("/v1/session"),
            ("post", "/v1/users"): user,
            ("post", "/v1/keys"): key,
            ("post", "/v1/tokens"): token,
        }
    for (method, path), answer in real.items():
        assert answer.status_code < 300, answer.text
        content = api["paths"][path][method]["responses"][str(answer.status_code)]["content"]
        told = example(content["application/json"]["schema"], api)
        said = answer.json()
        if "items" in told:
            told, said = told["items"][0], said["items"][0]
        assert set(told) <= set(said), path
    assert api["openapi"].startswith("3.1")


def test_readiness_says_what_is_missing(tmp_path):
    for site in run(tmp_path):
        with site.client(None) as client:
            assert client.get("/v1/ready").json()["ready"] is True
            site.bus.state = lambda: {"gateway": {"pid": 1, "connected": False}}
            answer = client.get("/v1/ready")
            assert answer.status_code == 503
            assert answer.json()["checks"] == {"store": "ok", "gateway": "absent", "engine": "absent"}
