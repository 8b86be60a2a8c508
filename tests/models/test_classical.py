"""What every classical model owes: it learns, its graph says the same as it does, and bad rows are refused."""

from __future__ import annotations

import numpy as np
import pytest

import clips
from affekt import hearing, registry
from affekt.errors import AffektError, DataError, UsageError
from affekt.models import _classical, forest, gmm, lda, logistic, ridge, svm
from affekt.models._classical import Preparation
from affekt.models._graph import Graph
from affekt.types import LabelSet

LABELS = LabelSet(("anger", "fear", "neutral", "sadness"))
CLASSICAL = [name for name in registry.names("models") if registry.load("models", name).KIND == "classical"]
SMALL = {"forest": {"trees": 20}, "boosting": {"rounds": 5}, "gmm": {"mixtures": 2}, "logistic": {"C": 1.0}}
VARIANTS = [
    *((name, SMALL.get(name, {})) for name in CLASSICAL),
    ("svm", {"kernel": "linear", "C": 0.1}),
    ("svm", {"select": 20, "gamma": 3.0}),
    ("svm", {"scale": False}),
    ("logistic", {"components": 15, "C": 0.1}),
    ("gmm", {"covariance": "full", "components": 10}),
    ("forest", {"trees": 20, "scale": True, "components": 10}),
    ("boosting", {"rounds": 5, "scale": True}),
    ("lda", {"layers": 2, "pools": 2, "components": 12}),
]


def learned(name, x, truth, labels=LABELS, weights=None, **options):
    module = registry.load("models", name)
    return module.learn(x, truth, labels, options=module.Options(**options), weights=weights, seed=0)


def clouds(n=120, dim=24, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % classes
    return (rng.normal(0, 0.4, (n, dim)) + np.eye(classes, dim)[truth]).astype(np.float32), truth


def judged(fitted, x, output="probs"):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(fitted.graph(), providers=["CPUExecutionProvider"])
    return session.run([output], {"x": x})[0]


@pytest.fixture(scope="module")
def speech():
    """eGeMAPS of 160 real clips, and their emotions."""
    manifest = clips.sample(clips.corpus("emodb"), 160)
    labels = manifest.labels
    heard = hearing.Input("egemaps", "functionals")
    x = np.stack([heard.hear(signal) for signal in clips.read(manifest)])
    return x, np.array([labels.index(u.emotion) for u in manifest]), labels


# The graph --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_the_graph_says_what_the_model_says_on_real_features(name, options, speech):
    x, truth, labels = speech
    fitted = learned(name, x[:120], truth[:120], labels, **options).calibrated(1.7)
    assert np.abs(judged(fitted, x) - fitted.probs(x)).max() < 1e-4


@pytest.mark.parametrize(("name", "options"), [(n, SMALL.get(n, {})) for n in CLASSICAL])
def test_two_emotions_are_enough_for_model_and_graph(name, options):
    x, truth = clouds(classes=2)
    labels = LabelSet(("calm", "fear"))
    fitted = learned(name, x, truth, labels, **options)
    assert np.mean(fitted.probs(x).argmax(axis=1) == truth) > 0.9
    assert np.abs(judged(fitted, x) - fitted.probs(x)).max() < 1e-4


@pytest.mark.parametrize("name", ["svm", "boosting"])
def test_an_emotion_that_was_not_in_training_is_never_said(name):
    x, truth = clouds(classes=3)
    fitted = learned(name, x, np.array([0, 1, 3])[truth], **SMALL.get(name, {}))
    probs = fitted.probs(x)
    assert probs[:, 2].max() < 1e-6
    assert np.abs(judged(fitted, x) - probs).max() < 1e-4


def test_a_graph_holds_no_code_and_needs_no_pickle():
    onnx = pytest.importorskip("onnx")
    x, truth = clouds()
    for name in CLASSICAL:
        model = onnx.load_from_string(learned(name, x, truth, **SMALL.get(name, {})).graph())
        assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}


def test_the_affect_of_a_ridge_is_clipped_in_the_graph_as_well():
    x, _ = clouds()
    targets = np.column_stack([x[:, 0] * 3, x[:, 1], x[:, 2]])
    fitted = ridge.learn(x, targets, options=ridge.Options(penalty=0.1))
    graph = Graph(x.shape[1])
    graph.output("affect", fitted.draw(graph), 3)
    import onnxruntime

    said = onnxruntime.InferenceSession(graph.model()).run(["affect"], {"x": x})[0]
    assert np.abs(said - fitted.affect(x)).max() < 1e-5
    assert np.abs(said).max() == 1


# Learning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_it_learns_what_is_plain(name, options):
    x, truth = clouds(dim=24)
    fitted = learned(name, x, truth, **options)
    probs = fitted.probs(x)
    assert np.mean(probs.argmax(axis=1) == truth) > (0.6 if options.get("rounds") or options.get("select") else 0.8)
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-6)
    assert np.allclose(fitted.probs(x[:3]), probs[:3], atol=1e-6), "an answer does not depend on its neighbours"


@pytest.mark.parametrize("name", CLASSICAL)
def test_fitting_twice_gives_the_same(name):
    x, truth = clouds()
    one, other = (learned(name, x, truth, **SMALL.get(name, {})).graph() for _ in range(2))
    assert one == other


@pytest.mark.parametrize("name", ["svm", "logistic", "forest", "boosting", "gmm"])
def test_weights_are_heard(name):
    """Heavy rows of one emotion make it likelier where two overlap."""
    rng = np.random.default_rng(1)
    x, truth = rng.normal(0, 1, (200, 6)).astype(np.float32), np.arange(200) % 2
    labels = LabelSet(("calm", "fear"))
    heavy = learned(name, x, truth, labels, np.where(truth == 1, 20.0, 1.0), **SMALL.get(name, {}))
    alike = learned(name, x, truth, labels, np.ones(200), **SMALL.get(name, {}))
    fresh = rng.normal(0, 1, (200, 6)).astype(np.float32)
    assert heavy.probs(fresh)[:, 1].mean() > alike.probs(fresh)[:, 1].mean() + 0.05


