"""From an alert in the store to what receivers got, with the real store and real servers."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter

import pytest
import standardwebhooks
from receivers import in_turn, receiver, status

from affekt.errors import UsageError
from affekt.service.deliver.channels import webhook
from affekt.service.deliver.net import Net
from affekt.service.deliver.worker import Worker
from affekt.service.store import Store

KEY = bytes(range(32))
SIDES = webhook.SIDES
SECRET = webhook.new_secret()
LINK = "https://affekt.example.com/#/calls/{call}/alerts/{id}"


class Clock:
    """The time of day, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def store(tmp_path):
    made = Store(f"sqlite:///{tmp_path / 'affekt.db'}", KEY)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def either(url):
    """A store on SQLite, and one on PostgreSQL where that is installed."""
    made = Store(url, KEY)
    made.migrate()
    yield made
    made.close()


def message(call: str, state: str = "firing", *, n: int = 1, rule: str = "sustained") -> dict:
    alert = {
        "rule": rule,
        "start": 1.0,
        "end": 5.0,
        "speaker": "customer",
        "reason": "anger",
        "state": state,
        "snr": 20,
    }
    about = {"tenant": "default", "call": call, "stream": call, "n": n, "at": time.time(), "time": 5.0}
    return {"type": f"alert.{state}", **about, **alert}


