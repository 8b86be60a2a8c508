"""Samples -> (frames, 80). Whisper's log-mel spectrogram of the real length, without padding to 30 s.

The stock front end pads every recording to half a minute; this one transforms what is there and is equal to it on
those frames. The dynamic range is 80 dB below the loudest cell, so a constant gain only shifts the values.

Source: Radford et al. 2023, "Robust Speech Recognition via Large-Scale Weak Supervision", section 2.2; mel scale of
Slaney 1998, "Auditory Toolbox".
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.types import Signal

DIM = 80
HOP = 0.01
"seconds"
RATE = 16000
"Hz"

_FFT = 400
_STEP = 160
_FLOOR = 1e-10
_RANGE = 8.0
"decades below the loudest cell"
# Frames per matrix product. OpenBLAS would share a larger one among threads, which on a busy machine took 8 ms instead
# of 0.1 and made the last bit depend on their number; and what is small needs no fresh pages.
_BLOCK = 16


def log_mel(signal: Signal) -> NDArray[np.float32]:
    """Return the log-mel spectrogram, shape (frames, 80), one frame per 10 ms, about -1 .. 2.

    Args:
        signal: 16 kHz; at least one frame comes back however short it is.

    Raises:
        UsageError: the rate is not 16 kHz.

    >>> log_mel(Signal(np.ones(16000, np.float32), 16000)).shape
    (100, 80)
    """
    if signal.rate != RATE:
        raise UsageError(f"the log-mel front end takes {RATE} Hz, got {signal.rate} Hz; resample first")
    frames = _frames(signal.samples)
    log = np.empty((len(frames), DIM), np.float32)
    for at in range(0, len(frames), _BLOCK):
        np.matmul(_power(frames[at : at + _BLOCK]), mel_filters(), out=log[at : at + _BLOCK])
    np.maximum(log, _FLOOR, out=log)
    np.log10(log, out=log)
    np.maximum(log, log.max() - _RANGE, out=log)
    log += 4.0
    log /= 4.0
    return log


def mel_power(logmel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo the logarithm and scaling: (frames, 80) power, in the spectrogram's own units."""
    power: NDArray[np.float32] = np.exp((logmel * 4.0 - 4.0) * np.float32(np.log(10.0)))
    return power


def _frames(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    short = max(0, _FFT // 2 + 1 - len(samples))
    padded: NDArray[np.float32] = np.pad(np.pad(samples, (0, short)), _FFT // 2, mode="reflect")
    count = max(1, len(samples) // _STEP)
    return np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_STEP][:count]


def _power(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(frames * _hann())
    power: NDArray[np.float32] = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    return power


@cache
def _hann() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)).astype(np.float32)


@cache
def mel_filters() -> NDArray[np.float32]:
    """Triangular filters of unit area on Slaney's mel scale, shape (201, 80), 0 .. 8 kHz."""
    bins = np.linspace(0, RATE / 2, _FFT // 2 + 1)
    edges = _mel_to_hz(np.linspace(0.0, float(_hz_to_mel(RATE / 2)), DIM + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - bins[None]
    weights = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]))
    return np.ascontiguousarray((weights * (2 / (edges[2:] - edges[:-2]))[:, None]).T.astype(np.float32))


_LINEAR = 200 / 3
"Hz per mel below 1 kHz"
_STEPS = np.log(6.4) / 27
"natural logarithm per mel above it"


def _hz_to_mel(hz: float) -> float:
    return hz / _LINEAR if hz < 1000 else 15 + float(np.log(hz / 1000)) / _STEPS


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * _LINEAR, 1000 * np.exp(_STEPS * (mel - 15)))
