"""Simulated calls: the truth is true of the sound, and a seed is all they depend on."""

from __future__ import annotations

import io
import json
import shutil
from itertools import islice, pairwise

import numpy as np
import pytest
import soundfile
from players import Players

from affekt import rttm, simulate
from affekt.audio import active_level
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.live import Session, TurnEnded
from affekt.manifest import Manifest
from affekt.simulate.cast import RATE
from affekt.types import LabelSet, Segment, Utterance
from voices import sound


def db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20)


def made(count=1, **setting):
    return list(simulate.calls(count, cast=Players(), **{"seconds": 60, **setting}))


@pytest.fixture(scope="module")
def quiet():
    """Calls without noise, long enough that everything happens in them."""
    return made(4, kind="mixed", seconds=240, noise=None, seed=6)


# One call ---------------------------------------------------------------------------------------------------------


def test_there_is_sound_where_the_truth_says_so_and_nowhere_else(quiet):
    """Each line is loud on its side; and where neither lines nor asides are, there is the hiss of the line."""
    for call in quiet:
        for column, side in enumerate(("customer", "agent")):
            own = call.audio[:, column]
            lines = [line.segment for line in call.truth.lines if line.speaker == side]
            assert min(db(own[round(s.start * RATE) : round(s.end * RATE)]) for s in lines) > -45
            both = side == "customer" and call.truth.echo is not None
            spans = [one.segment for one in call.truth.lines if both or one.speaker == side]
            spans += [one.segment for one in call.truth.asides if both or one.side == side]
            heard = np.zeros(len(own), bool)
            for one in spans:
                heard[round((one.start - 0.1) * RATE) : round((one.end + 0.1) * RATE)] = True
            assert db(own[~heard]) < -60


def test_lines_lie_in_the_call_in_order_and_nobody_speaks_over_themselves(quiet):
    for call in quiet:
        truth = call.truth
        assert len(call.audio) == round(truth.seconds * call.rate)
        assert [line.segment.start for line in truth.lines] == sorted(line.segment.start for line in truth.lines)
        for side in ("customer", "agent"):
            own = [line.segment for line in truth.lines if line.speaker == side]
            assert all(a.end <= b.start for a, b in pairwise(own))
        assert all(line.segment.start >= 0 and line.segment.end < truth.seconds for line in truth.lines)
        assert all(0 < line.speech <= line.segment.duration + 0.02 for line in truth.lines)


def test_the_customer_keeps_to_the_emotion_of_an_episode_and_the_agent_plays_none(quiet):
    for call in quiet:
        lines = call.truth.lines
        assert {line.emotion for line in lines if line.speaker == "agent"} == {"neutral"}
        assert all(line.source.split("/")[1] == line.emotion for line in lines)
        episodes = call.truth.episodes
        assert all(a.segment.end <= b.segment.start and a.emotion != b.emotion for a, b in pairwise(episodes))
        for one in episodes:
            within = [line for line in lines if line.speaker == "customer" and line.segment & one.segment]
            assert {line.emotion for line in within if not line.backchannel} == {one.emotion}
            assert call.truth.speech("customer", one.segment) == pytest.approx(
                one.speech + sum(line.speech for line in within if line.backchannel)
            )


def test_two_speak_at_once_nod_hold_are_silent_and_press_keys(quiet):
    lines = [line for call in quiet for line in call.truth.lines]
    assert any(line.backchannel for line in lines)
    assert any(
        a.segment & b.segment
        for call in quiet
        for a, b in pairwise([line for line in call.truth.lines if not line.backchannel])
    )
    assert {one.what for call in quiet for one in call.truth.asides} == {"hold", "silence", "keys"}
    assert {call.truth.echo is None for call in quiet} == {True, False}


def test_nobody_speaks_while_music_is_on_hold_keys_are_pressed_or_both_are_silent():
    for call in made(12, kind="calm", seconds=240, seed=1):
        assert not [(a, one) for a in call.truth.asides for one in call.truth.lines if a.segment & one.segment]


def test_a_pressed_key_is_two_tones_of_q23(quiet):
    call, aside = next((c, a) for c in quiet for a in c.truth.asides if a.what == "keys")
    start = round(aside.segment.start * RATE)
    spectrum = np.abs(np.fft.rfft(call.audio[start + 160 : start + 640, 0] * np.hanning(480), 8000))
    peaks = {int(np.argmax(spectrum * mask)) for mask in (np.arange(4001) < 1075, np.arange(4001) >= 1075)}
    assert any(abs(min(peaks) - hertz) <= 3 for hertz in (697, 770, 852, 941))
    assert any(abs(max(peaks) - hertz) <= 3 for hertz in (1209, 1336, 1477))


