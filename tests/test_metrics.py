"""The rules of `affekt.metrics`: equal to scikit-learn, scipy and published values, and never a silent number."""

from __future__ import annotations

import math
import time
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from affekt import metrics
from affekt.errors import DataError, UsageError
from affekt.types import LabelSet

EMOTIONS = ["anger", "happiness", "neutral", "sadness"]
CATEGORICAL = [metrics.accuracy, metrics.uar, metrics.macro_f1, metrics.weighted_f1]
CONTINUOUS = [metrics.ccc, metrics.pearson, metrics.mse, metrics.rmse, metrics.mae]
PROBABILISTIC = [metrics.log_loss, metrics.brier, metrics.ece]


@st.composite
def judged(draw, labels=EMOTIONS):
    """Truth and predicted labels of 1 to 60 utterances; any class may be missing from either."""
    n = draw(st.integers(1, 60))
    column = st.lists(st.sampled_from(labels), min_size=n, max_size=n)
    return draw(column), draw(column)


@st.composite
def rated(draw):
    """Two columns of 2 to 60 ratings in [-1, 1], on a grid so that ties and constants occur."""
    n = draw(st.integers(2, 60))
    column = hnp.arrays(np.float64, n, elements=st.integers(-100, 100).map(lambda k: k / 100))
    return draw(column), draw(column)


@st.composite
def weighed(draw):
    """Truth and class probabilities of 1 to 60 utterances; exact zeros and ones occur."""
    n = draw(st.integers(1, 60))
    truth = draw(st.lists(st.sampled_from(EMOTIONS), min_size=n, max_size=n))
    raw = draw(hnp.arrays(np.float64, (n, 4), elements=st.integers(0, 20).map(float)))
    raw[raw.sum(1) == 0] = 1
    return truth, raw / raw.sum(1, keepdims=True)


@st.composite
def shared(draw):
    """Raters' shares and probabilities of 1 to 30 utterances over four emotions; exact zeros occur."""
    n = draw(st.integers(1, 30))
    raw = [draw(hnp.arrays(np.float64, (n, 4), elements=st.integers(0, 10).map(float))) for _ in range(2)]
    for values in raw:
        values[values.sum(1) == 0] = 1
    return tuple(values / values.sum(1, keepdims=True) for values in raw)


# Labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(judged())
def test_categorical_metrics_equal_scikit_learn(data):
    sk = pytest.importorskip("sklearn.metrics")
    truth, prediction = data
    assert metrics.accuracy(*data) == pytest.approx(sk.accuracy_score(truth, prediction))
    assert metrics.uar(*data) == pytest.approx(
        sk.recall_score(truth, prediction, average="macro", labels=sorted(set(truth)), zero_division=0)
    )
    assert metrics.macro_f1(*data) == pytest.approx(sk.f1_score(truth, prediction, average="macro", zero_division=0))
    assert metrics.weighted_f1(*data) == pytest.approx(
        sk.f1_score(truth, prediction, average="weighted", zero_division=0)
    )
    np.testing.assert_array_equal(metrics.confusion(*data), sk.confusion_matrix(truth, prediction))
    np.testing.assert_array_equal(
        metrics.confusion(*data, labels=EMOTIONS), sk.confusion_matrix(truth, prediction, labels=EMOTIONS)
    )


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_uar_is_balanced_accuracy_on_many_random_tables():
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, prediction = rng.choice(EMOTIONS, 500, p=[0.1, 0.2, 0.3, 0.4]), rng.choice(EMOTIONS, 500)
        assert metrics.uar(truth, prediction) == pytest.approx(sk.balanced_accuracy_score(truth, prediction))


@given(judged())
def test_recall_per_class_leaves_out_what_is_not_in_the_truth(data):
    truth, _ = data
    recall = metrics.recall_per_class(*data)
    assert list(recall) == sorted(set(truth))
    assert np.mean(list(recall.values())) == pytest.approx(metrics.uar(*data))


@given(judged())
def test_scores_holds_what_each_metric_says_alone(data):
    scores = metrics.scores(*data, labels=LabelSet(tuple(EMOTIONS)))
    assert [scores.accuracy, scores.uar, scores.macro_f1, scores.weighted_f1] == pytest.approx(
        [metric(*data) for metric in CATEGORICAL]
    )
    assert scores.recall == metrics.recall_per_class(*data)
    assert scores.labels == tuple(EMOTIONS)
    assert scores.n == len(data[0]) == scores.confusion.sum()


