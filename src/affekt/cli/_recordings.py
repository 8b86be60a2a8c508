"""Names on the command line -> recordings to judge, each with what belongs to it.

A folder stands for the recordings in it, searched to the bottom; what starts with a dot is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.errors import UsageError

if TYPE_CHECKING:
    from affekt.rttm import Row

SUFFIXES = {
    *(".3gp", ".aac", ".aif", ".aifc", ".aiff", ".amr", ".au", ".caf", ".flac", ".m4a", ".mka", ".mkv", ".mov", ".mp3"),
    *(".mp4", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".sph", ".voc", ".w64", ".wav", ".wave", ".webm", ".wma"),
}
"""Of what is taken for a recording in a folder; a file that is named itself may end in anything."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file to judge, and how."""

    source: str
    "path, or - for standard input"
    name: str
    "for the drawing: without suffix; in a folder, from there on"
    trouble: str | None = None
    "why it cannot even be tried"
    segments: tuple[Row, ...] | None = None
    plot: Path | None = None


def find(sources: Sequence[str]) -> list[Recording]:
    """List the recordings, in the order of the arguments, those of a folder by name.

    >>> find(["-"])[0].name
    'standard input'
    """
    return [recording for source in sources for recording in _expand(source)]


def _expand(source: str) -> Iterator[Recording]:
    if source == "-":
        yield Recording("-", "standard input")
    elif not Path(source).is_dir():
        yield Recording(source, Path(source).stem)
    else:
        found = sorted(_search(source))
        yield from (Recording(str(path), str(path.relative_to(source).with_suffix(""))) for path in found)
        if not found:
            yield Recording(source, source, "no recordings in this folder (.wav, .flac, .mp3, .ogg, .m4a and others)")


def _search(folder: str) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(where, name)


def give_segments(recordings: Sequence[Recording], table: Mapping[str, Sequence[Row]], file: str) -> list[Recording]:
    """Give each recording its segments: by its name, and the only one the only ones, whatever their name.

    Args:
        recordings: to which they are given.
        table: segments by name of recording.
        file: where they come from.
    """
    if len(recordings) == 1 and len(table) == 1:
        (rows,) = table.values()
        return [replace(recordings[0], segments=tuple(rows))]
    return [_given(recording, table, file) for recording in recordings]


def _given(recording: Recording, table: Mapping[str, Sequence[Row]], file: str) -> Recording:
    name = "_".join(Path(recording.name).name.split())  # RTTM knows no spaces
    if name in table:
        return replace(recording, segments=tuple(table[name]))
    known = ", ".join(sorted(table)[:5]) + (", ..." if len(table) > 5 else "")
    return replace(recording, trouble=recording.trouble or f"{file} has no segments of {name!r}, only of {known}")


def give_plots(recordings: Sequence[Recording], target: str, *, many: bool) -> list[Recording]:
    """Give each recording the file that it is drawn to.

    Args:
        recordings: to which they are given.
        target: a file; `{name}` in it becomes the recording's name. Equal ones are numbered.
        many: there could be several recordings, so that `{name}` must be in it.

    Raises:
        UsageError: the extension is not one that can be drawn, or `{name}` is missing.

    >>> [str(r.plot) for r in give_plots(find(["a/x.wav", "b/x.wav"]), "{name}.svg", many=True)]
    ['x.svg', 'x-2.svg']
    """
    from affekt.view.plot import extension

    extension(Path(target))
    if many and "{name}" not in target:
        raise UsageError(f"several recordings cannot be drawn to one file; write {{name}} into it: {_pattern(target)}")
    if "{name}" not in target and not Path(target).parent.is_dir():
        raise UsageError(f"there is no folder {str(Path(target).parent)!r} to draw {Path(target).name!r} to")
    taken: dict[Path, int] = {}
    return [
        replace(recording, plot=_free(Path(target.replace("{name}", recording.name)), taken))
        for recording in recordings
    ]


def make_folder(path: Path) -> None:
    """Make the folder that something is drawn to.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {str(path)!r}: {error.strerror}") from error


def _free(path: Path, taken: dict[Path, int]) -> Path:
    """Number a path that is taken already."""
    candidate = path
    while candidate in taken:
        taken[path] += 1
        candidate = path.with_stem(f"{path.stem}-{taken[path]}")
    taken[candidate] = 1
    return candidate


def _pattern(target: str) -> str:
    path = Path(target)
    return str(path.with_stem(f"{path.stem}-{{name}}"))
