"""Outputs, targets -> loss. What a network is punished for; emotions that a row's corpus could not name cost nothing.

Targets are shares (batch, labels): one-hot, smoothed, or the annotators' own distribution; a row of zeros has no
emotion and adds nothing. Affect is (batch, 3) with NaN where nobody rated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affekt.training.run import Balance, Target

Floats = NDArray[np.float64]


def class_weights(counts: NDArray[np.integer] | Floats, balance: Balance) -> Floats:
    """Weights of the emotions, of mean 1 over the rows; an emotion without rows weighs nothing.

    Args:
        counts: rows of each emotion, (labels,).
        balance: `inverse` and `effective` weigh, all other strategies leave every row alike.

    Source:
        effective number: Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples".

    >>> class_weights(np.array([30, 10]), Balance("inverse")).round(3).tolist()
    [0.667, 2.0]
    >>> class_weights(np.array([30, 10]), Balance("focal")).tolist()
    [1.0, 1.0]
    """
    n = np.asarray(counts, dtype=np.float64)
    if balance.strategy == "inverse":
        rarity = n
    elif balance.strategy == "effective":
        rarity = 1 - balance.beta**n
    else:
        return np.ones(len(n))
    weights = np.divide(1.0, rarity, out=np.zeros(len(n)), where=n > 0)
    shared: Floats = weights * n.sum() / max(float((weights * n).sum()), 1e-12)
    return shared


def mask_unknown(logits: Tensor, known: Tensor) -> Tensor:
    """Take emotions that a row's corpus could not name out of the softmax: known (batch, labels)."""
    return logits.masked_fill(~known, torch.finfo(logits.dtype).min)


def cross_entropy(logits: Tensor, target: Tensor, known: Tensor, *, weights: Tensor, gamma: float = 0.0) -> Tensor:
    r"""Weighted cross entropy with shares as targets; focal for gamma above 0.

    $$ -\frac{\sum_i \sum_c w_c t_{ic} (1 - p_{ic})^\gamma \ln p_{ic}}{\sum_i \sum_c w_c t_{ic}} $$

    Args:
        logits: (batch, labels).
        target: shares (batch, labels); rows sum to 1, or to 0 where nobody named an emotion.
        known: (batch, labels) bool.
        weights: (labels,).
        gamma: 0 is plain cross entropy.

    Source:
        Lin et al. 2017, "Focal Loss for Dense Object Detection".

    >>> logits, target = torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]])
    >>> two = torch.tensor([[True, True, False]])
    >>> round(cross_entropy(logits, target, two, weights=torch.ones(3)).item(), 4)  # ln 2: one of two could be named
    0.6931
    """
    log = mask_unknown(logits, known).log_softmax(dim=-1)
    shares = target * weights * known
    surprise = -log if gamma == 0 else -log * (1 - log.exp()).clamp(min=0) ** gamma
    # A masked logarithm is -1e38, and zero times it must be zero.
    return (shares * surprise.masked_fill(~known, 0)).sum() / shares.sum().clamp(min=1e-6)


def smooth(target: Tensor, known: Tensor, share: float) -> Tensor:
    """Give a share of each row's target to all emotions that its corpus could have named.

    >>> smooth(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[True, True, False]]), 0.5).tolist()
    [[0.75, 0.25, 0.0]]
    """
    even = known / known.sum(dim=-1, keepdim=True).clamp(min=1)
    return (1 - share) * target + share * even * target.sum(dim=-1, keepdim=True)


def ccc_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """1 - concordance correlation, averaged over the dimensions that at least two rows are rated in.

    Args:
        prediction: (batch, dimensions).
        truth: the same shape, NaN where nobody rated.

    Source:
        Lin 1989; as a loss, Weninger et al. 2016.

    >>> truth = torch.tensor([[0.0], [1.0], [2.0]])
    >>> round(ccc_loss(truth, truth).item(), 3), round(ccc_loss(-truth + 2, truth).item(), 3)
    (0.0, 2.0)
    """
    rated = ~truth.isnan()
    n = rated.sum(dim=0).clamp(min=1)
    x, y = prediction * rated, truth.nan_to_num(0.0)
    mean_x, mean_y = x.sum(dim=0) / n, y.sum(dim=0) / n
    dx, dy = (x - mean_x) * rated, (y - mean_y) * rated
    scale = ((dx**2).sum(dim=0) + (dy**2).sum(dim=0)) / n + (mean_x - mean_y) ** 2
    concordance = 2 * (dx * dy).sum(dim=0) / n / (scale + 1e-8)
    usable = (rated.sum(dim=0) >= 2).to(x.dtype)
    return ((1 - concordance) * usable).sum() / usable.sum().clamp(min=1)


def mse_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error where somebody rated; zero where nobody did.

    >>> mse_loss(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, float("nan")]])).item()
    4.0
    """
    rated = ~truth.isnan()
    return (((prediction - truth.nan_to_num(0.0)) * rated) ** 2).sum() / rated.sum().clamp(min=1)


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a run: emotion, affect or both, with what is done about rare emotions."""

    target: Target
    weights: Tensor
    "(labels,)"
    offsets: Tensor
    "tau * log prior of each emotion, added while training (Menon et al. 2021); zeros without logit adjustment"
    gamma: float = 0.0

    @classmethod
    def of(cls, target: Target, balance: Balance, counts: Floats) -> Objective:
        """Make the objective of a run from the training rows of each emotion, (labels,)."""
        prior = counts / max(float(counts.sum()), 1.0)
        tau = balance.tau if balance.strategy == "logit-adjustment" else 0.0
        return cls(
            target,
            torch.tensor(class_weights(counts, balance), dtype=torch.float32),
            torch.tensor(tau * np.log(np.maximum(prior, 1e-6)), dtype=torch.float32),
            balance.gamma if balance.strategy == "focal" else 0.0,
        )

    def __call__(self, outputs: tuple[Tensor, Tensor], *, target: Tensor, known: Tensor, affect: Tensor) -> Tensor:
        """Judge outputs (batch, labels) and (batch, 3) by the shares of the emotions and the rated affect."""
        logits, judged = (output.float() for output in outputs)
        share = {"affect": 1.0, "both": self.target.affect_weight}.get(self.target.kind, 0.0)
        loss = logits.new_zeros(())
        if share < 1:
            adjusted = logits + self.offsets.to(logits.device)
            shares = smooth(target, known, self.target.smoothing)
            weights = self.weights.to(logits.device)
            loss = loss + (1 - share) * cross_entropy(adjusted, shares, known, weights=weights, gamma=self.gamma)
        if share > 0:
            distance = ccc_loss if self.target.affect_loss == "ccc" else mse_loss
            loss = loss + share * distance(judged, affect)
        return loss
