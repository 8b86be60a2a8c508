"""`affekt data`: results on standard output, words on standard error, and an exit code that scripts can trust."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from affekt import datasets
from affekt import manifest as manifests
from affekt.cli import main

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))  # the trees made there
import layouts

CORPORA = Path(__file__).parents[2] / ".." / "shared" / "corpora"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, arguments)])


def corpus(name: str) -> Path:
    if not (CORPORA / name).is_dir():
        pytest.skip(f"no {name} in ../shared/corpora")
    return CORPORA / name


# --- list, show


def test_list_has_a_line_per_corpus():
    result = run("list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == datasets.names()


def test_list_as_json_is_the_cards():
    cards = json.loads(run("list", "--json").stdout)
    assert [card["name"] for card in cards] == datasets.names()
    assert next(c for c in cards if c["name"] == "savee")["protocols"] == {
        "loso": "leave one speaker out, 4 folds, 7 classes (EmoBox)"
    }


@pytest.mark.parametrize("name", datasets.names())
def test_show_tells_licence_citation_and_protocols(name):
    result = run("show", name)
    said = " ".join(result.stdout.split())
    card = datasets.card(name)
    assert result.exit_code == 0
    for text in (card.title, card.licence, card.citation, *(f"{name}/{key}" for key in datasets.protocols(name))):
        assert " ".join(text.split()) in said


def test_show_as_json_has_the_whole_card():
    card = json.loads(run("show", "crema_d", "--json").stdout)
    assert card["clips"] == 7442
    assert card["options"] == {"target": "intended"}
    assert card["labels"]["HAP"] == "happiness"


# --- check


def test_a_real_corpus_passes():
    result = run("check", "ravdess", corpus("ravdess"))
    assert result.exit_code == 0, result.stdout
    assert "this is ravdess" in result.stdout
    assert "known: duplicate 2" in result.stdout
    assert result.stderr == ""


def test_the_wrong_corpus_fails_and_says_what_was_expected(tmp_path):
    result = run("check", "ravdess", tmp_path)
    assert result.exit_code == 1
    assert "expected files like Actor_01/" in " ".join(result.stdout.split())
    assert "this is not ravdess as released" in result.stdout


def test_check_as_json_has_all_items_and_the_same_exit_code(tmp_path):
    root = layouts.build("nemo", tmp_path, layouts.noise)
    for path in (root / "samples").glob("*fear*"):
        path.unlink()
    result = run("check", "nemo", root, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["ok"] is False
    assert [len(f["items"]) for f in report["findings"] if f["kind"] == "missing"] == [9]


def test_people_see_the_first_items_only(tmp_path):
    root = layouts.build("nemo", tmp_path, layouts.noise)
    for path in (root / "samples").glob("*fear*"):
        path.unlink()
    said = " ".join(run("check", "nemo", root).stdout.split())
    assert "wrong: missing 9: listed in the release, but no audio (EB0_fear_1, " in said
    assert ", ...)" in said


def test_square_brackets_in_a_path_are_no_markup(tmp_path):
    root = layouts.build("urdu", tmp_path / "[red]data", layouts.noise)
    assert "[red]data" in run("check", "urdu", root).stdout


# --- manifest


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_manifest_is_written_and_can_be_read(suffix, tmp_path):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    root = layouts.build("urdu", tmp_path)
    out = tmp_path / f"urdu{suffix}"
    result = run("manifest", "urdu", root, "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "29 utterances of 29 speakers" in result.stderr
    assert manifests.read(out) == datasets.load("urdu", root)


def test_a_manifest_from_elsewhere_still_finds_its_audio(tmp_path, monkeypatch):
    """The root is written as a whole path, whatever the folder one stood in."""
    root = layouts.build("urdu", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run("manifest", "urdu", "urdu", "-o", "urdu.jsonl").exit_code == 0
    assert manifests.read(tmp_path / "urdu.jsonl").root == root


def test_a_corpus_s_options_are_set_by_name(tmp_path):
    root = layouts.build("crema_d", tmp_path)
    out = tmp_path / "x.jsonl"
    assert run("manifest", "crema_d", root, "-o", out, "--set", "target=voice").exit_code == 0
    assert manifests.read(out).fingerprint == datasets.load("crema_d", root, target="voice").fingerprint


def test_damaged_data_is_exit_code_1_and_a_message(tmp_path):
    result = run("manifest", "urdu", tmp_path, "-o", tmp_path / "x.jsonl")
    assert result.exit_code == 1
    assert "expected files like Angry/" in result.stderr
    assert not (tmp_path / "x.jsonl").exists()


def test_a_manifest_that_cannot_be_written_is_a_message(tmp_path):
    root = layouts.build("urdu", tmp_path)
    result = run("manifest", "urdu", root, "-o", tmp_path / "no" / "x.jsonl")
    assert result.exit_code == 1
    assert "cannot write" in result.stderr


# --- wrong calls


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "ravdes"], "did you mean 'ravdess'"),
        (["check", "ravdess"], "Missing argument 'PATH'"),
        (["check", "ravdess", "/nowhere"], "'/nowhere' does not exist"),
        (["manifest", "ravdess", "."], "Missing option '-o'"),
        (["manifest", "ravdess", ".", "-o", "x.csv"], "a .jsonl or .parquet file, not 'x.csv'"),
        (["manifest", "crema_d", ".", "-o", "x.jsonl", "--set", "target"], "expected KEY=VALUE, not 'target'"),
        (["manifest", "crema_d", ".", "-o", "x.jsonl", "--set", "target=smell"], "no target 'smell'"),
        (["manifest", "ravdess", ".", "-o", "x.jsonl", "--set", "a=b"], "ravdess has no option 'a'; it has none"),
    ],
)
def test_a_wrong_call_is_exit_code_2_and_a_message(arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert result.stdout == ""
