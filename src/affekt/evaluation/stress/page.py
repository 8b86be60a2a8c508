"""Report -> rows for people: the same tables for a terminal and for a page in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from affekt.evaluation.judgements import LEAKY
from affekt.evaluation.stress.suite import About, Report
from affekt.evaluation.stress.table import Result

_CCC = "change of CCC, "
_COLUMNS = ("test", "of", "value", "95 %", "needed", "verdict", "guessing", "note")
_LEVELS = ("test", "level", "UAR", "change", "95 %", "allowed", "same", "needed", "moved", "CCC", "verdict", "guessing",
           "note")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """One part of the suite on one corpus."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[str, ...] = ()
    "columns of numbers"


def tables(report: Report, corpus: str) -> Iterator[Table]:
    """Give the tables of a corpus, those with rows only."""
    own = [result for result in report.results if result.corpus == corpus]
    for family in ("correctness", "fairness"):
        if rows := tuple(_row(result) for result in own if result.test.startswith(f"{family}/")):
            yield Table(family, _COLUMNS, rows, ("value", "needed", "guessing"))
    levels = tuple(_level(group) for group in _levels(own))
    if not levels:
        return
    bare = {"CCC"} if not any(result.metric.startswith(_CCC) for result in own) else set[str]()
    bare |= {"note"} if not any(level[-1] for level in levels) else set()
    left = [i for i, column in enumerate(_LEVELS) if column not in bare]
    rows = tuple(tuple(row[i] for i in left) for row in levels)
    yield Table(
        "robustness", tuple(_LEVELS[i] for i in left), rows, ("UAR", "change", "allowed", "same", "needed", "CCC")
    )


def verdicts(results: Sequence[Result]) -> tuple[int, int, int]:
    """Count what was judged, what passed, and what guessing passes; a level of a perturbation counts once."""
    groups = [*_levels(results), *([one] for one in results if not one.test.startswith("robustness/"))]
    judged = [[one for one in group if one.passed is not None] for group in groups]
    judged = [group for group in judged if group]
    passed = sum(all(one.passed for one in group) for group in judged)
    return len(judged), passed, sum(all(guessed(one) for one in group) for group in judged)


def guessed(result: Result) -> bool | None:
    """Say whether guessing passes; in fairness by the threshold of its own blind models."""
    own = result.detail.get("random threshold")
    if own is not None and result.random is not None:
        return bool(result.random <= own)
    return result.random_passed


def verdict(group: Sequence[Result]) -> str:
    """Passed or FAILED, with a question mark where the interval lies on both sides of the threshold, or is none.

    >>> verdict([Result("demo", "correctness/uar", "", "UAR", 0.4, 0.3, 0.6, threshold=0.5)])
    'FAILED?'
    >>> verdict([Result("demo", "correctness/uar", "", "UAR", 0.6, threshold=0.5, alone=True)])
    'passed?'
    """
    judged = [result for result in group if result.passed is not None]
    if not judged:
        return ""
    failed = [result for result in judged if not result.passed]
    sure = any(result.sure for result in failed) if failed else all(result.sure for result in judged)
    return ("FAILED" if failed else "passed") + ("" if sure else "?")


def headline(about: About) -> str:
    """Say in a line what a corpus was asked with.

    >>> headline(About("demo", 20, 4, {"anger": 20}, {"calm": "neutral"}, 3, "", (), ""))
    'demo: 20 utterances of 4 speakers, 1 emotion; calm counts as neutral; 3 of emotions that the model does not know'
    """
    who = f"{_count(about.utterances, 'utterance')} of {_count(about.speakers, 'speaker')}"
    parts = [f"{about.name}: {who}, {_count(len(about.emotions), 'emotion')}"]
    parts += [f"{own} counts as {to}" for own, to in about.merged.items()]
    parts += [f"{about.left_out:,} of emotions that the model does not know"] if about.left_out else []
    parts += [f"{len(about.unreadable)} could not be read"] if about.unreadable else []
    return "; ".join(parts)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def stamp(about: About) -> str:
    """Say that absolute numbers are too high; empty where they are not."""
    return f"{LEAKY}: {about.leaky}; only what changes with the sound means anything" if about.leaky else ""


def count(report: Report, corpus: str) -> str:
    """Say in a line how a corpus went."""
    judged, passed, guessed = verdicts([result for result in report.results if result.corpus == corpus])
    return f"{passed} of {judged} passed; a model that guesses passes {guessed}"


def markdown(report: Report) -> str:
    """Write the report as a page."""
    head = [f"# Stress: {report.model}", "", f"Measured on {report.date}. {report.licence}".strip(), ""]
    return "\n".join([*head, *sections(report)])


def sections(report: Report, *, depth: int = 2) -> Iterator[str]:
    """Write the lines of each corpus, its heading of this depth."""
    for about in report.corpora:
        yield from (f"{'#' * depth} {report.model} on {about.name}", "", f"{headline(about)}.", "")
        yield from ((f"**{stamp(about)}.**", "") if about.leaky else ())
        yield from (f"{count(report, about.name)}.", "")
        for table in tables(report, about.name):
            yield from (f"{'#' * (depth + 1)} {table.title.capitalize()}", "", *_pipes(table), "")


def _pipes(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(table.columns)} |"
    yield f"|{'|'.join('---:' if column in table.right else '---' for column in table.columns)}|"
    yield from (f"| {' | '.join(row)} |" for row in table.rows)


# Rows -------------------------------------------------------------------------------------------------------------


def _row(result: Result) -> tuple[str, ...]:
    needed = (
        "" if result.threshold is None else f"{'>=' if result.side == 'least' else '<='} {_number(result.threshold)}"
    )
    return (
        result.test.partition("/")[2],
        result.level,
        _number(result.value),
        _interval(result),
        needed,
        verdict([result]),
        _number(result.random),
        result.note,
    )


def _level(group: Sequence[Result]) -> tuple[str, ...]:
    found = {result.metric: result for result in group}
    change, same = found["change of UAR"], found["agreement"]
    lost = [result for result in group if result.metric.startswith(_CCC)]
    worst = min((result.value or 0.0 for result in lost), default=None)
    return (
        change.test.partition("/")[2],
        change.level,
        _number(found["UAR"].value),
        _signed(change.value),
        _interval(change, signed=True),
        _signed(change.threshold),
        _number(same.value, 2),
        _number(same.threshold, 2),
        _number(found["probability moved"].value, 2),
        _signed(worst),
        verdict(group),
        _number(same.random, 2),
        change.note,
    )


def _levels(results: Sequence[Result]) -> list[list[Result]]:
    found: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        if result.test.startswith("robustness/"):
            found.setdefault((result.corpus, result.test, result.level), []).append(result)
    return list(found.values())


def _number(value: float | None, places: int = 3) -> str:
    if value is None:
        return ""
    return f"{value:.0e}" if 0 < abs(value) < 10**-places / 2 else f"{value:.{places}f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _interval(result: Result, *, signed: bool = False) -> str:
    if result.low is None or result.high is None:
        return ""
    shown = _signed if signed else _number
    return f"{shown(result.low)} to {shown(result.high)}"
