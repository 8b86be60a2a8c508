"""Samples -> level of the speech in them, and samples at a common level.

The level of a recording says more of the microphone than of the speaker, and a model trained on one corpus trips over
the level of the next. So every window is brought to the same active speech level: the RMS of the frames in which
somebody speaks, in the manner of ITU-T P.56, so that pauses do not count. A gain before changes nothing after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.types import Samples

TARGET = -26.0
"""dBFS; the customary level of speech material (ITU-T P.830), with headroom for its peaks."""
SILENCE = -90.0
"""dBFS; what is below is the noise of a 16-bit quantiser, and is left alone."""
_HALF_FRAME = 0.016  # s; frames of 32 ms that overlap by half
_RANGE = 30.0  # dB below the loud frames that still count as speech


def active_level(samples: Samples, rate: int) -> float:
    """RMS of the frames in which somebody speaks, in dBFS (full-scale square wave = 0); -inf for digital silence.

    Frames of 32 ms every 16 ms; active are those within 30 dB below the 95th percentile of frame power. The mean of
    the samples is subtracted first. Scaling the samples by g adds 20 log10(g), whatever the sound.

    >>> tone = np.sin(np.arange(48000) * 0.3).astype(np.float32)
    >>> with_pause = np.concatenate([tone, np.zeros(48000, np.float32)])
    >>> round(active_level(tone, 16000), 1), round(active_level(with_pause, 16000), 1)
    (-3.0, -3.0)
    """
    return _active_level(_centred(samples), rate)


def level(samples: Samples, rate: int, target: float = TARGET) -> Samples:
    """Scale to an active level of `target` dBFS, without offset; peaks may exceed 1, nothing is clipped.

    Below an active level of -90 dBFS there is nothing to be heard, and the samples are returned unchanged.

    >>> loud = np.sin(np.arange(16000) * 0.3).astype(np.float32)
    >>> [round(active_level(level(gain * loud, 16000), 16000), 2) for gain in (1.0, 0.01)]
    [-26.0, -26.0]
    """
    centred = _centred(samples)
    found = _active_level(centred, rate)
    if found < SILENCE:
        return samples
    return (centred * 10 ** ((target - found) / 20)).astype(np.float32)


def _centred(samples: Samples) -> NDArray[np.float64]:
    wide = samples.astype(np.float64)
    return wide - wide.mean() if len(wide) else wide


def _active_level(centred: NDArray[np.float64], rate: int) -> float:
    power = _frame_power(centred, max(1, round(_HALF_FRAME * rate)))
    loud = np.percentile(power, 95) if len(power) else 0.0
    if loud == 0.0:  # a click in digital silence is not within the percentile; the loudest frame is
        loud = float(power.max(initial=0.0))
    active = power[power >= loud * 10 ** (-_RANGE / 10)]
    mean = float(active.mean()) if loud > 0 else 0.0
    return 10 * float(np.log10(mean)) if mean > 0 else -np.inf


def _frame_power(centred: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """Mean square of each frame of two halves; of all samples at once when they do not fill a frame."""
    count = len(centred) // half
    if count < 2:
        return np.array([np.mean(centred**2)]) if len(centred) else np.zeros(0)
    halves: NDArray[np.float64] = np.einsum("ij,ij->i", *[centred[: count * half].reshape(count, half)] * 2) / half
    return (halves[1:] + halves[:-1]) / 2
