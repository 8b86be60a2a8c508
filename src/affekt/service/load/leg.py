"""Call -> the messages of one of its connections, as a platform sends them. No socket and no clock.

A speaker is a file in `speakers/`, named as the protocol. It has

- `TRANSPORT`   "websocket" or "tcp"
- `ORDERED`     its messages carry no position: what comes counts in the order in which it comes
- `legs(call)`  the connections of a call: one with both sides, or one for each

Whoever has the socket opens it with `target` and `headers`, sends what `hello` gives, then, while `talking`, messages
`say(0)`, `say(1)`, ... 20 ms of all sides at a time, passes what the service says to `hear` and sends its answer, and
ends with `goodbye`. `say` is a function of its number alone: so a message can be lost, doubled or sent late.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from affekt.service.load.sound import SIDES, Side, Sound

Message: TypeAlias = bytes | str
"""str is a text frame, bytes a binary one; on TCP all is bytes"""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call that is to be spoken."""

    number: int
    "of all that are spoken, from 0"
    sound: Sound
    shift: int = 0
    "pieces of the sound that are left out at its start, so that calls of one sound are not in step"
    token: str = ""
    "what lets it in"
    secret: str = ""
    "what signs the request, where the platform signs"
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def customer(self) -> str:
        """The customer's number; 555 numbers belong to nobody."""
        return f"+1555{self.number % 10_000_000:07d}"

    def at(self, number: int) -> int:
        """Return the piece of the sound that is piece `number` of the call; a sound that ends begins again."""
        return (number + self.shift) % self.sound.count


class Leg(ABC):
    """One connection of a call."""

    AUDIO: Literal["text", "binary"] = "binary"
    "kind of frame that holds sound; `say` gives bytes in any case"

    def __init__(self, call: Call, target: str, sides: Sequence[Side] = SIDES) -> None:
        self.call, self.target, self.sides = call, target, tuple(sides)
        self.parts = 1
        "messages of a piece"
        self.talking = True
        "sound may be sent"
        self.silent = True
        "the service has no answer to a goodbye"
        self.over = False
        "the service has ended it"

    @property
    def external(self) -> str:
        """What the platform calls the call."""
        return self.call.id.hex

    def headers(self, url: str, now: float) -> dict[str, str]:
        """Return what the request has beside the usual; `url` is the whole of it, `now` the Unix time."""
        return {}

    def hello(self) -> list[Message]:
        """Return what is said before any sound."""
        return []

    @abstractmethod
    def say(self, number: int) -> bytes:
        """Return message `number` of the sound: of piece `number // parts`."""

    def hear(self, message: Message) -> list[Message]:
        """Take what the service says; return what is said to that."""
        return []

    def goodbye(self, sent: int) -> list[Message]:
        """Return what is said at the end, after so many messages of sound."""
        return []
