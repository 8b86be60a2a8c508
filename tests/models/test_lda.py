"""Shrinkage linear discriminant analysis, against scikit-learn; weights, layers, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import DataError, UsageError
from affekt.models import lda

EMOTIONS = ("anger", "fear", "neutral", "sadness")
LAYERS = [np.array([0, 2, 4, 6]), np.array([1, 3, 5, 7, 8])]
seeds = st.integers(0, 10**6)
shrinkages = st.sampled_from([0.1, 0.5, 0.75, 0.9])


def cloud(seed=0, n=90, dimensions=9, classes=3):
    """Classes that overlap, of different sizes; dimensions of very different scale that go together."""
    rng = np.random.default_rng(seed)
    numbers = np.minimum(rng.geometric(0.4, n) - 1, classes - 1)
    numbers[:classes] = range(classes)
    mixed = rng.normal(size=(n, dimensions)) @ rng.normal(size=(dimensions, dimensions))
    x = (mixed + rng.normal(0, 1.5, (classes, dimensions))[numbers]) * rng.uniform(0.01, 100, dimensions)
    return x.astype(np.float32), np.array(EMOTIONS)[numbers]


def centred(scores):
    """Scores up to a constant per row, on which no probability depends."""
    return scores - scores.mean(axis=1, keepdims=True)


@given(seeds, shrinkages, st.integers(3, 4))
@settings(max_examples=25)
def test_it_is_scikit_learns_on_standardised_data_with_equal_priors(seed, shrinkage, classes):
    sklearn = pytest.importorskip("sklearn.discriminant_analysis", reason="scikit-learn is not installed")
    x, emotions = cloud(seed, classes=classes)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    priors = np.full(classes, 1 / classes)
    theirs = sklearn.LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=priors).fit(z, emotions)
    ours = lda.fit(x, emotions, shrinkage=shrinkage)
    assert ours.labels.names == tuple(theirs.classes_)
    assert np.allclose(centred(ours.scores(x)), centred(theirs.decision_function(z)), atol=1e-3)
    assert ours.predict(x).tolist() == theirs.predict(z).tolist()


@given(seeds, shrinkages)
@settings(max_examples=25)
def test_a_weight_is_a_number_of_repetitions(seed, shrinkage):
    x, emotions = cloud(seed)
    times = np.random.default_rng(seed).integers(1, 4, len(x))
    weighted = lda.fit(x, emotions, shrinkage=shrinkage, weights=times)
    repeated = lda.fit(x.repeat(times, axis=0), emotions.repeat(times), shrinkage=shrinkage)
    assert np.allclose(weighted.scores(x), repeated.scores(x), atol=1e-3)


def test_only_the_proportion_of_weights_counts():
    x, emotions = cloud()
    weights = np.random.default_rng(1).uniform(0.1, 2, len(x))
    once, more = (lda.fit(x, emotions, weights=weights * factor) for factor in (1, 7.5))
    assert np.allclose(once.scores(x), more.scores(x), atol=1e-4)


@given(seeds)
@settings(max_examples=25)
def test_layers_are_fitted_apart_and_averaged(seed):
    x, emotions = cloud(seed)
    together = lda.fit(x, emotions, layers=LAYERS)
    apart = [lda.fit(x[:, layer], emotions).scores(x[:, layer]) for layer in LAYERS]
    assert np.allclose(together.scores(x), np.mean(apart, axis=0), atol=1e-4)


@given(seeds)
@settings(max_examples=25)
def test_the_scale_and_origin_of_a_dimension_do_not_count(seed):
    x, emotions = cloud(seed)
    rng = np.random.default_rng(seed)
    moved = x * rng.uniform(0.5, 20, x.shape[1]) + rng.normal(size=x.shape[1])
    assert np.allclose(lda.fit(x, emotions).scores(x), lda.fit(moved, emotions).scores(moved), atol=1e-2)


def test_a_dimension_that_never_changes_is_ignored():
    x, emotions = cloud()
    flat = np.insert(x, 3, 0.25, axis=1)
    assert lda.fit(flat, emotions).predict(flat).tolist() == lda.fit(x, emotions).predict(x).tolist()


def test_more_dimensions_than_embeddings_are_no_hindrance():
    x, emotions = cloud(n=40, dimensions=300)
    assert (lda.fit(x, emotions).predict(x) == emotions).mean() > 0.95


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"emotions": ["fear"] * 90}, DataError, "at least two emotions"),
        ({"emotions": ["fear", "anger"]}, DataError, "90 embeddings, 2 emotions and 90 weights"),
        ({"weights": np.ones(3)}, DataError, "90 embeddings, 90 emotions and 3 weights"),
        ({"x": np.full((90, 2), np.nan)}, DataError, "not finite"),
        ({"x": np.full((90, 2), np.inf)}, DataError, "not finite"),
        ({"shrinkage": 0.0}, UsageError, "between 0 and 1, got 0"),
        ({"shrinkage": 1.0}, UsageError, "between 0 and 1, got 1"),
        ({"shrinkage": -2.5}, UsageError, r"between 0 and 1, got -2\.5"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, error, words):
    x, emotions = cloud()
    given = {"x": x, "emotions": emotions, **change}
    with pytest.raises(error, match=words):
        lda.fit(**given)
