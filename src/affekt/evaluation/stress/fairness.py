"""Judgements -> gaps between groups of speakers, each against what a model that is blind to the group would show.

Groups differ by chance as well: twelve women and twelve men are other people, and another twelve would score otherwise.
So membership is dealt anew to the speakers 1000 times, seeded, and nothing else is touched: a thousand models with the
same confusions that cannot know the group. A gap is flagged where it exceeds theirs. All measures of one attribute are
taken together: of a blind model, in 19 cases of 20 none is flagged. Where the speaker is the group, the answers are
dealt anew among all utterances of an emotion instead: models that cannot know who speaks.

Emotions count alike in every group (shares and means are taken per true emotion first), because a group that acted more
anger is not treated unfairly when more anger is heard. Everything is compared within one corpus: two corpora differ in
everything at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affekt.evaluation.judgements import AXES, Judgements
from affekt.evaluation.stress import spread
from affekt.evaluation.stress.spread import Floats
from affekt.evaluation.stress.table import SER_TESTS, Result, Test

BLIND = 1000
"models that are simulated"
ALARMS = 0.05
"share of blind models of which anything may be flagged"
LEAST = 3
"speakers of a group that is judged; a smaller one is shown"
LEAST_UTTERANCES = 10
"of a speaker who is judged on their own"

_WHY = (
    f"gaps of {BLIND} models that cannot know the group, simulated on the same speakers; {SER_TESTS} takes the largest "
    "of 1000 random models, which passes nearly everything; ours is passed by 95 % of blind models"
)

TESTS = tuple(
    Test(f"fairness/{name}", f"Does the model do as well by every {what}, and say the same of them?", "gap", _WHY)
    for name, what in (
        ("sex", "sex"),
        ("age", "age group"),
        ("language", "language that speakers of one corpus speak"),
        ("accent", "accent"),
        ("speaker", "speaker"),
    )
)


Sums = tuple[Floats, Floats | None]


@dataclass(frozen=True, slots=True)
class Cells:
    """What a model did, summed up by speaker and group."""

    speakers: NDArray[np.intp]
    "(c,)"
    groups: NDArray[np.intp]
    "(c,) index into names"
    confusion: Floats
    "(c, k, k)"
    affect: Floats | None
    "(c, k, 3) sums by true emotion"
    names: tuple[str, ...]
    "of the groups"


def ask(j: Judgements, name: str, *, seed: int = 0, blind: int = BLIND) -> list[Result]:
    """Ask one test of one corpus.

    Args:
        j: judgements of one corpus.
        name: of the test.
        seed: of the models that are simulated.
        blind: how many.
    """
    attribute = name.partition("/")[2]
    if attribute == "speaker":
        return list(_people(j, np.random.default_rng(seed), blind))
    groups = j.groups.get(attribute)
    if groups is None:
        return [_nothing(j, name, f"{attribute} is not known in this corpus")]
    known = groups != ""
    return list(_groups(j.part(known), groups[known], name, np.random.default_rng(seed), blind))


def _nothing(j: Judgements, name: str, why: str, detail: Mapping[str, object] | None = None) -> Result:
    return Result(str(j.corpora[0]), name, "", "gap", None, side="most", note=why, detail=detail or {})


# Groups -----------------------------------------------------------------------------------------------------------


def _groups(
    j: Judgements, groups: NDArray[np.str_], name: str, rng: np.random.Generator, blind: int
) -> Iterator[Result]:
    size = {g: len(np.unique(j.speakers[groups == g])) for g in np.unique(groups).tolist()}
    small = sorted(g for g, n in size.items() if n < LEAST)
    judged = sorted(g for g, n in size.items() if n >= LEAST)
    if len(judged) < 2:
        told = ", ".join(f"{g} {n}" for g, n in size.items())
        found = _scores(j, groups)
        yield _nothing(j, name, f"fewer than two groups of {LEAST} speakers ({told})", {"UAR": found, "speakers": size})
        return
    rows = np.isin(groups, judged) & np.isin(j.truth, _common(j.truth, groups, judged))
    if not rows.any():
        yield _nothing(j, name, "the groups have no emotion in common", {"speakers": size})
        return
    cells = _cells(j.part(rows), groups[rows], tuple(judged))
    dealt = np.concatenate([cells.groups[None], _deal(cells, rng, blind)])
    note = f"shown and not judged, fewer than {LEAST} speakers: {', '.join(small)}" if small else ""
    for result in _judged(j, name, judged, measure(grouped(cells, dealt))):
        few = {"UAR of small groups": _scores(j, groups, small)} if small else {}
        told = "; ".join(filter(None, (result.note, note)))
        yield replace(result, note=told, detail={**result.detail, "speakers": size, **few})


def _common(truth: NDArray[np.intp], groups: NDArray[np.str_], judged: list[str]) -> list[int]:
    """Emotions that every group shows."""
    shown = [set(truth[groups == g].tolist()) for g in judged]
    return sorted(set.intersection(*shown))


def _scores(j: Judgements, groups: NDArray[np.str_], names: list[str] | None = None) -> dict[str, float]:
    """UAR of each group, over the emotions that it shows."""
    counts = spread.confusions(j)
    chosen = np.unique(groups).tolist() if names is None else names
    return {g: round(float(spread.uar(counts[groups == g].sum(axis=0))), 4) for g in chosen}


def _cells(j: Judgements, groups: NDArray[np.str_], names: tuple[str, ...]) -> Cells:
    who = np.unique(j.speakers, return_inverse=True)[1]
    group = np.searchsorted(names, groups)
    pairs, cell = np.unique(np.stack([who, group]), axis=1, return_inverse=True)
    cell = cell.ravel()

    def summed(values: Floats) -> Floats:
        total = np.zeros((pairs.shape[1], *values.shape[1:]))
        np.add.at(total, cell, values)
        return total

    eye = np.eye(len(j.labels))[j.truth]
    affect = None if j.affect is None else summed(eye[:, :, None] * j.affect[:, None, :])
    return Cells(pairs[0], pairs[1], summed(spread.confusions(j)), affect, names)


def _deal(cells: Cells, rng: np.random.Generator, blind: int) -> NDArray[np.intp]:
    """Deal the groups anew to those who could have been in another, (blind, c).

    Speakers who are in one group alone swap with each other; who is in several, as with two languages, with themselves.
    """
    dealt = np.tile(cells.groups, (blind, 1))
    times = np.bincount(cells.speakers)[cells.speakers]
    own = [np.flatnonzero(cells.speakers == s) for s in np.unique(cells.speakers[times > 1])]
    for places in (np.flatnonzero(times == 1), *own):
        if len(places):
            dealt[:, places] = rng.permuted(dealt[:, places], axis=1)
    return dealt


def grouped(cells: Cells, dealt: NDArray[np.intp]) -> Sums:
    """Sum the cells up by group, for each dealing.

    Args:
        cells: by speaker and group.
        dealt: (p, c) a group for each cell; the first row is as it is.
    """
    member = (dealt[:, None, :] == np.arange(len(cells.names))[:, None]).astype(np.float64)

    def summed(values: Floats) -> Floats:
        return np.asarray((member @ values.reshape(len(values), -1)).reshape(*member.shape[:2], *values.shape[1:]))

    return summed(cells.confusion), None if cells.affect is None else summed(cells.affect)


def measure(sums: Sums) -> dict[str, Floats]:
    """Give each group's numbers, for each dealing: measure -> (dealings, groups, emotions or axes).

    Args:
        sums: confusion (p, g, k, k) and affect by true emotion (p, g, k, 3), the first dealing as it is.
    """
    confusion, affect = sums
    times = confusion.sum(axis=-1)[..., None]
    said, recall = spread.ratio(confusion, np.broadcast_to(times, confusion.shape)), spread.recall(confusion)
    found = {
        "UAR": spread.mean(recall)[..., None],
        "recall": recall,
        "share": spread.mean(np.swapaxes(said, -1, -2)),
    }
    if affect is not None:
        means = spread.ratio(affect, np.broadcast_to(times, affect.shape))
        found["affect"] = spread.mean(np.swapaxes(means, -1, -2))
    return found


def gaps(values: Floats) -> Floats:
    """Highest minus lowest group, (dealings, things); 0 where no group has a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a thing that no group has
        return np.asarray(np.nan_to_num(np.nanmax(values, axis=1) - np.nanmin(values, axis=1)))


