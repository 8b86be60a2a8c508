"""Vectors -> scores -> probabilities. What all classical models share: preparation, calibration, and their graph.

A classical model is a file with `KIND = "classical"`, `Options` and `learn(x, truth, labels, *, options, weights,
seed) -> Fitted`. Scaling, selection and principal components are fitted with the model, on training rows only, and
lie in its graph, which takes the raw features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from affekt.errors import DataError, UsageError
from affekt.models._graph import Graph
from affekt.types import LabelSet

Floats = NDArray[np.floating]
Index = NDArray[np.intp]

_ABSENT = -60.0
"score of an emotion that was not in training"


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to the features first."""

    scale: bool = True
    "columns to zero mean and unit deviation"
    select: int = 0
    "so many columns with the largest F of an analysis of variance; 0: all"
    components: int = 0
    "so many principal components of what was selected; 0: none"

    def __post_init__(self) -> None:
        if self.select < 0 or self.components < 0:
            raise UsageError("select and components must not be negative; 0 means all")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A fitted preparation: ((x - centre) / deviation)[columns] @ basis."""

    columns: Index
    centre: NDArray[np.float64]
    deviation: NDArray[np.float64]
    basis: NDArray[np.float64] | None

    def __call__(self, x: Floats) -> NDArray[np.float64]:
        """Prepare x (n, dimensions), shape (n, what is left)."""
        z = (x[:, self.columns].astype(np.float64) - self.centre) / self.deviation
        return z if self.basis is None else z @ self.basis

    def draw(self, graph: Graph, x: str) -> str:
        """Add the same to a graph."""
        z = graph.node("Gather", x, graph.constant(self.columns), axis=1)
        z = graph.node("Div", graph.node("Sub", z, graph.constant(self.centre)), graph.constant(self.deviation))
        return z if self.basis is None else graph.node("MatMul", z, graph.constant(self.basis))


def prepare(x: Floats, truth: Index, options: Preparation, weights: Floats) -> Prepared:
    """Fit a preparation to training rows."""
    share = np.asarray(weights, np.float64) / weights.sum()
    centre = share @ x
    deviation = np.sqrt(np.maximum(share @ (x - centre) ** 2, 0))
    columns = _best(x, truth, options.select) if 0 < options.select < x.shape[1] else np.arange(x.shape[1])
    centre, deviation = centre[columns], np.where(deviation > 1e-8 * (1 + np.abs(centre)), deviation, 1.0)[columns]
    if not options.scale:
        centre, deviation = np.zeros_like(centre), np.ones_like(deviation)
    basis = _basis((x[:, columns] - centre) / deviation, share, options.components) if options.components else None
    return Prepared(columns, centre, deviation, basis)


def _best(x: Floats, truth: Index, count: int) -> Index:
    """Columns of the largest ratio of variance between classes to variance within them."""
    wide = x.astype(np.float64)
    groups = [wide[truth == label] for label in np.unique(truth)]
    centre = wide.mean(axis=0)
    between = sum(len(group) * (group.mean(axis=0) - centre) ** 2 for group in groups)
    within = sum(((group - group.mean(axis=0)) ** 2).sum(axis=0) for group in groups)
    return np.sort(np.argsort(-between / (within + 1e-12), kind="stable")[:count])


def _basis(z: Floats, share: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """First principal directions, (columns, count)."""
    centred = (z - share @ z) * np.sqrt(share)[:, None]
    if z.shape[1] <= len(z):
        _, directions = np.linalg.eigh(centred.T @ centred)
        return np.ascontiguousarray(directions[:, ::-1][:, :count])
    values, sides = np.linalg.eigh(centred @ centred.T)
    kept = max(1, min(count, int((values > values[-1] * 1e-9).sum())))
    directions = centred.T @ sides[:, ::-1][:, :kept]
    return np.asarray(directions / np.linalg.norm(directions, axis=0))


class Core(Protocol):
    """What one kind of model has learned: prepared rows in, scores (like log-probabilities) out."""

    def scores(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score rows (n, columns), shape (n, classes in training)."""

    def draw(self, graph: Graph, z: str) -> str:
        """Add the same to a graph."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained model of any classical kind."""

    labels: LabelSet
    dim: int
    prepared: Prepared
    core: Core
    present: Index
    "labels that were in training, in the order of the core's scores"
    bias: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    "is added to the scores, (labels,); nothing where empty"
    temperature: float = 1.0

    def scores(self, x: Floats) -> NDArray[np.float64]:
        """Score vectors (n, dimensions), before the temperature: shape (n, labels)."""
        weights, bias = self._spread()
        found: NDArray[np.float64] = self.core.scores(self.prepared(x)) @ weights + bias
        return found

    def probs(self, x: Floats) -> NDArray[np.float32]:
        """Judge vectors (n, dimensions): probabilities (n, labels)."""
        raised = self.scores(x) / self.temperature
        raised = np.exp(raised - raised.max(axis=1, keepdims=True))
        shares: NDArray[np.float32] = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares

    def draw(self, graph: Graph, x: str = "x") -> str:
        """Add the probabilities to a graph."""
        weights, bias = self._spread()
        scores = self.core.draw(graph, self.prepared.draw(graph, x))
        return graph.node("Softmax", graph.affine(scores, weights / self.temperature, bias / self.temperature), axis=-1)

    def graph(self) -> bytes:
        """Export: ONNX, `x` (n, dimensions) -> `probs` (n, labels).

        Raises:
            MissingExtraError: the extra `train` is not installed.
        """
        graph = Graph(self.dim)
        graph.output("probs", self.draw(graph), len(self.labels))
        return graph.model()

    def calibrated(self, temperature: float) -> Fitted:
        """Divide the scores by a temperature."""
        return replace(self, temperature=temperature)

    def shifted(self, bias: NDArray[np.float64]) -> Fitted:
        """Add a bias (labels,) to the scores."""
        return replace(self, bias=bias)

    def _spread(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Carry the core's scores to all labels."""
        weights, bias = np.zeros((len(self.present), len(self.labels))), np.full(len(self.labels), _ABSENT)
        weights[np.arange(len(self.present)), self.present] = 1.0
        bias[self.present] = 0.0
        return weights, bias + (self.bias if len(self.bias) else 0.0)


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows, checked and prepared."""

    z: NDArray[np.float64]
    truth: Index
    "into the classes that are present"
    weights: NDArray[np.float64]
    "mean 1"
    classes: int


def begin(
    x: Floats, truth: Index, labels: LabelSet, *, options: Preparation, weights: Floats | None
) -> tuple[Rows, Callable[[Core], Fitted]]:
    """Check and prepare training rows; the second result makes a `Fitted` of the core that was fitted to them.

    Raises:
        DataError: fewer than two emotions, lengths that differ, or values that are not finite.
    """
    share = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    if not len(x) == len(truth) == len(share):
        raise DataError(f"{len(x)} vectors, {len(truth)} labels and {len(share)} weights do not belong together")
    present, index = np.unique(truth, return_inverse=True)
    if len(present) < 2 or present[0] < 0 or present[-1] >= len(labels):
        raise DataError("at least two emotions are needed to tell them apart, each one of the labels")
    if not np.isfinite(x).all():
        raise DataError("the features hold values that are not finite")
    prepared = prepare(x, index, options, share)

    def finish(core: Core) -> Fitted:
        return Fitted(labels, x.shape[1], prepared, core, present)

    return Rows(prepared(x), index, share / share.mean(), len(present)), finish


@dataclass(frozen=True, slots=True)
class LinearCore:
    """Scores that are linear in the prepared rows."""

    weights: NDArray[np.float64]
    "(columns, classes)"
    bias: NDArray[np.float64]

    def scores(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score rows."""
        found: NDArray[np.float64] = z @ self.weights + self.bias
        return found

    def draw(self, graph: Graph, z: str) -> str:
        """Add the same to a graph."""
        return graph.affine(z, self.weights, self.bias)
