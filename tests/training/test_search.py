"""Search: everything is tried where it is little, a part by Optuna where it is much, and the count is told."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.errors import UsageError
from affekt.training import search
from affekt.training.run import Model


def test_every_combination_is_tried_once_with_the_fixed_options():
    seen = []
    model = Model(options={"kernel": "rbf"}, search={"C": (1, 2), "gamma": (3, 4)})
    found = search.best(model, lambda options: seen.append(options) or options["C"] * options["gamma"])
    assert sorted((o["C"], o["gamma"]) for o in seen) == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert all(o["kernel"] == "rbf" for o in seen)
    assert found == search.Found({"kernel": "rbf", "C": 2, "gamma": 4}, 8, 4)


def test_without_a_search_the_fixed_options_are_judged_once():
    assert search.best(Model(options={"C": 7}), lambda options: 0.5) == search.Found({"C": 7}, 0.5, 1)


def test_a_score_that_is_not_a_number_never_wins():
    scores = {1: float("nan"), 2: 0.1, 3: float("nan")}
    assert search.best(Model(search={"C": (1, 2, 3)}), lambda options: scores[options["C"]]).options == {"C": 2}


def test_of_many_combinations_only_as_many_are_tried_as_allowed_and_they_are_chosen_well():
    pytest.importorskip("optuna")
    model = Model(search={"a": tuple(range(20)), "b": tuple(range(20))}, tries=40)
    judge = lambda options: -((options["a"] - 12) ** 2) - (options["b"] - 5) ** 2  # noqa: E731
    found = search.best(model, judge, seed=0)
    assert found.tried <= 40
    assert found.score > -20, "chance would be worse"
    assert search.best(model, judge, seed=0) == found


def test_values_may_be_lists():
    found = search.best(Model(search={"channels": ((8, 16), (4, 8))}), lambda o: -sum(o["channels"]))
    assert found.options == {"channels": (4, 8)}


def test_every_value_is_checked_beforehand():
    corners = list(search.corners(Model(search={"a": (1, 2, 3), "b": (4, 5)})))
    assert {c["a"] for c in corners} == {1, 2, 3}
    assert {c["b"] for c in corners} == {4, 5}


def test_an_option_without_values_is_refused():
    with pytest.raises(UsageError, match=r"model\.search\.C has no values"):
        search.best(Model(search={"C": ()}), lambda options: 0)


def test_speakers_are_dealt_whole_and_evenly():
    speakers = np.repeat([f"s{i}" for i in range(10)], np.arange(1, 11))
    parts = search.deal(speakers, 5)
    assert all(len(set(parts[speakers == s])) == 1 for s in set(speakers))
    sizes = np.bincount(parts)
    assert len(sizes) == 5
    assert sizes.max() - sizes.min() <= 3
    assert search.deal(["a", "a"], 5).tolist() == [0, 0]
