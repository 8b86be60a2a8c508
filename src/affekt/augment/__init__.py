"""Signal -> Signal, seeded. What a microphone, a room or a telephone does to speech, without changing how it is said.

Each chain takes a random generator, so that a copy of an utterance can be made again to the sample. Ranges are kept
where listeners still hear the same emotion: pitch and tempo within 8 %, noise at 10 dB and more below the speech
(docs/decisions/0011). What a chain hears is the one utterance, and recordings that the run names; never another
utterance, or a test speaker could come into a training copy.

- `_voice`       crop, speed, quick, stretch, pitch, shift
- `_microphone`  gain, clip, colour, lowpass
- `_noise`       noise, white, pink, brown, recorded, babble
- `_rooms`       room, reverb
- `_telephone`   phone, phone_a_law, packets
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from affekt.augment._folder import recordings
from affekt.augment._microphone import clip, colour, gain, lowpass
from affekt.augment._noise import babble, brown, noise, pink, recorded, white
from affekt.augment._rooms import impulse_response, reverb, room
from affekt.augment._telephone import a_law, lost, mu_law, packets, phone, phone_a_law
from affekt.augment._voice import crop, pitch, quick, shift, speed, stretch
from affekt.errors import UnknownNameError, UsageError
from affekt.registry import need
from affekt.types import Signal

__all__ = ["CHAINS", "Augment", "Chain", "Kind", "Ranges", "Step", "chain", "chains"]
__all__ += ["crop", "pitch", "quick", "shift", "speed", "stretch"]
__all__ += ["clip", "colour", "gain", "lowpass"]
__all__ += ["babble", "brown", "noise", "pink", "recorded", "white"]
__all__ += ["impulse_response", "reverb", "room"]
__all__ += ["a_law", "lost", "mu_law", "packets", "phone", "phone_a_law"]

Augment = Callable[[Signal, np.random.Generator], Signal]
Ranges = Mapping[str, Mapping[str, float]]
"""chain -> option -> value, as a run's [augment.ranges] says"""

_BELOW: Mapping[str, tuple[float, float]] = {"least": (-20, 60), "most": (-20, 60)}
_PAIRS = (("least", "most"), ("shortest", "longest"))


@dataclass(frozen=True, slots=True)
class Kind:
    """A chain as it may be asked for."""

    change: Callable[..., Signal]
    allowed: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    "option -> smallest and largest value that makes sense"
    folder: str = ""
    "the key of a run's [augment] that names a folder of recordings for it"
    must: bool = False
    "whether it can do nothing without that folder"
    package: str = ""
    "of the extra `train`, that it needs"
    version: int = 1
    "raised when the chain, or a chain that it is made of, makes other samples: features of its copies are made anew"

    @property
    def defaults(self) -> dict[str, float]:
        """Option -> default, as the function itself has them."""
        parameters = inspect.signature(self.change).parameters
        return {name: float(parameters[name].default) for name in self.allowed}


CHAINS: Mapping[str, Kind] = {
    "crop": Kind(crop, {"shortest": (0.1, 30), "longest": (0.1, 30)}),
    "speed": Kind(speed, {"most": (0, 0.5)}),
    "quick": Kind(quick),
    "stretch": Kind(stretch, {"most": (0, 0.5)}, package="python_stretch"),
    "pitch": Kind(pitch, {"most": (0, 12)}, package="python_stretch"),
    "shift": Kind(shift, {"most": (0, 10)}),
    "gain": Kind(gain, {"most": (0, 40)}),
    "clip": Kind(clip, {"least": (0, 40), "most": (0, 40)}),
    "colour": Kind(colour),
    "lowpass": Kind(lowpass, {"least": (100, 24000), "most": (100, 24000)}),
    "noise": Kind(noise, _BELOW),
    "white": Kind(white, _BELOW),
    "pink": Kind(pink, _BELOW),
    "brown": Kind(brown, _BELOW),
    "recorded": Kind(recorded, _BELOW, folder="noise", must=True),
    "babble": Kind(babble, _BELOW, folder="babble"),
    "room": Kind(room),
    "reverb": Kind(
        reverb, {"shortest": (0.05, 5), "longest": (0.05, 5), "least": (-20, 40), "most": (-20, 40)}, folder="rooms"
    ),
    "phone": Kind(phone),
    "phone_a_law": Kind(phone_a_law),
    "packets": Kind(packets, {"least": (0, 0.5), "most": (0, 0.5), "burst": (1, 50), "silent": (0, 1)}),
}
"""What a run may name under augment.copies, alone or joined by +."""


