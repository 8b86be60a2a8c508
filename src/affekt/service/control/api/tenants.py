"""Whose calls these are, and how long they are kept."""

from __future__ import annotations

from typing import Any

from affekt.service.auth import passwords, tokens
from affekt.service.auth.first import ADMIN
from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import HOME, Given, Parts, Principal, Who
from affekt.service.control.problems import Problem

router = gated("administration")


@router.get("/v1/tenants", summary="Tenants", responses={200: {"model": shapes.Listing}})
def tenants(given: Given, who: Who) -> Json:
    """List all tenants for admins of `default`, for others their own."""
    return Json({"items": [row for row in given.store.tenants() if who.tenant in (HOME, row["id"])], "next": None})


@router.post("/v1/tenants", status_code=201, summary="Add a tenant", responses={201: {"model": shapes.Tenant}})
def add(body: shapes.NewTenant, given: Given, who: Who) -> Json:
    """Make a tenant, and its first admin, whose password is shown this once; for admins of `default`."""
    if who.tenant != HOME:
        raise Problem(403, f"only admins of {HOME!r} make tenants")
    if given.store.tenant(body.id) is not None:
        raise Problem(409, f"there is a tenant {body.id!r} already")
    privacy = given.settings.privacy
    made = given.store.tenant_add(
        body.id,
        name=body.name,
        record_audio=privacy.record_audio if body.record_audio is None else body.record_audio,
        retention_days=privacy.retention_days if body.retention_days is None else body.retention_days,
    )
    password = tokens.new_token()
    given.store.user_add(body.id, ADMIN, passwords.make(password), "admin")
    given.audit(who, "tenant added", body.id)
    given.tell_gateway()
    return Json(made | {"admin": {"name": ADMIN, "password": password}}, status=201)


@router.patch("/v1/tenants/{id}", summary="Change a tenant", responses={200: {"model": shapes.Tenant}})
def change(id: str, body: shapes.TenantChange, given: Given, who: Who) -> Json:
    """Change its name, how long calls are kept, and whether their sound is."""
    _known(given, who, id)
    wanted = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    made = given.store.tenant_update(id, **wanted)
    given.audit(who, "tenant changed", id, **wanted)
    given.tell_gateway()
    return Json(made)


def _known(given: Parts, who: Principal, id: str) -> dict[str, Any]:
    found = given.store.tenant(id) if who.tenant in (HOME, id) else None
    if found is None:
        raise Problem(404, f"there is no tenant {id[:100]!r}")
    return found
