"""Results: scores equal to the metrics, intervals over speakers, and a table that another program can read."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from affekt import metrics
from affekt.training import results
from affekt.training.examples import Examples
from affekt.training.results import Judged
from affekt.types import LabelSet

LABELS = LabelSet(("anger", "calm", "fear"))


def judged(n=60, speakers=6, affect=False, leaky=False, corpora=("toy",), seed=0):
    rng = np.random.default_rng(seed)
    emotions = rng.integers(0, 3, n)
    probs = rng.dirichlet(np.ones(3), n) + 0.2 * np.eye(3)[emotions]
    rated = rng.uniform(-1, 1, (n, 3)).astype(np.float32)
    own = Examples(
        LABELS,
        np.array([f"{i:03d}" for i in range(n)]),
        np.array([f"toy/{i % speakers}" for i in range(n)]),
        np.array([corpora[i % len(corpora)] for i in range(n)]),
        np.zeros((n, 0), np.float32),
        emotions,
        np.eye(3, dtype=np.float32)[emotions],
        rated if affect else np.full((n, 3), np.nan, np.float32),
        np.ones((n, 3), dtype=bool),
    )
    said = (rated + rng.normal(0, 0.2, (n, 3))).astype(np.float32) if affect else None
    folds = np.array([f"{i % speakers % 2}" for i in range(n)])
    return Judged(own, folds, (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32), said, leaky)


def test_scores_are_those_of_the_metrics():
    found = judged()
    truth, said = (np.array(LABELS.names)[i] for i in (found.examples.emotions, found.probs.argmax(axis=1)))
    scores = results.scores(found)
    for name in ("uar", "macro_f1", "weighted_f1", "accuracy"):
        interval = metrics.bootstrap(getattr(metrics, name), truth, said, found.examples.speakers)
        assert scores[name]["value"] == pytest.approx(interval.value, abs=1e-4)
        assert scores[name]["interval"] == pytest.approx([interval.low, interval.high], abs=1e-4)
    assert scores["recall"] == pytest.approx(metrics.recall_per_class(truth, said), abs=1e-4)
    assert scores["worst_recall"] == min(scores["recall"].values())
    assert np.sum(scores["confusion"]["counts"]) == 60
    assert (scores["n"], scores["speakers"]) == (60, 6)


def test_affect_is_scored_by_ccc_over_the_rows_that_were_rated():
    found = judged(affect=True)
    found.examples.affect[:5] = np.nan
    scores = results.scores(found)
    truth, said = found.examples.affect[5:, 1], found.affect[5:, 1]
    assert scores["ccc"]["arousal"]["value"] == pytest.approx(metrics.ccc(truth, said), abs=1e-4)


def test_an_emotion_that_the_corpus_has_not_is_not_offered():
    found = judged()
    found.examples.known[:, 1] = False
    assert found.offered[:, 1].max() == 0
    assert np.allclose(found.offered.sum(axis=1), 1, atol=1e-6)


def test_one_speaker_has_no_interval():
    assert results.scores(judged(speakers=1))["uar"]["interval"] is None


def test_rows_without_an_emotion_are_not_scored_as_one():
    found = judged()
    found.examples.emotions[:10] = -1
    assert np.sum(results.scores(found)["confusion"]["counts"]) == 50


def test_folds_and_corpora_are_scored_apart():
    found = judged(corpora=("toy", "other"))
    per_fold, per_corpus = results.per_fold(found), results.per_corpus(found)
    assert [fold["fold"] for fold in per_fold] == ["0", "1"]
    assert sum(fold["n"] for fold in per_fold) == 60
    assert set(per_corpus) == {"toy", "other"}


def test_scores_are_json():
    text = json.dumps([results.scores(judged(affect=True)), results.per_fold(judged())], allow_nan=False)
    assert "uar" in text


def test_the_table_gives_back_what_was_said():
    found = judged(affect=True)
    rows = list(csv.DictReader(io.StringIO(results.table(found))))
    assert len(rows) == 60
    assert list(rows[0]) == [
        *("id", "corpus", "speaker", "fold", "split", "truth", "prediction", "p_anger", "p_calm", "p_fear"),
        *("true_valence", "true_arousal", "true_dominance", "valence", "arousal", "dominance"),
    ]
    probs = np.array([[float(row[f"p_{name}"]) for name in LABELS] for row in rows])
    assert np.allclose(probs, found.probs, atol=1e-5)
    assert metrics.uar([r["truth"] for r in rows], [r["prediction"] for r in rows]) == pytest.approx(
        results.scores(found)["uar"]["value"], abs=1e-4
    )
    assert {row["split"] for row in rows} == {"speaker-independent"}


def test_what_nobody_rated_is_an_empty_cell():
    found = judged(affect=True)
    found.examples.affect[0] = np.nan
    found.examples.emotions[0] = -1
    row = next(csv.DictReader(io.StringIO(results.table(found))))
    assert (row["truth"], row["true_valence"]) == ("", "")


def test_a_leak_is_in_every_row():
    assert {row["split"] for row in csv.DictReader(io.StringIO(results.table(judged(leaky=True))))} == {"LEAKY"}


def test_the_threshold_parts_the_sure_from_the_unsure():
    found = judged()
    threshold = results.threshold(found)
    probs, right = found.offered.max(axis=1), found.offered.argmax(axis=1) == found.examples.emotions
    assert 0.4 <= threshold <= 0.9
    assert right[probs >= threshold].mean() > right[probs < threshold].mean()
