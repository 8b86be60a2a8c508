"""Frames -> one vector. Pooling over the real frames of each row; padding has no weight.

A mask is (batch, frames), True where a frame is real, or None when all are: one window at a time, as graphs are
exported. Every function gives the same answer for a row alone and for that row padded in a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

Mask = Tensor | None

_LEAST = 1e-5
"variance below which a deviation is called none; its root has no slope at zero"


def real(x: Tensor, mask: Mask) -> Tensor:
    """Set padding to zero: x (batch, frames, width)."""
    return x if mask is None else x * mask[..., None].to(x.dtype)


def mean(x: Tensor, mask: Mask) -> Tensor:
    """Average over real frames, (batch, frames, width) -> (batch, width).

    >>> x = torch.tensor([[[1.0], [3.0], [99.0]]])
    >>> mean(x, torch.tensor([[True, True, False]])).tolist()
    [[2.0]]
    """
    if mask is None:
        return x.mean(dim=1)
    return real(x, mask).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1).to(x.dtype)


def weighted(x: Tensor, weights: Tensor) -> Tensor:
    """Mean and standard deviation under weights (batch, frames, 1) that sum to 1: (batch, 2 * width)."""
    middle = (weights * x).sum(dim=1)
    spread = (weights * (x - middle[:, None]) ** 2).sum(dim=1)
    return torch.cat([middle, spread.clamp(min=_LEAST).sqrt()], dim=-1)


class Attention(nn.Module):
    """Learned weights of frames; begins as the plain mean.

    Source: Bahdanau et al. 2015; for emotion, Mirsamadi et al. 2017.
    """

    def __init__(self, width: int, hidden: int = 64) -> None:
        super().__init__()
        last = nn.Linear(hidden, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.score = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), last)

    def forward(self, x: Tensor, mask: Mask = None) -> Tensor:
        """Return the share of each frame, (batch, frames, 1)."""
        scores: Tensor = self.score(x)
        if mask is not None:
            scores = scores.masked_fill(~mask[..., None], torch.finfo(scores.dtype).min)
        return scores.softmax(dim=1)


class AttentiveStatistics(nn.Module):
    """Mean and standard deviation under learned weights, (batch, frames, width) -> (batch, 2 * width).

    Source: Okabe et al. 2018, "Attentive Statistics Pooling for Deep Speaker Embedding".

    >>> AttentiveStatistics(4)(torch.zeros(2, 7, 4)).shape
    torch.Size([2, 8])
    """

    def __init__(self, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.attention = Attention(width, hidden)

    def forward(self, x: Tensor, mask: Mask = None) -> Tensor:
        """Pool."""
        return weighted(x, self.attention(x, mask))
