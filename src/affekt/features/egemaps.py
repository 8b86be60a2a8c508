"""Signal -> (frames, 25), or 88 numbers. The extended Geneva minimalistic acoustic parameter set, version 02.

Names and order are openSMILE's, so that models and papers carry over; how near each value comes to openSMILE's is
measured in benchmarks/FEATURES.md. Written from the paper and the published configuration, in numpy alone. Silence is
finite: what depends on the voice is 0 where there is none, except a formant's amplitude, which is -201 dB.

Source: Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective
Computing", IEEE Transactions on Affective Computing 7; Hz, dB and semitones above 27.5 Hz as the names say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.features import _pitch, _shape, _spectra, _statistics, _voice
from affekt.features._spectra import HOP, RATE, Array
from affekt.types import Signal

__all__ = ["DIM", "FUNCTIONALS", "HOP", "NAMES", "RATE", "extract", "functionals"]

DIM = 25

_SHAPE = (
    "alphaRatio",
    "hammarbergIndex",
    "slope0-500",
    "slope500-1500",
    "spectralFlux",
    *(f"mfcc{k}" for k in range(1, 5)),
)
_VOICE = (
    *("jitterLocal", "shimmerLocaldB", "HNRdBACF", "logRelF0-H1-H2", "logRelF0-H1-A3"),
    *(f"F{k}{what}" for k in (1, 2, 3) for what in ("frequency", "bandwidth", "amplitudeLogRelF0")),
)
_PITCH = "F0semitoneFrom27.5Hz"

NAMES = tuple(f"{name}_sma3" for name in ("Loudness", *_SHAPE)) + tuple(f"{name}_sma3nz" for name in (_PITCH, *_VOICE))
"of the frames' columns"

_CONTOUR = (
    *("amean", "stddevNorm", "percentile20.0", "percentile50.0", "percentile80.0", "pctlrange0-2"),
    *(f"{what}{way}Slope" for way in ("Rising", "Falling") for what in ("mean", "stddev")),
)
_UNVOICED = _SHAPE[:5]


def _voiced(name: str) -> str:
    return name.replace("slope", "slopeV") if name.startswith("slope") else f"{name}V"


FUNCTIONALS = (
    *(f"{_PITCH}_sma3nz_{what}" for what in _CONTOUR),
    *(f"loudness_sma3_{what}" for what in _CONTOUR),
    *(f"{name}_sma3_{what}" for name in _SHAPE[4:] for what in ("amean", "stddevNorm")),
    *(f"{name}_sma3nz_{what}" for name in _VOICE for what in ("amean", "stddevNorm")),
    *(f"{_voiced(name)}_sma3nz_{what}" for name in _SHAPE for what in ("amean", "stddevNorm")),
    *(f"{_voiced(name).replace('V', 'UV')}_sma3nz_amean" for name in _UNVOICED),
    *("loudnessPeaksPerSec", "VoicedSegmentsPerSec", "MeanVoicedSegmentLengthSec", "StddevVoicedSegmentLengthSec"),
    *("MeanUnvoicedSegmentLength", "StddevUnvoicedSegmentLength", "equivalentSoundLevel_dBp"),
)
"of the 88 functionals"


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
    pitch, shape, voice = _contours(_spectra.extend(signal, count))
    smooth, present = _statistics.smooth(shape)[:count], _statistics.smooth_present(np.column_stack([pitch, voice]))
    return np.hstack([smooth, present]).astype(np.float32)


def functionals(signal: Signal) -> dict[str, float]:
    """Summarise the signal in 88 numbers, by name, in the order of `FUNCTIONALS`.

    Takes and raises what `extract` does; counts whole frames only, as openSMILE does.

    >>> len(functionals(Signal(np.zeros(16000, np.float32), 16000)))
    88
    """
    signal = _spectra.extend(signal, 1)
    pitch, shape, voice = _contours(signal)
    voiced = (pitch > 0)[:, None]
    f0 = _statistics.smooth_present(pitch[:, None])[:, 0]
    whole = _statistics.smooth(shape)
    spectral = shape[: len(pitch), 1:]
    tracks = _statistics.smooth_present(np.hstack([voice, np.where(voiced, spectral, 0.0)]))
    silent = _statistics.smooth_present(np.where(voiced, 0.0, spectral[:, : len(_UNVOICED)]))
    values = [*_contour(f0[f0 > 0]), *_contour(whole[:, 0])]
    values += _pairs(whole[:, 5:]) + _pairs(tracks, present=True)
    values += [_statistics.mean(track[track != 0]) for track in silent.T]
    values += [_statistics.peaks_per_second(whole[:, 0]), *_rhythm(f0 > 0), _level(signal)]
    return dict(zip(FUNCTIONALS, values, strict=True))


def _contours(signal: Signal) -> tuple[Array, Array, Array]:
    """Unsmoothed: semitones (frames,), loudness and spectral shape (frames + a few, 10), voice (frames, 14)."""
    _spectra.check(signal)
    rate = RATE
    short = _spectra.frames(signal, _spectra.SHORT)
    windowed = short * _spectra.hamming(short.shape[1])
    f0, magnitudes = _pitch.track(signal)
    return _pitch.semitones(f0), _shape_of(windowed, rate), _voice_of(signal, windowed, magnitudes.astype(float), f0)


def _shape_of(windowed: Array, rate: int) -> Array:
    magnitudes = _spectra.magnitudes(windowed)
    power = magnitudes**2
    return np.column_stack(
        [
            _shape.loudness(power, rate),
            _shape.alpha_ratio(power, rate),
            _shape.hammarberg_index(power, rate),
            _shape.slope(power, rate, 0, 500),
            _shape.slope(power, rate, 500, 1500),
            _shape.flux(magnitudes, rate),
            _shape.cepstrum(power, rate),
        ]
    )


def _voice_of(signal: Signal, windowed: Array, magnitudes: Array, f0: Array) -> Array:
    rate, count = signal.rate, len(f0)
    frequency, bandwidth = _voice.formants(windowed[:count], rate)
    found = _voice.harmonics(magnitudes, f0, frequency, rate)
    hop, reach = _spectra.size(rate, HOP), _spectra.size(rate, _spectra.LONG)
    jitter, shimmer = _voice.perturbation(signal.samples.astype(float), f0, rate, hop, reach)
    voiced = f0 > 0
    columns = [jitter, shimmer, found.hnr, found.difference, found.tilt]
    for formant in range(3):
        columns += [frequency[:, formant] * voiced, bandwidth[:, formant] * voiced, found.amplitudes[:, formant]]
    return np.column_stack(columns)


def _contour(contour: Array) -> list[float]:
    return [
        _statistics.mean(contour),
        _statistics.spread(contour),
        *_statistics.percentiles(contour),
        *_statistics.slopes(contour),
    ]


def _pairs(tracks: Array, *, present: bool = False) -> list[float]:
    values = []
    for track in tracks.T:
        kept = track[track != 0] if present else track
        values += [_statistics.mean(kept), _statistics.spread(kept)]
    return values


def _rhythm(voiced: NDArray[np.bool_]) -> list[float]:
    talk, rest = _statistics.segments(voiced), _statistics.segments(~voiced)
    rate = len(talk) / (max(len(voiced) - 1, 1) * HOP)
    return [rate, *(f(lengths) for lengths in (talk, rest) for f in (_statistics.mean, _deviation))]


def _deviation(lengths: Array) -> float:
    return float(lengths.std()) if len(lengths) else 0.0


def _level(signal: Signal) -> float:
    """Equivalent sound level: mean power in dB relative to full scale."""
    power = (_spectra.frames(signal, _spectra.SHORT) ** 2).mean()
    return float(_shape.decibels(power))
