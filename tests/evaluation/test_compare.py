"""Two models on the same utterances: the p-value is what it claims to be, and truths that differ are refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import judged
from affekt import metrics
from affekt.errors import DataError
from affekt.evaluation import compare
from affekt.evaluation.compare import compare as run
from affekt.types import LabelSet


def pair(seed, *, speakers=6, clips=12, skills=(1.5, 1.5)):
    """Two models that judge the same utterances; their errors have nothing to do with each other."""
    one, other = (
        judged.judgements(seed * 2 + i, speakers=speakers, clips=clips, skill=s) for i, s in enumerate(skills)
    )
    return one, replace(other, name="other")


# The p-value ------------------------------------------------------------------------------------------------------


def test_p_is_uniform_where_both_models_are_equally_good():
    """Of 300 comparisons of equals, as many have p <= a as a says; of tests that is the whole point."""
    rng = np.random.default_rng(0)
    ps = []
    for seed in range(300):
        one, other = pair(seed)
        mine = rng.integers(2, size=6)[np.unique(one.speakers, return_inverse=True)[1]] == 1
        own = np.where(mine[:, None], one.probs, other.probs), np.where(mine[:, None], other.probs, one.probs)
        found = run(replace(one, probs=own[0]), replace(other, probs=own[1]), bootstraps=2)
        ps.append(found["scores"]["uar"]["p"])
    for alpha in (0.05, 0.1, 0.25, 0.5, 0.75):
        share = np.mean(np.array(ps) <= alpha)
        spread = 3 * np.sqrt(alpha * (1 - alpha) / len(ps))
        assert alpha - spread - 2 / 2**6 <= share <= alpha + spread, alpha


def test_the_exact_p_is_that_of_swapping_in_every_way():
    one, other = pair(3, speakers=5, skills=(2.0, 1.2))
    who = np.unique(one.speakers, return_inverse=True)[1]
    seen, apart = metrics.uar(one.names, one.said) - metrics.uar(one.names, other.said), []
    for swap in itertools.product([False, True], repeat=5):
        mine = np.array(swap)[who]
        a, b = np.where(mine, other.said, one.said), np.where(mine, one.said, other.said)
        apart.append(metrics.uar(one.names, a) - metrics.uar(one.names, b))
    found = run(one, other, bootstraps=2)
    assert found["exact"]
    assert found["permutations"] == 32
    assert found["scores"]["uar"]["p"] == pytest.approx(np.mean(np.abs(apart) >= abs(seen) - 1e-12), abs=5e-6)


def test_ways_that_are_drawn_give_nearly_the_p_of_all_ways(monkeypatch):
    one, other = pair(5, speakers=12, skills=(1.6, 1.2))
    exact = run(one, other, bootstraps=2)
    monkeypatch.setattr(compare, "PERMUTATIONS", 4000)
    drawn = run(one, other, bootstraps=2)
    assert (exact["exact"], drawn["exact"]) == (True, False)
    assert drawn["scores"]["uar"]["p"] == pytest.approx(exact["scores"]["uar"]["p"], abs=0.03)


@pytest.mark.parametrize("people", [14, 25])
def test_ways_that_are_drawn_some_at_a_time_are_those_of_one_draw(people):
    found = compare._swaps(people, 3)
    assert found.itemsize == 1
    assert np.array_equal(found, np.random.default_rng(3).integers(2, size=(compare.PERMUTATIONS, people)))


def test_a_better_model_is_found_to_be_better():
    found = run(*pair(1, speakers=10, clips=40, skills=(2.5, 1.0)))
    for name in ("uar", "accuracy"):
        row = found["scores"][name]
        assert row["p"] < 0.01
        assert row["interval"][0] > 0
        assert row["difference"] == pytest.approx(row["a"] - row["b"], abs=1.5e-4)


def test_a_model_beside_itself_differs_by_nothing():
    own = judged.judgements(affect=True)
    found = run(own, own, bootstraps=20)
    for row in [*found["scores"].values(), *found["classes"]]:
        assert (row["difference"], row["interval"], row["p"]) == (0.0, [0.0, 0.0], 1.0)
    assert found["agreement"]["kappa"] == found["agreement"]["same"] == 1.0
    assert found["agreement"]["speakers"] == {"a": 0, "b": 0, "equal": 8}


@given(st.integers(0, 1000))
@settings(max_examples=15)
def test_it_makes_no_difference_who_is_named_first(seed):
    one, other = pair(seed)
    there, back = run(one, other, bootstraps=50), run(other, one, bootstraps=50)
    for name, row in there["scores"].items():
        turned = back["scores"][name]
        assert (row["a"], row["b"], row["p"]) == (turned["b"], turned["a"], turned["p"])
        assert row["difference"] == -turned["difference"]
        assert row["interval"] == pytest.approx([-turned["interval"][1], -turned["interval"][0]], abs=1.1e-4)


def test_classes_are_corrected_for_looking_at_several():
    sm = pytest.importorskip("scipy.stats")
    ps = [0.01, 0.2, 0.03, None, 0.03]
    found = compare._holm(ps)
    known = np.array([p for p in ps if p is not None])
    ranks = sm.rankdata(known, method="ordinal").astype(int) - 1
    adjusted = np.maximum.accumulate(np.minimum(1, np.sort(known) * (len(known) - np.arange(len(known)))))[ranks]
    assert [p for p in found if p is not None] == pytest.approx(adjusted)
    assert found[3] is None


# Affect, agreement ------------------------------------------------------------------------------------------------


def test_affect_is_compared_by_its_ccc():
    one, other = (judged.judgements(affect=True) for _ in range(2))
    noise = np.random.default_rng(9).normal(0, 0.8, other.affect.shape)
    found = run(one, replace(other, affect=other.affect + noise), bootstraps=50)
    for place, axis in enumerate(("valence", "arousal", "dominance")):
        row = found["scores"][f"ccc_{axis}"]
        assert row["a"] == pytest.approx(metrics.ccc(one.rated[:, place], one.affect[:, place]), abs=5e-5)
        assert row["p"] < 0.05
        assert row["difference"] > 0


def test_agreement_equals_scikit_learn():
    sk = pytest.importorskip("sklearn.metrics")
    one, other = pair(2)
    found = run(one, other, bootstraps=2)["agreement"]
    assert found["kappa"] == pytest.approx(sk.cohen_kappa_score(one.said, other.said), abs=5e-5)
    right = found["right"]
    assert right["both"] + right["only_a"] == (one.said == one.names).sum()
    assert sum(right.values()) == len(one)
    assert sum(found["speakers"].values()) == 6


# Matching ---------------------------------------------------------------------------------------------------------


def test_rows_are_matched_by_their_ids_whatever_their_order_and_their_labels():
    one, other = pair(4)
    order = np.array([2, 0, 3, 1])
    turned = replace(
        other.part(np.random.default_rng(0).permutation(len(other))),
        labels=LabelSet(tuple(np.array(judged.EMOTIONS)[order])),
    )
    turned = replace(turned, truth=np.argsort(order)[turned.truth], probs=turned.probs[:, order])
    own, again = run(one, other, bootstraps=20), run(one, turned, bootstraps=20)
    assert own["scores"] == again["scores"]


def test_what_only_one_has_judged_is_left_out_and_counted():
    one, other = pair(4)
    found = run(one.part(np.arange(60)), other.part(np.arange(24, 72)), bootstraps=5)
    assert (found["n"], found["only_a"], found["only_b"]) == (36, 24, 12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": np.roll(np.arange(72) % 4, 1)}, "the truth of u0000 is anger in made8 and sadness in other"),
        ({"speakers": np.full(72, "demo/99")}, "the speaker of u0000 is demo/00 in made8 and demo/99 in other"),
        ({"ids": np.array([f"x{i}" for i in range(72)])}, "share no utterance: demo/u0000 is only in the first"),
        ({"corpora": np.full(72, "else")}, "share no utterance"),
    ],
)
def test_judgements_that_are_not_of_the_same_are_refused(change, message):
    one, other = pair(4)
    with pytest.raises(DataError, match=message):
        run(one, replace(other, **change))


def test_ids_that_only_a_corpus_tells_apart_need_the_corpus():
    one, _ = pair(4)
    twice = replace(one, ids=np.array([f"u{i % 36}" for i in range(72)]), corpora=np.repeat(["x", "y"], 36))
    with pytest.raises(DataError, match="ids occur in several corpora"):
        run(twice, replace(one, corpora=np.full(72, "")))


def test_a_leak_on_either_side_stamps_the_comparison():
    one, other = pair(4)
    assert run(one, replace(other, leaky=True), bootstraps=2)["leaky"]
