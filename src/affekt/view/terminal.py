"""Timeline -> lines for people. One line per turn, a tape of its windows where it is long, then the sum of it.

A hatched bar, a question mark and a small letter on the tape are the model's doubt. The layout follows the console's
width; in a pipe there are no colours, and where the encoding is not Unicode every sign has an ASCII one in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from affekt.timeline import Summary, Timeline, Turn
from affekt.types import Affect, Prediction
from affekt.view.palette import ink, paint
from affekt.view.words import channels, clock, kilohertz, percent, printable, signed

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII = str.maketrans(dict(zip("█▉▊▋▌▍▎▏░·–−▲▼▁▂▃▄▅▆▇�", "#####   ~.--^v_.:-=+*?", strict=True)))
_DIM = Style(dim=True)
_BOLD = Style(bold=True)
_PLAIN = Style()
_AXES = ("valence", "arousal", "dominance")
_SMALL = 0.03
"shares below this are summed up in one line"
_TAPE = 3
"a turn of this many windows gets a tape"
_NARROW = 58
"characters, below which only the start of a turn is written"


def render(timeline: Timeline, *, top: int = 1, footer: bool = True) -> TimelineView:
    """Return what `rich.console.Console.print` shows of a timeline.

    Args:
        timeline: what was recognised.
        top: how many emotions per turn, best first.
        footer: print the model's licence line; a batch does so once, after its last file.
    """
    return TimelineView(timeline, top, footer)


@dataclass(frozen=True, slots=True)
class TimelineView:
    """A rich renderable; any rich Console prints it."""

    timeline: Timeline
    top: int
    footer: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, wrapped and indented by two."""
        yield from fitted(_lines(self, options.max_width - 2), console, options)


def footer(licence: str) -> FooterView:
    """Return what `rich.console.Console.print` shows of a model's licence line, for the end of a batch."""
    return FooterView(licence)


@dataclass(frozen=True, slots=True)
class FooterView:
    """A rich renderable; any rich Console prints it."""

    licence: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the line, wrapped and indented by two."""
        yield from fitted([Text(printable(self.licence), _DIM)], console, options)


def fitted(lines: Iterable[Text], console: Console, options: ConsoleOptions) -> Iterator[Text]:
    """Wrap lines to the console and indent them by two; in ASCII where it knows no more."""
    width = options.max_width - 2
    for line in lines:
        if options.ascii_only:
            signs = line.plain.translate(_ASCII)
            line.plain = signs.encode(options.encoding, "replace").decode(options.encoding)
        for part in line.wrap(console, width) or [Text()]:
            part.rstrip()
            yield Text.assemble("  ", part) if part.plain else part


@dataclass(frozen=True, slots=True)
class _Columns:
    """How many characters each part of a turn's line has; a part that does not fit has none."""

    time: int
    speaker: int
    emotion: int
    bar: int
    affect: int
    "how many of valence, arousal, dominance are shown"
    width: int
    "of the whole line"
    hours: bool
    "times are written with hours"
    ends: bool
    "the end of a turn is written too"

    @property
    def indent(self) -> int:
        """Where the emotion begins."""
        return self.time + 2 + (self.speaker + 2 if self.speaker else 0)


def _lines(view: TimelineView, width: int) -> Iterator[Text]:
    timeline, columns = view.timeline, _columns(view.timeline, width)
    yield _title(timeline)
    if timeline.turns:
        yield Text()
        yield _heading(columns)
    for turn in timeline.turns:
        yield from _turn(turn, columns, view.top)
    if len(timeline.turns) > 1:
        yield Text()
        yield from _summary(timeline, columns)
    if timeline.notes or view.footer:
        yield Text()
    for note in timeline.notes:
        yield Text(f"note: {printable(note)}")
    if view.footer:
        yield Text(printable(timeline.licence), _DIM)


def _title(timeline: Timeline) -> Text:
    facts = (clock(timeline.duration), kilohertz(timeline.rate), channels(timeline.channels), timeline.model)
    return Text.assemble((printable(timeline.source), _BOLD), (f"  {' · '.join(facts)}", _DIM), overflow="fold")


def _columns(timeline: Timeline, width: int) -> _Columns:
    """Share the width out: the bar takes what is left, and the affect goes where there is too little left."""
    judged = [t.prediction for t in timeline.turns if t.prediction]
    hours = timeline.duration >= 3600
    moment, ends = len(clock(timeline.duration, hours=hours)), width >= _NARROW
    time = 2 * moment + 3 if ends else moment
    widest = (12 if width < 100 else 20) if ends else 6
    speaker = min(widest, max((cell_len(printable(t.speaker or "")) for t in timeline.turns), default=0))
    emotion = max((len(name) for said in judged for name in said.labels), default=7) + 2
    fixed = time + 2 + (speaker + 2 if speaker else 0) + emotion + 1 + 6
    known = any(said.affect for said in judged)
    affect = next((n for n in (3, 2, 1) if known and width - fixed - 10 * n >= (24 if n == 3 else 8)), 0)
    bar = max(4, min(30, width - fixed - 10 * affect))
    return _Columns(time, speaker, emotion, bar, affect, width, hours, ends)


def _heading(columns: _Columns) -> Text:
    speaker = set_cell_size("who", columns.speaker) + "  " if columns.speaker else ""
    left = f"{'time':<{columns.time + 2}}{speaker}{'emotion':<{columns.emotion + columns.bar + 7}}"
    return Text((left + "".join(f"{name:>10}" for name in _AXES[: columns.affect])).rstrip(), _DIM)


