"""Around every request: a number, a bound on its size and patience, headers that protect, and no leak at a fault."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affekt.service.control import problems
from affekt.service.control.problems import Problem

log = logging.getLogger("affekt.service.control")

LARGEST_BODY = 256 * 1024
"""Bytes of a request, but for uploads, which have a bound of their own."""
PATIENCE = 30.0
"""Seconds that the next piece of a body may take."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'; img-src 'self' data:",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Of every response."""

_TLS = {"Strict-Transport-Security": "max-age=31536000"}


Count = Callable[[str, str, int, float], None]
"""Told of each answer: the route's template, the method, the status (499: nobody waited for it), seconds."""


class Shell:
    """ASGI around the application."""

    def __init__(self, app: ASGIApp, *, bounds: Mapping[str, int] | None = None, count: Count | None = None) -> None:
        self._app, self._count = app, count
        self._bounds = dict(bounds or {})
        "path -> bytes, where another bound than `LARGEST_BODY` holds"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["request"] = str(uuid.uuid4())
        exchange = _Exchange(scope, receive, send, self._bounds.get(scope["path"], LARGEST_BODY))
        start = time.perf_counter()
        try:
            exchange.check_length()
            await self._app(scope, exchange.receive, exchange.send)
        except Problem as problem:  # of the body, read outside of a route
            await exchange.refuse(problem.status_code, str(problem.detail))
        except Exception:
            log.exception("request %s failed", scope["state"]["request"])
            await exchange.refuse(500, "a fault of the service; the log has more under the number in `instance`")
        finally:
            took = time.perf_counter() - start
            _tell(scope, exchange.status, took)
            if self._count is not None:
                route = getattr(scope.get("route"), "path", "other")
                self._count(route, scope["method"], exchange.status or 499, took)


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, bound: int) -> None:
        self._scope, self._receive, self._send, self._bound = scope, receive, send, bound
        self._read, self._whole = 0, False
        self.status: int | None = None

    def check_length(self) -> None:
        """Refuse what says itself that it is too large, before a byte is read."""
        length = Headers(scope=self._scope).get("content-length", "0")
        if not length.isdecimal():
            raise Problem(400, "Content-Length must be a whole number")
        if int(length) > self._bound:
            raise self._too_large()

    async def receive(self) -> Message:
        """Pass on the next piece; count it."""
        message = await self._next()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._read > self._bound:
                raise self._too_large()
        return message

    async def _next(self) -> Message:
        if self._whole:  # what comes now is the end of the connection, whenever
            return await self._receive()
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._receive()
        except TimeoutError:
            raise Problem(408, f"nothing more of the body came for {PATIENCE:g} s") from None

    def _too_large(self) -> Problem:
        return Problem(413, f"a request here has at most {self._bound} bytes")

    async def send(self, message: Message) -> None:
        """Pass the response on, with the headers that protect."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            wanted = HEADERS | (_TLS if self._scope.get("scheme") == "https" else {})
            for name, value in wanted.items():
                headers.setdefault(name, value)
            if self._scope["path"].startswith("/v1/"):
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)

    async def refuse(self, status: int, detail: str) -> None:
        """Answer with a problem; where an answer has begun, break it off, so that nobody takes it for whole."""
        if self.status is not None:
            raise ConnectionError("broken off within the answer")
        number = f"urn:uuid:{self._scope['state']['request']}"
        await problems.answer(status, detail, instance=number)(self._scope, self._receive, self.send)


def _tell(scope: Scope, status: int | None, seconds: float) -> None:
    """Write a line of the log: without the query, which may hold what is nobody's business."""
    log.info("%s %s %s %.1f ms", scope["method"], scope["path"], status, 1000 * seconds)
