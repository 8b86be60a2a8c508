"""Explanation -> the words and numbers that page, picture and terminal share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.explain import Contribution, Explanation, Near, Remark
from affekt.types import Signal
from affekt.view.words import clock, percent, printable, signed

Floats = NDArray[np.float64]

FOR, AGAINST = "#d55e00", "#0072b2"
"""Okabe and Ito's vermilion and blue: apart in every kind of colour blindness. Never the only cue: what speaks for the
emotion stands above the line or has a plus, what speaks against it below or a minus."""

_BARS = 50
_SHADES = 60.0
"dB of the spectrogram that are shown"


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of the window, and what its moments say together."""

    start: float
    "seconds in the recording"
    end: float
    worth: float
    "log-odds"


def bars(said: Explanation, most: int = _BARS) -> list[Bar]:
    """Sum the moments in at most so many equal stretches; single moments are too many to be read."""
    parts = np.array_split(said.moments, min(most, len(said.moments)))
    ends = np.cumsum([len(part) for part in parts])
    at = said.window.signal.segment
    step = at.duration / len(said.moments)
    return [
        Bar(at.start + (end - len(part)) * step, at.start + end * step, float(part.sum()))
        for part, end in zip(parts, ends.tolist(), strict=True)
    ]


def judgement(said: Explanation) -> str:
    """Say what the model said: `anger 66 %`, with a question mark where it is unsure."""
    mark = " ?" if said.prediction.uncertain else ""
    return f"{printable(said.prediction.emotion)}{mark} {percent(said.prediction.confidence)}"


def where(said: Explanation) -> str:
    """Say which part of the recording is explained."""
    at, turn = said.window.signal.segment, said.window.turn
    who = f" · {printable(said.window.speaker)}" if said.window.speaker else ""
    part = f" of the turn {clock(turn.start)} – {clock(turn.end)}" if turn.duration > at.duration + 0.01 else ""
    return f"{clock(at.start)} – {clock(at.end)}{part}{who}"


def verdict(said: Explanation) -> str:
    """Say in a sentence whether the attribution of this window holds."""
    check = said.check
    share = percent(check.share)
    fell = (
        f"Without the {share} of moments that speak most for {printable(said.target)}, its probability goes from "
        f"{percent(check.whole)} to {percent(check.without_top)}; without as many random ones to "
        f"{percent(check.without_random)}, without the loudest to {percent(check.without_loudest)}."
    )
    if check.faithful:
        return f"{fell} Here the attribution holds."
    return f"{fell} Here the attribution does not hold: other moments matter as much, so do not lean on it."


def checks(said: Explanation) -> list[tuple[str, float]]:
    """Name each number of the check."""
    check, share = said.check, percent(said.check.share)
    return [
        ("the whole window", check.whole),
        (f"without the top {share}", check.without_top),
        (f"without random {share}", check.without_random),
        (f"without the loudest {share}", check.without_loudest),
        (f"the top {share} alone", check.only_top),
        (f"random {share} alone", check.only_random),
    ]


def hertz(value: float) -> str:
    """Write a frequency.

    >>> hertz(614.3), hertz(3933.6)
    ('610 Hz', '3.9 kHz')
    """
    return f"{value / 1000:.1f} kHz" if value >= 1000 else f"{round(value, -1):.0f} Hz"


def strongest(said: Explanation) -> list[tuple[float, float, float]]:
    """Return the bands, lowest and highest Hz, with what their cells say together, the greatest first."""
    worth = said.cells.sum(axis=0)
    order = np.argsort(-np.abs(worth))
    return [(float(said.hertz[i]), float(said.hertz[i + 1]), float(worth[i])) for i in order]


def direction(worth: float) -> str:
    """Say where a number points.

    >>> direction(0.4), direction(-0.4)
    ('for', 'against')
    """
    return "for" if worth >= 0 else "against"


def spectrogram(signal: Signal, *, rows: int = 96, columns: int = 600) -> Floats:
    """Return levels in [0, 1], (rows, columns), the highest frequency first, on the same mel scale as the map."""
    size, count = 512, max(2, min(columns, round(signal.duration / 0.004)))
    centres = np.linspace(0, max(0, len(signal.samples) - 1), count).round().astype(int)
    padded = np.pad(signal.samples.astype(np.float64), size // 2)
    frames = padded[centres[:, None] + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames)) ** 2
    mel = np.linspace(2595 * np.log10(1 + signal.rate / 2 / 700), 0, rows)
    at = 700 * (10 ** (mel / 2595) - 1) / (signal.rate / size)
    low = np.clip(at.astype(int), 0, power.shape[1] - 2)
    level = power[:, low] * (1 - (at - low)) + power[:, low + 1] * (at - low)
    level *= np.maximum(at, 1) * 2  # 3 dB per octave
    loud = 10 * np.log10(np.maximum(level, 1e-12) / max(float(level.max()), 1e-12))
    return np.asarray(np.clip(1 + loud.T / _SHADES, 0, 1))


def envelope(signal: Signal, columns: int = 900) -> Floats:
    """Return the lowest and highest sample of equal stretches as shares of the loudest, (columns, 2)."""
    parts = np.array_split(signal.samples.astype(np.float64), max(1, min(columns, len(signal.samples))))
    found = np.array([(part.min(initial=0.0), part.max(initial=0.0)) for part in parts])
    return np.asarray(found / max(float(np.abs(found).max()), 1e-9))


def ticks(start: float, end: float, most: int = 8) -> list[float]:
    """Return round times within a stretch.

    >>> ticks(24.0, 27.0)
    [24.0, 24.5, 25.0, 25.5, 26.0, 26.5, 27.0]
    """
    step = next((s for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0) if (end - start) / s <= most), 10.0)
    first = int(np.ceil(start / step - 1e-9))
    return [round(i * step, 3) for i in range(first, int(np.floor(end / step + 1e-9)) + 1)]


def contribution(one: Contribution) -> str:
    """Say what a functional is here and usually."""
    unit = "" if one.unit == "1" else f" {one.unit}"
    return f"{one.value:.3g}{unit}, usually {one.typical:.3g}"


def remark(one: Remark) -> str:
    """Say how a measure of the voice compares.

    >>> remark(Remark("F0median", "pitch", "Hz", 231.0, 160.0, 0.93, "high"))
    'pitch: high, 231 Hz; above 93 % of the examples (median 160 Hz)'
    """
    unit = "" if one.unit == "1" else f" {one.unit}"
    there = f"above {percent(one.rank)} of the examples (median {one.median:.3g}{unit})"
    return f"{one.measure}: {one.word}, {one.value:.3g}{unit}; {there}"


def near(one: Near) -> str:
    """Name an example.

    >>> remarkable = Near("emodb", "03a01Wa", "wav/03a01Wa.wav", "emodb/03", "anger", None, 0.41)
    >>> near(remarkable)
    'anger  emodb/03  03a01Wa  distance 0.41'
    """
    return printable(f"{one.emotion or 'no label'}  {one.speaker}  {one.id}  distance {one.distance:.2f}")


def scale(values: Sequence[float] | Floats) -> float:
    """Return the largest size among values, above zero."""
    return max(float(np.abs(np.asarray(values)).max(initial=0.0)), 1e-9)


def odds(worth: float) -> str:
    """Write a worth.

    >>> odds(0.724)
    '+0.72'
    """
    return signed(worth).strip()
