"""Manifests -> Examples. Rows with features, targets and masks: what every model is fitted on.

Several corpora with different label sets learn together: `known` says which emotions a row's corpus could have named,
and a model is neither rewarded nor punished for the others.

    gather(run)   reads labels and makes the splits; opens no audio
    hear(...)     adds the features, from the cache where they are there
    load(run)     both
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt import audio, augment, datasets, hearing
from affekt import manifest as manifests
from affekt.augment import Chain
from affekt.errors import AffektError, DataError, UnknownNameError
from affekt.hearing import Input
from affekt.manifest import Manifest
from affekt.training import splits
from affekt.training.progress import Progress
from affekt.training.run import Data, Run
from affekt.training.splits import Split
from affekt.types import LabelSet, Segment, Signal, Utterance

Floats = NDArray[np.float32]
Rows = NDArray[np.bool_] | NDArray[np.intp]

_CHUNK = 128  # utterances in a file of the cache
_VERSION = 1  # of how a recording becomes what `Input` hears; raised when that changes


@dataclass(frozen=True, slots=True)
class Examples:
    """Utterances ready to be learned from, row by row."""

    labels: LabelSet
    ids: NDArray[np.str_]
    speakers: NDArray[np.str_]
    corpora: NDArray[np.str_]
    x: Floats | Sequence[Floats]
    "functionals: (n, dimensions); frames: n arrays (frames, dimensions) of their own lengths"
    emotions: NDArray[np.intp]
    "index into labels, -1 where nobody named one, (n,)"
    ratings: Floats
    "share of raters, (n, labels), rows sum to 1; one-hot where there are no ratings"
    affect: Floats
    "(n, 3) valence, arousal, dominance in [-1, 1]; NaN where nobody rated"
    known: NDArray[np.bool_]
    "(n, labels): emotions that the row's corpus could have named"
    copies: tuple[Floats | Sequence[Floats], ...] = ()
    "the same rows as they sound through each augmentation"

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, rows: Rows) -> Examples:
        """Keep some rows."""
        chosen = np.arange(len(self))[rows]
        arrays = {
            name: getattr(self, name)[chosen]
            for name in ("ids", "speakers", "corpora", "emotions", "ratings", "affect", "known")
        }
        copies = tuple(_take(copy, chosen) for copy in self.copies)
        return replace(self, x=_take(self.x, chosen), copies=copies, **arrays)


def _take(x: Floats | Sequence[Floats], rows: NDArray[np.intp]) -> Floats | Sequence[Floats]:
    return x[rows] if isinstance(x, np.ndarray) else [x[i] for i in rows]


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that is known of a run's rows before a recording is opened."""

    examples: Examples
    "without features: `x` is empty"
    files: tuple[Path, ...]
    "of each row"
    segments: tuple[Segment | None, ...]
    "of each row"
    folds: tuple[Split, ...]
    manifests: tuple[Manifest, ...]
    "as they are learned from: after the protocol, with their own labels"

    @property
    def leaky(self) -> bool:
        """Whether a split shares speakers or sessions."""
        return any(fold.leaky for fold in self.folds)


def load(run: Run, *, workers: int = 1, progress: Progress | None = None) -> tuple[Examples, tuple[Split, ...]]:
    """Read what a run learns from: rows with features, and who is trained on, chosen on and tested in each fold.

    Args:
        run: what to read.
        workers: processes that compute features; a script that asks for more than one needs the usual
            `if __name__ == "__main__":`.
        progress: is told how far the work is, and of recordings that cannot be read; their rows are left out.

    Raises:
        DataError: the data are not what they should be, a split shares speakers, or no recording can be read.
        UnknownNameError: no such corpus, protocol, feature set, label or augmentation.
    """
    examples, folds, _ = hear(gather(run), run, workers=workers, progress=progress)
    return examples, folds


# Labels and splits ------------------------------------------------------------------------------------------------


