"""Timeline -> a picture for documents and slides, PNG or SVG, drawn by Matplotlib.

Built from `Figure` alone: no pyplot, no global state, no window, nothing that a caller's own plots could notice.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.registry import need
from affekt.timeline import Timeline, Turn
from affekt.view.curves import Run, cells, runs
from affekt.view.palette import ACCENT, FAINT, INK, LINE, SOFT, ink, paint, stacked
from affekt.view.words import channels, clock, kilohertz, percent, printable

_WIDE = 12.0
"inches"
_LEFT, _RIGHT = 0.072, 0.972
"the lanes' edges, as shares of the width"
_POINTS = 72 * _WIDE * (_RIGHT - _LEFT)
"width of the lanes"
_TOP, _BOTTOM = 0.72, 1.0
"inches for the title, and for times, legend and licence"
_HEAD, _GAP = 0.31, 0.07
"inches above each speaker, for the name, and below each row"
_ROWS = {"wave": 0.58, "turns": 0.32, "emotions": 1.6, "affect": 1.25}
"inches"
_LETTER = 5.4
"points that a letter of a label takes"
_AXES = (("valence", INK, "-"), ("arousal", ACCENT, (0, (4, 2))), ("dominance", SOFT, (0, (1, 1.6))))
_STYLE = {"font.size": 9, "svg.hashsalt": "affekt", "hatch.linewidth": 1.1, "axes.unicode_minus": True}


@dataclass(frozen=True, slots=True)
class _Lane:
    """What one speaker has to show."""

    name: str
    turns: tuple[Turn, ...]
    wave: NDArray[np.float32]
    "(k, 2), empty where there is none"
    affect: bool
    "the model gives valence, arousal and dominance"

    @property
    def rows(self) -> list[str]:
        judged = any(turn.prediction for turn in self.turns)
        given = {"wave": len(self.wave) > 0, "turns": bool(self.turns), "emotions": judged}
        return [name for name, there in {**given, "affect": judged and self.affect}.items() if there]


def draw(timeline: Timeline, path: Path, *, dpi: int = 150) -> None:
    """Write the picture; the extension of `path` decides its format.

    Args:
        timeline: what was recognised.
        path: a .png or .svg file.
        dpi: pixels per inch of a PNG; the picture is 12 inches wide, its height follows from the speakers (7 inches
            for a call).

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    matplotlib = need("matplotlib", extra="report")
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a name in a script the font lacks
        figure = _figure(timeline)
        date = {"Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, dpi=dpi, metadata=date, facecolor="white")


def _figure(timeline: Timeline) -> Any:
    lanes = _lanes(timeline)
    rows = [(lane, kind) for lane in lanes for kind in lane.rows]
    height = _TOP + _BOTTOM + sum(_ROWS[kind] + _HEAD * (kind == lane.rows[0]) for lane, kind in rows)
    figure = need("matplotlib.figure", extra="report").Figure(figsize=(_WIDE, height))
    _title(figure, timeline, height)
    at = height - _TOP
    for lane, kind in rows:
        at -= _ROWS[kind] + _HEAD * (kind == lane.rows[0])
        axes = figure.add_axes((_LEFT, (at + _GAP) / height, _RIGHT - _LEFT, (_ROWS[kind] - _GAP) / height))
        _ground(axes, timeline, last=(lane, kind) == rows[-1])
        _DRAW[kind](axes, lane, timeline)
        if kind == lane.rows[0]:
            _caption(axes, lane)
    _legend(figure, timeline, height)
    return figure


def _lanes(timeline: Timeline) -> list[_Lane]:
    names = dict.fromkeys([*timeline.waveform, *(_name(turn) for turn in timeline.turns)])
    own = {name: tuple(turn for turn in timeline.turns if _name(turn) == name) for name in names}
    affect = any(turn.prediction and turn.prediction.affect for turn in timeline.turns)
    none = np.zeros((0, 2), np.float32)
    waves = {name: np.nan_to_num(timeline.waveform.get(name, none)).clip(-1, 1) for name in names}
    return [_Lane(name, own[name], waves[name], affect) for name in names]


def _name(turn: Turn) -> str:
    return turn.speaker or "speaker"


def _title(figure: Any, timeline: Timeline, height: float) -> None:
    facts = (clock(timeline.duration), kilohertz(timeline.rate), channels(timeline.channels), timeline.model)
    name = printable(timeline.source.replace("\\", "/").split("/")[-1])
    below = printable(" · ".join((*facts, *timeline.notes)))
    short = name if len(name) <= 80 else f"{name[:40]}…{name[-39:]}"
    _line(figure, 1 - 0.28 / height, short, size=15, weight="bold", color=INK)
    _line(figure, 1 - 0.56 / height, below)
    _line(figure, 0.18 / height, printable(timeline.licence), size=8)


def _line(figure: Any, y: float, text: str, **look: Any) -> None:
    """Write a line at the left; a dollar sign in it is a dollar sign."""
    figure.text(0.012, y, text, va="center", parse_math=False, **{"color": SOFT, **look})


def _ground(axes: Any, timeline: Timeline, *, last: bool) -> None:
    axes.set_xlim(0, timeline.duration or 1)
    axes.set_facecolor(FAINT)
    axes.grid(axis="x", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelbottom=last, colors=SOFT, labelsize=8.5)
    ticker = need("matplotlib.ticker", extra="report")
    axes.xaxis.set_major_locator(ticker.MultipleLocator(step(timeline.duration)))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: clock(value).split(".")[0]))
    for side in axes.spines.values():
        side.set_visible(False)


