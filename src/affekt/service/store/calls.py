"""Calls: found, shown, noted, counted, erased."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, insert, or_, select, update

from affekt.service.store._base import Found, When, clean, date_of, day, groups, iso, like, many, now, one, page, unix
from affekt.service.store.alerts import add_note, note, rows_with, told
from affekt.service.store.record import Recording
from affekt.service.store.schema import (
    OPEN,
    alerts,
    audits,
    calls,
    erased,
    feeds,
    marks,
    notes,
    points,
    streams,
    tallies,
    turns,
)

_log = logging.getLogger(__name__)

_LAST = 180
"""points of a live call that its wall shows"""


class Calls(Recording):
    """What was heard."""

    def calls(
        self,
        tenant: str,
        *,
        q: str | None = None,
        since: When | None = None,
        until: When | None = None,
        live: bool | None = None,
        emotion: str | None = None,
        rule: str | None = None,
        agent: str | None = None,
        queue: str | None = None,
        subject: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Found:
        """Return `{"items", "next"}`: calls in short, the newest first.

        Args:
            tenant: whose.
            q: words that occur in the platform's id, the agent, the queue or a note, in upper or lower case.
            since, until: when the call began; until is excluded.
            live: whether it still goes on.
            emotion: the one that most of its certain moods have.
            rule: one that has raised an alert in it.
            agent, queue, subject: exactly this one.
            cursor: `next` of the page before.
            limit: at most 200.
        """
        wanted = [
            None if q is None else _matches(q),
            None if since is None else calls.c.started_at >= unix(since),
            None if until is None else calls.c.started_at < unix(until),
            None if live is None else calls.c.ended_at.is_(None) == live,
            None if emotion is None else _commonest() == emotion,
            None if rule is None else exists().where(alerts.c.call == calls.c.id, alerts.c.rule == rule),
            *(calls.c[name] == value for name, value in _given(agent=agent, queue=queue, subject=subject)),
        ]
        query = select(calls).where(calls.c.tenant == tenant, *(one for one in wanted if one is not None))
        with self._read() as c:
            rows, following = page(c, query, (calls.c.started_at, calls.c.id), cursor=cursor, limit=limit)
            return {"items": _in_short(c, rows), "next": following}

    def call(self, tenant: str, id: str) -> Found | None:
        """Return all of a call: turns, points, alerts, notes, gaps, talk, streams. None where the tenant has none such.

        Places are seconds of the call. A level that is not named was below 0.005.
        """
        with self._read() as c:
            row = one(c, select(calls).where(calls.c.tenant == tenant, calls.c.id == id))
            return None if row is None else _in_full(c, row)

    def live_calls(self) -> list[Found]:
        """Return the calls of all tenants that still go on, oldest first, with their last points and open alerts."""
        with self._read() as c:
            rows = many(c, select(calls).where(calls.c.ended_at.is_(None)).order_by(calls.c.started_at, calls.c.id))
            found = [_in_full(c, row, last=_LAST) for row in rows]
        return [call | {"alerts": [one for one in call["alerts"] if one["state"] in OPEN]} for call in found]

    def note(self, tenant: str, call: str, text: str, by: str, alert: str | None = None) -> Found | None:
        """Keep what somebody says of a call, or of an alert of it; None where there is none such."""
        with self._write() as c:
            wanted = select(calls.c.id).where(calls.c.tenant == tenant, calls.c.id == call)
            if alert is not None:
                wanted = wanted.join(alerts, alerts.c.call == calls.c.id).where(alerts.c.id == alert)
            return None if one(c, wanted) is None else add_note(c, call, text, by=by, alert=alert)

    def trends(self, tenant: str, since: When, until: When) -> list[Found]:
        """Return one row per day (UTC) on which calls began, from the day of `since` up to that of `until`.

        Emotions are shares of the moods that are certain, and affect is their mean: what is uncertain has no say.
        """
        first, last = day(unix(since)), day(unix(until))
        days = (calls.c.tenant == tenant, calls.c.day >= first, calls.c.day <= last)
        with self._read() as c:
            length = func.coalesce(calls.c.ended_at, calls.c.heard_at) - calls.c.started_at
            query = select(calls.c.day, func.count().label("calls"), func.sum(length).label("seconds"))
            rows = many(c, query.where(*days).group_by(calls.c.day).order_by(calls.c.day))
            sums = [func.sum(tallies.c[name]).label(name) for name in _SUMS]
            moods = select(calls.c.day, tallies.c.emotion, *sums).join(tallies, tallies.c.call == calls.c.id)
            by_day = groups(c, moods.where(*days).group_by(calls.c.day, tallies.c.emotion), "day")
            fired = select(calls.c.day, alerts.c.rule, func.count().label("alerts")).join(
                alerts, alerts.c.call == calls.c.id
            )
            rules = groups(c, fired.where(*days).group_by(calls.c.day, alerts.c.rule).order_by(alerts.c.rule), "day")
        return [_trend(row, by_day.get(row["day"], []), rules.get(row["day"], [])) for row in rows]

    # Erasure

    def erase_call(self, tenant: str, id: str, by: str) -> bool:
        """Erase a call with all that was ever kept of it, the recording too; say whether there was one.

        What is left says that an erasure happened, when, by whom, and how many rows it took, and nothing of what
        they were. Messages of the call that still come are left out.
        """
        return self._erase(tenant, calls.c.id == id, by, "call.erase") > 0

    def erase_subject(self, tenant: str, subject: str, by: str) -> int:
        """Erase all calls of a person, by the keyed hash of the number; return how many there were."""
        return self._erase(tenant, calls.c.subject == subject, by, "subject.erase")

    def _erase(self, tenant: str, which: ColumnElement[bool], by: str, action: str) -> int:
        with self._write() as c:
            ids = list(c.execute(select(calls.c.id).where(calls.c.tenant == tenant, which)).scalars())
            if ids:
                self._forget(c, tenant, ids, by=by, action=action)
        if ids:
            self._scrub()
        return len(ids)

    def _forget(self, c: Connection, tenant: str, ids: Sequence[str], *, by: str, action: str) -> None:
        """Delete calls and all that names them. Recordings go first: what fails then leaves the rows, to try again."""
        for id in ids:
            if self.vault is not None:
                self.vault.erase(tenant, id)
        counts = _counts(c, ids)
        raised = list(c.execute(select(alerts.c.id).where(alerts.c.call.in_(ids))).scalars())
        named = and_(audits.c.tenant == tenant, audits.c.what.in_([*ids, *raised]))
        c.execute(update(audits).where(named).values(what="erased", detail=None))
        c.execute(delete(calls).where(calls.c.id.in_(ids)))
        at = now()
        self._upsert(c, erased, [{"hash": self._tomb(id), "at": at} for id in ids])
        c.execute(insert(audits).values(tenant=tenant, at=at, who=clean(by), action=action, detail=counts))

    def _scrub(self) -> None:
        """Empty SQLite's log of writes, which still has what was erased; the pages themselves were zeroed."""
        if self._lite:
            with self._writing, self._engine.connect() as c:
                raw: Any = c.connection.dbapi_connection
                busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if busy:
                _log.warning("what was erased is still in the log of writes, as somebody reads; retention tries again")


