"""What destinations have still to be told, and who they are.

A delivery is one change of one alert for one destination. It is claimed for a while: who claims it and dies loses it to
the next one, so a destination may hear a change twice, by one id, and never not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, insert, or_, select, update

from affekt.errors import UsageError
from affekt.service.seal import derive, seal, unseal
from affekt.service.store._base import Database, Found, clean, exists, fresh, iso, many, now, one, page
from affekt.service.store.alerts import rows_with, told
from affekt.service.store.schema import alerts, changes, deliveries, destinations

_ERROR = 2000  # characters of an error that are kept


class Outbox(Database):
    """What goes out."""

    def due(self, now: float | None = None) -> int:
        """Count the deliveries of all tenants that should have gone out by now."""
        at = _now() if now is None else now
        wanted = select(func.count()).where(deliveries.c.state == "pending", deliveries.c.due_at <= at)
        with self._read() as c:
            return int(c.execute(wanted).scalar_one())

    def claim(
        self, limit: int, lease_s: float, now: float | None = None, *, without: Collection[str] = ()
    ) -> list[Found]:
        """Take deliveries of all tenants that are due and that nobody else has, those first that are due longest.

        Each has `id`, `tenant`, `tries` (this one included), `created`, `change`, `at`, `by`, the `alert` as it was
        after that change, `later` (the alert's `state` by now and `at`, where it has changed again), and the
        `destination` with its settings and its `secret`. Those of the destinations `without` stay where they are.
        """
        at = _now() if now is None else now
        due = (
            deliveries.c.state == "pending",
            deliveries.c.due_at <= at,
            or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until <= at),
        )
        with self._write() as c:
            chosen = (
                select(deliveries.c.id)
                .where(*due, deliveries.c.destination.not_in(without))
                .order_by(deliveries.c.due_at, deliveries.c.change)
            )
            ids = list(c.execute(chosen.limit(limit)).scalars())
            taken = {"leased_until": at + lease_s, "tries": deliveries.c.tries + 1, "changed_at": at}
            c.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(**taken))
            mine = _claimed().where(deliveries.c.id.in_(ids)).order_by(deliveries.c.due_at, deliveries.c.change)
            rows = many(c, mine)
            known = {found["id"]: found for found in told(c, _of(c, rows))}
            return [self._claimed(row, known[row["alert"]]) for row in rows]

    def release(self, ids: Collection[str]) -> None:
        """Give claimed deliveries back untried: another may take them now, and the try does not count."""
        mine = and_(deliveries.c.id.in_(ids), deliveries.c.state == "pending", deliveries.c.leased_until.is_not(None))
        back = {"leased_until": None, "tries": deliveries.c.tries - 1, "changed_at": now()}
        with self._write() as c:
            c.execute(update(deliveries).where(mine).values(**back))

    def delivered(self, id: str, status: int | None = None) -> None:
        """Say that it has arrived, and with which status."""
        self._done(id, state="delivered", status=status, error=None)

    def retry(self, id: str, at: float, error: str, *, status: int | None = None) -> None:
        """Say that it has not arrived, why, and when (Unix seconds) to try again."""
        self._done(id, state="pending", due_at=float(at), error=clean(error, _ERROR), status=status)

    def gave_up(self, id: str, error: str, *, status: int | None = None) -> None:
        """Say that it will never arrive, and why."""
        self._done(id, state="failed", error=clean(error, _ERROR), status=status)

    def deliveries(
        self,
        tenant: str,
        *,
        alert: str | None = None,
        destination: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Found:
        """Return `{"items", "next"}`: deliveries, the newest first; `state` is pending, delivered or failed."""
        query = _claimed().where(destinations.c.tenant == tenant)
        wanted = {changes.c.alert: alert, destinations.c.id: destination, deliveries.c.state: state}
        for column, value in wanted.items():
            query = query if value is None else query.where(column == value)
        with self._read() as c:
            order = (deliveries.c.created_at, deliveries.c.id)
            rows, following = page(c, query, order, cursor=cursor, limit=limit)
            return {"items": [_delivery(row) for row in rows], "next": following}

    # Destinations

    def destinations(self, tenant: str) -> list[Found]:
        """Return the tenant's destinations, without their secrets."""
        query = select(destinations).where(destinations.c.tenant == tenant).order_by(destinations.c.name)
        with self._read() as c:
            return [_destination(row) for row in many(c, query)]

    def destination(self, tenant: str, id: str) -> Found | None:
        """Return a destination with its `secret`; None where the tenant has none of this id."""
        with self._read() as c:
            row = one(c, select(destinations).where(destinations.c.tenant == tenant, destinations.c.id == id))
        return None if row is None else _destination(row) | {"secret": self._opened(row["id"], row["secret"])}

    def destination_add(
        self, tenant: str, kind: str, name: str, settings: Mapping[str, Any], secret: Any = None
    ) -> Found:
        """Add a destination that is told every change from now on.

        Args:
            tenant: whose.
            kind: how it is told, e.g. webhook.
            name: what people call it, once per tenant.
            settings: what is no secret, as JSON has it.
            secret: what is one, as JSON has it: kept encrypted.

        Raises:
            UsageError: the tenant has one of this name.
        """
        id = fresh()
        sealed = None if secret is None else seal(self._key(), orjson.dumps(secret), to=f"destination/{id}")
        row: Found = {"id": id, "tenant": tenant, "kind": kind, "name": clean(name), "settings": dict(settings)}
        row |= {"disabled": None, "created_at": now()}
        with self._write() as c:
            if exists(c, destinations, tenant=tenant, name=row["name"]):
                raise UsageError(f"a destination is called {name!r} already; give another name, or remove that one")
            c.execute(insert(destinations).values(**row, secret=sealed))
        return _destination(row | {"secret": sealed})

    def destination_remove(self, tenant: str, id: str) -> bool:
        """Remove a destination with all its deliveries; say whether there was one."""
        gone = delete(destinations).where(destinations.c.tenant == tenant, destinations.c.id == id)
        with self._write() as c:
            return c.execute(gone).rowcount > 0

    def destination_disable(self, id: str, why: str) -> None:
        """Tell it nothing more, since it does not want to hear (no tenant: delivery says so). What waits, fails."""
        with self._write() as c:
            c.execute(update(destinations).where(destinations.c.id == id).values(disabled=clean(why, _ERROR)))
            waiting = and_(deliveries.c.destination == id, deliveries.c.state == "pending")
            over = {"state": "failed", "error": clean(f"disabled: {why}", _ERROR), "changed_at": now()}
            c.execute(update(deliveries).where(waiting).values(**over))

    def destination_enable(self, tenant: str, id: str) -> bool:
        """Tell it what changes from now on; say whether there is such a destination."""
        wanted = and_(destinations.c.tenant == tenant, destinations.c.id == id)
        with self._write() as c:
            return c.execute(update(destinations).where(wanted).values(disabled=None)).rowcount > 0

    def _key(self) -> bytes:
        return derive(self._secret, "destinations")

    def _opened(self, id: str, sealed: bytes | None) -> Any:
        return None if sealed is None else orjson.loads(unseal(self._key(), bytes(sealed), to=f"destination/{id}"))

    def _done(self, id: str, **values: Any) -> None:
        values |= {"leased_until": None, "changed_at": now()}
        with self._write() as c:  # what was given up meanwhile, as its destination was disabled, stays so
            wanted = and_(deliveries.c.id == id, deliveries.c.state == "pending")
            c.execute(update(deliveries).where(wanted).values(**values))

    def _claimed(self, row: Mapping[str, Any], alert: Found) -> Found:
        about = {name: row[name] for name in ("id", "tenant", "tries", "change", "by")}
        about |= {"created": iso(row["created_at"]), "at": iso(row["changed"])}
        after = alert | {"state": row["change"], "changed": iso(row["changed"]), "by": row["by"]}
        same = (alert["state"], alert["changed"]) == (row["change"], iso(row["changed"]))
        about |= {"later": None if same else {"state": alert["state"], "at": alert["changed"]}}
        to = {"id": row["destination"], "kind": row["kind"], "name": row["name"], "settings": row["settings"]}
        return about | {
            "alert": after | {"until": iso(row["until_at"])},
            "destination": to | {"secret": self._opened(row["destination"], row["secret"])},
        }


_now = now  # `claim` has an argument of this name


def _claimed() -> Select[Any]:
    """Deliveries with their change and their destination."""
    columns: tuple[ColumnElement[Any], ...] = (
        *(changes.c[name] for name in ("alert", "change", "by", "until_at")),
        changes.c.at.label("changed"),
        *(destinations.c[name] for name in ("tenant", "kind", "name", "settings", "secret")),
    )
    own = [column for column in deliveries.c if column.key != "change"]
    query = select(*own, *columns).join(changes, changes.c.id == deliveries.c.change)
    return query.join(destinations, destinations.c.id == deliveries.c.destination)


def _of(c: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Found]:
    return many(c, rows_with(alerts.c.id.in_({row["alert"] for row in rows})))


def _delivery(row: Mapping[str, Any]) -> Found:
    return {
        **{name: row[name] for name in ("id", "alert", "change", "state", "tries", "status", "error")},
        "destination": {"id": row["destination"], "kind": row["kind"], "name": row["name"]},
        **{name: iso(row[f"{name}_at"]) for name in ("created", "changed", "due")},
    }


def _destination(row: Mapping[str, Any]) -> Found:
    about = {name: row[name] for name in ("id", "tenant", "kind", "name", "settings", "disabled")}
    return about | {"created": iso(row["created_at"]), "has_secret": row["secret"] is not None}
