"""Sound as it comes -> events, written as lines of JSON or shown to people: what `replay` and `listen` share."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import click

from affekt.cli import _options
from affekt.errors import UsageError

if TYPE_CHECKING:
    from affekt.bundle import Bundle
    from affekt.live import Event, Pipeline
    from affekt.types import Mood, Role

_DRAWN = 0.1  # s from one drawing of the view to the next, where nothing happens

Roles = dict[str | None, Literal["speaker", "customer", "agent"]]

_OPTIONS = (
    click.option("--stereo", metavar="ROLES", help="Who is on which channel: left=customer,right=agent."),
    _options.SPEAKERS,
    _options.MODEL,
    click.option("--json", "as_json", is_flag=True, help="Write a line of JSON per event."),
    _options.WINDOW,
    _options.HOP,
    _options.VAD,
    _options.DENOISE,
    click.option(
        "--rule",
        "rules",
        multiple=True,
        metavar="RULE[.SETTING=VALUE]",
        help="Set an alert rule, or turn on an optional one; see docs/live.md.",
    ),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what all that hear a stream may be asked: `stereo`, `as_json`, and what `Making` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class About:
    """What is heard."""

    source: str
    rate: int
    roles: Roles
    model: Bundle
    duration: float | None = None
    "s, where it is known before"
    by_voice: bool = False
    "who speaks is told by voice, so nobody is known before"


@dataclass(frozen=True, slots=True)
class Step:
    """What has become known after some more sound."""

    heard: float
    "s since the stream began"
    events: list[Event]
    level: float | None = None
    "dBFS of the sound of this step, where a microphone is watched"
    note: str = ""
    "what should be looked after"


# What is asked for ------------------------------------------------------------------------------------------------


def roles(text: str | None) -> dict[str, Role]:
    """Channel -> role.

    >>> roles("left=customer, right=agent")
    {'left': 'customer', 'right': 'agent'}
    """
    from affekt.types import Role

    found: dict[str, Role] = {}
    for part in (text or "").split(",") if text else []:
        channel, _, role = part.strip().partition("=")
        if role not in get_args(Role) or not channel:
            raise UsageError(
                f"--stereo says who is on which channel, as in left=customer,right=agent, got {part.strip()!r}; "
                f"roles are {', '.join(get_args(Role))}"
            )
        if channel in found:
            raise UsageError(f"--stereo names channel {channel!r} twice; a channel has one role")
        found[channel] = cast("Role", role)
    return found


def _settings(rules: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Rule -> its settings."""
    found: dict[str, dict[str, Any]] = {}
    for text in rules:
        place, equals, value = text.partition("=")
        rule, dot, setting = place.partition(".")
        if not (equals or dot) and rule:
            found.setdefault(rule, {})
            continue
        if not (equals and dot and setting):
            raise UsageError(f"--rule sets one number, as in sustained.hold=4, or names a rule, got {text!r}")
        try:
            found.setdefault(rule, {})[setting] = float(value)
        except ValueError:
            found.setdefault(rule, {})[setting] = value
    return found


class Making:
    """What a stream is made from, checked before any sound is heard."""

    def __init__(
        self,
        model: str,
        rules: tuple[str, ...],
        *,
        window: float,
        hop: float,
        vad: str,
        denoise: str,
        speakers: int | None,
    ) -> None:
        from affekt import bundle
        from affekt.live import Settings, Stages
        from affekt.live.rules import defaults

        diarize: bool | int = False if speakers is None else speakers or True
        self._stages = Stages.of(vad, denoise, diarize=diarize)
        self.rules = defaults(_settings(rules))
        self.settings = Settings(window=window, hop=hop)
        self.model: Bundle = bundle.load(model)
        self.speakers = speakers

    def pipeline(self, roles: Roles) -> Pipeline:
        """Make one for a stream with these tracks."""
        from affekt.live import Pipeline

        return Pipeline(self.model, roles, settings=self.settings, rules=self.rules, stages=self._stages)


# Results ----------------------------------------------------------------------------------------------------------


def write(steps: Iterator[Step], about: About) -> Tally:
    """Write a line per event, at once, so that a reader can follow; first what is being heard."""
    tally = Tally()
    _line(
        {
            "type": "started",
            "time": 0.0,
            "source": about.source,
            "rate": about.rate,
            "tracks": {name or "speaker": role for name, role in about.roles.items()},
            "model": about.model.id,
            "licence": about.model.card.licence_line,
        }
    )
    for step in steps:
        tally.push(step)
        _warn(step, tally)
        for event in step.events:
            _line(event.to_dict())
    return tally


