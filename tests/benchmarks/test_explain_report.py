"""The parts of the report on explanations that a wrong number could hide in."""

from __future__ import annotations

import importlib
from itertools import product

import numpy as np
import pytest

import clips
from affekt.types import Utterance


@pytest.fixture(scope="module")
def report():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clips.ROOT))
        yield importlib.import_module("benchmarks.explain")


def test_the_sign_flip_test_is_that_of_all_flips(report):
    values = np.array([0.3, 0.1, 0.4, -0.2, 0.25, 0.05, 0.6, -0.1])
    sums = np.array([np.dot(signs, values) for signs in product([-1, 1], repeat=len(values))])
    exact = (np.abs(sums) >= abs(values.sum()) - 1e-12).mean()
    assert report.sign_flip(values) == pytest.approx(exact, abs=0.005)


def test_no_difference_is_not_significant(report):
    assert report.sign_flip(np.zeros(24)) == 1
    assert report.sign_flip(np.ones(24)) < 1e-4


def test_every_speaker_counts_once(report):
    """Nine clips of one speaker do not outvote the other."""
    difference = np.array([*np.ones(9), -1.0])
    assert report._test(difference, ["a"] * 9 + ["b"]).startswith("1 of 2")


def test_so_many_clips_of_each_speaker(report):
    rows = [Utterance(f"{who}{i:02}", f"{who}{i}.wav", who, "anger") for who in "ab" for i in range(10)]
    few = report.chosen(rows, 3)
    assert [u.speaker for u in few] == ["a"] * 3 + ["b"] * 3
    assert len({u.id for u in few}) == 6
    assert len(report.chosen(rows, 0)) == 20


def test_order_is_what_is_compared(report):
    values = np.random.default_rng(0).normal(size=50)
    assert report._alike(values, np.exp(values)) == pytest.approx(1)
    assert report._alike(values, -values) == pytest.approx(-1)