def gather(run: Run) -> Gathered:
    """Read labels and make the splits; no audio is opened.

    Raises:
        DataError: the data are not what they should be, a split shares speakers and the run does not allow it, or a
            folder of noise, babble or rooms holds a recording of the run.
        UnknownNameError: no such corpus, protocol, label or augmentation.
        UsageError: the copies cannot be made.
    """
    whole = _read(run.data)
    _keep_apart(chains_of(run), {manifest.file(u) for manifest in whole for u in manifest})
    parts, folds = splits.split(whole, run.data, seed=run.seed)
    labels = _labels(parts, run.data)
    pairs = [(manifest, u) for manifest in parts for u in manifest]
    kept = np.array([_taught(u, labels, run) for _, u in pairs])
    if not kept.any():
        raise DataError(f"no utterance has a target of the kind {run.target.kind!r}, so there is nothing to learn")
    rows = [pair for pair, keep in zip(pairs, kept, strict=True) if keep]
    examples = _examples(rows, labels, run.data.merge)
    names = np.array([*labels, ""])[examples.emotions]
    return Gathered(
        examples,
        tuple(manifest.file(u) for manifest, u in rows),
        tuple(u.segment for _, u in rows),
        tuple(splits.finish(fold.kept(kept), names, examples.speakers, run.data, seed=run.seed) for fold in folds),
        parts,
    )


def _read(data: Data) -> list[Manifest]:
    if data.manifest is None:
        return [_corpus(name, data) for name in data.corpora]
    if data.manifest.suffix in (".jsonl", ".parquet"):
        return [manifests.read(data.manifest)]
    reader = "folder" if data.manifest.is_dir() else "table"
    return [datasets.load(reader, data.manifest, **data.options.get(reader, {}))]


def _corpus(name: str, data: Data) -> Manifest:
    folder = data.root / name
    if name in datasets.names() and not folder.is_dir():
        raise DataError(f"there is no folder {folder}; data.root must name the folder that holds {name}")
    return datasets.load(name, folder, **data.options.get(name, {}))


def _labels(parts: Sequence[Manifest], data: Data) -> LabelSet:
    heard = {data.merge.get(u.emotion, u.emotion) for manifest in parts for u in manifest if u.emotion is not None}
    for name in (*data.labels, *data.merge.values(), *data.keep):
        if name not in heard:
            raise UnknownNameError("emotion in these data", name, heard)
    known = {data.merge.get(name, name) for manifest in parts for name in manifest.labels}
    order = [name for name in datasets.VOCABULARY if name in known] + sorted(known - set(datasets.VOCABULARY))
    return LabelSet(data.labels or tuple(name for name in order if name in heard))


def _taught(u: Utterance, labels: LabelSet, run: Run) -> bool:
    """Whether the utterance has a target of the run's kind."""
    named = run.data.merge.get(u.emotion or "", u.emotion) in labels
    rated = u.ratings is not None and any(run.data.merge.get(name, name) in labels for name in u.ratings)
    kinds = {
        "emotion": named,
        "ratings": named or rated,
        "affect": u.affect is not None,
        "both": named or u.affect is not None,
    }
    return kinds[run.target.kind]


def _examples(rows: Sequence[tuple[Manifest, Utterance]], labels: LabelSet, merge: Mapping[str, str]) -> Examples:
    names = [merge.get(u.emotion, u.emotion) if u.emotion else "" for _, u in rows]
    emotions = np.array([labels.index(name) if name in labels else -1 for name in names], np.intp)
    moves = {id(m): m.labels.to(labels, merge) for m, _ in rows}
    votes = np.zeros((len(rows), len(labels)), np.float32)
    for row, (manifest, u) in enumerate(rows):
        own = np.array([(u.ratings or {}).get(name, 0.0) for name in manifest.labels])
        votes[row] = own @ moves[id(manifest)]
        if not votes[row].any() and emotions[row] >= 0:
            votes[row, emotions[row]] = 1.0
    total = votes.sum(axis=1, keepdims=True)
    nothing = (np.nan,) * 3
    return Examples(
        labels=labels,
        ids=np.array([u.id for _, u in rows]),
        speakers=np.array([u.speaker for _, u in rows]),
        corpora=np.array([manifest.name for manifest, _ in rows]),
        x=np.zeros((len(rows), 0), np.float32),
        emotions=emotions,
        ratings=np.divide(votes, total, out=votes, where=total > 0),
        affect=np.array(
            [(a.valence, a.arousal, a.dominance) if (a := u.affect) else nothing for _, u in rows], np.float32
        ),
        known=np.array([moves[id(manifest)].any(axis=0) for manifest, _ in rows]).reshape(len(rows), len(labels)),
    )


