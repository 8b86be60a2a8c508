"""The caller of the sample call, in the chunks of 20 ms that voice agents get."""

from __future__ import annotations

import functools
from pathlib import Path

import soundfile

CALL = Path(__file__).parents[2] / "examples" / "call.wav"
ANGRY = (18.0, 27.0)  # s of the call: the caller is angry, and says so for some seconds


@functools.cache
def chunks(start: float = 0.0, end: float = 1e9, seconds: float = 0.02) -> tuple[tuple[bytes, int], ...]:
    """(16-bit samples, rate) of the customer's channel."""
    with soundfile.SoundFile(CALL) as file:
        rate = file.samplerate
        samples = file.read(dtype="int16")[round(start * rate) : round(min(end, file.frames / rate) * rate), 0]
    size = round(seconds * rate)
    return tuple((samples[at : at + size].tobytes(), rate) for at in range(0, len(samples), size))
