"""Signal -> (frames, 26), or 988 numbers. emobase as openSMILE measures it.

Needs the extra "opensmile" (`pip install "affekt[opensmile]"`), and openSMILE's licence holds: free for private use,
research and education, not for commercial products. The frames are the descriptors; their changes, of which half of the
functionals are made, are not among them.

Source: Eyben, Wöllmer and Schuller 2009, "openEAR - Introducing the Munich Open-Source Emotion and Affect Recognition
Toolkit".
"""

from __future__ import annotations

from typing import Any

from affekt.features import _opensmile
from affekt.features._opensmile import HOP, LICENCE, RATES

__all__ = ["DIM", "HOP", "LICENCE", "OFFSET", "RATES", "VERSION", "describe", "extract", "functionals"]

DIM = 26
VERSION = 1
OFFSET = 0.0125
"seconds; the centre of the first frame"

_SET = _opensmile.Published("emobase", "Eyben, Wöllmer and Schuller 2009")
extract, functionals, describe = _SET.extract, _SET.functionals, _SET.describe


def __getattr__(name: str) -> Any:
    # FEATURES, NAMES and FUNCTIONALS come from the package, which is loaded when they are asked for.
    return _SET.constant(name)
