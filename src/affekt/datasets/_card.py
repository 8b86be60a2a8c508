"""Folder of a corpus -> rows. What every corpus file is made of: its card, its protocols, and the walk over its files.

A corpus file holds `CARD`, `PROTOCOLS` and `read(root)`. `read` parses names and annotation files and opens no audio.
Its rule for names: a name that does not fit the corpus's grammar is not a file of this corpus and is left out (`affekt
data check` lists it); a name that fits but says something impossible is an error.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from affekt.errors import DataError
from affekt.manifest import Fold, Manifest
from affekt.types import LabelSet, Utterance

VOCABULARY = (
    "anger",
    "boredom",
    "calm",
    "contempt",
    "disgust",
    "excitement",
    "fear",
    "frustration",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
    "other",
)
"""Our emotion names, in the order of every corpus's labels."""

AUDIO = (".wav", ".flac")
"""The official container first; a lossless copy under the same name is the same recording."""

Use = Literal["any", "non-commercial", "research", "evaluation"]
"""What a model trained on the corpus may be used for, as its owners' terms say; the strictest wins in a mixture."""

Kind = Literal["missing", "unreadable", "silent", "duplicate"]


@dataclass(frozen=True, slots=True)
class Defect:
    """Something wrong in the official release itself; a check reports it and does not fail."""

    kind: Kind
    ids: tuple[str, ...]
    "utterances it concerns"
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a corpus is, what may be done with it, and what its official release holds."""

    name: str
    title: str
    languages: tuple[str, ...]
    "BCP 47"
    elicitation: Literal["acted", "induced", "spontaneous", "mixed", "unknown"]
    licence: str
    licence_url: str
    "empty where the owners give no page"
    use: Use
    citation: str
    homepage: str
    layout: str
    "the official layout, as a sentence part: `expected <layout>`"
    labels: Mapping[str, str | None]
    "the corpus's own label -> ours; None: no agreement, so no label"
    clips: int | None
    "in the official release; None where releases differ"
    speakers: int | None
    emotions: Mapping[str, int] = field(default_factory=dict)
    "clips per emotion in the official release, as `read` labels them by default"
    scales: str = ""
    "the raters' scales and how they become affect"
    defects: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def label_set(self) -> LabelSet:
        """The corpus's emotions in our vocabulary, in its order."""
        return LabelSet(tuple(name for name in VOCABULARY if name in self.labels.values()))

    def emotion(self, own: str, where: object) -> str | None:
        """Return our name of the corpus's label.

        Raises:
            DataError: the corpus has no such label.
        """
        if own not in self.labels:
            raise DataError(f"{where}: {self.title} has no label {own!r}; it has {', '.join(self.labels)}")
        return self.labels[own]

    def manifest(self, root: Path, utterances: Iterable[Utterance], labels: LabelSet | None = None) -> Manifest:
        """Wrap the rows.

        Raises:
            DataError: there are none, so the folder is not this corpus.
        """
        rows = tuple(utterances)
        if not rows:
            raise self.absent(root)
        return Manifest(self.name, labels or self.label_set, rows, self.licence, self.citation, root)

    def absent(self, root: Path) -> DataError:
        """Return the error of a folder that is not this corpus."""
        what = "is not" if root.is_dir() else "is no folder, so it is not"
        return DataError(f"{root} {what} {self.title}: expected {self.layout}")


@dataclass(frozen=True, slots=True)
class Protocol:
    """A published, speaker-independent way to split a corpus."""

    about: str
    "one line: what is tested on what, and whose protocol it is"
    folds: Callable[[Manifest], list[Fold]]
    complete: bool = True
    "every speaker is tested exactly once"
    sha256: str = ""
    """of who is on which side of which fold in the official release, see `manifest.folds_sha256`; empty where the
    speakers are the user's own, or the release is not the same for everybody"""


def audio_files(root: Path, suffixes: Sequence[str] = AUDIO) -> dict[str, str]:
    """Audio below `root`: path without suffix -> path, both relative with POSIX separators, sorted; hidden files apart.

    Of copies that differ in their suffix alone, the earliest of `suffixes` is taken.
    """
    found: dict[str, str] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name).relative_to(root)
            if name.startswith(".") or path.suffix.lower() not in suffixes:
                continue
            key = path.with_suffix("").as_posix()
            earlier = found.get(key)
            if earlier is None or _rank(path, suffixes) < _rank(Path(earlier), suffixes):
                found[key] = path.as_posix()
    _refuse_undecodable(root, found.values())
    return dict(sorted(found.items()))


def _rank(path: Path, suffixes: Sequence[str]) -> int:
    return suffixes.index(path.suffix.lower())


def _refuse_undecodable(root: Path, paths: Iterable[str]) -> None:
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{root}: the file name {path!a} is not UTF-8; rename it") from error


def named(root: Path, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
    """Audio below `root` whose name without suffix is, as a whole, the pattern: (match, relative path)."""
    for key, path in audio_files(root).items():
        match = pattern.fullmatch(key.rpartition("/")[2])
        if match:
            yield match, path


def table(path: Path, columns: Collection[str], *, delimiter: str = ",") -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a CSV with a header: (place, column -> text), the place being `file, line n`.

    Raises:
        DataError: the file is not there, lacks a column, or a row has too few or too many fields.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, delimiter=delimiter)
            missing = [name for name in columns if name not in (rows.fieldnames or ())]
            if missing:
                there = ", ".join(rows.fieldnames or ()) or "nothing: the file is empty"
                raise DataError(f"{path}, line 1: no column {', '.join(missing)}; found {there}")
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if None in row or None in row.values():
                    raise DataError(f"{where}: expected {len(rows.fieldnames or ())} fields, as in the header")
                yield where, row
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV in UTF-8 ({error})") from error


def number(text: str, where: str, what: str) -> float:
    """Return the number.

    Raises:
        DataError: it is none.
    """
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"{where}: {what} must be a number, not {text!r}") from error


def shares(votes: Mapping[str, float]) -> dict[str, float] | None:
    """Votes -> soft label that sums to 1, without zeros; None when nobody voted."""
    total = sum(votes.values())
    return {name: n / total for name, n in votes.items() if n} if total else None
