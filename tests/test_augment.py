"""Copies of speech: made again to the sample, of the same length, and changed as they say."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import clips
from affekt import augment
from affekt.audio import active_level
from affekt.types import Signal

SAME_LENGTH = [augment.colour, augment.noise, augment.room, augment.phone]
CHANGES = [augment.crop, augment.speed, augment.quick, *SAME_LENGTH]

sounds = st.builds(
    lambda seed, length, rate: Signal(
        np.random.default_rng(seed).laplace(0, 0.05, length).astype(np.float32), rate, start=seed
    ),
    st.integers(0, 1000),
    st.integers(400, 60000),
    st.sampled_from([8000, 16000, 44100]),
)
seeds = st.integers(0, 10**6)


def rng(seed=0):
    return np.random.default_rng(seed)


def hiss(seconds=4.0):
    return Signal(rng(9).normal(0, 0.05, round(seconds * 16000)).astype(np.float32), 16000)


def band(signal, low, high):
    """Power between two frequencies, in dB."""
    hertz = np.fft.rfftfreq(len(signal.samples), 1 / signal.rate)
    power = np.abs(np.fft.rfft(signal.samples.astype(np.float64))) ** 2
    return 10 * np.log10(power[(hertz >= low) & (hertz < high)].mean() + 1e-20)


def g711(samples):
    """The telephone's own code, by libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format="WAV", subtype="ULAW")
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def decibels(signal, error):
    return 10 * np.log10(np.mean(signal**2) / (np.mean(error**2) + 1e-20))


@pytest.mark.parametrize("change", CHANGES)
@given(signal=sounds, seed=seeds)
def test_the_same_seed_makes_the_same_copy(change, signal, seed):
    kept = signal.samples.copy()
    first, second = (change(signal, rng(seed)) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)
    assert np.array_equal(signal.samples, kept), "the original is left alone"


@pytest.mark.parametrize("change", CHANGES)
def test_another_seed_makes_another_copy(change):
    copies = [change(hiss(), rng(seed)).samples for seed in (1, 2)]
    assert not np.array_equal(*copies)


@pytest.mark.parametrize("change", SAME_LENGTH)
@given(signal=sounds, seed=seeds)
def test_length_rate_and_place_are_kept(change, signal, seed):
    copy = change(signal, rng(seed))
    assert (len(copy.samples), copy.rate, copy.start) == (len(signal.samples), signal.rate, signal.start)
    assert copy.samples.dtype == np.float32
    assert np.isfinite(copy.samples).all()


@given(signal=sounds, seed=seeds, shortest=st.floats(0.1, 1.0), more=st.floats(0, 2))
def test_a_crop_is_a_stretch_of_the_signal(signal, seed, shortest, more):
    cut = augment.crop(signal, rng(seed), shortest=shortest, longest=shortest + more)
    begin = cut.start - signal.start
    assert np.array_equal(cut.samples, signal.samples[begin : begin + len(cut.samples)])
    if len(cut.samples) < len(signal.samples):
        assert shortest - 1 / signal.rate <= cut.duration <= shortest + more


def test_crops_reach_every_part_of_a_signal():
    signal = hiss(6.0)
    cuts = [augment.crop(signal, rng(seed)) for seed in range(200)]
    assert min(cut.duration for cut in cuts) < 1.3 < 2.9 < max(cut.duration for cut in cuts)
    assert min(cut.start for cut in cuts) < 1600
    assert max(cut.end for cut in cuts) > len(signal.samples) - 1600


@given(seeds, st.floats(0.01, 0.1))
def test_another_speed_moves_length_and_pitch_together(seed, most):
    rate, pitch = 16000, 440.0
    tone = np.sin(2 * np.pi * pitch * np.arange(rate) / rate).astype(np.float32)
    played = augment.speed(Signal(tone, rate, start=7), rng(seed), most=most)
    heard = np.abs(np.fft.rfft(played.samples * np.hanning(len(played.samples)), 16 * rate)).argmax() / 16
    assert heard * played.duration == pytest.approx(pitch, rel=2e-3), "as many periods as before"
    assert 1 - most - 0.006 <= played.duration**-1 <= 1 + most + 0.006
    assert (played.rate, played.start) == (rate, 7)


