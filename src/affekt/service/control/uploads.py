"""multipart/form-data -> files on disk, while it comes: no upload is ever held in memory.

A sender's file name is for people only; on the disk a file is called by its number.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from affekt.service.control.problems import Problem

FIELD = "files"

_PIECE = 2**18  # bytes that are written at once, so that a thread is asked for once in a while only
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came."""

    name: str
    "what its sender calls it"
    path: Path
    size: int
    "bytes"


def folder(parent: Path) -> Path:
    """Make a folder for the files of one request; whoever asks for it removes it."""
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


async def receive(request: Request, into: Path, *, most: int) -> list[Upload]:
    """Write the files of a request to a folder, as they come.

    Args:
        request: whose body has not been read; its size is bounded by the shell.
        into: an empty folder.
        most: files; more are refused.

    Raises:
        Problem: 400, 413, 415: no multipart, too many files, none.
    """
    form = _Form(_boundary(request), into, most)
    try:
        held = bytearray()
        async for chunk in request.stream():
            held += chunk
            if len(held) >= _PIECE:
                await run_in_threadpool(form.write, bytes(held))
                held.clear()
        await run_in_threadpool(form.write, bytes(held))
        form.end()
    except FormParserError as error:
        raise Problem(400, f"the body is no multipart/form-data: {error}") from error
    finally:
        form.close()
    if not form.files:
        raise Problem(422, f"no recording came; send each as a part called {FIELD!r} with a file name")
    return form.files


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Problem(415, f"send multipart/form-data with a part called {FIELD!r} for each recording")
    return options[b"boundary"]


class _Form:
    """Takes the parser's callbacks, and keeps one file open."""

    def __init__(self, boundary: bytes, into: Path, most: int) -> None:
        self.files: list[Upload] = []
        self._into, self._most = into, most
        self._file: IO[bytes] | None = None
        self._header, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._name, self._whole = "", False
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._all,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def write(self, data: bytes) -> None:
        if data:
            self._parser.write(data)

    def end(self) -> None:
        """Refuse what has no end: its last file is not whole."""
        self._parser.finalize()
        if not self._whole:
            raise FormParserError("it ends before its last boundary")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._disposition = b""

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != FIELD.encode() or b"filename" not in options:
            field = options.get(b"name", b"").decode("utf-8", "replace")[:40]
            raise Problem(422, f"the part {field!r} is no recording; options belong into the query")
        if len(self.files) >= self._most:
            raise Problem(413, f"a request has at most {self._most} recordings")
        self._name = _shown(options[b"filename"])
        self._file = (self._into / f"{len(self.files)}").open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])

    def _part_end(self) -> None:
        if self._file is not None:
            size = self._file.tell()
            self._file.close()
            self.files.append(Upload(self._name, Path(self._file.name), size))
            self._file = None

    def _all(self) -> None:
        self._whole = True


def _shown(name: bytes) -> str:
    """Make a sender's file name fit to be shown: no path, nothing that moves a cursor.

    >>> _shown(rb"C:\\calls\\monday.wav"), _shown(b"../../etc/passwd"), _shown(b"")
    ('monday.wav', 'passwd', 'recording')
    """
    text = name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    text = "".join(sign for sign in text if sign.isprintable()).strip()
    return text[:_LONGEST_NAME] or "recording"
