"""Samples at any rate -> samples at another. Streaming; the chunking never changes a sample."""

from __future__ import annotations

import numpy as np

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


def resampled(samples: Samples, rate: int, to: int = RATE) -> Samples:
    """Convert all at once; played at the old rate, the result sounds faster or slower.

    >>> len(resampled(np.zeros(8000, np.float32), 8000))
    16000
    """
    resampler = Resampler(rate, to)
    return np.concatenate([resampler.push(samples), resampler.finish()])
