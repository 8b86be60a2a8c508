"""Frames -> F1 to F3. Linear prediction of 20 ms, and the roots of its polynomial, as eGeMAPS is defined in practice.

These are eGeMAPS's formants, not a phonetician's: the reference brings each frame to 11 kHz with the lower half of the
bins alone, and takes the polynomial with the signs of its coefficients turned. Use them where eGeMAPS is meant.

Source: Eyben et al. 2016 (GeMAPS), its published configuration, and openSMILE's output, with which this was compared.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.features._spectra import Array, Floats, padded, size

COUNT = 3

_RATE = 11000
"Hz"
_ORDER = 11
"of the linear prediction"
_LOWEST, _HIGHEST = 50.0, 5450.0
"Hz, where formants are looked for"


def formants(windowed: Floats, rate: int) -> tuple[Array, Array]:
    """Frequencies and bandwidths of F1 to F3 in Hz, each (frames, 3); 0 where fewer were found.

    Args:
        windowed: 20 ms frames under their window, (frames, samples).
        rate: Hz.
    """
    shortened = (windowed @ _resampling(windowed.shape[1], rate)).astype(np.float64)
    count = shortened.shape[1]
    products = [np.einsum("ij,ij->i", shortened[:, : count - k], shortened[:, k:]) for k in range(_ORDER + 1)]
    roots = _roots(prediction(np.stack(products, axis=1)))
    return _resonances(roots)


@cache
def _resampling(samples: int, rate: int) -> Floats:
    """Matrix (samples, samples at 11 kHz). The frame stands in the middle of its transform, and the end is cut off."""
    reach = size(_RATE, samples / rate)
    period = padded(samples) * _RATE / rate
    places = (np.arange(reach) - (period - reach) / 2) / period
    bins = np.arange(reach // 2)
    forward = np.exp(-2j * np.pi * np.outer(np.arange(samples), bins) / padded(samples))
    matrix = 2 * (forward @ np.exp(2j * np.pi * np.outer(bins, places))).real / padded(samples)
    return np.asarray(matrix, np.float32)


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


def _roots(coefficients: Array) -> NDArray[np.complex128]:
    """Roots of z^n - a1 z^(n-1) - ... - an, those outside the unit circle mirrored into it, (frames, n)."""
    order = coefficients.shape[1]
    companion = np.zeros((len(coefficients), order, order))
    companion[:, 0] = coefficients
    below = np.arange(1, order)
    companion[:, below, below - 1] = 1
    roots = np.linalg.eigvals(companion).astype(np.complex128)
    return np.where(np.abs(roots) > 1, 1 / np.conj(np.where(roots == 0, 1, roots)), roots)


def _resonances(roots: NDArray[np.complex128]) -> tuple[Array, Array]:
    frequency = np.angle(roots) * _RATE / (2 * np.pi)
    known = (frequency >= _LOWEST) & (frequency <= _HIGHEST)
    order = np.argsort(np.where(known, frequency, np.inf), axis=1)[:, :COUNT]
    known = np.take_along_axis(known, order, axis=1)
    nearest = np.abs(np.take_along_axis(roots, order, axis=1))
    width = -np.log(np.maximum(nearest, 1e-9)) * _RATE / np.pi
    return np.where(known, np.take_along_axis(frequency, order, axis=1), 0.0), np.where(known, width, 0.0)
