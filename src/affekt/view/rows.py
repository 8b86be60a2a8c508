"""Timelines -> CSV, JSON lines or JSON for programs, as pieces of text, in constant memory.

- CSV and JSON lines have one record per turn, judged or not (an agent's turn keeps its talk time and has no emotion);
  with `windows=True` one per window instead, where a turn without windows keeps its own record. The two are never
  mixed, so that adding up a column counts no second twice. A recording without speech has no record.
- JSON is `Timeline.to_dict` with everything in it: one object for one recording, a list for several.

Times are seconds rounded to a millisecond, everything else to 4 digits. All text can be encoded as UTF-8, and JSON is
ASCII: bytes of a file name that are no UTF-8 are written as escapes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from affekt.timeline import Timeline

_BEFORE = ("source", "start", "end", "speaker", "role", "emotion", "confidence", "uncertain")
_AFTER = ("valence", "arousal", "dominance")


def records(timeline: Timeline, *, windows: bool = False) -> Iterator[dict[str, Any]]:
    """Yield one flat record per turn, or per window.

    Each has source, start, end, speaker, role, emotion (None where not judged) and, where judged, confidence,
    uncertain, probs, valence, arousal, dominance, model.
    """
    whole = timeline.to_dict()
    for turn in whole["turns"]:
        parts = turn.pop("windows")
        for part in parts if windows and parts else [{}]:
            record = {"source": timeline.source, **turn, **part}
            yield record if record["emotion"] is None else {**record, "model": timeline.model}


def header(labels: Iterable[str]) -> list[str]:
    """Return the columns of the CSV form: the same for every file of a model.

    >>> header(["anger", "neutral"])  # doctest: +ELLIPSIS
    ['source', 'start', 'end', 'speaker', 'role', 'emotion', 'confidence', 'uncertain', 'p_anger', 'p_neutral', ...]
    """
    return [*_BEFORE, *(f"p_{name}" for name in labels), *_AFTER]


def csv_lines(timelines: Iterable[Timeline], labels: Sequence[str], *, windows: bool = False) -> Iterator[str]:
    r"""Yield the header, then one line per turn or window. Empty where there is no value; true and false in small.

    >>> list(csv_lines([], ["anger"]))[0][:18]
    'source,start,end,s'

    Args:
        timelines: consumed one by one, so that a batch is written while it is worked on.
        labels: the model's emotions, in its order; also for files in which nobody speaks.
        windows: one line per window instead of per turn.
    """
    yield _csv_line(header(labels))
    for timeline in timelines:
        for record in records(timeline, windows=windows):
            yield _csv_line([*(record.get(name) for name in _BEFORE), *_numbers(record, labels)])


def json_lines(timelines: Iterable[Timeline], *, windows: bool = False) -> Iterator[str]:
    """Yield one JSON object per line and turn, or window; see `records`."""
    for timeline in timelines:
        for record in records(timeline, windows=windows):
            yield json.dumps(record, allow_nan=False) + "\n"


def json_text(timelines: Iterable[Timeline], *, many: bool) -> Iterator[str]:
    """Yield the pieces of one JSON document: an object, or a list if `many`.

    Args:
        timelines: consumed one by one; exactly one unless `many`.
        many: decide by what was asked for (several files, a folder), not by how much of it could be read, so that a
            program gets the form it expects.
    """
    between = "[\n" if many else ""
    for timeline in timelines:
        yield between + json.dumps(timeline.to_dict(), indent=None if many else 2, allow_nan=False)
        between = ",\n"
    yield ("[]\n" if between == "[\n" else "\n]\n") if many else "\n"


def _numbers(record: dict[str, Any], labels: Sequence[str]) -> Iterator[Any]:
    probs = record.get("probs", {})
    yield from (probs.get(name) for name in labels)
    yield from (record.get(name) for name in _AFTER)


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(_cell(cell) for cell in cells)
    return line.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
