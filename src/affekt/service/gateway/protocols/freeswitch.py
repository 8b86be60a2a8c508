"""FreeSWITCH's mod_audio_fork and mod_audio_stream -> events; jambonz' `listen` too, which is of the same family.

Sound comes in binary messages: linear, little-endian, one channel or two interleaved. What they are, the platform may
not say: `mix` (mono, mixed, stereo) and `rate` are read from the metadata, which is the first text where there is one,
and from the URL's query. Mono is the caller alone, mixed is all in one, stereo is the caller and the called. There are
no timestamps: the samples so far are the place.

Credentials: `token`, in the query, in `Authorization` or in the metadata.

Source: the README of each module; docs.jambonz.org, verb listen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from affekt.service.gateway.codec import Message
from affekt.service.gateway.events import Event, Key, Request, Started
from affekt.service.gateway.protocols import _proof, _said, _sound
from affekt.service.gateway.protocols._wire import POLICY, BreachError, Wire

PROOF: Literal["hello"] = "hello"

_TRACKS = {"mono": ("caller",), "mixed": ("mixed",), "stereo": ("caller", "callee")}
_CALL = ("call", "uuid", "callSid", "call_sid", "callId")


class Codec(Wire):
    """One connection: one channel of FreeSWITCH, one track or two."""

    NAME: ClassVar[str] = "freeswitch"
    PATH: ClassVar[str] = "/v1/ingest/freeswitch"
    SUBPROTOCOLS: ClassVar[tuple[str, ...]] = ("audio.drachtio.org", "audio.jambonz.org")

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._next = 0  # samples
        self._decode: _sound.Decode | None = None

    def _take(self, data: Message, told: list[Event]) -> None:
        if isinstance(data, str):
            said = _said.parse(data) if data.lstrip().startswith("{") else {}
            if self._started is None:
                self._start(said, told)
            elif said.get("event") == "dtmf":
                told.append(Key(self._started.tracks[0]))
            return
        if self._started is None:
            self._start({}, told)
        self._binary(data, told)

    def _binary(self, data: bytes | bytearray | memoryview, told: list[Event]) -> None:
        tracks = self._begun().tracks
        if self._decode is None:
            return
        parts = _sound.apart(self._decode(data), len(tracks))
        for track, samples in zip(tracks, parts, strict=True):
            self._sound(track, self._next, samples, told)
        self._next += len(parts[0])

    def _start(self, said: dict[str, Any], told: list[Event]) -> None:
        given = _said.parameters(said, self._request.query)
        mix = given.get("mix") or given.get("mixType") or "mono"
        if mix not in _TRACKS:
            raise BreachError(POLICY, f"mix must be one of {', '.join(_TRACKS)}")
        tracks = _TRACKS[mix]
        if "track" in given and len(tracks) == 1:
            tracks = _said.names(given["track"], "track")[:1]
        rate = _said.rate(given.get("rate") or given.get("sampleRate") or 8000)
        started = Started(
            external=_said.first(given, *_CALL),
            stream="",
            tracks=tracks,
            rate=rate,
            parameters=given,
            **{"caller": given.get("from"), "callee": given.get("to"), **_said.facts(given)},
        )
        self._begin(started, told)
        self._decode = _sound.decoder("pcm16", rate * len(tracks))


def authorize(request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
    """Say why the request is not allowed, or None.

    >>> authorize(Request("/v1/ingest/freeswitch", {"token": "b"}), {"token": "a"}, 0.0)
    'a wrong token'
    """
    return _proof.by_token(request, credentials, later=True)
