"""What the suite asks and what comes out, as data: a test, its levels, and a result with its threshold.

A test is named FAMILY/WHAT, such as robustness/noise. Its threshold and the reason for it stand beside it, so that a
reader can disagree; `docs/stress.md` has all of them on one page, and a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from affekt.types import Signal

Change = Callable[[Signal, np.random.Generator], Signal]

SER_TESTS = "audEERING ser-tests (github.com/audeering/ser-tests)"


@dataclass(frozen=True, slots=True)
class Bound:
    """How good is good enough."""

    metric: str
    value: float
    side: Literal["least", "most"]
    "least: the value must not be below; most: not above"

    def holds(self, value: float) -> bool:
        """Say whether a value passes; NaN does not.

        >>> Bound("UAR", 0.5, "least").holds(0.51)
        True
        """
        return value >= self.value if self.side == "least" else value <= self.value


@dataclass(frozen=True, slots=True)
class Level:
    """One strength of a perturbation."""

    name: str
    "with its unit, e.g. white 10 dB"
    change: Change
    "Signal -> Signal; may be sent to another process"
    loss: float | None = None
    "most UAR, and CCC, that may be lost; None: shown, and not judged"
    agreement: float | None = None
    "least share of utterances of which the same is said; None: shown, and not judged"
    window: float | None = None
    "seconds; judged in windows of this length, one after the other, and their mean taken"


@dataclass(frozen=True, slots=True)
class Test:
    """One question to a model."""

    name: str
    asks: str
    unit: str
    "of its levels, or of its number"
    why: str
    "why this threshold, and whose it is"
    levels: tuple[Level, ...] = ()
    "of a perturbation; empty for what is asked of the recordings as they are"
    bound: Bound | None = None
    "of what has no levels"

    @property
    def family(self) -> str:
        """The part of the suite that it belongs to."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Result:
    """One number of one test on one corpus."""

    corpus: str
    test: str
    level: str
    "of the perturbation, or what was looked at: an emotion, an axis, a group"
    metric: str
    value: float | None
    "None where it could not be measured; `note` says why"
    low: float | None = None
    "95 % interval over speakers"
    high: float | None = None
    threshold: float | None = None
    "None: shown, and not judged"
    side: Literal["least", "most"] = "least"
    random: float | None = None
    "the same of a model that guesses"
    note: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    "values of groups, ..."
    alone: bool = False
    "of one speaker, so that there is no interval, and others could turn the verdict"

    @property
    def passed(self) -> bool | None:
        """Whether the threshold is met; None where there is none, or no value.

        >>> Result("emodb", "correctness/uar", "", "UAR", 0.6, threshold=0.5).passed
        True
        """
        return self._holds(self.value)

    @property
    def random_passed(self) -> bool | None:
        """The same of the model that guesses."""
        return self._holds(self.random)

    @property
    def sure(self) -> bool:
        """Whether the whole interval lies on one side of the threshold; one speaker makes nothing sure."""
        if self.alone and self.threshold is not None:
            return False
        if self.low is None or self.high is None or self.threshold is None:
            return True
        return (self.low >= self.threshold) == (self.high >= self.threshold)

    def _holds(self, value: float | None) -> bool | None:
        if value is None or self.threshold is None:
            return None
        return Bound(self.metric, self.threshold, self.side).holds(value)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Result:
        """Read the JSON form; a value that was judged and is missing was not a number, which JSON does not know.

        >>> once = Result("emodb", "correctness/uar", "", "UAR", 0.6, threshold=0.5, random=0.2)
        >>> Result.from_dict(once.to_dict()) == once
        True
        """
        guess = told.get("random") or {}
        own = {one.name: told[one.name] for one in fields(cls) if one.name in told}
        return cls(**own | {"value": _number(told), "random": _number(guess)})

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        names = ("corpus", "test", "level", "metric", "value", "low", "high", "threshold", "side", "passed", "sure")
        found = {name: getattr(self, name) for name in names}
        found["random"] = {"value": self.random, "passed": self.random_passed}
        return found | {"note": self.note, "detail": dict(self.detail), "alone": self.alone}


def _number(told: Mapping[str, Any]) -> float | None:
    value = told.get("value")
    return math.nan if value is None and told.get("passed") is not None else value
