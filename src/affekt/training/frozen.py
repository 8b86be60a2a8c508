"""Manifests -> embeddings -> a trained head. Everything that is chosen or fitted sees training speakers only.

An utterance is embedded several times: whole, as a short stretch (as the windows of a long turn are), as a short
stretch played a little faster or slower, and, in the `phone` set, through another microphone and room and through a
telephone. Which set and how much shrinkage are used is
chosen by cross-validation over the training speakers (or corpora), so that a test speaker has no say in it.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt import audio, augment
from affekt.errors import DataError
from affekt.features import whisper
from affekt.manifest import Manifest
from affekt.models import lda
from affekt.types import Signal, Utterance

Vectors = NDArray[np.float32]
Names = NDArray[np.str_]

COPIES: Mapping[str, augment.Augment | None] = {
    "whole": None,
    "crop": augment.crop,
    "quick": augment.quick,
    "room": augment.room,
    "phone": augment.phone,
}
"""How an utterance is heard. Each copy of each utterance has its own fixed seed."""

STUDIO: Mapping[str, float] = {"whole": 1.0, "crop": 0.5, "quick": 0.5}
"""Copies and their weights: clean recordings."""
PHONE: Mapping[str, float] = {**STUDIO, "room": 1.0, "phone": 1.0}
"""Any microphone, any room, any telephone."""

LAYERS = tuple(np.r_[i * 384 : (i + 1) * 384, whisper.DIM + i * 384 : whisper.DIM + (i + 1) * 384] for i in range(3))
"""Columns of an embedding that come from each encoder layer."""

_VERSION = 2  # of the front end and the copies; raise it when one of them changes


@dataclass(frozen=True, slots=True)
class Embedded:
    """Labelled utterances with the embeddings of their copies, row by row."""

    copies: Mapping[str, Vectors]
    "copy -> (n, 2304)"
    emotions: Names
    speakers: Names
    corpora: Names
    affect: NDArray[np.float64]
    "(n, 3): valence, arousal, dominance; NaN where nobody rated"

    def __len__(self) -> int:
        return len(self.emotions)

    def part(self, rows: NDArray[np.bool_]) -> Embedded:
        """Keep some rows."""
        copies = {name: vectors[rows] for name, vectors in self.copies.items()}
        return Embedded(copies, self.emotions[rows], self.speakers[rows], self.corpora[rows], self.affect[rows])


@dataclass(frozen=True, slots=True)
class Recipe:
    """What may be chosen, and how.

    >>> Recipe().shrinkages
    (0.5, 0.75, 0.85)
    """

    sets: tuple[Mapping[str, float], ...] = (PHONE, STUDIO)
    "the preferred one first"
    shrinkages: tuple[float, ...] = (0.5, 0.75, 0.85)
    inner: int = 5
    "folds over the training speakers on which set and shrinkage are chosen"
    balance: bool = True
    "each corpus and emotion counts alike"


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to train."""

    weights: Mapping[str, float] = field(default_factory=lambda: PHONE)
    "copy -> weight"
    shrinkage: float = 0.5


# Embeddings -------------------------------------------------------------------------------------------------------


def embed(
    manifest: Manifest,
    *,
    copies: Sequence[str] = tuple(COPIES),
    cache: Path | None = None,
    workers: int = 2,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Embedded:
    """Embed every utterance that has an emotion.

    Args:
        manifest: with a root, so that its files can be read.
        copies: names of `COPIES`.
        cache: folder for the embeddings, keyed by manifest, encoder and copy; none without it.
        workers: processes.
        progress: is told corpus and copy, utterances done and utterances in all.

    Raises:
        DataError: no utterance has an emotion.
        AudioError: a file cannot be read.
    """
    labelled = manifest.filter(lambda u: u.emotion is not None)
    if not len(labelled):
        raise DataError(f"{manifest.name}: no utterance has an emotion")
    vectors = {name: _copy(labelled, name, cache, workers, progress) for name in copies}
    affect = [(u.affect.valence, u.affect.arousal, u.affect.dominance) if u.affect else (np.nan,) * 3 for u in labelled]
    return Embedded(
        vectors,
        np.array([u.emotion for u in labelled]),
        np.array([u.speaker for u in labelled]),
        np.array([manifest.name] * len(labelled)),
        np.array(affect, dtype=np.float64),
    )


def join(parts: Sequence[Embedded]) -> Embedded:
    """Put corpora one below the other; the copies that all of them have are kept."""
    copies = {
        name: np.concatenate([part.copies[name] for part in parts])
        for name in parts[0].copies
        if all(name in part.copies for part in parts)
    }
    emotions, speakers, corpora, affect = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("emotions", "speakers", "corpora", "affect")
    )
    return Embedded(copies, emotions, speakers, corpora, affect)


