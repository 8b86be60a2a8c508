"""Signal -> (frames, 15). Voice quality: how steady, how noisy and how tense the voice is.

Jitter and shimmer compare neighbouring glottal periods by Praat's rules: periods of 0.1 to 20 ms, of which neighbours
differ by a factor of at most 1.3, and amplitudes by one of at most 1.6. Their frames look at the periods whose middle
lies within 30 ms; the functionals that end in `_utterance` at all periods of the signal, which is what phoneticians
quote. Frame i is centred at i times the hop, F0 is looked for from 75 to 600 Hz.

A frame is 0 where it is unvoiced, or where a measure does not exist: too few periods, no F3. Functionals look at the
other frames; without any they are 0. H1*-H2* and H1*-A3* have the formants' resonances taken out, so they compare
voices across vowels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt.features import _autocorrelation, _periods, _phonation, _prediction, _summary
from affekt.features._autocorrelation import HOP, RATES
from affekt.features._feature import Feature
from affekt.types import Signal

__all__ = ["DIM", "FEATURES", "FUNCTIONALS", "HOP", "NAMES", "OFFSET", "RATES", "VERSION"]
__all__ += ["describe", "extract", "functionals"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

OFFSET = 0.0
"seconds; centre of the first frame"
VERSION = 2

_AROUND = 0.06
"seconds, in which periods are compared for a frame"

_PRAAT = "Praat's manual, Voice 2 and 3"
_ISELI = "Iseli, Shue & Alwan 2007"
_QUOTIENT = (
    "mean difference between {what} and the mean of it and its {n} nearest, over the mean {what}; 0 where absent"
)


def _quotient(name: str, what: str, others: int) -> Feature:
    return Feature(name, "1", _QUOTIENT.format(what=what, n=others), _PRAAT)


_PERTURBATION = (
    Feature("jitterLocal", "1", "mean difference of neighbouring periods over the mean period; 0 where absent", _PRAAT),
    Feature("jitterLocalAbsolute", "s", "mean difference of neighbouring periods; 0 where absent", _PRAAT),
    _quotient("jitterRAP", "a period", 2),
    _quotient("jitterPPQ5", "a period", 4),
    Feature(
        "shimmerLocal",
        "1",
        "mean difference of neighbouring periods' amplitudes over the mean amplitude; 0 where absent",
        _PRAAT,
    ),
    Feature("shimmerLocaldB", "dB", "mean difference of neighbouring periods' levels; 0 where absent", _PRAAT),
    _quotient("shimmerAPQ3", "an amplitude", 2),
    _quotient("shimmerAPQ5", "an amplitude", 4),
    _quotient("shimmerAPQ11", "an amplitude", 10),
)
_HNR = Feature(
    "HNR", "dB", "harmonics to noise, by cross-correlation with the period after; 0 where unvoiced", "Boersma 1993"
)
_CPP = Feature(
    "CPP",
    "dB",
    "smoothed cepstral peak prominence: the peak within 60 .. 330 Hz above the trend; 0 where unvoiced",
    "Hillenbrand & Houde 1996",
)
_TILT = (
    Feature(
        "H1-H2",
        "dB",
        "level of the first harmonic less that of the second; 0 where unvoiced",
        "Hillenbrand et al. 1994",
    ),
    Feature(
        "H1-A3", "dB", "first harmonic less the strongest near F3; 0 where unvoiced or F3 is absent", "Hanson 1997"
    ),
    Feature("H1*-H2*", "dB", "H1-H2 without the resonances of F1 and F2; 0 where unvoiced", _ISELI),
    Feature("H1*-A3*", "dB", "H1-A3 without the resonances of F1 to F3; 0 where unvoiced or F3 is absent", _ISELI),
)
FEATURES = (*_PERTURBATION, _HNR, _CPP, *_TILT)
NAMES = tuple(feature.name for feature in FEATURES)
"of the frames' columns"
DIM = len(FEATURES)


def _whole(feature: Feature) -> Feature:
    text = feature.definition.split("; ")[0]
    return Feature(
        f"{feature.name}_utterance", feature.unit, f"{text}, over all periods; 0 without any", feature.source
    )


_UTTERANCE = (
    *(_whole(feature) for feature in _PERTURBATION),
    Feature(
        "HNR_utterance",
        "dB",
        "mean over the frames that are not silent, voiced or not, as Praat's; 0 without any",
        _HNR.source,
    ),
    Feature("CPPS_utterance", "dB", "mean over all frames, as Praat's", _CPP.source),
    Feature("pulses", "1", "number of glottal pulses that were found", _PRAAT),
)
_DOCUMENTED = _summary.documented(FEATURES, "the frames that have one") | {f.name: f for f in _UTTERANCE}

FUNCTIONALS = tuple(_DOCUMENTED)


class _Measured(NamedTuple):
    values: Array
    "(frames, 15), 0 where absent"
    known: Flags
    "(frames, 15)"
    utterance: tuple[float, ...]
    "in the order of `_UTTERANCE`"


def describe(name: str) -> Feature:
    """Document a functional.

    >>> describe("shimmerAPQ11_utterance").unit
    '1'
    """
    return _DOCUMENTED[name]


def extract(signal: Signal) -> NDArray[np.float32]:
    """Measure the signal, shape (frames, 15), one frame per 10 ms, columns `NAMES`.

    Args:
        signal: 8 or 16 kHz; at least one frame comes back however short it is.

    Raises:
        UsageError: another rate, or a sample that is not finite.

    >>> extract(Signal(np.zeros(16000, np.float32), 16000)).shape
    (100, 15)
    """
    return _measured(signal).values.astype(np.float32)


def functionals(signal: Signal) -> dict[str, float]:
    """Summarise the signal, by name, in the order of `FUNCTIONALS`; takes and raises what `extract` does.

    >>> len(functionals(Signal(np.zeros(16000, np.float32), 16000)))
    57
    """
    found = _measured(signal)
    whole = dict(zip((feature.name for feature in _UTTERANCE), found.utterance, strict=True))
    return _summary.summary(NAMES, found.values, found.known) | whole


def _measured(signal: Signal) -> _Measured:
    f0 = _autocorrelation.track(signal).f0
    samples = signal.samples.astype(np.float64)
    voicing = _periods.voicing(samples, signal.rate, f0, hop=HOP)
    times, voiced = np.arange(len(f0), dtype=np.float64) * HOP, f0 > 0
    values, known = np.zeros((len(f0), DIM)), np.zeros((len(f0), DIM), bool)
    measures = (*_periods.JITTER, *_periods.SHIMMER)
    for column, name in enumerate(measures):
        values[:, column], known[:, column] = _periods.framewise(name, voicing, times, window=_AROUND)
    harmonicity = _phonation.harmonicity(samples, signal.rate, times)
    prominence = _phonation.cepstral_prominence(samples, signal.rate, times)
    values[:, 9], values[:, 10] = harmonicity.ratio, prominence
    known[:, 9], known[:, 10] = harmonicity.heard, True
    values[voiced, 11:], known[voiced, 11:] = _tilts(samples, signal.rate, times[voiced], f0[voiced])
    known &= voiced[:, None]
    utterance = tuple(_periods.utterance(name, voicing) for name in measures)
    heard = harmonicity.ratio[harmonicity.heard]
    utterance += (float(heard.mean()) if len(heard) else 0.0, float(prominence.mean()), float(len(voicing.pulses)))
    return _Measured(np.where(known, values, 0.0), known, utterance)


def _tilts(samples: Array, rate: int, times: Array, f0: Array) -> tuple[Array, Flags]:
    """H1-H2, H1-A3, and both corrected, of voiced frames, and which exist, each (frames, 4)."""
    formants, _ = _prediction.formants(samples, rate, times)
    plain, corrected = _phonation.harmonics(samples, rate, times, f0=f0, formants=formants)
    tilts = [level[:, :1] - level[:, 1:] for level in (plain, corrected)]
    third = formants[:, 2] > 0
    known = np.ones(len(f0), bool)
    return np.hstack(tilts), np.column_stack([known, third, known, third])
