"""A mood that turns within a few seconds of speech, whatever from; to calm is no alarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from affekt.live.rules import Clock, Moment, check

_CALM = ("boredom", "calm", "neutral")  # nobody needs to be told of them


@dataclass(frozen=True, slots=True)
class Rule:
    """Sudden change.

    >>> from affekt.types import Mood
    >>> levels = ({"anger": 0.1, "neutral": 0.9}, {"anger": 0.8, "neutral": 0.3})
    >>> moment = Moment(9.0, None, [Mood(t, None, l, speech=t) for t, l in zip((4.0, 9.0), levels)])
    >>> Rule().reason(moment, Rule().measure(moment), held=1.0)
    'from neutral to anger within 5 s of speech (anger +0.70)'
    """

    CLOCK: ClassVar[Clock] = "speech"
    OPTIONAL: ClassVar[bool] = True  # a model that is too sure of itself jumps on calm speech, several times an hour
    over: float = 5.0
    "s of speech: how far back the mood is compared with itself"
    enter: float = 0.50
    "largest rise of a level, in [0, 1]"
    exit: float = 0.20
    "largest rise of a level"
    hold: float = 1.0
    "s of speech"
    within: float = 5.0
    "s of speech"
    release: float = 5.0
    "s of speech"
    cooldown: float = 30.0
    "s"

    def __post_init__(self) -> None:
        check(self, top=1.0)

    def measure(self, moment: Moment) -> float | None:
        """Give the rise of the emotion that leads now, where another led then and this one is no calm; else 0."""
        now, then = moment.mood, moment.before(self.over)
        if now is None or then is None:
            return None
        if now.emotion == then.emotion or now.emotion in _CALM:
            return 0.0
        return now.levels[now.emotion] - then.levels.get(now.emotion, 0.0)

    def reason(self, moment: Moment, value: float, held: float) -> str:
        """Say from what to what, and by how much."""
        then, now = moment.before(self.over), moment.moods[-1]
        was = then.emotion if then else "nothing"
        return f"from {was} to {now.emotion} within {self.over:g} s of speech ({now.emotion} {value:+.2f})"