# Features ---------------------------------------------------------------------------------------------------------


def input_of(run: Run) -> Input:
    """Say what the run's model hears.

    Raises:
        UnknownNameError: there is no such feature set.
    """
    own = run.features
    version = hearing.version(own.set)
    return Input(own.set, own.level, version, own.longest, own.trim, own.level_speech)


def chains_of(run: Run) -> tuple[Chain, ...]:
    """Say how else the run's utterances sound.

    Raises:
        UnknownNameError: no such augmentation, or no such option of one.
        UsageError: a range that makes no sense, or a folder that is missing or empty.
    """
    own = run.augment
    folders = {"noise": own.noise, "babble": own.babble, "rooms": own.rooms}
    return augment.chains(own.copies, ranges=own.ranges, folders=folders)


def _keep_apart(chains: Sequence[Chain], recordings: Collection[Path]) -> None:
    """Refuse noise and voices that are the run's own recordings: a test speaker would be heard in training.

    The same path is found, and the same bytes under another name; what was converted is not.
    """
    brought = {path for chain in chains for path in chain.files}
    if not brought:
        return
    own, sizes = {path.resolve() for path in recordings}, {path.stat().st_size for path in brought}
    alike = {_digest(path) for path in own if path.is_file() and path.stat().st_size in sizes}
    for path in sorted(brought):
        if path.resolve() in own or (alike and _digest(path) in alike):
            raise DataError(
                f"{path} is a recording of this run, whose speaker may be a test speaker. Noise, babble and rooms must "
                "come from elsewhere; without augment.babble, babble is made of each utterance itself"
            )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hear(
    gathered: Gathered, run: Run, *, workers: int = 1, progress: Progress | None = None
) -> tuple[Examples, tuple[Split, ...], tuple[str, ...]]:
    """Add the features of the recordings and of their copies.

    Takes what `load` takes, and gives besides examples and folds a line for each recording that cannot be read.

    Raises:
        DataError: no recording can be read.
        UnknownNameError: no such feature set or augmentation.
    """
    heard = input_of(run)
    copied = (None, *chains_of(run))
    jobs = _jobs(gathered)
    progress = progress or Progress()
    with ExitStack() as stack:
        pool = _pool(stack, workers, len(jobs))
        found = [
            _copy(jobs, partial(_features, heard, copy), _Kept(run.cache, heard, copy), pool, progress)
            for copy in copied
        ]
    troubles = {row: value for copy in found for row, value in enumerate(copy) if isinstance(value, str)}
    good = np.array([row not in troubles for row in range(len(jobs))], dtype=bool)
    for words in troubles.values():
        progress.note(words)
    if not good.any():
        raise DataError(f"none of the {len(jobs)} recordings can be read; the first: {next(iter(troubles.values()))}")
    columns = [
        [value for value, keep in zip(copy, good, strict=True) if keep and not isinstance(value, str)] for copy in found
    ]
    first, *copies = (_stacked(values, heard) for values in columns)
    examples = replace(gathered.examples.part(good), x=first, copies=tuple(copies))
    return examples, tuple(fold.kept(good) for fold in gathered.folds), tuple(troubles.values())


def cached(gathered: Gathered, run: Run) -> float:
    """Share of the features that lie in the cache already, in [0, 1]."""
    jobs = _jobs(gathered)
    stores = [_Kept(run.cache, input_of(run), copy) for copy in (None, *chains_of(run))]
    chunks = [jobs[begin : begin + _CHUNK] for begin in range(0, len(jobs), _CHUNK)]
    return sum(store.path(chunk).exists() for store in stores for chunk in chunks) / (len(stores) * len(chunks))


_Job = tuple[Path, Segment | None, str]


def _jobs(gathered: Gathered) -> list[_Job]:
    return list(zip(gathered.files, gathered.segments, gathered.examples.ids.tolist(), strict=True))


def _stacked(values: list[Floats], heard: Input) -> Floats | list[Floats]:
    return np.stack(values) if heard.level == "functionals" else values


