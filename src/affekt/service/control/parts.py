"""What the routes are given: settings, store, live state, the other processes, and who asks.

The hub, the bus and the deliveries are others' work; the shapes below say what is asked of them.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast

from fastapi import Depends, Request

from affekt.service.auth.limits import Buckets, Lockout
from affekt.service.auth.roles import Role
from affekt.service.settings import Secrets, Serve

if TYPE_CHECKING:
    from affekt.service.auth.oidc import SignOn
    from affekt.service.control.jobs import Jobs
    from affekt.service.control.judging import Judging
    from affekt.service.store import Store


class Hub(Protocol):
    """The calls that are going on."""

    def snapshot(self, tenant: str, call: str | None = None) -> Mapping[str, Any]:
        """Give the live state of a tenant, or of one of its calls."""

    def subscribe(self, tenant: str, call: str | None = None) -> AsyncIterator[Any]:
        """Give the snapshot, then what changes."""


class Bus(Protocol):
    """The line to gateway and engine."""

    def send(self, message: Mapping[str, Any]) -> Any:
        """Send a command to whom it concerns; returns at once."""

    def state(self) -> Mapping[str, Any]:
        """Say which processes are there, and since when."""


class Deliver(Protocol):
    """What takes alerts to where people want them."""

    async def test(self, tenant: str, destination: str) -> Mapping[str, Any]:
        """Send a trial there; give what came of it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    tenant: str
    name: str
    "user, or `key:<prefix>`"
    role: Role
    session: str | None = None
    "hash of the session's token; None: an API key, or nobody needs to say who they are"
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
        self.store.audit(who.tenant, who.name, action, what, detail)

    def tell_gateway(self) -> None:
        """Send the gateway what has changed of tokens, expected calls and tenants."""
        self.bus.send({"type": "ingest", "snapshot": self.store.ingest_snapshot()})


def parts(request: Request) -> Parts:
    """Give a route the parts of its application."""
    return cast(Parts, request.app.state.parts)


def principal(request: Request) -> Principal:
    """Give a route whom the gate has let in."""
    return cast(Principal, request.state.principal)


Given = Annotated[Parts, Depends(parts)]
Who = Annotated[Principal, Depends(principal)]
