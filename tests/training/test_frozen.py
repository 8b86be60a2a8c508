"""Embedding with a cache, and a cross-validation in which no test speaker has a say."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import clips
from affekt.errors import DataError
from affekt.features import whisper
from affekt.manifest import Manifest
from affekt.training import frozen
from affekt.training.frozen import Choice, Embedded, Recipe
from affekt.types import Affect, LabelSet, Segment, Utterance

EMOTIONS = ("anger", "neutral", "sadness")
WHOLE, PHONE = {"whole": 1.0}, {"phone": 1.0}


@pytest.fixture
def small_layers(monkeypatch):
    """Two layers of four dimensions, so that a fit takes no time."""
    monkeypatch.setattr(frozen, "LAYERS", (np.arange(4), np.arange(4, 8)))


def cloud(speakers=8, *, seed=0, corpus="demo", copies=("whole", "phone"), spread=0.3):
    """Three emotions a speaker, four times each, in 8 dimensions; every copy with its own noise."""
    rng = np.random.default_rng(seed)
    emotions = np.tile(np.repeat(EMOTIONS, 4), speakers)
    plain = np.tile(np.eye(3, 4)[np.repeat(np.arange(3), 4)], (speakers, 2))
    vectors = {name: (plain + rng.normal(0, spread, plain.shape)).astype(np.float32) for name in copies}
    names = np.repeat([f"{corpus}/{i:02d}" for i in range(speakers)], 12)
    return Embedded(vectors, emotions, names, np.full(len(names), corpus), np.full((len(names), 3), np.nan))


def changed(data, rows, **copies):
    """The same data, with other embeddings in some rows."""
    vectors = {name: kept.copy() for name, kept in data.copies.items()}
    for name, values in copies.items():
        vectors[name][rows] = values
    return replace(data, copies=vectors)


def mirrored(data, rows, copy):
    """Embeddings in which anger sounds like sadness and sadness like anger."""
    return data.copies[copy][rows][:, [2, 1, 0, 3, 6, 5, 4, 7]]


def of(data, *numbers):
    return np.isin(data.speakers, [f"demo/{i:02d}" for i in numbers])


# Who has a say ----------------------------------------------------------------------------------------------------


def test_the_choice_is_made_on_training_speakers_alone(small_layers):
    """Test speakers sound the other way round. A choice that had looked at them would take the mirrored copies."""
    data, recipe = cloud(), Recipe(sets=(WHOLE, PHONE), shrinkages=(0.5,), inner=8)
    data = changed(data, slice(None), phone=mirrored(data, slice(None), "phone"))
    test = of(data, 4, 5, 6, 7)
    data = changed(data, test, whole=mirrored(data, test, "whole"))
    assert frozen.choose(data, recipe, data.speakers).weights == PHONE
    held = frozen.hold_out(data, [(~test, test)], recipe)
    assert held.choices[0].weights == WHOLE
    assert (held.emotions() == held.data.emotions).mean() < 0.5


def test_labels_of_test_speakers_change_nothing(small_layers):
    data, recipe = cloud(spread=0.8), Recipe(sets=(PHONE, WHOLE), inner=3)
    test = of(data, 0, 3)
    shuffled = data.emotions.copy()
    shuffled[test] = np.random.default_rng(1).permutation(shuffled[test])
    first, second = (
        frozen.hold_out(part, [(~test, test)], recipe) for part in (data, replace(data, emotions=shuffled))
    )
    assert first.choices == second.choices
    assert np.array_equal(first.scores["whole"], second.scores["whole"])


def test_voices_of_test_speakers_change_nothing_for_each_other(small_layers):
    """No scaler and no mean has seen them: speaker 0 is judged alike, whatever speaker 3 sounds like."""
    data, recipe = cloud(spread=0.8), Recipe(sets=(PHONE, WHOLE), inner=3)
    test = of(data, 0, 3)
    loud = changed(data, of(data, 3), whole=1000.0, phone=-1000.0)
    first, second = (frozen.hold_out(part, [(~test, test)], recipe) for part in (data, loud))
    asked = first.data.speakers == "demo/00"
    assert first.choices == second.choices
    assert np.array_equal(first.scores["whole"][asked], second.scores["whole"][asked])


@pytest.mark.parametrize(
    "splits",
    [
        lambda d: [(of(d, 0, 1, 2), of(d, 2, 3))],
        lambda d: [(of(d, 0, 1, 2), of(d, 3)), (of(d, 0, 1), of(d, 3, 4))],
    ],
    ids=["speaker on both sides", "row tested twice"],
)
def test_a_leaking_split_is_refused(small_layers, splits):
    data = cloud()
    with pytest.raises(DataError, match="shares a speaker between training and test, or tests an utterance twice"):
        frozen.hold_out(data, splits(data), Recipe(sets=(WHOLE,), shrinkages=(0.5,)))


@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=60), st.integers(1, 9))
def test_a_group_is_dealt_to_one_fold(groups, k):
    names = np.array(groups)
    numbers = frozen.deal(names, k)
    assert set(numbers) == set(range(min(k, len(set(groups)))))
    for name in set(groups):
        assert len(set(numbers[names == name])) == 1
    sizes = [len(set(names[numbers == i])) for i in set(numbers)]
    assert max(sizes) - min(sizes) <= 1


# Choosing and fitting ---------------------------------------------------------------------------------------------


def test_one_option_needs_no_choosing():
    """So it works with a single speaker as well."""
    chosen = frozen.choose(cloud(1), Recipe(sets=(WHOLE,), shrinkages=(0.25,)), np.array(["demo/00"] * 12))
    assert chosen == Choice(WHOLE, 0.25)


@pytest.mark.parametrize("order", [(WHOLE, PHONE), (PHONE, WHOLE)])
def test_between_equals_the_first_listed_wins_and_the_clearly_better_always(small_layers, order):
    equal = cloud(spread=0.1)
    recipe = Recipe(sets=order, shrinkages=(0.5,))
    assert frozen.choose(equal, recipe, equal.speakers).weights == order[0]
    better = changed(equal, slice(None), phone=mirrored(equal, slice(None), "phone"))
    assert frozen.choose(better, recipe, better.speakers).weights == WHOLE


def test_what_was_heard_apart_is_judged_well(small_layers):
    data = cloud()
    splits = [(~of(data, i, i + 1), of(data, i, i + 1)) for i in (0, 2, 4, 6)]
    held = frozen.hold_out(data, splits, Recipe(sets=(WHOLE,), shrinkages=(0.5,)))
    assert (held.emotions() == held.data.emotions).mean() > 0.9
    assert held.data.emotions.tolist() == data.emotions.tolist()
    assert len(held.choices) == 4


def test_only_tested_rows_come_back(small_layers):
    data = cloud()
    test = of(data, 1)
    held = frozen.hold_out(data, [(of(data, 2, 3), test)], Recipe(sets=(WHOLE,), shrinkages=(0.5,)))
    assert set(held.data.speakers) == {"demo/01"}
    assert held.scores["whole"].shape == (12, 3)


def test_an_emotion_that_training_lacked_is_impossible(small_layers):
    data = cloud()
    data = data.part(~((data.emotions == "sadness") & ~of(data, 0)))
    held = frozen.hold_out(data, [(~of(data, 0), of(data, 0))], Recipe(sets=(WHOLE,), shrinkages=(0.5,)))
    assert held.labels == EMOTIONS
    assert (held.scores["whole"][:, 2] == -np.inf).all()
    assert np.isfinite(held.scores["whole"][:, :2]).all()


def test_each_corpus_and_emotion_counts_alike():
    data = frozen.join([cloud(4, corpus="large"), cloud(1, corpus="small")])
    data = data.part(~((data.emotions == "anger") & (data.speakers == "large/00")))
    x, emotions, weights = frozen.stack(data, {"whole": 1.0, "phone": 0.25})
    corpora = np.tile(data.corpora, 2)
    cells = {
        (corpus, emotion): weights[(corpora == corpus) & (emotions == emotion)].sum()
        for corpus in ("large", "small")
        for emotion in EMOTIONS
    }
    assert list(cells.values()) == pytest.approx([1.25] * 6)
    assert np.array_equal(x[: len(data)], data.copies["whole"])
    assert np.array_equal(x[len(data) :], data.copies["phone"])


def test_without_balance_each_utterance_counts_as_its_copy():
    _, _, weights = frozen.stack(cloud(1), {"whole": 1.0, "phone": 0.25}, balance=False)
    assert weights.tolist() == [1.0] * 12 + [0.25] * 12


def test_the_layers_part_the_embedding():
    """Each of the 2304 numbers belongs to one layer: means and deviations of 384 dimensions each."""
    columns = np.concatenate(frozen.LAYERS)
    assert sorted(columns.tolist()) == list(range(whisper.EMBEDDING))
    assert [len(layer) for layer in frozen.LAYERS] == [768, 768, 768]


def test_joining_keeps_the_copies_that_all_have():
    joined = frozen.join([cloud(1), cloud(2, copies=("whole",))])
    assert list(joined.copies) == ["whole"]
    assert len(joined) == len(joined.copies["whole"]) == 36


# Embedding --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manifest():
    """Six clips of EmoDB."""
    return clips.sample(clips.corpus("emodb"), 6)


@pytest.fixture(scope="module")
def embedded(manifest):
    """Embedded without a cache, in this session's two processes."""
    return frozen.embed(manifest)


