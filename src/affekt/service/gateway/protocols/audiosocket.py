"""Asterisk's AudioSocket, a TCP stream -> events. One connection is one leg of a call.

A frame is a type (1 byte), a length (2 bytes, big-endian) and a payload: first the UUID by which the dialplan has named
the connection, then signed linear sound, little-endian. The type of the sound says its rate; so the beginning is told
with the first sound. There are no timestamps: TCP loses nothing, and Asterisk sends each 20 ms, so the samples so far
are the place.

Credentials: none can come. The server binds to a private address, takes connections of listed networks only, and asks
whether the UUID (`Started.external`) is expected.

Source: docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from affekt.service.gateway.codec import Command, Message
from affekt.service.gateway.events import Event, Key, Request, Started
from affekt.service.gateway.protocols import _sound
from affekt.service.gateway.protocols._wire import GARBLED, KIND, ORDER, POLICY, BreachError, Wire

PROOF: Literal["upgrade"] = "upgrade"

TRACK = "audio"
_HEADER = 3  # bytes
_HANGUP, _UUID, _KEY, _ERROR = 0x00, 0x01, 0x03, 0xFF
_RATES = dict(zip(range(0x10, 0x19), (8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000), strict=True))
_ERRORS = {1: "hangup", 2: "frame", 4: "memory"}


class Codec(Wire):
    """One connection: one leg."""

    NAME: ClassVar[str] = "audiosocket"
    TRANSPORT: ClassVar[Literal["websocket", "tcp"]] = "tcp"
    PATH: ClassVar[str] = "/v1/ingest/audiosocket"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._held = bytearray()
        self._name: str | None = None
        self._kind = 0
        self._next = 0  # samples
        self._decode: _sound.Decode | None = None

    def _take(self, data: Message, told: list[Event]) -> None:
        if isinstance(data, str):
            raise BreachError(KIND, "text, where only bytes can come")
        self._held += data
        at = 0
        while not self._over and len(self._held) - at >= _HEADER:
            end = at + _HEADER + int.from_bytes(self._held[at + 1 : at + _HEADER])
            if len(self._held) < end:
                break
            self._frame(self._held[at], bytes(self._held[at + _HEADER : end]), told)
            at = end
        del self._held[:at]

    def _frame(self, kind: int, payload: bytes, told: list[Event]) -> None:
        if self._name is None and kind not in (_UUID, _HANGUP, _ERROR):
            raise BreachError(ORDER, "a frame before the UUID")
        if kind in _RATES:
            self._samples(kind, payload, told)
        elif kind == _UUID:
            self._named(payload)
        elif kind == _KEY:
            told.append(Key(TRACK))
        elif kind == _HANGUP:
            self._end("hangup", told)
        elif kind == _ERROR:
            self._end(f"error: {_ERRORS.get(payload[0] if payload else 0, 'unknown')}", told)
        else:
            raise BreachError(KIND, f"a frame of type {kind:#04x}, which is not known")

    def _named(self, payload: bytes) -> None:
        if self._name is not None:
            raise BreachError(ORDER, "a second UUID")
        if len(payload) != 16:
            raise BreachError(GARBLED, f"a UUID of {len(payload)} bytes; it has 16")
        self._name = str(UUID(bytes=payload))

    def _samples(self, kind: int, payload: bytes, told: list[Event]) -> None:
        if self._decode is None:
            rate, name = _RATES[kind], self._name or ""
            self._kind, self._decode = kind, _sound.decoder("pcm16", rate)
            self._begin(Started(name, name, (TRACK,), rate), told)
        if kind != self._kind:
            raise BreachError(POLICY, "another rate than before: it cannot change within a stream")
        samples = self._decode(payload)
        self._sound(TRACK, self._next, samples, told)
        self._next += len(samples)

    def _command(self, command: Command) -> None:
        if command in ("refuse", "end"):
            self._out.append(bytes([_HANGUP, 0, 0]))


def authorize(request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
    """Allow: AudioSocket has no proof to show, so the server asks for the network and the UUID instead.

    >>> authorize(Request("", peer="10.0.0.5"), {}, 0.0)
    """
    return None
