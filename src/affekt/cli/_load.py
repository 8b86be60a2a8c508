"""Calls -> a service, as a telephone platform would send them: the part of `affekt simulate` that has `--to`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from affekt.cli import _terminal
from affekt.errors import UsageError

if TYPE_CHECKING:
    from affekt.service.load.carrier import Load, Report
    from affekt.simulate import Call
    from affekt.training import Progress

SOUNDS = 4
"calls that are made; more are spoken from the same ones, each from another place on"
_WORDS = 10  # s from one line on the progress to the next, where no bar is shown

_F = TypeVar("_F", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--to", metavar="URL", help="Speak the calls to a service: ws://HOST:PORT, tcp://HOST:PORT."),
    click.option("--protocol", metavar="NAME", help="What is spoken there.  [default: twilio]"),
    click.option("--token", metavar="TEXT", help="An ingest token; of AudioHook, the API key."),
    click.option("--secret", metavar="TEXT", help="Signs requests: Twilio's auth token, AudioHook's client secret."),
    click.option("--minutes", type=click.FloatRange(0, min_open=True), metavar="M",
                 help="Of each spoken call; its sound begins again.  [default: as --seconds]"),
    click.option("--ramp", type=click.FloatRange(0), metavar="S", help="Begin the calls within so long.  [default: 0]"),
    click.option("--faults", metavar="NAME=N,...", help="loss, reorder, late, duplicate, jitter, vanish, freeze."),
    click.option("--yes-elsewhere", is_flag=True, help="Allow a service that is not on this machine."),
)  # fmt: skip


def options(command: _F) -> _F:
    """Add what says to whom calls are spoken, and how."""
    for one in reversed(_OPTIONS):
        command = one(command)
    return command


def asked(calls: int, seconds: float, seed: int, **given: Any) -> Load | None:
    """Read those options; None: nothing is to be spoken.

    Raises:
        UsageError: something of them cannot be.
    """
    to, elsewhere = given.pop("to"), given.pop("yes_elsewhere")
    if to is None:
        if name := next((name for name, value in given.items() if value is not None), None):
            raise UsageError(f"--{name} tells how calls are spoken: name the service with --to")
        return None
    from affekt.service.load.carrier import Load, here
    from affekt.service.load.faults import Faults

    minutes = given["minutes"]
    load = Load(
        to,
        given["protocol"] or "twilio",
        calls=calls,
        seconds=seconds if minutes is None else 60 * minutes,
        ramp=given["ramp"] or 0.0,
        token=given["token"] or "",
        secret=given["secret"] or "",
        faults=Faults.parse(given["faults"] or ""),
        seed=seed,
    )
    if not elsewhere and not here(to):
        raise UsageError(
            f"{to} is not of this machine, and many calls at once are an attack on whoever did not ask for them; "
            "--yes-elsewhere, if they did"
        )
    return load


def speak(made: Iterable[Call], load: Load) -> Report:
    """Speak calls; a first interrupt ends them with their goodbyes."""
    from affekt.service.load.carrier import Carrier
    from affekt.service.load.sound import Sound
    from affekt.service.load.wire import loop_factory

    carrier = Carrier(load, [Sound.of(call.audio, call.rate, name=call.truth.name) for call in made])

    async def run(told: Progress) -> Report:
        with contextlib.suppress(NotImplementedError, ValueError):  # another system, another thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, carrier.stop)
        return await carrier.run(_Told(told))

    with _terminal.progress() as progress, asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(run(progress))


class _Told:
    """Says every second how it goes, to a bar, and every ten to where none is seen."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._messages, self._seconds = progress, 0, 0

    def __call__(self, report: Report) -> None:
        rate, self._messages = report.messages - self._messages, report.messages
        late = 1e3 * report.late["p99"]
        words = f"{report.live:,} calls up, {rate:,} messages/s, timer late by {late:.1f} ms at most (p99)"
        self._progress.step(words, report.finished + report.failed, report.load.calls)
        self._seconds += 1
        if self._seconds % _WORDS == 0:
            self._progress.note(words)


def show(report: Report) -> None:
    """Print the table, and what failed."""
    table = _terminal.table("calls", "", right=("",))
    share = report.processor / max(report.seconds, 1e-9)
    rows = (
        ("asked for", f"{report.load.calls:,}"),
        ("spoken to their end", f"{report.finished:,}"),
        *((f"refused: {why}", f"{count:,}") for why, count in report.refused.most_common()),
        *((f"dropped: {why}", f"{count:,}") for why, count in report.dropped.most_common()),
        ("messages of sound", f"{report.messages:,}"),
        ("left out, since the service did not read", f"{report.choked:,}"),
        *((f"on purpose: {name}", f"{count:,}") for name, count in sorted(report.faults.items())),
        ("own timer late, p99", f"{1e3 * report.late['p99']:.1f} ms"),
        ("own timer late, worst", f"{1e3 * report.late['worst']:.1f} ms"),
        ("processor", f"{100 * share:.0f} % of a core"),
    )
    for row in rows:
        table.add_row(*map(str, map(_terminal.harmless, row)))
    _terminal.console().print(table)
