"""(frames, n) -> statistics of every column. Silence and other constants have finite ones: no spread, no shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FLAT = 1e-9
"of the largest value: a smaller deviation is rounding"


def shape(columns: Array) -> tuple[Array, Array, Array, Array]:
    """Return mean, standard deviation, skewness and kurtosis (3 for a normal distribution), each (n,).

    Skewness and kurtosis of a constant are 0.

    >>> [values.tolist() for values in shape(np.array([[1.0, 5.0], [3.0, 5.0]]))]
    [[2.0, 5.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    mean, deviation = columns.mean(axis=0), columns.std(axis=0)
    varies = deviation > _FLAT * np.maximum(np.abs(columns).max(axis=0), 1e-30)
    scaled = np.where(varies, (columns - mean) / np.where(varies, deviation, 1.0), 0.0)
    return mean, np.where(varies, deviation, 0.0), (scaled**3).mean(axis=0), (scaled**4).mean(axis=0)
