"""Samples -> frames with context, brought to a common level. What the detectors share.

Nothing here depends on how a stream is cut into chunks, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from affekt.types import Samples

Frames = NDArray[np.float32]
"""Shape (k, context + hop): each frame begins with the last samples of the one before."""
Levels = NDArray[np.float64]
"""dBFS per frame, shape (k,)."""

FLOOR = -200.0
"""dBFS; a frame below is digital silence, which tells nothing of the level of what follows."""
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
        if count == 1:  # as live streams come; spares the cost of a view
            return data[None, : self._context + self._hop]
        windows = np.lib.stride_tricks.sliding_window_view(data, self._context + self._hop)
        return windows[:: self._hop][:count]

    def finish(self) -> Frames:
        """Return the last frame, padded with zeros, if samples are left."""
        left = len(self._rest) - self._context
        return self.push(np.zeros(self._hop - left if left else 0, np.float32))


class Leveller:
    """Brings frames to a common level: that of the loudest frame so far becomes `target` dBFS.

    A stream that begins with background noise would have it taken for speech, and the step from noise to the first
    speech, by which a detector knows speech, flattened. So the first 2 s of sound are held back until their loudest
    frame is known; from then on nothing waits.
    """

    def __init__(self, hop: int, target: float) -> None:
        self._hop, self._target = hop, target
        self.reset()

    def reset(self) -> None:
        """Begin another stream."""
        self._loudest = -np.inf  # not known yet
        self._held: Frames | None = None

    def push(self, frames: Frames) -> Frames:
        """Return the frames whose level is settled, levelled and without their mean."""
        if self.settled:
            return self._levelled(frames)
        held = frames if self._held is None else np.concatenate([self._held, frames])
        levels = frame_levels(held[:, -self._hop :])
        sound = np.flatnonzero(levels > FLOOR)
        first = int(sound[0]) if len(sound) else len(held)
        if len(held) - first < _WARM_UP:
            self._held = held[first:]
            return held[:first]
        self._loudest, self._held = float(levels[first : first + _WARM_UP].max()), None
        return self._levelled(held)

    @property
    def settled(self) -> bool:
        """Whether the level is known, so that nothing is held back."""
        return self._loudest > FLOOR

    def finish(self) -> Frames:
        """Return what is held back of a stream shorter than the first 2 s."""
        held, self._held = self._held, None
        if held is None or len(held) == 0:
            return np.zeros((0, 0), np.float32)
        self._loudest = float(frame_levels(held[:, -self._hop :]).max())
        return self._levelled(held)

    def _levelled(self, frames: Frames) -> Frames:
        levels = frame_levels(frames[:, -self._hop :])
        loudest = np.maximum.accumulate(np.append(self._loudest, levels))
        self._loudest = float(loudest[-1])
        return _scaled(frames, loudest[1:], self._target)

    @staticmethod
    def push_each(levellers: Sequence[Leveller], frames: Frames) -> Frames:
        """Level one frame of each of many streams whose level is known; the same as a `push` to each of them."""
        hop, target = levellers[0]._hop, levellers[0]._target
        loudest = np.maximum([one._loudest for one in levellers], frame_levels(frames[:, -hop:]))
        for one, level in zip(levellers, loudest.tolist(), strict=True):
            one._loudest = level
        return _scaled(frames, loudest, target)


def _scaled(frames: Frames, loudest: Levels, target: float) -> Frames:
    # One gain for a frame and its context: a step between them would be a click.
    gain = 10 ** ((target - loudest) / 20)
    centred: Frames = frames - frames.mean(axis=1, keepdims=True)
    return centred * gain.astype(np.float32)[:, None]


def frame_levels(frames: Frames) -> Levels:
    """RMS of each frame without its mean, in dBFS; digital silence is far below every floor."""
    rms: Levels = frames.std(axis=1).astype(np.float64)
    return 20 * np.log10(rms + 1e-12)
