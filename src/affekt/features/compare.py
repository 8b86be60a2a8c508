"""Signal -> (frames, 65), or 6373 numbers. ComParE 2016 as openSMILE measures it.

Needs the extra "opensmile" (`pip install "affekt[opensmile]"`), and openSMILE's licence holds: free for private use,
research and education, not for commercial products. Why it is not written anew: docs/decisions/0009. The frames are the
descriptors; their changes, of which half of the functionals are made, are not among them.

Source: Schuller et al. 2016, "The INTERSPEECH 2016 Computational Paralinguistics Challenge"; described by Weninger et
al. 2013, "On the acoustics of emotion in audio: what speech, music, and sound have in common".
"""

from __future__ import annotations

from typing import Any

from affekt.features import _opensmile
from affekt.features._opensmile import HOP, LICENCE, OFFSET, RATES

__all__ = ["DIM", "HOP", "LICENCE", "OFFSET", "RATES", "VERSION", "describe", "extract", "functionals"]

DIM = 65
VERSION = 1

_SET = _opensmile.Published("ComParE_2016", "Weninger et al. 2013")
extract, functionals, describe = _SET.extract, _SET.functionals, _SET.describe


def __getattr__(name: str) -> Any:
    # FEATURES, NAMES and FUNCTIONALS come from the package, which is loaded when they are asked for.
    return _SET.constant(name)
