"""Before and after: what is lost, what stays, and what it is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from answers import judged

from affekt import metrics
from affekt.evaluation.stress import chance, robustness
from affekt.evaluation.stress.table import Level

LEVEL = Level("20 dB", robustness.keep, loss=0.05, agreement=0.9)


def by_metric(clean, changed, level=LEVEL):
    return {result.metric: result for result in robustness.compare(clean, changed, "robustness/noise-white", level)}


def shuffled(j, share, seed=0):
    """Another answer for a share of the utterances."""
    rows = np.random.default_rng(seed).random(len(j)) < share
    return replace(j, probs=np.where(rows[:, None], np.roll(j.probs, 1, axis=1), j.probs))


def test_a_model_that_says_the_same_passes_and_nothing_moves():
    found = by_metric(judged(), judged())
    assert all(result.passed is not False for result in found.values())
    assert (found["agreement"].value, found["probability moved"].value, found["affect moved"].value) == (1, 0, 0)
    assert (found["change of UAR"].value, found["change of UAR"].low, found["change of UAR"].high) == (0, 0, 0)


def test_what_is_lost_is_the_difference_of_the_scores():
    clean = judged(skill=0.9)
    changed = shuffled(clean, 0.3)
    found = by_metric(clean, changed)
    before, after = (metrics.uar(j.names, j.said) for j in (clean, changed))
    assert found["change of UAR"].value == pytest.approx(after - before)
    assert found["UAR"].value == pytest.approx(after)
    assert found["agreement"].value == pytest.approx(np.mean(clean.said == changed.said))
    assert found["change of UAR"].passed is False
    assert found["change of UAR"].low < after - before < found["change of UAR"].high < 0


def test_affect_that_fades_costs_ccc():
    clean = judged(skill=0.9)
    found = by_metric(clean, replace(clean, affect=0.5 * clean.affect))
    for axis in ("valence", "arousal", "dominance"):
        assert found[f"change of CCC, {axis}"].passed is False
    assert found["affect moved"].value == pytest.approx(0.5 * np.abs(clean.affect).mean())


def test_probability_that_has_moved_is_counted_once():
    clean = judged()
    found = by_metric(clean, replace(clean, probs=np.roll(clean.probs, 1, axis=1)))
    assert found["probability moved"].value == pytest.approx(0.6)


def test_a_model_that_guesses_loses_nothing_and_agrees_with_nothing():
    """So a loss of UAR alone says little, and agreement stands beside it."""
    found = by_metric(chance.guess(judged(clips=20), "a"), chance.guess(judged(clips=20), "b"))
    assert found["change of UAR"].passed is True
    assert found["agreement"].passed is False
    assert found["agreement"].value == pytest.approx(0.25, abs=0.05)


def test_a_level_without_bounds_is_shown_and_not_judged():
    found = by_metric(judged(), shuffled(judged(), 0.5), Level("5 dB", robustness.keep))
    assert {result.passed for result in found.values()} == {None}


def test_a_verdict_is_sure_where_the_interval_is_on_one_side():
    clean = judged(skill=0.9)
    assert by_metric(clean, shuffled(clean, 0.5))["agreement"].sure
    assert not by_metric(clean, shuffled(clean, 0.1))["agreement"].sure


def test_every_test_says_what_it_asks_and_why():
    sound = np.zeros(1, np.float32)
    tests = robustness.tests(robustness.Scene((sound, sound), (sound,), {"hall": sound}))
    assert len({test.name for test in tests}) == len(tests)
    for test in tests:
        assert test.asks.endswith("?")
        assert test.why
        assert test.unit
        assert len({level.name for level in test.levels}) == len(test.levels)
    without = {test.name for test in robustness.tests(robustness.Scene())}
    assert {test.name for test in tests} - without == {
        "robustness/noise-babble",
        "robustness/noise-recorded",
        "robustness/rooms",
    }
