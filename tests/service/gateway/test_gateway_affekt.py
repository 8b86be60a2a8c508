"""Our own protocol, as docs/ingest.md tells it; and the limits that all protocols share."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from gateway_heard import Audio, Request, begun, calls, codec, hear, sound, violation
from hypothesis import given
from hypothesis import strategies as st

from affekt.service.gateway.codec import LIMITS, same
from affekt.service.gateway.events import Consent, Ended, Key, Paused, Resumed, Started
from affekt.service.gateway.protocols._wire import BreachError, Places


def hello(**changed):
    said = {"type": "hello", "call": "c", "rate": 8000, "encoding": "mulaw", "tracks": ["customer"]}
    return json.dumps({name: value for name, value in {**said, **changed}.items() if value is not None})


def test_a_call_of_our_own():
    told = hear(calls.affekt())
    started = told[0]
    assert isinstance(started, Started)
    assert (started.external, started.tracks, started.rate) == ("call-7", ("customer", "agent"), 16000)
    assert (started.agent, started.notice, started.consent) == ("Kim", True, "given")
    assert started.parameters["token"] == "secret"
    for side, track in enumerate(started.tracks):
        whole = b"".join(calls.linear(number, 16000, side) for number in range(calls.PIECES))
        assert np.array_equal(sound(told, track), np.frombuffer(whole, "<i2"))
    assert told[-4:] == [Paused(), Resumed(), Consent("refused"), Ended("bye")]


@pytest.mark.parametrize("encoding", ["pcm16", "mulaw", "alaw", None])
def test_each_encoding_has_its_samples(encoding):
    told = hear(calls.affekt(), (hello(encoding=encoding), calls.own(0, 80, bytes(160))))
    assert (told[1].start, len(told[1].samples)) == (80, 160 if encoding in ("mulaw", "alaw") else 80)


def test_opus_counts_in_48_khz():
    pytest.importorskip("av", reason="av is not installed: make test installs it")
    assert hear(calls.affekt(), (hello(encoding="opus", rate=48000),))[0].rate == 48000
    assert violation(hear(calls.affekt(), (hello(encoding="opus", rate=16000),))) == 1008


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"rate": 4000}, 1008),
        ({"rate": None}, 1007),
        ({"rate": 2.5}, 1007),
        ({"tracks": []}, 1007),
        ({"tracks": None}, 1007),
        ({"tracks": ["a", "a"]}, 1007),
        ({"tracks": ["a", ""]}, 1007),
        ({"tracks": list("abcdefghi")}, 1007),
        ({"encoding": "mp3"}, 1008),
        ({"call": "x" * 1025}, 1007),
        ({"call": {}}, 1007),
        ({"consent": "maybe"}, 1008),
        ({"notice": "perhaps"}, 1008),
        ({"parameters": {str(n): n for n in range(33)}}, 1008),
        ({"type": "hallo"}, 1003),
        ({"type": None}, 1003),
    ],
)
def test_a_hello_that_cannot_be(changed, code):
    assert violation(hear(calls.affekt(), (hello(**changed),))) == code


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", 1007),
        (bytes(7), 1007),
        (calls.own(1, 0, bytes(2)), 1008),
        (b"\x00\x01" + bytes(8), 1007),
        (b"\x00\x00\x01" + bytes(8), 1007),
        (calls.own(0, 0, bytes(8001)), 1009),
        (calls.own(0, 2**32 - 1, bytes(160)), 1008),
        ('{"type": "consent", "state": true}', 1008),
        ('{"type": "pause"', 1007),
    ],
)
def test_a_frame_that_cannot_be(frame, code):
    assert violation(hear(calls.affekt(), (hello(), frame))) == code


def test_a_frame_without_sound_says_nothing():
    assert hear(calls.affekt(), (hello(), calls.own(0, 0, b"")))[1:] == []


def test_a_key_and_the_reason_of_an_end():
    told = hear(calls.affekt(), (hello(), '{"type":"key","track":"customer"}', '{"type":"bye","reason":"transfer"}'))
    assert told[1:] == [Key("customer"), Ended("transfer")]


@pytest.mark.parametrize("command", ["pause", "resume", "refuse", "end"])
def test_the_server_says_what_it_wants(command):
    heard = begun(calls.affekt())
    heard.say(command)
    assert [json.loads(reply) for reply in heard.replies()] == [{"type": command}]


def test_after_a_pause_of_an_hour_the_sound_goes_on_where_it_says():
    """Whoever has asked for it."""
    frame = calls.own(0, 3600 * 8000, bytes(160))
    told = hear(calls.affekt(), (hello(), calls.own(0, 0, bytes(160)), '{"type":"pause"}', '{"type":"resume"}', frame))
    assert told[-1].start == 3600 * 8000
    heard = codec.load("affekt").Codec(Request("/"))
    heard.feed(hello())
    heard.say("resume")
    assert heard.feed(frame)[0].start == 3600 * 8000


def test_resumed_without_a_pause_is_no_leave_to_jump():
    frame = calls.own(0, 3600 * 8000, bytes(160))
    told = hear(calls.affekt(), (hello(), calls.own(0, 0, bytes(160)), '{"type":"resume"}', frame))
    assert violation(told) == 1008


def test_the_token_is_that_of_the_request_or_comes_with_the_hello():
    authorize = codec.load("affekt").authorize
    assert authorize(Request("/", {}, {"authorization": "Bearer a"}), {"token": "a"}, 0.0) is None
    assert authorize(Request("/", {}, {"authorization": "bearer a"}), {"token": "a"}, 0.0) is None
    assert authorize(Request("/"), {"token": "a"}, 0.0) is None
    assert authorize(Request("/", {}, {"authorization": "Bearer b"}), {"token": "a"}, 0.0) == "a wrong token"


@pytest.mark.parametrize(
    ("basic", "why"), [("x:a", None), ("x:b", "a wrong token"), ("a", None), ("\xff:a", None), ("x:", None)]
)
def test_a_token_may_be_a_password_and_what_cannot_be_read_is_none(basic, why):
    """Without a token, it may still come with the hello."""
    header = "Basic " + base64.b64encode(basic.encode("latin-1")).decode()
    assert codec.load("affekt").authorize(Request("/", {}, {"authorization": header}), {"token": "a"}, 0.0) == why
    assert codec.load("affekt").authorize(Request("/", {}, {"authorization": "Basic *"}), {"token": "a"}, 0.0) is None


def test_nothing_equals_no_secret():
    assert not same("", "")
    assert not same(None, "")
    assert same("ü", "ü")


# Places -------------------------------------------------------------------------------------------------------------


def test_a_far_place_is_believed_when_a_second_piece_confirms_it():
    """RFC 3550, appendix A.1: one garbled number costs one piece, and not the rest of the call."""
    call = calls.affekt()
    starts = [0, 160, 60 * 8000, 320, 60 * 8000, 60 * 8000 + 160, 60 * 8000 + 320]
    told = hear(call, (hello(), *(calls.own(0, start, bytes(160)) for start in starts)))
    assert [event.start for event in told if isinstance(event, Audio)] == [
        0,
        160,
        320,
        60 * 8000 + 160,
        60 * 8000 + 320,
    ]


@pytest.mark.parametrize("start", [-1, round(8000 * LIMITS.gap) + 1, round(8000 * LIMITS.length) + 1, 2**62])
def test_a_place_that_no_stream_has_is_a_violation(start):
    with pytest.raises(BreachError, match="at most 600 s ahead"):
        Places(8000).lies(start, 160)


@given(starts=st.lists(st.integers(0, 8000 * 1200), max_size=50))
def test_no_piece_lies_further_ahead_than_a_gap(starts):
    places = Places(8000)
    for start in starts:
        before = places.end
        try:
            taken = places.lies(start, 160)
        except BreachError:
            assert start - before > 8000 * LIMITS.gap
            return
        assert places.end == (max(before, start + 160) if taken else before)


@given(steps=st.lists(st.integers(-400, 4000), min_size=1, max_size=60))
def test_what_jitters_loses_and_repeats_within_5_s_is_all_taken(steps):
    places, at = Places(8000), 0
    for step in steps:
        at = max(0, at + step)
        assert places.lies(at, 160)
