"""Examples: labels of several corpora side by side, features from the cache, and one bad file that stops nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

import clips
import tones
from affekt import augment, datasets
from affekt import manifest as manifests
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.hearing import Input
from affekt.training import examples
from affekt.training.progress import Progress
from affekt.training.run import Augmenting, Data, Features, Run, Target
from affekt.types import Affect, Segment

ROOT = clips.SHARED / "corpora"


class Told(Progress):
    def __init__(self):
        self.notes, self.steps = [], []

    def note(self, text):
        self.notes.append(text)

    def step(self, what, done, total):
        self.steps.append((what, done, total))


@pytest.fixture
def table(tmp_path):
    return tones.corpus(tmp_path / "mine")


@pytest.fixture
def run(table, tmp_path):
    return Run("x", Data(manifest=table, protocol="speakers/3"), Features("logmel"), cache=tmp_path / "cache")


def shared(corpora, target="emotion", **data):
    for name in corpora:
        clips.corpus(name)
    return examples.gather(Run("x", Data(corpora=corpora, root=ROOT, **data), target=Target(target)))


# Labels -----------------------------------------------------------------------------------------------------------


def test_rows_carry_what_the_manifest_says(run):
    rows, folds = examples.load(run)
    assert rows.labels.names == ("anger", "neutral", "sadness")
    assert (len(rows), len(folds)) == (36, 3)
    assert list(rows.ids[:2]) == ["mine-0-anger-0.wav", "mine-0-anger-1.wav"]
    assert set(rows.speakers) == {f"table/s{i}" for i in range(6)}
    assert np.array(rows.labels.names)[rows.emotions[:6:2]].tolist() == ["anger", "neutral", "sadness"]
    assert np.array_equal(rows.ratings, np.eye(3)[rows.emotions])
    assert np.isnan(rows.affect).all()
    assert rows.known.all()


def test_corpora_with_different_label_sets_say_what_each_could_have_named():
    rows = shared(("ravdess", "emodb")).examples
    assert set(rows.labels) == {
        *("anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
    }
    for corpus in ("ravdess", "emodb"):
        own = rows.known[rows.corpora == corpus]
        assert (own == own[0]).all()
        assert {n for n, known in zip(rows.labels, own[0], strict=True) if known} == set(
            datasets.card(corpus).label_set
        )
    assert rows.known[np.arange(len(rows)), rows.emotions].all()


def test_merged_labels_are_heard_as_one():
    apart, merged = shared(("ravdess",)).examples, shared(("ravdess",), merge={"calm": "neutral"}).examples
    assert "calm" not in merged.labels
    counts = [(rows.emotions == rows.labels.index("neutral")).sum() for rows in (apart, merged)]
    assert counts == [96, 96 + 192]
    assert merged.known.all()


def test_emotions_that_were_not_asked_for_are_left_out_in_the_order_asked():
    rows = shared(("emodb",), labels=("sadness", "anger")).examples
    assert rows.labels.names == ("sadness", "anger")
    assert [(rows.emotions == i).sum() for i in (0, 1)] == [62, 127]


@pytest.mark.parametrize("data", [{"labels": ("angr",)}, {"merge": {"calm": "angr"}}, {"keep": {"angr": 0.5}}])
def test_an_emotion_that_the_data_lack_is_answered_with_the_closest(data):
    with pytest.raises(UnknownNameError, match="did you mean 'anger'"):
        shared(("emodb",), **data)


def test_ratings_become_soft_labels_that_sum_to_one():
    rows = shared(("emotale",), target="ratings").examples
    assert np.allclose(rows.ratings.sum(axis=1), 1)
    assert ((rows.ratings > 0) & (rows.ratings < 1)).any()
    first = clips.corpus("emotale").utterances[0]
    assert {n: s for n, s in zip(rows.labels, rows.ratings[0], strict=True) if s} == pytest.approx(first.ratings)


def test_merged_ratings_are_added():
    rows = shared(("emotale",), target="ratings", merge={"boredom": "sadness"}).examples
    apart = shared(("emotale",), target="ratings").examples
    both = apart.ratings[:, [apart.labels.index(n) for n in ("boredom", "sadness")]].sum(axis=1)
    assert np.allclose(rows.ratings[:, rows.labels.index("sadness")], both)


def test_affect_is_in_the_order_valence_arousal_dominance():
    rows = shared(("emotale",), target="affect").examples
    affect = clips.corpus("emotale").utterances[0].affect
    assert rows.affect[0].tolist() == pytest.approx([affect.valence, affect.arousal, affect.dominance])


def test_a_row_may_lack_one_of_two_targets(tmp_path, table):
    """With the target `both`, an utterance without an emotion still teaches affect, and the other way round."""
    whole = datasets.load("table", table)
    rows = list(whole.utterances)
    rows[0] = replace(rows[0], emotion=None, affect=Affect(0.1, 0.2, 0.3))
    rows[1] = replace(rows[1], emotion=None)
    manifests.write(replace(whole, utterances=tuple(rows)), tmp_path / "own.jsonl")
    found = examples.gather(Run("x", Data(manifest=tmp_path / "own.jsonl"), target=Target("both"))).examples
    assert len(found) == 35, "the row without any target is left out"
    assert found.emotions[0] == -1
    assert found.affect[0].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert np.isnan(found.affect[1:]).all()


# Features ---------------------------------------------------------------------------------------------------------


def test_frames_keep_their_own_lengths_and_vectors_are_a_matrix(run):
    rows, _ = examples.load(run)
    assert isinstance(rows.x, list)
    assert {frames.shape for frames in rows.x} == {(70, 80)}
    vectors, _ = examples.load(replace(run, features=Features("egemaps", "functionals")))
    assert vectors.x.shape == (36, 88)


def test_samples_are_frames_of_one_column(run):
    rows, _ = examples.load(replace(run, features=Features("samples")))
    assert rows.x[0].shape == (11200, 1)
    assert not run.cache.exists(), "reading them again is as fast"


def test_what_was_computed_is_not_computed_again(run, monkeypatch):
    first, _ = examples.load(run)
    monkeypatch.setattr(Input, "hear", lambda self, signal: pytest.fail("computed again"))
    again, _ = examples.load(run)
    assert all(np.array_equal(a, b) for a, b in zip(first.x, again.x, strict=True))


def test_a_recording_that_changed_is_computed_again(run, table):
    before, _ = examples.load(run)
    soundfile.write(table.parent / "mine-0-anger-0.wav", tones.hum("sadness", 99), 16000)
    after, _ = examples.load(run)
    assert not np.allclose(before.x[0], after.x[0])
    assert np.array_equal(before.x[1], after.x[1])


@pytest.mark.parametrize("change", [{"level_speech": False}, {"longest": 0.5}])
def test_features_that_are_heard_otherwise_are_other_features(run, change):
    plain, _ = examples.load(run)
    other, _ = examples.load(replace(run, features=replace(run.features, **change)))
    assert any(a.shape != b.shape or not np.allclose(a, b) for a, b in zip(plain.x, other.x, strict=True))


def test_a_damaged_cache_is_made_anew(run):
    whole, _ = examples.load(run)
    (path,) = run.cache.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    again, _ = examples.load(run)
    assert all(np.array_equal(a, b) for a, b in zip(whole.x, again.x, strict=True))


def test_several_processes_compute_the_same(run, tmp_path):
    alone, _ = examples.load(run)
    together, _ = examples.load(replace(run, cache=tmp_path / "other"), workers=2)
    assert all(np.array_equal(a, b) for a, b in zip(alone.x, together.x, strict=True))


def test_copies_are_the_same_rows_heard_otherwise_and_the_same_each_time(run, tmp_path):
    asked = replace(run, augment=Augmenting(("speed", "phone")))
    rows, _ = examples.load(asked)
    assert [len(copy) for copy in rows.copies] == [36, 36]
    assert not np.allclose(rows.x[0], rows.copies[1][0])
    again, _ = examples.load(replace(asked, cache=tmp_path / "other"))
    assert all(np.array_equal(a, b) for a, b in zip(rows.copies[1], again.copies[1], strict=True))
    part = rows.part(np.array([3, 1]))
    assert np.array_equal(part.copies[0][1], rows.copies[0][1])


def test_an_unknown_augmentation_is_answered_with_the_closest(run):
    with pytest.raises(UnknownNameError, match="did you mean 'phone'"):
        examples.load(replace(run, augment=Augmenting(("phon",))))


ALONE = [name for name, kind in augment.CHAINS.items() if not kind.must]


@pytest.fixture
def few(run, tmp_path):
    """A run of nine recordings, since every chain is heard."""
    table = tones.corpus(tmp_path / "few", speakers=3, clips=1)
    return replace(run, data=Data(manifest=table, protocol="speakers/3"), features=Features("samples"))


def test_no_voice_of_one_speaker_is_heard_in_a_copy_of_another(few):
    """Whoever is the test speaker: were his recordings others, the copies of all others would be the same."""
    pytest.importorskip("python_stretch", reason="python-stretch is not installed: make test installs it")
    asked = replace(few, augment=Augmenting(tuple(ALONE)))
    before, _ = examples.load(asked)
    for path in few.data.manifest.parent.glob("mine-1-*.wav"):
        soundfile.write(path, np.random.default_rng(7).normal(0, 0.1, 11200), 16000)
    after, _ = examples.load(asked)
    changed = before.speakers == "table/s1"
    assert changed.sum() == 3
    assert len(before.copies) == len(ALONE)
    for name, old, new in zip(ALONE, before.copies, after.copies, strict=True):
        same = np.array([a.shape == b.shape and np.array_equal(a, b) for a, b in zip(old, new, strict=True)])
        assert same[~changed].all(), name
        assert not same[changed].any(), name


@pytest.fixture
def voices(tmp_path):
    """Speakers who are not in the run."""
    folder = tmp_path / "voices"
    folder.mkdir()
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", tones.hum("neutral", 9000 + number), 16000)
    return folder


@pytest.mark.parametrize("key", ["babble", "noise", "rooms"])
def test_recordings_of_the_run_itself_are_refused_as_noise_and_voices(run, table, voices, key):
    """By their place, and by their bytes under another name; also those that the run leaves out."""
    chain = {"babble": "babble", "noise": "recorded", "rooms": "reverb"}[key]
    asked = replace(run, augment=Augmenting((chain,), **{key: voices}), data=replace(run.data, labels=("anger",)))
    rows, _ = examples.load(asked)
    assert not np.allclose(rows.x[0], rows.copies[0][0])
    within = replace(asked, augment=Augmenting((chain,), **{key: table.parent}))
    with pytest.raises(DataError, match="is a recording of this run, whose speaker may be a test speaker"):
        examples.gather(within)
    (voices / "renamed.wav").write_bytes((table.parent / "mine-2-sadness-1.wav").read_bytes())
    with pytest.raises(DataError, match=r"renamed\.wav is a recording of this run"):
        examples.gather(asked)


def test_another_range_or_folder_is_another_copy_and_the_same_one_is_kept(few, voices):
    """What the cache holds of other ranges is not read; of the same ones it is."""
    asked = replace(few, features=Features("logmel"), augment=Augmenting(("babble",), babble=voices))
    changed = [
        replace(asked, augment=Augmenting(("babble",))),
        replace(asked, augment=replace(asked.augment, ranges={"babble": {"least": 0.0, "most": 0.0}})),
    ]
    copies = [examples.load(one)[0].copies[0] for one in (asked, *changed)]
    soundfile.write(voices / "2.wav", tones.hum("anger", 1), 16000)
    copies.append(examples.load(asked)[0].copies[0])
    for i, one in enumerate(copies):
        assert not any(np.array_equal(np.stack(one), np.stack(other)) for other in copies[:i])
    assert len(list(few.cache.iterdir())) == 5
    again = replace(asked, augment=replace(asked.augment, ranges={"babble": {"least": 10.0}}))
    examples.load(again)
    assert len(list(few.cache.iterdir())) == 5, "the default, said aloud"


def test_copies_that_cannot_be_made_are_refused_before_anything_is_read(run):
    with pytest.raises(UsageError, match=r"augment\.noise must name a folder"):
        examples.gather(replace(run, augment=Augmenting(("recorded",))))


def test_an_unknown_feature_set_is_answered_with_the_closest(run):
    with pytest.raises(UnknownNameError, match="did you mean 'logmel'"):
        examples.load(replace(run, features=Features("logmell")))


def test_a_segment_is_heard_alone(run, tmp_path, table):
    whole = datasets.load("table", table)
    rows = list(whole.utterances)
    rows[0] = replace(rows[0], segment=Segment(0.2, 0.5))
    manifests.write(replace(whole, utterances=tuple(rows)), tmp_path / "own.jsonl")
    found, _ = examples.load(replace(run, data=Data(manifest=tmp_path / "own.jsonl", protocol="speakers/3")))
    assert [len(frames) for frames in found.x[:2]] == [30, 70]


# Bad files --------------------------------------------------------------------------------------------------------


def test_a_recording_that_cannot_be_read_is_reported_and_the_others_are_done(run, table):
    (table.parent / "mine-2-neutral-1.wav").write_bytes(b"no sound")
    told = Told()
    rows, folds = examples.load(run, progress=told)
    assert len(rows) == 35
    assert "mine-2-neutral-1.wav" not in rows.ids
    (note,) = told.notes
    assert note.startswith("mine-2-neutral-1.wav: ")
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(35))
    for fold in folds:
        assert not set(rows.speakers[fold.test]) & set(rows.speakers[fold.taught])
    assert told.steps[-1] == ("features", 36, 36)


def test_what_a_run_left_out_is_tried_again(run, table):
    good = (table.parent / "mine-2-neutral-1.wav").read_bytes()
    (table.parent / "mine-2-neutral-1.wav").unlink()
    assert len(examples.load(run)[0]) == 35
    (table.parent / "mine-2-neutral-1.wav").write_bytes(good)
    assert len(examples.load(run)[0]) == 36


def test_a_segment_beyond_the_end_is_reported(run, tmp_path, table):
    whole = datasets.load("table", table)
    rows = list(whole.utterances)
    rows[0] = replace(rows[0], segment=Segment(5.0, 6.0))
    manifests.write(replace(whole, utterances=tuple(rows)), tmp_path / "own.jsonl")
    told = Told()
    asked = replace(run, data=Data(manifest=tmp_path / "own.jsonl", protocol="speakers/3"))
    assert len(examples.load(asked, progress=told)[0]) == 35
    assert "holds no sample of 0.70 s" in told.notes[0]


def test_nothing_that_can_be_read_is_an_error(run, table):
    for path in table.parent.glob("*.wav"):
        path.unlink()
    with pytest.raises(DataError, match=r"none of the 36 recordings .*; the first: mine-0-anger-0\.wav"):
        examples.load(run)
