"""A run, corpora -> Matrix. Trained on each corpus and tested on every other: what is left where nothing is known.

Three kinds of cells, each judged by models that have heard none of its speakers:

    within   trained and tested on one corpus, by its first published protocol: what papers tell
    across   trained on one corpus, tested on another, whole: what a user meets
    others   trained on all corpora but the tested one: leave one corpus out

All cells tell the same emotions apart, those that every corpus has. Whatever is chosen or fitted, the temperature too,
is chosen and fitted on the corpora of the training side. A finished model's judgements are kept in the run's folder.

    run = config.load(training.Run, "run.toml")
    found = matrix.judge(matrix.prepare(run, ["emodb", "ravdess"]))
    print(found.cells[0].train, found.cells[0].test, results.scores(found.cells[0].judged)["uar"])
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from affekt import datasets, training
from affekt import manifest as manifests
from affekt.cache import key
from affekt.datasets import VOCABULARY
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.manifest import Manifest
from affekt.training import examples, folder, splits
from affekt.training import plan as planned
from affekt.training.examples import Examples, Gathered
from affekt.training.folder import Finished
from affekt.training.plan import Plan
from affekt.training.progress import Progress
from affekt.training.results import Judged
from affekt.training.run import Data, Run
from affekt.training.splits import Split

Kind = Literal["within", "across", "others"]

GROUPS = 5
"""Of speakers, where a corpus has no published protocol."""
MERGE = {"calm": "neutral"}
"""Where one corpus tells calm from neutral and another does not."""

_VERSION = 1  # of how a cell is trained; raised when that changes
_ACROSS = "corpora/loco"  # a protocol: nobody of the training side is tested


@dataclass(frozen=True, slots=True)
class Corpus:
    """One row and column."""

    name: str
    title: str
    languages: tuple[str, ...]
    elicitation: str
    "acted, induced, spontaneous, mixed or unknown"
    fingerprint: str
    protocol: str | None
    "of its own cell; None where there is one speaker, so that it has none"
    everything: Gathered
    "all it holds, whatever is told apart: its features are those that `affekt train` keeps"
    whole: Gathered
    "what is told apart"
    within: Gathered | None
    "the same as the protocol leaves it, with its folds"
    run: Run
    "on this corpus alone, without the protocol"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What will be trained and tested. No audio was opened."""

    run: Run
    labels: tuple[str, ...]
    "emotions that every corpus has"
    merge: Mapping[str, str]
    corpora: tuple[Corpus, ...]
    others: bool
    "whether each corpus is also left out of all"

    @property
    def folder(self) -> Path:
        """Where finished models' judgements are kept."""
        return self.run.folder / f"{self.run.name}-matrix"

    @property
    def models(self) -> int:
        """How many are trained, the inner ones of a search not counted."""
        own = sum(len(one.within.folds) for one in self.corpora if one.within)
        return own + len(self.corpora) * (2 if self.others else 1)


