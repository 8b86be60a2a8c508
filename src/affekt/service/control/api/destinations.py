"""Where alerts go, and what became of each."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool

from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json, page
from affekt.service.control.api._query import Cursor, Limit, Word
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Who
from affekt.service.control.problems import Problem

router = gated("deliveries")


@router.get("/v1/destinations", summary="Destinations", responses={200: {"model": shapes.Listing}})
def destinations(given: Given, who: Who) -> Json:
    """List where alerts go; never the secrets."""
    return Json({"items": given.store.destinations(who.tenant), "next": None})


@router.post(
    "/v1/destinations", status_code=201, summary="Add a destination", responses={201: {"model": shapes.Destination}}
)
def add(body: shapes.NewDestination, given: Given, who: Who) -> Json:
    """Send alerts there from now on."""
    if given.deliver is not None:
        given.deliver.check(body.kind, body.settings, body.secret or "")
    if any(found["name"] == body.name for found in given.store.destinations(who.tenant)):
        raise Problem(409, f"there is a destination {body.name!r} already")
    made = given.store.destination_add(who.tenant, body.kind, body.name, settings=body.settings, secret=body.secret)
    given.audit(who, "destination added", made["id"], kind=body.kind, name=body.name)
    return Json(made, status=201)


@router.delete("/v1/destinations/{id}", summary="Remove a destination", responses={200: {"model": shapes.Done}})
def remove(id: str, given: Given, who: Who) -> Json:
    """Send nothing more there."""
    if not given.store.destination_remove(who.tenant, id):
        raise _nothing(id)
    given.audit(who, "destination removed", id)
    return Json({"done": True})


@router.post("/v1/destinations/{id}/test", summary="Try a destination", responses={200: {"model": shapes.Tried}})
async def test(id: str, given: Given, who: Who) -> Json:
    """Send a trial there now, and say what came of it."""
    found = await run_in_threadpool(given.store.destination, who.tenant, id)
    if found is None:
        raise _nothing(id)
    if given.deliver is None:
        raise Problem(501, "this installation delivers nothing")
    await run_in_threadpool(given.audit, who, "destination tried", id)
    return Json(await given.deliver.test(who.tenant, found))


@router.get("/v1/deliveries", summary="Deliveries, the newest first", responses={200: {"model": shapes.Listing}})
def deliveries(given: Given, who: Who, *, alert: Word = None, cursor: Cursor = None, limit: Limit = 50) -> Json:
    """Say what became of each alert at each destination."""
    return page(given.store.deliveries(who.tenant, alert=alert, cursor=cursor, limit=limit))


def _nothing(id: str) -> Problem:
    return Problem(404, f"there is no destination {id[:100]!r}")
