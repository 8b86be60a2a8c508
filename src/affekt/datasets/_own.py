"""What the two generic readers share: everyday emotion words, and the protocols of any corpus."""

from __future__ import annotations

from collections.abc import Mapping

from affekt.datasets._card import VOCABULARY, Protocol
from affekt.errors import UsageError
from affekt.manifest import folds_by_groups, leave_one_speaker_out, speaker_groups

_WORDS = {
    "anger": "ang angry",
    "boredom": "bored bor",
    "calm": "calmness",
    "contempt": "contemptuous",
    "disgust": "disgusted dis",
    "excitement": "excited exc",
    "fear": "fearful afraid fea scared",
    "frustration": "frustrated fru",
    "happiness": "happy hap joy joyful",
    "neutral": "neu",
    "sadness": "sad",
    "surprise": "surprised sur",
    "other": "oth",
}

WORDS: Mapping[str, str] = {word: name for name in VOCABULARY for word in (name, *_WORDS[name].split())}
"Everyday word, in lower case -> our name."

PROTOCOLS = {
    "loso": Protocol("leave one speaker out", leave_one_speaker_out),
    "5fold": Protocol("5 groups of speakers, balanced in clips", lambda m: folds_by_groups(m, speaker_groups(m, 5))),
}


def words(labels: str) -> dict[str, str]:
    """Return the everyday words and, over them, the caller's own: `Wut=anger,Freude=happiness`.

    Raises:
        UsageError: not such a list, or a name that is not in our vocabulary.
    """
    own = {}
    for pair in filter(None, labels.split(",")):
        word, equals, name = (part.strip() for part in pair.partition("="))
        if not equals or name not in VOCABULARY:
            raise UsageError(
                f"labels must be like Wut=anger,Freude=happiness with names of {', '.join(VOCABULARY)}, not {pair!r}"
            )
        own[word.lower()] = name
    return {**WORDS, **own}
