"""(frames, bins) -> loudness, balance, slopes, flux and cepstrum: the shape of 20 ms spectra.

Source: Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective
Computing"; equal-loudness curve of Hermansky 1990, "Perceptual linear predictive analysis of speech"; cepstrum of the
HTK book, chapter 5. Where openSMILE's numbers differ from the definition, the constants here say how.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.features._spectra import Array

BANDS = 26
"mel bands, 20 Hz .. 8 kHz"

_LOWEST, _HIGHEST = 20.0, 8000.0
_COMPRESSION = 0.33
"exponent of the power law of hearing"
_FLOOR = 1e-14
"power; silence has finite decibels"
_SCALE = 32767.0**2
"power of 16-bit samples, in which the cepstrum's floor of 1e-8 is meant"
_LIFTER = 22


def decibels(power: Array) -> Array:
    """10 log10, floored so that silence is finite."""
    return 10 * np.log10(np.maximum(power, _FLOOR))


def loudness(power: Array, rate: int) -> Array:
    """Mean of the auditory spectrum over the bands, shape (frames,)."""
    mel = power @ mel_filters(power.shape[1], rate)
    loud: Array = ((mel * equal_loudness()) ** _COMPRESSION).mean(axis=1)
    return loud


def cepstrum(power: Array, rate: int) -> Array:
    """MFCC 1 to 4, liftered, shape (frames, 4)."""
    mel = power @ mel_filters(power.shape[1], rate) * _SCALE
    order, band = np.arange(1, 5)[:, None], np.arange(BANDS)
    cosines = np.sqrt(2 / BANDS) * np.cos(np.pi * order * (band + 0.5) / BANDS)
    lifter = 1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER)
    coefficients: Array = np.log(np.maximum(mel, 1e-8)) @ (cosines * lifter).T
    return coefficients


def alpha_ratio(power: Array, rate: int) -> Array:
    """Energy above 1 kHz over that below, dB: 1 .. 5 kHz to 0 .. 1 kHz."""
    one, five = _bin(1000, power, rate), _bin(5000, power, rate)
    return decibels(power[:, one : five + 1].sum(axis=1)) - decibels(power[:, :one].sum(axis=1))


def hammarberg_index(power: Array, rate: int) -> Array:
    """Strongest peak below 2 kHz over that in 2 .. 5 kHz, dB."""
    two, five = _bin(2000, power, rate), _bin(5000, power, rate)
    return decibels(power[:, :two].max(axis=1)) - decibels(power[:, two : five + 1].max(axis=1))


def slope(power: Array, rate: int, low: float, high: float) -> Array:
    """Slope of the log power spectrum between `low` and `high` Hz, dB per Hz.

    The reference divides by one bin fewer than it sums; silence therefore has a slope, and it is kept.
    """
    step = _step(power, rate)
    bins = np.arange(round(low / step), round(high / step) + 1)
    count = len(bins) - 1
    weights = (count * bins - bins.sum()) / (count * (bins**2).sum() - bins.sum() ** 2) / step
    slopes: Array = decibels(power[:, bins]) @ weights
    return slopes


def flux(magnitudes: Array, rate: int) -> Array:
    """Root mean square change of the magnitudes below 5 kHz since the frame before; 0 in the first."""
    bins = _bin(5000, magnitudes, rate)
    change = np.sqrt((np.diff(magnitudes[:, :bins], axis=0) ** 2).mean(axis=1))
    return np.concatenate([[0.0], change])


@cache
def mel_filters(bins: int, rate: int) -> Array:
    """Triangles of height 1 on HTK's mel scale, shape (bins, 26); those above half the rate are empty."""
    step = rate / 2 / (bins - 1)
    edges = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS + 2)
    place = np.asarray(_mel(np.arange(bins) * step))[:, None]
    rise, fall = (place - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - place) / np.diff(edges)[1:]
    weights = np.maximum(0, np.minimum(rise, fall))
    weights[: int(_LOWEST / step + 1.5)] = 0
    return np.asarray(weights)


@cache
def equal_loudness() -> Array:
    """Sensitivity of the ear at the centres of the mel bands, shape (26,)."""
    edges = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS + 2)
    omega = 2 * np.pi * 700 * np.expm1(edges[1:-1] / 1127)
    square = omega**2
    curve = (square + 56.8e6) * square**2 / ((square + 6.3e6) ** 2 * (square + 0.38e9))
    # The roll-off above 5 kHz, measured on the reference's output.
    return np.asarray(curve / 0.17 / (1 + omega**7 / 1.6906e31))


def _mel(hertz: float | NDArray[Any]) -> Any:
    return 1127 * np.log1p(np.asarray(hertz) / 700)


def _step(spectrum: Array, rate: int) -> float:
    return float(rate / 2 / (spectrum.shape[1] - 1))


def _bin(hertz: float, spectrum: Array, rate: int) -> int:
    # A bin beyond half the rate still leaves one to look at.
    return int(min(round(hertz / _step(spectrum, rate)), spectrum.shape[1] - 1))
