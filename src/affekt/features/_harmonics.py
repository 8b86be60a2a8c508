"""Spectra and F0 -> harmonics. Harmonics to noise, the first harmonics' levels, and the strongest one in each formant.

A harmonic is the peak of the spectrum that is nearest to a multiple of F0 and not nearer to the next multiple.

Source: Eyben et al. 2016 (GeMAPS), its published configuration, and openSMILE's output, with which this was compared;
Boersma 1993, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.features._pitch import vertex
from affekt.features._spectra import Array, Floats

ABSENT = -201.0
"dB; of what is not there"

_COUNT = 100
_MISSING = -200.0
"dB; of a harmonic without a peak"
_NEAR = 0.2
"of a formant's frequency; so near lie the harmonics that make its level"
_LEAST, _MOST = 1e-9, 1e11
"harmonics over noise, as powers"

Places = NDArray[np.intp]
Flags = NDArray[np.bool_]


class Harmonics(NamedTuple):
    """Of voiced frames; levels are in dB over that of F0."""

    noise: Array
    "dB, (frames,): harmonics over noise"
    difference: Array
    "dB, (frames,): H1-H2"
    tilt: Array
    "dB, (frames,): H1-A3"
    amplitudes: Array
    "dB, (frames, 3): of F1 to F3; 0 where no harmonic is near"


def measure(magnitudes: Floats, f0: Array, formants: Array, rate: int) -> Harmonics:
    """Measure the harmonics of voiced frames.

    Args:
        magnitudes: 60 ms spectra, (frames, bins).
        f0: Hz, (frames,), all above 0.
        formants: Hz, (frames, 3); 0 where there is none.
        rate: Hz.
    """
    found = _levels(magnitudes, f0, _highest(formants, rate), rate / 2 / (magnitudes.shape[1] - 1))
    strongest = [_strongest(found, formant) for formant in formants.T]
    amplitudes = np.column_stack([np.where(at < 0, 0.0, found.levels[at]) for at in strongest])
    # The reference counts harmonics from the second on, and takes a formant that has none for one of 201 dB.
    second, third = (found.levels[found.begins + k] for k in (1, 2))
    tilt = second - np.where(strongest[2] < 0, -ABSENT, amplitudes[:, 2])
    return Harmonics(_noise(magnitudes, f0, rate), second - third, np.clip(tilt, ABSENT, -ABSENT), amplitudes)


class _Found(NamedTuple):
    """Harmonics of all frames, one after the other."""

    frames: Places
    "of each harmonic, (harmonics,)"
    begins: Places
    "index of each frame's first harmonic, (frames,)"
    places: Array
    "Hz, 0 where there is no peak"
    heights: Floats
    levels: Array
    "dB over that of F0"


def _highest(formants: Array, rate: int) -> Array:
    """Hz up to which each frame's harmonics are needed, (frames,)."""
    highest: Array = np.minimum((1 + 2 * _NEAR) * formants.max(axis=1), rate / 2)
    return highest


def _levels(magnitudes: Floats, f0: Array, highest: Array, step: float) -> _Found:
    bins = magnitudes.shape[1]
    counts = np.clip(highest / f0, 3, _COUNT).astype(np.intp) + 1
    begins = np.cumsum(counts) - counts
    frames = np.repeat(np.arange(len(f0)), counts)
    rank = np.arange(len(frames)) - begins[frames]
    at, there = _nearest(magnitudes, f0.astype(np.float32)[frames], rank, frames, step)
    shift, refined = vertex(*(magnitudes[frames, np.clip(at + k, 0, bins - 1)].astype(np.float64) for k in (-1, 0, 1)))
    heights = magnitudes[frames, at] * there
    ground = heights[begins][frames]
    twice = np.concatenate([[False], (at[1:] == at[:-1]) & (rank[1:] > 0)])
    heights[twice] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.where(there, np.maximum(20 * np.log10(refined / ground), _MISSING), _MISSING)
    levels[twice | (ground == 0)] = ABSENT
    levels[begins] = 0
    return _Found(frames, begins, np.where(heights > 0, (at + shift) * step, 0.0), heights, levels)


