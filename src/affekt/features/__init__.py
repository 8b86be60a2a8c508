"""Signal -> numbers. One file = one feature set; hand-made measures and pretrained encoders are used alike.

>>> from affekt import features
>>> from affekt.types import Signal
>>> import numpy as np
>>> egemaps = features.load("egemaps")
>>> voice = Signal(np.sin(np.arange(32000) * 0.05).astype(np.float32), 32000)
>>> frames = egemaps.extract(voice)
>>> frames.values.shape, frames["Loudness_sma3"].shape
((100, 25), (100,))
>>> vector = egemaps.functionals(voice)
>>> len(vector), vector["loudness_sma3_amean"] > 0
(88, True)
>>> egemaps.describe("Loudness_sma3").name
'Loudness_sma3'

A signal comes from a file by `affekt.audio.read("call.wav")`, or from samples as above. Each set documents its features
(`.features`, `.describe(name)`); docs/features.md has the guide, and `affekt features` is the command.

A module here owes `DIM`, `HOP` (seconds), `RATES` (Hz) and `extract(Signal) -> (frames, DIM)`; what else it should have
(`VERSION`, `FEATURES`, `NAMES`, `FUNCTIONALS`, `functionals`, `describe`, `OFFSET`, `LICENCE`) is in docs/features.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt import registry
from affekt.features._feature import Feature
from affekt.features._set import LOUDEST, LOWEST, FeatureSet, Frames, Level, Vector
from affekt.features._set import options as options_of

if TYPE_CHECKING:
    from affekt.cache import Cache

__all__ = ["LOUDEST", "LOWEST", "Feature", "FeatureSet", "Frames", "Level", "Vector", "load", "names", "options"]


def names() -> list[str]:
    """Return the names of all feature sets, sorted, without importing them."""
    return registry.names("features")


def options(name: str) -> dict[str, Any]:
    """Return what `load` takes for this set besides the cache: name -> default.

    >>> options("formants")
    {'ceiling': 5500.0}

    Raises:
        UnknownNameError: no such set.
    """
    return options_of(registry.load("features", name))


def load(name: str, *, cache: Cache | str | Path | None = None, **chosen: Any) -> FeatureSet:
    """Return the feature set `name`.

    Args:
        name: e.g. "egemaps"; `names()` has all.
        cache: where values are looked up and kept, by the samples, the set and its version: a folder, which is made
            when it is first needed, or a cache of your own limit. None without it.
        chosen: the set's own options, see `options`: load("formants", ceiling=5000).

    Raises:
        UsageError: the set has no such option, or not of this kind ("a whole number"); a value out of its range is
            found when something is measured. Or `cache` is something else.
        UnknownNameError: no such set; the message lists the known ones and the closest.
        MissingExtraError: the set needs an optional package, as it says now or when it is first asked for its names or
            values; the message is the pip command.
    """
    return FeatureSet(name, registry.load("features", name), cache, chosen)
