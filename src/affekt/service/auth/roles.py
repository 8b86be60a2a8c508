"""Route -> who may. One table; a route without a line in it cannot be made.

viewer      reads what is heard, and has recordings judged
supervisor  also acts on it: acknowledges, snoozes, notes, pauses, records consent
admin       also decides who comes in, where alerts go, and what is erased
auditor     reads, and reads the audit log; changes nothing
"""

from __future__ import annotations

from typing import Literal, get_args

from affekt.errors import UsageError

Role = Literal["viewer", "supervisor", "admin", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)

_ANYONE: frozenset[Role] | None = None
_SIGNED = frozenset(ROLES)
_VIEWER = frozenset[Role]({"viewer", "supervisor", "admin"})
_SUPERVISOR = frozenset[Role]({"supervisor", "admin"})
_ADMIN = frozenset[Role]({"admin"})
_AUDIT = frozenset[Role]({"auditor", "admin"})

TABLE: dict[str, frozenset[Role] | None] = {
    "GET /v1/health": _ANYONE,
    "GET /v1/ready": _ANYONE,
    "GET /v1/openapi.json": _ANYONE,
    "GET /v1/docs": _ANYONE,
    "GET /v1/docs.css": _ANYONE,
    "POST /v1/session": _ANYONE,
    "GET /v1/session/ways": _ANYONE,
    "GET /v1/session/oidc": _ANYONE,
    "GET /v1/session/oidc/callback": _ANYONE,
    "GET /v1/session": _SIGNED,
    "DELETE /v1/session": _SIGNED,
    "POST /v1/session/password": _SIGNED,
    "GET /v1/models": _SIGNED,
    "GET /v1/models/{name}": _SIGNED,
    "GET /v1/system": _SIGNED,
    "GET /metrics": _SIGNED,
    "POST /v1/predict": _VIEWER,
    "GET /v1/jobs": _SIGNED,
    "GET /v1/jobs/{id}": _SIGNED,
    "DELETE /v1/jobs/{id}": _VIEWER,
    "GET /v1/calls": _SIGNED,
    "GET /v1/calls/{id}": _SIGNED,
    "DELETE /v1/calls/{id}": _ADMIN,
    "POST /v1/calls/{id}/consent": _SUPERVISOR,
    "POST /v1/calls/{id}/pause": _SUPERVISOR,
    "POST /v1/calls/{id}/resume": _SUPERVISOR,
    "POST /v1/calls/{id}/notes": _SUPERVISOR,
    "GET /v1/calls/{id}/recordings": _SUPERVISOR,
    "GET /v1/calls/{id}/recordings/{number}": _SUPERVISOR,
    "POST /v1/subjects/erase": _ADMIN,
    "GET /v1/alerts": _SIGNED,
    "GET /v1/alerts/{id}": _SIGNED,
    "POST /v1/alerts/{id}/acknowledge": _SUPERVISOR,
    "POST /v1/alerts/{id}/snooze": _SUPERVISOR,
    "POST /v1/alerts/{id}/notes": _SUPERVISOR,
    "GET /v1/trends": _SIGNED,
    "GET /v1/events": _SIGNED,
    "GET /v1/users": _ADMIN,
    "POST /v1/users": _ADMIN,
    "PATCH /v1/users/{id}": _ADMIN,
    "DELETE /v1/users/{id}": _ADMIN,
    "GET /v1/keys": _ADMIN,
    "POST /v1/keys": _ADMIN,
    "DELETE /v1/keys/{id}": _ADMIN,
    "GET /v1/tokens": _ADMIN,
    "POST /v1/tokens": _ADMIN,
    "DELETE /v1/tokens/{id}": _ADMIN,
    "GET /v1/expected": _ADMIN,
    "POST /v1/expected": _ADMIN,
    "DELETE /v1/expected/{id}": _ADMIN,
    "GET /v1/destinations": _ADMIN,
    "POST /v1/destinations": _ADMIN,
    "DELETE /v1/destinations/{id}": _ADMIN,
    "POST /v1/destinations/{id}/test": _ADMIN,
    "GET /v1/deliveries": _ADMIN,
    "GET /v1/audit": _AUDIT,
    "GET /v1/tenants": _ADMIN,
    "POST /v1/tenants": _ADMIN,
    "PATCH /v1/tenants/{id}": _ADMIN,
    "POST /v1/export": _ADMIN,
}
"""Method and path -> the roles that may; None: anybody, without saying who they are."""


def may(method: str, path: str) -> frozenset[Role] | None:
    """Look up who may.

    Raises:
        UsageError: the route has no line; give it one above.

    >>> sorted(may("DELETE", "/v1/calls/{id}"))
    ['admin']
    """
    line = f"{method} {path}"
    if line not in TABLE:
        raise UsageError(f"no role is named for {line}; give it a line in affekt/service/auth/roles.py")
    return TABLE[line]
