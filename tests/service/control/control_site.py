"""The real application over a real uvicorn on loopback, with the real store on SQLite."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi", reason='needs pip install "affekt[serve]"')

import uvicorn

from affekt import config
from affekt.service.auth import first
from affekt.service.control import events
from affekt.service.control.app import app, gated
from affekt.service.control.hub import Hub
from affekt.service.settings import Secrets, Serve
from affekt.service.store import Store

PASSWORD = "correct horse battery"
ROLES = ("viewer", "supervisor", "admin", "auditor")


class Wall(Hub):
    """The hub, which also keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Any] = []
        self.ended: list[str] = []

    def changed(self, tenant: str, rows: Any) -> None:
        self.rows += [(tenant, row["id"], row["state"]) for row in rows]
        super().changed(tenant, rows)

    def end(self, tenant: str, calls: Any) -> None:
        self.ended += calls
        super().end(tenant, calls)


@dataclass
class Line:
    """Stands for the bus: keeps what is sent, and in which thread."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop | None = None

    def send(self, command: dict[str, Any]) -> None:
        self.sent.append(dict(command))
        self.threads.add(threading.get_ident())

    def state(self) -> dict[str, Any]:
        self.loop = asyncio.get_running_loop()
        return {"gateway": {"pid": 1, "connected": True}, "engine": {"pid": 2, "connected": True}}


@dataclass
class Site:
    """A running service."""

    url: str
    store: Store
    hub: Wall
    bus: Line
    folder: Path
    application: Any
    keys: dict[str, str] = field(default_factory=dict)

    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that serves; the bus belongs to it."""
        if self.bus.loop is None:
            with self.client() as client:
                client.get("/v1/system")
        assert self.bus.loop is not None
        return self.bus.loop

    def client(self, role: str | None = "admin", **headers: str) -> httpx.Client:
        key = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        return httpx.Client(base_url=self.url, headers=key | headers, timeout=60)

    @contextmanager
    def signed_in(self, name: str = "ada", password: str = PASSWORD) -> Iterator[httpx.Client]:
        with self.client(None) as client:
            answer = client.post("/v1/session", json={"name": name, "password": password})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
            yield client


class Server:
    """uvicorn in a thread of its own."""

    def __init__(self, application: Any) -> None:
        config = uvicorn.Config(application, host="127.0.0.1", port=0, access_log=False, log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        end = time.monotonic() + 20
        while not self._server.started:
            assert self._thread.is_alive(), "the server has not started"
            assert time.monotonic() < end
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)


def run(folder: Path, **settings: Any) -> Iterator[Site]:
    logging.getLogger("affekt").setLevel(logging.INFO)
    mapping = {"folder": str(folder), "http": {"rate": 10_000, "burst": 10_000}, **settings}
    serve = config.parse(Serve, mapping)
    secrets = Secrets(
        b"s" * 32, f"sqlite:///{folder / 'affekt.db'}", PASSWORD, oidc_client_secret="the client's secret"
    )
    store = Store(secrets.database, secrets.secret)
    store.migrate()
    first.prepare(store, serve, secrets)
    hub, bus = Wall(), Line()
    live = events.router(hub, gated("GET", "/v1/events"))
    application = app(serve, store, hub, bus, secrets=secrets, metrics=lambda: b"# affekt\n", routers=[live])
    application.state.parts.strangers._rate = application.state.parts.strangers._burst = 10_000.0
    server = Server(application)
    site = Site(server.url, store, hub, bus, folder, application)
    for role in ROLES:
        site.keys[role] = store.key_add("default", role, role, "test")["key"]
    try:
        yield site
    finally:
        server.stop()
        store.close()


def call(store: Store, id: str, *, tenant: str = "default", subject: str | None = None) -> str:
    """Record a call that goes on, with an alert that fires; give the alert's id."""
    at = time.time() - 60
    about = {"tenant": tenant, "call": id, "stream": f"{id}-1", "sender": "engine"}
    started = {"protocol": "twilio", "external": id, "subject": subject, "agent": "agent 7", "queue": "support"}
    started |= {"direction": "in", "tracks": {"in": "customer"}, "rate": 8000, "notice": True, "consent": "given"}
    alert = {"rule": "sustained", "speaker": "in", "reason": "anger above 0.6 for 9 s", "state": "firing"}
    alert |= {"time": 30.0, "start": 20.0, "end": 30.0, "snr": 12.0, "evidence": {"windows": 3}}
    store.record(
        [
            {**about, "sender": "gateway", "type": "call.started", "n": 0, "at": at, "model": "default@1", **started},
            {**about, "type": "alert.firing", "n": 1, "at": at + 30, **alert},
        ]
    )
    found = store.alerts(tenant, call=id)["items"]
    assert len(found) == 1
    return str(found[0]["id"])
