"""Log-mel frames -> emotion. A compact residual network: below 100 000 parameters, every one of them worked for.

A strided stem, then residual blocks that halve frames and bands while channels grow; the bands that are left keep their
place (what happens low is not what happens high), and attentive statistics pool over time.

Source: He et al. 2016, "Identity Mappings in Deep Residual Networks".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from affekt.models._blocks import Conv, Heads, MapOptions, Maps, channels_last, flatten, halved, hide
from affekt.models._pooling import AttentiveStatistics, Mask

KIND: Literal["neural"] = "neural"


@dataclass(frozen=True, slots=True)
class Options(MapOptions):
    """What may be chosen."""

    stem: int = 16
    "channels after the first convolution"
    channels: tuple[int, ...] = (24, 32, 48)
    "of each residual block"
    deltas: bool = True
    attention: int = 24


class Residual(nn.Module):
    """Two convolutions beside a shortcut, at half the resolution."""

    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        self.first = Conv(channels, stride=2)
        self.second = Conv((channels[1], channels[1]))
        self.short = Conv(channels, kernel=1, stride=2)

    def forward(self, x: Tensor, mask: Mask) -> tuple[Tensor, Mask]:
        """Return half as many frames and bands."""
        beside, _ = self.short(x, mask)
        y, mask = self.first(x, mask)
        y, mask = self.second(y.relu(), mask)
        return (y + beside).relu(), mask


class Net(Maps):
    """The network."""

    def __init__(self, dim: int, labels: int, options: Options) -> None:
        super().__init__(dim, options)
        self.stem = Conv((self.inputs, options.stem), kernel=5, stride=2)
        widths = (options.stem, *options.channels)
        self.blocks = nn.ModuleList(Residual(pair) for pair in pairwise(widths))
        bands = halved(dim, len(widths))
        self.dropout = nn.Dropout2d(options.dropout / 3)
        self.pool = AttentiveStatistics(widths[-1] * bands, options.attention)
        self.heads = Heads(2 * widths[-1] * bands, labels, options.dropout)

    def forward(self, x: Tensor, mask: Mask = None) -> tuple[Tensor, Tensor]:
        """Judge x (batch, frames, dim): logits (batch, labels), affect (batch, 3)."""
        x, mask = self.maps(x, mask)
        x, mask = self.stem(x, mask)
        x = hide(x.relu(), mask)
        for block in self.blocks:
            x, mask = block(x, mask)
            x = self.dropout(x)
        judged: tuple[Tensor, Tensor] = self.heads(self.pool(flatten(x), mask))
        return judged


def build(dim: int, labels: int, *, options: Options) -> Net:
    """Make an untrained network.

    Args:
        dim: columns of a frame.
        labels: how many emotions.
        options: sizes.

    >>> sum(p.numel() for p in build(80, 8, options=Options()).parameters()) < 100_000
    True
    """
    return channels_last(Net(dim, labels, options))
