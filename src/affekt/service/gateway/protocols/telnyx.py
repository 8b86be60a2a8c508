"""Telnyx media streaming -> events. Messages may come in any order: the timestamp of each says where it lies.

Credentials: `token`, which the customer has put into the query of `stream_url`, or into the custom parameters. Telnyx
signs its webhooks only (ed25519), and not this connection.

`start` does not say which tracks will come: both are taken to, but for a parameter `tracks`, such as `inbound`. L16 is
read in network order, as RTP has it (RFC 3551), but for a parameter `byteorder=little`: Telnyx does not say.

Source: developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from affekt.service.gateway.events import Request
from affekt.service.gateway.protocols import _proof
from affekt.service.gateway.protocols._media import Media

PROOF: Literal["hello"] = "hello"


class Codec(Media):
    """One stream of one call."""

    NAME: ClassVar[str] = "telnyx"
    PATH: ClassVar[str] = "/v1/ingest/telnyx"
    TRACKS: ClassVar[tuple[str, ...]] = ("inbound", "outbound")

    def _format(self, start: dict[str, Any]) -> tuple[str, int]:
        encoding, rate = super()._format(start)
        given = self._parameters({}, start)
        return "pcm16be" if encoding == "pcm16" and given.get("byteorder") != "little" else encoding, rate


def authorize(request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
    """Say why the request is not allowed, or None.

    >>> authorize(Request("/v1/ingest/telnyx", {"token": "b"}), {"token": "a"}, 0.0)
    'a wrong token'
    """
    return _proof.by_token(request, credentials, later=True)
