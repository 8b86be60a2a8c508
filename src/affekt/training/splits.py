"""Protocol -> Splits. Who is trained on, who is chosen on, who is tested; no speaker is in two of these.

A protocol of one corpus (`ravdess/6fold`) splits that corpus, and all other corpora of the run train in every fold.
Development speakers are drawn from the training side, always the same ones for the same seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affekt import datasets
from affekt.errors import DataError, UsageError
from affekt.manifest import By, Fold, Manifest, fold, folds_by_groups, leave_one_out, speaker_groups
from affekt.training.run import Data
from affekt.types import LabelSet

Index = NDArray[np.intp]

_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one fold."""

    name: str
    train: Index
    development: Index
    "speakers of the training side on whom early stopping and choices are made; empty where there is one speaker only"
    test: Index
    "empty where the run has no protocol"
    leaky: bool = False
    "train and test share speakers or sessions: scores are too high and must be marked"

    @property
    def taught(self) -> Index:
        """The whole training side, development included."""
        return np.sort(np.concatenate([self.train, self.development]))

    def kept(self, good: NDArray[np.bool_]) -> Split:
        """Number the rows as they are when only the good ones are left."""
        places = np.cumsum(good) - 1
        train, development, test = (places[rows[good[rows]]] for rows in (self.train, self.development, self.test))
        return Split(self.name, train, development, test, self.leaky)


def split(parts: Sequence[Manifest], data: Data, *, seed: int = 0) -> tuple[tuple[Manifest, ...], list[Split]]:
    """Split as the run says.

    Args:
        parts: the corpora.
        data: protocol, folds and whether a leak is allowed.
        seed: decides how speakers are dealt into groups.

    Returns:
        The corpora as the protocol leaves them (some take a part, or merge labels), and the folds as rows of all of
        them one below the other.

    Raises:
        UsageError: a protocol or fold that cannot be understood.
        UnknownNameError: no such protocol.
        DataError: corpora of one name, a split that shares speakers, or speakers that the protocol misses.
    """
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise DataError(f"two corpora have the same name: {', '.join(names)}")
    if data.protocol is None:
        everybody = np.arange(sum(map(len, parts)))
        return tuple(parts), [Split("all", everybody, _none(), _none())]
    kind, _, which = data.protocol.partition("/")
    if kind in names:
        parts, found = _published(parts, names.index(kind), data.protocol)
    elif kind in datasets.names() and data.manifest is not None and len(parts) == 1:
        parts, found = _published(parts, 0, data.protocol)
    else:
        found = _dealt(_joined(parts), kind, which, data, seed)
    return tuple(parts), _some(found, data.folds)


def _none() -> Index:
    return np.zeros(0, np.intp)


def _published(parts: Sequence[Manifest], at: int, protocol: str) -> tuple[list[Manifest], list[Split]]:
    """Split one corpus; the others always train."""
    folds = datasets.protocol(protocol, parts[at])
    said = {u.id: u for f in folds for side in (f.train, f.dev, f.test) if side for u in side}
    own = replace(
        parts[at], labels=folds[0].train.labels, utterances=tuple(said[u.id] for u in parts[at] if u.id in said)
    )
    whole = [*parts[:at], own, *parts[at + 1 :]]
    begin = sum(map(len, whole[:at]))
    others = np.setdiff1d(np.arange(sum(map(len, whole))), np.arange(begin, begin + len(own)))
    places = {u.id: begin + i for i, u in enumerate(own)}
    return whole, [_rows(f, places, others) for f in folds]


def _rows(fold: Fold, places: dict[str, int], others: Iterable[int] = ()) -> Split:
    train, development, test = (
        np.array(sorted(places[u.id] for u in side or ()), np.intp) for side in (fold.train, fold.dev, fold.test)
    )
    return Split(fold.name, np.union1d(train, np.array(list(others), np.intp)), development, test, fold.leaky)


def _joined(parts: Sequence[Manifest]) -> Manifest:
    rows = tuple(replace(u, id=f"{part.name}/{u.id}") for part in parts for u in part)
    names = dict.fromkeys(name for part in parts for name in part.labels)
    return Manifest("all", LabelSet(tuple(names)), rows, "", "")


def _dealt(everything: Manifest, kind: str, which: str, data: Data, seed: int) -> list[Split]:
    places = {u.id: i for i, u in enumerate(everything)}
    if (kind, which) == ("corpora", "loco"):
        found = _leave_corpora_out(everything, data.allow_leak)
    elif (kind, which) in (("speakers", "loso"), ("sessions", "loso")):
        found = leave_one_out(everything, by="speaker" if kind == "speakers" else "session", allow_leak=data.allow_leak)
    elif kind == "speakers" and which.isdecimal() and int(which) > 1:
        groups = speaker_groups(everything, int(which), seed=seed)
        found = folds_by_groups(everything, groups, allow_leak=data.allow_leak)
    elif kind == "groups":
        by: By = "speaker" if which == "speakers" else "session"
        found = folds_by_groups(everything, data.groups, by=by, allow_leak=data.allow_leak)
    elif kind == "random" and which.isdecimal() and int(which) > 1:
        return _random(len(everything), int(which), data.allow_leak, seed)
    else:
        raise UsageError(
            f"no protocol is called {data.protocol!r}; there are speakers/K, speakers/loso, sessions/loso, "
            f"groups/speakers, groups/sessions, "
            f"corpora/loco, and those of a corpus of the run, which `affekt data show NAME` lists"
        )
    return [_rows(f, places) for f in found]


