"""Pieces that several networks share: normalisation, convolutions that do not see padding, and the two heads.

Maps are (batch, channels, frames, bands). After every convolution padding is set back to zero, which is what the
convolution itself puts beyond the end of a row, so a padded row and the row alone give the same values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affekt.models._pooling import Mask, mean, real

Centre = Literal["corpus", "utterance"]
"""corpus: by the training frames' mean; utterance: by each utterance's own, which takes microphone and level away"""


class Normalise(nn.Module):
    """Columns to zero mean and unit deviation, padding to zero; fitted on training frames, kept as buffers.

    >>> normalise = Normalise(1)
    >>> normalise.fit([np.array([[1.0], [3.0]], np.float32)])
    >>> normalise(torch.tensor([[[1.0], [3.0]]])).flatten().tolist()
    [-1.0, 1.0]
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, dim: int, centre: Centre = "corpus") -> None:
        super().__init__()
        self.centre = centre
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    def fit(self, rows: Iterable[NDArray[np.float32]]) -> None:
        """Measure mean and deviation of the columns over rows of (frames, dim)."""
        count, total, square = 0, np.zeros(len(self.mean)), np.zeros(len(self.mean))
        for row in rows:
            frames = np.asarray(row, dtype=np.float64)
            if self.centre == "utterance":
                frames = frames - frames.mean(axis=0)
            count, total, square = count + len(frames), total + frames.sum(axis=0), square + (frames**2).sum(axis=0)
        middle = total / max(1, count)
        spread = np.sqrt(np.maximum(square / max(1, count) - middle**2, 0))
        self.mean.copy_(torch.from_numpy(middle))
        self.deviation.copy_(torch.from_numpy(np.where(spread > 1e-6, spread, 1.0)))

    def forward(self, x: Tensor, mask: Mask = None) -> Tensor:
        """Normalise x (batch, frames, dim)."""
        middle = mean(x, mask)[:, None] if self.centre == "utterance" else self.mean
        return real((x - middle) / self.deviation, mask)


class Norm(nn.Module):
    """Batch normalisation of maps whose padding is zero and stays so: statistics come from real frames only.

    Source: Ioffe & Szegedy 2015.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        """Normalise x (batch, channels, frames, bands)."""
        middle, variance = self._measure(x, mask) if self.training else (self.mean, self.variance)
        scale = self.scale / (variance + 1e-5).sqrt()
        return hide(x * scale[:, None, None] + (self.shift - middle * scale)[:, None, None], mask)

    def _measure(self, x: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
        frames = x.shape[0] * x.shape[2] if mask is None else mask.sum()
        count = frames * x.shape[3]
        middle = x.sum(dim=(0, 2, 3)) / count
        variance = ((x * x).sum(dim=(0, 2, 3)) / count - middle**2).clamp(min=0)
        with torch.no_grad():
            self.mean.lerp_(middle.to(self.mean.dtype), self.momentum)
            self.variance.lerp_(variance.to(self.variance.dtype), self.momentum)
        return middle, variance


class Conv(nn.Module):
    """Convolution and normalisation: (batch, in, frames, bands) -> (batch, out, frames / stride, bands / stride)."""

    def __init__(self, channels: tuple[int, int], *, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(
            *channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False, padding_mode="zeros"
        )
        self.norm = Norm(channels[1])

    def forward(self, x: Tensor, mask: Mask) -> tuple[Tensor, Mask]:
        """Convolve; the mask is thinned as the frames are."""
        mask = thin(mask, self.stride)
        return self.norm(hide(self.conv(x), mask), mask), mask


class Heads(nn.Module):
    """Vector -> what is asked: logits of the emotions, and valence, arousal and dominance in [-1, 1]."""

    def __init__(self, width: int, labels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.emotion = nn.Linear(width, labels)
        self.affect = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Judge x (batch, width): (batch, labels), (batch, 3)."""
        x = self.dropout(x)
        return self.emotion(x), self.affect(x).tanh()


