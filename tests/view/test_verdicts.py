"""Verdicts of a stress suite in words, as the suite's own page has them."""

from __future__ import annotations

import reported
from affekt.evaluation.stress import page, table
from affekt.view import verdicts


def rows() -> list[dict]:
    return verdicts.rows(reported.stress())


def test_every_number_has_its_verdict_in_words():
    assert [row["verdict"] for row in rows()] == [
        *("passed", "not measured", "FAILED", "passed?", "FAILED", "shown"),
    ]


def test_digits_show_on_which_side_of_the_threshold_a_value_lies():
    [gap] = [row for row in rows() if row["test"] == "sex"]
    assert (gap["shown"], gap["needed"]) == ("0.1263", "at most 0.1260")


def test_fairness_judges_guessing_by_its_own_blind_models():
    """The result says that it passed the model's threshold; its own is lower."""
    [gap] = [row for row in rows() if row["test"] == "sex"]
    assert gap["random_verdict"] == "FAILED"


def test_a_level_counts_once_and_passes_only_as_a_whole():
    assert verdicts.tally(reported.stress(), "demo") == (3, 1, 0)
    assert verdicts.tally(reported.stress(), "elsewhere") == (0, 0, 0)


def test_a_part_and_a_leak_are_said():
    told = reported.stress()
    told["corpora"][0]["leaky"] = "its card says so"
    said = " ".join(verdicts.sentences(told))
    assert "(--quick)" in said
    assert "LEAKY on demo: its card says so" in said


def test_the_suite_counts_the_same():
    """Its own page is the oracle, result by result."""
    made = []
    for told in reported.stress()["results"]:
        own = {key: value for key, value in told.items() if key not in ("passed", "sure", "random")}
        made.append(table.Result(**own, random=told["random"]["value"]))
    stress = {**reported.stress(), "results": [one.to_dict() for one in made]}
    assert verdicts.tally(stress, "demo") == page.verdicts(made)
    for one, row in zip(made, verdicts.rows(stress), strict=True):
        assert row["verdict"].replace("shown", "").replace("not measured", "") == page.verdict([one])


def test_what_is_no_number_has_failed_in_json_too():
    """JSON has None for it, as for what was not measured."""
    told = reported.stress()
    told["results"] = [{**told["results"][0], "value": None, "passed": False, "sure": True}]
    assert verdicts.rows(told)[0]["verdict"] == "FAILED"
    assert verdicts.tally(told, "demo") == (1, 0, 0)
