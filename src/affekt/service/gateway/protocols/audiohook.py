"""Genesys Cloud AudioHook, version 2 -> events: text is JSON with sequence numbers, binary is PCMU, bytes interleaved.

`external` is the customer, `internal` the agent. The place of sound is what has come so far, and what the platform says
that it has left out: `discarded`, and what passed until `resumed`. A conversation whose UUID is null only tries the
connection.

Credentials: `api_key`; `client_secret` in base64, with which the upgrade is signed (HTTP message signatures, draft 11,
HMAC-SHA256). Without `client_secret` the key alone counts, as Genesys allows it. An attempt that fails should be
answered after a fixed time, such as 0.5 s, so that the time tells nothing.

Source: developer.genesys.cloud/devapps/audiohook; the public reference implementation, for what is not written there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from affekt.service.gateway.codec import LIMITS, Command, Message, same
from affekt.service.gateway.events import Event, Lost, Paused, Request, Resumed, Started
from affekt.service.gateway.protocols import _said, _sound
from affekt.service.gateway.protocols._wire import GARBLED, KIND, ORDER, POLICY, BreachError, Wire

PROOF: Literal["upgrade"] = "upgrade"

_NULL = "00000000-0000-0000-0000-000000000000"
_BOTH = ("external", "internal")
_RATE = 8000  # Hz
_DURATION = re.compile(r"PT(?:(\d{1,3})H)?(?:(\d{1,5})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?", re.ASCII)
_INFO = 120  # characters of what is wrong that the other end is told


class Codec(Wire):
    """One session: one conversation, as long as it is connected."""

    NAME: ClassVar[str] = "audiohook"
    PATH: ClassVar[str] = "/v1/ingest/audiohook"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._id = request.headers.get("audiohook-session-id", "")
        self._seq = self._clientseq = 0
        self._opened: dict[str, Any] | None = None  # the answer to open, until it is sent
        self._leaving = self._paused = False
        self._next = 0  # samples
        self._decode = _sound.decoder("mulaw", 2 * _RATE)
        self._types: dict[str, Callable[[dict[str, Any], list[Event]], None]] = {
            "open": self._open,
            "ping": lambda given, told: self._answer("pong", {}),
            "update": lambda given, told: self._answer("updated", {}),
            "paused": self._pause,
            "resumed": self._resume,
            "discarded": self._discard,
            "error": lambda given, told: None,  # of a message of ours; what follows is close
            "close": self._close,
        }

    def replies(self) -> list[bytes | str]:
        """Give what must be sent now; the answer to `open` is made now, so that it knows what was said since."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            self._answer("opened", opened)
        return super().replies()

    def _take(self, data: Message, told: list[Event]) -> None:
        if isinstance(data, str):
            self._text(_said.parse(data), told)
        else:
            self._binary(data, told)

    def _binary(self, data: bytes | bytearray | memoryview, told: list[Event]) -> None:
        tracks = self._begun().tracks
        if self._opened is not None:
            raise BreachError(ORDER, "sound before opened")
        if self._leaving:
            return
        parts = _sound.apart(self._decode(data), len(tracks))
        for track, samples in zip(tracks, parts, strict=True):
            self._sound(track, self._next, samples, told)
        self._next += len(parts[0])

    def _text(self, said: dict[str, Any], told: list[Event]) -> None:
        kind, given = said.get("type"), _said.part(said, "parameters")
        self._envelope(said)
        act = self._types.get(kind) if isinstance(kind, str) else None
        if act is None:
            raise BreachError(KIND, f"a message of a type that is not known; known are {', '.join(self._types)}")
        if self._started is None and kind not in ("open", "close", "error"):
            raise BreachError(ORDER, "a message before open")
        act(given, told)

    def _envelope(self, said: dict[str, Any]) -> None:
        """Hold the version, the session and both sequences against what they must be."""
        if said.get("version") != "2":
            raise BreachError(POLICY, "version must be 2")
        name = _said.text(said.get("id"), "id")
        if self._id and name != self._id:
            raise BreachError(POLICY, "id is not that of this session")
        seq = _said.whole(said.get("seq"), "seq")
        if seq != self._clientseq + 1:
            raise BreachError(ORDER, f"seq {seq} after {self._clientseq}")
        if _said.whole(said.get("serverseq"), "serverseq") > self._seq:
            raise BreachError(ORDER, f"serverseq beyond {self._seq}, the last that was sent")
        _samples(said.get("position"), "position")
        self._id, self._clientseq = name, seq

    def _open(self, given: dict[str, Any], told: list[Event]) -> None:
        if self._started is not None:
            raise BreachError(ORDER, "a second open")
        organization = self._request.headers.get("audiohook-organization-id")
        if organization and given.get("organizationId") != organization:
            raise BreachError(POLICY, "organizationId is not that of the upgrade")
        who = _said.part(given, "participant")
        conversation = _said.text(given.get("conversationId"), "conversationId")
        probe = _NULL in (conversation, who.get("id"))
        media = _chosen(given.get("media"), probe)
        parameters = _said.parameters(self._request.query, given.get("customConfig"))
        started = Started(
            external=conversation,
            stream=self._id,
            tracks=tuple(media["channels"]) if media else _BOTH,
            rate=_RATE,
            parameters=parameters,
            probe=probe,
            **{
                "caller": _said.first(who, "ani", "aniName") or None,
                "callee": _said.first(who, "dnis") or None,
                **_said.facts(parameters),
            },
        )
        self._begin(started, told)
        self._opened = {"media": [media] if media else [], "startPaused": False}
        if given.get("supportedLanguages") is True:
            self._opened["supportedLanguages"] = []

    def _pause(self, given: dict[str, Any], told: list[Event]) -> None:
        if not self._paused:
            self._paused = True
            told.append(Paused())

    def _resume(self, given: dict[str, Any], told: list[Event]) -> None:
        self._skip(given)
        if self._paused:
            self._paused = False
            told.append(Resumed())

    def _discard(self, given: dict[str, Any], told: list[Event]) -> None:
        start = self._next
        self._skip(given)
        if self._next > start:
            told += [Lost(track, start, self._next - start) for track in self._begun().tracks]

    def _skip(self, given: dict[str, Any]) -> None:
        """Go on where the platform says; never back, since all that has come is certain."""
        to = _samples(given.get("start"), "start") + _samples(given.get("discarded"), "discarded")
        if to > LIMITS.length * _RATE:
            raise BreachError(POLICY, f"a stream of more than {LIMITS.length:g} s")
        self._next = max(self._next, to)
        self._places.resume()

    def _close(self, given: dict[str, Any], told: list[Event]) -> None:
        self._opened = None
        self._answer("closed", {})
        self._end(_said.text(given.get("reason"), "reason") or "end", told)

    def _command(self, command: Command) -> None:
        if command in ("refuse", "end"):
            self._leave("unauthorized" if command == "refuse" else "completed", {})
        elif self._opened is not None:
            self._opened["startPaused"] = command == "pause"
        elif self._started is not None:
            self._answer(command, {})

    def _failed(self, breach: BreachError) -> None:
        self._leave("error", {"info": breach.text[:_INFO]})

    def _leave(self, reason: str, more: dict[str, str]) -> None:
        if not self._leaving:
            self._leaving, self._opened = True, None
            self._answer("disconnect", {"reason": reason, **more})

    def _answer(self, kind: str, given: Mapping[str, Any]) -> None:
        self._seq += 1
        head = {"version": "2", "id": self._id, "type": kind, "seq": self._seq, "clientseq": self._clientseq}
        self._out.append(_said.write({**head, "parameters": given}))


