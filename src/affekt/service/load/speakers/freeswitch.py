"""Call -> FreeSWITCH mod_audio_fork / mod_audio_stream: metadata, then 16 bits little-endian, interleaved."""

from __future__ import annotations

import json
from urllib.parse import quote

from affekt.service.load.leg import Call, Leg, Message

TRANSPORT = "websocket"
ORDERED = True


def legs(call: Call) -> list[Leg]:
    """One connection with both sides: `stereo`."""
    query = f"token={quote(call.token)}&rate={call.sound.rate}&mix=stereo"
    return [FreeSwitch(call, f"/v1/ingest/freeswitch?{query}")]


class FreeSwitch(Leg):
    """`uuid_audio_stream UUID start wss://... stereo 8k METADATA`."""

    def __init__(self, call: Call, target: str) -> None:
        super().__init__(call, target)
        self._coded = call.sound.pieces("l16", *self.sides)

    def hello(self) -> list[Message]:
        """Metadata, which is what the customer's set-up says."""
        facts = {"call": self.external, "caller": self.call.customer, "agent": f"agent {self.call.number}"}
        return [json.dumps(facts)]

    def say(self, number: int) -> bytes:
        """20 ms of both sides, a sample of each in turns."""
        return self._coded[self.call.at(number)]
