"""Contours -> statistics. Smoothing over three frames, and the functionals of GeMAPS.

Source: Eyben et al. 2016, and openSMILE's published configuration; deviations are said where they are made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.features._spectra import HOP, Array

_PEAK = 0.1
"share of a contour's range that a peak must rise"


def smooth(contours: Array) -> Array:
    """Mean of three frames, ends repeated; shape (frames, n)."""
    padded = np.pad(contours, ((1, 1), (0, 0)), mode="edge")
    smoothed: Array = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return smoothed


def smooth_present(contours: Array) -> Array:
    """Mean of three frames that leaves zeros out and keeps them: 0 means absent."""
    padded = np.pad(contours, ((1, 1), (0, 0)), mode="edge")
    present = (padded != 0).astype(float)
    count = present[:-2] + present[1:-1] + present[2:]
    total = padded[:-2] + padded[1:-1] + padded[2:]
    return np.where(contours != 0, total / np.maximum(count, 1), 0.0)


def mean(contour: Array) -> float:
    """Mean; 0 of nothing."""
    return float(contour.mean()) if len(contour) else 0.0


def spread(contour: Array) -> float:
    """Standard deviation over the mean, with the mean's sign; 0 where the mean is 0."""
    centre = mean(contour)
    return float(contour.std() / centre) if centre else 0.0


def percentiles(contour: Array) -> list[float]:
    """20th, 50th and 80th percentile and the range from the first to the last."""
    if not len(contour):
        return [0.0] * 4
    low, middle, high = np.percentile(contour, [20, 50, 80])
    return [float(low), float(middle), float(high), float(high - low)]


def slopes(contour: Array) -> list[float]:
    """Mean and standard deviation of rising, then of falling slopes between extremes, units per second, positive."""
    turns = np.array(extremes(contour))
    if len(turns) < 2:
        return [0.0] * 4
    steep = np.diff(contour[turns]) / (np.diff(turns) * HOP)
    rising, falling = steep[steep > 0], -steep[steep < 0]
    return [mean(rising), _deviation(rising), mean(falling), _deviation(falling)]


def peaks_per_second(contour: Array) -> float:
    """Number of peaks over the duration."""
    turns = extremes(contour)
    heights = contour[turns]
    inner = (heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])
    return float(inner.sum() / (len(contour) * HOP))


def extremes(contour: Array) -> list[int]:
    """Indices of the ends and of alternating peaks and valleys, each a tenth of the range from its neighbours."""
    if len(contour) < 2:
        return list(range(len(contour)))
    least = _PEAK * float(np.ptp(contour))
    turns, direction = [0], 0
    candidate = 0
    for index, value in enumerate(contour.tolist()):
        ahead = value - contour[candidate]
        if direction * ahead > 0 or (direction == 0 and abs(value - contour[turns[-1]]) > least):
            direction = direction or (1 if value > contour[turns[-1]] else -1)
            candidate = index
        elif direction and -direction * ahead > least:
            turns.append(candidate)
            candidate, direction = index, -direction
    return [*turns, candidate] if candidate != turns[-1] else turns


def segments(active: NDArray[np.bool_]) -> Array:
    """Lengths in seconds of the runs of True, from first frame to last; runs of one step or less do not count."""
    edges = np.diff(np.concatenate([[0], active.astype(int), [0]]))
    lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1) - 1
    return np.asarray(lengths[lengths > 1] * HOP, np.float64)


def _deviation(values: Array) -> float:
    return float(values.std()) if len(values) else 0.0
