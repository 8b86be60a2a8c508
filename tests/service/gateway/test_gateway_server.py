"""Real sockets, real protocols, spoken by the carriers of `affekt.service.load`: what arrives in the shared memory."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from picows import WSListener, WSMsgType, ws_connect

from affekt import registry
from affekt.service import shared, wire
from affekt.service.gateway import codec
from affekt.service.gateway.reception import Reception
from affekt.service.gateway.server import Exchange, Gateway
from affekt.service.load.carrier import Carrier, Load
from affekt.service.load.faults import Faults
from affekt.service.load.sound import Sound
from affekt.service.seal import digest
from affekt.service.shared import ENDED, LIVE, REFUSED, Board

SECRET = bytes(range(32))
MATERIAL = {
    "audiohook": {"api_key": "key", "client_secret": "c2VjcmV0LXNlY3JldC1zZWNyZXQ="},
    "twilio": {"auth_token": "12345"},
}


def descriptors():
    """How many files and sockets are open; nothing where the system does not tell."""
    own = Path("/proc/self/fd")
    return len(list(own.iterdir())) if own.is_dir() else 0


class Silent:
    """A bus with nobody at the other end."""

    held = 0

    def __init__(self) -> None:
        self.told: list[dict] = []
        self.commands: list[dict] = []

    def send(self, message) -> None:
        wire.write(message)
        self.told.append(message)

    def pump(self):
        commands, self.commands = self.commands, []
        return commands

    def close(self) -> None:
        pass


class Open:
    """A gateway that runs."""

    def __init__(self, snapshot=None, *, slots=8) -> None:
        self.board = Board(shared.make(slots), slots)
        self.reception = Reception(SECRET, open_to_all=snapshot is None)
        self.reception.learn(snapshot or {})
        self.exchange = Exchange(self.board, self.reception)
        self.bus = Silent()
        self.gateway = Gateway(self.exchange, self.bus)
        self.stopped = asyncio.Event()

    async def start(self):
        self.port = await self.gateway.listen("127.0.0.1", 0)
        self.tcp = await self.gateway.listen_audiosocket("127.0.0.1", 0, ["127.0.0.0/8"])
        self.running = asyncio.create_task(self.gateway.run(self.stopped))

    def to(self, protocol: str) -> str:
        tcp = codec.load(protocol).Codec.TRANSPORT == "tcp"
        return f"tcp://127.0.0.1:{self.tcp}" if tcp else f"ws://127.0.0.1:{self.port}"

    def calls(self):
        """(what is known of it, its records) of each call, in the order of their slots."""
        used = [slot for slot in self.board.slots if slot.born]
        return [(wire.read(slot.meta), slot.read(100_000)) for slot in used]


@asynccontextmanager
async def opened(snapshot=None, **more):
    made = Open(snapshot, **more)
    await made.start()
    yield made
    made.stopped.set()
    await made.running


def run(main):
    asyncio.run(asyncio.wait_for(main(), 30))


def token(protocol=None, text="afi_x", **more):
    row = {"tenant": "acme", "hash": digest(text), "protocol": protocol, "material": {}, "roles": {}}
    return row | {"notice": True, "consent": "unknown"} | more


def sound(seconds=2.0, rate=8000):
    time = np.arange(round(seconds * rate)) / rate
    both = [0.3 * np.sin(2 * np.pi * f * time) for f in (440, 660)]
    return Sound.of(np.stack(both, axis=1).astype(np.float32), rate)


def heard(records, track):
    """Samples by their places."""
    own = [record for record in records if record.kind == "audio" and record.track == track]
    found = np.zeros(max(record.start + len(record.samples) for record in own), np.int16)
    for record in own:
        found[record.start : record.start + len(record.samples)] = record.samples
    return found


def carrier(gate, protocol, *, seconds=1.0, token="afi_x", **more):
    return Carrier(Load(gate.to(protocol), protocol, seconds=seconds, token=token, **more), [sound()])


def speak(gate, protocol, **more):
    return carrier(gate, protocol, **more).run()


@pytest.mark.parametrize("protocol", sorted(registry.names("service.load.speakers")))
def test_a_call_of_each_platform_arrives_sample_by_sample(protocol):
    async def main():
        async with opened() as gate:
            speaker = carrier(gate, protocol)
            report = await speaker.run()
            assert (report.finished, report.failed) == (1, 0)
            await asyncio.sleep(0.1)
            calls = gate.calls()
            spoken, shift = 1.0 * 8000, speaker.call(0).shift * 160
            for facts, records in calls:
                assert records[-1].kind == "end"
                for name, role in facts["tracks"].items():
                    assert role == name.split()[0]
                    found = heard(records, list(facts["tracks"]).index(name))
                    assert len(found) == pytest.approx(spoken, abs=320)
                    sides = [np.roll(one, -shift)[: len(found)].astype(int) for one in sound().samples.values()]
                    errors = [np.abs(found - one).max() for one in sides]
                    assert min(errors) < 500 < max(errors)  # G.711 errs by less at this level
                    if len(facts["tracks"]) == 2:
                        assert errors.index(min(errors)) == ["customer", "agent"].index(name)
            legs = sum(len(facts["tracks"]) for facts, _ in calls)
            assert legs == 2

    run(main)


@pytest.mark.parametrize("protocol", sorted(registry.names("service.load.speakers")))
def test_without_its_token_no_call_of_any_platform_is_heard(protocol):
    async def main():
        material = MATERIAL.get(protocol, {})
        snapshot = {"tokens": [token(protocol, "afi_another", material=material)]}
        async with opened(snapshot) as gate:
            report = await speak(gate, protocol)
            assert report.finished == 0
            assert report.failed == 1
            assert gate.calls() == []
            assert sum(gate.exchange.refused.values()) >= 1

    run(main)


BY_TOKEN = sorted(set(registry.names("service.load.speakers")) - {"audiosocket", "audiohook"})


@pytest.mark.parametrize("protocol", BY_TOKEN)
def test_a_token_says_whose_call_it_is(protocol):
    async def main():
        async with opened({"tokens": [token(), token(text="afi_y", tenant="other")]}) as gate:
            report = await speak(gate, protocol)
            assert report.failed == 0
            facts, _ = gate.calls()[0]
            assert (facts["tenant"], facts["notice"], facts["protocol"]) == ("acme", True, protocol)

    run(main)


def test_genesys_and_twilio_sign_their_requests():
    async def main():
        tokens = [token("audiohook", "afi_none", material=MATERIAL["audiohook"])]
        tokens.append(token("twilio", "afi_x", material=MATERIAL["twilio"]))
        async with opened({"tokens": tokens}) as gate:
            gate.gateway._public = gate.to("twilio")
            hook = MATERIAL["audiohook"]
            load = Load(gate.to("audiohook"), "audiohook", seconds=0.5, token="key", secret=hook["client_secret"])
            assert (await Carrier(load, [sound()]).run()).failed == 0
            load = Load(gate.to("twilio"), "twilio", seconds=0.5, token="afi_x", secret="12345")
            assert (await Carrier(load, [sound()]).run()).failed == 0
            for wrong in (Load(gate.to("audiohook"), "audiohook", seconds=0.5, token="key", secret="c2Vj"),
                          Load(gate.to("twilio"), "twilio", seconds=0.5, token="afi_x", secret="wrong")):  # fmt: skip
                assert (await Carrier(wrong, [sound()]).run()).failed == 1
            assert {facts["protocol"] for facts, _ in gate.calls()} == {"audiohook", "twilio"}

    run(main)


def test_the_legs_of_an_expected_call_are_one_call():
    async def main():
        async with opened({"tokens": [], "expected": []}) as gate:
            names = {name: uuid.uuid4() for name in ("customer", "agent")}
            details = {"track": "", "role": "", "tenant": "acme", "external": "call-7", "details": {"agent": "Ann"}}
            rows = [details | {"id": str(id), "track": name, "role": name} for name, id in names.items()]
            gate.bus.commands.append({"type": "ingest", "snapshot": {"tokens": [], "expected": rows}})
            await asyncio.sleep(0.1)
            writers = []
            for id in [*names.values(), uuid.uuid4()]:  # the last one was not announced
                reader, writer = await asyncio.open_connection("127.0.0.1", gate.tcp)
                writer.write(b"\x01\x00\x10" + id.bytes + b"\x10\x01\x40" + bytes(320))
                writers.append((reader, writer))
            assert await asyncio.wait_for(writers[2][0].read(), 5) in (b"", b"\0\0\0")
            for _, writer in writers:
                writer.close()
            await asyncio.sleep(0.1)
            ((facts, records),) = gate.calls()
            assert (facts["external"], facts["agent"]) == ("call-7", "Ann")
            assert list(facts["tracks"]) == ["customer", "agent"]
            assert {record.track for record in records if record.kind == "audio"} == {0, 1}
            assert [record.kind for record in records].count("end") == 1

    run(main)


def test_the_same_call_of_a_platform_has_the_same_id_again_and_a_stream_of_its_own():
    async def main():
        async with opened() as gate:
            for call in (b"c", b"d", b"c"):
                transport, _ = await raw(gate)
                transport.send(WSMsgType.TEXT, HELLO.replace(b'"c"', b'"%s","caller":"+15550100"' % call))
                await asyncio.sleep(0.1)
                transport.disconnect()
                await asyncio.sleep(0.1)
            first, other, again = [facts for facts, _ in gate.calls()]
            assert first["call"] == again["call"] != other["call"]
            assert first["stream"] != again["stream"]
            assert first["subject"]
            assert "15550100" not in str(first)  # numbers are hashed before anything is told

    run(main)


def test_a_call_too_many_is_turned_away_and_the_others_go_on():
    async def main():
        async with opened(slots=3) as gate:
            report = await speak(gate, "twilio", calls=5, seconds=0.5)
            assert (report.finished, report.failed) == (3, 2)
            assert gate.exchange.refused == {"twilio: full": 2}

    run(main)


def test_at_the_engines_last_level_no_call_begins():
    async def main():
        async with opened() as gate:
            gate.board.level = 3
            assert (await speak(gate, "twilio")).failed == 1
            gate.board.level = 2
            assert (await speak(gate, "twilio")).failed == 0

    run(main)


def test_no_more_calls_begin_than_the_engine_has_promised_to_hear():
    async def main():
        async with opened() as gate:
            gate.board.promise(2)
            report = await speak(gate, "twilio", calls=4, seconds=0.5)
            assert (report.finished, report.failed) == (2, 2)
            assert (await speak(gate, "twilio", seconds=0.3)).failed == 1  # nothing was promised since
            gate.board.promise(1)
            assert (await speak(gate, "twilio", seconds=0.3)).failed == 0

    run(main)


def test_calls_that_vanish_or_freeze_end_and_leave_nothing_behind():
    async def main():
        async with opened(slots=64) as gate:
            before = descriptors()
            load = Load(gate.to("twilio"), "twilio", calls=40, seconds=0.4, faults=Faults(vanish=0.5, freeze=0.3))
            report = await Carrier(load, [sound()]).run()
            assert report.finished == 40
            await asyncio.sleep(0.3)
            gate.exchange.clock = lambda: time.time() + 60  # what froze has said nothing for a minute
            gate.exchange.sweep()
            await asyncio.sleep(0.3)
            assert not gate.exchange.open
            assert {slot.state for slot in gate.board.slots if slot.born} == {ENDED}
            assert len(asyncio.all_tasks()) <= 3
            assert descriptors() <= before + 2

    run(main)


class Raw(WSListener):
    """A client that says whatever it is told to."""

    def __init__(self):
        self.code = None
        self.texts = []

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            self.code = int(frame.get_close_code())
            transport.disconnect()
        else:
            self.texts.append(frame.get_payload_as_bytes())


async def raw(gate, path="/v1/ingest/affekt"):
    return await ws_connect(Raw, f"ws://127.0.0.1:{gate.port}{path}")


HELLO = b'{"type":"hello","call":"c","rate":8000,"encoding":"pcm16","tracks":["customer","agent"]}'


def test_a_flood_meets_its_own_limit():
    async def main():
        async with opened() as gate:
            transport, client = await raw(gate)
            transport.send(WSMsgType.TEXT, HELLO)
            for number in range(20_000):
                if transport.is_disconnected:
                    break
                transport.send(WSMsgType.BINARY, bytes(4) + (number * 160).to_bytes(4, "little") + bytes(320))
                if number % 500 == 0:
                    await asyncio.sleep(0)
            await asyncio.wait_for(transport.wait_disconnected(), 5)
            assert client.code == 1008
            ((_, records),) = gate.calls()
            assert wire.read(records[-1].payload) == {"reason": "flood"}

    run(main)


def test_who_says_nothing_is_not_waited_for():
    async def main():
        async with opened() as gate:
            transport, client = await raw(gate)
            await asyncio.sleep(0.05)
            gate.exchange.clock = lambda: time.time() + 6
            gate.exchange.sweep()
            await asyncio.wait_for(transport.wait_disconnected(), 5)
            assert client.code == 1008

    run(main)


def test_fragments_are_one_message_and_an_endless_one_is_none():
    async def main():
        async with opened() as gate:
            transport, client = await raw(gate)
            transport.send(WSMsgType.TEXT, HELLO[:20], fin=False)
            transport.send(WSMsgType.CONTINUATION, HELLO[20:])
            await asyncio.sleep(0.1)
            assert len(gate.board.live()) == 1
            transport.send(WSMsgType.BINARY, bytes(1000), fin=False)
            for _ in range(20):
                transport.send(WSMsgType.CONTINUATION, bytes(100_000), fin=False)
            await asyncio.wait_for(transport.wait_disconnected(), 5)
            assert client.code == 1009

    run(main)


def test_nothing_is_written_of_a_customer_who_does_not_want_it():
    async def main():
        async with opened() as gate:
            transport, _ = await raw(gate)
            transport.send(WSMsgType.TEXT, HELLO)
            transport.send(WSMsgType.BINARY, bytes(8) + bytes(320))
            await asyncio.sleep(0.1)
            (slot,) = [slot for slot in gate.board.slots if slot.state == LIVE]
            said = wire.read(slot.meta)
            gate.bus.commands.append({"type": "consent", "call": said["call"], "state": "refused"})
            await asyncio.sleep(0.1)
            assert slot.flags & REFUSED
            before = slot.waiting
            transport.send(WSMsgType.BINARY, bytes(4) + (160).to_bytes(4, "little") + bytes(320))
            await asyncio.sleep(0.1)
            assert slot.waiting == before
            assert not transport.is_disconnected  # the call itself goes on
            transport.disconnect()

    run(main)


def test_a_track_of_which_nobody_says_whose_voice_it_is_is_refused():
    async def main():
        async with opened() as gate:
            transport, client = await raw(gate)
            transport.send(WSMsgType.TEXT, HELLO.replace(b'"customer","agent"', b'"mixed"'))
            await asyncio.wait_for(transport.wait_disconnected(), 5)
            assert client.code == 1008
            assert gate.calls() == []
            (why,) = gate.exchange.refused
            assert "nobody says whose voice" in why

    run(main)


def test_it_stops_when_the_calls_are_over_or_the_time_is():
    async def main():
        async with opened() as gate:
            transport, client = await raw(gate)
            transport.send(WSMsgType.TEXT, HELLO)
            await asyncio.sleep(0.1)
            gate.stopped.set()
            await asyncio.wait_for(transport.wait_disconnected(), 5)
            assert client.code == 1001
            await gate.running
            ((_, records),) = gate.calls()
            assert wire.read(records[-1].payload) == {"reason": "shutdown"}

    run(main)
