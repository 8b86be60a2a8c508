"""Calls are found, shown, noted and counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from told import START, Call, whole

from affekt.errors import UsageError
from affekt.service.store import Store

DAY = 86400.0


def told(store, count: int, **facts) -> list[Call]:
    calls = [Call(f"call {number}", start=START + 60 * number) for number in range(count)]
    store.record([call.started(**facts) for call in calls])
    return calls


def ids(found: dict) -> list[str]:
    return [call["id"] for call in found["items"]]


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_pages_have_every_call_once_the_newest_first(store, limit):
    calls = told(store, 23)
    found, cursor = [], None
    while True:
        page = store.calls("default", limit=limit, cursor=cursor)
        found += ids(page)
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [call.id for call in reversed(calls)]


def test_a_page_is_not_moved_by_calls_that_come_meanwhile(store):
    calls = told(store, 6)
    first = store.calls("default", limit=3)
    later = Call("later", start=START + DAY)
    store.record([later.started()])
    assert ids(first) + ids(store.calls("default", limit=3, cursor=first["next"])) == [c.id for c in reversed(calls)]


def test_calls_of_one_instant_are_parted_by_their_ids(store):
    calls = [Call(f"twin {number}") for number in range(5)]
    store.record([call.started() for call in calls])
    first = store.calls("default", limit=2)
    rest = store.calls("default", cursor=first["next"])
    assert sorted(ids(first) + ids(rest)) == sorted(call.id for call in calls)


@pytest.mark.parametrize("cursor", ["", "x", "bm8=", "WzFd", "WyJhIiwxXQ==", "W251bGwsbnVsbF0="])
def test_a_cursor_that_is_none_is_refused(store, cursor):
    with pytest.raises(UsageError, match="is no cursor"):
        store.calls("default", cursor=cursor)


def test_words_are_found_in_id_agent_queue_and_notes_whatever_their_case(store):
    by_id, by_agent, by_queue, by_note = calls = told(store, 4, agent=None, queue=None, external=None)
    store.record(
        [by_id.started(external="CA-ÄRGER"), by_agent.started(agent="Jörg Ärger"), by_queue.started(queue="ärger")]
    )
    store.note("default", by_note.id, "Großer Ärger", "ann")
    assert sorted(ids(store.calls("default", q="ärger"))) == sorted(call.id for call in calls)
    assert ids(store.calls("default", q="jörg")) == [by_agent.id]
    assert ids(store.calls("default", q="GROSSER")) == [by_note.id]
    assert ids(store.calls("default", q="freude")) == []


@pytest.mark.parametrize("mark", ["%", "_", "\\", "'", '"', "\x00%"])
def test_marks_of_the_search_itself_are_plain(store, mark):
    _, marked = told(store, 2)
    store.record([marked.started(agent=f"a{mark}b")])
    assert ids(store.calls("default", q=mark)) == [marked.id]


def test_every_filter_leaves_out_what_it_says(store):
    angry, calm = told(store, 2)
    store.record(
        [
            angry.mood(3.0),
            angry.alert(7.5),
            angry.started(agent="Bob", queue="returns", subject="ab"),
            angry.ended(60.0),
        ]
    )
    store.record([calm.mood(3.0, "neutral"), calm.mood(4.0, "anger", uncertain=True)])
    one = {"emotion": "anger", "rule": "sustained", "agent": "Bob", "queue": "returns", "live": False, "subject": "ab"}
    for name, value in one.items():
        assert ids(store.calls("default", **{name: value})) == [angry.id], name
    assert ids(store.calls("default", **one, since=START, until=START + 1)) == [angry.id]
    assert ids(store.calls("default", live=True)) == [calm.id]
    assert ids(store.calls("default", since=START + 60)) == [calm.id]
    assert ids(store.calls("default", until="2026-09-21T14:14:20Z")) == [angry.id]
    with pytest.raises(UsageError, match="is no time"):
        store.calls("default", since="yesterday")


def test_a_call_in_short_has_its_numbers(store):
    call = Call()
    store.record(whole(call))
    store.note("default", call.id, "calm again", "ann")
    short = store.calls("default")["items"][0]
    assert (short["alerts"], short["alerts_open"], short["notes"], short["emotion"]) == (1, 0, 1, "anger")
    full = store.call("default", call.id)
    assert {
        name: full[name] for name in short if name not in ("alerts", "alerts_open", "notes")
    }.items() <= short.items()


def test_a_note_is_on_a_call_or_on_one_of_its_alerts(store):
    call, other = Call(), Call("other")
    store.record([*whole(call), *whole(other)])
    alert = store.call("default", call.id)["alerts"][0]["id"]
    store.note("default", call.id, "first", "ann")
    kept = store.note("default", call.id, "second", "bob", alert=alert)
    assert (kept["text"], kept["by"], kept["alert"]) == ("second", "bob", alert)
    assert [note["text"] for note in store.call("default", call.id)["notes"]] == ["first", "second"]
    assert [note["text"] for note in store.alert("default", alert)["notes"]] == ["second"]
    assert store.note("default", other.id, "wrong", "ann", alert=alert) is None
    assert store.note("default", "no such call", "text", "ann") is None


def test_trends_are_those_that_a_plain_sum_gives(store):
    """An oracle that reads the points themselves, and leaves out the uncertain ones."""
    for number in range(12):
        call = Call(f"call {number}", start=START + 0.4 * DAY * number)
        moods = [
            call.mood(float(t), ("anger", "neutral", "sadness")[t % 3], uncertain=t % 4 == 0, valence=-0.1 * t)
            for t in range(3, 9)
        ]
        store.record([call.started(), *moods, *([call.alert(8.0)] if number % 2 else []), call.ended(90.0)])
    found = {row["day"]: row for row in store.trends("default", START, START + 30 * DAY)}
    expected: dict[str, dict] = {}
    for short in store.calls("default")["items"]:
        call = store.call("default", short["id"])
        row = expected.setdefault(call["started"][:10], {"calls": 0, "minutes": 0.0, "moods": [], "alerts": 0})
        row["calls"] += 1
        row["minutes"] += call["seconds"] / 60
        row["moods"] += [point for point in call["points"] if not point["uncertain"]]
        row["alerts"] += len(call["alerts"])
    assert found.keys() == expected.keys()
    for date, row in expected.items():
        moods = row["moods"]
        assert (found[date]["calls"], found[date]["minutes"]) == (row["calls"], pytest.approx(row["minutes"]))
        for emotion in ("anger", "neutral", "sadness"):
            share = sum(mood["emotion"] == emotion for mood in moods) / len(moods)
            assert found[date]["emotions"][emotion] == pytest.approx(share, abs=1e-4)
        assert found[date]["valence"] == pytest.approx(sum(mood["valence"] for mood in moods) / len(moods), abs=1e-4)
        assert found[date]["alerts"] == ({"sustained": row["alerts"]} if row["alerts"] else {})


def test_trends_end_with_the_day_that_is_asked_for(store):
    told(store, 1)
    assert [row["day"] for row in store.trends("default", START, START)] == ["2026-09-21"]
    assert store.trends("default", START + DAY, START + 2 * DAY) == []
    assert store.trends("default", START, START)[0]["emotions"] == {}


def test_many_threads_write_and_read_at_once(store):
    """Nothing is lost, doubled or torn, and nobody is turned away."""
    calls = [Call(f"call {number}") for number in range(8)]

    def talk(call: Call) -> None:
        store.record([call.started()])
        for time in range(3, 23):
            store.record([call.mood(float(time)), call.alert(float(time))])
            if time % 5 == 0:
                assert store.call("default", call.id)["points"]
                store.alerts("default")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(talk, calls))
    for call in calls:
        found = store.call("default", call.id)
        assert (len(found["points"]), len(found["alerts"])) == (20, 1)


def test_two_processes_may_write_to_one_database(store):
    """As where somebody erases a call from a shell: each waits for the other, and neither fails."""
    other = Store(store._url.render_as_string(hide_password=False), bytes(range(32)))
    calls = [Call(f"call {number}") for number in range(4)]

    def talk(number: int) -> None:
        for time in range(3, 13):
            (store, other)[number % 2].record([calls[number].mood(float(time))])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(talk, range(4)))
    assert [len(other.call("default", call.id)["points"]) for call in calls] == [10] * 4
    other.close()


def test_a_call_leaves_as_parquet(store, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    calls = told(store, 60)
    store.record(whole(calls[0]))
    counts = store.export("default", tmp_path / "out", START - DAY, START + DAY)
    assert counts == {"calls": 60, "turns": 2, "points": 6, "alerts": 1}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{name}.parquet" for name in sorted(counts)]
    points = parquet.read_table(tmp_path / "out" / "points.parquet").to_pylist()
    kept = store.call("default", calls[0].id)["points"]
    assert [point["time"] for point in points] == [point["time"] for point in kept]
    assert dict(points[0]["levels"]) == pytest.approx(kept[0]["levels"])
    began = parquet.read_table(tmp_path / "out" / "calls.parquet").to_pylist()[-1]["started"]
    assert began.timestamp() == START
    assert store.export("default", tmp_path / "none", START - 2 * DAY, START - DAY)["calls"] == 0
