"""Timeline -> a file to look at. Its extension decides: a page (.html) or a picture (.png, .svg)."""

from __future__ import annotations

from pathlib import Path

from affekt.errors import UsageError
from affekt.timeline import Timeline

ALLOWED = (".html", ".png", ".svg")


def extension(path: Path) -> str:
    """Return the extension in lower case, so that a wrong one is refused before any work is done.

    >>> extension(Path("call.PNG"))
    '.png'

    Raises:
        UsageError: it is none of `ALLOWED`.
    """
    given = path.suffix.lower()
    if given not in ALLOWED:
        raise UsageError(
            f"cannot draw to {path.name!r}: its extension is {given or 'missing'}, allowed are {', '.join(ALLOWED)}. "
            "The page (.html) can be zoomed and needs nothing installed; the others are pictures."
        )
    return given


def save(timeline: Timeline, path: Path) -> None:
    """Draw `timeline` to `path`.

    Raises:
        UsageError: the extension is unknown, or the file cannot be written.
        MissingExtraError: a picture needs Matplotlib; the page needs nothing.
    """
    kind = extension(path)
    try:
        if kind == ".html":
            from affekt.view.page import page

            path.write_text(page(timeline), "utf-8")
        else:
            from affekt.view.figure import draw

            draw(timeline, path)
    except OSError as error:
        raise UsageError(
            f"cannot write {str(path)!r}: {error.strerror}. Give a place that can be written to."
        ) from error
