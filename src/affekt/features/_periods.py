"""Signal and F0 -> glottal periods. Pulses by waveform matching; jitter and shimmer of the periods between them.

In the middle of each voiced stretch the largest sample of one period is a pulse. From there the walk goes both ways:
the next pulse lies 0.8 to 1.2 periods of F0 away, where one period of the waveform is most like the one around the
pulse before (normalised correlation, refined by a parabola). Less alike than 0.3, it is no pulse; where voicing ends
one more is taken if it is alike by 0.7.

Two periods are compared if both last 0.1 to 20 ms and neither is more than 1.3 times the other; two amplitudes if their
periods are such and neither is more than 1.6 times the other. What is compared with nothing counts nowhere.

Source: the definitions of Praat's manual (Boersma and Weenink), "Sound & Pitch: To PointProcess (cc)", "Voice 2.
Jitter" and "Voice 3. Shimmer"; the window of the amplitudes was measured on Praat's output.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHORTEST, LONGEST = 0.0001, 0.02
"seconds; what is outside is no glottal period"
PERIOD_FACTOR = 1.3
AMPLITUDE_FACTOR = 1.6

JITTER = ("jitterLocal", "jitterLocalAbsolute", "jitterRAP", "jitterPPQ5")
SHIMMER = ("shimmerLocal", "shimmerLocaldB", "shimmerAPQ3", "shimmerAPQ5", "shimmerAPQ11")

_NEAREST, _FARTHEST = 0.8, 1.2
"periods from one pulse to the next"
_ALIKE, _EDGE = 0.3, 0.7
"correlation of a pulse's period with that before; at the edge of voicing"
_BLOCK = 1024
"pulses that are looked at at once"
_HALF = 0.2
"of the period to either side: half the Hann window in which a pulse's amplitude is measured"


class Terms(NamedTuple):
    """What a measure of perturbation averages: one term for each group of periods that may be compared."""

    at: Array
    "seconds, the middle of the group, (terms,), rising"
    deviation: Array
    "of a period (s) or an amplitude from its neighbours, (terms,)"


class Voicing(NamedTuple):
    """Where the voice's periods lie, and what they deviate by."""

    pulses: Array
    "seconds, (pulses,), rising"
    periods: Terms
    "seconds: the periods that are compared with a neighbour"
    amplitudes: Terms
    "of the pulses between two valid periods"
    terms: dict[str, Terms]
    "by the names of `JITTER` and `SHIMMER`"


def voicing(samples: Array, rate: int, f0: Array, *, hop: float) -> Voicing:
    """Find the pulses and compare the periods.

    Args:
        samples: (n,), finite.
        rate: Hz.
        f0: Hz, (frames,), 0 where unvoiced; frame i is centred at i * hop.
        hop: seconds.
    """
    found = pulses(samples, rate, f0, hop=hop)
    return _compared(found, amplitudes(samples, rate, found))


def utterance(name: str, found: Voicing) -> float:
    """Return one measure over all periods, 0 without any: the value that phoneticians quote."""
    terms = found.terms[name]
    if not len(terms.at):
        return 0.0
    return float(terms.deviation.mean() / _scale(name, found).mean())


def framewise(name: str, found: Voicing, times: Array, *, window: float) -> tuple[Array, Flags]:
    """Return one measure around each time, (times,), and where it exists: where a term lies within `window` seconds."""
    terms = found.terms[name]
    deviation, count = _means(terms.at, terms.deviation, times, window)
    known = count > 0
    if name in ("jitterLocalAbsolute", "shimmerLocaldB"):
        return deviation, known
    base = found.periods if name in JITTER else found.amplitudes
    scale, _ = _means(base.at, base.deviation, times, 2 * window)
    known &= scale > 0
    return np.where(known, deviation / np.where(known, scale, 1.0), 0.0), known


# Pulses -----------------------------------------------------------------------------------------------------------


def pulses(samples: Array, rate: int, f0: Array, *, hop: float) -> Array:
    """Return the times of the pulses in seconds, rising."""
    wave = _Wave(samples, np.concatenate([[0.0], np.cumsum(samples * samples)]), rate)
    found: list[float] = []
    for first, stop in _stretches(f0 > 0):
        stretch = _Stretch(wave, f0[first:stop].tolist(), first * hop, hop)
        found += [pulse for pulse in stretch.pulses() if not found or pulse > found[-1]]
    return np.array(found)


