"""Samples -> samples with less steady noise. A Wiener filter in numpy, by the decision-directed method.

Each frequency of each frame is multiplied by SNR / (1 + SNR), where the SNR is a mean of what the frame before was left
with and what this one has (Ephraim & Malah 1984), and never by less than -12 dB, so that a voice keeps its colour. The
noise is that of `affekt.noise`. A sample waits for 32 ms.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from affekt.noise import FRAME, HOP, WINDOW, Framer, Power, Tracker, number, power, silent, spectrum
from affekt.types import Samples

_MEMORY = 0.96  # of the frame before, per 16 ms
_FLOOR = 10 ** (-12 / 20)
_LEAST = 10 ** (-25 / 10)  # SNR


class Denoiser:
    """Wiener filter for one stream at 16 kHz.

    >>> hiss = np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32)
    >>> denoiser = Denoiser()
    >>> cleaned = np.concatenate([denoiser.push(hiss), denoiser.finish()])
    >>> len(cleaned), bool(cleaned[8000:].std() < 0.4 * hiss.std())
    (32000, True)
    """

    LAG: ClassVar[int] = FRAME

    def __init__(self) -> None:
        self._framer, self._tracker = Framer(), Tracker()
        self._left = np.zeros(FRAME // 2 + 1)  # power of the speech that the frame before was left with
        self._tail = np.zeros(HOP)
        self._heard = self._given = 0  # samples
        self._begun = False

    def push(self, samples: Samples) -> Samples:
        """Clean the next samples; give those that are settled."""
        self._heard += len(samples)
        return self._clean(number(samples))

    def finish(self) -> Samples:
        """Give the rest."""
        left = self._heard - self._given
        return self._clean(np.zeros(-self._heard % HOP + HOP, np.float32))[:left]

    def _clean(self, samples: Samples) -> Samples:
        made = [self._frame(frame) for frame in self._framer.push(samples)]
        if made and not self._begun:
            self._begun, made = True, made[1:]  # of the zeros before the stream
        self._given += len(made) * HOP
        return np.concatenate(made) if made else np.zeros(0, np.float32)

    def _frame(self, frame: Samples) -> Samples:
        """Clean a frame; give the part of it to which no later frame adds."""
        heard = spectrum(frame)
        made = np.fft.irfft(heard * self._gain(power(heard)), FRAME) * WINDOW
        settled = (self._tail + made[:HOP]).astype(np.float32)
        self._tail = made[HOP:]
        return settled

    def _gain(self, heard: Power) -> Power:
        noise = np.maximum(self._tracker.push(heard), 1e-20)
        if silent(heard):
            return np.ones_like(heard)
        now = np.maximum(heard / noise - 1, 0.0)
        snr = np.maximum(_MEMORY * self._left / noise + (1 - _MEMORY) * now, _LEAST)
        gain: Power = np.maximum(snr / (1 + snr), _FLOOR)
        self._left = gain**2 * heard
        return gain
