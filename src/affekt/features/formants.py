"""Signal -> (frames, 9). Resonances of the vocal tract: F1, F2 and F3 as phoneticians measure them.

Five formants are sought below 5500 Hz, which suits most women and, roughly, everybody; for men's voices 5000 is the
better ceiling: `extract(signal, ceiling=5000)`. At 8 kHz four are sought below 4000 Hz, so F3 of high voices may be
missing. Frame i is centred at i times the hop.

The frames have formants wherever there is sound, as in Praat, also in consonants, where they mean less; the amplitudes
are those of harmonics, so they are 0 where there is no voice. The functionals look at voiced frames only, and there at
those in which the formant was found; without any they are 0. eGeMAPS has its own formants, which are openSMILE's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.features import _autocorrelation, _phonation, _prediction, _summary
from affekt.features._autocorrelation import HOP, RATES
from affekt.features._feature import Feature
from affekt.features._prediction import CEILING
from affekt.types import Signal

__all__ = ["CEILING", "DIM", "FEATURES", "FUNCTIONALS", "HOP", "NAMES", "OFFSET", "OPTIONS", "RATES", "VERSION"]
__all__ += ["describe", "extract", "functionals"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

OFFSET = 0.0
"seconds; centre of the first frame"
VERSION = 2

_LOWEST, _HIGHEST = 3500.0, 8000.0
"Hz; ceilings"
_SOURCE = "Markel & Gray 1976; settings of Praat"
OPTIONS = (
    Feature(
        "ceiling",
        "Hz",
        f"below which formants are sought, {_LOWEST:g} .. {_HIGHEST:g}, brought down to half the rate: 5500 for women, "
        f"5000 for men, 8000 for small children; below 4500 four are sought, else five; default {CEILING:g}",
        _SOURCE,
    ),
)
"what `extract` and `functionals` can be told, with range and default"


def _columns(number: int) -> tuple[Feature, ...]:
    name = f"F{number}"
    level = f"level of the strongest harmonic within 10 % of {name}, less that of the first harmonic"
    return (
        Feature(f"{name}frequency", "Hz", f"centre of formant {number}; 0 where there is none", _SOURCE),
        Feature(f"{name}bandwidth", "Hz", f"width of formant {number} at -3 dB; 0 where there is none", _SOURCE),
        Feature(f"{name}amplitude", "dB", f"{level}; 0 where unvoiced", "Eyben et al. 2016"),
    )


FEATURES = tuple(feature for number in (1, 2, 3) for feature in _columns(number))
NAMES = tuple(feature.name for feature in FEATURES)
"of the frames' columns"
DIM = len(FEATURES)

_DOCUMENTED = _summary.documented(FEATURES, "the voiced frames that have one")

FUNCTIONALS = tuple(_DOCUMENTED)


def describe(name: str) -> Feature:
    """Document a functional.

    >>> describe("F1frequency_median").unit
    'Hz'
    """
    return _DOCUMENTED[name]


def extract(signal: Signal, *, ceiling: float = CEILING) -> NDArray[np.float32]:
    """Measure the signal, shape (frames, 9), one frame per 10 ms, columns `NAMES`.

    Args:
        signal: 8 or 16 kHz; at least one frame comes back however short it is.
        ceiling: Hz, 3500 .. 8000, brought down to half the rate: 5500 for women, 5000 for men, 8000 for small
            children. Below 4500 four formants are sought, else five.

    Raises:
        UsageError: another rate or ceiling, or a sample that is not finite.

    >>> extract(Signal(np.zeros(16000, np.float32), 16000)).shape
    (100, 9)
    """
    f0 = _voice(signal, ceiling)
    values, _ = _measured(signal, f0, np.ones(len(f0), bool), ceiling)
    return values.astype(np.float32)


def functionals(signal: Signal, *, ceiling: float = CEILING) -> dict[str, float]:
    """Summarise the voiced frames, by name, in the order of `FUNCTIONALS`; takes and raises what `extract` does.

    >>> len(functionals(Signal(np.zeros(16000, np.float32), 16000)))
    27
    """
    f0 = _voice(signal, ceiling)
    return _summary.summary(NAMES, *_measured(signal, f0, f0 > 0, ceiling))


def _voice(signal: Signal, ceiling: float) -> Array:
    if not _LOWEST <= ceiling <= _HIGHEST:
        raise UsageError(
            f"the formants' ceiling is {_LOWEST:g} .. {_HIGHEST:g} Hz, got {ceiling}; 5500 suits women, 5000 men"
        )
    return _autocorrelation.track(signal).f0


def _measured(signal: Signal, f0: Array, where: Flags, ceiling: float) -> tuple[Array, Flags]:
    """Values of the frames `where`, and whether they exist, each (those frames, 9)."""
    samples, rate = signal.samples.astype(np.float64), signal.rate
    times, f0 = np.arange(len(f0), dtype=np.float64)[where] * HOP, f0[where]
    frequency, width = _prediction.formants(samples, rate, times, ceiling=ceiling)
    known, voiced = frequency > 0, f0 > 0
    level = np.zeros((len(f0), 4))
    level[voiced] = _phonation.levels(samples, rate, times[voiced], centres=np.column_stack([f0, frequency])[voiced])
    sounding = known & voiced[:, None]
    amplitude = np.where(sounding, level[:, 1:] - level[:, :1], 0.0)
    values = np.stack([frequency, width, amplitude], axis=2)
    return values.reshape(-1, DIM), np.stack([known, known, sounding], axis=2).reshape(-1, DIM)
