"""Bytes of a carrier -> what they say of a call, each a small frozen value. The same nouns for every protocol.

A place in the sound is a whole number of samples since the stream began, at the stream's rate, as the platform's own
timestamps or chunk numbers give it. What is lost, late, double or out of order is put right behind, by
`affekt.live.track`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
ConsentState = Literal["given", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Request:
    """What an upgrade to a WebSocket, or a TCP connection, has said before its first message."""

    path: str
    "without the query"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    "by their names in lower case"
    peer: str = ""
    "address of the other end"
    url: str = ""
    "as the platform was told it, `wss://...` with the query: what it has signed"


@dataclass(frozen=True, slots=True)
class Started:
    """The stream of a call has begun: who, and what will come."""

    external: str
    "the platform's name of the call; empty where it has said none"
    stream: str
    "the platform's name of this connection; empty where it has said none"
    tracks: tuple[str, ...]
    "as the platform calls them; a role is given to each behind"
    rate: int
    "Hz: of all places in this stream, and of its samples"
    caller: str | None = None
    "number or name of who calls: personal data, to be hashed"
    callee: str | None = None
    "number or name of who is called"
    agent: str | None = None
    queue: str | None = None
    direction: Literal["in", "out"] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    "what the customer's own set-up has added, such as `token`"
    notice: bool | None = None
    "the customer was told of the analysis; None: not said"
    consent: ConsentState | None = None
    "None: not said"
    probe: bool = False
    "the platform only tries the connection: nothing is to be kept"


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound of one track."""

    track: str
    start: int
    "samples of the stream, at `rate`"
    rate: int
    "Hz"
    samples: Pcm
    "(n,), n > 0, in the machine's byte order: a view that lives as long as the message, or memory of its own"


@dataclass(frozen=True, slots=True)
class Lost:
    """The platform itself says that it has dropped sound."""

    track: str
    start: int
    "samples of the stream"
    count: int
    "samples"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the telephone was pressed. Which one is never kept: it may be of a card's number."""

    track: str | None
    "None: the platform does not say whose"


@dataclass(frozen=True, slots=True)
class Paused:
    """The platform pauses the stream, or has done so when asked: what comes until resumed is not to be heard."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The stream goes on."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the customer has said of the analysis."""

    state: ConsentState


@dataclass(frozen=True, slots=True)
class Ended:
    """The platform has ended the stream; nothing follows."""

    reason: str
    "in the platform's own word, such as `hangup`"


@dataclass(frozen=True, slots=True)
class Violation:
    """The other end has broken the protocol; nothing follows. The connection is to be closed."""

    code: int
    "with which to close a WebSocket (RFC 6455, section 7.4); 1011: the fault is ours"
    text: str
    "what was given, and what is allowed; for the log and for the close frame"


Event = Started | Audio | Lost | Key | Paused | Resumed | Consent | Ended | Violation
