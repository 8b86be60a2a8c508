"""Transcript with times -> what each word says for an emotion: the sum over its moments.

Two forms are read: CTM (NIST: recording, channel, start, duration, word), and CSV or JSON with word, start and end in
seconds. A transcript without times says nothing of when; it needs an aligner first.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.errors import DataError
from affekt.types import Segment

Word = tuple[Segment, str]

_FORMS = "CTM (recording channel start duration word), or CSV or JSON with word, start, end in seconds"


@dataclass(frozen=True, slots=True)
class Said:
    """A word, and what it says for the target."""

    word: str
    segment: Segment
    worth: float
    "log-odds lost without its moments"


def read(path: str | os.PathLike[str]) -> list[Word]:
    """Read words with their times, in order of time.

    Raises:
        DataError: the file cannot be read, is of another form, or a line has no word or impossible times.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a transcript ({error})") from error
    suffix = Path(path).suffix.lower()
    rows = _json(text, path) if suffix == ".json" else _csv(text, path) if suffix == ".csv" else _ctm(text, path)
    found = sorted(rows)
    if not found:
        raise DataError(f"{path}: has no words; expected {_FORMS}")
    return found


def _ctm(text: str, path: object) -> Iterator[Word]:
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith(";;"):
            continue
        if len(fields) < 5:
            raise DataError(f"{path}, line {number}: expected {_FORMS}, got {line[:60]!r}")
        start, duration = _number(fields[2]), _number(fields[3])
        yield _word(fields[4], start, start + duration, f"{path}, line {number}")


def _csv(text: str, path: object) -> Iterator[Word]:
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        yield _row(row, f"{path}, line {number}")


def _json(text: str, path: object) -> Iterator[Word]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}: is no JSON ({error})") from error
    rows = rows.get("words") if isinstance(rows, dict) else rows
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected {_FORMS}; JSON is a list of these, or has one under 'words'")
    for number, row in enumerate(rows, start=1):
        yield _row(row, f"{path}, word {number}")


def _row(row: Any, where: str) -> Word:
    if not isinstance(row, dict) or not {"word", "start", "end"} <= row.keys():
        raise DataError(f"{where}: expected {_FORMS}")
    return _word(row["word"], _number(row["start"]), _number(row["end"]), where)


def _word(word: Any, start: float, end: float, where: str) -> Word:
    if not (isinstance(word, str) and word.strip()):
        raise DataError(f"{where}: the word is missing")
    if not 0 <= start <= end < math.inf:
        raise DataError(f"{where}: {word!r} must start at 0 s or later and end no earlier than it starts")
    return Segment(start, end), word.strip()


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def weigh(words: Iterable[Word], worth: NDArray[np.float64], window: Segment) -> tuple[Said, ...]:
    """Sum what the moments of each word say; words outside the window are left out, those at its edge are cut.

    Args:
        words: as `read` gives them, in the recording's time.
        worth: of each moment of the window, (moments,).
        window: seconds.

    >>> [(one.word, one.worth) for one in weigh([(Segment(1.0, 2.0), "no")], np.array([1.0, 2.0]), Segment(0.0, 2.0))]
    [('no', 2.0)]
    """
    edges = window.start + np.linspace(0, window.duration, len(worth) + 1)
    return tuple(
        Said(word, inside, float(worth @ _covered(edges, inside)))
        for segment, word in words
        if (inside := segment & window) is not None
    )


def _covered(edges: NDArray[np.float64], part: Segment) -> NDArray[np.float64]:
    """Share of each moment that lies in a part."""
    inside = np.minimum(edges[1:], part.end) - np.maximum(edges[:-1], part.start)
    return np.asarray(np.clip(inside / np.diff(edges), 0, 1))
