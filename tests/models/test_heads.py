"""What the linear heads of the bundled models owe: `fit(x, emotions)` or `fit(x, targets)` answers once per embedding.

The contract of all models of the lab is held by test_classical.py and test_neural.py.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from affekt import registry
from affekt.errors import DataError

NUMBERS = np.repeat(np.arange(3), 20)
TRUTHS = {"emotions": np.array(["anger", "neutral", "sadness"])[NUMBERS], "targets": np.eye(3)[NUMBERS]}


def rounded(answers):
    """Numbers to the nearest whole one, names as they are."""
    return answers.round() if answers.dtype.kind == "f" else answers


@pytest.fixture(params=["lda", "ridge"])
def model(request):
    return registry.load("models", request.param)


@pytest.fixture
def x():
    """Three clouds, well apart."""
    return (np.random.default_rng(0).normal(0, 0.1, (60, 12)) + np.eye(3, 12)[NUMBERS]).astype(np.float32)


@pytest.fixture
def truth(model):
    """Emotions or targets, as the model's second argument is called."""
    return TRUTHS[list(inspect.signature(model.fit).parameters)[1]]


def test_settings_are_given_by_name(model):
    first, second, *settings = inspect.signature(model.fit).parameters.values()
    assert first.name == "x"
    assert second.name in TRUTHS
    assert all(setting.kind is inspect.Parameter.KEYWORD_ONLY for setting in settings)
    assert "weights" in {setting.name for setting in settings}


def test_it_learns_what_is_plain(model, x, truth):
    said = model.fit(x, truth).predict(x)
    assert said.shape == truth.shape
    assert np.mean(rounded(said) == truth) > 0.95


def test_an_answer_does_not_depend_on_its_neighbours(model, x, truth):
    fitted = model.fit(x, truth)
    assert np.array_equal(rounded(fitted.predict(x[:1])), rounded(fitted.predict(x)[:1]))


def test_fitting_twice_gives_the_same(model, x, truth):
    assert np.array_equal(model.fit(x, truth).predict(x), model.fit(x, truth).predict(x))


def test_equal_weights_are_no_weights(model, x, truth):
    weighted = model.fit(x, truth, weights=np.full(len(x), 3.0)).predict(x)
    assert np.array_equal(rounded(weighted), rounded(model.fit(x, truth).predict(x)))


def test_what_does_not_belong_together_is_refused(model, x, truth):
    with pytest.raises(DataError):
        model.fit(x[:-1], truth)
    with pytest.raises(DataError):
        model.fit(np.full_like(x, np.nan), truth)
