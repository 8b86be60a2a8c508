"""Signal -> (frames, 5). How it is said: pitch, voicing, level and loudness; their course, speed, pauses and rhythm.

All is measured below 4 kHz in frames of 40 ms (Hann window), so that the same recording gives the same numbers at 8 and
at 16 kHz. Frame i is centred at i times the hop; outside the signal there is silence.

Speech is what lies within 25 dB of the loud frames and above the noise, with its gaps shorter than 0.3 s; longer ones
are pauses, and what comes before the first and after the last speech is neither. A voiced interval is a run of frames
with an F0, and the unvoiced intervals are the rest of speech. Where nobody speaks, or no frame is voiced, what cannot
be measured is 0 (levels: -100 dBFS).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.features import _autocorrelation, _syllables
from affekt.features._autocorrelation import HOP, RATES
from affekt.features._feature import Feature
from affekt.features._syllables import runs
from affekt.types import Signal

__all__ = ["DIM", "FEATURES", "FUNCTIONALS", "HOP", "NAMES", "OFFSET", "RATES", "VERSION"]
__all__ += ["describe", "extract", "functionals"]

Array = NDArray[np.floating]
Flags = NDArray[np.bool_]

OFFSET = 0.0
"seconds; centre of the first frame"
VERSION = 2

_BOERSMA = "Boersma 1993"
_SYLLABLES = "de Jong & Wempe 2009"
_RHYTHM = "Grabe & Low 2002; of voiced intervals: Dellwo et al. 2007"
_OWN = "defined here"

FEATURES = (
    Feature("F0", "Hz", "fundamental frequency of the voice, 75 to 600 Hz; 0 where unvoiced", _BOERSMA),
    Feature("F0semitone", "semitone", "F0 in semitones above 27.5 Hz; 0 where unvoiced", _BOERSMA),
    Feature(
        "voicing",
        "1",
        "probability that the frame is voiced, by its best candidate for F0, whatever its neighbours",
        _BOERSMA,
    ),
    Feature(
        "energy", "dBFS", "RMS from 20 Hz to 4 kHz; 0 for what is always at full scale, -100 for digital silence", _OWN
    ),
    Feature(
        "loudness",
        "1",
        "cube root of the power in each critical band, weighted by the ear's sensitivity, summed over the bands below "
        "4 kHz; 1 for a sine of 1 kHz at -26 dBFS",
        "Hermansky 1990; bands of Zwicker 1961",
    ),
)
NAMES = tuple(feature.name for feature in FEATURES)
"of the frames' columns"
DIM = len(FEATURES)

_PERCENTILES = (5, 20, 50, 80, 95)
_TIMING = (
    Feature("speakingRate", "1/s", "syllable nuclei per second from first to last speech, pauses included", _SYLLABLES),
    Feature("articulationRate", "1/s", "syllable nuclei per second of speech, pauses left out", _SYLLABLES),
    Feature("nucleiPerVoicedSecond", "1/s", "syllable nuclei per second of voiced speech", _SYLLABLES),
    Feature("pausesPerMinute", "1/min", "pauses of 0.3 s and more per minute from first to last speech", _SYLLABLES),
    Feature("pause_mean", "s", "mean length of the pauses", _SYLLABLES),
    Feature("pause_stddev", "s", "standard deviation of the lengths of the pauses", _SYLLABLES),
    Feature("pauseShare", "1", "share of the time from first to last speech that is pauses", _SYLLABLES),
    Feature("voicedShare", "1", "share of speech that is voiced (%V of voiced intervals), pauses left out", _RHYTHM),
    Feature("voicedInterval_mean", "s", "mean length of the voiced intervals", _RHYTHM),
    Feature("voicedInterval_stddev", "s", "standard deviation of the voiced intervals (delta V)", _RHYTHM),
    Feature(
        "voicedInterval_varco",
        "1",
        "standard deviation of the voiced intervals over their mean (VarcoV / 100)",
        _RHYTHM,
    ),
    Feature(
        "voicedInterval_nPVI",
        "1",
        "mean difference of neighbouring voiced intervals over their mean, pairs across a pause left out (nPVI / 100)",
        _RHYTHM,
    ),
    Feature("unvoicedInterval_mean", "s", "mean length of the unvoiced intervals", _RHYTHM),
    Feature("unvoicedInterval_stddev", "s", "standard deviation of the unvoiced intervals (delta UV)", _RHYTHM),
    Feature(
        "unvoicedInterval_rPVI",
        "s",
        "mean difference of neighbouring unvoiced intervals, pairs across a pause left out (rPVI)",
        _RHYTHM,
    ),
)


def _documented() -> tuple[Feature, ...]:
    pitch, speech = "of F0 over the voiced frames", "over the frames of speech"
    return (
        Feature("F0median", "Hz", f"median {pitch}", _BOERSMA),
        *_distribution("F0semitone", "semitone", f"{pitch}, in semitones above 27.5 Hz", _BOERSMA),
        *_course("F0semitone", "semitone/s", "within a voiced interval", _BOERSMA),
        Feature("F0semitone_slope", "semitone/s", "declination: regression of all voiced frames on time", _BOERSMA),
        Feature("F0semitone_finalSlope", "semitone/s", "regression of the last 0.3 s of voiced frames", _BOERSMA),
        Feature("F0semitone_final", "semitone", "mean of the last 0.1 s of voiced frames, less the median", _BOERSMA),
        *_distribution("energy", "dBFS", f"of the RMS {speech}", _OWN),
        *_course("energy", "dB/s", "within speech between pauses", _OWN),
        Feature("energy_slope", "dB/s", "regression of all frames of speech on time", _OWN),
        *_distribution("loudness", "1", f"of loudness {speech}", FEATURES[4].source),
        *_course("loudness", "1/s", "within speech between pauses", FEATURES[4].source),
        Feature("loudness_slope", "1/s", "regression of all frames of speech on time", FEATURES[4].source),
        Feature("voicing_mean", "1", f"mean probability of voicing {speech}", _BOERSMA),
        *_TIMING,
    )


def _distribution(name: str, unit: str, of: str, source: str) -> tuple[Feature, ...]:
    width = "dB" if unit == "dBFS" else unit
    return (
        Feature(f"{name}_mean", unit, f"mean {of}", source),
        Feature(f"{name}_stddev", width, f"standard deviation {of}", source),
        *(Feature(f"{name}_percentile{p}", unit, f"{p}th percentile {of}", source) for p in _PERCENTILES),
        Feature(f"{name}_range", width, f"95th less 5th percentile {of}", source),
    )


def _course(name: str, unit: str, where: str, source: str) -> tuple[Feature, ...]:
    over = f"slopes over five frames (50 ms) {where}"
    return tuple(
        Feature(f"{name}_{way}Slope_{what}", unit, f"{word} of the {way} {over}; falling is negative", source)
        for way in ("rising", "falling")
        for what, word in (("mean", "mean"), ("stddev", "standard deviation"))
    )


def _complete(feature: Feature) -> Feature:
    """Add the value of what cannot be measured."""
    absent = "-100 where nobody speaks" if feature.unit == "dBFS" else "0 where there is none"
    return feature._replace(definition=f"{feature.definition}; {absent}")


_DOCUMENTED = {feature.name: _complete(feature) for feature in _documented()}

FUNCTIONALS = tuple(_DOCUMENTED)


class _Contours(NamedTuple):
    f0: Array
    voicing: Array
    energy: Array
    loudness: Array


def describe(name: str) -> Feature:
    """Document a functional.

    >>> describe("pauseShare").unit
    '1'
    """
    return _DOCUMENTED[name]


def extract(signal: Signal) -> NDArray[np.float32]:
    """Measure the signal, shape (frames, 5), one frame per 10 ms, columns `NAMES`.

    Args:
        signal: 8 or 16 kHz; at least one frame comes back however short it is.

    Raises:
        UsageError: another rate, or a sample that is not finite.

    >>> extract(Signal(np.zeros(16000, np.float32), 16000)).shape
    (100, 5)
    """
    found = _contours(signal)
    columns = (found.f0, _semitones(found.f0), found.voicing, found.energy, found.loudness)
    return np.column_stack(columns).astype(np.float32)


def functionals(signal: Signal) -> dict[str, float]:
    """Summarise the signal by name, in the order of `FUNCTIONALS`; takes and raises what `extract` does.

    >>> functionals(Signal(np.zeros(16000, np.float32), 16000))["speakingRate"]
    0.0
    """
    found = _contours(signal)
    speech = _syllables.speech(found.energy)
    voiced = (found.f0 > 0) & speech
    values = [
        *_pitch(_semitones(found.f0), voiced),
        *_level(found.energy, speech, absent=_QUIET),
        *_level(found.loudness, speech),
        _mean(found.voicing[speech]),
        *_timing(found.energy, speech, voiced),
    ]
    return dict(zip(FUNCTIONALS, values, strict=True))


# Contours ---------------------------------------------------------------------------------------------------------

_QUIET = -100.0
"dBFS of digital silence"
_REFERENCE = 27.5
"Hz, four octaves below the a of 440"
_SINE = 10**-2.6
"mean square of the sine whose loudness is 1"
_POWER_LAW = 0.33
"of hearing: loudness grows with this power of intensity"


def _contours(signal: Signal) -> _Contours:
    parts = [
        (*_autocorrelation.candidates(piece.curves), piece.peaks, _decibels(piece.bands), _loudness(piece.bands))
        for piece in _autocorrelation.pieces(signal)
    ]
    frequencies, strengths, peaks, energy, loudness = (np.concatenate(part) for part in zip(*parts, strict=True))
    track = _autocorrelation.choose(frequencies, strengths, peaks)
    return _Contours(track.f0, track.voicing, energy, loudness)


def _semitones(f0: Array) -> Array:
    return np.where(f0 > 0, 12 * np.log2(np.maximum(f0, 1e-9) / _REFERENCE), 0.0)


def _decibels(bands: Array) -> Array:
    return np.asarray(10 * np.log10(bands.sum(axis=1, dtype=float) + 10 ** (_QUIET / 10)))


def _loudness(bands: Array) -> Array:
    return np.asarray(((bands * _sensitivity()) ** _POWER_LAW).sum(axis=1), np.float64)


@cache
def _sensitivity() -> NDArray[np.float32]:
    """Of the ear in the middle of each band, by Hermansky's curve; times a sine of 1 kHz at -26 dBFS it is 1."""
    edges = np.array(_autocorrelation.BARK, float)
    curve = _equal_loudness((edges[1:] + edges[:-1]) / 2)
    return np.asarray(curve / (_equal_loudness(np.array([1000.0])) * _SINE), np.float32)


