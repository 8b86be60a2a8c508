"""Window, attribution -> whether it is true. The model hears the window without what is said to matter.

If an attribution is faithful, the emotion's probability falls more without the moments that it puts first than without
as many random ones, or without the loudest, which matter to any model of speech (deletion; Petsiuk et al. 2018). And it
stays higher with these moments alone than with random ones alone (insertion).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.explain import _masks
from affekt.explain._edit import Editor, Filling
from affekt.explain._judge import Judge

Floats = NDArray[np.float64]

SHARE = 0.2
_DRAWS = 5
_RUN = 3


@dataclass(frozen=True, slots=True)
class Check:
    """What the model says of one window with parts of it missing: probabilities of the target."""

    share: float
    "of the moments that are missing, or alone are left"
    whole: float
    without_top: float
    "without the moments that speak most for the target"
    without_random: float
    "without as many random ones, mean of five draws"
    without_loudest: float
    only_top: float
    "with these moments alone"
    only_random: float

    @property
    def faithful(self) -> bool:
        """Removing the top moments lowers the probability more than removing random or the loudest ones."""
        return self.without_top < min(self.without_random, self.without_loudest)


def check(judge: Judge, worth: Floats, *, share: float = SHARE, filling: Filling = "floor") -> Check:
    """Remove what is said to matter, and what is not, and hear the window again; fourteen calls of the model.

    Args:
        judge: the question that was asked.
        worth: attribution of each moment, (moments,).
        share: of the moments that are removed.
        filling: what they are replaced by.
    """
    top, loud = (_masks.highest(v[None], share)[0] for v in (worth, loudness(judge, len(worth))))
    # as many again as `masked` drew, but others
    random = _masks.runs(_DRAWS, len(worth), share=share, run=_RUN, seed=1_000_003)
    gone = [np.zeros(len(worth)), top, loud, *random, 1 - top, *(1 - random)]
    found = without(judge, gone, filling=filling)
    rest = 4 + _DRAWS
    return Check(
        share=share,
        whole=float(found[0]),
        without_top=float(found[1]),
        without_random=float(found[3 : 3 + _DRAWS].mean()),
        without_loudest=float(found[2]),
        only_top=float(found[3 + _DRAWS]),
        only_random=float(found[rest:].mean()),
    )


def without(judge: Judge, gone: Sequence[Floats], *, filling: Filling = "floor") -> Floats:
    """Give the target's probability without each of these sets of moments, (n,); each set (moments,) of 0 to 1."""
    editor = Editor(judge.window.signal)
    return judge.share(judge.hear([editor.without(one[:, None], filling) for one in gone]))


def loudness(judge: Judge, parts: int) -> Floats:
    """Root mean square of each moment, (moments,)."""
    samples = judge.window.signal.samples.astype(np.float64)
    power = np.array([(piece**2).mean() if len(piece) else 0.0 for piece in np.array_split(samples, parts)])
    return np.asarray(np.sqrt(power))