def _leave_corpora_out(everything: Manifest, allow_leak: bool) -> list[Fold]:
    names = list(dict.fromkeys(u.id.partition("/")[0] for u in everything))
    if len(names) < 2:
        raise UsageError("corpora/loco leaves each corpus out, so it needs two corpora at least")

    def side(name: str, own: bool) -> Manifest:
        return everything.filter(lambda u: (u.id.partition("/")[0] == name) == own)

    return [fold(name, train=side(name, False), test=side(name, True), allow_leak=allow_leak) for name in names]


def _random(count: int, k: int, allow_leak: bool, seed: int) -> list[Split]:
    if not allow_leak:
        raise DataError(
            "random/K deals recordings, so that speakers are heard in training and in the test: scores are "
            "too high (benchmarks/LEAKAGE.md: 4 to 31 points). Take speakers/K, or set data.allow_leak = true, which "
            "marks every output LEAKY"
        )
    dealt = np.random.default_rng(seed).permutation(count) % k
    return [
        Split(str(i + 1), np.flatnonzero(dealt != i), _none(), np.flatnonzero(dealt == i), leaky=True) for i in range(k)
    ]


def _some(found: list[Split], wanted: Collection[int]) -> list[Split]:
    beyond = [number for number in wanted if not 0 <= number < len(found)]
    if beyond:
        raise UsageError(f"data.folds: there is no fold {beyond[0]}; there are 0 to {len(found) - 1}")
    return [one for number, one in enumerate(found) if not wanted or number in wanted]


# Development speakers ---------------------------------------------------------------------------------------------


def finish(found: Split, emotions: NDArray[np.str_], speakers: NDArray[np.str_], data: Data, *, seed: int) -> Split:
    """Draw development speakers where the protocol names none, and skew the training side where the run says so.

    Args:
        found: a fold, of whose rows those without a target have been left out.
        emotions: of each row, empty where it has none.
        speakers: of each row.
        data: the share of development speakers, and what is to be skewed.
        seed: decides the draw.

    Raises:
        DataError: a part shares a speaker with another and the split is not marked as leaky, or nothing is left.
    """
    if not len(found.development) and data.development > 0:
        fixed = zlib.crc32(f"{seed}/{found.name}".encode())
        chosen = draw(emotions[found.train], speakers[found.train], data.development, seed=fixed)
        tuned = np.isin(speakers[found.train], sorted(chosen))
        found = replace(found, train=found.train[~tuned], development=found.train[tuned])
    _check(found, speakers, tested=data.protocol is not None)
    return _skewed(found, emotions, speakers, data.keep)


def draw(emotions: NDArray[np.str_], speakers: NDArray[np.str_], share: float, *, seed: int) -> set[str]:
    """Draw development speakers: first that training keeps every label, then that development has them, then the share.

    Args:
        emotions: of each training row.
        speakers: of each training row.
        share: of the rows, in (0, 1).
        seed: the same one draws the same speakers.

    >>> emotions, speakers = np.array(["fear", "calm", "fear", "calm", "fear"]), np.array(["a", "a", "b", "b", "c"])
    >>> len(draw(emotions, speakers, 0.4, seed=1))  # a or b: c has not said all
    1
    """
    people, row = np.unique(speakers, return_inverse=True)
    if len(people) < 2:
        return set()
    names = np.unique(emotions)
    counts = np.zeros((len(people), len(names)), int)
    np.add.at(counts, (row, np.searchsorted(names, emotions)), 1)
    rng = np.random.default_rng(seed)
    wanted = min(max(1, round(share * len(people))), len(people) - 1)
    orders = [rng.permutation(len(people))[:wanted] for _ in range(_DRAWS)]
    best = min(orders, key=lambda order: _faults(counts, order, share))
    return set(people[best].tolist())


def _faults(counts: NDArray[np.int_], chosen: Index, share: float) -> tuple[int, int, float]:
    own, total = counts[chosen].sum(axis=0), counts.sum(axis=0)
    return int((own == total).sum()), int((own == 0).sum()), abs(float(own.sum() / total.sum()) - share)


def _check(found: Split, speakers: NDArray[np.str_], *, tested: bool) -> None:
    if not len(found.train) or (tested and not len(found.test)):
        raise DataError(f"fold {found.name}: no utterance is left to {'train on' if not len(found.train) else 'test'}")
    sides = [set(speakers[rows].tolist()) for rows in (found.train, found.development, found.test)]
    shared = (sides[0] & sides[1]) | (sides[0] & sides[2]) | (sides[1] & sides[2])
    if shared and not found.leaky:
        raise DataError(
            f"fold {found.name}: {min(shared)} would be heard in training and in the test. Split by speaker, or set "
            f"data.allow_leak = true, which marks every output LEAKY"
        )


def _skewed(found: Split, emotions: NDArray[np.str_], speakers: NDArray[np.str_], keep: Mapping[str, float]) -> Split:
    """Thin out emotions on the training side, the same share of each speaker's; the test stays as it is."""
    lost = np.zeros(len(emotions), dtype=bool)
    for name, share in keep.items():
        for speaker in np.unique(speakers):
            rows = np.flatnonzero((emotions == name) & (speakers == speaker))
            lost[rows[max(1, round(share * len(rows))) :]] = True
    sides = [rows[~lost[rows]] for rows in (found.train, found.development)]
    return replace(found, train=sides[0], development=sides[1])
