"""Call -> Genesys AudioHook v2: a signed request, an agreement on media, binary mu-law of both sides, interleaved."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from affekt.service.load.leg import Call, Leg, Message
from affekt.service.load.sound import PIECE

TRANSPORT = "websocket"
ORDERED = True
_SIGNED = ("audiohook-organization-id", "audiohook-session-id", "audiohook-correlation-id", "x-api-key")
_ORGANISATION = "d7934305-0972-4844-938e-9060eef73d05"
_LASTS = 30  # s that a signature is good


def legs(call: Call) -> list[Leg]:
    """One connection with both sides."""
    return [AudioHook(call, "/v1/ingest/audiohook")]


class AudioHook(Leg):
    """A client session: it waits for `opened`, and does what the service asks: pause, resume, close."""

    def __init__(self, call: Call, target: str) -> None:
        super().__init__(call, target)
        self.talking = False  # no sound before `opened`
        self.silent = False
        self._coded = call.sound.pieces("ulaw", *self.sides)
        self._seq = self._server = self._sent = 0
        self._paused_at = 0

    @property
    def external(self) -> str:
        """The conversation's id."""
        return str(self.call.id)

    def headers(self, url: str, now: float) -> dict[str, str]:
        """Name the session, and sign that with the secret, which is base64."""
        place = urlsplit(url)
        named = {
            "audiohook-organization-id": _ORGANISATION,
            "audiohook-session-id": self.external,
            "audiohook-correlation-id": self.external,
            "x-api-key": self.call.token,
        }
        if not self.call.secret:
            return named
        parts = {"@request-target": place.path, "@authority": place.netloc, **named}
        created = int(now)
        return named | signature(
            parts, self.call.secret, created=created, expires=created + _LASTS, nonce=secrets.token_urlsafe(18)
        )

    def hello(self) -> list[Message]:
        """`open`, with what can be had."""
        media = {"type": "audio", "format": "PCMU", "rate": 8000}
        offered = [media | {"channels": both} for both in (["external", "internal"], ["external"])]
        who = {"id": self.external, "ani": self.call.customer, "aniName": "", "dnis": "+15550000000"}
        facts = {"organizationId": _ORGANISATION, "conversationId": self.external, "participant": who}
        return [self._message("open", facts | {"media": offered, "language": "en-US"})]

    def say(self, number: int) -> bytes:
        """20 ms of both sides, a byte of each in turns."""
        self._sent = max(self._sent, number + 1)
        return self._coded[self.call.at(number)]

    def hear(self, message: Message) -> list[Message]:
        """Answer as Genesys does."""
        said = json.loads(message)
        self._server = said.get("seq", self._server)
        kind = said.get("type")
        if kind == "opened":
            self.talking = not said["parameters"].get("startPaused", False)
        elif kind == "pause":
            self.talking, self._paused_at = False, self._sent
            return [self._message("paused", {})]
        elif kind == "resume":
            self.talking = True
            return [self._message("resumed", {"start": _span(self._paused_at), "discarded": _span(0)})]
        elif kind == "disconnect":
            self.talking = False
            return [self._message("close", {"reason": "disconnect"})]
        elif kind == "closed":
            self.over = True
        return []

    def goodbye(self, sent: int) -> list[Message]:
        """`close`."""
        self.talking = False
        return [self._message("close", {"reason": "end"})]

    def _message(self, kind: str, facts: Mapping[str, Any]) -> str:
        self._seq += 1
        envelope = {"version": "2", "id": self.external, "type": kind, "seq": self._seq, "serverseq": self._server}
        return json.dumps(envelope | {"position": _span(self._sent), "parameters": facts})


def signature(
    parts: Mapping[str, str], secret: str, *, created: int, expires: int, nonce: str, label: str = "sig1"
) -> dict[str, str]:
    """Sign parts of a request: HTTP message signatures (draft 10), hmac-sha256, as AudioHook has it.

    Args:
        parts: the components in their order, `x-api-key` among them: it names the key.
        secret: the key in base64.
        created: Unix time, s.
        expires: Unix time, s.
        nonce: 22 characters or more, never used before.
        label: of the signature.
    """
    names = " ".join(f'"{name}"' for name in parts)
    terms = f'({names});keyid="{parts["x-api-key"]}";nonce="{nonce}";alg="hmac-sha256"'
    terms += f";created={created};expires={expires}"
    base = "\n".join([*(f'"{name}": {value}' for name, value in parts.items()), f'"@signature-params": {terms}'])
    signed = base64.b64encode(hmac.new(base64.b64decode(secret), base.encode(), hashlib.sha256).digest()).decode()
    return {"signature": f"{label}=:{signed}:", "signature-input": f"{label}={terms}"}


def _span(pieces: int) -> str:
    """ISO 8601.

    >>> _span(63)
    'PT1.26S'
    """
    return f"PT{round(pieces * PIECE, 3):g}S"
