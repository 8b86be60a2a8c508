"""Which programs may ask."""

from __future__ import annotations

from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Who
from affekt.service.control.problems import Problem

router = gated("administration")

_DAY = 86400.0


@router.get("/v1/keys", summary="API keys", responses={200: {"model": shapes.Listing}})
def keys(given: Given, who: Who) -> Json:
    """List the keys of this tenant: never the keys themselves, only their prefixes."""
    return Json({"items": given.store.keys(who.tenant), "next": None})


@router.post("/v1/keys", status_code=201, summary="Make an API key", responses={201: {"model": shapes.Key}})
def add(body: shapes.NewKey, given: Given, who: Who) -> Json:
    """Make a key; `key` is shown this once, and only its hash is kept."""
    expires = None if body.days is None else given.clock() + body.days * _DAY
    made = given.store.key_add(who.tenant, body.name, body.role, who.name, expires=expires)
    given.audit(who, "key added", made["id"], name=body.name, role=body.role)
    return Json(made, status=201)


@router.delete("/v1/keys/{id}", summary="Remove an API key", responses={200: {"model": shapes.Done}})
def remove(id: str, given: Given, who: Who) -> Json:
    """Remove a key; whoever has it is refused from now on."""
    if not given.store.key_remove(who.tenant, id):
        raise Problem(404, f"there is no key {id[:100]!r}")
    given.audit(who, "key removed", id)
    return Json({"done": True})