def _stretches(flags: Flags) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


class _Wave(NamedTuple):
    samples: Array
    square: Array
    "sums of the squares of all samples before, (samples + 1,)"
    rate: int

    def loudest(self, low: float, high: float) -> float:
        """Time of the largest sample between two times."""
        first = min(max(0, round(low * self.rate)), len(self.samples) - 1)
        piece = np.abs(self.samples[first : max(first, round(high * self.rate)) + 1])
        at = int(piece.argmax())
        return (first + at + _peak(piece, at)[0]) / self.rate

    def match(self, time: float, period: float, way: int) -> tuple[float, float]:
        """Find the period before or after that is most like the one around `time`.

        Args:
            time: seconds.
            period: samples.
            way: -1 for before, 1 for after.

        Returns:
            Its time, and the correlation in [-1, 1]. Beyond the signal: one period on, and 0.
        """
        width, start = round(period), round(time * self.rate - period / 2)
        near, far = round(_NEAREST * period), round(_FARTHEST * period)
        low, high = (start + near, start + far) if way > 0 else (start - far, start - near)
        if min(low, start) < 0 or max(high, start) + width > len(self.samples):
            return time + way * period / self.rate, 0.0
        curve = np.correlate(self.samples[low : high + width], self.samples[start : start + width])
        energy = self.square[low + width : high + width + 1] - self.square[low : high + 1]
        curve /= np.sqrt(np.maximum(energy * (self.square[start + width] - self.square[start]), 1e-30))
        at = int(curve.argmax())
        shift, alike = _peak(curve, at)
        return time + (low + at + shift - start) / self.rate, alike


class _Stretch:
    """A voiced stretch. Plain floats, since the walk goes pulse by pulse."""

    def __init__(self, wave: _Wave, f0: list[float], begin: float, hop: float) -> None:
        self.wave, self.f0, self.begin, self.hop = wave, f0, begin, hop
        self.left, self.right = begin - hop / 2, begin + (len(f0) - 0.5) * hop

    def pulses(self) -> list[float]:
        middle = (self.left + self.right) / 2
        half = self.period(middle) / self.wave.rate / 2
        start = self.wave.loudest(middle - half, middle + half)
        before, after = list(self.walk(start, -1)), list(self.walk(start, 1))
        return [*before[::-1], start, *after]

    def period(self, time: float) -> float:
        """Period in samples at a time, F0 interpolated."""
        place = min(max((time - self.begin) / self.hop, 0.0), len(self.f0) - 1.0)
        low = min(int(place), max(len(self.f0) - 2, 0))
        high = min(low + 1, len(self.f0) - 1)
        return self.wave.rate / (self.f0[low] + (place - low) * (self.f0[high] - self.f0[low]))

    def walk(self, time: float, way: int) -> Iterator[float]:
        """Yield the pulses to one side, the nearest first."""
        last = time
        while self.left <= time <= self.right:
            period = self.period(time)
            time, alike = self.wave.match(time, period, way)
            inside = self.left <= time <= self.right
            if alike > (_ALIKE if inside else _EDGE) and abs(time - last) * self.wave.rate > _NEAREST * period:
                yield time
                last = time


def _peak(curve: Array, at: int) -> tuple[float, float]:
    """Refine a peak by a parabola: its shift in samples, and its height."""
    if not 0 < at < len(curve) - 1:
        return 0.0, float(curve[at])
    left, middle, right = curve[at - 1 : at + 2].tolist()
    bend = left - 2 * middle + right
    if bend >= 0:
        return 0.0, middle
    shift = 0.5 * (left - right) / bend
    return shift, middle - 0.25 * (left - right) * shift


# Amplitudes -------------------------------------------------------------------------------------------------------


