"""What a microphone and its cable do: level, overload, colour, bandwidth."""

from __future__ import annotations

import numpy as np

from affekt.augment._sound import of
from affekt.types import Signal


def gain(signal: Signal, rng: np.random.Generator, *, most: float = 6.0) -> Signal:
    """Turn up or down by up to `most` dB, as far as the peaks allow; heard only where `features.level_speech` is off.

    >>> loud = Signal(np.array([0.9, -0.9], np.float32), 16000)
    >>> bool(gain(loud, np.random.default_rng(0)).samples.max() <= 1)
    True
    """
    drawn, peak = rng.uniform(-most, most), float(np.abs(signal.samples).max(initial=0.0))
    room = max(0.0, -20 * np.log10(peak)) if peak else 0.0
    return of(signal.samples * 10 ** (min(drawn, room) / 20), signal)


def clip(signal: Signal, rng: np.random.Generator, *, least: float = 1.0, most: float = 6.0) -> Signal:
    """Overload: cut the peaks off, `least` to `most` dB below the highest."""
    peak = float(np.abs(signal.samples).max(initial=0.0)) * 10 ** (-rng.uniform(least, most) / 20)
    return of(np.clip(signal.samples, -peak, peak), signal)


def colour(signal: Signal, rng: np.random.Generator) -> Signal:
    """Pass through another microphone: a spectral tilt of up to 6 dB per three octaves and a ripple of up to 4 dB."""
    spectrum = np.fft.rfft(signal.samples)
    place = np.linspace(0, 1, len(spectrum))
    octaves = np.log2(np.maximum(place * signal.rate / 2, 60) / 1000)
    gain = rng.uniform(-6, 6) * octaves / 3
    gain += rng.uniform(-4, 4) * np.cos(np.pi * place * rng.uniform(1, 4) + rng.uniform(0, 2 * np.pi))
    return of(np.fft.irfft(spectrum * 10 ** (gain / 20), len(signal.samples)), signal)


def lowpass(signal: Signal, rng: np.random.Generator, *, least: float = 3400.0, most: float = 7000.0) -> Signal:
    """Take away what lies above `least` to `most` Hz, 24 dB per octave: a narrow codec, a hand over the microphone."""
    edge = np.exp(rng.uniform(np.log(least), np.log(most)))
    hertz = np.fft.rfftfreq(len(signal.samples), 1 / signal.rate)
    passed = 1 / np.sqrt(1 + (hertz / edge) ** 8)
    return of(np.fft.irfft(np.fft.rfft(signal.samples) * passed, len(signal.samples)), signal)
