"""Embeddings -> valence, arousal, dominance. Ridge regression on standardised embeddings; a linear map in the end.

Source: Hoerl & Kennard 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affekt.errors import DataError, UsageError
from affekt.models._graph import Graph

KIND: Literal["regression"] = "regression"

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen."""

    penalty: float = 1.0
    "in units of the mean variance of the standardised features"

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise UsageError(f"penalty must be positive, got {self.penalty:g}")


@dataclass(frozen=True, slots=True)
class Ridge:
    """A fitted linear regression: affect = x @ weights + bias."""

    weights: NDArray[np.float64]
    "(dimensions, targets)"
    bias: NDArray[np.float64]
    "(targets,)"

    def predict(self, x: Floats) -> NDArray[np.float64]:
        """Judge embeddings (n, dimensions), shape (n, targets)."""
        found: NDArray[np.float64] = x.astype(np.float64) @ self.weights + self.bias
        return found

    def affect(self, x: Floats) -> NDArray[np.float32]:
        """Judge vectors: targets clipped to [-1, 1], (n, targets)."""
        clipped: NDArray[np.float32] = np.clip(self.predict(x), -1, 1).astype(np.float32)
        return clipped

    def draw(self, graph: Graph, x: str = "x") -> str:
        """Add `affect` to a graph."""
        raw = graph.affine(x, self.weights, self.bias)
        return graph.node("Clip", raw, graph.constant(-1.0), graph.constant(1.0))


def learn(x: Floats, targets: Floats, *, options: Options, weights: Floats | None = None, seed: int = 0) -> Ridge:
    """`fit`, as one of the lab's models; rows without a target (NaN) are left out, the seed has no say."""
    rated = np.isfinite(targets).all(axis=1)
    if not rated.any():
        raise DataError("no utterance has valence, arousal and dominance")
    return fit(x[rated], targets[rated], penalty=options.penalty, weights=None if weights is None else weights[rated])


def fit(x: Floats, targets: Floats, *, penalty: float = 1.0, weights: Floats | None = None) -> Ridge:
    """Fit to embeddings.

    Args:
        x: embeddings, shape (n, dimensions).
        targets: shape (n, targets), e.g. valence, arousal, dominance in [-1, 1].
        penalty: in units of the mean variance of the standardised embeddings, positive.
        weights: of each embedding, shape (n,), positive; all alike when not given.

    Raises:
        DataError: lengths that differ, or values that are not finite.

    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> fit(x, 2 * x, penalty=1e-9).predict(np.array([[3.0]])).round(3).tolist()
    [[6.0]]
    """
    share = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(x) == len(targets) == len(share):
        raise DataError(f"{len(x)} embeddings, {len(targets)} targets and {len(share)} weights do not belong together")
    if not (np.isfinite(x).all() and np.isfinite(targets).all()):
        raise DataError("the embeddings or targets hold values that are not finite")
    share = share / share.sum()
    centre, middle = share @ x, share @ targets
    scale = np.sqrt(share @ (x - centre) ** 2) + 1e-6
    z = ((x - centre) / scale).astype(np.float64)
    weighted = (z * share[:, None]).T
    gram = weighted @ z
    gram[np.diag_indices(len(gram))] += penalty * np.trace(gram) / len(gram)
    slopes = np.linalg.solve(gram, weighted @ (targets - middle)) / scale[:, None]
    return Ridge(slopes, middle - centre @ slopes)