@given(judged(), st.randoms())
def test_order_of_utterances_and_names_of_classes_do_not_matter(data, random):
    renamed = dict(zip(EMOTIONS, random.sample(EMOTIONS, 4), strict=True))
    rows = list(zip(*data, strict=True))
    random.shuffle(rows)
    truth, prediction = ([renamed[name] for name in column] for column in zip(*rows, strict=True))
    for metric in CATEGORICAL:
        assert metric(truth, prediction) == pytest.approx(metric(*data))


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(judged())
def test_metrics_per_class_equal_scikit_learn(data):
    sk = pytest.importorskip("sklearn.metrics")
    precision, recall, f1, support = sk.precision_recall_fscore_support(*data, labels=EMOTIONS, zero_division=np.nan)
    found = metrics.scores(*data, labels=EMOTIONS)
    for name, *expected in zip(EMOTIONS, precision, recall, f1, strict=True):
        for own, value in zip((found.precision, found.recall, found.f1), expected, strict=True):
            assert own.get(name, np.nan) == pytest.approx(value, abs=1e-9, nan_ok=True)
    assert list(found.support.values()) == support.tolist()
    assert metrics.precision_per_class(*data) == {name: found.precision[name] for name in sorted(found.precision)}
    assert metrics.f1_per_class(*data) == {name: found.f1[name] for name in sorted(found.f1)}


@given(judged())
def test_categorical_metrics_equal_audmetric(data):
    """audEERING's, the field's own: it takes a class that was never predicted for a precision of 0."""
    audmetric = pytest.importorskip("audmetric")
    names = sorted({*data[0], *data[1]})
    zeros = dict.fromkeys(names, 0.0)
    close = {"abs": 1e-9}
    assert metrics.accuracy(*data) == pytest.approx(audmetric.accuracy(*data), **close)
    assert metrics.macro_f1(*data) == pytest.approx(audmetric.unweighted_average_fscore(*data), **close)
    in_truth = sorted(set(data[0]))
    assert metrics.uar(*data) == pytest.approx(
        np.mean([audmetric.recall_per_class(*data)[name] for name in in_truth]), **close
    )
    for own, theirs in (
        (metrics.recall_per_class, audmetric.recall_per_class),
        (metrics.precision_per_class, audmetric.precision_per_class),
        (metrics.f1_per_class, audmetric.fscore_per_class),
    ):
        assert zeros | own(*data) == pytest.approx(theirs(*data), **close)
    assert metrics.confusion(*data).tolist() == audmetric.confusion_matrix(*data)


@given(rated())
def test_numbers_equal_audmetric(data):
    audmetric = pytest.importorskip("audmetric")
    assert metrics.mae(*data) == pytest.approx(audmetric.mean_absolute_error(*data), abs=1e-9)
    assert metrics.mse(*data) == pytest.approx(audmetric.mean_squared_error(*data), abs=1e-9)
    assume(np.ptp(data[0]) > 0)
    assume(np.ptp(data[1]) > 0)
    assert metrics.ccc(*data) == pytest.approx(audmetric.concordance_cc(*data), abs=1e-9)
    assert metrics.pearson(*data) == pytest.approx(audmetric.pearson_cc(*data), abs=1e-9)


def test_a_class_that_is_predicted_and_never_true_lowers_macro_f1_and_adds_no_recall():
    truth, prediction = ["sadness", "sadness"], ["sadness", "anger"]
    assert metrics.uar(truth, prediction) == 0.5
    assert metrics.macro_f1(truth, prediction) == pytest.approx((2 / 3 + 0) / 2)


@pytest.mark.parametrize("metric", CATEGORICAL)
def test_one_class_only_is_a_legal_experiment(metric):
    assert metric(["sadness"] * 3, ["sadness"] * 3) == 1
    assert metric(["sadness"] * 3, ["anger"] * 3) == 0


