"""CREMA-D's AudioWAV/ and vote tables -> Manifest, for one of its four targets at a time.

The same clip has four labels: what the actor was told (`intended`) and what the crowd voted from the voice alone, from
the face alone, and from both. Voice votes agree with the intention for 41.6 % of the clips only, so results of
different targets are different tasks and never belong in one table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from affekt.datasets._card import Card, Defect, Protocol, named, number, shares, table
from affekt.errors import DataError, UsageError
from affekt.manifest import Fold, Manifest, fold, folds_by_groups
from affekt.types import Utterance

CARD = Card(
    name="crema_d",
    title="CREMA-D, Crowd-sourced Emotional Multimodal Actors Dataset",
    languages=("en",),
    elicitation="acted",
    licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
    licence_url="https://opendatacommons.org/licenses/odbl/1-0/",
    use="any",
    citation=(
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., Verma, R. (2014). CREMA-D: Crowd-Sourced "
        "Emotional Multimodal Actors Dataset. IEEE Trans. Affective Computing 5(4), 377-390. "
        "doi:10.1109/TAFFC.2014.2336244"
    ),
    homepage="https://github.com/CheyneyComputerScience/CREMA-D",
    layout=(
        "files like AudioWAV/1001_DFA_ANG_XX.wav (actor, sentence, emotion, level), VideoDemographics.csv and, for the "
        "perceived targets, processedResults/summaryTable.csv and tabulatedVotes.csv"
    ),
    labels={
        "ANG": "anger",
        "DIS": "disgust",
        "FEA": "fear",
        "HAP": "happiness",
        "NEU": "neutral",
        "SAD": "sadness",
    },
    clips=7442,
    speakers=91,
    emotions={"anger": 1271, "disgust": 1271, "fear": 1271, "happiness": 1271, "neutral": 1087, "sadness": 1271},
    scales="perceived targets: ratings are the shares of the crowd's votes; a tie has no label",
    defects=(
        Defect("silent", ("1076_MTI_SAD_XX",), "no sound in the release"),
        Defect("unreadable", ("1076_MTI_NEU_XX",), "reported as not playable"),
    ),
    notes=(
        "Options: target=intended (default), voice, face or audiovisual. Voice votes are 52 % neutral.",
        "A zip of the repository holds pointers instead of audio: clone it with git-lfs.",
        "Folds by clip (EmoBox, HEAR) share all 91 speakers between training and test.",
    ),
)

_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})")
_SENTENCES = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
_LETTERS = {"A": "anger", "D": "disgust", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness"}
_COLUMNS = {"voice": "VoiceVote", "face": "FaceVote", "audiovisual": "MultiModalVote"}
_QUERIES = {"1": "voice", "2": "face", "3": "audiovisual"}
"First digit of a row's number in tabulatedVotes.csv."

_Person = tuple[Literal["female", "male"], int]
_SEXES: Mapping[str, Literal["female", "male"]] = {"Female": "female", "Male": "male"}


def read(root: Path, target: str = "intended") -> Manifest:
    """Read names, actors and, for a perceived target, the crowd's votes.

    Args:
        root: the repository's folder.
        target: intended, voice, face or audiovisual.

    Raises:
        UsageError: no such target.
        DataError: the folder is not CREMA-D, or a table is damaged or lacks a clip.
    """
    if target not in ("intended", *_COLUMNS):
        raise UsageError(f"CREMA-D has no target {target!r}; choose intended, {', '.join(_COLUMNS)}")
    files = [(match, f"AudioWAV/{path}") for match, path in named(root / "AudioWAV", _NAME)]
    if not files:
        raise CARD.absent(root)
    people = _people(root)
    votes = {} if target == "intended" else _votes(root, target)
    rows = (_utterance(path, match, people) for match, path in files)
    return CARD.manifest(root, rows if target == "intended" else (_perceived(u, votes) for u in rows))


def _utterance(path: str, match: re.Match[str], people: Mapping[str, _Person]) -> Utterance:
    actor, sentence, emotion, level = match.groups()
    for what, code, known in (("sentence", sentence, _SENTENCES), ("level", level, _LEVELS)):
        if code not in known:
            raise DataError(f"{path}: CREMA-D has no {what} {code}; it has {', '.join(known)}")
    if actor not in people:
        raise DataError(f"{path}: actor {actor} has no row in VideoDemographics.csv")
    sex, age = people[actor]
    return Utterance(
        id=match.group(),
        path=path,
        speaker=f"crema_d/{actor}",
        emotion=CARD.emotion(emotion, path),
        language="en",
        text=_SENTENCES[sentence],
        sex=sex,
        age=age,
        extra={"text_id": sentence, "level": _LEVELS[level], "intended": str(CARD.labels[emotion])},
    )


_Votes = Mapping[str, tuple[str | None, dict[str, float] | None]]


def _perceived(u: Utterance, votes: _Votes) -> Utterance:
    if u.id not in votes:
        raise DataError(f"{u.path} has no row in processedResults/summaryTable.csv")
    emotion, ratings = votes[u.id]
    return replace(u, emotion=emotion, ratings=ratings)


def _people(root: Path) -> dict[str, _Person]:
    people: dict[str, _Person] = {}
    for where, row in table(root / "VideoDemographics.csv", ("ActorID", "Age", "Sex")):
        if row["Sex"] not in _SEXES:
            raise DataError(f"{where}: Sex must be Female or Male, not {row['Sex']!r}")
        people[row["ActorID"]] = _SEXES[row["Sex"]], int(number(row["Age"], where, "Age"))
    return people


def _votes(root: Path, target: str) -> _Votes:
    """Read what the crowd said of each clip: (majority or None for a tie, shares)."""
    folder, column = root / "processedResults", _COLUMNS[target]
    counted = _counts(folder, target)
    found = {}
    for where, row in table(folder / "summaryTable.csv", ("FileName", column)):
        letters = row[column].split(":")
        if not set(letters) <= set(_LETTERS):
            raise DataError(f"{where}: {column} must be letters of {', '.join(_LETTERS)}, not {row[column]!r}")
        found[row["FileName"]] = _LETTERS[letters[0]] if len(letters) == 1 else None, counted.get(row["FileName"])
    return found


def _counts(folder: Path, target: str) -> dict[str, dict[str, float] | None]:
    counts = {}
    for where, row in table(folder / "tabulatedVotes.csv", ("", "fileName", *_LETTERS)):
        if _QUERIES.get(row[""][:1]) == target:
            votes = {name: number(row[letter], where, letter) for letter, name in _LETTERS.items()}
            counts[row["fileName"]] = shares(votes)
    return counts


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of SentenceFilenames.csv, the release's own list, where it is there."""
    path = root / "SentenceFilenames.csv"
    if path.is_file():
        yield from (row["Filename"] for _, row in table(path, ("Filename",)))


