"""Classical training: choices and calibration see training speakers only, and every target has its model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affekt import metrics
from affekt.errors import ConfigError, DataError, UsageError
from affekt.training import classical
from affekt.training.examples import Examples
from affekt.training.run import Augmenting, Balance, Data, Features, Model, Run, Target
from affekt.types import LabelSet

LABELS = LabelSet(("anger", "fear", "neutral"))
CENTROIDS = np.array([[-0.6, 0.8, 0.4], [-0.6, 0.5, -0.5], [0.0, 0.0, 0.0]])


def rows(speakers=6, each=4, noise=0.5, seed=0, labels=LABELS):
    """Vectors in which the emotion shows, and the speaker too."""
    rng = np.random.default_rng(seed)
    emotions = np.tile(np.arange(3), speakers * each)
    who = np.repeat([f"toy/{s}" for s in range(speakers)], 3 * each)
    own = rng.normal(0, 0.3, (speakers, 10))[np.repeat(np.arange(speakers), 3 * each)]
    x = (np.eye(3, 10)[emotions] + own + rng.normal(0, noise, (len(who), 10))).astype(np.float32)
    return Examples(
        labels,
        np.array([f"{i}" for i in range(len(who))]),
        who,
        np.array(["toy"] * len(who)),
        x,
        emotions,
        np.eye(3, dtype=np.float32)[emotions],
        (CENTROIDS[emotions] + rng.normal(0, 0.05, (len(who), 3))).astype(np.float32),
        np.ones((len(who), 3), dtype=bool),
    )


def run(model="logistic", kind="emotion", options=None, search=None, **rest):
    return Run(
        "x",
        Data(corpora=("toy",), protocol="speakers/3"),
        Features("egemaps", "functionals"),
        Model(model, options or {}, search or {}),
        Target(kind),
        **rest,
    )


def test_what_is_chosen_and_how_much_was_tried_is_told():
    head, found = classical.fit(rows(), run(search={"C": (1e-6, 1.0)}))
    assert found.options == {"C": 1.0}
    assert found.tried == 2
    assert 0.6 < found.score < 1
    assert head.probs(rows(seed=1).x).shape == (72, 3)


def test_choices_are_made_on_speakers_that_the_judged_model_has_not_heard(monkeypatch):
    data, seen = rows(), []
    learn = classical._learn

    def watched(part, *rest):
        seen.append(set(part.speakers))
        return learn(part, *rest)

    monkeypatch.setattr(classical, "_learn", watched)
    classical.fit(data, run(search={"C": (0.1, 1.0)}))
    everybody = set(data.speakers)
    inner, final = seen[:-1], seen[-1]
    assert final == everybody
    assert len(inner) == 2 * classical.INNER, "the scores that chose also calibrate: nothing is fitted twice"
    assert all(part < everybody for part in inner)


def test_probabilities_are_calibrated_on_speakers_not_heard():
    """A model that is all too sure of the rows it knows is brought down to what strangers show."""
    data, strangers = rows(noise=1.0), rows(speakers=30, noise=1.0, seed=5)
    head, _ = classical.fit(data, run("gmm", options={"mixtures": 1, "floor": 1e-3}))
    names = np.array(LABELS.names)[strangers.emotions]
    fair = metrics.ece(names, head.probs(strangers.x).astype(float), labels=LABELS)
    raw = metrics.ece(names, head.emotion.calibrated(1.0).probs(strangers.x).astype(float), labels=LABELS)
    assert head.emotion.temperature > 1.2
    assert fair < 0.6 * raw


def test_one_speaker_can_be_learned_from_without_calibration():
    data = rows()
    head, _ = classical.fit(data.part(data.speakers == "toy/0"), run())
    assert head.emotion.temperature == 1.0


def test_affect_is_learned_by_a_ridge_whose_spread_is_that_of_the_ratings():
    data, strangers = rows(noise=1.0), rows(speakers=30, noise=1.0, seed=5)
    matched, found = classical.fit(data, run("ridge", "affect", search={"penalty": (0.1, 10.0)}))
    plain = classical.fit(data, replace(run("ridge", "affect"), target=Target("affect", affect_loss="mse")))[0]
    scores = [
        np.mean([metrics.ccc(strangers.affect[:, i], head.affect(strangers.x)[:, i]) for i in range(3)])
        for head in (matched, plain)
    ]
    assert scores[0] > scores[1], "least squares shrinks towards the mean"
    assert found.tried == 2
    assert matched.probs(strangers.x) is None


def test_emotion_and_affect_together_are_one_graph():
    onnxruntime = pytest.importorskip("onnxruntime")
    data = rows()
    head, _ = classical.fit(data, run("svm", "both"))
    probs, affect = onnxruntime.InferenceSession(head.graph()).run(["probs", "affect"], {"x": data.x})
    assert np.abs(probs - head.probs(data.x)).max() < 1e-4
    assert np.abs(affect - head.affect(data.x)).max() < 1e-4


def test_soft_labels_teach_what_the_raters_doubted():
    data = rows(noise=0.05)
    doubt = np.where(data.emotions[:, None] == 0, [0.5, 0.5, 0.0], data.ratings).astype(np.float32)
    soft, _ = classical.fit(replace(data, ratings=doubt), run("logistic", "ratings", options={"C": 1.0}))
    hard, _ = classical.fit(data, run("logistic", options={"C": 1.0}))
    anger = data.emotions == 0
    # The calibration follows the hard labels, so the scores are compared.
    gap = [np.ptp(head.emotion.scores(data.x)[anger][:, :2], axis=1).mean() for head in (soft, hard)]
    assert gap[0] < 0.5 * gap[1]


def test_copies_are_learned_from_by_their_weight_and_never_judged():
    data = rows(noise=0.1)
    misleading = replace(data, copies=(np.roll(data.x, 1, axis=0),))  # each sounds as another emotion does
    right = {}
    for weight in (20.0, 1e-9):
        head, found = classical.fit(misleading, run(augment=Augmenting(("phone",), weights=(weight,))))
        right[weight] = np.mean(head.probs(data.x).argmax(axis=1) == data.emotions)
        assert found.score == pytest.approx(right[weight], abs=0.1)
    assert right[20.0] < 0.1
    assert right[1e-9] > 0.9


def test_an_emotion_that_a_corpus_has_not_is_not_held_against_it():
    """Rows are judged among the emotions that their corpus could have named."""
    data = rows(noise=0.05)
    known = np.ones((len(data), 3), dtype=bool)
    known[:, 1] = data.emotions == 1
    trial = classical._Trial(
        replace(data, known=known), run(), classical.registry.load("models", "gmm"), classical.Progress()
    )
    assert trial.emotion_score({}) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("strategy", ["none", "inverse", "effective", "logit-adjustment", "oversample", "smote"])
def test_every_strategy_against_imbalance_can_be_trained(strategy):
    data = rows(speakers=8)
    rare = data.part((data.emotions != 2) | (np.arange(len(data)) % 4 == 0))
    head, _ = classical.fit(rare, run(balance=Balance(strategy)))
    assert np.mean(head.probs(data.x).argmax(axis=1) == data.emotions) > 0.5


def test_strategies_against_imbalance_find_more_of_the_rare_emotion():
    data, strangers = rows(speakers=10, noise=1.2), rows(speakers=30, noise=1.2, seed=9)
    rare = data.part((data.emotions != 2) | (np.arange(len(data)) % 12 == 2))
    recall = {}
    for strategy in ("none", "inverse", "logit-adjustment", "oversample"):
        head, _ = classical.fit(rare, run(options={"C": 1.0}, balance=Balance(strategy)))
        recall[strategy] = np.mean(head.probs(strangers.x).argmax(axis=1)[strangers.emotions == 2] == 2)
    assert min(recall[s] for s in ("inverse", "logit-adjustment", "oversample")) > recall["none"] + 0.1


def test_what_a_model_cannot_learn_is_answered_with_those_that_can():
    with pytest.raises(UsageError, match=r"svm cannot learn the target 'affect'; on vectors, ridge can"):
        classical.fit(rows(), run("svm", "affect"))
    with pytest.raises(UsageError, match=r"ridge cannot learn the target 'emotion'; on vectors, boosting, forest"):
        classical.fit(rows(), run("ridge"))


def test_frames_are_refused():
    data = replace(rows(), x=[np.zeros((3, 10), np.float32)] * 72)
    with pytest.raises(UsageError, match=r'hears one vector per utterance: set features\.level = "functionals"'):
        classical.fit(data, run())


def test_a_wrong_option_is_answered_with_the_closest():
    with pytest.raises(ConfigError, match=r"model\.options of svm: no key is called 'gama'; did you mean 'gamma'"):
        classical.fit(rows(), run("svm", options={"gama": 1.0}))


def test_weights_of_copies_must_be_as_many_as_the_copies():
    with pytest.raises(UsageError, match=r"augment\.weights has 2 numbers for 0 copies"):
        classical.fit(rows(), run(augment=Augmenting(weights=(1.0, 0.5))))


def test_nothing_to_learn_is_an_error():
    data = rows()
    with pytest.raises(DataError, match="no utterance has an emotion"):
        classical.fit(replace(data, emotions=np.full(len(data), -1)), run())
