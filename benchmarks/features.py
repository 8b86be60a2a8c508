"""Corpora -> benchmarks/FEATURES.md. Our eGeMAPS beside openSMILE's own values: parity, use and speed.

    python -m benchmarks.features

Reads ../shared/corpora and ../shared/reference; times openSMILE where it is installed (extra `opensmile`). A quarter of
an hour on one core.
"""

from __future__ import annotations

import csv
import importlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from affekt import audio, datasets, metrics
from affekt.features import egemaps
from affekt.types import Signal
from benchmarks import page
from recipes import corpora

SHARED = corpora.ROOT.parent / "shared"
NAMES = ("emodb", "ravdess")
CLIPS, REPEATS = 10, 7
LONG = 600
"seconds"
Values = NDArray[np.float64]

HEAD = """# eGeMAPS beside openSMILE

Written by `{command}` on {date}, commit {commit}: {machine}.

Reference: openSMILE's eGeMAPS v02 functionals of the same files (openSMILE is free for research only; its values are an
oracle here, none of it is in Affekt). r: Pearson, over files. Error: difference of the corpus means over the
reference's mean.
"""
USE = """
## Use

UAR of an RBF SVM (C 1, balanced classes, scaled on the training speakers of each fold), predictions of all folds
pooled, on ours and on openSMILE's values in the same run; 95 % intervals over speakers. Goal: at least openSMILE's less
0.01.
"""
SPEED = """
## Speed

Functionals, one thread, process time; openSMILE by its Python package, in the same run. Clips: the first 3 s of {clips}
recordings of each corpus, median of {repeats}; ten minutes: recordings of EmoDB one after the other, median of 3. Goal:
a third of openSMILE's time.
"""
WHY = """
## Why not equal

Every functional below r 0.99 in one of the corpora; the goal is 0.95 for 80 of the 88.
"""
END = "depending on when its path search empties; ours always one."
REASONS = (
    (
        r"F\d(frequency|bandwidth)",
        "The reference brings frames to 11 kHz without what is above 3.4 kHz, so the prediction is nearly singular, "
        "and computes it in single precision: in one frame of fifty its own rounding moves a root by more than 1 %. "
        "Ours is in double precision. The deviation of the bandwidths hangs on those few roots.",
    ),
    (
        r"(slope|mfcc|alphaRatio|hammarberg|H1-H2).*stddevNorm",
        "The mean is near 0 in some files and the quotient explodes: there one frame more or less at the end of a "
        "voiced stretch changes it by half. The reference drops its last one to four frames, " + END,
    ),
    (
        r"(F0|Voiced|Unvoiced|jitter|shimmer|V_|logRelF0)",
        "Voicing differs in one frame of a thousand, mostly in the last ones: the reference drops one to four, " + END,
    ),
)


class Measured(NamedTuple):
    """One row per recording."""

    ours: Values
    theirs: Values
    emotions: NDArray[np.str_]
    speakers: NDArray[np.str_]
    milliseconds: float
    "per second of audio"


def main() -> None:
    every = page.every(__doc__)
    with threadpool_limits(1):
        measured = {name: measure(name, every) for name in NAMES}
        lines = [
            HEAD.format(**page.origin("benchmarks.features", every)),
            *_parity(measured),
            *_use(measured, every),
            *_speed(),
            *_why(measured),
            *_table(measured),
        ]
    page.write("FEATURES.md", "\n".join(lines) + "\n")


def measure(name: str, every: int) -> Measured:
    """Ours and the reference's values of each recording, its emotion and speaker, and the time ours took."""
    with (SHARED / f"reference/opensmile_egemaps_v02_{name}.csv").open(encoding="utf-8") as file:
        reference = {row.pop("path").split("/")[-1]: list(map(float, row.values())) for row in csv.DictReader(file)}
    manifest, rows, busy, heard = corpora.manifest(name), [], 0.0, 0.0
    for utterance in list(manifest)[::every]:
        signal, theirs = audio.read(manifest.file(utterance)), reference[utterance.path.split("/")[-1]]
        start = time.process_time()
        ours = list(egemaps.functionals(signal).values())
        busy, heard = busy + time.process_time() - start, heard + signal.duration
        rows.append((ours, theirs, utterance.emotion, utterance.speaker))
    ours, theirs, emotions, speakers = (np.array(column) for column in zip(*rows, strict=True))
    return Measured(ours, theirs, emotions, speakers, 1000 * busy / heard)


def correlation(found: Measured) -> Values:
    return np.array([metrics.pearson(theirs, ours) for ours, theirs in zip(found.ours.T, found.theirs.T, strict=True)])


def error(found: Measured) -> Values:
    return np.abs(found.ours.mean(axis=0) / found.theirs.mean(axis=0) - 1)


# Parity -----------------------------------------------------------------------------------------------------------


