"""The voice of eGeMAPS: formants, harmonics, jitter, shimmer, against what was synthesised and openSMILE's frames."""

from __future__ import annotations

import numpy as np
import pytest
import smile

import clips
from affekt import audio
from affekt.features import _formants, _harmonics, _perturbation, _pitch, _roots, _spectra, _statistics
from affekt.types import Signal

RATE = 16000
STEP = RATE / 1024


def spectrum(peaks):
    """One row of 513 magnitudes with a peak two bins wide at each (bin, height)."""
    row = np.full(513, 1e-6, np.float32)
    for bin_, height in peaks:
        row[bin_ - 1 : bin_ + 2] = height * np.array([0.5, 1, 0.5])
    return row[None]


def pulses(lengths, heights=None):
    samples = np.zeros(sum(lengths) + 1000)
    samples[np.cumsum(lengths) - 30] = 0.8 if heights is None else heights
    return np.convolve(samples, np.hanning(40), mode="same")


def measured(samples, period):
    frames = (len(samples) - 960) // 160 + 1
    return _perturbation.perturbation(samples, np.full(frames, RATE / period), RATE)


@pytest.fixture(scope="module")
def speech():
    folder = clips.SHARED / "corpora/emodb/wav"
    if not folder.is_dir():
        pytest.skip("no corpora/emodb in ../shared")
    return [audio.read(path) for path in sorted(folder.iterdir())[::100]]


def test_jitter_shimmer_and_harmonics_are_opensmiles_frame_by_frame(speech):
    """Of every 100th recording, with openSMILE's smoothing: equal to a hundredth in 99 frames of 100."""
    equal = []
    for signal in speech:
        theirs = smile.contours(signal, "eGeMAPSv02")
        f0, magnitudes = _pitch.track(signal)
        found = _harmonics.measure(magnitudes[f0 > 0], f0[f0 > 0], np.zeros((int((f0 > 0).sum()), 3)), RATE)
        columns = [np.zeros(len(f0)) for _ in range(2)]
        for column, values in zip(columns, (found.noise, found.difference), strict=True):
            column[f0 > 0] = values
        columns += _perturbation.perturbation(signal.samples.astype(float), f0, RATE)
        ours = _statistics.smooth_present(np.column_stack(columns))
        for name, column in zip(("HNRdBACF", "logRelF0-H1-H2", "jitterLocal", "shimmerLocaldB"), ours.T, strict=True):
            reference = theirs[f"{name}_sma3nz"][: len(column) - 3]
            equal.append(np.abs(column[: len(reference)] - reference) <= 0.01 * np.abs(reference).mean())
    assert np.concatenate(equal).mean() >= 0.99


def test_known_jitter_is_found():
    """Periods of 98 and 102 samples in turn differ by 4 % of their mean."""
    jitter, _ = measured(pulses([98, 102] * 60), 100)
    assert np.median(jitter[5:60]) == pytest.approx(0.04, rel=0.15)


def test_known_shimmer_is_found():
    """Heights of 0.8 and 0.64 in turn differ by 0.16 of a mean of 0.72."""
    _, shimmer = measured(pulses([100] * 120, np.tile([0.8, 0.64], 60)), 100)
    assert np.median(shimmer[5:60]) == pytest.approx(20 * np.log10(1 + 0.16 / 0.72), rel=0.05)


def test_a_steady_train_of_pulses_is_not_perturbed():
    jitter, shimmer = measured(pulses([100] * 120), 100)
    assert jitter[5:60].max() < 1e-3
    assert shimmer[5:60].max() < 1e-3


