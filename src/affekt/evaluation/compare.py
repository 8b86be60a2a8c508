"""Two models' judgements of the same utterances -> how far they differ, and whether chance alone would do that.

Utterances of one speaker are not independent, so the test swaps all predictions of a speaker between the models: were
they equally good, it would not matter whose is whose. With up to 13 speakers every way to swap is tried, which makes
the test exact; with more, 10,000 are drawn.

Source: P. Good. Permutation, Parametric and Bootstrap Tests of Hypotheses (2005), matched pairs; E. Dror et al. The
hitchhiker's guide to testing statistical significance in natural language processing. ACL 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import metrics
from affekt.errors import DataError
from affekt.evaluation.draws import CATEGORICAL, LEVEL, Draws, rounded
from affekt.evaluation.judgements import AXES, Judgements
from affekt.types import LabelSet

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Measure = Callable[[Floats], Floats]
"""What speakers add up to, (..., columns) -> a score each, (...)."""

SCHEMA = "affekt.comparison/1"
PERMUTATIONS = 10_000

_WAYS = 1000  # at once: a float for each way and speaker must fit into memory
_CLOSE = 1e-12  # two differences that rounding alone tells apart are one
_SAME = 1e-3  # of the raters' affect in two tables: what writing it with few digits may do


def compare(one: Judgements, other: Judgements, *, bootstraps: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Compare two models on the utterances that both have judged.

    Args:
        one: the first model's judgements.
        other: the second model's.
        bootstraps: draws of speakers, the same ones for both.
        seed: of draws and swaps.

    Returns:
        JSON, docs/evaluation.md has every key. Differences are the first less the second.

    Raises:
        DataError: they share no utterance, or say different things of the truth or the speaker of one.
    """
    matched, alone = match(one, other)
    first, second = matched
    people = len(np.unique(first.speakers))
    named = first.named & second.named
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "a": first.name,
        "b": second.name,
        "leaky": first.leaky or second.leaky,
        "n": len(first),
        "speakers": people,
        "only_a": alone[0],
        "only_b": alone[1],
        "bootstraps": bootstraps,
        "level": LEVEL,
        "seed": seed,
        "permutations": min(2**people, PERMUTATIONS),
        "exact": 2**people <= PERMUTATIONS,
        "scores": {},
        "classes": [],
        "agreement": None,
    }
    if named.any():
        own, their = first.part(named), second.part(named)
        trial = _Trial.of(own.speakers, bootstraps, seed)
        found["scores"] |= _categorical(own, their, trial)
        found["classes"] = _classes(own, their, trial)
        found["agreement"] = _agreement(own, their)
    found["scores"] |= _affective(first, second, bootstraps, seed)
    if not found["scores"]:
        raise DataError(
            f"{one.name} and {other.name} have judged nothing that both have judged and the truth is known of"
        )
    return found


# Matching ---------------------------------------------------------------------------------------------------------


def match(one: Judgements, other: Judgements) -> tuple[tuple[Judgements, Judgements], tuple[int, int]]:
    """Bring two models' judgements to the same rows and labels; count the rows that only one of them has.

    Raises:
        DataError: they share no utterance, or differ in the truth or the speaker of one.
    """
    by_corpus = all((judged.corpora != "").all() for judged in (one, other))
    keys = [_keys(judged, by_corpus) for judged in (one, other)]
    shared = [key for key in keys[0] if key in keys[1]]
    if not shared:
        raise DataError(
            f"{one.name} and {other.name} share no utterance: {next(iter(keys[0]))} is only in the first; two models "
            f"are compared on the same ones, found by corpus and id"
        )
    rows = [np.array([own[key] for key in shared], np.intp) for own in keys]
    names = dict.fromkeys([*one.labels, *other.labels])
    labels = LabelSet(tuple(names))
    pair = _relabelled(one.part(rows[0]), labels), _relabelled(other.part(rows[1]), labels)
    _refuse_other_truth(*pair)
    return pair, (len(one) - len(shared), len(other) - len(shared))


def _keys(judged: Judgements, by_corpus: bool) -> dict[str, int]:
    corpora = judged.corpora.tolist() if by_corpus else [""] * len(judged)
    pairs = zip(corpora, judged.ids.tolist(), strict=True)
    found = {f"{corpus}/{name}" if corpus else name: row for row, (corpus, name) in enumerate(pairs)}
    if len(found) < len(judged):
        raise DataError(f"{judged.name}: ids occur in several corpora; give the column corpus in both tables")
    return found


