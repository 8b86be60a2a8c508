"""`affekt matrix`: a run, several corpora -> trained on each, tested on every other, as one table or heat map."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli import _terminal
from affekt.cli._terminal import count
from affekt.errors import UsageError

if TYPE_CHECKING:
    from affekt.training.matrix import Cell, Corpus, Matrix, Prepared

_EXAMPLES = """\b
Examples:
  affekt matrix run.toml --corpora emodb,ravdess,savee --dry-run        what it will take
  affekt matrix run.toml --corpora emodb,ravdess,savee                  train on rows, test on columns
  affekt matrix run.toml --corpora emodb,ravdess,mine.csv               with your own recordings
  affekt matrix run.toml --corpora emodb,ravdess,urdu -o matrix.html    also .svg .png .md .csv .json
  affekt matrix run.toml --corpora emodb,ravdess --labels anger,sadness
Of RUN.TOML, model and features count; its corpora, protocol and labels do not. A matrix that was interrupted goes on
where it stopped.
Exit code: 0, 1 if the data are not what they should be or a recording cannot be read, 2 if the call or run is wrong."""

_AXES = ("valence", "arousal", "dominance")
_SUFFIXES = (".json", ".csv", ".md", ".svg", ".html", ".png")
_ORDER = ("within", "across", "others")
_KINDS = {
    "within": "same corpus, other speakers",
    "across": "another corpus",
    "others": "all corpora but the tested one",
}


@click.command(epilog=_EXAMPLES)
@click.argument("run", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="RUN.TOML")
@click.option("--corpora", required=True, metavar="A,B,...", help="Corpora, or your own data: a manifest, a CSV, a "
              "folder with a folder per emotion.")  # fmt: skip
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), default=Path("../shared/corpora"),
              show_default=True, help="The folder that holds the corpora.")  # fmt: skip
@click.option(
    "--labels", default="", metavar="A,B,...", help="Emotions to tell apart; default: all that every corpus has."
)
@click.option("--merge", multiple=True, metavar="A=B", help="Count emotion A as B; default: calm=neutral, if not every "
              "corpus has calm.")  # fmt: skip
@click.option("--others/--no-others", default=True, help="Also train on all corpora but the tested one.")
@click.option("--dry-run", is_flag=True, help="Say what it will take, and train nothing.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write it to a .json, .csv, .md, .svg, .html or .png.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write JSON to standard output.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes for features; default: all processors.")
def command(
    run: Path,
    corpora: str,
    root: Path,
    labels: str,
    merge: tuple[str, ...],
    others: bool,
    dry_run: bool,
    output: Path | None,
    as_json: bool,
    workers: int | None,
) -> int:
    """Train on each corpus and test on every other: what a model of RUN.TOML is worth where it knows nobody."""
    from affekt import config, training
    from affekt.cli._merges import merges
    from affekt.training import matrix

    _refuse_suffix(output)
    wanted = matrix.prepare(
        config.load(training.Run, run),
        _list(corpora),
        root=root,
        labels=_list(labels),
        merge=merges(merge),
        others=others,
    )
    if dry_run:
        _dry_run(wanted, as_json)
        return 0
    with _terminal.progress() as progress:
        found = to_dict(matrix.judge(wanted, workers=workers or os.cpu_count() or 1, progress=progress))
    if output is not None:
        write(found, output)
    _terminal.write_json(found) if as_json else _print(found, output)
    return 1 if found["skipped"] else 0


def _list(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _refuse_suffix(output: Path | None) -> None:
    """Before hours of training, not after them."""
    if output is None:
        return
    if output.suffix not in _SUFFIXES:
        raise UsageError(f"-o writes {', '.join(_SUFFIXES)}; got {output.suffix or 'no extension'!r}")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {output.parent} to write {output.name} into")
    if output.suffix == ".png":
        from affekt.registry import need

        need("matplotlib", extra="report")


# One JSON form ----------------------------------------------------------------------------------------------------


def to_dict(matrix: Matrix) -> dict[str, Any]:
    """Measure all cells: affekt.matrix/1, docs/evaluation.md has every key."""
    own = matrix.prepared
    cells = [_cell(cell) for cell in matrix.cells]
    measures = dict.fromkeys(name for cell in cells for name in cell["scores"])
    return {
        "schema": "affekt.matrix/1",
        "run": own.run.name,
        "model": own.run.model.name,
        "features": f"{own.run.features.level} of {own.run.features.set}",
        "target": own.run.target.kind,
        "labels": list(own.labels),
        "merge": dict(own.merge),
        "others": own.others,
        "bootstraps": 1000,
        "level": 0.95,
        "seed": 0,
        "corpora": [_corpus(corpus) for corpus in own.corpora],
        "measures": list(measures),
        "cells": cells,
        "means": _means(cells, {corpus.name: corpus.elicitation for corpus in own.corpora}),
        "skipped": list(matrix.skipped),
    }


def _corpus(corpus: Corpus) -> dict[str, Any]:
    rows = corpus.whole.examples
    return {
        "name": corpus.name,
        "title": corpus.title,
        "languages": list(corpus.languages),
        "elicitation": corpus.elicitation,
        "protocol": corpus.protocol,
        "fingerprint": corpus.fingerprint,
        "n": len(rows),
        "speakers": len(set(rows.speakers.tolist())),
        "counts": {name: int((rows.emotions == place).sum()) for place, name in enumerate(rows.labels)},
    }


def _cell(cell: Cell) -> dict[str, Any]:
    from affekt.training import results

    own = results.scores(cell.judged)
    scores = {"uar": own["uar"]} if "uar" in own else {}
    scores |= {f"ccc_{axis}": own["ccc"][axis] for axis in _AXES} if "ccc" in own else {}
    return {
        "kind": cell.kind,
        "train": list(cell.train),
        "test": cell.test,
        "protocol": cell.protocol,
        "leaky": cell.judged.leaky,
        "n": own["n"],
        "speakers": own["speakers"],
        "scores": scores,
        "recall": own.get("recall"),
        "confusion": own.get("confusion"),
        "guessing": _guessing(cell) if "uar" in own else None,
        "tried": cell.tried,
        "seconds": cell.seconds,
    }


def _guessing(cell: Cell) -> float | None:
    """UAR that 97.5 of 100 models that guess stay below on these utterances."""
    from affekt.evaluation import floor
    from affekt.evaluation.draws import Draws

    rows = cell.judged.examples
    named = rows.part(rows.emotions >= 0)
    draws = Draws.of(named.speakers, n=1, seed=0)
    peers = floor.peers(named.emotions, len(rows.labels), draws, n=1000, seed=0)
    (found,) = [float(peer["uar"]["interval"][1]) for peer in peers if peer["name"] == "random"]
    return found


def _means(cells: list[dict[str, Any]], elicitation: Mapping[str, str]) -> list[dict[str, Any]]:
    """Mean score of each kind of cell; acted and natural corpora are never mixed."""
    groups: dict[tuple[str, str, str], list[float]] = {}
    for cell in cells:
        for measure, own in cell["scores"].items():
            if own["value"] is not None:
                groups.setdefault((cell["kind"], elicitation[cell["test"]], measure), []).append(own["value"])
    return [
        {"kind": kind, "tested": tested, "measure": measure, "cells": len(values), "mean": _mean(values)}
        for (kind, tested, measure), values in sorted(
            groups.items(), key=lambda one: (one[0][1:], _ORDER.index(one[0][0]))
        )
    ]


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4)


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write a matrix in the form that the file's name asks for."""
    from affekt.view import matrix as view

    if path.suffix == ".png":
        view.draw(found, path)
        return
    forms = {".csv": view.commas, ".md": view.markdown, ".svg": view.svg, ".html": view.html}
    made = forms.get(path.suffix)
    text = made(found) if made else json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    path.write_text(text, encoding="utf-8")