def test_whole_numbers_and_numpy_strings_are_labels_too():
    assert metrics.uar(np.array([0, 0, 1]), np.array([0, 1, 1])) == 0.75
    assert metrics.uar(np.array(["a", "a", "b"]), ["a", "b", "b"]) == 0.75
    assert metrics.recall_per_class([0, 1], [0, 0]) == {"0": 1.0, "1": 0.0}


@pytest.mark.parametrize("metric", [*CATEGORICAL, metrics.confusion, metrics.recall_per_class, metrics.scores])
@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([], [], "truth is empty"),
        (["a", "b"], ["a"], r"as many rows, got \(2,\) and \(1,\)"),
        (["a", None], ["a", "b"], "truth has None in row 1"),
        (["a", "b"], [float("nan"), "b"], "prediction has nan in row 0"),
        ([0.5, 1.0], [0, 1], "truth has 0.5 in row 0"),
        ([["a"], ["b"]], ["a", "b"], r"truth must have one label per row, got the shape \(2, 1\)"),
        ("sad", "sad", r"truth must have one label per row, got the shape \(\)"),
    ],
)
def test_bad_labels_are_refused_with_the_row(metric, truth, prediction, message):
    with pytest.raises(DataError, match=message):
        metric(truth, prediction)


def test_a_label_outside_the_given_ones_is_refused():
    with pytest.raises(DataError, match="prediction has the label 'c', which is not among the labels given: a, b"):
        metrics.confusion(["a", "b"], ["a", "c"], labels=["a", "b"])


# Numbers ----------------------------------------------------------------------------------------------------------


@given(rated())
def test_errors_and_pearson_equal_scikit_learn_and_scipy(data):
    sk, stats = pytest.importorskip("sklearn.metrics"), pytest.importorskip("scipy.stats")
    truth, prediction = data
    assert metrics.mse(*data) == pytest.approx(sk.mean_squared_error(truth, prediction))
    assert metrics.rmse(*data) == pytest.approx(sk.root_mean_squared_error(truth, prediction))
    assert metrics.mae(*data) == pytest.approx(sk.mean_absolute_error(truth, prediction))
    assume(np.ptp(truth) > 0 and np.ptp(prediction) > 0)
    assert metrics.pearson(*data) == pytest.approx(stats.pearsonr(truth, prediction).statistic, abs=1e-12)


def test_ccc_equals_published_values():
    """The metric card agkphysics/ccc, the reference page of Keras and the worked example of StatsToDo (two digits)."""
    assert metrics.ccc([0.2, 0.1], [0.1, 0.2]) == pytest.approx(-1)
    assert metrics.ccc([0.1, 0.3], [0.1, 0.2]) == pytest.approx(0.666666641831399, abs=1e-7)
    rows = [metrics.ccc([0, 1, 0.5], [0.1, 0.9, 0.5]), metrics.ccc([1, 1, 0.2], [1, 0.9, 0.2])]
    assert np.mean(rows) == pytest.approx(0.9816320385426076)
    artery = "127 118 135 123 112 119 125 109 106 110 111 125 119 140 115 110 122 119 134 105 117 111 114 126 113 129 130 130 115 131"  # noqa: E501
    cuff = "134 120 142 115 117 123 125 111 122 115 109 127 118 139 111 110 122 115 137 105 112 113 115 119 115 127 129 130 120 126"  # noqa: E501
    pressure = [np.array(column.split(), float) for column in (artery, cuff)]
    assert [round(x.mean(), 2) for x in pressure] == [120, 120.77]
    assert round(metrics.pearson(*pressure), 2) == 0.87
    assert round(metrics.ccc(*pressure), 2) == 0.86


@given(rated())
def test_ccc_is_pearson_times_the_bias_correction_of_lin(data):
    truth, prediction = data
    assume(np.ptp(truth) > 0 and np.ptp(prediction) > 0)
    scale = truth.std() / prediction.std()
    shift = (truth.mean() - prediction.mean()) / math.sqrt(truth.std() * prediction.std())
    bias = 2 / (scale + 1 / scale + shift**2)
    assert metrics.ccc(*data) == pytest.approx(metrics.pearson(*data) * bias, abs=1e-12)


