"""Each test of correctness passes what is right, fails what is not, and says why where it cannot ask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from answers import LABELS, WORDS, judged
from recipes.bundled.train import CENTROIDS
from scipy import stats

from affekt import metrics
from affekt.evaluation.judgements import AXES
from affekt.evaluation.stress import chance, correctness

ASKED = [test.name for test in correctness.TESTS if test.name != correctness.AGAIN.name]


def deaf(j):
    """The same judgements of a model that ignores the sound: always the same answer."""
    probs = np.tile([0.4, 0.3, 0.2, 0.1], (len(j), 1))
    return replace(j, probs=probs, affect=np.tile([0.1, 0.2, 0.3], (len(j), 1)))


@pytest.mark.parametrize("name", ASKED)
def test_a_model_that_is_right_passes(name):
    j = judged(skill=0.95)
    # without skill in the ranking of speakers: give it theirs
    j = replace(j, affect=j.rated + np.random.default_rng(0).normal(0, 0.02, j.rated.shape))
    found = correctness.ask(j, name)
    assert found
    assert all(result.passed for result in found), found


@pytest.mark.parametrize("name", ASKED)
def test_a_model_that_ignores_the_sound_fails(name):
    found = correctness.ask(deaf(judged()), name)
    assert found
    assert not any(result.passed for result in found), found


@pytest.mark.parametrize("name", ["correctness/uar", "correctness/recall", "correctness/ccc", "correctness/ranking"])
def test_guessing_fails(name):
    assert not any(result.passed for result in correctness.ask(chance.guess(judged(), name), name))


def test_numbers_are_those_of_the_metrics():
    j = judged()
    (uar,) = correctness.ask(j, "correctness/uar")
    assert uar.value == pytest.approx(metrics.uar(j.names, j.said))
    (recall,) = correctness.ask(j, "correctness/recall")
    assert recall.value == pytest.approx(min(metrics.recall_per_class(j.names, j.said).values()))
    for axis, ccc in enumerate(correctness.ask(j, "correctness/ccc")):
        assert ccc.value == pytest.approx(metrics.ccc(j.rated[:, axis], j.affect[:, axis]))


def test_the_share_that_is_furthest_off_is_named():
    j = judged(skill=1.0)
    probs = j.probs.copy()
    probs[j.truth == LABELS.index("anger")] = [0.1, 0.1, 0.7, 0.1]
    (found,) = correctness.ask(replace(j, probs=probs), "correctness/share")
    assert found.value == pytest.approx(0.25)
    assert found.detail["neutral"] == pytest.approx(0.25)
    assert found.passed is False


def test_ranks_are_scipys():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.integers(0, 6, size=(2, 12)).astype(float)
        assert correctness.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)


def test_the_orderings_hold_in_the_published_words():
    """Russell & Mehrabian 1977; with the bound that a model must meet."""
    for axis, pairs in correctness.ORDERINGS.items():
        for above, below in pairs:
            if above in CENTROIDS and below in CENTROIDS:
                place = AXES.index(axis)
                assert CENTROIDS[above][place] - CENTROIDS[below][place] >= 0.1, (axis, above, below)


def test_an_ordering_that_is_turned_around_fails_and_is_named():
    j = judged(skill=1.0)
    found = correctness.ask(replace(j, affect=-WORDS[j.truth]), "correctness/consistency")
    assert {result.passed for result in found} == {False}
    assert "arousal: anger > sadness" in {result.level for result in found}


@pytest.mark.parametrize("name", ["correctness/ccc", "correctness/ranking"])
def test_what_nobody_rated_is_not_judged(name):
    (found,) = correctness.ask(judged(rated=False), name)
    assert (found.value, found.passed) == (None, None)
    assert "nobody rated" in found.note
    (found,) = correctness.ask(replace(judged(), affect=None), name)
    assert "the model gives no affect" in found.note


def test_a_model_that_draws_at_random_fails_the_retest():
    j = judged()
    other = replace(j, probs=j.probs + np.random.default_rng(0).normal(0, 1e-4, j.probs.shape))
    assert correctness.retest(j, j)[0].passed is True
    assert correctness.retest(j, other)[0].passed is False
