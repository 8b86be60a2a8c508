"""Signal -> (frames, 80). Log-mel spectrogram, as Whisper's front end computes it, of the signal's real length."""

from __future__ import annotations

from affekt.features._feature import Feature
from affekt.features._mel import DIM, HOP, RATE
from affekt.features._mel import log_mel as extract

__all__ = ["DIM", "FEATURES", "HOP", "OFFSET", "RATE", "RATES", "VERSION", "extract"]

RATES = (RATE,)
VERSION = 1
OFFSET = 0.0
"seconds; the centre of the first frame"

FEATURES = tuple(
    Feature(
        f"mel{band}",
        "log10 / 4",
        f"logarithm of the power in mel band {band} of 80 (0 .. 8 kHz), shifted and scaled; the floor is 80 dB below "
        "the loudest cell",
        "Radford et al. 2023, section 2.2; Slaney 1998",
    )
    for band in range(1, DIM + 1)
)
