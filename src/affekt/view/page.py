"""Timeline -> one HTML page that needs nothing else: no network, no server, no library.

`page.html` beside this file is the whole page, with four places to fill: the title, the data and the content security
policy, which names the hashes of the page's own script and style, so that nothing else in it can run or load, whatever
a file is called. The data is `Timeline.to_dict` plus what only a picture needs, and a program can read it back.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.timeline import Timeline
from affekt.view.palette import ink, paint, stacked
from affekt.view.words import printable

_COLUMNS = 12000
"of a waveform at most; about one per second of three hours"


def page(timeline: Timeline) -> str:
    """Return the page's HTML, to be written as UTF-8.

    >>> page(Timeline("a.wav", 1.0, 8000, 1, (), "default@1", "CC0"))[:15]
    '<!doctype html>'
    """
    template = files("affekt.view").joinpath("page.html").read_text("utf-8")
    data = _data(timeline)
    places = {
        "policy": _policy(template),
        "title": html.escape(f"{data['name']} · affekt"),
        "data": _embedded(data),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: places[place[1]], template)


def _policy(template: str) -> str:
    """Allow the page's own script and style by their hashes, and the audio file that a person chooses."""
    hashes = {
        tag: base64.b64encode(hashlib.sha256(_content(template, tag).encode()).digest()).decode()
        for tag in ("script", "style")
    }
    return (
        f"default-src 'none'; script-src 'sha256-{hashes['script']}'; style-src 'sha256-{hashes['style']}'; "
        "media-src blob:; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _content(template: str, tag: str) -> str:
    return template.split(f"<{tag}>")[1].split(f"</{tag}>")[0]


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


def _embedded(data: dict[str, Any]) -> str:
    """Write JSON that no HTML parser can mistake for markup: ASCII only, no <, > or &."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
