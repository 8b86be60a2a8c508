"""Sound that comes as it should not: every sample in its place, and every trouble told."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import UsageError
from affekt.live import Patience
from affekt.live.track import Track
from affekt.types import Segment, Signal

RATE = 16000


def ramp(size):
    return np.arange(1, size + 1, dtype=np.float32) / size


def signals(samples, cuts, start=0):
    edges = [0, *sorted(cuts), len(samples)]
    return [Signal(samples[a:b], RATE, start + a) for a, b in pairwise(edges) if b > a]


def collect(track, pieces, size, step=512):
    """All samples up to `size`, zeros where there are none, and the gaps."""
    for piece in pieces:
        track.push(piece)
    track.finish()
    steps = [(at, min(at + step, size)) for at in range(0, size, step)]
    taken = [(track.take(a, b), b - a) for a, b in steps]
    samples = np.concatenate([np.zeros(n, np.float32) if x is None else x for x, n in taken])
    return samples, track.gaps(2**60, 0.0)


def told(gaps):
    return [(gap.kind, round(gap.segment.start * RATE), round(gap.segment.end * RATE)) for gap in gaps]


@given(st.lists(st.integers(1, 20000), max_size=20))
def test_what_comes_as_it_should_is_what_it_was(cuts):
    samples = ramp(20001)
    found, gaps = collect(Track(None, Patience()), signals(samples, cuts), 20001)
    assert np.array_equal(found, samples)
    assert gaps == []


@given(st.lists(st.integers(1, 15999), min_size=2, max_size=12, unique=True), st.data())
def test_whatever_is_lost_doubled_or_shuffled_within_patience_is_in_its_place(cuts, data):
    """One second in pieces: those that come, in any order and any number, lie where they say; the rest is silence."""
    samples, pieces = ramp(RATE), signals(ramp(RATE), cuts)
    lost = data.draw(st.sets(st.sampled_from(range(1, len(pieces))), max_size=len(pieces) - 1))
    order = [0, *data.draw(st.permutations(range(1, len(pieces))))]
    doubled = data.draw(st.lists(st.sampled_from(range(len(pieces))), max_size=4))
    sent = [i for i in [*order, *doubled] if i not in lost]
    found, gaps = collect(Track(None, Patience(reorder=2.0)), [pieces[i] for i in sent], RATE)
    expected = samples.copy()
    for i in lost:
        expected[pieces[i].start : pieces[i].end] = 0
    end = max(pieces[i].end for i in range(len(pieces)) if i not in lost)
    assert np.array_equal(found[:end], expected[:end])
    assert not found[end:].any()
    missing = np.zeros(RATE, bool)
    for kind, start, stop in told(gaps):
        if kind == "lost":
            missing[start:stop] = True
    assert np.array_equal(missing[:end], expected[:end] == 0)
    if not lost and not doubled and sent == sorted(sent):
        assert gaps == []


def piece(start, size=1600):
    return Signal(np.ones(size, np.float32), RATE, start)


def test_a_hole_is_lost_when_what_follows_has_waited_long_enough():
    track = Track("left", Patience(reorder=0.2))
    for start in (0, 3200, 4800):
        track.push(piece(start))
    assert (track.end, track.gaps(10**6, 1.0)) == (1600, [])
    track.push(piece(6400))
    assert track.end == 8000
    (gap,) = track.gaps(10**6, 1.0)
    assert (gap.track, gap.kind, gap.segment) == ("left", "lost", Segment(0.1, 0.2))


def test_what_comes_in_time_fills_the_hole_and_what_waited_was_reordered():
    found, gaps = collect(Track(None, Patience()), [piece(0), piece(3200), piece(1600)], 4800)
    assert found.all()
    assert told(gaps) == [("reordered", 3200, 4800)]


def test_what_comes_too_late_is_late_and_what_comes_twice_is_double():
    pieces = [piece(0), *[piece(s) for s in (3200, 4800, 6400)], piece(1600), piece(3200)]
    found, gaps = collect(Track(None, Patience()), pieces, 8000)
    assert told(gaps) == [("lost", 1600, 3200), ("late", 1600, 3200), ("duplicate", 3200, 4800)]
    assert not found[1600:3200].any()


def test_a_flood_of_doubles_needs_no_memory_and_is_told_as_one():
    track = Track(None, Patience())
    for _ in range(5000):
        track.push(piece(0))
    assert told(track.gaps(2**60, 0.0)) == [("duplicate", 0, 1600)]
    for _ in range(5000):
        track.push(piece(2000))
    assert len(track._waiting) <= 256
    assert [kind for kind, *_ in told(track.gaps(2**60, 0.0))] == ["lost", "duplicate"]
    for i in range(5000):
        track.push(piece(1601 + i % 300 * 5, 1))
    assert len(track._gaps) <= 1024


def test_a_piece_that_is_half_new_gives_its_new_half():
    found, gaps = collect(Track(None, Patience()), [piece(0), piece(800)], 2400)
    assert found.all()
    assert told(gaps) == [("duplicate", 800, 1600)]


def test_a_long_loss_is_not_filled():
    track = Track(None, Patience(fill=1.0))
    for start in (0, 10**9, 10**9 + 1600, 10**9 + 3200):
        track.push(piece(start))
    assert track.take(0, 1600).all()
    assert track.take(1600, 2112) is None
    assert track.start == 10**9
    assert told(track.gaps(2**60, 0.0)) == [("lost", 1600, 10**9)]


def test_offsets_made_of_milliseconds_are_taken_as_they_are_meant():
    """Offsets that differ from the count by less than the jitter make no gap."""
    track, rng = Track(None, Patience(jitter=0.02)), np.random.default_rng(0)
    for i in range(200):
        track.push(Signal(np.ones(320, np.float32), RATE, i * 320 + (int(rng.integers(-150, 150)) if i else 0)))
    assert track.gaps(2**60, 0.0) == []
    assert track.end == 200 * 320


@pytest.mark.parametrize(("step", "expected"), [(324, 1), (316, -1)])
def test_a_clock_that_runs_away_is_told_and_followed(step, expected):
    """The sender says 324 samples have passed for each 320 that come, or 316."""
    track = Track(None, Patience(jitter=0.02))
    for i in range(1000):
        track.push(Signal(np.ones(320, np.float32), RATE, i * step))
    gaps = track.gaps(2**60, 0.0)
    assert {gap.kind for gap in gaps} == {"drift"}
    assert abs(track.end - 1000 * step) <= 0.02 * RATE + 320
    put_in = sum(gap.segment.duration for gap in gaps) * RATE
    assert put_in == pytest.approx(4 * 1000, abs=700)
    assert (track.end > 320_000) == (expected > 0)


def test_what_is_no_number_is_silence():
    samples = np.array([0.5, np.nan, np.inf, -1e30, 0.25], np.float32)
    found, _ = collect(Track(None, Patience()), [Signal(samples, RATE)], 5)
    assert found.tolist() == [0.5, 0, 0, 0, 0.25]


def test_an_absence_is_left_out_and_the_return_is_told():
    track = Track("b", Patience())
    track.push(piece(0))
    track.leave(8000)
    assert track.ready(8000, 8512)
    track.push(piece(4000))
    track.push(piece(7000, 3200))
    track.take(0, 1600)
    assert track.start == 8000
    assert told(track.gaps(2**60, 0.0)) == [("late", 4000, 5600), ("late", 7000, 8000), ("lost", 1600, 8000)]


def test_a_pause_is_no_gap():
    track = Track("b", Patience())
    track.push(piece(0))
    track.rest()
    track.push(piece(1600))
    track.wake(1600)
    track.push(piece(160_000))
    assert (track.start, track.gaps(2**60, 0.0)) == (0, [])
    track.take(0, 1600)
    assert track.start == 160_000


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (Signal(np.zeros(10, np.float32), 8000, 10), "has 16000 Hz, got 8000 Hz; a rate cannot change"),
        (Signal(np.zeros((10, 2), np.float32), RATE, 10), r"must be mono, \(n,\), got \(10, 2\)"),
        (Signal(np.zeros(10, np.float32), RATE, -1), "must start at sample 0 or later, got -1"),
    ],
)
def test_senseless_signals_are_refused(signal, reason):
    track = Track(None, Patience())
    track.push(piece(0))
    with pytest.raises(UsageError, match=reason):
        track.push(signal)


def test_senseless_patience_is_refused():
    with pytest.raises(UsageError, match="lag must be 0 to 60 s"):
        Patience(lag=-1)
