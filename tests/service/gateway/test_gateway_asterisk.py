"""Asterisk, by TCP and by WebSocket; FreeSWITCH; Vonage: sound as it is, without a place."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from itertools import pairwise

import numpy as np
import pytest
from gateway_heard import Audio, Request, begun, calls, codec, hear, sound, violation
from hypothesis import given
from hypothesis import strategies as st

from affekt.service.gateway.events import Ended, Key, Started
from affekt.service.gateway.protocols import _sound, vonage


def linear(rate):
    return np.frombuffer(b"".join(calls.linear(number, rate) for number in range(calls.PIECES)), "<i2")


# AudioSocket --------------------------------------------------------------------------------------------------------


def test_a_call_of_audiosocket():
    told = hear(calls.audiosocket())
    assert told[0] == Started(str(calls.NAME), str(calls.NAME), ("audio",), 8000)
    assert told[-2:] == [Key("audio"), Ended("hangup")]
    assert np.array_equal(sound(told, "audio"), linear(8000))


@given(cuts=st.lists(st.integers(0, 3400), max_size=20))
def test_wherever_tcp_cuts_the_same_is_told(cuts):
    call = calls.audiosocket()
    messages = (*call.messages[:10], *call.messages[-2:])
    stream = b"".join(messages)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert str(hear(call, pieces)) == str(hear(call, messages))


def test_one_byte_at_a_time():
    call = calls.audiosocket()
    stream = b"".join((*call.messages[:3], calls.frame(0)))
    assert str(hear(call, [bytes([byte]) for byte in stream])) == str(hear(call, [stream]))


@pytest.mark.parametrize(("kind", "rate"), [(0x10, 8000), (0x12, 16000), (0x13, 24000), (0x16, 48000)])
def test_the_type_of_the_sound_is_its_rate(kind, rate):
    told = hear(calls.audiosocket(), (calls.frame(1, calls.NAME.bytes), calls.frame(kind, calls.linear(0, rate))))
    assert (told[0].rate, len(told[1].samples)) == (rate, rate // 50)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ((calls.frame(0x10, bytes(320)),), 1002),
        ((calls.frame(1, bytes(15)),), 1007),
        ((calls.frame(1, bytes(16)), calls.frame(1, bytes(16))), 1002),
        ((calls.frame(1, bytes(16)), calls.frame(0x10, bytes(3))), 1007),
        ((calls.frame(1, bytes(16)), calls.frame(0x10, bytes(16002))), 1009),
        ((calls.frame(1, bytes(16)), calls.frame(0x10, bytes(2)), calls.frame(0x12, bytes(2))), 1008),
        ((calls.frame(1, bytes(16)), calls.frame(0x77)), 1003),
    ],
)
def test_what_breaks_audiosocket(frames, code):
    assert violation(hear(calls.audiosocket(), frames)) == code


def test_what_came_before_a_violation_is_told():
    """In one piece of TCP, too."""
    stream = b"".join([calls.frame(1, bytes(16)), calls.frame(0x10, bytes(320)), calls.frame(0x77), calls.frame(0)])
    assert [type(event).__name__ for event in hear(calls.audiosocket(), [stream])] == ["Started", "Audio", "Violation"]


@pytest.mark.parametrize(
    ("code", "word"), [(b"\x01", "hangup"), (b"\x04", "memory"), (b"", "unknown"), (b"\x09", "unknown")]
)
def test_an_error_of_asterisk_ends_the_call(code, word):
    assert hear(calls.audiosocket(), (calls.frame(0xFF, code),)) == [Ended(f"error: {word}")]


def test_a_frame_that_never_ends_holds_64_kib_at_most():
    heard = codec.load("audiosocket").Codec(calls.audiosocket().request)
    heard.feed(calls.frame(1, calls.NAME.bytes) + b"\x10\xff\xff")
    for _ in range(100):
        heard.feed(bytes(1000))
    assert len(heard._held) < 65536 + 3 + 1000


def test_the_server_hangs_up_with_a_frame():
    heard = begun(calls.audiosocket())
    heard.say("refuse")
    assert heard.replies() == [calls.frame(0)]


# chan_websocket -----------------------------------------------------------------------------------------------------


def test_a_call_of_chan_websocket_in_json():
    told = hear(calls.asterisk())
    started = told[0]
    assert (started.external, started.stream, started.tracks) == ("call-7", "media1", ("customer",))
    assert (started.rate, started.agent, started.parameters["token"]) == (8000, "Kim", "secret")
    coded = np.frombuffer(b"".join(calls.coded(number) for number in range(calls.PIECES)), np.uint8)
    assert np.array_equal(sound(told, "customer"), _sound.table("ULAW")[coded])
    assert told[-1] == Key("customer")


def test_a_call_of_chan_websocket_in_plain_words():
    told = hear(calls.asterisk_plain())
    assert (told[0].external, told[0].stream, told[0].tracks) == ("WebSocket/affekt", "media1", ("audio",))
    assert np.array_equal(sound(told, "audio"), linear(16000))
    assert told[-1] == Key("audio")


def test_a_hang_up_is_said_as_the_channel_speaks():
    for call, word in ((calls.asterisk(), '{"command":"HANGUP"}'), (calls.asterisk_plain(), "HANGUP")):
        heard = begun(call)
        heard.say("end")
        assert heard.replies() == [word]


@pytest.mark.parametrize(
    ("start", "code"), [("MEDIA_START format:amr", 1008), ("MEDIA_START", 1008), ("", 1002), ("{", 1007)]
)
def test_what_breaks_chan_websocket(start, code):
    assert violation(hear(calls.asterisk(), (start,))) == code


# FreeSWITCH ---------------------------------------------------------------------------------------------------------


def test_a_call_of_freeswitch_in_stereo():
    told = hear(calls.freeswitch())
    started = told[0]
    assert (started.external, started.tracks, started.rate) == (str(calls.NAME), ("caller", "callee"), 16000)
    assert (started.caller, started.agent) == ("+4930123", "Kim")
    whole = linear(32000)
    assert np.array_equal(sound(told, "caller"), whole[0::2])
    assert np.array_equal(sound(told, "callee"), whole[1::2])


@pytest.mark.parametrize(
    ("query", "tracks", "rate"),
    [
        ({}, ("caller",), 8000),
        ({"mix": "mixed", "rate": "16k"}, ("mixed",), 16000),
        ({"mix": "mono", "rate": "16000", "track": "customer"}, ("customer",), 16000),
    ],
)
@pytest.mark.parametrize("first", [(), ("hello, this is no JSON",), ("{}",)])
def test_without_metadata_the_query_says_what_comes(query, tracks, rate, first):
    call = calls.Call("freeswitch", Request("/", query), (*first, bytes(640), bytes(640)))
    told = hear(call)
    assert (told[0].tracks, told[0].rate) == (tracks, rate)
    assert [event.start for event in told if isinstance(event, Audio)] == [0, 320]


def test_the_first_message_of_jambonz_is_metadata_too():
    first = {"callSid": "c-1", "from": "1", "to": "2", "sampleRate": 16000, "mixType": "stereo", "direction": "inbound"}
    started = hear(calls.Call("freeswitch", Request("/"), (json.dumps(first),)))[0]
    assert (started.external, started.rate, started.direction) == ("c-1", 16000, "in")
    assert (started.caller, started.callee, started.tracks) == ("1", "2", ("caller", "callee"))


@pytest.mark.parametrize(
    ("message", "code"), [(bytes(6), 1007), (bytes(3), 1007), (bytes(64004), 1009), ('{"a": ', 1007)]
)
def test_what_breaks_freeswitch(message, code):
    call = calls.freeswitch()
    assert violation(hear(call, (call.messages[0], message))) == code


def test_a_mix_that_is_not_known_is_a_violation():
    assert violation(hear(calls.Call("freeswitch", Request("/", {"mix": "quad"}), (bytes(640),)))) == 1008


# Vonage -------------------------------------------------------------------------------------------------------------


def test_a_call_of_vonage():
    told = hear(calls.vonage())
    started = told[0]
    assert (started.external, started.tracks, started.rate) == ("CON-1", ("customer",), 16000)
    assert (started.caller, started.parameters["token"]) == ("447700900000", "secret")
    assert "event" not in started.parameters
    assert np.array_equal(sound(told, "customer"), linear(16000))


@pytest.mark.parametrize("content", ["audio/l16", "audio/l16;rate=x", "audio/opus;rate=16000", "", 5])
def test_a_content_that_is_not_known_is_a_violation(content):
    first = json.dumps({"event": "websocket:connected", "content-type": content})
    assert violation(hear(calls.vonage(), (first,))) in (1007, 1008)


def jwt(claims, secret="s" * 32, alg="HS256"):
    def pack(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = ".".join(pack(json.dumps(part).encode()) for part in ({"alg": alg, "typ": "JWT"}, claims))
    return f"{signed}.{pack(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def vonage_allows(token, now=1000.0):
    request = Request("/v1/ingest/vonage", headers={"authorization": f"Bearer {token}"})
    return vonage.authorize(request, {"signature_secret": "s" * 32}, now)


def test_the_example_of_rfc_7515_has_our_signature():
    """Appendix A.1: HS256."""
    token = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    key = base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    )
    assert vonage._right(token, key)
    assert not vonage._right(token, key + b"0")


@pytest.mark.parametrize("claims", [{"iat": 999}, {"iat": 990, "exp": 1001}, {"nbf": 1020, "iat": 1000}])
def test_a_jwt_of_vonage_is_allowed(claims):
    assert vonage_allows(jwt(claims)) is None


@pytest.mark.parametrize(
    "token",
    [
        jwt({"iat": 999}, secret="other"),
        jwt({"iat": 999}, alg="none"),
        jwt({"iat": 999}, alg="RS256"),
        jwt({"iat": 500}),
        jwt({"iat": 900, "exp": 950}),
        jwt({"nbf": 1100}),
        jwt({}),
        jwt({"iat": "999"}),
        jwt({"iat": True, "exp": None}),
        jwt([]),
        "a.b.c",
        "ü.ü.ü",
        "..",
        jwt({"iat": 999})[:-1],
        "",
    ],
)
def test_any_other_jwt_is_refused(token):
    assert isinstance(vonage_allows(token), str)


def test_without_a_secret_vonage_has_a_token():
    assert vonage.authorize(Request("/", {"token": "a"}), {"token": "a"}, 0.0) is None
    assert vonage.authorize(Request("/"), {"token": "a"}, 0.0) is None
    assert vonage.authorize(Request("/", {"token": "b"}), {"token": "a"}, 0.0) == "a wrong token"
