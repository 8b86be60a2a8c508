"""Judgements -> affekt.evaluation/1. Everything that is measured, as one JSON value; docs/evaluation.md has every key.

Every score is {"value": ..., "interval": [low, high]}, 95 % by a bootstrap over speakers; the interval is null where
there is one speaker, and the value where it is not defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import metrics
from affekt.errors import DataError, UsageError
from affekt.evaluation import floor, trust
from affekt.evaluation.draws import CATEGORICAL, LEVEL, Counts, Draws, confusion, rounded
from affekt.evaluation.judgements import AXES, SCHEMA, UNKNOWN, Judgements

Floats = NDArray[np.float64]

MISTAKES = 20
"The surest wrong judgements, which are told one by one."

_ABOUT: Mapping[str, Any] = {
    "protocol": None,
    "tested": None,
    "offered": None,
    "merge": {},
    "tried": None,
    "fingerprints": {},
    "left_out": {},
    "skipped": [],
    "known": None,
    "recipe": None,
}


def evaluate(judgements: Judgements, *, bootstraps: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Measure everything that these judgements allow.

    Args:
        judgements: what was said of whom.
        bootstraps: draws of speakers.
        seed: of all draws.

    Returns:
        JSON values, everything rounded; blocks for which there is nothing to measure are null.

    Raises:
        DataError: there is no row, or no row with both a truth and a judgement.
        UsageError: fewer than 1 draw.
    """
    if bootstraps < 1:
        raise UsageError(f"an interval needs at least 1 draw of speakers, got {bootstraps}")
    named, rated = judgements.part(judgements.named), _rated(judgements)
    if not len(named) and not len(rated):
        raise DataError(f"{judgements.name}: no row has both a truth and a judgement, so there is nothing to score")
    draws = Draws.of(named.speakers, n=bootstraps, seed=seed) if len(named) else None
    likely = draws is not None and judgements.probs is not None
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "affekt": _version(),
        "name": judgements.name,
        "split": judgements.split,
        "leaky": judgements.leaky,
        "about": {**_ABOUT, **judgements.about},
        "bootstraps": bootstraps,
        "level": LEVEL,
        "seed": seed,
        "n": len(judgements),
        "speakers": len(np.unique(judgements.speakers)),
        "labels": list(judgements.labels),
        "emotion": _emotion(named, draws, seed) if draws else None,
        "calibration": trust.calibration(named, draws, seed=seed) if draws and likely else None,
        "selective": trust.selective(named, draws) if draws and likely else None,
        "soft": _soft(judgements, bootstraps, seed),
        "affect": _affect(rated, bootstraps, seed) if len(rated) > 1 else None,
        "folds": _parts(judgements, judgements.folds, "fold", bootstraps, seed),
        "corpora": _parts(judgements, judgements.corpora, "corpus", bootstraps, seed),
        "per_speaker": _speakers(named),
        "mistakes": _mistakes(named),
    }
    return found | {"notes": list(_notes(found)), "rows": _rows(judgements)}


def _notes(found: Mapping[str, Any]) -> Iterator[str]:
    """Say where the numbers mean less than they seem to."""
    if found["split"] == UNKNOWN:
        yield (
            "It is not known how training and test were parted: if training has heard these speakers, the scores are "
            "too high."
        )
    there = [row["label"] for row in found["emotion"]["classes"] if row["support"]] if found["emotion"] else []
    if len(there) == 1:
        yield (
            f"The truth knows one emotion only, {there[0]}: UAR and the other scores say nothing of how well emotions "
            f"are told apart."
        )
    if 1 in {found[block]["speakers"] for block in ("emotion", "affect") if found[block]}:
        yield "One speaker is no sample of people: no interval can be given, and no difference be judged."


def _version() -> str | None:
    try:
        return version("affekt")
    except PackageNotFoundError:
        return None


def _rated(judgements: Judgements) -> Judgements:
    """Rows of which both the raters' and the judged affect are known."""
    if judgements.affect is None or judgements.rated is None:
        return judgements.part(np.zeros(len(judgements), dtype=bool))
    there = _finite(judgements.affect) & _finite(judgements.rated)
    return judgements.part(there)


def _finite(values: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values).all(axis=1))


# Emotion ----------------------------------------------------------------------------------------------------------


def _emotion(judgements: Judgements, draws: Draws, seed: int) -> dict[str, Any]:
    truth, said, k = judgements.truth, _codes(judgements), len(judgements.labels)
    counts, drawn = confusion(truth, said, k), draws.confusions(truth, said, k)
    classes = _classes(judgements.labels, counts, drawn, draws)
    bootstraps = 1000 if draws.times is None else len(draws.times)
    there = [one["recall"]["value"] for one in classes if one["support"]]
    return {
        "n": len(judgements),
        "speakers": int(draws.who.max()) + 1,
        **_categorical(counts, drawn, draws),
        "top2": _top2(judgements, draws),
        "worst_recall": min(there),
        "classes": classes,
        "confusion": {"labels": list(judgements.labels), "counts": counts.tolist()},
        "peers": floor.peers(truth, k, draws, n=bootstraps, seed=seed),
        "resolves": floor.resolves(truth, said, k, draws, seed=seed),
    }


