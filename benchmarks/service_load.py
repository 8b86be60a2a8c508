"""Delays and capacity: from the last sample of a window to its event, how many calls that holds for, and beyond."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.service_row import Delay, Row, delays, fine, once, quantiles, skipped, spoken
from benchmarks.service_run import Calls, Service, memory, sent

WARM = 5.0  # s at the start of calls that do not count: models are loaded, detectors find their level
CALLS = 40
P95, P99 = 150.0, 300.0  # ms
DEADLINE = 500.0  # ms, as affekt.service.engine.call.LATEST
GOAL = 60  # calls
STEPS = (60, 80, 100, 120, 160, 200, 240)
NEWER = 0.01  # share of the windows that may have given way to a newer one of the same speaker: none of them is late
STEP = 0.5  # min for which each of them is tried
TIMES = 3  # of overload
RECOVERED = 2.0  # s
GROWTH = 0.05
CHECKED = 6  # calls whose windows are counted again


def cores() -> list[int]:
    """Return the two cores on which the service is measured, as long as there are two."""
    return sorted(os.sched_getaffinity(0))[:2]


# Delay --------------------------------------------------------------------------------------------------------------


def latency(minutes: float) -> dict[str, Any]:
    with Service({"engine": {"hop": 1.0}}, tapped=True, cores=cores()) as service:
        report = Calls(service, CALLS, seconds=60 * minutes, ramp=1.0).wait()
        assert service.tap is not None
        found = service.tap.messages
    return {"delay": quantiles(steady(delays(found, sent(report)))), "skipped": skipped(found), "spoken": report}


def steady(found: Sequence[Delay]) -> list[float]:
    """Leave out the beginning, in which nothing is as it will be."""
    begun = min((one.at for one in found), default=0.0) + WARM
    return [one.seconds for one in found if one.at >= begun]


def tell_latency(kept: Mapping[str, Any]) -> tuple[bool, str]:
    delay = kept["delay"]
    if not delay["count"]:
        return False, "no window was judged"
    lost = sum(kept["skipped"].values())
    met = delay["p95"] <= P95 and delay["p99"] <= P99 and not missing(kept) and fine(kept["spoken"])
    words = f"p95 {delay['p95']:.0f} ms, p99 {delay['p99']:.0f} ms of {delay['count']:,} windows"
    return met, f"{words}; {lost} skipped; {spoken(kept['spoken'])}"


# Capacity -----------------------------------------------------------------------------------------------------------


def capacity(minutes: float) -> dict[str, Any]:
    """Try more and more calls, each for a short while; hold the most that were borne, and fewer if they are not."""
    tried = []
    for count in STEPS:
        tried.append(held(count, min(STEP, minutes)))
        print(f"  {count} calls: {why(tried[-1]) or 'held'}", file=sys.stderr, flush=True)
        if why(tried[-1]):
            break
    for count in sorted((one["calls"] for one in tried if not why(one)), reverse=True):
        long = held(count, minutes)
        if not why(long):
            return {"held": long, "tried": tried}
        tried.append(long)
    return {"held": None, "tried": tried}


def held(count: int, minutes: float) -> dict[str, Any]:
    """Speak so many calls, and see what is missed."""
    with Service({"engine": {"hop": 1.0}}, tapped=True, cores=cores()) as service:
        report = Calls(service, count, seconds=60 * minutes, ramp=min(3.0, count / 20)).wait()
        assert service.tap is not None
        found = service.tap.messages
    levels = [one["level"] for one in once(found) if one["type"] == "load.changed"]
    return {
        "calls": count,
        "minutes": minutes,
        "delay": quantiles(steady(delays(found, sent(report)))),
        "skipped": skipped(found),
        "level": max(levels, default=0),
        "spoken": report,
    }


def missing(one: Mapping[str, Any]) -> int:
    """Count the windows that nobody judged for want of time; a few may give way to one that is there at once."""
    newer = one["skipped"].get("newer", 0)
    late = sum(one["skipped"].values()) - newer
    return late + (newer if newer > NEWER * one["delay"]["count"] else 0)


def why(one: Mapping[str, Any]) -> str:
    """Say why so many calls were not held; empty: they were."""
    if not fine(one["spoken"]):
        return f"{one['spoken']['calls'] - one['spoken']['finished']} calls refused or dropped"
    if not one["delay"]["count"]:
        return "no window was judged"
    if missed := missing(one):
        return f"{missed} windows skipped"
    if one["delay"]["worst"] > DEADLINE:
        return f"a window {one['delay']['worst']:.0f} ms late"
    return ""


def tell_capacity(kept: Mapping[str, Any]) -> tuple[bool, str]:
    best = kept["held"]
    failed = next((f"{one['calls']}: {why(one)}" for one in kept["tried"] if why(one)), "no more were tried")
    if best is None:
        return False, f"none; {failed}"
    words = f"{best['calls']} for {best['minutes']:g} min, p99 {best['delay']['p99']:.0f} ms; {failed}"
    return best["calls"] >= GOAL, f"{words}; {spoken(best['spoken'])}"


# Overload -----------------------------------------------------------------------------------------------------------


def overload(minutes: float) -> dict[str, Any]:
    """Calls that the service bears, from before until after so many more that it cannot."""
    base, before, after = GOAL // 2, 20.0, 30.0
    more = TIMES * GOAL - base
    with Service({"engine": {"hop": 1.0}}, tapped=True, cores=cores()) as service:
        long = Calls(service, base, seconds=before + 60 * minutes + after, ramp=2.0)
        time.sleep(before)
        short = Calls(service, more, seconds=60 * minutes, ramp=5.0, seed=1)
        time.sleep(30 * minutes)
        half = weight(service)
        crowd = short.wait()
        end = time.time()
        full = weight(service)
        few = long.wait()
        assert service.tap is not None
        found = list(service.tap.messages)
    crowded = {
        one["call"] for one in found if one.get("type") == "call.started" and one["external"] in sent(crowd).begun
    }
    own = delays([one for one in found if one.get("call") not in crowded], sent(few))
    other = delays([one for one in found if one.get("call") in crowded], sent(crowd))
    return {
        "calls": TIMES * GOAL,
        "delay": quantiles([one.seconds for one in own + other if one.at < end]),
        "skipped": skipped(found),
        "judged": sum(one["type"] == "window.judged" for one in once(found)),
        "growth": full / half - 1,
        "recovered": recovered(own, end),
        "counted": counted(found, crowd),
        "spoken": crowd,
    }


def weight(service: Service) -> float:
    """Return the memory of all processes, in MB."""
    return sum(memory(pid) for pid in service.processes().values())


def recovered(own: Sequence[Delay], end: float) -> float:
    """Return how long after the end windows were last late, in s."""
    late = [one.at - end for one in own if one.at > end and 1e3 * one.seconds > P99]
    return max(late, default=0.0)


def counted(found: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> float | None:
    """Return the windows of some calls that were judged or told to be skipped, as a share of those that there were.

    What there were is found by hearing the same sound again, without haste.
    """
    from affekt.service.load.carrier import Carrier, Load

    load = Load(report["to"], report["protocol"], report["calls"], report["seconds"], seed=report["seed"])
    carrier, told = Carrier(load, sounds(report)), by_agent(found, set(sent(report).begun))
    chosen = sorted(told)[:: max(1, len(told) // CHECKED)]
    there = sum(windows(carrier.call(number), load.seconds) for number in chosen)
    return sum(told[number] for number in chosen) / there if there else None


def by_agent(found: Sequence[Mapping[str, Any]], external: set[str]) -> dict[int, int]:
    """Return number of a call -> how many of its windows were judged or skipped, of those that were let in."""
    numbers = {
        one["call"]: int(str(one["agent"]).rpartition(" ")[2])
        for one in found
        if one.get("type") == "call.started" and one["external"] in external
    }
    counts = dict.fromkeys(numbers.values(), 0)
    for one in once(found):
        if one.get("call") in numbers and one["type"] in ("window.judged", "windows.skipped"):
            counts[numbers[one["call"]]] += one.get("count", 1)
    return counts


def sounds(report: Mapping[str, Any]) -> list[Any]:
    """Make the sounds of a load again."""
    from affekt import simulate
    from affekt.service.load.sound import Sound

    first, setting = report["sounds"][0], {"kind": "mixed", "seconds": 60.0, "seed": report["seed"]}
    made = list(simulate.calls(len(report["sounds"]), **setting))
    assert made[0].truth.name == first["name"]
    return [Sound.of(call.audio, call.rate) for call in made]


def windows(call: Any, seconds: float) -> int:
    """Count the windows of what a call says, by hearing it as the service does."""
    from affekt import bundle
    from affekt.live import Pipeline, Settings, WindowJudged
    from affekt.live.track import Patience
    from affekt.types import Signal

    pipeline = Pipeline(
        bundle.load(),
        {"inbound": "customer", "outbound": "agent"},
        settings=Settings(patience=Patience(reorder=0.2, jitter=0.02)),
    )
    rate, length = call.sound.rate, round(seconds * call.sound.rate)
    heard = {
        track: np.resize(np.roll(call.sound.samples[side], -call.shift * call.sound.size), length)
        for track, side in (("inbound", "customer"), ("outbound", "agent"))
    }
    events, step = [], rate // 2
    for at in range(0, length, step):
        pieces = {t: Signal(x[at : at + step].astype(np.float32) / 32768, rate, at) for t, x in heard.items()}
        events += pipeline.push(pieces)
    events += pipeline.finish()
    return sum(isinstance(event, WindowJudged) for event in events)


def tell_overload(kept: Mapping[str, Any]) -> tuple[bool, str]:
    delay, counts = kept["delay"], kept["counted"]
    if not delay["count"] or counts is None:
        return False, "no window was judged"
    met = (
        delay["p99"] <= DEADLINE
        and kept["growth"] < GROWTH
        and abs(counts - 1) < 0.005
        and kept["recovered"] <= RECOVERED
        and not kept["spoken"]["dropped"]
    )
    lost, refused = sum(kept["skipped"].values()), sum(kept["spoken"]["refused"].values())
    return met, (
        f"{kept['calls']} calls, {refused} of them refused: p99 {delay['p99']:.0f} ms of {kept['judged']:,} judged, "
        f"memory {kept['growth']:+.1%}, {lost:,} skipped, {counts:.1%} of all windows accounted for, "
        f"back after {kept['recovered']:.1f} s; {spoken(kept['spoken'])}"
    )


ROWS = (
    Row(
        "latency",
        f"last sample -> event published, {CALLS} dual-track Twilio calls",
        f"p95 <= {P95:g} ms, p99 <= {P99:g} ms",
        2.0,
        latency,
        tell_latency,
    ),
    Row(
        "capacity",
        "live calls held on 2 cores, which speak them too; hop 1 s, no window out of time or more than 500 ms late",
        f">= {GOAL} for 5 min",
        5.0,
        capacity,
        tell_capacity,
    ),
    Row(
        "overload",
        f"{TIMES} times as many",
        f"p99 <= {DEADLINE:g} ms, memory < +5 %, all skipped counted, back <= {RECOVERED:g} s",
        2.0,
        overload,
        tell_overload,
    ),
)
