"""Explanation -> a picture for documents, PNG or SVG: waveform, spectrogram, moments and frequencies, by Matplotlib."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from affekt.errors import UsageError
from affekt.explain import WARNING, Explanation
from affekt.registry import need
from affekt.view import explained
from affekt.view.palette import INK, LINE, SOFT
from affekt.view.words import clock, printable

SUFFIXES = (".png", ".svg")

_STYLE = {"font.size": 9, "svg.hashsalt": "affekt", "axes.unicode_minus": True}
_WIDE, _TALL = 10.0, 6.6
"inches"
_ROWS = {"sound": 0.9, "spectrum": 1.25, "moments": 1.25, "map": 1.6}


def draw(said: Explanation, path: Path, *, dpi: int = 150) -> None:
    """Draw an explanation to a .png or .svg file.

    Raises:
        UsageError: another extension, or the file cannot be written.
        MissingExtraError: Matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"an explanation is drawn to a {' or '.join(SUFFIXES)} file, not to {path.name!r}")
    matplotlib = need("matplotlib", extra="report")
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a name in a script the font lacks
        figure = _figure(said)
        date = {"Date": None} if path.suffix.lower() == ".svg" else {}
        try:
            figure.savefig(path, dpi=dpi, metadata=date, facecolor="white")
        except OSError as error:
            raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from error


def _figure(said: Explanation) -> Any:
    figure = need("matplotlib.figure", extra="report").Figure(figsize=(_WIDE, _TALL))
    about = {"ha": "left", "parse_math": False}
    name = printable(said.source)
    figure.text(0.08, 0.965, name[-90:], size=13, weight="bold", color=INK, **about)
    asked = f"{explained.judgement(said)}; why {printable(said.question)}?  {explained.where(said)} · {said.card.id}"
    figure.text(0.08, 0.935, asked, color=SOFT, **about)
    figure.text(0.08, 0.015, "\n".join(_below(said)), color=SOFT, size=8, va="bottom", **about)
    grid = figure.add_gridspec(len(_ROWS), 1, height_ratios=list(_ROWS.values()), left=0.08, right=0.98, top=0.915)
    grid.update(bottom=0.2, hspace=0.12)
    for place, (kind, draw_row) in enumerate(_DRAW.items()):
        axes = figure.add_subplot(grid[place])
        _ground(axes, said, last=kind == "map")
        draw_row(axes, said)
    return figure


def _below(said: Explanation) -> list[str]:
    texts = (explained.verdict(said), WARNING, printable(said.card.licence_line))
    return [line for text in texts for line in textwrap.wrap(text, 150)]


def _ground(axes: Any, said: Explanation, *, last: bool) -> None:
    at = said.window.signal.segment
    axes.set_xlim(at.start, at.end)
    ticks = explained.ticks(at.start, at.end)
    axes.set_xticks(ticks, [clock(tick) for tick in ticks] if last else [])
    axes.tick_params(length=3, colors=SOFT, labelsize=8)
    for side in axes.spines.values():
        side.set_color(LINE)


def _sound(axes: Any, said: Explanation) -> None:
    wave = explained.envelope(said.window.signal)
    at = said.window.signal.segment
    times = np.linspace(at.start, at.end, len(wave))
    for start, end in said.top():
        axes.axvspan(start, end, color=explained.FOR, alpha=0.25, linewidth=0)
    axes.fill_between(times, wave[:, 0], wave[:, 1], color=INK, linewidth=0.3)
    for one in said.words:
        middle = (one.segment.start + one.segment.end) / 2
        axes.text(middle, 1.12, printable(one.word), ha="center", size=8, color=INK, parse_math=False)
    axes.set_ylim(-1.1, 1.5 if said.words else 1.1)
    axes.set_yticks([])
    axes.set_ylabel("sound", color=SOFT)


def _spectrum(axes: Any, said: Explanation) -> None:
    at = said.window.signal.segment
    look = {"cmap": "Greys", "aspect": "auto", "extent": (at.start, at.end, 0, len(said.hertz) - 1)}
    axes.imshow(explained.spectrogram(said.window.signal), vmin=0, vmax=1, **look)
    _hertz(axes, said)


def _hertz(axes: Any, said: Explanation) -> None:
    places = list(range(0, len(said.hertz), 2))
    axes.set_yticks(places, [explained.hertz(float(said.hertz[i])) for i in places])


def _moments(axes: Any, said: Explanation) -> None:
    found = explained.bars(said)
    colours = [explained.FOR if one.worth >= 0 else explained.AGAINST for one in found]
    widths = [one.end - one.start for one in found]
    axes.bar([one.start for one in found], [one.worth for one in found], widths, align="edge", color=colours)
    axes.axhline(0, color=SOFT, linewidth=0.8)
    top = 1.15 * explained.scale([one.worth for one in found])
    axes.set_ylim(-top, top)
    axes.set_ylabel("log-odds", color=SOFT)
    for y, text in ((0.93, f"▲ for {said.target}"), (0.07, f"▼ against {said.target}")):
        axes.text(0.995, y, printable(text), transform=axes.transAxes, ha="right", va="center", color=SOFT, size=8)


def _map(axes: Any, said: Explanation) -> None:
    at, top = said.window.signal.segment, explained.scale(said.cells)
    colours = need("matplotlib.colors", extra="report")
    shades = colours.LinearSegmentedColormap.from_list("worth", [explained.AGAINST, "white", explained.FOR])
    edges = np.linspace(at.start, at.end, len(said.cells) + 1)
    axes.pcolormesh(edges, np.arange(len(said.hertz)), said.cells.T, cmap=shades, vmin=-top, vmax=top)
    for (moment, band), worth in np.ndenumerate(said.cells):
        if abs(worth) >= top / 2:
            middle = (edges[moment] + edges[moment + 1]) / 2
            axes.text(middle, band + 0.5, "+" if worth > 0 else "−", ha="center", va="center", weight="bold", color=INK)
    _hertz(axes, said)


_DRAW = {"sound": _sound, "spectrum": _spectrum, "moments": _moments, "map": _map}
