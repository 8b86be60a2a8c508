"""Which platforms may send calls, and which connections are expected."""

from __future__ import annotations

from uuid import uuid4

from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import Given, Who
from affekt.service.control.problems import Problem

router = gated("ingest")


@router.get("/v1/tokens", summary="Tokens of platforms", responses={200: {"model": shapes.Listing}})
def tokens(given: Given, who: Who) -> Json:
    """List the tokens: never the tokens themselves, nor what the platforms sign with."""
    return Json({"items": given.store.tokens(who.tenant), "next": None})


@router.post("/v1/tokens", status_code=201, summary="Make a token", responses={201: {"model": shapes.Token}})
def add(body: shapes.NewToken, given: Given, who: Who) -> Json:
    """Let a platform send calls; `token` is shown this once."""
    made = given.store.token_add(
        who.tenant,
        body.name,
        protocol=body.protocol,
        material=body.material,
        roles=body.roles,
        notice=body.notice,
        consent=body.consent,
    )
    given.audit(who, "token added", made["id"], name=body.name, protocol=body.protocol)
    given.tell_gateway()
    return Json(made, status=201)


@router.delete("/v1/tokens/{id}", summary="Remove a token", responses={200: {"model": shapes.Done}})
def remove(id: str, given: Given, who: Who) -> Json:
    """Remove a token; calls that are going on go on, new ones are refused."""
    if not given.store.token_remove(who.tenant, id):
        raise Problem(404, f"there is no token {id[:100]!r}")
    given.audit(who, "token removed", id)
    given.tell_gateway()
    return Json({"done": True})


@router.get("/v1/expected", summary="Expected connections", responses={200: {"model": shapes.Listing}})
def expected(given: Given, who: Who) -> Json:
    """List the connections that have not come yet."""
    return Json({"items": given.store.expected(who.tenant), "next": None})


@router.post(
    "/v1/expected", status_code=201, summary="Expect a connection", responses={201: {"model": shapes.Expected}}
)
def expect(body: shapes.NewExpected, given: Given, who: Who) -> Json:
    """Say which call an AudioSocket's UUID will belong to, and whose voice it carries."""
    made = given.store.expect(
        who.tenant,
        str(body.id or uuid4()),
        body.external,
        track=body.track,
        role=body.role,
        expires=given.clock() + body.seconds,
        details=body.details.model_dump(exclude_none=True),
    )
    given.audit(who, "expected", made["id"])
    given.tell_gateway()
    return Json(made, status=201)


@router.delete("/v1/expected/{id}", summary="Expect it no longer", responses={200: {"model": shapes.Done}})
def unexpect(id: str, given: Given, who: Who) -> Json:
    """Take an expected connection back."""
    if not given.store.expected_remove(who.tenant, id):
        raise Problem(404, f"nothing called {id[:100]!r} is expected")
    given.audit(who, "expected no longer", id)
    given.tell_gateway()
    return Json({"done": True})