def calls(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def fire(store, ids, state: str = "firing", **more) -> list[dict]:
    found = store.record([message(id, state, **more) for id in ids])
    assert len(found) == len(ids)
    return found


def add(store, got, kind: str = "webhook", *, name: str = "team", **settings) -> str:
    given = got.settings | settings
    secret = SECRET if kind == "webhook" else str(given.pop("url"))
    return str(store.destination_add("default", kind, name, settings=given, secret=secret)["id"])


@contextlib.asynccontextmanager
async def working(store, *, clock=time.time, timeout: float = 5.0, **how):
    async with Net(timeout=timeout) as net:
        worker = Worker(store, net, link=LINK, clock=clock, **{"poll": 0.02, **how})
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            await worker.stop()
            await task


async def until(true, seconds: float = 20.0) -> None:
    """Wait for what must come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)


def states(store) -> Counter:
    return Counter(row["state"] for row in store.deliveries("default", limit=200)["items"])


def only(store) -> dict:
    (row,) = store.deliveries("default")["items"]
    return row


def test_every_change_arrives_signed_and_is_written_down(either):
    store = either

    async def go():
        async with receiver(status(204)) as got, working(store) as worker:
            add(store, got)
            ids = calls(20)
            fired = fire(store, ids)
            fire(store, ids[:5], "resolved", n=2)
            worker.wake()
            await until(lambda: states(store)["delivered"] == 25)
            return got, fired

    got, fired = asyncio.run(go())
    said = [standardwebhooks.Webhook(SECRET).verify(each.body, each.headers) for each in got.requests]
    assert Counter(each["type"] for each in said) == {"alert.firing": 20, "alert.resolved": 5}
    assert {each["data"]["id"] for each in said} == {alert["id"] for alert in fired}
    assert len({each.headers["webhook-id"] for each in got.requests}) == 25
    data = said[0]["data"]
    assert data["link"] == LINK.format(call=data["call"], id=data["id"])


async def written_down(store, got, count: int) -> None:
    """Wait until the receiver was asked so often, and the outbox knows how the last try went."""
    await until(lambda: len(got.requests) == count)
    await until(lambda: only(store)["state"] != "pending" or iso(only(store)["due"]) > iso(only(store)["changed"]))


def iso(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def test_a_failed_delivery_is_tried_again_on_the_schedule_with_the_same_id(store):
    clock = Clock()

    async def go():
        async with (
            receiver(in_turn(status(500), status(503), status(200))) as got,
            working(store, clock=clock) as worker,
        ):
            add(store, got)
            fire(store, calls(1))
            worker.wake()
            for count, early, late in ((1, 3.0, 3.5), (2, 270.0, 95.0)):
                await written_down(store, got, count)
                clock.ahead += early
                await asyncio.sleep(0.2)
                assert len(got.requests) == count  # no sooner
                clock.ahead += late
            await until(lambda: states(store)["delivered"] == 1)
            return got

    got = asyncio.run(go())
    assert len(got.requests) == 3
    assert len({each.headers["webhook-id"] for each in got.requests}) == 1
    assert len({each.body for each in got.requests}) == 1


def test_after_the_last_try_a_delivery_is_given_up(store):
    clock = Clock()

    async def go():
        async with receiver(status(500)) as got, working(store, clock=clock):
            add(store, got)
            fire(store, calls(1))
            for count in range(1, webhook.TRIES + 1):
                await written_down(store, got, count)
                clock.ahead += 110_000.0
            await asyncio.sleep(0.1)
            return got

    got = asyncio.run(go())
    assert len(got.requests) == webhook.TRIES == 10
    assert (only(store)["state"], only(store)["error"]) == ("failed", "the receiver answered 500")


def test_410_disables_the_destination_and_nothing_more_is_sent(store):
    async def go():
        async with receiver(status(410)) as got, working(store) as worker:
            add(store, got)
            fire(store, calls(1))
            worker.wake()
            await until(lambda: store.destinations("default")[0]["disabled"])
            store.record([message(id) for id in calls(5)])
            worker.wake()
            await asyncio.sleep(0.3)
            return got

    got = asyncio.run(go())
    assert len(got.requests) == 1
    assert "gone" in store.destinations("default")[0]["disabled"]


def test_a_receiver_that_asks_for_a_rest_gets_it_for_all_that_goes_there(store):
    async def go():
        async with receiver(in_turn(status(429, "Retry-After: 1"), status(200))) as got, working(store) as worker:
            add(store, got, "slack", changes=["firing"])
            fire(store, calls(1))
            worker.wake()
            await until(lambda: len(got.requests) == 1)
            first = time.monotonic()
            fire(store, calls(1))
            worker.wake()
            await until(lambda: len(got.requests) == 2)
            return time.monotonic() - first

    assert asyncio.run(go()) >= 0.95


def test_slack_gets_one_message_at_a_time_and_one_a_second(store):
    async def go():
        times = []
        answer = status(200, body=b"ok")
        async with receiver(lambda _: times.append(time.monotonic()) or answer) as got, working(store) as worker:
            add(store, got, "slack")
            fire(store, calls(3))
            worker.wake()
            await until(lambda: states(store)["delivered"] == 3)
            return got.most, times

    most, times = asyncio.run(go())
    assert most == 1
    assert all(later - earlier >= 0.95 for earlier, later in itertools.pairwise(times))


def test_a_slow_destination_delays_no_other(store):
    """A hundred deliveries wait for a receiver that hangs; the other one is told at once."""

    async def go():
        async with (
            receiver(status(200), wait=60.0) as slow,
            receiver(status(200)) as quick,
            working(store, timeout=1.5) as worker,
        ):
            add(store, slow, name="slow")
            fire(store, calls(100))
            worker.wake()
            await until(lambda: slow.busy == SIDES)
            add(store, quick, name="quick")
            started = time.monotonic()
            fire(store, calls(1))
            worker.wake()
            await until(lambda: len(quick.requests) == 1)
            return time.monotonic() - started, slow.most

    seconds, most = asyncio.run(go())
    assert seconds < 1.0
    assert most == SIDES


def test_what_waits_too_long_for_its_lease_is_given_back_and_the_try_does_not_count(either):
    """32 at a time take 0.5 s, and 0.3 s of the lease can be waited: of 64 claimed, half is given back."""
    store = either
    given_back = []

    class Watched:
        def __getattr__(self, name):
            return getattr(store, name)

        def release(self, ids):
            given_back.extend(ids)
            store.release(ids)

    async def go():
        async with receiver(status(200), wait=0.5) as got, working(Watched(), timeout=5.0, lease=10.3) as worker:
            add(store, got)
            fire(store, calls(64))
            worker.wake()
            await until(lambda: states(store)["delivered"] == 64)
            return got

    got = asyncio.run(go())
    assert len(got.requests) == 64
    assert given_back
    assert {row["tries"] for row in store.deliveries("default", limit=200)["items"]} == {1}


def test_a_late_alert_is_told_to_be_over_by_now(either):
    """What the channels know of `later` is what the store says."""
    store = either
    clock = Clock()

    async def go():
        async with receiver(in_turn(status(500), status(200))) as got, working(store, clock=clock) as worker:
            add(store, got, "teams", changes=["firing"])
            (call,) = calls(1)
            fire(store, [call])
            worker.wake()
            await until(lambda: len(got.requests) == 1)
            fire(store, [call], "resolved", n=2)
            clock.ahead = 7.0
            worker.wake()
            await until(lambda: states(store)["delivered"] == 2)
            return [each.body.decode() for each in got.requests]

    first, late = asyncio.run(go())
    assert "By now" not in first
    assert "By now: resolved" in late


def test_two_changes_of_one_alert_are_never_on_their_way_together(store):
    async def go():
        together = set()
        async with receiver(status(200), wait=0.1) as got, working(store) as worker:
            add(store, got)
            (call,) = calls(1)
            fire(store, [call])
            fire(store, [call], "resolved", n=2)
            worker.wake()
            while len(got.requests) < 2 or got.busy:
                together.add(got.busy)
                await asyncio.sleep(0.005)
            return together, [json.loads(each.body)["type"] for each in got.requests]

    together, types = asyncio.run(go())
    assert max(together) == 1
    assert types == ["alert.firing", "alert.resolved"]


def test_a_settings_row_that_cannot_be_read_harms_nobody_else(store):
    """As a newer or older version may have written it."""

    async def go():
        async with receiver(status(200)) as got, working(store) as worker:
            store.destination_add("default", "pigeon", "old", settings={"loft": 3})
            add(store, got)
            fire(store, calls(1))
            worker.wake()
            await until(lambda: len(states(store)) == 2)

    asyncio.run(go())
    assert states(store) == {"delivered": 1, "failed": 1}


def test_the_worker_goes_on_when_the_store_cannot_be_reached(store, monkeypatch):
    from affekt.service.deliver import worker as module

    monkeypatch.setattr(module, "_AWAY", 0.05)

    class Shaky:
        """The store, of which every call fails twice before it succeeds."""

        def __init__(self):
            self.failed = Counter()

        def __getattr__(self, name):
            def call(*given, **named):
                self.failed[name] += 1
                if self.failed[name] <= 2:
                    raise OSError("no disk")
                return getattr(store, name)(*given, **named)

            return call

    clock, shaky = Clock(), Shaky()

    async def go():
        async with receiver(status(200)) as got:
            add(store, got)
            fire(store, calls(1))
            async with working(shaky, clock=clock):
                while not states(store)["delivered"]:
                    clock.ahead += 60.0  # twice it is sent and cannot be written down: its lease must end
                    await asyncio.sleep(0.1)
            return got

    got = asyncio.run(go())
    assert len(got.requests) >= 3
    assert len({each.headers["webhook-id"] for each in got.requests}) == 1


def test_a_stop_lets_what_is_on_its_way_arrive_and_starts_nothing_new(store):
    async def go():
        async with receiver(status(200), wait=0.3) as got:
            add(store, got)
            fire(store, calls(SIDES + 20))
            async with working(store):
                await until(lambda: got.busy == SIDES)
            return got

    got = asyncio.run(go())
    assert len(got.requests) == SIDES
    assert states(store)["delivered"] == SIDES


def test_a_stop_does_not_wait_for_ever(store):
    async def go():
        async with receiver(status(200), wait=30.0) as got, Net() as net:
            add(store, got)
            fire(store, calls(1))
            worker = Worker(store, net, poll=0.02)
            task = asyncio.create_task(worker.run())
            await until(lambda: got.busy == 1)
            started = time.monotonic()
            await worker.stop(0.2)
            await task
            return time.monotonic() - started

    assert asyncio.run(go()) < 2.0
    assert states(store)["delivered"] == 0


def test_a_worker_that_never_ran_stops(store):
    async def go():
        async with Net() as net:
            await asyncio.wait_for(Worker(store, net).stop(), 1.0)

    asyncio.run(go())


def test_a_lease_that_ends_under_a_delivery_is_refused(store):
    with pytest.raises(UsageError, match="allowed is more than 20 s"):
        Worker(store, Net(), lease=15.0)


PROCESS = """
import asyncio, sys
from affekt.service.deliver.net import Net
from affekt.service.deliver.worker import Worker
from affekt.service.store import Store

async def main():
    async with Net() as net:
        await Worker(Store(sys.argv[1], bytes(range(32))), net).run()

asyncio.run(main())
"""


def test_after_a_kill_every_alert_arrives_and_doubles_bear_the_same_id(store, tmp_path):
    """The process dies by SIGKILL with deliveries on their way; the next one finds the leases ended."""
    count, clock = 150, Clock()

    async def go():
        async with receiver(status(200), wait=0.1) as got:
            add(store, got)
            fired = fire(store, calls(count))
            command = [sys.executable, "-c", PROCESS, f"sqlite:///{tmp_path / 'affekt.db'}"]
            process = await asyncio.create_subprocess_exec(*command)
            await until(lambda: len(got.requests) >= count // 3)
            os.kill(process.pid, signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL
            before = len(got.requests)
            clock.ahead = 31.0
            async with working(store, clock=clock):
                await until(lambda: states(store)["delivered"] == count)
            return got, fired, before

    got, fired, before = asyncio.run(go())
    assert before < count
    said = [json.loads(each.body)["data"]["id"] for each in got.requests]
    assert set(said) == {alert["id"] for alert in fired}
    ids = {}
    for each, alert in zip(got.requests, said, strict=True):
        ids.setdefault(alert, set()).add(each.headers["webhook-id"])
    assert all(len(found) == 1 for found in ids.values())


def test_the_package_is_not_needed_for_the_help():
    """Importing the worker needs h11; the command's help must not."""
    code = (
        "import sys; from affekt.cli import main; main(['--help'], standalone_mode=False)\nprint('h11' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
