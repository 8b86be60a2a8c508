"""Rows of unequal emotions -> rows, weights and a bias that make up for it. For matrices; networks have their losses.

Sources: effective number, Cui et al. 2019; SMOTE, Chawla et al. 2002; logit adjustment, Menon et al. 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.registry import need
from affekt.training.run import Balance

Floats = NDArray[np.float32]
Index = NDArray[np.intp]

NETWORKS = ("focal", "sampler")
"""Strategies of networks alone."""
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows of a classical model."""

    x: Floats
    truth: Index
    weights: NDArray[np.float64]
    cells: Index
    "what should count alike: (corpus, emotion) by number"
    bias: NDArray[np.float64] | None = None
    "is added to the model's scores, (labels,)"


def balanced(rows: Rows, balance: Balance, *, labels: int, seed: int = 0) -> Rows:
    """Make up for rare emotions.

    Args:
        rows: as they are.
        balance: the strategy and its strength.
        labels: how many there are.
        seed: of what is drawn.

    Raises:
        MissingExtraError: the extra `train` is not installed.
    """
    strategy = balance.strategy
    if strategy in ("inverse", "effective"):
        share = cell_weights(rows.cells, rows.weights, beta=balance.beta if strategy == "effective" else None)
        return _with(rows, weights=rows.weights * share)
    if strategy == "logit-adjustment":
        return _with(rows, bias=logit_bias(rows.truth, rows.weights, labels, balance.tau))
    if strategy == "oversample":
        return _repeated(rows, seed)
    return _interpolated(rows, seed) if strategy == "smote" else rows


def _with(rows: Rows, *, weights: NDArray[np.float64] | None = None, bias: NDArray[np.float64] | None = None) -> Rows:
    return Rows(rows.x, rows.truth, rows.weights if weights is None else weights, rows.cells, bias)


def cell_weights(cells: Index, weights: NDArray[np.float64], *, beta: float | None = None) -> NDArray[np.float64]:
    """Weight of each row, mean 1: one by the (weighted) number of rows in its cell, or by their effective number.

    >>> cell_weights(np.array([0, 0, 0, 1]), np.ones(4)).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    counts = np.bincount(cells, weights)
    share = 1 / np.maximum(counts, 1e-12) if beta is None else (1 - beta) / (1 - beta ** np.maximum(counts, 1e-9))
    found: NDArray[np.float64] = share[cells] * (len(cells) / share[cells].sum())
    return found


def logit_bias(truth: Index, weights: NDArray[np.float64], labels: int, tau: float) -> NDArray[np.float64]:
    """Minus tau times the logarithm of each label's share, so that the rare ones are no longer passed over.

    >>> logit_bias(np.array([0, 0, 0, 1]), np.ones(4), 2, 1.0).round(2).tolist()
    [0.29, 1.39]
    """
    share = np.bincount(truth, weights, minlength=labels) / weights.sum()
    return np.asarray(np.where(share > 0, -tau * np.log(np.maximum(share, 1e-12)), 0.0))


def _repeated(rows: Rows, seed: int) -> Rows:
    """Draw rows of rare cells again until all cells have as many."""
    sampler = need("imblearn.over_sampling", extra="train").RandomOverSampler(random_state=seed)
    sampler.fit_resample(np.zeros((len(rows.cells), 1)), rows.cells)
    drawn = sampler.sample_indices_
    return Rows(rows.x[drawn], rows.truth[drawn], rows.weights[drawn], rows.cells[drawn])


def _interpolated(rows: Rows, seed: int) -> Rows:
    """Add rows between neighbours of a rare cell; cells too small to have neighbours are repeated first."""
    first = _enough(rows)
    counts = np.bincount(first.cells)
    near = max(1, min(_NEIGHBOURS, int(counts[counts > 0].min()) - 1))
    sampler = need("imblearn.over_sampling", extra="train").SMOTE(random_state=seed, k_neighbors=near)
    centre, deviation = first.x.mean(axis=0), first.x.std(axis=0) + 1e-9  # else the largest unit decides who is near
    made, cells = sampler.fit_resample((first.x - centre) / deviation, first.cells)
    truth_of = dict(zip(first.cells.tolist(), first.truth.tolist(), strict=True))
    truth = np.array([truth_of[cell] for cell in cells.tolist()], np.intp)
    added = np.full(len(cells) - len(first.cells), first.weights.mean())
    x = (made * deviation + centre).astype(np.float32)
    return Rows(x, truth, np.concatenate([first.weights, added]), cells)


def _enough(rows: Rows) -> Rows:
    alone = np.flatnonzero(np.bincount(rows.cells)[rows.cells] == 1)
    all_rows = np.concatenate([np.arange(len(rows.cells)), alone])
    return Rows(rows.x[all_rows], rows.truth[all_rows], rows.weights[all_rows], rows.cells[all_rows])
