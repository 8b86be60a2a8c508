"""`affekt stress`: tables for people, JSON for programs, and an exit code that does not depend on the verdicts."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import tones
from affekt.cli import main


def affekt(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return tones.corpus(tmp_path_factory.mktemp("corpus"), clips=1)


@pytest.fixture
def ask(corpus, tmp_path):
    def asked(*arguments):
        return affekt("stress", *arguments, "--on", corpus, "--workers", 1, "--cache", tmp_path / "kept")

    return asked


def test_tables_show_thresholds_verdicts_and_a_guess(ask):
    done = ask("permissive", "--only", "correctness/uar,correctness/retest,robustness/gain,fairness/sex")
    assert done.exit_code == 0, done.output
    for words in (
        "permissive@1: what it withstands",
        "table: 18 utterances of 6 speakers, 3 emotions",
        ">= 0.500",
        "sex is not known in this corpus",
        "-30 dB",
        "a model that guesses passes",
    ):
        assert words in done.stdout
    assert done.stderr == ""


def test_json_has_a_schema_and_the_same_numbers_as_the_file(ask, tmp_path):
    done = ask("permissive", "--only", "robustness/bits", "--json", "-o", tmp_path / "r.json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told == json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert told["schema"] == "affekt.stress/1"
    assert told["model"] == "permissive@1"
    (same,) = [result for result in told["results"] if result["metric"] == "agreement"]
    assert same["passed"] == (same["value"] >= same["threshold"])
    assert same["random"]["value"] < 0.6


def test_a_page_is_written(ask, tmp_path):
    done = ask("permissive", "--only", "robustness/bits", "--markdown", tmp_path / "r.md")
    assert done.exit_code == 0, done.output
    assert "| bits | 8 bits |" in (tmp_path / "r.md").read_text(encoding="utf-8")


def test_a_manifest_is_taken_as_well(corpus, tmp_path):
    from affekt import datasets, manifest

    manifest.write(datasets.load("table", corpus), tmp_path / "m.jsonl")
    done = affekt("stress", "permissive", "--on", tmp_path / "m.jsonl", "--only", "correctness/uar", "--no-cache",
                  "--workers", 1)  # fmt: skip
    assert done.exit_code == 0, done.output


def test_tests_are_listed_with_their_reasons():
    done = affekt("stress", "--list")
    assert done.exit_code == 0
    for words in ("robustness/rooms", "ser-tests", "fairness/speaker"):
        assert words in done.stdout
    listed = json.loads(affekt("stress", "--list", "--json").stdout)
    assert {"name", "asks", "why", "levels", "bound"} <= set(listed[0])


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        ((), "which bundle?", 2),
        (("nobody",), "no model (and no folder) is called 'nobody'", 2),
        (("permissive", "--only", "robustness/gian"), "did you mean 'robustness/gain'", 2),
        (("permissive", "--on", "ravdes"), "did you mean 'ravdess'", 2),
        (("permissive", "--root", "nowhere"), "there is no corpus below nowhere", 1),
        (("permissive", "-o", "nowhere/r.json"), "there is no folder 'nowhere'", 2),
        (("permissive", "--noise", "nowhere"), "does not exist", 2),
        (("permissive", "--workers", "0"), "--workers", 2),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments, words, code, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = affekt("stress", *arguments)
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert done.stdout == ""


def test_a_folder_without_noise_is_refused(ask, tmp_path):
    (tmp_path / "empty").mkdir()
    done = ask("permissive", "--noise", tmp_path / "empty")
    assert done.exit_code == 2
    assert "holds no recorded noise" in done.stderr
