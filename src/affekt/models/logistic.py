"""Vectors -> emotion. Multinomial logistic regression with an L2 penalty.

Source: Hastie et al. 2009, The Elements of Statistical Learning, section 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from affekt.errors import UsageError
from affekt.models._classical import Fitted, Floats, Index, LinearCore, Preparation, begin
from affekt.registry import need
from affekt.types import LabelSet

KIND: Literal["classical"] = "classical"


@dataclass(frozen=True, slots=True)
class Options(Preparation):
    """What may be chosen."""

    C: float = 0.01
    "inverse of the penalty; with thousands of columns small values serve best"
    steps: int = 500
    "at most, of the optimiser"

    def __post_init__(self) -> None:
        Preparation.__post_init__(self)
        if self.C <= 0:
            raise UsageError(f"C must be positive, got {self.C:g}")


def learn(
    x: Floats, truth: Index, labels: LabelSet, *, options: Options, weights: Floats | None = None, seed: int = 0
) -> Fitted:
    """Fit to vectors.

    Args:
        x: shape (n, dimensions).
        truth: index into the labels, (n,).
        labels: what may be said.
        options: penalty and preparation.
        weights: of each row; all alike when not given.
        seed: has no say here.

    Raises:
        DataError: what does not belong together, or a single emotion.
    """
    rows, finish = begin(x, truth, labels, options=options, weights=weights)
    linear = need("sklearn.linear_model", extra="train")
    model = linear.LogisticRegression(C=options.C, max_iter=options.steps).fit(rows.z, rows.truth, rows.weights)
    slopes, offset = model.coef_.T, model.intercept_
    if rows.classes == 2:  # scikit-learn keeps the difference of the two alone
        slopes, offset = np.hstack([-slopes, slopes]) / 2, np.concatenate([-offset, offset]) / 2
    return finish(LinearCore(slopes, offset))
