"""Signal -> (frames, 20), or 80 numbers. The shape of the spectrum: where its energy lies, how wide, peaked and new.

Frames of 20 ms every 10 ms, a Hamming window, and the spectrum in steps of 31.25 Hz up to half the rate, without its
first bin: an offset of the recording is no sound. Except for the two levels and the flux nothing depends on how loud
the recording is. A silent frame (below -140 dB) is 0 in all columns, and -140 dB in its levels.

At 8 kHz there is no sound above 4 kHz: it counts as silence where a band reaches beyond (alpha ratio, Hammarberg
index), and what is measured over all frequencies is measured over those that are there.

Source: Peeters 2004, "A large set of audio features for sound description (similarity and classification) in the
CUIDADO project"; Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS)"; Weninger et al. 2013,
"On the acoustics of emotion in audio" (the choice of bands and of roll-off points, those of ComParE).
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UnknownNameError
from affekt.features import _framing, _shape
from affekt.features._feature import Feature
from affekt.features._framing import HOP, RATES, Array
from affekt.types import Signal

__all__ = ["DIM", "FEATURES", "FUNCTIONALS", "HOP", "NAMES", "OFFSET", "RATES", "VERSION"]
__all__ += ["describe", "extract", "functionals"]

VERSION = 1
OFFSET = 0.01
"seconds; the centre of the first frame"

_FRAME = 0.02
"seconds"
_SILENCE = 1e-14
"mean square, -140 dB"
_ROLL_OFFS = (25, 50, 75, 90)
"percent"
_PEETERS, _EYBEN, _WENINGER = "Peeters 2004", "Eyben et al. 2016", "Weninger et al. 2013"

FEATURES = (
    Feature("energy250-650", "dB", "level of the band 250 .. 650 Hz, relative to full scale; at least -140", _WENINGER),
    Feature("energy1000-4000", "dB", "level of the band 1 .. 4 kHz, relative to full scale; at least -140", _WENINGER),
    Feature("alphaRatio", "dB", "energy in 1 .. 5 kHz over that below 1 kHz; 0 in silence", _EYBEN),
    Feature("hammarbergIndex", "dB", "strongest bin below 2 kHz over that in 2 .. 5 kHz; 0 in silence", _EYBEN),
    Feature("slope0-500", "dB/kHz", "regression line through the log power spectrum, 0 .. 500 Hz", _EYBEN),
    Feature("slope500-1500", "dB/kHz", "regression line through the log power spectrum, 500 .. 1500 Hz", _EYBEN),
    Feature("slope", "1/kHz", "regression line through the magnitudes over their sum; 0 in silence", _PEETERS),
    Feature("centroid", "Hz", "mean frequency, weighted by power; 0 in silence", _PEETERS),
    Feature("spread", "Hz", "standard deviation of frequency, weighted by power; 0 in silence", _PEETERS),
    Feature("skewness", "1", "skewness of frequency, weighted by power; 0 in silence", _PEETERS),
    Feature("kurtosis", "1", "kurtosis of frequency, weighted by power, 3 for a normal shape; 0 in silence", _PEETERS),
    *(
        Feature(f"rollOff{p}", "Hz", f"lowest frequency below which {p} % of the power lie; 0 in silence", _PEETERS)
        for p in _ROLL_OFFS
    ),
    Feature(
        "flatness", "1", "geometric over arithmetic mean of the power, noise 0.56, a tone 0; 0 in silence", _PEETERS
    ),
    Feature("entropy", "1", "entropy of the power over the bins, over its maximum; 0 in silence", "Misra et al. 2004"),
    Feature("flux", "1", "root of the summed squared changes of the magnitudes since the frame before", _EYBEN),
    Feature("variation", "1", "1 less the correlation with the frame before; 0 in the first and in silence", _PEETERS),
    Feature("peak", "Hz", "frequency of the strongest bin; 0 in silence", _PEETERS),
)
NAMES = tuple(feature.name for feature in FEATURES)
DIM = len(FEATURES)

_STATISTICS = {
    "mean": "mean over the frames",
    "stddev": "standard deviation over the frames",
    "percentile20": "20th percentile over the frames",
    "percentile80": "80th percentile over the frames",
}
FUNCTIONALS = tuple(f"{name}_{what}" for name in NAMES for what in _STATISTICS)


def describe(name: str) -> Feature:
    """Document a column or functional.

    >>> describe("centroid_stddev").definition
    'standard deviation over the frames: mean frequency, weighted by power; 0 in silence'

    Raises:
        UnknownNameError: there is none of that name.
    """
    known = {feature.name: feature for feature in FEATURES}
    if name in known:
        return known[name]
    if name not in FUNCTIONALS:
        raise UnknownNameError("feature", name, (*NAMES, *FUNCTIONALS))
    column, _, what = name.rpartition("_")
    feature = known[column]
    return Feature(name, feature.unit, f"{_STATISTICS[what]}: {feature.definition}", feature.source)


def extract(signal: Signal) -> NDArray[np.float32]:
    """Measure the signal, shape (frames, 20), one frame per 10 ms, columns `NAMES`.

    Args:
        signal: 8 or 16 kHz; at least one frame comes back. Silence fills the last frame up.

    Raises:
        UsageError: another rate, or samples that are not finite.

    >>> tone = Signal(np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000)).astype(np.float32), 16000)
    >>> float(extract(tone)[50, NAMES.index("centroid")].round())
    1000.0
    """
    return _columns(signal, whole=False).astype(np.float32)


def functionals(signal: Signal) -> dict[str, float]:
    """Summarise the signal in 80 numbers, by name; whole frames count, those of pauses too.

    Takes and raises what `extract` does.

    >>> len(functionals(Signal(np.zeros(16000, np.float32), 16000)))
    80
    """
    columns = _columns(signal, whole=True)
    low, high = np.percentile(columns, [20, 80], axis=0)
    values = np.column_stack([columns.mean(axis=0), columns.std(axis=0), low, high])
    return dict(zip(FUNCTIONALS, values.ravel().tolist(), strict=True))


def _columns(signal: Signal, *, whole: bool) -> Array:
    _framing.check(signal)
    frames = _framing.cut(signal, _FRAME, whole=whole)
    columns = _framing.in_blocks(frames, partial(_measure, rate=signal.rate), before=1)
    columns[0, [NAMES.index("flux"), NAMES.index("variation")]] = 0.0
    return columns


def _measure(frames: Array, rate: int) -> Array:
    """Columns of successive frames, shape (frames, 20)."""
    size = frames.shape[1]
    window = _hamming(size)
    padded = 1 << (size - 1).bit_length()
    spectrum = np.fft.rfft(frames * window, padded)
    power = spectrum.real**2 + spectrum.imag**2
    power[:, 0] = 0.0
    # Both sides of the spectrum of a real signal; the sum is then the mean square of the windowed samples.
    level = power * _sides(power.shape[1]) / (padded * (window**2).sum())
    hertz = np.linspace(0.0, rate / 2, power.shape[1])
    heard = level.sum(axis=1) > _SILENCE
    shares = power / np.where(heard, power.sum(axis=1), 1.0)[:, None]
    magnitudes = 2 * np.sqrt(power) / window.sum()
    columns = [
        _band(level, hertz, 250, 650),
        _band(level, hertz, 1000, 4000),
        heard * _shape.alpha_ratio(level, rate),
        heard * _shape.hammarberg_index(level, rate),
        heard * _tilt(level, hertz, 0, 500),
        heard * _tilt(level, hertz, 500, 1500),
        heard * _slope(magnitudes[:, 1:], hertz[1:]),
        *(heard * moment for moment in _moments(shares, hertz)),
        *(heard * edge for edge in _roll_offs(shares, hertz)),
        *(heard * evenness for evenness in _evenness(shares[:, 1:])),
        *_change(magnitudes * heard[:, None]),
        heard * hertz[power.argmax(axis=1)],
    ]
    return np.column_stack(columns)


def _decibels(level: Array) -> Array:
    return np.asarray(10 * np.log10(np.maximum(level, _SILENCE)))


def _band(level: Array, hertz: Array, low: float, high: float) -> Array:
    return _decibels(level[:, (hertz >= low) & (hertz <= high)].sum(axis=1))


def _tilt(level: Array, hertz: Array, low: float, high: float) -> Array:
    inside = (hertz > low) & (hertz <= high)
    return _regression(_decibels(level[:, inside]), hertz[inside])


def _slope(magnitudes: Array, hertz: Array) -> Array:
    return np.asarray(_regression(magnitudes, hertz) / np.maximum(magnitudes.sum(axis=1), 1e-30))


def _regression(rows: Array, hertz: Array) -> Array:
    """Slope of the least-squares line through every row, per kHz."""
    centred = (hertz - hertz.mean()) / 1000
    return np.asarray(rows @ centred / (centred @ centred))


def _moments(shares: Array, hertz: Array) -> tuple[Array, Array, Array, Array]:
    centroid = shares @ hertz
    away = hertz - centroid[:, None]
    square = away * away
    weighted = shares * square
    variance = weighted.sum(axis=1)
    spread = np.sqrt(variance)
    third, fourth = (np.einsum("ij,ij->i", weighted, power) for power in (away, square))
    known = np.maximum(spread, 1e-6)
    return centroid, spread, third / known**3, fourth / known**4


def _roll_offs(shares: Array, hertz: Array) -> list[Array]:
    below = shares.cumsum(axis=1)
    return [np.asarray(hertz[(below >= percent / 100 - 1e-12).argmax(axis=1)]) for percent in _ROLL_OFFS]


def _evenness(shares: Array) -> tuple[Array, Array]:
    """Flatness and entropy, which look at the same logarithms."""
    bins = shares.shape[1]
    # A bin without power counts as a ten-billionth of the mean, so that one of them does not decide alone.
    logarithms = np.log(np.maximum(shares, 1e-10 / bins))
    flatness = np.exp(logarithms.mean(axis=1)) * bins
    return flatness, -np.einsum("ij,ij->i", shares, logarithms) / np.log(bins)


def _change(magnitudes: Array) -> tuple[Array, Array]:
    """Flux and variation against the row before; the first row is compared with itself."""
    before = np.concatenate([magnitudes[:1], magnitudes[:-1]])
    flux = np.sqrt(((magnitudes - before) ** 2).sum(axis=1))
    norms = np.sqrt((magnitudes**2).sum(axis=1) * (before**2).sum(axis=1))
    alike = (magnitudes * before).sum(axis=1) / np.where(norms > 0, norms, 1.0)
    return flux, np.where(norms > 0, 1 - np.minimum(alike, 1.0), 0.0)


@cache
def _sides(bins: int) -> Array:
    sides = np.full(bins, 2.0)
    sides[0] = sides[-1] = 1.0
    return sides


@cache
def _hamming(size: int) -> Array:
    return np.asarray(np.hamming(size))
