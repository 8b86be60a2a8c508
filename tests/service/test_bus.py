"""What is said is heard by control, once or again, but not never; and nobody waits for control."""

from __future__ import annotations

import asyncio
import time

import pytest

from affekt.service import bus as module
from affekt.service.bus import Bus, Client


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bus"


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


async def until(client, true, seconds=5.0):
    commands, end = [], time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        commands += client.pump()
        await asyncio.sleep(0.002)
    return commands


def message(number, kind="mood"):
    return {"type": kind, "n": number}


def test_messages_come_in_order_and_commands_go_back(path):
    async def main():
        heard = []

        async def take(batch):
            heard.extend(batch)

        bus, client = Bus(path, take), Client(path, "engine")
        bus.greet = lambda name: [{"type": "welcome", "to": name}]
        for i in range(5000):
            client.send(message(i))
        assert client.pump() == []  # nobody is there, and nobody waits
        await bus.start()
        commands = await until(client, client.settled)
        bus.send({"type": "drain"}, to="engine")
        bus.send({"type": "other"}, to="gateway")
        commands += await until(client, lambda: len(commands) > 0)
        await asyncio.sleep(0.05)
        commands += client.pump()
        assert [one["n"] for one in heard] == list(range(5000))
        assert [one["type"] for one in commands] == ["welcome", "drain"]
        assert bus.state()["engine"]["connected"]
        client.close()
        await bus.stop()

    run(main())


def test_what_was_not_stored_is_sent_again_to_the_next_control(path):
    async def main():
        first, second = [], []

        async def fails(batch):
            first.extend(batch)
            raise ConnectionError("killed in the middle")

        async def take(batch):
            second.extend(batch)

        client, bus = Client(path, "engine"), Bus(path, fails)
        await bus.start()
        client.send(message(1, "alert.firing"))
        await until(client, lambda: first)
        await bus.stop()
        client.send(message(2))
        again = Bus(path, take)
        await again.start()
        await until(client, client.settled)
        assert [one["n"] for one in second] == [1, 2]
        client.close()
        await again.stop()

    run(main())


def test_alerts_are_kept_however_long_control_is_away_and_moods_are_not(path, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 100)
    client = Client(path, "engine")
    for i in range(1000):
        client.send(message(i, "alert.firing" if i % 50 == 0 else "mood"))

    async def main():
        heard = []

        async def take(batch):
            heard.extend(batch)

        bus = Bus(path, take)
        await bus.start()
        await until(client, client.settled)
        alerts = [one["n"] for one in heard if one["type"] == "alert.firing"]
        assert alerts == list(range(0, 1000, 50))
        assert len(heard) <= 121
        assert client.dropped == 1000 - len(heard)
        assert [one["n"] for one in heard] == sorted(one["n"] for one in heard)
        client.close()
        await bus.stop()

    run(main())


def test_nobody_else_may_open_it(path):
    async def main():
        async def take(batch):
            pass

        bus = Bus(path, take)
        await bus.start()
        assert path.stat().st_mode & 0o777 == 0o600
        await bus.stop()

    run(main())
