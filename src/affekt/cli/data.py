"""`affekt data`: which corpora are known, what each is, whether a copy is whole, its manifest, and leaks of a split."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli import _terminal
from affekt.errors import UnknownNameError

if TYPE_CHECKING:
    from affekt.datasets import Card
    from affekt.datasets._check import Finding, Report

_SHOWN = 5  # items of a finding that people see; --json has all


def _known_corpus(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Refuse an unknown name as a usage error that has the closest."""
    from affekt import datasets

    known = datasets.names()
    if value not in known:
        raise click.BadParameter(str(UnknownNameError("corpus", value, known)))
    return value


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from affekt import datasets

    return [name for name in datasets.names() if name.startswith(incomplete)]


_corpus = click.argument("name", callback=_known_corpus, shell_complete=_complete)
_folder = click.argument("path", type=click.Path(exists=True, path_type=Path))
_as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")


@click.group()
def command() -> None:
    """Know corpora: list, show, check, write manifests; find leaks between training and test."""


_LIST = """\b
Examples:
  affekt data list           a row per corpus: language, counts, what a model trained on it may be used for
  affekt data list --json    for a program"""


@command.command("list", epilog=_LIST)
@_as_json
def list_(as_json: bool) -> None:
    """List the corpora that can be read."""
    from affekt import datasets

    cards = [datasets.card(name) for name in datasets.names()]
    if as_json:
        _terminal.write_json([_card_json(card) for card in cards])
        return
    columns = ("name", "language", "speech", "clips", "speakers", "emotions", "a model trained on it: for")
    table = _terminal.table(*columns, right=("clips", "speakers", "emotions"))
    for card in cards:
        own = card.clips is None and not card.languages
        table.add_row(
            card.name,
            ", ".join(card.languages) or "any",
            card.elicitation if not own else "your own",
            "" if card.clips is None else f"{card.clips:,}",
            "" if card.speakers is None else str(card.speakers),
            str(len(card.label_set)) if card.label_set.names and not own else "",
            "as your licence says" if own else card.use,
        )
    _terminal.console().print(table)


_SHOW = """\b
Examples:
  affekt data show ravdess                   labels, counts, protocols, known defects
  affekt data show ravdess corpora/ravdess   with the hashes of the folds of that copy
  affekt data show table                     how a CSV of your own is read"""


@command.command(epilog=_SHOW)
@_corpus
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@_as_json
def show(name: str, path: Path | None, as_json: bool) -> None:
    """Show the card of the corpus NAME: licence, citation, labels, counts, protocols.

    The folds of a protocol have a hash of who is on which side; with PATH it is that of the copy there.
    """
    from affekt import datasets

    card, hashes = datasets.card(name), _hashes(name, path)
    if as_json:
        _terminal.write_json(_card_json(card) | {"folds_sha256": hashes})
        return
    console, table = _terminal.console(), _terminal.table("", "", header=False)
    for what, text in _card_lines(card, hashes):
        if text:
            table.add_row(what, text)
    console.print(card.title, style="bold")
    console.print(table)


def _hashes(name: str, path: Path | None) -> dict[str, str | None]:
    """Who is on which side, of each protocol; None where that is the user's own."""
    from affekt import datasets
    from affekt.manifest import folds_sha256

    known = datasets.protocols(name)
    if path is None:
        return {key: protocol.sha256 or None for key, protocol in known.items()}
    copy = datasets.load(name, path)
    return {key: folds_sha256(protocol.folds(copy)) for key, protocol in known.items()}


_CHECK = """\b
Examples:
  affekt data check ravdess corpora/ravdess     is it what it claims to be?
  affekt data check emodb corpora/emodb --json  for a program
Exit code: 0 if it is, 1 if it is not, 2 if the call is wrong."""


@command.command(epilog=_CHECK)
@_corpus
@_folder
@_as_json
def check(name: str, path: Path, as_json: bool) -> None:
    """Check that PATH is the corpus NAME, whole and undamaged.

    Decodes every recording. Defects of the official release that its card lists do not count; clipped recordings and
    audio without a label are reported only.
    """
    from affekt.datasets import _check

    with _progress("checking") as progress:
        report = _check.check(name, path, progress=progress)
    if as_json:
        _terminal.write_json(report.to_dict())
    else:
        _print_report(report)
    sys.exit(0 if report.ok else 1)


_MANIFEST = """\b
Examples:
  affekt data manifest emodb corpora/emodb -o emodb.jsonl
  affekt data manifest table mine.csv -o mine.jsonl        a CSV of your own: path, emotion, speaker"""


@command.command(epilog=_MANIFEST)
@_corpus
@_folder
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    callback=lambda ctx, param, value: _manifest_file(value),
    help="File to write: .jsonl, or .parquet with the extra data.",
)
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the corpus, see `data show`.")
def manifest(name: str, path: Path, output: Path, pairs: tuple[str, ...]) -> None:
    """Write the manifest of the corpus NAME in the folder PATH: one row per labelled recording."""
    from affekt import datasets
    from affekt import manifest as manifests

    read = datasets.load(name, path.resolve(), **dict(map(_pair, pairs)))
    try:
        manifests.write(read, output)
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from error
    click.echo(
        f"{output}: {len(read):,} utterances of {len(read.speakers)} speakers, fingerprint {read.fingerprint[:12]}",
        err=True,
    )


