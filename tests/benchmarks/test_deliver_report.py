"""The benchmark of alerts out measures what it says."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("standardwebhooks")
from benchmarks import deliver


@pytest.mark.parametrize("how", deliver.CASES.values(), ids=deliver.CASES)
def test_each_alert_has_a_time_from_its_commit_to_its_receipt(how):
    seconds = asyncio.run(deliver.measured(5, **how))
    assert len(seconds) == 5
    assert all(-0.5 < each < 20 for each in seconds)  # a poll may come before `record` has returned


def test_a_row_says_whether_the_goal_is_met():
    assert deliver.row("a", [0.1] * 99 + [0.2]).endswith("| met |")
    assert deliver.row("a", [2.0] * 100) == "| a | 2000 ms | 2000 ms | 2000 ms | missed |"
