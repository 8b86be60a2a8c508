"""Window -> what each moment says for an emotion, in log-odds that are lost without it.

`masked` takes random moments away from the sound and weighs them by what is lost; it works for every model. For one
that judges pooled frames of the encoder it starts from `pooled`, which is exact for pooling and head and costs nothing,
but cannot undo that the encoder's frames have heard their neighbours. `occluded` takes one stretch after the other
(Zeiler & Fergus 2014); it is here to be compared. benchmarks/EXPLAIN.md has the comparison.

Integrated gradients (Sundararajan et al. 2017) and the like need the model's gradients, which an ONNX graph does not
give.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.explain import _masks
from affekt.explain._edit import Editor, Filling
from affekt.explain._judge import Judge
from affekt.features import whisper

Floats = NDArray[np.float64]

HOP = 0.02
"Seconds from one moment to the next."
CALLS = 128
"times that the model hears a window with other moments missing"
SHARE = 0.2
"of the moments that are missing each time"
_PENALTY = 5.0


def count(duration: float) -> int:
    """Return how many moments a window has.

    >>> count(3.0)
    150
    """
    return max(1, round(duration / HOP))


def describe(judge: Judge) -> str:
    """Say in a sentence how `masked` asks this model."""
    how = "random fifths of the sound replaced by the window's own soft noise, and weighed by what the model loses"
    return f"{how}; begun from the exact effect of each frame on the pooling" if judge.pools else how


def highest(worth: Floats, share: float) -> Floats:
    """Mark the `share` of moments that speak most for the target, (moments,) of ones and zeros."""
    return np.asarray(_masks.highest(worth[None], share)[0])


def masked(judge: Judge, *, calls: int = CALLS, filling: Filling = "floor", seed: int = 0) -> Floats:
    """Take random moments away and weigh each by what is lost, (moments,); above 0 it speaks for the target."""
    signal = judge.window.signal
    masks = _masks.runs(calls, count(signal.duration), share=SHARE, run=1, seed=seed)
    editor = Editor(signal)
    scores = judge.score(judge.hear([signal, *(editor.without(gone[:, None], filling) for gone in masks)]))
    prior = pooled(judge) if judge.pools else None
    return _masks.weigh(masks, scores[0] - scores[1:], penalty=_PENALTY, prior=prior)


def pooled(judge: Judge, *, stretch: float = 0.0) -> Floats:
    """Leave frames out of the pooling, (moments,); only for a model that judges pooled frames.

    Args:
        judge: whose model `pools`.
        stretch: seconds around each frame that are left out with it.
    """
    frames, shares = whisper.heard(judge.window.signal)
    each = without(frames.astype(np.float64), shares.astype(np.float64), round(stretch / whisper.HOP) // 2)
    whole = judge.vectors(whisper.pool(frames, shares)[None])
    worth = judge.score(whole) - judge.score(judge.vectors(each))
    return spread(worth, count(judge.window.signal.duration))


def without(frames: Floats, shares: Floats, half: int = 0) -> Floats:
    """Pool all but the frames at most `half` away from each, exactly: (frames, 2 * width).

    >>> without(np.array([[1.0], [2.0], [9.0]]), np.full(3, 1 / 3))[2].round(6).tolist()
    [1.5, 0.5]
    """
    places = np.arange(len(frames))
    first, last = np.maximum(places - half, 0), np.minimum(places + half + 1, len(frames))
    mean = shares @ frames
    centred = frames - mean  # squares of what lies far from zero would lose their digits

    def left(values: Floats) -> Floats:
        running = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        return np.asarray(running[-1] - (running[last] - running[first]))

    weight = np.maximum(left(shares[:, None]), 1e-9)  # nothing is left where the stretch is the window
    moved = left(shares[:, None] * centred) / weight
    square = left(shares[:, None] * centred**2) / weight
    return np.concatenate([mean + moved, np.sqrt(np.maximum(square - moved**2, 0))], axis=1)


def occluded(judge: Judge, *, filling: Filling = "floor", stretch: float = 0.2) -> Floats:
    """Replace stretch after stretch, each half over the one before; the mean loss of those that cover a moment."""
    signal = judge.window.signal
    parts = count(signal.duration)
    step = max(1, round(stretch / HOP / 2))
    begins = np.arange(-step, parts, step)
    covers = np.array([(np.arange(parts) >= b) & (np.arange(parts) < b + 2 * step) for b in begins], np.float64)
    editor = Editor(signal)
    scores = judge.score(judge.hear([signal, *(editor.without(gone[:, None], filling) for gone in covers)]))
    return np.asarray((scores[0] - scores[1:]) @ covers / np.maximum(covers.sum(axis=0), 1))


def spread(values: Floats, parts: int) -> Floats:
    """Carry values of equal stretches over to so many others.

    >>> spread(np.array([1.0, 3.0]), 4).tolist()
    [1.0, 1.5, 2.5, 3.0]
    """
    at = (np.arange(parts) + 0.5) / parts
    return np.interp(at, (np.arange(len(values)) + 0.5) / len(values), values)
