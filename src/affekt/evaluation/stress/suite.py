"""A bundle and manifests -> Report. All tests on each corpus, and a guessing model beside each."""

from __future__ import annotations

import datetime
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affekt import audio, bundle, datasets
from affekt import manifest as manifests
from affekt.cache import Cache
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.evaluation import floor
from affekt.evaluation.draws import Draws
from affekt.evaluation.judgements import LEAKY, Judgements
from affekt.evaluation.stress import chance, correctness, fairness, judging, robustness, spread
from affekt.evaluation.stress.judging import Open, Said, Work
from affekt.evaluation.stress.robustness import CLEAN, Scene
from affekt.evaluation.stress.table import Result, Test
from affekt.manifest import Manifest
from affekt.types import LabelSet, Samples

SCHEMA = "affekt.stress/1"
QUICK = 300
"utterances of a corpus that --quick takes"
TOUCHED = 0.1
"share of utterances that a level must change to be judged: 5 s say nothing where no utterance is longer"

GUESSES = "no better than guessing when clean"
"of a model's robustness: it has nothing to lose"

_TALKERS = 40  # recordings of which babbles are mixed
_OWN = ("table", "folder")  # readers of data that have no name of their own
_SOUND = (".wav", ".flac")

Told = Callable[[str, int, int], None]
"""Corpus, utterances done, and in all."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that is put to the test."""

    open: Open
    "loads it, in any process"
    labels: LabelSet
    id: str
    licence: str = ""
    stamp: str = ""
    "changes when the model does; nothing is kept without one"
    heard: Callable[[Manifest], str] = field(default=lambda manifest: "")
    "why a corpus is known to have been in its training; empty where it is not"

    @classmethod
    def of(cls, source: str | Path) -> Subject:
        """Take a bundle, by its name or its folder.

        Raises:
            UnknownNameError: neither a bundled name nor a folder.
            BundleError: incomplete, altered, or of another version.
        """
        card = bundle.card(source)
        stamp = f"{card.sha256} {card.encoder_sha256} {json.dumps(dict(card.input), sort_keys=True)}"
        heard = partial(_heard, source)
        return cls(partial(bundle.load, source), LabelSet(card.labels), card.id, card.licence_line, stamp, heard)


