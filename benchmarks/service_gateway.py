"""The gateway alone: calls per core, and how late its loop is. No engine reads what it writes.

As a program it is that gateway: it prints its port, and at its end (SIGTERM) how it went.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.service_carrier import spoken
from benchmarks.service_row import Row, fine

CALLS = 250
LAG = 10.0  # ms


def measure(minutes: float) -> dict[str, Any]:
    from affekt import simulate
    from affekt.service.load.sound import Sound

    sounds = [Sound.of(call.audio, call.rate) for call in simulate.calls(4, seconds=60.0)]
    core = max(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.service_gateway"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = f"ws://127.0.0.1:{int(process.stdout.readline())}"
        report = spoken(url, sounds, CALLS, 60 * minutes)
        process.send_signal(signal.SIGTERM)
        found = json.loads(process.stdout.readline())
    return {**found, "spoken": report}


async def serve() -> None:
    """Take calls on one core, until told to stop."""
    from affekt.service.bus import Client
    from affekt.service.gateway.reception import Reception
    from affekt.service.gateway.server import Exchange, Gateway
    from affekt.service.shared import Board, make

    slots = CALLS + 6
    with tempfile.TemporaryDirectory() as folder:
        bus = Client(Path(folder) / "nobody", "gateway")
        gateway = Gateway(Exchange(Board(make(slots), slots), Reception(bytes(32), open_to_all=True)), bus)
        stopped, lag = asyncio.Event(), list[float]()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        print(await gateway.listen("127.0.0.1", 0), flush=True)
        running = asyncio.ensure_future(gateway.run(stopped))
        begun = processor = None
        while not stopped.is_set():
            await asyncio.sleep(0.2)
            if len(gateway.exchange.open) >= CALLS and begun is None:
                begun, processor = time.monotonic(), time.process_time()
                gateway.lag.clear()
            if len(gateway.exchange.open) >= CALLS and begun is not None:
                share, lag = (time.process_time() - processor) / (time.monotonic() - begun), lag + gateway.lag[:]
                gateway.lag.clear()
        await running
    print(json.dumps({"share": share, "lag": 1e3 * float(np.percentile(lag, 99)), "looks": len(lag)}), flush=True)


def tell(kept: Mapping[str, Any]) -> tuple[bool, str]:
    met = kept["share"] <= 1 and kept["lag"] <= LAG and fine(kept["spoken"])
    return met, (
        f"{CALLS} calls took {kept['share']:.0%} of a core, so {CALLS / kept['share']:.0f} would fill it; "
        f"loop late by {kept['lag']:.1f} ms (p99)"
    )


ROWS = (
    Row(
        "gateway",
        "gateway alone, dual-track Twilio calls on one core",
        f">= {CALLS}, loop lag p99 <= {LAG:g} ms",
        1.0,
        measure,
        tell,
    ),
)


if __name__ == "__main__":
    asyncio.run(serve())
