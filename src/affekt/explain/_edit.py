"""Signal, what is taken away -> Signal. Parts of a window's time and frequency are replaced, and it can be heard again.

Silence is no neutral filling: a pause speaks too. What is taken away is therefore replaced by noise that has the
window's own spectrum, at its soft level (`floor`) or at its mean (`mean`), or, to compare, by `silence`. Which of them
is used was chosen by measurement (benchmarks/EXPLAIN.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UnknownNameError
from affekt.types import Signal

Floats = NDArray[np.float64]
Filling = Literal["floor", "mean", "silence"]
"""What stands where something was taken away."""

_SIZE = 512
_STEP = 256
"samples; sine windows that overlap by half give back what went in"
_SOFT = 10.0
"percentile of a frequency's magnitude over the window that is its floor"


@dataclass(frozen=True)
class Editor:
    """One signal, whose cells of time and frequency can be taken away.

    >>> signal = Signal(np.sin(np.arange(16000) * 0.3).astype(np.float32), 16000)
    >>> editor = Editor(signal)
    >>> kept = editor.without(np.zeros((4, 2)), "floor").samples
    >>> gone = editor.without(np.ones((4, 2)), "silence").samples
    >>> bool(np.allclose(kept, signal.samples, atol=1e-6)), float(abs(gone).max())
    (True, 0.0)
    """

    signal: Signal

    def without(self, gone: NDArray[np.floating], filling: Filling = "floor") -> Signal:
        """Replace parts of the signal.

        Args:
            gone: (moments, bands) share of each cell that is taken away, in [0, 1]; moments divide the duration
                equally, bands the mel scale from 0 Hz to half the rate. One column means all frequencies.
            filling: what is put in the place of it.

        Raises:
            UnknownNameError: there is no such filling.
        """
        if filling not in get_args(Filling):
            raise UnknownNameError("filling", filling, get_args(Filling))
        share = np.asarray(gone, np.float64)[self._rows(len(gone))][:, self._columns(gone.shape[1])]
        spectra = (1 - share) * self._spectra
        if filling != "silence":
            spectra = spectra + share * self._noise * (self._floor if filling == "floor" else self._mean)
        return Signal(self._sound(spectra), self.signal.rate, self.signal.start)

    def edges(self, bands: int) -> Floats:
        """Where so many bands begin and end, (bands + 1,) Hz."""
        return edges(bands, self.signal.rate)

    def _rows(self, moments: int) -> NDArray[np.intp]:
        """Moment of each frame, by its centre."""
        centres = (np.arange(len(self._spectra)) * _STEP) / max(1, len(self.signal.samples))
        return np.minimum((centres * moments).astype(np.intp), moments - 1)

    def _columns(self, bands: int) -> NDArray[np.intp]:
        """Band of each frequency."""
        hertz = np.fft.rfftfreq(_SIZE, 1 / self.signal.rate)
        return np.clip(np.searchsorted(self.edges(bands), hertz, side="right") - 1, 0, bands - 1)

    @cached_property
    def _spectra(self) -> NDArray[np.complex128]:
        return _analyse(self.signal.samples)

    @cached_property
    def _noise(self) -> NDArray[np.complex128]:
        """White noise whose spectra have a mean magnitude of one; always the same."""
        samples = np.random.default_rng(0).normal(size=len(self.signal.samples))
        spectra = _analyse(samples)
        return spectra / max(float(np.abs(spectra).mean()), 1e-12)

    @cached_property
    def _floor(self) -> Floats:
        return np.asarray(np.percentile(np.abs(self._spectra), _SOFT, axis=0))

    @cached_property
    def _mean(self) -> Floats:
        return np.asarray(np.exp(np.log(np.abs(self._spectra) + 1e-9).mean(axis=0)))

    def _sound(self, spectra: NDArray[np.complex128]) -> NDArray[np.float32]:
        pieces = np.fft.irfft(spectra, _SIZE)[:, :_SIZE] * _window()
        first, second = pieces[:, :_STEP], pieces[:, _STEP:]
        samples = np.concatenate([first, np.zeros((1, _STEP))])
        samples[1:] += second
        return samples.ravel()[_STEP : _STEP + len(self.signal.samples)].astype(np.float32)


def edges(bands: int, rate: int) -> Floats:
    """Divide 0 Hz to half the rate into bands that are equally wide in mel, (bands + 1,) Hz.

    >>> edges(4, 16000).round().tolist()
    [0.0, 614.0, 1768.0, 3934.0, 8000.0]
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    return np.asarray(700 * (10 ** (np.linspace(0, top, bands + 1) / 2595) - 1))


def _window() -> Floats:
    return np.asarray(np.sin(np.pi * (np.arange(_SIZE) + 0.5) / _SIZE))


def _analyse(samples: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Spectra (frames, bins); frame i is centred at i steps."""
    count = -(-len(samples) // _STEP) + 1
    padded = np.pad(samples.astype(np.float64), (_STEP, count * _STEP - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::_STEP][:count]
    return np.fft.rfft(frames * _window())
