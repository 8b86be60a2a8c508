"""Any CSV with the columns path, emotion and speaker -> Manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from affekt.datasets import _card
from affekt.datasets._card import VOCABULARY, Card, number
from affekt.datasets._own import PROTOCOLS, WORDS, words
from affekt.errors import DataError, UsageError
from affekt.manifest import Manifest
from affekt.types import Affect, LabelSet, Segment, Utterance

__all__ = ["CARD", "PROTOCOLS", "read"]

CARD = Card(
    name="table",
    title="a CSV with one row per recording",
    languages=(),
    elicitation="unknown",
    licence="as your data's owner says",
    licence_url="",
    use="research",  # not known here, so the careful answer
    citation="none: this is a reader for your own data",
    homepage="",
    layout=(
        "a CSV file with the columns path (relative to the CSV), emotion, speaker and, if you have them, id, valence, "
        "arousal, dominance, start, end, language, text, session, sex, age; other columns become extra"
    ),
    labels=WORDS,
    clips=None,
    speakers=None,
    scales="option scale=LOW:HIGH of valence, arousal and dominance; default -1:1",
    notes=(
        "An empty emotion is no label. Options: labels=Wut=anger,... for words that are not English emotion words, "
        "scale=1:5.",
    ),
)

_NAMES = "path emotion speaker id valence arousal dominance start end language text session sex age"
_KNOWN = frozenset(_NAMES.split())
_SEXES: Mapping[str, Literal["female", "male"]] = {"female": "female", "f": "female", "male": "male", "m": "male"}


def read(root: Path, labels: str = "", scale: str = "-1:1") -> Manifest:
    """Read the CSV.

    Args:
        root: the CSV file; paths in it are relative to its folder.
        labels: further emotion words, e.g. `Wut=anger,Freude=happiness`.
        scale: lowest and highest rating of valence, arousal and dominance, e.g. `1:5`.

    Raises:
        UsageError: an option that cannot be understood.
        DataError: the file is not there, lacks a column, or a row is damaged; the message has the line.
    """
    known, ends = words(labels), _scale(scale)
    if not root.is_file():
        raise DataError(f"{root} is no file: expected {CARD.layout}")
    rows = [_utterance(row, where, known, ends) for where, row in _card.table(root, ("path", "emotion", "speaker"))]
    found = {u.emotion for u in rows}
    return CARD.manifest(root.parent, rows, LabelSet(tuple(name for name in VOCABULARY if name in found)))


def _scale(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError as error:
        raise UsageError(f"scale must be like 1:5, not {text!r}") from error
    if not ends[0] < ends[1]:
        raise UsageError(f"scale must rise, like 1:5, not {text!r}")
    return ends


def _utterance(row: Mapping[str, str], where: str, known: Mapping[str, str], scale: tuple[float, float]) -> Utterance:
    word, sex = row["emotion"].strip().lower(), row.get("sex", "").strip().lower()
    if word and word not in known:
        raise DataError(f"{where}: unknown emotion {row['emotion']!r}; add it with labels={row['emotion']}=EMOTION")
    if sex and sex not in _SEXES:
        raise DataError(f"{where}: sex must be female or male, not {row['sex']!r}")
    if not (row["path"] and row["speaker"]):
        raise DataError(f"{where}: path and speaker must not be empty")
    path = Path(row["path"]).as_posix()
    span = _numbers(row, where, ("start", "end"))
    return Utterance(
        id=row.get("id") or path,
        path=path,
        speaker=f"table/{row['speaker']}",
        emotion=known[word] if word else None,
        affect=_affect(row, where, scale),
        segment=_segment(span, where) if span else None,
        language=row.get("language") or None,
        text=row.get("text") or None,
        session=row.get("session") or None,
        sex=_SEXES[sex] if sex else None,
        age=int(number(row["age"], where, "age")) if row.get("age") else None,
        extra={name: value for name, value in row.items() if name not in _KNOWN and value},
    )


def _segment(span: list[float], where: str) -> Segment:
    if span[0] > span[1]:
        raise DataError(f"{where}: the segment ends ({span[1]:g} s) before it starts ({span[0]:g} s)")
    return Segment(*span)


def _affect(row: Mapping[str, str], where: str, scale: tuple[float, float]) -> Affect | None:
    values = _numbers(row, where, ("valence", "arousal", "dominance"))
    low, high = scale
    if not all(low <= value <= high for value in values):
        raise DataError(f"{where}: valence, arousal and dominance must lie in {low:g} to {high:g}; set scale=LOW:HIGH")
    return Affect.from_scale(*values, low=low, high=high) if values else None


def _numbers(row: Mapping[str, str], where: str, columns: tuple[str, ...]) -> list[float]:
    """Return the columns' numbers, or none of them."""
    given = [name for name in columns if row.get(name)]
    if given and len(given) < len(columns):
        raise DataError(f"{where}: {', '.join(columns)} must be given together")
    return [number(row[name], where, name) for name in given]
