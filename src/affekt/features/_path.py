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

_BLOCK = 24
"frames that follow each other; all blocks go in step"
_PIECE = 6144
"frames that are held at once: whole blocks"


def cheapest(local: Costs, moves: Costs | Callable[[int, int], Costs]) -> NDArray[np.intp]:
    """Return the states of least total cost, shape (frames,); of equal ones that of the lowest index, from the end on.

    Args:
        local: (frames, states), finite.
        moves: (frames, states, states), finite or infinite: what it costs to be in state j (last axis) of this frame
            after state i of the frame before; moves[0] is not used. Or a function that returns moves[start:stop], so
            that a long recording needs no such array.

    >>> stay = np.ones((3, 2, 2)) - np.eye(2)
    >>> cheapest(np.array([[0.0, 5.0], [0.5, 0.0], [0.0, 5.0]]), stay).tolist()
    [0, 0, 0]
    """
    came = np.empty(local.shape, np.intp)
    cost = np.zeros(local.shape[1])
    for start in range(0, len(local), _PIECE):
        stop = min(start + _PIECE, len(local))
        steps = np.array(moves(start, stop) if callable(moves) else moves[start:stop], np.float64)
        if start == 0:
            steps[0] = 0
        before, cost = _forward(cost, local[start:stop], steps)
        came[start:stop] = (before[:, :, None] + steps).argmin(axis=1)
    return _back(came, int(cost.argmin())) if len(local) else np.empty(0, np.intp)


def _forward(cost: Costs, local: Costs, moves: Costs) -> tuple[Costs, Costs]:
    """Return the costs before each frame, each block's less the block's first smallest, and those after the last."""
    frames, states = local.shape
    blocks = -(-frames // _BLOCK)
    rest = blocks * _BLOCK - frames
    # Blocks on the last axis make numpy's inner loops long. The frames that fill the last block change nothing.
    stay = np.broadcast_to(np.where(np.eye(states, dtype=bool), 0.0, np.inf), (rest, states, states))
    step = _by_step(np.concatenate([moves, stay]) if rest else moves, blocks)
    here = _by_step(np.concatenate([local, np.zeros((rest, states))]) if rest else local, blocks)
    costs = np.zeros((_BLOCK + 1, states, blocks))
    costs[0, :, 0] = cost
    for _ in range(blocks):
        for at in range(_BLOCK):
            np.minimum.reduce(costs[at, :, None] + step[at], axis=0, out=costs[at + 1])
            costs[at + 1] += here[at]
        ends = costs[-1] - costs[-1].min(axis=0)
        if np.allclose(costs[0, :, 1:], ends[:, :-1], rtol=1e-12, atol=1e-12):
            break
        costs[0, :, 1:] = ends[:, :-1]
    before = costs[:-1].transpose(2, 0, 1).reshape(-1, states)[:frames]
    return before, np.asarray(ends[:, -1])


def _by_step(rows: Costs, blocks: int) -> Costs:
    """(blocks * steps, ...) -> (steps, ..., blocks)."""
    return np.ascontiguousarray(np.moveaxis(rows.reshape(blocks, _BLOCK, *rows.shape[1:]), 0, -1))


def _back(came: NDArray[np.intp], state: int) -> NDArray[np.intp]:
    path = [state]
    for row in reversed(came[1:].tolist()):
        path.append(row[path[-1]])
    return np.array(path[::-1], np.intp)