def _heard(source: str | Path, manifest: Manifest) -> str:
    return bundle.load(source).knows(manifest) or ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the suite is run.

    Raises:
        UnknownNameError: there is no test of a name in `only`.
    """

    only: tuple[str, ...] = ()
    "names of tests; all when empty"
    quick: bool = False
    "a fixed part of each corpus, balanced by speaker and emotion"
    noise: Path | None = None
    "folder of recorded noise, and of impulse responses in files that begin with rir"
    workers: int = 1
    "processes of one thread each"
    kept: Cache | None = None
    "where judgements are kept, so that an interrupted suite goes on"
    seed: int = 0
    "of fairness's blind models"

    def __post_init__(self) -> None:
        _check(self.only)


@dataclass(frozen=True, slots=True)
class About:
    """What a corpus was asked with."""

    name: str
    utterances: int
    speakers: int
    emotions: Mapping[str, int]
    "judged, by the model's labels"
    merged: Mapping[str, str]
    "own emotion -> the one as which it counts"
    left_out: int
    "utterances of emotions that the model does not know"
    leaky: str
    "why absolute scores are too high; empty where the model is not known to have heard it"
    unreadable: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Report:
    """What came out."""

    model: str
    licence: str
    date: str
    quick: bool
    corpora: tuple[About, ...]
    tests: tuple[Test, ...]
    results: tuple[Result, ...]

    @property
    def leaky(self) -> tuple[str, ...]:
        """Corpora that the model has heard."""
        return tuple(about.name for about in self.corpora if about.leaky)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "licence": self.licence,
            "date": self.date,
            "quick": self.quick,
            "leaky": list(self.leaky),
            "corpora": [asdict(about) for about in self.corpora],
            "tests": [described(test) for test in self.tests],
            "results": [_finite(result.to_dict()) for result in self.results],
        }


def stress(
    subject: Subject,
    corpora: Sequence[Manifest],
    settings: Settings | None = None,
    told: Told = lambda *_: None,
) -> Report:
    """Put a model to all tests on each corpus.

    Args:
        subject: the model; `Subject.of("default")` takes a bundle.
        corpora: manifests whose sound can be read.
        settings: which tests, on how much, and how fast; all in one process when None.
        told: is told how far it is.

    Raises:
        DataError: a corpus has no emotion that the model knows, or cannot be read.
        AudioError: a recording of the noise folder cannot be read.
    """
    chosen = settings or Settings()
    parts = [_corpus(subject, manifest, chosen, told) for manifest in corpora]
    return Report(
        model=subject.id,
        licence=subject.licence,
        date=str(datetime.date.today()),
        quick=chosen.quick,
        corpora=tuple(about for about, _, _ in parts),
        tests=tuple({test.name: test for _, asked, _ in parts for test in asked}.values()),
        results=tuple(result for _, _, results in parts for result in results),
    )


def every() -> tuple[Test, ...]:
    """Return all tests, those as well that need recorded noise."""
    sound = np.zeros(1, np.float32)
    scene = Scene((sound, sound), (sound,), {"each file rir*": sound})
    return (*correctness.TESTS, *fairness.TESTS, *robustness.tests(scene))


def names() -> tuple[str, ...]:
    """Return the names of all tests.

    >>> "robustness/gain" in names()
    True
    """
    return tuple(test.name for test in every())


def _check(only: Iterable[str]) -> None:
    known = names()
    for name in only:
        if name not in known and not any(one.startswith(f"{name}/") for one in known):
            raise UnknownNameError("stress test", name, [*known, "correctness", "fairness", "robustness"])


def _wanted(test: Test, only: tuple[str, ...]) -> bool:
    return not only or test.name in only or test.family in only


# One corpus -------------------------------------------------------------------------------------------------------


def _corpus(
    subject: Subject, manifest: Manifest, settings: Settings, told: Told
) -> tuple[About, tuple[Test, ...], list[Result]]:
    known, merged = judging.known(manifest, subject.labels)
    chosen = judging.sample(known, QUICK) if settings.quick else known
    scene = gather(manifest, settings.noise)
    asked = tuple(
        test for test in (*correctness.TESTS, *fairness.TESTS, *robustness.tests(scene)) if _wanted(test, settings.only)
    )
    heard = subject.heard(manifest)
    rows, said, troubles = _judge(subject, chosen, asked, scene, settings, partial(told, manifest.name))
    clean, *_ = (_judgements(chosen, rows, said[CLEAN.name, level.name], subject, heard) for level in CLEAN.levels)
    about = About(
        manifest.name, len(clean), len(set(clean.speakers.tolist())), _counts(clean), merged,
        len(manifest) - len(known), heard, tuple(troubles), manifest.fingerprint,
    )  # fmt: skip
    change = {key: _judgements(chosen, rows, one, subject, heard) for key, one in said.items()}
    results = [result for test in asked for result in _ask(test, clean, change, said, settings)]
    return about, asked, _doubted(results, clean, settings.seed)


def _doubted(results: Sequence[Result], clean: Judgements, seed: int) -> list[Result]:
    """Mark what one speaker alone says, and robustness of a model that has nothing to lose."""
    alone = len(np.unique(clean.speakers)) == 1
    nothing = GUESSES if _guesses(clean, seed) else ""
    found = []
    for one in results:
        if one.test.startswith("robustness/") and one.threshold is not None:
            one = replace(one, note="; ".join(filter(None, (one.note, nothing))))
        found.append(replace(one, alone=alone and one.test != correctness.AGAIN.name))
    return found


def _guesses(clean: Judgements, seed: int) -> bool:
    """Whether the UAR is one that 2.5 of 100 models that guess reach, or more."""
    k = len(clean.labels)
    draws = Draws.of(clean.speakers, n=1, seed=seed)
    guess = next(peer for peer in floor.peers(clean.truth, k, draws, n=1000, seed=seed) if peer["name"] == "random")
    return bool(spread.uar(spread.confusions(clean).sum(axis=0)) <= guess["uar"]["interval"][1])


def _judge(
    subject: Subject,
    manifest: Manifest,
    asked: Sequence[Test],
    scene: Scene,
    settings: Settings,
    told: Callable[[int, int], None],
) -> tuple[list[int], dict[tuple[str, str], Said], list[str]]:
    again = [correctness.AGAIN] if any(test.name == correctness.AGAIN.name for test in asked) else []
    sounds = (CLEAN, *again, *(test for test in asked if test.levels))
    kept = settings.kept if subject.stamp else None
    work = Work(subject.open, sounds, kept, subject.stamp, scene.stamp)
    return judging.judge(manifest, work, workers=settings.workers, progress=told)


def _judgements(manifest: Manifest, rows: Sequence[int], said: Said, subject: Subject, heard: str) -> Judgements:
    return judging.judgements(manifest, rows, said, subject.id, leaky=bool(heard))


def _counts(j: Judgements) -> dict[str, int]:
    return {
        name: n for name, n in zip(j.labels, np.bincount(j.truth, minlength=len(j.labels)).tolist(), strict=True) if n
    }


def _ask(
    test: Test,
    clean: Judgements,
    change: Mapping[tuple[str, str], Judgements],
    said: Mapping[tuple[str, str], Said],
    settings: Settings,
) -> Iterator[Result]:
    """Ask the model, and one that guesses."""
    corpus = str(clean.corpora[0])
    guessed = chance.guess(clean, f"{corpus}/{test.name}/{settings.seed}")
    if test.levels:
        for level in test.levels:
            other = chance.guess(clean, f"{corpus}/{test.name}/{level.name}/{settings.seed}")
            found = robustness.compare(clean, change[test.name, level.name], test.name, level)
            beside = _beside(found, robustness.compare(guessed, other, test.name, level))
            yield from (_touched(result, said[test.name, level.name]) for result in beside)
    elif test.name == correctness.AGAIN.name:
        again = change[test.name, correctness.AGAIN.levels[0].name]
        other = chance.guess(clean, f"{corpus}/again/{settings.seed}")
        yield from _beside(correctness.retest(clean, again), correctness.retest(guessed, other))
    else:
        found = _as_they_are(test, clean, settings.seed)
        yield from _beside(found, _as_they_are(test, guessed, settings.seed))


def _as_they_are(test: Test, j: Judgements, seed: int) -> list[Result]:
    """Ask correctness or fairness. Of a corpus that the model has heard, the numbers are shown and not judged."""
    fair = test.family == "fairness"
    found = fairness.ask(j, test.name, seed=seed) if fair else correctness.ask(j, test.name)
    if not j.leaky:
        return found
    return [replace(one, threshold=None, note="; ".join(filter(None, (LEAKY, one.note)))) for one in found]


def _beside(found: Sequence[Result], guessed: Sequence[Result]) -> list[Result]:
    """Put the guessing model's number beside the model's own, and its own threshold where it has another."""
    return [
        replace(
            one,
            random=other.value,
            detail={
                **one.detail,
                **({"random threshold": other.threshold} if other.threshold != one.threshold else {}),
            },
        )
        for one, other in zip(found, guessed, strict=True)
    ]


def _touched(result: Result, said: Said) -> Result:
    """Say of how many utterances anything was changed, where not of all; where of few, nothing is judged."""
    changed, silent = float(said.changed.mean()), int((~said.judged).sum())
    notes = [f"changes {changed:.1%} of the utterances"] if changed < 1 else []
    notes += [f"{silent} utterances left nothing to be judged"] if silent else []
    return replace(result, note="; ".join(notes), threshold=result.threshold if changed >= TOUCHED else None)


# Other sounds -----------------------------------------------------------------------------------------------------


def gather(manifest: Manifest, folder: Path | None) -> Scene:
    """Read what is put behind the voices: other recordings of the corpus, recorded noise, rooms.

    Raises:
        UsageError: there is no such folder, or no sound in it.
        AudioError: a recording cannot be read.
    """
    drawn = sorted(manifest, key=lambda u: zlib.crc32(f"talker/{u.id}".encode()))[:_TALKERS]
    talkers = tuple(audio.read(path).samples for u in drawn if (path := manifest.file(u)).is_file())
    noises, rooms = _folder(folder) if folder else ({}, {})
    digest = hashlib.sha256()
    for samples in (*talkers, *noises.values(), *rooms.values()):
        digest.update(samples.tobytes())
    return Scene(talkers, tuple(noises.values()), rooms, digest.hexdigest())


def _folder(folder: Path) -> tuple[dict[str, Samples], dict[str, Samples]]:
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SOUND)
    if not found:
        raise UsageError(f"{folder} holds no recorded noise ({', '.join(_SOUND)})")
    read = {path.stem: audio.read(path).samples for path in found}
    rooms = {name: samples for name, samples in read.items() if name.lower().startswith("rir")}
    return {name: samples for name, samples in read.items() if name not in rooms}, rooms


# Which corpora ----------------------------------------------------------------------------------------------------


def find(on: Sequence[str], root: Path, subject: Subject) -> list[Manifest]:
    """Read the corpora that are asked for; else all below `root` that the model has not heard.

    Args:
        on: names of corpora below `root`, or files: a manifest (JSONL, Parquet) or a CSV.
        root: folder with a folder for each corpus, named as `affekt data` names it.
        subject: the model.

    Raises:
        DataError: there is no such file or corpus, or none that the model has not heard.
    """
    if on:
        return [_read(name, root) for name in on]
    here = [name for name in datasets.names() if name not in _OWN and (root / name).is_dir()]
    if not here:
        raise DataError(
            f"there is no corpus below {root}; --root names the folder that holds them, --on a corpus or file"
        )
    found = [manifest for name in here if not subject.heard(manifest := datasets.load(name, root / name))]
    if not found:
        raise DataError(f"{subject.id} was trained on every corpus below {root} ({', '.join(here)}); name one by --on")
    return found


def _read(name: str, root: Path) -> Manifest:
    path = Path(name)
    if path.suffix in (".jsonl", ".parquet"):
        return manifests.read(path)
    if path.suffix == ".csv":
        return datasets.load("table", path)
    if name not in datasets.names():
        raise UnknownNameError("corpus (and no .jsonl, .parquet or .csv file)", name, datasets.names())
    return datasets.load(name, root / name)


def described(test: Test) -> dict[str, Any]:
    """Return a test as JSON: what it asks, its thresholds, and why."""
    levels = [{"level": one.name, "loss": one.loss, "agreement": one.agreement} for one in test.levels]
    bound = None if test.bound is None else asdict(test.bound)
    return {"name": test.name, "asks": test.asks, "unit": test.unit, "why": test.why, "bound": bound, "levels": levels}


def _finite(value: Any) -> Any:
    """JSON knows no NaN."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