@given(rated())
def test_ccc_is_symmetric_and_within_pearson(data):
    forth, back = metrics.ccc(*data), metrics.ccc(*reversed(data))
    assert forth == pytest.approx(back, nan_ok=True)
    assume(np.ptp(data[0]) > 0 and np.ptp(data[1]) > 0)
    assert abs(forth) <= abs(metrics.pearson(*data)) + 1e-12 <= 1 + 2e-12


def test_constant_numbers_have_no_correlation():
    """0.1 is no binary fraction: rounding must not turn a constant into a correlation."""
    constant, other = [0.1] * 3, [0.1, 0.2, 0.4]
    assert math.isnan(metrics.pearson(constant, other))
    assert math.isnan(metrics.ccc(constant, constant))
    assert metrics.ccc(constant, other) == 0
    assert metrics.ccc(constant, [0.3] * 3) == 0
    assert metrics.mse(constant, constant) == 0


@pytest.mark.parametrize("metric", CONTINUOUS)
@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([], [], "got 0 values"),
        ([0.1, 0.2], [0.1], "as many rows"),
        ([0.1, float("nan")], [0.1, 0.2], "truth is NaN or infinite in row 1"),
        ([0.1, 0.2], [float("inf"), 0.2], "prediction is NaN or infinite in row 0"),
        ([0.1, None], [0.1, 0.2], "truth is NaN or infinite in row 1"),
        (None, None, "truth must have one number per row"),
        (["low", "high"], [0, 1], "truth must be numbers"),
        ([[0.1, 0.2]], [[0.1, 0.2]], r"truth must have one number per row, got the shape \(1, 2\)"),
    ],
)
def test_bad_numbers_are_refused_with_the_row(metric, truth, prediction, message):
    with pytest.raises(DataError, match=message):
        metric(truth, prediction)


@pytest.mark.parametrize("metric", [metrics.ccc, metrics.pearson])
def test_a_correlation_needs_two_values(metric):
    with pytest.raises(DataError, match="got 1 values: this metric needs at least 2"):
        metric([0.1], [0.2])


# Probabilities ----------------------------------------------------------------------------------------------------


@given(weighed())
def test_log_loss_and_brier_equal_scikit_learn(data):
    sk = pytest.importorskip("sklearn.metrics")
    truth, probs = data
    assert metrics.log_loss(*data, labels=EMOTIONS) == pytest.approx(sk.log_loss(truth, probs, labels=EMOTIONS))
    assert metrics.brier(*data, labels=EMOTIONS) == pytest.approx(
        sk.brier_score_loss(truth, probs, labels=EMOTIONS, scale_by_half=False)
    )


@given(weighed(), st.integers(1, 20))
def test_ece_equals_its_definition_bin_by_bin(data, bins):
    truth, probs = data
    sure, right = probs.max(1), np.array(EMOTIONS)[probs.argmax(1)] == truth
    edges = np.linspace(0, 1, bins + 1)
    expected = 0.0
    for low, high in pairwise(edges):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert metrics.ece(*data, labels=EMOTIONS, bins=bins) == pytest.approx(expected)


@given(weighed(), st.integers(1, 20), st.sampled_from(["width", "mass"]))
def test_the_reliability_curve_holds_every_utterance_once_and_gives_the_ece(data, bins, equal):
    found = metrics.reliability(*data, labels=EMOTIONS, bins=bins, equal=equal)
    n = sum(one.n for one in found)
    assert n == len(data[0])
    assert 1 <= len(found) <= bins
    assert all(one.low <= one.confidence <= one.high + 1e-12 for one in found)
    assert sum(one.n * one.accuracy for one in found) / n == pytest.approx(
        metrics.top_k(*data, labels=EMOTIONS, k=1), abs=1e-9
    )
    gaps = sum(one.n * abs(one.accuracy - one.confidence) for one in found) / n
    assert metrics.ece(*data, labels=EMOTIONS, bins=bins, equal=equal) == pytest.approx(gaps, abs=1e-12)


def test_bins_of_equal_mass_hold_as_many_utterances_each():
    sure = np.linspace(0.51, 0.99, 60)
    found = metrics.reliability(["a"] * 60, np.stack([sure, 1 - sure], axis=1), labels=["a", "b"], bins=6, equal="mass")
    assert [one.n for one in found] == [10] * 6


