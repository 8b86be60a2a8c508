"""Call -> Vonage Voice WebSocket: the headers of the NCCO as the first message, then 16 bits little-endian."""

from __future__ import annotations

import json
from urllib.parse import quote

from affekt.service.load.leg import Call, Leg, Message
from affekt.service.load.sound import SIDES, Side

TRANSPORT = "websocket"
ORDERED = True


def legs(call: Call) -> list[Leg]:
    """A connection for each side: Vonage's WebSocket hears one leg."""
    return [Vonage(call, side) for side in SIDES]


class Vonage(Leg):
    """An endpoint of an NCCO; what stands in its `headers` comes in the first message."""

    def __init__(self, call: Call, side: Side) -> None:
        super().__init__(call, f"/v1/ingest/vonage?token={quote(call.token)}", (side,))
        self._coded = call.sound.pieces("l16", side)

    def hello(self) -> list[Message]:
        """`websocket:connected`."""
        facts = {
            "event": "websocket:connected",
            "content-type": f"audio/l16;rate={self.call.sound.rate}",
            "token": self.call.token,
            "call": self.external,
            "track": self.sides[0],
            "caller": self.call.customer,
        }
        return [json.dumps(facts)]

    def say(self, number: int) -> bytes:
        """20 ms."""
        return self._coded[self.call.at(number)]
