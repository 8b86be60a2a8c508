"""What each platform's speaker says, the gateway's codec hears: the same samples, each at its place."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import random
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt import registry
from affekt.errors import UsageError
from affekt.service.gateway import codec
from affekt.service.gateway.events import Audio, Ended, Event, Paused, Request, Resumed, Started, Violation
from affekt.service.load.carrier import FOLDER
from affekt.service.load.faults import Disorder, Faults, fate
from affekt.service.load.leg import Call, Leg
from affekt.service.load.sound import SIDES, Sound
from affekt.service.load.speakers.audiohook import signature

PIECES = 60
KEY, SECRET = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh", "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
NAMES = registry.names(FOLDER)
CODED = {"twilio", "telnyx", "audiohook", "asterisk"}
"protocols whose sound is mu-law"


def sound(rate: int = 8000, pieces: int = PIECES) -> Sound:
    rng = np.random.default_rng(7)
    both = rng.integers(-30000, 30000, (2, pieces * rate // 50)).astype(np.int16)
    return Sound(both[0], both[1], rate)


def call(number: int = 0, *, rate: int = 8000, shift: int = 0) -> Call:
    return Call(number, sound(rate), shift, token="let me in", secret=SECRET)


def legs(name: str, spoken: Call) -> list[Leg]:
    made: list[Leg] = registry.load(FOLDER, name).legs(spoken)
    return made


def request(leg: Leg) -> Request:
    target = urlsplit(leg.target)
    url = f"wss://here.example{leg.target}"
    headers = {name.lower(): value for name, value in leg.headers(url, 1641013205.0).items()}
    return Request(target.path, dict(parse_qsl(target.query)), headers | {"host": "here.example"}, "127.0.0.1", url)


class Connection:
    """A leg and a codec, with nothing between."""

    def __init__(self, name: str, leg: Leg) -> None:
        self.leg, self.text = leg, leg.AUDIO == "text"
        self.codec = codec.load(name).Codec(request(leg))
        self.events: list[Event] = []

    def feed(self, *messages: bytes | str) -> None:
        for message in messages:
            self.events += self.codec.feed(message)
            for reply in self.codec.replies():
                self.feed(*self.leg.hear(reply))

    def say(self, *numbers: int) -> None:
        said = [self.leg.say(number) for number in numbers]
        self.feed(*(one.decode() if self.text else one for one in said))

    def told(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


def after_the_law(samples: np.ndarray) -> np.ndarray:
    """What mu-law leaves of samples, by libsndfile."""
    file, kind = io.BytesIO(), {"format": "RAW", "subtype": "ULAW", "samplerate": 8000, "channels": 1}
    soundfile.write(file, samples, **{k: v for k, v in kind.items() if k != "channels"})
    file.seek(0)
    return soundfile.read(file, dtype="int16", **kind)[0]


def expected(name: str, spoken: Call, side: str) -> np.ndarray:
    samples = spoken.sound.samples[side]
    shifted = np.roll(samples, -spoken.shift * spoken.sound.size)
    return after_the_law(shifted) if name in CODED else shifted


def heard(connection: Connection, track: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples at their places, and which of them have come."""
    samples, there = np.zeros(length, np.int16), np.zeros(length, bool)
    for one in connection.told(Audio):
        if one.track == track:
            samples[one.start : one.start + len(one.samples)] = one.samples
            there[one.start : one.start + len(one.samples)] = True
    return samples, there


def test_there_is_a_speaker_for_each_protocol_of_the_gateway():
    assert codec.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_platform_is_let_in_by_its_credentials_and_by_no_others(name):
    module = codec.load(name)
    right = {"token": "let me in", "auth_token": SECRET, "api_key": "let me in", "client_secret": SECRET}
    for leg in legs(name, call()):
        assert module.authorize(request(leg), right, 1641013205.0) is None
        if name in ("audiohook", "twilio"):
            assert module.authorize(request(leg), right | {"auth_token": "a", "client_secret": "YQ=="}, 1641013205.0)