@given(weighed())
def test_confidences_that_are_equal_share_a_bin_whatever_the_order_of_the_rows(data):
    truth, probs = data
    turned = list(reversed(truth)), probs[::-1]
    for equal in ("width", "mass"):
        own, other = (metrics.ece(*one, labels=EMOTIONS, equal=equal) for one in (data, turned))
        assert own == pytest.approx(other, abs=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_top_k_equals_scikit_learn(seed, k):
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    truth, probs = rng.choice(EMOTIONS, 30), rng.dirichlet(np.ones(4), 30)
    expected = sk.top_k_accuracy_score(truth, probs, k=k, labels=EMOTIONS)
    assert metrics.top_k(truth, probs, labels=EMOTIONS, k=k) == pytest.approx(expected, abs=1e-9)
    assert metrics.top_k(truth, probs, labels=EMOTIONS, k=4) == 1


@pytest.mark.parametrize("k", [0, 3])
def test_top_k_needs_a_k_among_the_labels(k):
    with pytest.raises(UsageError, match=f"k must be 1 to 2, the number of labels, got {k}"):
        metrics.top_k(["a"], [[1.0, 0.0]], labels=["a", "b"], k=k)


# Raters' shares ---------------------------------------------------------------------------------------------------


@given(shared())
def test_divergences_equal_scipy(data):
    distance = pytest.importorskip("scipy.spatial.distance")
    stats = pytest.importorskip("scipy.stats")
    q, p = data
    assert metrics.jsd(q, p) == pytest.approx(np.mean(distance.jensenshannon(q, p, axis=1, base=2) ** 2), abs=1e-9)
    likely = np.clip(p, 0.01, None)
    likely /= likely.sum(axis=1, keepdims=True)
    assert metrics.kld(q, likely) == pytest.approx(np.mean(stats.entropy(q, likely, axis=1)), abs=1e-9)
    assert metrics.cross_entropy(q, likely) == pytest.approx(
        np.mean(stats.entropy(q, axis=1) + stats.entropy(q, likely, axis=1)), abs=1e-9
    )


@given(shared())
def test_jensen_shannon_knows_no_side_and_lies_between_0_and_1(data):
    q, p = data
    assert metrics.jsd(q, p) == pytest.approx(metrics.jsd(p, q), abs=1e-12)
    assert 0 <= metrics.jsd(q, p) <= 1
    assert metrics.jsd(q, q) == pytest.approx(0, abs=1e-12)


@given(weighed())
def test_cross_entropy_of_raters_who_agree_is_the_log_loss(data):
    truth, probs = data
    hot = np.eye(4)[[EMOTIONS.index(name) for name in truth]]
    assert metrics.cross_entropy(hot, probs) == pytest.approx(metrics.log_loss(*data, labels=EMOTIONS), abs=1e-9)
    assert metrics.kld(hot, probs) == pytest.approx(metrics.log_loss(*data, labels=EMOTIONS), abs=1e-9)


@pytest.mark.parametrize("metric", [metrics.jsd, metrics.kld, metrics.cross_entropy])
@pytest.mark.parametrize(
    ("truth", "probs", "message"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), "truth is empty"),
        ([[1, 0]], [[1, 0], [0, 1]], "as many rows and columns"),
        ([[1, 0]], [[1, 0, 0]], "as many rows and columns"),
        ([[0.5, 0.2]], [[1, 0]], "truth's row 0 is no probability"),
        ([[1, 0]], [[0.5, 0.2]], "prediction's row 0 is no probability"),
        ([[1, math.nan]], [[1, 0]], "truth is NaN or infinite in row 0"),
    ],
)
def test_shares_that_are_none_are_refused(metric, truth, probs, message):
    with pytest.raises(DataError, match=message):
        metric(truth, probs)


def test_ece_of_a_model_that_knows_itself_is_nought():
    probs = np.tile([0.75, 0.25], (4, 1))
    assert metrics.ece(["a", "a", "a", "b"], probs, labels=["a", "b"]) == 0
    assert metrics.ece(["b", "b", "b", "b"], probs, labels=["a", "b"]) == 0.75


@given(weighed())
def test_order_of_the_columns_is_that_of_labels(data):
    truth, probs = data
    order = [2, 0, 3, 1]
    for metric in (metrics.log_loss, metrics.brier):
        swapped = metric(truth, probs[:, order], labels=[EMOTIONS[i] for i in order])
        assert swapped == pytest.approx(metric(truth, probs, labels=EMOTIONS))


