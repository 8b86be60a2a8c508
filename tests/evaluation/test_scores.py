"""One JSON form: every number in it is that of `affekt.metrics`, every key of it is in the documentation."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clips
import judged
from affekt import metrics
from affekt.errors import DataError, UsageError
from affekt.evaluation import judgements, scores, trust
from affekt.evaluation.draws import Draws
from affekt.types import LabelSet

PAGE = clips.ROOT / "docs" / "evaluation.md"


@pytest.fixture(scope="module")
def made():
    """Emotions, affect and ratings of eight speakers in four folds."""
    own = judged.judgements(folds=4, affect=True)
    rng = np.random.default_rng(1)
    return replace(own, ratings=rng.dirichlet(np.ones(4), len(own)), groups={"sex": np.full(len(own), "female")})


@pytest.fixture(scope="module")
def found(made):
    return scores.evaluate(made, bootstraps=300)


def near(score, interval):
    assert score["value"] == pytest.approx(interval.value, abs=5e-5)
    assert score["interval"] == pytest.approx([interval.low, interval.high], abs=5e-5)


# The numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["uar", "macro_f1", "weighted_f1", "accuracy"])
def test_scores_and_intervals_are_those_of_the_metrics(made, found, name):
    metric = getattr(metrics, name)
    near(found["emotion"][name], metrics.bootstrap(metric, made.names, made.said, made.speakers, n=300))


@pytest.mark.parametrize("name", ["brier", "log_loss"])
def test_probabilities_are_scored_as_the_metrics_do(made, found, name):
    metric = partial(getattr(metrics, name), labels=made.labels)
    near(found["calibration"]["raw"][name], metrics.bootstrap(metric, made.names, made.probs, made.speakers, n=300))


@pytest.mark.parametrize("name", ["jsd", "kld", "cross_entropy"])
def test_the_raters_shares_are_scored_as_the_metrics_do(made, found, name):
    near(found["soft"][name], metrics.bootstrap(getattr(metrics, name), made.ratings, made.probs, made.speakers, n=300))


@pytest.mark.parametrize("name", ["ccc", "pearson", "rmse", "mae"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_affect_is_scored_as_the_metrics_do(made, found, name, axis):
    own = found["affect"][judgements.AXES[axis]][name]
    columns = made.rated[:, axis], made.affect[:, axis]
    near(own, metrics.bootstrap(getattr(metrics, name), *columns, made.speakers, n=300))


def test_classes_are_those_of_scikit_learn(made, found):
    sk = pytest.importorskip("sklearn.metrics")
    expected = sk.precision_recall_fscore_support(made.names, made.said, labels=list(made.labels))
    for place, row in enumerate(found["emotion"]["classes"]):
        own = [row[name]["value"] for name in ("precision", "recall", "f1")] + [row["support"]]
        assert own == pytest.approx([values[place] for values in expected], abs=5e-5)


def test_ece_is_that_of_the_metrics(made, found):
    for key, equal in (("ece", "width"), ("ece_mass", "mass")):
        expected = metrics.ece(made.names, made.probs, labels=made.labels, equal=equal)
        assert found["calibration"]["raw"][key]["value"] == pytest.approx(expected, abs=5e-5)


def test_parts_are_scored_as_if_they_were_all(made, found):
    part = scores.evaluate(made.part(made.folds == "2"), bootstraps=300)
    (fold,) = [fold for fold in found["folds"] if fold["fold"] == "2"]
    assert {name: fold[name] for name in ("uar", "accuracy")} == {
        name: part["emotion"][name] for name in ("uar", "accuracy")
    }
    assert [fold["n"] for fold in found["folds"]] == [40] * 4
    assert found["corpora"][0]["uar"] == found["emotion"]["uar"]
    worst = found["per_speaker"][0]
    own = made.speakers == worst["speaker"]
    assert worst["accuracy"] == pytest.approx((made.said == made.names)[own].mean(), abs=5e-5)
    assert worst["accuracy"] == min(row["accuracy"] for row in found["per_speaker"])


def test_the_surest_mistakes_come_first(made, found):
    confidences = [row["confidence"] for row in found["mistakes"]]
    assert confidences == sorted(confidences, reverse=True)
    assert len(confidences) == 20
    wrong = made.said != made.names
    assert confidences[0] == pytest.approx(made.probs[wrong].max(), abs=5e-5)


# Peers and the floor ----------------------------------------------------------------------------------------------


def test_models_that_do_not_listen_reach_chance(found):
    peers = {row["name"]: row for row in found["emotion"]["peers"]}
    assert peers["majority"]["uar"] == {"value": 0.25, "interval": [0.25, 0.25]}
    assert peers["random"]["uar"]["value"] == pytest.approx(0.25, abs=0.01)
    low, high = peers["random"]["uar"]["interval"]
    assert low < 0.25 < high < found["emotion"]["uar"]["interval"][0]


def test_a_model_that_guesses_lies_within_what_guessing_gives():
    """In 19 of 20 cases; over 200 made-up guesses the share may be a little off."""
    own = judged.judgements(speakers=6, clips=20)
    inside = []
    (random,) = [r for r in scores.evaluate(own, bootstraps=500)["emotion"]["peers"] if r["name"] == "random"]
    low, high = random["uar"]["interval"]
    for seed in range(200):
        said = np.random.default_rng(seed).integers(4, size=len(own))
        inside.append(low <= metrics.uar(own.truth, said) <= high)
    assert 0.9 <= np.mean(inside) <= 0.99


def test_equally_good_models_lie_as_far_apart_as_it_says():
    """Two models with this model's recall on each speaker: 95 % of their differences are within `alike`."""
    own = judged.judgements(speakers=4, clips=40, skill=2.0)
    own = replace(own, probs=np.where((own.speakers == "demo/00")[:, None], np.eye(4)[own.truth], own.probs))
    right = own.said == own.names
    cells = np.array([f"{s} {t}" for s, t in zip(own.speakers, own.names, strict=True)])
    rates = np.array([right[cells == cell].mean() for cell in cells])

    def recalls(seed):
        drawn = np.random.default_rng(seed).random((1000, len(own))) < rates
        return np.mean([drawn[:, own.truth == k].mean(axis=1) for k in range(4)], axis=0)

    told = scores.evaluate(own, bootstraps=2000)["emotion"]["resolves"]["uar"]
    assert told["alike"] == pytest.approx(np.quantile(np.abs(recalls(1) - recalls(2)), 0.95), rel=0.1)
    assert told["unlike"] > told["alike"]


