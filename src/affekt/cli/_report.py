"""Outcomes -> timelines, and on standard error how far the work is and what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import click

from affekt.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from affekt.timeline import Timeline

_LONG = 30.0  # s of a recording for which progress is worth a line


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a recording: a timeline, or a reason why not; both where it could not be drawn."""

    timeline: Timeline | None
    trouble: str | None = None
    misused: bool = False
    "it is the call that is wrong, not this recording"


class Report:
    """Says on standard error how far the work is, and what could not be judged. Bars are for terminals only."""

    def __init__(self, total: int) -> None:
        self.failed = 0
        self._total = total
        self._watched = sys.stderr.isatty()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._hide()  # whatever happened: it hides the cursor

    def timelines(self, outcomes: Iterable[Outcome]) -> Iterator[Timeline]:
        """Pass on what was judged; while the caller writes it, no bar is in the way.

        Raises:
            UsageError: the call was wrong, as a recording has shown.
        """
        if self._total > 1:
            self._show(0, self._total, f"0 of {self._total} recordings")
        for number, outcome in enumerate(outcomes, start=1):
            self._hide()
            if outcome.misused:
                raise UsageError(outcome.trouble)
            if outcome.timeline:
                yield outcome.timeline
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
