"""Outcomes -> results, and on standard error how far the work is and what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import click

from affekt.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from affekt.cli._recordings import Recording

Result = TypeVar("Result")

_LONG = 30.0  # s of a recording for which progress is worth a line


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What became of a recording: a result, or a reason why not; both where it could not be drawn."""

    result: Result | None
    trouble: str | None = None
    misused: bool = False
    "it is the call that is wrong, not this recording"


def lost(recording: Recording) -> Outcome[Any]:
    """Say of a recording that the process that worked on it has died."""
    return Outcome(None, about(recording, "the process that worked on it died; was there too little memory?"))


def about(recording: Recording, reason: str) -> str:
    """Name the recording in front, where the reason does not."""
    name = "standard input" if recording.source == "-" else recording.source
    return reason if reason.startswith(f"{name}:") else f"{name}: {reason}"


def bug(error: Exception) -> str:
    """Say in a line what a traceback says in twenty."""
    at = error.__traceback__
    while at and at.tb_next:
        at = at.tb_next
    where = f" at {Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}" if at else ""
    return f"{type(error).__name__}{where}: {error}; this is an error in affekt, please report it"


class Report:
    """Says on standard error how far the work is, and what could not be done. Bars are for terminals only."""

    def __init__(self, total: int) -> None:
        self.failed = 0
        self._total = total
        self._watched = sys.stderr.isatty()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._hide()  # whatever happened: it hides the cursor

    def results(self, outcomes: Iterable[Outcome[Result]]) -> Iterator[Result]:
        """Pass on what was done; while the caller writes it, no bar is in the way.

        Raises:
            UsageError: the call was wrong, as a recording has shown.
        """
        if self._total > 1:
            self._show(0, self._total, f"0 of {self._total} recordings")
        for number, outcome in enumerate(outcomes, start=1):
            self._hide()
            if outcome.misused:
                raise UsageError(outcome.trouble)
            if outcome.result is not None:
                yield outcome.result
            if outcome.trouble:
                self._fail(outcome.trouble)
            if number < self._total:
                self._show(number, self._total, f"{number} of {self._total} recordings")
        if self.failed and self._total > 1:
            click.echo(f"{self.failed} of {self._total} recordings failed", err=True)

    def seconds(self, done: float, total: float | None) -> None:
        """Follow one long recording."""
        from affekt.view.words import clock

        if self._total == 1 and (total or done) > _LONG:
            self._show(done, total, f"{clock(done)} of {clock(total)}" if total else clock(done))

    def _fail(self, trouble: str) -> None:
        from affekt.view.words import printable

        self.failed += 1
        click.echo(printable(trouble), err=True)

    def _show(self, done: float, total: float | None, words: str) -> None:
        if not self._watched:
            return
        self._bar = self._bar or _bar()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=words)
        self._bar.start()

    def _hide(self) -> None:
        if self._bar:
            self._bar.stop()


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = ("{task.description}", BarColumn(), TimeRemainingColumn())
    # Results go to another stream, which must stay as it is.
    bar = Bar(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False)
    bar.add_task("", total=None)
    return bar