def amplitudes(samples: Array, rate: int, found: Array) -> Array:
    """Root mean square around each pulse under a Hann window, 0.2 periods to either side; 0 without valid periods."""
    heights = np.zeros(len(found))
    if len(found) < 3:
        return heights
    before, after = np.diff(found)[:-1], np.diff(found)[1:]
    valid = _valid(before) & _valid(after) & _near(before, after, PERIOD_FACTOR)
    around = np.stack([found[1:-1], _HALF * before, _HALF * after])[:, valid] * rate
    blocks = [_windowed(samples, *around[:, at : at + _BLOCK]) for at in range(0, around.shape[1], _BLOCK)]
    heights[1:-1][valid] = np.concatenate([np.zeros(0), *blocks])
    return heights


def _windowed(samples: Array, at: Array, left: Array, right: Array) -> Array:
    reach = int(max(left.max(), right.max())) + 1
    middle = np.rint(at).astype(int)
    place = middle[:, None] + np.arange(-reach, reach + 1)
    away = place - at[:, None]
    away /= np.where(away < 0, left[:, None], right[:, None])
    inside = (np.abs(away) <= 1) & (place >= 0) & (place < len(samples))
    weight = np.where(inside, 0.5 + 0.5 * np.cos(np.pi * away), 0.0) ** 2
    values = samples[np.clip(place, 0, len(samples) - 1)]
    mean: Array = (values * values * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-30)
    return np.sqrt(mean)


# Comparisons ------------------------------------------------------------------------------------------------------


def _compared(found: Array, heights: Array) -> Voicing:
    lengths = np.diff(found)
    middles = (found[1:] + found[:-1]) / 2
    pairs = _valid(lengths[:-1]) & _valid(lengths[1:]) & _near(lengths[:-1], lengths[1:], PERIOD_FACTOR)
    used = np.concatenate([pairs, [False]])[: len(lengths)] | np.concatenate([[False], pairs])[: len(lengths)]
    kept = heights > 0
    loud, at = heights[kept], found[kept]
    follow = _valid(np.diff(at)) & _near(loud[:-1], loud[1:], AMPLITUDE_FACTOR)
    local, level = _differences(middles, lengths, pairs), _differences(at, loud, follow)
    decibels = _differences(at, 20 * np.log10(np.maximum(loud, 1e-30)), follow)
    jitter = (local, local, _quotients(middles, lengths, pairs, 3), _quotients(middles, lengths, pairs, 5))
    shimmer = (level, decibels, *(_quotients(at, loud, follow, count) for count in (3, 5, 11)))
    terms = dict(zip((*JITTER, *SHIMMER), (*jitter, *shimmer), strict=True))
    return Voicing(found, Terms(middles[used], lengths[used]), Terms(at, loud), terms)


def _valid(lengths: Array) -> Flags:
    return np.asarray((lengths >= SHORTEST) & (lengths <= LONGEST))


def _near(one: Array, other: Array, factor: float) -> Flags:
    return np.asarray((one <= factor * other) & (other <= factor * one))


def _differences(at: Array, values: Array, pairs: Flags) -> Terms:
    middles = (at[1:] + at[:-1]) / 2
    return Terms(middles[pairs], np.abs(np.diff(values))[pairs])


def _quotients(at: Array, values: Array, pairs: Flags, count: int) -> Terms:
    """Deviation of the middle one of `count` neighbours from their mean; every two neighbours must be comparable."""
    if len(values) < count:
        return Terms(np.zeros(0), np.zeros(0))
    groups = np.lib.stride_tricks.sliding_window_view
    good = groups(pairs, count - 1).all(axis=1)
    half = count // 2
    middle = values[half : len(values) - half]
    return Terms(at[half : len(at) - half][good], np.abs(middle - groups(values, count).mean(axis=1))[good])


def _scale(name: str, found: Voicing) -> Array:
    if name in ("jitterLocalAbsolute", "shimmerLocaldB"):
        return np.ones(1)
    return found.periods.deviation if name in JITTER else found.amplitudes.deviation


def _means(at: Array, values: Array, times: Array, window: float) -> tuple[Array, NDArray[np.intp]]:
    """Mean of the values within window / 2 of each time, 0 where there is none, and how many there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    low, high = np.searchsorted(at, times - window / 2), np.searchsorted(at, times + window / 2, side="right")
    count = high - low
    return np.where(count > 0, (sums[high] - sums[low]) / np.maximum(count, 1), 0.0), count
