"""Options to try -> the best of them, judged on speakers that the models have not heard.

Few combinations are all tried. Of many, Optuna's tree-structured Parzen estimator (Bergstra et al. 2011) picks as many
as the run allows. How many were tried is part of every result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.registry import need
from affekt.training.run import Model

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """The best options."""

    options: Options
    score: float
    tried: int
    "combinations"


def best(model: Model, judge: Callable[[Options], float], *, seed: int = 0) -> Found:
    """Try what a run wants tried.

    Args:
        model: fixed options, and the values to try of others.
        judge: options -> score, higher is better; NaN is worst.
        seed: of what is drawn where not all is tried.

    Raises:
        UsageError: an option without values.
        MissingExtraError: there is more to try than the run allows, and the extra `train` is not installed.

    >>> best(Model(search={"C": (1, 2, 3)}), lambda options: -abs(options["C"] - 2))
    Found(options={'C': 2}, score=0, tried=3)
    """
    for name, values in model.search.items():
        if not values:
            raise UsageError(f"model.search.{name} has no values to try")
    rivals = list(combinations(model)) if math.prod(map(len, model.search.values())) <= model.tries else None
    scored = [(judge(one), one) for one in rivals] if rivals else _sampled(model, judge, seed)
    score, options = max(scored, key=lambda pair: -math.inf if math.isnan(pair[0]) else pair[0])
    return Found(options, score, len(scored))


def tries(model: Model) -> int:
    """Count the combinations that will be tried.

    >>> tries(Model(search={"C": (1, 2, 3), "gamma": (1, 2)}))
    6
    """
    return min(math.prod(len(values) for values in model.search.values()), model.tries)


def combinations(model: Model) -> Iterator[dict[str, Any]]:
    """Yield every combination of the values to try, with the fixed options."""
    for values in product(*model.search.values()):
        yield {**model.options, **dict(zip(model.search, values, strict=True))}


def corners(model: Model) -> Iterator[dict[str, Any]]:
    """Yield combinations in which every value to try occurs at least once, so that all can be checked beforehand."""
    first = {**model.options, **{name: values[0] for name, values in model.search.items() if values}}
    yield first
    for name, values in model.search.items():
        yield from ({**first, name: value} for value in values)


def _sampled(model: Model, judge: Callable[[Options], float], seed: int) -> list[tuple[float, Options]]:
    optuna = need("optuna", extra="train")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    done: dict[tuple[int, ...], tuple[float, Options]] = {}

    def objective(trial: Any) -> float:
        # By place, since Optuna's categories cannot be lists.
        places = tuple(trial.suggest_int(name, 0, len(values) - 1) for name, values in model.search.items())
        if places not in done:
            chosen = {name: values[at] for at, (name, values) in zip(places, model.search.items(), strict=True)}
            options = {**model.options, **chosen}
            done[places] = judge(options), options
        return done[places][0]

    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(5, model.tries // 3))
    optuna.create_study(direction="maximize", sampler=sampler).optimize(objective, n_trials=model.tries)
    return list(done.values())


def deal(groups: Sequence[str] | NDArray[np.str_], k: int) -> NDArray[np.intp]:
    """Number each row 0 .. k - 1 so that no group is divided and the parts are about equally large.

    >>> deal(["a", "a", "b", "c", "c", "d"], 2).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    names, index, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    filled, part = np.zeros(max(1, min(k, len(names)))), np.zeros(len(names), np.intp)
    for group in np.argsort(-sizes, kind="stable"):
        part[group] = filled.argmin()
        filled[part[group]] += sizes[group]
    return np.asarray(part[index])
