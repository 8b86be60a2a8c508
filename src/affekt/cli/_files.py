"""Text -> a file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from affekt.errors import UsageError


def check(path: Path) -> None:
    """Refuse what could not be written in the end before minutes of work.

    Raises:
        UsageError: the folder is not there.
    """
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {str(path.parent)!r} to write {path.name!r} to")


def write(text: str, path: Path) -> None:
    """Write UTF-8 beside the file first, so that nobody ever reads half of it; into a link or a pipe, at once.

    Raises:
        UsageError: it cannot be written.
    """
    there = path.is_symlink() or (path.exists() and not path.is_file())  # /dev/stdout must not be replaced by a file
    part = path if there else path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        if not there:
            part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
