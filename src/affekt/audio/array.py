"""Array -> Recording. Samples that a program already has, checked and noted like those of a file."""

from __future__ import annotations

import io
import operator
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affekt.audio.decode import Block
from affekt.audio.recording import MAX_CHANNELS, RATES, Recording
from affekt.errors import AudioError, UsageError

_NAME = "signal"


def open_array(samples: ArrayLike, rate: int) -> Recording:
    """Open an array for reading, as `open_recording` opens a file. It is not copied as a whole.

    Args:
        samples: (n,) or (n, channels); floats with full scale at 1, or integers of 8 to 32 bits with full scale at the
            ends of their type, unsigned ones around its middle.
        rate: Hz, 4000 to 192000.

    Raises:
        AudioError: there are no samples.
        UsageError: another shape, type or rate.

    >>> open_array(np.zeros((8000, 2), np.int16), 8000).duration
    1.0
    >>> open_array(np.zeros((2, 8000)), 8000)
    Traceback (most recent call last):
    affekt.errors.UsageError: samples must be (n,) or (n, channels), got (2, 8000); try samples.T
    """
    return Recording(_Array(_shaped(samples), _checked(rate)), _NAME, io.BytesIO())


class _Array:
    """An array in the shape of a decoder."""

    damage: str | None = None
    full_scale = 0.9999

    def __init__(self, samples: NDArray[np.generic], rate: int) -> None:
        kind = samples.dtype
        self._samples = samples
        self._zero, self._scale = 0.0, 1.0
        if kind.kind in "iu":
            limits = np.iinfo(kind.name)
            self._scale = 2.0 / (float(limits.max) - float(limits.min) + 1)
            self._zero = 0.0 if kind.kind == "i" else 1.0 / self._scale
        self.rate = rate
        self.channels = samples.shape[1]
        self.frames: int | None = len(samples)
        self.format = "array FLOAT" if kind.kind == "f" else f"array {kind.name}"

    def blocks(self, frames: int) -> Iterator[Block]:
        """Give blocks of `frames`, the last one shorter."""
        for start in range(0, len(self._samples), frames):
            block = self._samples[start : start + frames]
            with np.errstate(over="ignore"):  # what no float32 can hold becomes infinite, and is found to be no number
                yield ((block.astype(np.float64) - self._zero) * self._scale).astype(np.float32)

    def close(self) -> None:
        """Nothing to let go of."""


def _shaped(samples: ArrayLike) -> NDArray[np.generic]:
    try:
        array = np.asarray(samples)
    except ValueError as error:
        raise UsageError("samples must be (n,) or (n, channels), got lists of unequal length") from error
    if array.dtype.kind not in "fiu" or (array.dtype.kind in "iu" and array.dtype.itemsize > 4):
        raise UsageError(
            f"samples must be floats with full scale at 1, or integers of 8 to 32 bits, got {array.dtype}; "
            "what full scale is cannot be told"
        )
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] > MAX_CHANNELS):
        turned = "; try samples.T" if array.ndim == 2 and len(array) <= MAX_CHANNELS else ""
        raise UsageError(f"samples must be (n,) or (n, channels), got {array.shape}{turned}")
    if array.size == 0:
        raise AudioError(f"{_NAME}: has no samples")
    return array[:, None] if array.ndim == 1 else array


def _checked(rate: int) -> int:
    low, high = RATES
    try:
        exact = operator.index(int(rate) if rate == int(rate) else rate)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"the rate must be a whole number of Hz, got {rate!r}") from error
    if not low <= exact <= high:
        raise UsageError(f"the rate must be {low} to {high} Hz, got {exact}")
    return exact
