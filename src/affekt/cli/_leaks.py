"""Report of leaks -> lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from affekt.cli._terminal import count, harmless

if TYPE_CHECKING:
    from rich.console import Console

    from affekt.leaks import Finding, Item, Report
    from affekt.manifest import Manifest

_SHOWN = 5  # items of a finding that people see; --json has all
_NAMED = 2  # recordings of an item


def print_report(report: Report, console: Console, table: Any) -> None:
    """Print what was found, how sure it is, examples, and what to do."""
    console.print(harmless(_compared(report)), style="bold")
    for finding in report.findings:
        weight = finding.certainty if finding.leaks else "no leak"
        table.add_row(finding.kind, f"{len(finding.items):,}", weight, finding.advice)
    if report.findings:
        console.print(table)
    for finding in report.findings:
        console.print(harmless(f"{finding.kind}: {finding.note}"))
        for line in _examples(finding) if finding.leaks else ():
            console.print(harmless(f"  {line}"))
    for line in _apart(report):
        console.print(harmless(line))
    text, style = _verdict(report)
    console.print(text, style=style)


def _compared(report: Report) -> str:
    if report.test is None:
        return f"{_side(report.train)}: doubles inside"
    return f"training: {_side(report.train)}; test: {_side(report.test)}"


def _side(manifest: Manifest) -> str:
    named = {u.speaker for u in manifest if u.speaker}
    who = count(len(named), "speaker") if named else "unknown speakers"
    return f"{manifest.name}, {count(len(manifest), 'recording')} of {who}"


def _examples(finding: Finding) -> Iterator[str]:
    yield from (_example(item) for item in finding.items[:_SHOWN])
    if len(finding.items) > _SHOWN:
        yield f"... and {len(finding.items) - _SHOWN:,} more; --json has all"


def _example(item: Item) -> str:
    if item.what:
        test = f", {len(item.test):,} in the test" if item.test else ""
        return f"{item.what} ({len(item.train):,}{' in training' if item.test else ' times'}{test})"
    line = f"{_some(item.train)} = {_some(item.test)}"
    if item.score is None:
        return line
    speed = "" if item.speed in (None, 1) else f", played at {item.speed:g}"
    return f"{line} ({100 * item.score:.0f} % of the fingerprint{speed})"


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:_NAMED]) + (f", ... ({len(ids)} in all)" if len(ids) > _NAMED else "")


def _apart(report: Report) -> Iterator[str]:
    """What could not be compared."""
    if not report.heard:
        yield "the recordings were not listened to"
    if any(not u.speaker for side in (report.train, report.test) if side for u in side):
        yield "a folder does not say who speaks: speakers were not compared"
    for what, items in (("cannot be read", report.unreadable), ("without any sound", report.mute)):
        if items:
            yield f"{len(items)} {what}, not compared:"
            yield from (f"  {item}" for item in items[:_SHOWN])


def _verdict(report: Report) -> tuple[str, str]:
    if report.leaking:
        return ("LEAKY: scores of this split would be too high" if report.test else "doubles were found"), "bold red"
    found = "no leak was found" if report.test else "no doubles were found"
    return found + (" in what could be read" if report.unreadable else ""), "green"
