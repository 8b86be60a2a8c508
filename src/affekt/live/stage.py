"""The shape of a streaming step, and the places where one can be put into the hearing.

Noise reduction and diarization are stages that a stream may have or not. After a break in the sound each is made anew,
but for diarization: it ends its turn (`finish`), and still knows everybody when it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from affekt import denoise, registry, vad
from affekt.diarize import Diarizer
from affekt.errors import UsageError
from affekt.speech import Speech, Voice
from affekt.types import Role, Signal
from affekt.vad import Detector

X = TypeVar("X", contravariant=True)
Y = TypeVar("Y", covariant=True)


class Stage(Protocol[X, Y]):
    """Takes one thing after the other and gives results as soon as they are certain. No clock, no I/O."""

    def push(self, x: X, /) -> Iterator[Y]:
        """Take the next; give what has become certain."""

    def finish(self) -> Iterator[Y]:
        """End the stream; give the rest."""


class OneVoice:
    """Speech -> Voice where a track carries one speaker: the channel says who it is."""

    def __init__(self, speaker: str | None, role: Role) -> None:
        self._speaker, self._role = speaker, role

    def push(self, speech: Speech, /) -> Iterator[Voice]:
        """Name the speaker."""
        yield Voice(speech, self._speaker, self._role)

    def finish(self) -> Iterator[Voice]:
        """Nothing is held back."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Stages:
    """What makes the stages of a track."""

    detector: Callable[[], Detector] = vad.load
    "finds speech, at 16 kHz; Silero by default"
    clean: Callable[[], Stage[Signal, Signal]] | None = None
    "16 kHz in and out, every sample at its place: noise reduction"
    who: Callable[[str | None, Role], Stage[Speech, Voice]] = OneVoice
    "(track, its role) -> who speaks: diarization"

    @classmethod
    def of(cls, detector: str = "silero", reduction: str = "none", *, diarize: bool | int = False) -> Stages:
        """Make them by their names.

        Args:
            detector: what finds speech.
            reduction: what reduces noise, or none.
            diarize: tell speakers of one track apart by voice: True, or how many they are.

        Raises:
            UnknownNameError: there is no such detector or noise reduction.
            MissingExtraError: the noise reduction needs a package that is not installed.
            UsageError: `diarize` is neither.
        """
        registry.load("vad", detector)  # what is wrong is said before any sound is heard
        if not isinstance(diarize, bool | int):
            raise UsageError(f"diarize must be True, False or how many speakers there are, got {diarize!r}")
        found = cls(partial(vad.load, detector), clean=denoise.stage(reduction))
        return replace(found, who=partial(Diarizer, count=None if diarize is True else diarize)) if diarize else found
