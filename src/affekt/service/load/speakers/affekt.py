"""Call -> our own WebSocket: a hello in JSON, then 16 bits behind 8 bytes: track, flags, position in samples."""

from __future__ import annotations

import json
import struct

from affekt.service.load.leg import Call, Leg, Message
from affekt.service.load.sound import SIDES

TRANSPORT = "websocket"
ORDERED = False
_HEAD = struct.Struct("<BBHI")  # track, flags, reserved, position


def legs(call: Call) -> list[Leg]:
    """One connection with both sides."""
    return [Affekt(call, "/v1/ingest/affekt")]


class Affekt(Leg):
    """Tracks by their number in the hello."""

    def __init__(self, call: Call, target: str) -> None:
        super().__init__(call, target)
        self.parts = 2
        self._coded = [call.sound.pieces("l16", side) for side in self.sides]

    def hello(self) -> list[Message]:
        """Who, what, and the token."""
        facts = {
            "type": "hello",
            "call": self.external,
            "rate": self.call.sound.rate,
            "encoding": "pcm16",
            "tracks": list(SIDES),
            "token": self.call.token,
            "caller": self.call.customer,
            "agent": f"agent {self.call.number}",
            "notice": True,
        }
        return [json.dumps(facts)]

    def say(self, number: int) -> bytes:
        """One piece of one track: the two take turns."""
        piece, part = divmod(number, 2)
        head = _HEAD.pack(part, 0, 0, piece * self.call.sound.size)
        return head + self._coded[part][self.call.at(piece)]

    def goodbye(self, sent: int) -> list[Message]:
        """Bye."""
        return [json.dumps({"type": "bye", "reason": "hangup"})]
