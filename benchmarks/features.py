"""Corpora -> benchmarks/FEATURES.md. Our eGeMAPS beside openSMILE's own values: parity, use and speed.

    python -m benchmarks.features

Reads ../shared/corpora and ../shared/reference; two minutes on one core.
"""

from __future__ import annotations

import csv
import datetime
import subprocess
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from affekt import audio
from affekt.features import egemaps
from recipes import corpora

SHARED = corpora.ROOT.parent / "shared"
NAMES = ("emodb", "ravdess")
PROTOCOLS = {"emodb": "leave one speaker out", "ravdess": "6 folds of 4 speakers"}
Values = NDArray[np.float64]

HEAD = """# eGeMAPS beside openSMILE

Written by `python -m benchmarks.features` on {date}, commit {commit}. Reference: openSMILE's eGeMAPS v02 functionals of
the same files (openSMILE is free for research only; its values are an oracle here, none of it is in Affekt).
`error`: difference of the corpus means over the reference's, median over the 88.
openSMILE 2.6.0 took 13.3 ms per second of audio on the machine of the first run (3 s clip, one thread).

Why some are not equal: jitter and shimmer compare neighbouring periods, and ours are cut elsewhere; voicing differs in
about one frame of a hundred, which moves segment lengths, the F0 range and everything summed over voiced frames a
little; slopes depend on which wiggles count as peaks; a normalised deviation explodes where its mean is near 0.
"""


def main() -> None:
    measured = {name: measure(name) for name in NAMES}
    lines = [*_head(), *_summary(measured), *_table(measured)]
    path = corpora.ROOT / "benchmarks/FEATURES.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(path.read_text(encoding="utf-8"))


def measure(name: str) -> tuple[Values, Values, float, list[str], list[str]]:
    """Ours, theirs, our milliseconds per second of audio, emotions, speakers: one row per file."""
    with (SHARED / f"reference/opensmile_egemaps_v02_{name}.csv").open(encoding="utf-8") as file:
        reference = {row.pop("path").split("/")[-1]: list(map(float, row.values())) for row in csv.DictReader(file)}
    manifest = corpora.manifest(name)
    ours, theirs, emotions, speakers, busy, heard = [], [], [], [], 0.0, 0.0
    for utterance in manifest:
        file_name = utterance.path.split("/")[-1]
        if file_name not in reference or utterance.emotion is None:
            continue
        signal = audio.read(manifest.file(utterance))
        start = time.process_time()
        ours.append(list(egemaps.functionals(signal).values()))
        busy, heard = busy + time.process_time() - start, heard + signal.duration
        theirs.append(reference[file_name])
        emotions.append(utterance.emotion)
        speakers.append(utterance.speaker)
    return np.array(ours), np.array(theirs), 1000 * busy / heard, emotions, speakers


def correlation(ours: Values, theirs: Values) -> Values:
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, theirs.T, strict=True)])


def error(ours: Values, theirs: Values) -> Values:
    return np.abs(ours.mean(axis=0) / theirs.mean(axis=0) - 1)


def uar(values: Values, emotions: list[str], speakers: list[str], name: str) -> float:
    """UAR of an RBF SVM (C 1, balanced classes) over all folds, speakers apart."""
    truth, names = np.array(emotions), sorted(set(speakers))
    groups = np.array([names.index(s) // (4 if name == "ravdess" else 1) for s in speakers])
    heard = np.empty_like(truth)
    for train, test in LeaveOneGroupOut().split(values, truth, groups):
        model = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
        heard[test] = model.fit(values[train], truth[train]).predict(values[test])
    return float(np.mean([np.mean(heard[truth == label] == label) for label in sorted(set(emotions))]))


def _head() -> Iterator[str]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    yield HEAD.format(date=datetime.date.today(), commit=commit.stdout.strip() or "?")


def _summary(measured: dict[str, tuple[Values, Values, float, list[str], list[str]]]) -> Iterator[str]:
    yield "| corpus | files | r >= 0.99 | r >= 0.95 | error | SVM UAR, ours | SVM UAR, openSMILE | ms per second |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, (ours, theirs, speed, emotions, speakers) in measured.items():
        r = correlation(ours, theirs)
        scores = [f"{uar(values, emotions, speakers, name):.3f}" for values in (ours, theirs)]
        yield (
            f"| {name}, {PROTOCOLS[name]} | {len(ours)} | {(r >= 0.99).sum()} | {(r >= 0.95).sum()} "
            f"| {np.median(error(ours, theirs)):.4f} | {' | '.join(scores)} | {speed:.1f} |"
        )


def _table(measured: dict[str, tuple[Values, Values, float, list[str], list[str]]]) -> Iterator[str]:
    yield "\n| functional | r emodb | error emodb | r ravdess | error ravdess |\n|---|---|---|---|---|"
    columns = [f(ours, theirs) for ours, theirs, *_ in measured.values() for f in (correlation, error)]
    for name, *numbers in zip(egemaps.FUNCTIONALS, *columns, strict=True):
        yield f"| {name} | {' | '.join(f'{number:.3f}' for number in numbers)} |"


if __name__ == "__main__":
    main()
