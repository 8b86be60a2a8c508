"""Truth, judgements -> what chance reaches on this test set, and the smallest difference that it can resolve.

A score says little without them: on 40 utterances of three speakers a coin reaches a UAR of 0.5, and two models that
are equally good lie ten points apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import metrics
from affekt.evaluation.draws import CATEGORICAL, LEVEL, Counts, Draws, Index, confusion, rounded

Floats = NDArray[np.float64]


def peers(truth: Index, classes: int, draws: Draws, *, n: int, seed: int) -> list[dict[str, Any]]:
    """Score models that have not listened: one that always says the commonest emotion, and two that guess.

    Returns:
        A row each: `name`, and per score `value` and `interval`; of the majority over speakers, of those that guess
        (their value is the mean) over `n` guesses of the whole test set.
    """
    support = np.bincount(truth, minlength=classes)
    said = np.full(len(truth), support.argmax())
    counts, drawn = confusion(truth, said, classes), draws.confusions(truth, said, classes)
    majority = {
        name: draws.score(
            float(metrics.of_counts(metric, counts)), None if drawn is None else metrics.of_counts(metric, drawn)
        )
        for name, metric in CATEGORICAL.items()
    }
    offered = np.full(classes, 1 / classes)
    return [
        {"name": "majority"} | majority,
        {"name": "random"} | _guessing(support, offered, n, seed),
        {"name": "random by share"} | _guessing(support, support / support.sum(), n, seed),
    ]


def _guessing(support: Counts, shares: Floats, n: int, seed: int) -> dict[str, Any]:
    counts = np.random.default_rng(seed).multinomial(support, shares, size=(n, len(support)))
    return {name: _spread(metrics.of_counts(metric, counts)) for name, metric in CATEGORICAL.items()}


def _spread(values: Floats) -> dict[str, Any]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"value": rounded(values.mean()), "interval": [rounded(low), rounded(high)]}


def resolves(truth: Index, said: Index, classes: int, draws: Draws, *, seed: int) -> dict[str, Any]:
    """Say how far two models that are as good as this one lie apart by chance in 95 of 100 cases.

    A smaller difference is noise on this test set, a larger one may be real. It depends on whether the two find the
    same speakers hard, which only `affekt compare` can tell for two given models.

    Returns:
        Per UAR and accuracy: `alike`, both find the same speakers hard and err on utterances by chance; `unlike`, what
        is hard for one says nothing of the other. Null where there is one speaker.
    """
    drawn = draws.confusions(truth, said, classes)
    if drawn is None or draws.times is None:
        return {"uar": None, "accuracy": None}
    rng = np.random.default_rng(seed)
    twins = [_twin(truth, said, classes, draws, rng) for _ in range(2)]
    other = drawn[rng.permutation(len(drawn))]
    found = {}
    for name in ("uar", "accuracy"):
        first, second, third, fourth = (metrics.of_counts(CATEGORICAL[name], c) for c in (*twins, drawn, other))
        found[name] = {"alike": _apart(first - second), "unlike": _apart(third - fourth)}
    return found


def _twin(truth: Index, said: Index, classes: int, draws: Draws, rng: np.random.Generator) -> Counts:
    """Confusions of models that err as often as this one on each speaker and class, on other utterances of theirs."""
    cells = (draws.who * classes + truth) * classes + said
    each = np.bincount(cells, minlength=(int(draws.who.max()) + 1) * classes**2).reshape(-1, classes, classes)
    support = each.sum(axis=2)
    found = np.zeros((0 if draws.times is None else len(draws.times), classes, classes), np.int64)
    for counts, n in zip(each, support, strict=True):  # speaker by speaker: all at once need not fit into memory
        rates = np.where(n[:, None] > 0, counts / np.maximum(n, 1)[:, None], 1 / classes)
        found += rng.multinomial(n, rates, size=(len(found), classes))
    return found


def _apart(differences: Floats) -> float | None:
    return rounded(np.quantile(np.abs(differences), LEVEL))
