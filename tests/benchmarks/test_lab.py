"""The lab's recipes can be read and go together, each is in a table, and the tables say met or missed truly."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed: make test installs it")
from affekt import config, training  # noqa: E402
from affekt.training import Run  # noqa: E402
from benchmarks import lab  # noqa: E402

RECIPES = sorted(path.stem for path in lab.RECIPES.glob("*.toml"))


def made(**scores):
    return {"minutes": 1.5, "tried": 4, "date": "2026-01-01", "git": "abc", **scores}


def score(value):
    return {"value": value, "interval": [value - 0.05, value + 0.05]}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_goes_together_and_is_called_like_its_file(name):
    pytest.importorskip("torch")
    run = config.load(Run, lab.RECIPES / f"{name}.toml")
    assert run.name == name
    training.check(run)


def test_every_recipe_is_in_a_table():
    rows = {f"{row.name}-{corpus}" for row in lab.ROWS for corpus in row.goals}
    assert set(RECIPES) <= rows | set(lab.STRATEGIES) | {"ridge-emotale"}


def test_a_table_says_met_or_missed_by_the_numbers():
    kept = {
        "svm-ravdess": made(uar=score(0.5)),
        "svm-emodb": made(uar=score(0.699)),
        "ridge-emotale": made(ccc={axis: score(0.7) for axis in lab.AFFECT}),
        "imbalance-none": made(uar=score(0.4), worst_recall=0.1),
    }
    text = "\n".join(lab.tables(kept))
    (svm,) = [line for line in text.splitlines() if line.startswith("| eGeMAPS + SVM")]
    assert "| 0.500 [0.450, 0.550] | 0.50 met | 0.699 [0.649, 0.749] | 0.70 MISSED | 1.5 / 1.5 | 4 / 4 |" in svm
    assert "`python -m benchmarks.lab svm-ravdess svm-emodb`" in svm
    assert "| arousal | 0.700 [0.650, 0.750] | 0.75 MISSED |" in text
    assert "| valence | 0.700 [0.650, 0.750] | 0.55 met |" in text
    assert "| logistic on whisper | none | 0.400 [0.350, 0.450] | 0.100 |" in text
    assert "not run" in text


def test_each_strategy_is_a_run_of_its_own():
    found = {run.name: run for run in lab.runs(["imbalance"])}
    assert set(found) == {f"imbalance-{name}" for name in lab.STRATEGIES["imbalance"]}
    assert found["imbalance-smote"].balance.strategy == "smote"
    for run in found.values():
        training.check(run)
