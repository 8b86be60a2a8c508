"""Scores, truth -> temperature, or a scale and a shift per class. Makes probabilities mean what they say.

A score of -inf says that the class was not offered: it is never said, whatever the scaling.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.errors import DataError

_RIDGE = 1e-3
"of vector scaling: it stays near the temperature where speakers are few; the loss per row is about 1"
_STEPS = 50

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


def vector(
    scores: NDArray[np.float64], truth: NDArray[np.intp], *, ridge: float = _RIDGE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find scale and shift of each class that make softmax(scores * scale + shift) most likely: vector scaling.

    Minimised is the mean surprise plus half of `ridge` times the squared distance from what `temperature` finds. The
    problem is convex; Newton's method solves it.

    Args:
        scores: unnormalised log-probabilities, shape (n, classes).
        truth: column of the true class, shape (n,).
        ridge: above 0, so that the answer is unique.

    Returns:
        Scale and shift, (classes,) each.

    Raises:
        DataError: nothing to fit on.

    >>> shy = np.log([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    >>> scale, shift = vector(shy, np.array([0, 0, 0, 1]), ridge=1e-6)
    >>> softmax(shy * scale + shift)[0].round(2).tolist()  # right three times in four
    [0.75, 0.25]
    """
    start = 1 / temperature(scores, truth)
    k = scores.shape[1]
    x, closed = np.where(np.isfinite(scores), scores, 0.0), np.where(np.isfinite(scores), 0.0, -np.inf)
    first = np.concatenate([np.full(k, start), np.zeros(k)])
    found, hot = first.copy(), np.eye(k)[truth]

    def loss(given: NDArray[np.float64]) -> float:
        probs = softmax(x * given[:k] + given[k:] + closed)
        said = probs[np.arange(len(x)), truth]
        return float(-np.log(said + 1e-300).mean() + ridge / 2 * ((given - first) ** 2).sum())

    for _ in range(_STEPS):
        probs = softmax(x * found[:k] + found[k:] + closed)
        step = _newton(x, probs, probs - hot, ridge * (found - first), ridge)
        size = 1.0
        while size > 1e-6 and loss(found - size * step) > loss(found):
            size /= 2
        found = found - size * step
        if np.abs(step).max() * size < 1e-9:
            break
    return found[:k], found[k:]


def _newton(
    x: NDArray[np.float64],
    probs: NDArray[np.float64],
    wrong: NDArray[np.float64],
    pull: NDArray[np.float64],
    ridge: float,
) -> NDArray[np.float64]:
    """Solve Hessian @ step = gradient; scales come first, then shifts."""
    n, k = x.shape
    gradient = np.concatenate([(wrong * x).mean(axis=0), wrong.mean(axis=0)]) + pull
    blocks = []
    for left in (x, np.ones_like(x)):
        for right in (x, np.ones_like(x)):
            own = -(probs * left).T @ (probs * right) / n
            own[np.diag_indices(k)] += (probs * left * right).mean(axis=0)
            blocks.append(own)
    hessian = np.block([blocks[:2], blocks[2:]]) + ridge * np.eye(2 * k)
    return np.asarray(np.linalg.solve(hessian, gradient))


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores (n, classes) into probabilities that sum to 1 in each row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shares
