"""When which sample of which call was sent, by the clock of the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affekt.errors import UsageError
from affekt.service.load.sound import PIECE, Side


@dataclass(slots=True)
class Sent:
    """Sample -> Unix time. Pieces leave on the beat, so the first of a connection tells of all.

    A sample is sent with the piece that holds it: a platform, too, sends 20 ms when their last sample has been spoken.
    The times are those of the beat. A sender that is late is late in what is measured, never in this.

    >>> sent = Sent(8000)
    >>> sent.begin("CA1", "customer", 1000.0)
    >>> sent.at("CA1", "customer", 159), round(sent.at("CA1", "customer", 160), 3)
    (1000.0, 1000.02)
    """

    rate: int
    "Hz"
    begun: dict[str, dict[Side, float]] = field(default_factory=dict)
    "the platform's name of the call -> side -> Unix time of its first piece, s"

    def begin(self, call: str, side: Side, at: float) -> None:
        """Note when a side's first piece was sent; later, that it has paused so that all is later."""
        self.begun.setdefault(call, {})[side] = at

    def at(self, call: str, side: Side, sample: int) -> float:
        """Return when a sample was sent: Unix time, s. Not true of messages that were made late or lost on purpose.

        Raises:
            UsageError: of this side of this call nothing was sent.
        """
        try:
            begun = self.begun[call][side]
        except KeyError:
            raise UsageError(f"nothing was sent of the {side} of call {call!r}") from None
        return begun + sample // round(self.rate * PIECE) * PIECE

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Sent:
        """Read what `to_dict` gave."""
        return cls(int(value["rate"]), {call: dict(sides) for call, sides in value["begun"].items()})

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {"rate": self.rate, "begun": self.begun}
