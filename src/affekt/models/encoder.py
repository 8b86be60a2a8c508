"""Log-mel frames or samples -> emotion. A pretrained encoder, frozen or adapted, and a head on its pooled layers.

Adapted how: `frozen` trains the head alone; `full` every transformer layer; `partial` the last of them; `lora` small
matrices beside the frozen ones (Hu et al. 2022). The network is in two parts: `base` stays as it is, so that what it
says of each utterance is computed once; `core` is trained. With `start = "lda"` the head begins as a shrinkage LDA on
the frozen encoder, and fine-tuning starts from there instead of tearing the encoder up for a random head (Kumar et al.
2022, "Fine-Tuning can Distort Pretrained Features").

Sources: layer weights, Yang et al. 2021 (SUPERB) and Pepino et al. 2021; pooling, Okabe et al. 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affekt.errors import UsageError
from affekt.models import _backbones
from affekt.models._backbones import Backbone
from affekt.models._blocks import Heads
from affekt.models._pooling import Attention, Mask, weighted
from affekt.registry import need

KIND: Literal["neural"] = "neural"


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen.

    Raises:
        UsageError: `partial` without `last`, or a head that cannot begin as asked.
    """

    source: str = "openai/whisper-tiny.en"
    "a hub id, or a folder with config.json and weights"
    layers: int = 0
    "layers that are used, from below; 0: all. Middle ones carry how something is said"
    adapt: Literal["frozen", "full", "partial", "lora"] = "frozen"
    last: int = 0
    "partial, lora: how many of the upper layers are adapted; 0: all (lora)"
    rank: int = 8
    "of LoRA's matrices"
    alpha: float = 16.0
    "LoRA's scale is alpha / rank"
    targets: tuple[str, ...] = ()
    "matrices that LoRA adapts, e.g. q_proj, v_proj, fc1, fc2; the family's own choice when empty"
    mix: Literal["weights", "stack"] = "weights"
    "weights: one learned weight a layer; stack: layers side by side"
    hidden: int = 128
    "units between pooling and heads; 0: none, the heads are linear"
    attention: int = 64
    "hidden units of the attention that weighs frames"
    dropout: float = 0.3
    start: Literal["random", "lda"] = "random"
    shrinkage: float = 0.5
    "of that LDA"
    decay: float = 1.0
    "factor of the learning rate from a layer to the one below it"

    def __post_init__(self) -> None:
        if self.adapt == "partial" and self.last < 1:
            raise UsageError("model.options: adapt = 'partial' needs last = how many of the upper layers are trained")
        if self.start == "lda" and self.hidden:
            raise UsageError("model.options: start = 'lda' needs hidden = 0, since an LDA is one linear map")


class Base(nn.Module):
    """What stays as it is: the front end and the layers below the first adapted one."""

    def __init__(self, backbone: Backbone, split: int) -> None:
        super().__init__()
        self.backbone, self.split = backbone, split
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, x: Tensor, mask: Mask = None) -> tuple[Tensor, Mask]:
        """Frames or samples -> states side by side (batch, frames, width * split), or what enters the first layer."""
        x, mask = self.backbone.front(x, mask)
        if not self.split:
            return x, mask
        return torch.cat(self.backbone.climb(self.backbone.enter(x, mask), mask, 0, self.split), dim=-1), mask