def _line(values: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write((json.dumps(values, ensure_ascii=False) + "\n").encode("utf-8"))
    sys.stdout.buffer.flush()


def show(steps: Iterator[Step], about: About) -> Tally:
    """Draw a moving view on a terminal; elsewhere, write a line per turn and alert. Then the sum of it."""
    from rich.console import Console

    from affekt.view.terminal import footer

    console = Console()
    tally = _draw(steps, about, console) if console.is_terminal else _tell(steps, console)
    for line in tally.words():
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    console.print(footer(about.model.card.licence_line))
    return tally


def _draw(steps: Iterator[Step], about: About, console: Any) -> Tally:
    from rich.live import Live

    from affekt.view.moving import Moving

    known: Roles = {} if about.by_voice else about.roles
    view, tally, drawn = Moving(about.source, known, duration=about.duration), Tally(), 0.0
    with Live(view, console=console, auto_refresh=False) as screen:
        for step in steps:
            tally.push(step)
            view.hear(step.heard, level=step.level, note=step.note)
            for event in step.events:
                view.push(event)
            if step.events or step.heard - drawn >= _DRAWN:
                screen.refresh()
                drawn = step.heard
        view.rest()
        screen.refresh()
    console.print()
    return tally


def _tell(steps: Iterator[Step], console: Any) -> Tally:
    """A line per event, where nothing can be redrawn."""
    from affekt.live import MoodChanged
    from affekt.view.moving import told

    moods: dict[str | None, Mood] = {}
    tally = Tally()
    for step in steps:
        tally.push(step)
        _warn(step, tally)
        for event in step.events:
            if isinstance(event, MoodChanged):
                moods[event.mood.speaker] = event.mood
            elif (line := told(event, moods)) is not None:
                console.print(line, soft_wrap=True)
    return tally


def _warn(step: Step, tally: Tally) -> None:
    """Say each note once, on standard error."""
    if step.note and step.note not in tally.notes:
        tally.notes.add(step.note)
        click.echo(step.note, err=True)


@dataclass(slots=True)
class Tally:
    """The sum of a stream: how long, who spoke, how they sounded, what was alarming, what was lost."""

    heard: float = 0.0
    "s"
    talk: dict[str | None, float] = field(default_factory=dict)
    "s of each who has spoken"
    levels: dict[str | None, dict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    "s of speech per emotion, by the levels of the moods"
    alerts: Counter[str] = field(default_factory=Counter)
    lost: float = 0.0
    "s"
    notes: set[str] = field(default_factory=set)
    "that have been said"
    _speech: dict[str | None, float] = field(default_factory=dict)

    def push(self, step: Step) -> None:
        """Take what has become known."""
        from affekt.live import AlertChanged, Gap, MoodChanged, TalkTime

        self.heard = max(self.heard, step.heard)
        for event in step.events:
            match event:
                case TalkTime():
                    self.talk = dict(event.seconds)
                case MoodChanged():
                    self._felt(event.mood)
                case AlertChanged() if event.alert.state == "firing":
                    self.alerts[event.alert.rule] += 1
                case Gap() if event.kind == "lost":
                    self.lost += event.segment.duration

    def _felt(self, mood: Mood) -> None:
        new = mood.speech - self._speech.get(mood.speaker, 0.0)
        self._speech[mood.speaker] = mood.speech
        for name, level in mood.levels.items():
            self.levels[mood.speaker][name] += new * level

    def words(self) -> Iterator[str]:
        """Say it, a line per thing."""
        from affekt.view.words import clock, printable

        yield f"heard {clock(self.heard)}" + ("" if any(self.talk.values()) else "; nobody spoke")
        for who, seconds in self.talk.items():
            if seconds:
                yield f"{printable(who or 'speaker')} spoke {clock(seconds)}{self._emotions(who)}"
        if self.alerts:
            yield "alerts: " + ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in sorted(self.alerts.items()))
        if self.lost:
            yield f"lost: {clock(self.lost)}"

    def _emotions(self, who: str | None) -> str:
        from affekt.view.words import percent, printable

        own = self.levels.get(who, {})
        total, ranked = sum(own.values()), sorted(own.items(), key=lambda item: -item[1])
        return "".join(f", {printable(name)} {percent(seconds / total)}" for name, seconds in ranked[:3] if total)
