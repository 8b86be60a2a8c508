"""Signal -> (frames, samples). Frames on the grid of 10 ms at 8 or 16 kHz: frame i begins at i times the hop.

Two ways to end: one frame for each hop of the signal, the last ones filled up with silence, as contours are drawn; or
whole frames only, as functionals are counted, so that no silence is in them that was not recorded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.types import Signal

Array = NDArray[np.float64]

HOP = 0.01
"seconds"
RATES = (8000, 16000)
"Hz"

_BLOCK = 32
"frames that are held at once: they stay in the cache, and their products are too small to be shared among threads"


def check(signal: Signal) -> None:
    """Refuse what the features are not defined on.

    Raises:
        UsageError: the rate is neither 8 nor 16 kHz, or a sample is not a finite number.
    """
    if signal.rate not in RATES:
        raise UsageError(f"these features take 8000 or 16000 Hz, got {signal.rate} Hz; resample first")
    if not np.isfinite(signal.samples).all():
        raise UsageError("these features take finite samples, got NaN or infinity; decode the recording again")


def cut(signal: Signal, seconds: float, *, whole: bool = False) -> Array:
    """Cut into overlapping frames, at least one, shape (frames, samples), a view; `whole`: none beyond the end.

    >>> signal = Signal(np.ones(1600, np.float32), 16000)
    >>> cut(signal, 0.025).shape, cut(signal, 0.025, whole=True).shape
    ((10, 400), (8, 400))
    """
    size, hop, length = round(seconds * signal.rate), round(HOP * signal.rate), len(signal.samples)
    count = max(1, (length - size) // hop + 1 if whole else length // hop)
    samples = np.pad(signal.samples.astype(np.float64), (0, max(0, (count - 1) * hop + size - length)))
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::hop][:count]


def in_blocks(frames: Array, measure: Callable[[Array], Array], *, before: int = 0) -> Array:
    """Apply `measure`, (frames, samples) -> (frames, n), block by block; each also sees `before` frames ahead of it."""
    pieces = []
    for start in range(0, len(frames), _BLOCK):
        seen = min(start, before)
        pieces.append(measure(frames[start - seen : start + _BLOCK])[seen:])
    return np.concatenate(pieces)
