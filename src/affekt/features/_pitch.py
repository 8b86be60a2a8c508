"""(frames, bins) -> F0. Subharmonic summation on an octave scale, then the cheapest path through the candidates.

Source: Hermes 1988, "Measurement of pitch by subharmonic summation", JASA 83 (peaks enhanced, smoothed, interpolated
on a logarithmic axis, weighted as the ear does, summed over 15 harmonics each 0.85 of the one before); constants and
path costs of openSMILE's published GeMAPS v01b configuration (Eyben et al. 2016).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.features._spectra import Array

LOWEST, HIGHEST = 55.0, 1000.0
"Hz"
VOICED = 0.7
"voicing from which a frame is rather voiced than not"

_BOTTOM = 25.0
"Hz, where the octave scale begins"
_HARMONICS = 15
_DECAY = 0.85
_CANDIDATES = 6
# Costs of a path: kinds and orders of magnitude are the configuration's, fitted to the reference's voicing.
_THRESHOLD = 8.0
_CHANGE = 10.0
_JUMP = 8.0
"per octave"
_DOUBT = 2.0
"per unit of missing voicing"
_NEVER = 1e9


def track(magnitudes: Array, rate: int) -> tuple[Array, Array]:
    """Return F0 in Hz (0 where unvoiced) and the voicing of the best candidate, both of shape (frames,)."""
    octaves = np.log2(rate / 2 / _BOTTOM)
    frequencies, voicing = candidates(_subharmonic_sums(magnitudes, octaves), octaves)
    states = cheapest_path(frequencies, voicing)
    padded = np.pad(frequencies, ((0, 0), (0, 1)))
    f0: Array = padded[np.arange(len(padded)), states]
    return f0, voicing.max(axis=1)


def semitones(f0: Array) -> Array:
    """F0 in semitones above 27.5 Hz; unvoiced stays 0."""
    return np.where(f0 > 0, 12 * np.log2(np.maximum(f0, 1e-9) / 27.5), 0.0)


def candidates(sums: Array, octaves: float) -> tuple[Array, Array]:
    """Frequencies in Hz and voicing in [0, 1] of up to six peaks per frame, each (frames, 6), 0 where there is none."""
    middle = sums[:, 1:-1]
    peaks = (middle > sums[:, :-2]) & (middle > sums[:, 2:])
    at = np.argsort(-np.where(peaks, middle, -1.0), axis=1, kind="stable")[:, :_CANDIDATES] + 1
    position, height = parabola(sums, at)
    frequencies = _BOTTOM * 2 ** (position * octaves / (sums.shape[1] - 1))
    known = np.take_along_axis(peaks, at - 1, axis=1) & (frequencies >= LOWEST) & (frequencies <= HIGHEST)
    voicing = 1 - sums.mean(axis=1, keepdims=True) / np.where(height > 0, height, 1.0)
    return np.where(known, frequencies, 0.0), np.where(known, np.clip(voicing, 0, 1), 0.0)


def parabola(rows: Array, at: NDArray[np.intp]) -> tuple[Array, Array]:
    """Refine peaks `at` (frames, n) of rows (frames, bins) by a parabola: positions in bins, and heights."""
    left, middle, right = (np.take_along_axis(rows, at + shift, axis=1) for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    shift = np.clip(shift, -1, 1)
    return np.asarray(at + shift, np.float64), middle - 0.25 * (left - right) * shift


def cheapest_path(frequencies: Array, voicing: Array) -> NDArray[np.intp]:
    """Choose one candidate per frame, shape (frames,); index n, one past the last candidate, means unvoiced."""
    count = frequencies.shape[1]
    known = frequencies > 0
    doubt = _DOUBT * (1 - voicing) + _THRESHOLD * (voicing < VOICED)
    unvoiced = _THRESHOLD * (voicing.max(axis=1) >= VOICED)
    local = np.column_stack([np.where(known, doubt, _NEVER), unvoiced])
    octave = np.log2(np.where(known, frequencies, 1.0))
    moves = np.full((len(local), count + 1, count + 1), _CHANGE)
    moves[1:, :count, :count] = _JUMP * np.abs(octave[:-1, :, None] - octave[1:, None, :])
    moves[:, count, count] = 0.0
    return _backtrack(local, moves)


def _backtrack(local: Array, moves: Array) -> NDArray[np.intp]:
    states = np.arange(local.shape[1])
    cost = local[0]
    came = np.empty(local.shape, np.intp)
    for frame in range(1, len(local)):
        total = cost[:, None] + moves[frame]
        came[frame] = total.argmin(axis=0)
        cost = total[came[frame], states] + local[frame]
    path = np.empty(len(local), np.intp)
    path[-1] = cost.argmin()
    for frame in range(len(local) - 1, 0, -1):
        path[frame - 1] = came[frame, path[frame]]
    return path


def _subharmonic_sums(magnitudes: Array, octaves: float) -> Array:
    bins = magnitudes.shape[1]
    scaled = _smoothed(_enhanced(magnitudes)) @ _octave_scale(bins, octaves)
    sums = np.zeros_like(scaled)
    for harmonic in range(1, _HARMONICS + 1):
        shift = int(np.log2(harmonic) * bins / octaves + 1e-9)
        sums[:, : bins - shift] += _DECAY ** (harmonic - 1) * scaled[:, shift:]
    return sums / _HARMONICS


def _enhanced(magnitudes: Array) -> Array:
    """Keep the peaks and two bins to either side; what lies between is noise."""
    near = np.zeros(magnitudes.shape, bool)
    middle = magnitudes[:, 1:-1]
    near[:, 1:-1] = (middle > magnitudes[:, :-2]) & (middle > magnitudes[:, 2:])
    for _ in range(2):
        wider = near.copy()
        wider[:, 1:] |= near[:, :-1]
        wider[:, :-1] |= near[:, 1:]
        near = wider
    return np.where(near, magnitudes, 0.0)


def _smoothed(rows: Array) -> Array:
    padded = np.pad(rows, ((0, 0), (1, 1)), mode="edge")
    smoothed: Array = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return smoothed


@cache
def _octave_scale(bins: int, octaves: float) -> Array:
    """Matrix (bins, bins): natural cubic spline from the linear to the octave axis, times the ear's weighting."""
    top = _BOTTOM * 2**octaves
    frequencies = _BOTTOM * 2 ** (np.arange(bins) * octaves / (bins - 1))
    weights = 0.5 + np.arctan(3 * np.log2(frequencies / 31.0)) / np.pi
    matrix: Array = (_spline(bins, frequencies / top * (bins - 1)) * weights[:, None]).T.copy()
    return matrix


def _spline(bins: int, positions: Array) -> Array:
    """Matrix (positions, bins) that evaluates the natural cubic spline through values at 0 .. bins - 1."""
    # Second derivatives m solve m[i-1] + 4 m[i] + m[i+1] = 6 (y[i-1] - 2 y[i] + y[i+1]), with m = 0 at both ends.
    inner = np.eye(bins)
    second = np.zeros((bins, bins))
    steps = np.arange(1, bins - 1)
    inner[steps, steps], inner[steps, steps - 1], inner[steps, steps + 1] = 4, 1, 1
    second[steps, steps], second[steps, steps - 1], second[steps, steps + 1] = -12, 6, 6
    bends = np.linalg.solve(inner, second)
    low = np.clip(positions.astype(int), 0, bins - 2)
    right = (positions - low)[:, None]
    left = 1 - right
    values = np.eye(bins)
    curve = (left**3 - left) * bends[low] + (right**3 - right) * bends[low + 1]
    spline: Array = left * values[low] + right * values[low + 1] + curve / 6
    return spline
