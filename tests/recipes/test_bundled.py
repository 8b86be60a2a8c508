"""The recipes of what ships: the encoder comes out again, heads are judged on what they have not heard."""

from __future__ import annotations

import importlib
import tomllib

import numpy as np
import pytest
from onnxruntime import InferenceSession

import clips
from affekt import bundle
from affekt.features import whisper
from affekt.training import frozen
from affekt.training.frozen import Embedded

WEIGHTS = clips.SHARED / "weights" / "whisper-tiny.en-encoder"


@pytest.fixture(scope="module")
def recipes():
    """Import a module of the repository's recipes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clips.ROOT))
        yield lambda name: importlib.import_module(f"recipes.bundled.{name}")


@pytest.fixture
def train(recipes, monkeypatch, tmp_path):
    """The recipe of the heads, on embeddings of 12 dimensions, writing into a folder of its own."""
    monkeypatch.setattr(frozen, "LAYERS", tuple(np.arange(i, i + 4) for i in (0, 4, 8)))
    monkeypatch.setattr(bundle, "FOLDER", tmp_path)
    return recipes("train")


def made_up(name):
    """The speakers, emotions and ratings of a corpus as they are; embeddings in which they can be told apart."""
    manifest = clips.corpus(name).filter(lambda u: u.emotion is not None)
    emotions = np.array([u.emotion for u in manifest])
    ratings = [
        (u.affect.valence, u.affect.arousal, u.affect.dominance) if u.affect else (np.nan,) * 3 for u in manifest
    ]
    places = {emotion: np.random.default_rng(i).normal(size=12) for i, emotion in enumerate(sorted(set(emotions)))}
    rng = np.random.default_rng(0)
    plain = np.array([places[emotion] for emotion in emotions]) + rng.normal(0, 0.7, (len(emotions), 12))
    copies = {copy: (plain + rng.normal(0, 0.3, plain.shape)).astype(np.float32) for copy in frozen.COPIES}
    speakers = np.array([u.speaker for u in manifest])
    return Embedded(copies, emotions, speakers, np.full(len(emotions), name), np.array(ratings))


def shipped(name):
    """The card of a bundle that ships, wherever the recipe writes to now."""
    return bundle.card(clips.ROOT / "src" / "affekt" / "bundles" / name)


@pytest.fixture(scope="module")
def parts():
    return {name: made_up(name) for name in clips.NAMES}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch has a newer exporter
def test_the_encoder_comes_out_again(recipes, tmp_path):
    """From the published weights, as the file that ships; to the byte with the versions of constraints.txt."""
    pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    if not WEIGHTS.is_dir():
        pytest.skip("no weights/whisper-tiny.en-encoder in ../shared")
    export_encoder = recipes("export_encoder")
    export_encoder.export(export_encoder.load(WEIGHTS), tmp_path / "again.onnx")
    mel = np.random.default_rng(0).normal(size=(1, 301, 80)).astype(np.float32)
    ours, again = (
        InferenceSession(path).run(None, {"mel": mel})[0] for path in (whisper.WEIGHTS, tmp_path / "again.onnx")
    )
    assert ours.shape == (1, 151, whisper.DIM)
    assert np.allclose(ours, again, atol=1e-2)


def test_nobody_is_judged_by_a_head_that_knows_them(train, parts):
    """Speakers of every corpus are dealt into folds, corpora are left out whole; everything is judged once."""
    data = train.relabelled(frozen.join(list(parts.values())))
    chosen = frozen.Choice(shrinkage=0.75)
    speakers = train.held_out_speakers(data, chosen)
    assert {choice.shrinkage for choice in speakers.choices} == {0.75}  # the card tells of the head that ships
    assert len(speakers.data) == len(data) == 3655
    assert speakers.data.speakers.tolist() == data.speakers.tolist()
    corpora = train.held_out_corpora(data)
    assert len(corpora.data) == len(data)
    assert len(corpora.choices) == 5


def test_calm_is_heard_as_neutral(train, parts):
    data = train.relabelled(frozen.join(list(parts.values())))
    assert "calm" in parts["ravdess"].emotions
    assert sorted(set(data.emotions)) == list(shipped("default").labels)


def test_the_temperature_is_fitted_on_what_a_head_could_know(train, parts):
    """Of these three corpora one alone teaches boredom, another one surprise: where it is left out, nobody knows."""
    data = train.relabelled(frozen.join([parts["emodb"], parts["savee"], parts["urdu"]]))
    held = train.held_out_corpora(data)
    scores, truth, share = train._known(held)
    unknown = np.isin(held.data.emotions, ["boredom", "surprise"])
    assert len(scores) == (~unknown).sum()
    assert np.isfinite(scores[np.arange(len(truth)), truth]).all()
    assert 0.05 < train.fit_temperature(held) < 50
    assert share[held.data.corpora[~unknown] == "emodb"].sum() == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")  # no clip may be uncertain
def test_the_whole_recipe_writes_two_bundles_twice_alike(train, parts, tmp_path, capsys):
    """From embeddings to files that load; the same embeddings give the same bytes."""
    written = []
    for _ in range(2):
        train.default(parts)
        train.permissive(parts)
        written.append({path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")})
    assert written[0] == written[1]
    assert bundle.names() == ["default", "permissive"]
    for name in bundle.names():
        model = bundle.load(name)
        assert model.labels.names == shipped(name).labels
        assert model.card.scores.keys() == shipped(name).scores.keys()
        run = tomllib.loads((tmp_path / name / "run.toml").read_text(encoding="utf-8"))
        assert run["temperature"] == model.card.notes["temperature"]
        probs, affect = model.judge(parts["emodb"].copies["whole"])
        guesses = np.array(model.labels.names)[probs.argmax(axis=1)]
        assert (guesses == parts["emodb"].emotions).mean() > 0.6
        assert np.abs(affect).max() <= 1
    assert "# Affekt permissive" in capsys.readouterr().out
