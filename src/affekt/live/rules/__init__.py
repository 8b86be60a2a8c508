"""Moods -> a number, and the bounds between which an alert lives. One file = one rule.

A rule is a module with a frozen dataclass `Rule`: its fields are the settings, each with its unit below and a default,
so that a table of TOML makes one. `measure` is pure: it looks at a moment of a call and gives a number, or None
where nothing can be said; `reason` puts the number into a sentence. What a rule does not do is remember: the state
machine of `affekt.live.alerts` is the same for all, and counts the seconds on the rule's own clock.

- `enter`     the number at which evidence begins
- `hold`      s: so much evidence makes the alert fire
- `within`    s: so far back evidence counts
- `exit`      the number below which the alert begins to be over
- `release`   s below `exit` after which it is resolved
- `cooldown`  s of the call after that in which the rule is silent

`CLOCK` is "speech" for what a voice says: seconds of that speaker's speech, so that no pause makes an alert; or "call"
for what a call does: seconds in which the call was heard, not those of a pause or a loss. A rule that says
`OPTIONAL = True` is on only where it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from affekt import registry
from affekt.errors import UsageError
from affekt.types import Mood

Clock = Literal["speech", "call"]

HISTORY = 120.0
"""Seconds of a speaker's speech for which moods are kept for the rules."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a rule looks at: one speaker at one time of a call."""

    time: float
    "seconds since the stream began"
    speaker: str | None
    moods: Sequence[Mood] = ()
    "of this speaker, oldest first, back to `HISTORY`"
    fresh: bool = True
    "the last mood is new; rules on the clock of speech are asked only then"
    silence: float = 0.0
    "seconds for which nobody has spoken, as far as was heard"
    overlap: float = 0.0
    "seconds of the last 30 in which this speaker and another spoke at once"
    heard: float = 0.0
    "seconds of the call that were heard"

    @property
    def mood(self) -> Mood | None:
        """The last mood, or None before the first and where it is too uncertain to act on."""
        return self.moods[-1] if self.moods and not self.moods[-1].uncertain else None

    def before(self, seconds: float) -> Mood | None:
        """Give the last mood that is at least so many seconds of speech older, and certain enough to compare with.

        >>> moods = [Mood(t, None, {"calm": 1.0}, speech=t) for t in (1.0, 2.0, 3.0)]
        >>> Moment(3.0, None, moods).before(1.5).time
        1.0
        """
        limit = self.moods[-1].speech - seconds if self.moods else 0.0
        old = [mood for mood in self.moods if mood.speech <= limit and not mood.uncertain]
        return old[-1] if old else None


class Rule(Protocol):
    """What a file of this folder owes, in a frozen dataclass called `Rule`."""

    CLOCK: ClassVar[Clock]

    @property
    def enter(self) -> float:
        """At which evidence begins."""

    @property
    def exit(self) -> float:
        """Below which the alert begins to be over."""

    @property
    def hold(self) -> float:
        """Seconds of evidence that make it fire."""

    @property
    def within(self) -> float:
        """Seconds so far back evidence counts."""

    @property
    def release(self) -> float:
        """Seconds below `exit` after which it is resolved."""

    @property
    def cooldown(self) -> float:
        """Seconds of the call after that in which the rule is silent."""

    def measure(self, moment: Moment) -> float | None:
        """Give the number that is held against `enter` and `exit`; None: nothing can be said."""

    def reason(self, moment: Moment, value: float, held: float) -> str:
        """Say in a sentence, with the numbers, why the alert fires: `held` seconds of evidence, now `value`."""


@dataclass(frozen=True, slots=True)
class Named:
    """A rule with the name by which its alerts go; two of one file may have different settings."""

    name: str
    rule: Rule = field(compare=False)


def load(name: str, settings: Mapping[str, Any] | None = None, *, called: str | None = None) -> Named:
    """Make the rule `name` with its defaults, or with some settings of one's own.

    Args:
        name: a file of this folder.
        settings: fields of its `Rule`.
        called: the name by which its alerts go, where one rule is wanted twice.

    Raises:
        UnknownNameError: there is no such rule; the message lists them.
        UsageError: an unknown setting, or values that contradict each other.

    >>> load("sustained", {"emotion": "sadness", "hold": 10.0}).rule.hold
    10.0
    """
    from affekt import config

    kind = registry.load("live.rules", name).Rule
    made: Rule = config.parse(kind, dict(settings or {}), source=f"rule {name}")
    return Named(called or name, made)


def defaults(settings: Mapping[str, Mapping[str, Any]] | None = None) -> list[Named]:
    """Make the rules that are on, with their defaults; those that are `OPTIONAL` where they are given settings.

    Args:
        settings: rule -> settings that should be others.

    Raises:
        UnknownNameError: there is no such rule; the message lists them.
        UsageError: an unknown setting, or values that contradict each other.

    >>> [named.name for named in defaults()][:2]
    ['cross_talk', 'rising_arousal']
    >>> [named.name for named in defaults({"low_valence": {"hold": 30.0}})][:2]
    ['cross_talk', 'low_valence']
    """
    names, own = registry.names("live.rules"), dict(settings or {})
    for name in own:
        registry.load("live.rules", name)
    return [load(name, own.get(name)) for name in names if name in own or not _optional(name)]


def _optional(name: str) -> bool:
    return bool(getattr(registry.load("live.rules", name).Rule, "OPTIONAL", False))


def check(rule: Rule, *, top: float = math.inf) -> None:
    """Refuse settings that contradict each other, or with which an alert could never fire; every rule asks for it.

    Args:
        rule: with `over` (s) or `level` where it has them.
        top: the largest number that it can measure.

    Raises:
        UsageError: the bounds are the wrong way round, or a number is out of range.
    """
    if not (math.isfinite(rule.enter) and math.isfinite(rule.exit) and rule.enter <= top):
        raise UsageError(f"enter must be a number up to {top:g}, got {rule.enter!r}: the alert would never fire")
    if not rule.exit <= rule.enter:
        raise UsageError(
            f"exit ({rule.exit:g}) must not be above enter ({rule.enter:g}): an alert would end as it fires"
        )
    bounds = dict.fromkeys(("hold", "within", "release", "cooldown"), (0.0, 3600.0, " s"))
    for name, (low, high, unit) in {**bounds, "over": (1.0, HISTORY, " s"), "level": (0.0, 1.0, "")}.items():
        value = getattr(rule, name, low)
        if not low <= value <= high:
            raise UsageError(f"{name} must be {low:g} to {high:g}{unit}, got {value!r}")
    if rule.within < rule.hold:
        raise UsageError(f"within ({rule.within:g} s) must not be shorter than hold ({rule.hold:g} s)")
