"""(frames, samples) -> (frames, coefficients). Mel-frequency cepstral coefficients as the HTK book defines them.

Each frame is emphasised and windowed, its power spectrum summed into triangular bands on the mel scale, the logarithm
of the bands transformed by a cosine transform, and the coefficients weighted (liftered) so that the higher ones count.

Source: Young et al. 2006, "The HTK book", sections 5.2 to 5.6, with the power spectrum (USEPOWER = T); Davis and
Mermelstein 1980.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError

Array = NDArray[np.float64]

MOST = 40
"bands and coefficients; more bands would be narrower than a bin of the spectrum"

_EMPHASIS = 0.97
_SCALE = 32767.0
"HTK's samples are 16-bit numbers; the floor of a band, 1, is meant in these"
_FLOOR = 1.0


@dataclass(frozen=True, slots=True)
class Cepstrum:
    """The settings. `highest` None: half the rate."""

    coefficients: int = 13
    "from the zeroth on"
    bands: int = 26
    highest: float | None = None
    "Hz, where the bands end"
    lifter: int = 22
    "0: none"

    def __post_init__(self) -> None:
        if not 1 <= self.coefficients <= self.bands <= MOST:
            raise UsageError(
                f"an MFCC has 1 to {MOST} bands and at most as many coefficients, got {self.bands} bands "
                f"and {self.coefficients} coefficients"
            )
        if self.lifter < 0:
            raise UsageError(f"the lifter is 0 (none) or more, 22 as a rule, got {self.lifter}")

    def measure(self, frames: Array, rate: int) -> Array:
        """Return the coefficients, shape (frames, coefficients); of silence all are 0.

        Raises:
            UsageError: the bands would end above half the rate.
        """
        top = self.highest or rate / 2
        if not 0 < top <= rate / 2:
            raise UsageError(f"mel bands end at most at half the rate, {rate / 2:g} Hz, got {top:g} Hz")
        size = frames.shape[1]
        emphasised = frames.copy()
        emphasised[:, 1:] -= _EMPHASIS * frames[:, :-1]
        emphasised[:, 0] *= 1 - _EMPHASIS
        spectrum = np.fft.rfft(emphasised * (_SCALE * _hamming(size)), 1 << (size - 1).bit_length())
        power = spectrum.real**2 + spectrum.imag**2
        mel = power @ mel_filters(power.shape[1], rate, self.bands, top)
        cepstra: Array = np.log(np.maximum(mel, _FLOOR)) @ _cosines(self.bands, self.coefficients, self.lifter)
        return cepstra


@cache
def mel_filters(bins: int, rate: int, bands: int, top: float) -> Array:
    """Triangles of height 1 between 0 and `top` Hz, evenly spaced in mel, shape (bins, bands)."""
    edges = np.linspace(0.0, float(_mel(np.array(top))), bands + 2)
    place = _mel(np.linspace(0.0, rate / 2, bins))[:, None]
    rise, fall = (place - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - place) / np.diff(edges)[1:]
    return np.asarray(np.maximum(0.0, np.minimum(rise, fall)))


@cache
def _cosines(bands: int, coefficients: int, lifter: int) -> Array:
    """Cosine transform and lifter in one, shape (bands, coefficients)."""
    order = np.arange(coefficients)
    cosines = np.sqrt(2 / bands) * np.cos(np.pi * order * (np.arange(bands)[:, None] + 0.5) / bands)
    return np.asarray(cosines * _weights(order, lifter))


def _weights(order: NDArray[np.intp], lifter: int) -> Array:
    # Beyond the lifter's length its sine would turn the signs of coefficients; these keep the weight 1.
    if not lifter:
        return np.ones(len(order))
    return np.where(order < lifter, 1 + lifter / 2 * np.sin(np.pi * order / lifter), 1.0)


@cache
def _hamming(size: int) -> Array:
    return np.asarray(np.hamming(size))


def _mel(hertz: Array) -> Array:
    return np.asarray(1127 * np.log1p(hertz / 700))