_SUMS = ("moods", "rated", "valence", "arousal", "dominance")


def _given(**wanted: str | None) -> list[tuple[str, str]]:
    return [(name, value) for name, value in wanted.items() if value is not None]


def _matches(words: str) -> ColumnElement[bool]:
    """Whether a call, or a note of it, has these words."""
    noted = exists().where(notes.c.call == calls.c.id, notes.c.folded.like(like(words), escape="\\"))
    return or_(calls.c.folded.like(like(words), escape="\\"), noted)


def _commonest() -> Any:
    """The emotion that most certain moods of a call have; of two, the first by name."""
    query = select(tallies.c.emotion).where(tallies.c.call == calls.c.id)
    return query.order_by(tallies.c.moods.desc(), tallies.c.emotion).limit(1).scalar_subquery()


def _counts(c: Connection, ids: Sequence[str]) -> dict[str, int]:
    """How many rows these calls have."""
    of = select(feeds.c.id).join(streams, streams.c.id == feeds.c.stream).where(streams.c.call.in_(ids))
    found = {"calls": len(ids)}
    for table in (points, turns, marks):
        found[str(table.name)] = c.execute(select(func.count()).where(table.c.feed.in_(of))).scalar() or 0
    for table in (alerts, notes):
        found[str(table.name)] = c.execute(select(func.count()).where(table.c.call.in_(ids))).scalar() or 0
    return found


