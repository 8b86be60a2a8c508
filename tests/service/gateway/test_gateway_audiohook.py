"""Genesys AudioHook, version 2: who may connect, and the conversation that its reference implementation holds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gateway_heard import Audio, Request, Violation, begun, calls, codec, hear, sound, violation

from affekt.service.gateway.events import Ended, Lost, Paused, Resumed, Started
from affekt.service.gateway.protocols import _sound, audiohook

# Who may connect ----------------------------------------------------------------------------------------------------

KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
KEPT = {"api_key": KEY, "client_secret": "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="}
CREATED = 1641013200
SIGNED = {
    "host": "audiohook.example.com",
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "x-api-key": KEY,
    "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
    "signature-input": 'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
    '"audiohook-correlation-id" "x-api-key");keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";'
    'nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created=1641013200;expires=3282026430',
}
PATH = "/api/v1/voicebiometrics/ws"


def allowed(headers=None, *, path=PATH, url="", kept=None, now=CREATED + 1.0):
    """The request of the documentation's example, changed; and what is said of it."""
    return audiohook.authorize(Request(path, headers={**SIGNED, **(headers or {})}, url=url), kept or KEPT, now)


def test_the_example_of_the_documentation_is_allowed():
    assert allowed() is None
    assert allowed(url=f"wss://AUDIOHOOK.example.com:443{PATH}") is None


@pytest.mark.parametrize("name", sorted(set(SIGNED) - {"signature", "signature-input"}))
def test_whatever_is_signed_cannot_be_changed(name):
    assert allowed({name: SIGNED[name] + "0"}) is not None
    assert allowed({name: ""}) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (' "x-api-key"', ""),
        ('"@authority" ', '"@authority" "@authority" '),
        ('"@authority"', '"@method"'),
        ("nonce=", "ponce="),
        ("VGhpc0lzQVVuaXF1ZU5vbmNl", "VGhpc0lz"),
        ("hmac-sha256", "none"),
        ("created=1641013200;", ""),
        (";keyid=", "; keyid="),
        ("sig1=", "sig2="),
        ('"@authority"', '"@author\\"ity"'),
    ],
)
def test_a_signature_of_another_form_is_refused(old, new):
    assert old in SIGNED["signature-input"]
    assert allowed({"signature-input": SIGNED["signature-input"].replace(old, new)}) is not None


@pytest.mark.parametrize(("age", "ok"), [(-3, True), (-4, False), (0, True), (13, True), (14, False), (1e9, False)])
def test_a_signature_is_10_s_old_at_most_by_clocks_that_are_3_s_apart(age, ok):
    assert (allowed(now=CREATED + age) is None) == ok


def test_another_path_or_another_secret_is_refused():
    assert allowed(path="/v1/other") == "a wrong signature"
    assert allowed(kept={**KEPT, "client_secret": "TXlT"}) == "a wrong signature"
    assert allowed(kept={**KEPT, "client_secret": "not base64!"}) == "a wrong signature"


def test_unsigned_is_allowed_where_no_secret_was_agreed_and_the_key_is_right():
    bare = Request(PATH, headers={"x-api-key": KEY})
    assert audiohook.authorize(bare, {"api_key": KEY}, 0.0) is None
    assert audiohook.authorize(bare, KEPT, 0.0) == "no Signature-Input that can be read"
    assert audiohook.authorize(bare, {"api_key": "other"}, 0.0) == "a wrong X-API-KEY"
    assert audiohook.authorize(bare, {}, 0.0) == "a wrong X-API-KEY"


# The conversation ---------------------------------------------------------------------------------------------------


def replies(heard, message=None):
    """What is sent, as objects."""
    if message is not None:
        heard.feed(message)
    return [json.loads(reply) for reply in heard.replies()]


def said(kind, seq, position="PT0S", serverseq=0, **parameters):
    head = {"version": "2", "id": calls.SESSION, "type": kind, "seq": seq, "serverseq": serverseq}
    return json.dumps({**head, "position": position, "parameters": parameters})


def opening(**changed):
    message = json.loads(calls.audiohook().messages[0])
    message["parameters"].update(changed)
    return json.dumps(message)


def new():
    return codec.load("audiohook").Codec(calls.audiohook().request)


def test_a_call_of_genesys():
    told = hear(calls.audiohook())
    started = told[0]
    assert isinstance(started, Started)
    assert (started.external, started.stream) == (calls.CONVERSATION, calls.SESSION)
    assert (started.tracks, started.rate, started.probe) == (("external", "internal"), 8000, False)
    assert (started.caller, started.callee, started.queue) == ("+15551234", "+15559876", "billing")
    told_else = [event for event in told[1:] if not isinstance(event, Audio)]
    lost = [Lost("external", 16000, 4000), Lost("internal", 16000, 4000)]
    assert told_else == [*lost, Paused(), Resumed(), Ended("end")]
    raw = np.frombuffer(b"".join(calls.coded(number, 3200) for number in range(10)), np.uint8)
    for side, track in enumerate(started.tracks):
        assert np.array_equal(sound(told, track)[:16000], _sound.table("ULAW")[raw[side::2]])


def test_what_was_discarded_or_paused_moves_the_place():
    """2 s of sound, 0.5 s discarded, 1.5 s of a pause: the next sound lies at 4 s."""
    assert [event.start for event in hear(calls.audiohook()) if isinstance(event, Audio)][-1] == 4 * 8000


