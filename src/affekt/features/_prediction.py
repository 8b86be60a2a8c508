"""Signal -> formants. Linear prediction of 50 ms Gaussian frames; the poles are the resonances of the vocal tract.

Twice as many poles as formants are fitted below the ceiling: 5 formants below 5500 Hz suit most women, below 5000 Hz
most men; at 8 kHz 4 below 4000 Hz. Each pole gives a frequency and a bandwidth; what lies within 50 Hz of 0 or of the
ceiling is none. Outside the signal there is silence.

The prediction is by autocorrelation. The window falls to zero at both ends, and there Burg's method, which Praat uses,
gives the same polynomial: over speech F1 and F2 differ by less than 1 Hz in the median, F3 by less than 2.

Source: Atal and Hanauer 1971, "Speech analysis and synthesis by linear prediction of the speech wave", JASA 50;
Markel and Gray 1976, "Linear Prediction of Speech"; settings of Praat's manual, "Sound: To Formant (burg)".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

from affekt.features._roots import by_lapack

Array = NDArray[np.float64]

CEILING = 5500.0
"Hz; of the formants, 5 below it"
FORMANTS = 3
"that are returned"
BLOCK = 64
"frames that are held at once; what is small needs no fresh pages"

_WINDOW = 0.05
"seconds; twice its effective length"
_EMPHASIS = 50.0
"Hz, from which pre-emphasis raises the spectrum by 6 dB per octave"
_MARGIN = 50.0
"Hz; poles this near to 0 or to the ceiling are no formants"
_SILENCE = 1e-10
"power (-100 dBFS); what is softer has no formants"
_LEAST = 1e-20
_NOISE = 1e-9
"share of a frame's power that is added as white noise: keeps the poles of pure tones inside the unit circle"


def formants(samples: Array, rate: int, times: Array, *, ceiling: float = CEILING) -> tuple[Array, Array]:
    """Return frequencies and bandwidths of F1 to F3 in Hz, each (frames, 3), 0 where fewer were found.

    Args:
        samples: (n,), finite.
        rate: Hz.
        times: seconds, (frames,), on which the frames are centred.
        ceiling: Hz; brought down to half the rate.
    """
    top = min(ceiling, rate / 2)
    order = 2 * (5 if top > 4500 else 4)
    found = [np.zeros((0, order), complex)]
    for rows in windows(emphasised(samples, rate, 2 * top), 2 * top, times, seconds=_WINDOW):
        found.append(by_lapack(prediction(rows, order)))
    frequency, width = _resonances(np.concatenate(found), top)
    silent = _powers(samples, rate, times) < _SILENCE
    frequency[silent], width[silent] = 0, 0
    return frequency, width


def _powers(samples: Array, rate: int, times: Array) -> Array:
    """Mean squares of the frames. Of the signal as it came: resampled silence rings with the sound beside it."""
    sums = np.concatenate([[0.0], np.cumsum(samples * samples)])
    low, high = (np.rint((times + half) * rate).astype(int) for half in (-_WINDOW / 2, _WINDOW / 2))
    power: Array = sums[np.clip(high, 0, len(samples))] - sums[np.clip(low, 0, len(samples))]
    return power / (_WINDOW * rate)


def emphasised(samples: Array, rate: int, target: float) -> Array:
    """Bring samples to another rate and raise their spectrum by 6 dB per octave from 50 Hz on."""
    made = resampled(samples, rate, round(target))
    made[1:] -= np.exp(-2 * np.pi * _EMPHASIS / target) * made[:-1]
    return made


def resampled(samples: Array, rate: int, target: int) -> Array:
    """Band-limit and resample by one transform of the whole, as Praat does; a copy even where the rates agree."""
    if rate == target:
        return samples.copy()
    factor = gcd(rate, target)
    per, into = rate // factor, target // factor
    # Some silence behind the end, so that it does not run into the beginning.
    count = _smooth(ceil((len(samples) + rate // 100) / per))
    spectrum = np.fft.rfft(samples, count * per)
    made: Array = np.fft.irfft(spectrum[: count * min(into, per) // 2 + 1], count * into)
    return made[: round(len(samples) * target / rate)] * (into / per)


def _smooth(least: int) -> int:
    """Return the least product of 2, 3 and 5 that is large enough: transforms of such lengths are fast."""
    best = 1 << (least - 1).bit_length()
    for fives in range(8):
        for threes in range(8):
            part = 5**fives * 3**threes
            best = min(best, part << max(0, (-(-least // part) - 1).bit_length()))
    return best


def windows(samples: Array, rate: float, times: Array, *, seconds: float) -> Iterator[Array]:
    """Yield Gaussian frames around the times, in blocks of (frames, samples); silence lies outside the signal."""
    size = round(seconds * rate)
    padded = np.pad(samples, size)
    views = np.lib.stride_tricks.sliding_window_view(padded, size)
    starts = np.clip(np.rint(times * rate - size / 2).astype(int) + size, 0, len(views) - 1)
    shape = gauss(size)
    for at in range(0, len(starts), BLOCK):
        yield views[starts[at : at + BLOCK]] * shape


@cache
def gauss(size: int) -> Array:
    """Gaussian window that is 0 at its edges and 4 % a quarter of its length from them."""
    place = (np.arange(size) + 0.5) / size - 0.5
    return np.asarray((np.exp(-48 * place**2) - np.exp(-12.0)) / (1 - np.exp(-12.0)))


def prediction(rows: Array, order: int) -> Array:
    """Fit a linear prediction to every row by Levinson and Durbin: coefficients (rows, order) after the leading 1."""
    size = rows.shape[1]
    lags = np.stack([np.einsum("ij,ij->i", rows[:, : size - k], rows[:, k:]) for k in range(order + 1)], axis=1)
    filters = np.zeros((len(rows), order + 1))
    filters[:, 0] = 1
    lags[:, 0] = lags[:, 0] * (1 + _NOISE) + _LEAST
    error = lags[:, 0].copy()
    for m in range(1, order + 1):
        reflection = -np.einsum("ij,ij->i", filters[:, :m], lags[:, m:0:-1]) / error
        filters[:, 1 : m + 1] += reflection[:, None] * filters[:, m - 1 :: -1][:, :m]
        error *= np.maximum(1 - reflection**2, _NOISE)
    return filters[:, 1:]


def _resonances(roots: NDArray[np.complex128], top: float) -> tuple[Array, Array]:
    frequency = np.angle(roots) * top / np.pi
    width = np.abs(np.log(np.maximum(np.abs(roots), 1e-9))) * 2 * top / np.pi
    known = (frequency > _MARGIN) & (frequency < top - _MARGIN)
    order = np.argsort(np.where(known, frequency, np.inf), axis=1)[:, :FORMANTS]
    known = np.take_along_axis(known, order, axis=1)
    frequency, width = (np.where(known, np.take_along_axis(v, order, axis=1), 0.0) for v in (frequency, width))
    return frequency, width
