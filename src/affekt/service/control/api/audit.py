"""Who has done what: logins, refusals, changes, erasures."""

from __future__ import annotations

from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json, page
from affekt.service.control.api._query import Cursor, Limit, Time, Word
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Who

router = gated("administration")


@router.get("/v1/audit", summary="The audit log, the newest first", responses={200: {"model": shapes.Listing}})
def audit(
    given: Given, who: Who, *, since: Time = None, action: Word = None, cursor: Cursor = None, limit: Limit = 50
) -> Json:
    """Read the log; nobody can change it here."""
    return page(given.store.audits(who.tenant, since=since, action=action, cursor=cursor, limit=limit))
