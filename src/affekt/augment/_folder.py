"""Folder -> recordings that a run brings along: noise, voices, impulse responses.

Some collections, such as OpenSLR 28, keep noise and impulse responses in one folder and tell them apart by `rir` in the
name. So where a folder is asked for impulse responses, and has any with `rir` in the name, only those are taken; where
it is asked for noise or voices, those are left out.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from affekt import audio
from affekt.errors import UsageError
from affekt.types import Samples

_SUFFIXES = {".flac", ".mp3", ".ogg", ".opus", ".wav"}
_RESPONSE = "rir"


def recordings(folder: Path, *, responses: bool = False) -> tuple[Path, ...]:
    """List the recordings in a folder and below it, sorted.

    Args:
        folder: where to look.
        responses: impulse responses are wanted, not noise.

    Raises:
        UsageError: there is none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    named = [path for path in found if _RESPONSE in path.stem.lower()]
    others = [path for path in found if path not in named]
    chosen = (named or others) if responses else others
    if not chosen:
        what = "impulse response" if responses else "recording"
        raise UsageError(f"there is no {what} in {folder}; known are {', '.join(sorted(_SUFFIXES))}")
    return tuple(chosen)


def read(path: Path, rate: int) -> Samples:
    """Read a recording whole, as mono; the last ones are kept, since every utterance asks for one.

    Raises:
        AudioError: it cannot be read.
    """
    return _read(path, rate, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=32)
def _read(path: Path, rate: int, changed: int) -> Samples:
    return audio.read(path, rate=rate).samples
