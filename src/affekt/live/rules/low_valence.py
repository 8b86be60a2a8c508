"""Unpleasant for long: valence stays low, without one emotion that would be called by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from affekt.live.rules import Clock, Moment, check


@dataclass(frozen=True, slots=True)
class Rule:
    """Valence below for long. The number is the negated valence, so that more is worse.

    >>> from affekt.types import Affect, Mood
    >>> moment = Moment(40.0, None, [Mood(40.0, None, {"sadness": 0.4}, Affect(-0.42, 0, 0), speech=25.0)])
    >>> Rule().reason(moment, Rule().measure(moment), held=20.0)
    'valence at -0.42 (-0.40 or less for 20.0 s of speech)'
    """

    CLOCK: ClassVar[Clock] = "speech"
    OPTIONAL: ClassVar[bool] = True  # a voice says little of valence: calm calls raise it as often as angry ones
    enter: float = 0.40
    "-valence, in [-1, 1]"
    exit: float = 0.20
    "-valence"
    hold: float = 20.0
    "s of speech"
    within: float = 30.0
    "s of speech"
    release: float = 10.0
    "s of speech"
    cooldown: float = 120.0
    "s"

    def __post_init__(self) -> None:
        check(self, top=1.0)

    def measure(self, moment: Moment) -> float | None:
        """Give the negated valence; None for a model without affect."""
        return -moment.mood.affect.valence if moment.mood and moment.mood.affect else None

    def reason(self, moment: Moment, value: float, held: float) -> str:
        """Say the valence and the seconds."""
        return f"valence at {-value:.2f} ({-self.enter:.2f} or less for {held:.1f} s of speech)"