def _codes(judgements: Judgements) -> NDArray[np.intp]:
    """What was said, as indices."""
    if judgements.decided is not None:
        return judgements.decided
    return np.asarray(np.zeros(0) if judgements.probs is None else judgements.probs.argmax(axis=1), np.intp)


def _categorical(counts: Counts, drawn: Counts | None, draws: Draws) -> dict[str, Any]:
    return {
        name: draws.score(
            float(metrics.of_counts(metric, counts)), None if drawn is None else metrics.of_counts(metric, drawn)
        )
        for name, metric in CATEGORICAL.items()
    }


def _classes(labels: Iterable[str], counts: Counts, drawn: Counts | None, draws: Draws) -> list[dict[str, Any]]:
    support, said = counts.sum(axis=1), counts.sum(axis=0)
    whole = _per_class(counts[None])
    many = {} if drawn is None else _per_class(drawn)
    found = []
    for place, label in enumerate(labels):
        row: dict[str, Any] = {"label": label, "support": int(support[place]), "said": int(said[place])}
        for name, values in whole.items():
            own = many.get(name)
            row[name] = draws.score(float(values[0, place]), None if own is None else own[:, place])
        found.append(row)
    return found


def _per_class(counts: Counts) -> dict[str, Floats]:
    """Recall, precision and F1 of each class of confusion matrices (n, k, k); NaN where they are not defined."""
    hits = np.diagonal(counts, axis1=1, axis2=2).astype(np.float64)
    support, said = counts.sum(axis=2), counts.sum(axis=1)

    def share(part: Floats, whole: Counts) -> Floats:
        return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))

    return {"recall": share(hits, support), "precision": share(hits, said), "f1": share(2 * hits, support + said)}


def _top2(judgements: Judgements, draws: Draws) -> dict[str, Any] | None:
    if judgements.probs is None or len(judgements.labels) < 2:
        return None
    best = np.argsort(-judgements.probs, axis=1, kind="stable")[:, :2]
    return draws.mean(np.asarray((best == judgements.truth[:, None]).any(axis=1), np.float64))


# Raters' shares ---------------------------------------------------------------------------------------------------


def _soft(judgements: Judgements, bootstraps: int, seed: int) -> dict[str, Any] | None:
    """How near the probabilities are to the raters' shares."""
    if judgements.ratings is None or judgements.probs is None:
        return None
    own = judgements.part(_finite(judgements.ratings))
    if not len(own) or own.ratings is None or own.probs is None:
        return None
    draws = Draws.of(own.speakers, n=bootstraps, seed=seed)
    best = np.argsort(-own.probs, axis=1, kind="stable")[:, :2]
    favourite = own.ratings.max(axis=1, keepdims=True) == own.ratings
    found: dict[str, Any] = {"n": len(own), "speakers": int(draws.who.max()) + 1}
    for name, metric in (("jsd", metrics.jsd), ("kld", metrics.kld), ("cross_entropy", metrics.cross_entropy)):
        found[name] = draws.mean(np.array([metric([q], [p]) for q, p in zip(own.ratings, own.probs, strict=True)]))
    found["top2"] = draws.mean(np.asarray(np.take_along_axis(favourite, best, axis=1).any(axis=1), np.float64))
    entropy = np.array([metrics.cross_entropy([q], [q]) for q in own.ratings])
    return found | {"raters_entropy": draws.mean(entropy)}


# Affect -----------------------------------------------------------------------------------------------------------


def _affect(judgements: Judgements, bootstraps: int, seed: int) -> dict[str, Any]:
    """Valence, arousal and dominance, each with CCC, Pearson, RMSE and MAE, and the mean CCC."""
    if judgements.affect is None or judgements.rated is None:
        raise DataError(f"{judgements.name}: affect was not judged, or nobody rated it")
    draws = Draws.of(judgements.speakers, n=bootstraps, seed=seed)
    found: dict[str, Any] = {"n": len(judgements), "speakers": int(draws.who.max()) + 1}
    values, many = [], []
    for axis, truth, said in zip(AXES, judgements.rated.T, judgements.affect.T, strict=True):
        drawn = _moments(truth, said, draws)
        found[axis] = {
            metric.__name__: draws.score(metric(truth, said), drawn.get(metric.__name__))
            for metric in (metrics.ccc, metrics.pearson, metrics.rmse, metrics.mae)
        }
        values.append(metrics.ccc(truth, said))
        many.append(drawn.get("ccc"))
    mean = None if many[0] is None else np.mean(np.array(many, np.float64), axis=0)
    return found | {"mean_ccc": draws.score(float(np.mean(values)), mean)}