def test_uniform_guess_costs_ln_k():
    assert metrics.log_loss(EMOTIONS, np.full((4, 4), 0.25), labels=EMOTIONS) == pytest.approx(math.log(4))


@pytest.mark.parametrize("metric", PROBABILISTIC)
@pytest.mark.parametrize(
    ("truth", "probs", "message"),
    [
        ([], np.zeros((0, 2)), "truth is empty"),
        (["a", "b"], [[1, 0]], "as many rows"),
        (["a", None], [[1, 0], [0, 1]], "truth has None in row 1"),
        (["a", "c"], [[1, 0], [0, 1]], "truth has the label 'c'"),
        (["a", "b"], [[1, 0], [0, math.nan]], "prediction is NaN or infinite in row 1"),
        (["a", "b"], [[1, 0], [0.5, 0.6]], "prediction's row 1 is no probability"),
        (["a", "b"], [[1.5, -0.5], [0, 1]], "prediction's row 0 is no probability"),
        (["a", "b"], [[1, 0, 0], [0, 1, 0]], "2 columns, one per label, got 3"),
        (["a", "b"], [0.5, 0.5], "one probability per label"),
    ],
)
def test_bad_probabilities_are_refused_with_the_row(metric, truth, probs, message):
    with pytest.raises(DataError, match=message):
        metric(truth, probs, labels=["a", "b"])


def test_ece_needs_a_bin():
    with pytest.raises(UsageError, match="at least 1 bin, got 0"):
        metrics.ece(["a"], [[1.0]], labels=["a"], bins=0)
    with pytest.raises(UsageError, match="equal width or mass, not of equal 'length'"):
        metrics.ece(["a"], [[1.0]], labels=["a"], equal="length")


# Bootstrap --------------------------------------------------------------------------------------------------------


def experiment(seed=0, speakers=12, clips=30, skill=(0.3, 0.9)):
    """Utterances of speakers who are recognised unequally well."""
    rng = np.random.default_rng(seed)
    who = np.repeat([f"corpus/{s:02}" for s in range(speakers)], clips)
    truth = rng.choice(EMOTIONS, len(who))
    right = rng.random(len(who)) < np.repeat(rng.uniform(*skill, speakers), clips)
    return truth, np.where(right, truth, rng.choice(EMOTIONS, len(who))), who


@pytest.mark.parametrize("metric", CATEGORICAL)
def test_both_ways_of_drawing_give_the_same_interval(metric):
    """The sum of the speakers' confusion matrices is a shortcut, not another statistic."""
    truth, prediction, who = experiment()
    keep = (truth != "anger") | (who == "corpus/03")  # a class that many draws lack
    data = truth[keep], prediction[keep], who[keep]
    by_rows = metrics.bootstrap(lambda x, y: metric(x, y), *data, n=200)
    by_counts = metrics.bootstrap(metric, *data, n=200)
    assert [by_counts.value, by_counts.low, by_counts.high] == pytest.approx([by_rows.value, by_rows.low, by_rows.high])


def test_draws_of_speakers_are_those_of_the_bootstrap():
    """What is a mean over rows can be had from the speakers' sums, all draws at once."""
    truth, prediction, who = experiment()
    right = (truth == prediction).astype(float)
    each = np.array([[right[who == name].sum(), (who == name).sum()] for name in np.unique(who)])
    sums = metrics.draw_speakers(who, n=300, seed=7) @ each
    found = metrics.interval(right.mean(), sums[:, 0] / sums[:, 1])
    expected = metrics.bootstrap(metrics.accuracy, truth, prediction, who, n=300, seed=7)
    assert [found.value, found.low, found.high] == pytest.approx([expected.value, expected.low, expected.high])


def test_only_what_follows_from_a_confusion_matrix_can_be_had_from_one():
    with pytest.raises(UsageError, match="only accuracy, uar, macro_f1, weighted_f1 follow"):
        metrics.of_counts(metrics.ccc, np.eye(2, dtype=int))


