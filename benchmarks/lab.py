"""recipes/lab/*.toml -> benchmarks/LAB.md. What each kind of model reaches, on speakers that it has not heard.

    python -m benchmarks.lab                      every recipe, then the tables
    python -m benchmarks.lab svm-emodb imbalance  some of them; the other rows stay as they were measured
    python -m benchmarks.lab --table              the tables only

Reads ../shared/corpora. A run is kept in runs/lab and goes on where it was interrupted. Numbers are kept in
benchmarks/lab.json with date and revision, so that a row can be renewed alone.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from affekt import config, training
from affekt.training import Run, folder

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes/lab"
KEPT = ROOT / "benchmarks/lab.json"
TABLE = ROOT / "benchmarks/LAB.md"
CORPORA = ("ravdess", "emodb")


@dataclass(frozen=True)
class Row:
    """A recipe, one file per corpus: NAME-ravdess.toml and NAME-emodb.toml."""

    name: str
    title: str
    goals: Mapping[str, float]


ROWS = (
    Row("svm", "eGeMAPS + SVM", {"ravdess": 0.50, "emodb": 0.70}),
    Row("cnn", "CNN on log-mel from scratch, with augmentation", {"ravdess": 0.55, "emodb": 0.70}),
    Row("bilstm", "BiLSTM with attention", {"ravdess": 0.55, "emodb": 0.65}),
    Row("small", "below 100 k parameters", {"ravdess": 0.62}),
    Row("lda", "Whisper-tiny frozen, LDA on pooled layers", {"ravdess": 0.77, "emodb": 0.91}),
    Row("whisper-frozen", "Whisper-tiny frozen, layer weights, attentive pooling", {"ravdess": 0.75, "emodb": 0.89}),
    Row("whisper-adapted", "Whisper-tiny adapted", {"ravdess": 0.78, "emodb": 0.92}),
)
AFFECT = {"arousal": 0.75, "valence": 0.55, "dominance": 0.65}
_MATRICES = ("none", "inverse", "effective", "logit-adjustment", "oversample", "smote")
STRATEGIES = {
    "imbalance": _MATRICES,
    "imbalance-svm": _MATRICES,
    "imbalance-net": ("none", "inverse", "effective", "logit-adjustment", "oversample", "sampler", "focal"),
}

HEAD = """# The lab: one row a recipe

Written by `python -m benchmarks.lab`. Speaker-independent: RAVDESS in six folds of four actors (`ravdess/6fold`),
EmoDB leaving each speaker out (`emodb/loso`), folds pooled. Options are chosen on the training speakers of each fold;
networks stop early on development speakers, who are taken from the training side. UAR with its 95 % interval over
speakers (1000 draws): differences inside it are noise. CPU minutes are those of all folds, features from the cache, on
two cores that others used too. "Tried" counts combinations of options over all folds; what was looked at while a recipe
was found comes on top, and is told below.
"""


class Told(training.Progress):
    """Says on standard error how far the work is."""

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


# Running ----------------------------------------------------------------------------------------------------------


def runs(names: list[str]) -> Iterator[Run]:
    """Every run of the tables, or those whose recipe is named."""
    for path in sorted(RECIPES.glob("*.toml")):
        if names and path.stem not in names:
            continue
        run = replace(config.load(Run, path), folder=ROOT / "runs/lab")
        for strategy in STRATEGIES.get(path.stem, ()):
            yield replace(run, name=f"{run.name}-{strategy}", balance=replace(run.balance, strategy=strategy))
        if path.stem not in STRATEGIES:
            yield run


def measure(run: Run) -> dict[str, Any]:
    """Train and test; what the tables need of it."""
    print(run.name, file=sys.stderr, flush=True)
    with threadpool_limits(1):
        result = training.train(run, progress=Told(), bundle=False)
    scores = {key: result.scores[key] for key in ("uar", "worst_recall", "ccc") if key in result.scores}
    return scores | {
        "minutes": round(sum(fold["cpu"] for fold in result.folds) / 60, 1),
        "tried": result.tried,
        "date": str(datetime.date.today()),
        "git": (folder.revision() or "?")[:9],
    }


def numbers() -> dict[str, Any]:
    """Read what was measured so far."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


