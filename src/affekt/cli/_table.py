"""Rows -> CSV or Parquet, whole or not at all: written beside the file and renamed when everything is there.

Rows go out as they come, so that a corpus needs no more memory than a recording. Numbers keep every digit. A file name
that a spreadsheet would take for a formula gets `./` in front, which names the same file.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from affekt.errors import UsageError
from affekt.registry import need

if TYPE_CHECKING:
    from affekt.cli._measure import Rows
    from affekt.features import Feature

SUFFIXES = (".csv", ".parquet")

_GROUP = 50_000
"rows of 100 columns that Parquet compresses together"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check(path: str) -> None:
    """Refuse what cannot be written before any work is done.

    Raises:
        UsageError: another suffix, a folder of that name, or there is no folder to write to.
        MissingExtraError: Parquet needs pyarrow.
    """
    if path == "-":
        return
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"a table is a .csv or .parquet file, or - for CSV on standard output; not {path!r}")
    if Path(path).is_dir():
        raise UsageError(f"{path!r} is a folder; name a file, such as {str(Path(path) / f'features{suffix}')!r}")
    if not Path(path).parent.is_dir():
        raise UsageError(f"there is no folder {str(Path(path).parent)!r} to write {Path(path).name!r} to")
    if suffix == ".parquet":
        need("pyarrow.parquet", extra="data")


def write(path: str, rows: Iterable[Rows], columns: Mapping[str, Feature], lead: tuple[str, ...], about: Any) -> int:
    """Write all rows; return how many there were. Where there are none, nothing is written.

    Args:
        path: .csv, .parquet, or - for CSV on standard output; replaced when all is there.
        rows: consumed one by one.
        columns: of the values, documented.
        lead: columns in front: of file, channel, start, end, time.
        about: what Parquet's metadata say of the table, as JSON.

    Raises:
        UsageError: it cannot be written.
    """
    if path == "-":
        with standard_output():
            return _csv(sys.stdout.buffer, rows, columns, lead)
    with _replaced(Path(os.path.realpath(path))) as file:  # a link stays, and what it points at is written
        if path.lower().endswith(".csv"):
            return _csv(file, rows, columns, lead)
        return _parquet(file, rows, columns, lead, about)


@contextmanager
def standard_output() -> Iterator[None]:
    """Say in a line that standard output cannot be written to; that whoever read it has left is the caller's to tell.

    Raises:
        UsageError: it cannot be written, as on a full disk.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        with suppress(OSError):  # what is still in the buffer must not be tried again at the end of the process
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(f"cannot write to standard output: {error.strerror or error}") from error


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` at the end, if something was written; whatever happens, none is left.

    Raises:
        UsageError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("wb") as file:
            yield file
        if part.stat().st_size:
            part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def source(name: str) -> str:
    """Write a file's name so that it is text everywhere.

    >>> source("=1+1.wav"), source("calls/a.wav"), source("-")
    ('./=1+1.wav', 'calls/a.wav', 'standard input')
    """
    if name == "-":
        return "standard input"
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return f"./{text}" if text.startswith(_FORMULA) else text


def lead_cells(rows: Rows, lead: tuple[str, ...]) -> dict[str, Any]:
    """Return what stands in front of all rows of a recording; times are rows' own."""
    known = {
        "file": source(rows.source),
        "channel": rows.channel or "",
        "start": rows.segment.start,
        "end": rows.segment.end,
    }
    return {name: known[name] for name in lead if name in known}


def _csv(file: BinaryIO, rows: Iterable[Rows], columns: Mapping[str, Feature], lead: tuple[str, ...]) -> int:
    count = 0
    for one in rows:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if not count:
            table.writerow([*lead, *columns])
        front = list(lead_cells(one, lead).values())
        times = [()] * len(one.values) if one.times is None else [(round(t, 6),) for t in one.times.tolist()]
        for time, values in zip(times, one.values, strict=True):
            table.writerow([*front, *time, *map(str, values)])
        count += len(one.values)
        file.write(text.getvalue().encode())
        file.flush()
    return count


def _parquet(
    file: BinaryIO, rows: Iterable[Rows], columns: Mapping[str, Feature], lead: tuple[str, ...], about: Any
) -> int:
    pyarrow, parquet = need("pyarrow", extra="data"), need("pyarrow.parquet", extra="data")
    count = 0
    with ExitStack() as stack:  # a writer that is left open complains when it is forgotten
        writer = None
        for batches in _groups((_batch(pyarrow, one, columns, lead) for one in rows), len(columns)):
            if writer is None:
                schema = _schema(batches[0].schema, columns, about)
                writer = stack.enter_context(parquet.ParquetWriter(file, schema, compression="zstd"))
            table = pyarrow.Table.from_batches(batches)
            writer.write_table(table.cast(writer.schema))
            count += len(table)
    return count


def _groups(batches: Iterable[Any], columns: int) -> Iterator[list[Any]]:
    """Gather what is worth being compressed together."""
    waiting: list[Any] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) * max(100, columns) > 100 * _GROUP:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _batch(pyarrow: Any, rows: Rows, columns: Mapping[str, Feature], lead: tuple[str, ...]) -> Any:
    front: dict[str, Any] = {name: [cell] * len(rows.values) for name, cell in lead_cells(rows, lead).items()}
    if rows.times is not None:
        front["time"] = rows.times
    values = dict(zip(columns, rows.values.T.copy(), strict=True))
    return pyarrow.RecordBatch.from_pydict({**front, **values})


def _schema(schema: Any, columns: Mapping[str, Feature], about: Any) -> Any:
    """Each column carries its own documentation."""
    for place, name in enumerate(schema.names):
        if name in columns:
            known = columns[name]
            words = {"unit": known.unit, "definition": known.definition, "source": known.source}
            schema = schema.set(place, schema.field(name).with_metadata(words))
    return schema.with_metadata({"affekt": json.dumps(about)})