def step(duration: float) -> float:
    """Return the seconds between two ticks: round, about ten over the recording."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    return next((step for step in steps if step >= duration / 12), duration / 12)


def _caption(axes: Any, lane: _Lane) -> None:
    role = lane.turns[0].role if lane.turns else "speaker"
    told = {"speaker": "", "customer": "customer", "agent": "agent, not judged: talk time only"}[role]
    look = {"textcoords": "offset points", "parse_math": False, "annotation_clip": False}
    name = axes.annotate(
        printable(lane.name), (0, 1), (0, 5), xycoords=axes.transAxes, weight="bold", color=INK, **look
    )
    axes.annotate(told, (1, 1), (6, 5), xycoords=(name, axes.transAxes), color=SOFT, **look)


def _wave(axes: Any, lane: _Lane, timeline: Timeline) -> None:
    _side(axes, "sound", 0.5)
    axes.axhline(0, color=SOFT, linewidth=0.6)
    axes.set_yticks([])
    starts = np.linspace(0, len(lane.wave), min(len(lane.wave), 1000), endpoint=False).astype(int)
    low = np.minimum.reduceat(lane.wave[:, 0], starts)
    high = np.maximum.reduceat(lane.wave[:, 1], starts)
    times = (starts + 0.5) / len(lane.wave) * timeline.duration
    colours = np.full(len(times), SOFT, dtype=object)
    for cell in (cell for turn in lane.turns or timeline.turns for cell in cells(turn)):
        inside = slice(*np.searchsorted(times, (cell.segment.start, cell.segment.end)))
        colours[inside] = paint(cell.said.emotion).light
    axes.vlines(times, low, high, colors=list(colours), linewidth=_POINTS / len(times) + 0.15)
    loud = max(1e-3, *(float(np.abs(np.nan_to_num(w)).max(initial=0)) for w in timeline.waveform.values()))
    axes.set_ylim(-1.08 * loud, 1.08 * loud)


def _side(axes: Any, text: str, y: float) -> None:
    """Say at the left what a row shows."""
    axes.annotate(
        text,
        (0, y),
        (-6, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="center",
        color=SOFT,
        size=8.5,
    )


def _turns(axes: Any, lane: _Lane, timeline: Timeline) -> None:
    _side(axes, "turns", 0.5)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_facecolor("white")
    rectangle = need("matplotlib.patches", extra="report").Rectangle
    for turn in lane.turns:
        axes.add_patch(rectangle((turn.segment.start, 0.06), turn.segment.duration, 0.88, **_block(turn)))
        _label(axes, turn, _POINTS * turn.segment.duration / timeline.duration)


def _block(turn: Turn) -> dict[str, Any]:
    said = turn.prediction
    if said is None:
        return {"facecolor": "none", "edgecolor": SOFT, "linestyle": "-" if turn.role == "agent" else ":"}
    colour = paint(said.emotion).light
    if said.uncertain:
        return {"facecolor": "white", "edgecolor": colour, "hatch": "////", "linewidth": 1.2}
    return {"facecolor": colour, "edgecolor": "none"}


def _label(axes: Any, turn: Turn, points: float) -> None:
    """Write the emotion into its block as far as there is room for it."""
    said = turn.prediction
    if said is None:
        return
    doubt = " ?" if said.uncertain else ""
    mark = paint(said.emotion).mark + doubt.strip()
    texts = (f"{said.emotion}{doubt} {percent(max(said.probs))}", f"{said.emotion}{doubt}", mark)
    text = next((t for t in texts if _LETTER * len(t) + 6 <= points), None)
    if text is None:
        return
    middle = (turn.segment.start + turn.segment.end) / 2
    _on(axes, (middle, 0.47), text, said.emotion, doubt=said.uncertain, weight="bold")


def _on(axes: Any, place: tuple[float, float], text: str, emotion: str, *, doubt: bool, **look: Any) -> None:
    """Write on an emotion's colour; on hatching the text gets a white ground."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if doubt else None
    colour = INK if doubt else ink(paint(emotion).light)
    axes.text(*place, text, ha="center", va="center", size=8.5, color=colour, bbox=box, parse_math=False, **look)