class Core(nn.Module):
    """What is trained: the adapted layers, the weights of all layers, the pooling and the heads."""

    middle: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone, split: int, labels: int, options: Options) -> None:
        super().__init__()
        self.split, self.width, self.options = split, backbone.width, options
        depth = len(backbone.layers)
        # A core that only pools holds no layer, and a base that has them all needs no second copy in a checkpoint.
        self.backbone = backbone if split < depth else None
        self.depth = depth
        stacked = options.mix == "stack"
        self.layer_weights = None if stacked else nn.Parameter(torch.zeros(depth))
        pooled = self.width * (depth if stacked else 1)
        self.attention = nn.ModuleList(Attention(self.width, options.attention) for _ in range(depth if stacked else 1))
        self.register_buffer("middle", torch.zeros(2 * pooled))
        self.register_buffer("scale", torch.ones(2 * pooled))
        self.dropout = nn.Dropout(options.dropout)
        self.hidden = nn.Linear(2 * pooled, options.hidden) if options.hidden else None
        self.heads = Heads(options.hidden or 2 * pooled, labels, options.dropout)

    def pooled(self, x: Tensor, mask: Mask = None) -> Tensor:
        """Pool what the base gave: (batch, 2 * width), or that many per layer."""
        states = self._states(x, mask)
        if self.layer_weights is None:
            pools = [weighted(s, attention(s, mask)) for s, attention in zip(states, self.attention, strict=True)]
            return torch.cat(pools, dim=-1)
        shares = self.layer_weights.softmax(dim=0)
        level = [nn.functional.layer_norm(state, (self.width,)) for state in states]
        mixed = torch.stack([share * state for share, state in zip(shares, level, strict=True)]).sum(dim=0)
        return weighted(mixed, self.attention[0](mixed, mask))

    def _states(self, x: Tensor, mask: Mask) -> list[Tensor]:
        if self.backbone is None:
            return list(torch.split(x, self.width, dim=-1))
        below = list(torch.split(x, self.width, dim=-1)) if self.split else []
        first = below[-1] if below else self.backbone.enter(x, mask)
        return below + self.backbone.climb(first, mask, self.split, self.depth)

    def start(self, pooled: NDArray[np.float64], head: tuple[NDArray[np.float64], NDArray[np.float64]] | None) -> None:
        """Standardise as the training rows ask, and begin with a linear head.

        Args:
            pooled: of the training rows, (n, 2 * width or that many per layer).
            head: weights (2 * width, labels) and bias (labels,) of a linear classifier on `pooled`; none: as it is.
        """
        middle, scale = pooled.mean(axis=0), pooled.std(axis=0) + 1e-4
        self.middle.copy_(torch.from_numpy(middle))
        self.scale.copy_(torch.from_numpy(scale))
        if head is None or self.hidden is not None:
            return
        weights, bias = head
        with torch.no_grad():
            self.heads.emotion.weight.copy_(torch.from_numpy((weights * scale[:, None]).T))
            self.heads.emotion.bias.copy_(torch.from_numpy(bias + middle @ weights))

    def forward(self, x: Tensor, mask: Mask = None) -> tuple[Tensor, Tensor]:
        """Judge what the base gave: logits (batch, labels), affect (batch, 3)."""
        vector = (self.pooled(x, mask) - self.middle) / self.scale
        if self.hidden is not None:
            vector = nn.functional.gelu(self.hidden(self.dropout(vector)))
        judged: tuple[Tensor, Tensor] = self.heads(vector)
        return judged

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Group the encoder's own trained weights, each group with its factor of the encoder's learning rate."""
        if self.backbone is None:
            return []
        groups = []
        for index in range(self.split, self.depth):
            own = [p for p in self.backbone.layers[index].parameters() if p.requires_grad]
            groups.append((own, self.options.decay ** (self.depth - 1 - index)))
        return [(own, factor) for own, factor in groups if own]


class Net(nn.Module):
    """Base and core."""

    def __init__(self, backbone: Backbone, labels: int, options: Options) -> None:
        super().__init__()
        depth = len(backbone.layers)
        first = _first_adapted(options, depth)
        split = first if backbone.divisible or first == depth else 0
        self.hop = backbone.hop
        self.base = Base(backbone, split)
        _adapt(backbone, options, first)
        self.core = Core(backbone, split, labels, options)

    def forward(self, x: Tensor, mask: Mask = None) -> tuple[Tensor, Tensor]:
        """Judge x (batch, frames, 80) or (batch, samples, 1): logits (batch, labels), affect (batch, 3)."""
        judged: tuple[Tensor, Tensor] = self.core(*self.base(x, mask))
        return judged


def _first_adapted(options: Options, depth: int) -> int:
    if options.last > depth:
        raise UsageError(f"model.options: last = {options.last}, but only {depth} layers are used")
    if options.adapt == "frozen":
        return depth
    return 0 if options.adapt == "full" or not options.last else depth - options.last


def _adapt(backbone: Backbone, options: Options, first: int) -> None:
    """Free the weights that are trained; everything else is frozen already."""
    if options.adapt == "lora":
        _add_lora(backbone, options, first)
    elif options.adapt in {"full", "partial"}:
        for layer in list(backbone.layers)[first:]:
            layer.requires_grad_(True)


def _add_lora(backbone: Backbone, options: Options, first: int) -> None:
    peft = need("peft", extra="train")
    config = peft.LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        target_modules=list(options.targets or backbone.targets),
        lora_dropout=0.0,
    )
    for layer in list(backbone.layers)[first:]:
        try:
            peft.inject_adapter_in_model(config, layer)
        except ValueError as error:
            names = sorted({name.rpartition(".")[2] for name, m in layer.named_modules() if isinstance(m, nn.Linear)})
            raise UsageError(
                f"targets: no layer has matrices named {', '.join(config.target_modules)}; it has {', '.join(names)}"
            ) from error


def build(dim: int, labels: int, *, options: Options) -> Net:
    """Load the encoder and put an untrained head on it.

    Args:
        dim: 80 for Whisper (log-mel), 1 for those that hear samples.
        labels: how many emotions.
        options: the encoder, and what is done to it.

    Raises:
        UsageError: the encoder cannot be loaded, or hears something else than what it is given.
    """
    backbone = _backbones.load(options.source, options.layers)
    wanted = ("logmel", 80) if isinstance(backbone, _backbones.Whisper) else ("samples", 1)
    if dim != wanted[1]:
        raise UsageError(
            f"{options.source} hears features.set = {wanted[0]!r} ({wanted[1]} a frame), got {dim} a frame"
        )
    return Net(backbone, labels, options)
