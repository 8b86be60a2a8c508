"""Events -> lines for people, while they come: per speaker the mood, and a tape of a letter per second; then alerts.

`Moving` is what a terminal shows and redraws; `told` is a line per event, for where nothing can be redrawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from affekt.live import (
    AlertChanged,
    Event,
    Gap,
    MoodChanged,
    Overlap,
    Paused,
    Resumed,
    TalkTime,
    TurnEnded,
    TurnStarted,
    WindowJudged,
)
from affekt.types import Alert, Mood, Role
from affekt.view.palette import ink, paint
from affekt.view.terminal import bar, fitted, sparkline
from affekt.view.words import clock, percent, printable, signed

_BOLD, _DIM, _PLAIN = Style(bold=True), Style(dim=True), Style()
_ALARM = {"firing": Style(bold=True, color="#de4e15"), "acknowledged": Style(color="#de4e15")}
_TAPE = 600
"seconds of tape that are kept"
_ALERTS = 5
"lines of alerts"
_METER, _FAINT = 12, -60.0
"steps of sound that are shown; dBFS of the lowest sign"
_SMALL = "small: unsure"
_RULER = 10
"seconds between two marks below the tapes"
_WHO, _EMOTION, _AFFECT = 9, 12, 30
"characters"


@dataclass(slots=True)
class _Person:
    """What is shown of one speaker."""

    role: Role
    mood: Mood | None = None
    since: float | None = None
    "s: start of the turn that is being spoken"
    talk: float = 0.0
    "s"
    share: float = 0.0
    tape: dict[int, tuple[str, Style]] = field(default_factory=dict)
    "second -> what stands there"
    arousal: dict[int, tuple[str, Style]] = field(default_factory=dict)
    "second -> a sign that is the higher, the more excited, in the colour of the mood"
    marked: float = 0.0
    "s: end of what the tape has letters for"
    fresh: range = range(0)
    "seconds that the last window has marked"

    def mark(self, sign: str, style: Style, start: float, end: float) -> None:
        first = int(max(start, self.marked))
        self.fresh = range(first, max(first + 1, round(end)))
        self.tape |= dict.fromkeys(self.fresh, (sign, style))
        self.marked = max(self.marked, end)
        _forget(self.tape)

    def feel(self, mood: Mood) -> None:
        self.mood = mood
        if mood.affect is not None:
            sign = sparkline([mood.affect.arousal]), Style(color=paint(mood.emotion).dark)
            self.arousal |= dict.fromkeys(self.fresh, sign)
            _forget(self.arousal)


def _forget(tape: dict[int, Any]) -> None:
    for old in list(islice(tape, max(0, len(tape) - _TAPE))):
        del tape[old]


class Moving:
    """A rich renderable of a stream; push events, then draw it again."""

    def __init__(self, source: str, roles: Mapping[str | None, Role], *, duration: float | None = None) -> None:
        """Begin with everybody silent.

        Args:
            source: what stands above.
            roles: speaker -> role.
            duration: seconds of the whole, where that is known.
        """
        self.now = 0.0
        self._source, self._duration = source, duration
        self._people = {who: _Person(role) for who, role in roles.items()}
        self._alerts: deque[tuple[float, Alert]] = deque(maxlen=_ALERTS)
        self._paused = False
        self._meter: deque[float] | None = None
        self._note = ""
        self._emotions: dict[str, None] = {}

    def hear(self, now: float, *, level: float | None = None, note: str = "") -> None:
        """Take how far the stream is.

        Args:
            now: seconds that were heard.
            level: dBFS of the last sound, where a microphone is watched.
            note: what should be looked after, or nothing.
        """
        self.now, self._note = max(self.now, now), note
        if level is not None:
            self._meter = self._meter if self._meter is not None else deque([_FAINT] * _METER, maxlen=_METER)
            self._meter.append(level)

    def rest(self) -> None:
        """Take that the stream has ended."""
        self._meter = None
        for person in self._people.values():
            person.since = None

    def push(self, event: Event) -> None:
        """Take what has become known."""
        self.now = max(self.now, event.time)
        match event:
            case TurnStarted():
                self._person(event.speaker, event.role).since = event.start
            case TurnEnded():
                person = self._person(event.speaker, event.role)
                person.since = None
                if person.role == "agent":
                    person.mark("─", _DIM, event.segment.start, event.segment.end)
            case WindowJudged():
                self._judged(event)
            case MoodChanged():
                self._person(event.mood.speaker).feel(event.mood)
            case TalkTime():
                self._talked(event)
            case AlertChanged():
                self._alerts.append((event.time, event.alert))
            case Paused() | Resumed():
                self._paused = isinstance(event, Paused)

    def _person(self, who: str | None, role: Role = "speaker") -> _Person:
        return self._people.setdefault(who, _Person(role))

    def _judged(self, event: WindowJudged) -> None:
        said, colour = event.prediction, paint(event.prediction.emotion)
        self._emotions.setdefault(event.prediction.emotion)
        letter = colour.mark.lower() if said.uncertain else colour.mark
        style = _DIM if said.uncertain else Style(color=ink(colour.dark), bgcolor=colour.dark)
        self._person(said.speaker, event.role).mark(letter, style, said.segment.start, said.segment.end)

    def _talked(self, event: TalkTime) -> None:
        total = sum(seconds for _, seconds in event.seconds) or 1.0
        for who, seconds in event.seconds:
            person = self._person(who)
            person.talk, person.share = seconds, seconds / total

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, wrapped and indented by two."""
        yield from fitted(self._lines(options.max_width - 2), console, options)

    def _lines(self, width: int) -> Iterator[Text]:
        length = f" of {clock(self._duration)}" if self._duration else ""
        held = "  paused" if self._paused else ""
        yield Text.assemble(
            (printable(self._source), _BOLD), (f"  {clock(self.now)}{length}{held}", _DIM), *self._sound()
        )
        if self._note:
            yield Text(printable(self._note), _ALARM["firing"])
        yield Text()
        room = max(8, width - _WHO - 1)
        for who, person in self._people.items():
            yield self._line(who, person, width)
            if person.arousal:
                yield Text.assemble((f"{'arousal':>{_WHO}} ", _DIM), *self._curve(person, room))
            yield Text.assemble(" " * (_WHO + 1), *self._tape(person, room))
        yield Text.assemble(" " * (_WHO + 1), (self._ruler(room), _DIM))
        if self._emotions:
            yield Text.assemble(" " * (_WHO + 1), *self._legend(room))
        if self._alerts:
            yield Text()
        for time, alert in self._alerts:
            yield _alert(time, alert)

    def _line(self, who: str | None, person: _Person, width: int) -> Text:
        name = f"{printable(who or 'speaker')[:_WHO]:<{_WHO}} "
        speaks = "speaks " if person.since is not None else "       "
        talk = f"  {clock(person.talk)} ({percent(person.share)})"
        if person.role == "agent":
            return Text.assemble((name, _BOLD), speaks, ("agent: talk time only", _DIM), (talk, _DIM))
        rest = width - len(name) - len(speaks) - _EMOTION - 7 - len(talk)
        felt = rest - _AFFECT >= 6
        mood = _mood(person.mood, max(4, min(20, rest - _AFFECT * felt)), affect=felt)
        return Text.assemble((name, _BOLD), speaks, *mood, (talk, _DIM))

    def _sound(self) -> Iterator[tuple[str, Style]]:
        """The last second of the microphone."""
        if self._meter is not None:
            shown = sparkline([2 * min(1.0, max(0.0, 1 - level / _FAINT)) - 1 for level in self._meter])
            yield f"  {shown}", Style(color=paint("calm").dark)
            yield f" {max(self._meter[-1], _FAINT):.0f} dBFS", _DIM

    def _seconds(self, width: int) -> range:
        """What is in sight: the last ones."""
        end = int(self.now) + 1
        return range(max(0, end - width), end)

    def _ruler(self, width: int) -> str:
        """A time below every tenth second, as far as it fits."""
        seconds = self._seconds(width)
        marks = [" "] * len(seconds)
        for second in seconds:
            text = f"{second // 60}:{second % 60:02}"
            place = second - seconds.start
            if second % _RULER == 0 and place + len(text) <= width:
                marks[place : place + len(text)] = text
        return "".join(marks)

    def _legend(self, width: int) -> Iterator[tuple[str, Style]]:
        """The letters in sight, as far as they fit."""
        shown = self._seconds(width)
        letters = {person.tape[at][0].upper() for person in self._people.values() for at in shown if at in person.tape}
        for emotion in self._emotions:
            mark, name = paint(emotion).mark, f" {printable(emotion)}  "
            if mark in letters and (width := width - 1 - len(name)) >= 0:
                yield mark, Style(color=paint(emotion).dark, bold=True)
                yield name, _DIM
        if width >= len(_SMALL):
            yield _SMALL, _DIM

    def _curve(self, person: _Person, width: int) -> Iterator[tuple[str, Style]]:
        for second in self._seconds(width):
            yield person.arousal.get(second, (" ", _PLAIN))

    def _tape(self, person: _Person, width: int) -> Iterator[tuple[str, Style]]:
        for second in self._seconds(width):
            waiting = person.since is not None and second >= person.since
            yield person.tape.get(second, ("░" if waiting else "·", _DIM))


