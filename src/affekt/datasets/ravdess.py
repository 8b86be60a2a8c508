"""RAVDESS's folder of Actor_01 ... Actor_24 -> Manifest. Everything is in the file names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from affekt.datasets._card import Card, Defect, Protocol, named
from affekt.errors import DataError
from affekt.manifest import Fold, Manifest, fold, folds_by_groups
from affekt.types import LabelSet, Utterance

CARD = Card(
    name="ravdess",
    title="RAVDESS, Ryerson Audio-Visual Database of Emotional Speech and Song (speech, audio only)",
    languages=("en",),
    elicitation="acted",
    licence="CC BY-NC-SA 4.0",
    licence_url="https://creativecommons.org/licenses/by-nc-sa/4.0/",
    use="non-commercial",
    citation=(
        "Livingstone, S. R., Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song "
        "(RAVDESS). PLoS ONE 13(5): e0196391. doi:10.1371/journal.pone.0196391"
    ),
    homepage="https://zenodo.org/records/1188976",
    layout=(
        "files like Actor_01/03-01-05-01-01-01-01.wav (modality-channel-emotion-intensity-statement-repetition-actor)"
    ),
    labels={
        "neutral": "neutral",
        "calm": "calm",
        "happy": "happiness",
        "sad": "sadness",
        "angry": "anger",
        "fearful": "fear",
        "disgust": "disgust",
        "surprised": "surprise",
    },
    clips=1440,
    speakers=24,
    emotions={
        "anger": 192,
        "calm": 192,
        "disgust": 192,
        "fear": 192,
        "happiness": 192,
        "neutral": 96,
        "sadness": 192,
        "surprise": 192,
    },
    defects=(
        Defect(
            "duplicate",
            ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07"),
            "actor 7's two repetitions of one happy sentence are the same recording",
        ),
    ),
    notes=(
        "Two sentences only, each actor says both in every emotion: a model can learn the text.",
        "Recorded at a low level (about -40 dBFS): levelling decides how well models transfer.",
        "Calm is RAVDESS's second baseline; most other corpora have neutral alone.",
        "Song (channel 02) and video (modality 01, 02) files in the same folder are left out.",
    ),
)

_NAME = re.compile(r"03-01-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_EMOTIONS = dict(zip(("01", "02", "03", "04", "05", "06", "07", "08"), CARD.labels, strict=True))
_STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
_CODES = {
    "intensity": ("01", "02"),
    "statement": tuple(_STATEMENTS),
    "repetition": ("01", "02"),
    "actor": tuple(f"{n:02d}" for n in range(1, 25)),
}


def read(root: Path) -> Manifest:
    """Read the labels from the file names.

    Raises:
        DataError: no such file below `root`, or a code in a name that RAVDESS does not have.
    """
    return CARD.manifest(root, (_utterance(path, *match.groups()) for match, path in named(root, _NAME)))


def _utterance(path: str, emotion: str, intensity: str, statement: str, repetition: str, actor: str) -> Utterance:
    codes = {"intensity": intensity, "statement": statement, "repetition": repetition, "actor": actor}
    for what, code in codes.items():
        if code not in _CODES[what]:
            raise DataError(f"{path}: RAVDESS has no {what} {code}; it has {', '.join(_CODES[what])}")
    if emotion not in _EMOTIONS:
        raise DataError(f"{path}: RAVDESS has no emotion {emotion}; it has {', '.join(_EMOTIONS)}")
    return Utterance(
        id=path.rpartition("/")[2].rpartition(".")[0],
        path=path,
        speaker=f"ravdess/{actor}",
        emotion=CARD.labels[_EMOTIONS[emotion]],
        language="en",
        text=_STATEMENTS[statement],
        sex="male" if int(actor) % 2 else "female",
        extra={"text_id": str(int(statement)), "intensity": str(int(intensity)), "take": str(int(repetition))},
    )


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of the official release."""
    for emotion, *rest in product(_EMOTIONS, *_CODES.values()):
        if not (emotion == "01" and rest[0] == "02"):  # neutral has no strong intensity
            yield "-".join(("03", "01", emotion, *rest))


def _actors(*numbers: int) -> tuple[str, ...]:
    return tuple(f"ravdess/{n:02d}" for n in numbers)


_EMOBOX = (
    _actors(1, 11, 20, 21),
    _actors(4, 10, 12, 14),
    _actors(8, 9, 19, 23),
    _actors(3, 5, 7, 24),
    _actors(2, 15, 16, 18),
    _actors(6, 13, 17, 22),
)
_LUNA = (
    _actors(2, 5, 14, 15, 16),
    _actors(3, 6, 7, 13, 18),
    _actors(10, 11, 12, 19, 20),
    _actors(8, 17, 21, 23, 24),
    _actors(1, 4, 9, 22),
)
_LUNA_DEV = (_actors(3, 6), _actors(10, 11), _actors(8, 17), _actors(1, 14), _actors(2, 5))


def _pepino(manifest: Manifest) -> list[Fold]:
    seven = manifest.relabel(LabelSet(tuple(n for n in CARD.label_set if n != "calm")), {"calm": "neutral"})
    dev, test = _actors(21, 22), _actors(23, 24)
    return [
        fold(
            "23-24",
            train=seven.filter(lambda u: u.speaker not in dev + test),
            test=seven.filter(lambda u: u.speaker in test),
            dev=seven.filter(lambda u: u.speaker in dev),
        )
    ]


PROTOCOLS = {
    "6fold": Protocol(
        "6 folds of 4 actors, 8 classes (EmoBox)",
        lambda m: folds_by_groups(m, _EMOBOX),
        sha256="80cda8681b60ed028ab07c69f4ab3d7d896dd632abfa791e5ec2e438a92f7a9f",
    ),
    "5fold-luna": Protocol(
        "5 folds of 4-5 actors, 8 classes (Luna-Jimenez et al.); dev actors of ResLSTM-SER",
        lambda m: folds_by_groups(m, _LUNA, dev=_LUNA_DEV),
        sha256="d1f3e673b4e329beceab623a81cf58b2882db8ccf8089b8e74389d86078b771c",
    ),
    "7class-pepino": Protocol(
        "train actors 1-20, dev 21-22, test 23-24, calm counts as neutral (Pepino et al.); 2 test actors: +-10 points",
        _pepino,
        complete=False,
        sha256="b0bb35f153e04846d7ece79906b9ae982a7d3ec45a68808556ecf2ee08fc4e7a",
    ),
}
