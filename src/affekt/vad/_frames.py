"""Samples -> frames with context, and the running level of speech in them. What the detectors share.

Nothing here depends on how a stream is cut into chunks, to the last bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.types import Samples

Frames = NDArray[np.float32]
"""Shape (k, context + hop): each frame begins with the last samples of the one before."""
Levels = NDArray[np.float64]
"""dBFS per frame, shape (k,)."""

FLOOR = -75.0
"""dBFS; speech below is not followed, so that the noise of an empty line (-85 dBFS and less) is not blown up."""
RELEASE = 3.0
"""dB per second by which a running level falls back."""
_FRAME = 0.032  # s


class Framer:
    """Cuts a stream into frames of `hop` samples, each preceded by `context` samples."""

    def __init__(self, hop: int, context: int = 0) -> None:
        self._hop, self._context = hop, context
        self.reset()

    def reset(self) -> None:
        """Begin another stream, preceded by silence."""
        self._rest = np.zeros(self._context, np.float32)

    def push(self, samples: Samples) -> Frames:
        """Return the frames that are complete by now."""
        data = np.concatenate([self._rest, samples], dtype=np.float32)
        count = (len(data) - self._context) // self._hop
        self._rest = data[count * self._hop :]
        if count == 0:
            return np.zeros((0, self._context + self._hop), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(data, self._context + self._hop)
        return windows[:: self._hop][:count]

    def finish(self) -> Frames:
        """Return the last frame, padded with zeros, if samples are left."""
        left = len(self._rest) - self._context
        return self.push(np.zeros(self._hop - left if left else 0, np.float32))


class Tracker:
    """The level of the loudest speech lately: rises at once, falls by 3 dB per second, not below the floor.

    Scaling a stream moves all levels by the same decibels, above the floor.
    """

    def __init__(self) -> None:
        self._level = FLOOR

    def push(self, levels: Levels) -> Levels:
        """Follow the levels of the next frames."""
        followed = np.empty(len(levels))
        for i, level in enumerate(levels.tolist()):
            self._level = max(level, self._level - RELEASE * _FRAME, FLOOR)
            followed[i] = self._level
        return followed


def frame_levels(frames: Frames) -> Levels:
    """RMS of each frame without its mean, in dBFS; digital silence is far below every floor."""
    rms: Levels = frames.std(axis=1).astype(np.float64)
    return 20 * np.log10(rms + 1e-12)
