"""The level of speech: pauses do not count, a gain before changes nothing after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio import active_level, level, read

SPEECH = Path(__file__).parents[2] / ".." / "shared" / "reference" / "speech.wav"

sounds = st.builds(
    lambda seed, length, offset: (
        np.random.default_rng(seed).laplace(offset, 0.1, length)
        * np.interp(np.arange(length), [0, length / 2, length], np.random.default_rng(seed).uniform(0, 1, 3))
    ).astype(np.float32),
    st.integers(0, 10**6),
    st.integers(1, 20000),
    st.sampled_from([0.0, 0.0, 0.5]),
)
rates = st.sampled_from([8000, 16000, 22050])


@given(sounds, rates, st.floats(-60, 60))
def test_a_gain_moves_the_level_by_its_decibels(samples, rate, gain):
    scaled = samples * np.float32(10 ** (gain / 20))
    before, after = active_level(samples, rate), active_level(scaled, rate)
    assert after == before == -np.inf or after - before == pytest.approx(gain, abs=1e-3)


@given(sounds, rates, st.integers(-6, 6))
def test_a_gain_that_floats_carry_without_rounding_changes_not_one_bit(samples, rate, octaves):
    if active_level(samples, rate) > -50:
        assert np.array_equal(level(samples * np.float32(2.0**octaves), rate), level(samples, rate))


@given(sounds, rates, st.floats(-60, 0))
def test_levelling_arrives_at_the_target_without_offset(samples, rate, target):
    done = level(samples, rate, target)
    assert done.dtype == np.float32
    if active_level(samples, rate) > -90:
        assert active_level(done, rate) == pytest.approx(target, abs=1e-2)
        assert abs(done.mean()) < 1e-4 * np.abs(done).max()


@given(sounds, rates)
def test_levelling_twice_is_levelling_once(samples, rate):
    once = level(samples, rate)
    assert np.allclose(level(once, rate), once, atol=1e-3 * max(1e-9, np.abs(once).max()))


def test_an_offset_does_not_count():
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.05, 32000).astype(np.float32)
    assert active_level(samples + np.float32(0.3), 16000) == pytest.approx(active_level(samples, 16000), abs=1e-3)


def test_silence_is_left_alone():
    for samples in (
        np.zeros(0),
        np.zeros(16000),
        np.full(1, 0.5),
        np.full(16000, 1e-6),
        np.resize([1e-5, -1e-5], 9000),
    ):
        silent = samples.astype(np.float32)
        assert level(silent, 16000) is silent
    assert active_level(np.zeros(16000, np.float32), 16000) == -np.inf


def test_peaks_are_not_clipped():
    samples = np.zeros(16000, np.float32)
    samples[::800] = 0.9
    assert np.abs(level(samples, 16000, -3.0)).max() > 1


@pytest.mark.parametrize(("pause", "most"), [(1.0, 0.3), (10.0, 1.1)])
def test_pauses_hardly_count_in_real_speech(pause, most):
    """5.2 s of speech in 15.2 s: the RMS falls by 4.6 dB."""
    if not SPEECH.exists():
        pytest.skip("no reference/speech.wav in ../shared")
    speech = read(SPEECH).samples
    silence = np.zeros(round(pause * 16000), np.float32)
    with_pause = np.concatenate([silence / 2, speech, silence / 2])
    assert active_level(with_pause, 16000) == pytest.approx(active_level(speech, 16000), abs=most)


@given(st.floats(-40, 20))
def test_real_speech_comes_out_the_same_at_any_level(gain):
    if not SPEECH.exists():
        pytest.skip("no reference/speech.wav in ../shared")
    speech = read(SPEECH).samples
    assert np.allclose(level(speech * np.float32(10 ** (gain / 20)), 16000), level(speech, 16000), atol=1e-5)
