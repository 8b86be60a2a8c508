"""Public fold lists -> benchmarks/LEAK_AUDIT.md. Which of the field's splits share speakers between training and test.

    git clone https://github.com/emo-box/EmoBox lists/EmoBox
    git clone https://github.com/EMOsuperb/EMO-SUPERB-submission lists/EMO-SUPERB-submission
    git clone https://github.com/nttcslab/eval-audio-repr lists/eval-audio-repr
    python -m benchmarks.leak_audit lists

Names of clips tell who speaks. Lists that are not in the folder are left out. Splits that are made by code and not
published as lists are recomputed from the corpus's own names, as the code deals them.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import page

PARTS = ("train", "dev", "test")


class Clip(NamedTuple):
    """A row of a list."""

    fold: str
    part: str
    "train, dev or test"
    name: str


@dataclass(frozen=True)
class Fold:
    """Who is where in one fold."""

    name: str
    clips: Mapping[str, int]
    "train, dev, test -> clips"
    speakers: Mapping[str, frozenset[str]]
    twice: int
    "clips that are in two parts"

    @property
    def shared(self) -> frozenset[str]:
        """Speakers of the test who are also heard before."""
        return (self.speakers["train"] | self.speakers["dev"]) & self.speakers["test"]


@dataclass(frozen=True)
class List:
    """A published split and how to read it."""

    title: str
    repository: str
    "its folder is the name behind the slash"
    files: str
    "glob"
    read: Callable[[Path], Iterable[Clip]]
    speaker: str
    "regular expression: its first group in a clip's name is the speaker"


def audit(clips: Iterable[Clip], speaker: str) -> list[Fold]:
    """Count, fold by fold, the clips and the speakers of each part.

    Raises:
        ValueError: a name in which no speaker can be found.
    """
    rows: dict[str, dict[str, list[str]]] = defaultdict(lambda: {part: [] for part in PARTS})
    for fold, part, name in clips:
        rows[fold][part].append(name)
    return [_fold(name, parts, re.compile(speaker)) for name, parts in sorted(rows.items())]


def _fold(name: str, parts: Mapping[str, list[str]], speaker: re.Pattern[str]) -> Fold:
    people = {part: frozenset(_who(clip, speaker) for clip in clips) for part, clips in parts.items()}
    sets = [set(clips) for clips in parts.values()]
    twice = sum(map(len, sets)) - len(set().union(*sets))
    return Fold(name, {part: len(clips) for part, clips in parts.items()}, people, twice)


def _who(clip: str, speaker: re.Pattern[str]) -> str:
    match = speaker.search(clip)
    if match is None:
        raise ValueError(f"no speaker in {clip!r}")
    return match[1]


# Formats ----------------------------------------------------------------------------------------------------------


def emobox(path: Path) -> Iterator[Clip]:
    """`fold_1/cremad_train_fold_1.jsonl`: one JSON object a line, its key is the clip."""
    part = re.search(r"_(train|valid|test)_", path.name)
    for line in path.read_text(encoding="utf-8").splitlines():
        if part and line.strip():
            yield Clip(path.parent.name, {"valid": "dev"}.get(part[1], part[1]), json.loads(line)["key"])


def superb(path: Path) -> Iterator[Clip]:
    """`labels_consensus_1.csv`: columns FileName, SpkrID, Split_Set."""
    yield from _rows(path, "FileName", "Split_Set", path.stem.rpartition("_")[2])


def evar(path: Path) -> Iterator[Clip]:
    """`cremad.csv`: columns file_name, split."""
    yield from _rows(path, "file_name", "split", "1")


_WORDS = {"train": "train", "valid": "dev", "validation": "dev", "development": "dev", "dev": "dev", "test": "test"}


def _rows(path: Path, name: str, part: str, fold: str) -> Iterator[Clip]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Clip(fold, _WORDS[row[part].lower()], row[name])


_EMOBOX, _SUPERB, _EVAR = "emo-box/EmoBox", "EMOsuperb/EMO-SUPERB-submission", "nttcslab/eval-audio-repr"
_IEMOCAP = r"Ses(0\d)"  # the session: its two speakers are heard in one recording

LISTS = (
    List("EmoBox CREMA-D", _EMOBOX, "data/cremad/fold_*/*_fold_*.jsonl", emobox, r"cremad-(\d{4})"),
    List("EmoBox EmoDB", _EMOBOX, "data/emodb/fold_*/*_fold_*.jsonl", emobox, r"emodb-(\d\d)"),
    List("EmoBox TESS", _EMOBOX, "data/tess/fold_*/*_fold_*.jsonl", emobox, r"tess-([OY]AF)"),
    List("EmoBox RAVDESS", _EMOBOX, "data/ravdess/fold_*/*_fold_*.jsonl", emobox, r"-(\d\d)$"),
    List("EmoBox SAVEE", _EMOBOX, "data/savee/fold_*/*_fold_*.jsonl", emobox, r"savee-([A-Z]{2})"),
    List("EmoBox IEMOCAP (sessions)", _EMOBOX, "data/iemocap/fold_*/*_fold_*.jsonl", emobox, _IEMOCAP),
    List("EMO-SUPERB CREMA-D", _SUPERB, "data/CREMA-D/Primary/labels_consensus_*.csv", superb, r"^(\d{4})"),
    List("EMO-SUPERB IEMOCAP (sessions)", _SUPERB, "data/IEMOCAP/Secondary/labels_consensus_*.csv", superb, _IEMOCAP),
    List(
        "EMO-SUPERB MSP-IMPROV (dyads)", _SUPERB, "data/IMPROV/Primary/labels_consensus_*.csv", superb, r"-[FM](\d\d)-"
    ),
    List("EVAR CREMA-D", _EVAR, "evar/metadata/cremad.csv", evar, r"^(\d{4})"),
)


# Splits that are made by code -------------------------------------------------------------------------------------


def arch() -> Iterator[Clip]:
    """ARCH's RAVDESS: `train_test_split(paths, test_size=0.2, random_state=42)`, twice; paths here in sorted order."""
    from sklearn.model_selection import train_test_split

    from affekt import registry

    names = list(registry.load("datasets", "ravdess").expected(Path()))
    rest, test = train_test_split(names, test_size=0.2, random_state=42)
    train, dev = train_test_split(rest, test_size=0.2, random_state=42)
    yield from (Clip("1", part, name) for part, side in zip(PARTS, (train, dev, test), strict=True) for name in side)


