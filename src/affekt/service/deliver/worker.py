"""Outbox -> receivers. Takes what is due, sends it, and says to the outbox what has become of it.

    claim -> lane of the destination -> channel.send -> delivered | retry | gave_up

At least once: a row is leased, not taken, so a process that dies leaves it to the next one, with the same id. A sending
starts only while its lease lasts long enough to end within it.

Order: none is promised. A lane sends up to `SIDES` deliveries of a destination at once, the earliest due first, and one
that waits for its next try holds nobody up; of one alert and destination, two are never on their way together. Each
says its alert's state and when the change was, and leads to the alert as it is now.

No destination delays another: each has its lane, and what a full lane has no room for stays in the outbox.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from affekt.errors import AffektError, UsageError
from affekt.service.deliver import channels
from affekt.service.deliver.delivery import Delivery, Destination, Failed, Outcome, Sent
from affekt.service.deliver.net import Net
from affekt.service.deliver.schedule import wait

T = TypeVar("T")

LEASE = 30.0
"""Seconds for which a claimed delivery is ours; so late it comes when the process dies."""

POLL = 1.0
"""Seconds after which the outbox is looked at again where nobody has waked the worker: retries come due unannounced."""

SIDES = 4
"""Deliveries to one destination at once; one where its channel has a `GAP`."""

BATCH = 16
"""Deliveries that are claimed at once, so that one destination with many due fills its own lane and no more."""

HELD = 1024
"""Deliveries that are ours at once, over all lanes."""

_AWAY = 5.0  # s until the outbox is asked again after it could not be
_MARGIN = 5.0  # s of a lease that are left for the outbox after the longest try

log = logging.getLogger(__name__)


class Outbox(Protocol):
    """What the worker needs of `Store`; blocking, thread-safe."""

    def claim(
        self, limit: int, lease_s: float, now: float | None = None, without: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Lease what is due, the earliest first, but nothing for the destinations `without`."""

    def delivered(self, id: str, status: int) -> None:
        """It was taken."""

    def retry(self, id: str, at: float, error: str) -> None:
        """Try again at a Unix time."""

    def gave_up(self, id: str, error: str) -> None:
        """Never try again."""

    def destination_disable(self, id: str, why: str) -> None:
        """Send nothing more there."""


async def attempt(delivery: Delivery, net: Net) -> Outcome:
    """Try to send once. Whatever goes wrong is an outcome: a bad receiver stops nobody.

    Args:
        delivery: to a destination of any kind; change "test" to try a destination out.
        net: the way out.
    """
    to = delivery.destination
    try:
        settings = channels.read(to.kind, to.settings)
        if delivery.change != "test" and delivery.change not in settings.changes:
            return Sent(0)
        return await channels.channel(to.kind).send(delivery, settings, net)
    except AffektError as error:
        return Failed(str(error))
    except Exception as error:
        log.exception("delivery %s to %s could not be tried", delivery.id, to.kind)
        return Failed(f"a fault of affekt: {type(error).__name__}")


async def trial(tenant: str, destination: Mapping[str, Any], net: Net, *, link: str = "") -> Outcome:
    """Send a destination an event `test`, outside the outbox; for POST /v1/destinations/{id}/test.

    Args:
        tenant: whose it is.
        destination: id, kind, name, settings, secret.
        net: the way out.
        link: page that the message leads to.
    """
    now = time.time()
    alert = {"id": "test", "rule": "test", "state": "test", "reason": "This is a test.", "started": _iso(now)}
    to = _destination(destination)
    return await attempt(Delivery(f"test-{now:.6f}", tenant, "test", {**alert, "changed": _iso(now)}, to, 0, link), net)


@dataclass(slots=True)
class _Lane:
    """What waits for one destination, and what is on its way there."""

    waiting: deque[tuple[Delivery, float]] = field(default_factory=deque)
    "and when its lease ends, by the monotonic clock"
    alerts: set[Any] = field(default_factory=set)
    "ids of those that are on their way"
    sides: int = SIDES
    free_at: float = 0.0
    "monotonic: nothing is sent before that"
    passed_over: bool = False
    "it was full when the outbox was last asked, which may hold more for it"

    @property
    def is_full(self) -> bool:
        return len(self.waiting) >= self.sides or self.free_at > time.monotonic()

    def next(self) -> tuple[Delivery, float] | None:
        """Take the first whose alert is not on its way already."""
        for index, (delivery, _) in enumerate(self.waiting):
            if delivery.alert.get("id") not in self.alerts:
                found = self.waiting[index]
                del self.waiting[index]
                return found
        return None


