"""Sign in, sign out: by password, or at an issuer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import RedirectResponse, Response

from affekt.service.auth import passwords, tokens
from affekt.service.auth.oidc import Person, SignOn, SignOnError
from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import COOKIE, address
from affekt.service.control.gate import router as gated
from affekt.service.control.parts import HOME, Given, Parts, Principal, Who
from affekt.service.control.problems import Problem, wait

router = gated("session")

_STATE_COOKIE, _STATE_PATH, _STATE_AGE = "affekt_oidc", "/v1/session/oidc", 600


@router.post("/v1/session", summary="Sign in", responses={200: {"model": shapes.SessionShape}})
def sign_in(body: shapes.SignIn, request: Request, given: Given) -> Json:
    """Trade name and password for a session: a cookie, and the token that goes with whatever changes something.

    A wrong name and a wrong password are told alike, and take the same time. After some wrong ones, tries must wait.
    """
    seconds = given.lockout.attempt(body.name.casefold(), address(request), now=given.clock())
    if seconds > 0:
        raise wait(seconds, "too many wrong passwords")
    user = given.store.user(body.tenant, body.name)
    kept = user["password_hash"] if user and not user["disabled"] else None
    if not passwords.check(body.password, kept) or user is None:
        _refused(given, user, body.tenant, address(request))
        raise Problem(401, "name or password is wrong")
    given.lockout.right(body.name.casefold(), address(request))
    if passwords.old(user["password_hash"]):
        given.store.user_update(user["tenant"], user["name"], password_hash=passwords.make(body.password))
    return _open(given, request, user, "password")


@router.get("/v1/session", summary="Who am I", responses={200: {"model": shapes.SessionShape}})
def who_am_i(who: Who) -> Json:
    """Say who is signed in, and give the X-CSRF-Token again."""
    return Json(_told(who))


@router.delete("/v1/session", summary="Sign out", responses={200: {"model": shapes.Done}})
def sign_out(given: Given, who: Who) -> Json:
    """End the session; an API key has none."""
    if who.session is not None:
        given.store.session_end(who.session)
        given.audit(who, "logout", "session")
    answer = Json({"done": who.session is not None})
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.post("/v1/session/password", summary="Change my password", responses={200: {"model": shapes.SessionShape}})
def change(body: shapes.NewPassword, request: Request, given: Given, who: Who) -> Json:
    """Take another password; all sessions of mine end, and a new one begins."""
    user = given.store.user(who.tenant, who.name)
    if user is None or who.session is None or user["password_hash"] is None:
        raise Problem(409, "only who has signed in with a password can change it")
    seconds = given.lockout.attempt(who.name.casefold(), address(request), now=given.clock())
    if seconds > 0:
        raise wait(seconds, "too many wrong passwords")
    if not passwords.check(body.old, user["password_hash"]):
        given.audit(who, "password refused", user["id"])
        raise Problem(403, "the old password is wrong")
    given.lockout.right(who.name.casefold(), address(request))
    given.store.user_update(who.tenant, who.name, password_hash=passwords.make(body.new))
    given.audit(who, "password changed", user["id"])
    return _open(given, request, user, "new password")


@router.get("/v1/session/ways", summary="Ways to sign in", responses={200: {"model": shapes.Ways}})
def ways(given: Given) -> Json:
    """Say how one may sign in: by password, and by single sign-on where it is set up."""
    oidc = given.settings.auth.oidc
    return Json({"password": True, "single_sign_on": oidc.name if oidc else None})


# Single sign-on ---------------------------------------------------------------------------------------------------


@router.get(
    "/v1/session/oidc",
    summary="Sign in at the issuer",
    status_code=303,
    response_class=Response,
    responses={303: {"description": "to the issuer's page"}},
)
def to_issuer(request: Request, given: Given) -> Response:
    """Go to the issuer's page, which sends the browser back to `/v1/session/oidc/callback`."""
    sign_on = _sign_on(given)
    back = str(request.url.replace(path="/v1/session/oidc/callback", query="", fragment=""))
    try:
        url, state = sign_on.begin(back)
    except SignOnError as error:
        raise Problem(503, str(error)) from error
    answer = RedirectResponse(url, 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        _STATE_COOKIE, state, max_age=_STATE_AGE, path=_STATE_PATH, httponly=True, samesite="lax", secure=secure
    )
    return answer


@router.get(
    "/v1/session/oidc/callback",
    summary="Back from the issuer",
    status_code=303,
    response_class=Response,
    responses={303: {"description": "signed in; to the dashboard"}},
)
def from_issuer(
    request: Request,
    given: Given,
    *,
    state: Annotated[str, Query(max_length=200)],
    code: Annotated[str, Query(max_length=4000)],
) -> Response:
    """Trade the issuer's code for a session."""
    sign_on = _sign_on(given)
    if not tokens.same(request.cookies.get(_STATE_COOKIE, ""), state):
        raise Problem(403, "this browser has not begun to sign in; begin again")
    try:
        person = sign_on.finish(state, code)
    except SignOnError as error:
        _refused(given, None, sign_on.settings.tenant, address(request))
        raise Problem(403, str(error)) from error
    opened = _open(given, request, _user_of(given, sign_on, person), "single sign-on")
    answer = RedirectResponse("/", 303)
    answer.raw_headers += [(name, value) for name, value in opened.raw_headers if name == b"set-cookie"]
    answer.delete_cookie(_STATE_COOKIE, path=_STATE_PATH)
    return answer


def _sign_on(given: Parts) -> SignOn:
    if given.sign_on is None:
        raise Problem(501, "there is no single sign-on here; auth.oidc in the settings makes one")
    return given.sign_on


def _user_of(given: Parts, sign_on: SignOn, person: Person) -> dict[str, Any]:
    """Find the issuer's user here, or make it; its role is what the issuer says today."""
    tenant = sign_on.settings.tenant
    found = given.store.user(tenant, person.name)
    if found is None:
        return given.store.user_add(tenant, person.name, None, person.role)
    if found["password_hash"] is not None or found["disabled"]:
        raise Problem(403, "a user of this name signs in otherwise, or may not")
    if found["role"] != person.role:
        given.store.user_update(tenant, person.name, role=person.role)
    return found | {"role": person.role}


# What both do -----------------------------------------------------------------------------------------------------


def _open(given: Parts, request: Request, user: dict[str, Any], by: str) -> Json:
    token, csrf = tokens.new_token(), tokens.new_token()
    lasts = given.settings.auth.session_hours * 3600
    end = given.clock() + lasts
    given.store.session_add(user["tenant"], user["name"], token, csrf=csrf, expires=end)
    expires = datetime.fromtimestamp(end, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    who = Principal(user["tenant"], user["name"], user["role"], token, csrf, expires)
    given.audit(who, "login", by, address=address(request))
    answer = Json(_told(who))
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, token, max_age=round(lasts), path="/", httponly=True, samesite="lax", secure=secure)
    return answer


def _told(who: Principal) -> dict[str, Any]:
    return {
        "tenant": who.tenant,
        "name": who.name,
        "role": who.role,
        "csrf": who.csrf,
        "expires": who.expires,
    }


def _refused(given: Parts, user: dict[str, Any] | None, tenant: str | None, whence: str) -> None:
    """Write it down; a name that nobody has is left out: people type passwords there."""
    whose = user["tenant"] if user else tenant or HOME
    if given.store.tenant(whose) is not None:
        name = user["name"] if user else "unknown"
        given.store.audit(whose, name, "login refused", "session", detail={"address": whence})
