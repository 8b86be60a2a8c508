"""The whole service as an operator runs it: real processes, real sockets, real ends."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile
from lines import CALL
from serving import Service

from affekt.service.load.carrier import Carrier, Load
from affekt.service.load.sound import Sound


def sound() -> Sound:
    """The sample call from where the customer is angry, twice."""
    samples, rate = soundfile.read(CALL, dtype="int16")
    part = samples[11 * rate : 27 * rate]
    return Sound(part[:, 0].copy(), part[:, 1].copy(), rate)


class Speaking(threading.Thread):
    """Calls that go on while the test does other things."""

    def __init__(self, service, *, calls=2, seconds=14.0, protocol="twilio", **more):
        super().__init__(daemon=True)
        load = Load(service.calls, protocol, calls=calls, seconds=seconds, **more)
        self.carrier = Carrier(load, [sound()])
        self.start()

    def run(self):
        self.report = asyncio.run(self.carrier.run())

    def done(self):
        self.join(30)
        return self.report

    def end(self):
        self.carrier.stop()
        return self.done()


RULES = "\n[engine.rules.sustained]\nenter = 0.1\nexit = 0.05\nhold = 1.0\n"


@pytest.fixture
def serve(tmp_path):
    """Makes a service, of which nothing is left behind, whatever happens to the test."""
    made = []

    def make(**more):
        made.append(Service(tmp_path, **more))
        return made[-1].start()

    yield make
    for one in made:
        if one.process.poll() is None:
            one.process.terminate()
            try:
                one.process.wait(15)
            except subprocess.TimeoutExpired:
                one.process.kill()


@pytest.fixture
def service(serve):
    return serve(more=RULES)


def moods(service, call):
    return service.get(f"/v1/calls/{call}")["points"]


def heard(service, count=1, calls=2):
    """The ids of the live calls, once each has so many moods."""

    def look():
        live = [one["id"] for one in service.get("/v1/calls", live="true")["items"]]
        return live if len(live) >= calls and all(len(moods(service, one)) >= count for one in live) else None

    return service.until(look, 20)


def test_a_call_from_its_first_word_to_what_is_kept_of_it(service):
    speaking = Speaking(service)
    calls = heard(service)
    alert = service.until(lambda: service.get("/v1/alerts")["items"])[0]
    assert alert["state"] == "firing"
    assert alert["evidence"]["points"]
    seen = service.asked.post(f"/v1/alerts/{alert['id']}/acknowledge", json={"note": "I listen in."})
    assert seen.status_code == 200, seen.text
    assert service.get(f"/v1/alerts/{alert['id']}")["state"] == "acknowledged"
    report = speaking.end()
    assert (report.failed, report.refused) == (0, {})
    service.until(lambda: not service.get("/v1/calls", live="true")["items"])
    for call in calls:
        kept = service.get(f"/v1/calls/{call}")
        assert kept["ended"]
        assert {turn["role"] for turn in kept["turns"]} <= {"customer", "agent"}
        assert {point["speaker"] for point in kept["points"]} == {"customer"}
    assert "affekt_windows_total" in service.asked.get("/metrics").text
    assert service.stop() == 0
    assert "error" not in service.words().replace("uvicorn.error", ""), service.words()


def test_an_engine_that_is_killed_closes_no_socket_and_another_goes_on(service):
    speaking = Speaking(service, seconds=30.0)
    calls = heard(service)
    before = service.kill("engine")
    counts = {call: len(moods(service, call)) for call in calls}
    killed = time.monotonic()
    service.until(lambda: all(len(moods(service, call)) > counts[call] for call in calls), 15)
    assert time.monotonic() - killed < 8  # somebody must speak for there to be a mood; the benchmark has the number
    assert service.pid("engine") != before
    assert [one["id"] for one in service.get("/v1/calls", live="true")["items"]].sort() == calls.sort()
    report = speaking.end()
    assert report.failed == 0


def test_a_control_that_is_killed_loses_nothing_of_a_call(service):
    speaking = Speaking(service, seconds=30.0)
    calls = heard(service)
    service.kill("control")
    service.until(service.ready, 20)
    report = speaking.end()
    assert report.failed == 0
    service.until(lambda: not service.get("/v1/calls", live="true")["items"], 15)
    for call in calls:
        kept = service.get(f"/v1/calls/{call}")
        times = [point["time"] for point in kept["points"]]
        assert kept["ended"]
        assert len(set(times)) == len(times)
        spoken = max(times)
        gaps = [b - a for a, b in pairwise(times)]
        assert max(gaps) < 8  # the agent has the word meanwhile
        assert spoken > 3


def test_whoever_does_not_want_it_is_heard_no_more(service):
    speaking = Speaking(service, calls=1, seconds=30.0)
    (call,) = heard(service, calls=1)
    assert service.asked.post(f"/v1/calls/{call}/consent", json={"state": "refused"}).status_code == 200
    time.sleep(1.0)
    count = len(moods(service, call))
    time.sleep(3.0)
    assert len(moods(service, call)) == count
    assert service.get(f"/v1/calls/{call}")["consent"] == "refused"
    assert speaking.end().failed == 0


def test_when_all_is_killed_what_was_stored_is_there_and_whole(service, tmp_path):
    speaking = Speaking(service, seconds=30.0)
    heard(service)
    alert = service.until(lambda: service.get("/v1/alerts")["items"])[0]
    assert service.asked.post(f"/v1/alerts/{alert['id']}/acknowledge", json={}).status_code == 200
    service.kill_all()
    speaking.end()
    service.start()
    assert service.get(f"/v1/alerts/{alert['id']}")["state"] in ("acknowledged", "expired")
    assert service.get("/v1/calls")["items"]
    assert service.stop() == 0
    with sqlite3.connect(tmp_path / "data" / "affekt.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_nothing_is_left_when_the_parent_is_killed(serve):
    service = serve()
    pids = [one["pid"] for one in service.get("/v1/system")["processes"].values()]
    service.process.kill()
    service.process.wait()

    def gone():
        return not any(Path(f"/proc/{pid}").is_dir() and "Z" not in _state(pid) for pid in pids)

    service.until(gone, 10)


def _state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_calls_need_a_token_and_people_a_password(serve):
    service = serve(auth=True, env={"AFFEKT_ADMIN_PASSWORD": "correct horse battery"})
    assert service.asked.get("/v1/calls").status_code == 401
    assert Speaking(service, calls=1, seconds=1.0).done().failed == 1
    said = {"name": "admin", "password": "correct horse battery"}
    csrf = service.asked.post("/v1/session", json=said, headers={"Origin": service.url}).json()["csrf"]
    wanted = {"name": "twilio", "protocol": "twilio"}
    made = service.asked.post("/v1/tokens", json=wanted, headers={"X-CSRF-Token": csrf})
    assert made.status_code == 201, service.words()
    time.sleep(0.2)  # the gateway learns of it by the bus
    report = Speaking(service, calls=1, seconds=2.0, token=made.json()["token"]).done()
    assert report.failed == 0, (report, service.words())
    assert "correct horse" not in service.words()
    assert service.stop() == 0


def test_a_port_that_is_taken_is_said_and_nothing_is_left(serve):
    service = serve()
    command = [sys.executable, "-m", "affekt", "serve", "--config", str(service.config), "--no-auth"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{service.ingest}" in done.stderr or f"127.0.0.1:{service.http}" in done.stderr
    assert service.ready()
    assert service.stop() == 0
