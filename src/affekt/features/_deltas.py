"""(frames, n) -> (frames, n). How contours change: the slope of a regression line through a few frames.

Source: Young et al. 2006, "The HTK book", section 5.9; Furui 1986.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW = 2
"frames to either side"


def deltas(contours: NDArray[np.float64], window: int = WINDOW) -> NDArray[np.float64]:
    """Return the change per frame, d[t] = sum of k (c[t+k] - c[t-k]) over 2 sum of k^2, k = 1 .. window.

    The first and last frame stand for what lies beyond the ends.

    >>> deltas(np.arange(6.0)[:, None])[:, 0].tolist()
    [0.5, 0.8, 1.0, 1.0, 0.8, 0.5]
    """
    padded = np.pad(contours, ((window, window), (0, 0)), mode="edge")
    count, steps = len(contours), range(1, window + 1)
    change = sum(k * (padded[window + k :][:count] - padded[window - k :][:count]) for k in steps)
    return np.asarray(change / (2 * sum(k * k for k in steps)))
