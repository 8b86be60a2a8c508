"""Windows: 3 s every second, the last one at the turn's end, all at the same level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio import active_level
from affekt.errors import DataError, UsageError
from affekt.speech import Speech
from affekt.types import Segment, Signal
from affekt.windows import WindowStage, cut, whole

RATE = 16000


def noise(seconds, gain=0.1):
    count = round(seconds * RATE)
    return (gain * np.random.default_rng(count).standard_normal(count)).astype(np.float32)


def pieces(samples, cuts=(), start=0):
    """A turn in pieces; the last one is final."""
    parts = np.split(samples, sorted(cuts))
    at = start + np.cumsum([0, *map(len, parts)])
    return [Speech(Signal(part, RATE, int(at[i])), start, i == len(parts) - 1) for i, part in enumerate(parts)]


def windows(samples, cuts=(), start=0, **settings):
    stage = WindowStage(**settings)
    return [window for piece in pieces(samples, cuts, start) for window in stage.push(piece)]


def spans(found):
    return [(w.signal.segment.start, w.signal.segment.end, w.final) for w in found]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.01, [(0, 0.01, True)]),
        (1.0, [(0, 1, True)]),
        (3.0, [(0, 3, True)]),
        (3.5, [(0, 3, False), (0.5, 3.5, True)]),
        (4.0, [(0, 3, False), (1, 4, True)]),
        (5.25, [(0, 3, False), (1, 4, False), (2, 5, False), (2.25, 5.25, True)]),
    ],
)
def test_a_short_turn_is_judged_whole_and_a_long_one_to_its_end(seconds, expected):
    assert spans(windows(noise(seconds))) == expected


def test_a_turn_of_no_samples_gives_no_window():
    assert windows(np.zeros(0, np.float32)) == []


def test_a_window_comes_as_soon_as_the_turn_is_known_to_go_on():
    stage = WindowStage()
    first, second, third = pieces(noise(4), [3 * RATE, 3 * RATE + 1])
    assert list(stage.push(first)) == []
    assert spans(stage.push(second)) == [(0, 3, False)]
    assert spans(stage.push(third)) == [(1, 4, True)]


def test_an_early_window_comes_before_the_first_whole_one_and_changes_no_other():
    for seconds in (0.5, 1.0, 1.5, 3.0, 5.25):
        plain, early = spans(windows(noise(seconds))), spans(windows(noise(seconds), early=1.0))
        assert early == [*([(0, 1, False)] if seconds > 1 else []), *plain]


def test_an_early_window_comes_as_soon_as_the_turn_is_known_to_go_on():
    stage = WindowStage(early=1.0)
    first, second, _ = pieces(noise(2), [RATE, RATE + 1])
    assert list(stage.push(first)) == []
    assert spans(stage.push(second)) == [(0, 1, False)]


def test_the_turn_is_exact_on_the_final_window_and_known_so_far_on_others():
    found = windows(noise(5.25), start=RATE)
    assert [w.turn for w in found] == [Segment(1, 4), Segment(1, 5), Segment(1, 6), Segment(1, 6.25)]


@given(
    st.integers(1, 8 * RATE),
    st.lists(st.integers(0, 8 * RATE), max_size=10),
    st.sampled_from([0.25, 1.0, 3.0]),
    st.sampled_from([0.1, 0.25]),
    st.sampled_from([None, 0.25]),
)
def test_how_a_turn_arrives_changes_nothing(length, cuts, window, hop, early):
    samples = noise(length / RATE)
    cuts = [min(at, length) for at in cuts]
    settings = {"window": window, "hop": hop, "early": early if window > 0.25 else None}
    once, parts = windows(samples, **settings), windows(samples, cuts, **settings)
    assert [(w.signal.start, w.turn, w.final) for w in once] == [(w.signal.start, w.turn, w.final) for w in parts]
    assert all(np.array_equal(a.signal.samples, b.signal.samples) for a, b in zip(once, parts, strict=True))
    heard = np.zeros(length, bool)
    for w in once:
        heard[w.signal.start : w.signal.end] = True
    assert heard.all()
    assert [w.final for w in once] == [False] * (len(once) - 1) + [True]


def test_every_window_has_the_same_level_whatever_the_turns():
    loud_to_quiet = noise(6) * np.linspace(1, 0.01, 6 * RATE, dtype=np.float32)
    for window in windows(loud_to_quiet):
        assert active_level(window.signal.samples, RATE) == pytest.approx(-26, abs=0.01)


def test_an_hours_turn_needs_the_memory_of_one_window():
    stage = WindowStage()
    part = noise(1)
    for second in range(120):
        stage.push(Speech(Signal(part, RATE, second * RATE), 0, False))
        assert len(stage._turn._kept) <= 3 * RATE


def test_turns_follow_each_other():
    stage = WindowStage(speaker="left", role="customer")
    found = [w for start in (0, 100000) for piece in pieces(noise(1), start=start) for w in stage.push(piece)]
    assert [w.signal.start for w in found] == [0, 100000]
    assert {(w.speaker, w.role) for w in found} == {("left", "customer")}


def test_finish_closes_a_turn_that_was_cut_off():
    stage = WindowStage()
    assert list(stage.push(Speech(Signal(noise(2), RATE), 0, False))) == []
    assert spans(stage.finish()) == [(0, 2, True)]
    assert list(stage.finish()) == []


def test_a_piece_that_does_not_follow_is_refused():
    stage = WindowStage()
    stage.push(Speech(Signal(noise(1), RATE), 0, False))
    with pytest.raises(UsageError, match="expected sample 16000 of the turn, got a piece that starts at 5"):
        stage.push(Speech(Signal(noise(1), RATE, 5), 0, False))


def test_an_agents_voice_gives_no_window():
    with pytest.raises(UsageError, match="an agent's voice is never judged"):
        windows(noise(1), role="agent")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"window": 0.2}, r"a window must be 0\.25 to 30 s long, got 0\.2 s"),
        ({"window": 31}, "a window must be"),
        ({"window": float("nan")}, "a window must be"),
        ({"hop": 0.05}, r"the hop must be 0\.1 s to one window \(3 s\), got 0\.05 s"),
        ({"early": 0.1}, r"early must be 0\.25 s to less than a window \(3 s\), got 0\.1 s"),
        ({"window": 1, "early": 2}, r"early must be 0\.25 s to less than a window \(1 s\), got 2 s"),
        ({"window": 1, "hop": 2}, r"the hop must be 0\.1 s to one window \(1 s\), got 2 s"),
    ],
)
def test_senseless_settings_are_refused(settings, reason):
    with pytest.raises(UsageError, match=reason):
        WindowStage(**settings)


def test_given_segments_are_turns():
    signal = Signal(noise(10), RATE)
    found = list(cut(signal, [Segment(1, 2), Segment(4, 8.5), Segment(9, 12)], speaker="ben"))
    assert [w.signal.segment for w in found if w.final] == [Segment(1, 2), Segment(5.5, 8.5), Segment(9, 10)]
    assert len(found) == 5
    assert found[0].speaker == "ben"


def test_given_segments_in_a_part_of_a_recording():
    signal = Signal(noise(2), RATE, start=5 * RATE)
    assert [w.turn for w in cut(signal, [Segment(5.5, 6)])] == [Segment(5.5, 6)]


def test_segments_outside_the_recording_are_refused():
    with pytest.raises(DataError, match="12-13 s: the recording ends at 10 s"):
        list(cut(Signal(noise(10), RATE), [Segment(12, 13)]))


def test_a_whole_signal_is_one_window_however_long():
    window = whole(Signal(noise(40), RATE), "ravdess/07")
    assert (window.turn, window.final, window.speaker) == (Segment(0, 40), True, "ravdess/07")
    assert active_level(window.signal.samples, RATE) == pytest.approx(-26, abs=0.01)
