"""Judgements of speakers not heard -> scores with intervals, a table of predictions, words.

An emotion that a row's corpus could not have named is not offered for that row, so that corpora with different label
sets are each judged by their own.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import metrics
from affekt.training.examples import Examples
from affekt.types import LabelSet

Floats = NDArray[np.float32]
Names = NDArray[np.str_]

AXES = ("valence", "arousal", "dominance")
LEAKY = "LEAKY"
"""The stamp of everything that comes from a split that shares speakers or sessions."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What models said of utterances whose speakers they had not heard."""

    examples: Examples
    "the utterances; features are not needed"
    folds: Names
    "in which each was tested"
    probs: Floats | None
    "(n, labels), None where emotion was not learned"
    affect: Floats | None
    "(n, 3), None where affect was not learned"
    leaky: bool = False

    def __len__(self) -> int:
        return len(self.folds)

    @property
    def labels(self) -> LabelSet:
        """Order of the probabilities."""
        return self.examples.labels

    @property
    def offered(self) -> Floats | None:
        """Probabilities over what each row's corpus could have named."""
        if self.probs is None:
            return None
        shares = np.where(self.examples.known, self.probs, 0.0)
        total = shares.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(shares, total, out=np.full_like(shares, 1 / len(self.labels)), where=total > 0))

    def rows(self, chosen: NDArray[np.bool_]) -> Judged:
        """Keep some rows."""
        probs = None if self.probs is None else self.probs[chosen]
        affect = None if self.affect is None else self.affect[chosen]
        return Judged(self.examples.part(chosen), self.folds[chosen], probs, affect, self.leaky)


# Scores -----------------------------------------------------------------------------------------------------------


def scores(judged: Judged) -> dict[str, Any]:
    """Compute what there is to compute: JSON values, intervals of 95 % over speakers as [low, high].

    Keys: `n`, `speakers`; where emotion was learned `uar`, `macro_f1`, `weighted_f1`, `accuracy` (each with value and
    interval), `recall` per emotion, `worst_recall`, `confusion`, `ece`; where affect was learned `ccc` per dimension.
    """
    found: dict[str, Any] = {"n": len(judged), "speakers": len(np.unique(judged.examples.speakers))}
    named = np.asarray(judged.examples.emotions >= 0)
    if judged.offered is not None and named.any():
        found |= _categorical(judged.rows(named), judged.offered[named])
    rated = np.asarray(np.isfinite(judged.examples.affect).all(axis=1))
    if judged.affect is not None and rated.sum() > 1:
        own = judged.rows(rated).examples
        pairs = zip(AXES, own.affect.T, judged.affect[rated].T, strict=True)
        found["ccc"] = {name: _interval(metrics.ccc, truth, said, own.speakers) for name, truth, said in pairs}
    return found


def _categorical(judged: Judged, probs: Floats) -> dict[str, Any]:
    names = np.array(judged.labels.names)
    truth, said, who = names[judged.examples.emotions], names[probs.argmax(axis=1)], judged.examples.speakers
    every = metrics.scores(truth, said, labels=judged.labels)
    measures: dict[str, Callable[[Any, Any], float]] = {
        "uar": metrics.uar,
        "macro_f1": metrics.macro_f1,
        "weighted_f1": metrics.weighted_f1,
        "accuracy": metrics.accuracy,
    }
    found: dict[str, Any] = {name: _interval(measure, truth, said, who) for name, measure in measures.items()}
    recall = {name: round(float(value), 4) for name, value in every.recall.items()}
    return found | {
        "recall": recall,
        "worst_recall": min(recall.values()),
        "confusion": {"labels": list(every.labels), "counts": every.confusion.tolist()},
        "ece": round(metrics.ece(truth, probs.astype(np.float64), labels=judged.labels), 4),
    }


def _interval(measure: Callable[[Any, Any], float], truth: Any, said: Any, who: Names) -> dict[str, Any]:
    if len(np.unique(who)) < 2:  # an interval over speakers needs two
        return {"value": _number(measure(truth, said)), "interval": None}
    found = metrics.bootstrap(measure, truth, said, who, n=1000, seed=0)
    return {"value": _number(found.value), "interval": [_number(found.low), _number(found.high)]}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def per_fold(judged: Judged) -> list[dict[str, Any]]:
    """Scores of each fold, in order, without intervals: a fold has few speakers."""
    found = []
    for name in dict.fromkeys(judged.folds.tolist()):
        own = scores(judged.rows(judged.folds == name))
        plain: dict[str, Any] = {
            key: own[key]["value"] for key in ("uar", "macro_f1", "weighted_f1", "accuracy") if key in own
        }
        plain |= {"ccc": {axis: own["ccc"][axis]["value"] for axis in AXES}} if "ccc" in own else {}
        found.append({"fold": name, "n": own["n"], "speakers": own["speakers"], **plain})
    return found


def per_corpus(judged: Judged) -> dict[str, dict[str, Any]]:
    """Scores of each corpus that was tested."""
    corpora = judged.examples.corpora
    return {str(name): scores(judged.rows(corpora == name)) for name in np.unique(corpora)}


def threshold(judged: Judged) -> float:
    """Confidence below which a prediction is called uncertain: the median of the confidences of wrong predictions."""
    probs = judged.offered
    if probs is None:
        return 0.5
    wrong = (judged.examples.emotions >= 0) & (probs.argmax(axis=1) != judged.examples.emotions)
    least = 1.2 / len(judged.labels)
    return round(float(np.clip(np.median(probs[wrong].max(axis=1)), least, 0.9)), 2) if wrong.any() else 0.5


# Tables -----------------------------------------------------------------------------------------------------------


def table(judged: Judged) -> str:
    """Write the predictions as CSV: who, in which fold, the truth, what was said, and every probability.

    Columns: id, corpus, speaker, fold, split (`speaker-independent` or `LEAKY`), truth, prediction, one `p_EMOTION` for
    each emotion (before the emotions that the corpus has not are taken away), then, where affect was learned,
    `true_valence`, ..., `valence`, ...
    """
    own, columns = judged.examples, dict[str, list[Any]]()
    columns["id"], columns["corpus"], columns["speaker"] = own.ids.tolist(), own.corpora.tolist(), own.speakers.tolist()
    columns["fold"] = judged.folds.tolist()
    columns["split"] = [LEAKY if judged.leaky else "speaker-independent"] * len(judged)
    columns["truth"] = np.array([*judged.labels, ""])[own.emotions].tolist()
    if judged.probs is not None and judged.offered is not None:
        columns["prediction"] = np.array(judged.labels.names)[judged.offered.argmax(axis=1)].tolist()
        columns |= {f"p_{name}": _short(judged.probs[:, i]) for i, name in enumerate(judged.labels)}
    if judged.affect is not None:
        columns |= {f"true_{axis}": _short(own.affect[:, i]) for i, axis in enumerate(AXES)}
        columns |= {axis: _short(judged.affect[:, i]) for i, axis in enumerate(AXES)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def _short(values: Floats) -> list[str]:
    return ["" if math.isnan(value) else f"{value:.6g}" for value in values.tolist()]
