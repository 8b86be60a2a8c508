"""MFCC or mel frames -> emotion. A recurrent network in both directions, and attention over its real frames.

Padding is packed away before the recurrence, so that the backward direction begins at a row's own end.

Source: Mirsamadi et al. 2017, "Automatic Speech Emotion Recognition Using Recurrent Neural Networks with Local
Attention"; Hochreiter & Schmidhuber 1997 (LSTM); Cho et al. 2014 (GRU).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from affekt.models._blocks import Centre, Heads, Normalise, join
from affekt.models._pooling import AttentiveStatistics, Mask
from affekt.models._recurrent import Recurrent

KIND: Literal["neural"] = "neural"


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen."""

    cell: Literal["lstm", "gru"] = "lstm"
    inputs: int = 40
    "columns after neighbouring ones were averaged; fewer columns than that are taken as they are"
    hidden: int = 128
    "units in each direction"
    layers: int = 1
    joined: int = 2
    "neighbouring frames that make one step"
    centre: Centre = "utterance"
    dropout: float = 0.4
    attention: int = 64
    "hidden units of the attention that weighs frames"


class Net(nn.Module):
    """The network."""

    def __init__(self, dim: int, labels: int, options: Options) -> None:
        super().__init__()
        self.joined, self.group = options.joined, max(1, dim // options.inputs)
        columns = -(-dim // self.group)
        self.normalise = Normalise(dim, options.centre)
        self.average = nn.AvgPool1d(self.group, ceil_mode=True)
        self.dropout = nn.Dropout(options.dropout)
        self.recurrent = Recurrent(columns * options.joined, options.hidden, cell=options.cell, layers=options.layers)
        self.pool = AttentiveStatistics(2 * options.hidden, options.attention)
        self.heads = Heads(4 * options.hidden, labels, options.dropout)

    def forward(self, x: Tensor, mask: Mask = None) -> tuple[Tensor, Tensor]:
        """Judge x (batch, frames, dim): logits (batch, labels), affect (batch, 3)."""
        x = self.normalise(x, mask)
        x, mask = join(self.average(x), mask, self.joined)
        x = self.dropout(self.recurrent(self.dropout(x), mask))
        judged: tuple[Tensor, Tensor] = self.heads(self.pool(x, mask))
        return judged


def build(dim: int, labels: int, *, options: Options) -> Net:
    """Make an untrained network.

    Args:
        dim: columns of a frame.
        labels: how many emotions.
        options: sizes.

    >>> import torch
    >>> build(80, 7, options=Options())(torch.zeros(1, 51, 80))[0].shape
    torch.Size([1, 7])
    """
    return Net(dim, labels, options)
