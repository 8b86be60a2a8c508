"""Vectors -> emotion. Gradient boosting of small trees on binned columns.

Source: Friedman 2001; histograms as in Ke et al. 2017 (LightGBM).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.models._classical import Fitted, Floats, Index, Preparation, begin
from affekt.models._graph import Graph, Tree
from affekt.registry import need
from affekt.types import LabelSet

KIND: Literal["classical"] = "classical"


@dataclass(frozen=True, slots=True)
class Options(Preparation):
    """What may be chosen."""

    scale: bool = False
    "trees do not mind scales"
    rounds: int = 100
    "trees per emotion"
    rate: float = 0.1
    "share of each tree's word"
    leaves: int = 15
    "of a tree, at most"
    leaf: int = 10
    "rows in a leaf, at least"
    penalty: float = 1.0
    "L2, of the leaves' values"

    def __post_init__(self) -> None:
        Preparation.__post_init__(self)
        if self.rounds < 1 or self.leaves < 2 or self.rate <= 0 or self.penalty < 0:
            raise UsageError("boosting needs rounds of 1 or more, leaves of 2 or more, a positive rate, a penalty >= 0")


@dataclass(frozen=True, slots=True)
class _Core:
    trees: tuple[Tree, ...]
    base: NDArray[np.float64]
    "scores before the first tree, one per class, or one in all where there are two classes"
    booster: Any

    def scores(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        raw: NDArray[np.float64] = self.booster.decision_function(z.astype(np.float32))
        return raw if raw.ndim == 2 else np.column_stack([np.zeros_like(raw), raw])

    def draw(self, graph: Graph, z: str) -> str:
        raw = graph.trees(z, self.trees, self.base)
        if len(self.base) > 1:
            return raw
        return graph.affine(raw, np.array([[0.0, 1.0]]), np.zeros(2))


def _core(booster: Any) -> _Core:
    # scikit-learn shows its trees under these names only; the test that compares both finds out if they change.
    trees = [_tree(one.nodes, target) for each in booster._predictors for target, one in enumerate(each)]
    return _Core(tuple(trees), np.asarray(booster._baseline_prediction, np.float64).ravel(), booster)


def _tree(nodes: Any, target: int) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    feature, values = nodes["feature_idx"], {target: nodes["value"]}
    return Tree(nodes["left"], nodes["right"], feature, nodes["num_threshold"], leaf, values)


def learn(
    x: Floats, truth: Index, labels: LabelSet, *, options: Options, weights: Floats | None = None, seed: int = 0
) -> Fitted:
    """Fit to vectors.

    Args:
        x: shape (n, dimensions).
        truth: index into the labels, (n,).
        labels: what may be said.
        options: size and preparation.
        weights: of each row; all alike when not given.
        seed: of the draws that make bins.

    Raises:
        DataError: what does not belong together, or a single emotion.
    """
    rows, finish = begin(x, truth, labels, options=options, weights=weights)
    booster = need("sklearn.ensemble", extra="train").HistGradientBoostingClassifier(
        max_iter=options.rounds, learning_rate=options.rate, max_leaf_nodes=options.leaves,
        min_samples_leaf=options.leaf, l2_regularization=options.penalty, early_stopping=False, random_state=seed,
    )  # fmt: skip
    return finish(_core(booster.fit(rows.z.astype(np.float32), rows.truth, rows.weights)))
