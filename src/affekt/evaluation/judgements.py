"""predictions.csv, or a bundle and a corpus -> Judgements. What a model said of utterances whose truth is known.

`read` takes what `affekt train` leaves behind, and any CSV of that shape: id, speaker, truth and one `p_EMOTION` per
emotion, or only `prediction`, are enough. `judge` lets a bundle judge a manifest, the same way as `affekt predict
--whole` does. `join` adds what the manifests know of each utterance.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affekt import audio, hearing, windows
from affekt.bundle import Bundle
from affekt.cache import Cache, key
from affekt.datasets import VOCABULARY
from affekt.datasets._card import number, table
from affekt.errors import AffektError, DataError, UsageError
from affekt.manifest import Manifest
from affekt.types import LabelSet, Signal, Utterance

Floats = NDArray[np.float64]
Names = NDArray[np.str_]
Index = NDArray[np.intp]
Offered = Literal["corpus", "all"]
"""corpus: a model may only say what the corpus can name, the other emotions' shares are taken away; all: whatever it
knows."""

AXES = ("valence", "arousal", "dominance")
AGES = (18, 30, 45, 60)
"""Years at which a new age group begins."""
SCHEMA = "affekt.evaluation/1"
LEAKY = "LEAKY"
INDEPENDENT = "speaker-independent"
UNKNOWN = "not known"
"""Of a split: a table with neither split nor fold, and no run around it, tells nothing of who was trained on."""

_VERSION = 1  # of how a recording becomes windows; raised when that changes
_NEAR = 0.01  # of 1: what rounding may do to a row's sum
_FARTHEST = 1000.0  # of affect, which corpora rate from 1 to 7 or in [-1, 1]: what lies beyond is a slip


@dataclass(frozen=True, slots=True)
class Judgements:
    """What a model said of utterances whose truth is known, row by row."""

    name: str
    "of the model or run"
    labels: LabelSet
    "order of the probabilities"
    ids: Names
    "(n,)"
    corpora: Names
    speakers: Names
    folds: Names
    "in which each was tested; empty strings where there are no folds"
    truth: Index
    "index into labels, -1 where nobody named an emotion"
    probs: Floats | None
    "(n, labels), rows sum to 1; None where emotion was not judged, or only named"
    affect: Floats | None = None
    "valence, arousal, dominance (n, 3); None where affect was not judged"
    rated: Floats | None = None
    "the raters' affect (n, 3), NaN where nobody rated"
    ratings: Floats | None = None
    "share of raters (n, labels), rows sum to 1 or are NaN"
    groups: Mapping[str, Names] = field(default_factory=dict)
    "sex, age, language, accent, ...: a value for each row, an empty string where it is not known"
    leaky: bool = False
    "train and test shared speakers: scores are too high, every output is stamped LEAKY"
    about: Mapping[str, Any] = field(default_factory=dict)
    "protocol, combinations tried, fingerprints, ...: whatever is known of how they came about"
    decided: Index | None = None
    "index into labels (n,): what was said, where that is known apart from the probabilities"
    parted: bool = True
    "whether anything tells how training and test were parted"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def split(self) -> str:
        """How training and test were parted: `speaker-independent`, `LEAKY` or `not known`."""
        return LEAKY if self.leaky else INDEPENDENT if self.parted else UNKNOWN

    @property
    def names(self) -> Names:
        """The true emotions, empty strings where there is none."""
        found: Names = np.array([*self.labels, ""])[self.truth]
        return found

    @property
    def said(self) -> Names:
        """The emotions that were named: the most probable ones, where nothing else is known."""
        best = self.decided
        if best is None and self.probs is not None:
            best = self.probs.argmax(axis=1)
        if best is None:
            return np.full(len(self), "", dtype=np.str_)
        found: Names = np.array(self.labels.names)[best]
        return found

    @property
    def named(self) -> NDArray[np.bool_]:
        """Rows of which truth and judgement are both emotions: what categorical scores are about."""
        judged = self.probs is not None or self.decided is not None
        return np.asarray((self.truth >= 0) & judged)

    def part(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Judgements:
        """Keep some rows."""
        each = ("ids", "corpora", "speakers", "folds", "truth")
        maybe = ("probs", "affect", "rated", "ratings", "decided")
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in each}
        arrays |= {name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in maybe}
        return replace(self, groups={key: own[rows] for key, own in self.groups.items()}, **arrays)


# Reading ----------------------------------------------------------------------------------------------------------


def read(path: str | Path, *, merge: Mapping[str, str] | None = None) -> Judgements:
    """Read the folder of a run, a CSV of its predictions' shape, or the JSON of `affekt evaluate`.

    A CSV needs the columns id, speaker and truth (empty where nobody named an emotion), and one `p_EMOTION` for each
    emotion, or `prediction`, or `valence`, `arousal`, `dominance` beside `true_valence`, ... It may have corpus, fold
    and split. Where there are both, `prediction` is what was said; an emotion that in a corpus is neither the truth nor
    said of any row was not offered there, and its share is taken away.

    Args:
        path: folder, .csv or .json.
        merge: emotion -> the emotion as which it counts, in truth and judgement alike.

    Raises:
        DataError: it is not there or not what it should be; the message has the line.
    """
    path, merge = Path(path), dict(merge or {})
    if path.is_dir():
        return _run(path, merge)
    if not path.exists():
        raise DataError(f"there is no file or folder {str(path)!r}")
    if path.suffix == ".json":
        return _evaluation(path, merge)
    return _csv(path, merge, path.stem, {})


def _run(folder: Path, merge: dict[str, str]) -> Judgements:
    path = folder / "predictions.csv"
    if not path.exists():
        raise DataError(f"{folder} holds no predictions.csv, so it is no finished run of `affekt train`")
    told, scores, data = _toml(folder / "run.toml"), _json(folder / "metrics.json"), _json(folder / "data.json")
    about: dict[str, Any] = {
        "protocol": told.get("data", {}).get("protocol"),
        "tested": scores.get("tested", "test speakers"),
        "tried": scores.get("tried"),
        "fingerprints": data.get("fingerprints", {}),
        "skipped": scores.get("skipped", []),
        "merge": dict(told.get("data", {}).get("merge", {})),
    }
    found = _csv(path, merge, told.get("name", folder.name), about)
    split = scores.get("split")
    return replace(found, leaky=found.leaky or split == LEAKY, parted=found.parted or split is not None)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} cannot be read: it must hold an object, {{...}}")
    return found


def _csv(path: Path, merge: Mapping[str, str], name: str, about: Mapping[str, Any]) -> Judgements:
    lines = list(table(path, ("id", "speaker", "truth")))
    if not lines:
        raise DataError(f"{path}: has a header and no rows, so there is nothing to score")
    columns = list(lines[0][1])
    own = [column.removeprefix("p_") for column in columns if column.startswith("p_")]
    affective = all(axis in columns and f"true_{axis}" in columns for axis in AXES)
    if not own and "prediction" not in columns and not affective:
        raise DataError(
            f"{path}, line 1: says nothing of what was judged; needs a column p_EMOTION for each emotion, or "
            f"prediction, or valence, arousal, dominance and true_valence, ...; found {', '.join(columns)}"
        )
    _refuse_twice(lines)
    labels = _labels(lines, own, merge)
    corpora = _texts(lines, "corpus", "")
    decided = _indices(lines, "prediction", labels, merge) if own or "prediction" in columns else None
    decided = None if decided is None or (decided < 0).all() else decided
    truth = _indices(lines, "truth", labels, merge)
    probs = _shares(lines, own, LabelSet(tuple(own)).to(labels, merge)) if own else None
    if probs is not None and decided is not None:
        probs = _offered(probs, _could_say(truth, decided, corpora, len(labels)))
    if decided is not None and (decided < 0).any():
        where = lines[int((decided < 0).argmax())][0]
        raise DataError(f"{where}: no prediction; give one in every row, or leave the column out")
    why = _leak(lines)
    return Judgements(
        name=name,
        labels=labels,
        ids=_texts(lines, "id", ""),
        corpora=corpora,
        speakers=_texts(lines, "speaker", ""),
        folds=_texts(lines, "fold", ""),
        truth=truth,
        probs=probs,
        affect=_numbers(lines, AXES) if affective else None,
        rated=_numbers(lines, tuple(f"true_{axis}" for axis in AXES)) if affective else None,
        leaky=bool(why),
        about={**about, "known": why or None, "merge": {**about.get("merge", {}), **merge}},
        decided=decided,
        parted=INDEPENDENT in _splits(lines) or any(row.get("fold") for _, row in lines),
    )


_Lines = Sequence[tuple[str, dict[str, str]]]


def _refuse_twice(lines: _Lines) -> None:
    seen: dict[tuple[str, str], str] = {}
    for where, row in lines:
        if not row["id"] or not row["speaker"]:
            raise DataError(f"{where}: every row needs an id and a speaker; intervals are over speakers")
        name = (row.get("corpus", ""), row["id"])
        if name in seen:
            raise DataError(f"{where}: the id {row['id']!r} stands in {seen[name].rpartition(', ')[2]} already")
        seen[name] = where


def _leak(lines: _Lines) -> str:
    """Say why scores are too high, empty where nothing tells of a leak.

    A speaker who is tested in two folds is heard in training by each: the other fold's recordings are there.
    """
    told = _splits(lines)
    if LEAKY.lower() in told:
        return "train and test share speakers"
    if INDEPENDENT in told:
        return ""
    tested: dict[tuple[str, str], str] = {}
    for _, row in lines:
        fold, who = row.get("fold", ""), (row.get("corpus", ""), row["speaker"])
        if fold and tested.setdefault(who, fold) != fold:
            return (
                f"{row['speaker']} is tested in the folds {tested[who]} and {fold}, so that training has heard the "
                f"speaker; where it has not, a column split with speaker-independent says so"
            )
    return ""


def _splits(lines: _Lines) -> set[str]:
    return {row.get("split", "").strip().lower() for _, row in lines}


def _labels(lines: _Lines, own: Sequence[str], merge: Mapping[str, str]) -> LabelSet:
    """The emotions of the columns; where there are none, those that occur, in the order of our vocabulary."""
    if own:
        return LabelSet(tuple(dict.fromkeys(merge.get(name, name) for name in own)))
    there = {merge.get(row.get(what, ""), row.get(what, "")) for _, row in lines for what in ("truth", "prediction")}
    there.discard("")
    return LabelSet((*(name for name in VOCABULARY if name in there), *sorted(there - set(VOCABULARY))))


def _texts(lines: _Lines, column: str, default: str) -> Names:
    return np.array([row.get(column, default) for _, row in lines], dtype=np.str_)


def _indices(lines: _Lines, column: str, labels: LabelSet, merge: Mapping[str, str]) -> Index:
    places = {name: place for place, name in enumerate(labels)} | {"": -1}
    found = []
    for where, row in lines:
        name = row.get(column, "")
        place = places.get(merge.get(name, name))
        if place is None:
            raise DataError(
                f"{where}: {column} is {name!r}, none of the emotions that could be said: {', '.join(labels)}; "
                f"leave such rows out, or merge it with one of them (--merge {name}=...)"
            )
        found.append(place)
    return np.array(found, np.intp)


def _shares(lines: _Lines, own: Sequence[str], matrix: Floats) -> Floats:
    found = np.array([[_share(row[f"p_{name}"], where, f"p_{name}") for name in own] for where, row in lines])
    total = found.sum(axis=1)
    wrong = np.abs(total - 1) > _NEAR
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{lines[row][0]}: the probabilities sum to {total[row]:g}, not to 1")
    return np.asarray((found @ matrix) / total[:, None])


def _share(text: str, where: str, column: str) -> float:
    value = number(text, where, column)
    if not 0 <= value <= 1 + _NEAR:
        raise DataError(f"{where}: {column} must be a probability, 0 to 1, not {text!r}")
    return value


def _numbers(lines: _Lines, columns: Sequence[str]) -> Floats:
    rows = [[_affect(row[name], where, name) if row[name] else math.nan for name in columns] for where, row in lines]
    return np.array(rows, np.float64)


def _affect(text: str, where: str, column: str) -> float:
    value = number(text, where, column)
    if abs(value) > _FARTHEST:
        raise DataError(
            f"{where}: {column} is {text[:20]!r}, beyond any scale of affect (-1 to 1, or 1 to 7); leave it empty "
            f"where nobody knows it"
        )
    return value


def _could_say(truth: Index, decided: Index, corpora: Names, count: int) -> NDArray[np.bool_]:
    """Which emotions were offered in each row: those that are the truth of, or said of, some row of its corpus."""
    offered = np.zeros((len(truth), count), dtype=bool)
    for name in np.unique(corpora):
        own = corpora == name
        there = np.union1d(truth[own], decided[own])
        offered[np.ix_(own, there[there >= 0])] = True
    return offered


def _offered(probs: Floats, offered: NDArray[np.bool_]) -> Floats:
    """Take away what was not offered; where nothing is left, all that was offered is as probable."""
    kept = np.where(offered, probs, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    return np.asarray(
        np.where(total > 0, kept / np.where(total > 0, total, 1), offered / offered.sum(1, keepdims=True))
    )


def offer(judgements: Judgements, names: Collection[str]) -> Judgements:
    """Take away the emotions that are not offered: their share, and their place among the labels.

    Args:
        judgements: with probabilities; what was decided apart from them is forgotten.
        names: that are offered; every truth must be among them.

    >>> names, labels = np.array(["a"]), LabelSet(("anger", "calm", "fear"))
    >>> three = Judgements("x", labels, *[names] * 4, np.array([2]), np.array([[0.2, 0.6, 0.2]]))
    >>> offer(three, ["anger", "fear"]).probs
    array([[0.5, 0.5]])
    """
    labels = LabelSet(tuple(name for name in judgements.labels if name in names))
    places = np.array([*(labels.index(name) if name in labels else -1 for name in judgements.labels), -1], np.intp)
    probs = judgements.probs
    if probs is not None:
        kept = probs @ judgements.labels.to(labels)
        probs = _offered(kept, np.ones(kept.shape, dtype=bool))
    return replace(judgements, labels=labels, truth=places[judgements.truth], probs=probs, decided=None, ratings=None)


def _evaluation(path: Path, merge: Mapping[str, str]) -> Judgements:
    found = _json(path)
    if found.get("schema") != SCHEMA or "rows" not in found:
        raise DataError(f"{path} is no evaluation of the kind {SCHEMA} with its rows; `affekt evaluate -o` writes one")
    if merge:
        raise UsageError("an evaluation was merged when it was made; merge what it was made of instead")
    try:
        read = _rows(found)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not as `affekt evaluate -o` wrote it: {type(error).__name__}, {error}; write it again"
        ) from error
    wrong = _unlike(read)
    if wrong:
        raise DataError(f"{path} is not as `affekt evaluate -o` wrote it: {wrong}; write it again")
    return read


def _rows(found: Mapping[str, Any]) -> Judgements:
    """Build judgements of an evaluation's rows; whatever is not there or of another type raises what Python raises."""
    rows, labels = found["rows"], LabelSet(tuple(found["labels"]))
    places = {name: place for place, name in enumerate(labels)} | {None: -1}

    def numbers(name: str, width: int = 3) -> Floats | None:
        kept = [[math.nan] * width if row is None else row for row in rows[name]] if rows.get(name) else None
        return None if kept is None else np.array(kept, np.float64)

    said = rows.get("said")
    return Judgements(
        name=found["name"],
        labels=labels,
        ids=np.array(rows["id"], np.str_),
        corpora=np.array(rows["corpus"], np.str_),
        speakers=np.array(rows["speaker"], np.str_),
        folds=np.array(rows["fold"], np.str_),
        truth=np.array([places[name] for name in rows["truth"]], np.intp),
        probs=numbers("probs"),
        affect=numbers("affect"),
        rated=numbers("rated"),
        ratings=numbers("ratings", len(labels)),
        groups={name: np.array(own, np.str_) for name, own in rows.get("groups", {}).items()},
        leaky=found["leaky"],
        about=found.get("about", {}),
        decided=None if said is None else np.array([places[name] for name in said], np.intp),
        parted=found.get("split") != UNKNOWN,
    )


