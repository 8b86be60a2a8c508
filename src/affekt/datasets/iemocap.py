"""IEMOCAP's Session1 ... Session5 -> Manifest, in the order of the dialogues.

Read per session: `dialog/EmoEvaluation/*.txt` (majority label, mean valence, activation and dominance, every rater's
categories), `dialog/transcriptions/*.txt` and the names in `sentences/wav/`. The letter in a dialogue's name (Ses01F)
tells who wore the markers, not who speaks: the speaker is in the turn's suffix (_F012, _M003).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from affekt.datasets._card import Card, Protocol, audio_files, shares
from affekt.errors import DataError, UsageError
from affekt.manifest import Fold, Manifest, fold, folds_by_groups
from affekt.types import Affect, LabelSet, Utterance

CARD = Card(
    name="iemocap",
    title="IEMOCAP, Interactive Emotional Dyadic Motion Capture",
    languages=("en",),
    elicitation="acted",
    licence="USC SAIL release agreement",
    licence_url="https://sail.usc.edu/iemocap/iemocap_release.htm",
    use="research",
    citation=(
        "Busso, C., Bulut, M., Lee, C.-C., Kazemzadeh, A., Mower, E., Kim, S., Chang, J. N., Lee, S., Narayanan, S. S. "
        "(2008). IEMOCAP: Interactive emotional dyadic motion capture database. Language Resources and Evaluation "
        "42(4), 335-359. doi:10.1007/s10579-008-9076-6"
    ),
    homepage="https://sail.usc.edu/iemocap/",
    layout=(
        "folders Session1 to Session5 with dialog/EmoEvaluation/Ses01F_impro01.txt and "
        "sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    ),
    labels={
        "ang": "anger",
        "dis": "disgust",
        "exc": "excitement",
        "fea": "fear",
        "fru": "frustration",
        "hap": "happiness",
        "neu": "neutral",
        "oth": "other",
        "sad": "sadness",
        "sur": "surprise",
        "xxx": None,
    },
    clips=10039,
    speakers=10,
    emotions={
        "anger": 1103,
        "disgust": 2,
        "excitement": 1041,
        "fear": 40,
        "frustration": 1849,
        "happiness": 595,
        "neutral": 1708,
        "sadness": 1084,
        "surprise": 107,
        "other": 3,
    },
    scales=(
        "valence, activation, dominance 1-5, mean of the raters -> [-1, 1] (means beyond the scale are cut to it); "
        "ratings: each rater's categories share one vote, self-reports are left out"
    ),
    notes=(
        "Options: excited=excitement (default) or happiness, the merge that nearly all 4-class results use.",
        "2507 clips have no majority label (xxx): they keep affect and ratings.",
        "The same scripts are played in all sessions: results from text, or with it, are too good unless improvised "
        "dialogues are taken alone (extra: style).",
        "session holds both people of a dyad; a split by speaker alone parts people who are heard in one recording.",
    ),
)

_TURN = re.compile(
    r"\[(?P<start>\d+\.\d+) - (?P<end>\d+\.\d+)\]\t(?P<name>\w+)\t(?P<label>\w+)"
    r"\t\[(?P<valence>\d+\.\d+), (?P<activation>\d+\.\d+), (?P<dominance>\d+\.\d+)\]\s*"
)
_NAME = re.compile(r"Ses(?P<session>0[1-5])[FM]_(?P<scene>(?:impro|script)\w+)_(?P<sex>[FM])\w+")
_VOTE = re.compile(r"C-E\w+:\s*(?P<categories>[^(]*)")
_SAID = re.compile(r"(?P<name>Ses\w+) \[[\d.]+-[\d.]+\]: ?(?P<text>.*)")
_CATEGORIES = {
    "anger": "anger",
    "disgust": "disgust",
    "excited": "excitement",
    "fear": "fear",
    "frustration": "frustration",
    "happiness": "happiness",
    "neutral": "neutral",
    "neutral state": "neutral",
    "other": "other",
    "sadness": "sadness",
    "surprise": "surprise",
}
"A rater's own words, in lower case."


@dataclass(slots=True)
class _Turn:
    """One judged turn of an EmoEvaluation file."""

    fields: Mapping[str, str]
    where: str
    votes: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def read(root: Path, excited: str = "excitement") -> Manifest:
    """Read every judged turn whose audio is there.

    Args:
        root: IEMOCAP_full_release, or the folder that holds it.
        excited: what the corpus's label `exc` becomes, excitement or happiness.

    Raises:
        UsageError: `excited` is neither.
        DataError: the folder is not IEMOCAP, or an evaluation file is damaged.
    """
    if excited not in ("excitement", "happiness"):
        raise UsageError(f"excited must be excitement or happiness, not {excited!r}")
    root = _release(root)
    rows = (u for folder in _sessions(root) for u in _session(root, folder))
    if excited == "excitement":
        return CARD.manifest(root, rows)
    labels = LabelSet(tuple(name for name in CARD.label_set if name != "excitement"))
    return CARD.manifest(root, map(_merge, rows), labels)


def _merge(u: Utterance) -> Utterance:
    """Count excitement as happiness, in the label and in the ratings."""
    votes: dict[str, float] = defaultdict(float)
    for name, share in (u.ratings or {}).items():
        votes["happiness" if name == "excitement" else name] += share
    emotion = "happiness" if u.emotion == "excitement" else u.emotion
    return replace(u, emotion=emotion, ratings=dict(votes) or None)


def _release(root: Path) -> Path:
    return root / "IEMOCAP_full_release" if (root / "IEMOCAP_full_release").is_dir() else root


def _sessions(root: Path) -> list[Path]:
    return [folder for n in range(1, 6) if (folder := root / f"Session{n}").is_dir()]


def _session(root: Path, folder: Path) -> Iterator[Utterance]:
    wavs = folder / "sentences" / "wav"
    base = wavs.relative_to(root).as_posix()
    files = {key.rpartition("/")[2]: f"{base}/{path}" for key, path in audio_files(wavs).items()}
    for evaluation in _evaluations(folder):
        spoken = _transcript(folder / "dialog" / "transcriptions" / evaluation.name)
        present = [turn for turn in _turns(evaluation) if turn.fields["name"] in files]
        for place, turn in enumerate(present):
            name = turn.fields["name"]
            yield _utterance(turn, files[name], spoken.get(name), place)


def _evaluations(folder: Path) -> list[Path]:
    return sorted((folder / "dialog" / "EmoEvaluation").glob("Ses*.txt"))


def _turns(path: Path) -> list[_Turn]:
    """Read the turns of one dialogue, in the order in which they were said."""
    turns: list[_Turn] = []
    for count, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        where = f"{path}, line {count}"
        if line.startswith("["):
            match = _TURN.fullmatch(line)
            if match is None:
                raise DataError(
                    f"{where}: expected [start - end] TAB name TAB label TAB [valence, activation, dominance]"
                )
            turns.append(_Turn(match.groupdict(), where))
        elif turns and (vote := _VOTE.match(line)):
            _count(turns[-1].votes, vote["categories"], where)
    return sorted(turns, key=lambda turn: (float(turn.fields["start"]), turn.fields["name"]))


def _count(votes: dict[str, float], categories: str, where: str) -> None:
    """Add one rater's vote; a rater may name several categories, which then share it."""
    chosen = [name for part in categories.split(";") if (name := part.strip().lower())]
    for name in chosen:
        if name not in _CATEGORIES:
            raise DataError(f"{where}: IEMOCAP has no category {name!r}; it has {', '.join(_CATEGORIES)}")
        votes[_CATEGORIES[name]] += 1 / len(chosen)


