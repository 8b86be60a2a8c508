"""`affekt replay`: a recording as if it came live -> events, as they become known."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import click

from affekt.cli import _options
from affekt.errors import AudioError, UsageError

if TYPE_CHECKING:
    from affekt.audio import Recording
    from affekt.bundle import Bundle
    from affekt.live import Event, Pipeline
    from affekt.types import Mood, Role

Roles = dict[str | None, Literal["speaker", "customer", "agent"]]

_BLOCK = 0.1  # s of a recording that are pushed at once, and so often the view is drawn
_EXAMPLES = """\b
Examples:
  affekt replay call.wav                                       watch it, at the speed of life
  affekt replay call.wav --stereo left=customer,right=agent    a call: the agent is not judged
  affekt replay mono.wav --speakers 2                          two on one track, told apart by voice
  affekt replay call.wav --speed max --json                    a line of JSON per event, at once
  affekt replay call.wav --speed 4 --rule sustained.hold=4     an alert rule with a setting of one's own
Exit code: 0, 1 if the recording cannot be heard, 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("file", metavar="FILE")
@click.option("--speed", default="1", show_default=True, metavar="N", help="Times the speed of life, or max.")
@click.option("--stereo", metavar="ROLES", help="Who is on which channel: left=customer,right=agent.")
@_options.SPEAKERS
@_options.MODEL
@click.option("--json", "as_json", is_flag=True, help="Write a line of JSON per event.")
@_options.WINDOW
@_options.HOP
@_options.VAD
@click.option(
    "--rule", "rules", multiple=True, metavar="RULE.SETTING=VALUE", help="Set an alert rule; see docs/live.md."
)
def command(
    file: str,
    speed: str,
    stereo: str | None,
    speakers: int | None,
    model: str,
    as_json: bool,
    window: float,
    hop: float,
    vad: str,
    rules: tuple[str, ...],
) -> None:
    """Hear a recording as if it came live: turns, moods and alerts as they become known.

    FILE is a recording, or - for standard input. Each channel is a speaker where they carry different sound.
    """
    pace, roles = _speed(speed), _roles(stereo)
    if speakers is not None and stereo:
        raise UsageError("--stereo says who speaks, so there is nobody to tell apart by voice: leave out --speakers")
    made = _Making(model, window, hop, vad, settings=_settings(rules), speakers=speakers)
    from affekt.audio import open_recording

    with open_recording(file) as recording:
        stream = _Stream(recording, roles, made)
        events = _paced(stream, pace)
        if as_json:
            _write(events, stream)
        else:
            _show(events, stream)


# What is asked for ------------------------------------------------------------------------------------------------


def _speed(text: str) -> float | None:
    """Times the speed of life; None is as fast as can be."""
    if text == "max":
        return None
    try:
        pace = float(text)
    except ValueError:
        pace = 0.0
    if not 0.1 <= pace <= 1000:
        raise UsageError(f"--speed must be 0.1 to 1000, or max, got {text!r}")
    return pace


def _roles(text: str | None) -> dict[str, Role]:
    """Channel -> role."""
    from affekt.types import Role

    found: dict[str, Role] = {}
    for part in (text or "").split(",") if text else []:
        channel, _, role = part.strip().partition("=")
        if role not in get_args(Role) or not channel:
            raise UsageError(
                f"--stereo says who is on which channel, as in left=customer,right=agent, got {part.strip()!r}; "
                f"roles are {', '.join(get_args(Role))}"
            )
        found[channel] = cast("Role", role)
    return found


