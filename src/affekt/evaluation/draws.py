"""Speakers -> Draws. The bootstrap over speakers, drawn once and used for everything that is measured on the same rows.

What is a sum over utterances (counts, squared errors, moments) is summed up per speaker first; all draws are then one
product. It gives what `affekt.metrics.bootstrap` gives for the same seed, a hundred times faster.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import metrics

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Index = NDArray[np.intp]

LEVEL = 0.95


def rounded(value: float) -> float | None:
    """Round for JSON; what is not defined is null.

    >>> rounded(2 / 3), rounded(float("nan"))
    (0.6667, None)
    """
    return None if math.isnan(value) else round(float(value), 4)


@dataclass(frozen=True, slots=True)
class Draws:
    """Which speakers are in each draw.

    >>> draws = Draws.of(np.array(["x", "x", "y"]), n=100, seed=0)
    >>> draws.mean(np.array([1.0, 0.0, 1.0]))
    {'value': 0.6667, 'interval': [0.5, 1.0]}
    """

    who: Index
    "speaker of each row, a number"
    times: Counts | None
    "(n, speakers): how often each is in each draw; None where there is one speaker, so that nothing can be drawn"

    @classmethod
    def of(cls, speakers: NDArray[np.str_], *, n: int, seed: int) -> Draws:
        """Draw as many speakers as there are, `n` times."""
        people, who = np.unique(speakers, return_inverse=True)
        return cls(who, metrics.draw_speakers(speakers, n=n, seed=seed) if len(people) > 1 else None)

    def sums(self, values: NDArray[Any]) -> Floats | None:
        """Sum up values (rows, ...) in each draw, (n, ...)."""
        if self.times is None:
            return None
        order = np.argsort(self.who, kind="stable")
        starts = np.searchsorted(self.who[order], np.arange(self.times.shape[1]))
        each = np.add.reduceat(np.asarray(values, np.float64)[order], starts, axis=0)
        found = self.times @ each.reshape(len(each), -1)
        return np.asarray(found.reshape(len(found), *each.shape[1:]))

    def confusions(self, truth: Index, said: Index, classes: int) -> Counts | None:
        """Count truth by judgement in each draw, (n, classes, classes)."""
        if self.times is None:
            return None
        size = classes * classes
        cells = (self.who * classes + truth) * classes + said
        each = np.bincount(cells, minlength=self.times.shape[1] * size).reshape(-1, size)
        return np.asarray((self.times @ each).reshape(-1, classes, classes))

    def score(self, value: float, drawn: NDArray[Any] | None) -> dict[str, Any]:
        """Give a value and its interval as JSON; the interval is null where nothing could be drawn."""
        if drawn is None or math.isnan(value):
            return {"value": rounded(value), "interval": None}
        found = metrics.interval(value, drawn, level=LEVEL)
        low, high = rounded(found.low), rounded(found.high)
        return {"value": rounded(value), "interval": None if low is None else [low, high]}

    def mean(self, values: NDArray[Any]) -> dict[str, Any]:
        """Score what is a mean over the rows."""
        sums = self.sums(np.stack([values, np.ones(len(values))], axis=1))
        return self.score(float(np.mean(values)), None if sums is None else sums[:, 0] / sums[:, 1])


CATEGORICAL: Mapping[str, metrics.Metric] = {
    "uar": metrics.uar,
    "macro_f1": metrics.macro_f1,
    "weighted_f1": metrics.weighted_f1,
    "accuracy": metrics.accuracy,
}
"""What follows from a confusion matrix."""


def confusion(truth: Index, said: Index, classes: int) -> Counts:
    """Count truth by judgement, (classes, classes)."""
    return np.bincount(truth * classes + said, minlength=classes * classes).reshape(classes, classes)
