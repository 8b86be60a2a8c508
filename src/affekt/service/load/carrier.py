"""Load, sounds -> N calls on real sockets, at the speed of life; and a report of how they went."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from affekt import registry
from affekt.errors import UsageError
from affekt.service.load.faults import Disorder, Faults, fate
from affekt.service.load.leg import Call, Leg, Message
from affekt.service.load.pace import Pace
from affekt.service.load.sent import Sent
from affekt.service.load.sound import PIECE, Sound
from affekt.service.load.wire import Wire, connect

FOLDER = "service.load.speakers"
SCHEMES = {"websocket": ("ws", "wss"), "tcp": ("tcp",)}
_FAREWELL = 2.0  # s that an answer to a goodbye is waited for
_HELLO = 10.0  # s that a service has to agree to sound, where the protocol asks it
_TELL = 1.0  # s from one word on the progress to the next


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be spoken, to whom."""

    to: str
    "ws://host:port, wss://host:port, or tcp://host:port"
    protocol: str
    "a file in `speakers/`"
    calls: int = 1
    seconds: float = 60.0
    "of each call"
    ramp: float = 0.0
    "s over which the calls begin"
    token: str = ""
    "what lets them in"
    secret: str = ""
    "what signs their requests, where the platform signs"
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    "of faults, and of where in their sound calls begin"

    def __post_init__(self) -> None:
        speaker = registry.load(FOLDER, self.protocol)
        place, allowed = urlsplit(self.to), SCHEMES[speaker.TRANSPORT]
        if place.scheme not in allowed or not place.hostname or not place.port or place.path.strip("/"):
            forms = " or ".join(f"{scheme}://HOST:PORT" for scheme in allowed)
            raise UsageError(f"{self.protocol} is spoken to {forms}, got {self.to!r}")
        if speaker.ORDERED and self.faults.needs_places:
            raise UsageError(
                f"{self.protocol} counts sound as it comes: it cannot lose, double or reorder messages on its way; "
                "of the faults, jitter, vanish and freeze are left"
            )
        if self.calls < 1 or self.seconds < PIECE or self.ramp < 0:
            raise UsageError(f"at least 1 call of {PIECE:g} s, and a ramp of 0 s or more, can be spoken")


