"""Messages of gateway and engine -> rows, each once.

A message is known by its stream, its sender and its number there, and all that it changes hangs on a row of that key
being new; so whoever is not sure that a message has arrived may send it again, in any order, at any time. A batch is
one transaction: when `record` returns, all of it is on the disk. A message that cannot be read is left out and told in
the log, since one that failed the batch would come again for ever.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, func, or_, select, update

from affekt.service.seal import derive
from affekt.service.store._base import Found, When, day, folded, many, now, one, unix
from affekt.service.store._said import KEPT, Said, read
from affekt.service.store.alerts import Alerts, with_change
from affekt.service.store.schema import (
    OPEN,
    alerts,
    calls,
    erased,
    feeds,
    marks,
    points,
    streams,
    tallies,
    tenants,
    turns,
)

_log = logging.getLogger(__name__)

_TABLES = {"points": points, "turns": turns, "marks": marks}


class Recording(Alerts):
    """What comes in."""

    def record(self, messages: Iterable[Mapping[str, Any]]) -> list[Found]:
        """Keep a batch and return what changed of alerts: alerts, each with `change`, in the order of the messages.

        Each change is in the outbox of every enabled destination, by the same transaction. A message of an unknown
        tenant, or of a call that was erased, is left out.

        Raises:
            DataError: the database cannot be reached, or refuses. Nothing of the batch is kept: tell it again.
        """
        said = [kept for message in messages if (kept := self._understood(message)) is not None]
        if not said:
            return []
        with self._write() as c:
            return self._record(c, self._welcome(c, said))

    def end_stale(self, older_than: When) -> Found:
        """End the streams of which nothing was heard since a time, and what alerts their calls have left open.

        Returns `{"calls": [id, ...], "alerts": [alert with change, ...]}`: what has ended by this.
        """
        before = unix(older_than)
        with self._write() as c:
            silent = (streams.c.ended_at.is_(None), streams.c.heard_at < before)
            ended = update(streams).where(*silent).values(ended_at=streams.c.heard_at, reason="timeout")
            over = self._settle(c, set(c.execute(ended.returning(streams.c.call)).scalars()))
            return {"calls": sorted(over), "alerts": self._expire(c, before)}

    def _understood(self, message: Mapping[str, Any]) -> Said | None:
        try:
            return read(message)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            kind = message.get("type") if isinstance(message, Mapping) else type(message).__name__
            _log.warning("a message cannot be read and is left out: %s (%s: %s)", kind, type(error).__name__, error)
            return None

    def _welcome(self, c: Connection, said: list[Said]) -> list[Said]:
        """Leave out what is of nobody we know, or of a call that was erased and must not come back."""
        tombs = {call: self._tomb(call) for call in {each.call for each in said}}
        dead = set(c.execute(select(erased.c.hash).where(erased.c.hash.in_(tombs.values()))).scalars())
        known = set(c.execute(select(tenants.c.id)).scalars())
        kept = [each for each in said if each.tenant in known and tombs[each.call] not in dead]
        for tenant in {each.tenant for each in said} - known:
            _log.warning("messages of the tenant %r are left out: there is no such tenant", tenant)
        return kept

    def _tomb(self, call: str) -> str:
        """Say what is left of an erased call: a hash that nobody can read anything from."""
        return hmac.new(derive(self._secret, "erased"), call.encode(), hashlib.sha256).hexdigest()

    def _record(self, c: Connection, said: list[Said]) -> list[Found]:
        ids = self._touch(c, said)
        first: dict[tuple[int, int], Said] = {}
        for each in said:
            feed = ids.get((each.tenant, each.call, each.stream, each.sender))
            if feed is not None and each.type in KEPT:
                first.setdefault((feed, each.n), each)
        news = self._kept(c, first)
        new = [each for key, each in first.items() if key in news]
        self._count(c, [each for each in new if each.type == "mood" and not each.row["uncertain"]])
        for each in new:
            if each.type == "call.started":
                self._started(c, each)
            if each.type in ("call.started", "consent"):
                self._consented(c, each)
            if each.type == "call.ended":
                self._ended(c, each)
        self._settle(c, {each.call for each in new if each.type in ("call.started", "call.ended")})
        found = [self._tell(c, each.call, each.stream, each.row) for each in new if each.type.startswith("alert.")]
        return [alert for alert in found if alert is not None]

    def _kept(self, c: Connection, first: Mapping[tuple[int, int], Said]) -> set[tuple[int, int]]:
        """Insert the rows and return the keys of those that were not there."""
        rows: dict[str, list[Found]] = {name: [] for name in _TABLES}
        for (feed, n), each in first.items():
            rows[KEPT[each.type]].append({"feed": feed, "n": n, **_columns(each)})
        return {(row.feed, row.n) for name, table in _TABLES.items() for row in self._upsert(c, table, rows[name])}

    # Calls, streams and feeds: there from the first message of them, whichever comes first

    def _touch(self, c: Connection, said: list[Said]) -> dict[tuple[str, str, str, str], int]:
        """Return the feeds, by tenant, call, stream and sender; what claims another's call or stream has none."""
        about = {each.call: each.tenant for each in reversed(said)}
        of = {each.stream: each.call for each in reversed(said) if about[each.call] == each.tenant}
        times = _times(said)
        rows = [{"id": call, "tenant": tenant, **times[call]} for call, tenant in about.items()]
        rows = [row | {"day": day(row["started_at"])} for row in rows]
        mine = {row.id for row in self._heard(c, calls, rows, calls.c.tenant)}
        rows = [{"id": stream, "call": call, **times[stream]} for stream, call in of.items() if call in mine]
        streaming = {row.id for row in self._heard(c, streams, rows, streams.c.call)}
        talk = _talk([each for each in said if each.stream in streaming and of.get(each.stream) == each.call])
        found = self._upsert(
            c,
            feeds,
            talk,
            on=("stream", "sender"),
            change=_newer,
            returning=(feeds.c.id, feeds.c.stream, feeds.c.sender),
        )
        return {(about[of[row.stream]], of[row.stream], row.stream, row.sender): row.id for row in found}

    def _heard(self, c: Connection, table: Table, rows: list[Found], owner: ColumnElement[Any]) -> Sequence[Any]:
        def later(new: Any) -> Found:
            heard = table.c.heard_at
            return {"heard_at": case((new.heard_at > heard, new.heard_at), else_=heard)}

        same = owner == self._excluded(table)[owner.key]
        return self._upsert(c, table, rows, change=later, where=same)

    def _started(self, c: Connection, said: Said) -> None:
        """Write down what a call is. What a second stream does not know, such as the agent, the first one's stays."""
        own = {name: said.row[name] for name in ("protocol", "tracks", "rate")}
        c.execute(update(streams).where(streams.c.id == said.stream).values(started_at=said.at, **own))
        before = one(c, select(calls).where(calls.c.id == said.call)) or {}
        told = ("external", "protocol", "subject", "agent", "queue", "direction", "model", "notice")
        after = {name: before[name] if said.row[name] is None else said.row[name] for name in told}
        after["folded"] = folded(after["external"], after["agent"], after["queue"])
        c.execute(update(calls).where(calls.c.id == said.call).values(**after))

    def _consented(self, c: Connection, said: Said) -> None:
        """The last word counts; not to know is no word."""
        state = said.row["consent"]
        if state != "unknown":
            unsaid = or_(calls.c.consent_at.is_(None), calls.c.consent_at <= said.at)
            word = {"consent": state, "consent_at": said.at}
            c.execute(update(calls).where(calls.c.id == said.call, unsaid).values(**word))

    def _ended(self, c: Connection, said: Said) -> None:
        over = {"ended_at": said.at, "reason": said.row["reason"]}
        c.execute(update(streams).where(streams.c.id == said.stream).values(**over))

    def _settle(self, c: Connection, touched: set[str]) -> set[str]:
        """Say of calls what follows from their streams, and return which are over: those of which no stream lives."""
        query = select(streams).where(streams.c.call.in_(touched)).order_by(streams.c.ended_at)
        of: dict[str, list[Found]] = {}
        for row in many(c, query) if touched else ():
            of.setdefault(row["call"], []).append(row)
        over = {call for call, rows in of.items() if all(row["ended_at"] is not None for row in rows)}
        for call, rows in sorted(of.items()):
            began = min(row["started_at"] for row in rows)
            end = {"ended_at": rows[-1]["ended_at"], "reason": rows[-1]["reason"]}
            end = end if call in over else dict.fromkeys(end)
            c.execute(update(calls).where(calls.c.id == call).values(started_at=began, day=day(began), **end))
        return over

    def _count(self, c: Connection, moods: list[Said]) -> None:
        """Add certain moods to their calls' tallies, so that a trend over a year reads no points."""
        sums: dict[tuple[str, str], Found] = {}
        for each in moods:
            key = each.call, each.row["emotion"]
            sums[key] = _added(sums.get(key) or {"call": key[0], "emotion": key[1]}, each.row)
        columns = ("moods", "rated", "valence", "arousal", "dominance")
        self._upsert(
            c,
            tallies,
            [sums[key] for key in sorted(sums)],
            change=lambda new: {name: tallies.c[name] + new[name] for name in columns},
        )

    def _expire(self, c: Connection, before: float) -> list[Found]:
        """End the alerts of calls that are over and of which the engine says nothing any more: it was lost."""
        gone = (
            select(alerts.c.id)
            .join(calls, calls.c.id == alerts.c.call)
            .where(alerts.c.state.in_(OPEN), calls.c.ended_at.is_not(None), calls.c.heard_at < before)
        )
        ids = list(c.execute(gone.order_by(alerts.c.fired_at, alerts.c.id)).scalars())
        for id in ids:
            self._change(c, id, "expired", at=now())
        return [with_change(c, id, "expired") for id in ids]


