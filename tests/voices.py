"""Made-up voices: no two alike, and no corpus needed."""

from __future__ import annotations

import numpy as np

from affekt.audio import resampled
from affekt.fingerprint import RATE as NARROW

RATE = 16000


def voice(seed, seconds=2.5):
    """Syllables of gliding harmonics with pauses, as a voice has them; another seed says something else."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * NARROW:
        n = int(rng.uniform(0.08, 0.3) * NARROW)
        pitch = np.linspace(*rng.uniform(90, 320, 2), n)
        phase = 2 * np.pi * np.cumsum(pitch) / NARROW
        formants = rng.uniform(300, 3200, 3)
        tone = sum(np.exp(-(np.abs(k * pitch - formants[:, None]).min(axis=0) / 250)) * np.sin(k * phase) / k
                   for k in range(1, 12))  # fmt: skip
        parts += [tone * np.hanning(n), np.zeros(int(rng.uniform(0.02, 0.1) * NARROW))]
    return (0.2 * np.concatenate(parts)).astype(np.float32)


def sound(seed, seconds=2.5):
    """The same at 16 kHz."""
    return resampled(voice(seed, seconds), NARROW, RATE)
