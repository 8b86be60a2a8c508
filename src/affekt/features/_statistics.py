"""Contours -> statistics. Smoothing over three frames, and the functionals of GeMAPS.

Source: Eyben et al. 2016, and openSMILE's published configuration and output.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.features._spectra import HOP, Array

_GAP, _SHORTEST = 1, 3
"frames: a longer gap ends a segment, and with fewer frames it is none"


def smooth(contours: Array) -> Array:
    """Mean of three frames, ends repeated; shape (frames, n)."""
    padded = np.concatenate([contours[:1], contours, contours[-1:]])
    smoothed: Array = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return smoothed


def smooth_present(contours: Array) -> Array:
    """Mean of three frames that leaves zeros out and keeps them: 0 means absent."""
    padded = np.concatenate([contours[:1], contours, contours[-1:]])
    present = padded != 0
    count = np.maximum(present[:-2].astype(np.int8) + present[1:-1] + present[2:], 1)
    return np.where(present[1:-1], (padded[:-2] + padded[1:-1] + padded[2:]) / count, 0.0)


def moments(contours: Array, *, present: bool = False) -> tuple[Array, Array]:
    """Means, and standard deviations over them, of columns, each (n,).

    A mean of nothing is 0; a standard deviation is divided by the mean with its sign, or by 1 where that is 0.

    Args:
        contours: (frames, n).
        present: leave zeros out, which mean that something is absent.
    """
    kept = contours != 0 if present else np.ones(contours.shape, bool)
    count = np.maximum(kept.sum(axis=0), 1)
    means = contours.sum(axis=0) / count
    deviations = np.sqrt((np.where(kept, contours - means, 0.0) ** 2).sum(axis=0) / count)
    return means, deviations / np.where(means == 0, 1.0, means)


def mean(contour: Array) -> float:
    """Mean; 0 of nothing."""
    return float(contour.mean()) if len(contour) else 0.0


def deviation(values: Array) -> float:
    """Standard deviation; 0 of nothing."""
    return float(values.std()) if len(values) else 0.0


def percentiles(contour: Array) -> list[float]:
    """20th, 50th and 80th percentile and the range from the first to the last."""
    if not len(contour):
        return [0.0] * 4
    # As numpy's percentile, which takes ten times as long.
    places = np.array([0.2, 0.5, 0.8]) * (len(contour) - 1)
    low, middle, high = np.interp(places, np.arange(len(contour)), np.sort(contour)).tolist()
    return [low, middle, high, high - low]


def segments(active: NDArray[np.bool_]) -> Array:
    """Lengths of the segments of True in seconds, from the first frame to the last.

    A gap of one frame is bridged, and fewer than three frames are no segment.
    """
    frames = np.flatnonzero(active)
    if not len(frames):
        return np.zeros(0)
    ends = np.concatenate([np.flatnonzero(np.diff(frames) > _GAP + 1), [len(frames) - 1]])
    starts = np.concatenate([[0], ends[:-1] + 1])
    long = ends - starts + 1 >= _SHORTEST
    return np.asarray((frames[ends] - frames[starts])[long] * HOP, np.float64)
