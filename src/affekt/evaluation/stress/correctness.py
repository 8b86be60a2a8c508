"""Judgements of recordings as they are -> results. Is the model right, and right in the ways that matter?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from affekt.evaluation.judgements import AXES, Judgements
from affekt.evaluation.stress import robustness, spread
from affekt.evaluation.stress.spread import Spread
from affekt.evaluation.stress.table import SER_TESTS, Bound, Level, Result, Test
from affekt.windows import LONGEST

_WORDS = "Russell & Mehrabian 1977, Evidence for a three-factor theory of emotions; Fontaine et al. 2007"
LEAST_UTTERANCES, LEAST_SPEAKERS = 10, 5
"of a speaker to have a mean, as in ser-tests; and of a corpus for a ranking of its speakers"

ORDERINGS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "arousal": (
        *(("anger", "sadness"), ("fear", "sadness"), ("happiness", "sadness"), ("surprise", "sadness")),
        *(("anger", "neutral"), ("anger", "boredom"), ("anger", "calm")),
    ),
    "valence": (
        *(("happiness", "anger"), ("happiness", "sadness"), ("happiness", "fear"), ("happiness", "disgust")),
        *(("neutral", "anger"), ("neutral", "sadness")),
    ),
    "dominance": (("anger", "fear"), ("anger", "sadness"), ("happiness", "fear")),
}
"""Axis -> emotions of which the first lies above the second, in both sources of `correctness/consistency`."""

TESTS = (
    Test(
        "correctness/uar",
        "How many utterances of each emotion are found, on average over the emotions?",
        "UAR",
        f"{SER_TESTS} asks 0.5 of four emotions; we ask it of as many as the corpus has",
        bound=Bound("UAR", 0.5, "least"),
    ),
    Test(
        "correctness/recall",
        "How many are found of the emotion that is found least?",
        "recall",
        f"{SER_TESTS} asks 0.5 of every emotion",
        bound=Bound("recall", 0.5, "least"),
    ),
    Test(
        "correctness/ccc",
        "How close are valence, arousal and dominance to the raters'?",
        "CCC",
        f"{SER_TESTS} asks 0.5",
        bound=Bound("CCC", 0.5, "least"),
    ),
    Test(
        "correctness/consistency",
        "Do affect and emotion agree: is anger more aroused than sadness, happiness more pleasant than fear?",
        "difference of mean affect",
        f"orderings of the emotion words in {_WORDS}; {SER_TESTS} has 0.2 (of our -1 to 1) between low and high, and "
        "we ask half of it",
        bound=Bound("difference", 0.1, "least"),
    ),
    Test(
        "correctness/share",
        "Is each emotion said about as often as it occurs?",
        "difference of shares",
        f"{SER_TESTS} allows 0.15",
        bound=Bound("difference of shares", 0.15, "most"),
    ),
    Test(
        "correctness/ranking",
        "Do speakers come in the right order of their mean affect?",
        "Spearman's rho",
        f"{SER_TESTS} asks 0.7, over speakers with at least {LEAST_UTTERANCES} utterances",
        bound=Bound("rho", 0.7, "least"),
    ),
    Test(
        "correctness/retest",
        "Is the same said when a recording is judged again?",
        "change of a probability",
        "nothing is drawn at random in use, so nothing may change",
        bound=Bound("largest change", 1e-6, "most"),
    ),
)

AGAIN = Test("correctness/retest", "", "", "", (Level("again", robustness.keep, window=LONGEST),))


def ask(j: Judgements, name: str) -> list[Result]:
    """Ask one test of one corpus; `correctness/retest` is asked by `retest`."""
    asked = {
        "correctness/uar": _uar,
        "correctness/recall": _recall,
        "correctness/ccc": _ccc,
        "correctness/consistency": _consistency,
        "correctness/share": _share,
        "correctness/ranking": _ranking,
    }
    return list(asked[name](j))


def retest(first: Judgements, second: Judgements) -> list[Result]:
    """Compare two judgements of the same recordings."""
    a, b = (j.probs if j.probs is not None else np.zeros((1, 1)) for j in (first, second))
    return [_result(first, "correctness/retest", "", "largest change", Spread(float(np.abs(a - b).max())))]


def _result(j: Judgements, test: str, level: str, metric: str, found: Spread, note: str = "") -> Result:
    bound = next(one.bound for one in TESTS if one.name == test)
    assert bound is not None  # noqa: S101  (of our own table)
    threshold, side = bound.value, bound.side
    value = None if np.isnan(found.value) else found.value
    return Result(str(j.corpora[0]), test, level, metric, value, found.low, found.high, threshold, side, note=note)


def _nothing(j: Judgements, test: str, metric: str, why: str) -> Result:
    return Result(str(j.corpora[0]), test, "", metric, None, note=why)


def _uar(j: Judgements) -> Iterator[Result]:
    yield _result(j, "correctness/uar", "", "UAR", spread.over(j.speakers, spread.confusions(j), spread.uar))


def _recall(j: Judgements) -> Iterator[Result]:
    each = spread.recall(spread.confusions(j).sum(axis=0))
    worst = int(np.nanargmin(each))
    found = spread.over(j.speakers, spread.confusions(j), lambda sums: spread.recall(sums)[..., worst])
    shown = {name: round(float(v), 4) for name, v in zip(j.labels, each, strict=True) if not np.isnan(v)}
    result = _result(j, "correctness/recall", j.labels.names[worst], "recall", found)
    yield replace(result, detail=shown)


def _ccc(j: Judgements) -> Iterator[Result]:
    if j.rated is None or j.affect is None:
        yield _nothing(j, "correctness/ccc", "CCC", _unrated(j))
        return
    rows = ~np.isnan(j.rated).any(axis=1)
    for i, axis in enumerate(AXES):
        found = spread.over(j.speakers[rows], spread.moments(j.rated[rows, i], j.affect[rows, i]), spread.ccc)
        yield _result(j, "correctness/ccc", axis, "CCC", found)


def _unrated(j: Judgements) -> str:
    return "the model gives no affect" if j.affect is None else "nobody rated affect in this corpus"


def _consistency(j: Judgements) -> Iterator[Result]:
    if j.affect is None:
        yield _nothing(j, "correctness/consistency", "difference", _unrated(j))
        return
    shown = {name for name in np.unique(j.names).tolist() if name}
    eye = np.eye(len(j.labels))[j.truth]
    for axis, pairs in ORDERINGS.items():
        sums = np.stack([eye * j.affect[:, [AXES.index(axis)]], eye], axis=-1)
        for above, below in pairs:
            if above in shown and below in shown:
                places = j.labels.index(above), j.labels.index(below)
                found = spread.over(j.speakers, sums, partial(_above, places=places))
                yield _result(j, "correctness/consistency", f"{axis}: {above} > {below}", "difference", found)


def _above(sums: spread.Floats, *, places: tuple[int, int]) -> spread.Floats:
    means = spread.share(sums)
    return np.asarray(means[..., places[0]] - means[..., places[1]])


def _share(j: Judgements) -> Iterator[Result]:
    off = _excess(spread.confusions(j).sum(axis=0))
    worst = int(np.abs(off).argmax())
    found = spread.over(j.speakers, spread.confusions(j), lambda sums: np.abs(_excess(sums))[..., worst])
    shown = {name: round(float(v), 4) for name, v in zip(j.labels, off, strict=True)}
    yield replace(_result(j, "correctness/share", j.labels.names[worst], "difference of shares", found), detail=shown)


def _excess(confusion: spread.Floats) -> spread.Floats:
    """How much more often each emotion is said than it occurs, as a share of all utterances, (..., k)."""
    return np.asarray((confusion.sum(axis=-2) - confusion.sum(axis=-1)) / confusion.sum(axis=(-2, -1))[..., None])


def _ranking(j: Judgements) -> Iterator[Result]:
    if j.rated is None or j.affect is None:
        yield _nothing(j, "correctness/ranking", "rho", _unrated(j))
        return
    people = [s for s in np.unique(j.speakers) if (j.speakers == s).sum() >= LEAST_UTTERANCES]
    if len(people) < LEAST_SPEAKERS:
        yield _nothing(j, "correctness/ranking", "rho", f"only {len(people)} speakers with enough utterances")
        return
    for i, axis in enumerate(AXES):
        true, said = (
            np.array([np.nanmean(values[j.speakers == s, i]) for s in people]) for values in (j.rated, j.affect)
        )
        yield _result(j, "correctness/ranking", axis, "rho", Spread(spearman(true, said)))


def spearman(x: spread.Floats, y: spread.Floats) -> float:
    """Spearman's rank correlation; equal values share their mean rank.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 15.0]))
    0.5
    """
    a, b = _ranks(x), _ranks(y)
    return float(spread.ratio(((a - a.mean()) * (b - b.mean())).mean(), a.std() * b.std()))


def _ranks(values: spread.Floats) -> spread.Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], np.float64)
