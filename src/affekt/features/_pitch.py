"""Signal -> F0. Subharmonic summation on an octave scale, then the cheapest path through the candidates.

Source: Hermes 1988, "Measurement of pitch by subharmonic summation", JASA 83 (peaks enhanced, smoothed, interpolated
on a logarithmic axis, weighted as the ear does, summed over 15 harmonics each 0.85 of the one before); constants, and
costs of a path, of openSMILE's GeMAPS v01b (Eyben et al. 2016), with whose F0 this one agrees frame by frame.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from affekt.features import _path, _spectra
from affekt.features._path import States
from affekt.features._spectra import Array, Floats
from affekt.types import Signal

LOWEST, HIGHEST = 55.0, 1000.0
"Hz"
VOICED = 0.7
"voicing from which a frame is rather voiced than not"
FLOOR = 0.001
"root mean square of a windowed frame, of full scale; what is softer is unvoiced"

_BOTTOM = 25.0
"Hz, where the octave scale begins"
_HARMONICS = 15
_DECAY = 0.85
_CANDIDATES = 6

_THRESHOLD = 8.0
"cost of a frame on the other side of VOICED than its state"
_DOUBT = 2.0
"cost per natural logarithm of voicing"
_ONSET = 10.0
"cost of a change between voiced and unvoiced"
_REST = 1.0
"cost of staying unvoiced"
_JUMP = 10.0
"cost per natural logarithm of F0"
_NEVER = 999.0
_BAND = 16
"rows of a matrix at once: for products this small no threads are started, which would cost more than they save"
_LAG = 39
"frames after which the reference decides"


def track(signal: Signal) -> tuple[Array, Floats]:
    """Return F0 in Hz, 0 where unvoiced, shape (frames,), and the 60 ms magnitudes it was found in, (frames, bins)."""
    magnitudes, level = _spectra.voice(signal)
    f0 = follow(*candidates(magnitudes, signal.rate))
    return np.where(level > FLOOR, f0, 0.0), magnitudes


def semitones(f0: Array) -> Array:
    """F0 in semitones above 27.5 Hz; unvoiced stays 0."""
    return np.where(f0 > 0, 12 * np.log2(np.maximum(f0, 1e-9) / 27.5), 0.0)


def candidates(magnitudes: Floats, rate: int) -> tuple[Array, Array]:
    """Frequencies in Hz and voicing in [0, 1] of up to six peaks per frame, each (frames, 6), 0 where there is none.

    The first is the highest; the others follow by height before its refinement by a parabola.
    """
    octaves = float(np.log2(rate / 2 / _BOTTOM))
    at, around, mean = _peaks(magnitudes, octaves)
    shift, height = vertex(*around)
    frequency = _BOTTOM * 2 ** ((at + shift) * octaves / (magnitudes.shape[1] - 1))
    known = (height > 0) & (frequency >= LOWEST) & (frequency <= HIGHEST)
    rank = np.where(known, np.arange(_CANDIDATES), _CANDIDATES)
    rank[np.arange(len(rank)), np.where(known, height, 0.0).argmax(axis=1)] = -1
    order = np.argsort(rank, axis=1, kind="stable")
    voicing = np.maximum(1 - mean[:, None] / np.where(known, height, np.inf), 0.0)
    chosen = (np.take_along_axis(values * known, order, axis=1) for values in (frequency, voicing))
    return next(chosen), next(chosen)


def vertex(left: Array, middle: Array, right: Array) -> tuple[Array, Array]:
    """Of the parabola through three neighbours: its place relative to the middle one, at most 1 away, and height."""
    bend = left - 2 * middle + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    shift = np.clip(shift, -1, 1)
    return shift, middle - 0.25 * (left - right) * shift


def follow(frequencies: Array, voicing: Array) -> Array:
    """Choose one candidate per frame, or none; F0 in Hz, 0 where unvoiced, shape (frames,).

    Args:
        frequencies: Hz, (frames, n); of each frame those that are not 0 come first.
        voicing: in [0, 1], (frames, n).
    """
    known = frequencies > 0
    voiced = voicing >= VOICED
    # The voices of most speakers lie between 100 and 350 Hz.
    usual = np.interp(frequencies, [0, 100, 350, 600], [1, 0, 0, 1]) + 0.2 * (frequencies >= 600)
    doubt = -_DOUBT * np.log(np.maximum(voicing, 0.01)) + _THRESHOLD * ~voiced + usual
    local = np.column_stack([np.where(known, doubt, _NEVER), _THRESHOLD * voiced.any(axis=1)])
    pitch = np.where(known, np.log(np.where(known, frequencies, 1.0)), np.nan)
    states = _path.cheapest(local, partial(_moves, pitch), lag=_LAG)
    f0: Array = np.pad(frequencies, ((0, 0), (0, 1)))[np.arange(len(local)), states]
    return f0


def _moves(pitch: Array, start: int, stop: int) -> Array:
    """Costs of moves into frames start to stop, shape (frames, n + 1, n + 1); the last state is unvoiced."""
    count = pitch.shape[1]
    change = pitch[start:stop, None, :] - pitch[np.maximum(np.arange(start, stop) - 1, 0), :, None]
    # A second cost is meant for bends of the contour; the reference compares with the candidate that it tried before.
    bend = np.diff(change, axis=1, prepend=0.0)
    moves = np.full((stop - start, count + 1, count + 1), _ONSET)
    moves[:, :count, :count] = np.nan_to_num(_JUMP * (np.abs(change) + np.abs(bend)), nan=_NEVER)
    moves[:, count, count] = _REST
    return moves


def _peaks(magnitudes: Floats, octaves: float) -> tuple[States, Array, Array]:
    """Of subharmonic sums: the highest peaks (frames, 6), these bins and their neighbours (3, frames, 6), the mean."""
    frames = len(magnitudes)
    at, around, mean = np.empty((frames, _CANDIDATES), np.intp), np.empty((3, frames, _CANDIDATES)), np.empty(frames)
    for piece in _spectra.pieces(frames):
        sums = _subharmonic_sums(magnitudes[piece], octaves)
        at[piece] = _highest(sums, _CANDIDATES)
        places = at[piece] * sums.shape[1] + np.arange(sums.shape[1])[:, None]
        around[:, piece] = [sums.take(places + shift * sums.shape[1]) for shift in (-1, 0, 1)]
        mean[piece] = sums.mean(axis=0)
    return at, around, mean


def _highest(columns: Floats, count: int) -> States:
    """Places of the highest peaks of columns without negative values, (columns, count); any if there are fewer."""
    middle = columns[1:-1]
    peaks = middle * ((middle > columns[:-2]) & (middle > columns[2:]))
    heights, every = np.ascontiguousarray(peaks.T), np.arange(columns.shape[1])
    at = np.empty((len(every), count), np.intp)
    for rank in range(count):
        at[:, rank] = heights.argmax(axis=1)
        heights[every, at[:, rank]] = 0
    return at + 1


def _subharmonic_sums(magnitudes: Floats, octaves: float) -> Floats:
    """Sums for each F0 of the octave scale, shape (bins, frames), so that shifted bins follow each other in memory."""
    bins = magnitudes.shape[1]
    scaled = _multiply(_octave_bands(bins, octaves), _enhanced(magnitudes).T)
    np.maximum(scaled, 0, out=scaled)
    sums = scaled.copy()
    for rank in range(1, _HARMONICS):
        shift = int(np.log2(rank + 1) * bins / octaves)
        sums[: bins - shift] += np.float32(_DECAY**rank) * scaled[shift:]
    return sums


def _enhanced(magnitudes: Floats) -> Floats:
    """Keep the peaks and two bins to either side, and what lies outside all peaks; the rest is noise."""
    rising = magnitudes[:, 1:] > magnitudes[:, :-1]
    peaks = np.empty(magnitudes.shape, bool)
    np.greater(rising[:, :-1], rising[:, 1:], out=peaks[:, 1:-1])
    peaks[:, 0], peaks[:, -1] = magnitudes[:, 0] > magnitudes[:, 1], rising[:, -1]
    kept = peaks.copy()
    for reach in (1, 2):
        kept[:, reach:] |= peaks[:, :-reach]
        kept[:, :-reach] |= peaks[:, reach:]
    for way in (1, -1):
        outside = peaks[:, ::way].argmax(axis=1)
        bins = np.arange(outside.max())
        kept[:, ::way][:, : len(bins)] |= bins < outside[:, None]
    return magnitudes * kept


Bands = tuple[tuple[slice, slice, Floats], ...]
"of a matrix: rows, columns, and what stands there; elsewhere it is next to 0"


def _multiply(bands: Bands, columns: Floats) -> Floats:
    product = np.empty((bands[-1][0].stop, columns.shape[1]), np.float32)
    for outputs, inputs, matrix in bands:
        np.matmul(matrix, columns[inputs], out=product[outputs])
    return product


def _bands(matrix: Array) -> Bands:
    bands = []
    for start in range(0, len(matrix), _BAND):
        rows = slice(start, min(start + _BAND, len(matrix)))
        size = np.abs(matrix[rows]).max(axis=0)
        used = np.flatnonzero(size > 1e-7 * size.max())
        columns = slice(int(used[0]), int(used[-1]) + 1)
        bands.append((rows, columns, np.ascontiguousarray(matrix[rows, columns], np.float32)))
    return tuple(bands)


@cache
def _octave_bands(bins: int, octaves: float) -> Bands:
    """(bins, bins): smooth, go from the linear to the octave axis by a cubic spline, weight as the ear does."""
    linear = np.log2(np.maximum(np.arange(bins), 0.5) * 2**octaves / (bins - 1))
    scale = np.arange(bins) * octaves / (bins - 1)
    per_octave = bins / octaves
    ear = 0.5 + np.arctan(3 * ((np.arange(bins) + 2) / per_octave - np.log2(65 / 50))) / np.pi
    spline = ear[:, None] * _spline(linear, scale)
    smooth = spline / 2
    smooth[:, :-2] += spline[:, 1:-1] / 4
    smooth[:, 1:] += spline[:, :-1] / 4
    smooth[:, -1] += spline[:, -1] / 2  # The last bin is not smoothed.
    return _bands(smooth)


def _spline(knots: Array, positions: Array) -> Array:
    """Matrix (positions, knots) that evaluates the natural cubic spline through values at the knots."""
    steps, values = np.diff(knots), np.eye(len(knots))
    slopes = np.diff(values, axis=0) / steps[:, None]
    # The second derivative at each knot depends on those of its neighbours, and is 0 at both ends: Thomas's algorithm.
    bends, share = np.zeros_like(values), np.zeros(len(knots))
    for knot in range(1, len(knots) - 1):
        before, after = steps[knot - 1], steps[knot]
        pivot = 2 * (before + after) - before * share[knot - 1]
        share[knot] = after / pivot
        bends[knot] = (6 * (slopes[knot] - slopes[knot - 1]) - before * bends[knot - 1]) / pivot
    for knot in range(len(knots) - 2, 0, -1):
        bends[knot] -= share[knot] * bends[knot + 1]
    low = np.clip(np.searchsorted(knots, positions, side="right") - 1, 0, len(knots) - 2)
    step = steps[low][:, None]
    b = (positions - knots[low])[:, None] / step
    a = 1 - b
    spline: Array = a * values[low] + b * values[low + 1]
    spline += ((a**3 - a) * bends[low] + (b**3 - b) * bends[low + 1]) * step**2 / 6
    return spline
