"""The temperature that makes probabilities mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt import calibrate, metrics
from affekt.errors import DataError

seeds = st.integers(0, 10**6)


def sample(seed=0, n=4000, classes=5, heat=1.0):
    """Scores whose softmax at the temperature `heat` is the true distribution, and truths drawn from it."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (n, classes))
    chances = calibrate.softmax(scores)
    truth = (chances.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return scores * heat, truth


@pytest.mark.parametrize("heat", [0.2, 0.7, 1.0, 2.5, 12.0])
def test_a_known_temperature_is_found(heat):
    for seed in range(3):
        assert calibrate.temperature(*sample(seed, heat=heat)) == pytest.approx(heat, rel=0.06)


def test_it_makes_probabilities_honest():
    scores, truth = sample(heat=4.0)
    names = np.array(list("abcde"))
    before, after = (
        metrics.ece(names[truth], calibrate.softmax(scores / t), labels=tuple(names))
        for t in (1.0, calibrate.temperature(scores, truth))
    )
    assert after < 0.03 < 0.1 < before


@given(seeds, st.floats(0.3, 4))
@settings(max_examples=20)
def test_no_other_temperature_of_the_grid_is_likelier(seed, heat):
    scores, truth = sample(seed, n=200, heat=heat)
    found = calibrate.temperature(scores, truth)

    def loss(t):
        return -np.log(calibrate.softmax(scores / t)[np.arange(200), truth]).sum()

    assert loss(found) <= min(loss(found * factor) for factor in (0.5, 0.95, 1.05, 2))


@given(seeds)
@settings(max_examples=20)
def test_a_weight_is_a_number_of_repetitions(seed):
    scores, truth = sample(seed, n=150)
    times = np.random.default_rng(seed).integers(1, 4, 150)
    weighted = calibrate.temperature(scores, truth, times.astype(float))
    assert weighted == calibrate.temperature(scores.repeat(times, axis=0), truth.repeat(times))


def test_what_a_head_does_not_know_is_no_hindrance():
    """A label that the head was never taught has the score minus infinity."""
    scores, truth = sample(classes=4)
    unknown = np.insert(scores, 4, -np.inf, axis=1)
    assert calibrate.temperature(unknown, truth) == calibrate.temperature(scores, truth)


@given(seeds, st.floats(-300, 300))
def test_probabilities_sum_to_one_and_know_no_common_offset(seed, offset):
    scores = np.random.default_rng(seed).normal(0, 30, (20, 6))
    probs = calibrate.softmax(scores)
    assert np.allclose(probs.sum(axis=1), 1)
    assert (probs >= 0).all()
    assert np.allclose(calibrate.softmax(scores + offset), probs, atol=1e-9)


@pytest.mark.parametrize(("rows", "truths"), [(0, 0), (3, 2), (0, 2)])
def test_nothing_to_fit_on_is_refused(rows, truths):
    with pytest.raises(DataError, match=f"{rows} rows of scores and {truths} truths"):
        calibrate.temperature(np.zeros((rows, 3)), np.zeros(truths, dtype=np.intp))


# A scale and a shift for each class -------------------------------------------------------------------------------


def skewed(seed, n=400, classes=4):
    """Scores whose classes were each scaled and shifted differently."""
    scores, truth = sample(seed, n=n, classes=classes)
    rng = np.random.default_rng(seed + 1)
    return scores * rng.uniform(0.5, 3, classes) + rng.normal(0, 1, classes), truth


def surprise(scores, truth, scale, shift):
    return -np.log(calibrate.softmax(scores * scale + shift)[np.arange(len(truth)), truth]).mean()


@given(seeds)
@settings(max_examples=10)
def test_vector_scaling_finds_the_minimum_that_scipy_finds(seed):
    optimize = pytest.importorskip("scipy.optimize")
    scores, truth = skewed(seed)
    ridge, start = 1e-3, 1 / calibrate.temperature(scores, truth)
    first = np.array([start] * 4 + [0.0] * 4)

    def loss(given):
        return surprise(scores, truth, given[:4], given[4:]) + ridge / 2 * ((given - first) ** 2).sum()

    scale, shift = calibrate.vector(scores, truth, ridge=ridge)
    best = optimize.minimize(loss, first, method="BFGS", options={"gtol": 1e-7})
    assert loss(np.concatenate([scale, shift])) == pytest.approx(best.fun, abs=1e-9)
    np.testing.assert_allclose(np.concatenate([scale, shift]), best.x, atol=1e-3)


def test_vector_scaling_undoes_what_was_done_to_the_classes():
    scores, truth = sample(n=20_000, classes=3)
    scales, shifts = np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.0, -1.0])
    scale, shift = calibrate.vector((scores - shifts) / scales, truth, ridge=1e-6)
    np.testing.assert_allclose(scale, scales, atol=0.1)
    np.testing.assert_allclose(shift - shift.mean(), shifts - shifts.mean(), atol=0.1)


@given(seeds)
@settings(max_examples=10)
def test_vector_scaling_is_never_less_likely_than_a_temperature(seed):
    scores, truth = skewed(seed, n=60)
    heat = calibrate.temperature(scores, truth)
    scale, shift = calibrate.vector(scores, truth)
    assert surprise(scores, truth, scale, shift) <= surprise(scores, truth, 1 / heat, 0.0) + 1e-12


def test_vector_scaling_of_what_was_not_offered_changes_nothing():
    scores, truth = sample(classes=3)
    wider = np.insert(scores, 3, -np.inf, axis=1)
    for own, other in zip(calibrate.vector(scores, truth), calibrate.vector(wider, truth), strict=True):
        np.testing.assert_allclose(own, other[:3], atol=1e-6)


def test_vector_scaling_of_classes_that_can_be_told_apart_stays_finite():
    scores = np.repeat(np.eye(3) * 9, 4, axis=0)
    scale, shift = calibrate.vector(scores, np.repeat([0, 1, 2], 4))
    assert np.isfinite([*scale, *shift]).all()
    assert (calibrate.softmax(scores * scale + shift).argmax(axis=1) == np.repeat([0, 1, 2], 4)).all()


def test_vector_scaling_needs_something_to_fit_on():
    with pytest.raises(DataError, match="0 rows of scores and 0 truths"):
        calibrate.vector(np.zeros((0, 3)), np.zeros(0, dtype=np.intp))
