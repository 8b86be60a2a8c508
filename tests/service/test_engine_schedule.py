"""Which window is judged next, and which is not judged at all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from affekt.service.engine.load import LEVELS, Controller, Pressure
from affekt.service.engine.schedule import Schedule
from affekt.types import Segment, Signal, Window

WINDOW = Window(Signal(np.zeros(16000, np.float32), 16000), Segment(0, 1))


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(1, 100)), max_size=60))
def test_each_window_is_taken_or_skipped_and_the_most_urgent_comes_first(windows):
    schedule = Schedule(cost=0.0)
    jobs = [schedule.add(who, WINDOW, deadline) for who, deadline in windows]
    taken = schedule.take(100, now=0.0)
    assert [job.deadline for job in taken] == sorted(job.deadline for job in taken)
    assert len({job.who for job in taken}) == len(taken)
    newest = {job.who: job for job in jobs}
    assert {id(job) for job in taken} == {id(job) for job in newest.values()}
    assert all(job.skipped == "newer" for job in jobs if job not in taken)
    assert len(schedule) == 0


def test_what_would_be_late_is_skipped():
    schedule = Schedule(cost=0.1)
    late, early = schedule.add("a", WINDOW, 1.0), schedule.add("b", WINDOW, 2.0)
    assert schedule.take(9, now=0.95) == [early]
    assert late.skipped == "late"
    assert late.settled


CALM, HEAVY = Pressure(0.1, 0.1, 0.01, 0.0), Pressure(1.0, 0.5, 0.5, 0.0)


def test_the_level_rises_step_by_step_and_falls_slowly():
    controller, levels = Controller(), []
    for step in range(400):
        now = step * 0.25
        controller.look(HEAVY if 10 <= now < 13 else CALM, now=now)
        levels.append(controller.level)
    rises = [b - a for a, b in pairwise(levels) if b != a]
    assert max(levels) == len(LEVELS) - 1
    assert set(rises) == {1, -1}
    falls = [(i + 1) * 0.25 for i, (a, b) in enumerate(pairwise(levels)) if b < a]
    assert falls[0] >= 13 + 4.9
    assert all(b - a >= 4.9 for a, b in pairwise(falls))


def test_it_does_not_fall_to_where_it_would_rise_again():
    controller = Controller()
    controller.look(HEAVY, now=0.0)
    for step in range(1, 400):
        controller.look(Pressure(0.6, 0.5, 0.01, 0.0), now=step * 0.25)  # twice that would be more than there is
    assert controller.level == 1
