"""Random masks, what the score lost under each -> what each part is worth. One ridge regression, in numpy.

Many parts are taken away at once, at random; what a part is worth is its weight in the line that foretells the loss
from the parts that are gone. That takes far fewer calls of the model than one per part, and it hears parts in many
companies. Source: Ribeiro et al. 2016, "Why should I trust you?" (LIME); the random masks are those of Petsiuk et al.
2018 (RISE). What is known beforehand may be given as a `prior`: the line then has only to foretell what that misses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def runs(count: int, parts: int, *, share: float, run: int, seed: int = 0) -> Floats:
    """Draw masks (count, parts) of zeros and ones, `share` of each ones, which come in runs of about `run` parts.

    >>> runs(2, 10, share=0.3, run=2).sum(axis=1).tolist()
    [3.0, 3.0]
    """
    noise = np.random.default_rng(seed).normal(size=(count, parts + run - 1))
    smooth = np.lib.stride_tricks.sliding_window_view(noise, run, axis=1).sum(axis=2)
    return highest(smooth, share)


def highest(values: Floats, share: float) -> Floats:
    """Mark the highest `share` of each row's values, at least one: ones and zeros of the same shape.

    >>> highest(np.array([[0.1, 0.9, 0.5, 0.2]]), 0.5).tolist()
    [[0.0, 1.0, 1.0, 0.0]]
    """
    count = max(1, round(share * values.shape[1]))
    found = np.zeros(values.shape)
    np.put_along_axis(found, np.argsort(-values, axis=1, kind="stable")[:, :count], 1.0, axis=1)
    return found


def weigh(masks: Floats, lost: Floats, *, penalty: float, prior: Floats | None = None) -> Floats:
    """Say what each part is worth, (parts,).

    Args:
        masks: (count, parts), 1 where a part was gone.
        lost: score with everything less that under each mask, (count,).
        penalty: of the ridge regression; as so many further masks in which nothing was lost.
        prior: a first estimate (parts,), of which the best multiple is taken, not below zero.

    >>> masks = runs(200, 5, share=0.4, run=1)
    >>> weigh(masks, masks @ [0.0, 3.0, 0.0, 0.0, -1.0], penalty=0.1).round(1).tolist()
    [0.0, 3.0, 0.0, 0.0, -1.0]
    """
    # Every mask takes equally much, so their weights have a free constant: it is the mean loss, shared out evenly.
    level = lost.mean() / max(masks[0].sum(), 1.0)
    base = np.full(masks.shape[1], level) if prior is None else _scaled(masks, lost, prior)
    rest = lost - masks @ base
    gram = masks.T @ masks + penalty * np.eye(masks.shape[1])
    return np.asarray(base + np.linalg.solve(gram, masks.T @ rest))


def _scaled(masks: Floats, lost: Floats, prior: Floats) -> Floats:
    """The prior's best multiple, plus what is lost on average whatever is taken."""
    told = masks @ prior
    spread = told - told.mean()
    slope = max(0.0, float(spread @ lost / max(spread @ spread, 1e-12)))
    level = (lost.mean() - slope * told.mean()) / max(masks[0].sum(), 1.0)
    return np.asarray(slope * prior + level)
