"""What every detector owes: every file in the folder is put through it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt import registry, vad
from affekt.audio import read
from affekt.errors import UnknownNameError, UsageError

SHARED = Path(__file__).parents[2] / ".." / "shared"
NAMES = registry.names("vad")
RATES = [8000, 16000]


@pytest.fixture(scope="module")
def speech():
    path = SHARED / "reference" / "speech.wav"
    if not path.exists():
        pytest.skip("no reference/speech.wav in ../shared")
    return {rate: read(path, rate=rate).samples for rate in RATES}


def hear(name, samples, cuts=(), rate=16000):
    detector = vad.load(name, rate)
    probs = [detector.push(part) for part in np.split(samples, sorted(cuts))]
    return np.concatenate([*probs, detector.finish()])


def test_the_folder_lists_the_detectors():
    assert NAMES == ["energy", "silero"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("length", [0, 1, 511, 512, 513, 5000, 48000])
def test_every_begun_frame_gets_one_probability(name, rate, length):
    probs = hear(name, np.random.default_rng(0).normal(0, 0.01, length).astype(np.float32), rate=rate)
    assert probs.shape == (-(-length // (512 * rate // 16000)),)
    assert probs.dtype == np.float32
    assert ((probs >= 0) & (probs <= 1)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", RATES)
def test_single_samples_give_what_the_whole_gives(name, rate):
    samples = np.random.default_rng(0).normal(0, 0.01, 3000).astype(np.float32)
    assert np.array_equal(hear(name, samples, range(3000), rate), hear(name, samples, (), rate))


@pytest.mark.parametrize("name", NAMES)
@given(cuts=st.lists(st.integers(0, 80000), max_size=30))
def test_the_chunking_changes_nothing_to_the_last_bit(name, speech, cuts):
    samples = np.concatenate([np.zeros(3000, np.float32), speech[16000]])
    assert np.array_equal(hear(name, samples, cuts), hear(name, samples))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("gain", [-40, -30, 10, 20])
def test_a_gain_changes_nothing(name, speech, rate, gain):
    samples = np.concatenate([np.zeros(rate, np.float32), speech[rate]])
    before, after = hear(name, samples, (), rate), hear(name, samples * np.float32(10 ** (gain / 20)), (), rate)
    assert np.abs(after - before).max() < 1e-3
    assert np.array_equal(after > 0.5, before > 0.5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", RATES)
def test_speech_is_heard_and_what_surrounds_it_is_not(name, speech, rate):
    noise = np.random.default_rng(0).normal(0, 1e-4, 2 * rate).astype(np.float32)
    probs = hear(name, np.concatenate([noise, speech[rate], noise]), (), rate)
    inside = slice(66, 66 + len(speech[rate]) * 125 // 4 // rate)
    assert (probs[:60] > 0.5).mean() < 0.05
    assert (probs[inside] > 0.5).mean() > 0.6
    assert (probs[-50:] > 0.5).mean() < 0.05


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [np.zeros(64000), np.full(64000, 0.3), np.resize([0, 0, 0, 1 / 32768], 64000)])
def test_there_is_no_speech_in_silence_offset_or_the_last_bit(name, samples):
    assert (hear(name, samples.astype(np.float32)) < 0.5).all()


@pytest.mark.parametrize("name", NAMES)
def test_reset_forgets_everything(name, speech):
    detector = vad.load(name)
    first = [detector.push(speech[16000][:20001]), detector.finish()]
    detector.reset()
    again = [detector.push(speech[16000][:20001]), detector.finish()]
    assert np.array_equal(np.concatenate(first), np.concatenate(again))


@pytest.mark.parametrize("name", NAMES)
def test_other_rates_are_refused(name):
    with pytest.raises(UsageError, match="at 8000 or 16000 Hz, not at 44100; resample first"):
        vad.load(name, 44100)


def test_an_unknown_name_is_answered_with_the_known():
    with pytest.raises(UnknownNameError, match="no voice activity detector is called 'silero2'; did you mean 'silero'"):
        vad.load("silero2")
