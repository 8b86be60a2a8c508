"""Signal -> F0. Normalised autocorrelation of 40 ms frames, then the cheapest path through the candidates.

A frame's autocorrelation, divided by that of its window, has its peaks at the periods of the voice, and their height
says how periodic it is (Boersma 1993). It comes from the power spectrum below 4 kHz, whatever the rate: so a voice is
heard the same at 8 and at 16 kHz, and lags between two samples cost nothing. Frame i is centred at i times the hop;
outside the signal there is silence.

Source: Boersma 1993, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound", Proceedings of the Institute of Phonetic Sciences 17, Amsterdam.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.features import _path
from affekt.types import Signal

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

HOP = 0.01
"seconds"
RATES = (8000, 16000)
"Hz"
FLOOR, CEILING = 75.0, 600.0
"Hz; low men's voices, and what women's voices reach in anger and fear"

_LAGS = 16000
"per second, at which the autocorrelation is looked at"
_BAND = 4000
"Hz; higher parts are noise rather than voice, and no telephone carries them"
_PERIODS = 3
"of the floor, in a frame"
_CANDIDATES = 6
_BLOCK = 64
"frames that are transformed at once; what is small needs no fresh pages"

# Boersma's own values, for a hop of 10 ms.
_SILENCE = 0.03
"of the loudest peak; what is softer is rather unvoiced"
_VOICING = 0.45
"strength of the unvoiced candidate"
_OCTAVE = 0.01
"per octave, in favour of high candidates"
_JUMP = 0.35
"per octave, from frame to frame"
_CHANGE = 0.14
"from voiced to unvoiced and back"
_NEVER = 1e6
_STEEP, _EVEN = 10.0, 0.0


class Track(NamedTuple):
    """The pitch of a signal: three arrays of shape (frames,), frame i centred at i * `HOP`."""

    f0: Array
    "Hz; 0 where unvoiced"
    voicing: Array
    "probability in [0, 1] that somebody's voice is heard"
    strength: Array
    "normalised autocorrelation at the period in [0, 1]; of the best candidate where unvoiced; 0 without any"


def track(signal: Signal, *, floor: float = FLOOR, ceiling: float = CEILING) -> Track:
    """Return F0, probability of voicing and strength, one frame per 10 ms.

    Args:
        signal: 8 or 16 kHz; at least one frame comes back however short it is.
        floor: Hz, the lowest F0; a frame is three of its periods long.
        ceiling: Hz, the highest.

    Raises:
        UsageError: another rate, a sample that is not finite, or a floor and ceiling that are not 40 <= floor <
            ceiling <= 1000.

    >>> tone = np.sign(np.sin(2 * np.pi * 220 * np.arange(8000) / 16000)).astype(np.float32)
    >>> [round(float(f0)) for f0 in track(Signal(tone, 16000)).f0[10:40:10]]
    [220, 220, 220]
    """
    if not 40 <= floor < ceiling <= 1000:
        raise UsageError(f"F0 is looked for within 40 .. 1000 Hz, floor below ceiling; got {floor} and {ceiling} Hz")
    found = [
        (*candidates(power, signal.rate, floor=floor, ceiling=ceiling), peak) for power, peak in frames(signal, floor)
    ]
    return choose(*(np.concatenate(parts) for parts in zip(*found, strict=True)), floor=floor)


def frames(signal: Signal, floor: float = FLOOR) -> Iterator[tuple[Floats, Floats]]:
    """Yield power spectra (frames, bins) and absolute peaks (frames,) of some frames after the others.

    Raises:
        UsageError: the rate is neither 8 nor 16 kHz, or a sample is not finite.
    """
    check(signal)
    size, step = window_size(signal.rate, floor), round(signal.rate * HOP)
    half, window = size // 2, hann(size)
    count = max(1, len(signal.samples) // step)
    missing = max(0, (count - 1) * step + half - len(signal.samples))
    samples = np.pad(signal.samples, (half, missing))
    rows = np.lib.stride_tricks.sliding_window_view(samples, size)[::step][:count]
    middle = slice(half - size // (2 * _PERIODS), half + size // (2 * _PERIODS))
    for start in range(0, count, _BLOCK):
        row = rows[start : start + _BLOCK]
        row = row - row.mean(axis=1, keepdims=True)
        spectrum = np.fft.rfft(row * window, transform_size(signal.rate, floor))
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
        yield power, np.abs(row[:, middle]).max(axis=1)


def candidates(power: Floats, rate: int, *, floor: float = FLOOR, ceiling: float = CEILING) -> tuple[Array, Array]:
    """Frequencies in Hz and strengths of up to six periods, each (frames, 6), 0 where there is none."""
    curve = _normalised(power, rate, floor)
    first, last = int(_LAGS / ceiling), min(int(_LAGS / floor) + 2, curve.shape[1] - 1)
    inner = curve[:, first:last]
    peaks = (
        (inner > _VOICING / 2) & (inner > curve[:, first - 1 : last - 1]) & (inner >= curve[:, first + 1 : last + 1])
    )
    row, lag = np.nonzero(peaks)
    lag += first
    left, middle, right = (curve[row, lag + shift].astype(float) for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / np.minimum(bend, -1e-12)
    frequency = _LAGS / (lag + shift)
    height = middle - 0.25 * (left - right) * shift
    height = np.where(height > 1, 1 / np.maximum(height, 1), height)
    height *= (frequency >= floor) & (frequency <= ceiling)
    return _strongest(row, frequency, height, frames=len(power))


def choose(frequencies: Array, strengths: Array, peaks: Floats, *, floor: float = FLOOR) -> Track:
    """Choose a candidate of each frame, or none, so that F0 jumps and voicing changes little."""
    known = strengths > 0
    octaves = np.log2(np.where(known, frequencies, floor) / floor)
    voiced = np.where(known, strengths + _OCTAVE * octaves, -_NEVER)
    loudness = peaks / max(float(peaks.max()), 1e-9)
    unvoiced = _VOICING + np.maximum(0, 2 - loudness * (1 + _VOICING) / _SILENCE)
    count = frequencies.shape[1]
    moves = np.full((len(octaves), count + 1, count + 1), _CHANGE)
    moves[1:, :count, :count] = _JUMP * np.abs(octaves[:-1, :, None] - octaves[1:, None, :])
    moves[:, count, count] = 0
    states = _path.cheapest(-np.column_stack([voiced, unvoiced]), moves)
    best = np.where(states < count, states, strengths.argmax(axis=1))
    at = np.arange(len(states))
    margin = voiced.max(axis=1) - unvoiced
    return Track(
        f0=np.where(states < count, frequencies[at, best], 0.0),
        voicing=1 / (1 + np.exp(np.clip(-_STEEP * (margin - _EVEN), -50, 50))),
        strength=strengths[at, best],
    )


def check(signal: Signal) -> None:
    """Refuse what pitch is not defined on.

    Raises:
        UsageError: the rate is neither 8 nor 16 kHz, or a sample is not a finite number.
    """
    if signal.rate not in RATES:
        raise UsageError(f"pitch is tracked at 8000 or 16000 Hz, got {signal.rate} Hz; resample first")
    if not np.isfinite(signal.samples).all():
        raise UsageError("pitch is tracked in finite samples, got NaN or infinity; decode the recording again")


def window_size(rate: int, floor: float = FLOOR) -> int:
    """Samples of a frame: three periods of the floor, an even number."""
    return 2 * round(rate * _PERIODS / floor / 2)


def transform_size(rate: int, floor: float = FLOOR) -> int:
    """Samples of the transform: a frame and its longest lag, a power of two."""
    return 1 << (round(window_size(rate, floor) * (1 + 1 / _PERIODS)) + 2).bit_length()


@cache
def hann(size: int) -> Floats:
    """Hann window with its middle at size // 2."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size), np.float32)


