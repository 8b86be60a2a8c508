"""Signal -> a picture of the voice in it: waveform, spectrogram with formants, F0 and level, one below the other.

Drawn as phoneticians expect it. The spectrogram is a wide-band one: Gaussian windows of 5 ms, so that single pulses of
the voice and its resonances show, 0 to 5 kHz, higher frequencies raised by 6 dB per octave, and the strongest 70 dB in
grey. Formants lie over it where there is enough sound. Voiced stretches have a coloured ground in the other rows. The
colours are Okabe and Ito's, and no colour is the only cue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affekt import features
from affekt.errors import UsageError
from affekt.registry import need
from affekt.types import Segment, Signal
from affekt.view.figure import step
from affekt.view.palette import INK, LINE, SOFT
from affekt.view.words import clock, kilohertz, printable

if TYPE_CHECKING:
    from affekt.cache import Cache

SUFFIXES = (".png", ".svg")

CEILING = 5500.0
"""Hz, below which formants are sought; 5000 suits men."""

Array = NDArray[np.float64]

_BLUE, _ORANGE, _VOICED = "#0072b2", "#d55e00", "#e3effa"
_FORMANTS = (("F1", "#d55e00"), ("F2", "#0a84d6"), ("F3", "#b8417f"))
_WIDE = 12.0
"inches"
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.075, 0.945, 0.72, 0.62
"the rows' edges as shares of the width, and inches above and below them"
_ROWS = {"wave": 0.95, "spectrum": 2.9, "pitch": 1.65, "level": 1.15}
"inches"
_GAP = 0.1
_COLUMNS = 1800
"of the picture: more than its pixels show nothing"
_TOP_HZ = 5000.0
"of the spectrogram"
_RANGE = 70.0
"dB below the strongest cell"
_POINTS = 1200
"of energy and loudness in a long recording"
_WINDOW = 0.005
"seconds; a Gaussian that is cut where it has fallen to nothing, at twice this width"
_STEP = 0.001
"seconds between columns, at the finest"
_SKIP = 0.004
"seconds between windows; where a column of the picture stands for longer, it shows the mean of up to 16"
_HERTZ = (50, 60, 70, 80, 90, 100, 125, 150, 200, 250, 300, 350, 400, 500, 600)
_LOUD = 30.0
"dB below the loudest frame, above which formants are shown"
_MANY = 20.0
"seconds, from which lines are drawn thinner"
_LONG = 60.0
"seconds, from which formants are left out, and energy and loudness are means over a few frames"
_STYLE = {"font.size": 9, "svg.hashsalt": "affekt", "axes.unicode_minus": True}


@dataclass(frozen=True, slots=True, eq=False)
class Contours:
    """What is drawn over the sound, on one grid of time."""

    times: Array
    "(frames,) seconds; centre of each frame"
    f0: NDArray[np.float32]
    "(frames,) Hz; 0 where unvoiced"
    energy: NDArray[np.float32]
    "(frames,) dBFS"
    loudness: NDArray[np.float32]
    "(frames,)"
    formants: NDArray[np.float32]
    "(frames, 3) Hz; 0 where there is none"
    ceiling: float
    "Hz, below which they were sought"

    @property
    def voiced(self) -> Iterator[Segment]:
        """The stretches in which the voice sounds."""
        hop = float(self.times[1] - self.times[0]) if len(self.times) > 1 else 0.01
        edges = np.flatnonzero(np.diff(np.concatenate([[0], self.f0 > 0, [0]])))
        for first, last in edges.reshape(-1, 2):
            yield Segment(float(self.times[first]) - hop / 2, float(self.times[last - 1]) + hop / 2)


def measure(signal: Signal, *, ceiling: float = CEILING, cache: Cache | None = None) -> Contours:
    """Measure what is drawn; takes and raises what the sets `prosody` and `formants` do."""
    prosody = features.load("prosody", cache=cache).extract(signal)
    formants = features.load("formants", cache=cache, ceiling=ceiling).extract(signal)
    tracks = np.column_stack([formants[f"{name}frequency"] for name, _ in _FORMANTS])
    count = min(len(prosody), len(formants))
    f0, energy, loudness = (prosody[name][:count] for name in ("F0", "energy", "loudness"))
    return Contours(prosody.times[:count], f0, energy, loudness, tracks[:count], min(ceiling, signal.rate / 2))


def save(
    signal: Signal, path: Path, *, title: str, ceiling: float = CEILING, cache: Cache | None = None, dpi: int = 150
) -> None:
    """Draw a signal to a file; its extension decides the format.

    Args:
        signal: 8000 Hz or more; a few seconds show most.
        path: a .png or .svg file.
        title: what stands above, usually the file's name.
        ceiling: Hz, below which formants are sought: 5500 suits women, 5000 men.
        cache: where features are looked up and kept.
        dpi: pixels per inch of a PNG; the picture is 12 inches wide.

    Raises:
        UsageError: another extension, the file cannot be written, or the signal is refused.
        MissingExtraError: Matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"contours are drawn to a {' or '.join(SUFFIXES)} file, not to {path.name!r}")
    matplotlib = need("matplotlib", extra="report")
    contours = measure(signal, ceiling=ceiling, cache=cache)
    with matplotlib.rc_context(_STYLE):
        figure = _figure(signal, contours, title)
        date = {"Date": None} if path.suffix.lower() == ".svg" else {}
        try:
            figure.savefig(path, dpi=dpi, metadata=date, facecolor="white")
        except OSError as error:
            raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from error


