"""Signal -> (frames, 18), or 62 numbers. GeMAPS v01b as openSMILE measures it.

Needs the extra "opensmile" (`pip install "affekt[opensmile]"`), and openSMILE's licence holds: free for private use,
research and education, not for commercial products. Affekt's own `egemaps` has all of these names, under Apache-2.0.

Source: Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective
Computing", IEEE Transactions on Affective Computing 7.
"""

from __future__ import annotations

from typing import Any

from affekt.features import _opensmile
from affekt.features._opensmile import HOP, LICENCE, OFFSET, RATES

__all__ = ["DIM", "HOP", "LICENCE", "OFFSET", "RATES", "VERSION", "describe", "extract", "functionals"]

DIM = 18
VERSION = 1

_SET = _opensmile.Published("GeMAPSv01b", "Eyben et al. 2016")
extract, functionals, describe = _SET.extract, _SET.functionals, _SET.describe


def __getattr__(name: str) -> Any:
    # FEATURES, NAMES and FUNCTIONALS come from the package, which is loaded when they are asked for.
    return _SET.constant(name)
