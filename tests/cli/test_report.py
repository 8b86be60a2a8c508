"""`affekt report`: every form says the same, what cannot be is refused before any work."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import judged
import reported
from affekt import bundle
from affekt.cli import evaluate, main
from affekt.evaluation import report, scores


def affekt(*arguments):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


@pytest.fixture
def evaluation(tmp_path):
    path = tmp_path / "mine.json"
    evaluate.write(scores.evaluate(judged.judgements(), bootstraps=20), path)
    return path


@pytest.fixture
def table(tmp_path):
    own = judged.judgements(seed=1)
    lines = ["id,speaker,truth,prediction,corpus"]
    lines += [
        ",".join(map(str, row)) for row in zip(own.ids, own.speakers, own.names, own.said, own.corpora, strict=True)
    ]
    path = tmp_path / "theirs.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_form_has_the_same_score(evaluation, tmp_path):
    forms = [tmp_path / f"report{end}" for end in (".html", ".md", ".json")]
    told = [word for path in forms for word in ("-o", path)]
    done = affekt(evaluation, *told, "--card", tmp_path / "card.md", "--bootstraps", 20)
    assert done.exit_code == 0, done.output
    page, text, data = (path.read_text(encoding="utf-8") for path in forms)
    found = json.loads(data)
    uar = found["subject"]["emotion"]["uar"]["value"]
    assert found["schema"] == "affekt.report/1"
    for form in (page, text, (tmp_path / "card.md").read_text(encoding="utf-8")):
        assert f"UAR {uar:.3f}" in form
    assert "--bootstraps 20" in found["made"]["command"]
    assert uar == scores.evaluate(judged.judgements(), bootstraps=20)["emotion"]["uar"]["value"]


def test_every_form_says_that_a_split_is_not_known(table, tmp_path):
    forms = [tmp_path / f"report{end}" for end in (".html", ".md", ".json")]
    told = [word for path in forms for word in ("-o", path)]
    assert affekt(table, *told, "--card", tmp_path / "card.md", "--bootstraps", 5).exit_code == 0
    for path in (*forms, tmp_path / "card.md"):
        text = path.read_text(encoding="utf-8")
        assert "It is not known how training and test were parted" in text, path
        assert "speaker-independent" not in text, path


def test_one_of_a_kind_is_told_in_the_singular(tmp_path):
    path = tmp_path / "thin.csv"
    path.write_text("id,speaker,truth,prediction\na,x,anger,anger\n", encoding="utf-8")
    assert "(1 utterance of 1 speaker, 1 emotion)" in affekt(path, "--bootstraps", 5).stdout


def test_nothing_to_write_gives_markdown_and_json_on_request(evaluation):
    assert affekt(evaluation, "--bootstraps", 20).stdout.startswith("# made0\n")
    assert json.loads(affekt(evaluation, "--bootstraps", 20, "--json").stdout)["subject"]["name"] == "made0"


@pytest.mark.parametrize("part", ["corpora", "tests", "results"])
@pytest.mark.parametrize("value", [4, [1], [{}]])
def test_a_spoilt_stress_suite_is_refused_in_words(table, tmp_path, part, value):
    path = tmp_path / "stress.json"
    path.write_text(json.dumps({**reported.stress(), part: value}), encoding="utf-8")
    done = affekt(table, "--stress", path, "--bootstraps", 20)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{part} must be a list of objects" in done.stderr


def test_others_are_compared_and_the_stress_suite_is_taken_in(evaluation, table, tmp_path):
    stress = tmp_path / "stress.json"
    stress.write_text(json.dumps(reported.stress()), encoding="utf-8")
    done = affekt(evaluation, table, "--stress", stress, "--bootstraps", 20, "--json")
    found = json.loads(done.stdout)
    assert found["others"][0]["comparison"]["n"] == 160
    assert found["stress"]["model"] == "made0@1"


def test_a_bundled_model_brings_its_card(tmp_path):
    from dataclasses import replace

    path = tmp_path / "permissive.json"
    own = replace(judged.judgements(), name=bundle.card("permissive").id)
    evaluate.write(scores.evaluate(own, bootstraps=20), path)
    found = json.loads(affekt(path, "--bootstraps", 20, "--json").stdout)
    assert found["card"]["trained_on"] == list(bundle.card("permissive").trained_on)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("{}", "-o", "report.pdf"), 2, "-o writes .html, .md, .json"),
        (("{}", "--card", "card.html"), 2, "must end in .md"),
        (("nowhere",), 2, "there is no run, table or evaluation 'nowhere'"),
        (("default",), 2, "affekt evaluate default --on CORPUS"),
        (("{}", "--stress", "{}"), 1, "affekt.stress/1"),
        (("{}", "--stress", "nowhere.json"), 1, "cannot read nowhere.json: No such file or directory"),
        (("{}", "-o", "nowhere/report.md"), 2, "there is no folder"),
    ],
)
def test_what_cannot_be_is_said(evaluation, arguments, code, words):
    done = affekt(*(str(evaluation) if word == "{}" else word for word in arguments), "--bootstraps", 5)
    assert done.exit_code == code
    assert words in done.stderr


def test_a_run_brings_its_environment(tmp_path):
    (tmp_path / "run.toml").write_text("seed = 7\n", encoding="utf-8")
    (tmp_path / "environment.json").write_text('{"python": "3.11"}', encoding="utf-8")
    assert report.read_run(tmp_path) == {"environment": {"python": "3.11"}, "options": {"seed": 7}}
    assert report.read_run(tmp_path / "nowhere") is None