class Deltas(nn.Module):
    """Slopes of each column over five frames, beside the columns: (batch, frames, d) -> (batch, 2, frames, d)."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).reshape(1, 1, 5, 1) / 10)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        """Differentiate; beyond the ends there is zero."""
        x = x[:, None]
        slopes = nn.functional.conv2d(x, self.kernel, padding=(2, 0))
        return torch.cat([x, hide(slopes * 3, mask)], dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOptions:
    """What may be chosen of every network that hears maps."""

    joined: int = 2
    "neighbouring frames that are averaged first: of 20 ms, at half the cost of 10 ms"
    centre: Centre = "utterance"
    deltas: bool = False
    "slopes of the bands as a second input map"
    dropout: float = 0.3
    attention: int = 32
    "hidden units of the attention that weighs frames"


class Maps(nn.Module):
    """A network that hears frames as maps (batch, 1 or 2, frames, bands)."""

    def __init__(self, dim: int, options: MapOptions) -> None:
        super().__init__()
        self.joined = options.joined
        self.normalise = Normalise(dim, options.centre)
        self.deltas = Deltas() if options.deltas else None
        self.inputs = 2 if options.deltas else 1
        "maps"

    def maps(self, x: Tensor, mask: Mask) -> tuple[Tensor, Mask]:
        """Normalise x (batch, frames, dim) and set it out as maps."""
        x, mask = pace(self.normalise(x, mask), mask, self.joined)
        return (x[:, None] if self.deltas is None else self.deltas(x, mask)), mask


def halved(bands: int, times: int) -> int:
    """Count the bands that are left when every other one goes, several times.

    >>> halved(81, 2)
    21
    """
    return (bands + (1 << times) - 1) >> times


Net = TypeVar("Net", bound=nn.Module)


def channels_last(net: Net) -> Net:
    """Lay the weights out so that small convolutions run half again as fast on a CPU.

    Only where every convolution has 16 channels at least: with fewer after the first one, torch 2.13 on x86 writes
    beyond its memory in the backward pass, and the process dies (seen with 8, 10 and 12).
    """
    if any(part.out_channels < 16 for part in net.modules() if isinstance(part, nn.Conv2d)):
        return net
    laid: Net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return laid


def hide(x: Tensor, mask: Mask) -> Tensor:
    """Set padding to zero in maps (batch, channels, frames, bands)."""
    return x if mask is None else x * mask[:, None, :, None].to(x.dtype)


def thin(mask: Mask, stride: int) -> Mask:
    """Keep every stride-th frame of a mask."""
    return mask if mask is None else mask[:, ::stride]


def flatten(x: Tensor) -> Tensor:
    """Set channels and bands side by side: (batch, channels, frames, bands) -> (batch, frames, channels * bands)."""
    return x.permute(0, 2, 1, 3).flatten(start_dim=2)


def join(x: Tensor, mask: Mask, times: int) -> tuple[Tensor, Mask]:
    """Set neighbouring frames side by side: (batch, frames, d) -> (batch, frames / times, d * times).

    Beyond the end there is zero, for a row alone as for a padded one.
    """
    if times == 1:
        return x, mask
    # One step more than frames / times rounded down, and cut where it holds no frame: frames may be dynamic.
    x = nn.functional.pad(x, (0, 0, 0, times - 1))
    steps = x.shape[1] // times
    return x[:, : steps * times].reshape(x.shape[0], steps, times * x.shape[2]), thin(mask, times)


def pace(x: Tensor, mask: Mask, times: int) -> tuple[Tensor, Mask]:
    """Average neighbouring frames: (batch, frames, d) -> (batch, frames / times, d).

    >>> pace(torch.tensor([[[2.0], [4.0], [6.0]]]), None, 2)[0].flatten().tolist()
    [3.0, 3.0]
    """
    if times == 1:
        return x, mask
    joined, mask = join(x, mask, times)
    return torch.unflatten(joined, 2, (times, x.shape[2])).mean(dim=2), mask