def test_the_answers_have_their_numbers_and_those_they_answer():
    heard, call = new(), calls.audiohook()
    opened = replies(heard, call.messages[0])
    assert [(each["type"], each["seq"], each["clientseq"], each["id"]) for each in opened] == [
        ("opened", 1, 1, calls.SESSION)
    ]
    media = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
    assert opened[0]["parameters"] == {"media": [media], "startPaused": False}
    pong = replies(heard, said("ping", 2, serverseq=1))
    assert [(each["type"], each["seq"], each["clientseq"], each["parameters"]) for each in pong] == [("pong", 2, 2, {})]
    assert [each["type"] for each in replies(heard, said("update", 3, serverseq=2, language="de"))] == ["updated"]
    assert [each["type"] for each in replies(heard, said("close", 4, serverseq=3, reason="end"))] == ["closed"]


def test_a_probe_is_answered_and_marked():
    null = "00000000-0000-0000-0000-000000000000"
    who = {"id": null, "ani": "", "aniName": "", "dnis": ""}
    for changed in ({"conversationId": null}, {"participant": who}, {"conversationId": null, "media": []}):
        heard = new()
        told = heard.feed(opening(**changed))
        assert told[0].probe
        assert [json.loads(reply)["type"] for reply in heard.replies()] == ["opened"]


@pytest.mark.parametrize(
    ("channels", "tracks"), [(["external"], ("external",)), (["internal", "external"], ("internal", "external"))]
)
def test_the_channels_are_those_of_the_media_that_was_chosen(channels, tracks):
    heard = new()
    media = [{"type": "audio", "format": "PCMU", "channels": channels, "rate": 8000}]
    assert heard.feed(opening(media=media))[0].tracks == tracks
    heard.replies()
    assert [event.track for event in heard.feed(bytes(320))] == list(tracks)


@pytest.mark.parametrize(
    "media", [[], None, [{"type": "audio", "format": "L16", "channels": ["external"], "rate": 8000}], ["x"], [{}]]
)
def test_media_that_cannot_be_read_are_refused(media):
    heard = new()
    assert violation(heard.feed(opening(media=media))) == 1008
    assert [json.loads(reply)["parameters"]["reason"] for reply in heard.replies()] == ["error"]


def test_refused_at_once_is_a_disconnect_and_never_an_opened():
    heard = new()
    heard.feed(calls.audiohook().messages[0])
    heard.say("refuse")
    sent = replies(heard)
    assert [(each["type"], each["parameters"]) for each in sent] == [("disconnect", {"reason": "unauthorized"})]
    assert heard.feed(bytes(320)) == []
    assert heard.feed(said("close", 2, serverseq=1, reason="disconnect")) == [Ended("disconnect")]
    assert [each["type"] for each in replies(heard)] == ["closed"]


def test_a_pause_before_opened_is_said_in_it_and_later_on_its_own():
    heard = new()
    heard.feed(calls.audiohook().messages[0])
    heard.say("pause")
    assert replies(heard)[0]["parameters"]["startPaused"] is True
    heard.say("resume")
    assert [each["type"] for each in replies(heard)] == ["resume"]
    heard.say("end")
    assert [(each["type"], each["parameters"]["reason"]) for each in replies(heard)] == [("disconnect", "completed")]


def test_paused_is_told_once_and_a_pause_of_an_hour_is_no_violation():
    heard = begun(calls.audiohook())
    heard.feed(bytes(3200))
    assert heard.feed(said("paused", 2)) == [Paused()]
    assert heard.feed(said("paused", 3)) == []
    assert heard.feed(said("resumed", 4, start="PT0.2S", discarded="PT1H")) == [Resumed()]
    assert [event.start for event in heard.feed(bytes(320))] == [3600 * 8000 + 1600] * 2


def test_discarded_never_moves_back():
    heard = begun(calls.audiohook())
    heard.feed(bytes(3200))
    assert heard.feed(said("discarded", 2, start="PT0S", discarded="PT0.1S")) == []
    assert heard.feed(bytes(320))[0].start == 1600


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (said("ping", 3), 1002),
        (said("ping", 1), 1002),
        (said("ping", 2, serverseq=2), 1002),
        (said("ping", 2, "1.5"), 1007),
        (said("ping", 2, "PT"), 1007),
        (said("hello", 2), 1003),
        (said("open", 2), 1002),
        (said("ping", 2).replace('"2"', '"3"'), 1008),
        (said("ping", 2).replace(calls.SESSION, calls.CONVERSATION), 1008),
        (said("discarded", 2, start="PT1S"), 1007),
        (said("resumed", 2, start="PT0S", discarded="PT999H"), 1008),
        ("[]", 1007),
        (bytes(3), 1007),
        (bytes(16002), 1009),
    ],
)
def test_what_breaks_the_protocol_is_told_to_the_other_end(message, code):
    heard = begun(calls.audiohook())
    assert violation(heard.feed(message)) == code
    sent = [json.loads(reply) for reply in heard.replies()]
    assert [(each["type"], each["parameters"]["reason"]) for each in sent] == [("disconnect", "error")]


def test_sound_before_opened_and_another_organization_are_refused():
    heard = new()
    heard.feed(calls.audiohook().messages[0])
    assert violation(heard.feed(bytes(320))) == 1002
    assert violation(new().feed(opening(organizationId=calls.CONVERSATION))) == 1008


def test_an_error_of_the_platform_is_survived():
    heard = begun(calls.audiohook())
    assert heard.feed(said("error", 2, code=429, message="slow down", retryAfter="PT5S")) == []
    assert not [event for event in heard.feed(bytes(320)) if isinstance(event, Violation)]
