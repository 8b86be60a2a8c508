"""Signal -> Print, Prints -> Matches. Finds recordings that are one and the same, however they were coded since.

Landmarks after Wang 2003, "An industrial-strength audio search algorithm": peaks of the spectrum are paired, and a pair
is a number made of its pitch, its interval and its distance in time. Copies share many such numbers at one offset in
time; two takes of one sentence by one speaker share a few. Peaks survive codecs, gain, another rate, a telephone, a
cut, and noise at 10 dB and more below the speech. Between 200 and 3400 Hz only, so that a telephone's copy is found.

A copy that is played faster or slower has all its peaks moved by one factor: pitches are kept as logarithms, times as
they are, so that the numbers at any speed follow from the same peaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from affekt.types import Samples

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

RATE = 8000
"""Hz; what a fingerprint is taken at."""
SPEEDS = tuple(round(1 + step / 100, 2) for step in (0, *(s for n in range(1, 10) for s in (-n, n))))
"""Of a copy against its source: 0.91 to 1.09, the true speed first."""

_WINDOW, _HOP = 512, 64  # samples: 64 ms resolve the harmonics of a voice; a longer hop loses copies that are cut
_LOWEST, _HIGHEST = 200.0, 3400.0  # Hz
_AROUND = (8, 5)  # frames and bins within which a peak is the highest
_DEPTH = 40.0  # dB below the loud frames; softer peaks are noise
_DENSITY = 30  # peaks per second, the strongest
_FAN = 6  # pairs per peak
_NEAR, _FAR = 0.03, 0.6  # s between the peaks of a pair
_SPAN = 1.2  # octaves between the peaks of a pair
_PITCHES = 36  # steps per octave
_STEP = 0.016  # s
_OFFSET = 0.048  # s within which offsets in time count as one
_ENOUGH = 100  # pairs of a recording below which agreement may be chance; about 0.7 s of speech
_FEWEST = 8  # shared pairs below which a match is not looked at
_ALIKE = 4  # equal pairs of one recording that are kept
_BLOCK = 4096  # prints that are indexed at a time
_PIECE = 4_000_000  # agreeing pairs that are held at a time
_BITS = (8, 7, 6)  # of pitch, interval and time: what the bounds above fill at any of the speeds


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """The peaks of one recording, in the order of time; some 800 bytes for 3 s of speech."""

    times: Floats
    "seconds, (n,)"
    pitches: Floats
    "octaves above 200 Hz, (n,)"


@dataclass(frozen=True, slots=True)
class Match:
    """Two recordings that agree."""

    query: int
    reference: int
    score: float
    "share of the shorter one's pairs of peaks that the other has at one offset, 0 to 1"
    speed: float
    "at which the query is played, the reference counting 1"


# Signal -> Print --------------------------------------------------------------------------------------------------


def take(samples: Samples, *, start: float = 0.0) -> Print:
    """Fingerprint a stretch of sound at `RATE`; a long recording is taken stretch by stretch and `join`ed.

    Args:
        samples: (n,), mono.
        start: seconds at which the stretch begins.

    >>> t = np.arange(RATE) / RATE
    >>> glide = np.sin(2 * np.pi * (400 * t + 300 * t * t)).astype(np.float32)
    >>> len(take(glide).times) > 0, len(take(0 * glide).times)
    (True, 0)
    """
    if len(samples) < _WINDOW:
        samples = np.pad(samples, (0, _WINDOW - len(samples)))
    first, last = round(_LOWEST / RATE * _WINDOW), round(_HIGHEST / RATE * _WINDOW) + 1
    level = _decibels(samples)[:, first:last]
    frames, bins = _peaks(level, round(_DENSITY * len(samples) / RATE))
    across, along = _between(level, frames, bins, 1), _between(level, frames, bins, 0)
    pitch = np.log2((first + bins + across) * (RATE / _WINDOW) / _LOWEST)
    return Print((start + (frames + along) * (_HOP / RATE)).astype(np.float32), pitch.astype(np.float32))


def join(prints: Sequence[Print]) -> Print:
    """Put the stretches of one recording together."""
    if not prints:
        return Print(np.zeros(0, np.float32), np.zeros(0, np.float32))
    return Print(np.concatenate([p.times for p in prints]), np.concatenate([p.pitches for p in prints]))


def _decibels(samples: Samples) -> Floats:
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(sliding_window_view(samples, _WINDOW)[::_HOP] * window, axis=1)
    return (10 * np.log10(spectrum.real**2 + spectrum.imag**2 + 1e-12)).astype(np.float32)


def _peaks(level: Floats, most: int) -> tuple[Ints, Ints]:
    """Frames and bins of the strongest peaks, in the order of time."""
    highest = _highest(_highest(level, _AROUND[0], 0), _AROUND[1], 1)
    loud = np.percentile(level.max(axis=1), 95)
    found = (level == highest) & (level > max(loud - _DEPTH, -110.0))  # the floor of digital silence is no sound
    found[:, [0, -1]] = False
    frames, bins = np.nonzero(found)
    if len(frames) > max(1, most):
        strongest = np.sort(np.argpartition(-level[frames, bins], most)[:most])
        frames, bins = frames[strongest], bins[strongest]
    return frames, bins


def _highest(level: Floats, reach: int, axis: int) -> Floats:
    """Maximum over 2 * reach + 1 neighbours, by doubling the width."""
    edge = [(0, 0), (0, 0)]
    edge[axis] = (reach, reach)
    found = np.moveaxis(np.pad(level, edge, constant_values=-np.inf), axis, 0)
    width, wanted = 1, 2 * reach + 1
    while width < wanted:
        step = min(width, wanted - width)
        found = np.maximum(found[:-step], found[step:])
        width += step
    return np.moveaxis(found, 0, axis)


def _between(level: Floats, frames: Ints, bins: Ints, axis: int) -> Floats:
    """Where between its neighbours a peak really lies, in steps: the top of a parabola."""
    moved = (frames, bins)[axis]
    ends = np.maximum(moved - 1, 0), np.minimum(moved + 1, level.shape[axis] - 1)
    low, high = (level[end, bins] if axis == 0 else level[frames, end] for end in ends)
    curve = low - 2 * level[frames, bins] + high
    shift: Floats = np.where(curve < -1e-6, (low - high) / (2 * np.minimum(curve, -1e-6)), 0).clip(-0.5, 0.5)
    return shift


# Prints -> Matches ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of peaks of many prints, one below the other."""

    owner: NDArray[np.int32]
    start: Floats
    "seconds"
    pitch: Floats
    interval: NDArray[np.int32]
    "steps"
    apart: Floats
    "seconds"
    counts: Ints
    "pairs of each print"

    def keys(self, speed: float) -> NDArray[np.int32]:
        """One number each, as if the recording were played at `speed`."""
        pitch = np.floor((self.pitch + np.log2(speed)) * _PITCHES).astype(np.int32) + _PITCHES // 4
        apart = np.rint(self.apart / (speed * _STEP)).astype(np.int32)
        keys: NDArray[np.int32] = (((pitch << _BITS[1]) | self.interval) << _BITS[2]) | apart
        return keys


