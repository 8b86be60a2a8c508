"""Sound -> a service to look at: the real application, store, live state and dashboard; calls heard by `affekt.live`.

    python tests/service/dashboard_app.py [--calls 14] [--port 8000] [--corpora ../shared/corpora]

What is missing is what the gateway and the engine do in processes of their own: here `Calls` plays what was heard as if
it came now, and answers the commands that control sends them.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import soundfile
import uvicorn

from affekt.live import Session
from affekt.service.auth import passwords
from affekt.service.control import events
from affekt.service.control.app import app as application
from affekt.service.control.app import gated
from affekt.service.control.hub import Hub
from affekt.service.dashboard import pages
from affekt.service.settings import Http, Ingest, Secrets, Serve
from affekt.service.store import Store

EXAMPLE = Path(__file__).parents[2] / "examples" / "call.wav"
TRACKS = {"in": "customer", "out": "agent"}
PASSWORD = "correct horse battery staple"
AGENTS = (
    "Ada Okafor",
    "Bruno Silva",
    "Chen Li",
    "Dilan Aydin",
    "Elif Kaya",
    "Farid Haddad",
    "Grace Owusu",
    "Hugo Meyer",
)
QUEUES = ("Billing", "Technical support", "Retention", "Claims")
DAY = 86400.0


def hear(samples: np.ndarray, rate: int) -> list[dict[str, Any]]:
    """What `affekt.live` tells of a call with the customer left and the agent right."""
    session = Session(channels=TRACKS)
    step = rate // 4
    told = [event for i in range(0, len(samples), step) for event in session.push(samples[i : i + step], rate)]
    return [event.to_dict() for event in [*told, *session.finish()]]


@cache
def example() -> tuple[dict[str, Any], ...]:
    """The call of examples/, heard once."""
    samples, rate = soundfile.read(EXAMPLE, dtype="float32")
    return tuple(hear(samples, rate))


def simulated(count: int, corpora: Path, seconds: float = 240.0) -> list[tuple[dict[str, Any], ...]]:
    """Calls between speakers of corpora, heard."""
    from affekt import simulate
    from affekt.datasets import load

    names = [name for name in ("emodb", "ravdess", "savee") if (corpora / name).exists()]
    cast = simulate.Corpora([load(name, corpora / name) for name in names])
    setting = simulate.Setting("mixed", seconds, 20.0, "mu", 3)
    return [tuple(hear(call.audio, call.rate)) for call in simulate.calls(count, cast=cast, setting=setting)]


# Events -> messages -----------------------------------------------------------------------------------------------


def messages(told: tuple[dict[str, Any], ...], name: str, began: float, **about: Any) -> list[dict[str, Any]]:
    """The messages of one call, as gateway and engine send them; `at` says when each comes."""
    call, stream = str(uuid5(NAMESPACE_URL, name)), str(uuid5(NAMESPACE_URL, name + "/stream"))
    same = {"tenant": "default", "call": call, "stream": stream}
    facts = {"protocol": "twilio", "external": name, "tracks": TRACKS, "rate": 8000, "notice": True, "consent": "given"}
    first = {**same, **facts, "model": "default@1", "direction": "in", "subject": None, **about}
    found = [{**first, "type": "call.started", "sender": "gateway", "n": 0, "at": began}]
    moods: list[list[Any]] = []
    for n, event in enumerate(told):
        facts = {"mood_at" if key == "at" else key: value for key, value in event.items()}
        if event["type"] == "mood":
            moods.append([facts["mood_at"], facts["levels"][facts["emotion"]], facts["valence"], facts["arousal"]])
        if event["type"].startswith("alert."):
            points = moods[-8:]
            level = points[-1][1] if points else None
            facts["evidence"] = {"windows": len(points), "level": level, "model": "default@1", "points": points}
        found.append({**same, **facts, "sender": "engine", "n": n, "at": began + event["time"]})
    last = found[-1]["at"] + 0.5
    found.append({**same, "type": "call.ended", "sender": "gateway", "n": 1, "at": last, "reason": "hangup"})
    return found


def repeated(told: tuple[dict[str, Any], ...], times: int) -> tuple[dict[str, Any], ...]:
    """The same call over and over, without its end in between, so that it lasts."""
    length = max(event["time"] for event in told) + 1.0
    places = ("time", "start", "end", "at", "turn_start")
    more = [
        {key: round(value + i * length, 3) if key in places else value for key, value in event.items()}
        for i in range(times)
        for event in told
        if event["type"] != "finished"
    ]
    return tuple(more)


@dataclass
class Calls:
    """Plays calls, and does what control says: in place of gateway and engine."""

    store: Store
    hub: Hub
    waiting: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def send(self, command: dict[str, Any]) -> None:
        self.sent.append(dict(command))
        kinds = {"consent": "consent", "pause": "paused", "resume": "resumed"}
        if command["type"] in kinds:
            self._answer(kinds[command["type"]], command)

    def _answer(self, kind: str, command: dict[str, Any]) -> None:
        first = next((m for m in self.waiting if m["call"] == command["call"]), None)
        if first is None:
            return
        about = {"tenant": first["tenant"], "call": first["call"], "stream": first["stream"], "sender": "answers"}
        facts = {"state": command.get("state"), "by": "supervisor"} if kind == "consent" else {"time": 0.0}
        self.waiting.insert(0, {**about, **facts, "type": kind, "n": len(self.sent), "at": time.time()})

    def state(self) -> dict[str, Any]:
        return {name: {"connected": True, "since": "2026-01-01T00:00:00.000Z"} for name in ("gateway", "engine")}

    async def play(self, until: float) -> None:
        """Tell what is due, in its order."""
        async with self.turn:
            self.waiting.sort(key=lambda message: message["at"])
            due = [message for message in self.waiting if message["at"] <= until]
            self.waiting = self.waiting[len(due) :]
            if due:
                changes = await asyncio.to_thread(self.store.record, due)
                await self.hub.take(due)
                self.hub.changed("default", changes)

    async def go_on(self) -> None:
        while True:
            await self.play(time.time())
            await asyncio.sleep(0.1)


# The service ------------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """What runs, and how to reach it."""

    url: str
    calls: Calls
    hub: Hub
    store: Store
    loop: asyncio.AbstractEventLoop

    def tell(self, *told: dict[str, Any]) -> None:
        """Have these messages heard now."""
        self.calls.waiting[:0] = told
        asyncio.run_coroutine_threadsafe(self.calls.play(time.time()), self.loop).result(30)


@contextmanager
def serve(folder: Path, *, port: int = 0, live: bool = True) -> Iterator[Service]:
    """Run the application on a thread of its own until the block ends."""
    settings = Serve(folder=folder, http=Http(port=port or 8000, rate=1000.0, burst=5000), ingest=Ingest())
    secret = bytes(range(32))
    store = Store(f"sqlite:///{folder}/affekt.db", secret)
    store.migrate()
    if not any(tenant["id"] == "default" for tenant in store.tenants()):
        store.tenant_add("default", "Default")
    for name, role in (("ada", "admin"), ("sam", "supervisor"), ("vic", "viewer")):
        store.user_add("default", name, passwords.make(PASSWORD), role)
    hub = Hub()
    calls = Calls(store, hub)
    made = application(
        settings,
        store,
        hub,
        calls,
        secrets=Secrets(secret=secret, database=f"sqlite:///{folder}/affekt.db"),
        routers=[events.router(hub, gated("GET", "/v1/events"))],
        pages=pages(),
    )
    server = uvicorn.Server(uvicorn.Config(made, port=port, log_level="warning", access_log=False, lifespan="on"))
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        playing = asyncio.create_task(calls.go_on()) if live else None
        await server.serve()
        if playing:
            playing.cancel()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    address = server.servers[0].sockets[0].getsockname()
    try:
        yield Service(f"http://127.0.0.1:{address[1]}", calls, hub, store, loops[0])
    finally:
        loops[0].call_soon_threadsafe(hub.close)
        server.should_exit = True
        thread.join(20)
        store.close()


def scene(heard: list[tuple[dict[str, Any], ...]], count: int, *, now: float, days: int = 14) -> list[dict[str, Any]]:
    """Calls that go on now, each begun some time ago, and calls of the days before."""
    told = []
    for i in range(count):
        about = {
            "agent": AGENTS[i % len(AGENTS)],
            "queue": QUEUES[i % len(QUEUES)],
            "direction": "out" if i % 5 == 4 else "in",
        }
        began = now - 25.0 - (i * 37) % 170
        told += messages(repeated(heard[i % len(heard)], 12), f"call-{i}", began, **about)
    for day in range(1, days):
        for i in range(2 + (day * 5) % 4):
            about = {"agent": AGENTS[(day + i) % len(AGENTS)], "queue": QUEUES[(day * 3 + i) % len(QUEUES)]}
            told += messages(heard[(day + i) % len(heard)], f"past-{day}-{i}", now - day * DAY - i * 1800.0, **about)
    return told


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--calls", type=int, default=14)
    asked.add_argument("--port", type=int, default=8000)
    asked.add_argument("--corpora", type=Path)
    given = asked.parse_args()
    heard = [example()] if given.corpora is None else simulated(6, given.corpora)
    with TemporaryDirectory() as folder, serve(Path(folder), port=given.port) as service:
        service.tell(*scene(heard, given.calls, now=time.time()))
        print(f"{service.url}  name ada, sam or vic, password {PASSWORD}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
