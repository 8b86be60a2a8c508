"""nEMO's samples/ and data.tsv -> Manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from affekt.datasets._card import Card, Protocol, audio_files, number, table
from affekt.errors import DataError
from affekt.manifest import Manifest, leave_one_speaker_out
from affekt.types import Utterance

CARD = Card(
    name="nemo",
    title="nEMO, emotional speech in Polish",
    languages=("pl",),
    elicitation="acted",
    licence="CC BY-NC-SA 4.0",
    licence_url="https://creativecommons.org/licenses/by-nc-sa/4.0/",
    use="non-commercial",
    citation=(
        "Christop, I. (2024). nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024, 12111-12116. "
        "https://aclanthology.org/2024.lrec-main.1059"
    ),
    homepage="https://github.com/amu-cai/nEMO",
    layout="data.tsv and files like samples/EB0_anger_1.wav (speaker, emotion, sentence)",
    labels={
        "anger": "anger",
        "fear": "fear",
        "happiness": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprised": "surprise",
    },
    clips=4481,
    speakers=9,
    emotions={"anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprise": 669},
    notes=(
        "All speakers say the same 90 sentences; speaker MP0 has about half as many clips as the others.",
        "The release names no split.",
    ),
)

_COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender", "age")
_SEXES: Mapping[str, Literal["female", "male"]] = {"female": "female", "male": "male"}


def read(root: Path) -> Manifest:
    """Read data.tsv; rows whose audio is not there are left out.

    Raises:
        DataError: the folder is not nEMO, or data.tsv is damaged.
    """
    files = {key: f"samples/{path}" for key, path in audio_files(root / "samples").items()}
    if not files:
        raise CARD.absent(root)
    return CARD.manifest(
        root, (_utterance(row, where, files[name]) for name, where, row in _rows(root) if name in files)
    )


def _rows(root: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    for where, row in table(root / "data.tsv", _COLUMNS, delimiter="\t"):
        cells = {column: text.strip() for column, text in row.items()}
        yield cells["file_id"].removesuffix(".wav"), where, cells


def _utterance(row: Mapping[str, str], where: str, path: str) -> Utterance:
    name = row["file_id"].removesuffix(".wav")
    if not name.startswith(f"{row['speaker_id']}_{row['emotion']}_"):
        raise DataError(f"{where}: the name {name!r} is not of speaker {row['speaker_id']}, emotion {row['emotion']}")
    if row["gender"] not in _SEXES:
        raise DataError(f"{where}: gender must be female or male, not {row['gender']!r}")
    return Utterance(
        id=name,
        path=path,
        speaker=f"nemo/{row['speaker_id']}",
        emotion=CARD.emotion(row["emotion"], where),
        language="pl",
        text=row["raw_text"],
        sex=_SEXES[row["gender"]],
        age=int(number(row["age"], where, "age")),
        extra={"text_id": name.rpartition("_")[2]},
    )


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of data.tsv."""
    yield from (name for name, _, _ in _rows(root))


PROTOCOLS = {
    "loso": Protocol(
        "leave one speaker out, 9 folds, 6 classes",
        leave_one_speaker_out,
        sha256="b7c10dfc38206e7cc2a9e7d017557c7b7ab432294f06fb38887797e486f09fcf",
    )
}
