"""Alerts and what became of them. A change is appended and never taken back; each goes to every destination.

An alert is a rule's finding on one speaker of one call. While it is firing or acknowledged it is THE alert of these
three: an engine that was restarted and finds it again adds nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, insert, select, update

from affekt.service.store._base import (
    Database,
    Found,
    When,
    clean,
    folded,
    fresh,
    groups,
    iso,
    many,
    now,
    one,
    page,
    unix,
)
from affekt.service.store.schema import OPEN, alerts, calls, changes, deliveries, destinations, notes, streams

_NEXT = {
    "acknowledged": ("firing",),
    "snoozed": OPEN,
    "resolved": OPEN,
    "expired": OPEN,
}
"""Which states a change may come from: those of `affekt.live.alerts.TABLE`."""


class Alerts(Database):
    """What a supervisor is told, sees and says."""

    def alerts(
        self,
        tenant: str,
        state: str | None = None,
        rule: str | None = None,
        *,
        call: str | None = None,
        since: When | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Found:
        """Return `{"items", "next"}`: alerts, the newest first. The state `open` means firing or acknowledged."""
        query = _alerts().where(alerts.c.tenant == tenant)
        if state is not None:
            query = query.where(alerts.c.state.in_(OPEN if state == "open" else (state,)))
        if rule is not None:
            query = query.where(alerts.c.rule == rule)
        if call is not None:
            query = query.where(alerts.c.call == call)
        if since is not None:
            query = query.where(alerts.c.fired_at >= unix(since))
        with self._read() as c:
            rows, following = page(c, query, (alerts.c.fired_at, alerts.c.id), cursor=cursor, limit=limit)
            return {"items": told(c, rows), "next": following}

    def alert(self, tenant: str, id: str) -> Found | None:
        """Return an alert with its `changes` and `notes`; None where the tenant has none of this id."""
        with self._read() as c:
            return _alert(c, tenant, id)

    def acknowledge(self, tenant: str, id: str, by: str, note: str | None = None) -> Found | None:
        """Say that somebody has seen it, and perhaps why it fired; only a note is kept where it is not firing.

        What comes back has `change`, None where nothing has changed.
        """
        with self._write() as c:
            found = self._changed(c, tenant, id, "acknowledged", by=by)
            if found is not None and note:
                add_note(c, found["call"], note, by=by, alert=id)
                found |= {"notes": _notes(c, id)}
            return found

    def snooze(self, tenant: str, id: str, by: str, seconds: float) -> Found | None:
        """End the alert, since nobody wants to hear of this rule for so long; as `acknowledge` otherwise."""
        with self._write() as c:
            return self._changed(c, tenant, id, "snoozed", by=by, until=now() + max(0.0, float(seconds)))

    def _changed(
        self, c: Connection, tenant: str, id: str, change: str, *, by: str, until: float | None = None
    ) -> Found | None:
        state = c.execute(select(alerts.c.state).where(alerts.c.tenant == tenant, alerts.c.id == id)).scalar()
        if state is None:
            return None
        allowed = state in _NEXT[change]
        if allowed:
            self._change(c, id, change, at=now(), by=clean(by), until_at=until)
        found = _alert(c, tenant, id)
        return None if found is None else found | {"change": change if allowed else None}

    def _tell(self, c: Connection, call: str, stream: str, message: Mapping[str, Any]) -> Found | None:
        """Take what the engine says of an alert, which it has not said before; give the alert where it changed."""
        rule, speaker = message["rule"], message["speaker"] or ""
        same = (alerts.c.call == call, alerts.c.rule == rule, alerts.c.speaker == speaker, alerts.c.state.in_(OPEN))
        found = one(c, select(alerts.c.id, alerts.c.state).where(*same))
        change = message["state"]
        if change == "firing":
            id = None if found else self._fire(c, call, stream, message)
        else:
            id = found["id"] if found and found["state"] in _NEXT[change] else None
        if id is None:
            return None
        self._change(c, id, change, at=message["at"], end=message["end"])
        return with_change(c, id, change)

    def _fire(self, c: Connection, call: str, stream: str, message: Mapping[str, Any]) -> str | None:
        """Return the id of a new alert; None where it is one that is over."""
        id = identity(call, message["rule"], message["speaker"], stream=stream, time=message["time"])
        tenant = c.execute(select(calls.c.tenant).where(calls.c.id == call)).scalar()
        row = {name: message[name] for name in ("rule", "time", "start", "reason", "snr", "evidence")}
        row |= {"id": id, "tenant": tenant, "call": call, "stream": stream, "speaker": message["speaker"] or ""}
        return id if self._upsert(c, alerts, [row | {"state": "firing", "fired_at": message["at"]}]) else None

    def _change(self, c: Connection, id: str, change: str, *, at: float, **more: Any) -> None:
        """Append a change, and put it into the outbox for every destination that is not disabled."""
        c.execute(update(alerts).where(alerts.c.id == id).values(state=change))
        key = c.execute(insert(changes).values(alert=id, change=change, at=at, **more).returning(changes.c.id)).scalar()
        enabled = (
            select(destinations.c.id)
            .join(alerts, alerts.c.tenant == destinations.c.tenant)
            .where(alerts.c.id == id, destinations.c.disabled.is_(None))
        )
        rows = [_delivery(key, destination) for destination in c.execute(enabled.order_by("id")).scalars()]
        if rows:
            c.execute(insert(deliveries), rows)


def _delivery(change: int | None, destination: str) -> Found:
    at = now()
    about = {"id": fresh(), "change": change, "destination": destination, "state": "pending", "tries": 0}
    return about | {"due_at": at, "created_at": at, "changed_at": at}


def identity(call: str, rule: str, speaker: str | None, *, stream: str, time: float) -> str:
    """Return the id of an alert that fires: the same finding has the same, whoever tells it and how often.

    >>> identity("c", "sustained", None, stream="s", time=1.5)
    'e8ecd028-f958-5316-8edc-e9c6b71ee55c'
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"affekt:{call}/{rule}/{speaker}/{stream}/{time:.3f}"))


