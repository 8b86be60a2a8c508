"""The example of the live session runs as it stands, and hears what is to be heard in the sample call."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_it_tells_of_the_customers_mood_and_of_the_alert() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        example = importlib.import_module("live_session")
    lines = list(example.play(EXAMPLES / "call.wav"))
    assert len(lines) < 20
    times = [float(re.match(r" *([\d.]+) s  ", line)[1]) for line in lines]
    assert times == sorted(times)
    assert any("sounds like anger" in line for line in lines)
    assert any("alert firing: sustained, anger at 0." in line for line in lines)
    assert len(next(example.chunks(EXAMPLES / "call.wav"))[0]) == 160
