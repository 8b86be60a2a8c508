"""Sums per speaker -> interval. How much a score would change with other speakers of the same kind, fast.

Every score of the suite is a function of sums over utterances (counts, moments), so that a bootstrap over speakers
needs no utterance twice: a draw adds up the sums of the speakers drawn. `affekt.metrics.bootstrap` gives the same
interval of one prediction; here two predictions of the same utterances are drawn together, which pairs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.evaluation.judgements import Judgements

Floats = NDArray[np.float64]
Statistic = Callable[[Any], Any]
"""Sums (..., *shape) -> numbers (...)."""

DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """A number, and where it would lie with other speakers."""

    value: float
    low: float | None = None
    high: float | None = None
    "None with a single speaker"


def over(speakers: NDArray[Any], sums: Floats, statistic: Statistic, *, seed: int = 0) -> Spread:
    """Compute a statistic of the sums over all utterances, and its 95 % interval over speakers.

    Args:
        speakers: (n,) who speaks in each row.
        sums: (n, ...) what each utterance adds.
        statistic: sums (..., *shape) -> numbers (...); NaN where it is not defined.
        seed: of the draws.

    >>> share = lambda sums: sums[..., 0] / sums[..., 1]
    >>> over(np.array(["a", "a", "b", "b"]), np.array([[1, 1], [1, 1], [1, 1], [0, 1]]), share)
    Spread(value=0.75, low=0.5, high=1.0)
    """
    people, who = np.unique(speakers, return_inverse=True)
    each = np.zeros((len(people), *sums.shape[1:]))
    np.add.at(each, who, sums)
    value = float(statistic(each.sum(axis=0)))
    if len(people) < 2:
        return Spread(value)
    drawn = np.asarray(statistic(np.tensordot(_times(len(people), seed), each, axes=1)))
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return Spread(value)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Spread(value, float(low), float(high))


@cache
def _times(people: int, seed: int) -> Floats:
    """How often each speaker is in each draw, (draws, people)."""
    draws = np.random.default_rng(seed).integers(people, size=(DRAWS, people))
    return np.stack([np.bincount(draw, minlength=people) for draw in draws]).astype(np.float64)


def difference(statistic: Statistic, *, axes: int) -> Statistic:
    """Make a statistic of two sets of sums, (..., 2, *shape): the second minus the first.

    Args:
        statistic: of one set.
        axes: of the shape of its sums: 2 for confusion matrices, 1 for moments.
    """
    return lambda sums: statistic(sums.take(1, axis=-1 - axes)) - statistic(sums.take(0, axis=-1 - axes))


def named(j: Judgements) -> NDArray[np.intp]:
    """Index of the emotion that is said of each utterance, (n,); the first where emotion was not judged."""
    return np.zeros(len(j), np.intp) if j.probs is None else j.probs.argmax(axis=1)


def confusions(j: Judgements) -> Floats:
    """Give each utterance's confusion matrix, (n, k, k)."""
    return counts(j.truth, named(j), len(j.labels))


def counts(truth: NDArray[np.intp], said: NDArray[np.intp], k: int) -> Floats:
    """Give each utterance's confusion matrix, (n, k, k)."""
    eye = np.eye(k)
    return np.asarray(np.einsum("ni,nj->nij", eye[truth], eye[said]))


def uar(confusion: Any) -> Any:
    """Unweighted average recall of confusion matrices (..., k, k), over the emotions that occur.

    >>> float(uar(np.array([[1.0, 1.0], [0.0, 1.0]])))
    0.75
    """
    return mean(recall(confusion))


def recall(confusion: Floats) -> Floats:
    """Recall of each emotion, (..., k); NaN where it does not occur."""
    return np.asarray(ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1)))


def moments(truth: Floats, said: Floats) -> Floats:
    """Give what each utterance adds to a CCC: 1, x, y, xx, yy, xy; (n, 6)."""
    return np.stack([np.ones_like(truth), truth, said, truth**2, said**2, truth * said], axis=-1)


def ccc(sums: Floats) -> Any:
    """Concordance correlation coefficient of moments (..., 6); see `affekt.metrics.ccc`."""
    n = sums[..., 0]
    x, y, xx, yy, xy = (sums[..., i] / n for i in range(1, 6))
    return ratio(2 * (xy - x * y), xx - x**2 + yy - y**2 + (x - y) ** 2)


def share(sums: Floats) -> Any:
    """Mean of what was summed up, (..., 2): sum and number."""
    return ratio(sums[..., 0], sums[..., 1])


def mean(values: Floats) -> Any:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))


def ratio(part: Any, whole: Any) -> Any:
    """Divide; NaN where there is nothing to divide by."""
    whole = np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
