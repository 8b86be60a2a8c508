"""(frames, columns), and which of them exist -> mean, standard deviation and median of each column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from affekt.features._feature import Feature

Array = NDArray[np.float64]

_KINDS = {"mean": "mean", "stddev": "standard deviation", "median": "median"}


def documented(features: Sequence[Feature], where: str) -> dict[str, Feature]:
    """Document the summary of these columns, by name: their absent frames do not count.

    >>> column = Feature("HNR", "dB", "harmonics to noise; 0 where unvoiced", "Boersma 1993")
    >>> documented([column], "voiced frames")["HNR_mean"].definition
    'mean over voiced frames: harmonics to noise'
    """
    made = [
        Feature(f"{f.name}_{short}", f.unit, f"{long} over {where}: {f.definition.split('; ')[0]}", f.source)
        for f in features
        for short, long in _KINDS.items()
    ]
    return {feature.name: feature for feature in made}


def summary(names: Sequence[str], values: Array, known: NDArray[np.bool_]) -> dict[str, float]:
    """Summarise each column of values (frames, n) where it is known (frames, n); 0 where it never is.

    >>> summary(["a"], np.array([[1.0], [9.0], [3.0]]), np.array([[True], [False], [True]]))
    {'a_mean': 2.0, 'a_stddev': 1.0, 'a_median': 2.0}
    """
    found: dict[str, float] = {}
    for name, column, kept in zip(names, values.T, known.T, strict=True):
        present = column[kept] if kept.any() else np.zeros(1)
        kinds = (present.mean(), present.std(), np.median(present))
        found |= {f"{name}_{kind}": float(value) for kind, value in zip(_KINDS, kinds, strict=True)}
    return found