def _turn(turn: Turn, columns: _Columns, top: int) -> Iterator[Text]:
    said = turn.prediction
    line = _place(turn, columns)
    if said is None:
        reason = "agent: talk time only" if turn.role == "agent" else "silent or too short to judge"
        yield Text(f"{line}{reason}", _DIM)
        return
    first, *others = said.top(max(1, top))
    yield Text.assemble(line, _share(*first, columns, said.uncertain), _affect(said.affect, columns))
    for name, prob in others:
        yield Text.assemble(" " * columns.indent, _share(name, prob, columns, said.uncertain))
    if len(turn.windows) >= _TAPE:
        yield Text.assemble(" " * columns.indent, *_tape(turn.windows, columns))


def _place(turn: Turn, columns: _Columns) -> str:
    start, end = (clock(t, hours=columns.hours) for t in (turn.segment.start, turn.segment.end))
    time = f"{start} – {end}" if columns.ends else start
    who = set_cell_size(printable(turn.speaker or ""), columns.speaker) + "  " if columns.speaker else ""
    return f"{time:>{columns.time}}  {who}"


def _share(name: str, prob: float, columns: _Columns, uncertain: bool) -> Text:
    """Write one emotion, its bar and its probability."""
    label = f"{printable(name)} ?" if uncertain else printable(name)
    full, track = bar(prob, columns.bar, hatched=uncertain)
    colour = Style(color=paint(name).dark)
    return Text.assemble(
        (f"{label:<{columns.emotion}} ", _DIM if uncertain else _BOLD),
        (full, colour),
        (track, _DIM),
        (f" {percent(prob):>5}", _DIM if uncertain else _PLAIN),
    )


def bar(share: float, width: int, *, hatched: bool = False) -> tuple[str, str]:
    """Draw a share of one as its filled part and the rest of the track, together `width` characters.

    >>> bar(0.3, 5), bar(0.3, 5, hatched=True)
    (('█▌', '···'), ('░░', '···'))
    """
    length = min(1.0, max(0.0, share)) * width
    eighths = round(length * 8)
    full = "░" * round(length) if hatched else "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
    return full, "·" * (width - len(full))


def _affect(affect: Affect | None, columns: _Columns) -> Text:
    if affect is None:
        return Text()
    values = [getattr(affect, name) for name in _AXES[: columns.affect]]
    return Text.assemble(*(part for value in values for part in _gauge(value)))


def _gauge(value: float) -> tuple[tuple[str, Style], ...]:
    arrow = "▲" if value >= 0.2 else "▼" if value <= -0.2 else "·"
    return (f"{arrow:>4} ", _DIM), (signed(value), _PLAIN if abs(value) >= 0.2 else _DIM)


def _tape(windows: Sequence[Prediction], columns: _Columns) -> Iterator[tuple[str, Style]]:
    """Write a letter per window, small where it is uncertain, then its arousal as a sparkline."""
    length = max(4, (columns.width - columns.indent - 10) // 2)
    groups = np.array_split(np.arange(len(windows)), min(length, len(windows)))
    for group in groups:
        best = _loudest([windows[i] for i in group])
        colour = paint(best.emotion)
        letter = colour.mark.lower() if best.uncertain else colour.mark
        yield letter, _DIM if best.uncertain else Style(color=ink(colour.dark), bgcolor=colour.dark)
    affects = [w.affect for w in windows]
    if all(affects):
        levels = [float(np.mean([a.arousal for i in g if (a := affects[i])])) for g in groups]
        yield "  arousal ", _DIM
        yield sparkline(levels), _PLAIN


def _loudest(windows: Sequence[Prediction]) -> Prediction:
    """Return the window whose emotion is the most probable one of all."""
    return max(windows, key=lambda w: max(w.probs))


def sparkline(values: Sequence[float]) -> str:
    """Draw values in [-1, 1] as a row of blocks.

    >>> sparkline([-1, -0.5, 0, 0.5, 1])
    '▁▃▅▇█'
    """
    return "".join(_LEVELS[min(7, max(0, int((value + 1) * 4)))] for value in values)


def _summary(timeline: Timeline, columns: _Columns) -> Iterator[Text]:
    summary = timeline.summary()
    speech = f"  {clock(summary.speech)} of speech in {clock(timeline.duration)}"
    yield Text.assemble(("Summary", _BOLD), (speech, _DIM))
    if summary.emotions:
        yield from _shares(summary.emotions, columns)
    if summary.affect is not None:
        yield Text.assemble(*_means(summary.affect))
    if summary.emotions:
        yield _fact("uncertain", f"{percent(summary.uncertain)} of the judged speech")
    if len(summary.talk) > 1:
        yield _fact("talk time", _talk(summary))


def _shares(emotions: Mapping[str, float], columns: _Columns) -> Iterator[Text]:
    width = min(30, columns.width - 24)
    small = [share for share in emotions.values() if share < _SMALL]
    for name, share in list(emotions.items())[: len(emotions) - len(small)]:
        full, track = bar(share, width)
        label = Text(f"{paint(name).mark} {printable(name):<13}")
        yield Text.assemble(label, (full, Style(color=paint(name).dark)), (track, _DIM), f" {percent(share):>5}")
    if small:
        yield Text(f"  {f'{len(small)} more':<13}{'':<{width}} {percent(sum(small)):>5}", _DIM)


def _means(affect: Affect) -> Iterator[tuple[str, Style] | str]:
    yield f"{'mean affect':<15}", _DIM
    for name in _AXES:
        yield f"{name} ", _DIM
        yield signed(getattr(affect, name)) + "   "


def _talk(summary: Summary) -> str:
    shares = ((who, seconds, seconds / (summary.speech or 1)) for who, seconds in summary.talk.items())
    return ", ".join(f"{printable(who)} {clock(seconds)} ({percent(share)})" for who, seconds, share in shares)


def _fact(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<15}", _DIM), text)