def _unlike(read: Judgements) -> str:
    """Say what is wrong with judgements that came from JSON, empty where nothing is."""
    n, k = len(read), len(read.labels)
    shapes: list[tuple[str, Any, tuple[int, ...]]] = [
        *((name, getattr(read, name), (n,)) for name in ("corpora", "speakers", "folds", "truth", "decided")),
        *(("probs", read.probs, (n, k)), ("affect", read.affect, (n, 3)), ("rated", read.rated, (n, 3))),
        ("ratings", read.ratings, (n, k)),
        *((name, own, (n,)) for name, own in read.groups.items()),
    ]
    for name, own, shape in shapes:
        if own is not None and own.shape != shape:
            return f"{name} has the shape {own.shape}, not {shape}"
    if read.probs is not None and not (np.all(read.probs >= 0) and np.all(abs(read.probs.sum(axis=1) - 1) <= _NEAR)):
        return "there are probabilities that are negative or do not sum to 1"
    if any(own is not None and np.any(np.abs(own) > _FARTHEST) for own in (read.affect, read.rated)):
        return "there is affect beyond any scale"
    if not isinstance(read.leaky, bool) or not isinstance(read.name, str) or not isinstance(read.about, dict):
        return "leaky must be true or false, name a text, about an object"
    kinds = {"merge": dict, "fingerprints": dict, "left_out": dict, "skipped": list}
    odd = [name for name, kind in kinds.items() if not isinstance(read.about.get(name, kind()), kind)]
    return f"of about, {', '.join(odd)} must be of another type" if odd else ""


