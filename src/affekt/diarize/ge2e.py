"""Signal -> (256,). A voice as a point: those of one speaker lie close together.

Resemblyzer's encoder (Apache-2.0, see NOTICE): 40 mel bands, three LSTM layers of 256, trained on the voices of some
8000 speakers (LibriSpeech, VoxCeleb) with the loss of Wan et al. 2018, "Generalized end-to-end loss for speaker
verification". Run by onnxruntime without torch; `recipes/bundled/export_voice.py` exported the graph.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affekt.types import Signal

if TYPE_CHECKING:
    import onnxruntime

DIM = 256
LEVEL = -30.0
"dBFS; what the encoder was trained on"
WEIGHTS = Path(__file__).parent / "ge2e.fp16.onnx"
SHA256 = "957fae41a6a0faa7812ffca23f6706fd1f885218545c1f7a8b1702941480b62e"

_FFT, _STEP = 400, 160


def embed(signal: Signal) -> NDArray[np.float32]:
    """Give the voice of a signal, shape (256,), not negative, of length 1; a gain changes nothing.

    Args:
        signal: 16 kHz, best 1.6 s, as in training.

    >>> embed(Signal(np.ones(25600, np.float32), 16000)).shape
    (256,)
    """
    voice: NDArray[np.float32] = _session().run(None, {"power": power(signal)[None]})[0][0]
    return voice


def power(signal: Signal) -> NDArray[np.float32]:
    """Power spectra of frames of 25 ms every 10 ms, (frames, 201), brought to -30 dBFS; a gain changes nothing."""
    samples = signal.samples
    rms = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
    samples = samples * np.float32(10 ** (LEVEL / 20) / max(rms, 1e-6))
    padded = np.pad(samples, _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_STEP]
    spectrum = np.fft.rfft(frames * _hann())
    values: NDArray[np.float32] = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    return values


@cache
def _hann() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)).astype(np.float32)


@cache
def _session() -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(WEIGHTS, options, providers=["CPUExecutionProvider"])