def test_copies_are_the_same_in_every_process(manifest):
    """Seeds come from names, not from Python's own hash, which differs from process to process."""
    code = (
        "import hashlib, sys; sys.path.insert(0, 'tests'); import clips; from affekt.training import frozen\n"
        "manifest = clips.sample(clips.corpus('emodb'), 6)\n"
        "for copy in frozen.COPIES:\n"
        "    heard = [frozen.hear(manifest, u, copy).samples.tobytes() for u in manifest]\n"
        "    print(copy, hashlib.sha256(b''.join(heard)).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=clips.ROOT)
    theirs = dict(line.split() for line in done.stdout.splitlines())
    for copy in frozen.COPIES:
        heard = b"".join(frozen.hear(manifest, u, copy).samples.tobytes() for u in manifest)
        assert theirs.pop(copy) == hashlib.sha256(heard).hexdigest()
    assert theirs == {}


def test_rows_are_in_the_manifests_order_and_the_encoders_own(manifest, embedded):
    assert embedded.emotions.tolist() == [u.emotion for u in manifest]
    assert embedded.speakers.tolist() == [u.speaker for u in manifest]
    assert set(embedded.corpora) == {"emodb"}
    for number in (0, 5):
        heard = frozen.hear(manifest, manifest.utterances[number], "phone")
        assert np.array_equal(embedded.copies["phone"][number], whisper.embed(heard))


def test_what_comes_from_the_cache_is_what_was_made(manifest, embedded, tmp_path):
    for workers in (1, 2):
        found = frozen.embed(manifest, copies=("whole", "crop"), cache=tmp_path, workers=workers)
        for copy in ("whole", "crop"):
            assert np.array_equal(found.copies[copy], embedded.copies[copy])
    assert len(list(tmp_path.iterdir())) == 2


def test_the_cache_is_used_and_knows_its_manifest(manifest, tmp_path):
    frozen.embed(manifest, copies=("whole",), cache=tmp_path)
    (path,) = tmp_path.iterdir()
    np.save(path, np.zeros((6, whisper.EMBEDDING), np.float32))
    assert not frozen.embed(manifest, copies=("whole",), cache=tmp_path).copies["whole"].any()
    fewer = manifest.subset([manifest.utterances[0].id])
    assert frozen.embed(fewer, copies=("whole",), cache=tmp_path).copies["whole"].any()
    assert len(list(tmp_path.iterdir())) == 2


def test_progress_is_told(manifest):
    told = []
    frozen.embed(manifest, copies=("whole",), progress=lambda *step: told.append(step))
    assert told == [("emodb, whole", done, 6) for done in range(1, 7)]


def utterances(tmp_path, *rows):
    """A manifest over one recording of 40 s."""
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.05, 320000), 8000)
    made = tuple(Utterance(str(i), "a.wav", f"demo/{i}", emotion, **rest) for i, (emotion, rest) in enumerate(rows))
    return Manifest("demo", LabelSet(EMOTIONS), made, licence="", citation="", root=tmp_path)


