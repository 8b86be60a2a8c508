"""Signal -> how periodic and how tilted its spectrum is, frame by frame: harmonicity, cepstral peak, harmonics.

Frames are centred on given times; outside the signal there is silence.

Source: harmonicity by cross-correlation as in Praat's manual, "Sound: To Harmonicity (cc)", after Boersma 1993,
"Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound";
cepstral peak of Hillenbrand, Cleveland and Erickson 1994, "Acoustic correlates of breathy vocal quality", smoothed as
in Hillenbrand and Houde 1996, with the settings of Praat's manual, "PowerCepstrogram: Get CPPS"; corrected harmonics
of Iseli, Shue and Alwan 2007, "Age, sex, and vowel dependencies of acoustic measures related to the voice source".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.features import _prediction
from affekt.features._prediction import BLOCK, Array

_FLOOR, _CEILING = 75.0, 600.0
"Hz, where the voice's period is looked for"
_SILENCE = 0.1
"of the largest sample; a softer frame has no harmonicity"

_CEPSTRUM_RATE = 10000
"Hz; the cepstrum is that of the spectrum below half of it"
_CEPSTRUM_WINDOW = 0.1
"seconds; twice its effective length"
_OVER_TIME, _OVER_QUEFRENCY = 3, 5
"frames and bins over which cepstra are averaged: 30 ms (Praat: 11 frames of 2 ms) and 0.5 ms"
_HIGHEST_PEAK = 330.0
"Hz; Praat's range of the cepstral peak ends here, so of a higher voice the second peak is taken"
_LOWEST_PEAK = 60.0
"Hz"
_TREND = (0.001, 0.05)
"seconds of quefrency, through which the trend line is laid"
_TREND_STEP = 4
"bins; averaged over 5, neighbours say the same"

_SPECTRUM_WINDOW = 0.06
"seconds; twice its effective length"
_NEAR = 0.1
"harmonics are looked for this far around their place, relative"
_LEAST = 1e-20
"power; silence has finite decibels"


# Harmonicity ------------------------------------------------------------------------------------------------------


class Harmonicity(NamedTuple):
    """How well each frame repeats itself after the best period of 75 to 600 Hz."""

    ratio: Array
    "harmonics to noise, dB, (frames,), -60 .. 60"
    heard: NDArray[np.bool_]
    "(frames,): neither silent nor so soft that its periodicity means nothing"


def harmonicity(samples: Array, rate: int, times: Array) -> Harmonicity:
    """Correlate 13.3 ms of the signal, one period of 75 Hz, with what follows one period later.

    The correlation r is normalised by the energy of both pieces; the ratio is r / (1 - r). As in Boersma 1993, a frame
    is heard where r exceeds 2 - peak / 0.1, its peak in relation to that of the signal.
    """
    width = int(rate / _FLOOR)
    loudest = float(np.abs(samples - samples.mean()).max()) if len(samples) else 0.0
    strength, least, at = np.zeros(len(times)), np.zeros(len(times)), 0
    for rows in _pieces(samples, rate, times, size=2 * width + 2):
        rows = rows - rows.mean(axis=1, keepdims=True)
        peak = np.abs(rows[:, width // 2 : width // 2 + width]).max(axis=1)
        needed = np.maximum(0, 2 - peak / max(_SILENCE * loudest, 1e-9))
        audible = np.flatnonzero(needed < 1)
        strength[at + audible] = _strongest(_correlation(rows[audible], width), first=int(2 * rate / _CEILING))
        least[at : at + len(rows)] = needed
        at += len(rows)
    share = np.clip(strength, 1e-6, 1 - 1e-6)
    return Harmonicity(_decibels(share / (1 - share)), strength > least)


def _pieces(samples: Array, rate: int, times: Array, *, size: int) -> Iterator[Array]:
    views = np.lib.stride_tricks.sliding_window_view(np.pad(samples, size), size)
    starts = np.clip(np.rint(times * rate).astype(int) - size // 2 + size, 0, len(views) - 1)
    for at in range(0, len(starts), BLOCK):
        yield views[starts[at : at + BLOCK]]


def _correlation(rows: Array, width: int) -> Array:
    """Correlate each row's first `width` samples with those later by 0, 0.5, 1 .. width + 1 samples; in [-1, 1]."""
    size = 1 << (rows.shape[1] - 1).bit_length()
    cross = np.fft.rfft(rows, size) * np.fft.rfft(rows[:, :width], size).conj()
    # Twice as many lags as samples: a peak between two samples is then as high as it is.
    curve = 2 * np.fft.irfft(cross, 2 * size)[:, : 2 * width + 3]
    square = np.zeros((len(rows), rows.shape[1] + 1))
    np.cumsum(rows * rows, axis=1, out=square[:, 1:])
    energy = square[:, width : 2 * width + 2] - square[:, : width + 2]
    between = np.empty_like(curve)
    between[:, ::2] = energy
    between[:, 1::2] = (energy[:, :-1] + energy[:, 1:]) / 2
    between *= energy[:, :1]
    curve /= np.sqrt(between + _LEAST)
    return np.asarray(curve)


