"""The whole suite on a made-up corpus, with models written for the purpose."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import soundfile

import tones
from affekt import bundle, datasets
from affekt.cache import Cache
from affekt.errors import DataError, UnknownNameError
from affekt.evaluation.stress import judging, page, robustness, suite
from affekt.evaluation.stress.suite import Settings, Subject
from affekt.recognizer import Recognizer
from affekt.types import Affect, LabelSet, Prediction, Segment, Signal
from affekt.view import verdicts as written
from affekt.windows import LONGEST

LABELS = LabelSet(("anger", "neutral", "sadness"))
WORDS = {"anger": (-0.5, 0.6, 0.3), "neutral": (0.0, 0.0, 0.0), "sadness": (-0.6, -0.3, -0.3)}


@dataclass(frozen=True)
class Deaf:
    """Says the same of everything."""

    labels: LabelSet = LABELS

    def predict(self, windows):
        return [_said(w, [0.5, 0.3, 0.2]) for w in windows]


@dataclass(frozen=True)
class Pitch:
    """Knows the hummed emotions by the strongest frequency."""

    labels: LabelSet = LABELS

    def predict(self, windows):
        return [_said(w, self._probs(w.signal)) for w in windows]

    def _probs(self, signal):
        n = 1 << 15
        power = np.abs(np.fft.rfft(signal.samples * np.hanning(len(signal.samples)), n))
        hertz = power.argmax() * signal.rate / n
        scores = np.array([-abs(np.log2(hertz / middle)) for middle in (260.0, 160.0, 110.0)])
        weights = np.exp(8 * (scores - scores.max()))
        return weights / weights.sum()


def _said(window, probs):
    affect = np.array(probs) @ np.array([WORDS[name] for name in LABELS])
    return Prediction(window.signal.segment, LABELS, tuple(map(float, probs)), Affect(*affect.tolist()))


def subject(model, **about):
    return Subject(model, LABELS, "made@1", **about)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return datasets.load("table", tones.corpus(tmp_path_factory.mktemp("c"), affect=True, clips=1, speakers=4))


@pytest.fixture(scope="module")
def report(corpus):
    return suite.stress(subject(Pitch), [corpus])


def verdicts(report, family):
    return [result for result in report.results if result.test.startswith(family) and result.passed is not None]


def test_a_model_that_ignores_the_sound_is_robust_fair_and_wrong(corpus):
    report = suite.stress(subject(Deaf), [corpus])
    assert all(result.passed for result in verdicts(report, "robustness"))
    assert all(result.passed for result in verdicts(report, "fairness"))
    wrong = {result.test for result in verdicts(report, "correctness") if not result.passed}
    assert wrong == {f"correctness/{name}" for name in ("uar", "recall", "ccc", "consistency", "share")}


def test_robustness_of_a_model_that_guesses_is_noted_to_mean_nothing(corpus, report):
    deaf = suite.stress(subject(Deaf), [corpus], Settings(only=("robustness/bits", "robustness/windows")))
    judged = verdicts(deaf, "robustness")
    assert judged
    assert all("no better than guessing when clean" in result.note for result in judged)
    assert "no better than guessing when clean |" in page.markdown(deaf)
    assert not any("guessing" in result.note for result in report.results)


def test_of_one_speaker_nothing_is_sure_but_that_answers_stay(corpus):
    one = tuple(u for u in corpus if u.speaker == corpus.speakers[0])
    only = Settings(only=("correctness/uar", "correctness/retest", "robustness/gain"))
    alone = suite.stress(subject(Pitch), [replace(corpus, utterances=one)], only)
    told = {page.verdict([r]) for r in alone.results if r.passed is not None and r.test != "correctness/retest"}
    assert told
    assert told <= {"passed?", "FAILED?"}
    assert [page.verdict([r]) for r in alone.results if r.test == "correctness/retest"] == ["passed"]
    assert page.headline(alone.corpora[0]).startswith("table: 3 utterances of 1 speaker, ")
    again = json.loads(json.dumps(alone.to_dict()))
    shown = {row["verdict"] for row in written.rows(again) if row["test"] == "gain"}
    assert shown in ({"passed?", "shown"}, {"passed?", "FAILED?", "shown"})


def test_a_model_that_hears_pitch_is_right(report):
    right = {result.test: result for result in verdicts(report, "correctness/uar")}
    assert right["correctness/uar"].value > 0.9
    assert right["correctness/uar"].random < 0.7


def test_a_model_that_listens_is_shaken_where_the_sound_is(report):
    moved = {(r.test, r.level): r.value for r in report.results if r.metric == "probability moved"}
    assert moved["robustness/gain", "-30 dB"] < 1e-6, "speech is brought to one level first"
    assert moved["robustness/noise-babble", "5 dB"] > moved["robustness/noise-babble", "20 dB"]
    assert moved["robustness/speed", "+5 %"] > 1e-3


def test_what_no_utterance_is_long_enough_for_is_not_judged(report):
    long = [r for r in report.results if r.test == "robustness/windows" and r.level == "5 s"]
    assert long
    assert all(r.passed is None and "changes 0.0% of the utterances" in r.note for r in long)


def test_every_result_has_a_guess_beside_it(report):
    assert all(r.random is not None for r in report.results if r.value is not None)


def test_the_number_of_processes_changes_nothing(corpus):
    only = ("robustness/noise-pink", "robustness/packets", "robustness/noise-babble", "correctness/retest")
    alone, two = (
        suite.stress(Subject.of("permissive"), [corpus], Settings(only=only, workers=workers)) for workers in (1, 2)
    )
    assert alone.results == two.results


def test_a_part_says_the_same_as_the_whole(corpus, report):
    part = suite.stress(subject(Pitch), [corpus], Settings(only=("robustness/noise-white", "fairness")))
    assert {r.test for r in part.results} == {"robustness/noise-white", *(f"fairness/{n}" for n in (
        "sex", "age", "language", "accent", "speaker"))}  # fmt: skip
    whole = {(r.test, r.level, r.metric): r for r in report.results}
    assert all(whole[r.test, r.level, r.metric] == r for r in part.results)


def test_a_suite_that_was_interrupted_goes_on_where_it_stopped(corpus, tmp_path):
    settings = Settings(only=("robustness/bits", "robustness/phone"), kept=Cache(tmp_path))
    first = suite.stress(subject(Pitch, stamp="1"), [corpus], settings)
    judged = []

    class Told(Pitch):
        def predict(self, windows):
            judged.extend(windows)
            return super().predict(windows)

    again = suite.stress(subject(Told, stamp="1"), [corpus], settings)
    assert again.results == first.results
    assert judged == []
    suite.stress(subject(Told, stamp="2"), [corpus], settings)
    assert len(judged) == 3 * len(corpus), "another model is asked anew: clean and two levels"


def test_a_quick_sample_has_every_speaker_and_emotion_alike_and_is_always_the_same(corpus):
    twice = tuple(replace(u, id=f"{u.id}-{take}") for u in corpus for take in "ab")
    ids = [
        {u.id for u in judging.sample(replace(corpus, utterances=rows), len(corpus))} for rows in (twice, twice[::-1])
    ]
    assert ids[0] == ids[1]
    assert {i[:-2] for i in ids[0]} == {u.id for u in corpus}, "one of each speaker and emotion before a second"
    assert len(judging.sample(corpus, 1000)) == len(corpus)


def test_a_recording_that_cannot_be_read_is_left_out_and_told(corpus, tmp_path):
    rows = tuple(replace(u, path="absent.wav") if i == 3 else u for i, u in enumerate(corpus))
    report = suite.stress(subject(Pitch), [replace(corpus, utterances=rows)], Settings(only=("correctness/uar",)))
    assert report.corpora[0].utterances == len(corpus) - 1
    assert "absent.wav" in report.corpora[0].unreadable[0]
    rows = tuple(replace(u, path="absent.wav") for u in corpus)
    with pytest.raises(DataError, match="none of the 12 recordings can be read"):
        suite.stress(subject(Pitch), [replace(corpus, utterances=rows)], Settings(only=("correctness/uar",)))


def test_a_corpus_that_was_heard_is_stamped_and_its_scores_are_not_judged(corpus):
    report = suite.stress(
        subject(Pitch, heard=lambda manifest: "it was"), [corpus], Settings(only=("correctness", "robustness/bits"))
    )
    assert report.leaky == (corpus.name,)
    scores = [r for r in report.results if r.test.startswith("correctness/") and r.test != "correctness/retest"]
    assert all(r.passed is None and r.note.startswith("LEAKY") for r in scores)
    assert any(r.passed for r in report.results if r.test == "robustness/bits"), "differences are still judged"
    assert "LEAKY: it was" in page.markdown(report)


def test_a_model_without_affect_is_asked_what_it_can_answer(corpus):
    @dataclass(frozen=True)
    class Named(Pitch):
        def predict(self, windows):
            return [replace(said, affect=None) for said in super().predict(windows)]

    report = suite.stress(subject(Named), [corpus], Settings(only=("correctness", "fairness", "robustness/phone")))
    assert {r.note for r in report.results if r.test == "correctness/ccc"} == {"the model gives no affect"}
    assert not any("affect" in r.metric or "CCC," in r.metric for r in report.results)
    assert [r.passed for r in report.results if r.test == "correctness/retest"] == [True]


def test_a_part_of_a_recording_is_judged_alone(corpus, tmp_path):
    """Two utterances in one file, each with its segment, are judged as two files are."""
    two = [u for u in corpus if u.speaker == corpus.speakers[0]][:2]
    sounds = [soundfile.read(corpus.file(u))[0] for u in two]
    soundfile.write(tmp_path / "both.wav", np.concatenate(sounds), 16000)
    cut = len(sounds[0]) / 16000
    segments = (Segment(0.0, cut), Segment(cut, cut + len(sounds[1]) / 16000))
    rows = tuple(replace(u, path="both.wav", segment=part) for u, part in zip(two, segments, strict=True))
    work = judging.Work(Pitch, (robustness.CLEAN,), None, "", "")
    apart, joined = (
        judging.judge(replace(corpus, utterances=u, root=root), work)[1]["clean", "as it is"].probs
        for u, root in ((tuple(two), corpus.root), (rows, tmp_path))
    )
    assert np.allclose(apart, joined)


def test_a_recording_is_judged_as_predict_judges_it_whole(corpus):
    """Longer than one window, too: the recognizer is the oracle."""
    model = bundle.load("permissive")
    samples = np.concatenate([soundfile.read(corpus.file(u), dtype="float32")[0] for u in corpus])
    (turn,) = Recognizer(model).predict(samples, 16000, whole=True).turns
    said = judging.said(Signal(samples, 16000), model, LONGEST)
    assert len(samples) > LONGEST * 16000
    assert said[: len(model.labels)] == pytest.approx(turn.prediction.probs)
    assert said[len(model.labels)] == pytest.approx(turn.prediction.affect.valence)


def test_silence_leaves_nothing_to_be_judged(corpus):
    said = judging.said(Signal(np.zeros(16000, np.float32), 16000), Pitch(), LONGEST)
    assert said.tolist() == [1 / 3, 1 / 3, 1 / 3, 0, 0, 0, 0]


def test_what_a_bundle_has_heard_is_known_by_its_card_and_its_fingerprints(corpus, tmp_path):
    ravdess = replace(corpus, name="ravdess")
    assert Subject.of("default").heard(ravdess)
    assert not Subject.of("permissive").heard(ravdess)
    assert not Subject.of("permissive").heard(replace(corpus, name="emo"))
    assert not Subject.of("permissive").heard(corpus)
    (tmp_path / "bundle").mkdir()
    for name in ("card.json", "model.onnx", "run.toml"):
        (tmp_path / "bundle" / name).write_bytes((bundle.FOLDER / "permissive" / name).read_bytes())
    (tmp_path / "data.json").write_text(json.dumps({"fingerprints": {"table": corpus.fingerprint}}), encoding="utf-8")
    assert "these very recordings" in Subject.of(tmp_path / "bundle").heard(corpus)


def test_emotions_that_the_model_does_not_know_are_merged_or_left_out_and_told(corpus):
    calm = replace(corpus, labels=LabelSet(("calm", "sadness", "fear")), utterances=tuple(
        replace(u, emotion={"anger": "fear", "neutral": "calm", "sadness": "sadness"}[u.emotion]) for u in corpus
    ))  # fmt: skip
    report = suite.stress(subject(Pitch), [calm], Settings(only=("correctness/uar",)))
    about = report.corpora[0]
    assert about.merged == {"calm": "neutral"}
    assert about.left_out == 4
    assert about.emotions == {"neutral": 4, "sadness": 4}
    with pytest.raises(DataError, match="no utterance of an emotion that the model knows"):
        suite.stress(subject(Pitch), [replace(corpus, labels=LabelSet(("fear",)), utterances=())])


def test_corpora_are_found_below_the_root(tmp_path, corpus):
    with pytest.raises(DataError, match="there is no corpus below"):
        suite.find([], tmp_path, subject(Pitch))
    with pytest.raises(UnknownNameError, match="did you mean 'ravdess'"):
        suite.find(["ravdes"], tmp_path, subject(Pitch))
    (table,) = suite.find([str(corpus.root / "mine.csv")], tmp_path, subject(Pitch))
    assert table.fingerprint == corpus.fingerprint


def test_a_wrong_name_is_refused_before_any_work():
    with pytest.raises(UnknownNameError, match="did you mean 'robustness/gain'"):
        Settings(only=("robustness/gian",))


def test_the_report_is_json_and_a_page(report):
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["schema"] == "affekt.stress/1"
    assert {test["name"] for test in told["tests"]} >= {result["test"] for result in told["results"]}
    text = page.markdown(report)
    for words in ("### Correctness", "### Fairness", "### Robustness", "| uar |", "a model that guesses passes"):
        assert words in text
    widths = {line.count("|") for line in text.split("### Robustness")[1].splitlines() if line.startswith("|")}
    assert len(widths) == 1
