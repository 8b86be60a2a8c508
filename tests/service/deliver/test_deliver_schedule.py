"""When a delivery is tried again: as Standard Webhooks has it, and as its receiver wants."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from affekt.service.deliver.delivery import Failed
from affekt.service.deliver.schedule import JITTER, WAITS, wait

H = 3600.0
TRIES = st.integers(1, 9)
AFTER = st.none() | st.floats(0.0, H)


def test_the_waits_are_those_of_the_standard():
    assert WAITS == (0.0, 5.0, 300.0, 1800.0, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H)


@given(TRIES, AFTER, st.integers())
def test_jitter_only_adds_and_is_bounded(tries, after, seed):
    seconds = wait(tries, Failed("no", after=after), chance=random.Random(seed))
    least = max(WAITS[tries], after or 0.0)
    assert least <= seconds <= least * (1.0 + JITTER)


def test_jitter_parts_deliveries_that_failed_together():
    assert len({wait(1, Failed("no")) for _ in range(50)}) > 40


@given(st.integers(1, 20), st.integers(1, 10))
def test_the_channels_number_of_tries_is_kept(tries, most):
    assert (wait(tries, Failed("no"), most=most) is None) == (tries >= most)


def test_what_has_ended_is_not_tried_again():
    assert wait(1, Failed("no", ends="delivery")) is None
    assert wait(1, Failed("no", ends="destination")) is None
