"""Twilio, its dialects, and Telnyx: JSON with base64 in it."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from gateway_heard import Audio, Request, calls, codec, hear, sound, violation
from hypothesis import given
from hypothesis import strategies as st

from affekt.service.gateway.events import Ended, Key, Started
from affekt.service.gateway.protocols import _sound, twilio


def coded(seed=0):
    whole = b"".join(calls.coded(number, seed=seed) for number in range(calls.PIECES))
    return _sound.table("ULAW")[np.frombuffer(whole, np.uint8)]


def media(track="inbound", stamp="0", payload=None, **more):
    data = base64.b64encode(calls.coded(0)).decode() if payload is None else payload
    return json.dumps({"event": "media", "media": {"track": track, "timestamp": stamp, "payload": data, **more}})


def test_a_call_of_twilio():
    told = hear(calls.twilio())
    started, *_, key, ended = told
    assert (started.external, started.stream, started.rate) == ("CA1", "MZ1", 8000)
    assert started.tracks == ("inbound", "outbound")
    assert (started.agent, started.caller, started.notice, started.consent) == ("Kim", "+4930123", True, None)
    assert started.parameters["token"] == "secret"
    assert (key, ended) == (Key("inbound"), Ended("stop"))
    for side, track in enumerate(started.tracks):
        assert np.array_equal(sound(told, track), coded(side))


def test_a_message_may_be_text_or_its_bytes():
    call = calls.twilio()
    assert str(hear(call)) == str(hear(call, [message.encode() for message in call.messages]))
    assert str(hear(call)) == str(hear(call, [memoryview(message.encode()) for message in call.messages]))


def test_the_timestamp_is_the_place_not_the_arrival():
    """Ten seconds are missing, and one piece comes late: each lies where it says."""
    call = calls.twilio()
    told = hear(call, (*call.messages[:2], media(stamp="0"), media(stamp="4000"), media(stamp="20"), media(stamp=4020)))
    assert [event.start for event in told[1:]] == [0, 32000, 160, 32160]


def test_sound_of_a_track_that_was_not_named_is_a_violation():
    call = calls.twilio()
    assert violation(hear(call, (*call.messages[:2], media(track="third")))) == 1008


@pytest.mark.parametrize("payload", ["AA", "A*==", "ä", 5, None, ["AA=="]])
def test_a_payload_that_is_not_base64_is_a_violation(payload):
    call = calls.twilio()
    broken = json.dumps({"event": "media", "media": {"track": "inbound", "timestamp": "0", "payload": payload}})
    assert violation(hear(call, (*call.messages[:2], broken))) == 1007


@pytest.mark.parametrize("stamp", ["-20", -20, "1e3", 2.5, None, True, "９", "9" * 19, [1]])
def test_a_timestamp_that_is_no_whole_number_is_a_violation(stamp):
    call = calls.twilio()
    assert violation(hear(call, (*call.messages[:2], media(stamp=stamp)))) == 1007


def test_a_second_of_sound_is_the_most():
    call = calls.twilio()
    second, more = (base64.b64encode(bytes(size)).decode() for size in (8000, 8001))
    assert isinstance(hear(call, (*call.messages[:2], media(payload=second)))[-1], Audio)
    assert violation(hear(call, (*call.messages[:2], media(payload=more)))) == 1009


def test_64_kib_of_json_are_the_most():
    call = calls.twilio()
    assert violation(hear(call, (*call.messages[:2], media(more="x" * 65536)))) == 1009


def test_a_consent_that_cannot_be_read_is_refused():
    """The tenant's default may be that consent is given: a word that nobody understands must not become it."""
    start = json.loads(calls.twilio().messages[1])
    start["start"]["customParameters"]["consent"] = "declined"
    assert violation(hear(calls.twilio(), (json.dumps(start),))) == 1008
    start["start"]["customParameters"]["consent"] = "refused"
    assert hear(calls.twilio(), (json.dumps(start),))[0].consent == "refused"


# Signature ----------------------------------------------------------------------------------------------------------


def test_the_signature_is_twilios_own_example():
    """twilio.com/docs/usage/security: the URL, with the parameters of its POST behind it."""
    text = (
        "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+14158675309"
        "Digits1234From+14158675309To+18005551212"
    )
    assert twilio.signature("12345", text) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


URL = "wss://calls.example.com/v1/ingest/twilio"


@pytest.mark.parametrize("signed", [URL, URL.replace(".com/", ".com:443/")])
@pytest.mark.parametrize("told", [URL, URL.replace(".com/", ".com:443/")])
def test_a_signed_upgrade_is_allowed_with_the_port_or_without(signed, told):
    headers = {"x-twilio-signature": twilio.signature("12345", signed)}
    request = Request("/v1/ingest/twilio", headers=headers, url=told)
    assert twilio.authorize(request, {"auth_token": "12345"}, 0.0) is None
    assert "wrong" in twilio.authorize(request, {"auth_token": "12346"}, 0.0)


@given(st.text(min_size=1, max_size=30))
def test_no_other_signature_is_allowed(given_):
    request = Request("/v1/ingest/twilio", headers={"x-twilio-signature": given_}, url=URL)
    assert twilio.authorize(request, {"auth_token": "12345"}, 0.0) is not None


