"""Alert committed -> webhook received: benchmarks/DELIVER.md.

    python -m benchmarks.deliver              about a minute
    python -m benchmarks.deliver --alerts 50  a shorter look

Store (SQLite, in a temporary folder), worker and receivers run in one process and share its processor: a receiver of
one's own would only be faster. The clock starts when `Store.record` has returned, as the service answers the engine
then, and stops when the receiver has read the request.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from affekt.service.deliver.channels import webhook
from affekt.service.deliver.net import Net
from affekt.service.deliver.worker import Worker
from affekt.service.store import Store
from benchmarks import page

GOAL = 1.0  # s, of the 99th percentile
PACE = 0.05  # s between two alerts, where they do not come at once
SLOW = 0.1  # s that a receiver takes to answer


class Receiver:
    """Answers 204, after `wait` seconds, and remembers when each alert came."""

    def __init__(self, wait: float = 0.0) -> None:
        self.wait, self.port, self.came = wait, 0, dict[str, float]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.partition(b"content-length:")[2].split()[0])
            alert = json.loads(await reader.readexactly(size))["data"]["id"]
            self.came.setdefault(alert, time.perf_counter())
            await asyncio.sleep(self.wait)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def receiving(store: Store, name: str, wait: float = 0.0) -> AsyncIterator[Receiver]:
    made = Receiver(wait)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    reach = {"allow_private": ["127.0.0.0/8"], "allow_plain": True, "ports": [made.port]}
    settings = {"url": f"http://127.0.0.1:{made.port}/", **reach}
    store.destination_add("default", "webhook", name, settings=settings, secret=webhook.new_secret())
    yield made
    server.close()


def message() -> dict[str, object]:
    call = str(uuid.uuid4())
    about = {"tenant": "default", "call": call, "stream": call, "n": 1, "at": time.time(), "time": 5.0}
    alert = {"rule": "sustained", "start": 1.0, "end": 5.0, "speaker": "customer", "reason": "anger at 0.80"}
    return {"type": "alert.firing", **about, **alert, "state": "firing", "snr": 20.0}


async def measured(alerts: int, *, at_once: bool, wait: float = 0.0, hung: bool = False) -> list[float]:
    """Seconds from commit to receipt of each alert."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'affekt.db'}", bytes(range(32)))
        store.migrate()
        async with contextlib.AsyncExitStack() as stack:
            if hung:
                await stack.enter_async_context(receiving(store, "hung", 3600.0))
            receiver = await stack.enter_async_context(receiving(store, "team", wait))
            net = await stack.enter_async_context(Net())
            worker = Worker(store, net)
            task = asyncio.create_task(worker.run())
            committed = await fired(store, worker, alerts, at_once=at_once)
            while len(receiver.came) < alerts:
                await asyncio.sleep(0.05)
            await worker.stop(0.0)
            await task
        store.close()
    return [receiver.came[alert] - at for alert, at in committed.items()]


async def fired(store: Store, worker: Worker, alerts: int, *, at_once: bool) -> dict[str, float]:
    committed: dict[str, float] = {}
    batches = [alerts] if at_once else [1] * alerts
    for size in batches:
        found = await asyncio.to_thread(store.record, [message() for _ in range(size)])
        now = time.perf_counter()
        committed |= {alert["id"]: now for alert in found}
        worker.wake()
        await asyncio.sleep(PACE)
    return committed


CASES = {
    "one after the other, 20 a second": {"at_once": False},
    "all at once": {"at_once": True},
    f"all at once, the receiver takes {1000 * SLOW:.0f} ms": {"at_once": True, "wait": SLOW},
    "20 a second, another destination hangs": {"at_once": False, "hung": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=200, help="how many; 200")
    alerts = parser.parse_args().alerts
    rows = [row(name, asyncio.run(measured(alerts, **how))) for name, how in CASES.items()]
    origin = page.origin("benchmarks.deliver")
    text = [
        "# Alerts out\n",
        f"Written by `{origin['command']}`, {origin['date']}, commit {origin['commit']}, {origin['machine']}, on a",
        "server CPU that others used too. Time from the commit of an alert to its receipt as a signed webhook, of",
        f"{alerts} alerts; store, worker and receivers in one process. Goal: p99 within {GOAL:g} s.\n",
        "| alerts | p50 | p99 | slowest | goal |",
        "|---|---|---|---|---|",
        *rows,
        f"\nA webhook is sent {webhook.SIDES} deliveries at a time; beyond that, its own speed is the bound.",
    ]
    page.write("DELIVER.md", "\n".join(text) + "\n")


def row(name: str, seconds: list[float]) -> str:
    half, most = np.percentile(seconds, [50, 99])
    met = "met" if most <= GOAL else "missed"
    return f"| {name} | {1000 * half:.0f} ms | {1000 * most:.0f} ms | {1000 * max(seconds):.0f} ms | {met} |"


if __name__ == "__main__":
    main()
