"""What a batch may hold: bounded seconds, like lengths, no row lost, and nothing that the seed does not decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from affekt.training import batches  # noqa: E402
from affekt.training.batches import Lengths  # noqa: E402
from affekt.training.examples import Examples  # noqa: E402
from affekt.training.run import Augmenting, Data, Features, Optimise, Run  # noqa: E402
from affekt.types import LabelSet  # noqa: E402

LENGTHS = Lengths(batch=1000, longest=100)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def made(lengths, dim: int = 3) -> Examples:
    """Rows that hold their own number, of three emotions and with a copy that holds its negative."""
    n = len(lengths)
    emotions = np.arange(n) % 3
    x = [np.full((length, dim), i + 1, np.float32) for i, length in enumerate(lengths)]
    return Examples(
        labels=LabelSet(("anger", "neutral", "sadness")),
        ids=np.array([f"u{i}" for i in range(n)]),
        speakers=np.array([f"s{i % 4}" for i in range(n)]),
        corpora=np.array(["made"] * n),
        x=x,
        emotions=emotions,
        ratings=np.eye(3, dtype=np.float32)[emotions],
        affect=np.full((n, 3), np.nan, np.float32),
        known=np.ones((n, 3), bool),
        copies=([-row for row in x],),
    )


def run(**augment) -> Run:
    return Run("made", Data(corpora=("emodb",)), augment=Augmenting(**{"chance": 0.0, **augment}))


@given(st.lists(st.integers(1, 300), min_size=1, max_size=80), st.integers(1, 1000), st.booleans())
def test_every_row_is_in_one_batch_and_no_batch_is_larger_than_asked(lengths, most, blurred):
    """Padding counts; only a row that is itself too long stands alone."""
    found = batches.plan(np.array(lengths), most, rng() if blurred else None)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
    for rows in found:
        assert len(rows) == 1 or max(lengths[row] for row in rows) * len(rows) <= most


def test_batches_hold_rows_of_like_length():
    """On a wide spread of lengths, under a fifth of the frames are padding."""
    lengths = rng().integers(50, 500, 400)
    found = batches.plan(lengths, 3000, rng())
    padded = sum(len(rows) * lengths[rows].max() for rows in found)
    assert lengths.sum() / padded > 0.8


def test_epochs_differ_and_the_seed_decides_them():
    lengths = rng().integers(50, 500, 100)
    one, again, other = (batches.plan(lengths, 3000, rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert [rows.tolist() for rows in one] != [rows.tolist() for rows in other]


def test_oversampling_makes_emotions_alike_and_loses_nobody():
    emotions = np.repeat([0, 1, 2, -1], [50, 10, 3, 4])
    rows = batches.draw(emotions, "oversample", rng())
    assert set(rows.tolist()) == set(range(len(emotions)))
    assert np.bincount(emotions[rows] + 1).tolist() == [4, 50, 50, 50]


def test_the_sampler_draws_emotions_alike():
    emotions = np.repeat([0, 1], [900, 100])
    drawn = emotions[batches.draw(emotions, "sampler", rng())]
    assert len(drawn) == 1000
    assert 0.45 < drawn.mean() < 0.55


def test_other_strategies_take_each_row_once():
    for strategy in ("none", "inverse", "effective", "focal", "logit-adjustment"):
        assert batches.draw(np.array([0, 0, 1]), strategy, rng()).tolist() == [0, 1, 2]


def test_a_batch_is_its_rows_and_padding_is_masked():
    examples = made([4, 2])
    batch = batches.gather(examples, np.array([1, 0]), run(), lengths=LENGTHS, rng=rng())
    assert batch.x[:, :, 0].tolist() == [[2, 2, 0, 0], [1, 1, 1, 1]]
    assert batch.mask.tolist() == [[True, True, False, False], [True] * 4]
    assert batch.target.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_training_crops_anywhere_and_judging_in_the_middle():
    row = np.arange(10, dtype=np.float32)[:, None]
    assert batches.crop(row, 4)[:, 0].tolist() == [3, 4, 5, 6]
    starts = {int(batches.crop(row, 4, rng(seed))[0, 0]) for seed in range(100)}
    assert starts == set(range(7))
    assert batches.crop(row, 99) is row


def test_copies_are_heard_as_often_as_asked():
    examples = made([3] * 400)
    batch = batches.gather(examples, np.arange(400), run(chance=0.3), lengths=LENGTHS, rng=rng())
    assert 0.22 < (batch.x[:, 0, 0] < 0).float().mean() < 0.38


def test_specaugment_hides_at_most_a_third_of_the_frames_with_the_rows_own_mean():
    row = rng().normal(size=(90, 8)).astype(np.float32)
    augment = Augmenting(time_masks=3, time_width=1000)
    for seed in range(20):
        hidden = batches.hide(row, augment, rng(seed))
        changed = (hidden != row).any(axis=1)
        assert changed.mean() <= 1 / 3
        np.testing.assert_array_equal(hidden[changed], np.broadcast_to(row.mean(axis=0), (int(changed.sum()), 8)))
    bands = batches.hide(row, Augmenting(band_masks=1, band_width=3), rng(1))
    assert (bands != row).any(axis=0).sum() <= 3


def test_specaugment_takes_one_frame_as_it_is():
    row = np.ones((1, 8), np.float32)
    np.testing.assert_array_equal(batches.hide(row, Augmenting(time_masks=4, band_masks=2), rng()), row)


def test_mixup_mixes_sound_and_target_alike_and_mixes_in_no_padding():
    """Rows hold 1, 2, 3 and are mixed in the proportion in which their targets are."""
    examples = made([6, 4, 5])
    batch = batches.gather(examples, np.arange(3), run(mixup=0.4), lengths=LENGTHS, rng=rng(3))
    expected = batch.target @ torch.tensor([1.0, 2.0, 3.0])
    for x, mask, value in zip(batch.x, batch.mask, expected, strict=True):
        assert torch.allclose(x[mask], value.expand_as(x[mask]), atol=1e-5)
    assert torch.allclose(batch.target.sum(dim=1), torch.ones(3))
    assert batch.mask.sum(dim=1).tolist() == [6, 4, 5]


def test_an_emotion_that_one_of_two_mixed_rows_could_name_can_be_named():
    examples = made([3, 3])
    examples.known[0, 2] = examples.known[1, 0] = False
    batch = batches.gather(examples, np.arange(2), run(mixup=0.4), lengths=LENGTHS, rng=rng(1))
    assert (batch.known | (batch.target == 0)).all()


def test_ratings_are_the_targets_of_soft_labels():
    examples = made([3, 3])
    examples.ratings[0] = (0.2, 0.8, 0.0)
    soft = batches.shares(examples, np.arange(2), "ratings")
    np.testing.assert_allclose(soft[0], (0.2, 0.8, 0.0), atol=1e-6)
    examples.emotions[1] = -1
    assert batches.shares(examples, np.arange(2), "emotion")[1].tolist() == [0, 0, 0]


def test_seconds_become_frames_of_the_feature_sets_own_hop():
    asked = replace(run(), features=Features("logmel", longest=6.0, crop=2.0), optimise=Optimise(batch=60.0))
    assert Lengths.of(asked) == Lengths(6000, 600, 200)
    assert Lengths.of(asked, hop=0.02) == Lengths(3000, 300, 100)
    assert batches.frame_hop("samples") == 1 / 16000


def test_judging_goes_through_every_row_once():
    examples = made([5, 200, 7, 5])
    seen = {}
    for rows, x, mask in batches.still(examples.x, LENGTHS):
        for row, frames, real in zip(rows, x, mask, strict=True):
            seen[int(row)] = (int(real.sum()), float(frames[real].mean()))
    assert seen == {0: (5, 1.0), 1: (100, 2.0), 2: (7, 3.0), 3: (5, 4.0)}
