"""Window -> what each band of frequencies says for an emotion at a few moments, in log-odds lost without it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.explain import _masks
from affekt.explain._edit import Editor, Filling
from affekt.explain._judge import Judge

Floats = NDArray[np.float64]

BANDS = 8
"equally wide in mel"
MOMENTS = 12
CALLS = 192
"times that the model hears a window with other cells missing"
SHARE = 0.2
"of the cells that are missing each time"
_PENALTY = 10.0


def masked(judge: Judge, *, calls: int = CALLS, filling: Filling = "floor", seed: int = 0) -> Floats:
    """Take random cells away and weigh each by what is lost, (moments, bands); above 0 it speaks for the target."""
    signal = judge.window.signal
    masks = _masks.runs(calls, MOMENTS * BANDS, share=SHARE, run=1, seed=seed)
    editor = Editor(signal)
    cells = masks.reshape(-1, MOMENTS, BANDS)
    scores = judge.score(judge.hear([signal, *(editor.without(gone, filling) for gone in cells)]))
    return _masks.weigh(masks, scores[0] - scores[1:], penalty=_PENALTY).reshape(MOMENTS, BANDS)


def occluded(judge: Judge, *, filling: Filling = "floor") -> Floats:
    """Replace one cell after the other, (moments, bands); to be compared."""
    signal = judge.window.signal
    cells = np.eye(MOMENTS * BANDS).reshape(-1, MOMENTS, BANDS)
    editor = Editor(signal)
    scores = judge.score(judge.hear([signal, *(editor.without(gone, filling) for gone in cells)]))
    return np.asarray(scores[0] - scores[1:]).reshape(MOMENTS, BANDS)