def spectrogram(signal: Signal) -> tuple[Array, float]:
    """Return the wide-band spectrogram in dB below its strongest cell, and its highest frequency in Hz.

    The shape is (bins, columns), the lowest frequency first; a silent signal is -70 dB throughout.
    """
    rate, half = signal.rate, round(_WINDOW * signal.rate)
    top = min(_TOP_HZ, rate / 2)
    size = 1 << max(9, (4 * half - 1).bit_length())
    bins = int(top / rate * size) + 1
    columns = max(2, min(_COLUMNS, round(signal.duration / _STEP)))
    parts = int(np.clip(np.ceil(signal.duration / columns / _SKIP), 1, 16))
    centres = np.linspace(0, max(0, len(signal.samples) - 1), columns * parts).round().astype(int)
    window = np.exp(-48 * (np.arange(-half, half + 1) / (2 * half)) ** 2) - np.exp(-12)
    padded = np.pad(signal.samples.astype(np.float64), (half, half + 1))
    power = np.empty((bins, columns))
    for at in range(0, columns, 128):  # a few at a time: all windows together are many
        frames = padded[centres[at * parts : (at + 128) * parts, None] + np.arange(2 * half + 1)] * window
        spectra = np.abs(np.fft.rfft(frames, size)[:, :bins]) ** 2
        power[:, at : at + 128] = spectra.reshape(-1, parts, bins).mean(axis=1).T
    power *= np.maximum(np.arange(bins), 1)[:, None] ** 2  # 6 dB per octave
    strongest = float(power.max())
    if strongest <= 0:
        return np.full(power.shape, -_RANGE), top
    return np.asarray(10 * np.log10(np.maximum(power / strongest, 10 ** (-_RANGE / 10)))), top


# The picture ------------------------------------------------------------------------------------------------------


def _figure(signal: Signal, contours: Contours, title: str) -> Any:
    height = _TOP + _BOTTOM + sum(_ROWS.values())
    figure = need("matplotlib.figure", extra="report").Figure(figsize=(_WIDE, height))
    _words(figure, signal, contours, title, height)
    at = height - _TOP
    for kind, tall in _ROWS.items():
        at -= tall
        axes = figure.add_axes((_LEFT, (at + _GAP) / height, _RIGHT - _LEFT, (tall - _GAP) / height))
        _ground(axes, signal, last=kind == "level")
        if kind != "spectrum":
            for part in contours.voiced:
                axes.axvspan(part.start, part.end, color=_VOICED, linewidth=0)
        _DRAW[kind](axes, signal, contours)
    return figure