_LEAKS = """\b
Examples:
  affekt data leaks train.jsonl test.jsonl    what two manifests share
  affekt data leaks train.csv recordings/     a CSV (path, emotion, speaker) and a folder of audio
  affekt data leaks corpus.jsonl              recordings that one list has twice
  affekt data leaks train.csv test.csv --no-audio   speakers, sessions and texts only
Exit code: 0 no leak, 1 a leak, or data that cannot be read, 2 a wrong call."""


@command.command(epilog=_LEAKS)
@click.argument("train", type=click.Path(exists=True, path_type=Path))
@click.argument("test", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--no-audio", is_flag=True, help="Compare what the lists say; listen to nothing.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="An option for CSV files: see `show table`.")
@_as_json
def leaks(train: Path, test: Path | None, no_audio: bool, pairs: tuple[str, ...], as_json: bool) -> None:
    """Find what TRAIN and TEST share: speakers, sessions, recordings, copies of recordings.

    Each is a manifest (.jsonl, .parquet), a CSV, or a folder of audio. TRAIN alone is searched for doubles.
    """
    from affekt import leaks as searching
    from affekt.cli import _leaks

    chosen = dict(map(_pair, pairs))
    sides = [searching.gather(p, **(chosen if p.suffix == ".csv" else {})) for p in (train, test) if p is not None]
    with _progress("listening") as progress:
        report = searching.find(*sides, audio=not no_audio, progress=progress)
    if as_json:
        _terminal.write_json(report.to_dict())
    else:
        _leaks.print_report(
            report,
            _terminal.console(),
            _terminal.table("found", "how many", "how sure", "what to do", right=("how many",)),
        )
    sys.exit(1 if report.leaking else 0)


def _manifest_file(path: Path) -> Path:
    if path.suffix not in (".jsonl", ".parquet"):
        raise click.BadParameter(f"a manifest is a .jsonl or .parquet file, not {path.name!r}")
    return path


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"expected KEY=VALUE, not {text!r}", param_hint="--set")
    return key, value


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on standard error when a person is watching."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _card_json(card: Card) -> dict[str, Any]:
    from affekt import datasets

    protocols = {key: protocol.about for key, protocol in datasets.protocols(card.name).items()}
    return asdict(card) | {"protocols": protocols, "options": datasets.options(card.name)}


def _card_lines(card: Card, hashes: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    from affekt import datasets

    yield "name", card.name
    yield "language", ", ".join(card.languages) or "any"
    yield "speech", card.elicitation
    yield "licence", f"{card.licence} {card.licence_url}".strip()
    yield "use of models", card.use
    yield "citation", card.citation
    yield "homepage", card.homepage
    yield "layout", card.layout
    if card.clips is not None:
        yield "release", f"{card.clips:,} clips" + (f", {card.speakers} speakers" if card.speakers else "")
    if card.emotions:
        yield "emotions", ", ".join(f"{emotion} {n:,}" for emotion, n in card.emotions.items())
    yield "labels", ", ".join(f"{own} = {ours or 'no label'}" for own, ours in card.labels.items() if own != ours)
    yield "scales", card.scales
    for key, protocol in datasets.protocols(card.name).items():
        yield "protocol", f"{card.name}/{key}: {protocol.about}"
        yield "", f"folds: {_short(hashes[key])}"
    for key, default in datasets.options(card.name).items():
        yield "option", f"{key}={default}"
    for defect in card.defects:
        yield "defect", f"{defect.kind}: {', '.join(defect.ids)} ({defect.note})"
    for note in card.notes:
        yield "note", note


def _short(digest: str | None) -> str:
    return "as in your copy; its PATH shows their hash" if digest is None else f"sha256 {digest[:12]}"


def _print_report(report: Report) -> None:
    console, card = _terminal.console(), report.card
    console.print(card.title, style="bold")
    console.print(str(report.root))
    table = _terminal.table("", "found", "official", right=("found", "official"))
    table.add_row("clips", f"{report.clips:,}", _count(card.clips))
    table.add_row("speakers", str(report.speakers), _count(card.speakers))
    for emotion, n in report.emotions.items():
        table.add_row(emotion, f"{n:,}", _count(card.emotions.get(emotion)))
    if report.unlabelled:
        table.add_row("without label", f"{report.unlabelled:,}", "")
    table.add_row("hours", f"{report.seconds / 3600:.2f}", "")
    console.print(table)
    for finding in report.findings:
        console.print(_finding_line(finding))
    verdict = f"this is {card.name}" if report.ok else f"this is not {card.name} as released"
    console.print(verdict, style="green" if report.ok else "red")


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _finding_line(finding: Finding) -> str:
    weight = "known" if finding.known else "wrong" if finding.fails else "note"
    items = ", ".join(finding.items[:_SHOWN]) + (", ..." if len(finding.items) > _SHOWN else "")
    named = f" {len(finding.items)}" if finding.items else ""
    return f"{weight}: {finding.kind}{named}: {finding.note}" + (f" ({items})" if items else "")
