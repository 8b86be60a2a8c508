"""Coded sound -> samples: G.711 in both laws, linear PCM in both byte orders, Opus and G.722.

G.711 is a table of 256 values, which libsndfile has; ITU-T G.711 (1988) is the oracle in the tests.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from affekt.errors import MissingExtraError
from affekt.registry import need
from affekt.service.gateway.codec import LIMITS
from affekt.service.gateway.events import Pcm
from affekt.service.gateway.protocols._wire import GARBLED, POLICY, TOO_BIG, BreachError

Decode = Callable[[bytes | bytearray | memoryview], Pcm]

_NAMES = {
    "mulaw": "mulaw",
    "audio/x-mulaw": "mulaw",
    "pcmu": "mulaw",
    "ulaw": "mulaw",
    "alaw": "alaw",
    "audio/x-alaw": "alaw",
    "pcma": "alaw",
    "pcm16": "pcm16",
    "audio/x-l16": "pcm16",
    "audio/x-raw": "pcm16",
    "audio/l16": "pcm16",
    "l16": "pcm16",
    "pcm16be": "pcm16be",
    "opus": "opus",
    "g722": "g722",
}
_SUBTYPES = {"mulaw": "ULAW", "alaw": "ALAW"}
_PACKET = 8000  # bytes of Opus or G.722 in one message: a second of G.722, many times what Opus needs
OPUS, G722 = 48000, 16000
"""Hz of what these two give, whatever the platform writes: G.722 is called 8000 Hz in RTP by an old mistake."""


def named(encoding: str) -> str:
    """Give our name of an encoding: mulaw, alaw, pcm16, opus, g722.

    >>> named("audio/x-mulaw"), named("PCMA"), named("audio/x-l16;rate=8000")
    ('mulaw', 'alaw', 'pcm16')
    """
    word = encoding.lower().partition(";")[0].strip()
    if word not in _NAMES:
        raise BreachError(POLICY, f"an encoding that is not known; known are {', '.join(_NAMES)}")
    return _NAMES[word]


def rate_of(encoding: str, said: int) -> int:
    """Give the rate in Hz of the samples of an encoding, where the platform says another."""
    return {"opus": OPUS, "g722": G722}.get(encoding, said)


def decoder(encoding: str, rate: int) -> Decode:
    """Make what decodes one track, message after message; `encoding` by our name."""
    if encoding in _SUBTYPES:
        return _Table(_SUBTYPES[encoding], round(rate * LIMITS.seconds))
    if encoding in ("opus", "g722"):
        return _Packets("libopus" if encoding == "opus" else encoding, OPUS if encoding == "opus" else G722)
    return _Linear("<i2" if encoding == "pcm16" else ">i2", round(2 * rate * LIMITS.seconds))


def apart(samples: Pcm, channels: int) -> list[Pcm]:
    """Take interleaved channels apart.

    >>> [each.tolist() for each in apart(np.array([1, -1, 2, -2], np.int16), 2)]
    [[1, 2], [-1, -2]]
    """
    if channels == 1:
        return [samples]
    if len(samples) % channels:
        raise BreachError(GARBLED, f"{len(samples)} samples do not make {channels} channels")
    return [np.ascontiguousarray(samples[channel::channels]) for channel in range(channels)]


@cache
def table(subtype: str) -> Pcm:
    """Give the 256 samples of a law of G.711: `ULAW` or `ALAW`.

    >>> table("ULAW")[[0, 127, 255]].tolist(), table("ALAW")[[0x55, 0xD5]].tolist()
    ([-32124, 0, 0], [-8, 8])
    """
    import soundfile

    code = io.BytesIO(bytes(range(256)))
    read: tuple[Pcm, int] = soundfile.read(
        code, format="RAW", subtype=subtype, samplerate=8000, channels=1, dtype="int16"
    )
    return read[0]


class _Table:
    """G.711: a byte is a sample."""

    def __init__(self, subtype: str, most: int) -> None:
        self._table, self._most = table(subtype), most

    def __call__(self, data: bytes | bytearray | memoryview) -> Pcm:
        _fits(len(data), self._most)
        return self._table[np.frombuffer(data, np.uint8)]


class _Linear:
    """PCM of 16 bits; a view of the message where its order is the machine's."""

    def __init__(self, order: str, most: int) -> None:
        self._order, self._most = np.dtype(order), most

    def __call__(self, data: bytes | bytearray | memoryview) -> Pcm:
        _fits(len(data), self._most)
        if len(data) % 2:
            raise BreachError(GARBLED, f"{len(data)} bytes do not make samples of 2 bytes")
        return np.frombuffer(data, self._order).astype(np.int16, copy=False)


class _Packets:
    """Opus or G.722 by FFmpeg: one message is one packet. A packet that cannot be read is lost, as on the way."""

    def __init__(self, name: str, rate: int) -> None:
        try:
            self._av = need("av", extra="video")
        except MissingExtraError as error:
            raise BreachError(POLICY, f"{name.removeprefix('lib')} is not read here: {error}") from None
        self._codec: Any = self._av.CodecContext.create(name, "r")
        self._codec.sample_rate, self._codec.layout = rate, "mono"

    def __call__(self, data: bytes | bytearray | memoryview) -> Pcm:
        _fits(len(data), _PACKET)
        if not len(data):  # to FFmpeg, nothing means that the stream has ended
            return np.zeros(0, np.int16)
        try:
            frames = self._codec.decode(self._av.Packet(bytes(data)))
        except self._av.FFmpegError:
            return np.zeros(0, np.int16)
        return np.concatenate([np.zeros(0, np.int16), *(frame.to_ndarray().reshape(-1) for frame in frames)])


def _fits(count: int, most: int) -> None:
    if count > most:
        raise BreachError(TOO_BIG, f"{count} bytes of sound in one message; allowed are {most}: {LIMITS.seconds:g} s")
