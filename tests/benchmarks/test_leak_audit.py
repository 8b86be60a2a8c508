"""The audit of public lists counts clips and speakers of each part, and names who is on both sides."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks import leak_audit  # noqa: E402

TRAIN = """{"key": "cremad-1001-DFA-ANG-XX", "emo": "ANG"}
{"key": "cremad-1002-DFA-ANG-XX", "emo": "ANG"}
{"key": "cremad-1003-DFA-SAD-XX", "emo": "SAD"}
"""
TEST = """{"key": "cremad-1001-DFA-SAD-XX", "emo": "SAD"}
{"key": "cremad-1004-DFA-SAD-XX", "emo": "SAD"}
"""
SUPERB = """FileName,angry,sad,SpkrID,Gender,Split_Set
1001_DFA_ANG_XX.wav,0.9,0.1,1001,Male,Train
1002_DFA_ANG_XX.wav,0.9,0.1,1002,Female,Development
1003_DFA_SAD_XX.wav,0.1,0.9,1003,Female,Test
"""
EVAR = """file_name,label,speaker_id,split
1001_DFA_ANG_XX.wav,ANG,1001,train
1002_DFA_DIS_XX.wav,DIS,1002,valid
1003_DFA_DIS_XX.wav,DIS,1003,test
"""


def lists(tmp_path):
    files = {
        "EmoBox/data/cremad/fold_1/cremad_train_fold_1.jsonl": TRAIN,
        "EmoBox/data/cremad/fold_1/cremad_test_fold_1.jsonl": TEST,
        "EMO-SUPERB-submission/data/CREMA-D/Primary/labels_consensus_1.csv": SUPERB,
        "eval-audio-repr/evar/metadata/cremad.csv": EVAR,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def read(title, folder):
    one = next(one for one in leak_audit.LISTS if one.title == title)
    root = folder / one.repository.rpartition("/")[2]
    clips = [clip for path in sorted(root.glob(one.files)) for clip in one.read(path)]
    return leak_audit.audit(clips, one.speaker)


def test_a_speaker_on_both_sides_is_named(tmp_path):
    (fold,) = read("EmoBox CREMA-D", lists(tmp_path))
    assert fold.clips == {"train": 3, "dev": 0, "test": 2}
    assert fold.shared == {"1001"}
    row = leak_audit.line("EmoBox CREMA-D", [fold], "here")
    assert "| 3 / 0 / 2 | 3 / 0 / 2 | 1 | **LEAKY** |" in row


@pytest.mark.parametrize("title", ["EMO-SUPERB CREMA-D", "EVAR CREMA-D"])
def test_parts_without_common_speakers_are_speaker_independent(title, tmp_path):
    (fold,) = read(title, lists(tmp_path))
    assert fold.clips == {"train": 1, "dev": 1, "test": 1}
    assert fold.shared == frozenset()
    assert "speaker-independent" in leak_audit.line(title, [fold], "here")


def test_a_speaker_who_is_only_tuned_on_counts_as_heard():
    clips = [leak_audit.Clip("1", part, name) for part, name in (("train", "a1"), ("dev", "b1"), ("test", "b2"))]
    assert leak_audit.audit(clips, "(.)")[0].shared == {"b"}


def test_a_clip_in_two_parts_is_counted():
    clips = [leak_audit.Clip("1", part, "a1") for part in ("train", "test")]
    (fold,) = leak_audit.audit(clips, "(.)")
    assert fold.twice == 1
    assert "1 clips in two parts" in leak_audit.line("x", [fold], "here")


def test_a_name_without_a_speaker_is_refused():
    with pytest.raises(ValueError, match="no speaker in 'x'"):
        leak_audit.audit([leak_audit.Clip("1", "train", "x")], r"(\d)")


def test_random_deals_of_ravdess_share_every_actor():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")
    (fold,) = leak_audit.audit(leak_audit.arch(), r"-(\d\d)$")
    assert fold.clips == {"train": 921, "dev": 231, "test": 288}
    assert len(fold.shared) == 24


def test_the_published_page_has_the_verdicts_of_the_literature():
    """BENCHMARKS of the field: EmoBox's CREMA-D, EmoDB and TESS, and ARCH leak; the others do not."""
    rows = [line.split(" | ") for line in (ROOT / "benchmarks/LEAK_AUDIT.md").read_text("utf-8").splitlines()
            if line.startswith("| ") and not line.startswith("| list")]  # fmt: skip
    found = {cells[0].removeprefix("| "): int(cells[4]) for cells in rows}
    assert {name: shared for name, shared in found.items() if shared} == {
        "EmoBox CREMA-D": 91, "EmoBox EmoDB": 10, "EmoBox TESS": 2, "ARCH RAVDESS": 24,
    }  # fmt: skip
    assert len(found) == len(leak_audit.LISTS) + 1
