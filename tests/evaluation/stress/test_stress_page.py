"""docs/stress.md says what the code does. `python tests/evaluation/stress/test_stress_page.py` writes its list anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from affekt.evaluation.stress import suite
from affekt.evaluation.stress.table import Test as Asked

PAGE = Path(__file__).parents[3] / "docs" / "stress.md"
MARK = "<!-- written by tests/evaluation/stress/test_stress_page.py -->"
FAMILIES = ("correctness", "fairness", "robustness")


def listed() -> str:
    """The tests, as the page lists them."""
    lines = [MARK, ""]
    for family in FAMILIES:
        lines += [f"## {family.capitalize()}", ""]
        for test in suite.every():
            if test.family == family:
                lines += [f"### `{test.name}`", "", test.asks, "", *_facts(test), ""]
    return "\n".join(lines).rstrip() + "\n"


def _facts(test: Asked) -> Iterator[str]:
    if test.bound:
        yield f"- Needed: {test.bound.metric} at {test.bound.side} {test.bound.value:g}"
    for level in test.levels:
        judged = level.loss is not None
        needs = f"loss at most {level.loss:g}, same emotion at least {level.agreement:g}" if judged else "shown"
        yield f"- {level.name}: {needs}"
    yield f"- Why: {test.why}"


def test_the_page_lists_every_test_with_its_thresholds_and_reasons():
    text = PAGE.read_text(encoding="utf-8")
    assert text[text.index(MARK) :] == listed(), "write it anew: python tests/evaluation/stress/test_stress_page.py"


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(before + listed(), encoding="utf-8")