# Rows -> JSON -----------------------------------------------------------------------------------------------------


def _in_short(c: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Found]:
    ids = [row["id"] for row in rows]
    sums = groups(c, select(tallies).where(tallies.c.call.in_(ids)), "call")
    fired = groups(c, select(alerts.c.call, alerts.c.state).where(alerts.c.call.in_(ids)), "call")
    noted = Counter(c.execute(select(notes.c.call).where(notes.c.call.in_(ids))).scalars())
    return [
        _short(row, sums.get(row["id"], []))
        | {
            "alerts": len(fired.get(row["id"], [])),
            "alerts_open": sum(alert["state"] in OPEN for alert in fired.get(row["id"], [])),
            "notes": noted[row["id"]],
        }
        for row in rows
    ]


def _short(row: Mapping[str, Any], sums: Sequence[Mapping[str, Any]]) -> Found:
    plain = ("id", "tenant", "external", "protocol", "subject", "agent", "queue", "direction", "model", "notice")
    emotions = _shares(sums)
    return {
        **{name: row[name] for name in plain},
        "consent": row["consent"],
        "started": iso(row["started_at"]),
        "ended": iso(row["ended_at"]),
        "live": row["ended_at"] is None,
        "reason": row["reason"],
        "seconds": round((row["ended_at"] or row["heard_at"]) - row["started_at"], 3),
        "emotion": next(iter(emotions), None),
        "emotions": emotions,
        **_means(sums),
    }


