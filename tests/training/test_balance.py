"""Balance: rare emotions get their say, by weight, by rows or by a bias, and rows stay rows of their emotion."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.training.balance import Rows, balanced, cell_weights, logit_bias
from affekt.training.run import Balance


@pytest.fixture
def rows():
    """Forty rows of one emotion, eight of another and two of a third."""
    truth = np.repeat([0, 1, 2], [40, 8, 2])
    x = (np.random.default_rng(0).normal(size=(50, 5)) + 10 * np.eye(3, 5)[truth]).astype(np.float32)
    return Rows(x, truth, np.ones(50), truth)


def total(found):
    return np.bincount(found.truth, found.weights)


def test_nothing_is_done_where_nothing_is_asked(rows):
    assert balanced(rows, Balance("none"), labels=3) is rows


def test_inverse_weights_make_every_emotion_count_alike(rows):
    assert total(balanced(rows, Balance("inverse"), labels=3)) == pytest.approx([50 / 3] * 3)


def test_corpora_and_emotions_count_alike_together():
    cells = np.repeat([0, 1, 2], [6, 2, 2])  # two corpora know the emotion 0, one the emotion 1
    found = balanced(Rows(np.zeros((10, 2), np.float32), np.repeat([0, 0, 1], [6, 2, 2]), np.ones(10), cells),
                     Balance("inverse"), labels=2)  # fmt: skip
    assert np.bincount(cells, found.weights) == pytest.approx([10 / 3] * 3)


def test_the_effective_number_lies_between_none_and_inverse(rows):
    found = total(balanced(rows, Balance("effective", beta=0.97), labels=3))
    plain = total(rows)
    assert found[0] < plain[0]
    assert plain[2] < found[2] < 50 / 3
    almost = total(balanced(rows, Balance("effective", beta=0.999999), labels=3))
    assert almost == pytest.approx([50 / 3] * 3, rel=1e-3)


def test_effective_number_is_the_formula():
    weights = cell_weights(np.array([0, 0, 1]), np.ones(3), beta=0.9)
    share = np.array([0.1 / (1 - 0.9**2)] * 2 + [1.0])
    assert weights == pytest.approx(share * 3 / share.sum())


def test_logit_adjustment_is_a_bias_that_grows_with_rarity(rows):
    found = balanced(rows, Balance("logit-adjustment", tau=0.5), labels=4)
    assert found.bias[:3] == pytest.approx(-0.5 * np.log([0.8, 0.16, 0.04]))
    assert found.bias[3] == 0, "an emotion that is not there gets none"
    assert np.array_equal(found.weights, rows.weights)
    assert logit_bias(np.array([0, 1]), np.ones(2), 2, 1.0)[0] == pytest.approx(np.log(2))


def test_oversampling_repeats_rows_and_makes_none_up(rows):
    found = balanced(rows, Balance("oversample"), labels=3)
    assert np.bincount(found.truth).tolist() == [40, 40, 40]
    known = {tuple(row): label for row, label in zip(rows.x.tolist(), rows.truth, strict=True)}
    assert all(known[tuple(row)] == label for row, label in zip(found.x.tolist(), found.truth, strict=True))


def test_smote_makes_rows_between_neighbours_of_one_emotion(rows):
    found = balanced(rows, Balance("smote"), labels=3)
    assert np.bincount(found.truth).tolist() == [40, 40, 40]
    assert np.allclose(found.x[:50], rows.x, atol=1e-4)
    for label in (1, 2):
        own, made = rows.x[rows.truth == label], found.x[50:][found.truth[50:] == label]
        assert (made >= own.min(axis=0) - 1e-3).all()
        assert (made <= own.max(axis=0) + 1e-3).all()
        assert not any((row == own).all(axis=1).any() for row in made)


def test_smote_takes_an_emotion_of_a_single_row():
    truth = np.repeat([0, 1], [10, 1])
    found = balanced(Rows(np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32), truth, np.ones(11), truth),
                     Balance("smote"), labels=2)  # fmt: skip
    assert np.bincount(found.truth).tolist() == [10, 10]


@pytest.mark.parametrize("strategy", ["oversample", "smote"])
def test_what_is_drawn_depends_on_the_seed_alone(rows, strategy):
    one, same, other = (balanced(rows, Balance(strategy), labels=3, seed=seed).x for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
