"""A module of this folder -> FeatureSet: signals of any rate in, frames with times or named numbers out.

What a module may leave out is filled in here, so that the smallest encoder (`DIM`, `HOP`, `RATES`, `extract`) can be
used like the largest set: its columns are numbered, and its functionals are their means and standard deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, formatannotation, signature
from math import inf
from numbers import Integral, Real
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UnknownNameError, UsageError
from affekt.features._feature import Feature
from affekt.types import Signal

if TYPE_CHECKING:
    from affekt.cache import Cache

Level = Literal["frames", "functionals"]

LOWEST = 8000
"""Hz; below, the second formant and half of what voices say are not in the recording."""

LOUDEST = 1e6
"""Largest sample that is measured, full scale being 1. Squares of squares of more leave the range of float32."""

_FRONT = 1  # of what is done here to a signal before the module gets it; raise it when that changes


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Features over time. Its length is that of time; what it holds, as a table does, are columns by name.

    >>> frames = Frames(np.array([0.0, 0.01]), np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), ("a", "b"))
    >>> frames["b"], len(frames)
    (array([2., 4.], dtype=float32), 2)
    >>> list(frames), "c" in frames, dict(frames)["a"].tolist()
    (['a', 'b'], False, [1.0, 3.0])
    """

    times: NDArray[np.float64]
    "(frames,) seconds since the stream began, as the set documents: of the centre or the start of each frame"
    values: NDArray[np.float32]
    "(frames, features)"
    names: tuple[str, ...]
    "of the columns"

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f"<Frames: {len(self)} of {len(self.names)} features, {self.times[0]:.2f} .. {self.times[-1]:.2f} s>"

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Return one feature over time, shape (frames,).

        Raises:
            UnknownNameError: there is no such feature; the message has the closest.
        """
        if name not in self:
            raise UnknownNameError("feature", name, self.names)
        column: NDArray[np.float32] = self.values[:, self.names.index(name)]
        return column

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def keys(self) -> tuple[str, ...]:
        """Return the names, so that `dict(frames)` works."""
        return self.names

    def items(self) -> tuple[tuple[str, NDArray[np.float32]], ...]:
        """Return each name with its feature over time, shape (frames,)."""
        return tuple(zip(self.names, self.values.T, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """Functionals of a signal: numbers with names, in a fixed order.

    >>> vector = Vector(("mean", "range"), np.array([1.5, 3.0]))
    >>> vector["range"], dict(vector)
    (3.0, {'mean': 1.5, 'range': 3.0})
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    "(functionals,)"
    _places: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {name: place for place, name in enumerate(self.names)})

    def __getitem__(self, name: str) -> float:
        """Return one number.

        Raises:
            UnknownNameError: there is none of that name; the message has the closest.
        """
        if name not in self:
            raise UnknownNameError("functional", name, self.names)
        return float(self.values[self._places[name]])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._places

    def __repr__(self) -> str:
        return f"<Vector: {len(self)} functionals, {self.names[0]} .. {self.names[-1]}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def keys(self) -> tuple[str, ...]:
        """Return the names, so that `dict(vector)` works."""
        return self.names

    def items(self) -> tuple[tuple[str, float], ...]:
        """Return each name with its number."""
        return tuple(zip(self.names, map(float, self.values), strict=True))


def options(module: ModuleType) -> dict[str, Any]:
    """Return what can be chosen when a set measures: keyword-only arguments of its `extract`, name -> default."""
    return {name: default for name, default in _parameters(module.extract).items() if default is not Parameter.empty}


def _parameters(function: Callable[..., Any]) -> dict[str, Any]:
    return {parameter.name: parameter.default for parameter in signature(function).parameters.values()}


def _check_options(name: str, module: ModuleType, chosen: Mapping[str, Any]) -> None:
    """Refuse options that the set has not, and values of a kind that it does not take; ranges it checks itself."""
    known = options(module)
    for key, value in chosen.items():
        if key not in known:
            raise UsageError(f"{name} has no option {key!r}; it has {', '.join(known) or 'none'}")
        kinds = _kinds(signature(module.extract).parameters[key])
        if kinds and not any(_KINDS[kind][1](value) for kind in kinds):
            wanted = " or ".join(_KINDS[kind][0] for kind in kinds)
            raise UsageError(f"option {key} of {name} is {wanted}, {known[key]!r} unless chosen; got {value!r}")


def _kinds(parameter: Parameter) -> list[str]:
    """Read from an annotation, or from the default where there is none, what an option may be; empty: anything."""
    if parameter.annotation is Parameter.empty:
        kinds = [type(parameter.default).__name__]
        return kinds if kinds != ["NoneType"] and kinds[0] in _KINDS else []
    kinds = [kind.strip() for kind in formatannotation(parameter.annotation).strip("'\"").split("|")]
    return kinds if all(kind in _KINDS for kind in kinds) else []


