"""The peers learn from the training side alone, and the table compares each with the last."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed: make test installs it")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")
import tones  # noqa: E402
from affekt import metrics, training  # noqa: E402
from affekt.training import Run, examples  # noqa: E402
from affekt.training.run import Data  # noqa: E402
from benchmarks import peers  # noqa: E402


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers")
    table = tones.corpus(folder, speakers=4)
    heard = peers._functionals("logmel")
    return Run("peers", Data(manifest=table, protocol="speakers/4"), heard, cache=folder / "cache")


@pytest.fixture(scope="module")
def measured(run):
    tried = (peers.majority, peers.guess, peers.svc)
    return [peers.measure(peers.Peer(learn.__name__, run.features, learn), run) for learn in tried]


def test_every_peer_goes_together_and_the_last_is_ours():
    for corpus in peers.PROTOCOLS:
        for _, run in peers.runs(corpus):
            training.check(run)
            assert run.data.corpora == (corpus,)
    assert peers.PEERS[-1].title.startswith("Whisper-tiny + LDA")


def test_a_peer_that_does_not_listen_is_at_chance_and_one_that_does_is_not(measured):
    dull, lucky, good = measured
    assert dull.uar.value == pytest.approx(1 / 3)
    assert lucky.uar.low < 1 / 3 < lucky.uar.high
    assert good.uar.value > 0.9  # made-up tones are easy
    for one in measured:
        assert one.uar.value == metrics.uar(one.judged.names, one.judged.said)
        assert len(one.judged) == 24


def test_what_the_test_speakers_said_is_not_learned(run):
    """With their truth turned round a peer says the same of them."""
    own, folds = examples.load(run)
    turned = own.part(np.arange(len(own)))
    turned.emotions[folds[0].test] = (turned.emotions[folds[0].test] + 1) % 3
    for learn in (peers.majority, peers.guess, peers.svc, peers.logistic, peers.ours):
        assert np.array_equal(learn(own, folds[0], run), learn(turned, folds[0], run))


def test_the_table_compares_all_with_the_last(measured):
    lines = list(peers.table(measured))[2:]
    apart = measured[-1].uar.value - measured[0].uar.value
    assert f"| {apart:+.3f} [" in lines[0]
    assert "| always" not in lines[0]
    assert lines[-1].split("|")[3:5] == ["  ", "  "]
    assert all(line.count("|") == 7 for line in lines)


def test_what_guesses_reach_is_told_of_many(measured):
    assert "Of 1000 guesses the mean is 0.33" in peers.guessing(measured[0].judged)


def test_guesses_are_fair(run):
    """Of many seeds the mean is one over the emotions."""
    own, folds = examples.load(run)
    truth = np.concatenate([own.emotions[fold.test] for fold in folds])

    def score(seed):
        said = np.concatenate([peers.guess(own, fold, replace(run, seed=seed)) for fold in folds])
        return metrics.uar(truth, said)

    scores = [score(seed) for seed in range(400)]
    assert np.mean(scores) == pytest.approx(1 / 3, abs=4 * np.std(scores) / 20)
