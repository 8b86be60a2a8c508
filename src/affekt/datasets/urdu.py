"""URDU's folders Angry, Happy, Neutral, Sad -> Manifest. Speaker and emotion are in the file names."""

from __future__ import annotations

import re
from pathlib import Path

from affekt.datasets._card import Card, Protocol, named
from affekt.errors import DataError
from affekt.manifest import Manifest, folds_by_groups
from affekt.types import Utterance

CARD = Card(
    name="urdu",
    title="URDU, emotional utterances from Urdu talk shows",
    languages=("ur",),
    elicitation="spontaneous",
    licence="research only",
    licence_url="https://github.com/siddiquelatif/URDU-Dataset",
    use="research",
    citation=(
        "Latif, S., Qayyum, A., Usman, M., Qadir, J. (2018). Cross Lingual Speech Emotion Recognition: Urdu vs. "
        "Western Languages. FIT 2018, 88-93. arXiv:1812.10411"
    ),
    homepage="https://github.com/siddiquelatif/URDU-Dataset",
    layout="files like Angry/SM1_F10_A010.wav (speaker SM1, his file 10, emotion A, file 010 of that emotion)",
    labels={"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"},
    clips=400,
    speakers=29,
    emotions={"anger": 100, "happiness": 100, "neutral": 100, "sadness": 100},
    notes=(
        "Clips overlap: `affekt data leaks` finds 10 pairs that share sound; SF1_F4_H04 does with SF4_F3_H019 and "
        "SF4_F4_H020, which bear another speaker's name and lie in another fold of 6groups.",
        "The paper counts 38 speakers (27 men, 11 women), the highest numbers used; the file names hold 29, because "
        "SM8 to SM16 do not occur.",
        "Speaker and emotion are confounded: 26 of 29 speakers have one emotion only, all anger is said by 4 men. A "
        "speaker-dependent score is worthless, and even a speaker-independent one rests on few voices.",
        "Taken from broadcasts: the rights in the audio are not the compilers'.",
    ),
)

_NAME = re.compile(r"S([MF])(\d+)_F(\d+)_([A-Z])(\d+)")


def read(root: Path) -> Manifest:
    """Read the labels from the file names.

    Raises:
        DataError: no such file below `root`, or a letter that is no emotion of URDU or not its folder's.
    """
    return CARD.manifest(root, (_utterance(path, match) for match, path in named(root, _NAME)))


def _utterance(path: str, match: re.Match[str]) -> Utterance:
    sex, speaker, _, emotion, _ = match.groups()
    folder = path.split("/")[-2] if "/" in path else emotion
    if folder[0].upper() != emotion:
        raise DataError(f"{path}: the name says emotion {emotion}, the folder says {folder}")
    return Utterance(
        id=match.group(),
        path=path,
        speaker=f"urdu/S{sex}{speaker}",
        emotion=CARD.emotion(emotion, path),
        language="ur",
        sex="male" if sex == "M" else "female",
    )


# Every speaker once, 62 to 82 clips a group (SM5 alone has 80), and as many emotions in each as 29 one-sided speakers
# allow. The confounding makes any dealing by size alone leave groups with a single emotion.
_GROUPS = [
    tuple(f"urdu/{name}" for name in group.split())
    for group in (
        "SF1 SM17 SM24 SM3",
        "SF10 SM5",
        "SM1 SM21 SM23 SM26 SM7",
        "SF2 SF4 SF7 SM22 SM27 SM4",
        "SF11 SF3 SF5 SM18 SM2 SM20 SM6",
        "SF6 SF8 SF9 SM19 SM25",
    )
]

PROTOCOLS = {
    "6groups": Protocol(
        "6 groups of speakers, 62 to 82 clips each, 4 classes",
        lambda m: folds_by_groups(m, _GROUPS),
        sha256="197215a133cc674cc36ecf74358da28779b9a278d11833e30d620b60b3c146b9",
    )
}
