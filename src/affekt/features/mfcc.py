"""Signal -> (frames, 39), or 78 numbers. Mel-frequency cepstral coefficients, their deltas and delta-deltas.

As in HTK (MFCC_0_D_A): frames of 25 ms every 10 ms, pre-emphasis 0.97, a Hamming window, the power spectrum in 26
triangular mel bands from 0 Hz to half the rate, the logarithm of each band but at least 0 (1 in the power of 16-bit
samples), cosine transform, lifter 22; deltas over two frames to either side. The zeroth coefficient stands first (HTK
puts it last). Silence is 0 throughout.

At 8 kHz the same number of bands ends at 4 kHz, so values of 8 and 16 kHz do not mix; `highest=4000` gives both rates
the same bands.

Source: Young et al. 2006, "The HTK book", chapter 5; Davis and Mermelstein 1980.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UnknownNameError
from affekt.features import _framing, _moments
from affekt.features._cepstrum import MOST, Array, Cepstrum
from affekt.features._deltas import deltas
from affekt.features._feature import Feature
from affekt.features._framing import HOP, RATES
from affekt.types import Signal

__all__ = ["COEFFICIENTS", "DIM", "FEATURES", "FUNCTIONALS", "HOP", "NAMES", "OFFSET", "OPTIONS", "RATES", "VERSION"]
__all__ += ["describe", "extract", "functionals", "names"]

COEFFICIENTS = 13
DIM = 3 * COEFFICIENTS
VERSION = 1
OFFSET = 0.0125
"seconds; the centre of the first frame"

_FRAME = 0.025
"seconds"
_BANDS, _MANY = 26, 40
"bands for up to 26 coefficients, and for more"
_LIFTER = 22
_SOURCE = "Young et al. 2006, HTK book, chapter 5"
OPTIONS = (
    Feature("coefficients", "1", f"1 .. {MOST}, the zeroth counted; default {COEFFICIENTS}", _SOURCE),
    Feature(
        "bands",
        "1",
        f"mel bands, coefficients .. {MOST}; default null: {_BANDS} for up to {_BANDS} coefficients, else {_MANY}",
        _SOURCE,
    ),
    Feature(
        "highest", "Hz", "where the bands end, above 0 and up to half the rate; default null: half the rate", _SOURCE
    ),
    Feature(
        "lifter",
        "1",
        f"L in the weight 1 + L/2 sin(pi n / L) of coefficient n below L, 0 (none) and more; default {_LIFTER}",
        _SOURCE,
    ),
    Feature(
        "normalise", "true or false", "subtract each coefficient's mean over the recording; default false", _SOURCE
    ),
)
"what `extract` and `functionals` can be told, with range and default"
_KINDS = {
    "": ("1", "mel-frequency cepstral coefficient {k}, {note}; 0 in silence"),
    "_delta": ("1/frame", "change of mel-frequency cepstral coefficient {k}, regression over five frames"),
    "_delta2": ("1/frame^2", "change of the delta of mel-frequency cepstral coefficient {k}, over five frames"),
}
_STATISTICS = {
    "mean": "mean of the {}",
    "stddev": "standard deviation of the {}",
    "skewness": "skewness of the {}; 0 where it is constant",
    "kurtosis": "kurtosis of the {}; 3 for a normal distribution, 0 where it is constant",
}


def names(coefficients: int = COEFFICIENTS) -> tuple[str, ...]:
    """Names of the columns for a number of coefficients: all of them, their deltas, their delta-deltas.

    >>> names(2)
    ('mfcc0', 'mfcc1', 'mfcc0_delta', 'mfcc1_delta', 'mfcc0_delta2', 'mfcc1_delta2')
    """
    return tuple(f"mfcc{k}{kind}" for kind in _KINDS for k in range(coefficients))


def _feature(name: str) -> Feature:
    number, _, kind = name.removeprefix("mfcc").partition("_")
    unit, definition = _KINDS[f"_{kind}" if kind else ""]
    note = "sqrt(2 / bands) times the sum of the log bands, not liftered" if number == "0" else "liftered"
    return Feature(name, unit, definition.format(k=number, note=note), _SOURCE)


def _summaries(coefficients: int) -> tuple[str, ...]:
    columns = names(coefficients)
    shape = [f"{name}_{what}" for what in _STATISTICS for name in columns[:coefficients]]
    return (*shape, *(f"{name}_stddev" for name in columns[coefficients:]))


NAMES = names()
FEATURES = tuple(_feature(name) for name in NAMES)
FUNCTIONALS = _summaries(COEFFICIENTS)


def describe(name: str) -> Feature:
    """Document a column or functional, of any number of coefficients.

    >>> describe("mfcc3_delta_stddev").unit
    '1/frame'

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name in names(MOST):
        return _feature(name)
    if name not in _summaries(MOST):
        raise UnknownNameError("feature", name, (*names(MOST), *_summaries(MOST)))
    column, _, what = name.rpartition("_")
    feature = _feature(column)
    unit = feature.unit if what in ("mean", "stddev") else "1"
    return Feature(name, unit, _STATISTICS[what].format(feature.definition), _SOURCE)


