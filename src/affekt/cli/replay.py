"""`affekt replay`: a recording as if it came live -> events, as they become known."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from affekt.cli import _stream
from affekt.cli._stream import About, Making, Roles, Step
from affekt.errors import AudioError, UsageError

if TYPE_CHECKING:
    from affekt.audio import Recording
    from affekt.types import Role

_BLOCK = 0.032  # s of a recording that are pushed at once: a step of the core
_EXAMPLES = """\b
Examples:
  affekt replay call.wav                                       watch it, at the speed of life
  affekt replay call.wav --stereo left=customer,right=agent    a call: the agent is not judged
  affekt replay mono.wav --speakers 2                          two on one track, told apart by voice
  affekt replay call.wav --speed max --json                    a line of JSON per event, at once
  affekt replay call.wav --denoise wiener                      where it is noisy, with less of the noise
  affekt replay call.wav --speed 4 --rule sustained.hold=4     an alert rule with a setting of one's own
Exit code: 0, 1 if the recording cannot be heard, 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("file", metavar="FILE")
@click.option("--speed", default="1", show_default=True, metavar="N", help="Times the speed of life, or max.")
@_stream.options
def command(
    file: str,
    speed: str,
    stereo: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Hear a recording as if it came live: turns, moods and alerts as they become known.

    FILE is a recording, or - for standard input. Each channel is a speaker where they carry different sound.
    """
    pace, roles = _speed(speed), _stream.roles(stereo)
    if asked["speakers"] is not None and stereo:
        raise UsageError("--stereo says who speaks, so there is nobody to tell apart by voice: leave out --speakers")
    made = Making(**asked)
    from affekt.audio import open_recording

    with open_recording(file) as recording:
        stream = _Stream(recording, roles, made, pace)
        by_voice = made.speakers is not None
        about = About(recording.name, recording.rate, stream.roles, made.model, recording.duration, by_voice)
        (_stream.write if as_json else _stream.show)(iter(stream), about)


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


class _Stream:
    """A recording, block by block, as events; each block is heard when it has been spoken."""

    def __init__(self, recording: Recording, asked: Mapping[str, Role], made: Making, pace: float | None) -> None:
        self.recording, self._pace = recording, pace
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

    def __iter__(self) -> Iterator[Step]:
        """Give the seconds that were heard, and what became known with them."""
        from itertools import chain

        from affekt.types import Signal

        at, rate, begun = 0, self.recording.rate, time.monotonic()
        for block in chain([self._first], self._blocks):
            start, at = at, at + len(next(iter(block.values())))
            if self._pace is not None:
                time.sleep(max(0.0, begun + at / rate / self._pace - time.monotonic()))
            yield Step(at / rate, self.pipeline.push({n: Signal(samples, rate, start) for n, samples in block.items()}))
        yield Step(at / rate, self.pipeline.finish())
