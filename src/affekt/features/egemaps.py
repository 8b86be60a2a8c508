"""Signal -> (frames, 25), or 88 numbers. The extended Geneva minimalistic acoustic parameter set, version 02.

Names and order are openSMILE's, so that models and papers carry over; how near each value comes to openSMILE's is
measured in benchmarks/FEATURES.md. Written from the paper and the published configuration, in numpy alone. Silence is
finite: what depends on the voice is 0 where there is none, except a formant's amplitude, which is -201 dB.

Frame i begins at i times 10 ms. Loudness, the spectrum's shape and the formants look at 20 ms of it, pitch, harmonics,
jitter and shimmer at 60 ms.

Source: Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective
Computing", IEEE Transactions on Affective Computing 7; Hz, dB and semitones above 27.5 Hz as the names say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.features import (
    _egemaps_words,
    _formants,
    _harmonics,
    _peaks,
    _perturbation,
    _pitch,
    _shape,
    _spectra,
    _statistics,
)
from affekt.features._spectra import HOP, RATE, Array, Floats
from affekt.types import Signal

__all__ = [
    *("DIM", "FEATURES", "FUNCTIONALS", "HOP", "NAMES", "OFFSET", "RATE", "RATES", "VERSION"),
    *("describe", "extract", "functionals"),
]

DIM = 25
RATES = (RATE,)
OFFSET = _spectra.SHORT / 2
"seconds; the centre of the first frame of 20 ms (of 60 ms: 20 ms later)"
VERSION = 2

FEATURES = _egemaps_words.FEATURES
"of the frames' columns"
NAMES = tuple(feature.name for feature in FEATURES)
FUNCTIONALS = _egemaps_words.FUNCTIONALS
"names of the 88 functionals"
describe = _egemaps_words.describe

_FULL_SCALE = np.float32(32768 / 32767)
"the reference divides 16-bit samples by 32767"
_PIECE = 512
"frames at once: what is worked on stays in the processor's cache"
_PART, _MARGIN = 4096, 128
"""frames at once whose spectra are kept: memory does not grow with them; and those before and after that are tracked as
well, three times as many as the path looks ahead"""
_UNVOICED = 5
"measures of shape after loudness that are summed up over unvoiced frames as well"


def extract(signal: Signal) -> NDArray[np.float32]:
    """Measure the signal, shape (frames, 25), one frame per 10 ms, columns `NAMES`.

    Args:
        signal: 16 kHz; at least one frame comes back however short it is. openSMILE drops the last five frames, whose
            60 ms are not full; here silence fills them.

    Raises:
        UsageError: the rate is not 16 kHz, or a sample is not finite.

    >>> extract(Signal(np.zeros(16000, np.float32), 16000)).shape
    (100, 25)
    """
    count = max(1, len(signal.samples) // _spectra.size(RATE, HOP))
    found = _measure(signal, count)
    present = _statistics.smooth_present(np.column_stack([_pitch.semitones(found.f0), found.voice]))
    return np.hstack([_statistics.smooth(found.shape)[:count], present]).astype(np.float32)


def functionals(signal: Signal) -> dict[str, float]:
    """Summarise the signal in 88 numbers, by name, in the order of `FUNCTIONALS`.

    Takes and raises what `extract` does; counts whole frames only and the last one not, as openSMILE does.

    >>> len(functionals(Signal(np.zeros(16000, np.float32), 16000)))
    88
    """
    found = _measure(signal, 1)
    count = max(len(found.f0) - 1, 1)
    voiced = found.f0[:, None] > 0
    pitch = _statistics.smooth_present(_pitch.semitones(found.f0)[:, None])[:count, 0]
    whole, spectral = _statistics.smooth(found.shape), found.shape[: len(voiced), 1:]
    silent = np.where(voiced, 0.0, spectral[:, :_UNVOICED])
    tracks = np.hstack([found.voice, np.where(voiced, spectral, 0.0), silent])
    means, spreads = _statistics.moments(_statistics.smooth_present(tracks)[:count], present=True)
    values = [*_contour(pitch[pitch > 0]), *_contour(whole[:, 0])]
    values += _pairs(*_statistics.moments(whole[:, _UNVOICED:]))
    values += _pairs(means[:-_UNVOICED], spreads[:-_UNVOICED]) + means[-_UNVOICED:].tolist()
    values += [_peaks.peaks_per_second(whole[:, 0]), *_rhythm(pitch > 0), found.level]
    return dict(zip(FUNCTIONALS, values, strict=True))


class _Contours(NamedTuple):
    """Not smoothed."""

    f0: Array
    "Hz, (frames,), 0 where unvoiced"
    shape: Array
    "loudness and spectral shape, (frames of 20 ms: a few more, 10)"
    voice: Array
    "(frames, 14)"
    level: float
    "mean power of the frames in dB relative to full scale"


def _measure(signal: Signal, count: int) -> _Contours:
    _spectra.check(signal)
    signal = _spectra.extend(Signal(signal.samples.astype(np.float32) * _FULL_SCALE, signal.rate), count)
    rows = _spectra.windows(signal.samples, signal.rate, _spectra.SHORT)
    f0 = np.zeros(len(_spectra.windows(signal.samples, signal.rate, _spectra.LONG)))
    shape, voice = np.zeros((len(rows), len(_shape.NAMES))), np.zeros((len(f0), 14))
    for part, magnitudes in _tracked(signal, f0):
        # The last frames of 20 ms have no frame of 60 ms beside them.
        short = slice(part.start, part.stop if part.stop < len(f0) else len(rows))
        shape[short], filters = _shape_and_filters(rows, short, f0, signal.rate)
        voice[part, 2:] = _resonance(filters, f0[part], magnitudes, signal.rate)
    voice[:, :2] = np.column_stack(_perturbation.perturbation(signal.samples, f0, signal.rate))
    level = _shape.decibels(np.einsum("ij,ij->i", rows, rows).mean(dtype=np.float64) / rows.shape[1])
    return _Contours(f0, shape, voice, float(level))


def _tracked(signal: Signal, f0: Array) -> Iterator[tuple[slice, Floats]]:
    """Fill in F0 part by part, and yield the part and its 60 ms magnitudes; a path decides by what is near."""
    hop, reach = _spectra.size(signal.rate, HOP), _spectra.size(signal.rate, _spectra.LONG)
    for begin in range(0, len(f0), _PART):
        part = slice(begin, min(begin + _PART, len(f0)))
        first, last = max(begin - _MARGIN, 0), min(part.stop + _MARGIN, len(f0))
        found, magnitudes = _pitch.track(Signal(signal.samples[first * hop : (last - 1) * hop + reach], signal.rate))
        inner = slice(begin - first, part.stop - first)
        f0[part] = found[inner]
        yield part, magnitudes[inner]


def _shape_and_filters(rows: Floats, part: slice, f0: Array, rate: int) -> tuple[Array, Array]:
    """Shape of the spectra of some frames, (frames, 10), and linear predictions of the voiced ones, (voiced, 11)."""
    window = _spectra.hamming(rows.shape[1]).astype(np.float32)
    shapes, filters = [], []
    for start in range(part.start, part.stop, _PIECE):
        stop, before = min(start + _PIECE, part.stop), min(start, 1)
        transforms = np.fft.rfft(rows[start - before : stop] * window, _spectra.padded(rows.shape[1]))
        shapes.append(_shape.measure(np.abs(transforms), before, rate))
        filters.append(_formants.predictions(transforms[before + np.flatnonzero(f0[start:stop])], rate))
    return np.concatenate(shapes), np.concatenate(filters)


def _resonance(filters: Array, f0: Array, magnitudes: Floats, rate: int) -> Array:
    """Harmonics and formants of some frames, (frames, 12), from the predictions of the voiced ones."""
    found = np.zeros((len(f0), 12))
    found[:, [5, 8, 11]] = _harmonics.ABSENT
    voiced = np.flatnonzero(f0)
    frequency, bandwidth = _formants.resonances(filters)
    for start in range(0, len(voiced), _PIECE):
        piece = slice(start, start + _PIECE)
        at = voiced[piece]
        heard = _harmonics.measure(magnitudes[at], f0[at], frequency[piece], rate)
        formants = np.stack([frequency[piece], bandwidth[piece], heard.amplitudes], axis=2).reshape(len(at), 9)
        found[at] = np.column_stack([heard.noise, heard.difference, heard.tilt, formants])
    return found


def _contour(contour: Array) -> list[float]:
    mean, spread = _statistics.moments(contour[:, None])
    return [float(mean[0]), float(spread[0]), *_statistics.percentiles(contour), *_peaks.slopes(contour)]


def _pairs(means: Array, spreads: Array) -> list[float]:
    return [float(value) for pair in zip(means, spreads, strict=True) for value in pair]


def _rhythm(voiced: NDArray[np.bool_]) -> list[float]:
    talk, rest = _statistics.segments(voiced), _statistics.segments(~voiced)
    lengths = [f(stretches) for stretches in (talk, rest) for f in (_statistics.mean, _statistics.deviation)]
    return [len(talk) / (len(voiced) * HOP), *lengths]
