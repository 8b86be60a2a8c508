"""`affekt train`: a run.toml -> scores on speakers not heard, and a model that `affekt predict` takes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli import _terminal
from affekt.cli._terminal import count, score
from affekt.errors import UsageError

if TYPE_CHECKING:
    from affekt.training import Result, Run
    from affekt.training.plan import Plan, Side

_EXAMPLES = """\b
Examples:
  affekt train --new ravdess svm > run.toml   a commented run for a corpus and a model
  affekt train --new mine.csv lda > run.toml  the same for data of your own
  affekt train run.toml --dry-run             clips, speakers, classes, time and memory
  affekt train run.toml                       train and test every fold, then a bundle
  affekt train run.toml --listen heard/       hear what the augmentation does
  affekt predict --model runs/NAME/bundle FILE
A run that was interrupted goes on where it stopped.
Exit code: 0, 1 if the data are not what they should be, 2 if the call or the run is wrong."""


@click.command(epilog=_EXAMPLES)
@click.argument("run", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="RUN.TOML")
@click.option("--new", nargs=2, metavar="CORPUS MODEL", help="Write a commented run.toml to standard output.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and train nothing.")
@click.option("--listen", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Write a few utterances and their augmented copies as WAV, and train nothing.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
@click.option("--bundle/--no-bundle", default=True, help="Train the final model on everybody, or only test.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes for features; default: all processors.")
def command(
    run: Path | None,
    new: tuple[str, str] | None,
    dry_run: bool,
    listen: Path | None,
    as_json: bool,
    bundle: bool,
    workers: int | None,
) -> None:
    """Train and test a model as RUN.TOML says, on speakers kept apart."""
    from affekt import config, training

    if new:
        click.echo(_template(*new), nl=False)
        return
    if run is None:
        raise UsageError("which run? Give a run.toml; `affekt train --new CORPUS MODEL > run.toml` writes one")
    wanted = config.load(training.Run, run)
    if listen:
        _listen(wanted, listen)
    elif dry_run:
        _dry_run(wanted, as_json)
    else:
        with _terminal.progress() as progress:
            result = training.train(wanted, workers=workers or os.cpu_count() or 1, progress=progress, bundle=bundle)
        _terminal.write_json(result.to_dict()) if as_json else _print(result)


def _template(corpus: str, model: str) -> str:
    from affekt.training import template

    return template.write(corpus, model)


def _listen(run: Run, folder: Path) -> None:
    """Write the first utterance of each emotion, as it is and as each of its copies."""
    import soundfile

    from affekt.training import examples

    if not run.augment.copies:
        raise UsageError("augment.copies is empty, so there is nothing to hear")
    copies, gathered = examples.chains_of(run), examples.gather(run)
    folder.mkdir(parents=True, exist_ok=True)
    for label in range(len(gathered.examples.labels)):
        row = int((gathered.examples.emotions == label).argmax())
        name = str(gathered.examples.ids[row])
        for copy in (None, *copies):
            signal = examples.sound(gathered.files[row], gathered.segments[row], name, copy=copy)
            path = folder / f"{gathered.examples.labels.names[label]}-{copy.name if copy else 'as-it-is'}.wav"
            peak = max(1.0, float(abs(signal.samples).max(initial=0.0)))  # a file would clip what a model would not
            soundfile.write(path, signal.samples / peak, signal.rate)
            click.echo(str(path))


# What would happen ------------------------------------------------------------------------------------------------


def _dry_run(run: Run, as_json: bool) -> None:
    from affekt.training.plan import plan

    found = plan(run)
    _terminal.write_json(found.to_dict()) if as_json else _print_plan(found)
    found.refuse()


def _print_plan(plan: Plan) -> None:
    console = _terminal.console()
    console.print(f"{plan.run.name}: {_what(plan.run)}", style="bold")
    if plan.leaky:
        console.print("LEAKY: this split shares speakers, its scores will be too high", style="bold red")
    console.print(
        f"{count(plan.clips, 'clip')} of {count(plan.speakers, 'speaker')}, {plan.speech / 3600:.2f} h of speech"
    )
    console.print(", ".join(f"{name} {n:,}" for name, n in zip(plan.labels, plan.counts, strict=True)))
    sides = ("train", "development", "test")
    table = _terminal.table("fold", *sides, right=sides)
    for name, *parts in plan.folds:
        table.add_row(name, *(_side(part, len(plan.labels)) for part in parts))
    console.print(table)
    steps = f", {plan.cost.steps:,} steps at most" if plan.cost.steps else ""
    console.print(f"{plan.cost.fits:,} fits on {plan.dimensions:,} columns{steps}")
    console.print(f"about {_duration(plan.seconds)} in one process, {_duration(plan.hearing)} of it for features")
    console.print(f"about {plan.cost.memory / 1e9:.1f} GB of memory, {plan.free / 1e9:.1f} GB are free")


def _side(side: Side, labels: int) -> str:
    if not side.clips:
        return "none"
    missing = f", {count(labels - side.emotions, 'emotion')} missing" if side.emotions < labels else ""
    return f"{count(side.clips, 'clip')}, {count(side.speakers, 'speaker')}{missing}"


def _duration(seconds: float) -> str:
    if math.isnan(seconds):
        return "an unknown time"
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


# What came out ----------------------------------------------------------------------------------------------------


def _print(result: Result) -> None:
    console, scores = _terminal.console(), result.scores
    console.print(f"{result.run.name}: {_what(result.run)}", style="bold")
    protocol = result.run.data.protocol or "no protocol: development speakers"
    console.print(
        f"{protocol}: {count(scores['n'], 'clip')} of {count(scores['speakers'], 'speaker')} not heard before"
    )
    if result.leaky:
        console.print("LEAKY: this split shares speakers, the scores are too high", style="bold red")
    table = _terminal.table("", "score", "95 % over speakers", right=("score",))
    for name, found in _rows(scores):
        table.add_row(name, *score(found))
    console.print(table)
    if "recall" in scores:
        console.print("recall: " + ", ".join(f"{name} {value:.2f}" for name, value in scores["recall"].items()))
    console.print(f"{result.tried} combinations of options were tried, on training speakers")
    if result.skipped:
        console.print(f"{len(result.skipped)} recordings could not be read and were left out", style="red")
    console.print(f"{result.folder}: predictions.csv, metrics.json")
    if result.bundle:
        console.print(f"to use it: affekt predict --model {result.bundle} FILE")


def _rows(scores: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    names = {"uar": "UAR", "macro_f1": "macro F1", "weighted_f1": "weighted F1", "accuracy": "accuracy"}
    yield from ((shown, scores[name]) for name, shown in names.items() if name in scores)
    yield from ((f"CCC {axis}", found) for axis, found in scores.get("ccc", {}).items())


def _what(run: Run) -> str:
    return f"{run.model.name} on {run.features.level} of {run.features.set}"