def _whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and abs(int(value)) < 2**63


def _number(value: object) -> bool:
    if isinstance(value, Integral):
        return _whole(value)
    return isinstance(value, Real) and abs(float(value)) < inf


_KINDS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "int": ("a whole number", _whole),
    "float": ("a number", _number),
    "bool": ("true or false", lambda value: isinstance(value, bool | np.bool_)),
    "str": ("text", lambda value: isinstance(value, str)),
    "None": ("nothing", lambda value: value is None),
}
"what an annotation says -> in words, and whether a value is it"


def _opened(cache: object) -> Cache | None:
    if cache is None:
        return None
    from affekt.cache import Cache

    if isinstance(cache, Cache):
        return cache
    if isinstance(cache, str | Path):
        return Cache(Path(cache))
    raise UsageError(f"cache is a folder or affekt.cache.Cache(folder), got {cache!r}")


class FeatureSet:
    """One way to put a voice into numbers; `affekt.features.load` makes it."""

    def __init__(
        self,
        name: str,
        module: ModuleType,
        cache: Cache | str | Path | None = None,
        chosen: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.options = options(module)
        "what can be chosen, with the defaults"
        self.chosen = dict(chosen or {})
        "what was chosen"
        _check_options(name, module, self.chosen)
        self.hop: float = module.HOP
        "seconds from one frame to the next"
        self.rates: tuple[int, ...] = tuple(getattr(module, "RATES", None) or (module.RATE,))
        "Hz that it measures without resampling"
        self.version: int | None = getattr(module, "VERSION", None)
        "raised whenever a value changes; a set without one is never cached"
        self.licence: str = getattr(module, "LICENCE", "Apache-2.0")
        self._module: Any = module
        self._cache = _opened(cache)

    def __repr__(self) -> str:
        return f"<FeatureSet {self.name}: {len(self.features)} features, {len(self.functional_names)} functionals>"

    @property
    def about(self) -> str:
        """What the set is, in a sentence: the first line of its module, without what goes in and comes out."""
        first = (self._module.__doc__ or "").partition("\n")[0]
        return first.partition(". ")[2] or first

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The columns of the frames: name, unit, definition and source of each."""
        own: tuple[Feature, ...] | None = getattr(self._module, "FEATURES", None)
        if self.chosen and hasattr(self._module, "names"):
            wanted = {key: value for key, value in self.chosen.items() if key in _parameters(self._module.names)}
            return tuple(self._module.describe(name) for name in self._module.names(**wanted))
        if own:
            return own
        names = getattr(self._module, "NAMES", None) or [f"{self.name}_{i}" for i in range(self._module.DIM)]
        return tuple(Feature(name, "1", f"column {i} of the set {self.name}", "") for i, name in enumerate(names))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of the frames."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def functional_names(self) -> tuple[str, ...]:
        """Names of the functionals, in their order."""
        own: tuple[str, ...] | None = getattr(self._module, "FUNCTIONALS", None)
        if own and self.chosen:
            return tuple(self._module.functionals(Signal(np.zeros(1, np.float32), self.rates[-1]), **self.chosen))
        return own or tuple(self._moments)

    @cached_property
    def _columns(self) -> Mapping[str, Feature]:
        return {feature.name: feature for feature in self.features}

    @cached_property
    def _functionals(self) -> frozenset[str]:
        return frozenset(self.functional_names)

    @cached_property
    def _moments(self) -> Mapping[str, Feature]:
        """The functionals of a module that has none of its own."""
        return {
            f"{f.name}_{short}": Feature(
                f"{f.name}_{short}", f.unit, f"{long} over the frames: {f.definition}", f.source
            )
            for short, long in (("mean", "mean"), ("stddev", "standard deviation"))
            for f in self.features
        }

    def describe(self, name: str) -> Feature:
        """Say what a feature or functional is: its unit, definition and source.

        Raises:
            UnknownNameError: the set has none of that name; the message has the closest.
        """
        if isinstance(name, str) and name in self._columns:
            return self._columns[name]
        if not isinstance(name, str) or name not in self._functionals:
            raise UnknownNameError(f"feature of {self.name}", name, (*self.names, *self.functional_names))
        if not hasattr(self._module, "FUNCTIONALS"):
            return self._moments[name]
        if not hasattr(self._module, "describe"):
            return Feature(name, "1", f"functional of the set {self.name}", "")
        found: Feature = self._module.describe(name)
        return found

    def extract(self, signal: Signal) -> Frames:
        """Measure the signal frame by frame.

        Args:
            signal: 8000 Hz or more, finite; resampled to the nearest rate above at which the set is defined, or else
                the highest. However short it is, at least one frame comes back.

        Raises:
            UsageError: no `Signal`, below 8000 Hz, samples that are not floats, not finite or beyond a million times
                full scale, or what the set itself refuses.
        """
        values = self._kept("frames", signal, self._frames)
        begin = signal.start / signal.rate + getattr(self._module, "OFFSET", 0.0)
        return Frames(np.asarray(begin + np.arange(len(values)) * self.hop), values, self.names)

    def functionals(self, signal: Signal) -> Vector:
        """Summarise the signal in one number per functional; takes and raises what `extract` does."""
        return Vector(self.functional_names, self._kept("functionals", signal, self._summary))

    def _frames(self, native: Signal) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self._module.extract(native, **self.chosen)
        return values

    def _summary(self, native: Signal) -> NDArray[np.float64]:
        if hasattr(self._module, "functionals"):
            return np.array(list(self._module.functionals(native, **self.chosen).values()), np.float64)
        frames = self._frames(native).astype(np.float64)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])

    def _kept(self, level: Level, signal: Signal, make: Callable[[Signal], NDArray[Any]]) -> NDArray[Any]:
        """Look the values up, or make and keep them. They depend on the samples, the rate and the set's version."""
        _check(signal)
        if self._cache is None or self.version is None:
            return make(self._native(signal))
        from affekt.cache import key

        names = "\n".join(self.names if level == "frames" else self.functional_names)
        chosen = repr(sorted(self.chosen.items()))
        place = key(self.name, self.version, chosen, level, names, _FRONT, signal.rate, signal.samples)
        return self._cache.fetch(place, lambda: make(self._native(signal)))

    def _native(self, signal: Signal) -> Signal:
        """Bring the signal to a rate, and where the set needs it to a level, at which the module takes it."""
        from affekt import audio

        rate = min((r for r in self.rates if r >= signal.rate), default=max(self.rates))
        samples = signal.samples.astype(np.float32, copy=False)
        if rate != signal.rate:
            samples = audio.resampled(samples, signal.rate, rate)
        if getattr(self._module, "LEVELLED", False):
            samples = audio.level(samples, rate)
        return Signal(samples, rate, round(signal.start * rate / signal.rate))


def _check(signal: object) -> None:
    """Refuse what no set can measure, in words; `Signal` itself checks nothing, since blocks of a stream are many."""
    if not isinstance(signal, Signal):
        raise UsageError(
            f"a signal is affekt.types.Signal(samples, rate), got {type(signal).__name__}; a file becomes one by "
            "affekt.audio.read(path)"
        )
    _check_rate(signal.rate)
    _check_samples(signal.samples)


def _check_rate(rate: object) -> None:
    if not isinstance(rate, Real) or isinstance(rate, bool) or rate % 1 != 0:  # NaN and infinity leave NaN
        raise UsageError(f"the rate of a signal is a whole number of Hz, got {rate!r}")
    if rate < LOWEST:
        raise UsageError(
            f"features of the voice need {LOWEST} Hz or more, this signal has {rate} Hz; take the recording as "
            f"it was before it was brought to that rate. Where there is none, resample it to {LOWEST} Hz, which brings "
            f"back no sound above {float(rate) / 2:g} Hz"
        )


def _check_samples(samples: object) -> None:
    if not isinstance(samples, np.ndarray):
        raise UsageError(
            f"samples are a numpy array of floats, got {type(samples).__name__}; try numpy.asarray(samples, 'float32')"
        )
    if samples.dtype.kind != "f":
        raise UsageError(f"samples are float in [-1, 1], got {samples.dtype}; {_to_float(samples.dtype)}")
    if samples.ndim != 1:
        raise UsageError(f"a signal is mono, shape (n,), got {samples.shape}; choose a channel or take their mean")
    if not np.isfinite(samples).all():
        raise UsageError("samples must be finite numbers, got NaN or infinity; decode the recording again")
    largest = max(samples.max(initial=0), -samples.min(initial=0))
    if largest > LOUDEST:
        raise UsageError(
            f"samples are float in [-1, 1], and up to {LOUDEST:g} is borne, got {largest:.3g}; divide by what full "
            "scale is in this recording"
        )


def _to_float(kind: np.dtype[Any]) -> str:
    """Say how samples of another type become floats."""
    if kind.kind not in "iu":
        return {"c": "take the real part", "b": "these are no sound"}.get(kind.kind, "use .astype('float32')")
    half = 2 ** (8 * kind.itemsize - 1)
    return f"divide by {half}" if kind.kind == "i" else f"subtract {half} as float, then divide by {half}"
