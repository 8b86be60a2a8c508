"""What the routes are given: settings, store, live state, the other processes, and who asks.

The hub, the bus and the deliveries are others' work; the shapes below say what is asked of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast

from anyio import from_thread
from fastapi import Depends, Request

from affekt.service.auth.limits import Buckets, Lockout
from affekt.service.auth.roles import Role
from affekt.service.settings import Secrets, Serve

if TYPE_CHECKING:
    from affekt.service.auth.oidc import SignOn
    from affekt.service.control.jobs import Jobs
    from affekt.service.control.judging import Judging
    from affekt.service.store import Store


HOME = "default"
"""The tenant whose admins run the installation: they see and make all tenants; others see their own."""


class Hub(Protocol):
    """The calls that are going on. It belongs to the event loop."""

    def snapshot(self, tenant: str, call: str | None = None) -> Mapping[str, Any]:
        """Give the live state of a tenant, or of one of its calls."""

    def changed(self, tenant: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take alerts as the store has them, after somebody has acknowledged or snoozed them."""

    def end(self, tenant: str, calls: Iterable[str]) -> None:
        """Take calls away that were erased."""


class Bus(Protocol):
    """The line to gateway and engine. It belongs to the event loop."""

    def send(self, message: Mapping[str, Any]) -> Any:
        """Send a command to whom it concerns; returns at once."""

    def state(self) -> Mapping[str, Any]:
        """Say which processes are there, and since when."""


class Deliver(Protocol):
    """What takes alerts to where people want them."""

    def check(self, kind: str, settings: Mapping[str, Any], secret: str) -> None:
        """Refuse, with a UsageError, what is no destination."""

    async def test(self, tenant: str, destination: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a trial there; give what came of it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    tenant: str
    name: str
    "user, or `key:<prefix>`"
    role: Role
    session: str | None = field(default=None, repr=False)
    "its token; None: an API key, or nobody needs to say who they are"
    csrf: str | None = field(default=None, repr=False)
    expires: str | None = None


@dataclass(slots=True)
class Parts:
    """All that a route may need."""

    settings: Serve
    secrets: Secrets
    store: Store
    hub: Hub
    bus: Bus
    judging: Judging
    jobs: Jobs
    requests: Buckets
    "of users and keys"
    strangers: Buckets
    "of addresses that have not said who they are"
    lockout: Lockout = field(default_factory=Lockout)
    deliver: Deliver | None = None
    sign_on: SignOn | None = None
    clock: Callable[[], float] = time.time
    "Unix time, s"

    def audit(self, who: Principal, action: str, what: str, **detail: Any) -> None:
        """Write a line into the audit log."""
        self.store.audit(who.tenant, who.name, action, what, detail=detail)

    def tell(self, **command: Any) -> None:
        """Send a command to gateway and engine; from a thread, since the bus belongs to the event loop."""
        from_thread.run_sync(self.bus.send, command)

    def tell_gateway(self) -> None:
        """Send the gateway what has changed of tokens, expected calls and tenants."""
        self.tell(type="ingest", snapshot=self.store.ingest_snapshot())


def parts(request: Request) -> Parts:
    """Give a route the parts of its application."""
    return cast(Parts, request.app.state.parts)


def principal(request: Request) -> Principal:
    """Give a route whom the gate has let in."""
    return cast(Principal, request.state.principal)


Given = Annotated[Parts, Depends(parts)]
Who = Annotated[Principal, Depends(principal)]
