"""Signal -> F0. Normalised autocorrelation of 40 ms frames, then the cheapest path through the candidates.

A frame's autocorrelation, divided by that of its window, has its peaks at the periods of the voice, and their height
says how periodic it is (Boersma 1993). Here all is done at 8 kHz, so that a voice is heard the same over a telephone
and in a studio; peaks are found between the samples. Frame i is centred at i times the hop; outside the signal there is
silence.

Source: Boersma 1993, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound", Proceedings of the Institute of Phonetic Sciences 17, Amsterdam. Where a constant is not from there, it
says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
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
BARK = (20, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4000)
"Hz, edges of the critical bands (Zwicker 1961), the first and the last cut off"

_PERIODS = 3
"of the floor, in a frame"
_CANDIDATES = 5
_PIECE = 512
"frames that are held at once"
_BLOCK = 48
"frames that are transformed at once; what is small needs no fresh pages"
_TAPS = 16
"of the half-band filter, to each side"
_REACH = 10
"samples to each side from which the autocorrelation between two samples is made"
_FINE = 4
"places per sample at which it is made"

_LOUD = 6
"""Of the frames' peaks the sixth highest tells what is loud. Boersma takes the highest, but a click is louder than any
voice; and a share of all frames would depend on the silence around the speech."""
_SILENCE = 0.045
"of the loud peaks; what is softer is rather unvoiced. 0.03 of the loudest peak is much the same"
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
"logistic of the margin of voiced over unvoiced, so fitted that it is how often Praat calls the frame voiced"


class Track(NamedTuple):
    """The pitch of a signal: three arrays of shape (frames,), frame i centred at i * `HOP`."""

    f0: Array
    "Hz; 0 where unvoiced"
    voicing: Array
    "probability in [0, 1] that the frame is voiced, by its strongest candidate alone"
    strength: Array
    "normalised autocorrelation at the period in [0, 1]; of the best candidate where unvoiced; 0 without any"


class Piece(NamedTuple):
    """Frames that follow each other."""

    curves: Floats
    "(frames, lags at 8 kHz) normalised autocorrelation, 1 at lag 0"
    bands: Floats
    "(frames, 18) mean square in each critical band of `BARK`"
    peaks: Floats
    "(frames,) absolute peak in the middle"


def track(signal: Signal, *, floor: float = FLOOR, ceiling: float = CEILING, loud: float | None = None) -> Track:
    """Return F0, probability of voicing and strength, one frame per 10 ms.

    Args:
        signal: 8 or 16 kHz; at least one frame comes back however short it is.
        floor: Hz, the lowest F0; a frame is three of its periods long.
        ceiling: Hz, the highest.
        loud: absolute peak of loud speech, in [0, 1], by which silence is told; by default the signal's own. With it,
            a frame depends on what lies near it only, and a stream can be tracked in overlapping parts.

    Raises:
        UsageError: another rate, a sample that is not finite, or a floor and ceiling that are not 40 <= floor <
            ceiling <= 800.

    >>> tone = np.sign(np.sin(2 * np.pi * 220 * np.arange(8000) / 16000)).astype(np.float32)
    >>> [round(float(f0)) for f0 in track(Signal(tone, 16000)).f0[10:40:10]]
    [220, 220, 220]
    """
    if not 40 <= floor < ceiling <= 800:
        raise UsageError(f"F0 is looked for within 40 .. 800 Hz, floor below ceiling; got {floor} and {ceiling} Hz")
    found = [(*candidates(p.curves, floor=floor, ceiling=ceiling), p.peaks) for p in pieces(signal, floor)]
    frequencies, strengths, peaks = (np.concatenate(part) for part in zip(*found, strict=True))
    return choose(frequencies, strengths, peaks, loud=loud)


def pieces(signal: Signal, floor: float = FLOOR) -> Iterator[Piece]:
    """Yield the frames of a signal in pieces of up to 512, so that a long recording needs no more memory.

    Raises:
        UsageError: the rate is neither 8 nor 16 kHz, or a sample is not finite.
    """
    check(signal)
    samples, size = narrow(signal), window_size(floor)
    step, half = round(RATE * HOP), size // 2
    count = max(1, len(signal.samples) // round(signal.rate * HOP))
    padded = np.pad(samples, (half, max(0, (count - 1) * step + half - len(samples))))
    rows = np.lib.stride_tricks.sliding_window_view(padded, size)[::step][:count]
    for start in range(0, count, _PIECE):
        yield _piece(rows[start : start + _PIECE])


def candidates(curves: Floats, *, floor: float = FLOOR, ceiling: float = CEILING) -> tuple[Array, Array]:
    """Frequencies in Hz and strengths of up to five periods, each (frames, 5), 0 where there is none."""
    first, last = int(RATE / ceiling), int(RATE / floor) + 2
    inner = curves[:, first:last]
    peaks = (
        (inner > _VOICING / 3) & (inner > curves[:, first - 1 : last - 1]) & (inner >= curves[:, first + 1 : last + 1])
    )
    row, lag = np.nonzero(peaks)
    lag += first
    shift, height = _between(curves, row, lag)
    frequency = RATE / (lag + shift)
    height = np.minimum(height, 1 / np.maximum(height, 1e-9))
    kept = (frequency >= floor) & (frequency <= ceiling) & (height > _VOICING / 2)
    return _strongest(row[kept], frequency[kept], height[kept], frames=len(curves))


def choose(frequencies: Array, strengths: Array, peaks: Floats, *, loud: float | None = None) -> Track:
    """Choose a candidate of each frame, or none, so that F0 jumps and voicing change little."""
    frames, count = frequencies.shape
    known = strengths > 0
    octaves = np.log2(np.where(known, frequencies, CEILING) / CEILING)
    voiced = np.where(known, strengths + _OCTAVE * octaves, -_NEVER)
    loudness = peaks / max(loudest(peaks) if loud is None else loud, 1e-9)
    unvoiced = _VOICING + np.maximum(0, 2 - loudness * (1 + _VOICING) / _SILENCE)
    states = _path.cheapest(-np.column_stack([voiced, unvoiced]), partial(_moves, octaves))
    best = np.where(states < count, states, voiced.argmax(axis=1))
    at = np.arange(frames)
    margin = np.clip(voiced.max(axis=1) - unvoiced, -5, 5)
    return Track(
        f0=np.where(states < count, frequencies[at, best], 0.0),
        voicing=1 / (1 + np.exp(-_STEEP * (margin - _EVEN))),
        strength=strengths[at, best],
    )


def loudest(peaks: Floats) -> float:
    """Return the absolute peak of loud speech: what only a few frames exceed."""
    few = min(_LOUD, len(peaks))
    return float(np.partition(peaks, -few)[-few])


def _moves(octaves: Array, start: int, stop: int) -> Array:
    """Costs of the moves to the frames from `start` to `stop`; the last state is unvoiced."""
    count = octaves.shape[1]
    here, before = octaves[start:stop], octaves[np.arange(start, stop) - 1]
    moves = np.full((stop - start, count + 1, count + 1), _CHANGE)
    moves[:, :count, :count] = _JUMP * np.abs(before[:, :, None] - here[:, None, :])
    moves[:, count, count] = 0
    return moves


def check(signal: Signal) -> None:
    """Refuse what pitch is not defined on.

    Raises:
        UsageError: the rate is neither 8 nor 16 kHz, or a sample is not a finite number.
    """
    if signal.rate not in RATES:
        raise UsageError(f"pitch is tracked at 8000 or 16000 Hz, got {signal.rate} Hz; resample first")
    if not np.isfinite(signal.samples).all():
        raise UsageError("pitch is tracked in finite samples, got NaN or infinity; decode the recording again")


# Frames -----------------------------------------------------------------------------------------------------------


def narrow(signal: Signal) -> Floats:
    """Samples at 8 kHz: what comes at 16 kHz goes through a half-band filter of 63 taps, without delay."""
    if signal.rate == RATE:
        return signal.samples
    odd = np.pad(signal.samples[1::2], _TAPS)
    even = signal.samples[::2]
    found: Floats = np.float32(0.5) * even
    for at, tap in enumerate(_half_band()):
        found += tap * (odd[_TAPS + at :][: len(even)] + odd[_TAPS - 1 - at :][: len(even)])
    return found


@cache
def _half_band() -> Floats:
    """Every second tap to one side; those between are 0, the middle is 0.5."""
    place = np.arange(1, 2 * _TAPS, 2)
    taps = np.sin(np.pi * place / 2) / place * np.kaiser(4 * _TAPS + 1, 5.0)[2 * _TAPS + place]
    return np.asarray(taps / taps.sum() / 4, np.float32)


def window_size(floor: float = FLOOR) -> int:
    """Samples of a frame: three periods of the floor, an even number."""
    return 2 * round(RATE * _PERIODS / floor / 2)


@cache
def hann(size: int) -> Floats:
    """Hann window with its middle at size // 2."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size), np.float32)


