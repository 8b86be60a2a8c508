"""Samples at any rate -> samples at another. Streaming; the chunking never changes a sample."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.types import Samples

RATE = 16000
"""Hz; the rate at which everything after decoding works."""


class Resampler:
    """Band-limited conversion (soxr, high quality) of one mono stream.

    >>> r = Resampler(8000)
    >>> len(r.push(np.zeros(8000, np.float32))) + len(r.finish())
    16000
    """

    def __init__(self, rate_in: int, rate_out: int = RATE) -> None:
        if rate_in == rate_out:
            self._stream = None
            return
        import soxr

        self._stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality="HQ")

    def push(self, samples: Samples) -> Samples:
        """Take the next samples; return what is certain by now, which may be nothing."""
        if self._stream is None:
            return samples
        made: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32))
        return made

    def finish(self) -> Samples:
        """Return the rest; the stream has ended."""
        nothing = np.zeros(0, np.float32)
        if self._stream is None:
            return nothing
        made: Samples = self._stream.resample_chunk(nothing, last=True)
        return made


class Doubler:
    """Twice the rate, 4 ms later: for telephones, live. `Resampler` holds back up to 115 ms of 8 kHz, for its blocks.

    A half-band filter (Kaiser, 80 dB): flat up to 0.46 of the old rate, so that every second sample is an old one.

    >>> r = Doubler()
    >>> len(r.push(np.zeros(8000, np.float32))), len(r.finish())
    (15936, 64)
    """

    def __init__(self) -> None:
        self._taps = _half_band(_REACH)
        self._past = np.zeros(_REACH - 1, np.float32)

    def push(self, samples: Samples) -> Samples:
        """Take the next samples; return what is certain by now, which may be nothing."""
        known = np.concatenate([self._past, samples])
        count = len(known) - (2 * _REACH - 1)
        if count <= 0:
            self._past = known
            return np.zeros(0, np.float32)
        self._past = known[count:]
        made = np.empty((count, 2), np.float32)
        made[:, 0] = known[_REACH - 1 : _REACH - 1 + count]
        made[:, 1] = np.correlate(known[: count + 2 * _REACH - 1].astype(np.float64), self._taps, mode="valid")
        return made.reshape(-1)

    def finish(self) -> Samples:
        """Return the rest; the stream has ended."""
        return self.push(np.zeros(_REACH, np.float32))


_REACH = 32  # samples before and after a new one that it is made of


@cache
def _half_band(reach: int) -> NDArray[np.float64]:
    """The taps that stand between the zeros of a half-band filter, for what lies in the middle of two samples."""
    places = np.arange(-reach, reach) + 0.5
    window = np.kaiser(4 * reach + 1, 8.0)[1::2]
    taps = np.sinc(places) * window
    found: NDArray[np.float64] = taps / taps.sum()
    return found


def at_once(rate: int) -> Resampler | Doubler:
    """Give what brings a stream to 16 kHz as early as can be: live, and the same where a recording is judged."""
    return Doubler() if 2 * rate == RATE else Resampler(rate)


def resampled(samples: Samples, rate: int, to: int = RATE) -> Samples:
    """Convert all at once; played at the old rate, the result sounds faster or slower.

    >>> len(resampled(np.zeros(8000, np.float32), 8000))
    16000
    """
    resampler = Resampler(rate, to)
    return np.concatenate([resampler.push(samples), resampler.finish()])