@dataclass(frozen=True, slots=True)
class Step:
    """A chain with its ranges and recordings."""

    name: str
    options: tuple[tuple[str, float], ...]
    files: tuple[Path, ...] = ()

    def __call__(self, signal: Signal, rng: np.random.Generator) -> Signal:
        """Change a signal."""
        brought = {"files": self.files} if self.files else {}
        return CHAINS[self.name].change(signal, rng, **dict(self.options), **brought)

    @property
    def key(self) -> str:
        """All that its samples depend on, the seed apart."""
        said = "\n".join(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in self.files)
        brought = hashlib.sha256(said.encode()).hexdigest()[:16] if self.files else ""
        return f"{self.name} {CHAINS[self.name].version} {self.options} {brought}"


@dataclass(frozen=True)
class Chain:
    """Steps, one after the other: `chain("reverb+phone")`."""

    name: str
    steps: tuple[Step, ...]

    def __call__(self, signal: Signal, rng: np.random.Generator) -> Signal:
        """Make a copy."""
        for step in self.steps:
            signal = step(signal, rng)
        return signal

    @cached_property
    def key(self) -> str:
        """All that its copies depend on, their seeds apart: two chains of one key make the same copies."""
        return " + ".join(step.key for step in self.steps)

    @property
    def files(self) -> tuple[Path, ...]:
        """Recordings that it draws from."""
        return tuple(path for step in self.steps for path in step.files)


def chain(name: str, *, ranges: Ranges | None = None, folders: Mapping[str, Path | None] | None = None) -> Chain:
    """Return a chain by its name, or by several joined with +.

    Args:
        name: of `CHAINS`; "reverb+babble+phone" is a noisy room at the other end of a telephone.
        ranges: chain -> option -> value, where it should not be the default.
        folders: noise, babble, rooms -> a folder with recordings, or None.

    Raises:
        UnknownNameError: no such chain or option.
        UsageError: a value that makes no sense, or a folder that is missing or empty.
        MissingExtraError: a chain needs the extra `train`.

    >>> chain("noise", ranges={"noise": {"least": 5}}).steps[0].options
    (('least', 5.0), ('most', 25.0))
    """
    return Chain(name, tuple(_step(part, (ranges or {}).get(part, {}), folders or {}) for part in name.split("+")))


def chains(names: Sequence[str], *, ranges: Ranges, folders: Mapping[str, Path | None]) -> tuple[Chain, ...]:
    """Return the chains of a run; what is set for a chain that it does not name is refused.

    Takes names as `chain` does, and raises what it raises.
    """
    made = tuple(chain(name, ranges=ranges, folders=folders) for name in names)
    used = {step.name for one in made for step in one.steps}
    for name in ranges:
        if name not in CHAINS:
            raise UnknownNameError("augmentation", name, CHAINS)
        if name not in used:
            raise UsageError(f"augment.ranges.{name} is set, but no copy is made by {name}: name it in augment.copies")
    for key, folder in folders.items():
        takers = [name for name, kind in CHAINS.items() if kind.folder == key]
        if folder is not None and not used.intersection(takers):
            raise UsageError(f"augment.{key} is set, but no copy is made by {takers[0]}: name it in augment.copies")
    return made


def _step(name: str, given: Mapping[str, float], folders: Mapping[str, Path | None]) -> Step:
    if name not in CHAINS:
        raise UnknownNameError("augmentation", name, CHAINS)
    kind = CHAINS[name]
    if kind.package:
        need(kind.package, extra="train")  # else it would be found missing recording by recording
    return Step(name, _options(name, kind, given), _files(name, kind, folders))


def _options(name: str, kind: Kind, given: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    for option, value in given.items():
        if option not in kind.allowed:
            raise UnknownNameError(f"option of {name}", option, kind.allowed)
        low, high = kind.allowed[option]
        if not low <= value <= high:
            raise UsageError(f"augment.ranges.{name}.{option} must be {low:g} to {high:g}, got {value:g}")
    options = {**kind.defaults, **{option: float(value) for option, value in given.items()}}
    for low_name, high_name in _PAIRS:
        if low_name in options and options[low_name] > options[high_name]:
            said = f"{low_name} {options[low_name]:g} and {high_name} {options[high_name]:g}"
            raise UsageError(f"augment.ranges.{name}: {said}; the first must not be the greater one")
    return tuple(options.items())


def _files(name: str, kind: Kind, folders: Mapping[str, Path | None]) -> tuple[Path, ...]:
    folder = folders.get(kind.folder) if kind.folder else None
    if folder is not None:
        return recordings(folder, responses=kind.folder == "rooms")
    if kind.must:
        raise UsageError(f"{name} needs recordings: augment.{kind.folder} must name a folder of them")
    return ()
