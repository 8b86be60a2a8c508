"""Explanation -> one HTML page without a script, a network or a library: text and drawings that are already drawn.

`explained.html` beside this file has the places, and `template` fills them. Everything that comes from outside (names
of files, speakers, words, emotions) is escaped here, and the policy allows the page's own style and pictures alone.
"""

from __future__ import annotations

import base64
import html
import re
import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from affekt.explain import WARNING, Explanation
from affekt.view import explained, template
from affekt.view.palette import paint
from affekt.view.words import clock, percent, printable

_SHOWN = 15
"functionals at most"
_STRONG = 0.5
"of the strongest cell, from which a cell has its sign written into it"


def page(said: Explanation) -> str:
    """Return the page's HTML, to be written as UTF-8."""
    name = re.split(r"[\\/]", said.source)[-1]
    drawn = {
        "name": _text(name),
        "said": f"The model said <b>{_text(explained.judgement(said))}</b>. Asked: why {_text(said.question)}?",
        "facts": _text(f"{explained.where(said)} · {said.card.id}: {said.card.title}"),
        "notes": "".join(f"<li>{_text(note)}</li>" for note in said.notes),
        "question": _text(f"for {said.question}"),
        "rows": "".join(_rows(said)),
        "key": "".join(_key(said)),
        "verdict": _text(explained.verdict(said)),
        "check": _check(said),
        "probs": _probs(said),
        "more": "".join(_more(said)),
        "warning": _text(WARNING),
        "limits": "".join(f"<li>{_text(limit)}</li>" for limit in said.card.limits),
        "licence": _text(said.card.licence_line),
        "method": _text(said.method),
        "version": _text(f"{said.seconds:.1f} s."),
    }
    return template.fill("explained.html", title=printable(f"{name} · why {said.question} · affekt"), drawn=drawn)


def _text(text: str) -> str:
    """Escape; a number stays on the line of its sign."""
    return html.escape(printable(text)).replace(" %", "&nbsp;%")


# Rows on one axis of time -----------------------------------------------------------------------------------------


def _rows(said: Explanation) -> Iterator[str]:
    if said.words:
        yield _row("words", _words(said), 34)
    yield _row("sound", _wave(said), 64)
    yield _row(_ends("8 kHz", "mel", "0 Hz"), _sound(said), 110, kind="sound", ends=True)
    yield _row(_ends("for ▲", "moments", "against ▼"), _moments(said), 120, ends=True)
    yield _row(_bands(said), _cells(said), 168, kind="bands", ends=True)
    yield _row("", _axis(said), 18, kind="bare")


def _row(name: str, drawing: str, height: int, *, kind: str = "", ends: bool = False) -> str:
    label = f'<div class="name{" ends" if ends else ""}">{name}</div>'
    return f'<div class="row">{label}<svg class="{kind}" height="{height}" role="img">{drawing}</svg></div>\n'


def _ends(*names: str) -> str:
    return "".join(f"<span>{_text(name)}</span>" for name in names)


def _bands(said: Explanation) -> str:
    edges = said.hertz[::-1]
    return _ends(*(explained.hertz(float(edges[i])) for i in range(0, len(edges), 2)))


def _share(said: Explanation, seconds: float) -> float:
    """Where a time lies in the window, in percent of the drawing."""
    at = said.window.signal.segment
    return 100 * (seconds - at.start) / max(at.duration, 1e-9)


def _words(said: Explanation) -> str:
    top = explained.scale([one.worth for one in said.words])
    found = []
    for one in said.words:
        left, right = _share(said, one.segment.start), _share(said, one.segment.end)
        strength = 0.15 + 0.7 * abs(one.worth) / top
        about = f"{one.word}: {explained.odds(one.worth)}, {explained.direction(one.worth)} {said.target}"
        found.append(
            f'<svg x="{left:.2f}%" width="{max(right - left, 0.5):.2f}%" height="100%" overflow="hidden">'
            f'<rect class="{explained.direction(one.worth)}" width="100%" height="100%" opacity="{strength:.2f}">'
            f"<title>{_text(about)}</title></rect>"
            f'<text class="word" x="50%" y="15" text-anchor="middle">{_text(one.word)}</text>'
            f'<text class="word" x="50%" y="29" text-anchor="middle">{_text(explained.odds(one.worth))}</text></svg>'
        )
    return "".join(found)


def _marks(said: Explanation) -> str:
    """Shade the moments that speak most for the target."""
    found = []
    for start, end in said.top():
        left, right = _share(said, start), _share(said, end)
        found.append(f'<rect class="mark" x="{left:.2f}%" width="{right - left:.2f}%" height="100%"/>')
    return "".join(found)


