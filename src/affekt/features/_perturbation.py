"""Samples and F0 -> jitter and shimmer, as eGeMAPS is defined in practice: a walk from one period to the next.

The walk begins where voicing does. From each place the next period is as long as the lag, within a tenth of F0's
period, at which that many samples are most like those that follow them. A frame measures the period where the frame
before left off, and more while two of the longest still end before the next frame; a period that ends too near to that
is measured again there. Two periods less alike than 0.5 do not count.

Source: Eyben et al. 2016 (GeMAPS), its published configuration, and openSMILE's output, with which this was compared.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.features._spectra import HOP, Array, Floats, size

_SEARCH = 0.1
"periods are looked for this far around that of F0, relative"
_ALIKE = 0.5
"correlation from which two successive periods count as such"
_SAME = 1e-4
"samples; single precision tells no less apart"
_PIECE = 1024
"frames that are walked through with the same running sums"
_AHEAD = 5
"frames that two of the longest periods reach beyond the last"

Whole = NDArray[np.intp]


class _Periods(NamedTuple):
    frame: Whole
    start: Whole
    "samples"
    lag: Whole
    "samples"
    alike: Array
    "(periods, 3): correlations at the lag before, at the lag and after it"


def perturbation(samples: Floats, f0: Array, rate: int) -> tuple[Array, Array]:
    """Jitter (share of the period) and shimmer (dB) from one period to the next, each (frames,), 0 where unvoiced.

    A voiced frame in which no period counts keeps the values of the frame before.

    Args:
        samples: (n,), at least one sample more than the periods of the last voiced frame.
        f0: Hz, (frames,); frame i begins at i times 10 ms.
        rate: Hz.
    """
    voiced = f0 > 0
    if not voiced.any():
        return np.zeros(len(f0)), np.zeros(len(f0))
    frame, start, lag, length = _alike(_walk(samples, f0, rate))
    stretch = np.cumsum(np.diff(voiced, prepend=False))
    follows = np.diff(stretch[frame], prepend=-1) == 0
    change = np.abs(np.diff(length, prepend=0.0))
    # A period that is measured again is the same, and a jitter of 0 is none.
    change[change < _SAME] = 0
    height, growth = _heights(samples, start, lag)
    with np.errstate(divide="ignore", invalid="ignore"):
        jitter = _mean(frame[follows], change[follows], len(f0)) / _mean(frame, length, len(f0))
        shimmer = _mean(frame, growth, len(f0)) / _mean(frame, height, len(f0))
    known = np.bincount(frame, minlength=len(f0)) > 0
    # Without a period before it, or a height, there is nothing to compare with.
    shares = (np.minimum(np.nan_to_num(share, posinf=0.0), 1) for share in (jitter, shimmer))
    carried = [_carried(share, known, stretch) * voiced for share in shares]
    return carried[0], 20 * np.log10(1 + carried[1])


def _alike(periods: _Periods) -> tuple[Whole, Whole, Whole, Array]:
    """Frames, starts, lags and refined lengths in samples of the periods that count."""
    before, peak, after = periods.alike.T
    lean = 0.5 * (before - after)
    shift = lean / (before - 2 * peak + after)
    counts = peak - 0.5 * lean * shift > _ALIKE
    return periods.frame[counts], periods.start[counts], periods.lag[counts], (periods.lag + shift)[counts]


def _mean(frame: Whole, values: Array, count: int) -> Array:
    """Mean per frame, shape (count,); NaN where there is none."""
    return np.bincount(frame, values, count) / np.bincount(frame, minlength=count)


def _heights(samples: Floats, start: Whole, lag: Whole) -> tuple[Array, Array]:
    """Mean range of each period and the one after, and their difference; without the samples at their ends."""
    ends = np.stack([start + 1, start + lag - 1, start + lag + 1, start + 2 * lag - 1], axis=1).ravel()
    reached = np.maximum.reduceat(samples, ends)[::2] - np.minimum.reduceat(samples, ends)[::2]
    this, following = reached.astype(np.float64).reshape(-1, 2).T
    return (this + following) / 2, np.abs(this - following)


def _carried(values: Array, known: NDArray[np.bool_], stretch: Whole) -> Array:
    """Fill unknown frames from the last known one of the same stretch; 0 where there is none."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    return np.where(known[last] & (stretch[last] == stretch), values[last], 0.0)


