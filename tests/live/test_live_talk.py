"""Who has the floor: seconds of talk, of overlap and of silence, against a sample-by-sample count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.live.talk import Floor
from affekt.types import Segment

RATE = 16000
spans = st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 6000)), min_size=1, max_size=8)


def laid(parts):
    """(pause, length) pairs as spans one after the other."""
    at, found = 0, []
    for pause, length in parts:
        found.append((at + pause, at + pause + length))
        at += pause + length
    return found


@given(spans, spans, st.randoms(use_true_random=False))
def test_overlap_is_what_lies_in_both_in_whatever_order_it_becomes_known(one, other, rng):
    """Each speaker's pieces come in order; the two are interleaved anyhow."""
    a, b = laid(one), laid(other)
    both = np.zeros((2, 200_000), bool)
    floor, left = Floor(), {"a": list(a), "b": list(b)}
    floor.join("a")
    floor.join("b")
    while any(left.values()):
        who = rng.choice([name for name in left if left[name]])
        start, end = left[who].pop(0)
        both["ab".index(who), start:end] = True
        floor.speak(who, start, end)
    expected = both.all(axis=0).sum() / RATE
    assert floor.overlap("a", 200_000) == pytest.approx(expected)
    assert floor.overlap("b", 200_000) == pytest.approx(expected)
    told = floor.settle(10**6)
    assert all(event.speakers == ("a", "b") and event.segment.duration >= 0.25 for event in told)


def test_an_overlap_is_told_once_when_it_is_over():
    floor = Floor()
    for second in range(4):
        floor.speak("a", second * RATE, (second + 1) * RATE)
        floor.speak("b", second * RATE + 8000, (second + 1) * RATE)
    assert floor.settle(4 * RATE) != []
    assert floor.settle(4 * RATE) == []
    floor = Floor()
    floor.speak("a", 0, 4 * RATE)
    floor.speak("b", RATE, 2 * RATE)
    floor.speak("b", 2 * RATE, 3 * RATE)
    assert floor.settle(3 * RATE + 100) == []
    (event,) = floor.settle(4 * RATE)
    assert (event.segment, event.speakers) == (Segment(1, 3), ("a", "b"))


def test_only_the_last_thirty_seconds_count():
    floor = Floor()
    floor.speak("a", 0, 20 * RATE)
    floor.speak("b", 0, 20 * RATE)
    assert [floor.overlap("a", at * RATE) for at in (20, 30, 40, 60)] == [20, 20, 10, 0]


def test_silence_is_counted_where_it_was_heard():
    floor = Floor()
    floor.listen(5 * RATE)
    assert floor.silence() == 5
    floor.stir()
    assert floor.silence() == 0
    floor.listen(2 * RATE)
    floor.stir(ago=2 * RATE - 1600)
    assert floor.silence() == pytest.approx(1.9)
    assert floor.heard() == 7


def test_talk_time_is_the_sum_of_the_turns_and_the_quiet_have_none():
    floor = Floor()
    floor.join("a")
    floor.join("b")
    floor.turn("b", RATE)
    assert floor.turn("b", 2 * RATE) == (("a", 0.0), ("b", 3.0))


def test_nothing_grows():
    floor = Floor()
    for second in range(20_000):
        floor.listen(RATE)
        for who in "ab":
            floor.speak(who, second * RATE, second * RATE + 8000)
        floor.settle((second + 1) * RATE)
    assert all(len(kept) < 50 for kept in [*floor._spoken.values(), *floor._both.values()])
