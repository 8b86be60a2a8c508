"""Two who speak at once, again and again. Needs a track per speaker; says nothing of anybody's emotions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from affekt.live.rules import Clock, Moment, check


@dataclass(frozen=True, slots=True)
class Rule:
    """Cross-talk. The number is the seconds of the last 30 in which both spoke.

    >>> moment = Moment(60.0, "left", overlap=6.5)
    >>> Rule().reason(moment, Rule().measure(moment), held=0.0)
    'two spoke at once for 6.5 of the last 30 s'
    """

    CLOCK: ClassVar[Clock] = "call"
    enter: float = 8.0
    "s of the last 30"
    exit: float = 2.0
    "s of the last 30"
    hold: float = 0.0
    "s"
    within: float = 30.0
    "s"
    release: float = 5.0
    "s"
    cooldown: float = 60.0
    "s"

    def __post_init__(self) -> None:
        check(self)

    def measure(self, moment: Moment) -> float | None:
        """Give the seconds of overlap."""
        return moment.overlap

    def reason(self, moment: Moment, value: float, held: float) -> str:
        """Say how much of the time."""
        return f"two spoke at once for {value:.1f} of the last 30 s"
