"""Frames -> F1 to F3. Linear prediction of 20 ms, and the roots of its polynomial, as eGeMAPS is defined in practice.

These are eGeMAPS's formants, not a phonetician's: the reference brings each frame to 11 kHz with the lower half of the
bins alone, and takes the polynomial with the signs of its coefficients turned. Use them where eGeMAPS is meant.

Source: Eyben et al. 2016 (GeMAPS), its published configuration, and openSMILE's output, with which this was compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.features._roots import polynomial_roots
from affekt.features._spectra import Array, Floats, padded, size

COUNT = 3

_RATE = 11000
"Hz"
_ORDER = 11
"of the linear prediction"
_LOWEST, _HIGHEST = 50.0, 5450.0
"Hz, where formants are looked for"
_PIECE = 256
"frames at once: what is worked on stays in the processor's cache"


def formants(windowed: Floats, rate: int) -> tuple[Array, Array]:
    """Frequencies and bandwidths of F1 to F3 in Hz, each (frames, 3); 0 where fewer were found.

    Args:
        windowed: 20 ms frames under their window, (frames, samples).
        rate: Hz.
    """
    filters = [np.zeros((0, _ORDER))]
    for start in range(0, len(windowed), _PIECE):
        shortened = _resampled(windowed[start : start + _PIECE], rate).astype(np.float64)
        filters.append(prediction(_correlation(shortened)))
    return _resonances(polynomial_roots(-np.concatenate(filters)))


def _resampled(rows: Floats, rate: int) -> Floats:
    """Bring rows to 11 kHz, (frames, samples). A row stands in the middle of its transform, and its end is cut off."""
    samples = rows.shape[1]
    reach, period = size(_RATE, samples / rate), round(padded(samples) * _RATE / rate)
    middle = np.zeros((len(rows), padded(samples)), np.float32)
    margin = (padded(samples) - samples) // 2
    middle[:, margin : margin + samples] = rows
    spectrum = np.zeros((len(rows), period // 2 + 1), np.complex64)
    spectrum[:, : reach // 2] = np.fft.rfft(middle)[:, : reach // 2]
    # The reference counts the lowest bin as often as those that stand for two.
    spectrum[:, 0] *= 2
    shortened = np.fft.irfft(spectrum, period)[:, :reach] * np.float32(period / padded(samples))
    return shortened.astype(np.float32, copy=False)


def _correlation(rows: Array) -> Array:
    """Sums of the products of each row with itself 0 to 11 samples later, (frames, 12)."""
    count, samples = rows.shape
    longer = np.concatenate([rows, np.zeros((count, _ORDER))], axis=1)
    later = np.lib.stride_tricks.sliding_window_view(longer, samples, axis=1)
    sums: Array = np.einsum("ij,ikj->ik", rows, later)
    return sums


def prediction(correlation: Array) -> Array:
    """Levinson and Durbin's recursion: (frames, order + 1) of lags 0, 1, ... -> (frames, order) after the leading 1."""
    order = correlation.shape[1] - 1
    filters = np.zeros_like(correlation)
    filters[:, 0] = 1
    error = correlation[:, 0] + 1e-30
    for m in range(1, order + 1):
        reflection = -np.einsum("ij,ij->i", filters[:, :m], correlation[:, m:0:-1]) / error
        filters[:, 1 : m + 1] += reflection[:, None] * filters[:, m - 1 :: -1][:, :m]
        error = error * np.maximum(1 - reflection**2, 1e-12)
    return filters[:, 1:]


def _resonances(roots: NDArray[np.complex128]) -> tuple[Array, Array]:
    """Frequencies and bandwidths of the three lowest, each (frames, 3); roots outside the unit circle mirrored."""
    frequency = np.angle(roots) * _RATE / (2 * np.pi)
    known = (frequency >= _LOWEST) & (frequency <= _HIGHEST)
    order = np.argsort(np.where(known, frequency, np.inf), axis=1)[:, :COUNT]
    known = np.take_along_axis(known, order, axis=1)
    nearest = np.abs(np.take_along_axis(roots, order, axis=1))
    width = np.abs(np.log(np.maximum(nearest, 1e-9))) * _RATE / np.pi
    return np.where(known, np.take_along_axis(frequency, order, axis=1), 0.0), np.where(known, width, 0.0)
