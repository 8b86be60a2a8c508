"""Live state: what a viewer shows is the state, however slowly it reads, and no viewer costs memory."""

from __future__ import annotations

import asyncio
import json
import random
import tracemalloc
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.service.control import hub as hub_module
from affekt.service.control.hub import POINTS, Hub, Live, heat, merged
from affekt.service.store import Store

EMOTIONS = ("anger", "calm", "sadness", "neutral")


class Sender:
    """Makes the messages of calls, each counted as the contract says."""

    def __init__(self, tenant: str = "default") -> None:
        self.tenant, self.n, self.at = tenant, 0, 1_000_000.0

    def say(self, type: str, call: str = "c", stream: str = "s", **facts) -> dict:
        self.n, self.at = self.n + 1, self.at + 0.25
        return {
            "type": type,
            "tenant": self.tenant,
            "call": call,
            "stream": stream,
            "n": self.n,
            "at": self.at,
            **facts,
        }

    def start(self, call: str = "c", stream: str = "s", **facts) -> dict:
        about = {
            "agent": "Ada",
            "protocol": "twilio",
            "tracks": {"in": "customer", "out": "agent"},
            "consent": "given",
            "model": "default@1",
        }
        return self.say("call.started", call, stream, **{**about, **facts})

    def mood(self, time: float, call: str = "c", stream: str = "s", **facts) -> dict:
        levels = facts.pop("levels", {"anger": 0.8, "calm": 0.2})
        about = {"mood_at": time, "emotion": max(levels, key=levels.get), "levels": levels, "uncertain": False}
        affect = {"valence": -0.5, "arousal": 0.6, "dominance": 0.1, "trend": {"anger": 0.01}}
        return self.say("mood", call, stream, time=time, speaker="in", **{**about, **affect, **facts})

    def alert(self, state: str, time: float, call: str = "c", rule: str = "sustained", stream: str = "s") -> dict:
        return self.say(f"alert.{state}", call, stream, time=time, rule=rule, speaker="in", reason="anger at 0.80")


def run(live: Live, *messages: dict) -> Live:
    for message in messages:
        live.take(message)
    return live


def only(live: Live) -> dict:
    (call,) = live.snapshot()["calls"]
    return call


def by_id(state: dict) -> dict:
    """Without the order of the calls, which is the viewer's to choose."""
    return {**{name: state[name] for name in ("load", "alerts_open")}, "calls": {c["id"]: c for c in state["calls"]}}


# What a call shows ------------------------------------------------------------------------------------------------


def test_a_call_shows_what_its_messages_said():
    say = Sender()
    live = run(
        Live(),
        say.start(),
        say.say("turn.started", time=1.0, speaker="in", role="customer", start=0.9),
        say.say("window.judged", time=4.0, speaker="in", emotion="anger", confidence=0.7, model="default@1"),
        say.mood(4.0),
        say.say("talk", time=4.1, seconds={"in": 3.2, "out": 0.0}),
        say.say("gap", time=5.0, track="in", kind="lost", start=4.5, end=5.0),
        say.say("gap", time=5.0, track="in", kind="reordered", start=4.5, end=5.0),
        say.say("windows.skipped", count=2, reason="load"),
    )
    call = only(live)
    assert (call["agent"], call["consent"], call["emotion"], call["level"]) == ("Ada", "given", "anger", 0.8)
    assert (call["confidence"], call["speaking"], call["talk"]["in"]) == (0.7, ["in"], 3.2)
    assert (call["gaps"], call["skipped"], call["time"], call["heat"]) == (0.5, 2, 5.0, 0.4)
    assert call["points"] == [[4.0, "anger", 0.8, -0.5, 0.6, 0, 0.8]]
    assert call["trend"] == 0.01
    json.dumps(live.snapshot())


def test_an_agent_is_never_shown_with_an_emotion():
    say = Sender()
    live = run(Live(), say.start(), {**say.mood(3.0), "speaker": "out"})
    assert only(live)["emotion"] is None
    assert only(live)["points"] == []


def test_a_confidence_is_shown_beside_its_own_emotion_only():
    """That of a window that sounded otherwise says nothing of the mood."""
    say = Sender()
    judged = {"time": 4.0, "speaker": "in", "emotion": "calm", "confidence": 0.7}
    live = run(Live(), say.start(), say.mood(3.0), say.say("window.judged", **judged))
    assert only(live)["confidence"] is None
    run(live, say.mood(4.0, levels={"calm": 0.9}))
    assert only(live)["confidence"] == 0.7


def test_a_replay_changes_nothing():
    say = Sender()
    told = [say.start(), say.say("gap", time=1.0, kind="lost", start=0.0, end=1.0), say.mood(3.0)]
    assert run(Live(), *told).snapshot() == run(Live(), *told, *told, told[1]).snapshot()


def test_a_second_stream_continues_the_call_at_its_place():
    """Its seconds begin anew; those of the call do not."""
    say = Sender()
    first = say.start()
    second = {**say.start(stream="t"), "at": first["at"] + 100.0}
    assert only(run(Live(), first, second, say.mood(5.0, stream="t")))["points"][0][0] == 105.0


