"""Vector of named functionals -> what each says for an emotion; and what the model would lose without it.

`contributions` are Shapley values: how far each functional moves the score from that of a typical voice to that of this
one, averaged over the orders in which they can be moved. They add up to the difference exactly. All orders are too
many, so some are drawn, each with its reverse (Castro et al. 2009; Strumbelj & Kononenko 2014); for a linear model and
one emotion against another every order gives the same, so that the values are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt import features, metrics
from affekt.bundle import Bundle
from affekt.explain._judge import Judge

Floats = NDArray[np.float64]

ORDERS = 32
"drawn, each with its reverse"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One functional, and what it says."""

    name: str
    definition: str
    unit: str
    value: float
    typical: float
    "median of the examples"
    worth: float
    "log-odds by which it moves the score, from the typical value to this one"
    importance: float
    "UAR on the examples that the model loses when this functional is shuffled among them"


def contributions(judge: Judge, examples: Floats, importance: Floats | None = None) -> tuple[Contribution, ...]:
    """Say what each functional contributes, the greatest first.

    Args:
        judge: whose model hears functionals.
        examples: functionals of utterances to compare with, (n, dimensions); their median is the typical voice.
        importance: as `importance` gives it, (dimensions,); not a number where not given.
    """
    own = judge.model.hear(judge.window.signal).astype(np.float64)
    typical = np.median(examples, axis=0)
    worth = shapley(lambda x: judge.score(judge.vectors(x)), own, typical)
    which = features.load(str(judge.model.card.input["set"]))
    lost = np.full(len(own), np.nan) if importance is None else importance
    rows = zip(which.functional_names, own, typical, worth, lost, strict=True)
    found = [
        Contribution(name, which.describe(name).definition, which.describe(name).unit, *map(float, numbers))
        for name, *numbers in rows
    ]
    return tuple(sorted(found, key=lambda one: -abs(one.worth)))


def shapley(
    score: Callable[[Floats], Floats], own: Floats, typical: Floats, *, orders: int = ORDERS, seed: int = 0
) -> Floats:
    """Share the difference score(own) - score(typical) out among the columns, (dimensions,).

    Args:
        score: (n, dimensions) -> (n,).
        own: (dimensions,)
        typical: (dimensions,)
        orders: drawn, each with its reverse.
        seed: of the draw.

    >>> shapley(lambda x: 2 * x[:, 0] - x[:, 1], np.array([1.0, 1.0]), np.zeros(2)).tolist()
    [2.0, -1.0]
    """
    random = np.random.default_rng(seed)
    worth = np.zeros(len(own))
    for _ in range(orders):
        order = random.permutation(len(own))
        for one in (order, order[::-1]):
            moved = np.tile(typical, (len(own) + 1, 1))
            for step, column in enumerate(one, start=1):
                moved[step:, column] = own[column]
            worth[one] += np.diff(score(moved))
    return np.asarray(worth / (2 * orders))


def importance(model: Bundle, x: Floats, truth: Sequence[str], *, draws: int = 5, seed: int = 0) -> Floats:
    """Say what UAR the model loses when a functional is shuffled among the utterances, (dimensions,).

    Functionals that say the same stand in for each other, so that each alone seems to matter little. Source: Breiman
    2001, "Random Forests", section 10.

    Args:
        model: hears functionals.
        x: (n, dimensions)
        truth: (n,) emotions, all of them the model's.
        draws: shuffles per functional.
        seed: of the shuffles.
    """
    names = np.array(model.labels.names)

    def uar(rows: Floats) -> float:
        return metrics.uar(list(truth), names[model.judge(rows.astype(np.float32))[0].argmax(axis=1)].tolist())

    random, whole = np.random.default_rng(seed), uar(x)
    lost = np.zeros(x.shape[1])
    for column in range(x.shape[1]):
        for _ in range(draws):
            shuffled = x.copy()
            shuffled[:, column] = random.permutation(x[:, column])
            lost[column] += (whole - uar(shuffled)) / draws
    return lost
