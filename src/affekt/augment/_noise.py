"""What else is to be heard: hiss, recorded noise, the babble of other voices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affekt.audio import level, resampled
from affekt.augment._folder import read
from affekt.augment._sound import Wide, add, of, stretch_of
from affekt.types import Samples, Signal

_SPEECH = -26.0  # dBFS, the level that `affekt.audio.level` gives
_VOICES = (4, 8)  # fewer than four can be understood one by one
_FASTER = 0.15  # other voices have other pitches


def noise(signal: Signal, rng: np.random.Generator, *, least: float = 10.0, most: float = 25.0) -> Signal:
    """Add stationary noise between white and pink, `least` to `most` dB below the active speech."""
    n = len(signal.samples)
    spectrum = np.fft.rfft(rng.normal(size=n))
    hiss = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** rng.uniform(0, 0.5), n)
    spread = float(hiss.std()) if n > 1 else 1.0
    gain = 10 ** ((_SPEECH - rng.uniform(least, most)) / 20) / max(spread, 1e-12)
    return of(level(signal.samples, signal.rate) + gain * hiss, signal)


def white(signal: Signal, rng: np.random.Generator, *, least: float = 10.0, most: float = 25.0) -> Signal:
    """Add noise with as much power in every Hz: an amplifier's hiss."""
    return _coloured(signal, rng, 0.0, rng.uniform(least, most))


def pink(signal: Signal, rng: np.random.Generator, *, least: float = 10.0, most: float = 25.0) -> Signal:
    """Add noise with as much power in every octave: wind, a crowd far away."""
    return _coloured(signal, rng, 1.0, rng.uniform(least, most))


def brown(signal: Signal, rng: np.random.Generator, *, least: float = 10.0, most: float = 25.0) -> Signal:
    """Add noise that loses 6 dB per octave: a car, an air conditioner."""
    return _coloured(signal, rng, 2.0, rng.uniform(least, most))


def _coloured(signal: Signal, rng: np.random.Generator, slope: float, snr: float) -> Signal:
    """Add noise whose power falls with frequency to the power of `slope`; below 20 Hz, which nobody hears, is none."""
    n = len(signal.samples)
    hertz = np.fft.rfftfreq(n, 1 / signal.rate)
    shape = np.where(hertz >= 20, np.maximum(hertz, 20) ** (-slope / 2), 0.0)
    return add(signal, np.fft.irfft(np.fft.rfft(rng.normal(size=n)) * shape, n), snr)


def recorded(
    signal: Signal, rng: np.random.Generator, *, files: Sequence[Path] = (), least: float = 10.0, most: float = 25.0
) -> Signal:
    """Add a stretch of one of the recordings of noise that the run brings along."""
    source = read(files[int(rng.integers(len(files)))], signal.rate)
    return add(signal, stretch_of(source, len(signal.samples), rng), rng.uniform(least, most))


def babble(
    signal: Signal, rng: np.random.Generator, *, files: Sequence[Path] = (), least: float = 10.0, most: float = 25.0
) -> Signal:
    """Add four to eight voices at once, `least` to `most` dB below the speech.

    Without recordings of voices they are made of the utterance itself: played backwards, at other speeds, from other
    places on. So the copy holds nobody but its own speaker, in whichever fold it will be, and no other emotion than its
    own; forwards it would be an echo.
    """
    mixed = np.zeros(len(signal.samples))
    for _ in range(int(rng.integers(_VOICES[0], _VOICES[1] + 1))):
        mixed += _voice(signal, rng, files)
    return add(signal, mixed, rng.uniform(least, most))


def _voice(signal: Signal, rng: np.random.Generator, files: Sequence[Path]) -> Wide:
    """One more voice, as loud as the others."""
    n, factor = len(signal.samples), rng.uniform(1 - _FASTER, 1 + _FASTER)
    source: Samples = read(files[int(rng.integers(len(files)))], signal.rate) if files else signal.samples[::-1]
    piece = stretch_of(source, round(n * factor) + 1, rng)
    played = resampled(piece, round(signal.rate * factor), signal.rate)
    return level(np.resize(played, n), signal.rate).astype(np.float64)