@pytest.mark.parametrize("below", [5.0, 20.0])
def test_noise_lies_as_far_below_the_speech_as_asked(below):
    """Whatever its colour, in the band of the telephone: measured in the first half second, when nobody speaks."""
    kinds = set()
    for call, quiet in zip(made(8, noise=below), made(8, noise=None), strict=True):
        kinds.add(call.truth.noise[0])
        same = [line for line in call.truth.lines if line.speaker == "customer" and not line.backchannel]
        speech = np.concatenate([quiet.audio[round(s.start * RATE) : round(s.end * RATE), 0]
                                 for s in (line.segment for line in same)])  # fmt: skip
        noise = call.audio[: RATE // 2, 0]
        assert active_level(speech, RATE) - db(noise) == pytest.approx(below, abs=2.0)
    assert len(kinds) > 1


@pytest.mark.parametrize("law", ["mu", "a"])
def test_the_file_is_the_call_to_the_bit(law, tmp_path):
    (call,) = made(law=law)
    wav, truth, rows = call.write(tmp_path)
    read, rate = soundfile.read(wav, dtype="float32")
    assert soundfile.info(wav).subtype == {"mu": "ULAW", "a": "ALAW"}[law]
    assert (rate, read.shape) == (8000, call.audio.shape)
    assert np.array_equal(read, call.audio)
    assert np.array_equal(soundfile.read(io.BytesIO(call.wav()), dtype="float32")[0], read)
    assert json.loads(truth.read_text()) == json.loads(json.dumps(call.truth.to_dict()))
    spoken = {(round(s.start, 2), who) for s, who in rttm.read(rows)}
    assert spoken == {(round(float(f"{x.segment.start:.3f}"), 2), x.speaker) for x in call.truth.lines}


# Many calls -------------------------------------------------------------------------------------------------------


def test_a_call_is_the_same_however_many_are_asked_for_and_another_seed_makes_others():
    few, many, other = made(2), list(islice(simulate.calls(cast=Players(), seconds=60), 3)), made(2, seed=1)
    for a, b in zip(few, many, strict=False):
        assert a.truth == b.truth
        assert np.array_equal(a.audio, b.audio)
    assert len({c.truth.name for c in [*many, *other]}) == 5
    assert not any(np.array_equal(a.audio[:40000], b.audio[:40000]) for a, b in zip(few, other, strict=True))


def test_nobody_speaks_on_both_sides():
    people = [call.truth.people for call in made(12, seconds=30)]
    assert all(one["customer"] != one["agent"] for one in people)
    assert len({one["customer"] for one in people}) > 1


def test_a_customer_who_has_no_anger_plays_no_angry_call():
    assert all(call.truth.people["customer"] != "d" for call in made(10, kind="angry", seconds=30))


@pytest.mark.parametrize(
    ("setting", "error", "said"),
    [
        ({"kind": "clam"}, UnknownNameError, "did you mean 'calm'"),
        ({"law": "b"}, UnknownNameError, "no law of G.711 is called 'b'"),
        ({"noise": 100}, UsageError, "noise lies -10 to 60 dB below the speech"),
        ({"seed": -1}, UsageError, "a seed is 0 or more"),
        ({"seconds": 1}, UsageError, "a call must last"),
    ],
)
def test_a_wrong_setting_is_refused_before_the_first_call(setting, error, said):
    with pytest.raises(error, match=said):
        simulate.calls(1, cast=Players(), **setting)


# Casts ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three speakers on disk; one has no neutral speech, and silence lies around every clip."""
    root, rows = tmp_path_factory.mktemp("corpus"), []
    for number, (who, emotion) in enumerate([(w, e) for w in "abc" for e in ("anger", "calm", "neutral")]):
        if (who, emotion) == ("c", "neutral"):
            continue
        gain = 0.5 if emotion == "anger" else 0.05
        padded = np.pad(gain * sound(number, 2.0), 16000)
        soundfile.write(root / f"{number}.wav", padded, 16000)
        rows.append(Utterance(f"{who}{emotion}", f"{number}.wav", f"demo/{who}", emotion))
    labels = LabelSet(("anger", "calm", "neutral"))
    return Manifest("demo", labels, tuple(rows), licence="", citation="", root=root)


def test_of_a_corpus_only_the_chosen_are_heard(corpus):
    cast = simulate.Corpora([corpus], speakers=["demo/a", "demo/c"])
    for call in simulate.calls(4, cast=cast, kind="angry", seconds=30):
        assert set(call.truth.people.values()) == {"demo/a", "demo/c"}
        assert {line.source[0] for line in call.truth.lines} <= {"a", "c"}


def test_a_clip_comes_without_the_silence_around_it_and_keeps_some_of_its_loudness(corpus):
    cast = simulate.Corpora([corpus])
    calm, anger = (cast.sound("demo/a", f"a{emotion}") for emotion in ("calm", "anger"))
    assert max(len(calm), len(anger)) < 3 * RATE
    assert active_level(calm, RATE) == pytest.approx(-26, abs=4)
    assert active_level(anger, RATE) - active_level(calm, RATE) == pytest.approx(8, abs=4)


def test_a_cast_that_cannot_play_is_refused(corpus):
    with pytest.raises(UnknownNameError, match="no speaker is called 'demo/x'"):
        simulate.Corpora([corpus], speakers=["demo/x"])
    with pytest.raises(DataError, match="need two people with neutral speech"):
        simulate.calls(1, cast=simulate.Corpora([corpus], speakers=["demo/a"]), kind="calm")


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: the voices cannot be made")
def test_the_live_core_hears_the_synthesised_customer_where_the_truth_says_so():
    (call,) = simulate.calls(1, kind="calm", seconds=40, seed=2)
    assert call.truth.synthetic
    session = Session("permissive", channels={"left": "customer", "right": "agent"})
    events = [*session.push(call.audio, call.rate), *session.finish()]
    turns = [event.segment for event in events if isinstance(event, TurnEnded) and event.speaker == "left"]
    for line in call.truth.lines:
        if line.speaker == "customer" and not line.backchannel:
            heard = sum(part.duration for turn in turns if (part := turn & line.segment))
            assert heard > 0.8 * line.segment.duration
    assert all(isinstance(one.segment, Segment) for one in call.truth.asides)
