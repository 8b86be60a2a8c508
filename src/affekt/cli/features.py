"""`affekt features`: recordings -> pitch, loudness, spectrum and voice quality, as a table or as a drawing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli._report import Outcome, Report, lost
from affekt.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from affekt.cli._measure import Measured, Rows, Task
    from affekt.cli._recordings import Recording
    from affekt.features import Feature
    from affekt.types import Segment

_CHANNELS = ("mix", "left", "right", "each", "auto")
_APART = ("each", "auto")
"channels of which a recording may have several"
_LATEST = 1e9
"seconds; 30 years, beyond what any recording lasts"
_CHANNEL_HELP = "mix (the mean, default), left, right, each (a row for each) or auto (each where they differ)."
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_EXAMPLES = """\b
Examples:
  affekt features call.wav                                 eGeMAPS, as a table to read
  affekt features call.wav --set prosody --json            for a program
  affekt features corpus/ -o corpus.parquet                a row per file
  affekt features corpus/ --set egemaps,prosody -o all.csv two sets side by side
  affekt features call.wav --set prosody --level frames -o f0.csv
  affekt features call.wav --plot call.png                 waveform, spectrogram, formants, F0, loudness
  affekt features --list                                   which sets there are
  affekt features --describe prosody                       what each number means
An interrupted run goes on where it stopped when it is called again.
Exit code: 0, 1 if a recording could not be measured (the others are), 2 if the call is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--set", "sets", multiple=True, metavar="NAME", help="Feature set, or several: egemaps,prosody.")
@click.option(
    "--level",
    type=click.Choice(("functionals", "frames")),
    default="functionals",
    show_default=True,
    help="One row per file, or one per frame.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a .csv or .parquet file; - is CSV on standard output.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON: an object, or a list for several or a folder.")
@click.option("--plot", metavar="FILE", help="Draw to FILE (.png, .svg); for several, {name} must be in it.")
@click.option("--channel", type=click.Choice(_CHANNELS), metavar="WHICH", default="mix", help=_CHANNEL_HELP)
@click.option("--start", type=click.FloatRange(0), metavar="S", default=0.0, help="Measure from here on, in seconds.")
@click.option("--end", type=click.FloatRange(0, min_open=True), metavar="S", help="Measure up to here, in seconds.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes (default: one per core).")
@click.option("--cache", metavar="DIR", help="Where results are kept (default: the user's cache folder).")
@click.option("--no-cache", is_flag=True, help="Keep no results, and use none that were kept.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="Of a set, e.g. ceiling=5000 (formants).")
@click.option("--list", "as_list", is_flag=True, help="List the feature sets.")
@click.option("--describe", metavar="SET", help="Say what each feature of a set is.")
def command(
    files: tuple[str, ...],
    sets: tuple[str, ...],
    level: str,
    output: str | None,
    as_json: bool,
    plot: str | None,
    channel: str,
    start: float,
    end: float | None,
    jobs: int | None,
    cache: str | None,
    no_cache: bool,
    options: tuple[str, ...],
    as_list: bool,
    describe: str | None,
) -> None:
    """Measure the voice in recordings: pitch, loudness, spectrum, voice quality.

    FILE is a recording (WAV, FLAC, OGG, MP3; with the extra "video" also MP4, M4A, WebM), a folder, which is searched
    to the bottom, or - for standard input.
    """
    for variable in _THREADS:  # before numpy: threads of several processes would fight each other
        os.environ.setdefault(variable, "1")
    if as_list or describe is not None:
        _tell_of_sets(files, describe, as_json=as_json)
        return
    if not files:
        raise click.UsageError("Missing argument 'FILE...'", click.get_current_context())
    _check(level, output, as_json=as_json, printed=not (output or plot))
    if plot and not (output or as_json):
        _check_drawing(click.get_current_context())
    many = len(files) > 1 or Path(files[0]).is_dir()
    recordings = _recordings(files, output, plot, many=many)
    _check_part(start, end)
    task = _task(sets, level if output or as_json or not plot else None, channel, _cache_folder(cache, no_cache))
    task = replace(task, options=_options(options, task.sets, drawn=bool(plot)), start=start, end=end or task.end)
    jobs = 1 if "-" in files else min(jobs or _cores(), len(recordings))
    failed = _run(task, recordings, jobs, output, as_json=as_json, many=many or channel in _APART)
    click.get_current_context().exit(1 if failed else 0)


# The call ---------------------------------------------------------------------------------------------------------


def _tell_of_sets(files: tuple[str, ...], which: str | None, *, as_json: bool) -> None:
    from affekt.cli import _catalogue

    if files:
        raise UsageError(f"--list and --describe measure nothing; leave out {files[0]!r}")
    if which is None:
        _catalogue.tell_all(as_json=as_json)
    else:
        _catalogue.describe(which, as_json=as_json)


def _check(level: str, output: str | None, *, as_json: bool, printed: bool) -> None:
    if as_json and output:
        raise UsageError("--json goes to standard output, and -o writes CSV or Parquet; choose one of them")
    if level == "frames" and (as_json or printed):
        raise UsageError("frames are many: write them with -o FILE.parquet or FILE.csv, or -o - for CSV here")
    if output:
        from affekt.cli import _table

        _table.check(output)


def _check_drawing(context: click.Context) -> None:
    """Refuse what a drawing has no use for: whoever asks for a set or frames expects numbers."""
    for parameter, option in (("sets", "--set"), ("level", "--level")):
        if context.get_parameter_source(parameter) is not click.core.ParameterSource.DEFAULT:
            raise UsageError(f"--plot alone measures no {option}; add -o FILE or --json, or leave {option} out")


def _check_part(start: float, end: float | None) -> None:
    for option, seconds in (("--start", start), ("--end", end)):
        if seconds is not None and not seconds < _LATEST:  # also NaN, which is in every range of click's
            raise UsageError(f"{option} is a time in seconds, below {_LATEST:g}; got {seconds:g}")
    if end is not None and end <= start:
        raise UsageError(f"--end {end:g} must be after --start {start:g}")


def _recordings(files: tuple[str, ...], output: str | None, plot: str | None, *, many: bool) -> list[Recording]:
    from affekt.cli import _recordings as recordings

    found = recordings.find(files)
    if plot is not None:
        found = _drawn(found, plot, many=many)
    _spare(found, output)
    return found


def _drawn(found: list[Recording], plot: str, *, many: bool) -> list[Recording]:
    if Path(plot).suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"contours are drawn to a .png or .svg file, not to {Path(plot).name!r}")
    from affekt.cli._recordings import give_plots
    from affekt.registry import need

    need("matplotlib", extra="report")
    return give_plots(found, plot, many=many)