def _parity(measured: Mapping[str, Measured]) -> Iterator[str]:
    yield "## Parity\n"
    yield "| corpus | files | r >= 0.99 | r >= 0.95 | lowest r | median error of means | ms per second of audio |"
    yield "|---|---|---|---|---|---|---|"
    for name, found in measured.items():
        r = correlation(found)
        yield (
            f"| {name} | {len(found.ours)} | {(r >= 0.99).sum()} of 88 | {(r >= 0.95).sum()} of 88 | {r.min():.3f} "
            f"| {np.median(error(found)):.5f} | {found.milliseconds:.1f} |"
        )
    yield "\nGoal: r >= 0.99 for at least 60 of the 88, >= 0.95 for at least 80, on both."


def _why(measured: Mapping[str, Measured]) -> Iterator[str]:
    yield WHY
    columns = [correlation(found) for found in measured.values()]
    below = [(name, r) for name, *r in zip(egemaps.FUNCTIONALS, *columns, strict=True) if min(r) < 0.99]
    yield f"Below 0.95: {', '.join(name for name, r in below if min(r) < 0.95) or 'none'}.\n"
    yield f"| functional | {' | '.join(f'r {name}' for name in measured)} | why |\n|---|---|---|---|"
    for name, r in below:
        reasons = [reason for pattern, reason in REASONS if re.search(pattern, name)]
        yield f"| {name} | {' | '.join(f'{value:.3f}' for value in r)} | {(reasons or ['not known'])[0]} |"


def _table(measured: Mapping[str, Measured]) -> Iterator[str]:
    heads = [f"{what} {name}" for name in measured for what in ("r", "error")]
    yield f"\n## All\n\n| functional | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}"
    columns = [f(found) for found in measured.values() for f in (correlation, error)]
    for name, *numbers in zip(egemaps.FUNCTIONALS, *columns, strict=True):
        yield f"| {name} | {' | '.join(f'{number:.4f}' for number in numbers)} |"


# Use --------------------------------------------------------------------------------------------------------------


def _use(measured: Mapping[str, Measured], every: int) -> Iterator[str]:
    yield USE
    if every > 1:
        yield "Not measured on a part of the recordings."
        return
    yield "| protocol | ours | openSMILE's | difference |\n|---|---|---|---|"
    for name, found in measured.items():
        heard = [judged(name, values, found) for values in (found.ours, found.theirs)]
        scores = [metrics.bootstrap(metrics.uar, found.emotions, said, found.speakers) for said in heard]
        cells = " | ".join(str(score) for score in scores)
        yield f"| {corpora.PROTOCOLS[name]} | {cells} | {scores[0].value - scores[1].value:+.3f} |"


def judged(name: str, values: Values, found: Measured) -> NDArray[np.str_]:
    """Emotions that the SVM hears in each recording, trained on the other folds' speakers."""
    said = np.empty_like(found.emotions)
    for fold in datasets.protocol(corpora.PROTOCOLS[name], corpora.manifest(name)):
        train, test = (np.isin(found.speakers, part.speakers) for part in (fold.train, fold.test))
        model = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
        said[test] = model.fit(values[train], found.emotions[train]).predict(values[test])
    return said


# Speed ------------------------------------------------------------------------------------------------------------


def _speed() -> Iterator[str]:
    yield SPEED.format(clips=CLIPS, repeats=REPEATS)
    timed: dict[str, Callable[[Signal], object]] = {"ours": egemaps.functionals, **_opensmile()}
    if len(timed) == 1:
        yield 'openSMILE is not installed here, so nothing is beside ours: pip install "affekt[opensmile]".\n'
    yield f"| sound | {' | '.join(f'{name}, ms' for name in timed)} | ratio |\n|---|{'---|' * (len(timed) + 1)}"
    for title, signals, repeats in _sounds():
        # A first call builds tables and windows, which are kept.
        spent = np.array([[_milliseconds(f, signal, repeats) for f in timed.values()] for signal in signals])
        ratio = f"{np.median(spent[:, 0] / spent[:, 1]):.3f}" if len(timed) > 1 else "?"
        yield f"| {title} | {' | '.join(f'{value:.1f}' for value in np.median(spent, axis=0))} | {ratio} |"


def _opensmile() -> dict[str, Callable[[Signal], object]]:
    try:
        opensmile = importlib.import_module("opensmile")
    except ImportError:
        return {}
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    return {f"openSMILE {opensmile.__version__}": lambda signal: smile.process_signal(signal.samples, signal.rate)}


def _sounds() -> Iterator[tuple[str, list[Signal], int]]:
    for name in NAMES:
        manifest = corpora.manifest(name)
        long = [signal for signal in map(audio.read, map(manifest.file, manifest)) if signal.duration >= 3]
        clips = long[:: len(long) // CLIPS][:CLIPS]
        yield f"3 s of {name}", [Signal(c.samples[: 3 * c.rate], c.rate) for c in clips], REPEATS
    manifest, rate = corpora.manifest("emodb"), egemaps.RATE
    samples = np.concatenate([audio.read(manifest.file(utterance)).samples for utterance in manifest])
    yield "10 minutes", [Signal(samples[: LONG * rate], rate)], 3


def _milliseconds(f: Callable[[Signal], object], signal: Signal, repeats: int) -> float:
    f(signal)
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        f(signal)
        spent.append(time.process_time() - start)
    return 1000 * float(np.median(spent))


if __name__ == "__main__":
    main()
