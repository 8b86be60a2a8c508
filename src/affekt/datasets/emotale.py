"""EmoTale's wav/, annotations.csv and speaker_info.csv -> Manifest, with soft labels and affect of three raters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Literal

from affekt.datasets._card import Card, Protocol, named, number, shares, table
from affekt.errors import DataError
from affekt.manifest import Manifest, folds_by_groups
from affekt.types import Affect, Utterance

CARD = Card(
    name="emotale",
    title="EmoTale, enacted emotional speech in Danish and English",
    languages=("da", "en"),
    elicitation="acted",
    licence="no licence stated",
    licence_url="",
    use="research",
    citation=(
        "Hjuler, M. J., Skat-Rørdam, H. V., Clemmensen, L. H., Das, S. (2025). EmoTale: An Enacted Speech-emotion "
        "Dataset in Danish. ASRU 2025. arXiv:2508.14548"
    ),
    homepage="https://github.com/snehadas/EmoTale",
    layout="annotations.csv, speaker_info.csv and files like wav/DK_004_A_5.wav (language, speaker, emotion, sentence)",
    labels={"A": "anger", "B": "boredom", "H": "happiness", "N": "neutral", "S": "sadness"},
    clips=800,
    speakers=18,
    emotions={"anger": 160, "boredom": 160, "happiness": 160, "neutral": 160, "sadness": 160},
    scales="three raters: arousal, valence, dominance 1-5 in steps of 0.5, mean -> [-1, 1]; category -> soft label",
    notes=(
        "The same 18 people speak Danish and English: split by speaker, never by language.",
        "Speakers 014, 015, 018 and 019 speak Danish only. Three speakers are children (9 to 12 years).",
        "The emotion is the enacted one; the raters' votes are in `ratings`. The page speaks of two raters, the table "
        "has three.",
    ),
)

_NAME = re.compile(r"(DK|EN)_(\d{3})_([A-Z])_(\d+)")
_LANGUAGES = {"DK": "da", "EN": "en"}
_SENTENCES = {
    ("da", "1"): "Dugen ligger på køleskabet.",
    ("da", "2"): "Det sorte ark papir er placeret deroppe ved siden af tømmerstykket.",
    ("da", "3"): "De bar det bare ovenpå og nu skal de ned igen.",
    ("da", "4"): "Det vil være på det sted, hvor vi altid opbevarer det.",
    ("da", "5"): "Om syv timer er det morgen.",
    ("en", "1"): "The tablecloth is lying on the fridge.",
    ("en", "2"): "The black sheet of paper is located up there besides the piece of timber.",
    ("en", "3"): "They just carried it upstairs and now they are going down again.",
    ("en", "4"): "It will be in the place where we always store it.",
    ("en", "5"): "In seven hours it will be morning.",
}
_RATERS = ("a1", "a2", "a3")
_SEXES: Mapping[str, Literal["female", "male"]] = {"F": "female", "M": "male"}


def read(root: Path) -> Manifest:
    """Read names, ratings and speakers.

    Raises:
        DataError: the folder is not EmoTale, a CSV is damaged, or a recording is not in the CSVs.
    """
    files = list(named(root, _NAME))
    if not files:
        raise CARD.absent(root)
    ratings, speakers = _ratings(root), _speakers(root)
    return CARD.manifest(root, (_utterance(path, match, ratings, speakers) for match, path in files))


def _utterance(
    path: str, match: re.Match[str], ratings: Mapping[str, _Rated], speakers: Mapping[str, _Person]
) -> Utterance:
    name, (country, speaker, emotion, sentence) = match.group(), match.groups()
    if name not in ratings:
        raise DataError(f"{path} has no row in annotations.csv")
    if speaker not in speakers:
        raise DataError(f"{path}: speaker {speaker} has no row in speaker_info.csv")
    language = _LANGUAGES[country]
    if (language, sentence) not in _SENTENCES:
        raise DataError(f"{path}: EmoTale has sentences 1 to 5, not {sentence}")
    affect, votes = ratings[name]
    sex, age = speakers[speaker]
    return Utterance(
        id=name,
        path=path,
        speaker=f"emotale/{speaker}",
        emotion=CARD.emotion(emotion, path),
        affect=affect,
        language=language,
        text=_SENTENCES[language, sentence],
        ratings=votes,
        sex=sex,
        age=age,
        extra={"text_id": sentence},
    )


_Rated = tuple[Affect, dict[str, float] | None]
_Person = tuple[Literal["female", "male"], int]


def _ratings(root: Path) -> dict[str, _Rated]:
    columns = ["file", "gt_emotion", *(f"{rater}_{what}" for rater in _RATERS for what in ("A", "V", "D", "cat"))]
    return {
        row["file"].removesuffix(".wav"): _rated(row, where) for where, row in table(root / "annotations.csv", columns)
    }


def _rated(row: Mapping[str, str], where: str) -> _Rated:
    name = _NAME.fullmatch(row["file"].removesuffix(".wav"))
    if name is None or name.group(3) != row["gt_emotion"]:
        raise DataError(f"{where}: gt_emotion {row['gt_emotion']!r} is not the one in the file name {row['file']!r}")

    def mean(what: str) -> float:
        values = [number(row[f"{rater}_{what}"], where, f"{rater}_{what}") for rater in _RATERS]
        if not all(1 <= value <= 5 for value in values):
            raise DataError(f"{where}: the ratings of {what} must lie in 1 to 5, not {values}")
        return fmean(values)

    votes = Counter(str(CARD.emotion(row[f"{rater}_cat"], where)) for rater in _RATERS)
    return Affect.from_scale(mean("V"), mean("A"), mean("D"), low=1, high=5), shares(votes)


def _speakers(root: Path) -> dict[str, _Person]:
    people: dict[str, _Person] = {}
    for where, row in table(root / "speaker_info.csv", ("speaker", "gender", "age")):
        if row["gender"] not in _SEXES:
            raise DataError(f"{where}: gender must be F or M, not {row['gender']!r}")
        people[row["speaker"]] = _SEXES[row["gender"]], int(number(row["age"], where, "age"))
    return people


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of annotations.csv."""
    yield from _ratings(root)


# One man and two women each; 125 or 150 clips, for some speakers recorded Danish only.
_GROUPS = [
    tuple(f"emotale/{name}" for name in group.split())
    for group in ("004 001 014", "005 003 007", "006 008 010", "015 009 011", "018 012 016", "019 013 017")
]

PROTOCOLS = {
    "6groups": Protocol(
        "6 groups of 3 speakers (one man, two women), both languages, 5 classes",
        lambda m: folds_by_groups(m, _GROUPS),
        sha256="9bb87b66bb9e67457592e826ad3fd9abcd0cf01416249bd05e442308b27acc92",
    )
}