def test_models_that_find_other_speakers_hard_lie_apart_as_two_draws_of_speakers():
    own = judged.judgements(speakers=10, clips=40)
    one, other = (
        metrics.of_counts(metrics.uar, Draws.of(own.speakers, n=2000, seed=seed).confusions(own.truth, said, 4))
        for seed, said in ((1, own.probs.argmax(1)), (2, own.probs.argmax(1)))
    )
    told = scores.evaluate(own, bootstraps=2000)["emotion"]["resolves"]["uar"]
    assert told["unlike"] == pytest.approx(np.quantile(np.abs(one - other), 0.95), rel=0.1)


# Calibration ------------------------------------------------------------------------------------------------------


def heated(heat, **options):
    own = judged.judgements(speakers=12, clips=60, **options)
    rng = np.random.default_rng(0)
    truth = (own.probs.cumsum(axis=1) < rng.random((len(own), 1))).sum(axis=1)
    sharp = own.probs**heat
    return replace(own, truth=truth, probs=sharp / sharp.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("folds", [0, 4])
def test_scaling_fitted_on_others_makes_overconfident_probabilities_honest(folds):
    found = scores.evaluate(heated(3.0, folds=folds), bootstraps=50)["calibration"]
    assert found["fitted_on"] == ("other folds" if folds else "other speakers")
    assert found["groups"] == len(found["temperature"]["parameters"]) == (4 if folds else 5)
    assert found["temperature"]["parameters"] == pytest.approx([3.0] * found["groups"], rel=0.25)
    assert found["raw"]["ece"]["value"] > found["raw"]["ece"]["perfect"]["interval"][1]
    for how in ("temperature", "vector"):
        assert found[how]["ece"]["value"] <= found[how]["ece"]["perfect"]["interval"][1]
        assert found[how]["log_loss"]["value"] < found["raw"]["log_loss"]["value"]


def test_what_scales_a_speakers_probabilities_has_not_heard_the_speaker():
    """Whatever is done to the truth of one group, its own parameters stay."""
    own = heated(3.0, folds=4)
    mine = own.folds == "1"
    turned = replace(own, truth=np.where(mine, (own.truth + 1) % 4, own.truth))
    before, after = (scores.evaluate(one, bootstraps=1)["calibration"] for one in (own, turned))
    for how in ("temperature", "vector"):
        assert before[how]["parameters"][0] == after[how]["parameters"][0]
        assert before[how]["parameters"][1] != after[how]["parameters"][1]


def test_folds_that_share_speakers_are_no_folds_for_fitting():
    own = judged.judgements(folds=4)
    mixed = replace(own, folds=np.array([str(row % 3) for row in range(len(own))]))
    assert scores.evaluate(mixed, bootstraps=1)["calibration"]["fitted_on"] == "other speakers"


def test_scaling_brings_nothing_back_that_was_not_offered():
    own = judged.judgements()
    probs = np.where(np.arange(4) == 1, 0.0, own.probs)
    own = replace(own, probs=probs / probs.sum(axis=1, keepdims=True)).part(own.truth != 1)
    logs = trust._logs(own, own.probs)
    assert (logs[:, 1] == -np.inf).all()
    assert np.isfinite(logs[:, [0, 2, 3]]).all()
    found = scores.evaluate(own, bootstraps=10)
    assert found["calibration"]["vector"]["log_loss"]["value"] < math.log(3)
    assert [row["recall"]["value"] is None for row in found["emotion"]["classes"]] == [False, True, False, False]


def test_a_model_whose_confidence_is_right_is_as_good_as_perfect():
    found = scores.evaluate(heated(1.0), bootstraps=10)["calibration"]["raw"]["ece"]
    assert found["perfect"]["interval"][0] <= found["value"] <= found["perfect"]["interval"][1]


# Selective prediction ---------------------------------------------------------------------------------------------


def test_the_risk_coverage_curve_is_that_of_its_definition(made, found):
    sure, wrong = made.probs.max(axis=1), made.said != made.names
    order = np.argsort(-sure)
    risks = [wrong[order[: k + 1]].mean() for k in range(len(order))]
    own = found["selective"]
    assert own["aurc"]["value"] == pytest.approx(np.mean(risks), abs=5e-5)
    assert own["aurc_random"] == pytest.approx(wrong.mean(), abs=5e-5)
    assert own["aurc_best"] <= own["aurc"]["value"] <= own["aurc_random"]
    assert own["curve"][-1] == {"coverage": 1.0, "risk": own["aurc_random"], "threshold": round(sure.min(), 4)}
    for at in own["at"]:
        kept = order[: round(at["coverage"] * len(order))]
        assert at["accuracy"]["value"] == pytest.approx(1 - wrong[kept].mean(), abs=5e-5)


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_confidence_that_says_nothing_gains_nothing_whatever_the_order_of_the_rows(seed):
    own = judged.judgements(speakers=3, clips=8)
    rng = np.random.default_rng(seed)
    flat = np.eye(4)[rng.integers(4, size=len(own))] * 0.6 + 0.1
    own = replace(own, probs=flat)
    found = trust.selective(own, Draws.of(own.speakers, n=20, seed=0))
    assert found["aurc"]["value"] == pytest.approx(found["aurc_random"], abs=5e-5)
    turned = own.part(rng.permutation(len(own)))
    assert trust.selective(turned, Draws.of(turned.speakers, n=20, seed=0))["aurc"] == found["aurc"]


def test_the_interval_of_the_aurc_is_that_of_drawn_rows(made):
    def aurc(wrong, sure):
        order = np.argsort(-sure, kind="stable")
        return float(np.mean(np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)))

    expected = metrics.bootstrap(aurc, (made.said != made.names) * 1.0, made.probs.max(axis=1), made.speakers, n=300)
    own = scores.evaluate(made, bootstraps=300)["selective"]["aurc"]
    assert own["interval"] == pytest.approx([expected.low, expected.high], abs=0.005)


