"""What several chains do to samples: play at another rate, pass through a curve, bring to a level, add noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affekt.audio import active_level, level
from affekt.types import Samples, Signal

Wide = NDArray[np.floating]

_SILENCE = -90.0  # dBFS; below it nobody speaks, so nothing can lie below the speech


def of(samples: Wide, signal: Signal) -> Signal:
    """Give the samples the rate and place of the signal that they come from."""
    return Signal(samples.astype(np.float32), signal.rate, signal.start)


def levelled(samples: Wide, signal: Signal) -> Signal:
    """Bring changed samples to the speech level that the signal had."""
    spoken = active_level(signal.samples, signal.rate)
    changed = of(samples, signal)
    return changed if spoken < _SILENCE else of(level(changed.samples, signal.rate, spoken), signal)


def add(signal: Signal, noise: Wide, snr: float) -> Signal:
    """Add noise whose RMS lies `snr` dB below the active speech level; the speech itself is left as it is.

    Where nobody speaks there is no such ratio, and the signal comes back unchanged.
    """
    spoken = active_level(signal.samples, signal.rate)
    rms = float(np.sqrt(np.mean(noise**2))) if len(noise) else 0.0
    if spoken < _SILENCE or not rms:
        return signal
    return of(signal.samples + noise * (10 ** ((spoken - snr) / 20) / rms), signal)


def stretch_of(samples: Samples, count: int, rng: np.random.Generator) -> Samples:
    """Take `count` samples from a random place on; what is too short goes round and round."""
    begin = int(rng.integers(max(1, len(samples))))
    if begin + count <= len(samples):
        return samples[begin : begin + count]
    return np.resize(np.roll(samples, -begin), count)
