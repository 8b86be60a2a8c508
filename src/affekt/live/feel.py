"""Predictions -> moods and alerts. The last step of the core: what was judged becomes a trajectory per speaker."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from affekt.audio import RATE
from affekt.errors import UsageError
from affekt.live.alerts import Alerts
from affekt.live.events import AlertChanged, Event, MoodChanged, WindowJudged
from affekt.live.rules import HISTORY, Moment, Named
from affekt.live.tick import Floored, Heard
from affekt.live.trajectory import Smoothing, Trajectory
from affekt.types import Alert, Mood, Prediction, Role, Window

_MOODS = 1280  # never more than this; at the shortest hop, 0.1 s, there are 1200 in `HISTORY`


class Feel:
    """Follows everybody who is judged in one stream."""

    def __init__(
        self,
        roles: dict[str | None, Role],
        *,
        smoothing: Smoothing,
        rules: Sequence[Named] | None = None,
        snr: float | None = None,
    ) -> None:
        self._smoothing = smoothing
        self._snr = snr
        self._alerts = Alerts(rules)
        self._people: dict[str | None, _Person] = {}
        for speaker, role in roles.items():
            if role != "agent":
                self._person(speaker)

    def push(self, heard: Heard, said: Sequence[Prediction]) -> Iterator[Event]:
        """Take what was heard in a tick, and what the model says of its windows, in order."""
        if len(said) != len(heard.windows):
            raise UsageError(
                f"{len(heard.windows)} windows were heard, got {len(said)} predictions; judge each of them"
            )
        predictions, time, floor = iter(said), heard.at / RATE, heard.floor
        for item in heard.items:
            if isinstance(item, Window):
                yield from self._judged(item, next(predictions), time, floor)
            else:
                yield item
        for who, person in self._people.items():
            yield from self._changed(time, self._alerts.look(person.moment(time, who, floor, fresh=False)))

    def _judged(self, window: Window, said: Prediction, time: float, floor: Floored) -> Iterator[Event]:
        if self._snr is not None and window.snr is not None and window.snr < self._snr:
            said = replace(said, uncertain=True)
        yield WindowJudged(time, said, window.role, window.turn, window.final, window.snr)
        person = self._person(window.speaker)
        mood = person.follow(said, window.snr)
        yield MoodChanged(time, mood)
        yield from self._changed(time, self._alerts.look(person.moment(time, window.speaker, floor, fresh=True)))

    def acknowledge(self, rule: str, speaker: str | None, time: float) -> list[Event]:
        """Say that somebody has seen an alert."""
        self._check(speaker)
        return list(self._changed(time, self._alerts.acknowledge(rule, speaker)))

    def snooze(self, rule: str, speaker: str | None, time: float, seconds: float) -> list[Event]:
        """Hear nothing of a rule for a while."""
        self._check(speaker)
        if not 0 < seconds <= 86400:
            raise UsageError(f"an alert is snoozed for up to a day, 86400 s, got {seconds!r}")
        return list(self._changed(time, self._alerts.snooze(rule, speaker, until=time + seconds)))

    def finish(self, time: float) -> Iterator[Event]:
        """End the stream: what still fires expires."""
        yield from self._changed(time, self._alerts.finish())

    def _changed(self, time: float, alerts: Sequence[Alert]) -> Iterator[Event]:
        return (AlertChanged(time, alert) for alert in alerts)

    def _person(self, speaker: str | None) -> _Person:
        if speaker not in self._people:
            self._people[speaker] = _Person(self._smoothing)
        return self._people[speaker]

    def _check(self, speaker: str | None) -> None:
        if speaker not in self._people:
            known: Any = ", ".join(str(who) for who in self._people) or "nobody"
            raise UsageError(f"nobody called {speaker!r} is judged here; there is {known}")


class _Person:
    """One speaker's trajectory, and the moods that the rules look back on."""

    def __init__(self, smoothing: Smoothing) -> None:
        self._trajectory = Trajectory(smoothing)
        self._moods: deque[Mood] = deque(maxlen=_MOODS)

    def follow(self, said: Prediction, snr: float | None) -> Mood:
        mood = replace(self._trajectory.push(said), snr=snr)
        self._moods.append(mood)
        while self._moods[0].speech < mood.speech - HISTORY:
            self._moods.popleft()
        return mood

    def moment(self, time: float, speaker: str | None, floor: Floored, *, fresh: bool) -> Moment:
        overlap = floor.overlap.get(speaker, 0.0)
        return Moment(time, speaker, self._moods, fresh, floor.silence, overlap, floor.heard)
