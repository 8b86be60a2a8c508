"""Curves cover every judged second once, and a coarse curve is the mean of the fine one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from affekt.timeline import Timeline
from affekt.view.curves import cells, runs


def test_cells_divide_a_turn_without_gap_or_overlap(call: Timeline) -> None:
    for turn in call.turns:
        found = cells(turn)
        assert len(found) == len(turn.windows)
        if found:
            assert (found[0].segment.start, found[-1].segment.end) == (turn.segment.start, turn.segment.end)
            for one, following in pairwise(found):
                assert one.segment.end == following.segment.start


def test_a_cell_holds_the_centre_of_its_window(meeting: Timeline) -> None:
    for cell in (cell for turn in meeting.turns for cell in cells(turn)):
        assert cell.segment.start <= cell.centre <= cell.segment.end


def test_a_turn_without_windows_is_one_cell_of_its_own_judgement(call: Timeline) -> None:
    turn = replace(next(t for t in call.turns if t.prediction), windows=())
    [cell] = cells(turn)
    assert (cell.segment, cell.said) == (turn.segment, turn.prediction)


def test_each_judged_turn_is_a_run_from_its_start_to_its_end(call: Timeline) -> None:
    judged = [t for t in call.turns if t.prediction]
    found = runs(call.turns, duration=call.duration, room=800)
    assert [(r.times[0], r.times[-1]) for r in found] == [(t.segment.start, t.segment.end) for t in judged]
    assert [bool(r.unsure) for r in found] == [any(w.uncertain for w in t.windows) for t in judged]


@pytest.mark.parametrize("room", [40.0, 300.0, 800.0, 2000.0])
def test_no_picture_gets_more_points_than_it_has_room_for(meeting: Timeline, room: float) -> None:
    found = runs(meeting.turns, duration=meeting.duration, room=room)
    assert sum(len(r.times) - 2 for r in found) <= room + 1


def test_averages_are_probabilities_and_rise_in_time(meeting: Timeline) -> None:
    for run in runs(meeting.turns, duration=meeting.duration, room=300):
        assert np.all(np.diff(run.times) > 0)
        assert run.probs.sum(axis=1) == pytest.approx(np.ones(len(run.times)))
        assert np.abs(run.affect).max() <= 1


def test_one_speakers_gaps_are_bridged_and_a_long_silence_is_not(meeting: Timeline) -> None:
    early = [t for t in meeting.turns if t.speaker == "Ada" and not 3000 < t.segment.start < 6000]
    first, second = runs(early, duration=meeting.duration, room=300)
    assert first.times[-1] < 3100
    assert second.times[0] > 5900


def test_a_model_without_affect_has_curves_that_are_not_a_number(mono: Timeline) -> None:
    [turn] = mono.turns
    assert turn.prediction
    bare = replace(turn.prediction, affect=None)
    [run] = runs([replace(turn, prediction=bare, windows=(bare,))], duration=3.2, room=800)
    assert np.isnan(run.affect).all()


def test_no_judged_turn_has_no_run(silence: Timeline, call: Timeline) -> None:
    assert runs(silence.turns, duration=10, room=800) == []
    assert runs([t for t in call.turns if t.role == "agent"], duration=42, room=800) == []
