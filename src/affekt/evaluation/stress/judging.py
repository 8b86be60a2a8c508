"""Manifest, model, perturbations -> what the model says of each utterance at each level.

An utterance is read once and goes through all that is asked; it is judged as `affekt predict --whole` judges it.
Everything random depends on the utterance's id, the test and the level alone, so that the order and the number of
processes change nothing. What was said is kept per utterance and test, so that an interrupted suite goes on where it
stopped; the key has the file, the model and the version of the perturbations in it.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt import audio, cache, windows
from affekt.errors import AffektError, DataError
from affekt.evaluation.judgements import Judgements, age_group
from affekt.evaluation.stress import perturb
from affekt.evaluation.stress.table import Level, Test
from affekt.manifest import Manifest
from affekt.types import LabelSet, Model, Signal, Utterance

Floats = NDArray[np.float64]
Open = Callable[[], Model]
"""Loads the model, in whichever process; picklable."""
Progress = Callable[[int, int], None]
"""Utterances done, and in all."""

SAME: Mapping[str, str] = {"calm": "neutral", "excitement": "happiness"}
"what an emotion counts as where the model does not know it; the usual merging of RAVDESS and IEMOCAP"


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says of n utterances at one level."""

    probs: Floats
    "(n, labels)"
    affect: Floats | None
    "(n, 3)"
    changed: NDArray[np.bool_]
    "(n,) whether the perturbation did anything"
    judged: NDArray[np.bool_]
    "(n,) whether there was anything to be judged; if not, all emotions are equally probable"


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that a process needs to know."""

    open: Open
    tests: tuple[Test, ...]
    kept: cache.Cache | None
    stamp: str
    "of the model"
    scene: str
    "of the other sounds that perturbations use"


@dataclass(frozen=True, slots=True)
class Job:
    """One utterance."""

    path: Path
    utterance: Utterance


def judge(
    manifest: Manifest, work: Work, *, workers: int = 1, progress: Progress = lambda done, total: None
) -> tuple[list[int], dict[tuple[str, str], Said], list[str]]:
    """Judge every utterance at every level.

    Args:
        manifest: whose emotions the model knows.
        work: the model and the tests.
        workers: processes of one thread each.
        progress: is told how far it is.

    Returns:
        Rows of the manifest that could be read; what was said of them by (test, level); and a line for each other row.

    Raises:
        DataError: none of the recordings can be read.
    """
    jobs = [Job(manifest.file(u), u) for u in manifest]
    found: list[dict[str, Floats] | str] = []
    for said in _run(jobs, work, workers):
        found.append(said)
        progress(len(found), len(jobs))
    rows = [row for row, said in enumerate(found) if not isinstance(said, str)]
    troubles = [said for said in found if isinstance(said, str)]
    if not rows:
        raise DataError(f"none of the {len(jobs)} recordings can be read; the first: {troubles[0] if troubles else ''}")
    good = [said for said in found if not isinstance(said, str)]
    levels = {
        (test.name, level.name): _unpack(np.stack([said[test.name][place] for said in good]))
        for test in work.tests
        for place, level in enumerate(test.levels)
    }
    return rows, levels, troubles


def judgements(manifest: Manifest, rows: Sequence[int], said: Said, name: str, *, leaky: bool) -> Judgements:
    """Put truth and what was said side by side."""
    chosen = [manifest.utterances[row] for row in rows]
    nothing = (np.nan,) * 3
    rated = np.array([(a.valence, a.arousal, a.dominance) if (a := u.affect) else nothing for u in chosen])
    return Judgements(
        name=name,
        labels=manifest.labels,
        ids=np.array([u.id for u in chosen]),
        corpora=np.array([manifest.name] * len(chosen)),
        speakers=np.array([u.speaker for u in chosen]),
        folds=np.array([""] * len(chosen)),
        truth=np.array([manifest.labels.index(u.emotion) if u.emotion else -1 for u in chosen], np.intp),
        probs=said.probs,
        affect=said.affect,
        rated=None if np.isnan(rated).all() else rated,
        groups=groups(chosen),
        leaky=leaky,
    )


def groups(utterances: Sequence[Utterance]) -> dict[str, NDArray[np.str_]]:
    """What is known of who speaks, empty where it is not."""
    found: dict[str, list[str]] = {
        "sex": [u.sex or "" for u in utterances],
        "age": [age_group(u.age) for u in utterances],
        "language": [u.language or "" for u in utterances],
        "accent": [u.extra.get("accent", "") for u in utterances],
    }
    return {name: np.array(values) for name, values in found.items() if any(values)}


def known(manifest: Manifest, labels: LabelSet) -> tuple[Manifest, dict[str, str]]:
    """Keep the utterances whose emotion the model knows, and say what was merged.

    Raises:
        DataError: there are none.
    """
    merged = {own: to for own, to in SAME.items() if own in manifest.labels and own not in labels and to in labels}
    found = manifest.relabel(labels, merged)
    if not len(found):
        raise DataError(
            f"{manifest.name} has no utterance of an emotion that the model knows ({', '.join(labels)}); its own are "
            f"{', '.join(manifest.labels)}"
        )
    return found, merged


def sample(manifest: Manifest, size: int) -> Manifest:
    """Draw at most `size` utterances, always the same, as many of each speaker and emotion as there are.

    One utterance of every speaker and emotion, then a second of each, and so on.
    """
    cells: dict[tuple[str, str | None], list[str]] = {}
    for u in sorted(manifest, key=lambda u: zlib.crc32(u.id.encode())):
        cells.setdefault((u.speaker, u.emotion), []).append(u.id)
    turns = [(place, cell, id) for cell, ids in cells.items() for place, id in enumerate(ids)]
    turns.sort(key=lambda turn: (turn[0], zlib.crc32(repr(turn[1]).encode())))
    return manifest.subset(id for _, _, id in turns[:size])


# In a process -----------------------------------------------------------------------------------------------------

_OPENED: list[tuple[Work, Model]] = []


def _run(jobs: Sequence[Job], work: Work, workers: int) -> Iterator[dict[str, Floats] | str]:
    if workers == 1 or len(jobs) < 2:
        model = work.open()
        yield from (one(job, work, model) for job in jobs)
        return
    # Each process runs one thread; a fork of one with threads can hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start, initargs=(work,)) as pool:
        yield from pool.map(_one, jobs, chunksize=4)


def _start(work: Work) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    _OPENED[:] = [(work, work.open())]


def _one(job: Job) -> dict[str, Floats] | str:
    ((work, model),) = _OPENED
    return one(job, work, model)


def one(job: Job, work: Work, model: Model) -> dict[str, Floats] | str:
    """Judge one utterance: for each test (levels, numbers), or why it cannot be read."""
    try:
        digest = hashlib.sha256(job.path.read_bytes()).hexdigest()
        read = _Once(partial(audio.read, job.path, segment=job.utterance.segment), model)
        return {
            test.name: _kept(test, job, digest, work, partial(read.levels, test, job, model)) for test in work.tests
        }
    except (AffektError, OSError) as error:
        return f"{job.utterance.id}: {error}"


def _kept(test: Test, job: Job, digest: str, work: Work, make: Callable[[], Floats]) -> Floats:
    if work.kept is None:
        return make()
    levels = "|".join(level.name for level in test.levels)
    where = f"{job.utterance.id} {job.utterance.segment}"
    return work.kept.fetch(
        cache.key("stress", perturb.version(), work.stamp, work.scene, test.name, levels, where, digest), make
    )


class _Once:
    """An utterance that is read, and judged as it is, when it is first asked for."""

    def __init__(self, read: Callable[[], Signal], model: Model) -> None:
        self._read, self._model = read, model
        self._clean: tuple[Signal, Floats] | None = None

    def levels(self, test: Test, job: Job, model: Model) -> Floats:
        if self._clean is None:
            signal = self._read()
            self._clean = signal, said(signal, model, windows.LONGEST)
        return np.stack([_level(*self._clean, test, level, job, model) for level in test.levels])


def _level(clean: Signal, known: Floats, test: Test, level: Level, job: Job, model: Model) -> Floats:
    """Numbers of one level: what is said, and whether anything was changed."""
    seed = zlib.crc32(f"{test.name}/{level.name}/{job.utterance.id}".encode())
    signal = level.change(clean, np.random.default_rng(seed))
    window = level.window or windows.LONGEST
    shorter = window < min(clean.duration, windows.LONGEST)
    changed = not np.array_equal(signal.samples, clean.samples) or shorter
    again = changed or level.window is not None
    return np.append(said(signal, model, window) if again else known, float(changed))


def said(signal: Signal, model: Model, window: float) -> Floats:
    """Judge in windows one after the other, the last aligned to the end: mean probabilities, affect, and if at all."""
    cut = windows.cut(signal, [signal.segment], window, window) if len(signal.samples) else iter(())
    heard = [one for one in cut if windows.audible(one)]
    if not heard:
        k = len(model.labels)
        return np.array([*[1 / k] * k, 0.0, 0.0, 0.0, 0.0])
    found = model.predict(heard)
    affect = [(a.valence, a.arousal, a.dominance) if (a := one.affect) else (np.nan,) * 3 for one in found]
    return np.array([*np.mean([one.probs for one in found], axis=0), *np.mean(affect, axis=0), 1.0])


def _unpack(numbers: Floats) -> Said:
    affect = numbers[:, -5:-2]
    return Said(
        numbers[:, :-5],
        None if np.isnan(affect).any() else affect,
        numbers[:, -1] > 0,
        numbers[:, -2] > 0,
    )
