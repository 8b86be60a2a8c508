"""docs/simulate.md says what is: its example runs, and its numbers are those of the code."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from affekt.simulate import KINDS, call, script, stage

PAGE = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: the voices cannot be made")
def test_the_example_runs(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "docs/simulate.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_kinds_and_the_numbers_are_those_of_the_code():
    assert tuple(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)[: len(KINDS)]) == KINDS
    rows = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if line.startswith("|")}
    said = {name: [float(n) for n in re.findall(r"\d+(?:\.\d+)?", row)] for name, row in rows.items()}
    assert said["`angry`"] == [100 * share for share in script._ANGRY]
    assert said["`mixed`"] == list(script._EPISODE)
    assert said["turns"] == [*stage._LINES["customer"], *stage._UPSET, *stage._LINES["agent"], *stage._PAUSE]
    assert said["changes"] == [*stage._GAP, 100 * stage._OVERLAP, *stage._BY]
    assert said["backchannels"] == [100 * stage._BACKCHANNEL, *stage._SHORT]
    assert said["echo"] == [*call._BELOW, 1000 * call._DELAY[1]]
