"""Splits: no speaker in two parts, whatever the protocol; development from the training side; leaks only when asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import clips
from affekt import datasets
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.manifest import Manifest
from affekt.training import examples, splits
from affekt.training.run import Data, Features, Model, Run, Target
from affekt.types import LabelSet, Utterance

ROOT = clips.SHARED / "corpora"
PUBLISHED = [f"{corpus}/{name}" for corpus in clips.NAMES for name in datasets.protocols(corpus)]


def gathered(corpora=("ravdess",), **data):
    for name in corpora:
        clips.corpus(name)  # or skip
    return examples.gather(Run("x", Data(corpora=tuple(corpora), root=ROOT, **data)))


def manifest(name="toy", speakers=6, labels=("anger", "fear"), clips_each=3, session=None):
    rows = [
        Utterance(f"{s}-{label}-{i}", f"{s}{label}{i}.wav", f"{name}/{s}", label, session=session and session(s))
        for s in range(speakers)
        for label in labels
        for i in range(clips_each)
    ]
    return Manifest(name, LabelSet(tuple(labels)), tuple(rows), "", "")


def finished(parts, data, seed=0):
    parts, folds = splits.split(parts, data, seed=seed)
    rows = [u for part in parts for u in part]
    emotions, speakers = np.array([u.emotion for u in rows]), np.array([u.speaker for u in rows])
    return [splits.finish(f, emotions, speakers, data, seed=seed) for f in folds], speakers, emotions


def toy(**data):
    return Data(corpora=("toy",), **data)


def assert_apart(folds, speakers):
    for fold in folds:
        sides = [set(speakers[rows]) for rows in (fold.train, fold.development, fold.test)]
        assert all(sides), fold.name
        for one, other in combinations(sides, 2):
            assert not one & other, fold.name


# No speaker in two parts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_no_published_protocol_shares_a_speaker_between_any_two_parts(protocol):
    corpus = protocol.partition("/")[0]
    found = gathered((corpus,), protocol=protocol)
    assert_apart(found.folds, found.examples.speakers)
    assert not found.leaky


@pytest.mark.parametrize("protocol", ["speakers/5", "speakers/loso", "corpora/loco", "ravdess/6fold", "emodb/loso"])
def test_no_protocol_over_two_corpora_shares_a_speaker(protocol):
    found = gathered(("ravdess", "emodb"), protocol=protocol)
    assert_apart(found.folds, found.examples.speakers)


def test_every_fold_of_a_complete_protocol_tests_each_row_once():
    found = gathered(protocol="ravdess/6fold")
    tested = np.concatenate([fold.test for fold in found.folds])
    assert sorted(tested) == list(range(1440))
    for fold in found.folds:
        assert len(fold.train) + len(fold.development) + len(fold.test) == 1440


def test_a_protocol_of_one_corpus_lets_the_others_train():
    found = gathered(("emodb", "ravdess"), protocol="ravdess/6fold")
    emodb = found.examples.corpora == "emodb"
    for fold in found.folds:
        assert not emodb[fold.test].any()
        assert emodb[fold.taught].sum() == 535


def test_a_protocol_that_merges_labels_is_taken_as_it_is():
    found = gathered(protocol="ravdess/7class-pepino")
    assert "calm" not in found.examples.labels
    (fold,) = found.folds
    assert set(found.examples.speakers[fold.development]) == {"ravdess/21", "ravdess/22"}


def test_sessions_are_left_out_whole():
    part = manifest(session=lambda s: f"toy/{s // 2}")
    folds, speakers, _ = finished([part], toy(protocol="sessions/loso"))
    assert [sorted(set(speakers[f.test])) for f in folds] == [
        ["toy/0", "toy/1"],
        ["toy/2", "toy/3"],
        ["toy/4", "toy/5"],
    ]


def test_a_split_that_parts_a_session_is_refused():
    part = manifest(session=lambda s: "toy/all")
    with pytest.raises(DataError, match="allow_leak"):
        splits.split([part], toy(protocol="speakers/2"))
    _, folds = splits.split([part], toy(protocol="speakers/2", allow_leak=True))
    assert all(fold.leaky for fold in folds)


def test_groups_of_one_s_own_are_tested_together():
    part = manifest()
    people = part.speakers
    groups = (people[:1], people[1:3], people[3:])
    _, folds = splits.split([part], toy(protocol="groups/speakers", groups=groups))
    speakers = np.array([u.speaker for u in part])
    assert [tuple(sorted(set(speakers[fold.test].tolist()))) for fold in folds] == list(groups)
    for fold in folds:
        assert not set(speakers[fold.train].tolist()) & set(speakers[fold.test].tolist())


def test_a_speaker_in_no_group_or_in_two_is_named():
    people = manifest().speakers
    with pytest.raises(DataError, match="is in no group"):
        splits.split([manifest()], toy(protocol="groups/speakers", groups=(people[:1], people[2:])))
    with pytest.raises(DataError, match="is in two groups"):
        splits.split([manifest()], toy(protocol="groups/speakers", groups=(people[:2], people[1:])))


def test_groups_and_their_protocol_go_together():
    for data in (toy(protocol="groups/speakers"), toy(protocol="speakers/2", groups=(("a",), ("b",)))):
        with pytest.raises(UsageError, match="go together"):
            Run("toy", data)


# Leaks ------------------------------------------------------------------------------------------------------------


def test_a_random_split_is_refused_unless_it_is_asked_for_and_is_then_marked():
    with pytest.raises(DataError, match=r"random/K deals recordings.*LEAKY"):
        splits.split([manifest()], toy(protocol="random/3"))
    _, folds = splits.split([manifest()], toy(protocol="random/3", allow_leak=True))
    assert [fold.leaky for fold in folds] == [True] * 3
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(36))


def test_two_corpora_that_share_a_speaker_cannot_be_told_apart_by_name_alone():
    """The speaker's name decides, not the corpus it came with."""
    one, other = manifest("toy"), replace(manifest("toy"), name="copy")
    _, folds = splits.split([one, other], toy(protocol="corpora/loco", allow_leak=True))
    assert all(fold.leaky for fold in folds)
    with pytest.raises(DataError, match="heard in training and in the test"):
        splits.split([one, other], toy(protocol="corpora/loco"))