# For people -------------------------------------------------------------------------------------------------------


def _dry_run(wanted: Prepared, as_json: bool) -> None:
    from dataclasses import asdict

    from affekt.training import matrix

    cost = matrix.cost(wanted)
    if as_json:
        corpora = [_corpus(corpus) for corpus in wanted.corpora]
        about = {"labels": list(wanted.labels), "merge": dict(wanted.merge), "corpora": corpora}
        _terminal.write_json({"schema": "affekt.matrix.plan/1", **about, "cost": asdict(cost)})
        return
    console = _terminal.console()
    console.print(f"{wanted.run.name}: {', '.join(wanted.labels)}", style="bold")
    table = _terminal.table("corpus", "", "languages", "clips", "speakers", "own cell", right=("clips", "speakers"))
    for one in map(_corpus, wanted.corpora):
        spoken = ", ".join(one["languages"])
        table.add_row(
            one["name"], one["elicitation"], spoken, f"{one['n']:,}", str(one["speakers"]), one["protocol"] or "none"
        )
    console.print(table)
    for a, b in wanted.merge.items():
        console.print(f"{a} counts as {b}")
    console.print(f"{count(cost.models, 'model')}, {count(cost.fits, 'fit')} with those that choose options")
    if cost.kept:
        console.print(f"{count(cost.kept, 'model')} of this or another matrix are in {wanted.folder} already")
    console.print(
        f"about {_duration(cost.hearing)} for features that are not cached, {_duration(cost.fitting)} for models"
    )
    console.print(f"about {cost.memory / 1e9:.1f} GB of memory")


def _duration(seconds: float) -> str:
    return f"{round(seconds)} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _print(found: Mapping[str, Any], output: Path | None) -> None:
    from affekt.view import matrix as view

    console = _terminal.console()
    console.print(f"{found['run']}: trained on rows, tested on columns", style="bold")
    for measure in found["measures"]:
        console.print(view.table(found, measure))
    for row in found["means"]:
        what = f"mean {view.title(row['measure'])}, {_KINDS[row['kind']]}, {row['tested']}"
        console.print(f"{what}: {row['mean']:.3f} ({count(row['cells'], 'cell')})")
    for note in view.notes(found, own="own"):
        console.print(note, style="dim")
    if found["skipped"]:
        console.print(f"{count(len(found['skipped']), 'recording')} could not be read and were left out", style="red")
    if output is not None:
        console.print(str(output))