def _relabelled(judged: Judgements, labels: LabelSet) -> Judgements:
    places = np.array([*(labels.index(name) for name in judged.labels), -1], np.intp)
    matrix = judged.labels.to(labels)
    probs = None if judged.probs is None else judged.probs @ matrix
    decided = None if judged.decided is None else places[judged.decided]
    return replace(judged, labels=labels, truth=places[judged.truth], probs=probs, decided=decided, ratings=None)


def _refuse_other_truth(one: Judgements, other: Judgements) -> None:
    """The truths, and whose they are, must be the same; an affect that only one knows is no contradiction."""
    for what in ("names", "speakers"):
        differ = getattr(one, what) != getattr(other, what)
        if differ.any():
            row = int(differ.argmax())
            said = [str(getattr(judged, what)[row]) or "none" for judged in (one, other)]
            noun = "truth" if what == "names" else "speaker"
            raise DataError(
                f"the {noun} of {one.ids[row]} is {said[0]} in {one.name} and {said[1]} in {other.name}, and so for "
                f"{differ.sum()} utterances: nothing can be compared; --merge may bring labels together"
            )
    if one.rated is not None and other.rated is not None:
        apart = np.abs(one.rated - other.rated) > _SAME
        if apart.any():
            row = int(apart.any(axis=1).argmax())
            raise DataError(f"the raters' affect of {one.ids[row]} differs between {one.name} and {other.name}")


# The test ---------------------------------------------------------------------------------------------------------


def _swaps(people: int, seed: int) -> NDArray[np.uint8]:
    """Whose predictions change sides, (ways, speakers): all ways where there are few, else some that are drawn."""
    if people < 64 and 2**people <= PERMUTATIONS:
        return ((np.arange(2**people)[:, None] >> np.arange(people)) & 1).astype(np.uint8)
    rng, found = np.random.default_rng(seed), np.empty((PERMUTATIONS, people), np.uint8)
    for start in range(0, PERMUTATIONS, _WAYS):  # eight bytes a draw, so some at a time
        found[start : start + _WAYS] = rng.integers(2, size=(len(found[start : start + _WAYS]), people))
    return found


@dataclass(frozen=True, slots=True)
class _Trial:
    """Draws and swaps of the same speakers."""

    draws: Draws
    swaps: NDArray[np.uint8]

    @classmethod
    def of(cls, speakers: NDArray[np.str_], bootstraps: int, seed: int) -> _Trial:
        """Draw and swap the speakers of these rows."""
        return cls(Draws.of(speakers, n=bootstraps, seed=seed), _swaps(len(np.unique(speakers)), seed))

    def run(self, pair: Sequence[Floats], measure: Measure) -> dict[str, Any]:
        """Compare what speakers add up to: rows (n, columns) of both models."""
        a, b = map(self._per_speaker, pair)
        values = [float(measure(each.sum(axis=0)[None])[0]) for each in (a, b)]
        times = self.draws.times
        drawn = None if times is None else measure(times @ a) - measure(times @ b)
        found = self.draws.score(values[0] - values[1], drawn)
        return {
            "a": rounded(values[0]),
            "b": rounded(values[1]),
            "difference": found["value"],
            "interval": found["interval"],
            "p": self._chance(a, b, measure, values[0] - values[1]),
        }

    def _chance(self, a: Floats, b: Floats, measure: Measure, seen: float) -> float | None:
        """Share of swaps that part the models as far as they are; the swap that was seen counts, so never 0."""
        moved = [self.swaps[start : start + _WAYS] @ (b - a) for start in range(0, len(self.swaps), _WAYS)]
        mine = a.sum(axis=0) + np.concatenate(moved)
        apart = np.abs(measure(mine) - measure((a + b).sum(axis=0) - mine))
        if np.isnan(seen) or np.isnan(apart).all():
            return None
        as_far = int((apart[~np.isnan(apart)] >= abs(seen) - _CLOSE).sum())
        exact = len(self.swaps) < PERMUTATIONS
        total = int((~np.isnan(apart)).sum())
        return round(as_far / total if exact else (1 + as_far) / (1 + total), 5)

    def _per_speaker(self, rows: Floats) -> Floats:
        found = np.zeros((int(self.draws.who.max()) + 1, rows.shape[1]))
        np.add.at(found, self.draws.who, rows)
        return found


