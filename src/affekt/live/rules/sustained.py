"""One emotion for long: its smoothed level stays high while the speaker goes on speaking. By default, anger.

Pending, firing, resolved as in telephony alerting (Prometheus' `for` and `keep_firing_for`), on the clock of speech.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from affekt.live.rules import Clock, Moment, check


@dataclass(frozen=True, slots=True)
class Rule:
    """Sustained emotion.

    >>> from affekt.types import Mood
    >>> moment = Moment(9.0, "left", [Mood(9.0, "left", {"anger": 0.8, "neutral": 0.1}, speech=9.0)])
    >>> Rule().reason(moment, Rule().measure(moment), held=4.0)
    'anger at 0.80 (0.35 or more for 4.0 s of speech)'
    """

    CLOCK: ClassVar[Clock] = "speech"
    emotion: str = "anger"
    "a label of the model"
    enter: float = 0.35
    "level in [0, 1]"
    exit: float = 0.25
    "level in [0, 1]"
    hold: float = 4.0
    "s of speech"
    within: float = 20.0
    "s of speech"
    release: float = 10.0
    "s of speech"
    cooldown: float = 60.0
    "s"

    def __post_init__(self) -> None:
        check(self, top=1.0)

    def measure(self, moment: Moment) -> float | None:
        """Give the level of the emotion; None where the model does not know it."""
        return moment.mood.levels.get(self.emotion) if moment.mood else None

    def reason(self, moment: Moment, value: float, held: float) -> str:
        """Name the emotion, its level and the seconds."""
        return f"{self.emotion} at {value:.2f} ({self.enter:.2f} or more for {held:.1f} s of speech)"
