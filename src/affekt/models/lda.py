"""Embeddings -> scores of emotions. Shrinkage linear discriminant analysis, one per encoder layer, averaged.

Per layer: standardise, pool the within-class covariance with every class counting alike, shrink it towards a sphere,
and score each class with equal priors. The mean over layers is one linear map again, so that the trained model is one
matrix. With few speakers and thousands of dimensions this has beaten logistic regression and kernel machines here
(benchmarks/RESULTS.md). `learn` is the same as one of the lab's models, with principal components before it by option.

Source: Ledoit & Wolf 2004 for shrinkage towards the identity; Fisher 1936 and Hastie et al. 2009, section 4.3, for LDA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affekt.errors import DataError, UsageError
from affekt.models._classical import Fitted, Index, LinearCore, Preparation, begin, prepare
from affekt.types import LabelSet

KIND: Literal["classical"] = "classical"

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen."""

    shrinkage: float = 0.5
    "share of the sphere in the covariance, between 0 and 1"
    components: int = 0
    "principal components of each layer that are kept; 0: all columns"
    layers: int = 1
    "equal parts of the columns, one LDA each, which are averaged: 3 for the layers of whisper"
    pools: int = 1
    "kinds of pooling that stand side by side, each with all layers in it: 2 for mean and deviation"

    def __post_init__(self) -> None:
        if not 0 < self.shrinkage < 1:
            raise UsageError(f"shrinkage must lie between 0 and 1, got {self.shrinkage:g}")
        if min(self.layers, self.pools) < 1 or self.components < 0:
            raise UsageError("layers and pools must be 1 or more, components 0 or more")


def learn(
    x: Floats, truth: Index, labels: LabelSet, *, options: Options, weights: Floats | None = None, seed: int = 0
) -> Fitted:
    """Fit to vectors.

    Args:
        x: shape (n, dimensions).
        truth: index into the labels, (n,).
        labels: what may be said.
        options: shrinkage, layers and components.
        weights: of each row; within an emotion only, since every emotion counts alike.
        seed: has no say here.

    Raises:
        DataError: what does not belong together, or a single emotion.
        UsageError: the columns cannot be dealt into so many layers.
    """
    rows, finish = begin(x, truth, labels, options=Preparation(scale=False), weights=weights)
    codes = np.array([f"{label:04d}" for label in range(rows.classes)])[rows.truth]
    total, bias = np.zeros((x.shape[1], rows.classes)), np.zeros(rows.classes)
    for columns in _layers(x.shape[1], options):
        part = prepare(x[:, columns], rows.truth, Preparation(components=options.components), rows.weights)
        head = fit(part(x[:, columns]), codes, shrinkage=options.shrinkage, weights=rows.weights)
        slopes = head.weights if part.basis is None else part.basis @ head.weights
        slopes = slopes / part.deviation[:, None]
        total[columns] += slopes / options.layers
        bias += (head.bias - part.centre @ slopes) / options.layers
    return finish(LinearCore(total, bias))


def _layers(dim: int, options: Options) -> list[Index]:
    """Columns of each layer."""
    if dim % (options.layers * options.pools):
        raise UsageError(f"{dim} columns cannot be dealt into {options.layers} layers and {options.pools} pools")
    places = np.arange(dim).reshape(options.pools, options.layers, -1)
    return [places[:, layer].ravel() for layer in range(options.layers)]


@dataclass(frozen=True, slots=True)
class Linear:
    """A fitted linear model: scores = x @ weights + bias."""

    labels: LabelSet
    weights: NDArray[np.float64]
    "(dimensions, len(labels))"
    bias: NDArray[np.float64]
    "(len(labels),)"

    def scores(self, x: Floats) -> NDArray[np.float64]:
        """Score embeddings (n, dimensions): unnormalised log-probabilities, shape (n, len(labels))."""
        found: NDArray[np.float64] = x.astype(np.float64) @ self.weights + self.bias
        return found

    def predict(self, x: Floats) -> NDArray[np.str_]:
        """Name the best label of each embedding, shape (n,)."""
        names: NDArray[np.str_] = np.array(self.labels.names)[self.scores(x).argmax(axis=1)]
        return names


def fit(
    x: Floats,
    emotions: Sequence[str] | NDArray[np.str_],
    *,
    shrinkage: float = 0.5,
    weights: Floats | None = None,
    layers: Sequence[NDArray[np.intp]] | None = None,
) -> Linear:
    """Fit to embeddings.

    Args:
        x: embeddings, shape (n, dimensions).
        emotions: one label each.
        shrinkage: share of the sphere in the covariance, in (0, 1).
        weights: of each embedding, shape (n,), positive; all alike when not given.
        layers: the columns of each layer; all columns together when not given.

    Raises:
        DataError: fewer than two emotions, other lengths than `x`, or values that are not finite.
        UsageError: a shrinkage outside (0, 1).

    >>> x = np.array([[0.0, 0.1], [0.2, 0.0], [1.0, 0.9], [0.9, 1.1]])
    >>> fit(x, ["sad", "sad", "glad", "glad"]).predict(np.array([[0.1, 0.1]])).tolist()
    ['sad']
    """
    truth = np.asarray(emotions)
    share = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    _check(x, truth, share, shrinkage)
    labels = LabelSet(tuple(sorted(set(truth.tolist()))))
    columns = layers or [np.arange(x.shape[1])]
    total, bias = np.zeros((x.shape[1], len(labels))), np.zeros(len(labels))
    for part in columns:
        matrix, offset = _fit_layer(x[:, part], truth, share, labels, shrinkage)
        total[part] += matrix / len(columns)
        bias += offset / len(columns)
    return Linear(labels, total, bias)


def _check(x: Floats, truth: NDArray[np.str_], share: Floats, shrinkage: float) -> None:
    if not len(x) == len(truth) == len(share):
        raise DataError(f"{len(x)} embeddings, {len(truth)} emotions and {len(share)} weights do not belong together")
    if len(set(truth.tolist())) < 2:
        raise DataError("at least two emotions are needed to tell them apart")
    if not np.isfinite(x).all():
        raise DataError("the embeddings hold values that are not finite")
    if not 0 < shrinkage < 1:
        raise UsageError(f"shrinkage must lie between 0 and 1, got {shrinkage:g}")


def _fit_layer(
    x: Floats, truth: NDArray[np.str_], share: Floats, labels: LabelSet, shrinkage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre = share @ x / share.sum()
    scale = np.sqrt(share @ (x - centre) ** 2 / share.sum()) + 1e-6
    z = ((x - centre) / scale).astype(np.float32)
    means, within = _class_statistics(z, truth, share, labels)
    sphere = np.trace(within) / len(within)
    within *= 1 - shrinkage
    within[np.diag_indices(len(within))] += shrinkage * sphere
    directions = np.linalg.solve(within, means.T)
    weights = directions / scale[:, None]
    bias = -0.5 * np.einsum("ij,ji->i", means, directions) - centre @ weights
    return weights, bias


def _class_statistics(
    z: NDArray[np.float32], truth: NDArray[np.str_], share: Floats, labels: LabelSet
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    means, within = [], np.zeros((z.shape[1], z.shape[1]))
    for name in labels:
        own = truth == name
        part = (share[own] / share[own].sum()).astype(np.float32)
        mean = part @ z[own]
        spread = (z[own] - mean) * np.sqrt(part)[:, None]
        within += spread.T @ spread
        means.append(mean)
    return np.stack(means).astype(np.float64), within / len(labels)
