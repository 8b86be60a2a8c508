"""SAVEE's folders DC, JE, JK, KL -> Manifest. Everything is in the file names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from affekt.datasets._card import Card, Protocol, audio_files
from affekt.errors import DataError
from affekt.manifest import Manifest, folds_by_groups
from affekt.types import Utterance

CARD = Card(
    name="savee",
    title="SAVEE, Surrey Audio-Visual Expressed Emotion",
    languages=("en",),
    elicitation="acted",
    licence="research only, on registration",
    licence_url="http://kahlan.eps.surrey.ac.uk/savee/Download.html",
    use="research",
    citation=(
        "Haq, S., Jackson, P. J. B. (2009). Speaker-Dependent Audio-Visual Emotion Recognition. AVSP 2009, 53-58"
    ),
    homepage="http://kahlan.eps.surrey.ac.uk/savee/",
    layout="files like DC/sa01.wav, or AudioData/DC/sa01.wav (speaker DC, emotion sa, sentence 01)",
    labels={
        "a": "anger",
        "d": "disgust",
        "f": "fear",
        "h": "happiness",
        "n": "neutral",
        "sa": "sadness",
        "su": "surprise",
    },
    clips=480,
    speakers=4,
    emotions={
        "anger": 60,
        "disgust": 60,
        "fear": 60,
        "happiness": 60,
        "neutral": 120,
        "sadness": 60,
        "surprise": 60,
    },
    notes=(
        "Four men only: results vary by 10 points with the speaker.",
        "Sentences 01-03 are common to all emotions, the others belong to one emotion each (neutral repeats some).",
        "A quarter of the clips are clipped somewhere.",
    ),
)

_NAME = re.compile(r"(?:.*/)?([A-Z]{2})[/_](sa|su|[a-z])(\d\d)")
_SPEAKERS = ("JE", "KL", "DC", "JK")
"In the order of the published folds."


def read(root: Path) -> Manifest:
    """Read the labels from the folder and file names; the flat DC_sa01.wav of some copies is read too.

    Raises:
        DataError: no such file below `root`, or a speaker, emotion or sentence that SAVEE does not have.
    """
    files = ((_NAME.fullmatch(key), path) for key, path in audio_files(root).items())
    return CARD.manifest(root, (_utterance(path, *match.groups()) for match, path in files if match))


def _utterance(path: str, speaker: str, emotion: str, sentence: str) -> Utterance:
    if speaker not in _SPEAKERS:
        raise DataError(f"{path}: SAVEE has no speaker {speaker}; it has {', '.join(sorted(_SPEAKERS))}")
    named = CARD.emotion(emotion, path)
    if not 1 <= int(sentence) <= _sentences(emotion):
        raise DataError(f"{path}: SAVEE has sentences 01 to {_sentences(emotion)} of {named}, not {sentence}")
    return Utterance(
        id=f"{speaker}_{emotion}{sentence}",
        path=path,
        speaker=f"savee/{speaker}",
        emotion=named,
        language="en",
        sex="male",
        extra={"text_id": f"common{sentence}" if int(sentence) <= 3 else f"{emotion}{sentence}"},
    )


def _sentences(emotion: str) -> int:
    return 30 if emotion == "n" else 15


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of the official release."""
    for speaker in _SPEAKERS:
        for emotion in CARD.labels:
            yield from (f"{speaker}_{emotion}{n:02d}" for n in range(1, _sentences(emotion) + 1))


PROTOCOLS = {
    "loso": Protocol(
        "leave one speaker out, 4 folds, 7 classes (EmoBox)",
        lambda m: folds_by_groups(m, [(f"savee/{name}",) for name in _SPEAKERS]),
        sha256="73134d861bf6cfb1dd1e439eda4d77e2507a3ec5938f25e96550f50a3919a71c",
    )
}
