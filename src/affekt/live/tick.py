"""The step of the core: so many samples of all tracks, in their places, however they arrived.

All that follows is decided tick by tick, in this order and no other. So the chunks in which a stream arrives change no
event, and neither does how many of them are pushed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from affekt.live.events import Event
from affekt.types import Samples, Window

Item = Event | Window
"""What is heard: an event that is known at once, or a window that a model must judge first."""


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """A step of the stream."""

    start: int
    "samples at 16 kHz since the stream began"
    end: int
    sounds: Mapping[str | None, Samples | None]
    "track -> its samples, or None where nothing is heard of it"
    events: tuple[Event, ...] = ()
    "gaps, pauses"
    breaks: bool = False
    "the sound of all tracks breaks off behind this tick: a pause, or the end"


@dataclass(frozen=True, slots=True)
class Floored:
    """Who has the floor at the end of a tick; what the rules need of it."""

    silence: float
    "s for which nobody has spoken"
    heard: float
    "s of the stream that were heard"
    overlap: Mapping[str | None, float]
    "speaker -> s of the last 30 in which they and another spoke at once"


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What hearing made of a tick. Only ticks that say something are handed on."""

    at: int
    "samples at 16 kHz since the stream began: the end of the tick"
    items: tuple[Item, ...]
    floor: Floored

    @property
    def windows(self) -> list[Window]:
        """What a model must judge, in order."""
        return [item for item in self.items if isinstance(item, Window)]