def test_quick_is_another_speed_and_a_crop():
    copies = [augment.quick(hiss(6.0), rng(seed)) for seed in range(20)]
    assert all(1.2 - 1e-4 <= copy.duration <= 3 for copy in copies)


@given(seeds)
def test_a_microphone_colours_within_its_bounds(seed):
    """Tilt of 6 dB in three octaves, from 60 Hz to 8 kHz around 1 kHz, and a ripple of 4 dB: at most 12.2 dB."""
    signal = hiss(1.0)
    before, after = (np.abs(np.fft.rfft(s.samples)) for s in (signal, augment.colour(signal, rng(seed))))
    gain = 20 * np.log10(after[1:-1] / before[1:-1])
    assert np.abs(gain).max() < 12.5
    assert np.ptp(gain) > 0.5


@pytest.mark.parametrize("ratio", [10.0, 17.5, 25.0])
def test_noise_lies_below_the_active_speech_by_the_ratio(ratio):
    """Pauses do not count: half of this signal is silent."""
    samples = np.concatenate([hiss().samples, np.zeros(64000, np.float32)])
    for seed in range(5):
        copy = augment.noise(Signal(samples, 16000), rng(seed), least=ratio, most=ratio)
        assert active_level(copy.samples[70000:], 16000) == pytest.approx(-26 - ratio, abs=0.8)


def test_noise_lies_between_white_and_pink():
    silent = Signal(np.zeros(64000, np.float32), 16000)
    tilts = []
    for seed in range(30):
        added = augment.noise(silent, rng(seed))
        tilts.append(band(added, 250, 500) - band(added, 4000, 8000))
    assert min(tilts) > -1.5
    assert max(tilts) < 13.5  # four octaves at 3 dB
    assert max(tilts) > 6


@given(seeds)
def test_a_telephone_passes_its_band_alone(seed):
    heard = augment.phone(hiss(), rng(seed))
    passed = band(heard, 700, 2800)
    assert band(heard, 4300, 8000) < passed - 60
    assert band(heard, 20, 150) < passed - 20
    assert abs(band(heard, 400, 700) - passed) < 2
    assert abs(band(heard, 2800, 3200) - passed) < 3


@pytest.mark.parametrize("change", [augment.noise, augment.room, augment.phone])
def test_the_level_of_the_recording_does_not_come_through(change):
    for signal in clips.read(clips.sample(clips.corpus("emodb"), 3)):
        loud, quiet = (change(clips.scaled(signal, gain), rng(1)).samples for gain in (10, -30))
        assert decibels(loud, loud - quiet) > 35  # a telephone quantises, so that rounding may show


@given(st.floats(-1, 1))
def test_mu_law_keeps_what_it_has_made(value):
    once = augment.mu_law(np.array([value], np.float32))
    assert np.array_equal(augment.mu_law(once), once)


def test_mu_law_has_255_steps_that_grow_with_the_level():
    heard = np.unique(augment.mu_law(np.linspace(-1.5, 1.5, 100001, dtype=np.float32)))
    assert len(heard) == 255
    assert np.array_equal(heard, -heard[::-1])
    assert heard[-1] == 1
    assert (np.diff(heard[127:], 2) > -1e-7).all()


@pytest.mark.parametrize("level", [-10, -20, -30, -40])
def test_mu_law_sounds_as_g711_does(level):
    """G.711 follows the curve by eight straight pieces: speech comes through as cleanly, within 1.5 dB."""
    speech = (rng().laplace(0, 10 ** (level / 20) / np.sqrt(2), 50000)).clip(-0.98, 0.98).astype(np.float32)
    ours, theirs = (decibels(speech, speech - code(speech)) for code in (augment.mu_law, g711))
    assert ours == pytest.approx(theirs, abs=1.5)
    assert ours > 35
