"""Signal -> (frames, 80). Log-mel spectrogram, as Whisper's front end computes it, of the signal's real length."""

from __future__ import annotations

from affekt.features._mel import DIM, HOP, RATE
from affekt.features._mel import log_mel as extract

__all__ = ["DIM", "HOP", "RATE", "extract"]
