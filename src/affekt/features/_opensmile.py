"""Signal -> what openSMILE measures, by the package `opensmile` (extra "opensmile"), under openSMILE's own names.

openSMILE is audEERING's and not under Affekt's licence: it is free for private use, research and education, and not for
commercial products. That is told once per process, as a warning. Nothing of it is in Affekt; it is loaded when a set is
first asked for its names or values.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UnknownNameError, UsageError
from affekt.features import _opensmile_words as words
from affekt.features._feature import Feature
from affekt.registry import need
from affekt.types import Signal

HOP = 0.01
"seconds"
OFFSET = 0.01
"seconds; the first frame's centre, of the spectrum's 20 ms; those of F0 (60 ms) begin with it and so lie 20 ms later"
RATES = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)
"Hz; openSMILE measures a recording as it is, and mel bands end at half the rate: do not mix rates"
LICENCE = (
    "openSMILE (c) audEERING GmbH: free for private use, research and education, not for commercial products; "
    "https://github.com/audeering/opensmile/blob/master/LICENSE"
)

_LEAST = 0.061
"seconds; openSMILE has no value for less than one window, so silence is added"
_LOUDEST = 32767 / 32768
"openSMILE takes 16 bits, and its package lets what is louder come out with the other sign"
_LAZY = ("FEATURES", "FUNCTIONALS", "NAMES")


@dataclass(frozen=True)
class Published:
    """One of openSMILE's feature sets; the module that offers it takes its functions from here."""

    title: str
    "name in `opensmile.FeatureSet`"
    source: str
    "the paper"

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """Measure the low-level descriptors, shape (frames, DIM), one frame per 10 ms, columns `NAMES`.

        openSMILE gives whole windows only; its last frame is repeated until there is one per 10 ms.

        Args:
            signal: of any rate in `RATES`, which changes some values (mel bands end at half the rate); as openSMILE
                takes 16 bits, what is beyond full scale is clipped, and what is softer than a step is silence.

        Raises:
            UsageError: another rate, or a sample is not finite.
            MissingExtraError: opensmile is not installed.
        """
        frames = self._measure(signal, "LowLevelDescriptors")
        count = max(1, int(len(signal.samples) / (signal.rate * HOP)))
        return np.pad(frames, ((0, max(0, count - len(frames))), (0, 0)), mode="edge")[:count]

    def functionals(self, signal: Signal) -> dict[str, float]:
        """Summarise the signal, by name, in the order of `FUNCTIONALS`; takes and raises what `extract` does."""
        values = self._measure(signal, "Functionals")[0].tolist()
        return dict(zip(self.constant("FUNCTIONALS"), values, strict=True))

    def describe(self, name: str) -> Feature:
        """Document a column or functional.

        Raises:
            UnknownNameError: the set has none of that name.
        """
        if name not in self._known:
            raise UnknownNameError("feature", name, self._known)
        return words.describe(name, self.source, emobase=self.title == "emobase")

    def constant(self, name: str) -> Any:
        """Return `NAMES`, `FUNCTIONALS` or `FEATURES`, for a module's `__getattr__`.

        Raises:
            AttributeError: any other name.
            MissingExtraError: opensmile is not installed.
        """
        if name not in _LAZY:
            raise AttributeError(f"this module has no {name!r}")
        return self._features if name == "FEATURES" else self._names[name]

    @cached_property
    def _names(self) -> dict[str, tuple[str, ...]]:
        levels = {"NAMES": "LowLevelDescriptors", "FUNCTIONALS": "Functionals"}
        return {name: tuple(_extractor(self.title, level).feature_names) for name, level in levels.items()}

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self._names["NAMES"] + self._names["FUNCTIONALS"])

    @cached_property
    def _features(self) -> tuple[Feature, ...]:
        return tuple(self.describe(name) for name in self._names["NAMES"])

    def _measure(self, signal: Signal, level: str) -> NDArray[np.float32]:
        _check(signal)
        samples = np.pad(signal.samples, (0, max(0, int(_LEAST * signal.rate) - len(signal.samples))))
        samples = np.clip(samples, -1.0, _LOUDEST)
        values = _extractor(self.title, level).process_signal(samples, signal.rate).to_numpy(np.float32)
        return np.asarray(values)


def _check(signal: Signal) -> None:
    if signal.rate not in RATES:
        allowed = ", ".join(map(str, RATES))
        raise UsageError(f"openSMILE's sets take {allowed} Hz, got {signal.rate} Hz; resample first")
    if not np.isfinite(signal.samples).all():
        raise UsageError("these features take finite samples, got NaN or infinity; decode the recording again")


@functools.cache
def _extractor(title: str, level: str) -> Any:
    opensmile = need("opensmile", extra="opensmile")
    _tell_licence()
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet[title], feature_level=opensmile.FeatureLevel[level], num_workers=1
    )


@functools.cache
def _tell_licence() -> None:
    warnings.warn(LICENCE, UserWarning, stacklevel=2)