def _actors(first: int, last: int) -> frozenset[str]:
    return frozenset(f"crema_d/{n}" for n in range(first, last + 1))


_SUPERB = [_actors(1001, 1018), _actors(1019, 1036), _actors(1037, 1054), _actors(1055, 1072), _actors(1073, 1091)]

_EVAR_TEST = "1001 1004 1017 1019 1020 1025 1026 1029 1033 1035 1042 1044 1050 1053 1056 1058 1060 1069 1083"
_EVAR_DEV = "1009 1011 1022 1034 1039 1047 1066 1070 1082"
_EVAR_LEFT_OUT = frozenset({"1006_TIE_NEU_XX", "1013_WSI_DIS_XX", "1017_IWW_FEA_XX", "1040_ITH_SAD_XX"})


def _single(manifest: Manifest, name: str, dev: frozenset[str], test: frozenset[str]) -> list[Fold]:
    return [
        fold(
            name,
            train=manifest.filter(lambda u: u.speaker not in dev | test),
            test=manifest.filter(lambda u: u.speaker in test),
            dev=manifest.filter(lambda u: u.speaker in dev),
        )
    ]


def _evar(manifest: Manifest) -> list[Fold]:
    dev, test = (frozenset(f"crema_d/{n}" for n in names.split()) for names in (_EVAR_DEV, _EVAR_TEST))
    return _single(manifest.filter(lambda u: u.id not in _EVAR_LEFT_OUT), "evar", dev, test)


PROTOCOLS = {
    "emo-superb": Protocol(
        "5 blocks of 18-19 actors, the next block is dev (EMO-SUPERB)",
        lambda m: folds_by_groups(m, _SUPERB, dev=_SUPERB[1:] + _SUPERB[:1]),
        sha256="b6720a0982b0f2cb6f947d7d6839c29f333e7f4d345cd79b8f582ec8188cf8ed",
    ),
    "evar": Protocol(
        "one split of 63/9/19 actors, 5155/732/1551 clips, 4 clips left out (EVAR, TFDS, NOSS)",
        _evar,
        complete=False,
        sha256="86328ed86ac90bfabc59657738f667d61326fdc873d35f6ff73c56c5af776b05",
    ),
    "peft": Protocol(
        "train 1001-1058, dev 1059-1073, test 1074-1091 (PEFT-SER)",
        lambda m: _single(m, "peft", _actors(1059, 1073), _actors(1074, 1091)),
        complete=False,
        sha256="e1722b7a7dd8b0ce2688a6888accc88598a2b1667715fa4ec18d56b0a3035e6d",
    ),
}
