"""`affekt matrix`: a table for people, every form for programs, and an exit code that scripts can trust."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

import tones
from affekt.cli import main

pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")

RUN = """
name = "toy"
folder = "{folder}/runs"
cache = "{folder}/cache"
[data]
corpora = ["emodb"]
[features]
set = "logmel"
level = "functionals"
[model]
name = "logistic"
"""


def affekt(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A run and two corpora whose speakers differ."""
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "run.toml").write_text(RUN.format(folder=folder.as_posix()), encoding="utf-8")
    paths = []
    for name, emotions in (("one", ("anger", "neutral", "sadness")), ("two", ("anger", "sadness"))):
        path = tones.corpus(folder / name, name=name, emotions=emotions, speakers=3)
        path.write_text(re.sub(r",s(\d)", rf",{name}-\1", path.read_text(encoding="utf-8")), encoding="utf-8")
        paths.append(str(path))
    return folder / "run.toml", ",".join(paths)


@pytest.fixture(scope="module")
def found(given):
    done = affekt("matrix", given[0], "--corpora", given[1], "--workers", 1, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_json_holds_every_cell(found):
    assert (found["schema"], found["labels"], found["others"]) == ("affekt.matrix/1", ["anger", "sadness"], False)
    assert [(c["train"], c["test"], c["kind"]) for c in found["cells"]] == [
        (["one"], "one", "within"),
        (["one"], "two", "across"),
        (["two"], "one", "across"),
        (["two"], "two", "within"),
    ]
    for cell in found["cells"]:
        assert (cell["n"], cell["speakers"], cell["tried"] > 0) == (12, 3, True)
        assert cell["scores"]["uar"]["value"] > 0.9  # the tones of both corpora are alike
        assert 0.5 < cell["guessing"] < 0.9
        assert sum(map(sum, cell["confusion"]["counts"])) == 12
    assert {row["kind"] for row in found["means"]} == {"within", "across"}
    assert [one["protocol"] for one in found["corpora"]] == ["speakers/3", "speakers/3"]


def test_people_see_a_table_and_what_it_means(given, found):
    done = affekt("matrix", given[0], "--corpora", given[1], "--workers", 1)
    assert done.exit_code == 0, done.output
    for words in ("trained on rows, tested on columns", "UAR, trained on", "one", "two", "mean UAR, another corpus"):
        assert words in done.stdout
    assert f"{found['cells'][1]['scores']['uar']['value']:.3f}" in done.stdout
    assert done.stderr.count("done before") == 8


def test_a_dry_run_tells_the_cost_and_trains_nothing(given, tmp_path):
    text = given[0].read_text(encoding="utf-8").replace("toy", "dry")
    run = tmp_path / "dry.toml"
    run.write_text(text, encoding="utf-8")
    done = affekt(
        "matrix", run, "--corpora", given[1], "--dry-run", "--merge", "anger=sadness", "--merge", "neutral=calm"
    )
    assert done.exit_code == 1  # one has calm and sadness, two sadness alone
    done = affekt("matrix", run, "--corpora", given[1], "--dry-run")
    assert done.exit_code == 0, done.output
    assert "8 models, " in done.stdout
    assert "speakers/3" in done.stdout
    assert not (given[0].parent / "runs/dry-matrix").exists()
    told = json.loads(affekt("matrix", run, "--corpora", given[1], "--dry-run", "--json").stdout)
    assert (told["cost"]["models"], told["cost"]["kept"]) == (8, 0)


@pytest.mark.parametrize("suffix", ["json", "csv", "md", "svg", "html", "png"])
def test_a_file_in_every_form(given, found, tmp_path, suffix):
    if suffix == "png":
        pytest.importorskip("matplotlib", reason="matplotlib is not installed: make test installs it")
    path = tmp_path / f"matrix.{suffix}"
    done = affekt("matrix", given[0], "--corpora", given[1], "--workers", 1, "-o", path, "--json")
    assert done.exit_code == 0, done.output
    begins = {"json": b"{", "csv": b"kind,", "md": b"| UAR", "svg": b"<svg", "html": b"<!doctype", "png": b"\x89PNG"}
    assert path.read_bytes().startswith(begins[suffix])
    assert json.loads(done.stdout) == found


def test_a_wrong_call_is_refused_before_anything_is_trained(given, tmp_path):
    for wrong in (
        ["--corpora", given[1], "-o", tmp_path / "matrix.pdf"],
        ["--corpora", given[1], "-o", tmp_path / "nowhere/matrix.md"],
        ["--corpora", given[1].split(",")[0]],
        ["--corpora", "emodbb,ravdess"],
        ["--corpora", given[1], "--merge", "calm"],
        [],
    ):
        done = affekt("matrix", given[0], *wrong)
        assert done.exit_code == 2, done.output
        assert not done.stdout
        assert "Traceback" not in done.stderr
    done = affekt("matrix", given[0], "--corpora", given[1], "--labels", "anger,fear")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "one has no fear" in done.stderr
