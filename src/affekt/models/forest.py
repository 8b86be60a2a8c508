"""Vectors -> emotion. Random forest: trees on drawn rows and columns, whose shares are averaged.

Source: Breiman 2001.
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


_LEAST = 1e-3
"probability below which no emotion falls"


@dataclass(frozen=True, slots=True)
class Options(Preparation):
    """What may be chosen."""

    scale: bool = False
    "trees do not mind scales, and an unscaled forest is exported to the bit"
    trees: int = 300
    leaf: int = 2
    "rows in a leaf, at least"
    columns: float = 0.0
    "share of the columns that a split may look at; 0: their square root"

    def __post_init__(self) -> None:
        Preparation.__post_init__(self)
        if self.trees < 1 or self.leaf < 1 or not 0 <= self.columns <= 1:
            raise UsageError("a forest needs trees and leaf of 1 or more, and columns between 0 and 1")


@dataclass(frozen=True, slots=True)
class _Core:
    forest: Any
    classes: int

    def scores(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.log(np.maximum(self.forest.predict_proba(z.astype(np.float32)), _LEAST))
        return found

    def draw(self, graph: Graph, z: str) -> str:
        trees = [self._tree(one.tree_) for one in self.forest.estimators_]
        probs = graph.trees(z, trees, np.zeros(self.classes))
        return graph.node("Log", graph.node("Max", probs, graph.constant(_LEAST)))

    def _tree(self, tree: Any) -> Tree:
        shares = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True) / len(self.forest.estimators_)
        leaf = tree.children_left < 0
        values = {label: shares[:, label] for label in range(self.classes)}
        return Tree(tree.children_left, tree.children_right, tree.feature, tree.threshold, leaf, values)


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
        seed: of the draws.

    Raises:
        DataError: what does not belong together, or a single emotion.
    """
    rows, finish = begin(x, truth, labels, options=options, weights=weights)
    forest = need("sklearn.ensemble", extra="train").RandomForestClassifier(
        n_estimators=options.trees, min_samples_leaf=options.leaf, max_features=options.columns or "sqrt",
        random_state=seed,
    )  # fmt: skip
    return finish(_Core(forest.fit(rows.z, rows.truth, rows.weights), rows.classes))
