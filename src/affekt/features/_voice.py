"""Frames and F0 -> formants, harmonics, HNR, jitter and shimmer: how the voice is produced.

Source: Eyben et al. 2016 (GeMAPS), its published configuration, and openSMILE's output, with which each was compared.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.features._pitch import parabola
from affekt.features._spectra import Array, padded, size

ABSENT = -201.0
"dB; a formant's amplitude where there is no voice"

_FORMANT_RATE = 11000
"Hz"
_ORDER = 11
"of the linear prediction"
_LOWEST, _HIGHEST = 50.0, 5450.0
"Hz, where formants are looked for"
_HARMONICS = 100
_SEARCH = 0.1
"periods are looked for this far around that of F0, relative"
_ALIKE = 0.5
"correlation from which two successive periods count as such"


class Harmonics(NamedTuple):
    """Per frame; 0 (amplitudes: -201) where unvoiced."""

    hnr: Array
    "dB, (frames,)"
    difference: Array
    "dB, (frames,)"
    tilt: Array
    "dB, (frames,)"
    amplitudes: Array
    "dB relative to F0's, (frames, 3)"


def formants(windowed: Array, rate: int) -> tuple[Array, Array]:
    """Frequencies and bandwidths of F1 to F3 in Hz, each (frames, 3); 0 where fewer were found.

    These are eGeMAPS's formants: the reference takes the prediction polynomial with its coefficients' signs turned, so
    they stand in other places than a phonetician's. Use them where eGeMAPS is meant.
    """
    reach = size(_FORMANT_RATE, windowed.shape[1] / rate)
    shortened = windowed @ _resampling(windowed.shape[1], rate)
    spectrum = np.fft.rfft(shortened, 2 * padded(reach))
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:, : _ORDER + 1]
    roots = _roots(_prediction(correlation))
    frequency = np.angle(roots) * _FORMANT_RATE / (2 * np.pi)
    known = (frequency > _LOWEST) & (frequency < _HIGHEST)
    order = np.argsort(np.where(known, frequency, np.inf), axis=1)[:, :3]
    width = -np.log(np.maximum(np.abs(roots), 1e-9)) * _FORMANT_RATE / np.pi
    known = np.take_along_axis(known, order, axis=1)
    chosen = (np.where(known, np.take_along_axis(values, order, axis=1), 0.0) for values in (frequency, width))
    return next(chosen), next(chosen)


@cache
def _resampling(samples: int, rate: int) -> Array:
    """Matrix (samples, samples at 11 kHz). The reference keeps the lower half of the output's bins, and centres."""
    reach = size(_FORMANT_RATE, samples / rate)
    period = padded(samples) * _FORMANT_RATE / rate
    places = (np.arange(reach) - (period - reach) / 2) / period
    bins = np.arange(reach // 2)
    forward = np.exp(-2j * np.pi * np.outer(np.arange(samples), bins) / padded(samples))
    matrix: Array = 2 * (forward @ np.exp(2j * np.pi * np.outer(bins, places))).real / padded(samples)
    return matrix


def _prediction(correlation: Array) -> Array:
    """Levinson and Durbin's recursion on every row, shape (frames, order)."""
    filters = np.zeros((len(correlation), _ORDER + 1))
    filters[:, 0] = 1
    error = correlation[:, 0] + 1e-12
    for order in range(1, _ORDER + 1):
        reflection = -(filters[:, :order] * correlation[:, order:0:-1]).sum(axis=1) / error
        filters[:, 1 : order + 1] += reflection[:, None] * filters[:, order - 1 :: -1][:, :order]
        error = error * np.maximum(1 - reflection**2, 1e-12)
    return filters[:, 1:]


def _roots(coefficients: Array) -> NDArray[np.complex128]:
    companion = np.zeros((len(coefficients), _ORDER, _ORDER))
    companion[:, 0] = coefficients
    below = np.arange(1, _ORDER)
    companion[:, below, below - 1] = 1
    return np.linalg.eigvals(companion).astype(np.complex128)


def harmonics(magnitudes: Array, f0: Array, formant: Array, rate: int) -> Harmonics:
    """Measure the harmonics of voiced frames.

    Args:
        magnitudes: 60 ms spectra, (frames, bins).
        f0: Hz, (frames,).
        formant: Hz, (frames, 3).
        rate: Hz.
    """
    voiced = f0 > 0
    count = len(f0)
    found = Harmonics(np.zeros(count), np.zeros(count), np.zeros(count), np.full((count, 3), ABSENT))
    if not voiced.any():
        return found
    spectra, pitch = magnitudes[voiced], f0[voiced]
    places, heights, ground = _harmonic_peaks(spectra, pitch, rate / 2 / (magnitudes.shape[1] - 1))
    strongest = np.column_stack([_strongest(places, heights, formant[voiced, k]) for k in range(3)])
    found.hnr[voiced] = _hnr(spectra, rate / pitch)
    found.amplitudes[voiced] = np.where(strongest > ABSENT, strongest - ground[:, None], ABSENT)
    # The reference counts harmonics from the second on.
    found.difference[voiced] = heights[:, 1] - heights[:, 2]
    found.tilt[voiced] = heights[:, 1] - strongest[:, 2]
    return found


def _harmonic_peaks(spectra: Array, f0: Array, step: float) -> tuple[Array, Array, Array]:
    """Frequencies (Hz) and levels (dB) of the harmonics, each (frames, 100), and the level of F0's own bin."""
    bins = spectra.shape[1]
    centre = f0[:, None] / step * np.arange(1, _HARMONICS + 1)
    reach = f0[:, None, None] / step / 4
    offsets = np.arange(-int(reach.max()) - 1, int(reach.max()) + 2)
    near = np.rint(centre).astype(int)[:, :, None] + offsets
    inside = (np.abs(near - centre[:, :, None]) <= reach) & (near >= 1) & (near < bins - 1)
    rows = np.arange(len(spectra))[:, None, None]
    values = np.where(inside, spectra[rows, np.clip(near, 0, bins - 1)], -1.0)
    at = np.clip(np.take_along_axis(near, values.argmax(axis=2)[:, :, None], axis=2)[:, :, 0], 1, bins - 2)
    position, height = parabola(spectra, at)
    height = np.where(inside.any(axis=2), height, 0.0)
    ground = np.take_along_axis(spectra, at[:, :1], axis=1)[:, 0]
    return position * step, _level(height), _level(ground)


def _level(height: Array) -> Array:
    return 20 * np.log10(np.maximum(height, 1e-10))


def _strongest(places: Array, heights: Array, formant: Array) -> Array:
    """Level of the strongest harmonic within a fifth of the formant; -201 dB where none is there."""
    inside = np.abs(places - formant[:, None]) <= 0.2 * formant[:, None]
    return np.asarray(np.where(inside, heights, ABSENT).max(axis=1))


def _hnr(spectra: Array, period: Array) -> Array:
    """Harmonics to noise in dB, from the autocorrelation at the period (Boersma 1993)."""
    correlation = np.fft.irfft(spectra**2)
    lags = np.rint(period).astype(int)[:, None] + np.arange(-int(0.1 * period.max()) - 1, int(0.1 * period.max()) + 2)
    inside = np.abs(lags - period[:, None]) <= _SEARCH * period[:, None]
    values = np.take_along_axis(correlation, np.clip(lags, 0, correlation.shape[1] - 1), axis=1)
    best = np.where(inside, values, -np.inf).max(axis=1) / correlation[:, 0]
    share = np.clip(best, 1e-10, 1 - 1e-10)
    return np.asarray(10 * np.log10(share / (1 - share)))


def perturbation(samples: Array, f0: Array, rate: int, hop: int, reach: int) -> tuple[Array, Array]:
    """Jitter (share of the period) and shimmer (dB) from one period to the next, each (frames,).

    A voiced frame in which no new period ends keeps the values of the frame before.
    Periods are matched over a whole period's samples from where voicing begins; where a glottal pulse lies just
    there, its perturbation is underestimated.
    """
    jitter, shimmer = np.zeros(len(f0)), np.zeros(len(f0))
    at, last = 0, (0.0, 0.0)
    for frame in np.flatnonzero(f0 > 0).tolist():
        start = frame * hop
        if frame == 0 or f0[frame - 1] == 0:
            at, last = start, (0.0, 0.0)
            jitter_now = shimmer_now = 0.0
        at, periods = _periods(samples, at, start + reach, rate / f0[frame])
        chain = [p for p in (last, *periods) if p[0] > 0]
        if len(chain) > 1:
            length, height = np.array(chain).T
            jitter_now = float(np.abs(np.diff(length)).mean() / length.mean())
            shimmer_now = float(np.abs(20 * np.diff(np.log10(np.maximum(height, 1e-9)))).mean())
        last = periods[-1] if periods else last
        jitter[frame], shimmer[frame] = jitter_now, shimmer_now
    return jitter, shimmer


def _periods(samples: Array, at: int, end: int, period: float) -> tuple[int, list[tuple[float, float]]]:
    """Walk from `at` to `end` period by period: where it stopped, and (length, height) of each."""
    whole = max(round(period), 2)
    low, high = max(int(period * (1 - _SEARCH)), 1), int(np.ceil(period * (1 + _SEARCH)))
    found = []
    while at + high + whole < min(end, len(samples)):
        this = samples[at : at + whole]
        following = np.lib.stride_tricks.sliding_window_view(samples[at + low : at + high + whole], whole)
        energy = (following**2).sum(axis=1) * (this @ this)
        alike = following @ this / np.sqrt(energy + 1e-20)
        best = int(np.clip(alike.argmax(), 1, len(alike) - 2))
        refined, _ = parabola(alike[None], np.array([[best]]))
        length = low + float(refined[0, 0])
        if alike[best] >= _ALIKE:
            found.append((length, float(np.ptp(samples[at : at + whole]))))
        at += max(round(length), 1)
    return at, found