def _words(figure: Any, signal: Signal, contours: Contours, title: str, height: float) -> None:
    voiced = contours.f0[contours.f0 > 0]
    pitch = f"median F0 {np.median(voiced):.0f} Hz" if len(voiced) else "no voice"
    name = printable(title)
    _line(figure, 1 - 0.28 / height, name if len(name) <= 80 else f"{name[:40]}…{name[-39:]}", size=15, bold=True)
    here = signal.segment
    part = f" ({_seconds(here.start)} to {_seconds(here.end)})" if here.start else ""
    _line(figure, 1 - 0.55 / height, f"{_seconds(here.duration)}{part} · {kilohertz(signal.rate)} · {pitch}")
    how = "spectrogram: Gaussian window of 5 ms, 70 dB, +6 dB per octave"
    if signal.duration < _LONG:
        how += f"  ·  formants: {'five' if contours.ceiling >= 4500 else 'four'} below {contours.ceiling / 1000:g} kHz"
    _line(figure, 0.16 / height, f"{how}  ·  F0: autocorrelation, 75 to 600 Hz  ·  blue ground: voiced", size=8)


def _line(figure: Any, y: float, text: str, *, size: float = 9, bold: bool = False) -> None:
    """Write a line at the left; a dollar sign in it is a dollar sign."""
    weight, colour = ("bold", INK) if bold else ("normal", SOFT)
    figure.text(0.012, y, text, va="center", parse_math=False, size=size, weight=weight, color=colour)


def _seconds(duration: float) -> str:
    return clock(duration) if duration >= 60 else f"{duration:.2f} s"


def _ground(axes: Any, signal: Signal, *, last: bool) -> None:
    here = signal.segment
    axes.set_xlim(here.start, max(here.end, here.start + 0.01))
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=3, labelbottom=last, colors=SOFT, labelsize=8.5)
    ticker = need("matplotlib.ticker", extra="report")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(12, steps=[1, 2, 5, 10]))
    if signal.duration >= _LONG:
        axes.xaxis.set_major_locator(ticker.MultipleLocator(step(signal.duration)))
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: clock(value).split(".")[0]))
    for side in axes.spines.values():
        side.set_color(LINE)
    if last:
        axes.set_xlabel("time in s" if signal.duration < _LONG else "time in min:s", color=SOFT, size=8.5)


def _side(axes: Any, text: str, *, right: bool = False, colour: str = SOFT) -> None:
    """Say at the side what a row shows."""
    place, rotation = ((1.052, 0.5), 270) if right else ((-0.062, 0.5), 90)
    look = {"ha": "center", "va": "center", "color": colour, "size": 8.5}
    axes.text(*place, text, transform=axes.transAxes, rotation=rotation, **look)


def _wave(axes: Any, signal: Signal, contours: Contours) -> None:
    _side(axes, "sound")
    axes.axhline(0, color=SOFT, linewidth=0.5)
    loud = max(1e-4, float(np.abs(signal.samples).max(initial=0)))
    axes.set_ylim(-1.25 * loud, 1.25 * loud)
    axes.set_yticks([-loud, 0, loud], [f"{-loud:.2g}".replace("-", "−"), "0", f"{loud:.2g}"])
    count = len(signal.samples)
    if count <= 4 * _COLUMNS:
        axes.plot((signal.start + np.arange(count)) / signal.rate, signal.samples, color=INK, linewidth=0.6)
        return
    starts = np.linspace(0, count, _COLUMNS, endpoint=False).astype(int)
    low, high = (f.reduceat(signal.samples, starts) for f in (np.minimum, np.maximum))
    axes.fill_between((signal.start + starts + count / _COLUMNS / 2) / signal.rate, low, high, color=INK, linewidth=0.4)


def _spectrum(axes: Any, signal: Signal, contours: Contours) -> None:
    _side(axes, "frequency in kHz")
    levels, top = spectrogram(signal)
    extent = (signal.segment.start, max(signal.segment.end, signal.segment.start + 0.01), 0, top)
    look = {"cmap": "Greys", "vmin": -_RANGE, "vmax": 0, "interpolation": "bilinear"}
    axes.imshow(levels, aspect="auto", origin="lower", extent=extent, **look)
    axes.grid(visible=False)
    ticks = np.arange(0, top + 1, 1000)
    axes.set_yticks(ticks, [f"{tick / 1000:g}" for tick in ticks])
    if signal.duration >= _LONG:  # the dots would hide what they lie on
        return
    loud = contours.energy > contours.energy.max() - _LOUD
    free = 0.0
    for (name, colour), track in zip(_FORMANTS, contours.formants.T, strict=True):
        there = (track > 0) & (track < top) & loud
        size = _dot(signal)
        for part, share in ((there & (contours.f0 > 0), 1.15), (there & (contours.f0 == 0), 0.6)):
            edge = {"edgecolors": "white", "linewidths": 0.45} if size * share > 2 else {"linewidths": 0}
            axes.scatter(contours.times[part], track[part], s=(size * share) ** 2, color=colour, **edge)
        if there.any():
            free = max(free, float(np.median(track[there])) / top)
            axes.text(1.008, free, name, transform=axes.transAxes, color=colour, weight="bold", va="center", size=9)
            free += 0.06  # so that names do not lie upon each other