def _piece(rows: Floats) -> Piece:
    parts = [_transformed(rows[at : at + _BLOCK]) for at in range(0, len(rows), _BLOCK)]
    return Piece(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _transformed(rows: Floats) -> Piece:
    size = rows.shape[1]
    half, third = size // 2, size // (2 * _PERIODS)
    centred = rows - rows.mean(axis=1, keepdims=True)
    peaks = np.abs(centred[:, half - third : half + third]).max(axis=1)
    centred *= hann(size)
    spectrum = np.fft.rfft(centred, _padded(size))
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.add.reduceat(power[:, :-1], _edges(_padded(size)), axis=1) * _mean_square(size)
    curves = np.fft.irfft(power, _padded(size))[:, : size // _PERIODS + _REACH + 4]
    curves = curves / (np.maximum(curves[:, :1], 1e-20) * _window_curve(size))
    return Piece(*(part.astype(np.float32, copy=False) for part in (curves, bands, peaks)))


def _padded(size: int) -> int:
    """Samples of the transform of a frame, its longest lag with it: a power of two."""
    return 1 << (size + size // _PERIODS + _REACH + 3).bit_length()


@cache
def _edges(size: int) -> NDArray[np.intp]:
    """First bin of each critical band."""
    return np.ceil(np.array(BARK[:-1]) * size / RATE).astype(np.intp)


@cache
def _mean_square(size: int) -> np.float32:
    """Factor that makes the sum of half a power spectrum the mean square of the samples."""
    return np.float32(2 / (_padded(size) * (hann(size) ** 2).sum()))


@cache
def _window_curve(size: int) -> Floats:
    curve = np.fft.irfft(np.abs(np.fft.rfft(hann(size), _padded(size))) ** 2)
    return np.asarray(curve / curve[0], np.float32)[: size // _PERIODS + _REACH + 4]


# Candidates -------------------------------------------------------------------------------------------------------


def _between(curves: Floats, row: NDArray[np.intp], lag: NDArray[np.intp]) -> tuple[Array, Array]:
    """Place in samples from each lag, and height, of the peak next to it, made from the samples around it."""
    around = np.lib.stride_tricks.sliding_window_view(curves.ravel(), 2 * _REACH + 1)
    fine = around[row * curves.shape[1] + lag - _REACH] @ _sinc()
    best = np.clip(fine.argmax(axis=1), 1, fine.shape[1] - 2)
    at = np.arange(len(best))
    left, middle, right = (fine[at, best + side].astype(float) for side in (-1, 0, 1))
    shift = np.clip(0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-9), -1, 1)
    return (best + shift) / _FINE - 1, middle - 0.25 * (left - right) * shift


@cache
def _sinc() -> Floats:
    """Windowed sinc: (samples around a lag) -> values from one sample before it to one after."""
    away = np.arange(-_REACH, _REACH + 1)[:, None] - np.arange(-_FINE, _FINE + 1) / _FINE
    window = np.cos(np.pi / 2 * np.clip(away / (_REACH + 1), -1, 1)) ** 2
    return np.asarray(np.sinc(away) * window, np.float32)


def _strongest(row: NDArray[np.intp], frequency: Array, height: Array, *, frames: int) -> tuple[Array, Array]:
    """Scatter a flat list of candidates into (frames, 5), the strongest of each frame first."""
    order = np.lexsort((-height - _OCTAVE * np.log2(frequency), row))
    row = row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = rank < _CANDIDATES
    frequencies, strengths = np.zeros((2, frames, _CANDIDATES))
    frequencies[row[kept], rank[kept]] = frequency[order][kept]
    strengths[row[kept], rank[kept]] = height[order][kept]
    return frequencies, strengths
