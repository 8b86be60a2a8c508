"""How long the store takes: a batch of messages, a page of calls, a call, a trend; and how many bytes a mood is.

    python -m benchmarks.store sqlite:////tmp/store.db
    python -m benchmarks.store postgresql://user@127.0.0.1/empty

A batch is what 60 calls say in a second: about 400 messages, each mood of every call among them, some ends of turns and
talk times, a gap now and then, and one alert that fires, for one destination. The address must be an empty database.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from affekt.service.store import Store

CALLS = 60
BATCH = 400
SECONDS = 120
PAST = 2000
"""calls that have ended before, with 60 moods each"""

EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
START = 1_790_000_000.0


class Talking:
    """A call that says what a call says in each second of it, and that much more often as the batch asks for."""

    def __init__(self, number: int, start: float, turn: random.Random) -> None:
        self.about = {"tenant": "default", "call": f"call-{number}", "stream": f"stream-{number}", "sender": "engine"}
        self.start, self.turn, self.n = start, turn, 0

    def tell(self, type: str, at: float, **facts: Any) -> dict[str, Any]:
        self.n += 1
        return {"type": type, **self.about, "n": self.n, "at": self.start + at, "time": at, **facts}

    def started(self) -> dict[str, Any]:
        known = {
            "protocol": "twilio",
            "external": "CA123",
            "subject": None,
            "agent": f"agent {self.turn.randint(1, 40)}",
        }
        known |= {"queue": "sales", "direction": "in", "tracks": {"inbound": "customer"}, "rate": 8000, "notice": True}
        return self.tell("call.started", 0.0, **known, consent="given", model="default@0.1")

    def mood(self, at: float) -> dict[str, Any]:
        drawn = [self.turn.random() ** 2 for _ in EMOTIONS]
        levels = {name: round(level / sum(drawn), 4) for name, level in zip(EMOTIONS, drawn, strict=True)}
        affect = {name: round(self.turn.uniform(-1, 1), 4) for name in ("valence", "arousal", "dominance")}
        emotion = max(levels, key=lambda name: levels[name])
        facts = {"levels": levels, **affect, "emotion": emotion, "uncertain": self.turn.random() < 0.3}
        return self.tell("mood", at, mood_at=at - 0.4, speaker="inbound", trend=affect, speech=at, snr=21.3, **facts)

    def window(self, at: float) -> dict[str, Any]:
        facts = {"speaker": "inbound", "role": "customer", "start": at - 3, "end": at, "emotion": "anger"}
        return self.tell("window.judged", at, **facts, probs=dict.fromkeys(EMOTIONS, 0.125))

    def turn_ended(self, at: float) -> list[dict[str, Any]]:
        ended = self.tell("turn.ended", at, speaker="inbound", role="customer", start=at - 4, end=at)
        return [ended, self.tell("talk", at, seconds={"inbound": at, "outbound": 0.0}, share={})]

    def alert(self, at: float) -> dict[str, Any]:
        facts = {"rule": "sustained", "start": at - 4, "end": at, "speaker": f"inbound-{self.n}", "snr": 20.0}
        points = [[at, 0.5, 0.1, 0.1]] * 30
        evidence = {"windows": 9, "level": 0.5, "model": "default@0.1", "points": points}
        return self.tell("alert.firing", at, **facts, reason="anger at 0.50", evidence=evidence)


def batch(calls: list[Talking], at: float, turn: random.Random) -> list[dict[str, Any]]:
    """What these calls say in a second: half of it moods."""
    said = [call.mood(at + step) for call in calls for step in (0.0, 0.25, 0.5)]
    said += [call.window(at + step) for call in calls for step in (0.0, 0.25, 0.5)]
    for call in turn.sample(calls, 18):
        said += call.turn_ended(at)
    said += [
        call.tell("gap", at, track="inbound", kind="lost", start=at - 0.1, end=at) for call in turn.sample(calls, 3)
    ]
    return [*said, turn.choice(calls).alert(at)]


def taken(work: Callable[[], Any], times: int = 20) -> list[tuple[float, float]]:
    """Milliseconds that each time took, by the clock and of this process's CPU."""
    found = []
    for _ in range(times):
        began, busy = time.perf_counter(), time.process_time()
        work()
        found.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - busy)))
    return found


def row(name: str, times: list[tuple[float, float]]) -> None:
    ranked = sorted(ms for ms, _ in times)
    p99 = ranked[round(0.99 * (len(ranked) - 1))]
    cpu = statistics.median(busy for _, busy in times)
    print(f"| {name} | {statistics.median(ranked):.1f} | {p99:.1f} | {ranked[-1]:.1f} | {cpu:.1f} |")


def past(store: Store, turn: random.Random) -> None:
    """Calls of the last 30 days, so that nothing is measured on an empty table."""
    for first in range(0, PAST, 50):
        said = []
        for number in range(first, first + 50):
            call = Talking(10_000 + number, START - turn.uniform(0, 30 * 86400), turn)
            moods = [call.mood(float(at)) for at in range(60)]
            said += [call.started(), *moods, call.tell("call.ended", 60.0, reason="hangup")]
        store.record(said)


def bytes_of(store: Store, url: str) -> int:
    """How large the database is, with nothing left in its log of writes."""
    if url.startswith("sqlite"):
        store.close()
        return Path(url.removeprefix("sqlite:///")).stat().st_size
    with store._read() as c:
        return c.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()


def main(url: str) -> None:
    turn = random.Random(0)
    store = Store(url, bytes(32))
    store.migrate()
    store.destination_add("default", "webhook", "desk", settings={"url": "https://example.org"}, secret="x")
    past(store, turn)
    calls = [Talking(number, START, turn) for number in range(CALLS)]
    store.record([call.started() for call in calls])
    batches = [batch(calls, float(at), turn) for at in range(1, SECONDS + 1)]
    size = statistics.mean(map(len, batches))
    print(f"{url.partition(':')[0]}: {CALLS} calls, {size:.0f} messages a batch, {PAST} calls before\n")
    print("| | median (ms) | p99 (ms) | worst (ms) | CPU (ms) |\n|---|---|---|---|---|")
    queue = iter(batches)
    row("record a batch", taken(lambda: store.record(next(queue)), SECONDS))
    queue = iter(batches)
    row("record a batch again", taken(lambda: store.record(next(queue)), SECONDS))
    row("a page of 50 calls", taken(lambda: store.calls("default")))
    row("a page by emotion", taken(lambda: store.calls("default", emotion="fear")))
    row("a page by words", taken(lambda: store.calls("default", q="agent 7")))
    row("one call of 360 moods", taken(lambda: store.call("default", "call-1")))
    row("trends of 30 days", taken(lambda: store.trends("default", START - 30 * 86400, START)))
    row("a page of 50 alerts", taken(lambda: store.alerts("default")))
    row("claim 20 deliveries", taken(lambda: store.claim(20, 0.0), 5))
    row("60 live calls", taken(store.live_calls, 3))
    size = bytes_of(store, url)
    print(f"\n{size / (PAST * 60 + CALLS * 3 * SECONDS):.0f} bytes per mood, all tables and indexes included")


if __name__ == "__main__":
    main(sys.argv[1])