@dataclass(frozen=True, slots=True)
class Cell:
    """One corpus, judged by models of one kind."""

    kind: Kind
    train: tuple[str, ...]
    test: str
    protocol: str | None
    "of a cell within a corpus"
    judged: Judged
    tried: int
    "combinations of options, on training speakers"
    seconds: float
    "processor time of its training; a model that judges several corpora counts in each"


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells, row by row."""

    prepared: Prepared
    cells: tuple[Cell, ...]
    skipped: tuple[str, ...] = field(default=())
    "a line for each recording that could not be read"


# Preparing --------------------------------------------------------------------------------------------------------


def prepare(
    run: Run,
    sources: Sequence[str],
    *,
    root: Path = Path("../shared/corpora"),
    labels: Sequence[str] = (),
    merge: Mapping[str, str] | None = None,
    others: bool = True,
) -> Prepared:
    """Read the corpora's labels and find what all of them have.

    Args:
        run: model, features and all else; its corpora, protocol, labels and merges are not used.
        sources: names of corpora, or paths of your own data: a manifest, a CSV, a folder with a folder per emotion.
        root: the folder that holds the corpora.
        labels: emotions to tell apart, each in every corpus; all that every corpus has when empty.
        merge: emotion -> as which it counts; when not given, calm as neutral if not every corpus has calm.
        others: whether each corpus is also left out of all.

    Raises:
        UsageError: fewer than two corpora, or two of one name.
        UnknownNameError: no such corpus.
        DataError: fewer than two common emotions, or one that is asked for and that a corpus has not.
    """
    training.check(run)
    if len(sources) < 2:
        raise UsageError(f"a matrix needs two corpora at least, got {', '.join(sources) or 'none'}")
    read = [_read(source, root, run) for source in sources]
    names = [name for name, _, _ in read]
    if len(set(names)) < len(names):
        raise UsageError(f"two corpora have the same name: {', '.join(names)}")
    merge = _merge([manifest for _, manifest, _ in read]) if merge is None else dict(merge)
    told = _common({name: manifest for name, manifest, _ in read}, merge, tuple(labels))
    corpora = tuple(_corpus(name, manifest, replace(run, data=data), (told, merge)) for name, manifest, data in read)
    _refuse_shared(corpora)
    return Prepared(run, told, merge, corpora, others and len(corpora) > 2)


def _read(source: str, root: Path, run: Run) -> tuple[str, Manifest, Data]:
    """Name, labels and the place of one corpus; a run's shares and skews stay as they are."""
    path = Path(source)
    blank = Data(development=run.data.development, options=run.data.options)
    if source in datasets.names() and not path.exists():
        if not (root / source).is_dir():
            raise DataError(f"there is no folder {root / source}; root must name the folder that holds {source}")
        own = dict(run.data.options.get(source, {}))
        return source, datasets.load(source, root / source, **own), replace(blank, corpora=(source,), root=root)
    if not path.exists():
        raise UnknownNameError("corpus (and no file or folder)", source, datasets.names())
    if path.suffix in (".jsonl", ".parquet"):
        found = manifests.read(path)
        return found.name, found, replace(blank, manifest=path)
    reader = "folder" if path.is_dir() else "table"
    return path.stem, datasets.load(reader, path, **run.data.options.get(reader, {})), replace(blank, manifest=path)


def _heard(manifest: Manifest) -> set[str]:
    return {u.emotion for u in manifest if u.emotion is not None}


def _merge(read: Sequence[Manifest]) -> dict[str, str]:
    lacking = [one for one in read if not set(MERGE) & _heard(one)]
    return dict(MERGE) if 0 < len(lacking) < len(read) else {}


def _common(read: Mapping[str, Manifest], merge: Mapping[str, str], wanted: tuple[str, ...]) -> tuple[str, ...]:
    own = {name: {merge.get(u, u) for u in _heard(manifest)} for name, manifest in read.items()}
    for name, heard in own.items():
        for label in wanted:
            if label not in heard:
                raise DataError(
                    f"{name} has no {label}; a matrix tells apart what every corpus has. {name} has "
                    f"{', '.join(sorted(heard))}"
                )
    shared = set.intersection(*own.values())
    found = wanted or tuple(label for label in VOCABULARY if label in shared)
    if len(found) < 2:
        each = "; ".join(f"{name}: {', '.join(sorted(heard))}" for name, heard in own.items())
        raise DataError(f"the corpora share {len(found)} emotions, and two at least are needed. {each}")
    return found


def _corpus(name: str, manifest: Manifest, run: Run, told: tuple[tuple[str, ...], Mapping[str, str]]) -> Corpus:
    labels, merge = told
    own = replace(run.data, labels=labels, merge={a: b for a, b in merge.items() if a in _heard(manifest)})
    protocol = _protocol(name, manifest)
    within = None if protocol is None else _gather(name, replace(run, data=replace(own, protocol=protocol)))
    card = datasets.card(name) if name in datasets.names() else None
    return Corpus(
        name=name,
        title=card.title if card else name,
        languages=card.languages if card else tuple(sorted({u.language for u in manifest if u.language})),
        elicitation=card.elicitation if card else "unknown",
        fingerprint=manifest.fingerprint,
        protocol=protocol,
        everything=_gather(name, run),
        whole=_gather(name, replace(run, data=own)),
        within=within,
        run=run,
    )


