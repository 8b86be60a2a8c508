"""Nobody says a word after somebody was angry: a customer who gives up, or an agent who is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from affekt.live.rules import Clock, Moment, check


@dataclass(frozen=True, slots=True)
class Rule:
    """Silence after anger. The number is the seconds of silence, 0 where the last mood was no anger.

    >>> from affekt.types import Mood
    >>> moment = Moment(30.0, None, [Mood(22.0, None, {"anger": 0.7, "neutral": 0.2}, speech=9.0)], silence=8.0)
    >>> Rule().reason(moment, Rule().measure(moment), held=0.0)
    'nobody has spoken for 8.0 s, after anger at 0.70'
    """

    CLOCK: ClassVar[Clock] = "call"
    emotion: str = "anger"
    "a label of the model"
    level: float = 0.35
    "of the emotion when it fell silent, in [0, 1]"
    enter: float = 8.0
    "s of silence"
    exit: float = 1.0
    "s of silence"
    hold: float = 0.0
    "s"
    within: float = 30.0
    "s"
    release: float = 2.0
    "s"
    cooldown: float = 60.0
    "s"

    def __post_init__(self) -> None:
        check(self)

    def measure(self, moment: Moment) -> float | None:
        """Give the seconds of silence, if they follow anger."""
        mood = moment.mood
        if mood is None:
            return None
        return moment.silence if mood.levels.get(self.emotion, 0.0) >= self.level else 0.0

    def reason(self, moment: Moment, value: float, held: float) -> str:
        """Say how long, and after what."""
        level = moment.moods[-1].levels.get(self.emotion, 0.0)
        return f"nobody has spoken for {value:.1f} s, after {self.emotion} at {level:.2f}"
