"""The Python client against the real service."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from control_site import call, run

from affekt.client import BusyError, Client, RefusedError, UnreachableError
from affekt.errors import AffektError, UsageError

CALL = Path(__file__).parents[3] / "examples" / "call.wav"


@pytest.fixture
def client(site):
    with Client(site.url, key=site.keys["admin"]) as client:
        yield client


def test_recordings_are_judged_from_paths_and_bytes(client):
    found = client.predict(CALL, b"no sound", str(CALL), model="permissive", agent="right")
    assert [result["file"] for result in found] == ["call.wav", "recording 2", "call.wav"]
    assert found[0]["timeline"] == found[2]["timeline"]
    assert "plain text" in found[1]["problem"]["detail"]


def test_a_job_is_waited_for_and_forgotten(client):
    id = client.submit(CALL, model="permissive", whole=True)
    (result,) = client.wait(id, seconds=60)
    assert result["timeline"]["duration"] > 10
    assert client.job(id)["progress"] == 1.0
    client.forget(id)
    with pytest.raises(RefusedError, match="no job"):
        client.job(id)


def test_calls_and_alerts_are_listed_over_pages_and_acted_on(client, site, monkeypatch):
    monkeypatch.setattr("affekt.client._PAGE", 1)
    ids = [call(site.store, f"client/{i}") for i in range(3)]
    assert {"client/0", "client/1", "client/2"} <= {found["id"] for found in client.calls(agent="agent 7")}
    assert set(ids) <= {alert["id"] for alert in client.alerts(state="open")}
    assert client.acknowledge(ids[0], "seen")["state"] == "acknowledged"
    assert client.snooze(ids[1], 60)["state"] == "snoozed"


def test_a_call_is_noted_paused_and_erased(client, site):
    call(site.store, "client-call")
    client.note("client-call", "a word")
    client.pause("client-call")
    client.resume("client-call")
    client.consent("client-call", "refused")
    assert [sent["type"] for sent in site.bus.sent[-3:]] == ["pause", "resume", "consent"]
    assert client.call("client-call")["notes"][0]["text"] == "a word"
    assert client.trends()[-1]["calls"] >= 1
    client.erase_call("client-call")
    assert client.erase_number("+49 30 555") == 0
    assert client.models()[0]["labels"]


def test_refusals_are_errors_with_the_services_words(site, client):
    with pytest.raises(RefusedError, match="no model is called 'nobody'") as found:
        client.predict(CALL, model="nobody")
    assert found.value.status == 422
    with pytest.raises(RefusedError, match=r"query\.limit"):
        list(client.calls(limit=0))
    with Client(site.url) as stranger, pytest.raises(RefusedError, match="say who you are"):
        stranger.models()
    assert issubclass(RefusedError, AffektError)


def test_who_must_wait_is_told_for_how_long(tmp_path):
    for site in run(tmp_path, http={"rate": 0.5, "burst": 1}):
        with Client(site.url, key=site.keys["viewer"]) as client:
            client.models()
            with pytest.raises(BusyError) as found:
                client.models()
            assert 1 <= found.value.seconds <= 3


def test_a_wrong_call_is_told_before_anything_is_sent(client, tmp_path):
    with pytest.raises(UsageError, match="no recording"):
        client.predict()
    with pytest.raises(UsageError, match=r"cannot read .*nothing\.wav"):
        client.predict(tmp_path / "nothing.wav")


def test_nobody_there_is_an_error_with_the_address():
    with Client("http://127.0.0.1:9") as client, pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9"):
        client.models()


def test_events_of_the_real_hub_are_heard_while_they_happen(site):
    """A call begins: the snapshot is empty, and the delta has it."""

    def begin() -> None:
        about = {"tenant": "default", "call": "heard", "stream": "s", "n": 0, "at": 60.0}
        hub = site.hub
        site.loop().call_soon_threadsafe(
            lambda: site.loop().create_task(hub.take([{**about, "type": "call.started", "agent": "Ada"}]))
        )

    with Client(site.url, key=site.keys["viewer"]) as client:
        events = client.events()
        first = next(events)
        assert first.kind == "snapshot"
        assert "heard" not in [live["id"] for live in first.data["calls"]]
        begin()
        second = next(events)
        assert second.kind == "delta"
        assert [live["agent"] for live in second.data["calls"] if live["id"] == "heard"] == ["Ada"]
        events.close()


class Stream(BaseHTTPRequestHandler):
    """Speaks like the dashboard's route: a snapshot, a heartbeat, a delta, and then breaks off."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if len(self.asked) > 2:
            self.send_error(401 if len(self.asked) > 3 else 502)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for kind, data in (("snapshot", {"calls": []}), ("delta", {"calls": [{"id": "c"}]})):
            self.wfile.write(f": beat\n\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass


def test_events_go_on_after_a_broken_connection_and_a_restart_and_end_with_a_refusal():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Stream.asked.clear()
    kinds = []
    try:
        with Client(f"http://127.0.0.1:{server.server_port}") as client, pytest.raises(RefusedError):
            kinds.extend(event.kind for event in client.events("c"))
    finally:
        server.shutdown()
        server.server_close()
    assert kinds == ["snapshot", "delta"] * 2
    assert Stream.asked == ["/v1/events?call=c"] * 4