@dataclass(slots=True)
class Report:
    """How the calls went."""

    load: Load
    sent: Sent
    up: int = 0
    "calls that were connected and spoke"
    live: int = 0
    "of them, those that speak now"
    finished: int = 0
    "calls that came to the end that was meant for them: by a goodbye, vanished or frozen"
    refused: Counter[str] = field(default_factory=Counter)
    "calls that were not let in, by reason"
    dropped: Counter[str] = field(default_factory=Counter)
    "calls that were ended from the other side, by reason"
    messages: int = 0
    "of sound"
    choked: int = 0
    "messages of sound that were left out since the other end did not read"
    faults: Counter[str] = field(default_factory=Counter)
    "what was done on purpose: messages, and calls that vanished or froze"
    late: dict[str, float] = field(default_factory=dict)
    "how late the own timer was, s: p50, p99, worst"
    seconds: float = 0.0
    "from the first connection to the end of the last"
    processor: float = 0.0
    "s of processor that speaking took"

    @property
    def failed(self) -> int:
        """Calls that were refused or dropped."""
        return self.refused.total() + self.dropped.total()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; no token and no secret is in it."""
        load = self.load
        asked = {name: getattr(load, name) for name in ("to", "protocol", "calls", "seconds", "ramp", "seed")}
        plain = ("up", "finished", "messages", "choked", "late")
        counted = ("refused", "dropped", "faults")
        return {
            **asked,
            **{name: getattr(self, name) for name in plain},
            **{name: dict(getattr(self, name)) for name in counted},
            "wall": round(self.seconds, 3),
            "processor": round(self.processor, 3),
            "sent": self.sent.to_dict(),
        }


def here(to: str) -> bool:
    """Say whether an address is of this machine: nobody else can be flooded, and nobody stands between.

    >>> here("ws://127.0.0.1:8001"), here("ws://[::1]:8001"), here("ws://localhost.example.com:8001")
    (True, True, False)
    """
    host = urlsplit(to).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Carrier:
    """Speaks calls. `report` is true at any time, also while it speaks.

    carrier = Carrier(Load("ws://127.0.0.1:8001", "twilio", calls=40, seconds=120), sounds)
    report = await carrier.run()
    """

    def __init__(self, load: Load, sounds: Sequence[Sound]) -> None:
        rates = {sound.rate for sound in sounds}
        if len(rates) != 1:
            raise UsageError(f"calls are spoken from sounds of one rate, got {sorted(rates) or 'no sound'}")
        self.load, self.sounds = load, list(sounds)
        self.report = Report(load, Sent(rates.pop()))
        self.pace = Pace()
        self._legs = registry.load(FOLDER, load.protocol).legs
        self._stop = asyncio.Event()

    async def run(self, tell: Callable[[Report], None] = lambda report: None) -> Report:
        """Speak all calls to their end; `tell` hears of it every second."""
        begun, processor = time.monotonic(), time.process_time()
        self.pace.start()
        telling = asyncio.ensure_future(self._tell(tell))
        try:
            await asyncio.gather(*(self._speak(number) for number in range(self.load.calls)))
        finally:
            self.pace.stop()
            telling.cancel()
            self.report.seconds = time.monotonic() - begun
            self.report.processor = time.process_time() - processor
            self._time()
        return self.report

    def stop(self) -> None:
        """End all calls now, with their goodbyes; those that have not begun do not."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Calls are ending, before their time."""
        return self._stop.is_set()

    def call(self, number: int) -> Call:
        """Return call `number`: the same for the same seed, but for its id."""
        sound = self.sounds[number % len(self.sounds)]
        shift = self._chance(number).randrange(sound.count)
        return Call(number, sound, shift, self.load.token, self.load.secret, uuid.uuid4())

    async def _tell(self, tell: Callable[[Report], None]) -> None:
        while True:
            await asyncio.sleep(_TELL)
            self._time()
            tell(self.report)

    def _time(self) -> None:
        late = self.pace.late
        self.report.late = {"p50": late.quantile(0.5), "p99": late.quantile(0.99), "worst": round(late.worst, 4)}

    async def _speak(self, number: int) -> None:
        """Speak one call from its connection to its end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), self.load.ramp * number / self.load.calls)
        if self.stopped:
            return
        end = fate(self.load.faults, self._chance(number, "end"), self.load.seconds)
        legs = self._legs(self.call(number))
        lines = [Line(self, leg, self._chance(number, leg.target, i), end) for i, leg in enumerate(legs)]
        try:
            for line in lines:
                await line.open()
        except ConnectionError as error:
            self.report.refused[str(error)] += 1
            for line in lines:
                line.quit()
            return
        self.report.up += 1
        self.report.live += 1
        for line in lines:
            self.pace.join(line.step)
        self._ended([await line.done for line in lines], end)

    def _ended(self, why: Sequence[str], end: tuple[str, float] | None) -> None:
        self.report.live -= 1
        if dropped := next(filter(None, why), ""):
            self.report.dropped[dropped] += 1
            return
        self.report.finished += 1
        if end and not self.stopped:
            self.report.faults[end[0]] += 1

    def _chance(self, *place: object) -> random.Random:
        return random.Random("/".join(map(str, (self.load.seed, *place))))  # noqa: S311 - no secret comes of it


class Line:
    """One connection while it speaks."""

    def __init__(self, carrier: Carrier, leg: Leg, rng: random.Random, end: tuple[str, float] | None) -> None:
        self._carrier, self.leg = carrier, leg
        self._report = carrier.report
        self._text = leg.AUDIO == "text"
        faults = carrier.load.faults
        self._disorder = Disorder(faults, rng, parts=leg.parts) if faults.disorders else None
        self._fate, self._fated = (end[0], round(end[1] / PIECE)) if end else ("", -1)
        self._pieces = round(carrier.load.seconds / PIECE)
        self._next = self._sent = self._waited = 0
        self._begun = 0.0
        self._open = self._leaving = self._frozen = False
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        "why it was dropped; empty where all went as it should"
        self._wire: Wire

    async def open(self) -> None:
        """Connect, and say hello.

        Raises:
            ConnectionError: it was refused.
        """
        load = self._carrier.load
        url = load.to.rstrip("/") + self.leg.target
        headers = self.leg.headers(url, time.time())
        self._wire = await connect(url, headers, self._hear, self._end, trusting=here(load.to))
        self._open = True
        for message in self.leg.hello():
            self._wire.send(message)

    def quit(self) -> None:
        """Close at once; nobody waits for it."""
        self._leaving = True
        if self._open:
            self._wire.close()

    def step(self, at: float) -> bool:
        """Send the next piece; give whether another one follows."""
        if self.done.done():
            return False
        if not self.leg.talking:
            return self._wait()
        if not self._next:
            self._waited = 0
            self._begin(at)
        if self._next + self._waited >= self._pieces or self._carrier.stopped:
            self._leave()
            return False
        if self._next == self._fated:
            self._suffer()
        if self._frozen or self.done.done():
            self._next += 1
            return self._frozen
        first = self._next * self.leg.parts
        self._next += 1
        for number in range(first, first + self.leg.parts):
            self._say(number)
        return True

    def _say(self, number: int) -> None:
        for one in (number,) if self._disorder is None else self._disorder.step(number):
            self._send(one)

    def _send(self, number: int) -> None:
        """Send a message, or leave it out as platforms do where nobody reads; so memory does not grow."""
        if self._wire.choked:
            self._report.choked += 1
            return
        self._wire.audio(self.leg.say(number), text=self._text)
        self._report.messages += 1
        self._sent += 1

    def _begin(self, at: float) -> None:
        self._begun = at
        for side in self.leg.sides:
            self._report.sent.begin(self.leg.external, side, at)

    def _wait(self) -> bool:
        """Be paused: the sound waits, so all that follows is sent a piece later. A pause is time of the call."""
        self._waited += 1
        if not self._next:
            if self._carrier.stopped or self._waited * PIECE >= _HELLO:
                self._wire.close()
                self._finish("" if self._carrier.stopped else f"no answer to its hello within {_HELLO:g} s")
            return not self.done.done()
        self._begin(self._begun + PIECE)
        if self._next + self._waited >= self._pieces or self._carrier.stopped:
            self._leave()
        return not self._leaving

    def _suffer(self) -> None:
        """Vanish, or freeze: then time goes on, but nothing is said, not even a goodbye."""
        self._leaving = True
        self._frozen = self._fate == "freeze"
        if not self._frozen:
            self._wire.cut()
            self._finish("")

    def _leave(self) -> None:
        """Say goodbye; where the protocol answers that, wait for it."""
        self._leaving = True
        if self._frozen:
            self._part()
            return
        if self._disorder is not None:
            for number in self._disorder.rest():
                self._send(number)
        for message in self.leg.goodbye(self._sent):
            self._wire.send(message)
        wait = 0.0 if self.leg.silent or self.leg.over else _FAREWELL
        asyncio.get_running_loop().call_later(wait, self._part)

    def _part(self) -> None:
        if not self.done.done():
            self._wire.close()
            self._finish("")

    def _hear(self, wire: Wire, message: Message) -> None:
        for answer in self.leg.hear(message):
            wire.send(answer)
        if self.leg.over and self._leaving:
            self._part()

    def _end(self, why: str) -> None:
        """The other end has closed."""
        self._finish("" if self._leaving else why)

    def _finish(self, why: str) -> None:
        if not self.done.done():
            if self._disorder is not None:
                self._report.faults.update(self._disorder.done)
            self.done.set_result(why)