def _chosen(offered: object, probe: bool) -> dict[str, Any] | None:
    """Choose from the media that are offered: both sides if possible, else the first that can be read."""
    listed = [each for each in offered if _readable(each)] if isinstance(offered, list) else []
    if not listed and not probe:
        raise BreachError(POLICY, "none of the media that are offered is PCMU of 8000 Hz, external or internal or both")
    best = [each for each in listed if tuple(each["channels"]) == _BOTH] or listed
    return best[0] if best else None


def _readable(media: object) -> bool:
    return (
        isinstance(media, dict)
        and (media.get("type"), media.get("format"), media.get("rate")) == ("audio", "PCMU", _RATE)
        and media.get("channels") in ([*_BOTH], [*reversed(_BOTH)], ["external"], ["internal"])
    )


def _samples(duration: object, name: str) -> int:
    """Read a duration of ISO 8601 as samples.

    >>> _samples("PT1.25S", "position"), _samples("PT1M0S", "position")
    (10000, 480000)
    """
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if found is None or not any(found.groups()):
        raise BreachError(GARBLED, f"{name} must be a duration such as PT1.25S")
    hours, minutes, seconds = found.groups(default="0")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * _RATE)


# The signature ------------------------------------------------------------------------------------------------------

_AGE, _SKEW, _NONCE = 10, 3, 22  # s; s by which two clocks may be apart; characters
_COVERED = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
_INPUT = re.compile(
    r'([a-z*][a-z0-9_.*-]*)=(\(("[^"\\]+"(?: "[^"\\]+")*)\)((?:;[a-z]+=(?:"[^"\\]*"|\d{1,15}))+))', re.ASCII
)
_PARAMETER = re.compile(r';([a-z]+)=(?:"([^"\\]*)"|(\d+))', re.ASCII)


