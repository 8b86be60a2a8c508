"""`affekt models`: what there is, and what each may be used for."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from affekt import bundle
from affekt.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, arguments)])


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_list_tells_size_licence_languages_and_scores_of_every_bundle():
    said = words(run().stdout)
    for name in bundle.names():
        card = bundle.card(name)
        for text in (card.title, card.id, f"{card.size / 1e6:.1f} MB", card.licence, ", ".join(card.languages)):
            assert text in said
        for corpus, score in next(iter(card.scores.values())).items():
            assert f"{corpus} {score}" in said


def test_the_list_as_json_is_the_cards():
    cards = json.loads(run("--json").stdout)
    assert [card["name"] for card in cards] == bundle.names()
    assert all(card["size"] > 1e6 and card["licence"] and card["scores"] for card in cards)


@pytest.mark.parametrize("name", bundle.names())
def test_show_prints_the_card(name):
    result = run("show", name)
    assert (result.exit_code, result.stdout) == (0, bundle.card(name).text)
    assert json.loads(run("show", name, "--json").stdout)["licence_line"] == bundle.card(name).licence_line


def test_show_takes_the_folder_of_another_bundle():
    assert run("show", bundle.FOLDER / "permissive").stdout == run("show", "permissive").stdout


def test_a_folder_that_is_no_bundle_is_exit_code_1(tmp_path):
    result = run("show", tmp_path)
    assert result.exit_code == 1
    assert "holds no card.json" in result.stderr
