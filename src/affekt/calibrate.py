"""Scores, truth -> temperature. Makes probabilities mean what they say.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.errors import DataError

_GRID = np.exp(np.linspace(np.log(0.05), np.log(50.0), 400))


def temperature(
    scores: NDArray[np.float64], truth: NDArray[np.intp], weights: NDArray[np.float64] | None = None
) -> float:
    """Find the temperature that makes softmax(scores / temperature) most likely, 0.05 to 50.

    Fit it on speakers that the scores' model has not heard.

    Args:
        scores: unnormalised log-probabilities, shape (n, classes).
        truth: column of the true class, shape (n,).
        weights: of each row, shape (n,); all alike when not given.

    Raises:
        DataError: nothing to fit on.

    >>> sure = np.array([[9.0, 0.0], [9.0, 0.0], [9.0, 0.0], [9.0, 0.0]])
    >>> round(temperature(sure, np.array([0, 0, 0, 1])), 1)  # right three times in four
    8.3
    """
    if len(scores) == 0 or len(scores) != len(truth):
        raise DataError(f"{len(scores)} rows of scores and {len(truth)} truths: give as many of both, at least one")
    share = np.ones(len(scores)) if weights is None else weights / weights.sum() * len(scores)
    rows = np.arange(len(scores))
    losses = [-(share @ np.log(softmax(scores / t)[rows, truth] + 1e-300)) for t in _GRID]
    return float(_GRID[int(np.argmin(losses))])


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores (n, classes) into probabilities that sum to 1 in each row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shares
