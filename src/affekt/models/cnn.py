"""Log-mel frames -> emotion. Three convolutional blocks and pooling over time: the classic of the field.

Each block is convolution, normalisation, ReLU and 2 x 2 maximum, so that a frame of the last map has seen 440 ms of
speech; mean and deviation over the real frames follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from affekt.models._blocks import Conv, Heads, MapOptions, Maps, channels_last, flatten, halved, thin
from affekt.models._pooling import AttentiveStatistics, Mask

KIND: Literal["neural"] = "neural"


@dataclass(frozen=True, slots=True)
class Options(MapOptions):
    """What may be chosen."""

    channels: tuple[int, ...] = (16, 32, 64)
    "of each block"


class Net(Maps):
    """The network."""

    def __init__(self, dim: int, labels: int, options: Options) -> None:
        super().__init__(dim, options)
        widths = (self.inputs, *options.channels)
        self.blocks = nn.ModuleList(Conv(pair) for pair in pairwise(widths))
        self.maximum = nn.MaxPool2d(2, ceil_mode=True)
        bands = halved(dim, len(options.channels))
        self.dropout = nn.Dropout2d(options.dropout / 3)
        self.pool = AttentiveStatistics(widths[-1] * bands, options.attention)
        self.heads = Heads(2 * widths[-1] * bands, labels, options.dropout)

    def forward(self, x: Tensor, mask: Mask = None) -> tuple[Tensor, Tensor]:
        """Judge x (batch, frames, dim): logits (batch, labels), affect (batch, 3)."""
        x, mask = self.maps(x, mask)
        for block in self.blocks:
            x, mask = block(x, mask)
            # After ReLU nothing lies below zero, so padding wins no maximum.
            x, mask = self.dropout(self.maximum(x.relu())), thin(mask, 2)
        judged: tuple[Tensor, Tensor] = self.heads(self.pool(flatten(x), mask))
        return judged


def build(dim: int, labels: int, *, options: Options) -> Net:
    """Make an untrained network.

    Args:
        dim: columns of a frame.
        labels: how many emotions.
        options: sizes.

    >>> import torch
    >>> net = build(80, 8, options=Options())
    >>> [output.shape for output in net(torch.zeros(2, 100, 80), torch.ones(2, 100, dtype=torch.bool))]
    [torch.Size([2, 8]), torch.Size([2, 3])]
    """
    return channels_last(Net(dim, labels, options))
