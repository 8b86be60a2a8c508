"""Contour -> peaks, valleys, and the slopes between them, as GeMAPS counts them.

Every local maximum or minimum, the two frames at either end apart, is looked at in turn. Steps below a tenth of the
contour's range are small, and what makes only small steps goes; in the end peaks and valleys alternate.

Source: Eyben et al. 2016, and openSMILE's published configuration and output. Three of its habits are kept: a peak
after a small step counts only if it is a twentieth higher than the peak before or a valley lies between; the slope from
the last peak to the end of the contour counts with its sign, unlike other falling slopes; and the deviation from the
mean slope leaves the slope to the end out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from affekt.features._spectra import HOP, Array

_SMALL = 0.1
"share of a contour's range"
_HIGHER = 1.05
_MARGIN = 2
"frames at either end of a contour in which there are no extremes"


class Extreme(NamedTuple):
    """A peak or a valley."""

    at: int
    "frame"
    height: float
    peak: bool


def extremes(contour: Array) -> list[Extreme]:
    """Alternating peaks and valleys of a contour, (frames,), from the first on."""
    if len(contour) <= 2 * _MARGIN:
        return []
    small = _SMALL * float(np.ptp(contour))
    first = float(contour[0])
    return _alternating(_deep(_high(_local(contour), first, small), first, small))


def slopes(contour: Array) -> list[float]:
    """Mean and standard deviation of rising, then of falling slopes, units per second, positive."""
    if not len(contour):
        return [0.0] * 4
    found = extremes(contour)
    first, last = float(contour[0]), float(contour[-1])
    if not found:
        slope = (last - first) / len(contour)
        return [max(slope, 0.0), 0.0, min(slope, 0.0), 0.0]
    steep: dict[bool, list[float]] = {True: [], False: []}
    before = Extreme(0, first, peak=False)
    for extreme in found:
        slope = _slope(before, extreme)
        steep[extreme.peak].append(slope if extreme.peak else -slope)
        before = extreme
    end = [_slope(before, Extreme(len(contour) - 1, last, peak=False))]
    return [*_summary(steep[True], [] if before.peak else end), *_summary(steep[False], end if before.peak else [])]


def peaks_per_second(contour: Array) -> float:
    """Number of peaks over the duration; 0 of nothing."""
    return sum(extreme.peak for extreme in extremes(contour)) / max(len(contour) * HOP, HOP)


def _local(contour: Array) -> Iterable[Extreme]:
    middle = contour[_MARGIN:-_MARGIN]
    before, after = contour[_MARGIN - 1 : -_MARGIN - 1], contour[_MARGIN + 1 : len(contour) - _MARGIN + 1]
    peaks = (middle > before) & (middle > after)
    at = np.flatnonzero(peaks | ((middle < before) & (middle < after)))
    return map(Extreme, (at + _MARGIN).tolist(), middle[at].tolist(), peaks[at].tolist())


def _high(found: Iterable[Extreme], first: float, small: float) -> list[Extreme]:
    """Leave out peaks that only small steps lead to."""
    kept: list[Extreme] = []
    before = valley = top = first
    highest, fell = -1, False
    for extreme in found:
        height = extreme.height
        leap = abs(height - before) >= small
        before = height
        if not extreme.peak:
            if leap:
                valley, fell = height, True
        elif not leap:
            if height - valley < small:
                continue
            higher = height > _HIGHER * top
            if higher and highest >= 0:
                del kept[highest]
            follows, fell = fell, False
            if not (higher or follows):
                continue
        if extreme.peak:
            top, highest, fell = height, len(kept), False
        kept.append(extreme)
    return kept


def _deep(found: Iterable[Extreme], first: float, small: float) -> Iterable[Extreme]:
    """Leave out valleys that lie hardly below the peak before."""
    top = first
    for extreme in found:
        if extreme.peak:
            top = extreme.height
        if extreme.peak or top - extreme.height >= small:
            yield extreme


def _alternating(found: Iterable[Extreme]) -> list[Extreme]:
    """Of neighbouring peaks keep the highest, of neighbouring valleys the lowest."""
    kept: list[Extreme] = []
    for extreme in found:
        if not kept or kept[-1].peak != extreme.peak:
            kept.append(extreme)
        elif (extreme.height > kept[-1].height) if extreme.peak else (extreme.height < kept[-1].height):
            kept[-1] = extreme
    return kept


def _slope(start: Extreme, end: Extreme) -> float:
    return (end.height - start.height) / ((end.at - start.at) * HOP)


def _summary(steep: list[float], end: list[float]) -> tuple[float, float]:
    count = max(len(steep) + len(end), 1)
    mean = (sum(steep) + sum(end)) / count
    return mean, (sum((slope - mean) ** 2 for slope in steep) / count) ** 0.5
