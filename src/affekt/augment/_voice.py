"""The utterance itself: a part of it, faster or slower, higher or lower, earlier or later."""

from __future__ import annotations

import numpy as np

from affekt.audio import resampled
from affekt.augment._sound import Wide, of
from affekt.registry import need
from affekt.types import Samples, Signal

_FLOOR = 0.1  # s; the quietest stretch of this length is what a recording sounds like when nobody speaks


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
    played = resampled(signal.samples, round(signal.rate * factor), signal.rate)
    return Signal(played, signal.rate, signal.start)


def quick(signal: Signal, rng: np.random.Generator) -> Signal:
    """`speed`, then `crop`."""
    return crop(speed(signal, rng), rng)


def stretch(signal: Signal, rng: np.random.Generator, *, most: float = 0.08) -> Signal:
    """Speak faster or slower by up to `most`, at the same pitch.

    Source: Signalsmith Stretch, by the package python-stretch.

    Raises:
        MissingExtraError: the extra `train` is not installed.
    """
    return _stretched(signal, rng, tempo=rng.uniform(1 - most, 1 + most))


def pitch(signal: Signal, rng: np.random.Generator, *, most: float = 1.0) -> Signal:
    """Speak higher or lower by up to `most` semitones, formants with it, at the same tempo.

    Source: Signalsmith Stretch, by the package python-stretch.

    Raises:
        MissingExtraError: the extra `train` is not installed.
    """
    return _stretched(signal, rng, semitones=rng.uniform(-most, most))


def _stretched(signal: Signal, rng: np.random.Generator, *, tempo: float = 1.0, semitones: float = 0.0) -> Signal:
    machine = need("python_stretch.Signalsmith", extra="train").Stretch(int(rng.integers(2**31)))
    machine.preset(1, float(signal.rate))
    machine.setTimeFactor(tempo)
    machine.setTransposeSemitones(semitones)
    return of(machine.process(np.ascontiguousarray(signal.samples, np.float32)[None])[0], signal)


def shift(signal: Signal, rng: np.random.Generator, *, most: float = 0.3) -> Signal:
    """Begin later and end later, each by up to `most` seconds of the recording's own floor; nothing is cut off.

    >>> tone = Signal(np.sin(np.arange(16000) * 0.4).astype(np.float32), 16000)
    >>> 1 < shift(tone, np.random.default_rng(0)).duration < 1.6
    True
    """
    before, after = (round(rng.uniform(0, most) * signal.rate) for _ in range(2))
    quiet = _quietest(signal)
    return of(np.concatenate([_floor(quiet, before, rng), signal.samples, _floor(quiet, after, rng)]), signal)


def _quietest(signal: Signal) -> Samples:
    size = max(1, round(_FLOOR * signal.rate))
    parts = [signal.samples[i : i + size] for i in range(0, max(1, len(signal.samples) - size + 1), max(1, size // 2))]
    return min(parts, key=lambda part: float(np.mean(part.astype(np.float64) ** 2)) if len(part) else 0.0)


def _floor(quiet: Samples, count: int, rng: np.random.Generator) -> Wide:
    """Make noise of the spectrum and power of a quiet stretch: repeated as it is, it would buzz."""
    hiss = rng.normal(size=count)
    if count < 2 or len(quiet) < 2:
        return np.zeros(count)
    shape = np.abs(np.fft.rfft(quiet * np.hanning(len(quiet))))
    places = np.linspace(0, 1, count // 2 + 1)
    shaped = np.fft.irfft(np.fft.rfft(hiss) * np.interp(places, np.linspace(0, 1, len(shape)), shape), count)
    spread = float(shaped.std())
    return shaped * (float(quiet.std()) / spread) if spread else shaped
