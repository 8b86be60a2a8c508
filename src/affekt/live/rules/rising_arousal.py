"""A voice that grows more and more excited, against itself some speech ago: before anger is there to be named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from affekt.live.rules import Clock, Moment, check


@dataclass(frozen=True, slots=True)
class Rule:
    """Rising arousal.

    >>> from affekt.types import Affect, Mood
    >>> moods = [Mood(t, None, {"anger": 0.3}, Affect(0, a, 0), speech=t) for t, a in ((5.0, -0.1), (20.0, 0.4))]
    >>> moment = Moment(20.0, None, moods)
    >>> Rule().reason(moment, Rule().measure(moment), held=3.0)
    'arousal rose by 0.50 within 15 s of speech, to 0.40'
    """

    CLOCK: ClassVar[Clock] = "speech"
    over: float = 15.0
    "s of speech: how far back the voice is compared with itself"
    enter: float = 0.40
    "rise of arousal, which lies in [-1, 1]"
    exit: float = 0.10
    "rise of arousal"
    hold: float = 3.0
    "s of speech"
    within: float = 10.0
    "s of speech"
    release: float = 5.0
    "s of speech"
    cooldown: float = 60.0
    "s"

    def __post_init__(self) -> None:
        check(self, top=2.0)

    def measure(self, moment: Moment) -> float | None:
        """Give the rise of arousal; None before there is a past to compare with, or for a model without affect."""
        now, then = moment.mood, moment.before(self.over)
        if now is None or then is None or now.affect is None or then.affect is None:
            return None
        return now.affect.arousal - then.affect.arousal

    def reason(self, moment: Moment, value: float, held: float) -> str:
        """Say by how much, within what time, and to what."""
        now = moment.mood.affect.arousal if moment.mood and moment.mood.affect else 0.0
        return f"arousal rose by {value:.2f} within {self.over:g} s of speech, to {now:.2f}"
