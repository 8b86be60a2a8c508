"""The three processes of `affekt serve`, each in its own interpreter: `python -m affekt.service.run NAME ...`.

`supervise` starts them. Each ends with its parent, however that ends, so that nothing is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from affekt.errors import AffektError
from affekt.service import log as logs
from affekt.service import settings
from affekt.service.bus import Bus, Client
from affekt.service.metrics import Meters
from affekt.service.settings import Serve
from affekt.service.shared import Board

log = logging.getLogger("affekt.service")

RECORDINGS = "recordings"
"""The folder of the vault, in the data folder."""

_ORPHAN = 1.0  # s between two looks whether the parent is there


class _Ended:
    """Says whether this process should end: it was told to, or its parent is gone."""

    def __init__(self) -> None:
        self._parent, self._looked = os.getppid(), 0.0
        self.told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)

    def _tell(self, number: int, frame: object) -> None:
        self.told = True

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._looked > _ORPHAN:
            self._looked = now
            if os.getppid() != self._parent:
                os._exit(1)
        return self.told

    async def wait(self) -> None:
        """Return when it should end."""
        while not self():
            await asyncio.sleep(0.1)


def engine(serve: Serve, board: Board, path: Path, meters: Meters) -> None:
    """Hear all calls."""
    from affekt import bundle
    from affekt.live.rules import defaults
    from affekt.service import trace
    from affekt.service.engine.engine import Engine, Plan
    from affekt.service.store.vault import Vault

    ended, wanted = _Ended(), serve.engine
    models = [bundle.load(name) for name in (wanted.model, *wanted.models)]
    plan = Plan(
        models,
        hop=wanted.hop,
        denoise=wanted.denoise,
        vad=wanted.vad,
        rules=defaults(wanted.rules),
        threads=wanted.threads,
    )
    vault = Vault(serve.folder / RECORDINGS, settings.unlock(serve).secret)
    tracer = trace.start(endpoint=serve.telemetry.otlp if serve.telemetry else None)
    made = Engine(board, Client(path, "engine"), plan, meters=meters, vault=vault, tracer=tracer)
    made.run(ended)
    made.stop()


async def gateway(serve: Serve, board: Board, path: Path, meters: Meters) -> None:
    """Take the calls of all carriers."""
    from affekt.service.gateway.reception import Reception
    from affekt.service.gateway.server import Exchange, Gateway
    from affekt.service.shared import LIVE

    ended, wanted = _Ended(), serve.ingest
    for slot in board.slots:  # of a gateway that is gone, and its sockets with it
        if slot.state == LIVE:
            slot.end(b'{"reason":"gateway lost"}', arrived=time.time())
    secrets = settings.unlock(serve)
    reception = Reception(secrets.secret, open_to_all=not serve.auth.enabled, notice=serve.privacy.notice_default)
    exchange = Exchange(board, reception, meters=meters)
    made = Gateway(exchange, Client(path, "gateway"), public=wanted.public)
    port = await made.listen(wanted.host, wanted.port, tls=_tls(wanted.tls_cert, wanted.tls_key))
    log.info("calls by WebSocket on %s:%d", wanted.host, port)
    if wanted.audiosocket_port is not None:
        port = await made.listen_audiosocket(wanted.host, wanted.audiosocket_port, wanted.audiosocket_allow)
        log.info("calls by AudioSocket on %s:%d", wanted.host, port)
    stopped = asyncio.Event()
    running = asyncio.create_task(made.run(stopped, drain=serve.drain_seconds))
    await ended.wait()
    stopped.set()
    await running


async def control(serve: Serve, path: Path, meters: Meters) -> None:
    """Serve people and programs."""
    import uvicorn

    from affekt.service import dashboard
    from affekt.service.auth import first
    from affekt.service.control import events
    from affekt.service.control.app import app, gated
    from affekt.service.control.hub import Hub
    from affekt.service.control.intake import Intake
    from affekt.service.control.trial import Trial
    from affekt.service.deliver.net import Net
    from affekt.service.deliver.worker import Worker
    from affekt.service.metrics import Gathered, watch_loop
    from affekt.service.store import Store

    ended, secrets = _Ended(), settings.unlock(serve)
    store = Store(secrets.database, secrets.secret, vault=serve.folder / RECORDINGS)
    store.migrate()
    _first(first.prepare(store, serve, secrets))
    hub = Hub()
    hub.restore(store.live_calls())
    gathered = Gathered(meters, folder=serve.folder)
    store.timed = lambda operation, seconds: meters.observe("affekt_store_seconds", seconds, operation=operation)

    def delivered(kind: str, result: str, delay: float) -> None:
        meters.add("affekt_deliveries_total", kind=kind, result=result)
        if result == "delivered":
            meters.observe("affekt_delivery_delay_seconds", delay, kind=kind)

    def answered(route: str, method: str, status: int, seconds: float) -> None:
        meters.add("affekt_http_requests_total", route=route, method=method, status=status)
        meters.observe("affekt_http_request_seconds", seconds, route=route)

    async with Net() as net:
        worker = Worker(store, net, link=f"{serve.http.address}/#/alerts/{{id}}", count=delivered)
        intake = Intake(store, hub, gathered, wake=worker.wake)
        bus = Bus(path, intake.take)
        bus.greet = lambda name: [{"type": "ingest", "snapshot": store.ingest_snapshot()}] if name == "gateway" else []
        application = app(
            serve,
            store,
            hub,
            bus,
            secrets=secrets,
            deliver=Trial(net),
            metrics=gathered.render,
            count=answered,
            routers=[events.router(hub, gated("GET", "/v1/events"))],
            pages=dashboard.pages([serve.ingest.public] if serve.ingest.public else []),
        )
        config = uvicorn.Config(
            application,
            host=serve.http.host,
            port=serve.http.port,
            ssl_certfile=serve.http.tls_cert,
            ssl_keyfile=serve.http.tls_key,
            access_log=False,
            log_config=None,
            proxy_headers=bool(serve.http.proxies),
            forwarded_allow_ips=list(serve.http.proxies) or None,
            timeout_graceful_shutdown=3,
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        await bus.start()
        tasks = [
            asyncio.create_task(task)
            for task in (
                intake.run(),
                intake.keep_house(),
                intake.measure(),
                watch_loop(meters),
                worker.run(),
                _serve(server),
            )
        ]
        await ended.wait()
        hub.close()
        server.should_exit = True
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(tasks[-1]), 5.0)
        await worker.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bus.stop()
    store.close()


async def _serve(server: object) -> None:
    """Run uvicorn inside this process's own handling of signals."""
    import contextlib

    server.capture_signals = contextlib.nullcontext  # type: ignore[attr-defined]
    await server.serve()  # type: ignore[attr-defined]


