"""Frames -> F1 to F3. Linear prediction of 20 ms, and the roots of its polynomial, as eGeMAPS is defined in practice.

These are eGeMAPS's formants, not a phonetician's: the reference brings each frame to 11 kHz with the lower half of the
bins alone, and takes the polynomial with the signs of its coefficients turned. Use them where eGeMAPS is meant.

Source: Eyben et al. 2016 (GeMAPS), its published configuration, and openSMILE's output, with which this was compared.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.features._roots import polynomial_roots
from affekt.features._spectra import SHORT, Array, size

COUNT = 3

_RATE = 11000
"Hz"
_ORDER = 11
"of the linear prediction"
_LOWEST, _HIGHEST = 50.0, 5450.0
"Hz, where formants are looked for"


def predictions(transforms: NDArray[np.complexfloating], rate: int) -> Array:
    """Linear prediction of each frame at 11 kHz, (frames, 11).

    Args:
        transforms: of 20 ms frames under their window, (frames, bins).
        rate: Hz.
    """
    reach, period = size(_RATE, SHORT), round(2 * (transforms.shape[1] - 1) * _RATE / rate)
    spectrum = np.zeros((len(transforms), period // 2 + 1), np.complex64)
    np.multiply(
        transforms[:, : reach // 2], _delay(reach // 2, transforms.shape[1], rate), out=spectrum[:, : reach // 2]
    )
    return prediction(_correlation(np.fft.irfft(spectrum, period)[:, :reach].astype(np.float64)))


@cache
def _delay(count: int, bins: int, rate: int) -> NDArray[np.complex64]:
    """Factors of the lowest bins. The reference has a frame in the middle of its transform, and cuts the end off."""
    period = 2 * (bins - 1)
    margin = (period - size(rate, SHORT)) // 2
    factors = np.exp(-2j * np.pi * np.arange(count) * margin / period)
    # It counts the lowest bin as often as those that stand for two.
    factors[0] *= 2
    return np.asarray(factors, np.complex64)


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


def resonances(filters: Array) -> tuple[Array, Array]:
    """Frequencies and bandwidths of F1 to F3 in Hz, each (frames, 3), 0 where fewer were found, of linear predictions.

    What a root outside the unit circle would be is that of its mirror inside.
    """
    roots = polynomial_roots(-filters)
    frequency = np.angle(roots) * _RATE / (2 * np.pi)
    known = (frequency >= _LOWEST) & (frequency <= _HIGHEST)
    order = np.argsort(np.where(known, frequency, np.inf), axis=1)[:, :COUNT]
    known = np.take_along_axis(known, order, axis=1)
    nearest = np.abs(np.take_along_axis(roots, order, axis=1))
    width = np.abs(np.log(np.maximum(nearest, 1e-9))) * _RATE / np.pi
    return np.where(known, np.take_along_axis(frequency, order, axis=1), 0.0), np.where(known, width, 0.0)
