"""A row of the table: what is measured, for how long, and what must come of it. And the arithmetic that rows share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.service.load.sent import Sent

LEVEL = 2.1  # s, see docs/live.md, "How late"


@dataclass(frozen=True)
class Row:
    """One claim."""

    name: str
    what: str
    goal: str
    minutes: float
    "for which it is measured, if nothing else is asked"
    measure: Callable[[float], dict[str, Any]]
    tell: Callable[[Mapping[str, Any]], tuple[bool, str]]
    "numbers -> whether the goal is met, and what was found in words"


@dataclass(frozen=True)
class Delay:
    """A window that was judged."""

    call: str
    at: float
    "Unix time at which it was told"
    seconds: float
    "from its last sample on the line"


def once(messages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out what was sent again, the same stream, sender and number, and what is no message of the contract."""
    return list({(one.get("stream"), one.get("sender"), one["n"]): one for one in messages if "n" in one}.values())


def delays(messages: Iterable[Mapping[str, Any]], sent: Sent) -> list[Delay]:
    """Return the delays of the windows inside turns.

    The last window of a turn is left out: it waits for the pause that ends the turn, which is no delay of the service.
    So are those of the first `LEVEL` seconds of a call, in which the detector learns the level of the line.
    """
    messages = once(messages)
    names = {one["call"]: one["external"] for one in messages if one["type"] == "call.started"}
    found = []
    for one in messages:
        inside = one["type"] == "window.judged" and not one["final"] and one["end"] > LEVEL
        if inside and one["call"] in names:
            last = max(0, round(one["end"] * sent.rate) - 1)
            begun = sent.at(names[one["call"]], "customer", last)
            found.append(Delay(one["call"], one["at"], one["at"] - begun))
    return found


def quantiles(seconds: Sequence[float]) -> dict[str, Any]:
    """Return median, p95, p99 and the worst, in ms, and how many there are; none of nothing."""
    if not seconds:
        return {"count": 0, "p50": None, "p95": None, "p99": None, "worst": None}
    values = 1e3 * np.asarray(seconds)
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    found = {"p50": p50, "p95": p95, "p99": p99, "worst": values.max()}
    return {"count": len(seconds), **{name: round(float(value), 1) for name, value in found.items()}}


def skipped(messages: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many windows were not judged, by reason."""
    found: dict[str, int] = {}
    for one in once(messages):
        if one["type"] == "windows.skipped":
            found[one["reason"]] = found.get(one["reason"], 0) + one["count"]
    return found


def spoken(report: Mapping[str, Any]) -> str:
    """Say what speaking took, which the service could not have."""
    share = 100 * report["processor"] / report["wall"]
    return f"speaking took {share:.0f} % of a core, its timer {1e3 * report['late']['p99']:.1f} ms late (p99)"


def fine(report: Mapping[str, Any]) -> bool:
    """Say whether every call was let in, and ended as it was meant to."""
    return bool(report["finished"] == report["calls"])