def matches(
    queries: Sequence[Print],
    references: Sequence[Print] | None = None,
    *,
    least: float,
    speeds: Sequence[float] = SPEEDS,
) -> Iterator[Match]:
    """Find the pairs of recordings that agree, each at its best speed.

    Args:
        queries: prints.
        references: what they are compared with; None: each other.
        least: lowest score that counts, 0 to 1.
        speeds: at which a query may be played.

    >>> sound = np.random.default_rng(0).normal(size=3 * RATE).astype(np.float32)
    >>> [(m.query, m.reference, m.speed) for m in matches([take(0.1 * sound)], [take(sound)], least=0.5)]
    [(0, 0, 1.0)]
    """
    others = queries if references is None else references
    for begin in range(0, len(others), _BLOCK):
        known = _pairs(others[begin : begin + _BLOCK])
        table = _Table(known)
        for at in range(0, len(queries), _BLOCK):
            if references is None and at > begin:
                continue  # each pair once
            asked = known if references is None and at == begin else _pairs(queries[at : at + _BLOCK])
            for match in _compare(asked, table, speeds, least, own=references is None and at == begin):
                yield Match(at + match.query, begin + match.reference, match.score, match.speed)


def _pairs(prints: Sequence[Print]) -> _Pairs:
    found = [_paired(p) for p in prints]
    counts = np.array([len(start) for start, *_ in found], np.int64)
    start, pitch, interval, apart = (np.concatenate([one[i] for one in found]) for i in range(4))
    steps = np.rint(interval * _PITCHES).astype(np.int32) + (1 << (_BITS[1] - 1))
    owner = np.repeat(np.arange(len(prints), dtype=np.int32), counts)
    return _thinned(_Pairs(owner, start, pitch, steps, apart, counts))


