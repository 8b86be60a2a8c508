"""Recording, what is asked for -> the one window to explain. The recognizer hears the recording; who listens keeps one.

What is kept is exactly what was judged: nothing is read or cut a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from affekt.bundle import Bundle, Card
from affekt.errors import AudioError, UsageError
from affekt.recognizer import Recognizer
from affekt.timeline import Timeline, Turn
from affekt.types import LabelSet, Prediction, Segment, Window
from affekt.view.words import clock

Worth = Callable[[Window, Prediction], float | None]
"""How much a window is wanted; None not at all."""
Hear = Callable[[Recognizer], Timeline]


@dataclass
class Keeper:
    """A model that keeps the window it is asked to keep, and judges as the model inside does."""

    model: Bundle
    worth: Worth
    best: float = float("-inf")
    window: Window | None = None

    @property
    def id(self) -> str:
        """Name and version."""
        return self.model.id

    @property
    def card(self) -> Card:
        """Of the model inside."""
        return self.model.card

    @property
    def labels(self) -> LabelSet:
        """Of the model inside."""
        return self.model.labels

    def predict(self, windows: Sequence[Window]) -> list[Prediction]:
        """Judge, and look at each window."""
        found = self.model.predict(windows)
        for window, said in zip(windows, found, strict=True):
            worth = self.worth(window, said)
            if worth is not None and worth > self.best:
                self.best, self.window = worth, window
        return found


@dataclass(frozen=True, slots=True)
class Choice:
    """Which window is wanted: of a turn, at a time, or else the one that is most sure."""

    turn: int | None = None
    "counted from 1, as in the timeline"
    time: float | None = None
    "seconds"
    target: str | None = None

    def __post_init__(self) -> None:
        if self.turn is not None and self.time is not None:
            raise UsageError("choose a window by --turn or by --time, not by both")


def find(
    model: Bundle, choice: Choice, hear: Hear, settings: Callable[[Keeper], Recognizer]
) -> tuple[Window, Timeline]:
    """Return the window to explain, and the recording's timeline.

    Raises:
        AudioError: nothing in the recording was judged, or not where it was asked for.
        UsageError: there is no such turn, or it is an agent's or too short to be judged.
        UnknownNameError: the model has no such emotion.
    """
    if choice.target is not None:
        model.labels.index(choice.target)
    keeper = Keeper(model, _worth(choice))
    timeline = hear(settings(keeper))
    if choice.turn is not None:
        turn = _turn(timeline, choice.turn)
        keeper = Keeper(model, _within(turn, choice.target or _emotion(turn)))
        timeline = hear(settings(keeper))
    if keeper.window is None:
        raise AudioError(f"{timeline.source}: {_nothing(choice, timeline)}")
    return keeper.window, timeline


def _worth(choice: Choice) -> Worth:
    if choice.time is not None:
        return _at(choice.time)
    return lambda window, said: _prob(said, choice.target)


def _at(time: float) -> Worth:
    """Of the windows that hold the time, the one whose middle is nearest."""

    def worth(window: Window, said: Prediction) -> float | None:
        at = window.signal.segment
        return -abs((at.start + at.end) / 2 - time) if at.start <= time <= at.end else None

    return worth


def _within(turn: Turn, target: str) -> Worth:
    def worth(window: Window, said: Prediction) -> float | None:
        own = window.speaker == turn.speaker and _inside(window.signal.segment, turn.segment)
        return _prob(said, target) if own else None

    return worth


def _inside(part: Segment, whole: Segment) -> bool:
    return part.start >= whole.start - 1e-6 and part.end <= whole.end + 1e-6


def _prob(said: Prediction, target: str | None) -> float:
    return said.confidence if target is None else said.probs[said.labels.index(target)]


def _turn(timeline: Timeline, number: int) -> Turn:
    if not 1 <= number <= len(timeline.turns):
        raise UsageError(f"there is no turn {number}: {timeline.source} has {len(timeline.turns)}, counted from 1")
    turn = timeline.turns[number - 1]
    if turn.role == "agent":
        raise UsageError(
            f"turn {number} is the agent's: an agent's voice is never judged, so there is nothing to explain"
        )
    if turn.prediction is None:
        raise UsageError(f"turn {number} was not judged: it is silent or too short")
    return turn


def _emotion(turn: Turn) -> str:
    if turn.prediction is None:
        raise UsageError("a turn that was not judged cannot be explained")
    return turn.prediction.emotion


def _nothing(choice: Choice, timeline: Timeline) -> str:
    if choice.time is None:
        return "; ".join(["nothing in it was judged", *timeline.notes])
    judged = [turn.segment for turn in timeline.turns if turn.prediction]
    spans = ", ".join(f"{clock(at.start)} to {clock(at.end)}" for at in judged[:6])
    return f"nothing was judged at {choice.time:g} s; judged were {spans or 'no turns'}"
