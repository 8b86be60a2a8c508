"""`affekt data leaks`: results on standard output, words on standard error, and an exit code that scripts can trust."""

from __future__ import annotations

import json

import pytest
import soundfile
from click.testing import CliRunner

from affekt.cli import main
from voices import RATE, sound


def run(*arguments):
    return CliRunner().invoke(main, ["data", "leaks", *map(str, arguments)])


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """Two tables: the second has an MP3 of the first's clip 0, another speaker, and another clip."""
    root = tmp_path_factory.mktemp("lists")
    for n in range(4):
        soundfile.write(root / f"{n}.wav", sound(n), RATE)
    soundfile.write(root / "copy.mp3", sound(0), RATE)
    header = "path,emotion,speaker\n"
    (root / "train.csv").write_text(header + "0.wav,anger,a\n1.wav,fear,a\n", encoding="utf-8")
    (root / "test.csv").write_text(header + "copy.mp3,anger,b\n2.wav,fear,b\n", encoding="utf-8")
    (root / "clean.csv").write_text(header + "2.wav,anger,b\n3.wav,fear,b\n", encoding="utf-8")
    (root / "same.csv").write_text(header + "2.wav,anger,a\n", encoding="utf-8")
    return root


def test_a_leak_is_exit_code_1_and_a_table(lists):
    done = run(lists / "train.csv", lists / "test.csv")
    assert done.exit_code == 1, done.output
    words = " ".join(done.stdout.split())
    assert "training: table, 2 recordings of 1 speaker;" in words
    assert "0.wav = copy.mp3 (" in words
    assert "on the side of their source" in words
    assert "copy 1 likely keep one" in words
    assert "1 pair across the split that is likely one recording" in words
    assert "LEAKY: scores of this split would be too high" in words
    assert done.stderr == ""


def test_no_leak_is_exit_code_0(lists):
    done = run(lists / "train.csv", lists / "clean.csv")
    assert done.exit_code == 0, done.output
    assert "no leak was found" in done.stdout


def test_json_has_every_item(lists):
    done = run(lists / "train.csv", lists / "test.csv", "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert report["schema"] == "affekt.leaks/1"
    assert report["leaking"] is True
    (finding,) = report["findings"]
    assert (finding["kind"], finding["sure"], finding["certainty"]) == ("copy", False, "likely")
    assert finding["count"] == 1
    assert finding["items"][0]["train"] == ["0.wav"]
    assert finding["items"][0]["test"] == ["copy.mp3"]


def test_lists_alone_can_be_compared(lists):
    done = run(lists / "train.csv", lists / "same.csv", "--no-audio")
    assert done.exit_code == 1
    assert "speaker: 1 speaker is heard in training and in the test: 1 of 1 test recordings" in done.stdout
    assert "table/a (2 in training, 1 in the test)" in done.stdout
    assert "the recordings were not listened to" in done.stdout


def test_a_folder_is_searched_for_doubles(lists):
    done = run(lists)
    assert done.exit_code == 1
    assert "0.wav = copy.mp3" in done.stdout
    assert "doubles were found" in done.stdout
    assert "a folder does not say who speaks" in done.stdout


def test_one_unreadable_file_is_told_and_the_rest_is_done(lists, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    soundfile.write(tmp_path / "3.wav", sound(3), RATE)
    done = run(lists / "train.csv", tmp_path)
    assert done.exit_code == 0, done.output
    assert "1 cannot be read, not compared:" in done.stdout
    assert "no leak was found in what could be read" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'TRAIN'"),
        (["/nowhere.csv"], "does not exist"),
        ([__file__], "expected a manifest (.jsonl, .parquet), a CSV (.csv) or a folder of audio"),
    ],
)
def test_a_wrong_call_is_exit_code_2(arguments, said):
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""
