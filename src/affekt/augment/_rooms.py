"""What a room does: its echo, and noise at another microphone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affekt.augment._folder import read
from affekt.augment._microphone import colour
from affekt.augment._noise import noise
from affekt.augment._sound import Wide, levelled
from affekt.types import Signal

_GAP = 0.0025  # s between the voice and its first reflection: a wall at 40 cm


def room(signal: Signal, rng: np.random.Generator) -> Signal:
    """Another microphone in a noisy room: `colour`, then `noise`."""
    return noise(colour(signal, rng), rng)


def reverb(
    signal: Signal,
    rng: np.random.Generator,
    *,
    files: Sequence[Path] = (),
    shortest: float = 0.2,
    longest: float = 0.6,
    least: float = 0.0,
    most: float = 12.0,
) -> Signal:
    """Speak in a room, at the same level; the echo after the end is cut off.

    The room is one of the impulse responses that the run brings along, or a made one: noise that dies away.

    Args:
        signal: the speech.
        rng: draws the room.
        files: impulse responses; with them the ranges below are not used.
        shortest: seconds in which the echo falls by 60 dB (RT60), at least.
        longest: at most.
        least: dB that the voice itself is above the sum of its echoes, at least.
        most: at most.
    """
    if files:
        response: Wide = read(files[int(rng.integers(len(files)))], signal.rate)
    else:
        response = impulse_response(signal.rate, rng.uniform(shortest, longest), rng.uniform(least, most), rng)
    begin = int(np.abs(response).argmax()) if len(response) else 0  # the voice itself stays where it was
    size = len(signal.samples) + len(response)
    size = 1 << size.bit_length()
    wet = np.fft.irfft(np.fft.rfft(signal.samples, size) * np.fft.rfft(response, size), size)
    return levelled(wet[begin : begin + len(signal.samples)], signal)


def impulse_response(rate: int, rt60: float, ratio: float, rng: np.random.Generator) -> Wide:
    """Make the response of a room: the voice itself, then noise that falls by 60 dB within `rt60` seconds.

    Source: Polack 1988: behind the first reflections a room's response is noise with an exponential envelope.

    Args:
        rate: Hz.
        rt60: seconds.
        ratio: dB of the voice itself above the sum of its echoes.
        rng: draws the noise.
    """
    time = np.arange(max(1, round(rt60 * rate))) / rate
    response: Wide = rng.normal(size=len(time)) * 10 ** (-3 * time / rt60)
    response[time < _GAP] = 0.0
    energy = float(np.sum(response**2))
    response *= np.sqrt(10 ** (-ratio / 10) / energy) if energy else 0.0
    response[0] = 1.0
    return response
