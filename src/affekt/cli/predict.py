"""`affekt predict`: recordings -> their emotions over time, for people, for programs, or as a drawing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from affekt.cli import _agent, _options
from affekt.cli._report import Outcome, Report, about, bug, lost
from affekt.errors import AffektError, UsageError

if TYPE_CHECKING:
    from affekt.audio import Channel
    from affekt.cli._recordings import Recording
    from affekt.recognizer import Progress, Recognizer
    from affekt.timeline import Timeline

Form = Literal["people", "json", "jsonl", "csv"]

_CHANNEL_HELP = "auto (default), left, right, mix (their mean) or each (for itself)."

_EXAMPLES = """\b
Examples:
  affekt predict call.wav                          what a person wants to see
  affekt predict call.wav --agent right            a call: the agent is not judged
  affekt predict call.wav --plot call.html         a page to look at and listen with
  affekt predict calls/ --jsonl --workers 4        a line of JSON per turn
  affekt predict calls/ --plot 'plots/{name}.png'  a picture of each
  affekt predict corpus/ --whole --csv             one row per file
  curl -s https://... | affekt predict -           standard input
Exit code: 0, 1 if a recording could not be judged (the others are), 2 if the call is wrong."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """All that is the same for all recordings; frozen, since processes are sent it."""

    model: str
    vad: str
    denoise: str
    window: float
    hop: float
    channel: Channel
    agent: str | None
    whole: bool


@click.command(epilog=_EXAMPLES)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_options.MODEL
@click.option("--json", "as_json", is_flag=True, help="Write JSON: an object, or a list for several or a folder.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Write a line of JSON per turn.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, a row per turn.")
@click.option("--windows", is_flag=True, help="With --jsonl or --csv: a line or row per window.")
@click.option("--top", type=click.IntRange(1), metavar="N", help="Show the N most probable emotions of each turn.")
@click.option("--plot", metavar="FILE", help="Draw to FILE (.html, .png, .svg); for several, {name} must be in it.")
@click.option("--channel", type=click.Choice(_options.CHANNELS), metavar="WHICH", default="auto", help=_CHANNEL_HELP)
@click.option("--agent", multiple=True, callback=_agent.one, metavar="WHO",
              help="Channel or speaker who is not judged: left, right, ch3, a name.")  # fmt: skip
@click.option(
    "--segments",
    type=click.Path(exists=True, dir_okay=False),
    metavar="RTTM",
    help="Who speaks when, instead of --vad.",
)
@click.option("--whole", is_flag=True, help="One prediction per file and channel, as corpora are judged.")
@_options.WINDOW
@_options.HOP
@_options.VAD
@_options.DENOISE
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Processes.")
def command(
    files: tuple[str, ...],
    as_json: bool,
    as_jsonl: bool,
    as_csv: bool,
    windows: bool,
    top: int | None,
    plot: str | None,
    segments: str | None,
    workers: int,
    **settings: Any,
) -> None:
    """Recognise the emotions in recordings, over time.

    FILE is a recording (WAV, FLAC, OGG, MP3; with the extra "video" also MP4, M4A, WebM), a folder, which is searched
    to the bottom, or - for standard input.
    """
    form = _form(json=as_json, jsonl=as_jsonl, csv=as_csv)
    _check_form(form, windows=windows, top=top)
    many = len(files) > 1 or Path(files[0]).is_dir()
    recordings = _recordings(files, many=many, segments=segments, plot=plot)
    workers = min(workers, len(recordings))
    if workers > 1 and "-" in files:
        raise UsageError("standard input cannot be shared by several workers; leave out --workers")
    work = partial(_judge, _Settings(**settings))
    recognizer = _recognizer(work.args[0])  # what is wrong with the settings is said before any work is done
    with Report(len(recordings)) as report:
        timelines = report.results(_outcomes(work, recordings, workers, report))
        if form == "people":
            _tell(timelines, top or 1, recognizer.model.card.licence_line)
        else:
            _write(_pieces(form, timelines, recognizer.model.labels.names, many=many, windows=windows))
    click.get_current_context().exit(1 if report.failed else 0)


def _form(**asked: bool) -> Form:
    names = [name for name, wanted in asked.items() if wanted]
    if len(names) > 1:
        raise UsageError(f"choose one of --{', --'.join(names)}")
    return cast(Form, names[0]) if names else "people"


def _check_form(form: Form, *, windows: bool, top: int | None) -> None:
    if windows and form not in ("jsonl", "csv"):
        raise UsageError("--windows goes with --jsonl or --csv; --json has the windows of every turn anyway")
    if top and form != "people":
        raise UsageError(f"--top is for people; --{form} has all probabilities")


def _recordings(files: tuple[str, ...], *, many: bool, segments: str | None, plot: str | None) -> list[Recording]:
    from affekt.cli import _recordings as recordings

    found = recordings.find(files)
    if segments:
        from affekt import rttm

        found = recordings.give_segments(found, rttm.read_all(segments), segments)
    if plot:
        found = recordings.give_plots(found, plot, many=many)
        if not plot.lower().endswith(".html"):
            from affekt.registry import need

            need("matplotlib", extra="report")
    return found


# Work -------------------------------------------------------------------------------------------------------------


@cache
def _recognizer(settings: _Settings) -> Recognizer:
    """Load the model once per process."""
    from affekt.recognizer import load

    return load(settings.model, vad=settings.vad, window=settings.window, hop=settings.hop, denoise=settings.denoise)


def _judge(settings: _Settings, recording: Recording, progress: Progress | None = None) -> Outcome[Timeline]:
    """Do all the work on one recording; whatever it is, no error leaves."""
    if recording.trouble:
        return Outcome(None, f"{recording.source}: {recording.trouble}")
    timeline = None
    try:
        timeline = _recognizer(settings).predict_file(
            recording.source,
            channel=settings.channel,
            agent=settings.agent,
            segments=recording.segments,
            whole=settings.whole,
            progress=progress,
        )
        if recording.plot:
            from affekt.cli._recordings import make_folder
            from affekt.view.plot import save

            make_folder(recording.plot.parent)
            save(timeline, recording.plot)
    except AffektError as error:
        return Outcome(timeline, about(recording, str(error)), isinstance(error, UsageError) and timeline is None)
    except Exception as error:
        return Outcome(timeline, about(recording, bug(error)))
    return Outcome(timeline)


def _outcomes(
    work: Callable[..., Outcome[Timeline]], recordings: list[Recording], workers: int, report: Report
) -> Iterator[Outcome[Timeline]]:
    if workers > 1:
        from affekt.cli._workers import in_order

        yield from in_order(work, recordings, workers=workers, lost=lost)
    else:
        yield from (work(recording, progress=report.seconds) for recording in recordings)


# Results ----------------------------------------------------------------------------------------------------------


def _tell(timelines: Iterator[Timeline], top: int, licence: str) -> None:
    from rich.console import Console

    from affekt.view.terminal import footer, render

    console = Console()
    told = False
    for timeline in timelines:
        console.print(render(timeline, top=top, footer=False))
        console.print()
        told = True
    if told:
        console.print(footer(licence))


def _pieces(
    form: Form, timelines: Iterator[Timeline], labels: tuple[str, ...], *, many: bool, windows: bool
) -> Iterator[str]:
    from affekt.view import rows

    if form == "csv":
        return rows.csv_lines(timelines, labels, windows=windows)
    if form == "jsonl":
        return rows.json_lines(timelines, windows=windows)
    if many:
        return rows.json_text(timelines, many=True)
    first = list(timelines)  # nothing at all, where the only one could not be judged
    return rows.json_text(first, many=False) if first else iter([])


def _write(pieces: Iterator[str]) -> None:
    """Write bytes, so that neither the locale nor the system changes them; at once, so that a reader can follow."""
    out = sys.stdout.buffer
    for piece in pieces:
        out.write(piece.encode("utf-8"))
        out.flush()
