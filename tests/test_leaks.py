"""Leaks: what two lists share is found, named and weighed; what they do not share is not."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from affekt import leaks
from affekt import manifest as manifests
from affekt.audio import resampled
from affekt.errors import DataError, UsageError
from affekt.manifest import Manifest
from affekt.types import LabelSet, Segment, Utterance
from voices import RATE, sound

LABELS = LabelSet(("anger", "fear"))


def row(name, speaker="a", emotion="fear", **more):
    return Utterance(name, more.pop("path", f"{name}.wav"), f"own/{speaker}", emotion, **more)


def of(*rows, root=None):
    return Manifest("own", LABELS, rows, licence="", citation="", root=root)


def said(report):
    return {finding.kind: finding for finding in report.findings}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight different recordings, and copies of some."""
    root = tmp_path_factory.mktemp("sounds")
    for n in range(8):
        soundfile.write(root / f"{n}.wav", sound(n), RATE)
    first = sound(0)
    soundfile.write(root / "0.flac", soundfile.read(root / "0.wav", dtype="int16")[0], RATE)
    soundfile.write(root / "0-mp3.mp3", first, RATE)
    soundfile.write(root / "1-phone.wav", resampled(sound(1), RATE, 8000) * 0.3, 8000, subtype="ULAW")
    soundfile.write(root / "2-fast.wav", resampled(sound(2), round(1.05 * RATE), RATE), RATE)
    return root


# Lists ------------------------------------------------------------------------------------------------------------


def test_shared_speakers_and_sessions_are_named_with_what_they_touch():
    train = of(row("1", "a", session="s1"), row("2", "b"))
    test = of(row("3", "a", session="s1"), row("4", "a"), row("5", "c"))
    report = leaks.find(train, test, audio=False)
    speaker, session = said(report)["speaker"], said(report)["session"]
    assert report.leaking
    assert speaker.sure
    assert [(item.what, item.train, item.test) for item in speaker.items] == [("own/a", ("1",), ("3", "4"))]
    assert "2 of 3 test recordings" in speaker.note
    assert [item.what for item in session.items] == ["s1"]


def test_lists_that_share_nobody_do_not_leak():
    report = leaks.find(of(row("1", "a")), of(row("2", "b")), audio=False)
    assert not report.leaking
    assert report.findings == ()
    assert not report.heard


def test_a_script_that_gives_the_emotion_away_leaks():
    train = of(*(row(f"t{n}", "a", ("fear", "anger")[n % 2], text=f"Sentence, {n}!") for n in range(10)))
    test = of(*(row(f"e{n}", "b", ("fear", "anger")[n % 2], text=f"sentence {n}") for n in range(10)))
    (finding,) = leaks.find(train, test, audio=False).findings
    assert finding.kind == "text"
    assert finding.leaks
    assert not finding.sure
    assert "right on 100 % of them, who always says one emotion on 50 %" in finding.note


def test_sentences_that_are_said_in_every_emotion_do_not_leak():
    rows = [row(f"{s}{n}{e}", s, e, text=f"sentence {n}") for s in "ab" for n in range(6) for e in LABELS]
    half = of(*(u for u in rows if u.speaker == "own/a")), of(*(u for u in rows if u.speaker == "own/b"))
    report = leaks.find(*half, audio=False)
    assert said(report)["text"].advice == "nothing"
    assert not report.leaking


# Sound ------------------------------------------------------------------------------------------------------------


def find(folder, train, test):
    return leaks.find(*(of(*rows, root=folder) for rows in (train, test)))


def test_one_recording_in_two_containers_is_identical(folder):
    report = find(folder, [row("x", path="0.wav")], [row("y", "b", path="0.flac")])
    assert [(item.train, item.test) for item in said(report)["identical"].items] == [(("x",), ("y",))]
    assert said(report)["identical"].certainty == "sure"
    assert set(said(report)) == {"identical"}


def test_coded_copies_are_likely_and_copies_at_another_speed_are_suspected(folder):
    train = [row(str(n), path=f"{n}.wav") for n in range(8)]
    test = [row(name, "b", path=path) for name, path in
            (("mp3", "0-mp3.mp3"), ("phone", "1-phone.wav"), ("fast", "2-fast.wav"))]  # fmt: skip
    report = find(folder, train, test)
    assert {(item.train, item.test) for item in said(report)["copy"].items} == {
        (("0",), ("mp3",)),
        (("1",), ("phone",)),
    }
    (item,) = said(report)["suspected"].items
    assert (item.train, item.test) == (("2",), ("fast",))
    assert abs(item.speed - 1) > 0.03
    assert [said(report)[kind].certainty for kind in ("copy", "suspected")] == ["likely", "listen"]
    assert set(said(report)) == {"copy", "suspected"}
    assert report.leaking


