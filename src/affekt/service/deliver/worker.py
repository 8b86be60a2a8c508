"""Outbox -> receivers. Takes what is due, sends it, and says to the outbox what has become of it.

    claim -> lane of the destination -> channel.send -> delivered | retry | gave_up

At least once: a row is leased, not taken, so a process that dies leaves it to the next one, with the same id. A sending
starts only while its lease lasts long enough to end within it.

Order: none is promised. A lane sends as many deliveries at once as its channel says, the earliest due first, and one
that waits for its next try holds nobody up; of one alert and destination, two are never on their way together. Each
says its alert's state and when the change was, and leads to the alert as it is now.

No destination delays another: each has its lane, and what a full lane has no room for stays in the outbox.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
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

BATCH = 64
"""Deliveries that are claimed at once, so that one destination with many due fills its own lane and no more."""

HELD = 1024
"""Deliveries that are ours at once, over all lanes."""

_AWAY = 5.0  # s until the outbox is asked again after it could not be
_MARGIN = 5.0  # s of a lease that are left for the outbox after the longest try

log = logging.getLogger(__name__)


class Outbox(Protocol):
    """What the worker needs of `Store`; blocking, thread-safe."""

    def claim(
        self, limit: int, lease_s: float, now: float | None = None, *, without: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """Lease what is due, the earliest first, but nothing for the destinations `without`."""

    def release(self, ids: Collection[str]) -> None:
        """Give claimed deliveries back untried."""

    def delivered(self, id: str, status: int | None = None) -> None:
        """It was taken."""

    def retry(self, id: str, at: float, error: str, *, status: int | None = None) -> None:
        """Try again at a Unix time."""

    def gave_up(self, id: str, error: str, *, status: int | None = None) -> None:
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
        channel = channels.channel(to.kind)
        channel.check(settings, to.secret)  # another version of affekt may have let it in
        return await channel.send(delivery, settings, net)
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
    alert = {"id": "test", "rule": "test", "state": "test", "reason": "This is a test.", "fired": _iso(now)}
    to = _destination(destination)
    return await attempt(Delivery(f"test-{now:.6f}", tenant, "test", _iso(now), alert, to, 1, link), net)


@dataclass(slots=True)
class _Lane:
    """What waits for one destination, and what is on its way there."""

    sides: int
    "deliveries at once"
    gap: float
    "s between two"
    tries: int
    "that a delivery has"
    waiting: deque[tuple[Delivery, float]] = field(default_factory=deque)
    "and when its lease ends, by the monotonic clock"
    alerts: set[Any] = field(default_factory=set)
    "ids of those that are on their way"
    free_at: float = 0.0
    "monotonic: nothing is sent before that"
    passed_over: bool = False
    "it was full when the outbox was last asked, which may hold more for it"

    @classmethod
    def to(cls, kind: str) -> _Lane:
        """Make a lane; what no channel knows any more is tried once, and fails with that reason."""
        known = channels.channel(kind) if kind in channels.kinds() else None
        return cls(known.SIDES, known.GAP, known.TRIES) if known else cls(1, 0.0, 1)

    @property
    def is_full(self) -> bool:
        return len(self.waiting) >= self.sides or self.is_resting

    @property
    def is_resting(self) -> bool:
        return self.free_at > time.monotonic()

    def next(self, seconds: float) -> Delivery | None:
        """Take the first whose lease lasts so long, and whose alert is not on its way already."""
        if len(self.alerts) >= self.sides or self.is_resting:
            return None
        end = time.monotonic() + seconds
        for index, (delivery, until) in enumerate(self.waiting):
            if until >= end and delivery.alert.get("id") not in self.alerts:
                del self.waiting[index]
                self.alerts.add(delivery.alert.get("id"))
                return delivery
        return None

    def late(self, seconds: float) -> list[str]:
        """Take out what has not started, and whose lease does not last so long; give the ids."""
        end = time.monotonic() + seconds
        found = [delivery.id for delivery, until in self.waiting if until < end]
        self.waiting = deque(pair for pair in self.waiting if pair[1] >= end)
        return found


class Worker:
    """Sends what is due until it is stopped.

    async with Net() as net:
        worker = Worker(store, net, link="https://affekt.example.com/#/alerts/{id}")
        task = asyncio.create_task(worker.run())
        ...            # worker.wake() after each commit that put something into the outbox
        await worker.stop()
    """

    def __init__(
        self,
        outbox: Outbox,
        net: Net,
        *,
        link: str = "",
        lease: float = LEASE,
        poll: float = POLL,
        clock: Callable[[], float] = time.time,
        count: Callable[[str, str, float], None] = lambda kind, result, delay: None,
    ) -> None:
        """Make ready; nothing is sent before `run`.

        Args:
            outbox: the store.
            net: the way out; its time limit must fit into the lease.
            link: page of an alert, with {id} and {call}; empty: no link.
            lease: seconds.
            poll: seconds.
            clock: Unix time, by which deliveries are due.
            count: told of each try: the channel, what came of it, and the seconds since the alert changed.

        Raises:
            UsageError: a lease that would end while a delivery is on its way.
        """
        self._need = net.timeout + _MARGIN
        if lease <= self._need:
            raise UsageError(f"given a lease of {lease:g} s, allowed is more than {self._need:g} s")
        self._outbox, self._net, self._link = outbox, net, link
        self._lease, self._poll, self._clock = lease, poll, clock
        self._count = count
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
            await self._in_thread(_load_channels)  # or the first alert would hold the event loop up
            while not self._stopping:
                self._awake.clear()
                rest = await self._look()
                for id in list(self._lanes):
                    self._start(id)
                await self._give_back(self._need)
                await self._sleep(rest)
        finally:
            self._done.set()

    async def stop(self, seconds: float = 10.0) -> None:
        """Claim no more, give back what has not started, and let what is on its way end for so many seconds."""
        self._stopping = True
        self.wake()
        await self._done.wait()
        await self._give_back(math.inf)
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
            claim = partial(self._outbox.claim, BATCH, self._lease, now=self._clock(), without=full)
            rows = await self._in_thread(claim)
            for row in rows:
                self._take(row, claimed + self._lease)
        except Exception as error:
            log.error("the outbox cannot be asked: %r", error)
            return _AWAY
        return 0.0 if len(rows) == BATCH else self._poll

    def _take(self, row: Mapping[str, Any], until: float) -> None:
        """Put a row into its lane, unless we still have it from a lease before."""
        delivery = self._read(row)
        if delivery.id in self._ids:
            return
        self._ids.add(delivery.id)
        to = delivery.destination
        if to.id not in self._lanes:
            self._lanes[to.id] = _Lane.to(to.kind)
        self._lanes[to.id].waiting.append((delivery, until))

    async def _give_back(self, seconds: float) -> None:
        """Release what waits and has a lease that ends within so many seconds: it would end under the sending."""
        ids = [id for lane in self._lanes.values() for id in lane.late(seconds)]
        if not ids:
            return
        self._ids.difference_update(ids)
        try:
            await self._in_thread(self._outbox.release, ids)
        except Exception as error:
            log.error("deliveries cannot be given back, and wait for their lease to end: %s", error)

    def _read(self, row: Mapping[str, Any]) -> Delivery:
        alert = row["alert"]
        link = self._link.replace("{id}", str(alert.get("id", ""))).replace("{call}", str(alert.get("call", "")))
        to = _destination(row["destination"])
        own = (row["id"], row["tenant"], row["change"], row["at"])
        return Delivery(*own, alert, to, row["tries"], link, row.get("later"))

    def _start(self, id: str) -> None:
        """Send what the lane has room for; forget a lane that is empty and rested."""
        lane = self._lanes[id]
        while not self._stopping and (delivery := lane.next(self._need)) is not None:
            task = asyncio.create_task(self._send(delivery, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not lane.alerts and not lane.waiting and not lane.is_resting:
            del self._lanes[id]

    async def _send(self, delivery: Delivery, lane: _Lane) -> None:
        try:
            outcome = await attempt(delivery, self._net)
            self._rest(lane, outcome)
            await self._in_thread(self._tell, delivery, lane, outcome)
        except Exception as error:
            # It stays leased, and is sent again with the same id.
            log.error("delivery %s cannot be written down: %s", delivery.id, error)
        finally:
            lane.alerts.discard(delivery.alert.get("id"))
            self._ids.discard(delivery.id)
            self._start(delivery.destination.id)
            if lane.passed_over and not lane.is_full:
                self.wake()

    def _rest(self, lane: _Lane, outcome: Outcome) -> None:
        """Keep the channel's pace, and a receiver's wish to be left alone: it holds for all that goes there."""
        asked = outcome.after or 0.0 if isinstance(outcome, Failed) else 0.0
        lane.free_at = max(lane.free_at, time.monotonic() + max(lane.gap, asked))
        if isinstance(outcome, Failed) and outcome.ends == "destination":
            self._ids.difference_update(lane.late(math.inf))

    def _tell(self, delivery: Delivery, lane: _Lane, outcome: Outcome) -> None:
        """Write down what became of it; in a thread."""
        if isinstance(outcome, Sent):
            self._outbox.delivered(delivery.id, outcome.status)
            self._counted(delivery, "delivered")
            return
        pause = wait(delivery.tries, outcome, most=lane.tries)
        log.warning("delivery %s to %s: %s", delivery.id, delivery.destination.kind, outcome.why)
        self._counted(delivery, "gave_up" if pause is None else "retried")
        if pause is None:
            self._outbox.gave_up(delivery.id, outcome.why, status=outcome.status)
        else:
            self._outbox.retry(delivery.id, self._clock() + pause, outcome.why, status=outcome.status)
        if outcome.ends == "destination":
            self._outbox.destination_disable(delivery.destination.id, outcome.why)

    def _counted(self, delivery: Delivery, result: str) -> None:
        since = datetime.fromisoformat(delivery.at).timestamp()
        self._count(delivery.destination.kind, result, max(0.0, self._clock() - since))

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


def _load_channels() -> None:
    for kind in channels.kinds():
        channels.channel(kind)


def _destination(row: Mapping[str, Any]) -> Destination:
    return Destination(row["id"], row["kind"], row["name"], row["settings"], row.get("secret") or "")


def _iso(now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
