"""JSON with base64 in it -> events: the family of Twilio Media Streams, in whatever case its members write.

    {"event": "connected"}  {"event": "start", "start": {...}}  {"event": "media", "media": {...}}  {"event": "stop"}

The timestamp of a piece, in milliseconds since the stream began, is its place. A first timestamp beyond a day is one of
a clock on the wall: then the first piece lies at 0.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable
from typing import Any, ClassVar

from affekt.service.gateway.codec import LIMITS, Message
from affekt.service.gateway.events import Event, Key, Request, Started
from affekt.service.gateway.protocols import _said, _sound
from affekt.service.gateway.protocols._wire import GARBLED, ORDER, POLICY, BreachError, Wire

_CALL = ("callSid", "call_sid", "callId", "call_control_id")
_STREAM = ("streamSid", "stream_sid", "streamId", "stream_id")
_BEFORE = frozenset({"connected", "start"})


class Media(Wire):
    """One connection of the family."""

    TRACKS: ClassVar[tuple[str, ...]] = ("inbound",)
    "where the platform does not say which will come"
    LINEAR: ClassVar[str] = "pcm16"
    "what it means by L16"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._decoders: dict[str, _sound.Decode] = {}
        self._scale = 0  # samples per second
        self._origin: int | None = None  # ms
        self._others: dict[str, Callable[[dict[str, Any], list[Event]], None]] = {
            "start": self._start,
            "dtmf": self._key,
            "stop": self._stop,
        }

    def _take(self, data: Message, told: list[Event]) -> None:
        said = _said.parse(data)
        event = said.get("event")
        if event == "media":
            self._media(said, told)
            return
        if type(event) is not str:
            raise BreachError(GARBLED, "a message without its event")
        if self._started is None and event not in _BEFORE:
            raise BreachError(ORDER, "a message before start")
        other = self._others.get(event)
        if other is not None:  # connected, mark and what a platform may add say nothing of the call
            other(said, told)

    def _media(self, said: dict[str, Any], told: list[Event]) -> None:
        media = said.get("media")
        if type(media) is not dict:
            raise BreachError(GARBLED, "media must be an object")
        track = media.get("track") or self._only()
        decode = self._decoders.get(track) if type(track) is str else None
        if decode is None:
            self._begun()
            raise BreachError(POLICY, "sound of a track that start has not named")
        try:
            coded = a2b_base64(media["payload"], strict_mode=True)
        except (KeyError, TypeError, ValueError):
            raise BreachError(GARBLED, "payload must be base64") from None
        start = self._place(media.get("timestamp"))
        if start is not None:
            self._sound(track, start, decode(coded), told)

    def _only(self) -> str:
        """Exotel has one track, and does not name it."""
        return self._begun().tracks[0]

    def _place(self, stamp: object) -> int | None:
        at = _said.whole(stamp, "timestamp")
        if self._origin is None:
            self._origin = at if at > 1000 * LIMITS.length else 0
        at -= self._origin
        return at * self._scale // 1000 if at >= 0 else None

    def _start(self, said: dict[str, Any], told: list[Event]) -> None:
        start = _said.part(said, "start")
        given = self._parameters(said, start)
        encoding, rate = self._format(start)
        tracks = self._tracks(start, given)
        facts = {"caller": _said.first(start, "from") or None, "callee": _said.first(start, "to") or None}
        started = Started(
            external=_said.first(start, *_CALL),
            stream=_said.first(start, *_STREAM) or _said.first(said, *_STREAM),
            tracks=tracks,
            rate=rate,
            parameters=given,
            **{**facts, **_said.facts(given)},
        )
        self._begin(started, told)
        self._scale = rate
        self._decoders = {track: _sound.decoder(encoding, rate) for track in tracks}

    def _parameters(self, said: dict[str, Any], start: dict[str, Any]) -> dict[str, str]:
        own = start.get("customParameters") or start.get("custom_parameters")
        return _said.parameters(self._request.query, own)

    def _format(self, start: dict[str, Any]) -> tuple[str, int]:
        form = start.get("mediaFormat") or start.get("media_format")
        if type(form) is not dict:
            raise BreachError(GARBLED, "start must say the format of its media")
        if _said.whole(form.get("channels") or 1, "channels") != 1:
            raise BreachError(POLICY, "media of several channels; allowed is one, with several tracks")
        encoding = _sound.named(_said.text(form.get("encoding"), "encoding"))
        rate = _said.rate(form.get("sampleRate") or form.get("sample_rate"), "the sample rate")
        return self.LINEAR if encoding == "pcm16" else encoding, _sound.rate_of(encoding, rate)

    def _tracks(self, start: dict[str, Any], given: dict[str, str]) -> tuple[str, ...]:
        listed = start.get("tracks") or given.get("tracks")
        return self.TRACKS if listed is None else tuple(map(_short, _said.names(listed, "tracks")))

    def _key(self, said: dict[str, Any], told: list[Event]) -> None:
        dtmf = said.get("dtmf")
        track = _said.text(dtmf.get("track"), "track") if isinstance(dtmf, dict) else ""
        told.append(Key(_short(track) or None))

    def _stop(self, said: dict[str, Any], told: list[Event]) -> None:
        self._end("stop", told)


def _short(track: str) -> str:
    return track.removesuffix("_track")
