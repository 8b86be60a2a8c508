"""Alerts, and what people do with them."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import from_thread
from fastapi import Query

from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json, page
from affekt.service.control.api._query import Cursor, Limit, Time, Word
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Parts, Principal, Who
from affekt.service.control.problems import Problem

router = gated("alerts")


@router.get("/v1/alerts", summary="Alerts, the newest first", responses={200: {"model": shapes.Listing}})
def alerts(
    given: Given,
    who: Who,
    *,
    state: Annotated[
        str | None, Query(max_length=20, description="firing, acknowledged, snoozed, resolved, expired, or open.")
    ] = None,
    rule: Word = None,
    since: Time = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Json:
    """Find alerts; the state `open` means firing or acknowledged."""
    return page(given.store.alerts(who.tenant, state=state, rule=rule, since=since, cursor=cursor, limit=limit))


@router.get("/v1/alerts/{id}", summary="One alert", responses={200: {"model": shapes.Alert}})
def alert(id: str, given: Given, who: Who) -> Json:
    """Give an alert with its evidence, its changes and notes."""
    return Json(_known(given.store.alert(who.tenant, id), id))


@router.post("/v1/alerts/{id}/acknowledge", summary="Seen", responses={200: {"model": shapes.Alert}})
def acknowledge(id: str, given: Given, who: Who, body: shapes.Acknowledgement | None = None) -> Json:
    """Say that somebody takes care of it; 409 where it is over already."""
    found = _known(given.store.acknowledge(who.tenant, id, who.name, note=body.note if body else None), id)
    return _changed(given, who, found, "acknowledge")


@router.post("/v1/alerts/{id}/snooze", summary="Not now", responses={200: {"model": shapes.Alert}})
def snooze(id: str, body: shapes.Snoozing, given: Given, who: Who) -> Json:
    """Hear nothing of this rule in this call for a while; 409 where the alert is over already."""
    found = _known(given.store.snooze(who.tenant, id, who.name, body.seconds), id)
    return _changed(given, who, found, "snooze", seconds=body.seconds)


@router.post(
    "/v1/alerts/{id}/notes", status_code=201, summary="Note something", responses={201: {"model": shapes.Note}}
)
def notes(id: str, body: shapes.Text, given: Given, who: Who) -> Json:
    """Keep a note with an alert: whether it was right, and what came of it."""
    found = _known(given.store.alert(who.tenant, id), id)
    made = given.store.note(who.tenant, found["call"], body.text, who.name, alert=id)
    given.audit(who, "note", id)
    return Json(made, status=201)


def _known(found: dict[str, Any] | None, id: str) -> dict[str, Any]:
    if found is None:
        raise Problem(404, f"there is no alert {id[:100]!r}")
    return found


def _changed(given: Parts, who: Principal, found: dict[str, Any], what: str, **more: Any) -> Json:
    """Tell the engine and the wall, if anything has changed."""
    if found.get("change") is None:
        if what == "acknowledge" and found["state"] == "acknowledged":
            return Json(found)  # twice seen is seen
        raise Problem(409, f"the alert is {found['state']}, so there is nothing to {what}")
    given.audit(who, what, found["id"], **more)
    about = {name: found[name] for name in ("call", "rule", "speaker")}
    given.tell(type=f"alert.{what}", **about, **more)
    from_thread.run_sync(given.hub.changed, who.tenant, [found])
    return Json(found)
