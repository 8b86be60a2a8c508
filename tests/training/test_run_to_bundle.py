"""train(): from a CSV and WAV files to a model that predicts; what was done is kept, told and not done twice."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tones
from affekt import bundle, config, datasets, recognizer, training
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.training import examples, folder
from affekt.training.run import Augmenting, Balance, Data, Features, Model, Optimise, Run, Target
from affekt.types import Signal
from affekt.windows import whole

pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")


class Told(training.Progress):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return tones.corpus(tmp_path_factory.mktemp("corpus"), affect=True)


@pytest.fixture
def run(corpus, tmp_path):
    return Run(
        "toy",
        Data(manifest=corpus, protocol="speakers/3"),
        Features("logmel", "functionals"),
        Model("logistic", search={"C": (0.01, 1.0)}),
        folder=tmp_path / "runs",
        cache=tmp_path / "cache",
    )


def test_a_run_learns_tests_and_leaves_everything_behind(run):
    told = Told()
    result = training.train(run, progress=told)
    assert result.scores["uar"]["value"] > 0.9
    assert result.scores["n"] == 36
    assert {path.name for path in result.folder.iterdir()} == {
        *("run.toml", "data.json", "environment.json", "folds", "predictions.csv", "metrics.json", "bundle")
    }
    metrics = json.loads((result.folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == json.loads(json.dumps(result.to_dict()))
    assert (metrics["split"], metrics["tested"], metrics["tried"]) == ("speaker-independent", "test speakers", 6)
    assert [fold["fold"] for fold in metrics["folds"]] == ["1", "2", "3"]
    assert {"options", "validation", "tried", "seconds", "uar"} <= set(metrics["folds"][0])
    assert [note.split(":")[0] for note in told.notes[:3]] == ["fold 1", "fold 2", "fold 3"]


def test_the_run_is_kept_so_that_it_can_be_done_again(run):
    result = training.train(run, bundle=False)
    again = config.load(Run, result.folder / "run.toml")
    assert replace(again, folder=run.folder, cache=run.cache) == run
    about = json.loads((result.folder / "environment.json").read_text(encoding="utf-8"))
    assert about["packages"]["numpy"] == np.__version__
    assert about["fingerprints"] == {"table": datasets.load("table", run.data.manifest).fingerprint}
    assert set(about) >= {"python", "system", "git", "command", "processors"}


def test_predictions_are_of_speakers_that_were_not_heard(run):
    result = training.train(run, bundle=False)
    rows = list(csv.DictReader((result.folder / "predictions.csv").open(encoding="utf-8")))
    assert len({row["id"] for row in rows}) == 36
    _, folds = examples.load(run)
    speakers = {f.name: {str(s) for s in np.array([r["speaker"] for r in rows if r["fold"] == f.name])} for f in folds}
    assert sum(len(own) for own in speakers.values()) == 6, "each speaker was tested in one fold"


def test_the_same_run_gives_the_same_results(run, tmp_path):
    one = training.train(run)
    other = training.train(replace(run, folder=tmp_path / "elsewhere"))
    for name in ("predictions.csv", "bundle/model.onnx"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()


# The bundle -------------------------------------------------------------------------------------------------------


def test_the_bundle_predicts_what_the_model_learned(run):
    result = training.train(run)
    model = bundle.load(result.bundle)
    signals = [Signal(tones.hum(emotion, 777, 2.0), 16000) for emotion in tones.EMOTIONS]
    assert [said.emotion for said in model.predict([whole(s) for s in signals])] == list(tones.EMOTIONS)
    assert all(said.affect is None for said in model.predict([whole(s) for s in signals]))
    timeline = recognizer.load(result.bundle).predict(signals[0].samples, 16000, whole=True)
    assert timeline.turns[0].prediction.emotion == "anger"
    assert timeline.turns[0].prediction.model == "toy@1"


def test_the_card_says_what_it_is_and_what_it_must_not_be_used_for(run):
    card = bundle.card(training.train(run).bundle)
    assert card.use == "research", "nobody said what the data may be used for"
    assert card.labels == tones.EMOTIONS
    assert card.trained_on == ("table: 36 utterances, 6 speakers (as your data's owner says)",)
    assert card.input["set"] == "logmel"
    assert any("employees" in limit for limit in card.limits)
    assert "uar" in card.scores["speakers/3, speakers not heard"]
    assert "Hears: functionals of logmel, version 1" in card.text
    assert card.size < 1e6, "no encoder is counted that it does not use"


def test_a_bundle_of_other_features_is_refused(run, monkeypatch):
    path = training.train(run).bundle
    monkeypatch.setattr("affekt.hearing.version", lambda name: "99")
    with pytest.raises(bundle.BundleError, match=r"version 1 of the features logmel; here is 99: train it again"):
        bundle.load(path)


@pytest.mark.parametrize("model", ["svm", "forest", "gmm", "lda", "boosting"])
def test_every_classical_model_goes_all_the_way(run, model):
    options = {"forest": {"trees": 20}, "boosting": {"rounds": 5, "leaf": 2}, "gmm": {"mixtures": 1}}.get(model, {})
    result = training.train(replace(run, model=Model(model, options), data=replace(run.data, folds=(0,))))
    said = bundle.load(result.bundle).predict([whole(Signal(tones.hum("sadness", 5), 16000))])
    assert said[0].emotion == "sadness"


def test_emotion_and_affect_together(run):
    result = training.train(replace(run, target=Target("both")))
    assert result.scores["ccc"]["arousal"]["value"] > 0.8
    (said,) = bundle.load(result.bundle).predict([whole(Signal(tones.hum("anger", 5), 16000))])
    assert said.emotion == "anger"
    assert said.affect.arousal > 0.3


def test_affect_alone_is_scored_and_makes_no_bundle(run):
    told = Told()
    result = training.train(replace(run, target=Target("affect"), model=Model("ridge")), progress=told)
    assert result.scores["ccc"]["arousal"]["value"] > 0.8
    assert "uar" not in result.scores
    assert result.bundle is None
    assert any('target.kind = "both" gives one' in note for note in told.notes)


def test_a_network_goes_all_the_way(run):
    pytest.importorskip("torch")
    pytest.importorskip("accelerate")
    asked = replace(
        run,
        features=Features("logmel"),
        model=Model("cnn", {"channels": (4, 4, 4)}),
        optimise=Optimise(epochs=2, batch=12.0, rate=0.01),
        data=replace(run.data, folds=(0,)),
    )
    result = training.train(asked)
    assert result.folds[0]["epochs"] in (1, 2)
    assert not (result.folder / "checkpoints").exists()
    model = bundle.load(result.bundle)
    said = model.predict([whole(Signal(tones.hum("anger", 5, seconds), 16000)) for seconds in (0.5, 2.0)])
    assert len(said) == 2
    assert said[0].affect is None, "it has the output, but nobody taught it"


# Again, and interrupted -------------------------------------------------------------------------------------------


def test_a_finished_fold_is_not_trained_again(run, monkeypatch):
    fit, trained = training.fit, []

    def breaks(rows, fold, *rest, **named):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(fold.name)
        return fit(rows, fold, *rest, **named)

    monkeypatch.setattr(training, "fit", breaks)
    with pytest.raises(KeyboardInterrupt):
        training.train(run)
    monkeypatch.setattr(training, "fit", lambda r, fold, *a, **k: trained.append(fold.name) or fit(r, fold, *a, **k))
    told = Told()
    result = training.train(run, progress=told)
    assert trained == ["1", "2", "3", "final"]
    assert told.notes[:2] == ["fold 1: done before", "fold 2: done before"]
    monkeypatch.setattr(training, "fit", fit)
    whole_run = training.train(replace(run, folder=run.folder / "whole"))
    assert result.scores == whole_run.scores


def test_another_run_in_the_folder_is_refused(run):
    training.train(run, bundle=False)
    with pytest.raises(UsageError, match="holds another run; give the run another name"):
        training.train(replace(run, seed=1))


def test_the_same_run_on_other_data_is_refused(run, tmp_path):
    table = tones.corpus(tmp_path / "own")
    asked = replace(run, data=replace(run.data, manifest=table))
    training.train(asked, bundle=False)
    table.write_text(table.read_text().replace("anger,s0", "sadness,s0"), encoding="utf-8")
    with pytest.raises(UsageError, match="holds this run on other data"):
        training.train(asked)


# Splits that are none ---------------------------------------------------------------------------------------------


def test_without_a_protocol_development_speakers_are_judged(run):
    result = training.train(replace(run, data=Data(manifest=run.data.manifest)))
    assert 0 < result.scores["n"] < 36
    assert result.to_dict()["tested"] == "development speakers"
    (scores,) = bundle.card(result.bundle).scores
    assert scores.startswith("development speakers")


def test_a_leak_is_stamped_on_every_output(run):
    leaky = replace(run, name="leaky", data=replace(run.data, protocol="random/3"))
    with pytest.raises(DataError, match="allow_leak"):
        training.train(leaky)
    result = training.train(replace(leaky, data=replace(leaky.data, allow_leak=True)))
    assert result.leaky
    assert result.to_dict()["split"] == "LEAKY"
    assert "LEAKY" in (result.folder / "predictions.csv").read_text(encoding="utf-8").splitlines()[1]
    card = bundle.card(result.bundle)
    assert "LEAKY" in card.title
    assert "LEAKY" in card.licence_line, "it stands below every result"
    assert card.limits[0].startswith("LEAKY")


def test_a_recording_that_cannot_be_read_is_told_and_left_out(run, tmp_path):
    table = tones.corpus(tmp_path / "own")
    (table.parent / "mine-0-anger-0.wav").write_bytes(b"")
    result = training.train(replace(run, data=replace(run.data, manifest=table)), bundle=False)
    assert result.scores["n"] == 35
    assert len(result.skipped) == 1
    assert result.to_dict()["skipped"][0].startswith("mine-0-anger-0.wav")


def test_a_single_speaker_is_not_judged_by_a_model_that_knows_him(run, tmp_path):
    table = tones.corpus(tmp_path / "own", speakers=1)
    with pytest.raises(DataError, match="nobody is left to be judged"):
        training.train(replace(run, data=Data(manifest=table)))


# What does not go together ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": Model("svmm")}, UnknownNameError, "did you mean 'svm'"),
        ({"features": Features("logmel", "frames")}, UsageError, r'set features\.level = "functionals"'),
        ({"model": Model("logistic", search={"stepz": (1,)})}, UsageError, "did you mean 'steps'"),
        ({"model": Model("logistic", search={"C": (1.0, -1.0)})}, UsageError, "C must be positive"),
        ({"balance": Balance("focal")}, UsageError, "is for networks; a classical model takes none, inverse"),
        ({"target": Target("affect")}, UsageError, "logistic cannot learn the target 'affect'"),
        ({"augment": Augmenting(("phon",))}, UnknownNameError, "did you mean 'phone'"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_made(run, change, error, words):
    with pytest.raises(error, match=words):
        training.train(replace(run, **change))
    assert not run.folder.exists()


@pytest.mark.parametrize("name", ["a/b", "", "../x", ".hidden"])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(UsageError, match="it names a folder"):
        Run(name, Data(corpora=("emodb",)))


def test_the_revision_tells_changed_files(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert folder.revision() is None


# Several corpora --------------------------------------------------------------------------------------------------


def test_corpora_with_different_labels_learn_together_and_are_judged_by_their_own(run, tmp_path):
    sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
    import layouts

    for name in ("savee", "emodb"):
        layouts.build(name, tmp_path / "corpora", layouts.noise)
    data = Data(corpora=("savee", "emodb"), root=tmp_path / "corpora", protocol="speakers/3")
    result = training.train(replace(run, data=data, model=Model("lda")))
    assert set(result.judged.labels) > {"boredom", "surprise"}
    corpora = result.to_dict()["corpora"]
    assert {label for label, n in zip(*_said(corpora["savee"]), strict=True) if n} <= set(
        datasets.card("savee").label_set
    )
    assert {label for label, n in zip(*_said(corpora["emodb"]), strict=True) if n} <= set(
        datasets.card("emodb").label_set
    )
    assert bundle.card(result.bundle).use == "research", "the strictest of the two"


def _said(scores):
    """Labels, and how often each was said."""
    return scores["confusion"]["labels"], np.sum(scores["confusion"]["counts"], axis=0)


def test_a_network_s_options_are_chosen_on_development_speakers(run):
    pytest.importorskip("torch")
    pytest.importorskip("accelerate")
    asked = replace(
        run,
        features=Features("logmel"),
        model=Model("cnn", {"channels": (4, 4, 4)}, search={"dropout": (0.0, 0.2)}),
        optimise=Optimise(epochs=1, batch=12.0),
        data=replace(run.data, folds=(0,)),
    )
    result = training.train(asked, bundle=False)
    assert result.tried == 2
    assert result.folds[0]["options"]["dropout"] in (0.0, 0.2)


def test_what_tensorboard_hears_outlives_the_run(run):
    pytest.importorskip("torch")
    pytest.importorskip("accelerate")
    pytest.importorskip("tensorboard")
    asked = replace(
        run,
        features=Features("logmel"),
        model=Model("cnn", {"channels": (4, 4, 4)}),
        optimise=Optimise(epochs=1, batch=12.0),
        data=replace(run.data, folds=(0,)),
        tensorboard=True,
    )
    folder = training.train(asked, bundle=False).folder
    assert not (folder / "checkpoints").exists()
    (events,) = folder.rglob("events*")
    assert events.relative_to(folder).as_posix().startswith("tensorboard/00/00/seed0/")


def test_features_that_may_not_be_sold_make_a_model_that_may_not_be_sold(run, monkeypatch):
    free = training.train(run, bundle=False)
    monkeypatch.setattr("affekt.features.logmel.LICENCE", "openSMILE: research only", raising=False)
    own = training.cards.Made((replace(clips_like(free), name="emodb"),), examples.input_of(run), {})
    card = training.cards.card(free, own)
    assert card.use == "research"
    assert card.licence == "CC0-1.0; features: openSMILE: research only"
    monkeypatch.setattr("affekt.features.logmel.LICENCE", "Apache-2.0")
    assert training.cards.card(free, own).use == "anything"


def clips_like(result):
    """The data of a run as a manifest under CC0."""
    return replace(datasets.load("table", result.run.data.manifest), licence="CC0-1.0")


def test_a_bundle_predicts_where_no_extra_is_installed(run):
    path = training.train(run).bundle
    code = (
        "import sys; hidden = ('torch', 'sklearn', 'onnx', 'imblearn', 'optuna', 'scipy', 'transformers')\n"
        "sys.modules.update(dict.fromkeys(hidden))\n"
        "import affekt, numpy as np\n"
        f"model = affekt.load({str(path)!r})\n"
        "said = model.predict(np.random.default_rng(0).normal(0, 0.1, 16000), 16000, whole=True)\n"
        "print(said.turns[0].prediction.emotion in ('anger', 'neutral', 'sadness'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