def test_utterances_without_an_emotion_are_left_out(tmp_path):
    rated = {"affect": Affect(0.5, -0.5, 0.0), "segment": Segment(0, 1)}
    made = utterances(tmp_path, (None, {}), ("anger", rated), ("sadness", {"segment": Segment(1, 2)}))
    found = frozen.embed(made, copies=("whole",), workers=1)
    assert found.emotions.tolist() == ["anger", "sadness"]
    assert found.affect[0].tolist() == [0.5, -0.5, 0.0]
    assert np.isnan(found.affect[1]).all()
    with pytest.raises(DataError, match="demo: no utterance has an emotion"):
        frozen.embed(made.filter(lambda u: u.emotion is None))


def test_a_segment_is_heard_and_no_more_than_half_a_minute(tmp_path):
    made = utterances(tmp_path, ("anger", {"segment": Segment(2.5, 4)}), ("anger", {}))
    part, whole = (frozen.hear(made, u, "whole") for u in made)
    assert (part.rate, part.duration) == (16000, 1.5)
    assert whole.duration == 30


@pytest.mark.parametrize("segment", [Segment(41, 42), Segment(3, 3)])
def test_a_segment_without_sound_is_refused(tmp_path, segment):
    made = utterances(tmp_path, ("anger", {"segment": segment}))
    with pytest.raises(DataError, match=r"\.wav: Segment\(.*\) holds no sample of 40\.00 s"):
        frozen.hear(made, made.utterances[0], "phone")