def _cells(judged: Judgements) -> Floats:
    """Each row's one in a confusion matrix that was laid flat."""
    k = len(judged.labels)
    found = np.zeros((len(judged), k * k))
    found[np.arange(len(judged)), judged.truth * k + _said(judged)] = 1
    return found


def _said(judged: Judgements) -> Index:
    places = {name: place for place, name in enumerate(judged.labels)}
    return np.array([places[name] for name in judged.said.tolist()], np.intp)


def _categorical(one: Judgements, other: Judgements, trial: _Trial) -> dict[str, Any]:
    k, cells = len(one.labels), (_cells(one), _cells(other))

    def of(metric: metrics.Metric) -> Measure:
        return lambda flat: metrics.of_counts(metric, flat.reshape(-1, k, k).astype(np.int64))

    return {name: trial.run(cells, of(metric)) for name, metric in CATEGORICAL.items()}


def _classes(one: Judgements, other: Judgements, trial: _Trial) -> list[dict[str, Any]]:
    """Recall of each class, the one that moved most first."""
    found = []
    for place, label in enumerate(one.labels):
        rows = one.truth == place
        if not rows.any():
            continue
        columns = [np.stack([rows & (_said(j) == place), rows], axis=1).astype(np.float64) for j in (one, other)]
        found.append({"label": label, "support": int(rows.sum()), **trial.run(columns, _ratio)})
    for row, p in zip(found, _holm([row["p"] for row in found]), strict=True):
        row["p_holm"] = p
    return sorted(found, key=lambda row: -abs(row["difference"]))


def _ratio(sums: Floats) -> Floats:
    part, whole = sums[..., 0], sums[..., 1]
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))


def _holm(ps: list[float | None]) -> list[float | None]:
    """Correct for having looked at several classes (Holm 1979).

    >>> _holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    found, worst = list(ps), 0.0
    for rank, (p, place) in enumerate(order):
        worst = min(1.0, max(worst, p * (len(order) - rank)))
        found[place] = round(worst, 5)
    return found


def _affective(one: Judgements, other: Judgements, bootstraps: int, seed: int) -> dict[str, Any]:
    rated = one.rated if one.rated is not None else other.rated
    if one.affect is None or other.affect is None or rated is None:
        return {}
    there = np.isfinite(np.concatenate([one.affect, other.affect, rated], axis=1)).all(axis=1)
    if there.sum() < 2:
        return {}
    trial = _Trial.of(one.speakers[there], bootstraps, seed)
    found = {}
    for place, axis in enumerate(AXES):
        truth = rated[there, place]
        columns = [_moments(truth, judged.affect[there, place]) for judged in (one, other) if judged.affect is not None]
        found[f"ccc_{axis}"] = trial.run(columns, _ccc)
    return found


def _moments(truth: Floats, said: Floats) -> Floats:
    x, y = truth - truth.mean(), said - truth.mean()
    return np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1)


def _ccc(sums: Floats) -> Floats:
    mx, my, xx, yy, xy = np.moveaxis(sums[..., 1:] / sums[..., :1], -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * (xy - mx * my) / (xx - mx**2 + yy - my**2 + (mx - my) ** 2))


# Agreement --------------------------------------------------------------------------------------------------------


def _agreement(one: Judgements, other: Judgements) -> dict[str, Any]:
    """Who is right where the other is wrong, as in McNemar's table, and for how many speakers each is the better."""
    a, b = one.said == one.names, other.said == one.names
    same = one.said == other.said
    counts: Mapping[str, Any] = {"both": a & b, "only_a": a & ~b, "only_b": ~a & b, "neither": ~a & ~b}
    people, who = np.unique(one.speakers, return_inverse=True)
    gains = np.bincount(who, weights=a.astype(float) - b, minlength=len(people))
    chance = sum((one.said == name).mean() * (other.said == name).mean() for name in one.labels)
    kappa = (same.mean() - chance) / (1 - chance) if chance < 1 else float("nan")
    return {
        "same": rounded(same.mean()),
        "kappa": rounded(float(kappa)),
        "right": {name: int(rows.sum()) for name, rows in counts.items()},
        "speakers": {"a": int((gains > 0).sum()), "b": int((gains < 0).sum()), "equal": int((gains == 0).sum())},
    }
