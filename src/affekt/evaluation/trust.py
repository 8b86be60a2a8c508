"""Probabilities, truth -> how far they can be trusted: calibration, and what is gained by leaving the unsure out.

Temperature and vector scaling are fitted on other speakers than those whose probabilities they scale: fold by fold,
where the folds share no speakers, else over groups of speakers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import calibrate, metrics
from affekt.errors import DataError
from affekt.evaluation.draws import Draws, Index, rounded
from affekt.evaluation.judgements import Judgements

Floats = NDArray[np.float64]

BINS = 15
COVERAGES = (0.8, 0.6)
GROUPS = 5
"Groups of speakers for cross-fitting where there are no folds."
POINTS = 100
"Of the risk-coverage curve."
PERFECT = 200
"Truths that are drawn from the confidences, to learn what a perfectly calibrated model's ECE is here."

_NO_PROBS = "{}: there are no probabilities, so it cannot be told how far they can be trusted"
_TINY = float(np.finfo(np.float64).eps)
_LEAST = 1e-6  # half of what six digits can tell from 0
_CELLS = 20_000_000  # draws x rows at once


# Calibration ------------------------------------------------------------------------------------------------------


def calibration(judgements: Judgements, draws: Draws, *, seed: int) -> dict[str, Any]:
    """Measure calibration as it is, and after temperature and vector scaling that were fitted on other speakers.

    Args:
        judgements: with a truth and probabilities in every row.
        draws: of the same rows.
        seed: of the truths that are drawn for the ECE of a perfectly calibrated model.

    Returns:
        JSON: `bins`, `groups` and `fitted_on`, `raw`, and where there are two groups `temperature` and `vector`, each
        with its parameters per group.

    Raises:
        DataError: there are no probabilities.
    """
    probs, truth = judgements.probs, judgements.truth
    if probs is None:
        raise DataError(_NO_PROBS.format(judgements.name))
    found: dict[str, Any] = {"bins": BINS, "raw": _measured(probs, truth, judgements, draws, seed)}
    fitted_on, groups = _groups(judgements)
    number = int(groups.max()) + 1
    found |= {"fitted_on": fitted_on, "groups": number, "temperature": None, "vector": None}
    if number < 2:
        return found
    logs = _logs(judgements, probs)
    heated, parameters, scaled, vectors = np.zeros_like(probs), [], np.zeros_like(probs), []
    for own in (groups == group for group in range(number)):
        heat = calibrate.temperature(logs[~own], truth[~own])
        heated[own] = calibrate.softmax(logs[own] / heat)
        parameters.append(round(heat, 4))
        scale, shift = calibrate.vector(logs[~own], truth[~own])
        scaled[own] = calibrate.softmax(_scaled(logs[own], scale, shift))
        vectors.append({"scale": scale.round(4).tolist(), "shift": shift.round(4).tolist()})
    found["temperature"] = {"parameters": parameters} | _measured(heated, truth, judgements, draws, seed)
    found["vector"] = {"parameters": vectors} | _measured(scaled, truth, judgements, draws, seed)
    return found


def _scaled(logs: Floats, scale: Floats, shift: Floats) -> Floats:
    there = np.isfinite(logs)
    return np.where(there, np.where(there, logs, 0) * scale + shift, -np.inf)


def _groups(judgements: Judgements) -> tuple[str, Index]:
    """Number the rows so that what is fitted on the others has heard none of the speakers."""
    folds, speakers = judgements.folds, judgements.speakers
    pairs = {(s, f) for s, f in zip(speakers.tolist(), folds.tolist(), strict=True)}
    number = len(np.unique(folds))
    if number > 1 and len(pairs) == len(np.unique(speakers)):
        return "other folds", np.unique(folds, return_inverse=True)[1]
    people, who = np.unique(speakers, return_inverse=True)
    return "other speakers", who % min(GROUPS, len(people))


def _logs(judgements: Judgements, probs: Floats) -> Floats:
    """Log-probabilities; -inf where a corpus was not offered an emotion, so that no scaling brings it back."""
    logs = np.log(np.clip(probs, _LEAST, 1))
    for name in np.unique(judgements.corpora):
        own = judgements.corpora == name
        logs[np.ix_(own, ~(probs[own] > 0).any(axis=0))] = -np.inf
    return logs


def _measured(probs: Floats, truth: Index, judgements: Judgements, draws: Draws, seed: int) -> dict[str, Any]:
    labels = judgements.labels
    names = np.array(labels.names)[truth]
    surprise = -np.log(np.clip(probs[np.arange(len(truth)), truth], _TINY, 1 - _TINY))  # as in metrics.log_loss
    squares = np.sum((probs - np.eye(len(labels))[truth]) ** 2, axis=1)
    return {
        "ece": _ece(names, probs, labels, "width", seed),
        "ece_mass": _ece(names, probs, labels, "mass", seed),
        "brier": draws.mean(squares),
        "log_loss": draws.mean(surprise),
        "confidence": rounded(probs.max(axis=1).mean()),
        "accuracy": rounded((probs.argmax(axis=1) == truth).mean()),
        "reliability": _curve(names, probs, labels, "width"),
        "reliability_mass": _curve(names, probs, labels, "mass"),
    }


def _curve(names: Any, probs: Floats, labels: Any, equal: metrics.Bins) -> list[dict[str, Any]]:
    bins = metrics.reliability(names, probs, labels=labels, bins=BINS, equal=equal)
    return [
        {
            "low": rounded(b.low),
            "high": rounded(b.high),
            "n": b.n,
            "confidence": rounded(b.confidence),
            "accuracy": rounded(b.accuracy),
        }
        for b in bins
    ]


def _ece(names: Any, probs: Floats, labels: Any, equal: metrics.Bins, seed: int) -> dict[str, Any]:
    """The error, and that of a model whose confidences are exactly right: with few utterances it is not 0 either.

    A bootstrap would lie: a draw with repeated rows always looks worse calibrated than the rows themselves.
    """
    bins = metrics.reliability(names, probs, labels=labels, bins=BINS, equal=equal)
    sure = probs.max(axis=1)
    place = np.searchsorted([b.high for b in bins[:-1]], sure, side="left")
    rng, perfect = np.random.default_rng(seed), []
    for _ in range(PERFECT):
        gaps = np.bincount(place, weights=(rng.random(len(sure)) < sure) - sure)
        perfect.append(np.abs(gaps).sum() / len(sure))
    low, high = np.quantile(perfect, [0.025, 0.975])
    return {
        "value": rounded(metrics.ece(names, probs, labels=labels, bins=BINS, equal=equal)),
        "perfect": {"value": rounded(float(np.mean(perfect))), "interval": [rounded(low), rounded(high)]},
    }


# Leaving out what is unsure ---------------------------------------------------------------------------------------


def selective(judgements: Judgements, draws: Draws) -> dict[str, Any]:
    """Measure what is gained by judging only what the model is surest of.

    Args:
        judgements: with a truth and probabilities in every row.
        draws: of the same rows.

    Returns:
        JSON: `aurc`, the mean error over all coverages, between `aurc_best`, which the same errors could reach, and
        `aurc_random`; accuracy (and UAR) `at` coverages; the `curve`, surest first.

    Raises:
        DataError: there are no probabilities.

    Source:
        Y. Geifman, R. El-Yaniv. Selective classification for deep neural networks. NeurIPS 2017.
    """
    probs = judgements.probs
    if probs is None:
        raise DataError(_NO_PROBS.format(judgements.name))
    sure, wrong = probs.max(axis=1), judgements.said != judgements.names
    order = np.argsort(-sure, kind="stable")
    errors = _among_equals(sure[order], wrong[order].astype(np.float64))
    n, kept = len(order), np.arange(1, len(order) + 1)
    risk = np.cumsum(errors) / kept
    drawn = _redrawn(errors, draws, order)
    best = np.cumsum(np.sort(wrong)) / kept
    found: dict[str, Any] = {
        "aurc": draws.score(float(risk.mean()), drawn.get("aurc")),
        "aurc_best": rounded(best.mean()),
        "aurc_random": rounded(wrong.mean()),
        "at": [],
        "curve": [],
    }
    for coverage in COVERAGES:
        rows = order[: max(1, round(coverage * n))]
        found["at"].append(
            {
                "coverage": coverage,
                "threshold": rounded(sure[rows[-1]]),
                "accuracy": draws.score(float(1 - risk[len(rows) - 1]), drawn.get(coverage)),
                "uar": rounded(metrics.uar(judgements.names[rows], judgements.said[rows])),
            }
        )
    for place in np.unique(np.linspace(0, n - 1, min(POINTS, n)).round().astype(int)).tolist():
        point = {"coverage": rounded((place + 1) / n), "risk": rounded(risk[place])}
        found["curve"].append(point | {"threshold": rounded(sure[order[place]])})
    return found


def _among_equals(sure: Floats, wrong: Floats) -> Floats:
    """Share the errors among rows of the same confidence: their order is nobody's merit."""
    _, place = np.unique(-sure, return_inverse=True)
    return np.asarray((np.bincount(place, weights=wrong) / np.bincount(place))[place])


def _redrawn(errors: Floats, draws: Draws, order: Index) -> dict[Any, Floats]:
    """AURC, and accuracy at the coverages, in each draw of speakers."""
    parts = [_weighted(errors, weights) for weights in _weights(draws, order)]
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}


def _weights(draws: Draws, order: Index) -> Iterator[Floats]:
    if draws.times is None:
        return
    step = max(1, _CELLS // len(order))
    for begin in range(0, len(draws.times), step):
        yield draws.times[begin : begin + step][:, draws.who[order]].astype(np.float64)


def _weighted(errors: Floats, weights: Floats) -> dict[Any, Floats]:
    kept, total = np.cumsum(weights, axis=1), weights.sum(axis=1)
    risk = np.cumsum(weights * errors, axis=1) / np.maximum(kept, 1e-12)
    found: dict[Any, Floats] = {"aurc": (weights * risk).sum(axis=1) / total}
    rows = np.arange(len(weights))
    for coverage in COVERAGES:
        found[coverage] = 1 - risk[rows, (kept >= coverage * total[:, None] - 1e-9).argmax(axis=1)]
    return found
