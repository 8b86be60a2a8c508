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
"Hz, of signals"
RATE = 8000
"Hz, of what is transformed"
FLOOR, CEILING = 75.0, 600.0
"Hz; low men's voices, and what women's voices reach in anger and fear"

_LAGS = 16000
"per second, at which the autocorrelation is looked at"
_PERIODS = 3
"of the floor, in a frame"
_CANDIDATES = 6
_PIECE = 512
"frames that are held at once"
_BLOCK = 32
"frames that are transformed at once; what is small needs no fresh pages"
_TAPS = 16

# Boersma's own values, for a hop of 10 ms.
_SILENCE = 0.045
"of the loud peaks; what is softer is rather unvoiced"
_LOUD = 98
"percentile of the frames' peaks; Boersma takes the loudest of all, with 0.03, but a click is louder than any voice"
_VOICING = 0.45
"strength of the unvoiced candidate"
_OCTAVE = 0.01
"per octave, in favour of high candidates"
_JUMP = 0.35
"per octave, from frame to frame"
_CHANGE = 0.14
"from voiced to unvoiced and back"
_NEVER = 1e6
_STEEP, _EVEN = 14.0, 0.09


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
    found = [(*candidates(power, floor=floor, ceiling=ceiling), peak) for power, peak in spectra(signal, floor)]
    frequencies, strengths, peaks = (np.concatenate(part) for part in zip(*found, strict=True))
    return choose(frequencies, strengths, peaks)


def spectra(signal: Signal, floor: float = FLOOR) -> Iterator[tuple[Floats, Floats]]:
    """Yield power spectra (frames, bins to 4 kHz) and absolute peaks (frames,), some frames after the others.

    Raises:
        UsageError: the rate is neither 8 nor 16 kHz, or a sample is not finite.
    """
    check(signal)
    samples, size = narrow(signal), window_size(floor)
    step, half, third = round(RATE * HOP), size // 2, size // (2 * _PERIODS)
    count = max(1, len(signal.samples) // round(signal.rate * HOP))
    padded = np.pad(samples, (half, max(0, (count - 1) * step + half - len(samples))))
    rows = np.lib.stride_tricks.sliding_window_view(padded, size)[::step][:count]
    for start in range(0, count, _PIECE):
        piece = rows[start : start + _PIECE]
        centred = piece - piece.mean(axis=1, keepdims=True)
        yield _power(centred * hann(size)), np.abs(centred[:, half - third : half + third]).max(axis=1)


def candidates(power: Floats, *, floor: float = FLOOR, ceiling: float = CEILING) -> tuple[Array, Array]:
    """Frequencies in Hz and strengths of up to six periods, each (frames, 6), 0 where there is none."""
    curve = _curves(power, floor)
    first, last = int(_LAGS / ceiling), curve.shape[1] - 1
    inner = curve[:, first:last]
    peaks = (inner > _VOICING / 2) & (inner > curve[:, first - 1 : last - 1]) & (inner >= curve[:, first + 1 :])
    row, lag = np.nonzero(peaks)
    lag += first
    left, middle, right = (curve[row, lag + shift].astype(float) for shift in (-1, 0, 1))
    shift = 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-12)
    frequency = _LAGS / (lag + shift)
    height = middle - 0.25 * (left - right) * shift
    height = np.minimum(height, 1 / height) * ((frequency >= floor) & (frequency <= ceiling))
    return _strongest(row, frequency, height, frames=len(power))


def choose(frequencies: Array, strengths: Array, peaks: Floats) -> Track:
    """Choose a candidate of each frame, or none, so that F0 jumps and voicing change little."""
    frames, count = frequencies.shape
    known = strengths > 0
    octaves = np.log2(np.where(known, frequencies, CEILING) / CEILING)
    voiced = np.where(known, strengths + _OCTAVE * octaves, -_NEVER)
    loudness = peaks / max(float(np.percentile(peaks, _LOUD)), 1e-9)
    unvoiced = _VOICING + np.maximum(0, 2 - loudness * (1 + _VOICING) / _SILENCE)
    moves = np.full((frames, count + 1, count + 1), _CHANGE)
    moves[1:, :count, :count] = _JUMP * np.abs(octaves[:-1, :, None] - octaves[1:, None, :])
    moves[:, count, count] = 0
    states = _path.cheapest(-np.column_stack([voiced, unvoiced]), moves)
    best = np.where(states < count, states, voiced.argmax(axis=1))
    at = np.arange(frames)
    margin = np.clip(voiced.max(axis=1) - unvoiced, -5, 5)
    return Track(
        f0=np.where(states < count, frequencies[at, best], 0.0),
        voicing=1 / (1 + np.exp(-_STEEP * (margin - _EVEN))),
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


def narrow(signal: Signal) -> Floats:
    """Samples at 8 kHz: what comes at 16 kHz goes through a half-band filter of 63 taps, without delay."""
    if signal.rate == RATE:
        return signal.samples
    odd, taps = np.pad(signal.samples[1::2], _TAPS), _half_band()
    even = signal.samples[::2]
    found: Floats = np.float32(0.5) * even
    for at, tap in enumerate(taps):
        found += tap * (odd[_TAPS + at :][: len(even)] + odd[_TAPS - 1 - at :][: len(even)])
    return found


@cache
def _half_band() -> Floats:
    """Every second tap to one side; those between are 0, the middle is 0.5."""
    place = np.arange(1, 2 * _TAPS, 2)
    window = np.kaiser(4 * _TAPS + 1, 5.0)[2 * _TAPS + place]
    taps = np.sin(np.pi * place / 2) / (np.pi * place) * window
    return np.asarray(taps / taps.sum() / 4, np.float32)


def window_size(floor: float = FLOOR) -> int:
    """Samples of a frame: three periods of the floor, an even number."""
    return 2 * round(RATE * _PERIODS / floor / 2)


@cache
def hann(size: int) -> Floats:
    """Hann window with its middle at size // 2."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size), np.float32)


def _power(windowed: Floats) -> Floats:
    size = 1 << (windowed.shape[1] * (_PERIODS + 1) // _PERIODS + 2).bit_length()
    power = np.empty((len(windowed), size // 2), np.float32)
    for at in range(0, len(windowed), _BLOCK):
        spectrum = np.fft.rfft(windowed[at : at + _BLOCK], size)[:, :-1]
        power[at : at + _BLOCK] = spectrum.real**2 + spectrum.imag**2
    return power


def _curves(power: Floats, floor: float) -> Floats:
    """Autocorrelation over that of the window, 1 at lag 0; shape (frames, lags at 16 kHz)."""
    lags = int(_LAGS / floor) + 3
    curve = np.empty((len(power), lags), np.float32)
    for at in range(0, len(power), _BLOCK):
        curve[at : at + _BLOCK] = np.fft.irfft(power[at : at + _BLOCK], 4 * power.shape[1])[:, :lags]
    curve /= np.maximum(curve[:, :1], 1e-20)
    curve /= _window_curve(floor)[:lags]
    return curve


@cache
def _window_curve(floor: float) -> Floats:
    power = _power(hann(window_size(floor))[None])
    curve = np.fft.irfft(power[0], 4 * power.shape[1])
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
