"""Values -> what a terminal shows: tables without boxes, scores with their intervals, counts in words, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from affekt.training import Progress


def console(room: int = 120) -> Console:
    """Open standard output. A pipe has no width: there is `room` for a line of a table."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else room)


def table(*columns: str, right: tuple[str, ...] = (), header: bool = True) -> Any:
    """Begin a table; the columns of `right` hold numbers."""
    from rich.table import Table

    made = Table(box=None, show_header=header, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left")
    return made


def count(number: int, what: str) -> str:
    """Count things in words.

    >>> count(1, "clip"), count(1440, "clip")
    ('1 clip', '1,440 clips')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def score(found: Mapping[str, Any]) -> tuple[str, str]:
    """Write a score's value and its interval.

    >>> score({"value": 0.75, "interval": [0.7, 0.8]}), score({"value": None, "interval": None})
    (('0.750', '0.700 to 0.800'), ('not defined', ''))
    """
    value, interval = found["value"], found["interval"]
    shown = "not defined" if value is None else f"{value:.3f}"
    return shown, f"{interval[0]:.3f} to {interval[1]:.3f}" if interval and None not in interval else ""


def harmless(value: Any) -> Any:
    r"""Replace in all texts of a JSON value, names above all, what a terminal would obey.

    >>> harmless({"speakers": ["a\x1b[31m", 2]})
    {'speakers': ['a�[31m', 2]}
    """
    from affekt.view.words import printable

    if isinstance(value, dict):
        return {harmless(key): harmless(one) for key, one in value.items()}
    if isinstance(value, list):
        return [harmless(one) for one in value]
    return printable(value) if isinstance(value, str) else value


def write_json(value: Any) -> None:
    """Print JSON to standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


@contextmanager
def progress() -> Iterator[Progress]:
    """Bars where a person watches, and lines of words in any case; on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from affekt.training import Progress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    aside = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    with Bar(*columns, console=aside, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None, visible=False)

        class Told(Progress):
            def step(self, what: str, done: int, total: int) -> None:
                bar.update(task, description=what, completed=done, total=total, visible=done < total)

            def note(self, text: str) -> None:
                aside.print(text)

        yield Told()
