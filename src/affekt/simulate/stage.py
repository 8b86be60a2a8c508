"""Script, cast -> lines in their places, with their sound. Pauses, overlaps, backchannels; to the sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from affekt.simulate.cast import RATE, Cast, speech
from affekt.simulate.script import CALM, Part
from affekt.simulate.truth import Aside, Line, Side
from affekt.types import Samples, Segment

_PAUSE = (0.12, 0.45)  # s between two lines of a turn; shorter than what ends a turn
_GAP = (0.15, 0.9)  # s between two speakers
_OVERLAP, _BY = 0.15, (0.25, 0.8)  # share of changes at which one starts early; by s
_BACKCHANNEL, _SHORT = 0.35, (0.25, 0.5)  # share of turns with one; s
_LINES: Mapping[Side, tuple[int, int]] = {"customer": (1, 3), "agent": (1, 2)}
_UPSET = (2, 4)  # lines of a customer's turn in an episode
_FADE = round(0.02 * RATE)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A line, and what it sounds like."""

    line: Line
    start: int
    "samples"
    samples: Samples


@dataclass
class Stage:
    """Where a call is performed."""

    cast: Cast
    people: Mapping[Side, str]
    rng: np.random.Generator
    placed: list[Placed] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)
    at: int = RATE // 2
    "samples: end of what was said last"
    _left: dict[tuple[Side, str], list[str]] = field(default_factory=dict)

    def perform(self, parts: Sequence[Part]) -> None:
        """Speak a script, part by part, from half a second on."""
        due = self.at
        for part in parts:
            due += round(part.seconds * RATE)
            if part.what == "talk":
                self._talk(part.emotion, due)
            else:
                self._aside(part)
        self.placed.sort(key=lambda one: (one.start, one.line.speaker))

    def _aside(self, part: Part) -> None:
        start, self.at = self.at + RATE // 2, self.at + RATE // 2 + round(part.seconds * RATE)
        side: Side = "customer" if part.what == "keys" else "agent"
        assert part.what != "talk"  # noqa: S101 - for the type alone
        self.asides.append(Aside(part.what, side, Segment(start / RATE, self.at / RATE)))

    def _talk(self, emotion: str, due: int) -> None:
        """Take turns until the part is over; the customer has at least one, in the part's emotion."""
        side: Side = "customer" if self.placed else "agent"
        spoken = False
        while self.at < due or not spoken:
            self._turn(side, emotion if side == "customer" else CALM)
            spoken |= side == "customer"
            side = "agent" if side == "customer" else "customer"

    def _turn(self, side: Side, emotion: str) -> None:
        least, most = _UPSET if emotion != CALM else _LINES[side]
        early = self.placed and self.rng.random() < _OVERLAP
        start = self.at + round((-self.rng.uniform(*_BY) if early else self.rng.uniform(*_GAP)) * RATE)
        start = max(start, self._free(side), round(self.asides[-1].segment.end * RATE) if self.asides else 0)
        begun = start
        for number in range(int(self.rng.integers(least, most + 1))):
            start += round(self.rng.uniform(*_PAUSE) * RATE) if number else 0
            start = self._line(side, emotion, start)
        if self.rng.random() < _BACKCHANNEL:
            self._nod("agent" if side == "customer" else "customer", begun, start)
        self.at = max(self.at, start)

    def _line(self, side: Side, emotion: str, start: int) -> int:
        take = self._take(side, emotion)
        return self._place(side, emotion, start, self.cast.sound(self.people[side], take), take)

    def _nod(self, side: Side, begun: int, end: int) -> None:
        """Say something short while the other one speaks: the beginning of a calm clip."""
        take = self._take(side, CALM)
        long = round(self.rng.uniform(*_SHORT) * RATE)
        sound = faded(self.cast.sound(self.people[side], take)[:long])
        first = max(begun + RATE // 2, self._free(side))
        if first + len(sound) < end - RATE // 2:
            self._place(
                side, CALM, int(self.rng.integers(first, end - RATE // 2 - len(sound))), sound, take, short=True
            )

    def _place(self, side: Side, emotion: str, start: int, samples: Samples, take: str, *, short: bool = False) -> int:
        end = start + len(samples)
        line = Line(side, emotion, Segment(start / RATE, end / RATE), speech(samples), take, short)
        self.placed.append(Placed(line, start, samples))
        return end

    def _free(self, side: Side) -> int:
        """When this one has ended: nobody speaks over themselves."""
        own = [one.start + len(one.samples) for one in self.placed if one.line.speaker == side]
        return max(own, default=-RATE) + RATE // 10

    def _take(self, side: Side, emotion: str) -> str:
        """Draw a clip; none comes twice before all have come."""
        left = self._left.setdefault((side, emotion), [])
        if not left:
            own = self.cast.takes(self.people[side])[emotion]
            left += [own[i] for i in self.rng.permutation(len(own))]
        return left.pop()


def faded(samples: Samples) -> Samples:
    """Fade the edges over 20 ms, so that a cut does not click."""
    ramp = np.linspace(0, 1, _FADE, dtype=np.float32)[: len(samples)]
    out = samples.copy()
    out[: len(ramp)] *= ramp
    out[len(out) - len(ramp) :] *= ramp[::-1]
    return out


def channels(placed: Sequence[Placed], count: int) -> dict[Side, Samples]:
    """Add up what each side says, over `count` samples."""
    sides: tuple[Side, ...] = ("customer", "agent")
    found = {side: np.zeros(count, np.float32) for side in sides}
    for one in placed:
        found[one.line.speaker][one.start : one.start + len(one.samples)] += one.samples
    return found


def lines(placed: Sequence[Placed]) -> Iterator[Line]:
    """Take the lines without their sound."""
    return (one.line for one in placed)
