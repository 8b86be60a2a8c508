"""DER: by hand, on a grid, and the matching beside scipy's."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.diarize.score import Score, matched, score
from affekt.types import Segment

spans = st.tuples(st.integers(0, 30), st.integers(1, 12)).map(lambda s: Segment(float(s[0]), float(s[0] + s[1])))
rows = st.lists(st.tuples(spans, st.sampled_from("abc")), max_size=8)


def on_a_grid(truth, found):
    """Second by second, the best of all ways to match names."""
    names, guesses = sorted({n for _, n in truth}), sorted({n for _, n in found})
    who = [{n for s, n in truth if s.start <= t < s.end} for t in range(50)]
    told = [{n for s, n in found if s.start <= t < s.end} for t in range(50)]
    longer = names + [None] * len(guesses)
    right = max(
        sum(len({match.get(n) for n in b} & a) for a, b in zip(who, told, strict=True))
        for order in permutations(longer, len(guesses))
        for match in [dict(zip(guesses, order, strict=True))]
    )
    pairs = [(len(a), len(b)) for a, b in zip(who, told, strict=True)]
    return (
        sum(a for a, _ in pairs),
        sum(max(0, a - b) for a, b in pairs),
        sum(max(0, b - a) for a, b in pairs),
        sum(min(a, b) for a, b in pairs) - right,
    )


@given(rows, rows)
def test_it_is_what_counting_second_by_second_gives(truth, found):
    result = score(truth, found)
    assert (result.spoken, result.missed, result.false_alarm, result.confusion) == on_a_grid(truth, found)


@given(rows)
def test_the_truth_has_no_error_whatever_its_names(truth):
    renamed = [(segment, f"speaker {name}") for segment, name in truth]
    assert score(truth, renamed).error == 0.0


def test_a_case_by_hand():
    """10 s of two, 1 s together; found: one too long by 1 s, the second of two at once never."""
    truth = [(Segment(0, 5), "a"), (Segment(4, 10), "b")]
    found = [(Segment(0, 5), "x"), (Segment(5, 11), "y")]
    assert score(truth, found) == Score(11.0, 1.0, 1.0, 0.0)
    assert score(truth, found).error == pytest.approx(2 / 11)


def test_nothing_at_all_is_right_and_something_in_silence_is_not():
    assert score([], []).error == 0.0
    assert score([], [(Segment(0, 1), "a")]).error == float("inf")
    assert score([(Segment(0, 1), "a")], []).error == 1.0


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_matching_is_as_good_as_scipys(one, other, seed):
    assign = pytest.importorskip("scipy.optimize").linear_sum_assignment
    gain = np.random.default_rng(seed).integers(0, 5, (one, other)).astype(float)
    pairs = matched(gain)
    assert len(pairs) == min(one, other) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert sum(gain[pair] for pair in pairs) == gain[assign(-gain)].sum()