def _wave(said: Explanation) -> str:
    wave = explained.envelope(said.window.signal)
    upper = [f"{i},{50 - 48 * high:.1f}" for i, (_, high) in enumerate(wave)]
    lower = [f"{i},{50 - 48 * low:.1f}" for i, (low, _) in reversed(list(enumerate(wave)))]
    shape = f'<path class="wave" d="M{" L".join(upper + lower)} Z"/>'
    return f"{_marks(said)}{_stretched(len(wave), shape)}"


def _stretched(width: int, inside: str) -> str:
    return f'<svg width="100%" height="100%" viewBox="0 0 {width} 100" preserveAspectRatio="none">{inside}</svg>'


def _sound(said: Explanation) -> str:
    grey = 255 - (255 * explained.spectrogram(said.window.signal)).round().astype(np.uint8)
    data = base64.b64encode(png(grey)).decode()
    return f'<image width="100%" height="100%" preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'


def png(grey: NDArray[np.uint8]) -> bytes:
    r"""Write a grey picture (rows, columns), 0 black, as PNG.

    >>> png(np.zeros((1, 1), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows, columns = grey.shape
    lines = b"".join(b"\0" + line.tobytes() for line in grey)
    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def _moments(said: Explanation) -> str:
    found = explained.bars(said)
    top = explained.scale([one.worth for one in found])
    drawn = []
    for one in found:
        left, right = _share(said, one.start), _share(said, one.end)
        size = 48 * abs(one.worth) / top
        y = 50 - size if one.worth >= 0 else 50
        about = f"{clock(one.start)} – {clock(one.end)}: {explained.odds(one.worth)}"
        drawn.append(
            f'<rect class="{explained.direction(one.worth)}" x="{left:.2f}%" width="{max(right - left, 0.1):.2f}%" '
            f'y="{y:.2f}%" height="{max(size, 0.5):.2f}%"><title>{_text(about)}</title></rect>'
        )
    line = '<line class="zero" x1="0" x2="100%" y1="50%" y2="50%"/>'
    ends = ((14, explained.odds(top)), ("96%", explained.odds(-top)))
    marks = (f'<text class="end" x="99.5%" y="{y}">{_text(text)}</text>' for y, text in ends)
    return "".join([*drawn, line, *marks])


def _cells(said: Explanation) -> str:
    top = explained.scale(said.cells)
    moments, bands = said.cells.shape
    wide, high = 100 / moments, 100 / bands
    found = []
    for (moment, band), worth in np.ndenumerate(said.cells):
        x, y = wide * moment, high * (bands - 1 - band)
        strength = abs(worth) / top
        edges = f"{explained.hertz(float(said.hertz[band]))} – {explained.hertz(float(said.hertz[band + 1]))}"
        about = f"{edges}, {_cell_time(said, moment)}: {explained.odds(float(worth))}"
        found.append(
            f'<rect class="cell {explained.direction(float(worth))}" x="{x:.3f}%" y="{y:.3f}%" width="{wide:.3f}%" '
            f'height="{high:.3f}%" fill-opacity="{strength:.2f}"><title>{_text(about)}</title></rect>'
        )
        if strength >= _STRONG:
            sign = "+" if worth > 0 else "−"
            place = f'x="{x + wide / 2:.2f}%" y="{y + high / 2:.2f}%"'
            found.append(f'<text class="sign" {place} dy="4" text-anchor="middle">{sign}</text>')
    return "".join(found)


def _cell_time(said: Explanation, moment: int) -> str:
    at = said.window.signal.segment
    step = at.duration / len(said.cells)
    return f"{clock(at.start + moment * step)} – {clock(at.start + (moment + 1) * step)}"


def _axis(said: Explanation) -> str:
    at = said.window.signal.segment
    found = []
    for number, tick in enumerate(explained.ticks(at.start, at.end)):
        place = _share(said, tick)
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        kind = "second" if number % 2 else ""
        found.append(f'<text class="{kind}" x="{place:.2f}%" y="13" text-anchor="{anchor}">{clock(tick)}</text>')
    return "".join(found)


def _key(said: Explanation) -> Iterator[str]:
    target, other = _text(said.target), _text(said.against or "others")
    yield f'<li><svg><rect class="for" width="14" height="14"/></svg>+ ▲ for {target}</li>'
    yield f'<li><svg><rect class="against" width="14" height="14"/></svg>− ▼ against {target}, for {other}</li>'
    marked = _text(f"the {percent(said.check.share)} of moments that speak most for it")
    yield f'<li><svg><rect class="mark" width="14" height="14"/></svg>{marked}</li>'


# Tables -----------------------------------------------------------------------------------------------------------


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{_text(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return f'<div class="scroll"><table>{f"<tr>{top}</tr>" if top else ""}{body}</table></div>'


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{_text(text)}</td>' if kind else f"<td>{_text(text)}</td>"


def _bar(share: float, *, kind: str = "", colour: str = "") -> str:
    own = f'fill="{colour}"' if colour else f'class="fill {kind}"'
    track = '<rect class="track" width="100%" height="100%" rx="4"/>'
    return f'<td class="wide"><svg>{track}<rect {own} width="{100 * share:.1f}%" height="100%" rx="4"/></svg></td>'


def _centred(worth: float, top: float) -> str:
    size = 50 * abs(worth) / top
    x = 50 if worth >= 0 else 50 - size
    line = '<line class="zero" x1="50%" x2="50%" y1="0" y2="100%"/>'
    bar = f'<rect class="{explained.direction(worth)}" x="{x:.1f}%" width="{size:.1f}%" height="100%"/>'
    return f'<td class="wide"><svg><rect class="track" width="100%" height="100%"/>{bar}{line}</svg></td>'


def _check(said: Explanation) -> str:
    rows = (
        [_cell(name), _bar(share, kind="strong" if "top" in name else ""), _cell(percent(share), "number")]
        for name, share in explained.checks(said)
    )
    return _table((), rows)


def _probs(said: Explanation) -> str:
    rows = (
        [
            _cell(f"{paint(name).mark}  {name}"),
            _bar(share, colour=paint(name).light),
            _cell(percent(share), "number"),
        ]
        for name, share in said.prediction.top(len(said.prediction.labels))
    )
    return _table((), rows)


def _more(said: Explanation) -> Iterator[str]:
    if said.contributions:
        yield _section("Which features spoke", _CONTRIBUTIONS, _features(said))
    if said.nearest:
        yield _section("What it sounds like to the model", _NEAREST, _near(said))
    if said.remarks:
        yield _section("The voice, described", _VOICE, _voice(said))


_CONTRIBUTIONS = (
    "Log-odds by which each feature moves the judgement, from the typical voice among the examples to this one "
    "(Shapley values); together they are the whole difference. Importance is what UAR the model loses on the examples "
    "when the feature is shuffled."
)
_NEAREST = "The nearest examples in the features that the model hears; distance 0 is the same, 1 unrelated."
_VOICE = (
    "How the voice compares with the examples. This is a description in words that people know and not the cause of "
    "the judgement: the model hears none of these numbers."
)


def _section(title: str, about: str, inside: str) -> str:
    return (
        f'<section aria-label="{_text(title)}"><h2>{_text(title)}</h2><p class="soft">{_text(about)}</p>{inside}'
        "</section>\n"
    )


def _features(said: Explanation) -> str:
    shown = said.contributions[:_SHOWN]
    top = explained.scale([one.worth for one in shown])
    rows = []
    for one in shown:
        about = f"<td>{_text(one.name)}<small>{_text(explained.contribution(one))}</small></td>"
        lost = "–" if np.isnan(one.importance) else f"{one.importance:.3f}"
        worth = f"{explained.odds(one.worth)} {explained.direction(one.worth)}"
        rows.append([about, _centred(one.worth, top), _cell(worth, "number"), _cell(lost, "number second")])
    rest = said.contributions[_SHOWN:]
    more = f"<p class='soft'>{len(rest)} more, together {explained.odds(sum(one.worth for one in rest))}</p>"
    return _table(("feature", "", "log-odds", "importance"), rows) + (more if rest else "")


def _near(said: Explanation) -> str:
    rows = (
        [
            _cell(f"{paint(one.emotion or '').mark}  {one.emotion or 'no label'}"),
            _cell(one.speaker),
            _cell(one.id),
            _cell(one.text or "", "second"),
            _cell(f"{one.distance:.2f}", "number"),
        ]
        for one in said.nearest
    )
    return _table(("emotion", "speaker", "utterance", "text", "distance"), rows)


def _voice(said: Explanation) -> str:
    rows = (
        [_cell(one.measure), _cell(one.word), _bar(one.rank), _cell(explained.remark(one).split("; ", 1)[1], "second")]
        for one in said.remarks
    )
    return _table(("measure", "here", "rank among the examples", ""), rows)
