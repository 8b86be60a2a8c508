"""Any folder with one subfolder per emotion -> Manifest. The speaker is the other folder, or found by a pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from affekt.datasets._card import VOCABULARY, Card, audio_files
from affekt.datasets._own import PROTOCOLS, WORDS, words
from affekt.errors import DataError, UsageError
from affekt.manifest import Manifest
from affekt.types import LabelSet, Utterance

__all__ = ["CARD", "PROTOCOLS", "read"]

CARD = Card(
    name="folder",
    title="a folder per emotion",
    languages=(),
    elicitation="unknown",
    licence="as your data's owner says",
    licence_url="",
    use="research",  # not known here, so the careful answer
    citation="none: this is a reader for your own data",
    homepage="",
    layout=(
        "audio in <emotion>/<speaker>/ or <speaker>/<emotion>/, or in <emotion>/ with the option "
        "speaker=REGEX that finds the speaker in the path"
    ),
    labels=WORDS,
    clips=None,
    speakers=None,
    notes=(
        "Options: speaker=REGEX (its first group, or the whole match, names the speaker), labels=Wut=anger,... for "
        "folder names that are not English emotion words.",
        "A corpus whose speakers are unknown cannot be split honestly, so a speaker is required.",
    ),
)


def read(root: Path, speaker: str = "", labels: str = "") -> Manifest:
    """Read the labels from the folders' names.

    Args:
        root: the folder.
        speaker: regular expression that finds the speaker in the path below `root`, e.g. `spk(\\d+)_`; empty: the
            folder beside the emotion's.
        labels: further folder names, e.g. `Wut=anger,Freude=happiness`.

    Raises:
        UsageError: an option that cannot be understood.
        DataError: no audio, a file in no emotion's folder or in two, or a file whose speaker cannot be told.
    """
    known = words(labels)
    try:
        pattern = re.compile(speaker) if speaker else None
    except re.error as error:
        raise UsageError(f"speaker must be a regular expression, not {speaker!r}: {error}") from error
    rows = [_utterance(key, path, known, pattern) for key, path in audio_files(root).items()]
    found = {u.emotion for u in rows}
    return CARD.manifest(root, rows, LabelSet(tuple(name for name in VOCABULARY if name in found)))


def _utterance(key: str, path: str, known: Mapping[str, str], pattern: re.Pattern[str] | None) -> Utterance:
    folders = path.split("/")[:-1]
    emotions = [name for name in folders if name.lower() in known]
    if len(emotions) != 1:
        where = (
            "in no emotion's folder" if not emotions else f"in the folders of two emotions, {' and '.join(emotions)}"
        )
        raise DataError(f"{path} is {where}; expected {CARD.layout}. Add folder names with labels=NAME=EMOTION,...")
    who = _speaker(path, pattern) if pattern else "/".join(name for name in folders if name != emotions[0])
    if not who:
        raise DataError(f"{path}: cannot tell the speaker; expected {CARD.layout}")
    return Utterance(id=key, path=path, speaker=f"folder/{who}", emotion=known[emotions[0].lower()])


def _speaker(path: str, pattern: re.Pattern[str]) -> str:
    match = pattern.search(path)
    return "" if match is None else (match.group(1) if pattern.groups else match.group()) or ""
