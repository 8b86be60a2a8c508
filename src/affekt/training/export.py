"""Trained networks -> one ONNX graph. `x` (1, frames, dim), any number of frames -> `probs` and `affect`.

One window at a time: the graph has no mask, since there is no padding.
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affekt.registry import need

_OPSET = 17


class Mean(nn.Module):
    """Networks that are asked together; their probabilities and their affect are averaged."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Judge one window (1, frames, dim): probabilities (1, labels), affect (1, 3)."""
        judged = [network(x, None) for network in self.networks]
        probs = torch.stack([logits.softmax(dim=-1) for logits, _ in judged]).mean(dim=0)
        return probs, torch.stack([affect for _, affect in judged]).mean(dim=0)


def graph(modules: Sequence[nn.Module], dim: int) -> bytes:
    """Export networks that judge x (batch, frames, dim).

    Args:
        modules: of one run, e.g. one for each seed.
        dim: columns of a frame; 1 means samples.

    Raises:
        MissingExtraError: the extra `train` is not installed.
    """
    onnx = need("onnx", extra="train")
    # A tracer remembers the modules' mode, and adapters are folded into the weights that they stand beside.
    model = Mean([_folded(copy.deepcopy(module)) for module in modules]).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        path = Path(folder) / "model.onnx"
        warnings.simplefilter("ignore")  # the tracer warns of every length that is an integer to it
        torch.onnx.export(
            model,
            (torch.randn(1, 16000 if dim == 1 else 201, dim),),
            path,
            input_names=["x"],
            output_names=["probs", "affect"],
            dynamic_axes={"x": {1: "frames"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        made = onnx.load(path)
    onnx.checker.check_model(made)
    exported: bytes = made.SerializeToString()
    return exported


def _folded(module: nn.Module) -> nn.Module:
    parts: list[Any] = list(module.modules())
    for part in parts:
        if hasattr(part, "lora_A") and hasattr(part, "merge"):
            part.merge()
    return module