def add_note(c: Connection, call: str, text: str, *, by: str, alert: str | None = None) -> Found:
    """Keep what somebody says of a call, or of an alert of it."""
    kept = clean(text, _NOTE) or ""
    row = {"id": fresh(), "call": call, "alert": alert, "at": now(), "by": clean(by), "text": kept}
    c.execute(insert(notes).values(**row, folded=folded(kept)))
    return note(row)


_NOTE = 10_000  # characters of a note


def note(row: Mapping[str, Any]) -> Found:
    """Row -> note."""
    return {"id": row["id"], "alert": row["alert"], "at": iso(row["at"]), "by": row["by"], "text": row["text"]}


def _alerts() -> Select[Any]:
    where = (streams.c.started_at - calls.c.started_at).label("offset")
    about = (calls.c.external, calls.c.agent, calls.c.queue, calls.c.model, where)
    return (
        select(alerts, *about).join(calls, calls.c.id == alerts.c.call).join(streams, streams.c.id == alerts.c.stream)
    )


def rows_with(wanted: ColumnElement[bool]) -> Select[Any]:
    """Return the query of some alerts, in the order in which they fired; `told` reads what it finds."""
    return _alerts().where(wanted).order_by(alerts.c.fired_at, alerts.c.id)


def told(c: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Found]:
    """Rows of `_alerts` -> alerts, each with the last of its changes."""
    ids = [row["id"] for row in rows]
    past = groups(c, select(changes).where(changes.c.alert.in_(ids)).order_by(changes.c.id), "alert")
    return [_told(row, past.get(row["id"], [])) for row in rows]


def with_change(c: Connection, id: str, change: str) -> Found:
    """Return an alert with what has just become of it."""
    return told(c, many(c, rows_with(alerts.c.id == id)))[0] | {"change": change}


def _told(row: Mapping[str, Any], past: Sequence[Mapping[str, Any]]) -> Found:
    """`time`, `start` and `end` are seconds of the call."""
    offset = row["offset"]
    ends = [change["end"] for change in past if change["end"] is not None]
    last = past[-1] if past else {"at": row["fired_at"], "by": None, "until_at": None}
    return {
        **{name: row[name] for name in ("id", "tenant", "call", "rule")},
        "speaker": row["speaker"] or None,
        "state": row["state"],
        "reason": row["reason"],
        "time": round(row["time"] + offset, 3),
        "start": round(row["start"] + offset, 3),
        "end": round(max(ends, default=row["time"]) + offset, 3),
        "fired": iso(row["fired_at"]),
        "changed": iso(last["at"]),
        "by": last["by"],
        "until": iso(last["until_at"]),
        **{name: row[name] for name in ("snr", "evidence", "external", "agent", "queue", "model")},
    }


def _alert(c: Connection, tenant: str, id: str) -> Found | None:
    row = one(c, _alerts().where(alerts.c.tenant == tenant, alerts.c.id == id))
    if row is None:
        return None
    past = many(c, select(changes).where(changes.c.alert == id).order_by(changes.c.id))
    said = [
        {"change": change["change"], "at": iso(change["at"]), "by": change["by"], "until": iso(change["until_at"])}
        for change in past
    ]
    return told(c, [row])[0] | {"changes": said, "notes": _notes(c, id)}


def _notes(c: Connection, alert: str) -> list[Found]:
    query = select(notes).where(notes.c.alert == alert).order_by(notes.c.at, notes.c.id)
    return [note(row) for row in many(c, query)]