@pytest.mark.parametrize("shift", [0, 17])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_spoken_is_heard_sample_by_sample(name, shift):
    spoken = call(3, shift=shift)
    found = {}
    for leg in legs(name, spoken):
        connection = Connection(name, leg)
        connection.feed(*leg.hello())
        assert leg.talking
        connection.say(*range(PIECES * leg.parts))
        connection.feed(*leg.goodbye(PIECES * leg.parts))
        assert connection.told(Violation) == []
        (started,) = connection.told(Started)
        assert started.external == leg.external
        assert started.rate == 8000
        for track, side in zip(started.tracks, leg.sides, strict=True):
            found[side] = heard(connection, track, PIECES * 160)
    for side in SIDES:
        samples, there = found[side]
        assert there.all()
        assert np.array_equal(samples, expected(name, spoken, side))


@pytest.mark.parametrize("name", ["affekt", "audiosocket", "freeswitch", "vonage"])
def test_what_is_linear_can_be_wide(name):
    spoken = call(rate=16000)
    for leg in legs(name, spoken):
        connection = Connection(name, leg)
        connection.feed(*leg.hello())
        connection.say(*range(PIECES * leg.parts))
        (started,) = connection.told(Started)
        assert started.rate == 16000
        for track, side in zip(started.tracks, leg.sides, strict=True):
            assert np.array_equal(heard(connection, track, PIECES * 320)[0], spoken.sound.samples[side])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("vonage", "freeswitch", "asterisk")])
def test_a_goodbye_ends_the_call(name):
    for leg in legs(name, call()):
        connection = Connection(name, leg)
        connection.feed(*leg.hello())
        connection.say(*range(leg.parts))
        connection.feed(*leg.goodbye(leg.parts))
        assert len(connection.told(Ended)) == 1


@pytest.mark.parametrize("name", [name for name in NAMES if not registry.load(FOLDER, name).ORDERED])
@given(seed=st.integers(0, 10**6), loss=st.floats(0, 0.3), late=st.floats(0, 0.2), twice=st.floats(0, 0.3))
@settings(max_examples=15, deadline=None)
def test_whatever_the_network_does_each_piece_that_comes_is_at_its_place(name, seed, loss, late, twice):
    spoken = call()
    (leg,) = legs(name, spoken)
    connection = Connection(name, leg)
    connection.feed(*leg.hello())
    faults = Faults(loss=loss, late=late, duplicate=twice, reorder=0.1, jitter=0.1)
    disorder = Disorder(faults, random.Random(seed), parts=leg.parts)
    sent = []
    for number in range(PIECES * leg.parts):
        sent += disorder.step(number)
    sent += disorder.rest()
    connection.say(*sent)
    assert connection.told(Violation) == []
    (started,) = connection.told(Started)
    for part, (track, side) in enumerate(zip(started.tracks, leg.sides, strict=True)):
        samples, there = heard(connection, track, PIECES * 160)
        came = np.zeros(PIECES, bool)
        came[[number // leg.parts for number in sent if number % leg.parts == part]] = True
        assert np.array_equal(there, np.repeat(came, 160))
        assert np.array_equal(samples[there], expected(name, spoken, side)[there])


@given(seed=st.integers(0, 10**6), shares=st.tuples(*[st.floats(0, 0.25)] * 4), jitter=st.floats(0, 1))
@settings(deadline=None)
def test_faults_lose_and_double_as_many_as_they_count(seed, shares, jitter):
    disorder = Disorder(Faults(*shares, jitter=jitter), random.Random(seed), parts=2)
    sent = [one for number in range(400) for one in disorder.step(number)] + disorder.rest()
    assert 400 - len(set(sent)) == disorder.done["loss"]
    assert len(sent) - len(set(sent)) == disorder.done["duplicate"]


@given(seed=st.integers(0, 10**6), jitter=st.floats(0.02, 1))
@settings(deadline=None)
def test_jitter_alone_keeps_the_order(seed, jitter):
    disorder = Disorder(Faults(jitter=jitter), random.Random(seed), parts=1)
    assert [one for number in range(400) for one in disorder.step(number)] + disorder.rest() == list(range(400))


def test_as_many_calls_vanish_and_freeze_as_were_asked_for():
    faults = Faults(vanish=0.25, freeze=0.5)
    fates = [fate(faults, random.Random(seed), 10.0) for seed in range(2000)]
    names = [one[0] if one else "neither" for one in fates]
    assert abs(names.count("vanish") / 2000 - 0.25) < 0.03
    assert abs(names.count("freeze") / 2000 - 0.5) < 0.04
    assert all(1.0 <= one[1] <= 9.0 for one in fates if one)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("loss", "a fault is NAME=NUMBER, such as loss=0.02; got 'loss'"),
        ("loss=much", "a fault is NAME=NUMBER"),
        ("rain=0.1", "there is no fault rain; there are loss, reorder, late, duplicate, jitter, vanish, freeze"),
        ("loss=2", "the fault loss lies between 0 and 1, got 2"),
        ("loss=nan", "the fault loss lies between 0 and 1, got nan"),
    ],
)
def test_a_fault_that_cannot_be_is_answered_with_those_that_can(text, said):
    with pytest.raises(UsageError, match=said):
        Faults.parse(text)


