"""docs/ingest.md says what the codecs do: its paths, names, numbers and examples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from gateway_heard import Audio, Violation, calls, codec, hear

from affekt.service.gateway.codec import LIMITS
from affekt.service.gateway.events import Started

PAGE = (Path(__file__).parents[3] / "docs" / "ingest.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("name", codec.names())
def test_every_protocol_is_told_with_its_path(name):
    kind = codec.load(name).Codec
    assert kind.PATH in PAGE if kind.TRANSPORT == "websocket" else kind.NAME in PAGE.lower()


def test_the_limits_are_those_of_the_code():
    kib, hours = LIMITS.json // 1024, LIMITS.length / 3600
    for told in (
        f"{kib} KiB of JSON",
        f"{LIMITS.seconds:g} s of sound",
        f"{LIMITS.parameters} parameters",
        f"above {LIMITS.text} characters",
        f"more than {LIMITS.tracks} tracks",
        f"a stream of {hours:g} h",
        f"run {LIMITS.ahead:g} s ahead",
        f"up to {LIMITS.gap:g} s",
    ):
        assert told in PAGE, told


def test_the_parameters_are_those_that_started_has():
    given = {"caller": "1", "callee": "2", "agent": "a", "queue": "q", "direction": "in", "notice": "true"}
    start = json.loads(calls.twilio().messages[1])
    start["start"]["customParameters"] = {**given, "consent": "unknown"}
    started = hear(calls.twilio(), (json.dumps(start),))[0]
    for name in (*given, "consent", "token"):
        assert f"`{name}`" in PAGE
        assert name == "token" or getattr(started, name) is not None


def test_the_hello_of_the_page_is_taken():
    (hello,) = blocks("json")
    started = hear(calls.affekt(), (hello,))[0]
    assert isinstance(started, Started)
    assert (started.external, started.tracks, started.rate) == ("call-7", ("customer", "agent"), 16000)
    assert (started.agent, started.queue, started.notice, started.consent) == ("Kim", "billing", True, "given")


def test_the_messages_of_the_page_are_taken():
    (hello,) = blocks("json")
    table = PAGE[PAGE.index("| from you |") : PAGE.index("In Python, with")]
    said = [row.split("|")[1].strip(" `") for row in table.splitlines()[2:] if row.startswith("|")]
    told = hear(calls.affekt(), (hello, *said))
    assert [type(event).__name__ for event in told[1:]] == ["Paused", "Resumed", "Consent", "Key", "Ended"]
    heard = codec.load("affekt").Codec(calls.affekt().request)
    heard.feed(hello)
    for row in table.splitlines()[2:6]:
        heard.say(json.loads(row.split("|")[3].strip(" `"))["type"])
    assert [json.loads(reply)["type"] for reply in heard.replies()] == ["pause", "resume", "refuse", "end"]


def test_the_python_of_the_page_speaks_the_protocol():
    (code,) = blocks("python")
    names: dict = {}
    exec(code, names)
    samples = np.arange(320, dtype=np.int16)
    told = hear(calls.affekt(), (names["hello"], names["message"](0, 640, samples)))
    assert isinstance(told[1], Audio)
    assert (told[1].start, told[1].samples.tolist()) == (640, samples.tolist())
    assert not [event for event in told if isinstance(event, Violation)]


def test_the_metadata_of_freeswitch_is_taken():
    for line in re.findall(r"start wss://\S+ stereo 16k (\{.*\})", PAGE):
        started = hear(calls.Call("freeswitch", calls.freeswitch().request, (line,)))[0]
        assert (started.external, started.tracks, started.rate) == ("UUID", ("caller", "callee"), 16000)


def test_the_headers_of_vonage_are_taken():
    headers = json.loads(re.search(r'"headers": (\{.*\})', PAGE)[1])
    first = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000", **headers}
    started = hear(calls.vonage(), (json.dumps(first),))[0]
    assert (started.external, started.tracks, started.agent) == ("CALL", ("customer",), "Kim")
