"""What is too old, goes: calls by their tenant's days, everything else by its own end."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import delete, select

from affekt.service.store._base import Found, When, many, unix
from affekt.service.store.calls import Calls
from affekt.service.store.schema import audits, calls, erased, expected, jobs, sessions, tenants

AUDIT_DAYS = 365
"""that a line of the audit log is kept"""
ERASED_DAYS = 7
"""that a hash of an erased call is kept: longer than any call, and than any message waits to be sent again"""

_DAY = 86400.0
_BATCH = 50  # calls that one transaction deletes, so that what is recorded meanwhile does not wait for long


class Retention(Calls):
    """What is forgotten."""

    def retain(self, now: When) -> dict[str, int]:
        """Delete what is beyond its time and return how many rows of what: all tenants, calls with all that they have.

        A call's time begins when it ends; one that still goes on is left. Each tenant's audit log says what went.
        """
        at = unix(now)
        gone = {"calls": sum(self._retain_calls(row["id"], at - _DAY * row["retention_days"]) for row in self._days())}
        with self._write() as c:
            for table, over in (
                (sessions, sessions.c.expires_at <= at),
                (expected, expected.c.expires_at <= at),
                (audits, audits.c.at < at - _DAY * AUDIT_DAYS),
                (erased, erased.c.at < at - _DAY * ERASED_DAYS),
            ):
                gone[str(table.name)] = c.execute(delete(table).where(over)).rowcount
            days = select(tenants.c.retention_days * _DAY).where(tenants.c.id == jobs.c.tenant).scalar_subquery()
            gone["jobs"] = c.execute(delete(jobs).where(jobs.c.changed_at < at - days)).rowcount
        self._scrub()
        return gone

    def _days(self) -> list[Found]:
        with self._read() as c:
            return many(c, select(tenants.c.id, tenants.c.retention_days))

    def _retain_calls(self, tenant: str, before: float) -> int:
        return sum(self._batches(tenant, before))

    def _batches(self, tenant: str, before: float) -> Iterator[int]:
        old = select(calls.c.id).where(calls.c.tenant == tenant, calls.c.ended_at < before)
        while True:
            with self._write() as c:
                ids = list(c.execute(old.limit(_BATCH)).scalars())
                if not ids:
                    return
                self._forget(c, tenant, ids, by="retention", action="call.retention")
            yield len(ids)