def _gather(name: str, run: Run) -> Gathered:
    """Gather a corpus under its own name: all tables are called `table` by their reader."""
    found = examples.gather(run)
    return replace(found, examples=replace(found.examples, corpora=np.full(len(found.examples), name)))


def _protocol(name: str, manifest: Manifest) -> str | None:
    """Name the first published protocol; without one, a few groups of speakers."""
    if name in datasets.names() and (known := datasets.protocols(name)):
        return f"{name}/{next(iter(known))}"
    people = len({u.speaker for u in manifest})
    return f"speakers/{min(GROUPS, people)}" if people > 1 else None


def _refuse_shared(corpora: Sequence[Corpus]) -> None:
    owners: dict[str, str] = {}
    for corpus in corpora:
        for speaker in np.unique(corpus.whole.examples.speakers).tolist():
            if owners.setdefault(speaker, corpus.name) != corpus.name:
                raise DataError(
                    f"{speaker} speaks in {owners[speaker]} and in {corpus.name}, and would be heard in training and "
                    f"in the test; give speakers names that nobody else bears"
                )


# Judging ----------------------------------------------------------------------------------------------------------


def judge(prepared: Prepared, *, workers: int = 1, progress: Progress | None = None) -> Matrix:
    """Train and test all cells; what was finished before is taken as it is.

    Args:
        prepared: what is wanted.
        workers: processes that compute features.
        progress: is told how far the work is.

    Raises:
        DataError: no recording of a corpus can be read, or a corpus has not what the run's target needs.
        MissingExtraError: the extra `train` is not installed.
    """
    progress, skipped = progress or Progress(), list[str]()
    heard = []
    for corpus in prepared.corpora:
        own, troubles = _hear(corpus, workers, progress)
        heard.append(own)
        skipped += troubles
    jobs = _jobs(prepared, heard)
    done = []
    for number, job in enumerate(jobs):
        progress.step("models", number, len(jobs))
        done.append(_finished(job, prepared, progress))
    return Matrix(prepared, tuple(_cells(prepared, jobs, done)), tuple(skipped))


@dataclass(frozen=True, slots=True)
class _Heard:
    """A corpus with its features."""

    whole: Examples
    within: Examples | None
    folds: tuple[Split, ...]


def _hear(corpus: Corpus, workers: int, progress: Progress) -> tuple[_Heard, tuple[str, ...]]:
    everything, _, troubles = examples.hear(corpus.everything, corpus.run, workers=workers, progress=progress)
    places = {name: place for place, name in enumerate(everything.ids.tolist())}
    whole, _ = _with_features(corpus.whole, everything, places)
    within, good = _with_features(corpus.within, everything, places) if corpus.within else (None, None)
    folds = () if corpus.within is None or good is None else tuple(fold.kept(good) for fold in corpus.within.folds)
    return _Heard(whole, within, folds), troubles


def _with_features(own: Gathered, everything: Examples, places: Mapping[str, int]) -> tuple[Examples, Any]:
    """Take the rows that could be read, and say which."""
    found = [places.get(name, -1) for name in own.examples.ids.tolist()]
    good = np.array([place >= 0 for place in found], dtype=bool)
    taken = everything.part(np.array([place for place in found if place >= 0], np.intp))
    return replace(own.examples.part(good), x=taken.x, copies=taken.copies), good


@dataclass(frozen=True, slots=True)
class _Job:
    """One model to be trained."""

    kind: Kind
    train: tuple[str, ...]
    protocol: str | None
    split: Split
    examples: Examples
    run: Run

    @property
    def test(self) -> Examples:
        return self.examples.part(self.split.test)

    def __str__(self) -> str:
        corpora = ", ".join(dict.fromkeys(self.test.corpora.tolist()))
        return f"{self.protocol}, fold {self.split.name}" if self.protocol else f"{'+'.join(self.train)} -> {corpora}"


