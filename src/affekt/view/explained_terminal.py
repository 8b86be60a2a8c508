"""Explanation -> a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from affekt.explain import WARNING, Explanation
from affekt.view import explained
from affekt.view.terminal import bar, sparkline
from affekt.view.words import clock, percent, printable

_BARS = 48
_SHOWN = 5
_WIDE = 24


def lines(said: Explanation) -> Iterator[Text]:
    """Yield the lines, the licence last."""
    yield Text.assemble((printable(said.source), "bold"), (f"  {explained.where(said)} · {said.card.id}", "dim"))
    yield Text.assemble(f"{explained.judgement(said)}; why {printable(said.question)}?")
    yield Text()
    yield from _moments(said)
    yield from _frequencies(said)
    if said.words:
        yield _fact("words", "  ".join(f"{printable(one.word)} {explained.odds(one.worth)}" for one in said.words))
    yield Text()
    yield Text(explained.verdict(said))
    for name, share in explained.checks(said):
        full, track = bar(share, _WIDE)
        yield Text.assemble((f"  {name:<26}", "dim"), full, (track, "dim"), f" {percent(share):>5}")
    yield from _more(said)
    yield Text()
    for note in said.notes:
        yield Text(f"note: {printable(note)}")
    yield Text(WARNING, "dim")
    yield Text(printable(said.card.licence_line), "dim")


def _fact(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<12}", "dim"), text)


def _moments(said: Explanation) -> Iterator[Text]:
    found = explained.bars(said, _BARS)
    top = explained.scale([one.worth for one in found])
    at = said.window.signal.segment
    yield Text.assemble(
        (f"{'moments':<12}", "dim"),
        sparkline([one.worth / top for one in found]),
        (f"  {clock(at.start)} to {clock(at.end)}", "dim"),
    )
    best = sorted(found, key=lambda one: -one.worth)[:3]
    most = ", ".join(f"{clock(one.start)} ({explained.odds(one.worth)})" for one in sorted(best, key=lambda b: b.start))
    yield _fact("most for", most)


def _frequencies(said: Explanation) -> Iterator[Text]:
    for low, high, worth in explained.strongest(said)[:3]:
        place = f"{explained.hertz(low)} to {explained.hertz(high)}"
        yield _fact("frequencies", f"{place:<20} {explained.odds(worth)}, {explained.direction(worth)}")


def _more(said: Explanation) -> Iterator[Text]:
    for one in said.contributions[:_SHOWN]:
        worth = f"{explained.odds(one.worth)} {explained.direction(one.worth)}"
        yield _fact("feature", f"{one.name:<40} {worth:<15} {explained.contribution(one)}")
    for remark in said.remarks:
        if remark.word != "usual":
            yield _fact("voice", explained.remark(remark))
    for near in said.nearest:
        yield _fact("sounds like", explained.near(near))
