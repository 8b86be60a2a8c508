"""Frames or samples -> hidden states. Pretrained transformers, in two parts: what stays as it is, and what is climbed.

`front` is the convolutional front end, which is never trained (it is what pretraining learned best, and leaving it
alone spares a third of the time); `climb` runs transformer layers. Neither lets padding into a real frame: attention
masks it, and convolutions over samples, whose group norm would hear it, run row by row.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affekt.errors import UsageError
from affekt.models._pooling import Mask, real
from affekt.registry import need

SAMPLES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio")
"""Families that hear samples; Whisper hears log-mel frames."""


class Backbone(nn.Module, ABC):
    """What the encoders have in common."""

    layers: nn.ModuleList
    width: int
    hop: float
    "seconds from one hidden state to the next"
    divisible = True
    "lower layers can be run once and upper ones many times"
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    "matrices that LoRA adapts when not told otherwise"

    @abstractmethod
    def front(self, x: Tensor, mask: Mask) -> tuple[Tensor, Mask]:
        """Frames or samples (batch, time, dim) -> what the first layer's `enter` takes."""

    @abstractmethod
    def enter(self, x: Tensor, mask: Mask) -> Tensor:
        """What lies between the convolutions and the first layer."""

    def climb(self, x: Tensor, mask: Mask, begin: int, end: int) -> list[Tensor]:
        """Run layers begin .. end - 1 and return the state after each."""
        bias = None if mask is None else _bias(x, mask)
        states = []
        for layer in list(self.layers)[begin:end]:
            x = _first(layer(x, attention_mask=bias))
            states.append(real(x, mask))
        return states


class Whisper(Backbone):
    """Log-mel frames (batch, frames, 80) of 10 ms; positions are cut to the real length, never padded to 30 s."""

    hop = 0.02

    def __init__(self, encoder: Any, layers: int) -> None:
        super().__init__()
        self.width = encoder.config.d_model
        self.conv1, self.conv2, self.positions = encoder.conv1, encoder.conv2, encoder.embed_positions
        self.layers = nn.ModuleList(encoder.layers[:layers])

    def front(self, x: Tensor, mask: Mask) -> tuple[Tensor, Mask]:
        """Convolve: twice as long a hop."""
        gelu = nn.functional.gelu
        hidden = real(gelu(self.conv1(x.transpose(1, 2))).transpose(1, 2), mask)
        hidden = gelu(self.conv2(hidden.transpose(1, 2))).transpose(1, 2)
        return hidden, mask if mask is None else mask[:, ::2]

    def enter(self, x: Tensor, mask: Mask) -> Tensor:
        """Add the positions."""
        return real(x + self.positions.weight[: x.shape[1]], mask)


class Samples(Backbone):
    """Samples (batch, n, 1) at 16 kHz: wav2vec2, HuBERT, data2vec-audio, WavLM."""

    hop = 0.02

    def __init__(self, model: Any, layers: int, *, standardise: bool) -> None:
        super().__init__()
        _freeze_weight_norm(model)
        self.width, self.standardise = model.config.hidden_size, standardise
        self.convolutions, self.projection = model.feature_extractor, model.feature_projection
        encoder = model.encoder
        self.positions, self.norm = encoder.pos_conv_embed, encoder.layer_norm
        # Stable layer norm: the norm comes after the last layer, and middle states are taken as they are.
        self.before = not model.config.__dict__.get("do_stable_layer_norm", False)
        self.layers = nn.ModuleList(encoder.layers[:layers])
        self.wavlm = model.config.model_type == "wavlm"
        self.divisible = not self.wavlm  # its first layer makes the position bias of all others
        if self.wavlm:
            self.targets = ("intermediate_dense", "output_dense")  # its attention takes the bare matrices
        self.least = _receptive(model.config)

    def front(self, x: Tensor, mask: Mask) -> tuple[Tensor, Mask]:
        """Convolve each row at its own length."""
        if mask is None:
            return self._convolve(x), None
        rows = [self._convolve(row[None, : int(n)])[0] for row, n in zip(x, mask.sum(dim=1), strict=True)]
        count = torch.tensor([len(row) for row in rows], device=x.device)
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return padded, torch.arange(padded.shape[1], device=x.device)[None] < count[:, None]

    def _convolve(self, x: Tensor) -> Tensor:
        samples = x[..., 0]
        if self.standardise:
            middle = samples.mean(dim=1, keepdim=True)
            power = ((samples - middle) ** 2).mean(dim=1, keepdim=True)
            samples = (samples - middle) / (power + 1e-7).sqrt()
        if not torch.onnx.is_in_onnx_export() and samples.shape[1] < self.least:
            samples = nn.functional.pad(samples, (0, self.least - samples.shape[1]))
        return self.convolutions(samples).transpose(1, 2)  # type: ignore[no-any-return]

    def enter(self, x: Tensor, mask: Mask) -> Tensor:
        """Project, and add the convolved positions."""
        hidden = real(_first(self.projection(x)), mask)
        hidden = hidden + self._place(hidden, mask)
        return real(self.norm(hidden) if self.before else hidden, mask)

    def _place(self, x: Tensor, mask: Mask) -> Tensor:
        """Convolve positions; several convolutions on end would carry padding back, so those take row by row."""
        if mask is None or not hasattr(self.positions, "layers"):
            return self.positions(x)  # type: ignore[no-any-return]
        placed = torch.zeros_like(x)
        for i, n in enumerate(mask.sum(dim=1).tolist()):
            placed[i, :n] = self.positions(x[i : i + 1, :n])[0]
        return placed

    def climb(self, x: Tensor, mask: Mask, begin: int, end: int) -> list[Tensor]:
        """Run layers; WavLM's share one position bias."""
        if not self.wavlm:
            return super().climb(x, mask, begin, end)
        states, bias = [], None
        for index, layer in list(enumerate(self.layers))[begin:end]:
            kept = None if mask is None else mask.long()
            x, bias = layer(x, attention_mask=kept, position_bias=bias, index=index)[:2]
            x = real(x, mask)
            states.append(x)
        return states