def _jobs(prepared: Prepared, heard: Sequence[_Heard]) -> list[_Job]:
    jobs = []
    for corpus, own in zip(prepared.corpora, heard, strict=True):
        if own.within is not None:
            run = _wanted(prepared.run, own.within, corpus.protocol)
            jobs += [_Job("within", (corpus.name,), corpus.protocol, fold, own.within, run) for fold in own.folds]
    joined = _joined([own.whole for own in heard])
    names = [corpus.name for corpus in prepared.corpora]
    jobs += [_across(joined, (name,), prepared.run) for name in names]
    if prepared.others:
        jobs += [_across(joined, tuple(n for n in names if n != name), prepared.run) for name in names]
    return jobs


def _joined(parts: Sequence[Examples]) -> Examples:
    """Set corpora one below the other; their labels are the same."""
    each = ("ids", "speakers", "corpora", "emotions", "ratings", "affect", "known")
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in each}
    copies = tuple(_stacked([part.copies[i] for part in parts]) for i in range(len(parts[0].copies)))
    return replace(parts[0], x=_stacked([part.x for part in parts]), copies=copies, **arrays)


def _stacked(parts: Sequence[Any]) -> Any:
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return [frames for part in parts for frames in part]


def _across(joined: Examples, train: tuple[str, ...], run: Run) -> _Job:
    taught = np.isin(joined.corpora, train)
    own = _wanted(run, joined.part(taught), _ACROSS)
    names = np.array([*joined.labels, ""])[joined.emotions]
    nobody = np.zeros(0, np.intp)
    split = Split("+".join(train), np.flatnonzero(taught), nobody, np.flatnonzero(~taught))
    split = splits.finish(split, names, joined.speakers, own.data, seed=run.seed)
    return _Job("across" if len(train) == 1 else "others", train, None, split, joined, own)


def _wanted(run: Run, taught: Examples, protocol: str | None) -> Run:
    """A run that learns emotion and affect learns emotion alone where nobody rated affect."""
    rated = bool(np.isfinite(taught.affect).all(axis=1).any())
    kind = "emotion" if run.target.kind == "both" and not rated else run.target.kind
    data = Data(corpora=("any",), protocol=protocol, development=run.data.development)
    return replace(run, data=data, target=replace(run.target, kind=kind))


def _finished(job: _Job, prepared: Prepared, progress: Progress) -> Finished:
    test = job.test
    path = prepared.folder / f"{_key(job)}.npz"
    if path.exists():
        progress.note(f"{job}: done before")
        return _kept(path)
    spent = time.process_time()
    model, about = training.fit(job.examples, job.split, job.run, progress=progress)
    probs, affect = training.said(model, test.x, job.run)
    about |= {"cpu": round(time.process_time() - spent, 1)}
    done = Finished(tuple(test.ids.tolist()), probs, affect, about)
    _keep(path, done)
    progress.note(f"{job}: {about['cpu']:.0f} s")
    return done


def _key(job: _Job) -> str:
    """Hash all that a model's judgements depend on: the run, what it hears, who teaches and who is tested, and how."""
    own, heard = job.examples, examples.input_of(job.run)
    rows = [
        f"{own.corpora[i]}/{own.ids[i]}" for i in (*job.split.train, -1, *job.split.development, -1, *job.split.test)
    ]
    taught = own.part(job.split.taught)
    said = folder.toml(replace(job.run, name="matrix"))
    copies = json.dumps([chain.key for chain in examples.chains_of(job.run)])
    names = ", ".join(own.labels)
    return key(
        *("matrix", _VERSION, said, str(heard), copies, names, "\n".join(rows)),
        *(taught.emotions, taught.ratings, taught.affect),
    )[:32]


def _keep(path: Path, done: Finished) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part.npz")
    arrays: dict[str, Any] = {"probs": done.probs, "affect": done.affect}
    there = {name: array for name, array in arrays.items() if array is not None}
    np.savez(part, about=np.array(json.dumps({"ids": done.ids, **done.about})), **there)
    part.replace(path)


