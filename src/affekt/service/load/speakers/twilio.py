"""Call -> Twilio Media Streams: JSON with mu-law in base64, one message for each track."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from affekt.service.load.leg import Call, Leg, Message

TRANSPORT = "websocket"
ORDERED = False
_MEDIA = (
    b'{"event":"media","sequenceNumber":"%d","media":{"track":"%b","chunk":"%d","timestamp":"%d","payload":"%b"},'
    b'"streamSid":"%b"}'
)
_TRACKS = (b"inbound", b"outbound")  # customer, agent: as heard at the customer's leg


def legs(call: Call) -> list[Leg]:
    """One connection with both tracks."""
    return [Twilio(call, "/v1/ingest/twilio")]


class Twilio(Leg):
    """`<Start><Stream track="both_tracks">`: only Twilio speaks."""

    AUDIO = "text"

    def __init__(self, call: Call, target: str) -> None:
        super().__init__(call, target)
        self.parts = 2
        self._stream = f"MZ{call.id.hex}".encode()
        self._coded = [call.sound.pieces("ulaw64", side) for side in self.sides]

    @property
    def external(self) -> str:
        """The call's SID."""
        return f"CA{self.call.id.hex}"

    def headers(self, url: str, now: float) -> dict[str, str]:
        """Sign the URL with the account's auth token, if it is known."""
        if not self.call.secret:
            return {}
        signed = hmac.new(self.call.secret.encode(), url.encode(), hashlib.sha1).digest()
        return {"X-Twilio-Signature": base64.b64encode(signed).decode()}

    def hello(self) -> list[Message]:
        """`connected`, `start`."""
        parameters = {"token": self.call.token, "from": self.call.customer, "agent": f"agent {self.call.number}"}
        start = {
            **self._account(),
            "streamSid": self._stream.decode(),
            "tracks": ["inbound", "outbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        return [json.dumps(connected), self._event("start", 1, start)]

    def say(self, number: int) -> bytes:
        """One piece of one track: the two take turns."""
        piece, part = divmod(number, 2)
        payload = self._coded[part][self.call.at(piece)]
        return _MEDIA % (number + 2, _TRACKS[part], piece + 1, piece * 20, payload, self._stream)

    def goodbye(self, sent: int) -> list[Message]:
        """`stop`."""
        return [self._event("stop", sent + 2, self._account())]

    def _account(self) -> dict[str, str]:
        return {"accountSid": "AC" + "0" * 32, "callSid": self.external}

    def _event(self, name: str, sequence: int, facts: Mapping[str, object]) -> str:
        return json.dumps(
            {"event": name, "sequenceNumber": str(sequence), name: facts, "streamSid": self._stream.decode()}
        )