# Page -------------------------------------------------------------------------------------------------------------

HEAD = """# Leak audit of published splits

Written by `python -m benchmarks.leak_audit FOLDER` on {date}, commit {commit}. Speakers are read from the clips' names
in the published lists; `shared` counts test speakers who are also in training or validation, in the worst fold. No list
is copied here. A range is the smallest and largest fold.

| list | folds | clips: train / dev / test | speakers: train / dev / test | shared | verdict | source |
|---|---|---|---|---|---|---|
"""
CODE = """
Made by code, not published as a list:

- **ARCH RAVDESS** is dealt by `train_test_split` over clips (MorenoLaQuatra/ARCH@15dcf23
  `arch_eval/evaluation/classification/speech/ravdess.py`); recomputed over the names in sorted order, as the order of
  `glob` is the machine's.
- **HEAR CREMA-D** has `"split_mode": "new_split_kfold"`, five folds over all clips, and takes no speaker
  (hearbenchmark/hear-preprocess@cbcba42 `hearpreprocess/secrettasks/hearsecrettasks/tfds_crema_d.py`): **LEAKY** as the
  code reads; not recomputed.

What `affekt` uses instead, with no speaker shared: `crema_d/emo-superb`, `crema_d/evar`, `emodb/loso`, `tess/2fold`,
`ravdess/6fold`, `savee/loso`, `iemocap/5session`.
"""


def main(folder: Path) -> None:
    rows = [*(_row(one, folder) for one in LISTS if list((folder / one.repository.rpartition("/")[2]).glob(one.files)))]
    if not rows:
        sys.exit(f"{folder} holds none of the lists. {__doc__}")
    rows.append(line("ARCH RAVDESS", audit(arch(), r"-(\d\d)$"), "MorenoLaQuatra/ARCH@15dcf23, recomputed"))
    origin = page.origin("benchmarks.leak_audit")
    page.write("LEAK_AUDIT.md", HEAD.format(**origin) + "\n".join(rows) + "\n" + CODE)


def _row(one: List, folder: Path) -> str:
    root = folder / one.repository.rpartition("/")[2]
    clips = [clip for path in sorted(root.glob(one.files)) for clip in one.read(path)]
    return line(one.title, audit(clips, one.speaker), f"{one.repository}@{_commit(root)} `{one.files}`")


def _commit(root: Path) -> str:
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:7] or "?"


def line(title: str, folds: list[Fold], source: str) -> str:
    """One row of the table."""
    shared = max(len(fold.shared) for fold in folds)
    twice = max(fold.twice for fold in folds)
    clips = " / ".join(_range(fold.clips[part] for fold in folds) for part in PARTS)
    people = " / ".join(_range(len(fold.speakers[part]) for fold in folds) for part in PARTS)
    verdict = "**LEAKY**" if shared else "speaker-independent"
    verdict += f", {twice} clips in two parts" if twice else ""
    return f"| {title} | {len(folds)} | {clips} | {people} | {shared} | {verdict} | {source} |"


def _range(numbers: Iterable[int]) -> str:
    found = sorted(numbers)
    return f"{found[0]}" if found[0] == found[-1] else f"{found[0]}-{found[-1]}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("lists"))
