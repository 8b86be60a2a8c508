"""A request -> who asks, or a refusal: before a byte of the body is read.

A route is made with `router()`, so that it stands behind the gate; one that has no line in the table of roles cannot be
made at all. Cookies come with a token that a foreign page cannot read (X-CSRF-Token), and the Origin must be ours.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from affekt.service.auth import roles, tokens
from affekt.service.auth.roles import Role
from affekt.service.control.parts import Parts, Principal, parts
from affekt.service.control.problems import Problem, wait

COOKIE = "affekt_session"
SAFE = {"GET", "HEAD", "OPTIONS"}

_LONGEST_KEY = 200  # characters; whatever is longer is none of ours
_LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]", "::1"}


class GatedRoute(APIRoute):
    """A route that asks the gate first."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the gate in front of what the route does."""
        allowed = {method: roles.may(method, self.path) for method in self.methods or ()}
        behind = super().get_route_handler()

        async def handle(request: Request) -> Response:
            await admit(request, allowed[request.method])
            return await behind(request)

        return handle


def router(tag: str) -> APIRouter:
    """Make the router of one resource.

    Args:
        tag: under which the API's description lists its routes.
    """
    return APIRouter(route_class=GatedRoute, tags=[tag])


async def admit(request: Request, allowed: frozenset[Role] | None) -> None:
    """Let the request pass, with `request.state.principal`, or refuse it.

    Args:
        request: whose body has not been read.
        allowed: the roles that may; None: anybody.

    Raises:
        Problem: 401, 403 or 429.
    """
    given = parts(request)
    _check_origin(request, given)
    if allowed is None:
        _count(given, address(request), stranger=True)
        return
    who = await run_in_threadpool(identify, request, given)
    if who is None:
        _count(given, address(request), stranger=True)
        raise Problem(401, "say who you are: sign in, or send an API key", headers={"WWW-Authenticate": "Bearer"})
    _count(given, f"{who.tenant}/{who.name}", stranger=False)
    if who.role not in allowed:
        await run_in_threadpool(given.audit, who, "refused", f"{request.method} {request.url.path}", role=who.role)
        raise Problem(403, f"your role is {who.role}; this is for {', '.join(sorted(allowed))}")
    _check_csrf(request, who)
    request.state.principal = who


def identify(request: Request, given: Parts) -> Principal | None:
    """Say who asks, by key or by cookie; None: nobody known. Asks the store."""
    if not given.settings.auth.enabled:
        _check_host(request)
        return Principal("default", "local", "admin")
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, text = authorization.partition(" ")
        return _by_key(text.strip(), given) if scheme.lower() == "bearer" else None
    token = request.cookies.get(COOKIE)
    return _by_session(token, given) if token else None


def address(request: Request) -> str:
    """Give whence the request comes."""
    return request.client.host if request.client else "unknown"


def _by_key(text: str, given: Parts) -> Principal | None:
    found = given.store.key(text) if text.startswith(tokens.KEY) and len(text) < _LONGEST_KEY else None
    return None if found is None else Principal(found["tenant"], f"key:{found['prefix']}", found["role"])


def _by_session(token: str, given: Parts) -> Principal | None:
    found = given.store.session(token) if len(token) < _LONGEST_KEY else None
    if found is None:
        return None
    return Principal(found["tenant"], found["user"], found["role"], token, found["csrf"], found["expires"])


# Forged requests --------------------------------------------------------------------------------------------------


def _check_origin(request: Request, given: Parts) -> None:
    """Refuse what a page of somebody else asks for."""
    if request.method in SAFE:
        return
    origin = request.headers.get("origin")
    if origin is not None:
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        if origin != own and origin not in given.settings.http.origins:
            raise Problem(403, f"a page of {origin[:100]} may not do this; name it in http.origins if it should")
    elif request.headers.get("sec-fetch-site") == "cross-site":
        raise Problem(403, "a page of another site may not do this")


def _check_csrf(request: Request, who: Principal) -> None:
    if request.method in SAFE or who.csrf is None:
        return
    if not tokens.same(request.headers.get("x-csrf-token", ""), who.csrf):
        raise Problem(403, "with a session, send the X-CSRF-Token that GET /v1/session gives")


def _check_host(request: Request) -> None:
    """Without sign-in, answer only to our own name: another could be led here by a foreign DNS server."""
    name = request.url.hostname or ""
    if name not in _LOCAL_NAMES:
        raise Problem(403, "without sign-in, this answers only as localhost")


def _count(given: Parts, who: str, *, stranger: bool) -> None:
    buckets = given.strangers if stranger else given.requests
    seconds = buckets.wait(who, now=given.clock())
    if seconds > 0:
        raise wait(seconds, "too many requests")
