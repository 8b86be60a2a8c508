"""A call as each platform tells it: the messages of its documentation, in order, with two seconds of sound.

Tests compare what the codecs make of them; `benchmarks.fuzz_gateway` mutates them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from affekt.service.gateway.events import Request

PIECE = 0.02  # s
PIECES = 100
NAME = UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
ORGANIZATION = "d7934305-0972-4844-938e-9060eef73d05"
SESSION = "30b0e395-84d3-4570-ac13-9a62d8f514c0"
CONVERSATION = "090eaa2f-72fa-480a-83e0-8667ff89c0ec"

Message = str | bytes


@dataclass(frozen=True)
class Call:
    """What one connection says."""

    protocol: str
    request: Request
    messages: tuple[Message, ...]


def coded(number: int, size: int = 160, seed: int = 0) -> bytes:
    """Bytes of G.711, or of anything, for one piece."""
    return np.random.default_rng((seed, number)).integers(0, 256, size, np.uint8).tobytes()


def linear(number: int, rate: int = 8000, seed: int = 0) -> bytes:
    """A piece of PCM, little-endian."""
    drawn = np.random.default_rng((seed, number)).integers(-9000, 9000, round(rate * PIECE))
    return drawn.astype("<i2").tobytes()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def twilio() -> Call:
    def messages() -> Iterator[dict[str, Any]]:
        yield {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        yield {
            "event": "start",
            "sequenceNumber": "1",
            "start": {
                "accountSid": "AC1",
                "streamSid": "MZ1",
                "callSid": "CA1",
                "tracks": ["inbound", "outbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"token": "secret", "agent": "Kim", "caller": "+4930123", "notice": "true"},
            },
            "streamSid": "MZ1",
        }
        for number in range(PIECES):
            for side, track in enumerate(("inbound", "outbound")):
                media = {"track": track, "chunk": str(number + 1), "timestamp": str(20 * number)}
                media["payload"] = _b64(coded(number, seed=side))
                sequence = str(2 + 2 * number + side)
                yield {"event": "media", "sequenceNumber": sequence, "media": media, "streamSid": "MZ1"}
        yield {
            "event": "dtmf",
            "streamSid": "MZ1",
            "sequenceNumber": "202",
            "dtmf": {"track": "inbound_track", "digit": "1"},
        }
        yield {"event": "mark", "sequenceNumber": "203", "streamSid": "MZ1", "mark": {"name": "x"}}
        yield {
            "event": "stop",
            "sequenceNumber": "204",
            "streamSid": "MZ1",
            "stop": {"accountSid": "AC1", "callSid": "CA1"},
        }

    return Call("twilio", Request("/v1/ingest/twilio"), tuple(map(json.dumps, messages())))


def telnyx() -> Call:
    def messages() -> Iterator[dict[str, Any]]:
        yield {"event": "connected", "version": "1.0.0"}
        yield {
            "event": "start",
            "sequence_number": "1",
            "stream_id": "32DE",
            "start": {
                "user_id": "u",
                "call_control_id": "v2:abc",
                "call_session_id": "s",
                "from": "+13122010094",
                "to": "+13122123456",
                "tags": ["a"],
                "client_state": "aGF2ZQ==",
                "custom_parameters": {"queue": "billing"},
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            },
        }
        order = list(range(PIECES))
        order[10], order[11] = order[11], order[10]  # Telnyx does not keep the order
        for place, number in enumerate(order):
            media = {"track": "inbound", "chunk": str(number + 1), "timestamp": str(20 * number)}
            media["payload"] = _b64(coded(number))
            yield {"event": "media", "sequence_number": str(place + 2), "stream_id": "32DE", "media": media}
        yield {"event": "dtmf", "stream_id": "32DE", "sequence_number": "102", "dtmf": {"digit": "#"}}
        yield {"event": "error", "stream_id": "32DE", "payload": {"code": 100002, "title": "malformed_frame"}}
        yield {"event": "stop", "sequence_number": "103", "stream_id": "32DE", "stop": {"call_control_id": "v2:abc"}}

    request = Request("/v1/ingest/telnyx", {"token": "secret"})
    return Call("telnyx", request, tuple(map(json.dumps, messages())))


def audiohook() -> Call:
    seq = iter(range(1, PIECES))

    def said(kind: str, position: float, serverseq: int, **parameters: Any) -> str:
        head = {"version": "2", "id": SESSION, "type": kind, "seq": next(seq), "serverseq": serverseq}
        return json.dumps({**head, "position": f"PT{position:g}S", "parameters": parameters})

    def messages() -> Iterator[Message]:
        media = [
            {"type": "audio", "format": "PCMU", "channels": channels, "rate": 8000}
            for channels in (["external"], ["external", "internal"], ["internal"])
        ]
        who = {"id": NAME.hex, "ani": "+15551234", "aniName": "Jo", "dnis": "+15559876"}
        yield said(
            "open",
            0,
            0,
            organizationId=ORGANIZATION,
            conversationId=CONVERSATION,
            participant=who,
            media=media,
            language="en-US",
            customConfig={"queue": "billing"},
        )
        for number in range(PIECES // 10):
            yield coded(number, 3200)
        yield said("ping", 2, 1, rtt="PT0.021S")
        yield said("discarded", 2.5, 2, start="PT2S", discarded="PT0.5S")
        yield said("paused", 2.5, 2)
        yield said("resumed", 4, 2, start="PT2.5S", discarded="PT1.5S")
        yield coded(11, 3200)
        yield said("update", 4.2, 2, language="es-ES")
        yield said("close", 4.2, 3, reason="end")

    headers = {"audiohook-session-id": SESSION, "audiohook-organization-id": ORGANIZATION}
    return Call("audiohook", Request("/v1/ingest/audiohook", headers=headers), tuple(messages()))


def frame(kind: int, payload: bytes = b"") -> bytes:
    """A frame of AudioSocket."""
    return bytes([kind]) + len(payload).to_bytes(2) + payload


def audiosocket() -> Call:
    sound = [frame(0x10, linear(number)) for number in range(PIECES)]
    return Call("audiosocket", Request("", peer="10.0.0.5"), (frame(1, NAME.bytes), *sound, frame(3, b"5"), frame(0)))


def asterisk() -> Call:
    start = {
        "event": "MEDIA_START",
        "connection_id": "media1",
        "channel": "WebSocket/affekt",
        "channel_id": "1780.12",
        "format": "ulaw",
        "optimal_frame_size": 160,
        "ptime": 20,
        "channel_variables": {"agent": "Kim"},
    }
    request = Request("/v1/ingest/asterisk", {"token": "secret", "call": "call-7", "track": "customer"})
    sound = [coded(number) for number in range(PIECES)]
    rest = [json.dumps({"event": "DTMF_END", "digit": "5"}), json.dumps({"event": "MEDIA_XON"})]
    return Call("asterisk", request, (json.dumps(start), *sound, *rest))


def asterisk_plain() -> Call:
    start = "MEDIA_START connection_id:media1 channel:WebSocket/affekt format:slin16 optimal_frame_size:640"
    sound = [linear(number, 16000) for number in range(PIECES)]
    request = Request("/v1/ingest/asterisk", {"token": "secret"})
    return Call("asterisk", request, (start, *sound, "DTMF_END digit:5", "STATUS queue_length:0 xon_level:800"))


def asterisk_g722() -> Call:
    """Any bytes are G.722."""
    start = "MEDIA_START connection_id:media1 channel:WebSocket/affekt format:g722 optimal_frame_size:160"
    sound = [coded(number) for number in range(PIECES)]
    return Call("asterisk", Request("/v1/ingest/asterisk", {"token": "secret"}), (start, *sound, "DTMF_END digit:5"))


def freeswitch() -> Call:
    metadata = json.dumps({"uuid": str(NAME), "mix": "stereo", "rate": 16000, "from": "+4930123", "agent": "Kim"})
    sound = [linear(number, 32000) for number in range(PIECES)]
    request = Request("/v1/ingest/freeswitch", {"token": "secret"})
    return Call("freeswitch", request, (metadata, *sound, json.dumps({"event": "dtmf", "dtmf": "2"})))


def vonage() -> Call:
    connected = {
        "event": "websocket:connected",
        "content-type": "audio/l16;rate=16000",
        "call": "CON-1",
        "track": "customer",
        "token": "secret",
        "caller": "447700900000",
    }
    sound = [linear(number, 16000) for number in range(PIECES)]
    rest = [json.dumps({"event": "websocket:dtmf", "digit": "5", "duration": 260})]
    return Call("vonage", Request("/v1/ingest/vonage"), (json.dumps(connected), *sound, *rest))


def own(track: int, start: int, sound: bytes) -> bytes:
    """A binary message of our own protocol."""
    return bytes([track, 0, 0, 0]) + start.to_bytes(4, "little") + sound


def affekt() -> Call:
    hello = {
        "type": "hello",
        "call": "call-7",
        "rate": 16000,
        "encoding": "pcm16",
        "tracks": ["customer", "agent"],
        "token": "secret",
        "agent": "Kim",
        "notice": True,
        "consent": "given",
    }
    sound = [own(track, 320 * n, linear(n, 16000, track)) for n in range(PIECES) for track in (0, 1)]
    rest = [{"type": "pause"}, {"type": "resume"}, {"type": "consent", "state": "refused"}, {"type": "bye"}]
    return Call("affekt", Request("/v1/ingest/affekt"), (json.dumps(hello), *sound, *map(json.dumps, rest)))


def affekt_opus() -> Call:
    """Random bytes, which the decoder must bear: to Opus, many of them are packets of noise."""
    hello = {"type": "hello", "call": "call-8", "rate": 48000, "encoding": "opus", "tracks": ["customer"]}
    sound = [own(0, 960 * number, coded(number, 60)) for number in range(PIECES)]
    return Call("affekt", Request("/v1/ingest/affekt"), (json.dumps(hello), *sound, '{"type": "bye"}'))


CALLS: dict[str, Callable[[], Call]] = {
    "affekt": affekt,
    "asterisk": asterisk,
    "audiohook": audiohook,
    "audiosocket": audiosocket,
    "freeswitch": freeswitch,
    "telnyx": telnyx,
    "twilio": twilio,
    "vonage": vonage,
}
"""One call of each protocol."""

OTHERS: dict[str, tuple[Callable[[], Call], ...]] = {
    "affekt": (affekt_opus,),
    "asterisk": (asterisk_plain, asterisk_g722),
}
"""Calls in another form or code."""
