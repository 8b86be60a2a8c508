"""Samples -> frames with context, brought to a common level. What the detectors share.

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

FLOOR = -200.0
"""dBFS; a frame below is digital silence, which tells nothing of the level of what follows."""
RELEASE = 3.0
"""dB per second by which a running level falls."""
MEMORY = 20.0
"""dB; a running level falls no further below the loudest frame so far, so that the far side of a call, leaking through
while the near side is silent, is not blown up."""
_FRAME = 0.032  # s
_WARM_UP = 62  # frames, 2 s


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
    """The level of the loudest speech lately: rises at once, falls by 3 dB per second, to 20 dB below its highest.

    Scaling a stream moves all levels by the same decibels.
    """

    def __init__(self, level: float = FLOOR) -> None:
        self._level = self._highest = level

    def push(self, levels: Levels) -> Levels:
        """Follow the levels of the next frames."""
        followed = np.empty(len(levels))
        for i, level in enumerate(levels.tolist()):
            self._highest = max(level, self._highest)
            self._level = max(level, self._level - RELEASE * _FRAME, self._highest - MEMORY)
            followed[i] = self._level
        return followed


class Leveller:
    """Brings frames to a common level by the running level of speech.

    A stream that begins with background noise would have it taken for speech, and the step from noise to the first
    speech, by which a detector knows speech, flattened. So the first 2 s of sound are held back until their loudest
    frame is known; from then on nothing waits.
    """

    def __init__(self, hop: int, target: float) -> None:
        self._hop, self._target = hop, target
        self.reset()

    def reset(self) -> None:
        """Begin another stream."""
        self._tracker: Tracker | None = None
        self._held: Frames | None = None

    def push(self, frames: Frames) -> Frames:
        """Return the frames whose level is settled, levelled and without their mean."""
        if self._tracker:
            return self._levelled(frames, self._tracker)
        held = frames if self._held is None else np.concatenate([self._held, frames])
        levels = frame_levels(held[:, -self._hop :])
        first = int(np.argmax(levels > FLOOR)) if (levels > FLOOR).any() else len(held)
        if len(held) - first >= _WARM_UP:
            return self._begin(held, levels[first : first + _WARM_UP])
        self._held = held[first:]
        return held[:first]

    def finish(self) -> Frames:
        """Return what is held back of a stream shorter than the first 2 s."""
        held = self._held
        if held is None or len(held) == 0:
            return np.zeros((0, 0), np.float32)
        return self._begin(held, frame_levels(held[:, -self._hop :]))

    def _begin(self, held: Frames, levels: Levels) -> Frames:
        self._tracker, self._held = Tracker(float(levels.max())), None
        return self._levelled(held, self._tracker)

    def _levelled(self, frames: Frames, tracker: Tracker) -> Frames:
        # One gain for a frame and its context: a step between them would be a click.
        level = tracker.push(frame_levels(frames[:, -self._hop :]))
        gain = (10 ** ((self._target - level) / 20)).astype(np.float32)
        centred: Frames = frames - frames.mean(axis=1, keepdims=True)
        return centred * gain[:, None]


def frame_levels(frames: Frames) -> Levels:
    """RMS of each frame without its mean, in dBFS; digital silence is far below every floor."""
    rms: Levels = frames.std(axis=1).astype(np.float64)
    return 20 * np.log10(rms + 1e-12)