# Joining ----------------------------------------------------------------------------------------------------------


def join(judgements: Judgements, manifests: Sequence[Manifest]) -> Judgements:
    """Add what manifests know of the utterances: groups, the raters' shares and affect.

    Groups are sex, age (in bands), language, session, and accent where a corpus names it. Rows are found by corpus and
    id, or by the id alone where the judgements name no corpus. What no manifest knows stays empty.

    Raises:
        DataError: not one of the rows is in the manifests.
    """
    merge = judgements.about.get("merge", {})
    known = {(m.name, u.id): (u, m) for m in manifests for u in m}
    known |= {("", u.id): (u, m) for m in manifests for u in m}
    pairs = zip(judgements.corpora.tolist(), judgements.ids.tolist(), strict=True)
    found = [known.get(pair) for pair in pairs]
    if not any(found):
        names = ", ".join(m.name for m in manifests)
        raise DataError(f"{judgements.name}: none of its {len(judgements)} utterances is in {names or 'any manifest'}")
    rows = [pair[0] if pair else None for pair in found]
    own = {name: np.array([(of(u) if u else None) or "" for u in rows]) for name, of in _GROUPS.items()}
    groups = {name: values for name, values in own.items() if (values != "").any()}
    rated = np.array([_rated(u) for u in rows])
    votes = np.array([_votes(u, judgements.labels, merge) for u in rows])
    return replace(
        judgements,
        groups={**judgements.groups, **groups},
        rated=rated if np.isfinite(rated).any() else judgements.rated,
        ratings=votes if np.isfinite(votes).any() else judgements.ratings,
    )


