"""A matrix: models judge corpora that they have not heard, by emotions that every corpus has."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tones
from affekt import training
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.training import classical, examples, matrix, results
from affekt.training.run import Data, Features, Model, Optimise, Run, Target

pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")

SHARED = ("anger", "sadness")


def corpus(folder, name, emotions, **options):
    """A made-up corpus whose speakers bear its name."""
    path = tones.corpus(folder / name, name=name, emotions=emotions, **options)
    path.write_text(re.sub(r",s(\d)", rf",{name}-\1", path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    return [
        str(corpus(folder, "one", ("anger", "neutral", "sadness"), speakers=4)),
        str(corpus(folder, "two", ("anger", "happiness", "sadness"), speakers=6, affect=True)),
        str(corpus(folder, "three", ("anger", "sadness"), speakers=3, affect=True)),
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    return Run(
        "toy",
        Data(corpora=("emodb",)),
        Features(set="logmel", level="functionals"),
        Model("lda", search={"shrinkage": (0.3, 0.7)}),
        folder=folder / "runs",
        cache=folder / "cache",
    )


class Told(training.Progress):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def found(run, sources):
    return matrix.judge(matrix.prepare(run, sources))


def cell(found, train, test):
    (one,) = [c for c in found.cells if c.train == train and c.test == test]
    return one


def test_every_corpus_teaches_and_is_tested_and_is_left_out_once(found):
    names = ("one", "two", "three")
    wanted = {((a,), b) for a in names for b in names} | {(tuple(n for n in names if n != b), b) for b in names}
    assert {(c.train, c.test) for c in found.cells} == wanted
    assert len(found.cells) == len(wanted)
    for one in found.cells:
        assert one.kind == ("within" if one.train == (one.test,) else "across" if len(one.train) == 1 else "others")
        assert set(one.judged.examples.corpora) == {one.test}
    assert found.prepared.models == 4 + 5 + 3 + 3 + 3


def test_only_what_every_corpus_has_is_told_apart(found):
    assert found.prepared.labels == SHARED
    for one in found.cells:
        assert one.judged.labels.names == SHARED
        assert one.judged.probs.shape == (len(one.judged), 2)
        assert (one.judged.examples.emotions >= 0).all()
    assert len(cell(found, ("two",), "one").judged) == 4 * 2 * 2


def test_a_cell_across_is_what_the_training_corpus_alone_teaches(found, run, sources):
    """Options, temperature and all: the tested corpus is not there when they are chosen."""

    def own(path):
        return examples.load(replace(run, data=Data(manifest=Path(path), labels=SHARED)))[0]

    head, _ = classical.fit(replace(own(sources[1]), corpora=np.full(24, "two")), run)
    assert np.allclose(cell(found, ("two",), "three").judged.probs, head.probs(own(sources[2]).x), atol=1e-6)


def test_the_own_cell_is_what_affekt_train_tells(found, run, sources):
    for place, protocol in ((0, "speakers/4"), (1, "speakers/5"), (2, "speakers/3")):
        data = Data(manifest=Path(sources[place]), labels=SHARED, protocol=protocol)
        alone = training.train(replace(run, name=f"alone {place}", data=data), bundle=False)
        name = found.prepared.corpora[place].name
        assert results.scores(cell(found, (name,), name).judged)["uar"] == alone.scores["uar"]


def test_what_was_finished_is_kept_and_only_the_rest_is_trained(found, run, sources):
    told = Told()
    again = matrix.judge(matrix.prepare(run, sources), progress=told)
    assert all(note.endswith("done before") for note in told.notes)
    assert len(told.notes) == found.prepared.models
    for one, other in zip(found.cells, again.cells, strict=True):
        assert np.array_equal(one.judged.probs, other.judged.probs)
        assert (one.tried, one.seconds) == (other.tried, other.seconds)
    told = Told()
    matrix.judge(matrix.prepare(replace(run, seed=1), sources[:2]), progress=told)
    assert not any(note.endswith("done before") for note in told.notes)


def test_two_corpora_need_no_row_of_all_others(run, sources):
    """It would be the row across once more."""
    assert not matrix.prepare(run, sources[:2]).others


def test_calm_is_neutral_where_somebody_does_not_tell_them_apart(run, tmp_path):
    def csv(name, emotions):
        path = corpus(tmp_path, name, ("anger", "neutral"), speakers=2, clips=1)
        path.write_text(path.read_text(encoding="utf-8").replace(",neutral,", f",{emotions},"), encoding="utf-8")
        return str(path)

    quiet, plain = csv("quiet", "calm"), csv("plain", "neutral")
    assert matrix.prepare(run, [quiet, plain]).merge == {"calm": "neutral"}
    assert matrix.prepare(run, [quiet, plain]).labels == ("anger", "neutral")
    assert matrix.prepare(run, [quiet, csv("calmer", "calm")]).labels == ("anger", "calm")
    with pytest.raises(DataError, match=r"share 1 emotions, and two at least.*quiet: anger, calm; plain: anger, neutr"):
        matrix.prepare(run, [quiet, plain], merge={})


def test_affect_is_scored_where_both_corpora_have_it(run, sources):
    wanted = matrix.prepare(replace(run, target=Target(kind="both")), sources)
    scored = {(c.train, c.test) for c in matrix.judge(wanted).cells if "ccc" in results.scores(c.judged)}
    rated = {(("two",), "two"), (("three",), "three"), (("two",), "three"), (("three",), "two")}
    mixed = {(("one", "three"), "two"), (("one", "two"), "three")}
    assert scored == rated | mixed


def test_networks_are_trained_across_corpora_too(run, tmp_path):
    pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    network = replace(
        run,
        features=Features(set="logmel"),
        model=Model("bilstm", options={"hidden": 8}),
        optimise=Optimise(epochs=1),
    )
    small = [str(corpus(tmp_path, name, SHARED, speakers=2, clips=1)) for name in ("here", "there")]
    told = matrix.judge(matrix.prepare(network, small))
    assert {c.kind for c in told.cells} == {"within", "across"}
    assert all(np.allclose(c.judged.probs.sum(axis=1), 1, atol=1e-4) for c in told.cells)


def test_an_unreadable_recording_is_named_and_the_rest_is_judged(run, tmp_path):
    paths = [corpus(tmp_path, name, SHARED, speakers=2) for name in ("whole", "hurt")]
    (paths[1].parent / "hurt-0-anger-0.wav").write_bytes(b"no sound")
    told = matrix.judge(matrix.prepare(run, list(map(str, paths))))
    assert len(told.skipped) == 1
    assert len(cell(told, ("whole",), "hurt").judged) == 7


def test_the_cost_counts_models_and_what_is_kept(found, run, sources):
    told = matrix.cost(matrix.prepare(run, sources))
    assert told.models == found.prepared.models <= told.kept
    assert told.fits > told.models
    assert told.hearing == 0
    assert told.fitting > 0


# What is refused --------------------------------------------------------------------------------------------------


def test_one_corpus_is_no_matrix(run, sources):
    with pytest.raises(UsageError, match="two corpora at least, got"):
        matrix.prepare(run, sources[:1])
    with pytest.raises(UsageError, match="two corpora have the same name: one, one"):
        matrix.prepare(run, [sources[0], sources[0]])


def test_an_unknown_corpus_and_a_missing_folder_are_told_apart(run, sources, tmp_path):
    with pytest.raises(UnknownNameError, match="emodb"):
        matrix.prepare(run, ["emodbb", sources[0]])
    with pytest.raises(DataError, match="no folder"):
        matrix.prepare(run, ["emodb", sources[0]], root=tmp_path)


def test_an_emotion_must_be_in_every_corpus(run, sources):
    with pytest.raises(DataError, match=r"two has no neutral.*anger, happiness, sadness"):
        matrix.prepare(run, sources, labels=["anger", "neutral"])


def test_speakers_of_one_name_are_one_person(run, sources, tmp_path):
    same = tmp_path / "same.csv"
    shutil.copy(sources[0], same)
    with pytest.raises(DataError, match=r"table/one-0 speaks in one and in same"):
        matrix.prepare(run, [sources[0], str(same)])