def test_different_recordings_do_not_leak(folder):
    report = find(folder, [row(str(n), path=f"{n}.wav") for n in range(4)],
                  [row(str(n), "b", path=f"{n}.wav") for n in range(4, 8)])  # fmt: skip
    assert report.findings == ()


def test_one_list_is_searched_for_doubles_and_says_where_labels_differ(folder):
    rows = [
        row("x", path="0.wav"),
        row("y", "b", "anger", path="0.flac"),
        row("z", path="0-mp3.mp3"),
        row("w", path="3.wav"),
    ]
    report = leaks.find(of(*rows, root=folder))
    assert [(item.train, item.test) for item in said(report)["identical"].items] == [(("x",), ("y",))]
    assert "1 under two speakers; 1 under two emotions" in said(report)["identical"].note
    assert {(item.train, item.test) for item in said(report)["copy"].items} == {(("x",), ("z",)), (("y",), ("z",))}


def test_parts_of_one_file_are_compared_as_parts(folder, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.concatenate([sound(4), sound(5)]), RATE)
    soundfile.write(tmp_path / "short.wav", sound(5), RATE)
    cut = len(sound(4)) / RATE
    end = cut + len(sound(5)) / RATE
    first, second = (row(n, path="long.wav", segment=Segment(a, b)) for n, a, b in (("1", 0, cut), ("2", cut, end)))
    report = leaks.find(of(first, second, root=tmp_path), of(row("s", "b", path="short.wav"), root=tmp_path))
    assert [(item.train, item.test) for item in said(report)["identical"].items] == [(("2",), ("s",))]
    assert set(said(report)) == {"identical"}


def test_one_unreadable_file_is_told_and_the_rest_is_compared(folder, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no sound at all")
    soundfile.write(tmp_path / "0.wav", sound(0), RATE)
    soundfile.write(tmp_path / "mute.wav", np.zeros(9000), RATE)
    rows = [row("b", path="broken.wav"), row("m", path="mute.wav"), row("ok", path="0.wav")]
    report = leaks.find(of(*rows, root=tmp_path), of(row("x", "b", path="0.wav"), root=folder))
    assert len(report.unreadable) == 1
    assert "broken.wav" in report.unreadable[0]
    assert report.mute == ("m",)
    assert set(said(report)) == {"identical"}


def test_nothing_readable_is_an_error_and_no_clean_bill(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no sound at all")
    with pytest.raises(DataError, match="not one recording can be read"):
        leaks.find(of(row("b", path="broken.wav"), root=tmp_path))


def test_a_long_recording_is_compared_in_stretches(tmp_path, monkeypatch):
    monkeypatch.setattr(leaks, "_STRETCH", 2.0)
    long = np.concatenate([sound(n) for n in range(5)])
    soundfile.write(tmp_path / "long.wav", long, RATE)
    soundfile.write(tmp_path / "copy.mp3", long, RATE)
    report = leaks.find(of(row("1", path="long.wav"), root=tmp_path), of(row("2", "b", path="copy.mp3"), root=tmp_path))
    assert set(said(report)) == {"copy"}


def test_the_progress_is_told(folder):
    told = []
    leaks.find(of(*(row(str(n), path=f"{n}.wav") for n in range(3)), root=folder), progress=lambda *n: told.append(n))
    assert told == [(1, 3), (2, 3), (3, 3)]


# Reading ----------------------------------------------------------------------------------------------------------


def test_lists_come_as_manifests_tables_and_folders(folder, tmp_path):
    manifests.write(of(row("1"), root=folder), tmp_path / "own.jsonl")
    (tmp_path / "own.csv").write_text("path,emotion,speaker\n1.wav,Wut,a\n", encoding="utf-8")
    assert len(leaks.gather(tmp_path / "own.jsonl")) == 1
    assert leaks.gather(tmp_path / "own.csv", labels="Wut=anger").utterances[0].speaker == "table/a"
    assert {u.id for u in leaks.gather(folder)} >= {"0.wav", "0.flac", "0-mp3.mp3"}
    assert {u.speaker for u in leaks.gather(folder)} == {""}


def test_people_of_a_folder_are_unknown_and_never_shared(folder):
    assert leaks.find(leaks.gather(folder), leaks.gather(folder), audio=False).findings == ()


def test_what_is_no_list_is_refused(tmp_path):
    (tmp_path / "own.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match=r"expected a manifest \(.jsonl, .parquet\), a CSV"):
        leaks.gather(tmp_path / "own.txt")
    with pytest.raises(DataError, match="holds no audio"):
        leaks.gather(tmp_path)
