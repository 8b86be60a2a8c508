"""Calls -> Parquet files on the server, for those who count elsewhere."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool

from affekt.registry import need
from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Who

router = gated("administration")


@router.post(
    "/v1/export", status_code=202, summary="Write calls as Parquet", responses={202: {"model": shapes.Exported}}
)
async def export(body: shapes.ExportAsked, given: Given, who: Who) -> Json:
    """Write calls, turns, points and alerts of some days, in the background; the job's result names the folder."""
    need("pyarrow", extra="data")
    look = partial(given.store.calls, who.tenant, since=body.since, until=body.until, limit=1)
    await run_in_threadpool(look)  # what is no time is said before a job is made
    parent = given.settings.folder / "exports"

    def write(job: str) -> dict[str, Any]:
        rows = given.store.export(who.tenant, parent / job, body.since, body.until)
        given.audit(who, "export", job, rows=rows)
        return {"folder": str(parent / job), "rows": rows}

    row = await given.jobs.background(who.tenant, "export", who.name, write)
    where = f"/v1/jobs/{row['id']}"
    return Json({"job": row["id"], "location": where}, status=202, headers={"Location": where})