def _equal_loudness(hertz: Array) -> Array:
    square = (2 * np.pi * hertz) ** 2
    return np.asarray((square + 56.8e6) * square**2 / ((square + 6.3e6) ** 2 * (square + 0.38e9)))


# Functionals ------------------------------------------------------------------------------------------------------

_FINAL, _LAST = 30, 10
"frames of the final slope, and of the final level"
_FEWEST = 5
"frames of a slope"


def _pitch(semitones: Array, voiced: Flags) -> list[float]:
    heard, times = semitones[voiced], np.flatnonzero(voiced) * HOP
    distribution = _spread(heard)
    middle = distribution[2 + _PERCENTILES.index(50)]
    median = _REFERENCE * 2 ** (middle / 12) if len(heard) else 0.0
    slopes = [_slope(times, heard), _slope(times[-_FINAL:], heard[-_FINAL:])]
    return [median, *distribution, *_steepness(semitones, voiced), *slopes, _mean(heard[-_LAST:] - middle)]


def _level(contour: Array, speech: Flags, absent: float = 0.0) -> list[float]:
    heard = contour[speech]
    return [*_spread(heard, absent), *_steepness(contour, speech), _slope(np.flatnonzero(speech) * HOP, heard)]


def _timing(energy: Array, speech: Flags, voiced: Flags) -> list[float]:
    starts, stops = runs(speech)
    talk = float(speech.sum()) * HOP
    span = float(stops[-1] - starts[0]) * HOP if len(starts) else 0.0
    nuclei = len(_syllables.nuclei(energy, voiced))
    pauses = (starts[1:] - stops[:-1]) * HOP
    rates = [_share(nuclei, whole) for whole in (span, talk, float(voiced.sum()) * HOP)]
    rates += [60 * _share(len(pauses), span), _mean(pauses), _deviation(pauses), _share(float(pauses.sum()), span)]
    return [*rates, _share(float(voiced.sum()) * HOP, talk), *_rhythm(speech, voiced)]