def age_group(age: int | None) -> str:
    """Name the band of an age.

    >>> age_group(17), age_group(30), age_group(80), age_group(None)
    ('to 17', '30 to 44', '60 and older', '')
    """
    if age is None:
        return ""
    place = sum(age >= begin for begin in AGES)
    if place == 0:
        return f"to {AGES[0] - 1}"
    return f"{AGES[-1]} and older" if place == len(AGES) else f"{AGES[place - 1]} to {AGES[place] - 1}"


_GROUPS: Mapping[str, Callable[[Utterance], str | None]] = {
    "sex": lambda u: u.sex,
    "age": lambda u: age_group(u.age),
    "language": lambda u: u.language,
    "accent": lambda u: u.extra.get("accent"),
    "session": lambda u: u.session,
}


def _rated(u: Utterance | None) -> tuple[float, float, float]:
    if u is None or u.affect is None:
        return (math.nan,) * 3
    return u.affect.valence, u.affect.arousal, u.affect.dominance


def _votes(u: Utterance | None, labels: LabelSet, merge: Mapping[str, str]) -> Floats:
    """Shares of raters over the labels; NaN where nobody voted, or for none of them."""
    votes = np.zeros(len(labels))
    for name, share in ((u.ratings if u else None) or {}).items():
        if merge.get(name, name) in labels:
            votes[labels.index(merge.get(name, name))] += share
    return np.asarray(votes / votes.sum() if votes.any() else np.full(len(labels), math.nan))