def thresholds(null: Floats, alarms: float = ALARMS) -> tuple[Floats, float]:
    """Find for each measure the gap that must be exceeded, so that all together give an alarm in `alarms` of the cases.

    Args:
        null: (p, m) gaps of blind models, the first row being the model itself.
        alarms: share of blind models of which any measure may be flagged.

    Returns:
        (m,) thresholds, and the share of blind models that exceed one of them.

    Source:
        P. H. Westfall, S. S. Young. Resampling-based multiple testing (1993), the smallest p of each dealing.
    """
    p = len(null)
    # How many are at least as large: the p value of every dealing within its own measure
    order = np.sort(null, axis=0)
    least = np.stack([p - np.searchsorted(order[:, m], null[:, m], side="left") for m in range(null.shape[1])], axis=1)
    smallest = least.min(axis=1)
    values, counts = np.unique(smallest, return_counts=True)
    allowed = values[np.cumsum(counts) <= alarms * p]
    cut = int(allowed[-1]) if len(allowed) else 0
    return np.array([null[least[:, m] > cut, m].max() for m in range(null.shape[1])]), float((smallest <= cut).mean())


def _judged(j: Judgements, name: str, groups: Sequence[str], found: Mapping[str, Floats]) -> Iterator[Result]:
    each = {measure: gaps(values) for measure, values in found.items()}
    null = np.stack([own.max(axis=1) for own in each.values()], axis=1)
    limits, alarms = thresholds(null)
    for place, (measure, values) in enumerate(found.items()):
        things = {"UAR": ("",), "affect": AXES}.get(measure, j.labels.names)
        worst = int(each[measure][0].argmax())
        shown = {g: round(float(v), 4) for g, v in zip(groups, values[0, :, worst], strict=True)}
        low = min(shown, key=lambda g: np.nan_to_num(shown[g], nan=np.inf))
        as_large = float((null[:, place] >= null[0, place]).mean())
        note = f"lowest: {low} {shown[low]:.3f}; {as_large:.1%} of blind models have as large a gap"
        yield Result(
            corpus=str(j.corpora[0]),
            test=name,
            level=f"{measure} {things[worst]}".strip(),
            metric="gap",
            value=float(null[0, place]),
            threshold=float(limits[place]) if alarms > 0 else None,
            side="most",
            note=note if alarms > 0 else f"{note}; too few speakers: no gap could stand out",
            detail={
                "groups": shown,
                "blind": as_large,
                "gaps": dict(zip(things, each[measure][0].round(4).tolist(), strict=True)),
            },
        )


