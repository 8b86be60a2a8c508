"""A row of the outbox -> `Delivery`; what became of it: `Sent` or `Failed`.

The id is that of the row, and the same whenever the delivery is tried again: by it a receiver knows what it has had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a tenant wants to be told."""

    id: str
    kind: str
    "a file of `affekt.service.deliver.channels`"
    name: str
    "what the tenant calls it"
    settings: Mapping[str, Any]
    secret: str = field(default="", repr=False)
    "what it is, its channel says"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change of one alert, for one destination."""

    id: str
    tenant: str
    change: str
    "the state that the alert came to: firing, acknowledged, snoozed, resolved, expired; or test"
    at: str
    "when it did, ISO 8601"
    alert: Mapping[str, Any]
    "as REST shows it, after this change"
    destination: Destination
    tries: int = 1
    "how often it was tried, with this one"
    link: str = ""
    "page of the alert in the dashboard"
    later: Mapping[str, Any] | None = None
    "`state` of the alert by now and `at`, since when; None: this change was its last"

    @property
    def type(self) -> str:
        """Name of the event, such as `alert.firing`."""
        return "test" if self.change == "test" else f"alert.{self.change}"


@dataclass(frozen=True, slots=True)
class Sent:
    """It was taken."""

    status: int
    "of HTTP or SMTP"


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not taken."""

    why: str
    "without anything secret: people read it"
    after: float | None = None
    "s: the receiver wants nothing before that"
    ends: Literal["nothing", "delivery", "destination"] = "nothing"
    "what is given up for good"
    status: int | None = None
    "of HTTP or SMTP, where there was an answer"


Outcome = Sent | Failed
