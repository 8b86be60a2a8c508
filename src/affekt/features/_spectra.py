"""Samples -> (frames, bins). Overlapping frames, their windows and magnitude spectra, on one grid of 10 ms.

Frame i begins at i times the hop, and only whole frames count, so a window of 60 ms ends earlier than one of 20 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.types import Signal

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Kind = TypeVar("Kind", Array, Floats)

HOP = 0.01
"seconds"
SHORT = 0.02
"seconds; spectral shape, loudness, formants"
LONG = 0.06
"seconds; pitch and harmonics, at least three periods of 55 Hz"
RATE = 16000
"Hz"

_PIECE = 128


def check(signal: Signal) -> None:
    """Refuse what these features are not defined on.

    Raises:
        UsageError: the rate is not 16 kHz, or a sample is not a finite number.
    """
    if signal.rate != RATE:
        raise UsageError(f"these features take {RATE} Hz, got {signal.rate} Hz; resample first")
    if not np.isfinite(signal.samples).all():
        raise UsageError("these features take finite samples, got NaN or infinity; decode the recording again")


def extend(signal: Signal, count: int) -> Signal:
    """Add silence until there are `count` frames of `LONG`."""
    missing = (count - 1) * size(signal.rate, HOP) + size(signal.rate, LONG) - len(signal.samples)
    return Signal(np.pad(signal.samples, (0, max(0, missing))), signal.rate, signal.start)


def size(rate: int, seconds: float) -> int:
    """Samples of a frame."""
    return round(rate * seconds)


def windows(samples: Kind, rate: int, seconds: float) -> Kind:
    """Cut samples into overlapping frames, shape (frames, samples), a view."""
    return np.lib.stride_tricks.sliding_window_view(samples, size(rate, seconds))[:: size(rate, HOP)]


def pieces(count: int) -> Iterator[slice]:
    """Slices of a few frames each: what is worked on then stays in the processor's cache."""
    for start in range(0, count, _PIECE):
        yield slice(start, min(start + _PIECE, count))


def voice(signal: Signal) -> tuple[Floats, Floats]:
    """Magnitudes (frames, bins) and root mean square (frames,) of frames of `LONG` under a Gaussian window."""
    rows = windows(signal.samples, signal.rate, LONG)
    count, samples = rows.shape
    window, windowed = gauss(samples).astype(np.float32), np.zeros((_PIECE, padded(samples)), np.float32)
    found, power = np.empty((count, padded(samples) // 2 + 1), np.float32), np.empty(count, np.float32)
    for piece in pieces(count):
        part = windowed[: piece.stop - piece.start]
        np.multiply(rows[piece], window, out=part[:, :samples])
        found[piece] = magnitudes(part)
        power[piece] = np.einsum("ij,ij->i", part, part)
    return found, np.sqrt(power / samples)


def magnitudes(windowed: Kind) -> Kind:
    """Spectrum of windowed frames, zero-padded to the next power of two, shape (frames, bins), as precise as they."""
    return np.abs(np.fft.rfft(windowed, padded(windowed.shape[1])))


def padded(samples: int) -> int:
    """Length of the transform of a frame: the next power of two."""
    return 1 << (samples - 1).bit_length()


@cache
def hamming(samples: int) -> Array:
    """Symmetric Hamming window."""
    return np.asarray(np.hamming(samples))


@cache
def gauss(samples: int, sigma: float = 0.4) -> Array:
    """Gaussian window; `sigma` in halves of the window."""
    half = (samples - 1) / 2
    return np.asarray(np.exp(-0.5 * ((np.arange(samples) - half) / (sigma * half)) ** 2))
