"""Log-mel frames -> emotion. Convolutions hear what a frame is like, a recurrent layer how it goes on.

Source: Cho et al. 2014 (GRU); for emotion, Trigeorgis et al. 2016 and Chen et al. 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from affekt.models._blocks import Centre, Conv, Deltas, Heads, Normalise, flatten, pace, thin
from affekt.models._pooling import AttentiveStatistics, Mask
from affekt.models._recurrent import Recurrent

KIND: Literal["neural"] = "neural"


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen."""

    channels: tuple[int, ...] = (16, 32, 32)
    "of each convolutional block"
    cell: Literal["lstm", "gru"] = "gru"
    hidden: int = 64
    "recurrent units in each direction"
    joined: int = 2
    "neighbouring frames that are averaged first: of 20 ms, at half the cost of 10 ms"
    centre: Centre = "utterance"
    deltas: bool = False
    "slopes of the bands as a second input map"
    dropout: float = 0.3
    attention: int = 32
    "hidden units of the attention that weighs frames"


class Net(nn.Module):
    """The network."""

    def __init__(self, dim: int, labels: int, options: Options) -> None:
        super().__init__()
        self.joined = options.joined
        self.normalise = Normalise(dim, options.centre)
        self.deltas = Deltas() if options.deltas else None
        widths = (2 if options.deltas else 1, *options.channels)
        self.blocks = nn.ModuleList(Conv(pair) for pair in pairwise(widths))
        self.maximum = nn.MaxPool2d(2, ceil_mode=True)
        bands = dim
        for _ in options.channels:
            bands = -(-bands // 2)
        self.dropout = nn.Dropout(options.dropout)
        self.recurrent = Recurrent(widths[-1] * bands, options.hidden, cell=options.cell)
        self.pool = AttentiveStatistics(2 * options.hidden, options.attention)
        self.heads = Heads(4 * options.hidden, labels, options.dropout)

    def forward(self, x: Tensor, mask: Mask = None) -> tuple[Tensor, Tensor]:
        """Judge x (batch, frames, dim): logits (batch, labels), affect (batch, 3)."""
        x, mask = pace(self.normalise(x, mask), mask, self.joined)
        x = x[:, None] if self.deltas is None else self.deltas(x, mask)
        for block in self.blocks:
            x, mask = block(x, mask)
            x, mask = self.maximum(x.relu()), thin(mask, 2)
        states = self.recurrent(self.dropout(flatten(x)), mask)
        judged: tuple[Tensor, Tensor] = self.heads(self.pool(self.dropout(states), mask))
        return judged


def build(dim: int, labels: int, *, options: Options) -> Net:
    """Make an untrained network.

    Args:
        dim: columns of a frame.
        labels: how many emotions.
        options: sizes.

    >>> build(80, 8, options=Options())(torch.zeros(1, 90, 80))[1].shape
    torch.Size([1, 3])
    """
    # Channels last: small convolutions run half again as fast on a CPU.
    net: Net = Net(dim, labels, options).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net
