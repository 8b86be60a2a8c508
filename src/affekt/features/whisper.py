"""Signal -> (frames, 1152). The first three layers of Whisper tiny.en, INT8, run by onnxruntime; no torch.

Middle layers carry how something is said, the last ones what is said, so the outputs of layers 1 to 3 are set side by
side (3 x 384). Pooling weighs each frame by its loudness: pauses still speak, but softly. The graph was exported by
`recipes/bundled/export_encoder.py`; its licence (MIT, OpenAI) is in NOTICE beside it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.features import _mel
from affekt.features._feature import Feature
from affekt.types import Signal

if TYPE_CHECKING:
    import onnxruntime

NAME = "whisper-tiny.en-3"
DIM = 1152
HOP = 0.02
"seconds"
RATE = _mel.RATE
RATES = (RATE,)
VERSION = 1
OFFSET = 0.0
"seconds; the centre of the first frame"
LEVELLED = True
"speech is brought to -26 dBFS first, as it was in training"
LICENCE = "MIT (OpenAI's weights)"
EMBEDDING = 2 * DIM
"numbers in the pooled vector: mean and standard deviation of each dimension"
LONGEST = 30.0
"seconds; the encoder knows no later positions"
WEIGHTS = Path(__file__).parent / "whisper_tiny_en_3.int8.onnx"
SHA256 = "6fa57f6be12ff27ec8b7d8dec735b539fb771eda844521fae581191e871218dd"

_EXPONENT = np.float32(0.2)
"of a mel band's power, about that of specific loudness (Zwicker & Fastl 2007, chapter 8: 0.23)"

_SOURCE = "Radford et al. 2023"
FEATURES = tuple(
    Feature(f"layer{i // 384 + 1}_{i % 384}", "1", f"output {i % 384} of encoder layer {i // 384 + 1}", _SOURCE)
    for i in range(DIM)
)
NAMES = tuple(feature.name for feature in FEATURES)
_POOLS = {"mean": "mean over the frames", "stddev": "standard deviation over the frames"}
FUNCTIONALS = tuple(f"{name}_{pool}" for pool in _POOLS for name in NAMES)


def extract(signal: Signal) -> NDArray[np.float32]:
    """Encode the signal, shape (frames, 1152), one frame per 20 ms.

    Args:
        signal: 16 kHz, levelled (`affekt.audio.level`), at most 30 s.

    Raises:
        UsageError: another rate, or longer than 30 s.

    >>> extract(Signal(np.zeros(16000, np.float32), 16000)).shape
    (50, 1152)
    """
    return _encode(_spectrogram(signal))


def embed(signal: Signal) -> NDArray[np.float32]:
    """Pool the frames into one vector, shape (2304,): loudness-weighted mean, then standard deviation.

    Takes what `extract` takes.
    """
    return pool(*heard(signal))


def heard(signal: Signal) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give what `embed` pools: frames (frames, 1152) and the share of each, (frames,); takes what `extract` takes."""
    mel = _spectrogram(signal)
    frames = _encode(mel)
    return frames, loudness(mel, len(frames))


def pool(frames: NDArray[np.float32], shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pool frames (frames, 1152) whose shares (frames,) sum to 1 into one vector, shape (2304,).

    >>> pool(np.array([[1.0], [3.0]], np.float32), np.array([0.5, 0.5], np.float32))
    array([2., 1.], dtype=float32)
    """
    mean = _weigh(shares, frames)
    deviation = np.sqrt(_weigh(shares, (frames - mean) ** 2))
    return np.concatenate([mean, deviation])


def functionals(signal: Signal) -> dict[str, float]:
    """Name the numbers of `embed`, in the order of `FUNCTIONALS`; takes what `extract` takes."""
    return dict(zip(FUNCTIONALS, embed(signal).tolist(), strict=True))


def describe(name: str) -> Feature:
    """Document one of `FUNCTIONALS`."""
    column, _, pool = name.rpartition("_")
    feature = FEATURES[NAMES.index(column)]
    return Feature(name, "1", f"{_POOLS[pool]}, each weighted by its loudness: {feature.definition}", _SOURCE)


def _weigh(weights: NDArray[np.float32], frames: NDArray[np.float32]) -> NDArray[np.float32]:
    # Not by `@`, which shares even this among threads.
    weighed: NDArray[np.float32] = np.einsum("i,ij->j", weights, frames)
    return weighed


def loudness(mel: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Share of each encoder frame in the pooling, shape (frames,), sums to 1; a gain changes nothing.

    Summed over the mel bands, each band's power is compressed as the ear compresses it.
    """
    padded = np.pad(_mel.mel_power(mel), ((0, 2 * frames - len(mel)), (0, 0)), mode="edge")
    power = padded.reshape(frames, 2, -1).mean(axis=1)
    loud = (power**_EXPONENT).sum(axis=1)
    shares: NDArray[np.float32] = loud / loud.sum()
    return shares


def _spectrogram(signal: Signal) -> NDArray[np.float32]:
    if signal.duration > LONGEST:
        raise UsageError(f"the encoder hears at most {LONGEST:.0f} s at once, got {signal.duration:.1f} s; cut windows")
    return _mel.log_mel(signal)


def _encode(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    frames: NDArray[np.float32] = _session().run(None, {"mel": mel[None]})[0][0]
    return frames


@cache
def _session() -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Threads of several workers fight each other; one each is the robust setting.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(WEIGHTS, options, providers=["CPUExecutionProvider"])
