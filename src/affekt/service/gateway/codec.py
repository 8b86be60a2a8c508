"""Bytes of a socket -> events; commands -> bytes. What each protocol owes: no socket and no clock inside.

One file of `protocols/` is one protocol: a class `Codec`, which lives as long as one connection, and a function
`authorize`. A server does this with them:

    why = protocol.authorize(request, credentials, now)    at the upgrade; a text: refuse, and log it
    codec = protocol.Codec(request)
    for event in codec.feed(message): ...                  whatever comes; it never raises
    for message in codec.replies(): ...                    send them, after each `feed` and each `say`

A protocol without a word for the end has ended when its connection is closed; and what is closed or broken early may
have ended without a `Started`.

`authorize` sees what an upgrade can prove: a signature of the platform, a token in the query or in `Authorization`
(Bearer, or the password of Basic). Where a protocol can bring the token in its first message, a request without one
passes, and the token is in `Started.parameters["token"]`: then the server must compare it (`same`), and may ask
`authorize` once more with the credentials that the token has led to. `PROOF` says which of the two it is.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, cast

from affekt import registry
from affekt.service.gateway.events import Event, Request

FOLDER = "service.gateway.protocols"

Command = Literal["pause", "resume", "refuse", "end"]
"""What a server may want of the other end: send nothing, send again, go away for want of permission, go away."""

Message = bytes | bytearray | memoryview | str


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken from the other end at most: whatever it sends, memory does not grow."""

    json: int = 65536
    "bytes of a message in JSON"
    seconds: float = 1.0
    "of sound in one message"
    ahead: float = 5.0
    "s by which a place may run ahead of all sound so far; beyond, a second piece must confirm it (RFC 3550, A.1)"
    gap: float = 600.0
    "s by which even two pieces may not run ahead: nothing real is so long, and each second is heard as silence"
    length: float = 86400.0
    "s of a stream"
    tracks: int = 8
    "in one stream"
    parameters: int = 32
    "that a customer's set-up adds"
    text: int = 1024
    "characters of one name or parameter"


LIMITS = Limits()


class Codec(Protocol):
    """What the class `Codec` of a protocol's file owes. One of it hears one connection."""

    NAME: ClassVar[str]
    TRANSPORT: ClassVar[Literal["websocket", "tcp"]]
    PATH: ClassVar[str]
    "of the WebSocket; also for TCP, where it names the protocol only"
    SUBPROTOCOLS: ClassVar[tuple[str, ...]]
    "which to accept in the upgrade where it is offered (`Sec-WebSocket-Protocol`): some clients insist on an answer"

    def __init__(self, request: Request) -> None:
        """Begin with what the upgrade has said."""

    def feed(self, data: Message) -> list[Event]:
        """Take one message of a WebSocket, or a piece of a TCP stream, cut anywhere.

        Text is `str`, or bytes of UTF-8 where a protocol has nothing but text; what is binary is bytes. Never raises:
        what is wrong is a `Violation`, after which nothing is told.
        """

    def replies(self) -> list[bytes | str]:
        """Give what must be sent now, and forget it: `str` as text, `bytes` as binary."""

    def say(self, command: Command) -> None:
        """Put a command into `replies`; does nothing where the protocol has no word for it."""


class Module(Protocol):
    """What a protocol's file owes."""

    Codec: type[Codec]
    PROOF: Literal["upgrade", "hello"]
    "hello: the token may come in the first message; upgrade: all proof is in the request"

    def authorize(self, request: Request, credentials: Mapping[str, Any], now: float) -> str | None:
        """Say why not, for the log and never for the other end; None: allowed, as far as the request can prove.

        Args:
            request: of the upgrade.
            credentials: what the tenant has stored for this protocol; the file's docstring names the keys.
            now: Unix time in seconds.
        """


@cache
def load(name: str) -> Module:
    """Import the protocol `name`; the second time, it costs nothing.

    Raises:
        UnknownNameError: there is no such protocol; the message lists them.
        MissingExtraError: a package of the extra `serve` is missing.

    >>> load("audiosocket").Codec.TRANSPORT
    'tcp'
    """
    return cast(Module, registry.load(FOLDER, name))


def names() -> list[str]:
    """Return the sorted names of all protocols, without importing them.

    >>> "twilio" in names()
    True
    """
    return registry.names(FOLDER)


def same(given: str | None, kept: str | None) -> bool:
    """Say whether two secrets are the same, in a time that tells nothing of where they differ; nothing equals None.

    >>> same("token", "token"), same(None, None)
    (True, False)
    """
    if not given or not kept:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), kept.encode("utf-8", "replace"))
