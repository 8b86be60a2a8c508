"""What is told is kept: once, whatever is told again, and in whatever order."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from told import START, Call, whole

from affekt.errors import DataError
from affekt.service.store import Store
from affekt.service.store.schema import metadata


def everything(store: Store) -> dict[str, list[str]]:
    """All rows of all tables, but for ids that are drawn and times of writing."""
    drawn = {"deliveries": {"id", "due_at", "created_at", "changed_at"}}
    with store._read() as c:
        return {
            table.name: sorted(
                repr([value for name, value in row.items() if name not in drawn.get(table.name, set())])
                for row in c.execute(select(table)).mappings()
            )
            for table in metadata.sorted_tables
        }


def test_a_call_comes_back_as_it_was_told(store):
    call = Call()
    store.record(whole(call))
    found = store.call("default", call.id)
    assert found["started"] == "2026-09-21T14:13:20.000Z"
    assert (found["seconds"], found["live"], found["reason"]) == (20.0, False, "hangup")
    assert (found["agent"], found["queue"], found["consent"], found["notice"]) == ("Ann", "sales", "given", True)
    assert found["tracks"] == {"inbound": "customer", "outbound": "agent"}
    assert [point["time"] for point in found["points"]] == [2.5, 3.5, 4.5, 5.5, 6.0, 14.5]
    assert found["points"][0]["levels"] == {"anger": 0.6, "neutral": 0.2}  # what is fainter than 0.005 is left out
    assert [(turn["speaker"], turn["emotion"]) for turn in found["turns"]] == [("inbound", "anger"), ("outbound", None)]
    assert found["gaps"] == [{"type": "gap", "time": 8.0, "track": "inbound", "kind": "lost", "start": 8.0, "end": 8.5}]
    assert found["talk"] == {"inbound": 8.0, "outbound": 1.5}
    assert found["skipped"] == 3
    assert [mark["type"] for mark in found["marks"]] == ["consent", "paused", "resumed", "overlap"]
    assert [alert["state"] for alert in found["alerts"]] == ["resolved"]


def test_moods_that_are_uncertain_have_no_say_in_the_sums(store):
    call = Call()
    store.record(whole(call))
    found = store.call("default", call.id)
    assert found["emotions"] == {"anger": 0.8, "neutral": 0.2}
    assert found["valence"] == pytest.approx((4 * -0.5 + 0.1) / 5, abs=1e-4)


def test_a_batch_gives_the_alerts_that_changed_in_order(store):
    call = Call()
    changes = store.record(whole(call))
    assert [alert["change"] for alert in changes] == [alert["state"] for alert in changes] == ["firing", "resolved"]
    assert changes[0]["evidence"]["points"] == [[7.5, 0.6, -0.5, 0.5]]
    assert {alert["agent"] for alert in changes} == {"Ann"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_telling_any_part_of_it_again_changes_nothing(store, data):
    """Any messages of it, any number of times, in any order and any batches."""
    call = Call("replayed")
    said = whole(call)
    store.record(said)
    before = everything(store)
    again = data.draw(st.lists(st.sampled_from(said), max_size=40))
    cut = data.draw(st.integers(0, len(again)))
    assert store.record(again[:cut]) + store.record(again[cut:]) == []
    assert everything(store) == before


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_first_the_same_is_kept(store, seed):
    """Gateway and engine speak through two sockets: each in its order, but neither waits for the other."""
    call, turn = Call(), random.Random(seed)
    said = whole(call)
    store.record(said)
    expected = everything(store)
    store.erase_call("default", call.id, "test")
    with store._write() as c:
        for table in ("erased", "audits"):
            c.execute(metadata.tables[table].delete())
    by = [[m for m in said if (m["sender"] == "gateway-1") == gateway] for gateway in (True, False)]
    while any(by):
        queue = turn.choice([queue for queue in by if queue])
        size = turn.randint(1, 5)
        store.record(queue[:size])
        del queue[:size]
    found = everything(store)
    for rows in (found, expected):  # only ids that count up differ, and what hangs on them
        rows |= {name: len(rows[name]) for name in ("feeds", "points", "turns", "marks", "changes", "audits")}
    assert found == expected


def test_an_engine_that_was_restarted_continues_the_call(store):
    """It counts its messages anew and finds the alert again: the same alert, and nobody is told twice."""
    call = Call()
    assert len(store.record([call.started(), call.mood(3.0), call.alert(7.5)])) == 1
    call.engine = "engine-2"
    assert store.record([call.mood(9.0), call.alert(12.0)]) == []
    found = store.call("default", call.id)
    assert [point["time"] for point in found["points"]] == [2.5, 8.5]
    assert len(found["alerts"]) == 1
    assert [alert["change"] for alert in store.record([call.alert(15.0, "resolved")])] == ["resolved"]
    assert [alert["change"] for alert in store.record([call.alert(40.0)])] == ["firing"]
    assert len(store.call("default", call.id)["alerts"]) == 2


def test_a_resolved_alert_told_again_does_not_end_the_next_one(store):
    call = Call()
    old = [call.alert(5.0), call.alert(9.0, "resolved")]
    store.record([*old, call.alert(30.0)])
    assert store.record(old) == []
    assert sorted(alert["state"] for alert in store.alerts("default")["items"]) == ["firing", "resolved"]


def test_a_stream_that_comes_back_continues_the_call(store):
    """The call lives again, and the second stream's places lie behind those of the first."""
    call = Call()
    store.record([call.started(), call.mood(3.0), call.ended(10.0, "error")])
    assert store.call("default", call.id)["live"] is False
    again = Call(start=START + 60)
    again.stream = "another"
    store.record([again.started(agent=None), again.mood(3.0)])
    found = store.call("default", call.id)
    assert (found["live"], found["reason"], found["agent"]) == (True, None, "Ann")
    assert [point["time"] for point in found["points"]] == [2.5, 62.5]
    assert [stream["offset"] for stream in found["streams"]] == [0.0, 60.0]
    assert [one["id"] for one in store.live_calls()] == [call.id]
    store.record([again.ended(30.0)])
    assert store.call("default", call.id)["seconds"] == 90.0