def _nearest(magnitudes: Floats, pitch: Floats, rank: Places, frames: Places, step: float) -> tuple[Places, Flags]:
    """Bins of the peaks nearest to the multiples of F0, of two the higher, and whether there is one; (harmonics,)."""
    last = magnitudes.shape[1] - 1
    numbers = rank.astype(np.float32)
    hertz = [(numbers + np.float32(part)) * pitch for part in (0.5, 1, 1.5)]
    low, centre, high = (np.floor(np.minimum(at, last * step) / step + 0.5).astype(np.intp) for at in hertz)
    high[hertz[2] >= last * step] = 0
    bins = max(int(high.max()), int(centre.max())) + 1
    peaks = np.flatnonzero(_peaks(magnitudes[:, : bins + 1])[:, :bins])
    first = frames * bins
    following = np.searchsorted(peaks, first + centre, side="right")
    before = np.concatenate([[-1], peaks])[following] - first
    after = np.where(before == centre, centre, np.append(peaks, len(magnitudes) * bins)[following] - first)
    higher = (after <= high) & ((after - centre <= centre - before) | (before < low))
    at = np.where(higher, after, before)
    inside = hertz[1] < last * step
    there = (higher | (before >= low)) & inside & (at < last)
    return np.where(there, at, centre * inside), there


def _peaks(rows: Floats) -> Flags:
    peaks = np.empty(rows.shape, bool)
    rising, falling = rows[:, 1:] > rows[:, :-1], rows[:, :-1] > rows[:, 1:]
    np.logical_and(rising[:, :-1], falling[:, 1:], out=peaks[:, 1:-1])
    peaks[:, 0], peaks[:, -1] = falling[:, 0], rising[:, -1]
    return peaks


def _strongest(found: _Found, formant: Array) -> Places:
    """Index of the strongest harmonic within a fifth of each frame's formant, (frames,); -1 where there is none."""
    low, high = ((1 + part) * formant[found.frames] for part in (-_NEAR, _NEAR))
    near = np.where((found.places >= low) & (found.places <= high), found.heights, np.float32(0))
    most = np.maximum.reduceat(near, found.begins)
    count = len(near)
    at = np.minimum.reduceat(np.where(near == most[found.frames], np.arange(count), count), found.begins)
    return np.where(most > 0, at, -1)


def _noise(magnitudes: Floats, f0: Array, rate: int) -> Array:
    """Harmonics over noise in dB: the autocorrelation's peak nearest to the period, over what it lacks to lag 0."""
    bins = magnitudes.shape[1]
    lag = np.floor(rate / f0).astype(np.intp)
    # No peak beyond twice the period is nearer than one before it. As complex numbers, numpy keeps them single.
    reach = min(bins, 2 * int(lag.max()) + 2)
    correlation = np.abs(np.fft.irfft((magnitudes**2).astype(np.complex64))[:, :reach])
    peaks, places, rows = _peaks(correlation), np.arange(reach), np.arange(len(f0))
    after = (peaks & (places >= lag[:, None])).argmax(axis=1)
    before = reach - 1 - (peaks & (places <= lag[:, None]))[:, ::-1].argmax(axis=1)
    # Where there is none, the first or last place is found.
    below = (before > 0) & (before < reach - 1) & ((after == 0) | (lag - before <= after - lag))
    at = np.where(below, before, after)
    peak, whole = correlation[rows, at].astype(np.float64), correlation[:, 0].astype(np.float64)
    share = peak / np.where(whole > peak, whole - peak, peak / _MOST + 1e-300)
    decibels: Array = 10 * np.log10(np.clip(share, _LEAST, _MOST))
    return decibels
