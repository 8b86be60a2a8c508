"""`affekt stress`: what a model withstands: noise, rooms, telephones; by sex and speaker; and beside a guess."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli import _files, _terminal
from affekt.errors import UsageError

if TYPE_CHECKING:
    from affekt.evaluation.stress.suite import Report, Told

_EXAMPLES = """\b
Examples:
  affekt stress permissive                        on every corpus below --root that it was not trained on
  affekt stress runs/mine/bundle --on ravdess     one corpus
  affekt stress default --on mine.csv --quick     a part of your own data: path, emotion, speaker, sex, ...
  affekt stress default --only robustness/gain,fairness
  affekt stress default --noise recorded/         noise of your own; files that begin with rir are rooms
  affekt stress --list                            every test, its threshold and why
A suite that was interrupted goes on where it stopped.
Exit code: 0 whatever the verdicts, 1 if the data are not what they should be, 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("model", required=False, metavar="BUNDLE")
@click.option(
    "--on", multiple=True, metavar="CORPUS|FILE", help="A corpus below --root, a manifest or a CSV; repeatable."
)
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), default=Path("../shared/corpora"),
              show_default=True, metavar="FOLDER", help="Holds a folder for each corpus.")  # fmt: skip
@click.option("--only", metavar="TEST,...", help="Some tests, or a family: correctness, fairness, robustness.")
@click.option("--quick", is_flag=True, help="300 utterances of each corpus, balanced by speaker and emotion.")
@click.option("--noise", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
              help="Recorded noise, and impulse responses in files that begin with rir.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes; default: all processors.")
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Where judgements are kept; default: the user's cache.")  # fmt: skip
@click.option("--no-cache", is_flag=True, help="Keep nothing, and read nothing that was kept.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.json",
              help="Write the JSON to a file as well.")  # fmt: skip
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.md", help="Write a page.")
@click.option("--list", "listed", is_flag=True, help="List the tests, and ask none.")
def command(
    model: str | None,
    on: tuple[str, ...],
    root: Path,
    only: str | None,
    quick: bool,
    noise: Path | None,
    workers: int | None,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    output: Path | None,
    markdown: Path | None,
    listed: bool,
) -> None:
    """Ask BUNDLE what it withstands: correctness, fairness, robustness, each with a threshold and a guess beside it."""
    if listed:
        _list(as_json)
        return
    if model is None:
        raise UsageError("which bundle? Name one (`affekt models` lists them), or the folder of another")
    for path in (output, markdown):
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"there is no folder {str(path.parent)!r} to write {path.name!r} to")
    from affekt.cache import Cache, default_folder
    from affekt.evaluation.stress import page, suite

    subject = suite.Subject.of(model)
    kept = None if no_cache else Cache(cache or default_folder() / "stress")
    wanted = tuple(name for part in (only or "").split(",") if (name := part.strip()))
    settings = suite.Settings(wanted, quick, noise, workers or os.cpu_count() or 1, kept)
    with _progress() as told:
        report = suite.stress(subject, suite.find(on, root, subject), settings, told)
    text = json.dumps(report.to_dict(), ensure_ascii=False, indent=2)
    if output:
        _files.write(text + "\n", output)
    if markdown:
        _files.write(page.markdown(report), markdown)
    click.echo(text) if as_json else _print(report)


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar where a person watches, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True, highlight=False, markup=False)
    with Bar(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None, visible=False)

        def told(corpus: str, done: int, total: int) -> None:
            bar.update(task, description=corpus, completed=done, total=total, visible=done < total)

        yield told


# For people -------------------------------------------------------------------------------------------------------


def _print(report: Report) -> None:
    from affekt.evaluation.stress import page

    console = _terminal.console(room=160)
    console.print(f"{report.model}: what it withstands", style="bold")
    for about in report.corpora:
        console.print()
        console.print(page.headline(about), style="bold")
        if about.leaky:
            console.print(page.stamp(about), style="bold red")
        for table in page.tables(report, about.name):
            console.print()
            console.print(_table(table))
        console.print()
        console.print(page.count(report, about.name))


def _table(table: Any) -> Any:
    from rich.table import Table

    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title=table.title, title_justify="left")
    for column in table.columns:
        shown.add_column(column, justify="right" if column in table.right else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*row, style="red" if any(cell.startswith("FAILED") for cell in row) else None)
    return shown


def _list(as_json: bool) -> None:
    """Every test, with its threshold and the reason for it."""
    from affekt.evaluation.stress import suite

    everything = [suite.described(test) for test in suite.every()]
    if as_json:
        click.echo(json.dumps(everything, ensure_ascii=False, indent=2))
        return
    console = _terminal.console(room=160)
    for test in everything:
        console.print(test["name"], style="bold")
        console.print(f"  {test['asks']}")
        if test["levels"]:
            console.print(f"  levels: {', '.join(level['level'] for level in test['levels'])}")
        console.print(f"  {test['why']}")