@pytest.mark.parametrize("name", CLASSICAL)
def test_what_does_not_belong_together_is_refused(name):
    x, truth = clouds()
    for rows, answers in ((x[:-1], truth), (np.full_like(x, np.nan), truth), (x, np.zeros_like(truth))):
        with pytest.raises(DataError):
            learned(name, rows, answers, **SMALL.get(name, {}))


@pytest.mark.parametrize("name", CLASSICAL)
def test_options_are_read_and_checked(name):
    options = registry.load("models", name).Options
    assert options() == options()
    with pytest.raises(TypeError):
        options(nonsense=1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: svm.Options(C=0), "C and gamma must be positive"),
        (lambda: logistic.Options(C=-1), "C must be positive"),
        (lambda: gmm.Options(mixtures=0), "mixtures of 1 or more"),
        (lambda: forest.Options(trees=0), "trees and leaf"),
        (lambda: lda.Options(shrinkage=1), "between 0 and 1"),
        (lambda: lda.Options(layers=0), "1 or more"),
        (lambda: ridge.Options(penalty=0), "penalty must be positive"),
        (lambda: Preparation(select=-1), "must not be negative"),
    ],
)
def test_an_option_out_of_range_says_what_is_allowed(make, words):
    with pytest.raises(UsageError, match=words):
        make()


# Preparation ------------------------------------------------------------------------------------------------------


def test_columns_that_tell_emotions_apart_are_selected():
    x, truth = clouds(dim=30)
    prepared = _classical.prepare(x, truth, Preparation(select=4), np.ones(len(x)))
    assert prepared.columns.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("shape", [(200, 12), (20, 60)])
def test_principal_components_are_those_of_scikit_learn(shape):
    decomposition = pytest.importorskip("sklearn.decomposition")
    x = np.random.default_rng(0).normal(size=shape) @ np.random.default_rng(1).normal(size=(shape[1], shape[1]))
    prepared = _classical.prepare(x, np.arange(len(x)) % 2, Preparation(components=5), np.ones(len(x)))
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = decomposition.PCA(5, svd_solver="full").fit_transform(z)
    assert np.allclose(np.abs(prepared(x)), np.abs(theirs), atol=1e-6)


def test_a_column_without_variance_is_no_trouble():
    x, truth = clouds()
    x[:, 5] = 7.0
    assert np.isfinite(learned("svm", x, truth).probs(x)).all()


def test_scaling_is_that_of_the_training_rows():
    x, truth = clouds()
    fitted = learned("logistic", x, truth)
    assert np.allclose(fitted.prepared(x).mean(axis=0), 0, atol=1e-6)
    assert not np.allclose(fitted.prepared(x + 5).mean(axis=0), 0, atol=1)


# Each kind against what it stands for -----------------------------------------------------------------------------


def test_the_margins_of_the_svm_are_those_of_scikit_learn(speech):
    machines = pytest.importorskip("sklearn.svm")
    x, truth, labels = speech
    fitted = learned("svm", x, truth, labels, C=3.0)
    z = fitted.prepared(x)
    theirs = machines.SVC(C=3.0, gamma="scale", decision_function_shape="ovo").fit(z, truth)
    core = fitted.core
    near = np.exp(-core.gamma * ((z[:, None] - core.vectors[None]) ** 2).sum(axis=-1))
    assert np.allclose(near @ core.weights + core.bias, theirs.decision_function(z), atol=1e-6)
    assert np.mean(fitted.probs(x).argmax(axis=1) == theirs.predict(z)) > 0.97, "votes count hairs, margins do not"


def test_the_mixtures_are_likelihoods_of_scikit_learn(speech):
    mixture = pytest.importorskip("sklearn.mixture")
    x, truth, labels = speech
    fitted = learned("gmm", x, truth, labels, mixtures=1, components=5)
    z = fitted.prepared(x)
    theirs = np.column_stack(
        [
            mixture.GaussianMixture(1, covariance_type="diag", reg_covar=0.1).fit(z[truth == i]).score_samples(z)
            for i in range(len(labels))
        ]
    )
    assert np.allclose(fitted.scores(x), theirs, atol=1e-6)


def test_the_lda_is_that_of_the_bundled_models(speech):
    x, truth, labels = speech
    fitted = learned("lda", x, truth, labels, layers=4)
    names = np.array(labels.names)[truth]
    whole = lda.fit(x, names, layers=[np.arange(i * 22, (i + 1) * 22) for i in range(4)])
    assert np.allclose(fitted.scores(x), whole.scores(x), atol=1e-2), "but for single precision"


def test_columns_must_be_dealt_evenly_into_layers():
    x, truth = clouds(dim=24)
    with pytest.raises(UsageError, match="24 columns cannot be dealt into 5 layers and 1 pools"):
        learned("lda", x, truth, layers=5)


def test_a_ridge_leaves_out_rows_that_nobody_rated():
    x, _ = clouds()
    targets = x[:, :3].copy()
    half = ridge.learn(x[:60], targets[:60], options=ridge.Options())
    targets[60:] = np.nan
    assert np.allclose(ridge.learn(x, targets, options=ridge.Options()).weights, half.weights)
    with pytest.raises(AffektError, match="no utterance has valence"):
        ridge.learn(x, np.full((len(x), 3), np.nan), options=ridge.Options())