class Worker:
    """Sends what is due until it is stopped.

    async with Net() as net:
        worker = Worker(store, net, link="https://affekt.example.com/#/alerts/{id}")
        task = asyncio.create_task(worker.run())
        ...            # worker.wake() after each commit that put something into the outbox
        await worker.stop()
    """

    def __init__(self, outbox: Outbox, net: Net, *, link: str = "", lease: float = LEASE, poll: float = POLL) -> None:
        """Make ready; nothing is sent before `run`.

        Args:
            outbox: the store.
            net: the way out; its time limit must fit into the lease.
            link: page of an alert, with {id} and {call}; empty: no link.
            lease: seconds.
            poll: seconds.
        """
        if lease <= net.timeout + _MARGIN:
            raise UsageError(f"given a lease of {lease:g} s, allowed is more than {net.timeout + _MARGIN:g} s")
        self._outbox, self._net, self._link = outbox, net, link
        self._lease, self._poll = lease, poll
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids: set[str] = set()
        self._awake = asyncio.Event()
        self._stopping = False
        self._done = asyncio.Event()
        self._done.set()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="outbox")

    def wake(self) -> None:
        """Look into the outbox now. To be called in the worker's event loop."""
        self._awake.set()

    async def run(self) -> None:
        """Send until `stop`; whatever the outbox or a receiver does, it goes on."""
        self._done.clear()
        try:
            while not self._stopping:
                self._awake.clear()
                rest = await self._look()
                self._start_all()
                await self._sleep(rest)
        finally:
            self._done.set()

    async def stop(self, seconds: float = 10.0) -> None:
        """Claim no more, let what is on its way end, and leave the rest to its lease."""
        self._stopping = True
        self.wake()
        await self._done.wait()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look(self) -> float:
        """Claim what there is room for; give the seconds until the next look."""
        if len(self._ids) >= HELD:
            return self._poll
        for lane in self._lanes.values():
            lane.passed_over = lane.is_full
        full = [id for id, lane in self._lanes.items() if lane.passed_over]
        claimed = time.monotonic()
        try:
            rows = await self._in_thread(self._outbox.claim, BATCH, self._lease, None, full)
        except Exception as error:
            log.error("the outbox cannot be asked: %s", error)
            return _AWAY
        for row in rows:
            self._take(row, claimed + self._lease)
        return 0.0 if len(rows) == BATCH else self._poll

    def _take(self, row: Mapping[str, Any], until: float) -> None:
        """Put a row into its lane, unless we still have it from a lease before."""
        delivery = self._read(row)
        if delivery.id in self._ids:
            return
        self._ids.add(delivery.id)
        to = delivery.destination
        lane = self._lanes.setdefault(to.id, _Lane())
        lane.sides = 1 if to.kind in channels.kinds() and channels.channel(to.kind).GAP else SIDES
        lane.waiting.append((delivery, until))

    def _read(self, row: Mapping[str, Any]) -> Delivery:
        alert = row["alert"]
        link = self._link.replace("{id}", str(alert.get("id", ""))).replace("{call}", str(alert.get("call", "")))
        to = _destination(row["destination"])
        return Delivery(row["id"], row["tenant"], row["change"], alert, to, row["tries"], link)

    def _start_all(self) -> None:
        for id in list(self._lanes):
            self._start(id)

    def _start(self, id: str) -> None:
        """Send what the lane has room for; forget a lane that is empty and rested."""
        lane = self._lanes[id]
        while len(lane.alerts) < lane.sides and lane.free_at <= time.monotonic() and not self._stopping:
            if (found := lane.next()) is None:
                break
            delivery, until = found
            if until - time.monotonic() < self._net.timeout + _MARGIN:
                self._ids.discard(delivery.id)  # its lease would end under it: it is claimed again
                continue
            lane.alerts.add(delivery.alert.get("id"))
            task = asyncio.create_task(self._send(delivery, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not lane.alerts and not lane.waiting and lane.free_at <= time.monotonic():
            del self._lanes[id]

    async def _send(self, delivery: Delivery, lane: _Lane) -> None:
        try:
            outcome = await attempt(delivery, self._net)
            self._rest(delivery, lane, outcome)
            await self._in_thread(self._tell, delivery, outcome)
        except Exception as error:
            # It stays leased, and is sent again with the same id.
            log.error("delivery %s cannot be written down: %s", delivery.id, error)
        finally:
            lane.alerts.discard(delivery.alert.get("id"))
            self._ids.discard(delivery.id)
            self._start(delivery.destination.id)
            if lane.passed_over and not lane.is_full:
                self.wake()

    def _rest(self, delivery: Delivery, lane: _Lane, outcome: Outcome) -> None:
        """Keep the channel's pace, and a receiver's wish to be left alone: it holds for all that goes there."""
        kind = delivery.destination.kind
        gap = channels.channel(kind).GAP if kind in channels.kinds() else 0.0
        asked = outcome.after or 0.0 if isinstance(outcome, Failed) else 0.0
        lane.free_at = max(lane.free_at, time.monotonic() + max(gap, asked))
        if isinstance(outcome, Failed) and outcome.ends == "destination":
            self._ids.difference_update(waiting.id for waiting, _ in lane.waiting)
            lane.waiting.clear()

    def _tell(self, delivery: Delivery, outcome: Outcome) -> None:
        """Write down what became of it; in a thread."""
        if isinstance(outcome, Sent):
            self._outbox.delivered(delivery.id, outcome.status)
            return
        kind = delivery.destination.kind
        most = channels.channel(kind).TRIES if kind in channels.kinds() else 1
        pause = wait(delivery.attempts + 1, outcome, most=most)
        log.warning("delivery %s to %s: %s", delivery.id, kind, outcome.why)
        if outcome.ends == "destination":
            self._outbox.destination_disable(delivery.destination.id, outcome.why)
        if pause is None:
            self._outbox.gave_up(delivery.id, outcome.why)
        else:
            self._outbox.retry(delivery.id, time.time() + pause, outcome.why)

    async def _sleep(self, seconds: float) -> None:
        """Until waked, until a lane is free again, or for so long."""
        now = time.monotonic()
        ends = [lane.free_at - now for lane in self._lanes.values() if lane.free_at > now]
        try:
            await asyncio.wait_for(self._awake.wait(), min([seconds, *ends]))
        except TimeoutError:
            return

    async def _in_thread(self, run: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(run, *given))


def _destination(row: Mapping[str, Any]) -> Destination:
    return Destination(row["id"], row["kind"], row["name"], row["settings"], row.get("secret") or "")


def _iso(now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