def _rhythm(speech: Flags, voiced: Flags) -> list[float]:
    voice, voice_pairs = _intervals(speech, voiced)
    rest, rest_pairs = _intervals(speech, speech & ~voiced)
    deviation = _deviation(voice)
    relative = np.abs(np.diff(voice_pairs, axis=0))[0] / np.maximum(voice_pairs.mean(axis=0), HOP)
    absolute = np.abs(np.diff(rest_pairs, axis=0))[0]
    varco = _share(deviation, _mean(voice))
    return [_mean(voice), deviation, varco, _mean(relative), _mean(rest), _deviation(rest), _mean(absolute)]


def _intervals(speech: Flags, inside: Flags) -> tuple[Array, Array]:
    """Lengths of the runs in seconds, and of those that follow each other without a pause, shape (2, pairs)."""
    starts, stops = runs(inside)
    lengths = (stops - starts) * HOP
    silent = np.concatenate([[0], np.cumsum(~speech)])
    near = silent[starts[1:]] == silent[stops[:-1]]
    return lengths, np.stack([lengths[:-1][near], lengths[1:][near]])


def _spread(values: Array, absent: float = 0.0) -> list[float]:
    if not len(values):
        return [absent, 0.0, *[absent] * len(_PERCENTILES), 0.0]
    # As np.percentile, in a tenth of its time.
    points = np.interp(_PERCENTILES, np.linspace(0, 100, len(values)), np.sort(values))
    return [float(v) for v in (values.mean(), values.std(), *points, points[-1] - points[0])]


def _steepness(contour: Array, inside: Flags) -> list[float]:
    """Mean and standard deviation of the rising, then of the falling slopes over five frames inside."""
    if len(contour) < _FEWEST:
        return [0.0] * 4
    whole = np.convolve(inside, np.ones(_FEWEST), mode="valid") == _FEWEST
    slopes = np.convolve(contour, np.arange(2, -3, -1) / (10 * HOP), mode="valid")[whole]
    ways = (slopes[slopes > 0], slopes[slopes < 0])
    return [value for way in ways for value in (_mean(way), _deviation(way))]


def _slope(times: Array, values: Array) -> float:
    """Regression of values on time, units per second; 0 of fewer than five."""
    if len(values) < _FEWEST:
        return 0.0
    centred = times - times.mean()
    return float((centred * values).sum() / (centred**2).sum())


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else 0.0


def _deviation(values: Array) -> float:
    return float(values.std()) if len(values) else 0.0
