"""Call -> Asterisk chan_websocket: events in JSON, binary mu-law; one connection for each side."""

from __future__ import annotations

import json
from urllib.parse import quote

from affekt.service.load.leg import Call, Leg, Message
from affekt.service.load.sound import SIDES, Side

TRANSPORT = "websocket"
ORDERED = True


def legs(call: Call) -> list[Leg]:
    """A connection for each side: a channel has one leg."""
    return [Asterisk(call, side) for side in SIDES]


class Asterisk(Leg):
    """`externalMedia` with `f(json)d(out)`: Asterisk speaks, and hears nothing."""

    def __init__(self, call: Call, side: Side) -> None:
        query = f"token={quote(call.token)}&call={call.id.hex}&track={side}"
        super().__init__(call, f"/v1/ingest/asterisk?{query}", (side,))
        self._coded = call.sound.pieces("ulaw", side)

    def hello(self) -> list[Message]:
        """`MEDIA_START`."""
        facts = {
            "event": "MEDIA_START",
            "connection_id": f"{self.external}-{self.sides[0]}",
            "channel": f"WebSocket/{self.external}/0x1",
            "channel_id": f"{self.external}.{self.sides[0]}",
            "format": "ulaw",
            "optimal_frame_size": self.call.sound.size,
            "ptime": 20,
            "channel_variables": {},
        }
        return [json.dumps(facts)]

    def say(self, number: int) -> bytes:
        """20 ms."""
        return self._coded[self.call.at(number)]
