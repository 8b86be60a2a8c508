"""Functionals of eGeMAPS: smoothing, moments, segments, peaks and slopes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.features import _peaks, _statistics

NOTHING = np.zeros(0)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0]), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_smoothing_what_is_present_keeps_the_gaps_and_the_range(values):
    contour = np.array(values)[:, None]
    smooth = _statistics.smooth_present(contour)
    assert ((smooth == 0) == (contour == 0)).all()
    assert smooth.max() <= contour.max() + 1e-12


def test_smoothing_takes_the_mean_of_three_frames():
    assert _statistics.smooth(np.array([[3.0], [0.0], [6.0]]))[:, 0] == pytest.approx([2, 3, 4])
    assert _statistics.smooth_present(np.array([[3.0], [0.0], [6.0]]))[:, 0] == pytest.approx([3, 0, 6])


@given(st.lists(st.sampled_from([0.0, -1.5, 2.0, 7.0]), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_moments_of_what_is_present_are_those_without_zeros(values):
    contour = np.array(values)
    kept = contour[contour != 0]
    (mean,), (spread,) = _statistics.moments(contour[:, None], present=True)
    assert mean == pytest.approx(kept.mean() if len(kept) else 0)
    if mean:
        assert spread == pytest.approx(kept.std() / mean)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=60))
@settings(max_examples=50, deadline=None)
def test_extremes_alternate_and_keep_clear_of_the_ends(values):
    found = _peaks.extremes(np.array(values))
    assert all(one.at < other.at and one.peak != other.peak for one, other in pairwise(found))
    assert all(2 <= extreme.at < len(values) - 2 for extreme in found)


def test_a_triangle_wave_has_its_slopes_and_peaks():
    contour = np.concatenate([np.linspace(0, 1, 11)[:-1], np.linspace(1, 0, 21)[:-1]] * 10 + [[0, 0.1, 0.2, 0.3]])
    rising, _, falling, _ = _peaks.slopes(contour)
    assert (rising, falling) == (pytest.approx(10, rel=0.02), pytest.approx(5, rel=0.02))
    assert _peaks.peaks_per_second(contour) == pytest.approx(10 / 3, rel=0.02)


def test_ripples_below_a_tenth_of_the_range_are_no_peaks():
    hill = np.sin(np.linspace(0, np.pi, 101))
    ripple = 0.03 * np.sin(np.arange(101) * 1.3)
    assert [e.peak for e in _peaks.extremes(hill)] == [True]
    assert sum(e.peak for e in _peaks.extremes(hill + ripple)) == 1


def test_the_slope_to_the_end_counts_with_its_sign():
    """As in the reference: after the last peak it lowers the mean of the falling slopes."""
    contour = np.array([0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0], float)
    rising, _, falling, _ = _peaks.slopes(contour)
    assert rising == pytest.approx(100)
    assert falling == pytest.approx((100 - 100) / 2)


@pytest.mark.parametrize(
    ("active", "lengths"),
    [
        ("..####...", [0.03]),
        ("..##.##...", [0.04]),
        ("##..##", []),
        ("###..####", [0.02, 0.03]),
        (".###.", [0.02]),
        ("", []),
    ],
)
def test_segments_bridge_one_frame_and_have_three(active, lengths):
    assert _statistics.segments(np.array([mark == "#" for mark in active], bool)) == pytest.approx(lengths)


def test_statistics_of_nothing_are_zero():
    assert _statistics.percentiles(NOTHING) == [0, 0, 0, 0]
    assert _peaks.slopes(NOTHING) == [0, 0, 0, 0]
    assert (_statistics.mean(NOTHING), _statistics.deviation(NOTHING), _peaks.peaks_per_second(NOTHING)) == (0, 0, 0)
    assert [values.tolist() for values in _statistics.moments(np.zeros((5, 2)), present=True)] == [[0, 0], [0, 0]]
