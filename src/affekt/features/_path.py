"""(frames, states) of costs -> (frames,). The cheapest path through states, as trackers of pitch search it.

The Viterbi search goes frame by frame; in numpy that is slow. Here blocks of frames go in step, each from a guess of
the costs it begins with, and again from the costs that the block before ended with, until nothing changes any more.
Paths forget soon where they began, so two or three rounds do; in the worst case there are as many rounds as blocks.

Source: Viterbi 1967, "Error bounds for convolutional codes", IEEE Transactions on Information Theory 13.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]
States = NDArray[np.intp]

_BLOCK = 8
"frames that follow each other; all blocks go in step"
_PIECE = 4096
"frames that are held at once: whole blocks"
_SAME = 1e-9
"costs that differ by less are the same"


def cheapest(local: Costs, moves: Costs | Callable[[int, int], Costs], *, lag: int | None = None) -> States:
    """Return the states of least total cost, shape (frames,); of equal ones that of the lowest index, from the end on.

    Args:
        local: (frames, states), finite.
        moves: (frames, states, states), finite or infinite: what it costs to be in state j (last axis) of this frame
            after state i of the frame before; moves[0] is not used. Or a function that returns moves[start:stop], so
            that a long recording needs no such array.
        lag: each state is decided by that many frames after it, as in a stream; by default by all that follow.

    >>> stay = np.ones((3, 2, 2)) - np.eye(2)
    >>> cheapest(np.array([[0.0, 5.0], [0.5, 0.0], [0.0, 5.0]]), stay).tolist()
    [0, 0, 0]
    """
    frames, states = local.shape
    if not frames:
        return np.empty(0, np.intp)
    came, best = np.empty((frames, states), np.intp), np.empty(frames, np.intp)
    cost = np.zeros((1, states))
    for start in range(0, frames, _PIECE):
        stop = min(start + _PIECE, frames)
        steps = np.array(moves(start, stop) if callable(moves) else moves[start:stop], np.float64)
        if start == 0:
            steps[0] = 0
        costs = np.concatenate([cost, _forward(cost[0], local[start:stop], steps)])
        # Laid out so that the search for the least runs along memory: several times faster than along axis 1.
        totals = np.add(costs[:-1, None, :], steps.swapaxes(1, 2), out=np.empty(steps.shape))
        came[start:stop] = totals.argmin(axis=2)
        best[start:stop] = costs[1:].argmin(axis=1)
        cost = costs[-1:]
    return _back(came, best, frames - 1 if lag is None else min(lag, frames - 1))


def _forward(cost: Costs, local: Costs, moves: Costs) -> Costs:
    """Return the least costs of being in each state of each frame, (frames, states), up to a constant per block."""
    frames, states = local.shape
    blocks = -(-frames // _BLOCK)
    rest = blocks * _BLOCK - frames
    # Blocks on the last axis make numpy's inner loops long. The frames that fill the last block change nothing.
    stay = np.where(np.eye(states, dtype=bool), 0.0, np.inf)
    step = _by_step(moves, np.broadcast_to(stay, (rest, states, states)))
    here = _by_step(local, np.zeros((rest, states)))
    costs = np.zeros((_BLOCK + 1, states, blocks))
    costs[0, :, 0] = cost - cost.min()
    for _ in range(blocks):
        for at in range(_BLOCK):
            np.minimum.reduce(costs[at, :, None] + step[at], axis=0, out=costs[at + 1])
            costs[at + 1] += here[at]
        ends = costs[-1, :, :-1] - costs[-1, :, :-1].min(axis=0)
        change = np.abs(ends - costs[0, :, 1:])
        costs[0, :, 1:] = ends
        if not (change > _SAME).any():
            break
    return costs[1:].transpose(2, 0, 1).reshape(-1, states)[:frames]


def _by_step(rows: Costs, fill: Costs) -> Costs:
    """(blocks * steps, ...) -> (steps, ..., blocks)."""
    rows = np.concatenate([rows, fill])
    return np.ascontiguousarray(np.moveaxis(rows.reshape(-1, _BLOCK, *rows.shape[1:]), 0, -1))


def _back(came: States, best: States, lag: int) -> States:
    """Follow each frame's best state `lag` frames back, and the last frame's on all the way."""
    frames, states = came.shape
    end = [int(best[-1])]
    for row in came[: frames - lag - 1 : -1].tolist():
        end.append(row[end[-1]])
    places = np.arange(lag, frames - 1) * states + best[lag:-1]
    before = (came + states * (np.arange(frames) - 1)[:, None]).ravel() if len(places) else came
    for _ in range(lag if len(places) else 0):
        places = before[places]
    return np.concatenate([places % states, end[::-1]]).astype(np.intp)