def test_interval_holds_the_value_and_widens_with_its_level():
    data = experiment()
    narrow, wide = (metrics.bootstrap(metrics.uar, *data, level=level) for level in (0.5, 0.95))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert narrow.value == wide.value == metrics.uar(*data[:2])


def test_speakers_are_drawn_and_not_clips():
    """Speakers of unequal skill spread a score far more than the number of clips suggests."""
    truth, prediction, who = experiment(clips=200)
    by_speaker = metrics.bootstrap(metrics.uar, truth, prediction, who)
    by_clip = metrics.bootstrap(metrics.uar, truth, prediction, np.arange(len(who)))
    assert by_speaker.high - by_speaker.low > 2 * (by_clip.high - by_clip.low)


def test_interval_covers_the_true_accuracy_about_as_often_as_it_says():
    """Speakers' skill is uniform in [0.3, 0.9] and a wrong guess is right 1 time in 4: true accuracy 0.7."""
    hits = 0
    for seed in range(200):
        interval = metrics.bootstrap(metrics.accuracy, *experiment(seed, speakers=20), n=400, level=0.9, seed=seed)
        hits += interval.low <= 0.7 <= interval.high
    assert 0.83 <= hits / 200 <= 0.95


@given(st.randoms(use_true_random=False))
def test_order_of_rows_does_not_change_the_interval(random):
    truth, prediction, who = experiment(speakers=4, clips=8)
    rows = list(range(len(who)))
    random.shuffle(rows)
    shuffled = metrics.bootstrap(metrics.uar, truth[rows], prediction[rows], who[rows], n=50)
    assert shuffled == metrics.bootstrap(metrics.uar, truth, prediction, who, n=50)


def test_seed_decides_the_interval():
    data = experiment()
    same = [metrics.bootstrap(metrics.uar, *data, seed=1) for _ in range(2)]
    assert same[0] == same[1] != metrics.bootstrap(metrics.uar, *data, seed=2)


def test_numbers_and_probabilities_are_drawn_by_row():
    rng = np.random.default_rng(0)
    who = np.repeat(["x", "y", "z"], 10)
    rating = rng.uniform(-1, 1, 30)
    interval = metrics.bootstrap(metrics.ccc, rating, rating + rng.normal(0, 0.2, 30), who, n=100)
    assert 0.5 < interval.low <= interval.value <= interval.high <= 1
    truth, probs = rng.choice(EMOTIONS, 30), rng.dirichlet(np.ones(4), 30)
    interval = metrics.bootstrap(partial(metrics.brier, labels=EMOTIONS), truth, probs, who, n=100)
    assert 0 < interval.low <= interval.value <= interval.high < 2


def test_undefined_draws_are_left_out():
    """Two speakers, one of whom always has the same rating: half of the draws may have no correlation."""
    who = ["x", "x", "x", "y", "y", "y"]
    interval = metrics.bootstrap(metrics.pearson, [0, 0, 0, 1, 2, 3], [0, 0, 0, 1, 2, 2], who, n=100)
    assert not math.isnan(interval.low + interval.high)
    nothing = metrics.bootstrap(metrics.pearson, [1] * 6, [0, 0, 0, 1, 2, 2], who, n=100)
    assert math.isnan(nothing.value + nothing.low + nothing.high)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"speakers": ["x", "x", "x", "x"]}, DataError, "only the speaker x"),
        ({"speakers": ["x", "y"]}, DataError, "truth has 4 rows and speakers has 2"),
        ({"speakers": ["x", "y", None, "x"]}, DataError, "speakers has None in row 2"),
        ({"truth": ["a", float("nan"), "a", "b"]}, DataError, "truth has nan in row 1"),
        ({"n": 0}, UsageError, "n >= 1 draws"),
        ({"level": 1.0}, UsageError, "level between 0 and 1"),
    ],
)
def test_a_bootstrap_that_cannot_be_is_refused(changes, error, message):
    call = {"truth": list("abab"), "prediction": list("abba"), "speakers": list("xxyy"), **changes}
    with pytest.raises(error, match=message):
        metrics.bootstrap(metrics.uar, **call)


def test_a_thousand_draws_of_a_whole_corpus_take_a_moment():
    data = experiment(speakers=24, clips=300)
    start = time.perf_counter()
    metrics.bootstrap(metrics.uar, *data)
    assert time.perf_counter() - start < 1