def authorize(request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
    """Say why the request is not allowed, or None.

    >>> authorize(Request("/v1/ingest/audiohook", headers={"x-api-key": "a"}), {"api_key": "b"}, 0.0)
    'a wrong X-API-KEY'
    """
    key = request.headers.get("x-api-key")
    if not same(key, str(credentials.get("api_key") or "")):
        return "a wrong X-API-KEY" if key else "no X-API-KEY"
    secret = credentials.get("client_secret")
    return _signed(request, str(secret), now) if secret else None


def _signed(request: Request, secret: str, now: float) -> str | None:
    found = _INPUT.fullmatch(request.headers.get("signature-input", "").strip())
    if found is None:
        return "no Signature-Input that can be read"
    label, signed, listed, parameters = found.groups()
    given = {name: text or number for name, text, number in _PARAMETER.findall(parameters)}
    wrong = _terms(given, request.headers["x-api-key"], now)
    if wrong:
        return wrong
    covered = [name.strip('"') for name in listed.split('" "')]
    if len(set(covered)) < len(covered) or not set(_COVERED) <= set(covered):
        return "a signature that does not cover all that it must, once"
    lines = [(name, _component(request, name)) for name in covered]
    if any(value is None for _, value in lines):
        return "a signature of what is not there"
    base = "\n".join([*(f'"{name}": {value}' for name, value in lines), f'"@signature-params": {signed}'])
    return None if _matches(request.headers.get("signature", ""), label, secret, base) else "a wrong signature"


def _terms(given: Mapping[str, str], key: str, now: float) -> str | None:
    """Hold the parameters of a signature against what they must be."""
    if given.get("alg", "hmac-sha256") != "hmac-sha256" or given.get("keyid") != key:
        return "a signature with another key or algorithm"
    if len(given.get("nonce", "")) < _NONCE:
        return f"a signature whose nonce has less than {_NONCE} characters"
    created, expires = given.get("created", ""), given.get("expires", "")
    if not created.isdecimal() or not created.isascii():
        return "a signature that does not say when it was created"
    if not -_SKEW <= now - int(created) <= _AGE + _SKEW:
        return f"a signature that is older than {_AGE} s, or of the future"
    return "a signature that has expired" if expires.isdecimal() and int(expires) < now - _SKEW else None


def _component(request: Request, name: str) -> str | None:
    try:
        parts = urlsplit(request.url)
    except ValueError:
        return None
    if name == "@request-target":
        return f"{parts.path or request.path}{'?' + parts.query if parts.query else ''}"
    if name == "@authority":
        return (parts.netloc or request.headers.get("host", "")).lower().removesuffix(":443") or None
    return request.headers.get(name, "").strip() or None


def _matches(header: str, label: str, secret: str, base: str) -> bool:
    value = header.strip().removeprefix(f"{label}=:").removesuffix(":")
    try:
        given, key = b64decode(value, validate=True), b64decode(secret, validate=True)
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(key, base.encode("utf-8", "replace"), hashlib.sha256), given)
