"""From a run, any CSV, or a bundle to judgements: what stands there is what is scored, and a leak is noticed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import soundfile

import clips
import judged
import tones
from affekt import bundle, datasets, recognizer, windows
from affekt.bundle import Bundle
from affekt.cache import Cache
from affekt.errors import DataError, UsageError
from affekt.evaluation import judgements, scores
from affekt.evaluation.judgements import Judgements
from affekt.manifest import Manifest
from affekt.training.results import table
from affekt.types import Affect, LabelSet, Segment, Signal, Utterance

HEAD = "id,speaker,truth,p_anger,p_neutral"


def csv(tmp_path, *lines, name="made.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# A table ----------------------------------------------------------------------------------------------------------


def test_id_speaker_truth_and_probabilities_are_enough(tmp_path):
    found = judgements.read(csv(tmp_path, HEAD, "a,ada,anger,0.75,0.25", "b,ben,,0.4,0.6"))
    assert (found.name, found.labels.names) == ("made", ("anger", "neutral"))
    assert found.ids.tolist() == ["a", "b"]
    assert found.truth.tolist() == [0, -1]
    assert found.names.tolist() == ["anger", ""]
    assert found.said.tolist() == ["anger", "neutral"]
    assert found.probs.tolist() == [[0.75, 0.25], [0.4, 0.6]]
    assert found.named.tolist() == [True, False]
    assert not found.leaky


def test_a_prediction_alone_is_enough(tmp_path):
    found = judgements.read(csv(tmp_path, "id,speaker,truth,prediction", "a,ada,neutral,anger", "b,ben,anger,anger"))
    assert found.probs is None
    assert found.labels.names == ("anger", "neutral")
    assert found.said.tolist() == ["anger", "anger"]
    assert scores.evaluate(found, bootstraps=5)["emotion"]["uar"]["value"] == 0.5


def test_affect_alone_is_enough(tmp_path):
    lines = ["0.1,0.2,0.3,0.1,0.2,0.2", "0.5,-0.2,0,0.4,-0.2,0.1", ",,,0.1,0.1,0.1"]
    head = "id,speaker,truth,true_valence,true_arousal,true_dominance,valence,arousal,dominance"
    found = judgements.read(csv(tmp_path, head, *(f"{i},s{i},,{line}" for i, line in enumerate(lines))))
    assert found.rated[1].tolist() == [0.5, -0.2, 0.0]
    assert np.isnan(found.rated[2]).all()
    assert not found.named.any()
    assert scores.evaluate(found, bootstraps=5)["affect"]["n"] == 2


def test_a_decision_beside_the_probabilities_is_what_was_said(tmp_path):
    lines = ("a,ada,anger,0.45,0.55,anger", "b,ben,neutral,0.4,0.6,neutral")
    found = judgements.read(csv(tmp_path, HEAD + ",prediction", *lines))
    assert found.said.tolist() == ["anger", "neutral"]
    assert found.part(np.array([1])).said.tolist() == ["neutral"]


def test_what_a_corpus_was_not_offered_is_taken_away(tmp_path):
    """As `affekt train` scores corpora with other emotions: each is judged by its own."""
    head = "id,corpus,speaker,truth,prediction,p_anger,p_calm,p_neutral"
    lines = ("a,x,x/1,anger,anger,0.4,0.5,0.1", "b,x,x/2,neutral,neutral,0.1,0.5,0.4", "c,y,y/1,calm,calm,0.2,0.5,0.3")
    found = judgements.read(csv(tmp_path, head, *lines))
    assert found.probs[0].tolist() == pytest.approx([0.8, 0, 0.2])
    assert found.probs[2].tolist() == [0, 1, 0]


def test_merged_emotions_count_as_one(tmp_path):
    path = csv(tmp_path, HEAD + ",p_calm", "a,ada,calm,0.1,0.3,0.6", "b,ben,neutral,0.5,0.3,0.2")
    found = judgements.read(path, merge={"calm": "neutral"})
    assert found.labels.names == ("anger", "neutral")
    assert found.names.tolist() == ["neutral", "neutral"]
    np.testing.assert_allclose(found.probs, [[0.1, 0.9], [0.5, 0.5]])
    assert found.about["merge"] == {"calm": "neutral"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((HEAD,), "has a header and no rows"),
        (("id,truth,p_anger", "a,anger,1"), "line 1: no column speaker; found id, truth, p_anger"),
        (("",), "line 1: no column id, speaker, truth; found nothing: the file is empty"),
        (("id,speaker,truth", "a,ada,anger"), "line 1: says nothing of what was judged; needs a column p_EMOTION"),
        ((HEAD, "a,ada,anger,0.5,0.5", "b,ben,fear,0.5,0.5"), "line 3: truth is 'fear', none of the emotions"),
        ((HEAD, "a,ada,anger,0.5,x"), "line 2: p_neutral must be a number, not 'x'"),
        ((HEAD, "a,ada,anger,1.5,-0.5"), "line 2: p_anger must be a probability, 0 to 1, not '1.5'"),
        ((HEAD, "a,ada,anger,0.5,nan"), "line 2: p_neutral must be a probability"),
        ((HEAD, "a,ada,anger,0.5,0.4"), "line 2: the probabilities sum to 0.9, not to 1"),
        ((HEAD, "a,ada,anger,0.5,0.5", "a,ada,anger,0.5,0.5"), "line 3: the id 'a' stands in line 2 already"),
        ((HEAD, "a,,anger,0.5,0.5"), "line 2: every row needs an id and a speaker"),
        ((HEAD, "a,ada,anger,0.5"), "line 2: expected 5 fields"),
        ((HEAD + ",prediction", "a,ada,anger,0.5,0.5,anger", "b,ada,anger,0.5,0.5,"), "line 3: no prediction"),
    ],
)
def test_a_wrong_table_is_refused_with_the_line(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        judgements.read(csv(tmp_path, *lines))


AFFECT = "true_valence,true_arousal,true_dominance,valence,arousal,dominance"


@pytest.mark.parametrize("value", ["1e200", "-1e6", "inf", "-inf", "1" + 200 * "0"])
@pytest.mark.parametrize("place", [0, 4])
def test_affect_beyond_any_scale_is_refused_with_the_line(tmp_path, value, place):
    wild = [value if column == place else "0.1" for column in range(6)]
    path = csv(tmp_path, f"id,speaker,truth,{AFFECT}", "a,x,,1,2,3,4,5,7", f"b,y,,{','.join(wild)}")
    with pytest.raises(DataError, match=f"line 3: {AFFECT.split(',')[place]} is '.*', beyond any scale") as refused:
        judgements.read(path)
    assert len(str(refused.value)) < 300 + len(str(path))


def test_what_is_not_there_or_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="there is no file or folder"):
        judgements.read(tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"holds no predictions\.csv, so it is no finished run"):
        judgements.read(tmp_path)
    (tmp_path / "x.json").write_text('{"schema": "affekt.training/1"}', encoding="utf-8")
    with pytest.raises(DataError, match=r"is no evaluation of the kind affekt\.evaluation/1"):
        judgements.read(tmp_path / "x.json")


# A run ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of `affekt train` on hummed tones, with its bundle."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")
    from affekt import config, training

    folder = tmp_path_factory.mktemp("run")
    text = {
        "name": "toy",
        "folder": str(folder / "runs"),
        "cache": str(folder / "cache"),
        "data": {"manifest": str(tones.corpus(folder / "corpus")), "protocol": "speakers/3"},
        "features": {"set": "logmel", "level": "functionals"},
        "model": {"name": "logistic"},
    }
    return training.train(config.parse(training.Run, text))


def test_a_run_gives_the_scores_that_training_told(run):
    found = judgements.read(run.folder)
    assert found.name == "toy"
    assert found.about["protocol"] == "speakers/3"
    assert found.about["tried"] == run.tried
    assert list(found.about["fingerprints"]) == ["table"]
    own = scores.evaluate(found)
    for name in ("uar", "accuracy", "macro_f1", "weighted_f1"):
        assert own["emotion"][name] == run.scores[name], name
    assert own["emotion"]["confusion"] == run.scores["confusion"]
    assert [fold["uar"]["value"] for fold in own["folds"]] == [fold["uar"] for fold in run.folds]


def test_a_name_that_a_spreadsheet_takes_for_a_formula_stays_as_it_is(run, tmp_path):
    """docs/evaluation.md says so: a name that was changed would not be found again."""
    names = np.array([f"=cmd|' /C calc'!A{row}" for row in range(len(run.judged))])
    examples = replace(run.judged.examples, ids=names)
    (tmp_path / "predictions.csv").write_text(table(replace(run.judged, examples=examples)), encoding="utf-8")
    assert judgements.read(tmp_path).ids.tolist() == names.tolist()


def test_a_leaking_run_stays_leaking(run, tmp_path):
    (tmp_path / "predictions.csv").write_text(table(replace(run.judged, leaky=True)), encoding="utf-8")
    assert judgements.read(tmp_path).leaky
    assert not judgements.read(run.folder).leaky


# What manifests know ----------------------------------------------------------------------------------------------


def test_an_evaluation_reads_back_whole_the_raters_shares_too(tmp_path):
    own = judged.judgements()
    votes = np.where(np.arange(len(own))[:, None] % 3 == 0, np.nan, own.probs)
    own = replace(own, ratings=votes, rated=None)
    found = scores.evaluate(own, bootstraps=20)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    again = scores.evaluate(judgements.read(path), bootstraps=20)
    assert found["soft"]
    assert again["soft"]["n"] == found["soft"]["n"]
    assert again["emotion"] == found["emotion"]


def _without(name):
    return lambda found: found["rows"].pop(name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda found: found.pop("labels"), "'labels'"),
        (lambda found: found.pop("leaky"), "'leaky'"),
        (lambda found: found.update(leaky="no"), "leaky must be true or false"),
        (lambda found: found.update(rows=[1]), "write it again"),
        (lambda found: found.update(about=[1]), "about an object"),
        (lambda found: found["about"].update(skipped=5), "skipped must be of another type"),
        (_without("speaker"), "'speaker'"),
        (lambda found: found["rows"]["speaker"].pop(), "speakers has the shape"),
        (lambda found: found["rows"]["truth"].__setitem__(0, "fury"), "'fury'"),
        (lambda found: found["rows"].update(probs="x"), "write it again"),
        (lambda found: found["rows"]["probs"][0].__setitem__(0, 7.0), "do not sum to 1"),
        (lambda found: found["rows"]["probs"][0].__setitem__(0, float("nan")), "do not sum to 1"),
        (lambda found: found["rows"].update(affect=[[0, 0, 1e200]] * 160), "affect beyond any scale"),
    ],
)
def test_a_spoilt_evaluation_is_refused_in_words(tmp_path, spoil, message):
    found = scores.evaluate(judged.judgements(), bootstraps=20)
    spoil(found)
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        judgements.read(path)


@pytest.mark.parametrize("split", ["LEAKY", "leaky", " Leaky "])
def test_a_table_that_says_leaky_is_leaky_however_it_is_written(tmp_path, split):
    path = csv(tmp_path, "id,speaker,truth,prediction,split", "a,x,anger,anger,", f"b,y,fear,anger,{split}")
    assert judgements.read(path).leaky


def test_a_speaker_who_is_tested_in_two_folds_was_heard_in_training(tmp_path):
    head, rows = "id,speaker,truth,prediction,fold", ("a,x,anger,anger,1", "b,x,fear,anger,2")
    found = judgements.read(csv(tmp_path, head, *rows))
    assert found.leaky
    assert "x is tested in the folds 1 and 2" in found.about["known"]
    told = [f"{row},speaker-independent" for row in rows]
    assert not judgements.read(csv(tmp_path, f"{head},split", *told)).leaky
    assert not judgements.read(csv(tmp_path, head, "a,x,anger,anger,1", "b,y,fear,anger,2", "c,x,fear,fear,1")).leaky


@pytest.mark.parametrize(
    ("column", "value", "split"),
    [
        ("corpus", "demo", "not known"),
        ("split", "", "not known"),
        ("split", "test", "not known"),
        ("fold", "", "not known"),
        ("split", "Speaker-Independent", "speaker-independent"),
        ("fold", "1", "speaker-independent"),
        ("split", "LEAKY", "LEAKY"),
    ],
)
def test_a_table_that_says_nothing_of_its_split_is_not_called_speaker_independent(tmp_path, column, value, split):
    rows = (f"a,x,anger,anger,{value}", f"b,y,fear,anger,{value}")
    found = scores.evaluate(
        judgements.read(csv(tmp_path, f"id,speaker,truth,prediction,{column}", *rows)), bootstraps=5
    )
    assert found["split"] == split
    assert any("not known how training and test were parted" in note for note in found["notes"]) == (
        split == "not known"
    )
    path = csv(tmp_path, json.dumps(found), name="found.json")
    assert judgements.read(path).split == split
    del found["split"]  # as nothing has asked for it before
    assert judgements.read(csv(tmp_path, json.dumps(found), name="old.json")).split in (split, "speaker-independent")


def test_a_run_tells_how_its_table_was_split(run, tmp_path):
    """Even where the table itself does not."""
    lines = (run.folder / "predictions.csv").read_text(encoding="utf-8").splitlines()
    kept = [place for place, name in enumerate(lines[0].split(",")) if name not in ("split", "fold")]
    bare = [",".join(line.split(",")[place] for place in kept) for line in lines]
    assert judgements.read(csv(tmp_path, *bare)).split == "not known"
    csv(tmp_path, *bare, name="predictions.csv")
    assert judgements.read(tmp_path).split == "not known"
    shutil.copy(run.folder / "metrics.json", tmp_path)
    assert judgements.read(tmp_path).split == "speaker-independent"


def test_manifests_tell_of_speakers_and_raters():
    rows = (
        Utterance("u0000", "a.wav", "demo/00", "anger", sex="female", age=31, language="en", session="s1",
                  affect=Affect(-0.5, 0.5, 0.0), ratings={"anger": 0.5, "calm": 0.5}, extra={"accent": "scottish"}),
        Utterance("u0001", "b.wav", "demo/00", "happiness", sex="male"),
    )  # fmt: skip
    labels = LabelSet(("anger", "happiness", "calm"))
    own = replace(judged.judgements(), about={"merge": {"calm": "neutral"}})
    found = judgements.join(own, [Manifest("demo", labels, rows, "", "")])
    assert {name: values[:3].tolist() for name, values in found.groups.items()} == {
        "sex": ["female", "male", ""],
        "age": ["30 to 44", "", ""],
        "language": ["en", "", ""],
        "accent": ["scottish", "", ""],
        "session": ["s1", "", ""],
    }
    assert found.rated[0].tolist() == [-0.5, 0.5, 0.0]
    assert found.ratings[0].tolist() == [0.5, 0, 0.5, 0]
    assert np.isnan(found.ratings[1]).all()


def test_a_manifest_of_something_else_is_refused():
    other = Manifest("else", LabelSet(("fear",)), (Utterance("x", "x.wav", "else/1", "fear"),), "", "")
    with pytest.raises(DataError, match="none of its 160 utterances is in else"):
        judgements.join(judged.judgements(), [other])


# A bundle ---------------------------------------------------------------------------------------------------------


@cache
def loaded(name: str) -> Bundle:
    return bundle.load(name)


def corpus(tmp_path, seconds=(1.0, 8.0, 2.0), labels=("anger", "neutral", "calm")) -> Manifest:
    """Noises that nobody has trained on, one of them longer than a window."""
    rng = np.random.default_rng(0)
    rows = []
    for number, length in enumerate(seconds):
        envelope = np.abs(np.sin(np.arange(round(length * 16000)) / 2000))
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * envelope * rng.normal(size=len(envelope)), 16000)
        rows.append(Utterance(str(number), f"{number}.wav", f"noise/{number}", labels[number]))
    return Manifest("noise", LabelSet(labels), tuple(rows), "", "", tmp_path)


@pytest.mark.parametrize("name", ["default", "permissive"])
def test_a_bundle_judges_as_predict_whole_does(tmp_path, name):
    manifest, model = corpus(tmp_path), loaded(name)
    found = judgements.judge(model, manifest, merge={"calm": "neutral"}, offered="all")
    assert found.labels == model.labels
    assert found.names.tolist() == ["anger", "neutral", "neutral"]
    for row, utterance in enumerate(manifest):
        (turn,) = recognizer.Recognizer(model).predict_file(manifest.file(utterance), whole=True).turns
        np.testing.assert_allclose(found.probs[row], turn.prediction.probs, atol=1e-6)
        own = turn.prediction.affect
        np.testing.assert_allclose(found.affect[row], [own.valence, own.arousal, own.dominance], atol=1e-6)


def test_real_speech_is_judged_as_predict_whole_does():
    manifest, model = clips.sample(clips.corpus("ravdess"), 4), loaded("permissive")
    found = judgements.judge(model, manifest, offered="all", merge={"calm": "neutral", "surprise": "fear"})
    for row, utterance in enumerate(manifest):
        (turn,) = recognizer.Recognizer(model).predict_file(manifest.file(utterance), whole=True).turns
        np.testing.assert_allclose(found.probs[row], turn.prediction.probs, atol=1e-6)
    assert set(found.groups["sex"]) <= {"female", "male"}


def test_what_the_corpus_cannot_name_is_not_offered(tmp_path):
    manifest, model = corpus(tmp_path), loaded("permissive")
    every, own = (judgements.judge(model, manifest, offered=offered) for offered in ("all", "corpus"))
    assert own.labels.names == ("anger", "neutral")
    kept = every.probs[:, [model.labels.index(name) for name in own.labels]]
    np.testing.assert_allclose(own.probs, kept / kept.sum(axis=1, keepdims=True))
    assert [found.about["offered"] for found in (every, own)] == ["all", "corpus"]


def test_what_the_model_does_not_know_is_left_out_and_counted(tmp_path):
    found = judgements.judge(loaded("permissive"), corpus(tmp_path), merge={})
    assert found.ids.tolist() == ["0", "1"]
    assert found.about["left_out"] == {"calm": 1}


def test_the_bundles_own_merges_hold_unless_others_are_given(tmp_path):
    manifest = corpus(tmp_path)
    assert loaded("default").merge == {"calm": "neutral"}
    assert judgements.judge(loaded("default"), manifest).names[2] == "neutral"
    assert judgements.judge(loaded("default"), manifest, merge={}).about["left_out"] == {"calm": 1}


def test_a_recording_that_cannot_be_read_is_named_and_the_rest_is_done(tmp_path):
    manifest = corpus(tmp_path)
    (tmp_path / "0.wav").write_bytes(b"no sound")
    soundfile.write(tmp_path / "1.wav", np.zeros(16000), 16000)
    told = []
    found = judgements.judge(
        loaded("default"), manifest, cache=Cache(tmp_path / "kept"), progress=lambda *step: told.append(step)
    )
    assert found.ids.tolist() == ["2"]
    assert [line.partition(": ")[0] for line in found.about["skipped"]] == ["0", "1"]
    assert "silent, or shorter than 0.25 s" in found.about["skipped"][1]
    assert told == [(1, 3), (2, 3), (3, 3)]
    (tmp_path / "2.wav").unlink()
    with pytest.raises(DataError, match="can judge none of 3 utterances; the first: 0: "):
        judgements.judge(loaded("default"), manifest)


def test_a_part_of_a_recording_is_judged_and_no_more(tmp_path):
    manifest = corpus(tmp_path)
    first = replace(manifest.utterances[1], segment=Segment(1.0, 3.5))
    part = judgements.judge(loaded("default"), replace(manifest, utterances=(first,)))
    samples = soundfile.read(tmp_path / "1.wav")[0][16000:56000]
    soundfile.write(tmp_path / "cut.wav", samples, 16000)
    cut = replace(first, segment=None, path="cut.wav")
    whole = judgements.judge(loaded("default"), replace(manifest, utterances=(cut,)))
    np.testing.assert_allclose(part.probs, whole.probs, atol=1e-4)  # cut.wav has rounded samples


def test_features_are_computed_once(tmp_path, run, monkeypatch):
    """And again where the file has changed, even if it is as long as before."""
    manifest, kept = corpus(tmp_path), Cache(tmp_path / "kept")
    model = loaded("permissive")
    first = judgements.judge(model, manifest, cache=kept)
    calls = []
    hear = Bundle.hear
    monkeypatch.setattr(Bundle, "hear", lambda self, signal: calls.append(1) or hear(self, signal))
    again = judgements.judge(model, manifest, cache=kept)
    assert calls == []
    assert (first.probs == again.probs).all()
    soundfile.write(tmp_path / "0.wav", np.random.default_rng(3).normal(0, 0.1, 16000), 16000)
    assert (judgements.judge(model, manifest, cache=kept).probs[0] != first.probs[0]).any()
    assert len(calls) == 1


def test_windows_of_frames_come_back_from_the_cache_as_they_were():
    frames = [np.random.default_rng(n).normal(size=(n, 5)).astype(np.float32) for n in (7, 3, 1)]
    for own, other in zip(frames, judgements._unpacked(judgements._packed(frames)), strict=True):
        np.testing.assert_array_equal(own, other)


def test_a_whole_recording_is_cut_as_predict_does_and_silence_is_left_out():
    noise = np.random.default_rng(0).normal(0, 0.1, 14 * 16000).astype(np.float32)
    noise[6 * 16000 : 12 * 16000] = 0
    found = judgements.pieces(Signal(noise, 16000))
    assert [piece.segment for piece in found] == [Segment(0, 6), Segment(8, 14)]
    assert windows.LONGEST == 6.0
    with pytest.raises(DataError, match=r"silent, or shorter than 0\.25 s"):
        judgements.pieces(Signal(np.zeros(16000, np.float32), 16000))


def test_a_corpus_that_shares_no_two_emotions_is_refused(tmp_path):
    manifest = corpus(tmp_path, labels=("anger", "contempt", "frustration"))
    with pytest.raises(DataError, match="they share 1, and two at least are needed"):
        judgements.judge(loaded("permissive"), manifest)


# Leaks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [1.0, 0.1])
def test_a_corpus_that_a_bundled_model_knows_is_refused_whole_or_in_part(part):
    emodb = clips.corpus("emodb")
    some = replace(emodb, utterances=emodb.utterances[: round(part * len(emodb))])
    with pytest.raises(DataError, match=r"permissive@1 knows emodb: it was trained on"):
        judgements.judge(loaded("permissive"), some)


def test_a_leak_that_is_allowed_is_stamped():
    manifest = clips.sample(clips.corpus("emodb"), 3)
    found = judgements.judge(loaded("permissive"), manifest, allow_leak=True)
    assert found.leaky
    assert "trained on" in found.about["known"]


def test_a_model_of_ours_knows_the_speakers_that_it_has_heard(run):
    """Whatever the corpus is called now, and however few of its rows there are."""
    from affekt.datasets import load

    model = bundle.load(run.bundle)
    mine = load("table", run.run.data.manifest)
    assert "these very recordings" in model.knows(mine)
    other = replace(mine, name="renamed", utterances=mine.utterances[:3])
    assert model.knows(other) == "in training (table) it heard 1 of these 1 speakers"
    strangers = tuple(replace(u, speaker=f"else/{u.speaker}") for u in mine)
    assert model.knows(replace(mine, utterances=strangers)) is None
    with pytest.raises(DataError, match="toy@1 knows renamed: in training"):
        judgements.judge(model, other)


def test_the_names_of_speakers_do_not_stand_in_a_bundle(run):
    text = (run.bundle / "card.json").read_text(encoding="utf-8")
    assert '"heard"' in text
    for speaker in datasets.load("table", run.run.data.manifest).speakers:
        assert speaker not in text


def test_a_corpus_that_nobody_has_heard_is_no_leak():
    assert loaded("permissive").knows(clips.corpus("ravdess")) is None
    assert loaded("default").knows(clips.corpus("ravdess")) is not None


def test_every_row_can_be_taken_apart():
    own = judged.judgements(folds=2, affect=True)
    rows = np.array([3, 1])
    part: Judgements = replace(own, decided=own.truth, groups={"sex": own.ids}).part(rows)
    assert part.ids.tolist() == part.groups["sex"].tolist() == ["u0003", "u0001"]
    assert part.decided.tolist() == own.truth[rows].tolist()
    with pytest.raises(UsageError):
        LabelSet(("a", "a"))
