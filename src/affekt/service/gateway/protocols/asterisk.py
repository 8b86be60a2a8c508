"""Asterisk's chan_websocket -> events: control in text, as JSON or as plain words, and sound in binary messages.

The dialplan adds to the URL what it knows, `v(call=...,track=customer,token=...)`, and these parameters and the channel
variables are the stream's parameters: `call` is the call's name where two channels, one for each side, belong together.
There are no timestamps: Asterisk sends each frame of 20 ms once, so the samples so far are the place.

Credentials: `token`, in the query, in `Authorization` or in a channel variable.

Source: docs.asterisk.org/Configuration/Channel-Drivers/WebSocket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from affekt.service.gateway.codec import LIMITS, Command, Message
from affekt.service.gateway.events import Event, Key, Request, Started
from affekt.service.gateway.protocols import _proof, _said, _sound
from affekt.service.gateway.protocols._wire import ORDER, POLICY, TOO_BIG, BreachError, Wire

PROOF: Literal["hello"] = "hello"

_FORMATS = {"ulaw": ("mulaw", 8000), "alaw": ("alaw", 8000), "opus": ("opus", 48000), "g722": ("g722", 16000)}
_FORMATS |= {
    f"slin{name}": ("pcm16", rate)
    for name, rate in {"": 8000, "12": 12000, "16": 16000, "24": 24000, "32": 32000, "44": 44100, "48": 48000}.items()
}


class Codec(Wire):
    """One connection: one channel, one track."""

    NAME: ClassVar[str] = "asterisk"
    PATH: ClassVar[str] = "/v1/ingest/asterisk"
    SUBPROTOCOLS: ClassVar[tuple[str, ...]] = ("media",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._json = False
        self._next = 0  # samples
        self._decode: _sound.Decode | None = None

    def _take(self, data: Message, told: list[Event]) -> None:
        if isinstance(data, str):
            self._control(data, told)
            return
        track = self._begun().tracks[0]
        if self._decode is not None:
            samples = self._decode(data)
            self._sound(track, self._next, samples, told)
            self._next += len(samples)

    def _control(self, data: str, told: list[Event]) -> None:
        self._json = data.startswith("{")
        said = _said.parse(data) if self._json else _words(data)
        event = said.get("event")
        if event == "MEDIA_START":
            self._start(said, told)
        elif self._started is None:
            raise BreachError(ORDER, "a message before MEDIA_START")
        elif event == "DTMF_END":
            told.append(Key(self._started.tracks[0]))

    def _start(self, said: dict[str, Any], told: list[Event]) -> None:
        name = _said.text(said.get("format"), "format")
        if name not in _FORMATS:
            raise BreachError(POLICY, f"a format that is not known; known are {', '.join(_FORMATS)}")
        encoding, rate = _FORMATS[name]
        given = _said.parameters(said.get("channel_variables"), self._request.query)
        started = Started(
            external=given.get("call") or _said.first(said, "channel_id", "channel"),
            stream=_said.first(said, "connection_id"),
            tracks=_said.names(given.get("track", "audio"), "track")[:1],
            rate=rate,
            parameters=given,
            **_said.facts(given),
        )
        self._begin(started, told)
        self._decode = _sound.decoder(encoding, rate)

    def _command(self, command: Command) -> None:
        if command in ("refuse", "end"):
            self._out.append(_said.write({"command": "HANGUP"}) if self._json else "HANGUP")


def _words(data: str) -> dict[str, Any]:
    """Read the older form: `MEDIA_START connection_id:1 channel:WebSocket/a format:ulaw`.

    >>> _words("DTMF_END digit:1")
    {'event': 'DTMF_END', 'digit': '1'}
    """
    if len(data) > LIMITS.json:
        raise BreachError(TOO_BIG, f"{len(data)} characters of control; allowed are {LIMITS.json}")
    event, *rest = data.split() or [""]
    return {"event": event, **{name: value for name, _, value in (each.partition(":") for each in rest)}}


def authorize(request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
    """Say why the request is not allowed, or None.

    >>> authorize(Request("/v1/ingest/asterisk", {"token": "b"}), {"token": "a"}, 0.0)
    'a wrong token'
    """
    return _proof.by_token(request, credentials, later=True)
