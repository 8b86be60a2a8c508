"""What was acknowledged is there after any death: `kill -9` at random instants, AFFEKT_CRASHES times (20)."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection

from told import Call

from affekt.service.store import Store

ROUNDS = int(os.environ.get("AFFEKT_CRASHES", "20"))


def write(url: str, said: list[list[dict]], line: Connection) -> None:
    """What the child does: record, and say so, batch by batch."""
    store = Store(url, bytes(32))
    line.send("ready")
    for number, batch in enumerate(said):
        store.record(batch)
        line.send(number)


def batches(call: Call) -> list[list[dict]]:
    """Each batch has moods and an alert that fires or ends, which are told again in the next one."""
    told = [[call.started()]]
    for step in range(1, 150):
        time = 10.0 * step
        state = "firing" if step % 2 else "resolved"
        told.append([call.mood(time), call.mood(time + 1, "neutral"), call.alert(time + 2, state)])
        told[-1] += told[-2][-1:]
    return told


def test_every_acknowledged_alert_survives_a_kill(tmp_path):
    url = f"sqlite:///{tmp_path}/affekt.db"
    store = Store(url, bytes(32))
    store.migrate()
    store.destination_add("default", "webhook", "desk", settings={})
    turn = random.Random(0)
    interrupted = 0
    for round in range(ROUNDS):
        call = Call(f"call {round}")
        said = batches(call)
        acknowledged = killed(url, said, turn.uniform(0.0, 0.3))
        interrupted += acknowledged < len(said)
        check(store, call, [message for batch in said[:acknowledged] for message in batch])
        again = [message for batch in said[: acknowledged + 10] for message in batch]
        store.record(again)  # all that was not acknowledged is told again, and more than that does no harm
        check(store, call, again, whole=True)
        store.erase_call("default", call.id, "test")
        assert sqlite3.connect(tmp_path / "affekt.db").execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store.close()
    assert interrupted > ROUNDS / 2  # else nothing was tried


def killed(url: str, said: list[list[dict]], after: float) -> int:
    """Record in another process, kill it after so many seconds, and return how many batches it has acknowledged."""
    forks = get_context("forkserver")
    forks.set_forkserver_preload(["affekt.service.store"])
    line, its = forks.Pipe(duplex=False)
    child = forks.Process(target=write, args=(url, said, its))
    child.start()
    its.close()
    assert line.recv() == "ready"
    time.sleep(after)
    child.kill()
    acknowledged = 0
    with suppress(EOFError, OSError):  # it may have died while it spoke
        while True:
            acknowledged = line.recv() + 1
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return acknowledged


def check(store: Store, call: Call, said: list[dict], *, whole: bool = False) -> None:
    """All that was said is there, once, and what was in the batch that died is there as a whole or not at all."""
    found = store.call("default", call.id)
    if not said:
        return
    fired = {round(m["time"], 3) for m in said if m["type"] == "alert.firing"}
    times = [alert["time"] for alert in found["alerts"]]
    assert len(set(times)) == len(times)
    assert fired <= set(times)
    assert len(times) <= len(fired) + (not whole)
    moods = {m["n"]: m for m in said if m["type"] == "mood"}
    points = [point["time"] for point in found["points"]]
    assert len(set(points)) == len(points)
    assert {round(m["mood_at"], 3) for m in moods.values()} <= set(points)
    assert len(points) in ({len(moods)} if whole else {len(moods), len(moods) + 2})
    assert sum(alert["state"] == "firing" for alert in found["alerts"]) <= 1
    changes = 2 * len(times) - sum(alert["state"] == "firing" for alert in found["alerts"])
    assert told(store, call) == changes  # each change is in the outbox, once


def told(store: Store, call: Call) -> int:
    ids = {alert["id"] for alert in store.call("default", call.id)["alerts"]}
    with store._read() as c:
        rows = c.exec_driver_sql("SELECT changes.alert FROM deliveries JOIN changes ON changes.id = deliveries.change")
        return sum(alert in ids for alert in rows.scalars())
