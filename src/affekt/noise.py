"""Samples -> the noise in them, and by how many dB speech lies above it. Streaming, at 16 kHz, 16 ms at a time.

The noise of each frequency is the running mean of what is probably no speech: each frame counts as much as it is
unlikely to hold any (Gerkmann & Hendriks 2012, "Unbiased MMSE-based noise power estimation with low complexity and low
tracking delay"). It follows a noise that grows within some seconds (four, after a step of 50 dB); a noise that comes
and goes, and above all other voices, it takes for speech in part. benchmarks/DENOISE.md has the errors.

The SNR is that of the mean power of a stretch, short pauses in it included, to the least noise of the last 0.75 s:
the tracker rises a little in speech, and falls back between words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from affekt.types import Samples

RATE = 16000
"""Hz"""
FRAME, HOP = 512, 256
"""Samples of a frame, and from one to the next: 32 and 16 ms."""
WINDOW = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME))
"""Root of Hann's: applied twice, overlapping frames sum to the samples again."""
LEAST, MOST = -10.0, 60.0
"""dB between which an SNR is told."""

Power = NDArray[np.float64]
"""Of each frequency, (257,)"""

_LOWEST = 3  # bins; below 94 Hz is rumble, which neither a voice nor a model minds
_SILENT = 1e-10 * float(np.sum(WINDOW**2)) * FRAME / 2  # below -100 dBFS is digital silence, which tells nothing
_PRIOR = 10**1.5  # SNR that speech has where it is, as in the paper
_FAST, _SLOW = 0.8, 0.9  # per 16 ms: of the noise, and of the probability by which it is kept from getting stuck
_BACK = 47  # frames, 0.75 s
_BIAS = 1.33  # what is left out as likely speech is the loudest of the noise: measured on noise alone
_WARM_UP = 20  # frames, 0.3 s of sound before the noise is known
_KEPT = 40 * RATE // HOP  # frames of 40 s: the longest window, and what may delay it