@np.errstate(divide="ignore", invalid="ignore")
def _walk(samples: Floats, f0: Array, rate: int) -> _Periods:
    """Measure the periods of every voiced frame. What does not sound is like nothing: NaN is no peak."""
    hop = size(rate, HOP)
    stretches = np.flatnonzero(np.diff(f0 > 0, prepend=False, append=False)).reshape(-1, 2)
    found: list[tuple[float, ...]] = []
    # One after the other, but together if short: each gap between them is a new beginning.
    for piece in np.split(stretches, np.flatnonzero(np.diff(stretches[:, 1] // _PIECE)) + 1):
        begin, end = int(piece[0, 0]), int(piece[-1, 1])
        steps = _steps(samples[begin * hop : (end + _AHEAD) * hop], f0[begin:end], rate)
        found += [(frame + begin, start + begin * hop, *rest) for frame, start, *rest in steps]
    table = np.array(found).reshape(-1, 6)
    frames, starts, lags = table[:, :3].astype(np.intp).T
    return _Periods(frames, starts, lags, table[:, 3:])


def _steps(samples: Floats, f0: Array, rate: int) -> list[tuple[int, int, int, float, float, float]]:
    """Frame, start, lag, and the correlations at the lag before, at the lag and after it, of each period."""
    period = np.divide(rate, f0, out=np.zeros_like(f0), where=f0 > 0)
    nearest = np.floor(period + 0.5).astype(int)
    shortest, longest = np.floor((1 - _SEARCH) * period).astype(int), np.ceil((1 + _SEARCH) * period).astype(int)
    alike = _Likeness(samples, int(longest.max()))
    hop, at, found = size(rate, HOP), 0, []
    for frame, (usual, low, high) in enumerate(zip(nearest.tolist(), shortest.tolist(), longest.tolist(), strict=True)):
        end = (frame + 1) * hop
        if not usual:
            at = end
            continue
        start, last = at, max(end - 2 * high - 1, at + 1)
        while start < last:
            peak, *around = _highest_peak(alike(start, low, high))
            if peak:
                found.append((frame, start, low + peak, *around))
            start += low + peak if peak else usual
            if start < end - 1:
                at = start
    return found


class _Likeness:
    """Correlations of the samples from a place on with those that follow them, for all lags: (lags,)."""

    def __init__(self, samples: Floats, longest: int) -> None:
        self._samples = np.concatenate([samples, np.zeros(longest, np.float32)])
        self._shifted = np.lib.stride_tricks.sliding_window_view(self._samples, longest)
        "row i begins at sample i"
        self._first = _triangle(longest)
        self._root = 1 / np.sqrt(np.maximum(np.arange(longest + 1), 1))
        self._sums = np.zeros(len(samples) + 1, np.complex128)
        "of the samples, and of their squares as imaginary part: half as many operations on few numbers each"
        self._sums.real[1:], self._sums.imag[1:] = samples, np.square(samples, dtype=np.float64)
        np.add.accumulate(self._sums, out=self._sums)

    def __call__(self, start: int, low: int, high: int) -> Array:
        # Over as many samples as the lag has: products from a matrix, sums and squares from running sums.
        near, far, root = start + low, start + high + 1, self._root[low : high + 1]
        until = self._sums[near:far]
        before, after = until - self._sums.item(start), self._sums[near + low : far + high : 2] - until
        first, second = before.real * root, after.real * root
        power = before.imag - first * first
        power *= after.imag - second * second
        first *= second
        products = self._shifted[near:far, :high] * self._first[low : high + 1, :high]
        alike: Array = products.dot(self._samples[start : start + high]) - first
        alike /= np.sqrt(power)
        return alike


@cache
def _triangle(longest: int) -> Floats:
    """1 in row i up to column i - 1, shape (longest + 1, longest)."""
    return np.tri(longest + 1, longest, -1, dtype=np.float32)


def _highest_peak(values: Array) -> tuple[int, float, float, float]:
    """Index of the highest local maximum, the last two values apart, 0 if there is none; and the values around it."""
    inner = values[1:-2]
    at = int(inner.argmax()) + 1
    before, height, after = values[at - 1 : at + 2].tolist()
    if not before < height > after:
        peaks = np.flatnonzero((inner > values[:-3]) & (inner > values[2:-1]))
        at = int(peaks[inner[peaks].argmax()]) + 1 if len(peaks) else 0
        before, height, after = values[at - 1 : at + 2].tolist() if at else (0.0, 0.0, 0.0)
    return at, before, height, after
