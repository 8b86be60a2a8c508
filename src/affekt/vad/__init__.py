"""Samples -> probability of speech, 32 ms at a time. One file = one voice activity detector.

A detector is a module with a class `Detector` of the shape below; a new file in this folder is a new detector.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from affekt import registry
from affekt.errors import UsageError
from affekt.types import Samples

Probs = NDArray[np.float32]
"""Probability of speech per frame, shape (k,), in [0, 1]."""


class Detector(Protocol):
    """Hears one mono stream. Causal; neither the chunking nor the level of the stream changes an answer."""

    RATES: ClassVar[tuple[int, ...]]
    "Hz that it can hear"
    HOP: ClassVar[int]
    "samples per frame at 16 kHz"
    rate: int
    "Hz of this stream"
    hop: int
    "samples per frame of this stream"

    def push(self, samples: Samples) -> Probs:
        """Judge the frames that are settled by these samples: all that are complete, or fewer at the beginning."""

    def finish(self) -> Probs:
        """Judge the rest, the last frame padded with silence: one answer per begun frame of the stream in all."""

    def reset(self) -> None:
        """Forget everything heard; the next samples begin another stream."""


def load(name: str = "silero", rate: int = 16000) -> Detector:
    """Make the detector `name` for one stream.

    Raises:
        UnknownNameError: no such detector; the message lists them.
        UsageError: it does not work at `rate`.

    >>> load("energy").push(np.zeros(1024, np.float32)).round()
    array([0., 0.], dtype=float32)
    """
    made: Detector = registry.load("vad", name).Detector(rate)
    return made


def check_rate(rate: int, rates: tuple[int, ...]) -> None:
    """Refuse a rate that a detector cannot hear."""
    if rate not in rates:
        raise UsageError(
            f"voice activity is detected at {' or '.join(map(str, rates))} Hz, not at {rate}; resample first"
        )
