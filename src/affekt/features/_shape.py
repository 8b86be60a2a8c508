"""(frames, bins) -> loudness, balance, slopes, flux and cepstrum: the shape of 20 ms spectra.

Source: Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective
Computing"; equal-loudness curve of Hermansky 1990, "Perceptual linear predictive analysis of speech", with its roll-off
above 5 kHz; cepstrum of the HTK book, chapter 5. Where openSMILE's numbers differ from the definition, the constants
here say how.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.features._spectra import Array, Floats

NAMES = (
    *("Loudness", "alphaRatio", "hammarbergIndex", "slope0-500", "slope500-1500", "spectralFlux"),
    *(f"mfcc{k}" for k in range(1, 5)),
)
"what `measure` returns"
BANDS = 26
"mel bands, 20 Hz .. 8 kHz"

_LOWEST, _HIGHEST = 20.0, 8000.0
_COMPRESSION = 0.33
"exponent of the power law of hearing"
_FLOOR = 1e-14
"power; silence has finite decibels"
_QUIET = 9.3e-10
"power in a mel band that is still heard: the loudness of silence is not 0"
_SCALE = 32767.0**2
"power of 16-bit samples, of which the cepstrum hears nothing below 1"
_LIFTER = 22

Spectra = NDArray[np.floating]


def measure(spectra: Floats, skip: int, rate: int) -> Array:
    """Shape of the magnitudes of 20 ms frames that follow each other, (frames - skip, 10), columns `NAMES`.

    Args:
        spectra: (frames, bins).
        skip: so many of the first are only there to be changed from: 1, or 0 where nothing comes before.
        rate: Hz.
    """
    change, spectra = flux(spectra, rate)[skip:], spectra[skip:]
    power = spectra**2
    # So few rows at once that numpy's linear algebra does not spread them over threads.
    filters = mel_filters(power.shape[1], rate)
    bands = np.concatenate([power[start : start + 32] @ filters for start in range(0, len(power), 32)])
    balance = alpha_ratio(power, rate), hammarberg_index(power, rate)
    return np.column_stack([loudness(bands), *balance, slopes(power, rate), change, cepstrum(bands)]).astype(np.float64)


def decibels(power: Spectra) -> Spectra:
    """10 log10, floored so that silence is finite."""
    return 10 * np.log10(np.maximum(power, _FLOOR))


def loudness(bands: Spectra) -> Spectra:
    """Mean of the auditory spectrum over the mel bands, shape (frames,)."""
    heard = np.maximum(bands, bands.dtype.type(_QUIET)) * equal_loudness()
    loud: Spectra = (heard**_COMPRESSION).mean(axis=1)
    return loud


def cepstrum(bands: Spectra) -> Spectra:
    """MFCC 1 to 4, liftered, shape (frames, 4)."""
    cepstra: Spectra = np.log(np.maximum(bands * bands.dtype.type(_SCALE), 1)) @ _cosines()
    return cepstra


def alpha_ratio(power: Spectra, rate: int) -> Spectra:
    """Energy in 1 .. 5 kHz over that below 1 kHz, dB; 0 in silence."""
    one, five = _bin(1000, power, rate), _bin(5000, power, rate)
    return _ratio(power[:, one : five + 1].sum(axis=1), power[:, :one].sum(axis=1))


def hammarberg_index(power: Spectra, rate: int) -> Spectra:
    """Strongest peak below 2 kHz over that in 2 .. 5 kHz, dB; 0 in silence."""
    two, five = _bin(2000, power, rate), _bin(5000, power, rate)
    return _ratio(power[:, :two].max(axis=1), power[:, two : five + 1].max(axis=1))


def _ratio(one: Spectra, other: Spectra) -> Spectra:
    silent = other <= 0
    ratio: Spectra = np.where(silent, 0, 10 * np.log10(np.maximum(one, _FLOOR) / np.where(silent, 1, other)))
    return ratio


def slopes(power: Spectra, rate: int) -> Spectra:
    """Slopes of the log power spectrum in 0 .. 500 Hz and in 500 .. 1500 Hz, dB per Hz, shape (frames, 2)."""
    weights = _regression(_step(power, rate))
    found: Spectra = decibels(power[:, : len(weights)]) @ weights
    return found


@cache
def _regression(step: float) -> Floats:
    """Matrix (bins, 2) of the regressions on frequency.

    The reference divides by one bin fewer than it sums; silence therefore has a slope, and it is kept.
    """
    bands = [(0, 500), (500, 1500)]
    weights = np.zeros((round(bands[-1][1] / step) + 1, len(bands)))
    for column, (low, high) in enumerate(bands):
        bins = np.arange(round(low / step), round(high / step) + 1)
        count = len(bins) - 1
        weights[bins, column] = (count * bins - bins.sum()) / (count * (bins**2).sum() - bins.sum() ** 2) / step
    return np.asarray(weights, np.float32)


def flux(spectra: Spectra, rate: int) -> Spectra:
    """Root mean square change of the magnitudes below 5 kHz since the frame before; 0 in the first."""
    below = spectra[:, : _bin(5000, spectra, rate)]
    change = np.diff(below, axis=0)
    power = np.einsum("ij,ij->i", change, change) / below.shape[1]
    return np.concatenate([[0.0], np.sqrt(power)])


@cache
def mel_filters(bins: int, rate: int) -> Floats:
    """Triangles of height 1 on HTK's mel scale, shape (bins, 26); those above half the rate are empty."""
    step = rate / 2 / (bins - 1)
    edges = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS + 2)
    place = np.asarray(_mel(np.arange(bins) * step))[:, None]
    rise, fall = (place - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - place) / np.diff(edges)[1:]
    weights = np.maximum(0, np.minimum(rise, fall))
    weights[: int(_LOWEST / step + 1.5)] = 0
    return np.asarray(weights, np.float32)


@cache
def equal_loudness() -> Floats:
    """Sensitivity of the ear at the centres of the mel bands, shape (26,)."""
    edges = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS + 2)
    omega = 2 * np.pi * 700 * np.expm1(edges[1:-1] / 1127)
    square = omega**2
    curve = (square + 56.8e6) * square**2 / ((square + 6.3e6) ** 2 * (square + 0.38e9))
    return np.asarray(1e32 * curve / (omega**7 + 1.7e31), np.float32)


@cache
def _cosines() -> Floats:
    """Matrix (bands, 4) of the liftered cosine transform."""
    order, band = np.arange(1, 5), np.arange(BANDS)[:, None]
    lifter = 1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER)
    matrix = np.sqrt(2 / BANDS) * np.cos(np.pi * order * (band + 0.5) / BANDS) * lifter
    return np.asarray(matrix, np.float32)


def _mel(hertz: float | NDArray[Any]) -> Any:
    return 1127 * np.log1p(np.asarray(hertz) / 700)


def _step(spectrum: Spectra, rate: int) -> float:
    return float(rate / 2 / (spectrum.shape[1] - 1))


def _bin(hertz: float, spectrum: Spectra, rate: int) -> int:
    # A bin beyond half the rate still leaves one to look at.
    return int(min(round(hertz / _step(spectrum, rate)), spectrum.shape[1] - 1))