# Judging ----------------------------------------------------------------------------------------------------------


def judge(
    model: Bundle,
    manifest: Manifest,
    *,
    merge: Mapping[str, str] | None = None,
    offered: Offered = "corpus",
    allow_leak: bool = False,
    cache: Cache | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Judgements:
    """Let a bundle judge every utterance whole, as `affekt predict --whole` does.

    Utterances whose emotion the model does not know are left out and counted in `about["left_out"]`; recordings that
    cannot be read are left out and named in `about["skipped"]`.

    Args:
        model: the bundle.
        manifest: with a root, so that its files can be read.
        merge: emotion -> the emotion as which it counts; what the bundle was trained with when not given.
        offered: what the model may say.
        allow_leak: judge recordings that the model knows from training; all that follows is then stamped LEAKY.
        cache: for features; nothing is kept without one.
        progress: is told utterances done and utterances in all.

    Raises:
        DataError: the model knows the recordings from training, they share no two emotions, or none can be read.
    """
    known = model.knows(manifest)
    if known and not allow_leak:
        raise DataError(
            f"{model.id} knows {manifest.name}: {known}. Its scores would be far too high. Judge "
            f"a corpus that it has not heard, or its recipe by a protocol, which trains it anew for other speakers"
        )
    merge = model.merge if merge is None else dict(merge)
    labels = _sayable(model, manifest, merge, offered)
    rows = [u for u in manifest if merge.get(u.emotion or "", u.emotion) in labels or (u.affect and model.affective)]
    told, skipped = _judged(model, replace(manifest, utterances=tuple(rows)), cache, progress)
    if not told:
        first = f"; the first: {skipped[0]}" if skipped else f", it knows {', '.join(model.labels)}"
        raise DataError(f"{manifest.name}: {model.id} can judge none of {len(manifest)} utterances{first}")
    kept, said = [rows[place] for place in told], list(told.values())
    left_out = Counter(u.emotion for u in manifest if u.emotion and merge.get(u.emotion, u.emotion) not in labels)
    about = {
        "protocol": None,
        "tested": f"{manifest.name}, not in training",
        "offered": offered,
        "merge": merge,
        "fingerprints": {manifest.name: manifest.fingerprint},
        "left_out": dict(sorted(left_out.items())),
        "skipped": skipped,
        "known": known,
    }
    found = Judgements(
        name=model.id,
        labels=labels,
        ids=np.array([u.id for u in kept]),
        corpora=np.full(len(kept), manifest.name),
        speakers=np.array([u.speaker for u in kept]),
        folds=np.full(len(kept), ""),
        truth=np.array([_place(merge.get(u.emotion or "", u.emotion), labels) for u in kept], np.intp),
        probs=np.array([_mean_share(probs, model.labels, labels) for probs, _ in said]),
        affect=np.array([affect.mean(axis=0) for _, affect in said if affect is not None], np.float64)
        if model.affective
        else None,
        leaky=known is not None,
        about=about,
    )
    return join(found, [manifest])


def _place(name: str | None, labels: LabelSet) -> int:
    return labels.index(name) if name in labels and name is not None else -1


def _sayable(model: Bundle, manifest: Manifest, merge: Mapping[str, str], offered: Offered) -> LabelSet:
    nameable = {merge.get(name, name) for name in manifest.labels}
    shared = tuple(name for name in model.labels if name in nameable)
    if len(shared) < 2:
        raise DataError(
            f"{model.id} says {', '.join(model.labels)}; {manifest.name} {', '.join(sorted(nameable)) or 'none'}: "
            f"they share {len(shared)}, and two at least are needed; --merge brings names together"
        )
    return model.labels if offered == "all" else LabelSet(shared)


def _mean_share(probs: NDArray[np.float32], own: LabelSet, labels: LabelSet) -> Floats:
    """Mean over the windows, over what was offered."""
    shares = probs.astype(np.float64)
    mean = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
    kept = mean @ own.to(labels)
    return np.asarray(kept / kept.sum() if kept.sum() > 0 else np.full(len(labels), 1 / len(labels)))


_Said = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"Probabilities and affect of each window."


def _judged(
    model: Bundle, manifest: Manifest, cache: Cache | None, progress: Callable[[int, int], None]
) -> tuple[dict[int, _Said], list[str]]:
    """Row -> what the model says of each window; and a line for each recording that cannot be judged."""
    found: dict[int, _Said] = {}
    skipped = []
    for row, utterance in enumerate(manifest):
        try:
            found[row] = model.judge(list(_features(model, manifest, utterance, cache)))
        except AffektError as error:
            skipped.append(f"{utterance.id}: {error}")
        progress(row + 1, len(manifest))
    return found, skipped


def _features(
    model: Bundle, manifest: Manifest, utterance: Utterance, cache: Cache | None
) -> Iterator[NDArray[np.float32]]:
    def make() -> NDArray[np.float32]:
        return _packed([model.hear(one) for one in pieces(audio.read(path, segment=utterance.segment))])

    path = manifest.file(utterance)
    if cache is None or model.card.input.get("set") == hearing.SAMPLES:  # reading them again is as fast
        return _unpacked(make())
    try:
        about = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    stamp = (str(path.resolve()), about.st_size, about.st_mtime_ns, str(utterance.segment))
    return _unpacked(cache.fetch(key("judge", _VERSION, model.hears, *stamp), make))


def pieces(signal: Signal) -> list[Signal]:
    """Cut a whole recording as `affekt predict --whole` does: windows of at most 6 s, levelled, without the silent.

    Raises:
        DataError: nothing is left.
    """
    found = [
        window.signal
        for window in windows.cut(signal, [signal.segment], windows.LONGEST, windows.LONGEST)
        if windows.audible(window)
    ]
    if not found:
        raise DataError(f"silent, or shorter than {windows.SHORTEST:g} s")
    return found


def _packed(each: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Put windows into one array, the frames of shorter ones filled up with NaN."""
    most = max(len(own) for own in each)
    return np.stack(
        [np.concatenate([own, np.full((most - len(own), *own.shape[1:]), np.nan, own.dtype)]) for own in each]
    )


def _unpacked(packed: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for own in packed:
        yield own if own.ndim == 1 else own[~np.isnan(own[:, 0])]
