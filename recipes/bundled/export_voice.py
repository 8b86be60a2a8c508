"""Resemblyzer's weights -> src/affekt/diarize/ge2e.fp16.onnx.

    pip download --no-deps resemblyzer==0.1.4 && unzip -q Resemblyzer-*.whl
    python recipes/bundled/export_voice.py resemblyzer/pretrained.pt

Puts the mel filters into the graph, exports it with a free length, and keeps the weights as 16-bit floats, which the
graph widens when it is loaded. Prints how far the result, and an INT8 one, are from the original. Needs the extra
`train`.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.quantization import QuantType, quantize_dynamic

from affekt import audio
from affekt.diarize import ge2e
from recipes import corpora

BANDS = 40


class Encoder(torch.nn.Module):
    """Power spectra (batch, time, 201) -> embeddings (batch, 256), not negative, of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mel", torch.from_numpy(mel_filters()), persistent=False)
        self.lstm = torch.nn.LSTM(BANDS, 256, 3, batch_first=True)
        self.linear = torch.nn.Linear(256, 256)

    def forward(self, power: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.lstm(power @ self.mel)
        raw = torch.relu(self.linear(hidden[-1]))
        return raw / (torch.norm(raw, dim=1, keepdim=True) + 1e-9)


def mel_filters() -> NDArray[np.float32]:
    """Triangles of unit area on Slaney's mel scale, (201, 40), 0 .. 8 kHz: as librosa's `filters.mel` has them."""
    step = np.log(6.4) / 27
    top = 15 + np.log(8) / step
    mels = np.linspace(0, top, BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    ramps = edges[:, None] - np.linspace(0, 8000, 201)[None]
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    return np.ascontiguousarray((triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).T.astype(np.float32))


def load(weights: Path) -> Encoder:
    """Build the encoder from resemblyzer's checkpoint; its similarity weights served training only."""
    state = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
    model = Encoder()
    model.load_state_dict({name: value for name, value in state.items() if not name.startswith("similarity")})
    return model.eval()


def export(model: Encoder, path: Path) -> None:
    """Write the graph, weights in 32 bits."""
    torch.onnx.export(
        model,
        (torch.zeros(1, 160, 201),),
        str(path),
        input_names=["power"],
        output_names=["voice"],
        dynamic_axes={"power": {0: "batch", 1: "time"}, "voice": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def halve(whole: Path, path: Path) -> None:
    """Keep large weights as 16-bit floats, each with a node that widens it."""
    graph = onnx.load(whole)
    kept, casts = [], []
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < 1024:
            kept.append(weight)
            continue
        kept.append(numpy_helper.from_array(values.astype(np.float16), weight.name + "_16"))
        casts.append(helper.make_node("Cast", [weight.name + "_16"], [weight.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.initializer[:], graph.graph.node[:]
    graph.graph.initializer.extend(kept)
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def compare(model: Encoder, paths: list[Path]) -> None:
    """Print the least cosine of each graph's output with the original's, on speech of EmoDB."""
    manifest = corpora.manifest("emodb")
    for path in paths:
        session, least = InferenceSession(path), 1.0
        for utterance in list(manifest)[::10]:
            power = ge2e.power(audio.read(manifest.file(utterance)))[None]
            with torch.no_grad():
                whole = model(torch.from_numpy(power)).numpy()[0]
            least = min(least, float(session.run(None, {"power": power})[0][0] @ whole))
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, cosine {least:.5f} or more")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--output", type=Path, default=ge2e.WEIGHTS)
    chosen = parser.parse_args()
    model = load(chosen.weights)
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        export(model, whole)
        halve(whole, chosen.output)
        quantize_dynamic(whole, small, op_types_to_quantize=["LSTM"], weight_type=QuantType.QInt8)
        compare(model, [whole, chosen.output, small])
    print(f"SHA-256 {hashlib.sha256(chosen.output.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