def test_a_call_ends_when_its_last_stream_does():
    say = Sender()
    live = run(Live(), say.start(), say.start(stream="t"), say.say("call.ended", reason="hangup"))
    assert len(live) == 1
    run(live, say.say("call.ended", stream="t", reason="hangup"))
    assert len(live) == 0
    run(live, say.mood(9.0), say.say("finished", time=9.0))
    assert len(live) == 0, "what comes late does not bring it back"


def test_an_alert_has_the_name_of_the_contract_and_keeps_it():
    say = Sender()
    live = run(Live(), say.start(), say.alert("firing", 7.0))
    (alert,) = only(live)["alerts"]
    assert alert["id"] == str(uuid5(NAMESPACE_URL, "affekt:c/sustained/in/s/7.000"))
    run(live, say.alert("acknowledged", 8.0), say.alert("firing", 9.0))
    assert [(a["id"], a["state"]) for a in only(live)["alerts"]] == [(alert["id"], "acknowledged")]
    assert live.snapshot()["alerts_open"] == 0
    run(live, say.alert("resolved", 10.0), say.alert("firing", 11.0))
    assert only(live)["alerts"][0]["id"] != alert["id"]


def test_what_somebody_did_with_an_alert_is_shown_before_the_engine_says_so():
    say = Sender()
    live = run(Live(), say.start(), say.mood(3.0), say.alert("firing", 7.0))
    (alert,) = only(live)["alerts"]
    seen = live.version
    live.changed({**alert, "call": "c", "state": "acknowledged", "by": "Bea"})
    assert live.delta(seen)["calls"][0]["alerts"][0]["state"] == "acknowledged"
    assert live.delta(seen)["alerts"][0]["by"] == "Bea"
    assert only(live)["heat"] == 0.4


def test_a_call_with_a_firing_alert_is_hotter_than_any_without():
    worst = dict.fromkeys(("anger", "frustration", "fear"), 1.0)
    assert heat({}, uncertain=True, firing=True) >= heat(worst)
    assert heat({"anger": 0.6}) > heat({"anger": 0.6}, uncertain=True) > heat({"calm": 1.0}) == 0.0


# What a viewer shows ----------------------------------------------------------------------------------------------


def anything(draw, say: Sender) -> dict:
    """Some message of one of three calls with two streams each; now and then an impossible one."""
    call, stream = draw(st.sampled_from("abc")), draw(st.sampled_from("st"))
    where, time = {"call": call, "stream": stream}, draw(st.floats(0, 500))
    kind = draw(st.sampled_from(("start", "mood", "mood", "alert", "end", "turn", "other", "load")))
    if kind == "start":
        return say.start(**where, agent=draw(st.sampled_from(("Ada", "Bea", None))))
    if kind == "mood":
        levels = {name: draw(st.sampled_from((0.0, 0.3, 0.9))) for name in EMOTIONS}
        return say.mood(time, **where, levels=levels, uncertain=draw(st.booleans()))
    if kind == "alert":
        state = draw(st.sampled_from(("firing", "acknowledged", "snoozed", "resolved", "expired")))
        return say.alert(state, time, **where, rule=draw(st.sampled_from(("sustained", "low_valence"))))
    if kind == "turn":
        return say.say(draw(st.sampled_from(("turn.started", "turn.ended"))), **where, time=time, speaker="in")
    if kind == "load":
        return say.say("load.changed", "", "", level=draw(st.integers(0, 3)), hop=1.0, model="m", denoise=False, why="")
    other = draw(st.sampled_from(("paused", "resumed", "finished", "unheard.of")))
    return say.say("call.ended" if kind == "end" else other, **where, reason="hangup")


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(5, 120))
def test_a_snapshot_and_its_deltas_are_the_state_for_fast_and_slow_readers(data, count):
    """Whenever each of them looks; replays included."""
    say, hub = Sender(), Hub(clock=lambda: 0.0)
    viewers = [hub.watch("default") for _ in range(3)]
    shown: list[dict] = [{}, {}, {}]
    told: list[dict] = []

    def look(i: int) -> None:
        found = viewers[i].look()
        if found:
            kind, body = found
            shown[i] = body if kind == "snapshot" else merged(shown[i], body)
        assert by_id(shown[i]) == by_id(hub.snapshot("default"))

    for _ in range(count):
        again = told and data.draw(st.integers(0, 9)) == 0
        told.append(data.draw(st.sampled_from(told)) if again else anything(data.draw, say))
        asyncio.run(hub.take(told[-1:]))
        look(0)
        if data.draw(st.integers(0, 6)) == 0:
            look(1)
    for i in range(3):
        look(i)


def test_who_was_away_for_too_long_gets_a_snapshot():
    """Longer than ended calls are remembered."""
    say, hub = Sender(), Hub()
    viewer = hub.watch("default")
    assert viewer.look()[0] == "snapshot"
    asyncio.run(hub.take([say.start()]))
    assert viewer.look()[0] == "delta"
    for i in range(hub_module.ENDED + 2):
        asyncio.run(hub.take([say.start(f"c{i}"), say.say("call.ended", f"c{i}", reason="hangup")]))
    kind, body = viewer.look()
    assert kind == "snapshot"
    assert [call["id"] for call in body["calls"]] == ["c"]
    assert viewer.look() is None


