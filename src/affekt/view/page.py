"""Timeline -> one HTML page that needs nothing else: no network, no server, no library.

`page.html` beside this file is the whole page, and `template` fills it. The data is `Timeline.to_dict` plus what only
a picture needs, and a program can read it back.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.timeline import Timeline
from affekt.view import template
from affekt.view.palette import ink, paint, stacked
from affekt.view.words import printable

_COLUMNS = 12000
"of a waveform at most; about one per second of three hours"


def page(timeline: Timeline) -> str:
    """Return the page's HTML, to be written as UTF-8.

    >>> page(Timeline("a.wav", 1.0, 8000, 1, (), "default@1", "CC0"))[:15]
    '<!doctype html>'
    """
    data = _data(timeline)
    return template.fill(
        "page.html", title=f"{data['name']} · affekt", data=data, allow="media-src blob:; img-src data:"
    )


def _data(timeline: Timeline) -> dict[str, Any]:
    labels = {name for t in timeline.turns if t.prediction for name in t.prediction.labels}
    return {
        "name": printable(re.split(r"[\\/]", timeline.source)[-1]),
        "timeline": timeline.to_dict(),
        "waveform": {name: _column_levels(wave) for name, wave in timeline.waveform.items()},
        "palette": {name: _paint(name) for name in labels},
        "order": stacked(sorted(labels)),
    }


def _paint(emotion: str) -> dict[str, Any]:
    colour = paint(emotion)
    return {
        "mark": colour.mark,
        "light": (colour.light, ink(colour.light)),
        "dark": (colour.dark, ink(colour.dark)),
    }


def _column_levels(wave: NDArray[np.float32]) -> tuple[list[int], list[int]]:
    """Lowest and highest of at most `_COLUMNS` stretches, as -127..127."""
    starts = np.linspace(0, len(wave), min(len(wave), _COLUMNS), endpoint=False).astype(int)
    if not len(starts):
        return [], []
    low, high = np.minimum.reduceat(wave[:, 0], starts), np.maximum.reduceat(wave[:, 1], starts)
    return tuple((np.nan_to_num(side).clip(-1, 1) * 127).round().astype(int).tolist() for side in (low, high))
