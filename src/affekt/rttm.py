"""RTTM file <-> (Segment, speaker). Who spoke when, in NIST's Rich Transcription Time Marked format.

One line per segment: SPEAKER, recording, channel, start and duration in seconds, and the speaker as the eighth field;
lines of other types and comments (;;) are passed over.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from affekt.errors import DataError
from affekt.types import Segment

Row = tuple[Segment, str]
"""A stretch of speech and who speaks."""


def read(path: str | os.PathLike[str], recording: str | None = None) -> list[Row]:
    """Read the segments of one recording, in order of time.

    Args:
        path: the RTTM file.
        recording: the recording's name in it; not needed, and not compared, when the file is about a single one.

    Raises:
        DataError: the file cannot be read, a line is malformed (its number is given), or the file is about several
            recordings of which `recording` is none.
    """
    found = read_all(path)
    if len(found) == 1:
        (rows,) = found.values()
        return rows
    if recording is None or _word(recording) not in found:
        raise DataError(f"{path}: is about {', '.join(sorted(found))}; none of them is {recording or 'named'}")
    return found[_word(recording)]


def read_all(path: str | os.PathLike[str]) -> dict[str, list[Row]]:
    """Read the segments of all recordings in a file, by the recordings' names, each in order of time.

    Raises:
        DataError: the file cannot be read, or a line is malformed (its number is given).
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as an RTTM file ({error})") from error
    found: dict[str, list[Row]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if fields and fields[0] == "SPEAKER":
            found.setdefault(fields[1] if len(fields) > 1 else "", []).append(_row(fields, f"{path}, line {number}"))
    if not found:
        raise DataError(
            f"{path}: has no line of the form SPEAKER recording 1 start duration <NA> <NA> speaker <NA> <NA>"
        )
    return {name: sorted(rows) for name, rows in found.items()}


def _row(fields: list[str], where: str) -> Row:
    if len(fields) < 8:
        raise DataError(f"{where}: expected at least 8 fields, the speaker being the eighth, got {len(fields)}")
    try:
        start, duration = float(fields[3]), float(fields[4])
    except ValueError:
        start = duration = math.nan
    if not (0 <= start < math.inf and 0 < duration < math.inf):
        raise DataError(
            f"{where}: start and duration must be seconds, 0 or more and above 0, got {' '.join(fields[3:5])}"
        )
    return Segment(start, start + duration), fields[7]


def write(path: str | os.PathLike[str], rows: Iterable[Row], recording: str) -> None:
    """Write segments, times to a millisecond; spaces in names become underscores, as the format has no quotes.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/call.rttm", [(Segment(0.5, 2.0), "left")], "call")
    ...     read(f"{folder}/call.rttm")
    [(Segment(start=0.5, end=2.0), 'left')]
    """
    Path(path).write_text("".join(lines(rows, recording)), encoding="utf-8")


def lines(rows: Iterable[Row], recording: str) -> Iterator[str]:
    """Give what `write` writes, line by line.

    >>> list(lines([(Segment(0.5, 2.0), "speaker 1")], "call"))
    ['SPEAKER call 1 0.500 1.500 <NA> <NA> speaker_1 <NA> <NA>\\n']
    """
    for segment, speaker in rows:
        times = f"{segment.start:.3f} {segment.duration:.3f}"
        yield f"SPEAKER {_word(recording)} 1 {times} <NA> <NA> {_word(speaker)} <NA> <NA>\n"


def _word(name: str) -> str:
    return "_".join(name.split()) or "<NA>"
