"""Vectors -> emotion. Support vector machine, one margin per pair of emotions, with probabilities.

An emotion's score is the sum, over its pairs, of the logarithm of a logistic of the margin: every pair has its say in
proportion to its margin, where a vote would count a hair's breadth in full. One temperature, fitted on speakers that
the machine has not heard, makes them probabilities.

Source: Cortes & Vapnik 1995; pairs are coupled as in Price et al. 1994.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.models._classical import Fitted, Floats, Index, Preparation, begin
from affekt.models._graph import Graph
from affekt.registry import need
from affekt.types import LabelSet

KIND: Literal["classical"] = "classical"

_SLOPE = 2.0
"of the logistic of a margin, as for a machine whose margins end at 1"


@dataclass(frozen=True, slots=True)
class Options(Preparation):
    """What may be chosen."""

    kernel: Literal["rbf", "linear"] = "rbf"
    C: float = 3.0
    "cost of what lies on the wrong side"
    gamma: float = 1.0
    "of the rbf kernel, in units of 1 / (columns x variance), as scikit-learn's `scale`"

    def __post_init__(self) -> None:
        Preparation.__post_init__(self)
        if self.C <= 0 or self.gamma <= 0:
            raise UsageError(f"C and gamma must be positive, got {self.C:g} and {self.gamma:g}")


@dataclass(frozen=True, slots=True)
class _Core:
    vectors: NDArray[np.float64]
    "support vectors (s, columns); for a linear kernel the identity"
    weights: NDArray[np.float64]
    "(s, pairs), or (columns, pairs) for a linear kernel"
    bias: NDArray[np.float64]
    gamma: float
    "0: linear"
    sides: NDArray[np.float64]
    "(2 x pairs, classes): to whom a pair's margin, and its opposite, are added"

    def scores(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        near = z
        if self.gamma:
            square = (z**2).sum(axis=1)[:, None] + (self.vectors**2).sum(axis=1) - 2 * z @ self.vectors.T
            near = np.exp(-self.gamma * np.maximum(square, 0))
        margins = _SLOPE * (near @ self.weights + self.bias)
        found: NDArray[np.float64] = -np.logaddexp(0, np.hstack([-margins, margins])) @ self.sides
        return found

    def draw(self, graph: Graph, z: str) -> str:
        near = self._near(graph, z) if self.gamma else z
        margins = graph.affine(near, _SLOPE * self.weights, _SLOPE * self.bias)
        both = graph.node("Concat", graph.node("Neg", margins), margins, axis=1)
        # softplus written out: exp of a large margin would be infinite
        beyond = graph.node(
            "Log", graph.node("Add", graph.node("Exp", graph.node("Neg", graph.node("Abs", both))), graph.constant(1.0))
        )
        soft = graph.node("Add", graph.node("Relu", both), beyond)
        return graph.node("MatMul", graph.node("Neg", soft), graph.constant(self.sides))

    def _near(self, graph: Graph, z: str) -> str:
        own = graph.node("ReduceSumSquare", z, axes=[1], keepdims=1)
        cross = graph.affine(z, -2 * self.vectors.T, (self.vectors**2).sum(axis=1))
        square = graph.node("Relu", graph.node("Add", cross, own))
        return graph.node("Exp", graph.node("Mul", square, graph.constant(-self.gamma)))


def learn(
    x: Floats, truth: Index, labels: LabelSet, *, options: Options, weights: Floats | None = None, seed: int = 0
) -> Fitted:
    """Fit to vectors.

    Args:
        x: shape (n, dimensions).
        truth: index into the labels, (n,).
        labels: what may be said.
        options: kernel, cost and preparation.
        weights: of each row; all alike when not given.
        seed: has no say here.

    Raises:
        DataError: what does not belong together, or a single emotion.
    """
    rows, finish = begin(x, truth, labels, options=options, weights=weights)
    gamma = options.gamma / (rows.z.shape[1] * max(float(rows.z.var()), 1e-12)) if options.kernel == "rbf" else 0.0
    machine = need("sklearn.svm", extra="train").SVC(
        C=options.C, kernel=options.kernel, gamma=gamma or "scale", decision_function_shape="ovo", cache_size=500
    )
    machine.fit(rows.z, rows.truth, rows.weights)
    duals, bias = _pairs(machine)
    if gamma:
        return finish(_Core(machine.support_vectors_, duals, bias, gamma, _sides(rows.classes)))
    return finish(_Core(np.zeros((0, 0)), machine.support_vectors_.T @ duals, bias, 0.0, _sides(rows.classes)))


def _pairs(machine: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of the support vectors in each pair's margin, (s, pairs), and its offset; positive is the first."""
    ends = np.concatenate([[0], np.cumsum(machine.n_support_)])
    pairs = list(combinations(range(len(machine.n_support_)), 2))
    duals = np.zeros((len(machine.support_vectors_), len(pairs)))
    for column, (i, j) in enumerate(pairs):
        own, other = slice(ends[i], ends[i + 1]), slice(ends[j], ends[j + 1])
        duals[own, column] = machine.dual_coef_[j - 1, own]
        duals[other, column] = machine.dual_coef_[i, other]
    bias = np.array(machine.intercept_)
    return (-duals, -bias) if len(pairs) == 1 else (duals, bias)  # scikit-learn turns a single pair round


def _sides(classes: int) -> NDArray[np.float64]:
    pairs = list(combinations(range(classes), 2))
    sides = np.zeros((2 * len(pairs), classes))
    for row, (i, j) in enumerate(pairs):
        sides[row, i] = sides[len(pairs) + row, j] = 1.0
    return sides