def _spare(recordings: list[Recording], output: str | None) -> None:
    """Refuse to write over a recording that is measured."""
    targets: list[str | Path] = [*([output] if output else []), *(one.plot for one in recordings if one.plot)]
    taken = {place for target in targets if (place := _place_on_disk(target))}
    for one in recordings if taken else ():
        if _place_on_disk(one.source) in taken:
            raise UsageError(f"{_printable(one.source)} is measured and would be written over; write to another file")


def _place_on_disk(path: str | Path) -> tuple[int, int] | None:
    if path == "-":
        return None
    try:
        about = Path(path).stat()
    except (OSError, ValueError):  # it is not there, or no path at all
        return None
    return about.st_dev, about.st_ino


def _task(sets: tuple[str, ...], level: str | None, channel: Any, cache: Path | None) -> Task:
    from affekt import features
    from affekt.cli._measure import Task

    given = [name.strip() for text in sets or ("egemaps",) for name in text.split(",")]
    names = tuple(dict.fromkeys(filter(None, given)))
    if not names:
        raise UsageError("--set names no feature set; it takes one or several, such as --set egemaps,prosody")
    for name in names:
        if name not in features.names():
            raise UnknownNameError("feature set", name, features.names())
    if level == "frames" and len(names) > 1:
        raise UsageError(f"frames of several sets lie at different times; write a file for each: --set {names[0]}")
    return Task(names, level, channel, cache)  # type: ignore[arg-type]  # click has checked the level


def _options(given: tuple[str, ...], sets: tuple[str, ...], *, drawn: bool) -> tuple[tuple[str, Any], ...]:
    from affekt import features

    known = {name: features.options(name) for name in (*sets, *(["formants"] if drawn else []))}
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"expected KEY=VALUE, not {text!r}", param_hint="--option")
        if not any(key in own for own in known.values()):
            raise UnknownNameError(f"option of {', '.join(sets)}", key, {key for own in known.values() for key in own})
        found[key] = _value(text, value)
    for name, own in known.items():
        if chosen := {key: value for key, value in found.items() if key in own}:
            _ = features.load(name, **chosen).functional_names  # measures a sample, so that it refuses what it refuses
    return tuple(found.items())


def _value(text: str, value: str) -> float | bool | None:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = value
    if isinstance(found, str | list | dict):
        raise UsageError(f"--option {text}: the value must be a number, true, false or null")
    return found  # type: ignore[no-any-return]  # JSON has nothing else


def _cache_folder(given: str | None, none: bool) -> Path | None:
    if given is not None and none:
        raise UsageError("--cache and --no-cache contradict each other")
    if none:
        return None
    from affekt.cache import Cache, default_folder

    folder = Path(given) if given is not None else default_folder()
    if Cache(folder).writable():
        return folder
    if given is not None:
        raise UsageError(f"cannot keep results in {given!r}: no folder that can be written to; take another --cache")
    click.echo(f"note: results are not kept: {_printable(str(folder))} cannot be written to; see --cache", err=True)
    return None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# Work -------------------------------------------------------------------------------------------------------------


