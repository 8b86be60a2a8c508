"""Signal -> what a model hears. One path for training and for use, so that a model never meets other features.

A recording's card of features (`Input`) goes from the run into the bundle: feature set and version, frames or one
vector, and how the speech was trimmed, cropped and levelled before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affekt import features, registry
from affekt.audio import level
from affekt.errors import UnknownNameError, UsageError
from affekt.features import FeatureSet
from affekt.types import Samples, Signal

Floats = NDArray[np.float32]
Level = Literal["frames", "functionals"]

SAMPLES = "samples"
"""The name of no features at all: the samples as they are, for an encoder that is trained itself."""

_FRAME = 0.01  # s, of the search for silence
_RANGE = 35.0  # dB below the loud frames is silence
_MARGIN = 5  # frames of silence that stay


@dataclass(frozen=True, slots=True)
class Input:
    """What a model hears of an utterance or a window.

    >>> Input("logmel").hear(Signal(np.zeros(16000, np.float32), 16000)).shape
    (100, 80)
    """

    set: str
    "a file of affekt/features, or `samples`"
    level: Level = "frames"
    "functionals: one vector"
    version: str = ""
    "of the feature set, as `version` gives it"
    longest: float = 6.0
    "seconds; of what is longer, the middle is heard"
    trim: bool = False
    "silence at both ends is cut off"
    level_speech: bool = True
    "active speech is brought to one level first"

    def __post_init__(self) -> None:
        if self.set == SAMPLES and self.level != "frames":
            raise UsageError("samples are heard as frames; functionals need a feature set")
        if not 0.1 <= self.longest <= 30:
            raise UsageError(f"longest must be 0.1 to 30 s, got {self.longest:g} s")

    def hear(self, signal: Signal) -> Floats:
        """Give the features, (frames, dimensions) or (dimensions,).

        Args:
            signal: 16 kHz, of any length.

        Raises:
            UsageError: another rate.
            UnknownNameError: there is no such feature set.
        """
        samples = trimmed(signal.samples, signal.rate) if self.trim else signal.samples
        samples = middle(samples, round(self.longest * signal.rate))
        if self.level_speech:
            samples = level(samples, signal.rate)
        heard = Signal(samples, signal.rate)
        return frames(self.set, heard) if self.level == "frames" else vector(self.set, heard)


def frames(name: str, signal: Signal) -> Floats:
    """Give the frames (frames, dimensions) of a feature set; of `samples`, the samples in one column."""
    if name == SAMPLES:
        return signal.samples[:, None].astype(np.float32)
    return _set(name).extract(signal).values


def vector(name: str, signal: Signal) -> Floats:
    """Give one vector (dimensions,): the functionals of a feature set."""
    return _set(name).functionals(signal).values.astype(np.float32)


def version(name: str) -> str:
    """Say which version of a feature set is here: its own number, and the hash of its weights.

    >>> version("whisper")
    '1-6fa57f6b'
    """
    if name == SAMPLES:
        return "1"
    number, weights = _set(name).version, getattr(registry.load("features", name), "SHA256", "")
    return f"{number or 1}-{weights[:8]}" if weights else f"{number or 1}"


def _set(name: str) -> FeatureSet:
    if name not in features.names():
        raise UnknownNameError("feature set", name, [*features.names(), SAMPLES])
    return features.load(name)


def middle(samples: Samples, most: int) -> Samples:
    """Cut out the middle of what is longer than `most` samples.

    >>> middle(np.arange(6, dtype=np.float32), 2).tolist()
    [2.0, 3.0]
    """
    begin = max(0, (len(samples) - most) // 2)
    return samples[begin : begin + most]


def trimmed(samples: Samples, rate: int) -> Samples:
    """Cut off silence at both ends, but for 50 ms: what lies 35 dB below the 95th percentile of frame power.

    >>> tone = np.sin(np.arange(16000) * 0.3).astype(np.float32)
    >>> len(trimmed(np.concatenate([np.zeros(16000, np.float32), tone]), 16000))
    16800
    """
    size = round(_FRAME * rate)
    count = len(samples) // size
    power = (samples[: count * size].reshape(count, size).astype(np.float64) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > np.percentile(power, 95) * 10 ** (-_RANGE / 10)) if count else np.zeros(0, int)
    if not len(loud):
        return samples
    end = len(samples) if loud[-1] + _MARGIN >= count - 1 else (loud[-1] + 1 + _MARGIN) * size
    return samples[max(0, loud[0] - _MARGIN) * size : end]
