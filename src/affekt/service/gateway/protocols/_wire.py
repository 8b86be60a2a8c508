"""A message -> events, or a violation: what all protocols share. Nothing that the other end sends raises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from affekt.service.gateway.codec import LIMITS, Command, Message
from affekt.service.gateway.events import Audio, Ended, Event, Pcm, Request, Started, Violation

ORDER, KIND, GARBLED, POLICY, TOO_BIG, OURS = 1002, 1003, 1007, 1008, 1009, 1011
"""Close codes (RFC 6455, 7.4.1): out of turn, of the wrong kind, unreadable, not allowed, too big, our own fault."""


class BreachError(Exception):
    """The other end has broken the protocol; the text says how, and repeats nothing of what may be personal."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Wire(ABC):
    """One connection. A protocol adds `_take`, and `_command` where it has words for a server's commands."""

    NAME: ClassVar[str]
    TRANSPORT: ClassVar[Literal["websocket", "tcp"]] = "websocket"
    PATH: ClassVar[str]
    SUBPROTOCOLS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, request: Request) -> None:
        self._request = request
        self._out: list[bytes | str] = []
        self._over = False
        self._started: Started | None = None
        self._places = Places(0)

    def feed(self, data: Message) -> list[Event]:
        """Take a message, or a piece of a TCP stream; never raises."""
        told: list[Event] = []
        if self._over:
            return told
        try:
            self._take(data, told)
        except BreachError as breach:
            self._fail(breach, told)
        except Exception as error:  # a fault of this code must cost one call, not all
            self._fail(BreachError(OURS, f"a fault of the codec: {type(error).__name__}"), told)
        return told

    def replies(self) -> list[bytes | str]:
        """Give what must be sent now, and forget it."""
        out, self._out = self._out, []
        return out

    def say(self, command: Command) -> None:
        """Put a command into `replies`, where the protocol has a word for it."""
        if self._over:
            return
        if command == "resume":
            self._places.resume()
        self._command(command)

    # What a protocol adds -------------------------------------------------------------------------------------------

    @abstractmethod
    def _take(self, data: Message, told: list[Event]) -> None:
        """Hear what has come; put what it says into `told`."""

    def _command(self, command: Command) -> None:  # noqa: B027  most protocols need none
        """Most platforms take no commands on this connection: they are closed, or what comes is not heard."""

    def _failed(self, breach: BreachError) -> None:  # noqa: B027  most protocols need none
        """Say so to the other end, where the protocol has a word for it."""

    # What it uses ---------------------------------------------------------------------------------------------------

    def _begin(self, started: Started, told: list[Event]) -> None:
        if self._started is not None:
            raise BreachError(ORDER, "a second beginning: a stream begins once")
        self._started = started
        self._places = Places(started.rate)
        told.append(started)

    def _begun(self) -> Started:
        if self._started is None:
            raise BreachError(ORDER, "a message before the first one that this protocol asks for")
        return self._started

    def _sound(self, track: str, start: int, samples: Pcm, told: list[Event]) -> None:
        """Tell sound of a track that the beginning has named, if it can lie there."""
        count, rate = len(samples), self._places.rate
        if count > rate * LIMITS.seconds:
            raise BreachError(TOO_BIG, f"{count} samples in one message; allowed is {LIMITS.seconds:g} s")
        if count and self._places.lies(start, count):
            told.append(Audio(track, start, rate, samples))

    def _end(self, reason: str, told: list[Event]) -> None:
        self._over = True
        told.append(Ended(reason))

    def _fail(self, breach: BreachError, told: list[Event]) -> None:
        self._failed(breach)
        self._over = True
        told.append(Violation(breach.code, breach.text))


@dataclass(slots=True)
class Places:
    """Whether sound can lie where it says, on the clock of its own stream: this has none other.

    A place far ahead of all sound so far is a true gap, or a number that was garbled: believed, it would make all that
    follows late. So the first such piece is not taken, and the place is believed when a second piece confirms it
    (RFC 3550, appendix A.1). The cost is one piece, 20 ms, of a gap that is longer than `Limits.ahead`.
    """

    rate: int
    "Hz"
    end: int = 0
    "samples: the furthest end of any track so far"
    _far: int | None = None
    "samples: where a piece said to lie that was not believed"
    _resumed: bool = False

    def resume(self) -> None:
        """Take the next place as it is: a pause may have been long, and nobody has heard it."""
        self._resumed = True

    def lies(self, start: int, count: int) -> bool:
        """Say whether to take the sound; raises where no stream can have such a place."""
        ahead = 0 if self._resumed else start - self.end
        if start < 0 or start > LIMITS.length * self.rate or ahead > LIMITS.gap * self.rate:
            raise BreachError(POLICY, f"sound at {start} samples, {self.end} so far: at most {LIMITS.gap:g} s ahead")
        if ahead > LIMITS.ahead * self.rate and not self._confirmed(start):
            self._far = start
            return False
        self._far, self._resumed = None, False
        self.end = max(self.end, start + count)
        return True

    def _confirmed(self, start: int) -> bool:
        return self._far is not None and abs(start - self._far) <= LIMITS.ahead * self.rate
