"""Report -> one HTML page that needs nothing else, to be read, printed and passed on.

`report.html` beside this file draws it from the report's own JSON, in which only `rows`, every single judgement, are
left out; the sentences come from `report_words`, so that the page and the Markdown say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affekt.view import report_words, template, verdicts
from affekt.view.palette import paint
from affekt.view.words import printable

Report = Mapping[str, Any]


def page(report: Report) -> str:
    """Return the page's HTML, to be written as UTF-8.

    Args:
        report: what `affekt.evaluation.report.gather` made.
    """
    title = f"{printable(report['subject']['name'])} · affekt report"
    return template.fill("report.html", title=title, data=_data(report))


def _data(report: Report) -> dict[str, Any]:
    bare = [{**other, "evaluation": _bare(other["evaluation"])} for other in report["others"]]
    subject, stress = report["subject"], report["stress"]
    return {
        "report": {**report, "subject": _bare(subject), "others": bare, "stress": None},
        "words": {
            "leaky": report_words.leaky(report),
            "summary": report_words.summary(report),
            "measured": report_words.measured(report),
            "glossary": report_words.glossary(report),
            "not_for": report_words.NOT_FOR,
            "names": report_words.NAMES,
        },
        "stress": None if stress is None else _stress(stress),
        "marks": {label: paint(label).mark for label in subject["labels"]},
    }


def _bare(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in evaluation.items() if key != "rows"}


def _stress(stress: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": stress["model"],
        "sentences": list(verdicts.sentences(stress)),
        "rows": verdicts.rows(stress),
        "leaky": {about["name"]: about.get("leaky", "") for about in stress["corpora"]},
    }
