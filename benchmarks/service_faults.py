"""What the service bears: processes that are killed, calls that vanish."""

from __future__ import annotations

import random
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from benchmarks.service_row import Row, fine
from benchmarks.service_run import Calls, Service, descriptors, memory

RESUME = 2.0  # s
LIVE = 20  # calls, while the engine is killed
KILLS = 50
ALERTING = 6  # calls, while everything is killed
SPAN = (4.0, 14.0)  # s from the first word to the kill
START = 30.0  # s
CYCLES, WARM = 2000, 200
PER_SECOND = 10  # calls that begin
TALK = 0.5  # s, of which each vanishes somewhere
LEAK = 10.0  # MB
SETTLE = 10.0  # s
EAGER = {"sustained": {"emotion": "neutral", "enter": 0.1, "exit": 0.05, "hold": 0.5, "cooldown": 1.0}}
"a rule that fires in every call, and soon, so that there is something to lose"


# The engine ---------------------------------------------------------------------------------------------------------


def engine(minutes: float) -> dict[str, Any]:
    """Kill the engine while calls are live, as often as there is time for."""
    each, kills = 20.0, []
    with Service({"engine": {"hop": 1.0}}, tapped=True) as service:
        assert service.tap is not None
        calls = Calls(service, LIVE, seconds=max(60 * minutes, 2 * each))
        for _ in range(max(1, int(60 * minutes // each) - 1)):
            time.sleep(each)
            kills.append(service.kill("engine")[0])
        report = calls.wait()
        found = list(service.tap.messages)
    return {"kills": len(kills), "resumed": [resumed(found, at) for at in kills], "spoken": report}


def resumed(found: Sequence[Mapping[str, Any]], killed: float) -> float | None:
    """Return when the first window was judged after a kill, in s; None: never."""
    after = [one["at"] - killed for one in found if one.get("type") == "window.judged" and one["at"] > killed]
    return min(after, default=None)


def tell_engine(kept: Mapping[str, Any]) -> tuple[bool, str]:
    times, report = kept["resumed"], kept["spoken"]
    dropped = sum(report["dropped"].values())
    if None in times:
        return False, f"{dropped} closed; after {times.count(None)} of {len(times)} kills no window was judged"
    met = max(times) <= RESUME and fine(report)
    return met, f"{len(times)} kills, {LIVE} calls: {dropped} closed, results again after {max(times):.1f} s at most"


# Everything ---------------------------------------------------------------------------------------------------------


def everything(minutes: float) -> dict[str, Any]:
    """Kill all processes at random instants, and look whether what was told is still there."""
    rng, until = random.Random(0), time.monotonic() + 60 * minutes
    lost: list[str] = []
    broken: list[str] = []
    kills = seen = answered = 0
    with Service({"engine": {"hop": 1.0, "rules": EAGER}}) as service:
        while kills < KILLS and time.monotonic() < until:
            before = live(service)  # those that were killed may still be thought to be live
            calls = Calls(service, ALERTING, seconds=60, kind="angry", seed=kills)
            begun(service, before)
            known = watched(service, rng.uniform(*SPAN), rng)
            service.kill_all()
            calls.cut()
            kills += 1
            broken += consistent(service.data / "affekt.db")
            service.start()
            lost += missing(known, listed(service))
            seen = len(known)
            answered = sum(state == "acknowledged" for state in known.values())
            print(f"  kill {kills}: {seen} alerts, {answered} acknowledged", file=sys.stderr, flush=True)
    return {"kills": kills, "alerts": seen, "acknowledged": answered, "lost": lost, "broken": broken}


def live(service: Service) -> set[str]:
    """Return the calls that are thought to be live."""
    found = service.client.get("/v1/calls", params={"live": "true", "limit": 200}).json()["items"]
    return {one["id"] for one in found}


def begun(service: Service, before: set[str]) -> None:
    """Wait until other calls than before are live: a program takes its time to start."""
    until = time.monotonic() + START
    while time.monotonic() < until:
        if live(service) - before:
            return
        time.sleep(0.1)


def watched(service: Service, seconds: float, rng: random.Random) -> dict[str, str]:
    """Watch alerts for so long, acknowledge some; give alert -> the last state that the service has told."""
    known: dict[str, str] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            known |= listed(service)
            waiting = [one for one, state in known.items() if state == "firing"]
            if waiting and rng.random() < 0.5:
                chosen = rng.choice(waiting)
                if service.client.post(f"/v1/alerts/{chosen}/acknowledge", json={}).status_code == 200:
                    known[chosen] = "acknowledged"
        except httpx.HTTPError:
            continue
        time.sleep(rng.uniform(0, 0.2))
    return known


def listed(service: Service) -> dict[str, str]:
    """Return alert -> state, of all that the service knows."""
    found: dict[str, str] = {}
    cursor: str | None = None
    while True:
        page = service.client.get("/v1/alerts", params={"limit": 200, **({"cursor": cursor} if cursor else {})}).json()
        found |= {one["id"]: one["state"] for one in page["items"]}
        cursor = page.get("next")
        if not cursor:
            return found


def missing(known: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the alerts that are gone, and those that have forgotten that somebody has answered them.

    >>> missing({"a": "firing", "b": "acknowledged"}, {"a": "resolved", "b": "firing"})
    ['b was acknowledged and is firing']
    """
    gone = [f"{one} is gone" for one in known if one not in now]
    back = [one for one, state in known.items() if state != "firing" and now.get(one) == "firing"]
    return gone + [f"{one} was {known[one]} and is firing" for one in back]


def consistent(path: Path) -> list[str]:
    """Return what SQLite finds wrong."""
    with sqlite3.connect(path) as base:
        wrong = [str(row[0]) for row in base.execute("PRAGMA integrity_check") if row[0] != "ok"]
        return wrong + [f"foreign key: {row}" for row in base.execute("PRAGMA foreign_key_check")]


def tell_everything(kept: Mapping[str, Any]) -> tuple[bool, str]:
    met = not kept["lost"] and not kept["broken"] and kept["kills"] >= KILLS and kept["alerts"] > 0
    return met, (
        f"{kept['kills']} kills, {kept['alerts']} alerts, {kept['acknowledged']} of them acknowledged: "
        f"{len(kept['lost'])} lost; the database was {'not ' if kept['broken'] else ''}consistent each time"
    )


# Calls that vanish --------------------------------------------------------------------------------------------------


def vanishing(minutes: float) -> dict[str, Any]:
    """Connect, talk, vanish, again and again; what is left behind?"""
    count = min(CYCLES, round(60 * minutes * PER_SECOND))
    with Service() as service:
        cycle(service, WARM, seed=0)
        before = state(service)
        report = cycle(service, count, seed=1)
        after = state(service)
    return {"cycles": count, "before": before, "after": after, "spoken": report}


def cycle(service: Service, count: int, *, seed: int) -> dict[str, Any]:
    calls = Calls(service, count, seconds=TALK, ramp=count / PER_SECOND, faults="vanish=1", seed=seed)
    report = calls.wait()
    time.sleep(SETTLE)
    return report


def state(service: Service) -> dict[str, Any]:
    """Return memory in MB and open descriptors of each process, and the calls that are thought to be live."""
    pids = service.processes()
    return {
        "memory": {name: round(memory(pid), 1) for name, pid in pids.items()},
        "descriptors": {name: descriptors(pid) for name, pid in pids.items()},
        "live": len(live(service)),
    }


def tell_vanishing(kept: Mapping[str, Any]) -> tuple[bool, str]:
    grown = {
        what: {name: kept["after"][what][name] - size for name, size in kept["before"][what].items()}
        for what in ("memory", "descriptors")
    }
    most, files, left = sum(grown["memory"].values()), sum(grown["descriptors"].values()), kept["after"]["live"]
    met = most < LEAK and files <= 0 and not left and kept["cycles"] >= CYCLES and fine(kept["spoken"])
    return met, f"{kept['cycles']:,} cycles: {most:+.1f} MB, descriptors {files:+d}, {left} calls left over"


ROWS = (
    Row(
        "engine",
        "engine killed with calls live",
        f"0 sockets closed, results <= {RESUME:g} s",
        2.0,
        engine,
        tell_engine,
    ),
    Row(
        "kill",
        f"kill -9 of everything at random instants, {KILLS} times",
        "0 acknowledged alerts lost, database consistent",
        25.0,
        everything,
        tell_everything,
    ),
    Row(
        "vanish",
        f"{CYCLES:,} calls that connect, talk and vanish",
        f"memory < +{LEAK:g} MB, descriptors and calls back to where they were",
        4.0,
        vanishing,
        tell_vanishing,
    ),
)
