"""Whatever went wrong -> `application/problem+json` (RFC 9457): type, title, status, detail, instance, errors.

`raise Problem(404, "there is no call x")` from anywhere in a request. The framework's own refusals, and the errors of
Affekt, become the same; what nobody foresaw becomes a 500 that tells a number to look for in the log, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from affekt.errors import AffektError, AudioError, BundleError, DataError, MissingExtraError, UsageError

MEDIA = "application/problem+json"

KINDS = {
    400: ("malformed", "The request cannot be read."),
    401: ("unauthenticated", "Say who you are: a session, or `Authorization: Bearer afk_...`."),
    403: ("forbidden", "You may not do this: your role, or a missing X-CSRF-Token or foreign Origin."),
    404: ("not-found", "There is nothing here, or nothing of your tenant."),
    405: ("method-not-allowed", "The address is known, the method is not; `Allow` lists those that are."),
    409: ("conflict", "What is there contradicts what is asked for."),
    413: ("too-large", "The request is larger than is allowed."),
    415: ("unsupported-media-type", "The body is of another type than is read here."),
    422: ("invalid", "A value is not allowed; `errors` names each."),
    429: ("too-many-requests", "Come back after `Retry-After` seconds."),
    500: ("internal", "A fault of the service; `instance` finds it in the log."),
    501: ("not-implemented", "This installation does not have it."),
    503: ("unavailable", "The service cannot do it now; come back after `Retry-After` seconds."),
}
"""Status -> the last part of its `type`, and what it means. `/v1/docs` lists them."""


class Problem(HTTPException):
    """A refusal, to be raised."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.errors = errors


def about(status: int, detail: str, *, instance: str = "", errors: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Make the JSON object.

    >>> about(404, "there is no call x")["type"]
    '/v1/docs#not-found'
    """
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    found: dict[str, Any] = {
        "type": f"/v1/docs#{KINDS[status][0]}" if status in KINDS else "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if instance:
        found["instance"] = instance
    if errors:
        found["errors"] = [dict(error) for error in errors]
    return found


def status_of(error: AffektError) -> int:
    """Give the status of an error of Affekt: of a recording, or of what was asked for.

    >>> status_of(AudioError("call.wav: the file is empty"))
    422
    """
    if isinstance(error, UsageError | AudioError | DataError):
        return 422
    return 501 if isinstance(error, MissingExtraError | BundleError) else 500


def answer(
    status: int,
    detail: str,
    *,
    instance: str = "",
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the response."""
    body = orjson.dumps(about(status, detail, instance=instance, errors=errors))
    return Response(body, status, dict(headers or {}), MEDIA)


def wait(seconds: float, why: str, *, status: int = 429) -> Problem:
    """Refuse for so many seconds."""
    return Problem(status, f"{why}; come back in {max(1, round(seconds + 0.5))} s", headers=_retry(seconds))


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(seconds + 0.5)))}


def install(app: FastAPI) -> None:
    """Make every refusal of the framework a problem."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(AffektError, _ours)


async def _refused(request: Request, given: Exception) -> Response:
    error = cast(HTTPException, given)  # what it was registered for; so are the next two
    errors = error.errors if isinstance(error, Problem) else ()
    detail = str(error.detail)
    if not isinstance(error, Problem) and error.status_code in (404, 405):
        detail = f"{request.method} {request.url.path} is no route; GET /v1/docs lists them"
    return answer(error.status_code, detail, instance=instance(request), errors=errors, headers=error.headers)


async def _invalid(request: Request, given: Exception) -> Response:
    """Name each value by its place; the value itself is left out: it may be a password."""
    error = cast(RequestValidationError, given)
    errors = [{"place": ".".join(map(str, e["loc"])), "detail": str(e["msg"])} for e in error.errors()]
    places = ", ".join(sorted({e["place"] for e in errors})[:5])
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return answer(400, "the body is no JSON", instance=instance(request), errors=errors)
    return answer(422, f"not allowed: {places}", instance=instance(request), errors=errors)


async def _ours(request: Request, given: Exception) -> Response:
    return answer(status_of(cast(AffektError, given)), str(given), instance=instance(request))


def instance(request: Request) -> str:
    """Give the number of a request, by which the log knows it."""
    return f"urn:uuid:{request.scope.get('state', {}).get('request', '')}"