def _strongest(curve: Array, *, first: int) -> Array:
    """Height of the highest peak from lag `first` on; above 1, where the signal grows, its inverse."""
    at = curve[:, first:-1].argmax(axis=1) + first
    height = _parabola(curve, at)[1]
    return np.where(height > 1, 1 / np.maximum(height, 1), height)


def _parabola(rows: Array, at: NDArray[np.intp]) -> tuple[Array, Array]:
    """Refine one peak per row: its shift in bins, within half a bin or 0 if it is no peak, and its height."""
    row = np.arange(len(rows))
    left, middle, right = (rows[row, at + shift] for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    peak = (bend < 0) & (middle >= left) & (middle >= right)
    shift = np.where(peak, 0.5 * (left - right) / np.where(peak, bend, 1.0), 0.0)
    return shift, middle - 0.25 * (left - right) * shift


def _decibels(power: Array) -> Array:
    return 10 * np.log10(np.maximum(power, _LEAST))


# Cepstral peak ----------------------------------------------------------------------------------------------------


def cepstral_prominence(samples: Array, rate: int, times: Array) -> Array:
    """Smoothed cepstral peak prominence, dB, (frames,): how far the voice's peak stands out of the cepstrum's trend.

    The trend is a straight line by Theil's incomplete method: the median slope between the first and the second half of
    the quefrencies, the median height.
    """
    target, half = min(_CEPSTRUM_RATE, rate), _OVER_TIME // 2
    made = _prediction.emphasised(samples, rate, target)
    # Each block has its neighbours at both ends; the first and the last frame stand for those before and after them.
    starts = np.arange(0, len(times), BLOCK - 2 * half)[:, None]
    near = np.clip(starts + np.arange(-half, BLOCK - half), 0, len(times) - 1).ravel()
    rows = _prediction.windows(made, target, times[near], seconds=_CEPSTRUM_WINDOW)
    return np.concatenate([_prominence(_averaged(_cepstra(block)), target) for block in rows])[: len(times)]


def _cepstra(rows: Array) -> Array:
    spectrum = np.fft.rfft(rows, 1 << (rows.shape[1] - 1).bit_length())
    cepstrum = np.fft.irfft(np.log(spectrum.real**2 + spectrum.imag**2 + _LEAST))[:, : rows.shape[1] // 2 + 8]
    return np.asarray(cepstrum * cepstrum)


def _averaged(power: Array) -> Array:
    """Sum over neighbouring frames, those at both ends are lost, and over quefrency: column k is centred on bin k."""
    frames, half = len(power) - _OVER_TIME + 1, _OVER_QUEFRENCY // 2
    once = power[:frames].copy()
    for k in range(1, _OVER_TIME):
        once += power[k : k + frames]
    total = np.zeros_like(once)
    for k in range(-half, half + 1):
        total[:, half:-half] += once[:, half + k : total.shape[1] - half + k]
    return total


def _prominence(power: Array, rate: int) -> Array:
    low, high = int(rate / _HIGHEST_PEAK), int(rate / _LOWEST_PEAK)
    curve = _decibels(power[:, low : high + 2])
    at = curve[:, 1:-1].argmax(axis=1) + 1
    shift, height = _parabola(curve, at)
    bins = np.arange(round(_TREND[0] * rate), round(_TREND[1] * rate), _TREND_STEP)
    level, slope = _trend(_decibels(power[:, bins]))
    above: Array = height - level - slope * ((low + at + shift - bins[0]) / _TREND_STEP)
    return above


def _trend(rows: Array) -> tuple[Array, Array]:
    """Line through each row: its height at bin 0 and its slope per bin."""
    half = rows.shape[1] // 2
    slope = np.median(rows[:, half : 2 * half] - rows[:, :half], axis=1) / half
    return np.median(rows - slope[:, None] * np.arange(rows.shape[1]), axis=1), slope


# Harmonics --------------------------------------------------------------------------------------------------------


def harmonics(samples: Array, rate: int, times: Array, *, f0: Array, formants: Array) -> tuple[Array, Array]:
    """Levels of the first two harmonics and of the strongest near F3, and the same without the formants' resonances.

    Args:
        samples: (n,), finite.
        rate: Hz.
        times: seconds, (frames,).
        f0: Hz, (frames,), above 0.
        formants: Hz, (frames, 3); where F3 is 0 its level means nothing.

    Returns:
        dB, (frames, 3) each. F1 and F2 are taken out of the harmonics, and F1 to F3 of the level near F3.
    """
    centres = np.column_stack([f0, 2 * f0, formants[:, 2]])
    places, plain = _levels(samples, rate, times, centres)
    gains = [_resonance(formants[:, :count], place, rate) for count, place in zip((2, 2, 3), places.T, strict=True)]
    return plain, plain - np.column_stack(gains)


def levels(samples: Array, rate: int, times: Array, *, centres: Array) -> Array:
    """Levels of the strongest harmonic within a tenth of each of `centres` (frames, n) in Hz: dB, (frames, n)."""
    return _levels(samples, rate, times, centres)[1]


def _levels(samples: Array, rate: int, times: Array, centres: Array) -> tuple[Array, Array]:
    """Frequencies in Hz and levels in dB of the harmonics, each of the shape of `centres`."""
    places, found, at = np.zeros_like(centres), np.zeros_like(centres), 0
    for rows in _prediction.windows(samples, rate, times, seconds=_SPECTRUM_WINDOW):
        spectrum = np.fft.rfft(rows, 1 << (rows.shape[1] - 1).bit_length())
        decibels, step = _decibels(spectrum.real**2 + spectrum.imag**2), rate / 2 / (spectrum.shape[1] - 1)
        stop = at + len(rows)
        for column, centre in enumerate(centres[at:stop].T):
            places[at:stop, column], found[at:stop, column] = _level(decibels, centre / step)
        places[at:stop] *= step
        at = stop
    return places, found


def _level(spectra: Array, centre: Array) -> tuple[Array, Array]:
    """Place in bins and level of the strongest harmonic within a tenth of `centre`, at least one bin to either side."""
    reach = np.maximum(_NEAR * centre, 1.0)
    widest = int(reach.max()) + 1
    bins = np.clip(np.rint(centre).astype(int)[:, None] + np.arange(-widest, widest + 1), 1, spectra.shape[1] - 2)
    near = np.abs(bins - centre[:, None]) <= reach[:, None]
    values = np.where(near, np.take_along_axis(spectra, bins, axis=1), -np.inf)
    at = np.take_along_axis(bins, values.argmax(axis=1)[:, None], axis=1)[:, 0]
    shift, height = _parabola(spectra, at)
    return at + shift, height


def _resonance(formants: Array, frequency: Array, rate: int) -> Array:
    """Gain of the formants at a frequency, dB, (frames,), each resonance with gain 1 at 0 Hz.

    Bandwidths are 80 Hz + 120 Hz * F / 5000 Hz (Mannell 1998), since measured ones are unsure.
    """
    radius = np.exp(-np.pi * (80 + 120 * formants / 5000) / rate)
    angle, at = 2 * np.pi * formants / rate, 2 * np.pi * frequency[:, None] / rate
    still = (1 - 2 * radius * np.cos(angle) + radius**2) ** 2
    above = 1 - 2 * radius * np.cos(at + angle) + radius**2
    below = 1 - 2 * radius * np.cos(at - angle) + radius**2
    gain: Array = np.where(formants > 0, _decibels(still / (above * below)), 0.0).sum(axis=1)
    return gain