class Framer:
    """Cuts a stream into frames that overlap by half; the first begins half a frame before the stream, with zeros.

    >>> [frame[0] for frame in Framer().push(np.arange(1.0, 769.0, dtype=np.float32))]
    [np.float32(0.0), np.float32(1.0), np.float32(257.0)]
    """

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(FRAME - HOP, np.float32)

    def push(self, samples: Samples) -> Iterator[Samples]:
        """Give the frames that these samples complete."""
        data = np.concatenate([self._rest, samples], dtype=np.float32)
        count = max(0, (len(data) - (FRAME - HOP)) // HOP)
        self._rest = data[count * HOP :].copy()  # a view would hold all that was pushed
        return (data[i * HOP : i * HOP + FRAME] for i in range(count))

    def hush(self, samples: Samples) -> int | None:
        """Take samples as `push` does if these and what is left of those before are zeros; give the number of frames.

        >>> framer = Framer()
        >>> framer.hush(np.zeros(600, np.float32)), framer.hush(np.ones(600, np.float32))
        (2, None)
        """
        if samples.any() or self._rest.any():
            return None
        length = len(self._rest) + len(samples)
        count = max(0, (length - (FRAME - HOP)) // HOP)
        self._rest = np.zeros(length - count * HOP, np.float32)
        return count


def spectrum(frame: Samples) -> NDArray[np.complex128]:
    """Transform one frame, (257,)."""
    found: NDArray[np.complex128] = np.fft.rfft(frame * WINDOW)
    return found


def power(spectrum: NDArray[np.complex128]) -> Power:
    """Power of each frequency, (257,)."""
    return spectrum.real**2 + spectrum.imag**2


def silent(power: Power) -> bool:
    """Say whether a frame is digital silence: a muted microphone or a lost packet, which tells nothing of the noise."""
    return float(power.sum()) < _SILENT


class Tracker:
    """Follows the noise of one stream.

    >>> tracker, rng = Tracker(), np.random.default_rng(0)
    >>> found = [tracker.push(rng.exponential(2.0, 257)) for _ in range(200)]
    >>> round(float(np.mean(found[50:])), 1)
    2.0
    """

    def __init__(self) -> None:
        self.frames = 0
        "frames that told something"
        self._mean: Power = np.zeros(FRAME // 2 + 1)
        self._likely = np.full(FRAME // 2 + 1, 0.5)

    def push(self, power: Power) -> Power:
        """Take the power of the next frame; give the noise in it."""
        if not silent(power):
            self.frames += 1
            self._mean = self._follow(power) if self.frames > 1 else power
        return _BIAS * self._mean

    def _follow(self, power: Power) -> Power:
        ratio = power / np.maximum(self._mean, 1e-20) * (_PRIOR / (1 + _PRIOR))
        speech: Power = 1 / (1 + (1 + _PRIOR) * np.exp(-ratio))  # probability that there is some
        self._likely += (1 - _SLOW) * (speech - self._likely)
        np.minimum(speech, 0.99, out=speech, where=self._likely > 0.99)
        return self._mean + (1 - _FAST) * (1 - speech) * (power - self._mean)


class Level:
    """Power spectra -> power of sound and of noise from 94 Hz on, one pair per frame; nothing until both are known."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._last: deque[float] = deque(maxlen=_BACK)

    def push(self, power: Power) -> tuple[float, float] | None:
        """Take the power of the next frame."""
        noise = self._tracker.push(power)
        if silent(power):
            return None
        self._last.append(float(noise[_LOWEST:].sum()))
        return None if self._tracker.frames <= _WARM_UP else (float(power[_LOWEST:].sum()), min(self._last))


def decibels(sound: float, noise: float) -> float:
    """SNR in dB, from the mean power of speech with noise and that of the noise alone.

    >>> round(decibels(11.0, 1.0), 6), decibels(1.0, 2.0), decibels(1.0, 0.0)
    (10.0, -10.0, 60.0)
    """
    speech = max(sound - noise, 0.0)
    if speech <= noise * 10 ** (LEAST / 10):
        return LEAST
    return MOST if noise * 10 ** (MOST / 10) <= speech else 10 * float(np.log10(speech / noise))


class Meter:
    """Tells the SNR of stretches of one stream, once they have passed.

    >>> rng = np.random.default_rng(0)
    >>> sound = rng.normal(0, 0.01, 32000).astype(np.float32)
    >>> sound[16000:] += 0.1 * np.sin(np.arange(16000) * 0.3).astype(np.float32)
    >>> meter = Meter()
    >>> meter.push(sound)
    >>> round(meter.between(16000, 32000)), meter.between(0, 4000)
    (18, None)
    """

    def __init__(self, start: int = 0) -> None:
        """Begin a stream at a place in samples."""
        self._start = start
        self._framer, self._level = Framer(), Level()
        self._kept: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._count = 0  # of frames so far

    def push(self, samples: Samples) -> None:
        """Hear the next samples, at 16 kHz."""
        samples = number(samples)
        silence = self._framer.hush(samples)  # hours of a muted microphone cost nothing
        if silence is not None:
            self._kept.extend([(0.0, 0.0)] * min(silence, _KEPT))
            self._count += silence
            return
        for frame in self._framer.push(samples):
            self._kept.append(self._level.push(power(spectrum(frame))) or (0.0, 0.0))
            self._count += 1

    def between(self, start: int, end: int) -> float | None:
        """Give the SNR in dB of the last 40 s or a part of them; None where less than 0.25 s told of noise and sound.

        Args:
            start: samples since the stream began.
            end: samples since the stream began; what lies behind is not looked at.
        """
        oldest = self._count - len(self._kept)
        first, last = -(-(start - self._start) // HOP) + 1, (end - self._start) // HOP  # the frames that lie within
        kept = [self._kept[i - oldest] for i in range(max(first, oldest), min(last, self._count))]
        known = [(sound, noise) for sound, noise in kept if sound]
        if len(known) * HOP < RATE // 4:
            return None
        sound, noise = np.mean(known, axis=0).tolist()
        return decibels(sound, noise)


def number(samples: Samples) -> Samples:
    """What is no number is silence."""
    return samples if np.isfinite(samples).all() else np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