def load(source: str, layers: int) -> Backbone:
    """Load a pretrained encoder.

    Args:
        source: a folder with config.json and weights, or a hub id such as microsoft/wavlm-base.
        layers: how many are kept, from below; 0: all.

    Raises:
        UsageError: no such folder or id, or a family that is not known.
    """
    folder = Path(source)
    if (folder / "encoder.safetensors").is_file():
        return _whisper_folder(folder, layers)
    transformers = need("transformers", extra="train")
    try:
        model = transformers.AutoModel.from_pretrained(source, attn_implementation="eager")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"the encoder {source!r} cannot be loaded: {reason} Give a folder with config.json and weights, or a hub id"
        ) from error
    family = model.config.model_type
    if family == "whisper":
        return Whisper(model.get_encoder(), _depth(layers, model.config.encoder_layers))
    if family not in SAMPLES:
        raise UsageError(f"{source}: no encoder of the family {family!r}; known: whisper, {', '.join(SAMPLES)}")
    depth = _depth(layers, model.config.num_hidden_layers)
    return Samples(model, depth, standardise=_standardises(source))


def _whisper_folder(folder: Path, layers: int) -> Whisper:
    whisper = need("transformers.models.whisper.modeling_whisper", extra="train")
    config = whisper.WhisperConfig(**json.loads((folder / "config.json").read_text()), attn_implementation="eager")
    encoder = whisper.WhisperEncoder(config)
    weights = need("safetensors.torch", extra="train").load_file(folder / "encoder.safetensors")
    encoder.load_state_dict({name: value.float() for name, value in weights.items()})
    return Whisper(encoder, _depth(layers, config.encoder_layers))


def _depth(asked: int, there: int) -> int:
    if asked < 0 or asked > there:
        raise UsageError(f"the encoder has {there} layers, {asked} were asked for; 0 takes all")
    return asked or there


def _standardises(source: str) -> bool:
    """Whether the family's front end wants samples of unit variance; most do, and say so in a file of their own."""
    transformers = need("transformers", extra="train")
    try:
        return bool(transformers.AutoFeatureExtractor.from_pretrained(source).do_normalize)
    except (OSError, ValueError):
        return True


def _freeze_weight_norm(model: nn.Module) -> None:
    """Turn the positional convolution's weight norm into plain weights, which graphs can hold."""
    from torch.nn.utils import parametrize

    modules: list[Any] = list(model.modules())
    for module in modules:
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name)


def _receptive(config: Any) -> int:
    """Return the fewest samples that the convolutions make a frame of."""
    least = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        least = (least - 1) * stride + kernel
    return int(least)


def _first(output: Any) -> Tensor:
    found: Tensor = output[0] if isinstance(output, tuple) else output
    return found


def _bias(x: Tensor, mask: Tensor) -> Tensor:
    """Mask -> what is added to attention scores, (batch, 1, frames, frames)."""
    barred = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill(~mask, torch.finfo(x.dtype).min)
    return barred[:, None, None, :].expand(-1, 1, mask.shape[1], -1)
