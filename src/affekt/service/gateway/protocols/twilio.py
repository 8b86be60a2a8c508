"""Twilio Media Streams -> events; also Plivo and Exotel, which write the same in another case.

Credentials: `auth_token`, with which Twilio has signed the URL (`X-Twilio-Signature`); `token`, which the customer has
put into a `<Parameter>`, since Twilio refuses a query. Plivo and Exotel can put it into the query.

Source: twilio.com/docs/voice/media-streams/websocket-messages, /docs/usage/security.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from affekt.service.gateway.codec import same
from affekt.service.gateway.events import Request
from affekt.service.gateway.protocols import _proof, _said
from affekt.service.gateway.protocols._media import Media

PROOF: Literal["hello"] = "hello"


class Codec(Media):
    """One stream of one call."""

    NAME: ClassVar[str] = "twilio"
    PATH: ClassVar[str] = "/v1/ingest/twilio"

    def _parameters(self, said: dict[str, Any], start: dict[str, Any]) -> dict[str, str]:
        """Join what a `<Parameter>` has said, or Plivo's `extra_headers`, which is JSON in a text."""
        headers = said.get("extra_headers") or start.get("extra_headers")
        plivo = _said.parse(headers) if isinstance(headers, str) and headers.startswith("{") else None
        return {**super()._parameters(said, start), **_said.parameters(plivo)}


def authorize(request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
    """Say why the request is not allowed, or None.

    >>> from affekt.service.gateway.events import Request
    >>> authorize(Request("/v1/ingest/twilio", url="wss://h/v1/ingest/twilio"), {"auth_token": "12345"}, 0.0)
    'no X-Twilio-Signature'
    """
    kept = credentials.get("auth_token")
    if kept:
        given = request.headers.get("x-twilio-signature")
        if not given:
            return "no X-Twilio-Signature"
        if not any(same(given, signature(str(kept), url)) for url in _spellings(request.url)):
            return "a wrong X-Twilio-Signature: the auth token is another, or the URL that Twilio was told is"
    return _proof.by_token(request, credentials, later=True)


def signature(auth_token: str, url: str) -> str:
    """Sign a URL as Twilio does: HMAC-SHA1, in base64."""
    return base64.b64encode(hmac.digest(auth_token.encode(), url.encode("utf-8", "replace"), hashlib.sha1)).decode()


def _spellings(url: str) -> list[str]:
    """Twilio signs with or without the port, whether or not the customer has written it."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.netloc.rpartition(":")[0]
    except ValueError:
        return [url]
    standard = {"wss": 443, "https": 443}.get(parts.scheme, 80)
    if port is None:
        return [url, parts._replace(netloc=f"{parts.netloc}:{standard}").geturl()]
    return [url, parts._replace(netloc=host).geturl()] if port == standard else [url]
