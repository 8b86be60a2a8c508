"""Calls on real sockets: paced, counted, with faults on request; and the report tells the truth."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import socket
import time
from dataclasses import replace

import numpy as np
import picows
import pytest
from click.testing import CliRunner, Result
from sinks import Sink

from affekt import registry
from affekt.cli import main
from affekt.errors import UsageError
from affekt.service.gateway.events import Audio, Ended, Paused, Started, Violation
from affekt.service.load import carrier
from affekt.service.load.carrier import FOLDER, Carrier, Load, Report, here
from affekt.service.load.faults import Faults
from affekt.service.load.pace import Lateness, Pace
from affekt.service.load.sent import Sent
from affekt.service.load.sound import PIECE, Sound

NAMES = registry.names(FOLDER)
ESPEAK = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: no voices")


def sounds(count: int = 2, pieces: int = 40) -> list[Sound]:
    rng = np.random.default_rng(3)
    made = rng.integers(-20000, 20000, (count, 2, pieces * 160)).astype(np.int16)
    return [Sound(one[0], one[1], 8000) for one in made]


def spoken(sink: Sink, protocol: str, **how: object) -> Report:
    load = Load(sink.url, protocol, **{"token": "t", "secret": "c2VjcmV0", **how})
    return asyncio.run(Carrier(load, sounds()).run())


def settled(sink: Sink) -> None:
    """Wait until the server has seen the end of all connections."""
    for _ in range(200):
        if all(one.closed for one in sink.heard):
            return
        time.sleep(0.01)


@pytest.mark.parametrize("protocol", NAMES)
def test_calls_reach_the_server_whole(protocol):
    with Sink(protocol) as sink:
        report = spoken(sink, protocol, calls=3, seconds=0.4)
        settled(sink)
    legs = len(registry.load(FOLDER, protocol).legs(Carrier(report.load, sounds()).call(0)))
    assert (report.up, report.finished, report.failed, report.choked) == (3, 3, 0, 0)
    assert len(sink.heard) == 3 * legs
    for one in sink.heard:
        assert not [event for event in one.events if isinstance(event, Violation)]
        (started,) = [event for event in one.events if isinstance(event, Started)]
        assert started.external in report.sent.begun
        for track in started.tracks:
            heard = [event for event in one.events if isinstance(event, Audio) and event.track == track]
            assert sum(len(event.samples) for event in heard) == 20 * 160
        assert one.closed == "goodbye"


def test_a_piece_comes_when_the_report_says_that_it_was_sent():
    came: dict[str, list[tuple[int, float]]] = {}

    def after(heard, transport):
        if heard.events and isinstance(heard.events[-1], Audio) and heard.events[-1].track == "inbound":
            came.setdefault(heard.events[0].external, []).append((heard.events[-1].start, time.time()))

    with Sink("twilio", after=after) as sink:
        report = spoken(sink, "twilio", calls=4, seconds=0.6, ramp=0.1)
    late = [at - report.sent.at(call, "customer", start) for call, pieces in came.items() for start, at in pieces]
    assert len(late) == 4 * 30
    assert min(late) > -0.003
    assert np.median(late) < 0.05
    gaps = [b - a for call in report.sent.begun for a, b in zip(*[
        [report.sent.at(call, "agent", piece * 160) for piece in places] for places in (range(29), range(1, 30))
    ], strict=True)]  # fmt: skip
    assert np.allclose(gaps, PIECE, atol=1e-6)


def test_what_was_sent_survives_json():
    sent = Sent(8000)
    sent.begin("a", "agent", 12.5)
    assert Sent.read(json.loads(json.dumps(sent.to_dict()))) == sent
    with pytest.raises(UsageError, match="nothing was sent of the customer of call 'a'"):
        sent.at("a", "customer", 0)


def test_calls_that_are_not_let_in_are_counted_by_reason():
    with Sink("twilio", refuse=lambda request: True) as sink:
        report = spoken(sink, "twilio", calls=3, seconds=0.2)
    assert (report.up, report.finished, report.failed) == (0, 0, 3)
    assert report.refused == {"HTTP 404": 3}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"ws://127.0.0.1:{free.getsockname()[1]}"
    alone = asyncio.run(Carrier(Load(nobody, "twilio", calls=2, seconds=0.2), sounds()).run())
    assert alone.refused == {"Connection refused": 2}


def test_calls_that_the_service_ends_are_counted_by_reason():
    def after(heard, transport):
        if len(heard.events) > 5 and not heard.closed:
            heard.closed = "refused"
            transport.send_close(1008, b"no such token")
            transport.disconnect()

    with Sink("twilio", after=after) as sink:
        report = spoken(sink, "twilio", calls=2, seconds=1.0)
    assert report.dropped == {"closed with 1008 no such token": 2}
    assert (report.up, report.finished, report.failed) == (2, 0, 2)


def test_a_call_that_vanishes_says_no_goodbye():
    with Sink("twilio") as sink:
        report = spoken(sink, "twilio", calls=4, seconds=0.5, faults=Faults(vanish=1))
        settled(sink)
    assert (report.finished, report.failed) == (4, 0)
    assert report.faults == {"vanish": 4}
    for one in sink.heard:
        assert one.closed == "cut"
        assert not [event for event in one.events if isinstance(event, Ended)]


def test_a_call_that_freezes_stays_connected_and_is_silent():
    begun = time.monotonic()
    with Sink("vonage") as sink:
        report = spoken(sink, "vonage", calls=2, seconds=0.6, faults=Faults(freeze=1))
        lasted = time.monotonic() - begun
    assert report.faults == {"freeze": 2}
    assert (report.finished, report.failed) == (2, 0)
    assert lasted >= 0.6
    assert report.messages < 2 * 2 * 30


def test_faults_are_done_and_counted():
    with Sink("telnyx") as sink:
        faults = Faults(loss=0.2, duplicate=0.2, late=0.1, reorder=0.1)
        report = spoken(sink, "telnyx", calls=4, seconds=1.0, faults=faults)
    asked = 4 * 100
    assert report.messages == asked - report.faults["loss"] + report.faults["duplicate"]
    assert min(report.faults[name] for name in ("loss", "duplicate", "late", "reorder")) > 0
    assert len([1 for one in sink.heard for event in one.events if isinstance(event, Audio)]) == report.messages


def test_what_the_service_does_not_read_is_left_out_and_counted():
    """So that the memory of a load does not grow; a platform drops sound, too."""
    naps = iter([0.8])
    wide = np.zeros(480_000, np.int16)
    with Sink("affekt", after=lambda heard, transport: time.sleep(next(naps, 0))) as sink:
        load = Load(sink.url, "affekt", seconds=0.8)
        report = asyncio.run(Carrier(load, [Sound(wide, wide, 4_800_000)]).run())  # 20 MB/s: no buffer is so long
    assert report.choked > 0
    assert report.messages + report.choked == 80


def test_a_paused_call_waits_and_ends_in_its_time():
    """AudioHook: the service may pause a call; what was said until then lies where the report has it."""
    asked = iter(["pause"])

    def after(heard, transport):
        if sum(isinstance(event, Audio) for event in heard.events) == 40 and next(asked, None):
            heard.codec.say("pause")
            for reply in heard.codec.replies():
                transport.send(picows.WSMsgType.TEXT, reply.encode())

    begun = time.monotonic()
    with Sink("audiohook", after=after) as sink:
        report = spoken(sink, "audiohook", calls=1, seconds=0.8)
        settled(sink)
    assert (report.finished, report.failed) == (1, 0)
    assert 0.8 <= time.monotonic() - begun < 3
    (one,) = sink.heard
    assert any(isinstance(event, Paused) for event in one.events)
    assert isinstance(one.events[-1], Ended)
    assert report.messages < 30


def test_a_call_whose_hello_is_not_answered_is_dropped(monkeypatch):
    monkeypatch.setattr(carrier, "_HELLO", 0.3)
    with Sink("affekt", paths=("/v1/ingest/audiohook",)) as sink:
        report = spoken(sink, "audiohook", calls=2, seconds=5)
    assert report.dropped == {"no answer to its hello within 0.3 s": 2}


def test_stop_ends_all_calls_with_a_goodbye():
    async def run(carrier: Carrier) -> Report:
        asyncio.get_running_loop().call_later(0.4, carrier.stop)
        return await carrier.run()

    begun = time.monotonic()
    with Sink("twilio") as sink:
        load = Load(sink.url, "twilio", calls=4, seconds=600, ramp=600)
        carriers = [Carrier(load, sounds()), Carrier(replace(load, ramp=0.1), sounds())]
        one, all_four = (asyncio.run(run(carrier)) for carrier in carriers)
        settled(sink)
    assert time.monotonic() - begun < 60
    assert [(report.up, report.finished, report.failed) for report in (one, all_four)] == [(1, 1, 0), (4, 4, 0)]
    assert all(isinstance(heard.events[-1], Ended) for heard in sink.heard)


def test_nothing_stays_behind_after_many_short_calls():
    def alive() -> int:
        gc.collect()
        return sum(type(one).__name__ in ("Line", "WSTransport", "_WebSocket") for one in gc.get_objects())

    with Sink("twilio") as sink:
        spoken(sink, "twilio", calls=2, seconds=0.1)
        before = alive()
        spoken(sink, "twilio", calls=60, seconds=0.1, ramp=0.3, faults=Faults(vanish=0.5))
        settled(sink)
    assert alive() <= before


def test_the_beat_is_spread_and_kept():
    async def beat() -> list[list[float]]:
        pace, seen = Pace(), [[] for _ in range(20)]
        for steps in seen:
            pace.join(lambda at, steps=steps: steps.append(at) or len(steps) < 5)
        pace.start()
        await asyncio.sleep(0.2)
        pace.stop()
        return seen

    seen = asyncio.run(beat())
    assert all(len(steps) == 5 for steps in seen)
    assert all(np.allclose(np.diff(steps), PIECE, atol=1e-6) for steps in seen)
    assert len({round((steps[0] - seen[0][0]) * 1000) for steps in seen}) == 10


def test_lateness_is_that_of_all_beats():
    late = Lateness()
    values = np.random.default_rng(0).exponential(0.01, 5000)
    for value in values:
        late.add(float(value))
    for share in (0.5, 0.95, 0.99):
        assert abs(late.quantile(share) - np.quantile(values, share, method="inverted_cdf")) <= 1.0001e-4
    late.add(7.0)
    assert late.worst == 7.0
    assert late.quantile(1.0) == 2.0


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"to": "http://127.0.0.1:1"}, r"twilio is spoken to ws://HOST:PORT or wss://HOST:PORT, got 'http://127"),
        ({"to": "ws://127.0.0.1"}, "twilio is spoken to ws://HOST:PORT"),
        ({"to": "ws://127.0.0.1:1/v1/ingest"}, "twilio is spoken to ws://HOST:PORT"),
        ({"protocol": "audiosocket"}, r"audiosocket is spoken to tcp://HOST:PORT, got 'ws://127"),
        ({"protocol": "twillio"}, "did you mean 'twilio'"),
        ({"protocol": "vonage", "faults": Faults(loss=0.1)}, "vonage counts sound as it comes"),
        ({"calls": 0}, "at least 1 call"),
    ],
)
def test_a_load_that_cannot_be_is_refused(how, said):
    with pytest.raises(UsageError, match=said):
        Load(**{"to": "ws://127.0.0.1:1", "protocol": "twilio", **how})


@pytest.mark.parametrize(
    "to", ["ws://10.0.0.1:1", "ws://example.com:1", "ws://127.0.0.1.example.com:1", "ws://0.0.0.0:1"]
)
def test_elsewhere_is_not_here(to):
    assert not here(to)


# affekt simulate --to -----------------------------------------------------------------------------------------------


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


@ESPEAK
def test_the_command_speaks_and_tells_how_it_went(tmp_path):
    with Sink("twilio") as sink:
        result = run(tmp_path / "made", "--calls", 6, "--seconds", 30, "--minutes", 0.01, "--to", sink.url,
                     "--token", "let me in", "--ramp", 0.2, "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["calls"], told["up"], told["finished"], told["refused"], told["dropped"]) == (6, 6, 6, {}, {})
    assert "let me in" not in result.stdout
    assert set(told["sent"]["begun"]) == {one.events[0].external for one in sink.heard}
    assert len(told["sounds"]) == 4
    assert len(list((tmp_path / "made").glob("*.wav"))) == 4
    assert all(one.events[0].parameters["token"] == "let me in" for one in sink.heard)


@ESPEAK
def test_the_command_fails_where_calls_are_refused():
    with Sink("twilio", refuse=lambda request: True) as sink:
        result = run("--seconds", 30, "--minutes", 0.01, "--to", sink.url, "--calls", 2)
    assert result.exit_code == 1
    assert "refused: HTTP 404" in result.stdout
    assert "2 calls of 2 refused or dropped" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "where to? A FOLDER gets the calls, or --to URL hears them"),
        (("calls", "--token", "t"), "--token tells how calls are spoken: name the service with --to"),
        (("--to", "ws://10.0.0.1:8001"), "is not of this machine"),
        (("--to", "ws://127.0.0.1:1", "--protocol", "sip"), "Known: affekt, asterisk, audiohook"),
        (("--to", "ws://127.0.0.1:1", "--faults", "rain=1"), "there is no fault rain"),
        (("--to", "127.0.0.1:1"), "twilio is spoken to ws://HOST:PORT"),
    ],
)
def test_a_wrong_command_is_answered_with_what_is_right(arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2, result.stderr
    assert said in result.stderr
    assert result.stdout == ""


def test_the_help_names_every_protocol():
    words = run("--help").stdout.split()
    assert {name for name in NAMES if not {name, f"{name},", f"{name}."} & set(words)} == set()