def test_a_fold_that_leaks_after_all_is_refused():
    fold = splits.Split("1", np.array([0, 1]), np.zeros(0, int), np.array([2, 3]))
    speakers, emotions = np.array(["a", "b", "b", "c"]), np.array(["anger"] * 4)
    with pytest.raises(DataError, match="b would be heard in training and in the test"):
        splits.finish(fold, emotions, speakers, toy(protocol="x"), seed=0)


# Development ------------------------------------------------------------------------------------------------------


def test_development_speakers_come_from_training_and_leave_it_every_label():
    found = gathered(("emodb",), protocol="emodb/loso")
    for fold in found.folds:
        emotions = found.examples.emotions
        assert set(emotions[fold.train]) == set(range(7)), fold.name
        assert 0.1 < len(fold.development) / len(fold.taught) < 0.3


def test_the_same_seed_draws_the_same_development_speakers_and_another_seed_others():
    draws = [gathered(protocol="ravdess/6fold").folds for _ in range(2)]
    for one, same in zip(*draws, strict=True):
        assert np.array_equal(one.development, same.development)
    other = examples.gather(Run("x", Data(corpora=("ravdess",), root=ROOT, protocol="ravdess/6fold"), seed=1)).folds
    assert any(not np.array_equal(a.development, b.development) for a, b in zip(draws[0], other, strict=True))


def test_a_protocol_s_own_development_speakers_are_kept():
    found = gathered(protocol="ravdess/5fold-luna")
    assert sorted(set(found.examples.speakers[found.folds[0].development])) == ["ravdess/03", "ravdess/06"]


