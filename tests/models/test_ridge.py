"""Ridge regression, against scikit-learn; weights, penalty, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.models import ridge

seeds = st.integers(0, 10**6)
penalties = st.sampled_from([1e-3, 0.1, 1.0, 10.0])


def cloud(seed=0, n=60, dimensions=8):
    """Dimensions of different scale and origin; three targets, noisy."""
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(size=dimensions), rng.uniform(0.05, 20, dimensions), (n, dimensions))
    targets = np.tanh((x / x.std(axis=0)) @ rng.normal(0, 0.3, (dimensions, 3)) + rng.normal(0, 0.2, (n, 3)))
    return x.astype(np.float32), targets


@given(seeds, penalties, st.booleans())
@settings(max_examples=40)
def test_it_is_scikit_learns_on_standardised_data(seed, penalty, weighted):
    """The penalty is in units of the mean variance of the embeddings, which is 1 once they are standardised."""
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    x, targets = cloud(seed)
    share = np.random.default_rng(seed).uniform(0.1, 2, len(x)) if weighted else np.ones(len(x))
    centre = np.average(x, axis=0, weights=share)
    z = (x - centre) / np.sqrt(np.average((x - centre) ** 2, axis=0, weights=share))
    theirs = linear.Ridge(alpha=penalty * share.sum()).fit(z, targets, sample_weight=share)
    ours = ridge.fit(x, targets, penalty=penalty, weights=share if weighted else None)
    assert np.allclose(ours.predict(x), theirs.predict(z), atol=1e-4)


@given(seeds, penalties)
@settings(max_examples=25)
def test_a_weight_is_a_number_of_repetitions(seed, penalty):
    x, targets = cloud(seed)
    times = np.random.default_rng(seed).integers(1, 4, len(x))
    weighted = ridge.fit(x, targets, penalty=penalty, weights=times)
    repeated = ridge.fit(x.repeat(times, axis=0), targets.repeat(times, axis=0), penalty=penalty)
    assert np.allclose(weighted.predict(x), repeated.predict(x), atol=1e-6)


def test_a_heavy_penalty_leaves_the_mean():
    x, targets = cloud()
    assert np.allclose(ridge.fit(x, targets, penalty=1e9).predict(x), targets.mean(axis=0), atol=1e-6)


def test_a_light_one_finds_what_is_linear():
    x, _ = cloud()
    targets = x @ np.arange(24.0).reshape(8, 3) - 5
    assert np.allclose(ridge.fit(x, targets, penalty=1e-10).predict(x), targets, rtol=1e-4)


def test_more_dimensions_than_embeddings_are_no_hindrance():
    x, targets = cloud(n=20, dimensions=200)
    assert np.isfinite(ridge.fit(x, targets).predict(x)).all()


@pytest.mark.parametrize(
    ("x", "targets", "weights", "words"),
    [
        (np.ones((3, 2)), np.ones((2, 3)), None, "3 embeddings, 2 targets and 3 weights"),
        (np.ones((3, 2)), np.ones((3, 3)), np.ones(4), "3 embeddings, 3 targets and 4 weights"),
        (np.full((3, 2), np.nan), np.ones((3, 3)), None, "not finite"),
        (np.ones((3, 2)), np.full((3, 3), np.inf), None, "not finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(x, targets, weights, words):
    with pytest.raises(DataError, match=words):
        ridge.fit(x, targets, weights=weights)