def _columns(said: Said) -> Found:
    """What of a message goes into its row: the rest of a mark is in other tables."""
    if KEPT[said.type] != "marks":
        return said.row
    facts = said.row.get("facts")
    return {"type": said.type, "time": said.row.get("time"), "facts": facts}


def _times(said: list[Said]) -> dict[str, Found]:
    """When each call and stream began and was last heard, as far as these messages say."""
    times: dict[str, Found] = {}
    for each in said:
        for id in (each.call, each.stream):
            seen = times.setdefault(id, {"started_at": each.began, "heard_at": each.at})
            seen["started_at"] = min(seen["started_at"], each.began)
            seen["heard_at"] = max(seen["heard_at"], each.at)
    return times


def _talk(said: list[Said]) -> list[Found]:
    """One row per feed, with the newest that it says of talk time."""
    rows: dict[tuple[str, str], Found] = {}
    for each in said:
        key = each.stream, each.sender
        row = rows.setdefault(key, {"stream": key[0], "sender": key[1], "talk": None, "talk_n": None})
        if each.type == "talk" and (row["talk_n"] is None or each.n > row["talk_n"]):
            row |= {"talk": each.row["talk"], "talk_n": each.n}
    return list(rows.values())


def _newer(new: Any) -> Found:
    later = new.talk_n > func.coalesce(feeds.c.talk_n, -1)
    return {name: case((later, new[name]), else_=feeds.c[name]) for name in ("talk_n", "talk")}


def _added(sums: Found, mood: Found) -> Found:
    rated = mood["valence"] is not None
    affect = {name: sums.get(name, 0.0) + (mood[name] or 0.0) for name in ("valence", "arousal", "dominance")}
    return sums | affect | {"moods": sums.get("moods", 0) + 1, "rated": sums.get("rated", 0) + rated}