def test_a_label_of_one_speaker_only_stays_in_training():
    emotions = np.array(["anger", "fear", "anger", "fear", "anger", "disgust"])
    speakers = np.array(["a", "a", "b", "b", "c", "c"])
    for seed in range(20):
        assert "c" not in splits.draw(emotions, speakers, 0.4, seed=seed)


def test_a_single_speaker_gives_no_development():
    assert splits.draw(np.array(["anger", "fear"]), np.array(["a", "a"]), 0.5, seed=0) == set()


def test_no_share_for_development_leaves_all_speakers_to_train():
    folds, speakers, _ = finished([manifest()], toy(protocol="speakers/loso", development=0.0))
    for fold in folds:
        assert len(fold.development) == 0
        assert len(fold.train) + len(fold.test) == len(speakers)


@pytest.mark.parametrize("more", [{"data": toy(development=0.0)}, {"model": Model(search={"rate": (1, 2)})}])
def test_where_something_is_chosen_there_is_somebody_to_choose_on(more):
    asked = {"data": toy(protocol="speakers/loso", development=0.0), **more}
    with pytest.raises(UsageError, match="nobody to choose on"):
        Run("x", **asked)


# What may be asked ------------------------------------------------------------------------------------------------


def test_no_protocol_is_one_fold_without_a_test():
    folds, speakers, _ = finished([manifest()], toy())
    (fold,) = folds
    assert len(fold.test) == 0
    assert set(speakers[fold.train]) | set(speakers[fold.development]) == set(speakers)


def test_speakers_are_dealt_into_groups_of_like_size():
    folds, speakers, _ = finished([manifest(speakers=10)], toy(protocol="speakers/5"))
    assert [len(set(speakers[f.test])) for f in folds] == [2] * 5


def test_some_folds_may_be_chosen():
    folds, _, _ = finished([manifest()], toy(protocol="speakers/loso", folds=(0, 5)))
    assert [fold.name for fold in folds] == ["toy/0", "toy/5"]
    with pytest.raises(UsageError, match=r"there is no fold 6; there are 0 to 5"):
        splits.split([manifest()], toy(protocol="speakers/loso", folds=(6,)))


@pytest.mark.parametrize("protocol", ["speakers/1", "speakers/x", "nothing", "random/0", "corpora/5"])
def test_an_unknown_protocol_is_answered_with_the_known_ones(protocol):
    with pytest.raises(UsageError, match="there are speakers/K, speakers/loso"):
        splits.split([manifest()], toy(protocol=protocol, allow_leak=True))


def test_an_unknown_protocol_of_a_corpus_is_answered_with_its_own():
    with pytest.raises(UnknownNameError, match="did you mean '6fold'"):
        gathered(protocol="ravdess/5fold")


def test_two_corpora_of_one_name_are_refused():
    with pytest.raises(DataError, match="the same name: toy, toy"):
        splits.split([manifest(), manifest()], toy())


def test_a_training_side_can_be_skewed_and_the_test_stays():
    data = toy(protocol="speakers/3", keep={"fear": 0.34})
    folds, speakers, emotions = finished([manifest()], data)
    for fold in folds:
        assert (emotions[fold.test] == "fear").sum() == 6
        taught = fold.taught
        for speaker in set(speakers[taught]):
            own = taught[speakers[taught] == speaker]
            assert [(emotions[own] == name).sum() for name in ("anger", "fear")] == [3, 1]


def test_rows_without_a_target_are_in_no_part():
    found = gathered(("emodb",), protocol="emodb/loso", labels=("anger", "sadness"))
    assert len(found.examples) == 127 + 62
    assert sorted(np.concatenate([f.test for f in found.folds])) == list(range(127 + 62))


def test_a_target_that_nobody_rated_is_refused():
    clips.corpus("emodb")
    run = Run("x", Data(corpora=("emodb",), root=ROOT), Features(), target=Target("affect"))
    with pytest.raises(DataError, match="no utterance has a target of the kind 'affect'"):
        examples.gather(run)