def _pool(stack: ExitStack, workers: int, jobs: int) -> Executor | None:
    """Processes, as many as are worth while."""
    count = min(workers, jobs // 8)
    if count < 2:
        return None
    return stack.enter_context(ProcessPoolExecutor(count, get_context("spawn"), _alone))


def _alone() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # the processes are the threads


class _Kept:
    """The cache of one copy: a file per chunk of utterances."""

    def __init__(self, folder: Path, heard: Input, copy: Chain | None) -> None:
        self._folder, self._about = folder, (_VERSION, heard, copy and copy.key)
        self._wanted = heard.set != hearing.SAMPLES  # reading them again is as fast
        self._vectors = heard.level == "functionals"

    def path(self, jobs: Sequence[_Job]) -> Path:
        """Where the features of these recordings lie: as long as they are the same files, unchanged."""
        said = "\n".join(map(str, (*self._about, *map(_stamp, jobs))))
        return self._folder / f"{hashlib.sha256(said.encode()).hexdigest()[:24]}.npz"

    def get(self, jobs: Sequence[_Job]) -> list[Floats] | None:
        path = self.path(jobs)
        if not (self._wanted and path.exists()):
            return None
        try:
            with np.load(path, allow_pickle=False) as kept:
                values, ends = kept["values"], kept["ends"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # damaged: computed and written anew
            path.unlink(missing_ok=True)
            return None
        return list(values) if self._vectors else np.split(values, ends[:-1])

    def put(self, jobs: Sequence[_Job], values: Sequence[Floats | str]) -> None:
        whole = [value for value in values if not isinstance(value, str)]
        path = self.path(jobs)
        if not self._wanted or len(whole) < len(values) or path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part.npz")  # another process may be reading the finished file
        joined = np.stack(whole) if self._vectors else np.concatenate(whole)
        np.savez(part, values=joined, ends=np.cumsum([len(value) for value in whole]))
        part.replace(path)


def _stamp(job: _Job) -> str:
    path, segment, name = job
    try:
        about = path.stat()
        return f"{path} {about.st_size} {about.st_mtime_ns} {segment} {name}"
    except OSError:
        return f"{path} is not there {segment} {name}"


def _copy(
    jobs: Sequence[_Job], work: partial[Floats | str], kept: _Kept, pool: Executor | None, progress: Progress
) -> list[Floats | str]:
    """Features of all recordings in one copy; a line of words in place of those of a recording that has none."""
    what = f"features, {work.args[1].name}" if work.args[1] else "features"
    found: list[Floats | str] = []
    for begin in range(0, len(jobs), _CHUNK):
        chunk = jobs[begin : begin + _CHUNK]
        values: list[Floats | str] = list(kept.get(chunk) or ())
        for value in () if values else _computed(work, chunk, pool):
            values.append(value)
            progress.step(what, begin + len(values), len(jobs))
        kept.put(chunk, values)
        found += values
        progress.step(what, len(found), len(jobs))
    return found


def _computed(work: partial[Floats | str], chunk: Sequence[_Job], pool: Executor | None) -> Iterator[Floats | str]:
    return pool.map(work, chunk, chunksize=4) if pool else map(work, chunk)


def _features(heard: Input, copy: Chain | None, job: _Job) -> Floats | str:
    """Features of one recording, or why there are none."""
    try:
        values = heard.hear(sound(*job, copy=copy))
    except AffektError as error:
        return f"{job[2]}: {error}"
    return values if np.isfinite(values).all() else f"{job[2]}: the features of {heard.set} are not finite"


def sound(path: Path, segment: Segment | None, name: str, *, copy: Chain | None = None) -> Signal:
    """Read an utterance, 16 kHz, as it is or as one of its copies; each copy of each utterance has its own fixed seed.

    Args:
        path: the recording.
        segment: the part of it; the whole where None.
        name: the utterance's id.
        copy: one of the run's chains.

    Raises:
        AudioError: it cannot be read.
        DataError: the segment lies outside the recording.
    """
    signal = audio.read(path, segment=segment)
    if copy is None:
        return signal
    return copy(signal, np.random.default_rng(zlib.crc32(f"{copy.name}/{name}".encode())))
