"""Jobs: how far they are, and what came of them."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool

from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json, page
from affekt.service.control.api._query import Cursor, Limit
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Who
from affekt.service.control.problems import Problem

router = gated("predict")


@router.get("/v1/jobs", summary="Jobs, the newest first", responses={200: {"model": shapes.Listing}})
def jobs(given: Given, who: Who, *, cursor: Cursor = None, limit: Limit = 50) -> Json:
    """List the jobs of this tenant, without their results."""
    return page(given.store.jobs(who.tenant, cursor=cursor, limit=limit))


@router.get("/v1/jobs/{id}", summary="One job", responses={200: {"model": shapes.Job}})
def job(id: str, given: Given, who: Who) -> Json:
    """Say how far a job is, and what came of it; kept for a day."""
    found = given.store.job(who.tenant, id)
    if found is None:
        raise Problem(404, f"there is no job {id[:100]!r}; results are kept for a day")
    return Json(found)


@router.delete("/v1/jobs/{id}", summary="End and forget a job", responses={200: {"model": shapes.Done}})
async def remove(id: str, given: Given, who: Who) -> Json:
    """End a job that runs, and erase its result."""
    if not await given.jobs.remove(who.tenant, id):
        raise Problem(404, f"there is no job {id[:100]!r}")
    await run_in_threadpool(given.audit, who, "job removed", id)
    return Json({"done": True})