def told(event: Event, moods: Mapping[str | None, Mood]) -> Text | None:
    """Say one event in a line, None of those that would only fill the screen.

    Args:
        event: what has become known.
        moods: the last mood of each speaker.
    """
    match event:
        case TurnEnded():
            start, end = clock(event.segment.start), clock(event.segment.end)
            place = f"{start} – {end}  {printable(event.speaker or ''):<{_WHO}} "
            if event.role == "agent":
                return Text.assemble(place, ("agent: talk time only", _DIM))
            return Text.assemble(place, *_mood(moods.get(event.speaker), 12))
        case AlertChanged():
            return _alert(event.time, event.alert)
        case Gap():
            start, end = clock(event.segment.start), clock(event.segment.end)
            return Text(f"{start} – {end}  {printable(event.track or ''):<{_WHO}} {event.kind}", _DIM)
        case Overlap():
            start, end = clock(event.segment.start), clock(event.segment.end)
            both = " and ".join(printable(who or "speaker") for who in event.speakers)
            return Text(f"{start} – {end}  {both} speak at once", _DIM)
        case Paused() | Resumed():
            return Text(f"{clock(event.time)}  {event.type}", _DIM)
        case _:
            return None


def _mood(mood: Mood | None, width: int, *, affect: bool = True) -> Iterator[tuple[str, Style]]:
    if mood is None:
        yield "not judged yet", _DIM
        return
    level = mood.levels[mood.emotion]
    name = f"{printable(mood.emotion)} ?" if mood.uncertain else printable(mood.emotion)
    full, track = bar(level, width, hatched=mood.uncertain)
    yield f"{name:<{_EMOTION}} ", _DIM if mood.uncertain else _BOLD
    yield full, Style(color=paint(mood.emotion).dark)
    yield track, _DIM
    yield f" {percent(level):>5}", _PLAIN
    if affect and mood.affect is not None:
        yield f"  valence {signed(mood.affect.valence)} arousal {signed(mood.affect.arousal)}", _DIM


def _alert(time: float, alert: Alert) -> Text:
    style = _ALARM.get(alert.state, _DIM)
    who = printable(alert.speaker or "speaker")
    return Text.assemble(
        f"{clock(time)}  ",
        (f"{alert.state} {alert.rule.replace('_', ' ')}", style),
        f"  {who}: {printable(alert.reason)}",
    )
