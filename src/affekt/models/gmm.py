"""Vectors -> emotion. One Gaussian mixture per emotion; the emotion under which a vector is likeliest wins.

The classic before networks. Full covariances need far more rows than columns: set `components` for them. Weights of
rows within an emotion are not heard, those of the emotions are its prior.

Source: Reynolds & Rose 1995.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.models._classical import Fitted, Floats, Index, Preparation, Rows, begin
from affekt.models._graph import Graph
from affekt.registry import need
from affekt.types import LabelSet

KIND: Literal["classical"] = "classical"

_NEVER = -1e9
"log-likelihood of a mixture's part that an emotion has not"


@dataclass(frozen=True, slots=True)
class Options(Preparation):
    """What may be chosen."""

    mixtures: int = 4
    "Gaussians per emotion, at most one per four rows of it"
    covariance: Literal["diag", "full"] = "diag"
    floor: float = 0.1
    "is added to the variances, in units of a scaled column's"

    def __post_init__(self) -> None:
        Preparation.__post_init__(self)
        if self.mixtures < 1 or self.floor <= 0:
            raise UsageError("a mixture needs mixtures of 1 or more and a positive floor")


@dataclass(frozen=True, slots=True)
class _Core:
    whiten: NDArray[np.float64]
    "(columns, parts x columns): the parts' precisions, as factors"
    centre: NDArray[np.float64]
    "(parts x columns,): their means, whitened"
    offset: NDArray[np.float64]
    "(classes, mixtures): what does not depend on the row"

    def scores(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        square = (z @ self.whiten - self.centre) ** 2
        near = self.offset - 0.5 * square.reshape(len(z), *self.offset.shape, -1).sum(axis=-1)
        most = near.max(axis=-1)
        found: NDArray[np.float64] = most + np.log(np.exp(near - most[..., None]).sum(axis=-1))
        return found

    def draw(self, graph: Graph, z: str) -> str:
        classes, mixtures = self.offset.shape
        whitened = graph.affine(z, self.whiten, -self.centre)
        shape = graph.constant(np.array([-1, classes, mixtures, len(self.whiten)]))
        square = graph.node("ReduceSumSquare", graph.node("Reshape", whitened, shape), axes=[3], keepdims=0)
        near = graph.node("Add", graph.node("Mul", square, graph.constant(-0.5)), graph.constant(self.offset))
        most = graph.node("ReduceMax", near, axes=[2], keepdims=1)
        raised = graph.node("Exp", graph.node("Sub", near, most))
        total = graph.node("Log", graph.node("ReduceSum", raised, graph.constant(np.array([2])), keepdims=1))
        return graph.node("Squeeze", graph.node("Add", most, total), graph.constant(np.array([2])))


def learn(
    x: Floats, truth: Index, labels: LabelSet, *, options: Options, weights: Floats | None = None, seed: int = 0
) -> Fitted:
    """Fit to vectors.

    Args:
        x: shape (n, dimensions).
        truth: index into the labels, (n,).
        labels: what may be said.
        options: mixtures and preparation.
        weights: of each row; their sums are the emotions' priors, alike when not given.
        seed: of the first guess.

    Raises:
        DataError: what does not belong together, or a single emotion.
    """
    rows, finish = begin(x, truth, labels, options=options, weights=weights)
    mixtures = [_mixture(rows.z[rows.truth == label], options, seed) for label in range(rows.classes)]
    prior = np.bincount(rows.truth, rows.weights) / rows.weights.sum() if weights is not None else None
    return finish(_core(mixtures, rows, options.mixtures, prior))


def _mixture(z: NDArray[np.float64], options: Options, seed: int) -> Any:
    return need("sklearn.mixture", extra="train").GaussianMixture(
        max(1, min(options.mixtures, len(z) // 4)), covariance_type=options.covariance, reg_covar=options.floor,
        random_state=seed, max_iter=200,
    ).fit(z if len(z) > 1 else np.repeat(z, 2, axis=0))  # fmt: skip


def _core(mixtures: list[Any], rows: Rows, most: int, prior: NDArray[np.float64] | None) -> _Core:
    size = rows.z.shape[1]
    whiten, centre = np.zeros((size, rows.classes, most, size)), np.zeros((rows.classes, most, size))
    offset = np.full((rows.classes, most), _NEVER)
    for label, mixture in enumerate(mixtures):
        for part, factor in enumerate(mixture.precisions_cholesky_):
            square = factor if factor.ndim == 2 else np.diag(factor)
            whiten[:, label, part], centre[label, part] = square, mixture.means_[part] @ square
            volume = np.log(np.diag(square)).sum() - 0.5 * size * np.log(2 * np.pi)
            offset[label, part] = volume + np.log(mixture.weights_[part] + 1e-300)
    if prior is not None:
        offset += np.log(prior)[:, None]
    return _Core(whiten.reshape(size, -1), centre.ravel(), offset)