def test_the_last_word_on_consent_counts(store):
    call = Call()
    yes, no = call.consent(1.0, "given"), call.consent(5.0, "refused")
    store.record([call.started(), no])
    store.record([yes])
    assert store.call("default", call.id)["consent"] == "refused"
    again = Call(start=START + 60)
    store.record([again.started(consent="unknown") | {"stream": "another"}])
    assert store.call("default", call.id)["consent"] == "refused"


def test_what_cannot_be_read_is_left_out_and_the_rest_is_kept(store):
    call = Call()
    good = call.mood(3.0)
    bad = [
        {},
        {"type": "mood"},
        good | {"n": 2, "levels": None},
        good | {"n": 3, "levels": {"anger": float("nan")}},
        good | {"n": -1},
        good | {"n": 2**40},
        good | {"n": 4, "at": "now"},
        good | {"n": 4, "at": 1e300},
        good | {"n": 5, "tenant": "nobody"},
        good | {"n": 6, "call": "x" * 5000},
        good | {"n": 7, "emotion": "an\x00ger"},
        good | {"n": 8, "call": None, "stream": None, "type": "load.changed"},
        call.alert(3.0) | {"reason": None, "evidence": {"points": ["x"]}},
        call.tell("consent", 1.0, state="perhaps"),
        "not a message",
    ]
    store.record([*bad, good])
    assert len(store.call("default", call.id)["points"]) == 1
    assert store.alerts("default")["items"] == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_no_message_whatever_is_in_it_fails_a_batch(store, data):
    """Else it would come again for ever, and nothing behind it would be kept."""
    call = Call(f"fuzzed {data.draw(st.integers(0, 10**9))}")
    message = dict(data.draw(st.sampled_from(whole(call))))
    for name in data.draw(st.lists(st.sampled_from(sorted(message)), min_size=1, max_size=2)):
        message[name] = data.draw(ANYTHING)
    store.record([message])
    store.call("default", call.id)


def test_text_that_a_database_refuses_is_cleaned(store):
    call = Call()
    store.record([call.started(agent="A\x00n\ud800n" + "x" * 1000), call.alert(7.0, reason="\x00so\udfff")])
    found = store.call("default", call.id)
    assert found["agent"].startswith("An?nxxx")
    assert len(found["agent"]) <= 400
    assert found["alerts"][0]["reason"] == "so?"


def test_a_call_of_one_tenant_cannot_be_claimed_by_another(store):
    call = Call()
    store.record([call.started(), call.mood(3.0)])
    stolen = [message | {"tenant": "other"} for message in (call.mood(5.0), call.alert(6.0), call.ended(7.0))]
    assert store.record(stolen) == []
    other = Call("other's", tenant="other")
    store.record([other.mood(1.0) | {"stream": call.stream}])  # nor a stream of another call
    assert len(store.call("default", call.id)["points"]) == 1
    assert store.call("other", call.id) is None
    assert store.call("other", other.id)["points"] == []
    both = Call("both")
    mine, theirs = both.mood(1.0), both.mood(2.0) | {"tenant": "other"}
    store.record([mine, theirs])
    assert len(store.call("default", both.id)["points"]) == 1
    assert store.call("other", both.id) is None


def test_a_database_that_refuses_says_so_and_not_what_it_was_told(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/affekt.db", bytes(32))
    with pytest.raises(DataError, match="no such table") as error:
        store.record([Call().started(agent="geheim")])
    assert "geheim" not in repr((error.value, error.value.__cause__))
    store.close()


def test_streams_that_fell_silent_end_and_their_alerts_expire(store):
    silent, live = Call("silent"), Call("live", start=START + 500)
    store.record([silent.started(), silent.alert(7.5), live.started(), live.alert(8.0)])
    ended = store.end_stale(START + 100)
    assert ended["calls"] == [silent.id]
    assert [(alert["call"], alert["change"]) for alert in ended["alerts"]] == [(silent.id, "expired")]
    assert [call["id"] for call in store.live_calls()] == [live.id]
    assert store.call("default", silent.id)["reason"] == "timeout"
    assert store.end_stale(START + 100) == {"calls": [], "alerts": []}


def test_live_calls_come_with_their_last_points_and_open_alerts(store):
    call = Call()
    store.record(
        [call.started(), *(call.mood(float(n)) for n in range(1, 301)), call.alert(7.5), call.alert(9, "resolved")]
    )
    found = store.live_calls()[0]
    assert (found["tenant"], len(found["points"]), found["points"][-1]["time"]) == ("default", 180, 299.5)
    assert found["alerts"] == []
