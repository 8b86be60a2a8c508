"""The cheapest path is the one that a search frame by frame finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.features import _path


def one_by_one(local, moves, lag=None):
    cost, came = local[0], [np.zeros(local.shape[1], int)]
    best = [cost.argmin()]
    for here, step in zip(local[1:], moves[1:], strict=True):
        total = cost[:, None] + step
        came.append(total.argmin(axis=0))
        cost = total.min(axis=0) + here
        best.append(cost.argmin())
    last = len(local) - 1
    ends = [last if lag is None else min(frame + lag, last) for frame in range(len(local))]
    return [back(came, frame, end, best[end]) for frame, end in enumerate(ends)]


def back(came, frame, end, state):
    for row in came[end:frame:-1]:
        state = row[state]
    return int(state)


def price(path, local, moves):
    frames = np.arange(len(path))
    return local[frames, path].sum() + moves[frames[1:], path[:-1], path[1:]].sum()


shapes = st.tuples(st.integers(1, 200), st.integers(1, 8), st.integers(0, 2**32 - 1))


@given(shapes, st.none() | st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_whole_costs_give_the_path_of_a_plain_search_also_where_many_are_equal(shape, lag):
    frames, states, seed = shape
    random = np.random.default_rng(seed)
    local = random.integers(0, 4, (frames, states)).astype(float)
    moves = random.integers(0, 4, (frames, states, states)).astype(float)
    assert _path.cheapest(local, moves, lag=lag).tolist() == one_by_one(local, moves, lag)


@given(shapes, st.sampled_from([0.01, 1.0, 100.0]))
@settings(max_examples=100, deadline=None)
def test_any_costs_give_a_path_as_cheap_as_that_of_a_plain_search(shape, weight):
    """Weights from costs that forget at once to costs that hardly ever let a path move."""
    frames, states, seed = shape
    random = np.random.default_rng(seed)
    local = random.random((frames, states))
    moves = weight * random.random((frames, states, states)) * (1 - np.eye(states))
    path = _path.cheapest(local, moves)
    assert price(path, local, moves) == pytest.approx(price(one_by_one(local, moves), local, moves), rel=1e-12)


def test_a_long_recording_in_pieces_has_the_path_of_the_whole_and_asks_for_few_moves_at_once():
    random = np.random.default_rng(3)
    local, moves = random.random((20000, 3)), random.random((20000, 3, 3))
    asked = []

    def some(start, stop):
        asked.append(stop - start)
        return moves[start:stop]

    path = _path.cheapest(local, some).tolist()
    assert path == one_by_one(local, moves)
    assert (sum(asked), max(asked)) == (20000, _path._PIECE)
    assert _path.cheapest(local[:6000], moves, lag=30).tolist() == one_by_one(local[:6000], moves[:6000], 30)


def test_moves_that_never_happen_may_cost_infinity():
    moves = np.full((100, 3, 3), np.inf)
    moves[:, [0, 1, 2], [1, 2, 0]] = 0
    local = np.zeros((100, 3))
    local[0, :2] = 1
    assert _path.cheapest(local, moves).tolist() == [(2 + frame) % 3 for frame in range(100)]


def test_the_moves_into_the_first_frame_are_not_used_and_what_is_given_stays():
    local, moves = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros((2, 2, 2))
    moves[0] = np.inf
    assert _path.cheapest(local, moves).tolist() == [0, 1]
    assert np.isinf(moves[0]).all()


def test_no_frames_have_no_path():
    assert _path.cheapest(np.zeros((0, 4)), np.zeros((0, 4, 4))).shape == (0,)
