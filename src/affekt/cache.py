"""Key -> array, on disk. What was computed once is read the next time; safe with many readers and writers at once.

An entry is a file that holds one array, named by the hash of all that its value depends on. It appears whole or not at
all (written beside, then renamed), carries a checksum, and is never unpickled. One that is damaged counts as absent,
and is written anew. When the folder is larger than its limit, the entries go that were not asked for longest. Nothing
depends on an entry being there: a folder that cannot be written to makes work slower, not impossible.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LIMIT = 2 * 2**30
"""Bytes that a folder may hold: 50 hours of the 25 contours of eGeMAPS, or millions of functionals."""

_ENTRY = re.compile(r"[0-9a-f]{64}\.npz")
_PART = re.compile(r"\.[0-9a-f]{64}\.[0-9a-f]{32}\.part")
_STALE = 3600.0  # s after which a half-written entry has lost its writer
_ROOM = 0.9  # of the limit that is left after the oldest entries went
_LOOK = 1 / 16  # of the limit that is written between two looks at the folder


def key(*parts: str | int | Array) -> str:
    """Hash all that a value depends on, unambiguously, to 64 hexadecimal digits.

    >>> key("egemaps", 1, np.zeros(3)) == key("egemaps", 1, np.zeros(3))
    True
    >>> len({key("a", "b"), key("ab"), key("a", "b", ""), key(1), key("1"), key(np.zeros(2)), key(np.zeros((1, 2)))})
    7
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str} {part.shape}\n".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            text = str(part).encode()
            digest.update(f"{type(part).__name__} {len(text)}\n".encode() + text)
    return digest.hexdigest()


def default_folder() -> Path:
    """Return where the platform keeps caches: `$XDG_CACHE_HOME/affekt`, or `affekt` in the user's cache folder.

    That is `~/.cache` on Linux, `~/Library/Caches` on macOS and `%LOCALAPPDATA%` on Windows.
    """
    if own := os.environ.get("XDG_CACHE_HOME"):
        return Path(own) / "affekt"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "affekt" / "Cache"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "affekt"


class Cache:
    """A folder of arrays; any number of processes may share it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = Cache(Path(folder))
    ...     made = cache.fetch(key("squares", 3), lambda: np.arange(3.0) ** 2)
    ...     cache.get(key("squares", 3))
    array([0., 1., 4.])
    """

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        "bytes"
        self._written = limit  # so that the first entry looks at what is there
        "bytes since the folder was looked at"

    def fetch(self, key: str, make: Callable[[], Array]) -> Array:
        """Return the array of `key`; what is not there is made and kept."""
        found = self.get(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found

    def get(self, key: str) -> Array | None:
        """Return the array of `key`, or None where there is none that is whole."""
        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as file:
                found: Array = file["values"]
        except Exception:  # damage can look like anything: wrong sums, wrong headers, a file of another kind
            return None
        with suppress(OSError):
            os.utime(path)  # what is used stays
        return found

    def put(self, key: str, values: Array) -> bool:
        """Keep an array and say whether it is kept: where it cannot be written (no space, no right), it is not."""
        path = self._path(key)
        part = path.with_name(f".{key}.{uuid.uuid4().hex}.part")
        kept = False
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("wb") as file:
                    np.savez(file, values=values)
                self._written += part.stat().st_size
                part.replace(path)
                kept = True
            finally:
                part.unlink(missing_ok=True)
        if self._written > _LOOK * self.limit:
            self._written = 0
            self.shrink()
        return kept

    def writable(self) -> bool:
        """Say whether anything can be kept here, by making the folder and trying; `put` is silent where it fails."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                return True
        except OSError:
            return False

    def shrink(self) -> None:
        """Remove what was not asked for longest, if there is more than the limit, and what a dead writer left."""
        entries = sorted(self._entries())
        excess = sum(size for _, size, _ in entries) - self.limit
        if excess > 0:
            excess += round((1 - _ROOM) * self.limit)
        for _, size, path in entries:
            if excess <= 0:
                return
            with suppress(OSError):  # another process was faster, or is reading it
                path.unlink()
                excess -= size

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """Last use, bytes and path of each; other files in the folder are none of ours."""
        for path in self.folder.glob("??/*"):
            with suppress(OSError):
                about = path.stat()
                if _ENTRY.fullmatch(path.name):
                    yield about.st_mtime, about.st_size, path
                elif _PART.fullmatch(path.name) and time.time() - about.st_mtime > _STALE:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npz"
