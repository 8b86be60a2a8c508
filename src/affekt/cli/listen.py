"""`affekt listen`: a microphone -> events, as they become known."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from affekt.cli import _stream, _terminal
from affekt.cli._stream import About, Making, Roles, Step
from affekt.errors import AudioError, UsageError

if TYPE_CHECKING:
    from affekt.audio.microphone import Block, Source
    from affekt.live import Pipeline
    from affekt.types import Role

_WAIT = 0.1  # s, so often the view is drawn
_ZEROS = 3.0  # s of samples that are all zero, as a muted or forbidden microphone gives
_NAMES: dict[int, tuple[str | None, ...]] = {1: (None,), 2: ("left", "right")}
_MUTE = "nothing but zeros: is the microphone muted, or has this program no leave to use it?"
_EXAMPLES = """\b
Examples:
  affekt listen                                       watch the microphone; Ctrl-C ends
  affekt listen --devices                             what can be listened to
  affekt listen --device "USB" --seconds 60 --json    a line of JSON per event, for a minute
  affekt listen --stereo left=customer,right=agent    a headset's two channels: the agent is not judged
It needs PortAudio: pip install "affekt[mic]"; on Debian and Ubuntu also sudo apt install libportaudio2.
Exit code: 0, also after Ctrl-C; 1 if there is no microphone or it stops; 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.option("--devices", "listed", is_flag=True, help="List what can be listened to, and stop.")
@click.option("--device", metavar="NAME|N", help="Number or part of a name; default: the system's choice.")
@click.option("--rate", type=click.IntRange(4000, 192000), metavar="HZ", help="Default: the device's own.")
@click.option(
    "--channels", type=click.IntRange(1, 2), metavar="N", help="Each is a speaker. Default: 1, or 2 with --stereo."
)
@click.option("--seconds", type=click.FloatRange(0.1), metavar="S", help="Stop then; default: Ctrl-C stops.")
@_stream.options
def command(
    listed: bool,
    device: str | None,
    rate: int | None,
    channels: int | None,
    seconds: float | None,
    stereo: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Hear a microphone: turns, moods and alerts as they become known. Nothing is recorded or sent anywhere."""
    from affekt.audio.microphone import Microphone, devices

    if listed:
        _list(devices(), as_json)
        return
    roles = _roles(_stream.roles(stereo), channels)
    if asked["speakers"] is not None and len(roles) > 1:
        raise UsageError(
            f"--speakers tells voices of one channel apart, got {len(roles)} channels: those say who speaks"
        )
    made = Making(**asked)
    with _until_interrupted() as stopped, Microphone(device, rate=rate, channels=len(roles)) as microphone:
        about = About(microphone.name, microphone.rate, roles, made.model, seconds, made.speakers is not None)
        steps = heard(microphone, made.pipeline(roles), roles, seconds=seconds, stopped=stopped)
        if as_json:
            for line in _stream.write(steps, about).words():
                click.echo(line, err=True)
        else:
            _stream.show(steps, about)


def _list(found: list[Any], as_json: bool) -> None:
    if as_json:
        _terminal.write_json([asdict(one) for one in found])
        return
    if not found:
        raise AudioError("there is no microphone: the system knows no device that records")
    table = _terminal.table("", "", "device", "channels", "Hz", "system", right=("", "channels", "Hz"))
    for one in found:
        mark = "*" if one.default else ""
        table.add_row(str(one.index), mark, _terminal.harmless(one.name), str(one.channels), str(one.rate), one.system)
    _terminal.console().print(table)


def _roles(asked: dict[str, Role], channels: int | None) -> Roles:
    """Track -> role."""
    names = _NAMES[channels or (2 if asked else 1)]
    for channel in asked:
        if channel not in names:
            known = ", ".join(name or "one without a name" for name in names)
            raise UsageError(f"--stereo: there is no channel {channel!r} of {len(names)}; there are: {known}")
    others: Role = "customer" if "agent" in asked.values() else "speaker"
    return {name: asked.get(name or "", others) for name in names}


@contextmanager
def _until_interrupted() -> Iterator[list[int]]:
    """Give a list that the first Ctrl-C puts something into; a second one interrupts as ever."""
    stopped: list[int] = []

    def stop(number: int, frame: object) -> None:
        stopped.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def heard(
    source: Source, pipeline: Pipeline, roles: Roles, *, seconds: float | None, stopped: list[int]
) -> Iterator[Step]:
    """Push what comes, until the time is over, somebody has stopped it, or nothing comes any more.

    Raises:
        AudioError: the source has failed; what was heard before has been given to the end.
    """
    end, mute = 0, 0
    failed: AudioError | None = None
    while not stopped and (seconds is None or end < seconds * source.rate):
        try:
            blocks = source.read(_WAIT)
        except AudioError as error:
            failed = error
            break
        if blocks is None:
            break
        events = []
        for block in blocks:
            events += pipeline.push(_signals(block, source.rate, roles))
            end = block.at + len(block.samples)
            mute = 0 if block.samples.any() else mute + len(block.samples)
        note = _MUTE if mute >= _ZEROS * source.rate else ""
        yield Step(end / source.rate, events, _level(blocks), note)
    yield Step(end / source.rate, pipeline.finish())
    if failed:
        raise failed


def _signals(block: Block, rate: int, roles: Roles) -> dict[str | None, Any]:
    import numpy as np

    from affekt.types import Signal

    samples = block.samples.astype(np.float32) / np.float32(32768)
    return {name: Signal(samples[:, column].copy(), rate, block.at) for column, name in enumerate(roles)}


def _level(blocks: list[Block]) -> float | None:
    """DBFS of the loudest channel; None where nothing came."""
    import numpy as np

    if not blocks:
        return None
    samples = np.concatenate([block.samples for block in blocks]).astype(np.float64) / 32768
    return float(10 * np.log10(max(1e-9, float(np.mean(samples**2, axis=0).max()))))
