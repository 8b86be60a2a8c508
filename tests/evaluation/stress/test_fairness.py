"""Bias is caught, chance is not, and what cannot be told is not judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from answers import LABELS, judged

from affekt.evaluation.stress import chance, fairness


def flagged(results):
    return [result.level for result in results if result.passed is False]


def test_a_model_that_hears_anger_in_men_is_caught():
    found = fairness.ask(judged(bias=("male", "anger", 0.3)), "fairness/sex")
    assert {"share anger", "UAR"} <= set(flagged(found))
    share = next(result for result in found if result.level == "share anger")
    assert share.detail["groups"]["male"] > share.detail["groups"]["female"] + 0.1
    assert share.value > share.threshold


def test_a_model_that_misses_womens_sadness_is_caught_by_its_recall():
    j = judged(skill=0.8)
    missed = (j.groups["sex"] == "female") & (j.truth == LABELS.index("sadness"))
    probs = j.probs.copy()
    probs[missed] = [0.1, 0.1, 0.7, 0.1]
    found = fairness.ask(replace(j, probs=probs), "fairness/sex")
    assert "recall sadness" in flagged(found)


@pytest.mark.parametrize(("skill", "talent"), [(0.0, 0.0), (0.6, 0.15)])
def test_of_models_that_are_blind_to_sex_one_in_twenty_at_most_is_flagged(skill, talent):
    """Anything at all, over all measures; skilled or guessing, though speakers differ."""
    runs = 200
    alarms = sum(
        bool(flagged(fairness.ask(judged(seed, clips=3, skill=skill, talent=talent), "fairness/sex", blind=199)))
        for seed in range(runs)
    )
    # 5 % of 200 is 10; more than 17 would be a chance of 1 %
    assert alarms <= 17


def test_guessing_is_fair():
    assert flagged(fairness.ask(chance.guess(judged(), "seed"), "fairness/sex")) == []


def test_a_group_that_acted_more_anger_is_not_treated_unfairly():
    """Shares are taken per true emotion: what differs in the truth is no bias."""
    j = judged(skill=0.9, clips=8)
    rows = ~((j.groups["sex"] == "female") & (j.truth == LABELS.index("anger")) & (np.arange(len(j)) % 8 > 0))
    part = replace(j.part(rows), groups={"sex": j.groups["sex"][rows]})
    assert flagged(fairness.ask(part, "fairness/sex")) == []


def test_small_groups_are_shown_and_not_judged():
    j = judged(sexes=("female",) * 11 + ("male",))
    (found,) = fairness.ask(j, "fairness/sex")
    assert found.passed is None
    assert "fewer than two groups of 3 speakers" in found.note
    assert set(found.detail["UAR"]) == {"female", "male"}
    j = judged(sexes=("female", "male") * 11 + ("female", "unsaid"))
    found = fairness.ask(j, "fairness/sex")
    assert all("unsaid" in result.note for result in found)
    assert all(set(result.detail["groups"]) == {"female", "male"} for result in found)
    assert set(found[0].detail["UAR of small groups"]) == {"unsaid"}


def test_with_too_few_speakers_no_gap_can_stand_out_and_none_is_judged():
    """Three against three can be dealt in ten ways."""
    found = fairness.ask(judged(speakers=6, bias=("male", "anger", 0.9)), "fairness/sex")
    assert all(result.passed is None and "too few speakers" in result.note for result in found)


def test_two_languages_of_the_same_speakers_are_swapped_within_each():
    """Speakers differ far more than languages; a model that is worse in one is caught all the same."""
    j = judged(skill=0.6, talent=0.3, clips=12)
    language = np.where(np.arange(len(j)) % 2, "da", "en")
    probs = j.probs.copy()
    worse = (language == "da") & (np.random.default_rng(0).random(len(j)) < 0.15)
    probs[worse] = np.roll(probs[worse], 1, axis=1)
    fair, unfair = (replace(j, probs=p, groups={"language": language}) for p in (j.probs, probs))
    assert flagged(fairness.ask(fair, "fairness/language")) == []
    assert "UAR" in flagged(fairness.ask(unfair, "fairness/language"))


def test_a_speaker_who_is_never_understood_is_caught_and_named():
    j = judged(skill=0.8)
    probs = j.probs.copy()
    victim = j.speakers == "demo/05"
    probs[victim] = np.roll(probs[victim], 1, axis=1)
    *gaps, worst = fairness.ask(replace(j, probs=probs), "fairness/speaker")
    assert "UAR" in flagged(gaps)
    assert worst.metric == "worst speaker"
    assert worst.note.startswith("demo/05")
    assert worst.value < 0.3
    assert flagged(fairness.ask(judged(skill=0.8), "fairness/speaker")) == []


def test_of_models_that_are_blind_to_the_speaker_one_in_twenty_at_most_is_flagged():
    alarms = sum(
        bool(flagged(fairness.ask(judged(seed, speakers=8, clips=4), "fairness/speaker", blind=199)))
        for seed in range(100)
    )
    assert alarms <= 11  # more would be a chance of 1 %


def test_the_same_seed_gives_the_same_thresholds():
    first, second = (fairness.ask(judged(), "fairness/sex", seed=3) for _ in range(2))
    assert first == second
    assert first != fairness.ask(judged(), "fairness/sex", seed=4)


def test_what_is_not_known_is_said():
    (found,) = fairness.ask(judged(), "fairness/age")
    assert found.value is None
    assert found.note == "age is not known in this corpus"
