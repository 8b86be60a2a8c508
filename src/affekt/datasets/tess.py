"""TESS's folders OAF_angry ... YAF_sad -> Manifest. Speaker, word and emotion are in the file names."""

from __future__ import annotations

import re
from pathlib import Path

from affekt.datasets._card import Card, Defect, Protocol, named
from affekt.errors import DataError
from affekt.manifest import Manifest, folds_by_groups
from affekt.types import Utterance

CARD = Card(
    name="tess",
    title="TESS, Toronto Emotional Speech Set",
    languages=("en",),
    elicitation="acted",
    licence="CC BY-NC-ND 4.0",
    licence_url="https://creativecommons.org/licenses/by-nc-nd/4.0/",
    use="non-commercial",
    citation=(
        "Pichora-Fuller, M. K., Dupuis, K. (2020). Toronto emotional speech set (TESS). Borealis. "
        "doi:10.5683/SP2/E8H2MF"
    ),
    homepage="https://doi.org/10.5683/SP2/E8H2MF",
    layout="files like OAF_angry/OAF_back_angry.wav (speaker OAF or YAF, word, emotion)",
    labels={
        "angry": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "ps": "surprise",
        "sad": "sadness",
    },
    clips=2800,
    speakers=2,
    emotions=dict.fromkeys(("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"), 400),
    defects=(
        Defect("unreadable", ("YAF_germ_angry", "YAF_neat_fear"), "reported as unreadable in copies of the release"),
    ),
    notes=(
        "Two women of 64 and 26 years. The 200 words occur in all emotions: every published 97-100 % has both speakers "
        "and the same words in training. Only from one speaker to the other is speaker-independent.",
        "ps is pleasant surprise, so it is nearer to happiness than other corpora's surprise.",
        "OA_bite_neutral.wav is OAF's; its name lacks a letter in the release.",
    ),
)

_NAME = re.compile(r"(OAF?|YAF)_([a-zA-Z]+)_([a-z]+)")
_AGES = {"OAF": 64, "YAF": 26}


def read(root: Path) -> Manifest:
    """Read the labels from the file names.

    Raises:
        DataError: no such file below `root`, or an emotion that TESS does not have.
    """
    return CARD.manifest(root, (_utterance(path, *match.groups()) for match, path in named(root, _NAME)))


def _utterance(path: str, speaker: str, word: str, emotion: str) -> Utterance:
    if speaker == "OA" and (word, emotion) != ("bite", "neutral"):
        raise DataError(f"{path}: TESS has no speaker OA; it has OAF, YAF")
    speaker = "OAF" if speaker == "OA" else speaker
    return Utterance(
        id=f"{speaker}_{word}_{emotion}",
        path=path,
        speaker=f"tess/{speaker}",
        emotion=CARD.emotion(emotion, path),
        language="en",
        text=f"Say the word {word}.",
        sex="female",
        age=_AGES[speaker],
        extra={"text_id": word},
    )


PROTOCOLS = {
    "2fold": Protocol(
        "train on one speaker, test on the other, both directions",
        lambda m: folds_by_groups(m, [["tess/YAF"], ["tess/OAF"]]),
        sha256="f0d1f477389ce2e788e2b2138e5928c979473f923c5376b6cad0ef482bf81ecf",
    )
}
