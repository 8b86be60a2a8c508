"""Resampling is streaming: the chunks never matter; and it is band-limited: what cannot be kept is not folded down."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio import Resampler
from affekt.audio.resample import Doubler

RATES = [4000, 8000, 11025, 22050, 44100, 48000, 192000]


def convert(samples, rate, cuts=()):
    resampler = Resampler(rate)
    parts = [resampler.push(part) for part in np.split(samples, sorted(cuts))]
    return np.concatenate([*parts, resampler.finish()])


@given(st.sampled_from(RATES), st.integers(0, 5000), st.lists(st.integers(0, 5000), max_size=20))
def test_any_chunking_gives_the_same_samples(rate, length, cuts):
    samples = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    cuts = [min(cut, length) for cut in cuts]
    assert np.array_equal(convert(samples, rate, cuts), convert(samples, rate))


@pytest.mark.parametrize("rate", RATES)
def test_equals_the_conversion_of_the_whole(rate):
    samples = np.random.default_rng(0).standard_normal(rate).astype(np.float32)
    assert np.allclose(convert(samples, rate), soxr.resample(samples, rate, 16000, quality="HQ"), atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_one_second_stays_one_second(rate):
    assert len(convert(np.zeros(rate, np.float32), rate)) == 16000


def test_equal_rates_change_nothing():
    samples = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    assert convert(samples, 16000, [7, 300]) is not samples
    assert np.array_equal(convert(samples, 16000, [7, 300]), samples)


def test_a_tone_keeps_its_pitch_and_one_above_the_band_vanishes():
    time = np.arange(48000) / 48000
    kept = convert(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 48000)
    gone = convert(np.sin(2 * np.pi * 10000 * time).astype(np.float32), 48000)
    assert np.argmax(np.abs(np.fft.rfft(kept))) == 1000
    assert np.abs(gone[1000:-1000]).max() < 1e-4


@given(st.lists(st.integers(0, 300), max_size=20))
def test_twice_the_rate_in_whatever_chunks(sizes):
    samples = np.random.default_rng(0).normal(size=2000).astype(np.float32)
    whole, parts, at = Doubler(), Doubler(), 0
    found = []
    for size in [*sizes, 2000]:
        found.append(parts.push(samples[at : at + size]))
        at += size
    expected = np.concatenate([whole.push(samples), whole.finish()])
    assert np.array_equal(np.concatenate([*found, parts.finish()]), expected)
    assert np.array_equal(expected[::2], samples)


def test_what_a_telephone_carries_is_doubled_as_by_soxr():
    """Up to 3.6 kHz, to -70 dB; and 4 ms later, where soxr holds back its blocks."""
    time = np.arange(8000) / 8000
    speech = sum(np.sin(2 * np.pi * f * time + f) for f in (120, 700, 1900, 3400, 3600)).astype(np.float32)
    doubler = Doubler()
    first = doubler.push(speech)
    made = np.concatenate([first, doubler.finish()])
    error = (made - soxr.resample(speech, 8000, 16000, quality="HQ"))[500:-500]
    assert len(first) >= 2 * len(speech) - 64
    assert 20 * np.log10(error.std() / speech.std()) < -70
