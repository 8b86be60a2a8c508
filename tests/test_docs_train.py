"""docs/train.md runs as it stands: the commands in order, then the Python; what it shows of a run can be read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from affekt import augment, config, registry
from affekt.training import Run, check

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/train.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the example beside it, and `affekt` and `python` as this test runs them."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")
    place = tmp_path_factory.mktemp("doc")
    (place / "examples").symlink_to(ROOT / "examples")
    return place


def run(folder, *command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def test_the_commands_run_as_they_stand(folder):
    python = f'"{sys.executable}"'
    script = "set -e\n" + f'affekt() {{ {python} -m affekt "$@"; }}\npython() {{ {python} "$@"; }}\n'
    done = run(folder, "bash", "-c", script + "".join(blocks("sh")))
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "mine.csv",
        "fits on 2,304 columns",
        "72 clips of 8 speakers not heard before",
        "anger",
        "# mine-log",
    ):
        assert words in done.stdout
    for name in re.findall(r"^\| `([^|]*)` \|", PAGE.split("runs/mine-logistic/`")[1], flags=re.MULTILINE)[:4]:
        for part in name.split("`, `"):
            assert (folder / "runs/mine-logistic" / part).exists(), part
    (code,) = blocks("python")
    done = run(folder, sys.executable, "-c", code)
    assert done.stdout == "anger\n", done.stderr


def test_what_is_shown_of_a_run_goes_together():
    whole, copies = blocks("toml")
    shown = config.parse(
        Run, {"name": "shown", "features": {"set": "whisper", "level": "functionals"}} | tomllib.loads(whole)
    )
    check(shown)
    config.parse(Run, tomllib.loads(whole) | {"name": "shown"} | tomllib.loads(copies))


@pytest.mark.parametrize("name", augment.CHAINS)
def test_every_chain_is_shown_with_its_own_ranges(name):
    (row,) = re.findall(rf"^\| (?:`\w+`, )*`{name}`(?:, `\w+`)* \|.*", PAGE, re.MULTILINE)
    shown = dict(re.findall(r"`(\w+) = ([\d.]+)`", row))
    assert {option: float(value) for option, value in shown.items()} == augment.CHAINS[name].defaults


def test_every_model_is_named():
    assert {name for name in registry.names("models") if f"`{name}`" not in PAGE} == set()
