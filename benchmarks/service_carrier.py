"""What speaking costs: the load shares the machine with the service that it measures."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.service_row import Row, fine

from affekt import simulate
from affekt.service.load.carrier import Carrier, Load
from affekt.service.load.sound import Sound
from affekt.service.load.wire import loop_factory

CALLS = (60, 120, 250)
SHARE = 0.3  # of a core
LATE = 0.005  # s


@contextmanager
def sink() -> Iterator[str]:
    """Run a server that only reads; give its URL."""
    command = [sys.executable, "-m", "benchmarks.service_sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


def measure(minutes: float) -> dict[str, Any]:
    sounds = [Sound.of(call.audio, call.rate) for call in simulate.calls(4, seconds=60.0)]
    with sink() as url:
        return {"by_calls": [spoken(url, sounds, count, 60 * minutes / len(CALLS)) for count in CALLS]}


def spoken(url: str, sounds: list[Sound], count: int, seconds: float) -> dict[str, Any]:
    load = Load(url, "twilio", calls=count, seconds=seconds, ramp=1.0)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        report = runner.run(Carrier(load, sounds).run())
    return {name: value for name, value in report.to_dict().items() if name != "sent"}


def tell(kept: Mapping[str, Any]) -> tuple[bool, str]:
    rows = kept["by_calls"]
    words = [
        f"{row['calls']}: {row['processor'] / row['wall']:.0%}, p99 {1e3 * row['late']['p99']:.1f} ms" for row in rows
    ]
    last = rows[-1]
    met = last["processor"] / last["wall"] <= SHARE and last["late"]["p99"] <= LATE and all(map(fine, rows))
    return met, "; ".join(words)


ROWS = (
    Row(
        "carrier",
        f"the load itself: share of a core that {', '.join(map(str, CALLS))} calls take, and how late its timer is",
        f"<= {SHARE:.0%} and {1e3 * LATE:g} ms (p99) at {CALLS[-1]}",
        1.0,
        measure,
        tell,
    ),
)