def _thinned(pairs: _Pairs) -> _Pairs:
    """Keep a few of equal pairs in one print: a held tone has nothing else, and would take long to compare."""
    same = (pairs.owner.astype(np.int64) << sum(_BITS)) | pairs.keys(1.0)
    order = np.argsort(same, kind="stable")
    begins = np.flatnonzero(np.diff(same[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    kept = np.sort(order[rank < _ALIKE])
    counts = np.bincount(pairs.owner[kept], minlength=len(pairs.counts))
    return _Pairs(
        pairs.owner[kept], pairs.start[kept], pairs.pitch[kept], pairs.interval[kept], pairs.apart[kept], counts
    )


def _paired(of: Print) -> tuple[Floats, Floats, Floats, Floats]:
    """Pair each peak with the next few: start, pitch, interval, time apart."""
    n, used = len(of.times), np.zeros(len(of.times), np.int64)
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for step in range(1, min(n, 5 * _FAN + 2)):
        apart, interval = of.times[step:] - of.times[:-step], of.pitches[step:] - of.pitches[:-step]
        good = (apart > _NEAR) & (apart < _FAR) & (np.abs(interval) < _SPAN) & (used[:-step] < _FAN)
        first = np.flatnonzero(good)
        used[first] += 1
        firsts.append(first)
        seconds.append(first + step)
    a, b = np.concatenate(firsts), np.concatenate(seconds)
    return of.times[a], of.pitches[a], of.pitches[b] - of.pitches[a], of.times[b] - of.times[a]


class _Table:
    """Key -> places of the pairs that have it."""

    def __init__(self, pairs: _Pairs) -> None:
        keys = pairs.keys(1.0)
        self.pairs = pairs
        self.places = np.argsort(keys, kind="stable").astype(np.int32)
        self.ends = np.cumsum(np.bincount(keys, minlength=1 << sum(_BITS)))

    def find(self, keys: NDArray[np.int32]) -> tuple[Ints, Ints]:
        """First place of each key, and how many there are."""
        ends = self.ends[keys]
        begins = np.where(keys > 0, self.ends[keys - 1], 0)
        return begins, ends - begins


def _compare(asked: _Pairs, table: _Table, speeds: Sequence[float], least: float, *, own: bool) -> Iterator[Match]:
    best: dict[tuple[int, int], Match] = {}
    for speed in speeds:
        for query, reference, score in _at(asked, table, speed, least, own=own):
            if (query, reference) not in best or score > best[query, reference].score:
                best[query, reference] = Match(query, reference, score, speed)
    yield from (best[pair] for pair in sorted(best))


def _at(asked: _Pairs, table: _Table, speed: float, least: float, *, own: bool) -> Iterator[tuple[int, int, float]]:
    begins, counts = table.find(asked.keys(speed))
    bounds = np.concatenate([[0], np.cumsum(asked.counts)])
    hits = np.concatenate([[0], np.cumsum(counts)])[bounds]  # before each query
    first = 0
    while first < len(asked.counts):
        last = max(first + 1, int(np.searchsorted(hits, hits[first] + _PIECE, "right")) - 1)
        rows = np.arange(bounds[first], bounds[last])
        yield from _voted(asked, table, rows, (begins[rows], counts[rows]), (speed, least, own))
        first = last


def _voted(
    asked: _Pairs, table: _Table, rows: Ints, found: tuple[Ints, Ints], how: tuple[float, float, bool]
) -> Iterator[tuple[int, int, float]]:
    """Count, for each two recordings, the pairs that agree at one offset in time."""
    begins, counts = found
    speed, least, own = how
    row = np.repeat(rows, counts)
    place = table.places[np.repeat(begins - np.cumsum(counts) + counts, counts) + np.arange(len(row))]
    query, reference = asked.owner[row].astype(np.int64), table.pairs.owner[place].astype(np.int64)
    size = len(table.pairs.counts)
    both = query * size + reference
    needed = np.minimum(asked.counts[query], table.pairs.counts[reference])
    needed = np.maximum(_FEWEST, least * np.maximum(needed, _ENOUGH))
    low = int(both.min()) if len(both) else 0
    enough = np.bincount(both - low)[both - low] >= needed
    if own:
        enough &= query < reference
    both, offset = both[enough], table.pairs.start[place[enough]] - asked.start[row[enough]] / speed
    for pair, votes in _most(both, offset):
        asking, known = divmod(pair, size)
        score = votes / max(_ENOUGH, min(asked.counts[asking], table.pairs.counts[known]))
        if votes >= _FEWEST and score >= least:
            yield asking, known, min(1.0, float(score))


def _most(both: Ints, offset: Floats) -> Iterator[tuple[int, int]]:
    """For each two recordings the largest number of offsets within `_OFFSET`."""
    order = np.lexsort((offset, both))
    both, offset = both[order], offset[order].astype(np.float64)
    pairs, starts, sizes = np.unique(both, return_index=True, return_counts=True)
    wide = (
        2 * float(np.abs(offset).max(initial=1.0)) + 1
    )  # keeps the two recordings' offsets apart in one ascending row
    ranked = offset + wide * np.repeat(np.arange(len(pairs)), sizes)
    within = np.searchsorted(ranked, ranked + _OFFSET, "right") - np.arange(len(ranked))
    if len(pairs):
        yield from zip(pairs.tolist(), np.maximum.reduceat(within, starts).tolist(), strict=True)