def _emotions(axes: Any, lane: _Lane, timeline: Timeline) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1], ["0", "100 %"])
    _side(axes, "emotion", 0.5)
    labels = next(turn.prediction.labels for turn in lane.turns if turn.prediction)
    order = stacked(labels)
    for run in runs(lane.turns, duration=timeline.duration, room=_POINTS):
        stack = run.probs[:, [labels.index(name) for name in order]].T
        axes.stackplot(run.times, stack, colors=[paint(n).light for n in order], edgecolor="white", linewidth=0.5)
        for doubt in run.unsure:
            axes.axvspan(doubt.start, doubt.end, facecolor="none", edgecolor="white", hatch="/////", linewidth=0)
        _names(axes, run, np.cumsum(stack, axis=0), order, _POINTS / timeline.duration)


def _names(axes: Any, run: Run, tops: NDArray[np.float64], order: Sequence[str], scale: float) -> None:
    """Write a band's name where it is highest, if the band holds it."""
    for i, name in enumerate(order):
        low, high = (tops[i - 1] if i else np.zeros(len(run.times))), tops[i]
        best = 1 + int(np.argmax((high - low)[1:-1]))
        middle = (low[best] + high[best]) / 2
        for text in (name, paint(name).mark):
            half = (_LETTER * len(text) / 2 + 3) / scale
            at = min(max(run.times[best], run.times[0] + half), run.times[-1] - half)
            ends = (max(at - half, run.times[0]), at, at + half)
            bottom, top = np.interp(ends, run.times, low).max(), np.interp(ends, run.times, high).min()
            if bottom < middle - 0.07 and middle + 0.07 < top and run.times[-1] - run.times[0] > 2 * half:
                doubt = any(part.start <= at <= part.end for part in run.unsure)
                _on(axes, (at, middle), text, name, doubt=doubt)
                break


def _affect(axes: Any, lane: _Lane, timeline: Timeline) -> None:
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, 0, 1], ["−1", "0", "+1"])
    _side(axes, "affect", 0.75)
    axes.axhline(0, color=SOFT, linewidth=0.9)
    for run in runs(lane.turns, duration=timeline.duration, room=_POINTS):
        for i, (_, colour, style) in enumerate(_AXES):
            axes.plot(run.times, run.affect[:, i], color=colour, linestyle=style, linewidth=1.7)
        for doubt in run.unsure:
            axes.axvspan(doubt.start, doubt.end, facecolor=FAINT, alpha=0.7, zorder=3)


def _legend(figure: Any, timeline: Timeline, height: float) -> None:
    patch = need("matplotlib.patches", extra="report").Patch
    line = need("matplotlib.lines", extra="report").Line2D
    labels = {name for turn in timeline.turns if turn.prediction for name in turn.prediction.labels}
    if not labels:
        return
    handles = [patch(color=paint(name).light, label=f"{paint(name).mark} {name}") for name in stacked(sorted(labels))]
    handles.append(patch(facecolor="white", edgecolor=SOFT, hatch="/////", label="uncertain"))
    if any(turn.prediction and turn.prediction.affect for turn in timeline.turns):
        handles += [line([], [], color=colour, linestyle=style, label=name) for name, colour, style in _AXES]
    figure.legend(
        handles=handles,
        loc="center",
        bbox_to_anchor=(0.5, 0.5 / height),
        ncols=min(len(handles), 13),
        frameon=False,
        fontsize=8.5,
        handlelength=1.5,
        handletextpad=0.5,
        columnspacing=1.1,
        labelcolor=INK,
    )


_DRAW = {"wave": _wave, "turns": _turns, "emotions": _emotions, "affect": _affect}
