"""The shape of a streaming step, and the places where one can be put into the hearing.

Noise reduction and diarization are stages that a stream may have or not. After a break in the sound each is made anew,
but for diarization: it ends its turn (`finish`), and still knows everybody when it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from affekt import vad
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