def _first(password: str | None) -> None:
    """Show the first password to whoever starts the service, and to no log."""
    if password is not None:
        sys.stderr.write(f"\n  Sign in as admin with the password  {password}\n  It is shown this once.\n\n")
        sys.stderr.flush()


def _tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        return None
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(cert, key)
    return made


def _loop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


def main(arguments: list[str] | None = None) -> int:
    """Be one of the processes."""
    parser = argparse.ArgumentParser(prog="affekt.service.run")
    parser.add_argument("name", choices=["gateway", "engine", "control"])
    parser.add_argument("--config")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--memory", type=int)
    parser.add_argument("--bus", type=Path, required=True)
    given = parser.parse_args(arguments)
    os.umask(0o077)
    serve = settings.load(given.config)
    if given.open:
        serve = replace(serve, auth=replace(serve.auth, enabled=False))
    meters = Meters(given.name)
    logs.configure(
        serve.log.level,
        form=serve.log.format,
        process=given.name,
        count=lambda level: meters.add("affekt_log_lines_total", level=level),
    )
    try:
        if given.name == "control":
            with asyncio.Runner(loop_factory=_loop()) as runner:
                runner.run(control(serve, given.bus, meters))
            return 0
        board = Board(given.memory, serve.ingest.max_calls)
        if given.name == "engine":
            engine(serve, board, given.bus, meters)
        else:
            with asyncio.Runner(loop_factory=_loop()) as runner:
                runner.run(gateway(serve, board, given.bus, meters))
    except AffektError as error:
        log.error("%s", error)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
