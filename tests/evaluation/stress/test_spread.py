"""Sums per speaker give the scores and intervals of `affekt.metrics`, and differences in pairs."""

from __future__ import annotations

import numpy as np
import pytest
from answers import judged
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt import metrics
from affekt.evaluation.stress import spread

seeds = st.integers(0, 10**6)


@settings(max_examples=10)
@given(seeds)
def test_uar_and_its_interval_are_those_of_the_metrics(seed):
    j = judged(seed, speakers=6, clips=2)
    said = j.probs.argmax(axis=1)
    found = spread.over(j.speakers, spread.counts(j.truth, said, 4), spread.uar)
    expected = metrics.bootstrap(metrics.uar, j.truth, said, j.speakers)
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


@settings(max_examples=5)  # the metrics' own bootstrap goes row by row
@given(seeds)
def test_ccc_and_its_interval_are_those_of_the_metrics(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 40))
    who = np.repeat(np.arange(5), 8).astype(str)
    found = spread.over(who, spread.moments(x, y), spread.ccc)
    expected = metrics.bootstrap(metrics.ccc, x, y, who)
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_a_difference_is_drawn_in_pairs():
    """Speakers differ by far more than the two models: paired, the interval is that of the models alone."""
    hits = np.repeat([0.1, 0.5, 0.9, 0.3, 0.7, 0.6], 100)
    who = np.repeat(np.arange(6), 100)
    ones = np.ones(len(hits))
    both = np.stack([np.stack([hits, ones], axis=1), np.stack([hits + 0.02, ones], axis=1)], axis=1)
    found = spread.over(who, both, spread.difference(spread.share, axes=1))
    assert found.value == pytest.approx(0.02)
    assert (found.low, found.high) == pytest.approx((0.02, 0.02))


def test_a_single_speaker_has_no_interval():
    found = spread.over(np.array(["a", "a"]), np.array([[1.0, 1.0], [0.0, 1.0]]), spread.share)
    assert found == spread.Spread(0.5, None, None)


def test_what_is_not_defined_is_nan_and_no_error():
    assert np.isnan(spread.uar(np.zeros((2, 2))))
    assert np.isnan(spread.ccc(spread.moments(np.ones(3), np.ones(3)).sum(axis=0)))