def hear(manifest: Manifest, utterance: Utterance, copy: str) -> Signal:
    """Read an utterance as one of `COPIES`, levelled.

    Raises:
        AudioError: it cannot be read.
        DataError: its segment lies outside its recording.
    """
    signal = audio.read(manifest.file(utterance), segment=utterance.segment)
    change = COPIES[copy]
    if change is not None:
        signal = change(signal, np.random.default_rng(zlib.crc32(f"{copy}/{utterance.id}".encode())))
    samples = signal.samples[: round(whisper.LONGEST * signal.rate)]
    return Signal(audio.level(samples, signal.rate), signal.rate)


def _copy(
    manifest: Manifest, copy: str, cache: Path | None, workers: int, progress: Callable[[str, int, int], None]
) -> Vectors:
    key = hashlib.sha256(f"{manifest.fingerprint} {whisper.SHA256} {copy} {_VERSION}".encode()).hexdigest()[:16]
    path = cache / f"{manifest.name}-{copy}-{key}.npy" if cache else None
    if path is not None and path.exists():
        kept: Vectors = np.load(path, allow_pickle=False)
        return kept
    rows = []
    with ProcessPoolExecutor(workers) as pool:
        jobs = pool.map(partial(_embed_one, manifest, copy), manifest.utterances, chunksize=16)
        for done, row in enumerate(jobs, 1):
            rows.append(row)
            progress(f"{manifest.name}, {copy}", done, len(manifest))
    vectors = np.stack(rows)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npy")  # another process may be reading the finished file
        np.save(part, vectors)
        part.replace(path)
    return vectors


def _embed_one(manifest: Manifest, copy: str, utterance: Utterance) -> Vectors:
    return whisper.embed(hear(manifest, utterance, copy))


# Fitting ----------------------------------------------------------------------------------------------------------


def fit(data: Embedded, choice: Choice, *, balance: bool = True) -> lda.Linear:
    """Train a head on all rows.

    Args:
        data: with the copies that the choice names.
        choice: copies, their weights, and shrinkage.
        balance: each corpus and emotion counts alike.
    """
    x, emotions, weights = stack(data, choice.weights, balance=balance)
    return lda.fit(x, emotions, shrinkage=choice.shrinkage, weights=weights, layers=LAYERS)


def stack(
    data: Embedded, copies: Mapping[str, float], *, balance: bool = True
) -> tuple[Vectors, Names, NDArray[np.float64]]:
    """Set the copies one below the other: embeddings, emotions, weights."""
    share = np.ones(len(data))
    if balance:
        cells = np.char.add(np.char.add(data.corpora, "/"), data.emotions)
        _, index, counts = np.unique(cells, return_inverse=True, return_counts=True)
        share = 1.0 / counts[index]
    x = np.concatenate([data.copies[name] for name in copies])
    return x, np.tile(data.emotions, len(copies)), np.concatenate([weight * share for weight in copies.values()])


def choose(data: Embedded, recipe: Recipe, groups: Names) -> Choice:
    """Choose copies and shrinkage by cross-validation over groups.

    Within a set of copies the shrinkage with the best mean recall over corpora and emotions wins. Between sets the
    first listed wins unless a later one is better by more than one standard error over speakers (Hastie et al. 2009,
    section 7.10): few speakers tell little, and the first set is the one that a product would rather have.

    Args:
        data: training utterances only.
        recipe: what may be chosen.
        groups: of each row: its speaker, or its corpus when the test will be another corpus.
    """
    if len(recipe.sets) * len(recipe.shrinkages) == 1:
        return Choice(recipe.sets[0], recipe.shrinkages[0])
    held = deal(groups, recipe.inner)
    cells = np.char.add(np.char.add(data.corpora, "/"), data.emotions)
    best: Choice | None = None
    right = np.zeros(0, dtype=bool)
    for weights in recipe.sets:
        rivals = [Choice(weights, shrinkage) for shrinkage in recipe.shrinkages]
        hits = [_validate(data, rival, held, recipe.balance) for rival in rivals]
        first = int(np.argmax([_mean_recall(one, cells) for one in hits]))
        if best is None or _clearly_better(hits[first], right, cells, data.speakers):
            best, right = rivals[first], hits[first]
    if best is None:
        raise DataError("a recipe needs at least one set of copies and one shrinkage")
    return best


