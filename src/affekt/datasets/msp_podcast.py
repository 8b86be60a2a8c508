"""MSP-Podcast's Labels/labels_consensus.csv and Audios/ -> Manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from affekt.datasets._card import Card, Protocol, audio_files, number, table
from affekt.errors import DataError
from affekt.manifest import Fold, Manifest, Part, predefined
from affekt.types import Affect, Utterance

CARD = Card(
    name="msp_podcast",
    title="MSP-Podcast",
    languages=("en",),
    elicitation="spontaneous",
    licence="UT Dallas academic or commercial licence agreement",
    licence_url="https://lab-msp.com/MSP/MSP-Podcast.html",
    use="research",
    citation=(
        "Lotfian, R., Busso, C. (2019). Building Naturalistic Emotionally Balanced Speech Corpus by Retrieving "
        "Emotional Speech From Existing Podcast Recordings. IEEE Trans. Affective Computing 10(4), 471-483. "
        "doi:10.1109/TAFFC.2017.2736999"
    ),
    homepage="https://lab-msp.com/MSP/MSP-Podcast.html",
    layout="Labels/labels_consensus.csv and files like Audios/MSP-PODCAST_0001_0008.wav",
    labels={
        "A": "anger",
        "C": "contempt",
        "D": "disgust",
        "F": "fear",
        "H": "happiness",
        "N": "neutral",
        "O": "other",
        "S": "sadness",
        "U": "surprise",
        "X": None,
    },
    clips=None,
    speakers=None,
    scales="valence, arousal, dominance 1-7, mean of at least five raters -> [-1, 1]",
    notes=(
        "Releases differ: 1.11 has 151,654 turns (train 84,030, development 19,815, test1 30,647, test2 14,815, test3 "
        "2,347), 1.12 has 207,136. State the release beside every number.",
        "Test3 has no public labels, so it is not read. Test sets share speakers with each other: never train on one.",
        "X (no agreement) has no label but keeps its affect.",
        "A speaker the release calls Unknown is named after the podcast.",
    ),
)

_COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
_NAME = re.compile(r"MSP-PODCAST_(\d+)(?:_\d+)+")
_SPLITS = ("Train", "Development", "Test1", "Test2", "Test3")
_SEXES: Mapping[str, Literal["female", "male"] | None] = {"Female": "female", "Male": "male", "Unknown": None, "": None}


def read(root: Path) -> Manifest:
    """Read the consensus labels; rows whose audio is not there are left out.

    Raises:
        DataError: the folder is not MSP-Podcast, or its labels are damaged.
    """
    folder = "Audio" if (root / "Audio").is_dir() else "Audios"  # early releases have the first
    files = {key: f"{folder}/{path}" for key, path in audio_files(root / folder).items()}
    if not files:
        raise CARD.absent(root)
    rows = ((where, row, row["FileName"].removesuffix(".wav")) for where, row in _labels(root))
    return CARD.manifest(root, (_utterance(row, where, files[name]) for where, row, name in rows if name in files))


def _labels(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    # Early releases spell it so
    early = root / "Labels" / "labels_concensus.csv"
    return table(early if early.is_file() else root / "Labels" / "labels_consensus.csv", _COLUMNS)


def _utterance(row: Mapping[str, str], where: str, path: str) -> Utterance:
    name = row["FileName"].removesuffix(".wav")
    match = _NAME.fullmatch(name)
    if match is None:
        raise DataError(f"{where}: {name!r} is no turn of MSP-Podcast, like MSP-PODCAST_0001_0008")
    for what, known in (("Gender", _SEXES), ("Split_Set", _SPLITS)):
        if row[what] not in known:
            raise DataError(f"{where}: {what} must be one of {', '.join(filter(None, known))}, not {row[what]!r}")
    speaker = f"podcast-{match[1]}" if row["SpkrID"] in ("Unknown", "") else row["SpkrID"]
    return Utterance(
        id=name,
        path=path,
        speaker=f"msp_podcast/{speaker}",
        emotion=CARD.emotion(row["EmoClass"], where),
        affect=_affect(row, where),
        language="en",
        sex=_SEXES[row["Gender"]],
        extra={"split": row["Split_Set"], "podcast": match[1]},
    )


def _affect(row: Mapping[str, str], where: str) -> Affect:
    values = [number(row[column], where, column) for column in ("EmoVal", "EmoAct", "EmoDom")]
    if not all(1 <= value <= 7 for value in values):
        raise DataError(f"{where}: EmoVal, EmoAct and EmoDom must lie in 1 to 7, not {values}")
    return Affect.from_scale(*values, low=1, high=7)


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of the labels."""
    yield from (row["FileName"].removesuffix(".wav") for _, row in _labels(root))


def _official(manifest: Manifest, test: str) -> list[Fold]:
    parts: dict[str, Part] = {"Train": "train", "Development": "dev", test: "test"}
    return [predefined(manifest, lambda u: parts.get(u.extra["split"]), name=test, allow_leak=True)]


PROTOCOLS = {
    "test1": Protocol("official Train, Development, Test1", lambda m: _official(m, "Test1"), complete=False),
    "test2": Protocol(
        "official Train, Development, Test2 (chosen at random, not by retrieval)",
        lambda m: _official(m, "Test2"),
        complete=False,
    ),
}
