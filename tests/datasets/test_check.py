"""A check passes what is the corpus it claims to be, and says what is wrong with anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import layouts
import numpy as np
import pytest
import soundfile

from affekt import datasets
from affekt.datasets import _check
from affekt.datasets._check import Finding, Report, check
from affekt.errors import UnknownNameError
from affekt.types import Affect, Utterance


@pytest.fixture
def nemo(tmp_path) -> Path:
    """A small nEMO; it lacks most of the official clips, so counts are always found."""
    return layouts.build("nemo", tmp_path, layouts.noise)


def found(report: Report, kind: str) -> list[tuple[str, ...]]:
    return [f.items for f in report.findings if f.kind == kind]


def audio(path: Path, samples: np.ndarray) -> None:
    soundfile.write(path, samples.astype(np.float32), 16000)


NAME = "samples/EB0_anger_1.wav"


def test_what_is_whole_but_small_differs_in_its_counts_only(nemo):
    report = check("nemo", nemo)
    assert {f.kind for f in report.findings} == {"count"}
    assert "54 clips, the official release has 4481" in [f.note for f in report.findings]
    assert "9 clips of fear, the official release has 736" in [f.note for f in report.findings]
    assert report.seconds == pytest.approx(54 * 0.1)
    assert not report.ok


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not audio at all"])
def test_what_cannot_be_decoded_is_unreadable(data, nemo):
    (nemo / NAME).write_bytes(data)
    report = check("nemo", nemo)
    assert found(report, "unreadable") == [("EB0_anger_1",)]
    assert str(nemo) not in next(f.note for f in report.findings if f.kind == "unreadable")


def test_a_recording_that_was_cut_off_is_unreadable(nemo):
    audio(nemo / NAME, np.random.default_rng(0).uniform(-0.3, 0.3, 32000))
    whole = (nemo / NAME).read_bytes()
    (nemo / NAME).write_bytes(whole[: len(whole) // 4])
    assert found(check("nemo", nemo), "unreadable") == [("EB0_anger_1",)]


def test_digital_silence_is_found(nemo):
    audio(nemo / NAME, np.zeros(1600))
    assert found(check("nemo", nemo), "silent") == [("EB0_anger_1",)]


def test_a_quiet_recording_is_not_silent(nemo):
    """RAVDESS lies near -40 dBFS, and its quietest clip peaks at -47."""
    audio(nemo / NAME, np.random.default_rng(0).uniform(-0.004, 0.004, 1600))
    assert found(check("nemo", nemo), "silent") == []


def test_clipping_is_reported_and_does_not_fail(nemo):
    audio(nemo / NAME, np.clip(np.random.default_rng(0).normal(0, 1, 1600), -1, 1))
    report = check("nemo", nemo)
    (finding,) = [f for f in report.findings if f.kind == "clipped"]
    assert finding.items == ("EB0_anger_1",)
    assert not finding.fails


def test_the_same_sound_under_two_names_is_a_duplicate_even_in_another_container(nemo):
    samples, rate = soundfile.read(nemo / NAME, dtype="int16")
    (nemo / "samples/WR0_fear_1.wav").unlink()
    soundfile.write(nemo / "samples/WR0_fear_1.flac", samples, rate)
    report = check("nemo", nemo)
    assert [set(items) for items in found(report, "duplicate")] == [{"EB0_anger_1", "WR0_fear_1"}]


def test_the_same_samples_at_another_rate_are_another_sound(nemo):
    samples, _ = soundfile.read(nemo / NAME, dtype="int16")
    soundfile.write(nemo / "samples/WR0_fear_1.wav", samples, 8000)
    assert found(check("nemo", nemo), "duplicate") == []


def test_what_the_release_lists_and_is_not_there_is_missing(nemo):
    (nemo / NAME).unlink()
    assert found(check("nemo", nemo), "missing") == [("EB0_anger_1",)]


def test_audio_in_no_row_is_reported_and_does_not_fail(nemo):
    layouts.noise(nemo / "samples" / "extra.flac")
    (finding,) = [f for f in check("nemo", nemo).findings if f.kind == "extra"]
    assert finding.items == ("samples/extra.flac",)
    assert not finding.fails


def test_a_label_problem_is_a_finding(nemo):
    path = nemo / "data.tsv"
    path.write_text(path.read_text().replace("EB0_anger_1.wav\tanger", "EB0_anger_1.wav\trage"))
    report = check("nemo", nemo)
    (finding,) = report.findings
    assert finding.kind == "label"
    assert finding.fails
    assert "line 2" in finding.note


@pytest.mark.parametrize("name", ["ravdess", "iemocap", "table"])
def test_a_folder_that_is_not_the_corpus_fails_with_what_was_expected(name, tmp_path):
    report = check(name, tmp_path)
    assert not report.ok
    assert "expected" in report.findings[0].note


def test_a_segment_beyond_its_file_is_a_label_problem(tmp_path):
    root = layouts.build("mosi", tmp_path, layouts.noise)
    layouts.csd(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", layouts.MOSI_VIDEOS, {9: (1.0,)})
    notes = {f.note: len(f.items) for f in check("mosi", root).findings if f.kind == "label"}
    assert notes == {"the segment ends after its file": 3}


def test_each_file_is_decoded_once_however_many_segments_it_has(tmp_path):
    root = layouts.build("mosei", tmp_path, layouts.noise)
    calls = []
    report = check("mosei", root, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(n, 4) for n in (1, 2, 3, 4)]
    assert report.clips == 12
    assert report.ok


def test_defects_of_the_release_are_known_and_others_are_not(tmp_path):
    """RAVDESS's doubled recording is on its card; any other pair fails it."""
    root = layouts.build("ravdess", tmp_path, layouts.noise)
    for actor, emotion in (("07", "03"), ("08", "04")):
        one, other = (root / f"Actor_{actor}" / f"03-01-{emotion}-01-02-0{n}-{actor}.wav" for n in (1, 2))
        other.write_bytes(one.read_bytes())
    findings = {f.items[0]: (f.kind, f.fails) for f in check("ravdess", root).findings}
    assert findings == {
        "03-01-03-01-02-01-07": ("duplicate", False),
        "03-01-04-01-02-01-08": ("duplicate", True),
    }