def _mean_recall(hits: NDArray[np.bool_], cells: Names) -> float:
    return float(np.mean([hits[cells == cell].mean() for cell in np.unique(cells)]))


def _clearly_better(
    one: NDArray[np.bool_], other: NDArray[np.bool_], cells: Names, speakers: Names, *, draws: int = 500
) -> bool:
    """Whether the gain in mean recall exceeds its standard error, bootstrapped over speakers."""
    who, row = np.unique(speakers, return_inverse=True)
    what, column = np.unique(cells, return_inverse=True)
    gain, count = np.zeros((len(who), len(what))), np.zeros((len(who), len(what)))
    np.add.at(gain, (row, column), one.astype(float) - other)
    np.add.at(count, (row, column), 1.0)
    drawn = np.random.default_rng(0).multinomial(len(who), np.full(len(who), 1 / len(who)), size=draws)
    with np.errstate(invalid="ignore"):  # a draw may miss every speaker of an emotion
        gains = np.nanmean(drawn @ gain / (drawn @ count), axis=1)
    return bool((gain.sum(axis=0) / count.sum(axis=0)).mean() > gains.std(ddof=1))


def deal(groups: Names, k: int) -> NDArray[np.intp]:
    """Number each row 0 .. k - 1 so that a group is never divided; groups are dealt in the order of their names.

    >>> deal(np.array(["b", "a", "b", "c"]), 2).tolist()
    [1, 0, 1, 0]
    """
    _, index = np.unique(groups, return_inverse=True)
    return index % min(k, int(index.max()) + 1)


def _validate(data: Embedded, choice: Choice, held: NDArray[np.intp], balance: bool) -> NDArray[np.bool_]:
    """Which utterances a head judges rightly that has not heard their group."""
    right = np.zeros(len(data), dtype=bool)
    for number in range(int(held.max()) + 1):
        test = held == number
        guesses = fit(data.part(~test), choice, balance=balance).predict(data.copies["whole"][test])
        right[test] = guesses == data.emotions[test]
    return right


# Cross-validation -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """What heads say of utterances of which they have heard neither the speaker nor (where so split) the corpus."""

    data: Embedded
    "the utterances that were tested, in the order of the scores"
    labels: tuple[str, ...]
    scores: Mapping[str, NDArray[np.float64]]
    "copy that was tested -> (n, labels); -inf for a label that a head did not know"
    choices: tuple[Choice, ...]
    "of each fold"

    def emotions(self, copy: str = "whole") -> Names:
        """Name the best label of each utterance."""
        best: Names = np.array(self.labels)[self.scores[copy].argmax(axis=1)]
        return best


def hold_out(
    data: Embedded,
    splits: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]],
    recipe: Recipe,
    *,
    by: str = "speakers",
    tested: Sequence[str] = ("whole", "phone"),
) -> Held:
    """Train on one side of each split and judge the other; pool the judgements.

    Args:
        data: all utterances.
        splits: (training rows, test rows) each.
        recipe: chosen from anew in each split, on its training rows only.
        by: speakers or corpora: over which the choice is cross-validated.
        tested: copies that are judged.

    Raises:
        DataError: a split has a speaker on both sides, or tests a row twice.
    """
    labels = tuple(np.unique(data.emotions).tolist())
    scores = {copy: np.full((len(data), len(labels)), -np.inf) for copy in tested}
    choices, seen = [], np.zeros(len(data), dtype=bool)
    for train, test in splits:
        if set(data.speakers[train]) & set(data.speakers[test]) or (seen & test).any():
            raise DataError("a split shares a speaker between training and test, or tests an utterance twice")
        seen |= test
        known = data.part(train)
        choices.append(choose(known, recipe, getattr(known, by)))
        head = fit(known, choices[-1], balance=recipe.balance)
        columns = np.array([labels.index(name) for name in head.labels])
        for copy in tested:
            scores[copy][np.ix_(test, columns)] = head.scores(data.copies[copy][test])
    return Held(data.part(seen), labels, {copy: found[seen] for copy, found in scores.items()}, tuple(choices))
