"""Our own WebSocket -> events: for browsers, and for everything that speaks none of the others. docs/ingest.md has all.

    text    {"type": "hello", "call": "...", "rate": 16000, "encoding": "pcm16", "tracks": ["customer"], "token": "..."}
    binary  track u8, flags u8 (0), reserved u16 (0), position u32 in samples, little-endian; then the sound
    text    {"type": "pause"}  {"type": "resume"}  {"type": "consent", "state": "given"}  {"type": "bye"}

Credentials: `token`, in the hello, in the query or in `Authorization`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, ClassVar, Literal

from affekt.service.gateway.codec import Command, Message
from affekt.service.gateway.events import Consent, Event, Key, Paused, Request, Resumed, Started
from affekt.service.gateway.protocols import _proof, _said, _sound
from affekt.service.gateway.protocols._wire import GARBLED, KIND, ORDER, POLICY, BreachError, Wire

PROOF: Literal["hello"] = "hello"

_HEADER = Struct("<BBHI")
_FACTS = ("caller", "callee", "agent", "queue", "direction", "notice", "consent", "token")


class Codec(Wire):
    """One connection: one call, all its tracks."""

    NAME: ClassVar[str] = "affekt"
    PATH: ClassVar[str] = "/v1/ingest/affekt"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._tracks: list[tuple[str, _sound.Decode]] = []
        self._paused = False
        self._types: dict[str, Callable[[dict[str, Any], list[Event]], None]] = {
            "hello": self._hello,
            "pause": self._pause,
            "resume": self._resume,
            "consent": lambda said, told: told.append(Consent(_said.consent(said.get("state")))),
            "key": self._key,
            "bye": lambda said, told: self._end(_said.text(said.get("reason"), "reason") or "bye", told),
        }

    def _take(self, data: Message, told: list[Event]) -> None:
        if isinstance(data, str):
            self._text(_said.parse(data), told)
        else:
            self._binary(data, told)

    def _binary(self, data: bytes | bytearray | memoryview, told: list[Event]) -> None:
        self._begun()
        if len(data) < _HEADER.size:
            raise BreachError(GARBLED, f"{len(data)} bytes; a frame has a header of {_HEADER.size}")
        number, flags, reserved, start = _HEADER.unpack_from(data)
        if flags or reserved:
            raise BreachError(GARBLED, "flags and reserved must be 0 in this version")
        if number >= len(self._tracks):
            raise BreachError(POLICY, f"track {number}; the hello has named {len(self._tracks)}")
        track, decode = self._tracks[number]
        self._sound(track, start, decode(memoryview(data)[_HEADER.size :]), told)

    def _text(self, said: dict[str, Any], told: list[Event]) -> None:
        kind = said.get("type")
        act = self._types.get(kind) if isinstance(kind, str) else None
        if act is None:
            raise BreachError(KIND, f"a message of a type that is not known; known are {', '.join(self._types)}")
        if self._started is None and kind != "hello":
            raise BreachError(ORDER, "a message before the hello")
        act(said, told)

    def _hello(self, said: dict[str, Any], told: list[Event]) -> None:
        given = _said.parameters(self._request.query, said.get("parameters"), {n: said.get(n) for n in _FACTS})
        encoding = _sound.named(_said.text(said.get("encoding", "pcm16"), "encoding"))
        rate = _said.rate(said.get("rate"))
        if rate != _sound.rate_of(encoding, rate):
            raise BreachError(POLICY, f"{encoding} has {_sound.rate_of(encoding, rate)} Hz here, got {rate}")
        tracks = _said.names(said.get("tracks"), "tracks")
        call, stream = _said.text(said.get("call"), "call"), _said.text(said.get("stream"), "stream")
        self._begin(Started(call, stream, tracks, rate, parameters=given, **_said.facts(given)), told)
        self._tracks = [(track, _sound.decoder(encoding, rate)) for track in tracks]

    def _pause(self, said: dict[str, Any], told: list[Event]) -> None:
        self._paused = True
        told.append(Paused())

    def _resume(self, said: dict[str, Any], told: list[Event]) -> None:
        if self._paused:
            self._places.resume()
        self._paused = False
        told.append(Resumed())

    def _key(self, said: dict[str, Any], told: list[Event]) -> None:
        told.append(Key(_said.text(said.get("track"), "track") or None))

    def _command(self, command: Command) -> None:
        self._out.append(_said.write({"type": command}))


def authorize(request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
    """Say why the request is not allowed, or None.

    >>> authorize(Request("/v1/ingest/affekt", headers={"authorization": "Bearer a"}), {"token": "a"}, 0.0)
    >>> authorize(Request("/v1/ingest/affekt", headers={"authorization": "Bearer b"}), {"token": "a"}, 0.0)
    'a wrong token'
    """
    return _proof.by_token(request, credentials, later=True)
