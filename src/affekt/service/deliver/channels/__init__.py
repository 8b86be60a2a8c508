"""Delivery -> what a receiver understands. One file = one channel.

A channel is a module with

- `Settings`  a frozen dataclass: what a destination of this kind is told, with `Reach` and `changes`
- `CREDENTIAL`    what the destination's secret is, in a sentence
- `TRIES`     how often a delivery is tried, on the schedule of `affekt.service.deliver.schedule`
- `SIDES`     deliveries to one destination at once
- `GAP`       s between the end of one and the start of the next; 0 where the receiver does not mind
- `check(settings, secret)`  raises `UsageError` where the two do not make a destination
- `send(delivery, settings, net)`  one try; gives `Sent` or `Failed`, raises only what `Net` raises
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from affekt import config, registry
from affekt.errors import UnknownNameError, UsageError
from affekt.service.deliver.delivery import Delivery, Outcome
from affekt.service.deliver.net import Net
from affekt.service.deliver.reach import Reach

FOLDER = "service.deliver.channels"
CHANGES = ("firing", "acknowledged", "snoozed", "resolved", "expired")
"""What can happen to an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common(Reach):
    """Settings that every channel has."""

    changes: tuple[str, ...] = CHANGES
    "what is told: of firing, acknowledged, snoozed, resolved, expired"

    def __post_init__(self) -> None:
        """Refuse changes that do not exist."""
        Reach.__post_init__(self)
        for change in self.changes:
            if change not in CHANGES:
                raise UnknownNameError("change of an alert", change, CHANGES)


class Channel(Protocol):
    """What a file of this folder owes."""

    Settings: type[Any]
    CREDENTIAL: str
    TRIES: int
    SIDES: int
    GAP: float

    def check(self, settings: Any, secret: str) -> None:
        """Refuse what is no destination."""

    async def send(self, delivery: Delivery, settings: Any, net: Net) -> Outcome:
        """Try once."""


@cache
def kinds() -> tuple[str, ...]:
    """Name the channels.

    >>> kinds()
    ('alertmanager', 'email', 'slack', 'teams', 'webhook')
    """
    return tuple(registry.names(FOLDER))


@cache
def channel(kind: str) -> Channel:
    """Give the channel `kind`.

    Raises:
        UnknownNameError: there is none; the message lists them.
    """
    if kind not in kinds():
        raise UnknownNameError("channel", kind, kinds())
    found: Any = registry.load(FOLDER, kind)
    return found  # type: ignore[no-any-return]


def read(kind: str, settings: Mapping[str, Any]) -> Any:
    """Give a destination's settings as the channel's `Settings`.

    Raises:
        UnknownNameError: there is no such channel.
        ConfigError: an unknown or missing setting, or a value that is not allowed.

    >>> read("webhook", {"url": "https://example.com/affekt"}).changes[0]
    'firing'
    """
    return config.parse(channel(kind).Settings, settings, source=f"destination {kind}")


def check(kind: str, settings: Mapping[str, Any], secret: str = "") -> None:
    """Refuse what is no destination, before it is kept; nothing is connected to.

    Args:
        kind: a channel.
        settings: fields of its `Settings`.
        secret: as its `CREDENTIAL` says.

    Raises:
        UsageError: the message says what was given and what is allowed, and never the secret.

    >>> check("webhook", {"url": "https://example.com/affekt"}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> check("webhook", {"url": "https://example.com/affekt"})
    Traceback (most recent call last):
    affekt.errors.UsageError: a webhook needs a secret: one or two of whsec_ and 24 to 64 bytes in base64, newest first
    """
    found = channel(kind)
    found.check(read(kind, settings), secret)


def needs(secret: str, kind: str, what: str) -> None:
    """Refuse an empty secret."""
    if not secret.strip():
        raise UsageError(f"{kind} needs a secret: {what}")