def test_a_clip_that_the_release_lacks_is_not_counted_against_it(tmp_path):
    """MELD lists dev dia110_utt7, whose clip is in no archive."""
    root = layouts.build("meld", tmp_path, layouts.noise)
    listing = root / "dev_sent_emo.csv"
    listing.write_text(listing.read_text() + '4,Oh.,Ross,joy,positive,110,7,1,1,"00:00:01,000","00:00:02,000"\n')
    (missing,) = [f for f in check("meld", root).findings if f.kind == "missing"]
    assert missing.known
    assert missing.items == ("dev/dia110_utt7",)


def test_counts_allow_for_what_is_known_to_be_missing(tmp_path):
    """One clip of 29 is absent: with the allowance it is right, without it is not, and a surplus never is."""
    manifest = datasets.load("urdu", layouts.build("urdu", tmp_path))
    card = replace(datasets.card("urdu"), clips=30, emotions=manifest.counts | {"anger": manifest.counts["anger"] + 1})
    assert list(_check._counts(card, manifest, absent=1)) == []
    assert len(list(_check._counts(card, manifest, absent=0))) == 2
    assert len(list(_check._counts(replace(card, clips=28), manifest, absent=1))) == 1


def test_the_report_as_json_has_what_was_found_beside_what_is_official(nemo):
    report = check("nemo", nemo).to_dict()
    assert report["schema"] == "affekt.check/1"
    assert report["clips"] == {"found": 54, "official": 4481}
    assert report["emotions"]["official"]["neutral"] == 809
    assert {"kind", "fails", "known", "note", "items"} == set(report["findings"][0])


def test_an_unknown_corpus_is_answered_with_the_closest(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'nemo'"):
        check("nemoo", tmp_path)


def test_ratings_and_affect_beyond_their_range_are_impossible():
    u = Utterance("a", "a.wav", "s", None, affect=Affect(1.5, 0, 0), ratings={"anger": 0.4})
    assert list(_check._impossible(u, 1.0)) == [
        "the ratings do not sum to 1",
        "valence, arousal or dominance is outside [-1, 1]",
    ]


def test_only_harmless_or_known_findings_pass():
    kinds = ("count", "label", "missing", "extra", "unreadable", "silent", "clipped", "duplicate")
    assert [kind for kind in kinds if not Finding(kind, (), "").fails] == ["extra", "clipped"]
    assert not any(Finding(kind, (), "", known=True).fails for kind in kinds)