def test_unvoiced_frames_are_not_perturbed_and_do_not_remember():
    samples = pulses([98, 102] * 60)
    f0 = np.full((len(samples) - 960) // 160 + 1, 160.0)
    f0[20:25] = 0
    jitter, shimmer = _perturbation.perturbation(samples, f0, RATE)
    assert (jitter[20:25] == 0).all()
    assert (shimmer[20:25] == 0).all()
    later, _ = _perturbation.perturbation(samples[25 * 160 :], f0[25:], RATE)
    assert jitter[25:] == pytest.approx(later, abs=1e-6)


def test_what_is_silent_has_neither_jitter_nor_shimmer():
    silent = _perturbation.perturbation(np.zeros(RATE), np.full(90, 150.0), RATE)
    assert [values.tolist() for values in silent] == [[0.0] * 90] * 2


def test_levels_of_harmonics_are_those_of_their_peaks():
    """The reference counts from the second on: H1-H2 is the second over the third."""
    rows = spectrum([(13, 1.0), (26, 0.5), (39, 0.25), (104, 0.125)])
    found = _harmonics.measure(rows, np.array([13 * STEP]), np.array([[600.0, 1620.0, 7000.0]]), RATE)
    assert found.difference == pytest.approx([20 * np.log10(2)], abs=0.01)
    assert found.amplitudes[0] == pytest.approx([20 * np.log10(0.25), 20 * np.log10(0.125), 0], abs=0.01)
    assert found.tilt == pytest.approx([-201])
    near = _harmonics.measure(rows, np.array([13 * STEP]), np.array([[0, 0, 1620.0]]), RATE)
    assert near.tilt == pytest.approx([20 * np.log10(0.5 / 0.125)], abs=0.01)


def test_a_harmonic_is_sought_around_its_place_and_counted_once():
    """A peak half way between two multiples belongs to the lower; the other is 201 dB below."""
    rows = spectrum([(20, 1.0), (50, 0.5)])
    found = _harmonics.measure(rows, np.array([20 * STEP]), np.array([[50 * STEP, 50 * STEP, 50 * STEP]]), RATE)
    assert found.amplitudes[0] == pytest.approx([20 * np.log10(0.5)] * 3, abs=0.01)
    assert found.difference == pytest.approx([20 * np.log10(0.5) + 201], abs=0.01)


def test_a_frame_without_its_first_harmonic_has_no_levels():
    found = _harmonics.measure(spectrum([(200, 1.0)]), np.array([20 * STEP]), np.array([[0, 0, 3125.0]]), RATE)
    assert (found.difference, found.tilt) == (0, 0)
    assert found.amplitudes[0] == pytest.approx([0, 0, -201])


@pytest.mark.parametrize("decibels", [0, 5, 10])
def test_harmonics_over_noise_are_what_was_mixed(decibels):
    """At the period the autocorrelation is the voice's share of the power, less what the window takes away."""
    time = np.arange(RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 160 * k * time + k) for k in range(1, 12))
    noise = np.random.default_rng(1).normal(0, voice.std() * 10 ** (-decibels / 20), RATE)
    magnitudes, _ = _spectra.voice(Signal((0.05 * (voice + noise)).astype(np.float32), RATE))
    found = _harmonics.measure(magnitudes, np.full(95, 160.0), np.zeros((95, 3)), RATE)
    window = _spectra.gauss(960)
    share = (window[100:] @ window[:-100]) / (window @ window) / (1 + 10 ** (-decibels / 10))
    assert np.median(found.noise) == pytest.approx(10 * np.log10(share / (1 - share)), abs=0.7)


def test_prediction_finds_the_filter_that_made_the_sound():
    noise = np.random.default_rng(0).normal(0, 1, 20000)
    sound = noise.copy()
    for n in range(2, len(sound)):
        sound[n] += 1.2 * sound[n - 1] - 0.8 * sound[n - 2]
    correlation = np.array([[sound[: len(sound) - k] @ sound[k:] for k in range(12)]])
    assert _formants.prediction(correlation)[0, :2] == pytest.approx([-1.2, 0.8], abs=0.03)


@pytest.mark.parametrize("count", [0, 1, 50, 1000])
def test_roots_solve_their_polynomials(count):
    coefficients = np.random.default_rng(3).normal(0, 0.4, (count, 11))
    roots = _roots.polynomial_roots(coefficients)
    assert roots.shape == (count, 11)
    for row, found in zip(coefficients, roots, strict=True):
        assert np.poly(found) == pytest.approx([1, *row], abs=1e-6)


def test_roots_that_are_hard_to_part_are_found():
    """Three of four times the same root, roots at 0, all real, none real: as many as a frame of many has to part."""
    kinds = [[0.5, 0.5, 0.5, -0.3], [0, 0, 0, 0.2], [0.9, 0.5, -0.5, -0.9], [1j, -1j, 0.5 + 1j, 0.5 - 1j]]
    coefficients = np.array([np.poly(kind)[1:].real for kind in kinds] * 100)
    roots = _roots.polynomial_roots(coefficients)
    for row, found in zip(coefficients, roots, strict=True):
        assert np.poly(found) == pytest.approx([1, *row], abs=1e-6)


def test_formants_rise_and_lie_where_they_are_looked_for(speech):
    for signal in speech:
        rows = _spectra.windows(signal.samples, RATE, 0.02)[20:60] * _spectra.hamming(320).astype(np.float32)
        frequency, bandwidth = _formants.resonances(_formants.predictions(np.fft.rfft(rows, 512), RATE))
        both = (frequency[:, 1:] > 0) & (frequency[:, :-1] > 0)
        assert (np.diff(frequency, axis=1)[both] >= 0).all()
        assert ((frequency == 0) | ((frequency >= 50) & (frequency <= 5450))).all()
        assert (bandwidth >= 0).all()


def test_silence_has_no_formants():
    silence = np.zeros((3, 257), np.complex64)
    frequency, bandwidth = _formants.resonances(_formants.predictions(silence, RATE))
    assert (frequency == 0).all()
    assert (bandwidth == 0).all()