def _pitch(axes: Any, signal: Signal, contours: Contours) -> None:
    _side(axes, "F0 in Hz")
    axes.set_yscale("log")
    f0 = np.where(contours.f0 > 0, contours.f0, np.nan).astype(np.float64)
    known = f0[np.isfinite(f0)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (100.0, 200.0)
    spare = max(1.06, (2.0 / (high / low)) ** 0.5)  # at least an octave is shown
    axes.set_ylim(low / spare, high * spare)
    ticker = need("matplotlib.ticker", extra="report")
    round_ones = (50, 75, 100, 150, 200, 300, 400, 600) if high > 3 * low else _HERTZ
    ticks = [hertz for hertz in round_ones if low / spare <= hertz <= high * spare]
    axes.yaxis.set_major_locator(ticker.FixedLocator(ticks))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    line = 1.3 if signal.duration < _LONG else 0
    axes.plot(contours.times, f0, color=_BLUE, linewidth=line, marker="o", markersize=min(2.6, 0.6 * _dot(signal)))
    if len(known):
        _semitones(axes, float(np.median(known)))


def _dot(signal: Signal) -> float:
    """Points of a dot; those of a long recording must not hide what they lie on."""
    return float(np.clip(14 / max(signal.duration, 0.1), 1.3, 3.0))


def _semitones(axes: Any, median: float) -> None:
    """Mark the median, and count semitones from it at the right."""
    axes.axhline(median, color=_BLUE, linewidth=0.8, linestyle=(0, (4, 3)))
    low, high = axes.get_ylim()
    above, below = 12 * np.log2(high / median), 12 * np.log2(low / median)
    apart = next(s for s in (2, 3, 6, 12, 24) if (above - below) / s <= 7)
    steps = np.arange(int(below / apart), int(above / apart) + 1) * apart
    right = axes.twinx()
    right.set_ylim(below, above)
    right.set_yticks(steps, [f"{s:+d}".replace("-", "−") if s else "0" for s in steps])
    right.tick_params(length=3, colors=SOFT, labelsize=8.5)
    for side in right.spines.values():
        side.set_color(LINE)
    _side(axes, "semitones from median", right=True)


def _level(axes: Any, signal: Signal, contours: Contours) -> None:
    _side(axes, "energy in dBFS")
    top = float(contours.energy.max(initial=-90.0))
    axes.set_ylim(max(-100.0, top - 60), top + 4)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    times, energy, loudness = contours.times, contours.energy, contours.loudness
    if signal.duration >= _LONG:
        times, energy, loudness = (_thinned(contour) for contour in (times, energy, loudness))
    axes.plot(times, energy, color=INK, linewidth=_line_width(signal))
    right = axes.twinx()
    right.fill_between(times, loudness, color=_ORANGE, alpha=0.25, linewidth=0)
    if signal.duration < _MANY:
        right.plot(times, loudness, color=_ORANGE, linewidth=0.9, linestyle=(0, (3, 1.5)))
    right.set_ylim(0, 1.1 * max(0.1, float(contours.loudness.max(initial=0))))
    right.tick_params(length=3, colors=_ORANGE, labelsize=8.5)
    for side in right.spines.values():
        side.set_color(LINE)
    _side(right, "loudness", right=True, colour=_ORANGE)


def _thinned(contour: NDArray[Any]) -> NDArray[Any]:
    """Average over as many frames as a point of the picture stands for."""
    frames = -(-len(contour) // _POINTS)
    whole = len(contour) // frames * frames
    return np.asarray(contour[:whole].reshape(-1, frames).mean(axis=1))


def _line_width(signal: Signal) -> float:
    return 1.3 if signal.duration < _MANY else 0.7


_DRAW = {"wave": _wave, "spectrum": _spectrum, "pitch": _pitch, "level": _level}