def _settings(rules: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Rule -> its settings."""
    found: dict[str, dict[str, Any]] = {}
    for text in rules:
        place, equals, value = text.partition("=")
        rule, dot, setting = place.partition(".")
        if not (equals and dot and setting):
            raise UsageError(f"--rule sets one number, as in sustained.hold=4, got {text!r}")
        try:
            found.setdefault(rule, {})[setting] = float(value)
        except ValueError:
            found.setdefault(rule, {})[setting] = value
    return found


class _Making:
    """What a stream is made from, checked before any sound is heard."""

    def __init__(
        self, model: str, window: float, hop: float, vad: str, *, settings: Mapping[str, Any], speakers: int | None
    ) -> None:
        from affekt import bundle, registry
        from affekt.errors import UnknownNameError
        from affekt.live import Settings
        from affekt.live.rules import load

        if vad not in registry.names("vad"):
            raise UnknownNameError("voice activity detector", vad, registry.names("vad"))
        names = registry.names("live.rules")
        for name in settings:
            if name not in names:
                raise UnknownNameError("alert rule", name, names)
        self.rules = [load(name, settings.get(name)) for name in names]
        self.settings = Settings(window=window, hop=hop)
        self.model: Bundle = bundle.load(model)
        self.speakers = speakers
        self._vad = vad

    def pipeline(self, roles: Roles) -> Pipeline:
        from functools import partial

        from affekt import vad
        from affekt.live import Pipeline, Stages

        stages = Stages(partial(vad.load, self._vad))
        if self.speakers is not None:
            from affekt.diarize import Diarizer

            stages = replace(stages, who=partial(Diarizer, count=self.speakers or None))
        return Pipeline(self.model, roles, settings=self.settings, rules=self.rules, stages=stages)


# The stream -------------------------------------------------------------------------------------------------------


class _Stream:
    """A recording, block by block, as events."""

    def __init__(self, recording: Recording, asked: Mapping[str, Role], made: _Making) -> None:
        self.recording, self.model = recording, made.model
        if asked and recording.channels < 2:
            raise AudioError(f"{recording.name}: has one channel, so --stereo has nothing to tell apart")
        self._blocks = recording.tracks("each" if asked else "auto", seconds=_BLOCK)
        self._first = next(self._blocks, {})
        if made.speakers is not None and len(self._first) > 1:
            raise AudioError(f"{recording.name}: its channels carry a speaker each; --speakers is for a single track")
        others: Role = "customer" if "agent" in asked.values() else "speaker"
        self.roles: Roles = {name: asked.get(name or "", others) for name in self._first}
        for channel in asked:
            if channel not in self.roles:
                raise AudioError(
                    f"{recording.name}: has no channel {channel!r}; it has {', '.join(map(str, self.roles))}"
                )
        self.pipeline = made.pipeline(self.roles)
        self.people: Roles = {} if made.speakers is not None else self.roles

    def __iter__(self) -> Iterator[tuple[float, list[Event]]]:
        """Give the seconds that were heard, and what became known with them."""
        from itertools import chain

        from affekt.types import Signal

        at, rate = 0, self.recording.rate
        for block in chain([self._first], self._blocks):
            size = len(next(iter(block.values())))
            yield at / rate, self.pipeline.push({n: Signal(samples, rate, at) for n, samples in block.items()})
            at += size
        yield at / rate, self.pipeline.finish()


def _paced(stream: _Stream, pace: float | None) -> Iterator[tuple[float, list[Event]]]:
    """Hold each block back until it would have been spoken."""
    begun = time.monotonic()
    for heard, events in stream:
        if pace is not None:
            time.sleep(max(0.0, begun + heard / pace - time.monotonic()))
        yield heard, events


# Results ----------------------------------------------------------------------------------------------------------


def _write(paced: Iterator[tuple[float, list[Event]]], stream: _Stream) -> None:
    """Write a line per event, at once, so that a reader can follow; first what is being heard."""
    _line(
        {
            "type": "started",
            "time": 0.0,
            "source": stream.recording.name,
            "rate": stream.recording.rate,
            "tracks": {name or "speaker": role for name, role in stream.roles.items()},
            "model": stream.model.id,
            "licence": stream.model.card.licence_line,
        }
    )
    for _, events in paced:
        for event in events:
            _line(event.to_dict())


def _line(values: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write((json.dumps(values, ensure_ascii=False) + "\n").encode("utf-8"))
    sys.stdout.buffer.flush()


def _show(paced: Iterator[tuple[float, list[Event]]], stream: _Stream) -> None:
    from rich.console import Console

    from affekt.view.terminal import footer

    console = Console()
    if console.is_terminal:
        _draw(paced, stream, console)
    else:
        _tell(paced, console)
    console.print(footer(stream.model.card.licence_line))


def _draw(paced: Iterator[tuple[float, list[Event]]], stream: _Stream, console: Any) -> None:
    from rich.live import Live

    from affekt.view.moving import Moving

    view = Moving(stream.recording.name, stream.people, duration=stream.recording.duration)
    with Live(view, console=console, auto_refresh=False) as screen:
        for heard, events in paced:
            view.now = max(view.now, heard)
            for event in events:
                view.push(event)
            screen.refresh()


def _tell(paced: Iterator[tuple[float, list[Event]]], console: Any) -> None:
    """A line per event, where nothing can be redrawn."""
    from affekt.live import MoodChanged
    from affekt.view.moving import told

    moods: dict[str | None, Mood] = {}
    for _, events in paced:
        for event in events:
            if isinstance(event, MoodChanged):
                moods[event.mood.speaker] = event.mood
            elif (line := told(event, moods)) is not None:
                console.print(line, soft_wrap=True)
