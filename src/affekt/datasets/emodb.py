"""EmoDB's wav/ folder -> Manifest. Names carry speaker, sentence, emotion and take; a text file the raters' scores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from affekt.datasets._card import Card, Protocol, named
from affekt.errors import DataError
from affekt.manifest import Manifest, leave_one_speaker_out
from affekt.types import Utterance

CARD = Card(
    name="emodb",
    title="EmoDB, Berlin Database of Emotional Speech",
    languages=("de",),
    elicitation="acted",
    licence="CC0-1.0",
    licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
    use="any",
    citation=(
        "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F., Weiss, B. (2005). A Database of German Emotional "
        "Speech. Interspeech 2005, 1517-1520. doi:10.21437/Interspeech.2005-446"
    ),
    homepage="http://emodb.bilderbar.info",
    layout="files like wav/03a01Fa.wav (speaker 03, sentence a01, emotion F, take a)",
    labels={
        "W": "anger",
        "L": "boredom",
        "E": "disgust",
        "A": "fear",
        "F": "happiness",
        "T": "sadness",
        "N": "neutral",
    },
    clips=535,
    speakers=10,
    emotions={
        "anger": 127,
        "boredom": 81,
        "disgust": 46,
        "fear": 69,
        "happiness": 71,
        "neutral": 79,
        "sadness": 62,
    },
    scales="extra: share of 20 listeners who recognised the emotion, and who found it natural (perception test)",
    notes=(
        "The letters are German: Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.",
        "Every released clip was recognised by at least 80 % of 20 listeners: the emotions are easy to hear.",
        "Some speakers lack a class: pool the folds' predictions before computing one UAR.",
        "CC0 is stated by the republisher's card; the original page names no licence.",
    ),
)

_NAME = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")
_SPEAKERS: dict[str, tuple[Literal["female", "male"], int]] = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
_SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


def read(root: Path) -> Manifest:
    """Read the labels from the file names, and the perception test where it is there.

    Raises:
        DataError: no such file below `root`, or a speaker, sentence or emotion that EmoDB does not have.
    """
    judged = _perception(root)
    return CARD.manifest(root, (_utterance(path, match, judged) for match, path in named(root, _NAME)))


def _utterance(path: str, match: re.Match[str], judged: dict[str, dict[str, str]]) -> Utterance:
    speaker, sentence, emotion, take = match.groups()
    for what, code, known in (("speaker", speaker, _SPEAKERS), ("sentence", sentence, _SENTENCES)):
        if code not in known:
            raise DataError(f"{path}: EmoDB has no {what} {code}; it has {', '.join(known)}")
    sex, age = _SPEAKERS[speaker]
    return Utterance(
        id=match.group(),
        path=path,
        speaker=f"emodb/{speaker}",
        emotion=CARD.emotion(emotion, path),
        language="de",
        text=_SENTENCES[sentence],
        sex=sex,
        age=age,
        extra={"text_id": sentence, "take": take, **judged.get(match.group(), {})},
    )


def _perception(root: Path) -> dict[str, dict[str, str]]:
    """Read the perception test: id -> shares. Its 816 lines include the clips that were not released."""
    path = root / "erkennung_perception_test.txt"
    if not path.is_file():
        return {}
    # Latin-1 with no-break spaces before the tabs and decimal commas
    rows = re.findall(r"(\w+)\.wav\s+([\d,]+)\s+([\d,]+)", path.read_text(encoding="latin-1"))
    return {name: {"recognised": _share(right), "natural": _share(natural)} for name, right, natural in rows}


def _share(percent: str) -> str:
    return f"{float(percent.replace(',', '.')) / 100:g}"


PROTOCOLS = {
    "loso": Protocol(
        "leave one speaker out, 10 folds, 7 classes; pool before UAR",
        leave_one_speaker_out,
        sha256="8e8f1190ef9ab25cedb2f07ec4929846c7aba6ffb2212623ecd9fcf9d4f61c8c",
    )
}
