"""Jobs: requests that take longer than anybody waits, and how far they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select, update

from affekt.errors import UnknownNameError
from affekt.service.store._base import Database, Found, clean, fresh, iso, now, one, page
from affekt.service.store.schema import jobs

STATES = ("waiting", "running", "done", "failed", "cancelled")
"""What a job may be."""


class Jobs(Database):
    """What is being worked on."""

    def job_add(self, tenant: str, kind: str, by: str, *, request: Any = None) -> Found:
        """Keep that somebody wants something; it waits."""
        row: Found = {"id": fresh(), "tenant": tenant, "kind": clean(kind), "by": clean(by), "state": "waiting"}
        row |= {"progress": 0.0, "request": request, "result": None, "created_at": now(), "changed_at": now()}
        with self._write() as c:
            c.execute(insert(jobs).values(**row))
        return _job(row)

    def job_update(self, id: str, progress: float | None = None, state: str | None = None, result: Any = None) -> bool:
        """Say how far it is (0 to 1), or what became of it (no tenant: the worker says so); False where it is gone.

        Raises:
            UnknownNameError: there is no such state.
        """
        if state is not None and state not in STATES:
            raise UnknownNameError("state of a job", state, STATES)
        given = {"progress": progress, "state": state, "result": result}
        values = {name: value for name, value in given.items() if value is not None}
        with self._write() as c:
            return c.execute(update(jobs).where(jobs.c.id == id).values(**values, changed_at=now())).rowcount > 0

    def job(self, tenant: str, id: str) -> Found | None:
        """Return a job; None where the tenant has none of this id."""
        with self._read() as c:
            row = one(c, select(jobs).where(jobs.c.tenant == tenant, jobs.c.id == id))
        return None if row is None else _job(row)

    def jobs(self, tenant: str, *, state: str | None = None, cursor: str | None = None, limit: int = 50) -> Found:
        """Return `{"items", "next"}`: jobs without their results, the newest first."""
        query = select(jobs).where(jobs.c.tenant == tenant)
        query = query if state is None else query.where(jobs.c.state == state)
        with self._read() as c:
            rows, following = page(c, query, (jobs.c.created_at, jobs.c.id), cursor=cursor, limit=limit)
        items = [{name: value for name, value in _job(row).items() if name != "result"} for row in rows]
        return {"items": items, "next": following}

    def job_remove(self, tenant: str, id: str) -> bool:
        """Remove a job with its result; say whether there was one."""
        with self._write() as c:
            return c.execute(delete(jobs).where(jobs.c.tenant == tenant, jobs.c.id == id)).rowcount > 0

    def jobs_interrupted(self) -> int:
        """Say that whatever was running has failed (no tenant): after a start, nobody works on it any more."""
        lost = {"state": "failed", "result": {"problem": "the service was restarted"}, "changed_at": now()}
        with self._write() as c:
            return c.execute(update(jobs).where(jobs.c.state.in_(("waiting", "running"))).values(**lost)).rowcount


def _job(row: Mapping[str, Any]) -> Found:
    plain = {name: row[name] for name in ("id", "tenant", "kind", "by", "state", "request", "result")}
    progress = round(float(row["progress"]), 4)
    return plain | {"progress": progress, "created": iso(row["created_at"]), "changed": iso(row["changed_at"])}
