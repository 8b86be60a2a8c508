"""Signal -> Signal, seeded. What a microphone, a room or a telephone does to speech, without changing how it is said.

Each function takes a random generator, so that a copy of an utterance can be made again to the sample. Ranges are kept
where listeners still hear the same emotion: pitch and tempo within 8 %, noise at 10 dB and more below the speech.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from affekt.audio import Resampler, level
from affekt.errors import UnknownNameError
from affekt.types import Samples, Signal

Augment = Callable[[Signal, np.random.Generator], Signal]

_SPEECH = -26.0  # dBFS, the level that `affekt.audio.level` gives
_PHONE = 8000  # Hz
_MU = 255.0


def crop(signal: Signal, rng: np.random.Generator, *, shortest: float = 1.2, longest: float = 3.0) -> Signal:
    """Cut out a stretch of random place and length, as the windows of a long turn do.

    Args:
        signal: any length; one shorter than the drawn length comes back whole.
        rng: draws the length, then the place.
        shortest: seconds.
        longest: seconds.

    >>> crop(Signal(np.zeros(160000, np.float32), 16000), np.random.default_rng(0)).duration < 3
    True
    """
    size = int(rng.uniform(shortest, longest) * signal.rate)
    if size >= len(signal.samples):
        return signal
    begin = int(rng.integers(0, len(signal.samples) - size))
    return Signal(signal.samples[begin : begin + size], signal.rate, signal.start + begin)


def speed(signal: Signal, rng: np.random.Generator, *, most: float = 0.08) -> Signal:
    """Play faster or slower, pitch and formants with it, by up to `most`: another speaker saying it much the same.

    Source: Ko et al. 2015, "Audio augmentation for speech recognition", with factors of 0.9 and 1.1.

    >>> 0.9 < speed(Signal(np.zeros(16000, np.float32), 16000), np.random.default_rng(0)).duration < 1.1
    True
    """
    factor = round(100 * rng.uniform(1 - most, 1 + most)) / 100
    played = _resample(signal.samples, round(signal.rate * factor), signal.rate)
    return Signal(played, signal.rate, signal.start)


def quick(signal: Signal, rng: np.random.Generator) -> Signal:
    """`speed`, then `crop`."""
    return crop(speed(signal, rng), rng)


def colour(signal: Signal, rng: np.random.Generator) -> Signal:
    """Pass through another microphone: a spectral tilt of up to 6 dB per three octaves and a ripple of up to 4 dB."""
    spectrum = np.fft.rfft(signal.samples)
    place = np.linspace(0, 1, len(spectrum))
    octaves = np.log2(np.maximum(place * signal.rate / 2, 60) / 1000)
    gain = rng.uniform(-6, 6) * octaves / 3
    gain += rng.uniform(-4, 4) * np.cos(np.pi * place * rng.uniform(1, 4) + rng.uniform(0, 2 * np.pi))
    return _of(np.fft.irfft(spectrum * 10 ** (gain / 20), len(signal.samples)), signal)


def noise(signal: Signal, rng: np.random.Generator, *, least: float = 10.0, most: float = 25.0) -> Signal:
    """Add stationary noise between white and pink, `least` to `most` dB below the active speech."""
    n = len(signal.samples)
    spectrum = np.fft.rfft(rng.normal(size=n))
    hiss = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** rng.uniform(0, 0.5), n)
    gain = 10 ** ((_SPEECH - rng.uniform(least, most)) / 20) / max(float(hiss.std()), 1e-12)
    return _of(level(signal.samples, signal.rate) + gain * hiss, signal)


def room(signal: Signal, rng: np.random.Generator) -> Signal:
    """Another microphone in a noisy room: `colour`, then `noise`."""
    return noise(colour(signal, rng), rng)


def phone(signal: Signal, rng: np.random.Generator) -> Signal:
    """Send through a telephone: 300-3400 Hz, 8 kHz, mu-law (ITU-T G.711), and back to the signal's rate.

    >>> tone = Signal(np.sin(np.arange(16000) * 0.4).astype(np.float32), 16000)
    >>> len(phone(tone, np.random.default_rng(0)).samples)
    16000
    """
    narrow = _resample(level(signal.samples, signal.rate, _SPEECH + rng.uniform(0, 8)), signal.rate, _PHONE)
    spectrum = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1 / _PHONE)
    # 24 dB per octave outside the band, as a telephone's fourth-order filter
    passed = 1 / np.sqrt((1 + (300 / np.maximum(hertz, 1)) ** 8) * (1 + (hertz / 3400) ** 8))
    coded = mu_law(np.fft.irfft(spectrum * passed, len(narrow)).astype(np.float32))
    wide = _resample(coded, _PHONE, signal.rate)[: len(signal.samples)]
    return _of(np.pad(wide, (0, len(signal.samples) - len(wide))), signal)  # rounding may have cost a sample


def mu_law(samples: Samples) -> Samples:
    """Quantise to 8 bits by the mu-law curve and expand again; beyond full scale is clipped.

    >>> mu_law(np.array([0.0, 0.5, 2.0], np.float32)).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    held = np.clip(samples, -1, 1)
    coded = np.round(np.sign(held) * np.log1p(_MU * np.abs(held)) / np.log1p(_MU) * 127) / 127
    expanded: Samples = (np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(_MU)) / _MU).astype(np.float32)
    return expanded


CHAINS: Mapping[str, Augment] = {
    "crop": crop,
    "speed": speed,
    "quick": quick,
    "colour": colour,
    "noise": noise,
    "room": room,
    "phone": phone,
}
"""What a run may name under augment.copies."""


def chain(name: str) -> Augment:
    """Return a chain by its name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in CHAINS:
        raise UnknownNameError("augmentation", name, CHAINS)
    return CHAINS[name]


def _resample(samples: Samples, rate: int, to: int) -> Samples:
    resampler = Resampler(rate, to)
    return np.concatenate([resampler.push(samples), resampler.finish()])


def _of(samples: NDArray[np.floating], signal: Signal) -> Signal:
    return Signal(samples.astype(np.float32), signal.rate, signal.start)