# The form ---------------------------------------------------------------------------------------------------------


def keys(value):
    """All names of keys but those that are data: emotions, corpora, groups."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in {"recall", "groups", "fingerprints", "left_out", "merge"} or key == "rows":
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_every_key_is_in_the_documentation(found):
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", PAGE.read_text(encoding="utf-8")))))
    assert sorted(set(keys(found)) - words) == []


def test_it_is_json_and_everything_is_rounded(found):
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again == found
    numbers = re.findall(r"\d\.\d{7,}", json.dumps(found))
    assert numbers == []


def test_the_same_judgements_give_the_same_evaluation_in_any_order_of_rows(made):
    turned = made.part(np.random.default_rng(5).permutation(len(made)))
    own, other = (scores.evaluate(one, bootstraps=50) for one in (made, turned))
    for key in ("emotion", "affect", "per_speaker", "selective"):
        assert own[key] == other[key], key


def test_an_evaluation_reads_back_as_the_judgements(made, found, tmp_path):
    path = tmp_path / "made.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    again = judgements.read(path)
    assert again.ids.tolist() == made.ids.tolist()
    assert again.said.tolist() == made.said.tolist()
    np.testing.assert_allclose(again.probs, made.probs, atol=1e-6)
    np.testing.assert_allclose(again.rated, made.rated, atol=1e-6)
    assert again.groups["sex"].tolist() == made.groups["sex"].tolist()
    assert scores.evaluate(again, bootstraps=300)["emotion"] == found["emotion"]


def test_what_cannot_be_measured_is_null_and_its_key_is_there(found):
    own = judged.judgements()
    bare = scores.evaluate(replace(own, probs=None, decided=own.truth), bootstraps=20)
    assert set(bare) == set(found)
    assert [bare[key] for key in ("calibration", "selective", "soft", "affect")] == [None] * 4
    assert bare["emotion"]["top2"] is None
    assert bare["emotion"]["uar"] == {"value": 1.0, "interval": [1.0, 1.0]}
    assert bare["folds"] == bare["mistakes"] == []


def test_one_speaker_has_no_interval():
    found = scores.evaluate(judged.judgements(speakers=1), bootstraps=20)
    assert found["emotion"]["uar"]["interval"] is None
    assert found["emotion"]["resolves"] == {"uar": None, "accuracy": None}
    assert found["calibration"]["temperature"] is None
    assert found["selective"]["aurc"]["interval"] is None


def test_what_means_less_than_it_seems_is_noted():
    own = judged.judgements(affect=True)
    assert scores.evaluate(own, bootstraps=5)["notes"] == []
    alike = scores.evaluate(own.part(own.names == "anger"), bootstraps=5)
    (note,) = alike["notes"]
    assert "one emotion only, anger: UAR and the other scores say nothing" in note
    alone = scores.evaluate(own.part(own.speakers == own.speakers[0]), bootstraps=5)
    (note,) = alone["notes"]
    assert note.startswith("One speaker is no sample of people")
    (note,) = scores.evaluate(replace(own, truth=np.full(len(own), -1)).part(own.speakers == own.speakers[0]))["notes"]
    assert note.startswith("One speaker is no sample of people")


def test_affect_alone_can_be_evaluated():
    own = judged.judgements(affect=True)
    bare = replace(own, probs=None, truth=np.full(len(own), -1), labels=LabelSet(()))
    found = scores.evaluate(bare, bootstraps=20)
    assert found["emotion"] is None
    assert found["affect"]["mean_ccc"]["value"] > 0.5
    assert found["corpora"][0]["ccc"]["valence"]["value"] == found["affect"]["valence"]["ccc"]["value"]


def test_leaking_judgements_are_stamped():
    found = scores.evaluate(replace(judged.judgements(), leaky=True), bootstraps=5)
    assert (found["split"], found["leaky"]) == ("LEAKY", True)


def test_nothing_to_score_is_refused():
    own = judged.judgements()
    with pytest.raises(DataError, match="made0: no row has both a truth and a judgement"):
        scores.evaluate(replace(own, truth=np.full(len(own), -1)))
    with pytest.raises(UsageError, match="at least 1 draw of speakers, got 0"):
        scores.evaluate(own, bootstraps=0)
