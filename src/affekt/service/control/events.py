"""Live state -> server-sent events: `event: snapshot` once, then `event: delta` whenever something is new.

A viewer that stops reading stops here, at the `yield`, once the socket's buffer is full: nothing is queued for it, and
its next delta holds all that it missed. A stream ends after `LEASE` seconds; the browser comes back by itself, and is
asked anew who it is. So whoever was signed out, or whose role was taken, does not look on for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from affekt.registry import need
from affekt.service.control.hub import Hub, Viewer

need("fastapi", extra="serve")
from fastapi import APIRouter, Depends, Query  # noqa: E402
from fastapi.responses import StreamingResponse  # noqa: E402

BEAT, PAUSE, LEASE = 15.0, 0.1, 900.0
"""Seconds between heartbeats where nothing is new; between two deltas at least; that a stream lasts at most."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # a proxy that waits for more would hold it back


def router(
    hub: Hub, tenant: Callable[..., Any], *, beat: float = BEAT, pause: float = PAUSE, lease: float = LEASE
) -> APIRouter:
    """Make the route of `GET /v1/events`.

    Args:
        hub: the live state.
        tenant: a dependency that gives the tenant of whoever asks, or refuses.
        beat: seconds between heartbeats.
        pause: seconds between two deltas at least.
        lease: seconds that a stream lasts at most.
    """
    routes = APIRouter()

    @routes.get("/v1/events", response_class=StreamingResponse, tags=["live"])
    async def events(
        whose: str = Depends(tenant),
        call: str | None = Query(None, max_length=64, description="of this call only"),
    ) -> StreamingResponse:
        """Live state as server-sent events: first a snapshot, then what changes."""
        told = tell(hub, whose, call, beat=beat, pause=pause, lease=lease)
        return StreamingResponse(told, media_type="text/event-stream", headers=_HEADERS)

    return routes


async def tell(
    hub: Hub, tenant: str, call: str | None = None, *, beat: float = BEAT, pause: float = PAUSE, lease: float = LEASE
) -> AsyncIterator[bytes]:
    """Give the text of one viewer's stream, event by event."""
    viewer, end = hub.watch(tenant, call), time.monotonic() + lease
    try:
        yield b"retry: 2000\n\n"
        while not viewer.closed and time.monotonic() < end:
            yield _next(viewer) if await viewer.wait(beat) else b": beat\n\n"
            await asyncio.sleep(pause)
    finally:
        hub.leave(tenant, viewer)


def _next(viewer: Viewer) -> bytes:
    found = viewer.look()
    return b"" if found is None else _written(*found)


def _written(kind: str, body: dict[str, Any]) -> bytes:
    """Write an event; JSON has no line breaks of its own, so it is one line of data."""
    import orjson

    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(body) + b"\n\n"
