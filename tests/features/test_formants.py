"""Formants: the resonances that a vowel was made with, Praat's values on real speech, and their conventions."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import clips
from affekt import audio
from affekt.errors import UsageError
from affekt.features import _prediction, formants
from affekt.types import Signal

RATE = 16000
MEN = {"a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010)}


def vowel(resonances, *, f0=100.0, rate=RATE, seconds=1.0):
    """Pulses that fall by 6 dB per octave, through a cascade of resonances 80 Hz wide."""
    samples = np.zeros(round(rate * seconds))
    samples[np.round(np.arange(0, seconds, 1 / f0) * rate).astype(int)[:-1]] = 1.0
    samples = np.convolve(samples, 0.98 ** np.arange(rate // 20))[: len(samples)]
    for centre in resonances:
        radius, angle = np.exp(-np.pi * 80 / rate), 2 * np.pi * centre / rate
        time = np.arange(rate // 20)
        samples = np.convolve(samples, radius**time * np.sin((time + 1) * angle) / np.sin(angle))[: len(samples)]
    return Signal((0.3 * samples / np.abs(samples).max()).astype(np.float32), rate)


@pytest.fixture(scope="module")
def praat():
    pytest.importorskip("parselmouth")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clips.ROOT))
        yield importlib.import_module("benchmarks.voice").praat_formants


# --- what was made


@pytest.mark.parametrize("name", MEN)
def test_the_resonances_of_a_vowel_are_its_formants(name):
    """To 50 Hz for F1 and F2, half of F0, and 5 % for F3."""
    found = formants.functionals(vowel((*MEN[name], 3500, 4500)))
    for k, centre in enumerate(MEN[name], 1):
        assert found[f"F{k}frequency_median"] == pytest.approx(centre, abs=max(50, 0.05 * centre)), k
        assert 10 < found[f"F{k}bandwidth_median"] < 400, k


@pytest.mark.parametrize("name", MEN)
def test_at_8_khz_four_are_sought_below_4_khz(name):
    found = formants.functionals(vowel((*MEN[name], 3500), rate=8000))
    for k, centre in enumerate(MEN[name], 1):
        assert found[f"F{k}frequency_median"] == pytest.approx(centre, abs=max(50, 0.05 * centre)), k


def test_the_ceiling_chooses_what_is_found():
    """Too much room above costs accuracy below, where two resonances lie near each other: the manual's [u]."""
    signal = vowel((280, 560, 2250, 3200, 4100))
    man, child = (formants.functionals(signal, ceiling=ceiling)["F2frequency_median"] for ceiling in (5000, 8000))
    assert man == pytest.approx(560, abs=50)
    assert abs(child - 560) > abs(man - 560) + 40


@pytest.mark.parametrize("ceiling", [3499, 8001, -1, float("nan")])
def test_a_ceiling_out_of_range_is_refused(ceiling):
    for measure in (formants.extract, formants.functionals):
        with pytest.raises(UsageError, match=r"3500 .. 8000 Hz, got"):
            measure(vowel(MEN["a"]), ceiling=ceiling)


