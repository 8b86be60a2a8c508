"""What a network and a platform do to the messages of a call: lost, late, double, out of order; or a call goes away.

All by one seed: the same call suffers the same, however often it is spoken.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, fields

from affekt.errors import UsageError
from affekt.service.load.sound import PIECE

_LATE = 0.5  # s: beyond what a track waits for (affekt.live.Patience.reorder)
_STALL = 0.1  # share of messages after which the line stalls, where there is jitter


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what happens; nothing by default."""

    loss: float = 0.0
    "share of messages that never come"
    reorder: float = 0.0
    "share of messages that change places with the next one of their track"
    late: float = 0.0
    "share of messages that come 0.5 s late"
    duplicate: float = 0.0
    "share of messages that come twice"
    jitter: float = 0.0
    "s: the line stalls for up to so long, then all comes at once, in order"
    vanish: float = 0.0
    "share of calls whose connection is cut without a goodbye, somewhere in the call"
    freeze: float = 0.0
    "share of calls that fall silent somewhere and stay connected"

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not 0 <= value <= 1:
                raise UsageError(f"the fault {one.name} lies between 0 and 1, got {value:g}")

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Read `loss=0.02,jitter=0.1`.

        >>> Faults.parse("loss=0.02,jitter=0.1").jitter
        0.1

        Raises:
            UsageError: no such fault, or no number between 0 and 1.
        """
        given: dict[str, float] = {}
        known = [one.name for one in fields(cls)]
        for part in filter(None, (one.strip() for one in text.split(","))):
            name, _, value = part.partition("=")
            try:
                given[name.strip()] = float(value)
            except ValueError:
                raise UsageError(f"a fault is NAME=NUMBER, such as loss=0.02; got {part!r}") from None
        if unknown := set(given) - set(known):
            raise UsageError(f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return cls(**given)

    @property
    def needs_places(self) -> bool:
        """Some of it needs messages that say where they lie."""
        return any((self.loss, self.reorder, self.late, self.duplicate))

    @property
    def disorders(self) -> bool:
        """Some of it happens to messages."""
        return self.needs_places or bool(self.jitter)


class Disorder:
    """Messages of one connection: by number in, as they are sent out.

    >>> disorder = Disorder(Faults(duplicate=1), random.Random(0), parts=1)
    >>> disorder.step(0), disorder.step(1)
    ([0, 0], [1, 1])
    """

    def __init__(self, faults: Faults, rng: random.Random, *, parts: int) -> None:
        self._faults, self._rng, self._parts = faults, rng, parts
        self._held: dict[int, list[int]] = {}
        self._stalled: list[int] = []
        self._until = 0
        self.done: Counter[str] = Counter()
        "messages that suffered, by fault"

    def step(self, number: int) -> list[int]:
        """Return which messages are sent when message `number` is due."""
        out = self._fate(number) + self._held.pop(number, [])
        return self._through(number, out) if self._faults.jitter else out

    def rest(self) -> list[int]:
        """Return what is still held back, at the end."""
        held = [one for _, late in sorted(self._held.items()) for one in late]
        out, self._held, self._stalled = self._stalled + held, {}, []
        return out

    def _fate(self, number: int) -> list[int]:
        faults, chance = self._faults, self._rng.random()
        for name in ("loss", "reorder", "late", "duplicate"):
            share = getattr(faults, name)
            if chance < share:
                self.done[name] += 1
                return self._suffer(name, number)
            chance -= share
        return [number]

    def _suffer(self, name: str, number: int) -> list[int]:
        if name == "duplicate":
            return [number, number]
        if name != "loss":
            after = 1 if name == "reorder" else round(_LATE / PIECE)
            self._held.setdefault(number + after * self._parts, []).append(number)
        return []

    def _through(self, number: int, out: list[int]) -> list[int]:
        self._stalled += out
        if number < self._until:
            return []
        out, self._stalled = self._stalled, []
        if self._rng.random() < _STALL:
            self.done["jitter"] += 1
            self._until = number + round(self._rng.uniform(0, self._faults.jitter) / PIECE) * self._parts
        return out


def fate(faults: Faults, rng: random.Random, seconds: float) -> tuple[str, float] | None:
    """Return whether a call of so many seconds vanishes or freezes, and after how many; None: neither."""
    chance, at = rng.random(), rng.uniform(0.1, 0.9) * seconds
    if chance < faults.vanish:
        return "vanish", at
    return ("freeze", at) if chance < faults.vanish + faults.freeze else None
