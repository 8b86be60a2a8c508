"""docs/live.md says what is: its tables are those of the code, and its examples run."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from affekt import live, registry
from affekt.bundle import load as load_model
from affekt.live import events
from affekt.live.alerts import TABLE
from affekt.live.rules import load
from affekt.types import AlertState, Signal

PAGE = (Path(__file__).parents[1] / "docs" / "live.md").read_text(encoding="utf-8")


def table(head: str) -> list[list[str]]:
    """The rows of the table that begins with `head`, its code marks taken off."""
    lines = PAGE[PAGE.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_event_is_in_the_table_by_its_name_and_class():
    found = {(kind, made) for row in table("| type in JSON") for kind in names(row[0]) for made in names(row[1])}
    classes = {made for _, made in found}
    own = [
        c
        for c in vars(events).values()
        if isinstance(c, type) and issubclass(c, events.Event) and c is not events.Event
    ]
    assert classes == {c.__name__ for c in own}
    types = {kind for kind, _ in found}
    alerts = {f"alert.{state}" for state in get_args(AlertState)}
    assert types == {c.type for c in own} - {"alert"} | alerts


def test_every_rule_is_in_the_table_with_its_defaults():
    rows = {names(row[0])[0]: row for row in table("| rule | number")}
    assert sorted(rows) == registry.names("live.rules")
    for name, row in rows.items():
        rule = load(name).rule
        assert row[2] == rule.CLOCK
        settings = [getattr(rule, key) for key in ("enter", "exit", "hold", "within", "release", "cooldown")]
        assert [float(cell) for cell in row[3:9]] == settings
        more = {f.name for f in dataclasses.fields(rule)} - {"enter", "exit", "hold", "within", "release", "cooldown"}
        assert set(row[9].replace(",", "").split()[::2]) == more
        assert all(f"{key} {getattr(rule, key):g}" in row[9] for key in more if not isinstance(getattr(rule, key), str))


@pytest.mark.parametrize(
    ("head", "settings"),
    [("| setting | default | unit", live.Smoothing()), ("| setting | default | |", live.Patience())],
)
def test_every_setting_is_in_its_table_with_its_default(head, settings):
    rows = {names(row[0])[0]: float(row[1].split()[0]) for row in table(head)}
    assert rows == dataclasses.asdict(settings)


def test_the_states_are_those_of_the_machine():
    told = {(start, row[2]) for row in table("| from | by") for start in re.split(", ", row[0])}
    assert told == {(start, to) for (start, _), to in TABLE.items()}


def test_the_examples_run():
    tone = (0.05 * np.sin(np.arange(16000) / 3)).astype(np.float32)
    names_ = {
        "microphone": [(tone, 16000)],
        "stereo": np.zeros((800, 2)),
        "place": 800,
        "samples": tone[:, None].repeat(2, axis=1),
        "rate": 8000,
        "model": load_model("permissive"),
        "roles": None,
        "calls": range(3),
        "arrived": [Signal(tone, 16000)] * 3,
    }
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(compile(block, "docs/live.md", "exec"), names_)
    assert [len(own) for own in names_["events"]] == [0, 0, 0]
