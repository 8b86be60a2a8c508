"""Settings, store, hub, bus -> the application that uvicorn serves.

    application = app(settings, store, hub, bus, secrets=secrets)
    uvicorn.run(application, host=..., port=...)

What others make is taken as it is: `affekt.service.control.events` and the pages of the dashboard where they are
there, and whatever else is given as `routers`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from affekt import __version__, registry
from affekt.service.auth import roles
from affekt.service.auth.limits import Buckets
from affekt.service.auth.oidc import SignOn
from affekt.service.control import gate, problems
from affekt.service.control.api import description
from affekt.service.control.jobs import Jobs
from affekt.service.control.judging import Judging
from affekt.service.control.parts import Bus, Deliver, Hub, Parts, principal
from affekt.service.control.shell import Count, Shell
from affekt.service.metrics import CONTENT_TYPE
from affekt.service.settings import Secrets, Serve

API = "service.control.api"
"""The folder of the resources."""

_STRANGERS = (5.0, 60)  # requests per second, and at once, of an address that has not said who it is
_CORS_AGE = 600  # s


def app(
    settings: Serve,
    store: Any,
    hub: Hub,
    bus: Bus,
    *,
    secrets: Secrets,
    deliver: Deliver | None = None,
    metrics: Callable[[], bytes] | None = None,
    count: Count | None = None,
    routers: Iterable[APIRouter] = (),
    pages: ASGIApp | None = None,
) -> FastAPI:
    """Put the application together.

    Args:
        settings: what the file says.
        store: an open, migrated `affekt.service.store.Store`.
        hub: the live state.
        bus: the line to gateway and engine.
        secrets: what the environment says.
        deliver: tries destinations out.
        metrics: gives Prometheus' text, for /metrics.
        count: is told of each answer.
        routers: further routes, made with `gate.router`, each with its line in the table of roles.
        pages: the dashboard, for whatever is no route.
    """
    judging = Judging(waiting=settings.predict.waiting, longest=settings.predict.longest)
    jobs = Jobs(store, judging, settings.folder / "uploads", keep=settings.predict.keep_hours * 3600)
    oidc = settings.auth.oidc
    made = FastAPI(title="Affekt", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=_life)
    made.state.parts = Parts(
        settings=settings,
        secrets=secrets,
        store=store,
        hub=hub,
        bus=bus,
        judging=judging,
        jobs=jobs,
        requests=Buckets(settings.http.rate, settings.http.burst),
        strangers=Buckets(*_STRANGERS),
        deliver=deliver,
        sign_on=SignOn(oidc, secrets.oidc_client_secret) if oidc else None,
    )
    problems.install(made)
    made.openapi = lambda: description.describe(made)  # type: ignore[method-assign]
    for router in (*own_routers(), *routers):
        made.include_router(router)
    if metrics is not None:
        made.include_router(_metrics(metrics))
    if pages is not None:
        made.router.default = _elsewhere(pages, made.router.default)
    if settings.http.origins:
        made.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.http.origins),
            allow_credentials=True,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-CSRF-Token"],
            max_age=_CORS_AGE,
        )
    made.add_middleware(Shell, bounds={"/v1/predict": settings.predict.max_bytes}, count=count)
    return made


def own_routers() -> list[APIRouter]:
    """Give the routers of the folder `api`, by name."""
    return [registry.load(API, name).router for name in registry.names(API)]


def tenant(request: Request) -> str:
    """Give the tenant of whoever asks: a dependency for routes that are made elsewhere, behind the gate."""
    return principal(request).tenant


def gated(method: str, path: str) -> Callable[[Request], Any]:
    """Make a dependency that asks the gate and gives the tenant, for routes that were not made with `gate.router`.

    Args:
        method: of the route, such as GET.
        path: of the route, as it stands in the table of roles.
    """
    allowed = roles.may(method, path)

    async def admitted(request: Request) -> str:
        await gate.admit(request, allowed)
        return tenant(request)

    return admitted


def _elsewhere(pages: ASGIApp, nothing: ASGIApp) -> ASGIApp:
    """Send what is no route to the dashboard; a mount would swallow the 405s of the API."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        ours = scope["type"] != "http" or path.startswith("/v1/") or path in ("/v1", "/metrics")
        await (nothing if ours else pages)(scope, receive, send)

    return serve


def _metrics(render: Callable[[], bytes]) -> APIRouter:
    """Make the route that Prometheus asks: with an API key."""
    router = gate.router("service")

    @router.get("/metrics", summary="Prometheus", response_class=Response)
    def metrics() -> Response:
        """Give the metrics in Prometheus' text form."""
        return Response(render(), media_type=CONTENT_TYPE)

    return router


@asynccontextmanager
async def _life(made: FastAPI) -> AsyncIterator[None]:
    """Clear up what the last run left, sweep while we run, leave nothing behind."""
    parts: Parts = made.state.parts
    logging.getLogger(
        "uvicorn.access"
    ).disabled = True  # it writes queries, and so an issuer's codes; the shell does not
    await parts.jobs.start()
    sweep = asyncio.create_task(parts.jobs.sweep())
    try:
        yield
    finally:
        sweep.cancel()
        with suppress(asyncio.CancelledError):
            await sweep
        await parts.jobs.stop()
        parts.judging.stop()