def extract(
    signal: Signal,
    *,
    coefficients: int = COEFFICIENTS,
    bands: int | None = None,
    highest: float | None = None,
    lifter: int = _LIFTER,
    normalise: bool = False,
) -> NDArray[np.float32]:
    """Measure the signal, shape (frames, 3 x coefficients), one frame per 10 ms, columns `names(coefficients)`.

    Args:
        signal: 8 or 16 kHz; at least one frame comes back. Silence fills the last frames up.
        coefficients: 1 to 40, the zeroth counted.
        bands: mel bands, at least as many, at most 40; None: 26 for up to 26 coefficients, else 40.
        highest: Hz, where the bands end; None: half the rate.
        lifter: L in the weight 1 + L/2 sin(pi n / L) of coefficient n; 0: none. Those from L on have the weight 1.
        normalise: subtract each coefficient's mean over the signal, which takes the microphone and the line out.

    Raises:
        UsageError: another rate, samples that are not finite, or numbers out of these ranges.

    >>> extract(Signal(np.zeros(16000, np.float32), 16000), coefficients=20).shape
    (100, 60)
    """
    settings = _settings(coefficients, bands, highest, lifter)
    frames = _framing.cut(_checked(signal), _FRAME)
    return _columns(frames, signal.rate, settings, normalise=normalise).astype(np.float32)


def functionals(
    signal: Signal,
    *,
    coefficients: int = COEFFICIENTS,
    bands: int | None = None,
    highest: float | None = None,
    lifter: int = _LIFTER,
    normalise: bool = False,
) -> dict[str, float]:
    """Summarise the signal, by name: mean, standard deviation, skewness and kurtosis of each coefficient over time.

    Of deltas the standard deviation only: what changes forth changes back, so their means are near 0. Whole frames
    count. Takes and raises what `extract` does.

    >>> len(functionals(Signal(np.zeros(16000, np.float32), 16000)))
    78
    """
    settings = _settings(coefficients, bands, highest, lifter)
    frames = _framing.cut(_checked(signal), _FRAME, whole=True)
    columns = _columns(frames, signal.rate, settings, normalise=normalise)
    statistics = _moments.shape(columns)
    values = [*(v for s in statistics for v in s[:coefficients]), *statistics[1][coefficients:]]
    return dict(zip(_summaries(coefficients), map(float, values), strict=True))


def _settings(coefficients: int, bands: int | None, highest: float | None, lifter: int) -> Cepstrum:
    return Cepstrum(coefficients, bands or (_BANDS if coefficients <= _BANDS else _MANY), highest, lifter)


def _checked(signal: Signal) -> Signal:
    _framing.check(signal)
    return signal


def _columns(frames: Array, rate: int, settings: Cepstrum, *, normalise: bool) -> Array:
    cepstra = _framing.in_blocks(frames, lambda block: settings.measure(block, rate))
    if normalise:
        cepstra = cepstra - cepstra.mean(axis=0)
    first = deltas(cepstra)
    return np.hstack([cepstra, first, deltas(first)])
