"""Calls that were or are heard; what is said of them, and their erasure."""

from __future__ import annotations

from typing import Annotated

from anyio import from_thread
from fastapi import Query

from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json, page
from affekt.service.control.api._query import Cursor, Limit, Time, Word
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Parts, Principal, Who
from affekt.service.control.problems import Problem
from affekt.service.subject import subject

router = gated("calls")

_MONTH = 30 * 86400.0


@router.get("/v1/calls", summary="Calls, the newest first", responses={200: {"model": shapes.Listing}})
def calls(
    given: Given,
    who: Who,
    *,
    q: Annotated[str | None, Query(max_length=200, description="Looked for in notes, agents, queues, ids.")] = None,
    since: Time = None,
    until: Time = None,
    live: bool | None = None,
    emotion: Word = None,
    rule: Word = None,
    agent: Word = None,
    queue: Word = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Json:
    """Find calls by when they were, what was felt, which rule fired, who spoke."""
    found = given.store.calls(
        who.tenant,
        q=q,
        since=since,
        until=until,
        live=live,
        emotion=emotion,
        rule=rule,
        agent=agent,
        queue=queue,
        cursor=cursor,
        limit=limit,
    )
    return page(found)


@router.get("/v1/calls/{id}", summary="One call, whole", responses={200: {"model": shapes.Call}})
def call(id: str, given: Given, who: Who) -> Json:
    """Give turns, points, alerts, notes, gaps and talk times of a call."""
    return Json(_one(given, who, id))


@router.delete("/v1/calls/{id}", summary="Erase a call", responses={200: {"model": shapes.Done}})
def erase(id: str, given: Given, who: Who) -> Json:
    """Erase all that is kept of a call, its recording too. The audit log keeps that it was done, and by whom."""
    if not given.store.erase_call(who.tenant, id, who.name):
        raise _nothing(id)
    from_thread.run_sync(given.hub.end, who.tenant, [id])
    return Json({"done": True})


@router.post("/v1/calls/{id}/consent", summary="Record consent", responses={200: {"model": shapes.Done}})
def consent(id: str, body: shapes.ConsentState, given: Given, who: Who) -> Json:
    """Say what the customer has said; after a refusal nothing more is heard of the call."""
    return _command(given, who, id, "consent", state=body.state)


@router.post("/v1/calls/{id}/pause", summary="Stop listening", responses={200: {"model": shapes.Done}})
def pause(id: str, given: Given, who: Who) -> Json:
    """Stop listening to a call, such as while a card number is read out."""
    return _command(given, who, id, "pause")


@router.post("/v1/calls/{id}/resume", summary="Listen again", responses={200: {"model": shapes.Done}})
def resume(id: str, given: Given, who: Who) -> Json:
    """Listen to a call again."""
    return _command(given, who, id, "resume")


@router.post("/v1/calls/{id}/notes", status_code=201, summary="Note something", responses={201: {"model": shapes.Note}})
def notes(id: str, body: shapes.Text, given: Given, who: Who) -> Json:
    """Keep a note with a call."""
    made = given.store.note(who.tenant, id, body.text, who.name)
    if made is None:
        raise _nothing(id)
    given.audit(who, "note", id)
    return Json(made, status=201)


@router.post("/v1/subjects/erase", summary="Erase a person", responses={200: {"model": shapes.Count}}, tags=["privacy"])
def erase_subject(body: shapes.Subject, given: Given, who: Who) -> Json:
    """Erase all calls of a person. The number is hashed at once, and kept and logged nowhere."""
    if (body.number is None) == (body.subject is None):
        raise Problem(422, "give a number or a subject, and not both")
    found = body.subject if body.subject is not None else subject(given.secrets.secret, body.number)
    if not found:
        raise Problem(422, "this is nobody's number")
    ids = _ids(given, who, found)
    erased = given.store.erase_subject(who.tenant, found, who.name)
    from_thread.run_sync(given.hub.end, who.tenant, ids)
    return Json({"erased": erased})


@router.get("/v1/trends", summary="Days", responses={200: {"model": shapes.Trends}}, tags=["calls"])
def trends(given: Given, who: Who, *, since: Time = None, until: Time = None) -> Json:
    """Count per day: calls, minutes, shares of the emotions, alerts of each rule; by default of the last 30 days."""
    now = given.clock()
    return Json({"items": given.store.trends(who.tenant, since or now - _MONTH, until or now)})


def _ids(given: Parts, who: Principal, person: str) -> list[str]:
    """Find the calls of a person that are going on: the wall must forget them, too."""
    found = given.store.calls(who.tenant, subject=person, live=True, limit=200)
    return [row["id"] for row in found["items"]]


def _command(given: Parts, who: Principal, id: str, kind: str, **more: str) -> Json:
    """Tell gateway and engine, and the audit log."""
    _one(given, who, id)
    given.audit(who, kind, id, **more)
    given.tell(type=kind, call=id, **more)
    return Json({"done": True})


def _one(given: Parts, who: Principal, id: str) -> dict[str, object]:
    found = given.store.call(who.tenant, id)
    if found is None:
        raise _nothing(id)
    return found


def _nothing(id: str) -> Problem:
    return Problem(404, f"there is no call {id[:100]!r}")
