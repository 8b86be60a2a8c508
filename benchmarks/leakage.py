"""Corpora -> benchmarks/LEAKAGE.md. How much a split that shares speakers, or copies, flatters a model.

    python -m benchmarks.leakage [--cache FOLDER] [--workers N]

Reads ../shared/corpora. The same recordings, features and model are judged twice: by speakers kept apart, and by
recordings dealt at random into as many folds. Options are fixed beforehand and none is searched for.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from affekt import metrics, training
from affekt.training import Examples, Run, Split, examples
from affekt.training.run import Augmenting, Data, Features, Model
from benchmarks import page
from recipes import corpora

PROTOCOLS = {"emodb": "emodb/loso", "ravdess": "ravdess/6fold", "savee": "savee/loso"}
MODELS = {
    "eGeMAPS + SVM": (Features("egemaps", "functionals", longest=30.0), Model("svm", {"C": 3.0, "gamma": 0.3})),
    "Whisper-tiny + LDA": (
        Features("whisper", "functionals", longest=30.0),
        Model("lda", {"pools": 2, "layers": 3, "shrinkage": 0.5}),
    ),
}
TITLES = {"emodb": "EmoDB", "ravdess": "RAVDESS", "savee": "SAVEE"}

HEAD = """# What leakage is worth

Written by `{command}` on {date}, commit {commit}. UAR of all folds together, 95 % intervals over speakers (1000 draws);
the difference is paired: the same recordings, judged by both, redrawn together. Options are fixed, nothing is searched.
`apart`: no speaker is in training and test. `random`, **LEAKY**: recordings dealt into as many folds, seed 0.
"""


@dataclass(frozen=True)
class Row:
    """One comparison: what two ways to split said of the same recordings."""

    data: str
    model: str
    honest: str
    leaky: str
    truth: NDArray[Any]
    said: NDArray[Any]
    "(n, 2): apart, leaky"
    speakers: NDArray[Any]


# Judging ----------------------------------------------------------------------------------------------------------


def judge(data: Examples, folds: Sequence[Split], run: Run) -> NDArray[np.intp]:
    """Label of each row of `data`, said by a model that was not trained on the row; -1 where it was never tested."""
    said = np.full(len(data), -1)
    for fold in folds:
        model, _ = training.fit(data, fold, run)
        probs = model.probs(data.part(fold.test).x)
        assert probs is not None
        said[fold.test] = probs.argmax(axis=1)
    return said


def dealt(groups: NDArray[Any], folds: int, *, seed: int = 0) -> list[Split]:
    """Deal groups of rows at random: rows of one group stay together."""
    names, row = np.unique(groups, return_inverse=True)
    places = (np.random.default_rng(seed).permutation(len(names)) % folds)[row]
    nobody = np.zeros(0, np.intp)
    return [
        Split(str(k), np.flatnonzero(places != k), nobody, np.flatnonzero(places == k), leaky=True)
        for k in range(folds)
    ]


def by(groups: NDArray[Any]) -> list[Split]:
    """Leave each group out."""
    nobody = np.zeros(0, np.intp)
    return [
        Split(str(name), np.flatnonzero(groups != name), nobody, np.flatnonzero(groups == name))
        for name in np.unique(groups)
    ]


# Comparisons ------------------------------------------------------------------------------------------------------


def corpus(name: str, model: str, data: Examples, folds: Sequence[Split], run: Run) -> Row:
    """A corpus by its protocol, and dealt at random."""
    said = [judge(data, way, run) for way in (folds, dealt(np.arange(len(data)), len(folds)))]
    honest = PROTOCOLS[name]
    return Row(TITLES[name], model, honest, f"random/{len(folds)}", data.emotions, np.stack(said, 1), data.speakers)


def pairs(name: str, model: str, data: Examples, run: Run, people: Sequence[str]) -> Row:
    """Two speakers at a time, as TESS has: train on one and test on the other, against random halves of both."""
    said, rows = [], []
    for pair in zip(people[::2], people[1::2], strict=True):
        chosen = np.flatnonzero(np.isin(data.speakers, pair))
        own = data.part(chosen)
        ways = by(own.speakers), dealt(np.arange(len(own)), 2)
        said.append(np.stack([judge(own, way, run) for way in ways], 1))
        rows.append(chosen)
    every = data.part(np.concatenate(rows))
    title = f"{TITLES[name]}, two speakers at a time ({len(people)} in all)"
    return Row(title, model, "the other speaker", "random/2", every.emotions, np.concatenate(said), every.speakers)


def with_copies(name: str, model: str, data: Examples, run: Run, folds: int) -> Row:
    """Each recording and its copy at another speed, dealt at random: together, or one by one."""
    size = len(data)
    rows = np.concatenate([np.arange(size), np.arange(size)])
    assert isinstance(data.x, np.ndarray)
    both = replace(data.part(rows), x=np.concatenate([data.x, data.copies[0]]), copies=())
    ways = dealt(rows, folds), dealt(np.arange(2 * size), folds)
    said = np.stack([judge(both, way, run)[:size] for way in ways], 1)
    title = f"{TITLES[name]} with a copy at another speed"
    return Row(title, model, f"random/{folds}, copies with their source", f"random/{folds}, copies dealt alone",
               data.emotions, said, data.speakers)  # fmt: skip


def rows(cache: Path, workers: int) -> Iterator[Row]:
    for name, protocol in PROTOCOLS.items():
        for model, (features, options) in MODELS.items():
            copies = ("speed",) if name == "emodb" else ()
            # The folds are given here, so nobody needs to be held out for choices
            own = Data((name,), protocol=protocol, development=0.0)
            run = Run("leakage", own, features, options, augment=Augmenting(copies), cache=cache)
            data, folds = examples.load(run, workers=workers)
            plain, alone = replace(data, copies=()), replace(run, augment=Augmenting())
            yield corpus(name, model, plain, folds, alone)
            if name == "ravdess":
                yield pairs(name, model, plain, alone, [f"ravdess/{n:02d}" for n in range(2, 25, 2)])
            if name == "savee":
                yield pairs(name, model, plain, alone, sorted(set(plain.speakers.tolist())))
            if copies:
                yield with_copies(name, model, data, alone, len(folds))


# Page -------------------------------------------------------------------------------------------------------------


def line(row: Row) -> str:
    honest, leaky = (metrics.bootstrap(metrics.uar, row.truth, row.said[:, i], row.speakers) for i in (0, 1))
    gap = metrics.bootstrap(difference, row.truth, row.said, row.speakers)
    cells = [row.data, row.model, row.honest, _score(honest), row.leaky, _score(leaky)]
    return f"| {' | '.join(cells)} | **{100 * gap.value:+.1f}** [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}] |"


def difference(truth: Any, said: Any) -> float:
    """UAR of the leaky split over the honest one."""
    return metrics.uar(truth, said[:, 1]) - metrics.uar(truth, said[:, 0])


def _score(found: metrics.Interval) -> str:
    return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def report(found: Sequence[Row]) -> Iterator[str]:
    yield HEAD.format(**page.origin("benchmarks.leakage"))
    yield "| data | model | split | UAR % | leaky split | UAR % | flattered by, points |"
    yield "|---|---|---|---|---|---|---|"
    yield from map(line, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=corpora.ROOT / "cache/features", help="features are kept here")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes for features")
    asked = parser.parse_args()
    found = []
    with threadpool_limits(1):
        for row in rows(asked.cache, asked.workers):
            found.append(row)
            page.write("LEAKAGE.md", "\n".join(report(found)) + "\n")  # each row as it comes


if __name__ == "__main__":
    main()