def _run(task: Task, recordings: list[Recording], jobs: int, output: str | None, *, as_json: bool, many: bool) -> int:
    """Measure all; return how many failed."""
    from affekt.cli import _measure
    from affekt.cli._workers import stoppable

    columns = _measure.columns(task) if task.level else {}  # what is wrong with the sets is said before any work
    _tell_licences(task)
    done = 0

    def rows(results: Iterator[Measured]) -> Iterator[Rows]:
        nonlocal done
        for measured in results:
            done += 1
            for note in measured.notes:
                click.echo(f"note: {_printable(note)}", err=True)
            yield from measured.rows

    try:
        with stoppable(), Report(len(recordings)) as report:
            results = rows(report.results(_outcomes(task, recordings, jobs)))
            _deliver(task, results, columns, output, as_json=as_json, many=many)
    except KeyboardInterrupt:
        if task.cache and done:
            click.echo(f"\n{done} of {len(recordings)} are kept: the same command goes on from there", err=True)
        raise
    return report.failed


def _outcomes(task: Task, recordings: list[Recording], jobs: int) -> Iterator[Outcome[Measured]]:
    from affekt.cli._measure import measure

    if jobs > 1:
        from affekt.cli._workers import in_order

        return in_order(partial(measure, task), recordings, workers=jobs, lost=lost)
    return (measure(task, recording) for recording in recordings)


def _tell_licences(task: Task) -> None:
    from affekt.cli._measure import loaded

    for one in loaded(task) if task.level else ():
        if one.licence != "Apache-2.0":
            click.echo(f"licence of {one.name}: {one.licence}", err=True)


# Results ----------------------------------------------------------------------------------------------------------


def _deliver(
    task: Task, rows: Iterator[Rows], columns: dict[str, Feature], output: str | None, *, as_json: bool, many: bool
) -> None:
    from affekt.cli import _table

    if task.level is None:
        list(rows)  # they are drawn, and that is all
    elif output:
        _write(task, rows, columns, output)
    else:
        with _table.standard_output():
            _write_json(rows, columns, _lead(task), many=many) if as_json else _print(rows, columns)


def _lead(task: Task) -> tuple[str, ...]:
    channel = ("channel",) if task.channel != "mix" else ()
    return ("file", *channel, "time") if task.level == "frames" else ("file", *channel, "start", "end")


def _write(task: Task, rows: Iterable[Rows], columns: dict[str, Feature], output: str) -> None:
    from importlib.metadata import version

    from affekt.cli import _measure, _table

    sets = {one.name: one.version for one in _measure.loaded(task)}
    part = {"start": task.start, "end": None if isinf(task.end) else task.end}
    about: dict[str, Any] = {"affekt": version("affekt"), "sets": sets, "level": task.level, "channel": task.channel}
    about |= {"options": dict(task.options)} | part
    count = _table.write(output, rows, columns, _lead(task), about)
    if output != "-":
        words = f"{count:,} rows of {len(columns):,} {task.level if task.level != 'frames' else 'features'}"
        click.echo(
            f"{output}: {words}" if count else f"{output}: not written, since nothing could be measured", err=True
        )


def _write_json(rows: Iterable[Rows], columns: Iterable[str], lead: tuple[str, ...], *, many: bool) -> None:
    from affekt.cli import _table

    found = [
        {**_table.lead_cells(one, lead), "features": dict(zip(columns, one.values[0].tolist(), strict=True))}
        for one in rows
    ]
    if many:
        click.echo(json.dumps(found, indent=1, allow_nan=False))
    elif found:
        click.echo(json.dumps(found[0], indent=2, allow_nan=False))


def _print(rows: Iterable[Rows], columns: dict[str, Feature]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from affekt.cli import _table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    for one in rows:
        words = " · ".join(filter(None, [_place(one.segment), one.channel]))
        console.print(Text.assemble((_printable(_table.source(one.source)), "bold"), (f"  {words}", "dim")))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for what in ({}, {"justify": "right", "no_wrap": True}, {"style": "dim"}):
            table.add_column(**what)
        for (name, known), value in zip(columns.items(), one.values[0].tolist(), strict=True):
            table.add_row(f"  {name}", number(value), "" if known.unit == "1" else known.unit)
        console.print(table)
        console.print()


def _place(segment: Segment) -> str:
    from affekt.view.words import clock

    return f"{clock(segment.start)} – {clock(segment.end)}" if segment.start else clock(segment.end)


def number(value: float) -> str:
    """Write a number for people: four digits that count, no exponent where it can be helped.

    >>> number(112.1234), number(0.00123456), number(-7.0), number(1234567.0), number(0.0)
    ('112.1', '0.001235', '-7', '1234567', '0')
    """
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _printable(text: str) -> str:
    from affekt.view.words import printable

    return printable(text)