# Tables -----------------------------------------------------------------------------------------------------------


def tables(kept: Mapping[str, Any]) -> Iterator[str]:
    """Write all tables as Markdown."""
    yield HEAD
    yield "## Emotion\n"
    yield "| recipe | RAVDESS 8 | goal | EmoDB 7 | goal | CPU minutes | tried | command |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from (_row(row, kept) for row in ROWS)
    yield "\n## Affect: EmoTale, leaving each speaker out\n"
    yield "| recipe | dimension | CCC | goal | CPU minutes | command |"
    yield "|---|---|---|---|---|---|"
    yield from _affect(kept.get("ridge-emotale"))
    yield "\n## Imbalance: RAVDESS with eight times as much neutral in training\n"
    yield "Of every other emotion one training recording in eight is kept; the test speakers stay as they are.\n"
    yield "| model | strategy | UAR | worst recall |"
    yield "|---|---|---|---|"
    for base, strategies in STRATEGIES.items():
        yield from (_strategy(base, name, kept) for name in strategies if f"{base}-{name}" in kept)
    yield from _footer(kept)


def _row(row: Row, kept: Mapping[str, Any]) -> str:
    found = {corpus: kept.get(f"{row.name}-{corpus}") for corpus in CORPORA}
    cells = [row.title]
    for corpus in CORPORA:
        goal, one = row.goals.get(corpus), found[corpus]
        cells += [_score(one["uar"]) if one else "not run" if goal else "", _verdict(goal, one)]
    there = [one for one in found.values() if one]
    cells.append(" / ".join(f"{one['minutes']:g}" for one in there))
    cells.append(" / ".join(f"{one['tried']}" for one in there))
    wanted = " ".join(f"{row.name}-{corpus}" for corpus in row.goals)
    return f"| {' | '.join([*cells, f'`python -m benchmarks.lab {wanted}`'])} |"


def _verdict(goal: float | None, one: Mapping[str, Any] | None) -> str:
    if goal is None:
        return ""
    return f"{goal:.2f} {'' if one is None else 'met' if one['uar']['value'] >= goal else 'MISSED'}".strip()


def _score(score: Mapping[str, Any]) -> str:
    low, high = score["interval"]
    return f"{score['value']:.3f} [{low:.3f}, {high:.3f}]"


def _affect(one: Mapping[str, Any] | None) -> Iterator[str]:
    for axis, goal in AFFECT.items():
        cells = ["not run", f"{goal:.2f}", ""]
        if one:
            score = one["ccc"][axis]
            met = "met" if score["value"] >= goal else "MISSED"
            cells = [_score(score), f"{goal:.2f} {met}", f"{one['minutes']:g}"]
        command = "`python -m benchmarks.lab ridge-emotale`"
        yield f"| ridge on Whisper-tiny, pooled | {axis} | {' | '.join(cells)} | {command} |"


def _strategy(base: str, name: str, kept: Mapping[str, Any]) -> str:
    run, one = config.load(Run, RECIPES / f"{base}.toml"), kept[f"{base}-{name}"]
    model = f"{run.model.name} on {run.features.set}"
    return f"| {model} | {name} | {_score(one['uar'])} | {one['worst_recall']:.3f} |"


def _footer(kept: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## When\n"
    yield "| run | date | revision |"
    yield "|---|---|---|"
    yield from (f"| {name} | {one['date']} | {one['git']} |" for name, one in sorted(kept.items()))
    notes = ROOT / "benchmarks/LAB_NOTES.md"
    if notes.exists():
        yield "\n" + notes.read_text(encoding="utf-8").strip()


def main(arguments: list[str]) -> None:
    """Run what is named, and write the tables."""
    names = [name for name in arguments if not name.startswith("-")]
    for run in [] if "--table" in arguments else runs(names):
        measured = {run.name: measure(run)}
        kept = numbers() | measured  # read anew: somebody else may have measured another row meanwhile
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        TABLE.write_text("\n".join(tables(kept)) + "\n", encoding="utf-8")
    TABLE.write_text("\n".join(tables(numbers())) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(sys.argv[1:])