def test_the_amplitude_of_a_formant_is_that_of_its_strongest_harmonic():
    signal = vowel((700, 1200, 2600, 3500, 4500))
    found = formants.functionals(signal)
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(signal.samples[RATE // 4 : RATE * 3 // 4] * np.hanning(RATE // 2))))
    level = {hertz: spectrum[hertz // 2] for hertz in range(100, 4000, 100)}
    for k, near in ((1, (700,)), (2, (1100, 1200, 1300)), (3, range(2400, 2900, 100))):
        strongest = max(level[hertz] for hertz in near)
        assert found[f"F{k}amplitude_median"] == pytest.approx(strongest - level[100], abs=0.5), k


def test_louder_is_the_same_vowel():
    quiet, loud = (formants.functionals(clips.scaled(vowel(MEN["a"]), gain)) for gain in (-12, 0))
    assert quiet == pytest.approx(loud, rel=1e-3, abs=1e-3)


# --- Praat


def test_frames_are_praats_on_real_speech(praat):
    """Median difference in voiced frames below 2 Hz for F1 and 5 Hz for F2 and F3; VOICE.md has both corpora."""
    manifest = clips.corpus("emodb")
    differences = []
    for utterance in list(manifest)[::60]:
        signal = audio.read(manifest.file(utterance))
        places, theirs = praat(signal.samples)
        frames = formants.extract(signal)[places].reshape(-1, 3, 3)
        voiced = frames[:, 0, 2] != 0
        differences.append(np.abs(frames[:, :, :2] - theirs)[voiced])
    found = np.nanmedian(np.concatenate(differences), axis=0)
    assert (found[:, 0] < [2, 5, 5]).all()
    assert (found[:, 1] < 10).all()


def test_another_ceiling_is_praats_too(praat):
    signal = vowel((*MEN["e"], 3500, 4500), f0=110)
    places, theirs = praat(signal.samples, 5000)
    frames = formants.extract(signal, ceiling=5000)[places].reshape(-1, 3, 3)
    assert np.median(np.abs(frames[:, :, 0] - theirs[:, :, 0]), axis=0).max() < 5


# --- conventions


def test_frames_rise_and_absent_formants_are_0():
    rng = np.random.default_rng(0)
    frames = formants.extract(Signal(rng.normal(0, 0.1, RATE).astype(np.float32), RATE)).reshape(-1, 3, 3)
    frequency = frames[:, :, 0]
    rising = (np.diff(frequency, axis=1) > 0) | (frequency[:, 1:] == 0)
    assert rising.all()
    assert ((frequency == 0) | ((frequency > 50) & (frequency < 5450))).all()
    assert ((frames[:, :, 1] > 0) == (frequency > 0)).all()


def test_silence_has_none_and_consonants_have_no_amplitude():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, RATE // 2)
    frames = formants.extract(Signal(np.concatenate([np.zeros(RATE // 2), noise]).astype(np.float32), RATE))
    assert not frames[:45].any()
    assert (frames[55:95, 0] > 0).all()
    assert np.median(frames[55:95, 2]) == 0


def test_functionals_look_at_voiced_frames_only():
    rng = np.random.default_rng(0)
    sound = vowel((*MEN["a"], 3500, 4500)).samples
    hiss = rng.normal(0, 0.02, RATE).astype(np.float32)
    alone, mixed = (formants.functionals(Signal(s, RATE)) for s in (sound, np.concatenate([sound, hiss])))
    for k in (1, 2, 3):
        assert mixed[f"F{k}frequency_median"] == pytest.approx(alone[f"F{k}frequency_median"], rel=0.02)
    assert not any(formants.functionals(Signal(np.zeros(RATE, np.float32), RATE)).values())


# --- the parts


@pytest.mark.parametrize("order", [8, 10])
def test_prediction_finds_the_filter_that_made_the_sound(order):
    rng = np.random.default_rng(0)
    poles = 0.9 * np.exp(1j * np.linspace(0.4, 2.6, order // 2))
    wanted = np.poly(np.concatenate([poles, poles.conj()])).real
    samples = np.zeros(20000)
    for at, drive in enumerate(rng.normal(size=20000)):
        samples[at] = drive - wanted[1 : at + 1] @ samples[max(0, at - order) : at][::-1]
    found = _prediction.prediction(samples[None], order)[0]
    assert found == pytest.approx(wanted[1:], abs=0.05)


@pytest.mark.parametrize(("rate", "target"), [(16000, 11000), (16000, 10000), (8000, 16000), (16000, 9999)])
def test_resampling_keeps_what_both_rates_carry(rate, target):
    """And begins at the same moment; what only the higher rate carries is gone."""
    low, high = 440.0, 0.9 * max(rate, target) / 2
    before, after = np.arange(rate) / rate, np.arange(target) / target
    shape = np.hanning(rate)
    tone = np.sin(2 * np.pi * low * before) + np.sin(2 * np.pi * high * before) * (high < rate / 2)
    made = _prediction.resampled(tone * shape, rate, target)
    expected = np.sin(2 * np.pi * low * after) + np.sin(2 * np.pi * high * after) * (high < min(rate, target) / 2)
    assert len(made) == target
    assert made == pytest.approx(expected * np.interp(after, before, shape), abs=1e-3)


@pytest.mark.parametrize("least", [1, 2, 7, 11, 97, 3001, 48017])
def test_transforms_have_lengths_of_small_factors(least):
    found = _prediction._smooth(least)
    assert least <= found <= 1.1 * least + 1
    for factor in (2, 3, 5):
        while found % factor == 0:
            found //= factor
    assert found == 1