def test_a_viewer_of_one_call_hears_of_no_other():
    say, hub = Sender(), Hub()
    viewer = hub.watch("default", "c")
    asyncio.run(hub.take([say.start("c"), say.start("d")]))
    assert [call["id"] for call in viewer.look()[1]["calls"]] == ["c"]
    asyncio.run(hub.take([say.mood(3.0, "d"), say.alert("firing", 4.0, "d"), say.say("call.ended", "d")]))
    assert viewer.look() is None


def test_no_tenant_sees_another():
    one, other, hub = Sender("one"), Sender("other"), Hub()
    viewer = hub.watch("other")
    asyncio.run(hub.take([one.start("c"), one.mood(3.0, "c"), one.alert("firing", 4.0, "c")]))
    assert viewer.look()[1]["calls"] == []
    asyncio.run(hub.take([other.start("d")]))
    assert [call["id"] for call in viewer.look()[1]["calls"]] == ["d"]


def test_the_load_is_told_to_all_tenants_and_to_those_who_come_later():
    hub = Hub()
    hub.live("one")
    load = {"type": "load.changed", "tenant": None, "call": None, "stream": None, "n": 1, "at": 1.0, "level": 2}
    asyncio.run(hub.take([load]))
    assert [hub.snapshot(tenant)["load"]["level"] for tenant in ("one", "later")] == [2, 2]


def test_ten_thousand_messages_and_a_reader_who_never_reads_cost_no_memory():
    """The state is as large after 10,000 messages as after 2,000, and so is a late reader's delta."""
    say, hub, dice = Sender(), Hub(), random.Random(1)
    idle = [hub.watch("default") for _ in range(100)]
    for viewer in idle:
        viewer.look()
    calls = [f"c{i}" for i in range(8)]

    def burst(first: int, last: int) -> None:
        told = (say.mood(float(i), dice.choice(calls), levels={"anger": dice.random()}) for i in range(first, last))
        asyncio.run(hub.take(told))

    asyncio.run(hub.take([say.start(call) for call in calls]))
    burst(0, 5000)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    burst(5000, 10_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    kind, body = idle[0].look()
    assert kind == "delta"
    assert {len(call["points"]) for call in body["calls"]} == {POINTS}
    assert idle[1].look()[1] is body, "who is equally far shares it"
    assert grown < 2_000_000


def test_calls_that_never_end_are_bounded():
    say, live = Sender(), Live()
    for i in range(hub_module.LIVE + 10):
        live.take(say.start(f"c{i}"))
    assert len(live) == hub_module.LIVE


def test_control_that_begins_anew_shows_what_the_store_has(tmp_path):
    """Live calls with their moods, alerts and places; what comes next continues them."""
    say = Sender()
    alert = {**say.alert("firing", 7.0), "start": 3.0, "end": 7.0, "state": "firing", "snr": None}
    told = [say.start(), say.mood(3.0), say.mood(6.0), alert, say.start(stream="t"), say.mood(8.0, stream="t")]
    for message in told:
        message["sender"] = "engine"
    store = Store(f"sqlite:///{tmp_path}/affekt.db", bytes(32))
    store.migrate()
    store.record(told)
    before, after = Hub(), Hub()
    asyncio.run(before.take(told))
    after.restore(store.live_calls())
    store.close()
    more = [{**say.mood(12.0, stream="t"), "sender": "engine"}, say.alert("acknowledged", 9.5)]
    for hub in (before, after):
        asyncio.run(hub.take(more))
    one, other = (only(hub.live("default")) for hub in (before, after))
    assert {name for name in one if one[name] != other[name]} <= {"trend", "time", "started"}
    assert other["alerts"] == one["alerts"]
    assert other["points"][-1][0] == one["points"][-1][0]


def test_a_viewer_waits_until_something_is_new():
    async def scene() -> list[bool]:
        hub, say = Hub(), Sender()
        viewer = hub.watch("default")
        first = await viewer.wait(0.01)
        viewer.look()
        second = await viewer.wait(0.01)
        await hub.take([say.start()])
        third = await viewer.wait(5.0)
        hub.leave("default", viewer)
        return [first, second, third, hub.viewers == 0]

    assert asyncio.run(scene()) == [True, False, True, True]


@pytest.mark.parametrize("kind", ["mood", "alert.firing", "talk", "gap", "turn.started"])
def test_a_message_of_a_call_that_nobody_started_begins_it(kind):
    """After a restart of control a call is known again with its first message."""
    say = Sender()
    facts = {"start": 1.0, "end": 2.0, "kind": "lost", "rule": "sustained", "reason": "r", "levels": {"anger": 1.0}}
    live = run(Live(), say.say(kind, time=30.0, **facts))
    assert only(live)["time"] == 30.0
