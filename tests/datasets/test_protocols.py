"""Protocols as data: the published folds, a hash that only people decide, and development speakers from training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import layouts
import numpy as np
import pytest

from affekt import datasets, manifest
from affekt.manifest import Manifest, folds_sha256
from affekt.types import LabelSet, Utterance

ROOT = Path(__file__).parents[2]
CORPORA = ROOT / ".." / "shared" / "corpora"
PROTOCOLS = [f"{name}/{key}" for name in datasets.names() for key in datasets.protocols(name)]
OWN = {"folder", "table", "meld", "mosei", "mosi", "msp_podcast"}
"Corpora whose speakers are the user's, or not the same in everybody's copy."

_made: dict[str, Manifest] = {}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The corpus, or where it is not here a tree with its official speakers."""

    def read(name):
        if name not in _made:
            real = CORPORA / name
            here = real if real.is_dir() else layouts.build(name, tmp_path_factory.mktemp(name))
            _made[name] = datasets.load(name, here)
        return _made[name]

    return read


def numbers(fold, side="test"):
    return {int(speaker.rpartition("/")[2]) for speaker in getattr(fold, side).speakers}


# Published folds, as the papers and their lists have them ---------------------------------------------------------


def test_ravdess_6fold_tests_the_actors_of_emobox(corpus):
    wanted = [{1, 11, 20, 21}, {4, 10, 12, 14}, {8, 9, 19, 23}, {3, 5, 7, 24}, {2, 15, 16, 18}, {6, 13, 17, 22}]
    folds = datasets.protocol("ravdess/6fold", corpus("ravdess"))
    assert [numbers(fold) for fold in folds] == wanted


def test_ravdess_5fold_luna_tests_and_tunes_on_the_published_actors(corpus):
    folds = datasets.protocol("ravdess/5fold-luna", corpus("ravdess"))
    tests = [{2, 5, 14, 15, 16}, {3, 6, 7, 13, 18}, {10, 11, 12, 19, 20}, {8, 17, 21, 23, 24}, {1, 4, 9, 22}]
    assert [numbers(fold) for fold in folds] == tests
    assert [numbers(fold, "dev") for fold in folds] == [{3, 6}, {10, 11}, {8, 17}, {1, 14}, {2, 5}]


def test_crema_d_emo_superb_tests_five_blocks_and_tunes_on_the_next(corpus):
    folds = datasets.protocol("crema_d/emo-superb", corpus("crema_d"))
    blocks = [set(range(a, b + 1)) for a, b in
              ((1001, 1018), (1019, 1036), (1037, 1054), (1055, 1072), (1073, 1091))]  # fmt: skip
    assert [numbers(fold) for fold in folds] == blocks
    assert [numbers(fold, "dev") for fold in folds] == blocks[1:] + blocks[:1]


def test_crema_d_evar_has_the_published_63_9_and_19_actors(corpus):
    (fold,) = datasets.protocol("crema_d/evar", corpus("crema_d"))
    test = "1001 1004 1017 1019 1020 1025 1026 1029 1033 1035 1042 1044 1050 1053 1056 1058 1060 1069 1083"
    assert numbers(fold) == set(map(int, test.split()))
    assert numbers(fold, "dev") == {1009, 1011, 1022, 1034, 1039, 1047, 1066, 1070, 1082}
    assert len(numbers(fold, "train")) == 63


@pytest.mark.parametrize(("name", "speakers"), [
    ("emodb", "03 08 09 10 11 12 13 14 15 16"), ("savee", "DC JE JK KL")])  # fmt: skip
def test_loso_leaves_each_speaker_out(name, speakers, corpus):
    folds = datasets.protocol(f"{name}/loso", corpus(name))
    assert sorted(fold.test.speakers for fold in folds) == [(f"{name}/{one}",) for one in speakers.split()]


def test_iemocap_5session_leaves_sessions_out_and_10speaker_tunes_on_the_partner(corpus):
    sessions = datasets.protocol("iemocap/5session", corpus("iemocap"))
    assert [fold.test.speakers for fold in sessions] == [
        (f"iemocap/Ses0{n}F", f"iemocap/Ses0{n}M") for n in range(1, 6)
    ]
    for fold in datasets.protocol("iemocap/10speaker", corpus("iemocap")):
        (test,), (dev,) = fold.test.speakers, fold.dev.speakers
        assert test[:-1] == dev[:-1]
        assert test != dev
        assert not any(speaker.startswith(test[:-1]) for speaker in fold.train.speakers)


# The hash ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_has_the_hash_of_its_folds(name, corpus):
    """Frozen in the corpus's file: whoever moves a speaker changes it."""
    which, _, key = name.partition("/")
    known = datasets.protocols(which)[key].sha256
    assert bool(known) == (which not in OWN)
    if known:
        assert folds_sha256(datasets.protocol(name, corpus(which))) == known


def toy(people="abcd", clips=2):
    rows = tuple(Utterance(f"{s}{i}", f"{s}{i}.wav", s, "fear") for s in people for i in range(clips))
    return Manifest("toy", LabelSet(("fear",)), rows, licence="", citation="")


def test_the_hash_depends_on_who_is_where_and_on_nothing_else():
    def digest(groups, of=None, **more):
        return folds_sha256(manifest.folds_by_groups(of or toy(), groups, **more))

    frozen = digest(["ab", "cd"])
    assert frozen == "81aaa812bde40ecbf41a51d9660eb7535c8ec23e374822b1c12b70a4a39f23c3"
    assert digest(["ba", "dc"], toy("dcba", clips=5)) == frozen
    renamed = [replace(fold, name="x") for fold in manifest.folds_by_groups(toy(), ["ab", "cd"])]
    assert folds_sha256(renamed) == frozen
    others = [
        digest(["ac", "bd"]),
        digest(["cd", "ab"]),
        digest(["ab", "c", "d"]),
        digest(["ab", "cd"], dev=["c", "a"]),
    ]
    assert len({frozen, *others}) == 5


# Nested -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROTOCOLS)
def test_development_speakers_come_from_the_training_side_of_every_fold(name, corpus):
    """As `affekt train` splits: nobody is in two parts, nobody of the test is chosen on, and the test stays whole."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")
    from affekt.training import splits
    from affekt.training.run import Data

    which, _, _ = name.partition("/")
    data = Data(corpora=(which,), protocol=name)
    (own,), folds = splits.split([corpus(which)], data)
    speakers, emotions = np.array([u.speaker for u in own]), np.array([u.emotion or "" for u in own])
    published = datasets.protocol(name, corpus(which))
    assert len(folds) == len(published)
    for found, official in zip(folds, published, strict=True):
        whole = splits.finish(found, emotions, speakers, data, seed=0)
        train, dev, test = (set(speakers[rows].tolist()) for rows in (whole.train, whole.development, whole.test))
        assert test == set(official.test.speakers)
        if not official.leaky:
            assert not train & dev
            assert not (train | dev) & test
        if official.dev is None:
            assert train | dev == set(official.train.speakers)
            assert bool(dev) == (len(official.train.speakers) > 1)
        else:
            assert dev == set(official.dev.speakers)
