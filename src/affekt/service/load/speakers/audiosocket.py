"""Call -> Asterisk AudioSocket: type, length, payload on TCP; one connection for each side, known by its UUID."""

from __future__ import annotations

import struct
import uuid

from affekt.service.load.leg import Call, Leg, Message
from affekt.service.load.sound import SIDES, Side

TRANSPORT = "tcp"
ORDERED = True
_HANGUP, _UUID = 0x00, 0x01
_KINDS = {8000: 0x10, 12000: 0x11, 16000: 0x12, 24000: 0x13, 32000: 0x14, 44100: 0x15, 48000: 0x16}


def legs(call: Call) -> list[Leg]:
    """A connection for each side. The service must expect their UUIDs: see `AudioSocket.id`."""
    return [AudioSocket(call, side) for side in SIDES]


class AudioSocket(Leg):
    """16 bits little-endian; nothing names the call but the UUID."""

    def __init__(self, call: Call, side: Side) -> None:
        super().__init__(call, "", (side,))
        pieces = call.sound.pieces("l16", side)
        self._coded = [_frame(_KINDS[call.sound.rate], piece) for piece in pieces]
        self.id = uuid.uuid5(call.id, side)
        "by which the service knows the connection"

    @property
    def external(self) -> str:
        """The connection's UUID."""
        return str(self.id)

    def hello(self) -> list[Message]:
        """The UUID."""
        return [_frame(_UUID, self.id.bytes)]

    def say(self, number: int) -> bytes:
        """20 ms."""
        return self._coded[self.call.at(number)]

    def goodbye(self, sent: int) -> list[Message]:
        """Hang up."""
        return [_frame(_HANGUP, b"")]


def _frame(kind: int, payload: bytes) -> bytes:
    """Wrap a payload.

    >>> _frame(0x10, b"ab")
    b'\\x10\\x00\\x02ab'
    """
    return struct.pack(">BH", kind, len(payload)) + payload
