"""The wall: many viewers of many calls, one of whom has gone to sleep."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.service_row import Row, fine, once, quantiles
from benchmarks.service_run import Calls, Service, memory

CALLS, VIEWERS = 60, 20
P95 = 300.0  # ms
SLEEPER = 1.5  # times as slow: more is no chance


class Viewer:
    """Reads /v1/events as fast as it can; what it means is found out later."""

    def __init__(self, port: int) -> None:
        self.came: list[tuple[float, bytes]] = []
        "Unix time, line of data"
        self._socket = watch(port)
        threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    if line.startswith(b"data: "):
                        self.came.append((time.time(), line[6:]))
        except (OSError, ValueError):
            return


def watch(port: int, *, room: int | None = None) -> socket.socket:
    """Ask for the events; `room` bytes is all that may wait to be read."""
    made = socket.socket()
    if room:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    made.connect(("127.0.0.1", port))
    made.sendall(b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
    return made


def measure(minutes: float) -> dict[str, Any]:
    with Service({"engine": {"hop": 1.0}}, tapped=True) as service:
        assert service.tap is not None
        viewers = [Viewer(service.http) for _ in range(VIEWERS)]
        calls = Calls(service, CALLS, seconds=60 * minutes, ramp=5.0)
        time.sleep(30 * minutes)
        before = memory(service.processes()["control"])
        asleep, slept = watch(service.http, room=4096), time.time()
        report = calls.wait()
        after = memory(service.processes()["control"])
        asleep.close()
        for one in viewers:
            one.close()
        told = moods(service.tap.messages)
    late = [pair for one in viewers for pair in updates(told, one.came)]
    return {
        "awake": quantiles([seconds for at, seconds in late if at < slept]),
        "asleep": quantiles([seconds for at, seconds in late if at >= slept]),
        "control": [before, after],
        "spoken": report,
    }


def moods(messages: Iterable[Mapping[str, Any]]) -> dict[tuple[str, float], float]:
    """Return (call, place of a point in it, s) -> Unix time at which it was told."""
    own = once(messages)
    return {(one["call"], round(one.get("mood_at", one["time"]), 2)): one["at"] for one in own if one["type"] == "mood"}


def updates(told: Mapping[tuple[str, float], float], came: Sequence[tuple[float, bytes]]) -> list[tuple[float, float]]:
    """Return for each point that a viewer got in a delta when it was told, and after how many seconds it was seen."""
    found = {}
    for at, line in came:
        for call in json.loads(line).get("calls", ()):
            for point in call.get("points", ()):
                key = (call["id"], round(point[0], 2))
                if key in told and key not in found:
                    found[key] = (told[key], at - told[key])
    return list(found.values())


def tell(kept: Mapping[str, Any]) -> tuple[bool, str]:
    awake, asleep = kept["awake"], kept["asleep"]
    if not awake["count"] or not asleep["count"]:
        return False, "no update was seen"
    slower = asleep["p95"] / awake["p95"]
    met = max(awake["p95"], asleep["p95"]) <= P95 and slower <= SLEEPER and fine(kept["spoken"])
    return met, (
        f"p95 {awake['p95']:.0f} ms, {asleep['p95']:.0f} ms beside a viewer that does not read, "
        f"of {awake['count'] + asleep['count']:,} updates; control has {kept['control'][0]:.0f} and then "
        f"{kept['control'][1]:.0f} MB"
    )


ROWS = (
    Row(
        "dashboard",
        f"{CALLS} calls on {VIEWERS} dashboards: mood told -> in the viewer's hands",
        f"p95 <= {P95:g} ms, a frozen viewer slows nobody",
        2.0,
        measure,
        tell,
    ),
)
