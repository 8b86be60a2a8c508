"""Vonage Voice API -> events: a first text, then binary messages of 20 ms, linear and little-endian.

The `headers` that the NCCO gives come in the first text: `call` names the call, `track` whose sound this is. There are
no timestamps: Vonage sends each 20 ms once, and buffers a minute where it cannot, so the samples so far are the place.

Credentials: `token`, in the query, in the NCCO's `headers` or in its `authorization` of type `custom`; or
`signature_secret`, where the NCCO asks for `authorization` of type `vonage`: a JWT of Vonage, signed with HMAC-SHA256.

Source: developer.vonage.com/voice/voice-api/concepts/websockets, /getting-started/concepts/webhooks (signed).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from affekt.service.gateway.codec import Message
from affekt.service.gateway.events import Event, Key, Request, Started
from affekt.service.gateway.protocols import _proof, _said, _sound
from affekt.service.gateway.protocols._wire import ORDER, POLICY, BreachError, Wire

PROOF: Literal["hello"] = "hello"

_AGE, _SKEW = 300.0, 30.0  # s: how old a JWT without an end may be; how far two clocks may be apart
_CALL = ("call", "uuid", "conversation_uuid", "call_uuid")
_OWN = ("event", "content-type")


class Codec(Wire):
    """One connection: one leg of a conversation, one track."""

    NAME: ClassVar[str] = "vonage"
    PATH: ClassVar[str] = "/v1/ingest/vonage"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._next = 0  # samples
        self._decode: _sound.Decode | None = None

    def _take(self, data: Message, told: list[Event]) -> None:
        if isinstance(data, str):
            self._text(_said.parse(data), told)
            return
        track = self._begun().tracks[0]
        if self._decode is not None:
            samples = self._decode(data)
            self._sound(track, self._next, samples, told)
            self._next += len(samples)

    def _text(self, said: dict[str, Any], told: list[Event]) -> None:
        event = said.get("event")
        if event == "websocket:connected":
            self._start(said, told)
        elif self._started is None:
            raise BreachError(ORDER, "a message before websocket:connected")
        elif event == "websocket:dtmf":
            told.append(Key(self._started.tracks[0]))

    def _start(self, said: dict[str, Any], told: list[Event]) -> None:
        content, _, rate = _said.text(said.get("content-type"), "content-type").partition(";rate=")
        if content != "audio/l16":
            raise BreachError(POLICY, "content-type must be audio/l16;rate=8000, 16000 or 24000")
        hertz = _said.rate(rate, "the rate of content-type")
        given = _said.parameters({n: v for n, v in said.items() if n not in _OWN}, self._request.query)
        started = Started(
            external=_said.first(given, *_CALL),
            stream="",
            tracks=_said.names(given.get("track", "audio"), "track")[:1],
            rate=hertz,
            parameters=given,
            **_said.facts(given),
        )
        self._begin(started, told)
        self._decode = _sound.decoder("pcm16", hertz)


def authorize(request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
    """Say why the request is not allowed, or None.

    >>> authorize(Request("/v1/ingest/vonage"), {"signature_secret": "s"}, 0.0)
    'no JWT in Authorization'
    """
    secret = credentials.get("signature_secret")
    if not secret:
        return _proof.by_token(request, credentials, later=True)
    scheme, _, jwt = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or jwt.count(".") != 2:
        return "no JWT in Authorization"
    return _jwt(jwt.strip(), str(secret), now)


def _jwt(jwt: str, secret: str, now: float) -> str | None:
    """Check a JWT of HS256 (RFC 7519) and its times."""
    try:
        head, body = (_said.parse(_unpacked(part)) for part in jwt.split(".")[:2])
        right = _right(jwt, secret.encode())
    except (ValueError, BreachError):
        return "a JWT that cannot be read"
    if head.get("alg") != "HS256":
        return "a JWT that is not signed with HS256"
    return _times(body, now) if right else "a JWT with a wrong signature"


def _right(jwt: str, key: bytes) -> bool:
    signed, _, signature = jwt.rpartition(".")
    return hmac.compare_digest(hmac.digest(key, signed.encode(), hashlib.sha256), _unpacked(signature))


def _times(body: dict[str, Any], now: float) -> str | None:
    times = {name: body[name] for name in ("iat", "nbf", "exp") if name in body}
    if not all(isinstance(time, int | float) for time in times.values()) or not times:
        return "a JWT without its times"
    begin, end = max(times.get("iat", 0), times.get("nbf", 0)), times.get("exp", times.get("iat", 0) + _AGE)
    return None if begin - _SKEW <= now <= end + _SKEW else "a JWT that is not valid now"


def _unpacked(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