# AudioHook --------------------------------------------------------------------------------------------------------


def test_a_signature_is_that_of_genesys_own_example():
    parts = {
        "@request-target": "/api/v1/voicebiometrics/ws",
        "@authority": "audiohook.example.com",
        "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
        "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
        "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
        "x-api-key": KEY,
    }
    made = signature(parts, SECRET, created=1641013200, expires=3282026430, nonce="VGhpc0lzQVVuaXF1ZU5vbmNl")
    assert made["signature"] == "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:"


def test_no_nonce_is_used_twice():
    (leg,) = legs("audiohook", call())
    assert len({leg.headers("wss://h/v1/ingest/audiohook", 0.0)["signature-input"] for _ in range(100)}) == 100


def test_audiohook_pauses_and_goes_on_when_asked():
    (leg,) = legs("audiohook", call())
    connection = Connection("audiohook", leg)
    assert not leg.talking
    connection.feed(*leg.hello())
    connection.say(*range(10))
    connection.codec.say("pause")
    for reply in connection.codec.replies():
        connection.feed(*leg.hear(reply))
    assert not leg.talking
    connection.codec.say("resume")
    for reply in connection.codec.replies():
        connection.feed(*leg.hear(reply))
    assert leg.talking
    connection.say(*range(10, 20))
    assert [type(event) for event in connection.events if isinstance(event, Paused | Resumed)] == [Paused, Resumed]
    assert connection.told(Violation) == []
    assert heard(connection, "external", 20 * 160)[1].all()


def test_audiohook_leaves_when_asked():
    (leg,) = legs("audiohook", call())
    connection = Connection("audiohook", leg)
    connection.feed(*leg.hello())
    connection.codec.say("end")
    for reply in connection.codec.replies():
        connection.feed(*leg.hear(reply))
    assert not leg.talking
    assert leg.over


# Twilio -----------------------------------------------------------------------------------------------------------


def test_twilio_signs_its_url():
    (leg,) = legs("twilio", call())
    url = "wss://here.example/v1/ingest/twilio"
    right = base64.b64encode(hmac.new(SECRET.encode(), url.encode(), hashlib.sha1).digest()).decode()
    assert leg.headers(url, 0.0) == {"X-Twilio-Signature": right}
    (unsigned,) = legs("twilio", Call(0, sound()))
    assert unsigned.headers(url, 0.0) == {}


# Sound ------------------------------------------------------------------------------------------------------------


def test_a_sound_that_ends_begins_again():
    spoken = call(shift=PIECES - 1)
    assert [spoken.at(number) for number in (0, 1, PIECES)] == [PIECES - 1, 0, PIECES - 1]


def test_a_sound_has_the_length_of_its_shorter_side_in_whole_pieces():
    made = Sound(np.ones(8000, np.int16), np.ones(400, np.int16), 8000)
    assert made.count == 2
    with pytest.raises(UsageError, match=r"a call needs 0\.02 s of sound on each side, got 8000 and 100"):
        Sound(np.ones(8000, np.int16), np.ones(100, np.int16), 8000)


def test_what_a_simulated_call_has_gone_through_is_not_coded_again():
    coded = after_the_law(sound().samples["customer"]).astype(np.float32) / 32768
    made = Sound.of(np.stack([coded, coded], axis=1), 8000)
    assert np.array_equal(after_the_law(made.samples["customer"]), made.samples["customer"])
