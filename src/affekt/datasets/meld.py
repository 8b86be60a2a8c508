"""MELD.Raw's three CSVs and folders of clips -> Manifest, with its dialogues."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from affekt.datasets._card import AUDIO, Card, Defect, Protocol, audio_files, table
from affekt.errors import DataError
from affekt.manifest import Manifest, Part, predefined
from affekt.types import Utterance

CARD = Card(
    name="meld",
    title="MELD, Multimodal EmotionLines Dataset (Friends)",
    languages=("en",),
    elicitation="acted",
    licence="GPL-3.0 (repository); the series' audio and scripts are copyrighted",
    licence_url="https://github.com/declare-lab/MELD/blob/master/LICENSE",
    use="evaluation",
    citation=(
        "Poria, S., Hazarika, D., Majumder, N., Naik, G., Cambria, E., Mihalcea, R. (2019). MELD: A Multimodal "
        "Multi-Party Dataset for Emotion Recognition in Conversation. ACL 2019, 527-536. arXiv:1810.02508"
    ),
    homepage="https://affective-meld.github.io",
    layout=(
        "train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv, and clips like train_splits/dia0_utt0.mp4, "
        "dev_splits_complete/..., output_repeated_splits_test/... (or .wav, .flac of the same names)"
    ),
    labels={
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "joy": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprise": "surprise",
    },
    clips=13708,
    speakers=304,
    emotions={
        "anger": 1607,
        "disgust": 361,
        "fear": 358,
        "happiness": 2308,
        "neutral": 6436,
        "sadness": 1002,
        "surprise": 1636,
    },
    defects=(
        Defect("missing", ("dev/dia110_utt7",), "in dev_sent_emo.csv, but not in the archive"),
        Defect("unreadable", ("train/dia125_utt3",), "broken in the archive"),
    ),
    notes=(
        "The six main characters speak in all parts of the official split, by design: its fold is marked leaky.",
        "The audience laughs on the audio. Some clips are cut wrongly (test dia38_utt4 and dia220_utt0 last minutes).",
        "Speakers are the roles' names; All and small roles are several people.",
    ),
)

_FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
_COLUMNS = (
    "Utterance",
    "Speaker",
    "Emotion",
    "Sentiment",
    "Dialogue_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "StartTime",
    "EndTime",
)
_CLIP = re.compile(r"dia\d+_utt\d+")


def read(root: Path) -> Manifest:
    """Read the CSVs that are there; rows whose clip is not there are left out.

    Raises:
        DataError: the folder holds no clip of MELD, or a CSV is damaged.
    """
    return CARD.manifest(root, (u for part in _FOLDERS for u in _part(root, part)))


def _part(root: Path, part: str) -> Iterator[Utterance]:
    folder, listing = _find(root, _FOLDERS[part]), _find(root, f"{part}_sent_emo.csv")
    if folder is None or listing is None:
        return
    base = folder.relative_to(root).as_posix()
    files = {key: f"{base}/{path}" for key, path in audio_files(folder, (*AUDIO, ".mp4")).items()}
    for where, row in table(listing, _COLUMNS):
        clip = _clip(row, where)
        if clip in files:
            yield _utterance(row, where, f"{part}/{clip}", files[clip])


def _find(root: Path, name: str) -> Path | None:
    """Find a file or folder in `root` or at most two folders below; the archives nest differently when unpacked."""
    return next((path for depth in ("", "*/", "*/*/") for path in sorted(root.glob(depth + name))), None)


def _clip(row: Mapping[str, str], where: str) -> str:
    clip = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
    if not _CLIP.fullmatch(clip):
        raise DataError(f"{where}: Dialogue_ID and Utterance_ID must be numbers, not {clip!r}")
    return clip


def _utterance(row: Mapping[str, str], where: str, name: str, path: str) -> Utterance:
    part = name.partition("/")[0]
    return Utterance(
        id=name,
        path=path,
        speaker=f"meld/{row['Speaker'].strip()}",
        emotion=CARD.emotion(row["Emotion"], where),
        language="en",
        text=row["Utterance"],
        session=f"meld/{part}/dia{row['Dialogue_ID']}",
        extra={
            "split": part,
            "place": row["Utterance_ID"],
            "sentiment": row["Sentiment"],
            "season": row["Season"],
            "episode": row["Episode"],
            "start": row["StartTime"],
            "end": row["EndTime"],
        },
    )


def expected(root: Path) -> Iterator[str]:
    """Yield the ids of the CSVs that are there."""
    for part in _FOLDERS:
        if listing := _find(root, f"{part}_sent_emo.csv"):
            yield from (f"{part}/{_clip(row, where)}" for where, row in table(listing, _COLUMNS))


_PARTS: Mapping[str, Part] = {"train": "train", "dev": "dev", "test": "test"}

PROTOCOLS = {
    "official": Protocol(
        "official train, dev, test; speakers are shared, so the fold is marked leaky; weighted F1 is customary",
        lambda m: [predefined(m, lambda u: _PARTS.get(u.extra["split"]), name="official", allow_leak=True)],
        complete=False,
    )
}
