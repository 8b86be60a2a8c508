"""Which channels are heard: a call has one person in each, everything else is one room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sounds import encode, tone

from affekt import rttm
from affekt.audio import channels, open_recording, read
from affekt.errors import AudioError, UnknownNameError

CONVERSATION = Path(__file__).parents[2] / ".." / "shared" / "conversation" / "two_speakers"


@pytest.fixture(scope="module")
def parties():
    """A real conversation of two, each on a channel of their own, (n, 2)."""
    if not CONVERSATION.exists():
        pytest.skip("no conversation/two_speakers in ../shared")
    signal = read(CONVERSATION / "sample.flac")
    rows = rttm.read(CONVERSATION / "sample.rttm")
    call = np.zeros((len(signal.samples), 2), np.float32)
    for segment, speaker in rows:
        part = slice(round(segment.start * signal.rate), round(segment.end * signal.rate))
        call[part, sorted({name for _, name in rows}).index(speaker)] = signal.samples[part]
    return call


def leaking(call, decibels):
    return call + call[:, ::-1] * np.float32(10 ** (decibels / 20))


def chosen(samples, **options):
    """The names that `auto` gives, and the notes."""
    with open_recording(encode(samples, subtype="FLOAT")) as recording:
        (names,) = {tuple(tracks) for tracks in recording.tracks("auto", **options)}
        return names, recording.notes


def test_a_call_is_two_speakers(parties):
    """Also when the other side leaks through at -20 dB, or both lines are noisy."""
    noise = np.random.default_rng(0).normal(0, 0.002, parties.shape).astype(np.float32)
    for call in (parties, leaking(parties, -20), parties + noise):
        names, notes = chosen(call)
        assert names == ("left", "right")
        assert notes == ["the channels carry different sound and are judged apart"]


def test_a_room_is_one_sound(parties):
    """Copies, noisy copies, two microphones 3 ms apart, two people panned over the stereo image."""
    room = parties.sum(axis=1)
    noise = np.random.default_rng(0).normal(0, 0.005, parties.shape).astype(np.float32)
    copies = np.stack([room, room], axis=1)
    for stereo in (copies, copies + noise, np.stack([room, np.roll(room, 48)], axis=1), leaking(parties, -4)):
        assert chosen(stereo) == ((None,), [])


def test_a_party_that_is_silent_at_first_still_gets_its_own_track():
    samples = tone(40.0, 4000, 2)
    samples[: 35 * 4000, 1] = 0
    assert chosen(samples)[0] == ("left", "right")


def test_silence_on_all_channels_is_one_sound():
    assert chosen(np.zeros((16000, 2), np.float32))[0] == (None,)


def test_an_inverted_copy_would_cancel_in_the_mix_so_one_channel_is_taken():
    samples = tone(2.0)
    names, notes = chosen(np.concatenate([samples, -samples], axis=1))
    assert names == ("left",)
    assert "inverted" in notes[0]


def test_more_channels_are_judged_apart_only_if_all_differ():
    rng = np.random.default_rng(1)
    talk = np.repeat(rng.integers(0, 2, (40, 3)), 1600, axis=0)
    noise = rng.normal(0, 0.1, talk.shape)
    assert chosen((talk * noise).astype(np.float32))[0] == ("ch1", "ch2", "ch3")
    assert chosen((talk[:, [0, 1, 1]] * noise).astype(np.float32))[0] == (None,)  # two hear the same person


def test_the_decision_does_not_depend_on_the_size_of_blocks_nor_lose_any_of_them(parties):
    for seconds in (0.5, 10.0, 60.0):
        with open_recording(encode(parties, subtype="FLOAT")) as recording:
            left = np.concatenate([tracks["left"] for tracks in recording.tracks("auto", seconds=seconds)])
        assert np.array_equal(left, parties[:, 0])


@pytest.mark.parametrize(
    ("choice", "count", "expected"),
    [
        ("auto", 1, {None: 0}),
        ("each", 1, {None: 0}),
        ("mix", 1, {None: 0}),
        ("left", 2, {"left": 0}),
        ("right", 2, {"right": 1}),
        ("left", 8, {"left": 0}),
        ("each", 2, {"left": 0, "right": 1}),
        ("each", 3, {"ch1": 0, "ch2": 1, "ch3": 2}),
    ],
)
def test_a_choice_names_its_tracks(choice, count, expected):
    samples = tone(0.1, channels=count)
    with open_recording(encode(samples, subtype="FLOAT")) as recording:
        (tracks,) = recording.tracks(choice)
    assert list(tracks) == list(expected)
    for name, index in expected.items():
        assert np.array_equal(tracks[name], samples[:, index])


def test_mix_is_the_mean():
    block = np.float32([[1, 0, 0.5], [0, 0, -0.3]])
    assert channels.split(block, "mix")[None] == pytest.approx([0.5, -0.1])


def test_impossible_choices_are_refused():
    with open_recording(encode(tone(0.1))) as recording:
        with pytest.raises(AudioError, match="has one channel, so there is no right one; use channel auto or mix"):
            recording.tracks("right")
        with pytest.raises(UnknownNameError, match="did you mean 'left'"):
            recording.tracks("lef")


def test_likeness_is_symmetric_and_ignores_gain(parties):
    left, right = parties.T
    expected = channels.likeness(left, right, 16000)
    assert channels.likeness(right, left, 16000) == pytest.approx(expected)
    assert channels.likeness(left * 0.01, right, 16000) == pytest.approx(expected, abs=1e-4)
    assert channels.likeness(left, left * 0.1, 16000) == pytest.approx(1, abs=1e-4)


def test_a_silent_start_is_said_since_the_sides_of_a_call_may_follow():
    silence = [np.zeros((16000, 2), np.float32)] * 30
    choice, note = channels.decide(silence, 16000)
    assert choice == "mix"
    assert "begin in silence" in (note or "")
    assert channels.decide(silence[:3], 16000) == ("mix", None)
