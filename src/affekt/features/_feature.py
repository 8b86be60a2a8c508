"""What a reader must know of one number: name, unit, definition, source. Each feature set lists its own."""

from __future__ import annotations

from typing import NamedTuple


class Feature(NamedTuple):
    """One column of a feature set, documented.

    >>> Feature("F0", "Hz", "fundamental frequency of the voice; 0 where unvoiced", "Boersma 1993").unit
    'Hz'
    """

    name: str
    unit: str
    "as printed: Hz, dB, ms, 1 (a share or ratio)"
    definition: str
    "one sentence, with the value where the feature is absent"
    source: str
    "paper or standard, author and year"
