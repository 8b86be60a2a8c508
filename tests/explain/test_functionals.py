"""Shapley values against all orders, and a linear model's own weights; importance against a feature that decides."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from ears import LABELS, functional_bundle, noise
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt import explain, features, windows
from affekt.explain import functionals
from affekt.explain._judge import Judge
from affekt.explain.examples import Examples
from affekt.manifest import Manifest
from affekt.types import LabelSet, Utterance

pytest.importorskip("onnx", reason="onnx is not installed: make test installs it")


def twisted(x):
    """Not additive: products, a maximum and a bend."""
    return x[:, 0] * x[:, 1] + np.maximum(x[:, 2], x[:, 3]) + np.tanh(3 * x[:, 0] - x[:, 3])


def exact(score, own, typical):
    """The definition: over all orders."""
    worth = np.zeros(len(own))
    orders = list(permutations(range(len(own))))
    for order in orders:
        at = typical.copy()
        for column in order:
            before = score(at[None])[0]
            at[column] = own[column]
            worth[column] += (score(at[None])[0] - before) / len(orders)
    return worth


def test_sampled_values_are_those_of_all_orders():
    rng = np.random.default_rng(0)
    for _ in range(5):
        own, typical = rng.normal(size=(2, 4))
        found = functionals.shapley(twisted, own, typical, orders=1500)
        assert found == pytest.approx(exact(twisted, own, typical), abs=0.05)


@given(seed=st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_values_add_up_to_the_difference(seed):
    own, typical = np.random.default_rng(seed).normal(size=(2, 4))
    found = functionals.shapley(twisted, own, typical, orders=3)
    assert found.sum() == pytest.approx(float((twisted(own[None]) - twisted(typical[None]))[0]))


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """A linear model on prosody, its weights, and examples."""
    names = features.load("prosody").functional_names
    rng = np.random.default_rng(1)
    weights = rng.normal(0, 0.002, (len(names), len(LABELS)))
    weights[names.index("loudness_mean")] = (1.0, 0.0, -1.0)
    model = functional_bundle(tmp_path_factory.mktemp("ours"), weights, np.zeros(len(LABELS)))
    x = np.array([model.hear(noise(0.6, seed)) for seed in range(4)])
    return model, weights, np.concatenate([x, x + rng.normal(0, 1, x.shape)]).astype(np.float64)


def test_of_a_linear_model_and_two_emotions_the_values_are_exact(linear):
    model, weights, x = linear
    window = windows.whole(noise(1.0, 9))
    found = functionals.contributions(Judge(model, window, "anger", "sadness"), x)
    own, typical = model.hear(window.signal).astype(float), np.median(x, axis=0)
    expected = (weights[:, 0] - weights[:, 2]) * (own - typical)
    names = features.load("prosody").functional_names
    assert {one.name: one.worth for one in found} == pytest.approx(dict(zip(names, expected, strict=True)), abs=2e-3)
    assert [abs(one.worth) for one in found] == sorted((abs(one.worth) for one in found), reverse=True)
    assert all(one.definition for one in found)


def test_the_feature_that_decides_is_the_important_one(linear):
    model, _, x = linear
    names = features.load("prosody").functional_names
    loud = names.index("loudness_mean")
    rows = np.tile(np.median(x, axis=0), (40, 1))
    rows[:, loud] = np.repeat([30.0, -30.0], 20)
    rows[:, 0] += np.random.default_rng(0).normal(size=40)
    truth = np.array(LABELS.names)[model.judge(rows.astype(np.float32))[0].argmax(axis=1)].tolist()
    lost = functionals.importance(model, rows, truth)
    assert set(truth) == {"anger", "sadness"}
    assert lost.argmax() == loud
    assert lost[loud] == pytest.approx(0.5, abs=0.15)
    assert np.abs(np.delete(lost, loud)).max() == 0


def test_an_explanation_gets_its_features_from_examples(linear):
    model, _, x = linear
    rows = tuple(Utterance(f"u{i}", f"u{i}.wav", f"o/{i}", LABELS.names[i % 3]) for i in range(len(x)))
    among = Examples(Manifest("ours", LabelSet(LABELS.names), rows, "", ""), rows, x)
    said = explain.explain(model, windows.whole(noise(0.5, 3)), fast=True)
    assert said.contributions == ()
    found = explain.compare(said, model, among, count=2)
    assert len(found.contributions) == x.shape[1]
    assert len(found.nearest) == 2
    assert found.remarks == ()
    assert len(found.notes) == len(said.notes) - 1
    assert found.to_dict()["features"][0]["name"] == found.contributions[0].name
