"""Messages of gateway and engine -> store, live state, deliveries. What comes during a commit goes with the next.

Live state follows at once; an alert is shown when it is stored, by the id that it has there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from affekt.errors import AffektError
from affekt.service.control.hub import Hub
from affekt.service.metrics import Gathered
from affekt.service.store import Store

log = logging.getLogger("affekt.service.control")

STALE = 60.0
"""Seconds without a message after which a call has ended: the engine tells of a silent one every 10 s."""
_AGAIN = 1.0  # s


class Intake:
    """Takes batches; each is acknowledged when it is stored."""

    def __init__(
        self, store: Store, hub: Hub, gathered: Gathered, *, wake: Callable[[], None], retention: float = 3600.0
    ) -> None:
        """Make ready.

        Args:
            store: where all is kept.
            hub: what people see.
            gathered: what Prometheus sees.
            wake: called when there is something to be delivered.
            retention: seconds between two looks for what has been kept long enough.
        """
        self.status: dict[str, Mapping[str, Any]] = {}
        "process -> what it last said of itself"
        self.load: Mapping[str, Any] = {"level": 0}
        self._store, self._hub, self._gathered, self._wake = store, hub, gathered, wake
        self._retention = retention
        self._waiting: list[tuple[list[dict[str, Any]], asyncio.Future[None]]] = []
        self._writes = asyncio.Event()

    async def take(self, batch: list[dict[str, Any]]) -> None:
        """Take a batch; returns when it is stored."""
        kept = [message for message in batch if not self._aside(message)]
        if not kept:
            return
        await self._hub.take(message for message in kept if not str(message.get("type")).startswith("alert."))
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((kept, stored))
        self._writes.set()
        await stored

    def _aside(self, message: Mapping[str, Any]) -> bool:
        """What is not of a call, and not kept."""
        kind = message.get("type")
        if kind == "metrics":
            self._gathered.take(message)
        elif kind in ("gateway", "engine"):
            self.status[str(kind)] = message
        elif kind == "log":
            level = {"error": logging.ERROR, "warning": logging.WARNING}.get(str(message.get("level")), logging.INFO)
            log.log(level, "%s: %s", message.get("sender"), message.get("text"))
        elif kind == "load.changed":
            self.load = message
            return False
        else:
            return False
        return True

    async def run(self) -> None:
        """Write what comes, for ever; cancel it to end it."""
        while True:
            await self._writes.wait()
            self._writes.clear()
            waiting, self._waiting = self._waiting, []
            messages = [message for batch, _ in waiting for message in batch]
            for row in await self._record(messages):
                self._hub.changed(row["tenant"], [row])
                self._gathered.own.add("affekt_alerts_total", rule=row["rule"], state=row["state"])
                self._wake()
            for _, stored in waiting:
                if not stored.done():
                    stored.set_result(None)

    async def _record(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Record; a store that is away is waited for, since what was told must not be lost."""
        while True:
            begun = time.perf_counter()
            try:
                found = await asyncio.to_thread(self._store.record, messages)
            except AffektError as error:
                self._gathered.own.add("affekt_store_errors_total")
                log.error("the database takes nothing: %s", error)
                await asyncio.sleep(_AGAIN)
                continue
            self._gathered.own.observe("affekt_store_seconds", time.perf_counter() - begun, operation="record")
            return found

    async def measure(self) -> None:
        """Say what stands open, every few seconds, for ever; cancel it to end it."""
        meters = self._gathered.own
        while True:
            meters.set("affekt_alerts_open", self._hub.firing)
            meters.set("affekt_subscribers", self._hub.viewers)
            with suppress(AffektError):
                meters.set("affekt_deliveries_waiting", await asyncio.to_thread(self._store.due))
            await asyncio.sleep(5.0)

    async def keep_house(self) -> None:
        """End what is stale, and forget what has been kept long enough, for ever; cancel it to end it."""
        retained = 0.0
        while True:
            await asyncio.sleep(10.0)
            try:
                ended = await asyncio.to_thread(self._store.end_stale, time.time() - STALE)
                for row in ended["alerts"]:
                    self._hub.changed(row["tenant"], [row])
                for tenant in await asyncio.to_thread(self._store.tenants):
                    self._hub.end(tenant["id"], ended["calls"])
                if time.monotonic() - retained > self._retention:
                    retained = time.monotonic()
                    await asyncio.to_thread(self._store.retain, time.time())
            except AffektError as error:
                log.error("the database cannot be tidied: %s", error)
