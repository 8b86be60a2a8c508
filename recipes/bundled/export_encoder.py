"""Whisper tiny.en weights -> src/affekt/features/whisper_tiny_en_3.int8.onnx.

    python recipes/bundled/export_encoder.py [--weights ../shared/weights/whisper-tiny.en-encoder]

Cuts the encoder after its third layer, sets the outputs of the three layers side by side, exports it with a free length
(no padding to 30 s) and quantises the weights of its matrix products to INT8. Prints how far the result is from the
original. Needs the extra `train`. With a network, `openai/whisper-tiny.en` holds the same weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from onnxruntime import InferenceSession
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors.torch import load_file
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from affekt.features import whisper

ROOT = Path(__file__).parents[2]
LAYERS = 3


class Truncated(torch.nn.Module):
    """Log-mel (batch, time, 80) -> layers side by side (batch, time / 2, 3 x 384)."""

    def __init__(self, encoder: WhisperEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        encoder, gelu = self.encoder, torch.nn.functional.gelu
        hidden = gelu(encoder.conv2(gelu(encoder.conv1(mel.transpose(1, 2))))).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
        outputs = []
        for layer in encoder.layers[:LAYERS]:
            hidden = layer(hidden, None)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
            outputs.append(hidden)
        return torch.cat(outputs, dim=-1)


def load(weights: Path) -> Truncated:
    """Build the encoder from a folder of config.json and encoder.safetensors."""
    config = WhisperConfig(**json.loads((weights / "config.json").read_text()), attn_implementation="eager")
    encoder = WhisperEncoder(config)
    encoder.load_state_dict({name: value.float() for name, value in load_file(weights / "encoder.safetensors").items()})
    return Truncated(encoder.eval()).eval()


def export(model: Truncated, path: Path) -> None:
    """Write the INT8 graph."""
    with tempfile.TemporaryDirectory() as folder:
        whole, tidy = Path(folder) / "fp32.onnx", Path(folder) / "tidy.onnx"
        torch.onnx.export(
            model,
            (torch.zeros(1, 300, 80),),
            str(whole),
            input_names=["mel"],
            output_names=["frames"],
            dynamic_axes={"mel": {0: "batch", 1: "time"}, "frames": {0: "batch", 1: "half_time"}},
            opset_version=17,
            dynamo=False,
        )
        quant_pre_process(whole, tidy, skip_symbolic_shape=True)
        quantize_dynamic(tidy, path, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True)


def compare(model: Truncated, path: Path) -> None:
    """Print the correlation of the INT8 graph's output with the original's, at several lengths."""
    session = InferenceSession(path)
    rng = np.random.default_rng(0)
    for time in (50, 300, 777, 3000):
        mel = rng.normal(size=(1, time, 80)).astype(np.float32)
        with torch.no_grad():
            whole = model(torch.from_numpy(mel)).numpy()
        small = session.run(None, {"mel": mel})[0]
        print(f"{time / 100:5.1f} s: correlation {np.corrcoef(whole.ravel(), small.ravel())[0, 1]:.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=ROOT.parent / "shared/weights/whisper-tiny.en-encoder")
    parser.add_argument("--output", type=Path, default=whisper.WEIGHTS)
    chosen = parser.parse_args()
    model = load(chosen.weights)
    export(model, chosen.output)
    compare(model, chosen.output)
    digest = hashlib.sha256(chosen.output.read_bytes()).hexdigest()
    print(f"{chosen.output.name}: {chosen.output.stat().st_size / 1e6:.2f} MB, SHA-256 {digest}")


if __name__ == "__main__":
    main()