def _transcript(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {match["name"]: match["text"].strip() for line in lines if (match := _SAID.fullmatch(line))}


def _utterance(turn: _Turn, path: str, text: str | None, place: int) -> Utterance:
    name = turn.fields["name"]
    match = _NAME.fullmatch(name)
    if match is None:
        raise DataError(f"{turn.where}: {name!r} is no turn of IEMOCAP, like Ses01F_impro01_F000")
    own = turn.fields["label"]
    return Utterance(
        id=name,
        path=path,
        speaker=f"iemocap/Ses{match['session']}{match['sex']}",
        emotion=CARD.emotion(own, turn.where),
        affect=_affect(turn.fields),
        language="en",
        text=text,
        ratings=shares(turn.votes),
        session=f"iemocap/Ses{match['session']}",
        sex="female" if match["sex"] == "F" else "male",
        extra={
            "dialogue": name.rpartition("_")[0],
            "place": str(place),
            "start": turn.fields["start"],
            "end": turn.fields["end"],
            "style": "improvised" if match["scene"].startswith("impro") else "scripted",
            "label": own,
        },
    )


def _affect(fields: Mapping[str, str]) -> Affect:
    # A few means lie outside the raters' scale (0.5, 5.5): slips of the original annotation tool
    values = (min(max(float(fields[name]), 1.0), 5.0) for name in ("valence", "activation", "dominance"))
    return Affect.from_scale(*values, low=1, high=5)


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of all evaluation files."""
    for folder in _sessions(_release(root)):
        for evaluation in _evaluations(folder):
            yield from (turn.fields["name"] for turn in _turns(evaluation))


_FOUR = LabelSet(("anger", "happiness", "neutral", "sadness"))
_SIX = LabelSet(("anger", "excitement", "frustration", "happiness", "neutral", "sadness"))


def _four(manifest: Manifest) -> Manifest:
    return manifest.relabel(_FOUR, {"excitement": "happiness"})


def _by_session(manifest: Manifest) -> list[Fold]:
    groups = [(f"iemocap/Ses0{n}",) for n in range(1, 6)]
    return folds_by_groups(_four(manifest), groups, by="session")


def _by_speaker(manifest: Manifest) -> list[Fold]:
    pairs = [(f"iemocap/Ses0{n}{a}", f"iemocap/Ses0{n}{b}") for n in range(1, 6) for a, b in ("FM", "MF")]
    return folds_by_groups(_four(manifest), [(test,) for test, _ in pairs], dev=[(dev,) for _, dev in pairs])


def _conversation(manifest: Manifest) -> list[Fold]:
    six = manifest.relabel(_SIX)
    return [
        fold(
            "Ses05",
            train=six.filter(lambda u: u.session != "iemocap/Ses05"),
            test=six.filter(lambda u: u.session == "iemocap/Ses05"),
        )
    ]


PROTOCOLS: Mapping[str, Protocol] = {
    "5session": Protocol(
        "leave one session out, anger, happiness with excitement, neutral, sadness (5531 clips); tune on training "
        "speakers, never on the test session",
        _by_session,
        sha256="e4d670ba8841172ddc1a345538ba3e31ecb1a469b66810175b15f8ef296ad4a6",
    ),
    "10speaker": Protocol(
        "leave one speaker out, dev is the other speaker of the pair, the same 4 classes",
        _by_speaker,
        sha256="f2f6d5ec8a3e952bfdd2dd4f80794b72d0ae84a9a15c942caf387c9fcc205c30",
    ),
    "6class-ses5": Protocol(
        "train sessions 1-4, test session 5, 6 classes, for emotion recognition in conversation (conv-emotion)",
        _conversation,
        complete=False,
        sha256="7fa9b1f5bd3006020a2b11a5091a81a4ee31ce38b27de8dad7ac9a87f9cc41a5",
    ),
}
