"""Moments -> Alerts. One state machine per speaker and rule; the rule says what counts, the machine how long.

`TABLE` is all there is. A sign that a state does not know changes nothing, so nothing can happen that is not written
there. Every change into a state that people see is told once, and none is taken back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal, cast, get_args

from affekt.errors import UnknownNameError, UsageError
from affekt.live.rules import Moment, Named, defaults
from affekt.types import Alert, AlertState, Segment

State = Literal["idle", "pending", "firing", "acknowledged", "snoozed", "resolved", "expired"]
Sign = Literal["above", "held", "gone", "released", "acknowledge", "snooze", "woken", "stale", "rested", "ended"]

TABLE: dict[tuple[State, Sign], State] = {
    ("idle", "above"): "pending",  # the number has reached `enter`
    ("pending", "held"): "firing",  # it did so for `hold` seconds of the last `within`
    ("pending", "gone"): "idle",  # no evidence is left within `within`
    ("firing", "acknowledge"): "acknowledged",  # somebody has seen it
    ("firing", "released"): "resolved",  # the number was below `exit` for `release` seconds
    ("acknowledged", "released"): "resolved",
    ("firing", "stale"): "expired",  # no evidence for so long that it is history
    ("acknowledged", "stale"): "expired",
    ("firing", "ended"): "expired",  # the stream is over, and the alert was not
    ("acknowledged", "ended"): "expired",
    ("idle", "snooze"): "snoozed",  # somebody does not want to hear of it for a while
    ("pending", "snooze"): "snoozed",
    ("firing", "snooze"): "snoozed",
    ("acknowledged", "snooze"): "snoozed",
    ("snoozed", "woken"): "idle",  # that while is over
    ("resolved", "rested"): "idle",  # `cooldown` is over
    ("expired", "rested"): "idle",
}
STALE = 300.0
"""Seconds of the stream without evidence after which an alert expires."""

_FIRST = 3.0  # s of speech that the first number can be evidence of
_TOLD = get_args(AlertState)


class Alerts:
    """The alerts of one stream: all rules on all its speakers.

    >>> from affekt.live.rules import load
    >>> from affekt.types import Mood
    >>> alerts = Alerts([load("sustained", {"hold": 2.0, "within": 9.0})])
    >>> moods = [Mood(t, None, {"anger": 0.8, "calm": 0.1}, speech=t) for t in (1.0, 2.0, 3.0)]
    >>> [alert.reason for mood in moods for alert in alerts.look(Moment(mood.time, None, [mood]))]
    ['anger at 0.80 (0.35 or more for 2.0 s of speech)']
    """

    def __init__(self, rules: Sequence[Named] | None = None, *, stale: float = STALE) -> None:
        """Set the rules; those that are on by default when none are given."""
        self._rules = defaults() if rules is None else list(rules)
        names = [named.name for named in self._rules]
        if len(set(names)) < len(names):
            raise UsageError(f"two rules have one name: {', '.join(names)}; load(..., called=...) gives another")
        self._stale = stale
        self._watches: dict[str | None, dict[str, _Watch]] = {}

    def look(self, moment: Moment) -> list[Alert]:
        """Show all rules one moment of one speaker, in order of time; give what has changed."""
        return [alert for watch in self._of(moment.speaker).values() for alert in watch.look(moment)]

    def acknowledge(self, rule: str, speaker: str | None = None) -> list[Alert]:
        """Say that somebody has seen the alert; nothing changes if it is not firing.

        Raises:
            UnknownNameError: there is no such rule.
        """
        return list(self._watch(rule, speaker).sign("acknowledge"))

    def snooze(self, rule: str, speaker: str | None = None, *, until: float) -> list[Alert]:
        """Hear nothing of a rule until a time, in seconds of the stream; a firing alert ends with it.

        Raises:
            UnknownNameError: there is no such rule.
        """
        watch = self._watch(rule, speaker)
        resting = watch.state in ("resolved", "expired")  # and silent until its cooldown is over, at least
        watch.until = max(watch.until, until) if resting else until
        return list(watch.sign("snooze"))

    def state(self, rule: str, speaker: str | None = None) -> State:
        """Say in which state the machine of a rule and a speaker is.

        Raises:
            UnknownNameError: there is no such rule.
        """
        return self._watch(rule, speaker).state

    def finish(self) -> list[Alert]:
        """End the stream: what still fires expires."""
        return [alert for own in self._watches.values() for watch in own.values() for alert in watch.sign("ended")]

    def _of(self, speaker: str | None) -> dict[str, _Watch]:
        if speaker not in self._watches:
            self._watches[speaker] = {named.name: _Watch(named, speaker, self._stale) for named in self._rules}
        return self._watches[speaker]

    def _watch(self, rule: str, speaker: str | None) -> _Watch:
        known = self._of(speaker)
        if rule not in known:
            raise UnknownNameError("alert rule in use", rule, known)
        return known[rule]


class _Watch:
    """One rule on one speaker."""

    def __init__(self, named: Named, speaker: str | None, stale: float) -> None:
        self.state: State = "idle"
        self.until = 0.0  # s of the stream: end of a snooze or a cooldown
        self._name, self._rule = named.name, named.rule
        self._speaker, self._stale = speaker, stale
        self._clock: float | None = None  # s, on the rule's clock
        self._evidence: deque[tuple[float, float]] = deque()  # (clock, seconds)
        self._snrs: deque[tuple[float, float]] = deque()  # (clock, dB) of the moods in it
        self._snr: float | None = None
        self._below = 0.0  # s below exit, in one go
        self._span = Segment(0.0, 0.0)
        self._reason = ""

    def look(self, moment: Moment) -> Iterator[Alert]:
        yield from self._timers(moment.time)
        on_speech = self._rule.CLOCK == "speech"
        if on_speech and not (moment.fresh and moment.moods):
            return
        value = self._rule.measure(moment)
        passed = self._passed(moment.moods[-1].speech if on_speech else moment.heard, value)
        if value is not None and self.state in ("idle", "pending", "firing", "acknowledged"):
            yield from self._weigh(moment, value, passed)

    def _passed(self, clock: float, value: float | None) -> float:
        """Seconds since the last look; the first moods are uncertain, and the first that is not speaks for them."""
        before = self._clock
        if before is None and value is not None:
            before = max(0.0, clock - _FIRST) if self._rule.CLOCK == "speech" else clock
        if before is None:
            return 0.0
        self._clock = clock
        return clock - before

    def _timers(self, time: float) -> Iterator[Alert]:
        if self.state in ("idle", "pending"):
            return
        if time >= self.until:
            yield from self.sign("woken")
            yield from self.sign("rested")
        if time - self._span.end >= self._stale:
            yield from self.sign("stale")
            if self.state == "expired":
                self.until = max(self.until, time + self._rule.cooldown)

    def _weigh(self, moment: Moment, value: float, passed: float) -> Iterator[Alert]:
        rule, clock = self._rule, cast(float, self._clock)
        above = value >= rule.enter
        self._below = self._below + passed if value < rule.exit else 0.0
        for past in (self._evidence, self._snrs):
            while past and past[0][0] <= clock - rule.within:
                past.popleft()
        if above:
            self._gather(moment, clock, passed)
            yield from self.sign("above")
        held = sum(seconds for _, seconds in self._evidence)
        if above and held >= rule.hold - 1e-9 and self.state == "pending":
            self._reason = rule.reason(moment, value, held)
            self._snr = sum(snr for _, snr in self._snrs) / len(self._snrs) if self._snrs else None
            yield from self.sign("held")
        if not self._evidence:
            yield from self.sign("gone")
        if value < rule.exit and self._below >= rule.release:
            yield from self._release(moment, value)

    def _gather(self, moment: Moment, clock: float, passed: float) -> None:
        start = moment.time - passed if not self._evidence and self.state in ("idle", "pending") else self._span.start
        self._span = Segment(max(0.0, min(start, moment.time)), moment.time)
        self._evidence.append((clock, min(passed, self._rule.within)))
        if moment.moods and moment.moods[-1].snr is not None:
            self._snrs.append((clock, moment.moods[-1].snr))

    def _release(self, moment: Moment, value: float) -> Iterator[Alert]:
        if self.state not in ("firing", "acknowledged"):
            return
        unit = " of speech" if self._rule.CLOCK == "speech" else ""
        self._reason += f"; over: {value:.2f}, below {self._rule.exit:.2f} for {self._below:.1f} s{unit}"
        self.until = moment.time + self._rule.cooldown
        yield from self.sign("released")

    def sign(self, sign: Sign) -> Iterator[Alert]:
        """Follow the table; tell a change into a state that people see."""
        before, self.state = self.state, TABLE.get((self.state, sign), self.state)
        if self.state == before:
            return
        if self.state in ("snoozed", "resolved", "expired"):
            self._evidence.clear()
            self._snrs.clear()
            self._below = 0.0
        if self.state == "firing" or (self.state in _TOLD and before in ("firing", "acknowledged")):
            state = cast(AlertState, self.state)
            yield Alert(self._name, self._span, self._speaker, self._reason, state, self._snr)
