"""What is erased is gone: from every table, from the file, from the log of writes, from the vault."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from told import START, Call, whole

from affekt.service.store import Store
from affekt.service.store.schema import metadata

MARKS = ("MARKexternal", "MARKagent", "MARKqueue", "MARKsubject", "MARKnote", "MARKreason", "MARKspeaker", "MARKsound")
DAY = 86400.0


def marked(store: Store, name: str = "marked", *, start: float = START) -> Call:
    """A call of which every text can be recognised, acknowledged, noted, delivered and recorded."""
    call = Call(name, start=start)
    said = whole(call)
    said[0] |= {"external": MARKS[0], "agent": MARKS[1], "queue": MARKS[2], "subject": MARKS[3]}
    said += [call.alert(30.0, reason=MARKS[5], speaker=MARKS[6]), call.mood(31.0, speaker=MARKS[6])]
    store.record(said)
    alert = store.alerts("default", state="open")["items"][0]["id"]
    store.acknowledge("default", alert, "ann", note=f"{MARKS[4]} one")
    store.note("default", call.id, f"{MARKS[4]} two", "ann")
    store.audit("default", "ann", "alert.acknowledge", alert)
    store.audit("default", "ann", "call.note", call.id, detail={"text": MARKS[4]})
    store.retry(store.claim(1, 60.0)[0]["id"], START, MARKS[0])
    with store.vault.recorder("default", call.id, f"{call.stream}/{MARKS[6]}", about={"agent": MARKS[1]}) as recorder:
        recorder.write(MARKS[7].encode() * 1000)
    return call


def rows(store: Store) -> str:
    with store._read() as c:
        return repr([c.execute(select(table)).all() for table in metadata.sorted_tables])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def found(store: Store, words: list[str]) -> list[str]:
    """Which of the words are anywhere in the tables, or in any file of SQLite or of the vault, names included."""
    text = rows(store)
    hits = [word for word in words if word in text]
    if store._lite:
        for path in files(Path(store._url.database).parent):
            content = path.read_bytes()
            hits += [f"{word} in {path.name}" for word in words if word.encode() in content or word in str(path)]
    return hits


@pytest.fixture
def filled(store):
    store.destination_add("default", "webhook", "desk", settings={})
    return store


def test_the_marks_are_there_to_be_found(filled):
    """Else the tests below could not fail. The vault shows none of them even before."""
    call = marked(filled)
    hits = found(filled, [*MARKS, call.id])
    assert set(MARKS[:-1]) <= set(hits)
    assert call.id in hits
    if filled._lite:
        assert {hit for hit in hits if hit.endswith("affekt.db-wal")} != set()
    assert [hit for hit in hits if hit.endswith(".afv")] == []


def test_an_erased_call_leaves_nothing_behind(filled):
    call, kept = marked(filled), Call("kept")
    filled.record(whole(kept))
    assert filled.erase_call("default", call.id, "dpo") is True
    assert found(filled, [*MARKS, call.id, call.stream]) == []
    assert files(filled.vault.folder) == []
    assert filled.call("default", call.id) is None
    assert filled.call("default", kept.id) is not None
    line = filled.audits("default")["items"][0]
    assert (line["who"], line["action"], line["what"]) == ("dpo", "call.erase", None)
    assert line["detail"] == {"calls": 1, "points": 7, "turns": 2, "marks": 11, "alerts": 2, "notes": 2}
    assert {(line["action"], line["what"]) for line in filled.audits("default")["items"][1:]} == {
        ("alert.acknowledge", "erased"),
        ("call.note", "erased"),
    }
    assert filled.erase_call("default", call.id, "dpo") is False


def test_a_person_is_erased_from_all_calls(filled):
    calls = [marked(filled, name) for name in ("first", "second")]
    assert filled.erase_subject("default", MARKS[3], "dpo") == 2
    assert found(filled, [*MARKS, *(call.id for call in calls)]) == []
    assert filled.audits("default", action="subject.erase")["items"][0]["detail"]["calls"] == 2
    assert filled.erase_subject("default", MARKS[3], "dpo") == 0


def test_messages_that_come_after_the_erasure_bring_nothing_back(filled):
    call = Call()
    said = whole(call)
    filled.record(said[:10])
    filled.erase_call("default", call.id, "dpo")
    assert filled.record(said) == []
    assert found(filled, [call.id]) == []


def test_calls_are_kept_as_long_as_their_tenant_says_and_no_longer(filled):
    old, new = marked(filled, "old"), Call("new", start=START + 2 * DAY)
    elsewhere = Call("elsewhere", tenant="other")
    live = Call("live")
    filled.record([*whole(new), *whole(elsewhere), live.started()])
    filled.tenant_update("default", retention_days=7)
    filled.retain(START + 7 * DAY)
    assert filled.call("default", old.id) is not None
    gone = filled.retain(START + 8 * DAY)
    assert gone["calls"] == 1
    assert found(filled, [*MARKS, old.id]) == []
    assert files(filled.vault.folder) == []
    kept = [filled.call("default", new.id), filled.call("other", elsewhere.id), filled.call("default", live.id)]
    assert None not in kept
    assert filled.audits("default")["items"][0]["who"] == "retention"


def test_retention_takes_many_calls_in_small_steps(filled):
    said = [Call(f"call {number}") for number in range(120)]
    filled.record([message for call in said for message in (call.started(), call.mood(3.0), call.ended(5.0))])
    assert filled.retain(START + 365 * DAY)["calls"] == 120
    assert filled.calls("default")["items"] == []
    assert len(filled.audits("default")["items"]) == 3


def test_everything_else_has_its_own_end(filled):
    filled.user_add("default", "ann", "hash", "admin")
    filled.session_add("default", "ann", "short", csrf="c", expires=START + 10)
    filled.session_add("default", "ann", "long", csrf="c", expires=START * 2)
    filled.expect("default", "uuid", "CA1", track="a", role="customer", expires=START + 10)
    gone = filled.retain(START + 20)
    assert (gone["sessions"], gone["expected"]) == (1, 1)
    assert filled.session("long") is not None
    filled.audit("default", "ann", "look")
    filled.job_add("default", "predict", "ann")
    gone = filled.retain(START * 2)
    assert (gone["audits"], gone["jobs"]) == (1, 1)
