"""Samples -> how much of the noise reduction is let through, in [0, 1], sample by sample.

What counts is the level of the speech against that of the noise, and a pause does not change it: only frames that lie
3 dB above the noise are speech. Its level rises fast and falls slowly, so that a soft word in a clean recording is not
taken for noise; for that it reads too high in noise, by some dB. Before half a second of speech nothing is let through.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt import noise
from affekt.errors import UsageError
from affekt.noise import HOP, RATE
from affekt.types import Samples

GATE = (10.0, 15.0)
"""dB: noise reduction acts fully below the first, and not at all above the second."""

_ABOVE = 2.0  # times the noise, 3 dB
_RISE, _FALL = (1 - 0.5 ** (HOP / RATE / seconds) for seconds in (0.25, 4.0))  # half-lives
_ENOUGH = RATE // 2 // HOP  # frames of speech


class Gate:
    """Watches one stream."""

    def __init__(self, gate: tuple[float, float] = GATE) -> None:
        self._low, self._high = gate
        if not self._low < self._high:
            raise UsageError(f"a gate must close above where it is open, got {self._low:g} and {self._high:g} dB")
        self._framer, self._level = noise.Framer(), noise.Level()
        self._speech, self._frames = 0.0, 0
        self._share = 0.0
        self._heard = self._given = 0  # samples

    def push(self, samples: Samples) -> NDArray[np.float32]:
        """Give the shares of the samples that are settled, in steps of 16 ms."""
        self._heard += len(samples)
        shares = [self._ramp(frame) for frame in self._framer.push(samples)]
        self._given += len(shares) * HOP
        return np.concatenate(shares) if shares else np.zeros(0, np.float32)

    def finish(self) -> NDArray[np.float32]:
        """Give the rest."""
        left = self._heard - self._given
        return self.push(np.zeros(HOP, np.float32))[:left] if left else np.zeros(0, np.float32)

    @property
    def snr(self) -> float | None:
        """What the gate goes by, in dB; None before enough was heard."""
        return noise.decibels(self._speech + self._noise, self._noise) if self._frames >= _ENOUGH else None

    def _ramp(self, frame: Samples) -> NDArray[np.float32]:
        before = self._share
        self._follow(self._level.push(noise.power(noise.spectrum(frame))))
        snr = self.snr
        if snr is not None:
            x = min(1.0, max(0.0, (self._high - snr) / (self._high - self._low)))
            self._share = x * x * (3 - 2 * x)
        step = np.arange(1, HOP + 1, dtype=np.float32) / HOP
        return (before + (self._share - before) * step).astype(np.float32)

    def _follow(self, heard: tuple[float, float] | None) -> None:
        if heard is None:
            return
        sound, self._noise = heard
        if sound < _ABOVE * self._noise:
            return
        self._frames += 1
        speech = sound - self._noise
        pace = max(_RISE if speech > self._speech else _FALL, 1 / self._frames)
        self._speech += pace * (speech - self._speech)
