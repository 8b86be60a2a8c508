"""What the API says of itself: OpenAPI for programs, a page for people."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, Response

from affekt import __version__
from affekt.service.auth import roles
from affekt.service.control import pages, problems
from affekt.service.control.api import _shapes as shapes
from affekt.service.control.api._json import Json
from affekt.service.control.gate import COOKIE
from affekt.service.control.gate import router as gated

router = gated("service")

_ABOUT = """Calls that are heard, and recordings to be judged. Emotions are a model's judgement of a voice, not of \
what a person feels; those of employees are not judged.

Programs send `Authorization: Bearer afk_...`. Pages have a session, and send its X-CSRF-Token with whatever changes \
something. Everything belongs to the tenant of whoever asks."""

_PROBLEMS = {401: "nobody known", 403: "not for this role", 404: "not there", 422: "not allowed", 429: "too often"}


@router.get("/v1/openapi.json", include_in_schema=False)
def openapi(request: Request) -> Json:
    """Give the description for programs."""
    return Json(request.app.openapi())


@router.get("/v1/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """Give the description for people."""
    return HTMLResponse(pages.page(request.app.openapi()))


@router.get("/v1/docs.css", include_in_schema=False)
def css() -> Response:
    """Give the page its looks; from here, since a page of ours loads nothing from elsewhere."""
    return Response(pages.CSS, media_type="text/css")


def describe(app: FastAPI) -> dict[str, Any]:
    """Write OpenAPI once: who may what, how to say who one is, and that every error is a problem."""
    if app.openapi_schema is None:
        api = get_openapi(title="Affekt", version=__version__, description=_ABOUT, routes=app.routes)
        parts = api.setdefault("components", {})
        parts["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "an API key, afk_..."},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        parts["schemas"] = {k: v for k, v in parts["schemas"].items() if "ValidationError" not in k}
        parts["schemas"]["Problem"] = shapes.ProblemShape.model_json_schema()
        for path, methods in api["paths"].items():
            for method, route in methods.items():
                _complete(route, roles.may(method.upper(), path))
        app.openapi_schema = api
    return app.openapi_schema


def _complete(route: dict[str, Any], allowed: frozenset[roles.Role] | None) -> None:
    route["x-roles"] = [] if allowed is None else [role for role in roles.ROLES if role in allowed]
    route["security"] = [] if allowed is None else [{"key": []}, {"session": []}]
    content = {problems.MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, text in _PROBLEMS.items():
        route["responses"][str(status)] = {"description": text, "content": content}
    route["responses"]["default"] = {"description": "another problem", "content": content}
