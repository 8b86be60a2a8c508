"""Call -> Telnyx media streaming: as Twilio's, with other names; the order is not promised, the chunk numbers are."""

from __future__ import annotations

import json

from affekt.service.load.leg import Call, Leg, Message

TRANSPORT = "websocket"
ORDERED = False
_MEDIA = (
    b'{"event":"media","sequence_number":"%d","media":{"track":"%b","chunk":"%d","timestamp":"%d","payload":"%b"},'
    b'"stream_id":"%b"}'
)
_TRACKS = (b"inbound", b"outbound")


def legs(call: Call) -> list[Leg]:
    """One connection with both tracks."""
    return [Telnyx(call, "/v1/ingest/telnyx")]


class Telnyx(Leg):
    """`stream_track: both_tracks`, PCMU."""

    AUDIO = "text"

    def __init__(self, call: Call, target: str) -> None:
        super().__init__(call, target)
        self.parts = 2
        self._stream = str(call.id).upper().encode()
        self._coded = [call.sound.pieces("ulaw64", side) for side in self.sides]

    @property
    def external(self) -> str:
        """By which a customer commands the call."""
        return f"v2:{self.call.id.hex}"

    def hello(self) -> list[Message]:
        """`connected`, `start`."""
        start = {
            **self._account(),
            "call_session_id": str(self.call.id),
            "from": self.call.customer,
            "to": "+15550000000",
            "tags": [],
            "custom_parameters": {"token": self.call.token, "agent": f"agent {self.call.number}"},
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        return [json.dumps({"event": "connected", "version": "1.0.0"}), self._event("start", 1, start)]

    def say(self, number: int) -> bytes:
        """One piece of one track: the two take turns."""
        piece, part = divmod(number, 2)
        payload = self._coded[part][self.call.at(piece)]
        return _MEDIA % (number + 2, _TRACKS[part], piece + 1, piece * 20, payload, self._stream)

    def goodbye(self, sent: int) -> list[Message]:
        """`stop`."""
        return [self._event("stop", sent + 2, self._account())]

    def _account(self) -> dict[str, object]:
        return {"user_id": "0" * 36, "call_control_id": self.external}

    def _event(self, name: str, sequence: int, facts: dict[str, object]) -> str:
        return json.dumps(
            {"event": name, "sequence_number": str(sequence), name: facts, "stream_id": self._stream.decode()}
        )
