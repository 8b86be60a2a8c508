"""The SNR: against mixes whose SNR is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clips
from affekt import noise
from affekt.augment import chain
from affekt.types import Signal

RATE = 16000


@pytest.fixture(scope="module")
def speech():
    heard = clips.read(clips.sample(clips.corpus("emodb"), 8))
    return [clips.levelled(signal).samples for signal in heard]


def told(speech, decibels, kind="white", **folders):
    """SNR of an utterance that follows 1 s of its noise, in which nobody speaks."""
    change = chain(kind, ranges={kind: {"least": decibels, "most": decibels}}, folders=folders)
    lead = np.zeros(RATE, np.float32)
    mixed = change(Signal(np.concatenate([lead, speech]), RATE), np.random.default_rng(0)).samples
    meter = noise.Meter()
    meter.push(mixed)
    return meter.between(len(lead), len(mixed))


@pytest.mark.parametrize("kind", ["white", "pink"])
@pytest.mark.parametrize("decibels", [0, 5, 10, 15])
def test_the_snr_of_steady_noise_is_told_within_3_db(kind, decibels, speech):
    errors = np.array([told(samples, decibels, kind) - decibels for samples in speech])
    assert abs(errors.mean()) < 2
    assert np.abs(errors).max() < 4.5


def test_less_noise_is_told_as_a_higher_snr(speech):
    for samples in speech:
        found = [told(samples, decibels) for decibels in (0, 5, 10, 20)]
        assert found == sorted(found)


def test_of_noise_alone_there_is_no_speech_to_tell_of():
    meter = noise.Meter()
    meter.push(np.random.default_rng(0).normal(0, 0.02, 4 * RATE).astype(np.float32))
    assert meter.between(RATE, 4 * RATE) < -3


def test_studio_speech_lies_far_above_its_noise(speech):
    meter, pause = noise.Meter(), np.random.default_rng(0).normal(0, 1e-4, RATE).astype(np.float32)
    stream = np.concatenate([part for samples in speech for part in (samples, pause)])
    meter.push(stream)
    assert meter.between(2 * RATE, len(stream)) > 20


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 40000), max_size=20))
def test_the_chunking_changes_no_snr(cuts):
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.01, 40000).astype(np.float32)
    sound[12000:30000] += np.sin(np.arange(18000) * 0.2).astype(np.float32) * 0.1
    one, other = noise.Meter(), noise.Meter()
    one.push(sound)
    for part in np.split(sound, sorted(cuts)):
        other.push(part)
    assert [one.between(a, a + 16000) for a in (0, 9000, 24000)] == [
        other.between(a, a + 16000) for a in (0, 9000, 24000)
    ]


def test_nothing_is_said_of_what_was_not_heard_or_told_nothing():
    meter = noise.Meter(start=1000)
    assert meter.between(1000, 9000) is None
    meter.push(np.zeros(RATE, np.float32))
    assert meter.between(1000, 1000 + RATE) is None, "digital silence tells nothing of noise"
    meter.push(np.full(RATE, np.nan, np.float32))
    assert meter.between(1000, 1000 + 2 * RATE) is None, "neither does what is no number"


def test_a_place_is_counted_from_the_streams_beginning():
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.01, 48000).astype(np.float32)
    sound[32000:] *= 30
    here, there = noise.Meter(), noise.Meter(start=160000)
    here.push(sound)
    there.push(sound)
    assert here.between(32000, 48000) == there.between(192000, 208000) > 10


def test_the_last_40_seconds_are_remembered_and_no_more():
    meter, sound = noise.Meter(), np.random.default_rng(0).normal(0, 0.01, RATE).astype(np.float32)
    for _ in range(60):
        meter.push(sound)
    assert meter.between(0, 15 * RATE) is None
    assert meter.between(25 * RATE, 55 * RATE) is not None


@pytest.mark.parametrize(
    ("sound", "level", "said"), [(2.0, 1.0, 0.0), (1.0, 1.0, -10.0), (0.0, 0.0, -10.0), (1e9, 1.0, 60.0)]
)
def test_an_snr_stays_within_what_is_told(sound, level, said):
    assert noise.decibels(sound, level) == said
