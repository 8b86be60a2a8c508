"""affekt.matrix/1 -> a heat map: in the terminal, as SVG, HTML, PNG, Markdown or CSV. docs/evaluation.md has the keys.

One drawing, a list of rectangles and texts, becomes SVG by plain text and PNG by Matplotlib. Colours run from guessing
to right in cividis (Nuñez, Anderton & Renslow 2018), which looks the same to people who are colour-blind and gets
lighter evenly, so that it survives a grey printer. Every cell has its number; colour is never the only cue.
"""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

from affekt.registry import need
from affekt.view.palette import ACCENT, INK, LINE, SOFT, ink

Found = Mapping[str, Any]

_RAMP = (
    *("#00224e", "#002e6a", "#1a386f", "#32436d", "#434e6c", "#535a6d", "#61656f", "#6f7073", "#7d7c78"),
    *("#8b8778", "#9a9376", "#aaa073", "#bbad6d", "#ccba64", "#ddc858", "#efd748", "#fee838"),
)
"cividis at even distances; between them no channel is more than 11 of 255 off, measured at all 256 places"
_TITLES = {"uar": "UAR", "ccc_valence": "CCC valence", "ccc_arousal": "CCC arousal", "ccc_dominance": "CCC dominance"}
_ALL = "all others"
_WIDE, _HIGH, _LEFT, _TOP = 116, 62, 168, 104
"pixels: a cell, the names at the left, the title and the names above"
_LINE, _LETTERS = 16, 110
"pixels of a note's line, and how many letters it has room for"
_COLUMNS = (
    *("kind", "train", "test", "elicitation", "protocol", "measure", "value", "low", "high", "guessing"),
    *("n", "speakers"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one training side reached on each corpus."""

    name: str
    elicitation: str
    cells: tuple[Found | None, ...]
    "in the order of the corpora; None where there is none"


def rows(found: Found) -> list[Row]:
    """Set the cells into rows: each corpus in training, then all but the tested one."""
    names = [corpus["name"] for corpus in found["corpora"]]
    each = [
        Row(one["name"], one["elicitation"], tuple(_find(found, [one["name"]], name) for name in names))
        for one in found["corpora"]
    ]
    if found["others"]:
        left = tuple(_find(found, [n for n in names if n != name], name) for name in names)
        each.append(Row(_ALL, "the tested one left out", left))
    return each


def _find(found: Found, train: Sequence[str], test: str) -> Found | None:
    return next((cell for cell in found["cells"] if cell["train"] == train and cell["test"] == test), None)


def title(measure: str) -> str:
    """Name a measure.

    >>> title("ccc_arousal")
    'CCC arousal'
    """
    return _TITLES[measure]


def score(cell: Found | None, measure: str) -> Found | None:
    """Return a cell's score, if it has one that is defined."""
    own: Found | None = None if cell is None else cell["scores"].get(measure)
    return None if own is None or own["value"] is None else own


def interval(own: Found) -> str:
    """Write an interval.

    >>> interval({"value": 0.5, "interval": [0.4, 0.625]}), interval({"value": 0.5, "interval": None})
    ('0.40 to 0.62', 'one speaker')
    """
    ends = own["interval"]
    return "one speaker" if ends is None or None in ends else f"{ends[0]:.2f} to {ends[1]:.2f}"


def guessed(cell: Found, measure: str) -> bool:
    """Whether a model that guesses may reach as much on these utterances."""
    own = score(cell, measure)
    return measure == "uar" and own is not None and cell["guessing"] is not None and own["value"] <= cell["guessing"]


def colour(share: float) -> str:
    """Return the colour of a share in [0, 1]; what lies outside gets that of the nearer end.

    >>> colour(0), colour(0.5), colour(2)
    ('#00224e', '#7d7c78', '#fee838')
    """
    place = min(max(share, 0.0), 1.0) * (len(_RAMP) - 1)
    low = min(int(place), len(_RAMP) - 2)
    pairs = zip(_channels(_RAMP[low]), _channels(_RAMP[low + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (place - low)):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _fill(found: Found, measure: str, value: float) -> str:
    low = _lowest(found, measure)
    return colour((value - low) / (1 - low))


def _lowest(found: Found, measure: str) -> float:
    """Where colours begin: at what guessing reaches in the mean."""
    return 1 / len(found["labels"]) if measure == "uar" else 0.0


def notes(found: Found, own: str = "framed") -> list[str]:
    """Say what a reader must know of the numbers; `own` says how cells within a corpus are marked."""
    merges = ", ".join(f"{a} counted as {b}" for a, b in found["merge"].items())
    told = [
        f"{found['model']} on {found['features']}; " + ", ".join(found["labels"]) + (f"; {merges}" if merges else ""),
        f"rows: trained on; columns: tested on; {own}: speakers not heard of the same corpus ("
        + ", ".join(sorted(c["protocol"] for c in found["corpora"] if c["protocol"]))
        + ")",
        "below each score its 95 % interval over speakers; ≈ guess: a model that guesses may reach as much",
    ]
    if any(cell["leaky"] for cell in found["cells"]):
        told.append("LEAKY: a split shares speakers; its scores are too high")
    return told


# The terminal -----------------------------------------------------------------------------------------------------


def table(found: Found, measure: str) -> Any:
    """Draw a shaded table for rich."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, padding=(0, 0, 1, 1), header_style="bold", title=None)
    made.add_column(f"{title(measure)}, trained on")
    for corpus in found["corpora"]:
        made.add_column(f"{corpus['name']}\n{corpus['elicitation']}", justify="center")
    for row in rows(found):
        name = Text.assemble((f"{row.name}\n", "bold"), (row.elicitation, "dim"))
        made.add_row(name, *(Text(*_shaded(found, cell, measure), justify="center") for cell in row.cells))
    return made


def _shaded(found: Found, cell: Found | None, measure: str) -> tuple[str, str]:
    """Text and style of a cell."""
    own = score(cell, measure)
    if own is None or cell is None:
        return "–", "dim"
    fill = _fill(found, measure, own["value"])
    mark = "≈ guess" if guessed(cell, measure) else "own" if cell["kind"] == "within" else ""
    return f"{own['value']:.3f}{' ' if mark else ''}{mark}\n{interval(own)}".center(15), f"{ink(fill)} on {fill}"


# Tables -----------------------------------------------------------------------------------------------------------


def markdown(found: Found) -> str:
    """Write a table for each measure."""
    parts = []
    for measure in found["measures"]:
        names = [f"{one['name']} ({one['elicitation']})" for one in found["corpora"]]
        lines = [f"| {title(measure)}, trained on | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
        for row in rows(found):
            cells = (_plain(cell, measure) for cell in row.cells)
            lines.append(f"| {row.name} ({row.elicitation}) | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes(found, own="bold"))]) + "\n"


def _plain(cell: Found | None, measure: str) -> str:
    own = score(cell, measure)
    if own is None or cell is None:
        return "–"
    shown = f"**{own['value']:.3f}**" if cell["kind"] == "within" else f"{own['value']:.3f}"
    return f"{shown} ({interval(own)}){' ≈ guess' if guessed(cell, measure) else ''}"


def commas(found: Found) -> str:
    """Write CSV, a line for each cell and measure."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    spoken = {one["name"]: one["elicitation"] for one in found["corpora"]}
    for cell in found["cells"]:
        for measure, own in cell["scores"].items():
            guessing = cell["guessing"] if measure == "uar" else None
            about = [cell["kind"], "+".join(cell["train"]), cell["test"], spoken[cell["test"]], cell["protocol"]]
            ends = own["interval"] or (None, None)
            writer.writerow([*about, measure, own["value"], *ends, guessing, cell["n"], cell["speakers"]])
    return out.getvalue()


# Pictures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    wide: float
    high: float
    fill: str
    framed: bool = False


@dataclass(frozen=True, slots=True)
class _Words:
    x: float
    y: float
    "of the line's middle"
    text: str
    size: float = 12
    colour: str = INK
    bold: bool = False
    anchor: Literal["start", "middle", "end"] = "start"


_Shape = _Box | _Words


def _size(found: Found) -> tuple[int, int]:
    return max(720, _LEFT + _WIDE * len(found["corpora"]) + 24), _height(found) * len(found["measures"])


def _height(found: Found) -> int:
    """Of one map."""
    return _TOP + _HIGH * len(rows(found)) + _foot(found)


def _foot(found: Found) -> int:
    return 44 + _LINE * len(_wrapped(found))


def _wrapped(found: Found) -> list[str]:
    """Break the notes into lines that the narrowest picture holds."""
    return [line for note in notes(found) for line in textwrap.wrap(note, _LETTERS)]


def _drawing(found: Found) -> list[_Shape]:
    return [shape for i, measure in enumerate(found["measures"]) for shape in _map(found, measure, i * _height(found))]


def _map(found: Found, measure: str, top: int) -> Iterator[_Shape]:
    yield _Words(16, top + 24, f"{title(measure)} across corpora: {found['run']}", 17, bold=True)
    yield _Words(16, top + _TOP - 32, "trained on ↓   tested on →", 11, SOFT)
    for column, corpus in enumerate(found["corpora"]):
        x = _LEFT + (column + 0.5) * _WIDE
        yield from _name(x, top + _TOP - 32, corpus["name"], corpus["elicitation"], "middle")
    for place, row in enumerate(rows(found)):
        y = top + _TOP + place * _HIGH
        yield from _name(_LEFT - 12, y + _HIGH / 2 - 8, row.name, row.elicitation, "end")
        for column, cell in enumerate(row.cells):
            yield from _cell(found, measure, cell, (_LEFT + column * _WIDE, y))
    yield from _legend(found, measure, top + _height(found) - _foot(found))


def _name(x: float, y: float, name: str, elicitation: str, anchor: Literal["middle", "end"]) -> Iterator[_Shape]:
    """Name a corpus; whether people felt or acted is told in words, and in colour."""
    real = elicitation not in ("acted", "the tested one left out")
    yield _Words(x, y, name, 13, bold=True, anchor=anchor)
    yield _Words(x, y + 17, elicitation, 10.5, ACCENT if real else SOFT, bold=real, anchor=anchor)


def _cell(found: Found, measure: str, cell: Found | None, at: tuple[float, float]) -> Iterator[_Shape]:
    own, (x, y) = score(cell, measure), at
    middle = x + _WIDE / 2
    if own is None or cell is None:
        yield _Words(middle, y + _HIGH / 2, "–", 14, SOFT, anchor="middle")
        return
    fill = _fill(found, measure, own["value"])
    yield _Box(x + 1.5, y + 1.5, _WIDE - 3, _HIGH - 3, fill, framed=cell["kind"] == "within")
    mark = guessed(cell, measure)
    yield _Words(middle, y + (17 if mark else 22), f"{own['value']:.3f}", 16, ink(fill), bold=True, anchor="middle")
    yield _Words(middle, y + (34 if mark else 42), interval(own), 10.5, ink(fill), anchor="middle")
    if mark:
        yield _Words(middle, y + 49, "≈ guess", 10.5, ink(fill), bold=True, anchor="middle")


def _legend(found: Found, measure: str, y: float) -> Iterator[_Shape]:
    """Colours from guessing to 1, and the notes."""
    low, steps, wide = _lowest(found, measure), 60, 3
    yield _Words(_LEFT - 12, y + 17, f"{low:.2f}", 10.5, SOFT, anchor="end")
    for step in range(steps):
        yield _Box(_LEFT + step * wide, y + 11, wide + 0.5, 12, colour(step / (steps - 1)))
    yield _Words(_LEFT + steps * wide + 8, y + 17, "1.00", 10.5, SOFT)
    for place, line in enumerate(_wrapped(found)):
        yield _Words(16, y + 40 + _LINE * place, line, 10, SOFT)


def svg(found: Found) -> str:
    """Draw as SVG, by plain text."""
    wide, high = _size(found)
    shapes = "\n".join(map(_svg, _drawing(found)))
    label = escape(f"{', '.join(map(title, found['measures']))} across corpora: {found['run']}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        f'role="img" aria-label="{label}" font-family="DejaVu Sans, Verdana, sans-serif">\n'
        f'<rect width="{wide}" height="{high}" fill="white"/>\n{shapes}\n</svg>\n'
    )


def _svg(shape: _Shape) -> str:
    if isinstance(shape, _Box):
        frame = f' stroke="{INK}" stroke-width="3"' if shape.framed else ""
        place = f'x="{shape.x:g}" y="{shape.y:g}" width="{shape.wide:g}" height="{shape.high:g}"'
        return f'<rect {place} fill="{shape.fill}"{frame}/>'
    weight = ' font-weight="bold"' if shape.bold else ""
    look = f'font-size="{shape.size:g}" fill="{shape.colour}" text-anchor="{shape.anchor}"{weight}'
    return f'<text x="{shape.x:g}" y="{shape.y + 0.35 * shape.size:g}" {look}>{escape(shape.text)}</text>'


def html(found: Found) -> str:
    """Write a page that stands alone: the picture, and the same numbers as tables for those who cannot see it."""
    name = escape(f"Across corpora: {found['run']}")
    tables = "\n".join(_html_table(found, measure) for measure in found["measures"])
    style = (
        f"body{{font-family:sans-serif;color:{INK};margin:2em}}td,th{{border:1px solid {LINE};padding:.3em .6em}}"
        f"table{{border-collapse:collapse}}svg{{max-width:100%;height:auto}}"
    )
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{name}</title><style>{style}</style>\n'
        f"<h1>{name}</h1>\n{svg(found)}{tables}\n</html>\n"
    )


def _html_table(found: Found, measure: str) -> str:
    heads = "".join(f"<th>{escape(one['name'])} ({escape(one['elicitation'])})</th>" for one in found["corpora"])
    lines = [
        f"<tr><th>{escape(row.name)}</th>"
        + "".join(f"<td>{_plain(cell, measure).replace('*', '')}</td>" for cell in row.cells)
        + "</tr>"
        for row in rows(found)
    ]
    return f"<h2>{title(measure)}</h2>\n<table><tr><th>trained on</th>{heads}</tr>\n{chr(10).join(lines)}</table>"


def draw(found: Found, path: Path, *, dpi: int = 150) -> None:
    """Draw as PNG.

    Args:
        found: the matrix.
        path: a .png file.
        dpi: pixels per inch; the picture is as wide as its SVG at 96.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    matplotlib = need("matplotlib", extra="report")
    wide, high = _size(found)
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        figure = need("matplotlib.figure", extra="report").Figure(figsize=(wide / 96, high / 96))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, wide)
        axes.set_ylim(high, 0)
        axes.axis("off")
        for shape in _drawing(found):
            _paint(axes, shape)
        figure.savefig(path, dpi=dpi, facecolor="white")


def _paint(axes: Any, shape: _Shape) -> None:
    if isinstance(shape, _Box):
        rectangle = need("matplotlib.patches", extra="report").Rectangle
        edge = {"edgecolor": INK, "linewidth": 2.2} if shape.framed else {"linewidth": 0}
        axes.add_patch(rectangle((shape.x, shape.y), shape.wide, shape.high, facecolor=shape.fill, **edge))
        return
    side = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
    look = {"color": shape.colour, "weight": "bold" if shape.bold else "normal", "parse_math": False}
    axes.text(shape.x, shape.y, shape.text, size=0.75 * shape.size, ha=side, va="center_baseline", **look)