def _shares(sums: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Emotion -> share of the certain moods, the largest first."""
    total = sum(row["moods"] for row in sums)
    ranked = sorted(sums, key=lambda row: (-row["moods"], row["emotion"]))
    return {row["emotion"]: round(float(row["moods"] / total), 4) for row in ranked}


def _means(sums: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    rated = sum(row["rated"] for row in sums)
    names = ("valence", "arousal", "dominance")
    return {name: round(float(sum(row[name] for row in sums) / rated), 4) if rated else None for name in names}


def _trend(row: Mapping[str, Any], moods: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, Any]]) -> Found:
    return {
        "day": date_of(row["day"]),
        "calls": row["calls"],
        "minutes": round(row["seconds"] / 60, 2),
        "emotions": _shares(moods),
        **_means(moods),
        "alerts": {rule["rule"]: rule["alerts"] for rule in rules},
    }


def _in_full(c: Connection, row: Mapping[str, Any], *, last: int | None = None) -> Found:
    call = row["id"]
    heard = many(c, select(streams).where(streams.c.call == call).order_by(streams.c.started_at))
    offsets = {stream["id"]: stream["started_at"] - row["started_at"] for stream in heard}
    feed = {each["id"]: each for each in many(c, select(feeds).where(feeds.c.stream.in_(offsets)))}
    offset = {id: offsets[each["stream"]] for id, each in feed.items()}
    moods = _rows(c, points, "time", offset, last=last)
    spoken = _rows(c, turns, "start", offset)
    said = _rows(c, marks, "time", offset)
    sums = many(c, select(tallies).where(tallies.c.call == call))
    fired = many(c, rows_with(alerts.c.call == call))
    noted = many(c, select(notes).where(notes.c.call == call).order_by(notes.c.at, notes.c.id))
    found = [_point(each) for each in moods]
    return _short(row, sums) | {
        "tracks": {track: role for stream in heard for track, role in (stream["tracks"] or {}).items()},
        "streams": [_stream(stream, offsets[stream["id"]]) for stream in heard],
        "turns": [_turn(each, found) for each in spoken],
        "points": found,
        "alerts": told(c, fired),
        "notes": [note(each) for each in noted],
        "gaps": [_mark(each) for each in said if each["type"] == "gap"],
        "marks": [_mark(each) for each in said if each["type"] in ("paused", "resumed", "overlap", "consent")],
        "skipped": sum(each["facts"]["count"] for each in said if each["type"] == "windows.skipped"),
        "talk": _talk(feed.values()),
    }


def _rows(
    c: Connection, table: Table, place: str, offset: Mapping[int, float], *, last: int | None = None
) -> list[Found]:
    """Rows of the call's feeds in the order of the call, each with the place of its stream in it, in seconds."""
    query = select(table).where(table.c.feed.in_(offset))
    if last is not None:
        query = query.order_by(table.c[place].desc()).limit(last)
    rows = [row | {"offset": offset[row["feed"]]} for row in many(c, query)]
    return sorted(rows, key=lambda row: ((row[place] or 0.0) + row["offset"], row["feed"], row["n"]))


def _at(row: Mapping[str, Any], name: str) -> float:
    return round(float(row[name] + row["offset"]), 3)


def _point(row: Mapping[str, Any]) -> Found:
    same = ("speaker", "emotion", "uncertain", "snr", "levels")
    rounded = {name: _rounded(row[name]) for name in ("level", "valence", "arousal", "dominance")}
    return {"time": _at(row, "time"), **{name: row[name] for name in same}, **rounded}


def _rounded(value: float | None) -> float | None:
    """Four digits: a column of 4 bytes has no more to tell."""
    return None if value is None else round(float(value), 4)


def _turn(row: Mapping[str, Any], moods: Sequence[Found]) -> Found:
    """A turn, with the emotion of most of its speaker's certain moods in it; an agent has none."""
    start, end = _at(row, "start"), _at(row, "end")
    own = Counter(
        mood["emotion"]
        for mood in moods
        if mood["speaker"] == row["speaker"] and start < mood["time"] <= end and not mood["uncertain"]
    )
    emotion = min(own, key=lambda name: (-own[name], name), default=None)
    confidence = _rounded(row["speaker_confidence"])
    who = {"speaker": row["speaker"], "role": row["role"], "speaker_confidence": confidence}
    return {"start": start, "end": end, **who, "emotion": emotion}


def _mark(row: Mapping[str, Any]) -> Found:
    facts = dict(row["facts"] or {})
    for name in ("start", "end"):
        if name in facts:
            facts[name] = round(facts[name] + row["offset"], 3)
    time = None if row["time"] is None else _at(row, "time")
    return {"type": row["type"], "time": time, **facts}


def _stream(row: Mapping[str, Any], offset: float) -> Found:
    plain = {name: row[name] for name in ("id", "protocol", "tracks", "rate", "reason")}
    return {**plain, "offset": round(offset, 3), "started": iso(row["started_at"]), "ended": iso(row["ended_at"])}


def _talk(heard: Any) -> dict[str, float]:
    """Speaker -> seconds: an engine that was restarted counts anew, so what each has counted is added."""
    sums: Counter[str] = Counter()
    for feed in heard:
        sums.update(feed["talk"] or {})
    return {who: round(seconds, 3) for who, seconds in sorted(sums.items())}
