"""Log-mel frames -> emotion. Convolutions hear what a frame is like, a recurrent layer how it goes on.

Source: Cho et al. 2014 (GRU); for emotion, Trigeorgis et al. 2016 and Chen et al. 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from affekt.models._blocks import Conv, Heads, MapOptions, Maps, channels_last, flatten, halved, thin
from affekt.models._pooling import AttentiveStatistics, Mask
from affekt.models._recurrent import Recurrent

KIND: Literal["neural"] = "neural"


@dataclass(frozen=True, slots=True)
class Options(MapOptions):
    """What may be chosen."""

    channels: tuple[int, ...] = (16, 32, 32)
    "of each convolutional block"
    cell: Literal["lstm", "gru"] = "gru"
    hidden: int = 64
    "recurrent units in each direction"


class Net(Maps):
    """The network."""

    def __init__(self, dim: int, labels: int, options: Options) -> None:
        super().__init__(dim, options)
        widths = (self.inputs, *options.channels)
        self.blocks = nn.ModuleList(Conv(pair) for pair in pairwise(widths))
        self.maximum = nn.MaxPool2d(2, ceil_mode=True)
        bands = halved(dim, len(options.channels))
        self.dropout = nn.Dropout(options.dropout)
        self.recurrent = Recurrent(widths[-1] * bands, options.hidden, cell=options.cell)
        self.pool = AttentiveStatistics(2 * options.hidden, options.attention)
        self.heads = Heads(4 * options.hidden, labels, options.dropout)

    def forward(self, x: Tensor, mask: Mask = None) -> tuple[Tensor, Tensor]:
        """Judge x (batch, frames, dim): logits (batch, labels), affect (batch, 3)."""
        x, mask = self.maps(x, mask)
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

    >>> import torch
    >>> build(80, 8, options=Options())(torch.zeros(1, 90, 80))[1].shape
    torch.Size([1, 3])
    """
    return channels_last(Net(dim, labels, options))
