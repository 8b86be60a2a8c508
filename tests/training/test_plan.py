"""Plan: what a run will take, near enough to decide by, and a refusal before memory runs out."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

import tones
from affekt import training
from affekt.errors import DataError, UsageError
from affekt.training import plan as planned
from affekt.training.run import Augmenting, Data, Features, Model, Optimise, Run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return tones.corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def run(corpus, tmp_path):
    return Run(
        "toy",
        Data(manifest=corpus, protocol="speakers/3"),
        Features("logmel", "functionals"),
        Model("logistic", search={"C": (0.1, 1.0)}),
        folder=tmp_path / "runs",
        cache=tmp_path / "cache",
    )


def test_a_plan_says_who_is_in_which_part(run):
    plan = planned.plan(run)
    assert (plan.clips, plan.speakers, plan.labels.names, plan.counts) == (36, 6, tones.EMOTIONS, (12, 12, 12))
    assert plan.speech == pytest.approx(36 * 0.7)
    name, train, development, test = plan.folds[0]
    assert (name, train.speakers, development.speakers, test.speakers) == ("1", 3, 1, 2)
    assert (test.clips, test.emotions) == (12, 3)
    assert plan.dimensions == 160
    json.dumps(plan.to_dict(), allow_nan=False)


def test_nothing_is_written_by_a_plan(run):
    planned.plan(run)
    assert not run.folder.exists()
    assert not run.cache.exists()


def test_fits_are_counted_as_they_are_made(run, monkeypatch):
    from affekt.training import classical

    count, learn = [], classical._learn
    monkeypatch.setattr(classical, "_learn", lambda *rest: count.append(1) or learn(*rest))
    expected = planned.plan(run).cost.fits
    training.train(run)
    assert len(count) == expected == 3 * (2 * 4 + 1) + 2 * 5 + 1, "four speakers train, so there are four inner parts"


def test_features_in_the_cache_cost_nothing(run):
    before = planned.plan(run)
    training.train(run, bundle=False)
    after = planned.plan(run)
    assert before.hearing > 0
    assert after.hearing == 0


def test_a_leak_is_told(run):
    leaky = replace(run, data=replace(run.data, protocol="random/3", allow_leak=True))
    assert planned.plan(leaky).to_dict()["split"] == "LEAKY"


def test_a_network_s_steps_are_those_of_its_loop(run):
    pytest.importorskip("torch")
    asked = replace(run, features=Features("logmel"), model=Model("cnn", {"channels": (4, 4, 4)}),
                    optimise=Optimise(epochs=3, batch=5.0))  # fmt: skip
    plan = planned.plan(asked)
    # 18 clips of 0.7 s train, 7 fill a batch of 5 s; so three steps an epoch, in three folds and the final model
    assert plan.cost.steps == pytest.approx(4 * 3 * 3, rel=0.4)
    assert plan.cost.seconds > 0
    larger = planned.plan(replace(asked, optimise=Optimise(epochs=3, batch=5000.0)))
    assert larger.cost.memory > 3 * plan.cost.memory


def test_memory_grows_with_copies_and_length(run):
    frames = replace(run, features=Features("logmel"), model=Model("cnn", {"channels": (4, 4, 4)}))
    one = planned.plan(frames, timed=False).cost.memory
    copied = planned.plan(replace(frames, augment=Augmenting(("phone", "room"))), timed=False).cost.memory
    assert copied - one == pytest.approx(2 * 36 * 70 * 80 * 4, rel=0.01)


def test_what_cannot_fit_in_memory_is_refused_before_it_starts(run, monkeypatch):
    monkeypatch.setattr(planned, "free", lambda: 1e6)
    with pytest.raises(UsageError, match=r"needs about 0\.3 GB of memory, and 0\.0 GB are free\. Take a shorter"):
        training.train(run)
    assert not run.folder.exists()
    planned.plan(run)  # a plan may still be made


def test_where_free_memory_is_unknown_nothing_is_refused(run, monkeypatch):
    monkeypatch.setattr(planned, "free", lambda: math.nan)
    planned.plan(run, timed=False).refuse()
    assert planned.plan(run, timed=False).to_dict()["free"] is None


def test_free_memory_is_a_sensible_number():
    assert 1e7 < planned.free() < 1e14


def test_recordings_that_are_not_there_are_an_error(run, tmp_path):
    table = tones.corpus(tmp_path / "own")
    for path in table.parent.glob("*.wav"):
        path.unlink()
    with pytest.raises(DataError, match="no recording can be opened"):
        planned.plan(replace(run, data=replace(run.data, manifest=table)))