def _kept(path: Path) -> Finished:
    with np.load(path, allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    about = json.loads(str(arrays.pop("about")))
    return Finished(tuple(about.pop("ids")), arrays.get("probs"), arrays.get("affect"), about)


# Cells ------------------------------------------------------------------------------------------------------------


def _cells(prepared: Prepared, jobs: Sequence[_Job], done: Sequence[Finished]) -> Iterator[Cell]:
    """Row by row: each corpus in training, its own cell among the others; then all but the tested one."""
    pairs = list(zip(jobs, done, strict=True))
    for corpus in prepared.corpora:
        own = [pair for pair in pairs if pair[0].train == (corpus.name,)]
        for test in prepared.corpora:
            kind = "within" if test is corpus else "across"
            if found := [pair for pair in own if pair[0].kind == kind]:
                yield _cell(found, test.name)
    for job, said in pairs:
        if job.kind == "others":
            (left_out,) = dict.fromkeys(job.test.corpora.tolist())
            yield _cell([(job, said)], left_out)


def _cell(pairs: Sequence[tuple[_Job, Finished]], test: str) -> Cell:
    job = pairs[0][0]
    parts = [_judged(one, done, test) for one, done in pairs]
    tried = sum(done.about["tried"] for _, done in pairs)
    seconds = round(sum(done.about["cpu"] for _, done in pairs), 1)
    return Cell(job.kind, job.train, test, job.protocol, _pooled(parts), tried, seconds)


def _judged(job: _Job, done: Finished, test: str) -> Judged:
    rows = job.test
    unheard = replace(rows, x=np.zeros((len(rows), 0), np.float32), copies=())
    own = Judged(unheard, np.full(len(rows), job.split.name), done.probs, done.affect, job.split.leaky)
    return own.rows(rows.corpora == test)


def _pooled(parts: Sequence[Judged]) -> Judged:
    """Pool folds before scoring: a speaker may lack emotions."""
    told, rated = ([getattr(part, what) for part in parts] for what in ("probs", "affect"))
    return Judged(
        _joined([part.examples for part in parts]),
        np.concatenate([part.folds for part in parts]),
        np.concatenate(told) if told[0] is not None else None,
        np.concatenate(rated) if rated[0] is not None else None,
        any(part.leaky for part in parts),
    )


# What it will take ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cost:
    """What a matrix will take, measured on a few recordings and fits."""

    models: int
    "that are trained, those of a search and of its inner parts not counted"
    fits: int
    "with those"
    hearing: float
    "seconds to compute the features that are not in the cache, in one process"
    fitting: float
    "seconds, about; what was finished before is not taken off"
    memory: float
    "bytes at most, features included"
    kept: int
    "models that are in the folder already, of this or of an earlier matrix"


def cost(prepared: Prepared) -> Cost:
    """Say what a matrix will take; nothing is trained but for measuring."""
    heard = [planned.plan(one.run, one.everything).hearing for one in prepared.corpora]
    plans = [_plan(one) for one in prepared.corpora]
    if prepared.others:
        plans.append(_loco(prepared))
    return Cost(
        models=prepared.models,
        fits=sum(plan.cost.fits for plan in plans),
        hearing=float(sum(heard)),
        fitting=float(sum(plan.cost.seconds for plan in plans)),
        memory=max(plan.cost.memory for plan in plans),
        kept=len(list(prepared.folder.glob("*.npz"))),
    )


def _plan(corpus: Corpus) -> Plan:
    """The folds within, and one model on everybody: the one that goes across."""
    if corpus.within is None:
        return planned.plan(corpus.run, corpus.whole)
    protocol = replace(corpus.run.data, protocol=corpus.protocol)
    return planned.plan(replace(corpus.run, data=protocol), corpus.within)


def _loco(prepared: Prepared) -> Plan:
    """A model without each corpus; one on everybody is counted too much."""
    wholes = [one.whole for one in prepared.corpora]
    joined = _joined([one.examples for one in wholes])
    names = [one.name for one in prepared.corpora]
    jobs = [_across(joined, tuple(n for n in names if n != name), prepared.run) for name in names]
    files = tuple(path for one in wholes for path in one.files)
    segments = tuple(segment for one in wholes for segment in one.segments)
    gathered = Gathered(joined, files, segments, tuple(job.split for job in jobs), ())
    return planned.plan(jobs[0].run, gathered)