# Speakers ---------------------------------------------------------------------------------------------------------


def _people(j: Judgements, rng: np.random.Generator, blind: int) -> Iterator[Result]:
    """Compare speakers: a blind model is one whose answers are dealt anew among all utterances of an emotion."""
    people, counts = np.unique(j.speakers, return_counts=True)
    chosen = people[counts >= LEAST_UTTERANCES]
    if len(chosen) < LEAST:
        why = f"fewer than {LEAST} speakers with {LEAST_UTTERANCES} utterances"
        yield _nothing(j, "fairness/speaker", why, {"UAR": _scores(j, j.speakers)})
        return
    part = j.part(np.isin(j.speakers, chosen))
    found = measure(_dealt(part, rng, blind))
    yield from _judged(part, "fairness/speaker", [str(s) for s in chosen], found)
    scores = found["UAR"][:, :, 0]
    worst = int(scores[0].argmin())
    note = f"{chosen[worst]}; of blind models about {np.median(scores[1:].min(axis=1)):.3f}"
    corpus = str(j.corpora[0])
    yield Result(corpus, "fairness/speaker", "UAR", "worst speaker", float(scores[0, worst]), side="most", note=note)


def _dealt(j: Judgements, rng: np.random.Generator, blind: int) -> Sums:
    """Sum up by speaker, the answers as they are and then dealt anew within each true emotion, `blind` times."""
    k = len(j.labels)
    said = np.zeros(len(j), np.intp) if j.probs is None else j.probs.argmax(axis=1)
    people, who = np.unique(j.speakers, return_inverse=True)
    cell, size = who * k + j.truth, len(people) * k
    order = np.argsort(j.truth, kind="stable")
    confusion = np.zeros((1 + blind, len(people), k, k))
    affect = None if j.affect is None else np.zeros((1 + blind, len(people), k, 3))
    for dealing in range(1 + blind):
        given = np.arange(len(j))
        if dealing:
            given[order] = order[np.lexsort((rng.random(len(j)), j.truth[order]))]
        counts = np.bincount(cell * k + said[given], minlength=size * k)
        confusion[dealing] = counts.reshape(len(people), k, k)
        if affect is not None and j.affect is not None:
            axes = [np.bincount(cell, weights=j.affect[given, i], minlength=size) for i in range(3)]
            affect[dealing] = np.stack(axes, axis=-1).reshape(len(people), k, 3)
    return confusion, affect