def _normalised(power: Floats, rate: int, floor: float) -> Floats:
    """Autocorrelation over that of the window, 1 at lag 0; shape (frames, lags)."""
    size = transform_size(rate, floor)
    low = power[:, : size * _BAND // rate]
    curve = np.fft.irfft(low, size * _LAGS // rate)[:, : int(_LAGS / floor) + 4].astype(np.float32, copy=False)
    curve /= np.maximum(curve[:, :1], 1e-20)
    curve /= _window_curve(rate, floor)[: curve.shape[1]]
    return curve


@cache
def _window_curve(rate: int, floor: float) -> Floats:
    size = transform_size(rate, floor)
    power = np.abs(np.fft.rfft(hann(window_size(rate, floor)), size)) ** 2
    curve = np.fft.irfft(power[: size * _BAND // rate], size * _LAGS // rate)
    return np.asarray(curve / curve[0], np.float32)


def _strongest(row: NDArray[np.intp], frequency: Array, height: Array, *, frames: int) -> tuple[Array, Array]:
    """Scatter a flat list of candidates into (frames, 6), the strongest of each frame first."""
    order = np.lexsort((-height - _OCTAVE * np.log2(frequency), row))
    row = row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = rank < _CANDIDATES
    frequencies, strengths = np.zeros((2, frames, _CANDIDATES))
    frequencies[row[kept], rank[kept]] = frequency[order][kept]
    strengths[row[kept], rank[kept]] = height[order][kept]
    return frequencies, strengths