def _moments(truth: Floats, said: Floats, draws: Draws) -> dict[str, Floats]:
    """CCC, Pearson, RMSE and MAE in each draw, from sums that speakers add up to."""
    x, y = truth - truth.mean(), said - truth.mean()  # of one origin, for the sake of the digits
    columns = [np.ones(len(x)), x, y, x * x, y * y, x * y, (x - y) ** 2, np.abs(x - y)]
    sums = draws.sums(np.stack(columns, axis=1))
    if sums is None:
        return {}
    mx, my, xx, yy, xy, squares, gaps = (sums[:, 1:] / sums[:, :1]).T
    vx, vy, shared = xx - mx**2, yy - my**2, xy - mx * my
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw may be constant
        linear = shared / np.sqrt(vx * vy)
        concordance = 2 * shared / (vx + vy + (mx - my) ** 2)
    return {"ccc": concordance, "pearson": linear, "rmse": np.sqrt(squares), "mae": gaps}


# Parts ------------------------------------------------------------------------------------------------------------


def _parts(
    judgements: Judgements, values: NDArray[np.str_], what: str, bootstraps: int, seed: int
) -> list[dict[str, Any]]:
    """Score each fold, or corpus, for itself, in the order in which they come."""
    names = [name for name in dict.fromkeys(values.tolist()) if name]
    return [{what: name, **_part(judgements.part(values == name), bootstraps, seed)} for name in names]


def _part(judgements: Judgements, bootstraps: int, seed: int) -> dict[str, Any]:
    named, rated = judgements.part(judgements.named), _rated(judgements)
    found: dict[str, Any] = {"n": len(judgements), "speakers": len(np.unique(judgements.speakers))}
    found |= dict.fromkeys([*CATEGORICAL, "recall", "ccc"])
    if len(named):
        truth, said, k = named.truth, _codes(named), len(named.labels)
        draws = Draws.of(named.speakers, n=bootstraps, seed=seed)
        counts = confusion(truth, said, k)
        found |= _categorical(counts, draws.confusions(truth, said, k), draws)
        recall = zip(named.labels, _per_class(counts[None])["recall"][0].tolist(), strict=True)
        found["recall"] = {name: rounded(value) for name, value in recall}
    if len(rated) > 1:
        own = _affect(rated, bootstraps, seed)
        found["ccc"] = {axis: own[axis]["ccc"] for axis in AXES}
    return found


def _speakers(judgements: Judgements) -> list[dict[str, Any]]:
    """Each speaker's own scores, the worst first. One person is no sample, so there are no intervals."""
    found = []
    said = judgements.said
    for name in np.unique(judgements.speakers).tolist():
        own = judgements.speakers == name
        counts = confusion(judgements.truth[own], _codes(judgements.part(own)), len(judgements.labels))
        row = {"speaker": name, "corpus": str(judgements.corpora[own][0]), "n": int(own.sum())}
        row |= {key: rounded(float(metrics.of_counts(CATEGORICAL[key], counts))) for key in ("uar", "accuracy")}
        names, times = np.unique(said[own & (said != judgements.names)], return_counts=True)
        row["classes"] = int((counts.sum(axis=1) > 0).sum())
        row["mistaken_for"] = str(names[times.argmax()]) if len(names) else None
        found.append(row)
    return sorted(found, key=lambda row: (row["accuracy"], row["speaker"]))


def _mistakes(judgements: Judgements) -> list[dict[str, Any]]:
    """The surest wrong judgements, to be listened to."""
    if judgements.probs is None:
        return []
    said, names, sure = judgements.said, judgements.names, judgements.probs.max(axis=1)
    rows = np.flatnonzero(said != names)
    rows = rows[np.argsort(-sure[rows], kind="stable")][:MISTAKES]
    return [
        {
            "id": str(judgements.ids[row]),
            "corpus": str(judgements.corpora[row]),
            "speaker": str(judgements.speakers[row]),
            "truth": str(names[row]),
            "said": str(said[row]),
            "confidence": rounded(sure[row]),
        }
        for row in rows.tolist()
    ]


def _rows(judgements: Judgements) -> dict[str, Any]:
    """Every judgement, column by column; what `affekt compare` and drawings need."""
    judged = judgements.probs is not None or judgements.decided is not None
    return {
        "id": judgements.ids.tolist(),
        "corpus": judgements.corpora.tolist(),
        "speaker": judgements.speakers.tolist(),
        "fold": judgements.folds.tolist(),
        "truth": [name or None for name in judgements.names.tolist()],
        "said": judgements.said.tolist() if judged else None,
        "probs": None if judgements.probs is None else judgements.probs.round(6).tolist(),
        "affect": _triples(judgements.affect),
        "rated": _triples(judgements.rated),
        "ratings": _triples(judgements.ratings),
        "groups": {name: own.tolist() for name, own in judgements.groups.items()},
    }


def _triples(values: Floats | None) -> list[list[float] | None] | None:
    if values is None:
        return None
    return [row.round(6).tolist() if np.isfinite(row).all() else None for row in values]
