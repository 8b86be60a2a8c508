"""The arithmetic of the service's rows, on made data: a wrong number there would be believed."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest

import clips
from affekt.service.load.sent import Sent
from affekt.service.load.sound import Sound

PARTS = (
    "service",
    *(
        f"service_{name}"
        for name in ("row", "run", "tap", "load", "faults", "viewers", "disk", "others", "carrier", "gateway")
    ),
)


@pytest.fixture(scope="module")
def parts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clips.ROOT))
        yield SimpleNamespace(**{name: importlib.import_module(f"benchmarks.{name}") for name in PARTS})


def said(kind: str, n: int, *, call: str = "c", at: float = 0.0, **facts: object) -> dict[str, object]:
    return {"type": kind, "call": call, "stream": f"{call}/s", "sender": "engine", "n": n, "at": at, **facts}


def judged(n: int, end: float, at: float, *, final: bool = False, call: str = "c") -> dict[str, object]:
    return said("window.judged", n, call=call, at=at, end=end, final=final)


def call_began(call: str = "c") -> dict[str, object]:
    return said("call.started", 1, call=call, external=f"CA{call}", agent="agent 3")


def sent() -> Sent:
    made = Sent(8000)
    made.begin("CAc", "customer", 1000.0)
    return made


def report(**facts: object) -> dict[str, object]:
    late = {"p50": 0.0, "p99": 0.001, "worst": 0.002}
    base = {"calls": 2, "finished": 2, "refused": {}, "dropped": {}, "processor": 1.0, "wall": 10.0, "late": late}
    return base | facts


# Delays -------------------------------------------------------------------------------------------------------------


def test_a_delay_is_counted_from_the_piece_that_brought_the_last_sample(parts):
    """A window that ends at 3 s ends with piece 149, which is sent at 2.98 s."""
    (one,) = parts.service_row.delays([call_began(), judged(2, 3.0, 1003.1)], sent())
    assert one.seconds == pytest.approx(0.12)


def test_the_last_window_of_a_turn_and_repeats_do_not_count(parts):
    found = [call_began(), judged(2, 3.0, 1003.1), judged(2, 3.0, 1003.1), judged(3, 4.0, 1004.9, final=True)]
    assert len(parts.service_row.delays(found, sent())) == 1
    assert parts.service_row.delays([judged(2, 3.0, 1003.1)], sent()) == []
    assert parts.service_row.delays([call_began(), judged(2, 2.0, 1002.9)], sent()) == []  # learns the level


def test_what_is_no_message_of_a_call_is_left_out(parts):
    assert parts.service_row.once([{"type": "meters", "counts": {}}, judged(2, 1.0, 1.0)]) == [judged(2, 1.0, 1.0)]


def test_quantiles_are_those_of_numpy_in_milliseconds(parts):
    values = np.random.default_rng(0).exponential(0.1, 1000)
    found = parts.service_row.quantiles(list(values))
    assert found["p95"] == pytest.approx(1e3 * np.percentile(values, 95), abs=0.06)
    assert (found["count"], found["worst"]) == (1000, pytest.approx(1e3 * values.max(), abs=0.06))
    assert parts.service_row.quantiles([])["p95"] is None


def test_the_beginning_does_not_count(parts):
    delays = [parts.service_row.Delay("c", 10.0 + i, 0.1 * i) for i in range(8)]
    assert parts.service_load.steady(delays) == pytest.approx([0.5, 0.6, 0.7])


def test_skipped_windows_are_summed_by_reason_and_each_message_once(parts):
    found = [said("windows.skipped", n, count=n, reason=why) for n, why in ((1, "late"), (2, "load"), (3, "late"))]
    assert parts.service_row.skipped([*found, found[0]]) == {"late": 4, "load": 2}


# Capacity, overload -------------------------------------------------------------------------------------------------


def held(parts, **facts: object) -> str:
    delay = {"count": 5, "p50": 50.0, "p95": 80.0, "p99": 90.0, "worst": 120.0}
    return parts.service_load.why({"calls": 2, "skipped": {}, "delay": delay, "spoken": report()} | facts)


def test_calls_are_held_when_nothing_is_missed(parts):
    late = {"count": 5, "p50": 50.0, "p95": 80.0, "p99": 90.0, "worst": 501.0}
    assert held(parts) == ""
    assert held(parts, skipped={"late": 1}) == "1 windows skipped"
    assert held(parts, delay=late) == "a window 501 ms late"
    assert held(parts, spoken=report(finished=1)) == "1 calls refused or dropped"
    assert held(parts, delay=parts.service_row.quantiles([])) == "no window was judged"


def test_a_delay_that_skipping_has_bought_is_not_met(parts):
    delay = {"count": 5, "p50": 50.0, "p95": 80.0, "p99": 90.0, "worst": 120.0}
    rows = [{"delay": delay, "skipped": skipped, "spoken": report()} for skipped in ({}, {"load": 1})]
    assert [parts.service_load.tell_latency(row)[0] for row in rows] == [True, False]


def test_recovery_is_the_last_late_window_after_the_end(parts):
    delay = parts.service_row.Delay
    found = [delay("c", 9.0, 9.0), delay("c", 10.5, 0.9), delay("c", 11.5, 0.31), delay("c", 12.0, 0.1)]
    assert parts.service_load.recovered(found, 10.0) == pytest.approx(1.5)
    assert parts.service_load.recovered(found, 11.9) == 0.0


def test_windows_of_a_call_are_counted_for_its_number(parts):
    found = [call_began(), judged(2, 3.0, 1.0), judged(2, 3.0, 1.0), judged(3, 4.0, 2.0, final=True)]
    found += [said("windows.skipped", 4, count=3, reason="late"), judged(2, 3.0, 1.0, call="other"), {"type": "meters"}]
    assert parts.service_load.by_agent(found, {"CAc"}) == {3: 5}
    assert parts.service_load.by_agent(found, {"CAd"}) == {}


def test_a_call_heard_again_has_the_windows_of_its_sound(parts):
    """The same count whatever part of the sound comes first: it is told over and over."""
    from affekt import audio

    speech = audio.read(clips.ROOT / "examples/call.wav").samples
    samples = (np.asarray(speech)[::2][: 8000 * 8] * 32767).astype(np.int16)
    sound = Sound(samples, np.zeros_like(samples), 8000)
    call = SimpleNamespace(sound=sound, shift=0)
    one, two = (parts.service_load.windows(call, seconds) for seconds in (8.0, 16.0))
    assert 0 < one < two


# Faults -------------------------------------------------------------------------------------------------------------


def test_results_resume_with_the_first_window_after_the_kill(parts):
    found = [judged(2, 3.0, 99.0), judged(3, 4.0, 101.5), judged(4, 5.0, 103.0), {"type": "meters"}]
    assert parts.service_faults.resumed(found, 100.0) == pytest.approx(1.5)
    assert parts.service_faults.resumed(found, 104.0) is None


def test_an_alert_that_is_gone_or_has_forgotten_its_answer_is_lost(parts):
    known = {"a": "firing", "b": "acknowledged", "c": "resolved", "d": "acknowledged"}
    now = {"a": "resolved", "b": "firing", "d": "resolved"}
    assert parts.service_faults.missing(known, now) == ["c is gone", "b was acknowledged and is firing"]


def test_a_broken_database_is_found(parts, tmp_path):
    import sqlite3

    path = tmp_path / "a.db"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        base.execute("CREATE TABLE child (of INTEGER REFERENCES parent (id))")
    assert parts.service_faults.consistent(path) == []
    with sqlite3.connect(path) as base:
        base.execute("INSERT INTO child VALUES (7)")
    assert parts.service_faults.consistent(path) != []


def test_a_cycle_row_is_met_only_if_nothing_stays(parts):
    before = {"memory": {"gateway": 50.0}, "descriptors": {"gateway": 16}, "live": 0}

    def met(**facts: object) -> bool:
        kept = {"cycles": parts.service_faults.CYCLES, "before": before, "after": before | facts, "spoken": report()}
        return parts.service_faults.tell_vanishing(kept)[0]

    assert met()
    assert not met(memory={"gateway": 61.0})
    assert not met(descriptors={"gateway": 17})
    assert not met(live=1)


# Viewers ------------------------------------------------------------------------------------------------------------


def test_an_update_is_seen_when_its_point_comes_first(parts):
    told = parts.service_viewers.moods(
        [said("mood", 2, at=100.0, time=3.5, mood_at=3.2), said("mood", 3, at=101.0, time=4.3, mood_at=4.2)]
    )
    assert told == {("c", 3.2): 100.0, ("c", 4.2): 101.0}
    line = json.dumps({"calls": [{"id": "c", "points": [[3.2, "anger"]]}, {"id": "d"}]}).encode()
    both = json.dumps({"calls": [{"id": "c", "points": [[3.2, "anger"], [4.2, "anger"], [9.9, "x"]]}]}).encode()
    found = parts.service_viewers.updates(told, [(100.1, line), (101.3, both)])
    assert [(at, round(seconds, 3)) for at, seconds in found] == [(100.0, 0.1), (101.0, 0.3)]


# Disk ---------------------------------------------------------------------------------------------------------------


def loud() -> Sound:
    both = np.random.default_rng(0).integers(-9000, 9000, (2, 800)).astype(np.int16)
    return Sound(both[0], both[1], 8000)


def test_every_form_of_a_loud_piece_is_looked_for(parts):
    sound = loud()
    needles = parts.service_disk.needles([sound])
    assert len(needles) == 2 * 5 * 5  # sides, pieces, forms
    quiet = np.zeros(800, np.int16)
    assert parts.service_disk.needles([Sound(quiet, quiet, 8000)]) == set()
    for form in ("ulaw", "l16", "ulaw64"):
        assert sound.pieces(form, "agent")[2] in needles


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: writes cannot be watched")
def test_sound_that_a_program_writes_is_found_even_if_the_file_is_gone(parts, tmp_path):
    piece = loud().pieces("ulaw", "customer")[1]
    code = (
        "import os, sys; os.chdir(sys.argv[1]); data = bytes.fromhex(sys.argv[2]);"
        "file = os.open('a', os.O_CREAT | os.O_WRONLY); os.write(file, b'head' + data[:70]);"
        "os.writev(file, [data[70:]]);"
        "os.unlink('a'); os.write(2, data)"
    )
    trace = tmp_path / "trace"
    trace.mkdir()
    command = ["strace", "-ff", "-y", "-xx", "-s", "1000000", "-e", f"trace={parts.service_disk.TRACED}", "-o"]
    tried = subprocess.run(
        [*command, str(trace / "t"), sys.executable, "-c", code, str(tmp_path), piece.hex()],
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"strace cannot watch here: {tried.stderr[-200:]!r}")
    written = parts.service_disk.by_file(line for path in trace.iterdir() for line in path.open())
    (data,) = written.values()
    assert data == b"head" + piece
    assert any(one in data for one in parts.service_disk.needles([loud()]))


# The run ------------------------------------------------------------------------------------------------------------


def test_settings_are_written_as_toml(parts):
    one = {"a": 1, "b": 'x "y"', "c": {"d": [1, 2], "e": {"f": True}}}
    tree = parts.service_run.merged(one, {"c": {"d": [3]}, "g": 0.5})
    assert tomllib.loads(parts.service_run.toml(tree)) == one | {"c": {"d": [3], "e": {"f": True}}, "g": 0.5}


def test_a_process_is_known_by_its_numbers(parts):
    run, own = parts.service_run, os.getpid()
    before = run.descriptors(own)
    with open(os.devnull) as _:  # noqa: PTH123 - any file
        assert run.descriptors(own) == before + 1
    assert 1 < run.memory(own) < 100_000
    assert run.processor(own) == pytest.approx(time.process_time(), abs=0.5)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        assert child.pid in run.children(own)
        assert run.alive(child.pid)
    finally:
        child.kill()
        time.sleep(0.05)
        assert not run.alive(child.pid)  # dead, though nobody has waited for it
        child.wait()


def test_a_tap_passes_all_on_and_keeps_what_was_told(parts, tmp_path):
    path = tmp_path / "bus"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    assert parts.service_run.bus(os.getpid()) == path
    tap = parts.service_tap.Tap(path)
    got: list[bytes] = []

    def control() -> None:
        end, _ = server.accept()
        with end, end.makefile("rb") as lines:
            for line in lines:
                got.append(line)
                if b'"batch": 1,' in line:
                    end.sendall(b'{"ack": 1}\n')

    threading.Thread(target=control, daemon=True).start()
    lines = [json.dumps({"hello": "engine", "pid": 1})]
    lines += [json.dumps({"batch": n, "messages": [said("mood", n)]}) for n in (1, 2)]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(("\n".join(lines) + "\n").encode())
        assert client.recv(100) == b'{"ack": 1}\n'
        until = time.monotonic() + 5
        while (len(tap.messages) < 2 or len(got) < 3) and time.monotonic() < until:
            time.sleep(0.01)
    assert b"".join(got).decode().splitlines() == lines
    assert [one["n"] for one in tap.messages] == [1, 2]
    tap.close()
    assert path.exists()
    server.close()


def test_what_schemathesis_reports_is_read(parts, tmp_path):
    path = tmp_path / "junit.xml"
    path.write_text(
        '<testsuites><testsuite name="s"><testcase name="GET /a"/><testcase name="GET /b"><failure message="500"/>'
        "</testcase></testsuite></testsuites>"
    )
    assert parts.service_others.cases(path) == {"tests": 2, "failed": ["GET /b: 500"]}


# The page -----------------------------------------------------------------------------------------------------------


def test_every_row_has_its_line_also_where_nothing_was_measured(parts):
    service = parts.service
    found = {"cycles": 10, "before": {"memory": {}, "descriptors": {}, "live": 0}, "spoken": report()}
    kept = {"vanish": {**service.stamp("vanish", 1.0), "after": found["before"], **found}}
    text = service.written(kept)
    assert text.count("| not measured |") == len(service.ROWS) - 1
    assert "10 cycles: +0.0 MB, descriptors +0, 0 calls left over | **missed** |" in text
    assert "`python -m benchmarks.service --only vanish --minutes 1`" in text
