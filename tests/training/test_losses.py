"""Losses against their definitions, scikit-learn's numbers and our own metrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from affekt import metrics  # noqa: E402
from affekt.training import losses  # noqa: E402
from affekt.training.run import Balance, Target  # noqa: E402

NAN = float("nan")


def every(rows: int, labels: int):
    return torch.ones(rows, labels, dtype=torch.bool)


def random(rows: int, labels: int, seed: int = 0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(rows, labels, generator=rng), torch.randint(labels, (rows,), generator=rng)


def test_cross_entropy_is_torchs_own_with_class_weights():
    logits, truth = random(16, 5)
    weights = torch.tensor([0.5, 1.0, 2.0, 1.5, 0.1])
    target = torch.nn.functional.one_hot(truth, 5).float()
    ours = losses.cross_entropy(logits, target, every(16, 5), weights=weights)
    assert torch.allclose(ours, torch.nn.functional.cross_entropy(logits, truth, weight=weights), atol=1e-6)


def test_soft_labels_cost_what_torch_says_they_cost():
    logits, _ = random(16, 5)
    target = torch.rand(16, 5).softmax(dim=1)
    ours = losses.cross_entropy(logits, target, every(16, 5), weights=torch.ones(5))
    assert torch.allclose(ours, torch.nn.functional.cross_entropy(logits, target), atol=1e-6)


def test_smoothing_is_torchs_where_every_emotion_could_be_named():
    logits, truth = random(16, 5)
    target = losses.smooth(torch.nn.functional.one_hot(truth, 5).float(), every(16, 5), 0.2)
    ours = losses.cross_entropy(logits, target, every(16, 5), weights=torch.ones(5))
    assert torch.allclose(ours, torch.nn.functional.cross_entropy(logits, truth, label_smoothing=0.2), atol=1e-6)


def test_focal_loss_is_its_formula():
    """Lin et al. 2017: -(1 - p)^gamma ln p; gamma 0 is cross entropy."""
    logits, truth = random(16, 5)
    p = logits.softmax(dim=1)[torch.arange(16), truth]
    target = torch.nn.functional.one_hot(truth, 5).float()
    ours = losses.cross_entropy(logits, target, every(16, 5), weights=torch.ones(5), gamma=2.0)
    assert torch.allclose(ours, (-((1 - p) ** 2) * p.log()).mean(), atol=1e-6)


def test_an_emotion_that_a_corpus_could_not_name_is_neither_rewarded_nor_punished():
    """Its logit has no gradient, and the loss is that of the other labels alone."""
    logits, _ = random(4, 3)
    logits.requires_grad_(True)
    known = torch.tensor([[True, True, False]]).expand(4, 3)
    target = torch.tensor([[1.0, 0.0, 0.0]]).expand(4, 3)
    loss = losses.cross_entropy(logits, losses.smooth(target, known, 0.1), known, weights=torch.ones(3))
    loss.backward()
    assert torch.equal(logits.grad[:, 2], torch.zeros(4))
    alone = losses.cross_entropy(
        logits[:, :2], losses.smooth(target[:, :2], known[:, :2], 0.1), known[:, :2], weights=torch.ones(2)
    )
    assert torch.allclose(loss, alone)


def test_a_row_without_an_emotion_adds_nothing():
    logits, truth = random(4, 3)
    target = torch.nn.functional.one_hot(truth, 3).float()
    target[0] = 0
    ours = losses.cross_entropy(logits, target, every(4, 3), weights=torch.ones(3))
    assert torch.allclose(ours, torch.nn.functional.cross_entropy(logits[1:], truth[1:]), atol=1e-6)
    nobody = losses.cross_entropy(logits, torch.zeros(4, 3), every(4, 3), weights=torch.ones(3))
    assert nobody.item() == 0


@given(st.lists(st.integers(0, 500), min_size=2, max_size=9).filter(any), st.sampled_from(["inverse", "effective"]))
def test_rare_emotions_weigh_more_and_the_mean_over_rows_is_one(counts, strategy):
    counts = np.array(counts)
    weights = losses.class_weights(counts, Balance(strategy))
    assert (weights * counts).sum() == pytest.approx(counts.sum())
    there = counts > 0
    assert (weights[~there] == 0).all()
    order = np.argsort(counts[there])
    assert (np.diff(weights[there][order]) <= 1e-9).all()


def test_inverse_weights_are_scikit_learns_balanced_ones():
    from sklearn.utils.class_weight import compute_class_weight

    truth = np.repeat([0, 1, 2], [5, 20, 75])
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=truth)
    np.testing.assert_allclose(losses.class_weights(np.bincount(truth), Balance("inverse")), balanced)


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(0, 1000))
def test_the_ccc_loss_is_one_minus_our_metric(rows, seed):
    rng = np.random.default_rng(seed)
    truth, guess = rng.normal(size=(2, rows, 3))
    loss = losses.ccc_loss(torch.from_numpy(guess), torch.from_numpy(truth)).item()
    assert loss == pytest.approx(1 - np.mean([metrics.ccc(truth[:, i], guess[:, i]) for i in range(3)]), abs=1e-5)


def test_rows_that_nobody_rated_have_no_say_in_affect():
    rng = np.random.default_rng(0)
    truth, guess = (torch.from_numpy(part) for part in rng.normal(size=(2, 10, 3)))
    holes = truth.clone()
    holes[:4] = NAN
    guess.requires_grad_(True)
    for loss in (losses.ccc_loss, losses.mse_loss):
        assert torch.allclose(loss(guess, holes), loss(guess[4:], truth[4:]))
        guess.grad = None
        loss(guess, holes).backward()
        assert torch.equal(guess.grad[:4], torch.zeros(4, 3, dtype=torch.float64))
        assert loss(guess, torch.full((10, 3), NAN)).item() == 0


def objective(kind: str, strategy: str = "none", counts=(90, 10)) -> losses.Objective:
    return losses.Objective.of(Target(kind), Balance(strategy), np.array(counts, dtype=float))


def test_both_is_the_weighted_sum_of_its_parts():
    logits, truth = random(8, 2)
    rows = {
        "target": torch.nn.functional.one_hot(truth, 2).float(),
        "known": every(8, 2),
        "affect": torch.rand(8, 3) * 2 - 1,
    }
    outputs = (logits, torch.rand(8, 3))
    parts = [objective(kind)(outputs, **rows) for kind in ("emotion", "affect", "both")]
    assert torch.allclose(parts[2], 0.5 * parts[0] + 0.5 * parts[1])


def test_logit_adjustment_asks_more_of_rare_emotions():
    """Menon et al. 2021: the prior is added while training, so that even logits cost -ln of the prior."""
    even = (torch.zeros(1, 2), torch.zeros(1, 3))
    adjusted = objective("emotion", "logit-adjustment")
    for label, prior in enumerate((0.9, 0.1)):
        target = torch.nn.functional.one_hot(torch.tensor([label]), 2).float()
        loss = adjusted(even, target=target, known=every(1, 2), affect=torch.full((1, 3), NAN))
        assert loss.item() == pytest.approx(-np.log(prior), abs=1e-5)


def test_a_batch_without_any_target_costs_nothing_and_is_no_nan():
    for kind in ("emotion", "affect", "both"):
        loss = objective(kind)(
            (torch.zeros(2, 2), torch.zeros(2, 3)),
            target=torch.zeros(2, 2),
            known=every(2, 2),
            affect=torch.full((2, 3), NAN),
        )
        assert loss.item() == 0