def test_the_token_of_a_parameter_comes_later_and_one_in_the_query_is_compared():
    assert twilio.authorize(Request("/"), {"token": "a"}, 0.0) is None
    assert twilio.authorize(Request("/", {"token": "a"}), {"token": "a"}, 0.0) is None
    assert twilio.authorize(Request("/", {"token": "b"}), {"token": "a"}, 0.0) == "a wrong token"
    assert "no token" in twilio.authorize(Request("/", {"token": "b"}), {}, 0.0)


# Dialects -----------------------------------------------------------------------------------------------------------


def test_plivo_writes_camel_case_and_numbers_as_numbers():
    start = {
        "sequenceNumber": 0,
        "event": "start",
        "start": {
            "callId": "c-1",
            "streamId": "s-1",
            "accountId": "a",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000},
        },
        "extra_headers": '{"agent": "Kim"}',
    }
    piece = calls.linear(0, 16000)
    said = {"track": "inbound", "timestamp": 40, "chunk": 3, "payload": base64.b64encode(piece).decode()}
    told = hear(calls.twilio(), (json.dumps(start), json.dumps({"event": "media", "streamId": "s-1", "media": said})))
    assert (told[0].external, told[0].stream, told[0].rate, told[0].agent) == ("c-1", "s-1", 16000, "Kim")
    assert (told[1].start, told[1].samples.tolist()) == (640, np.frombuffer(piece, "<i2").tolist())


def test_exotel_has_one_track_without_a_name_and_its_rate_as_text():
    start = {
        "event": "start",
        "sequence_number": "1",
        "stream_sid": "MZ9",
        "start": {
            "stream_sid": "MZ9",
            "call_sid": "CA9",
            "from": "+919876543210",
            "to": "+918047491899",
            "custom_parameters": {"queue": "billing"},
            "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"},
        },
    }
    said = {"chunk": "2", "timestamp": "200", "payload": base64.b64encode(calls.linear(0)).decode()}
    told = hear(calls.twilio(), (json.dumps(start), json.dumps({"event": "media", "media": said})))
    assert (told[0].external, told[0].caller, told[0].queue) == ("CA9", "+919876543210", "billing")
    assert (told[1].track, told[1].start) == ("inbound", 1600)


def test_timestamps_of_a_clock_on_the_wall_begin_with_the_first():
    call = calls.twilio()
    stamps = [1764470000000, 1764470000020, 1764469999980, 1764470000040]
    told = hear(call, (*call.messages[:2], *(media(stamp=stamp) for stamp in stamps)))
    assert [event.start for event in told[1:]] == [0, 160, 320]


# Telnyx -------------------------------------------------------------------------------------------------------------


def test_a_call_of_telnyx_whose_messages_are_out_of_order():
    told = hear(calls.telnyx())
    started = told[0]
    assert isinstance(started, Started)
    assert (started.external, started.stream) == ("v2:abc", "32DE")
    assert (started.caller, started.callee, started.queue) == ("+13122010094", "+13122123456", "billing")
    assert started.tracks == ("inbound", "outbound")
    assert started.parameters["token"] == "secret"
    assert np.array_equal(sound(told, "inbound"), coded())
    assert told[-2:] == [Key(None), Ended("stop")]


def test_parameters_may_be_a_list_of_names_and_values():
    start = json.loads(calls.telnyx().messages[1])
    start["start"]["custom_parameters"] = [{"name": "queue", "value": "sales"}, {"name": 5, "value": "x"}, "y", {}]
    assert hear(calls.telnyx(), (json.dumps(start),))[0].queue == "sales"


def start_of(encoding, rate=8000, **parameters):
    start = json.loads(calls.telnyx().messages[1])
    start["start"]["media_format"] = {"encoding": encoding, "sample_rate": rate, "channels": 1}
    start["start"]["custom_parameters"] = parameters
    return json.dumps(start)


def test_telnyx_names_the_tracks_only_where_the_customer_does():
    assert hear(calls.telnyx(), (start_of("PCMU", tracks="inbound_track"),))[0].tracks == ("inbound",)


@pytest.mark.parametrize(("order", "parameters"), [(">", {}), ("<", {"byteorder": "little"})])
def test_l16_of_telnyx_is_in_network_order_unless_told(order, parameters):
    samples = np.array([1, -2, 300], np.int16)
    payload = base64.b64encode(samples.astype(f"{order}i2").tobytes()).decode()
    told = hear(calls.telnyx(), (start_of("L16", 16000, **parameters), media(payload=payload)))
    assert told[1].samples.tolist() == [1, -2, 300]


@pytest.mark.parametrize(
    ("encoding", "rate"), [("PCMA", 8000), ("audio/x-mulaw", 8000), ("G722", 16000), ("OPUS", 48000)]
)
def test_telnyx_names_its_encodings_in_several_ways(encoding, rate):
    """G.722 is called 8000 Hz in RTP, and has 16000."""
    pytest.importorskip("av", reason="av is not installed: make test installs it")
    assert hear(calls.telnyx(), (start_of(encoding),))[0].rate == rate


def test_an_encoding_that_is_not_read_is_a_violation():
    assert violation(hear(calls.telnyx(), (start_of("AMR-WB", 16000),))) == 1008


def test_the_token_of_telnyx_is_in_the_query_or_comes_later():
    authorize = codec.load("telnyx").authorize
    assert authorize(Request("/", {"token": "a"}), {"token": "a"}, 0.0) is None
    assert authorize(Request("/", {"token": "x"}), {"token": "a"}, 0.0) == "a wrong token"
    assert authorize(Request("/"), {"token": "a"}, 0.0) is None
