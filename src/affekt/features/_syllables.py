"""Level over time -> speech, pauses and syllables, all at 10 ms per frame.

A syllable has one nucleus, mostly a vowel: a peak of the level that a dip parts from the one before, in speech, voiced.
No word is understood, so what counts is heard syllables: fast speech swallows some of those that the words have.

Source: de Jong & Wempe 2009, "Praat script to detect syllable nuclei and measure speech rate automatically", Behavior
Research Methods 41, with its thresholds: 25 dB below the loud frames, dips of 2 dB, pauses of 0.3 s, speech of 0.1 s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

HOP = 0.01
"seconds"
PAUSE = 0.3
"seconds; shorter silences are part of speech: closures of stops, above all"
SPEECH = 0.1
"seconds; what is shorter between pauses is a click"

_RANGE = 25.0
"dB below the 99th percentile of level"
_NOISE = 5.0
"dB above the 5th percentile: what lies below is the noise of the room, be it within the range"
_DIP = 2.0
"dB"
_SILENCE = -90.0
"dBFS; nobody speaks below the noise of a 16-bit quantiser"


def threshold(level: Array) -> float:
    """Return the level from which a frame is speech, dBFS; infinite where nobody speaks."""
    noise, loud = np.percentile(level, [5, 99])
    if loud < _SILENCE:
        return np.inf
    return float(max(loud - _RANGE, min(noise + _NOISE, loud - _RANGE / 2)))


def speech(level: Array) -> Flags:
    """Say of each frame whether it is speech: above the threshold, or in a gap shorter than a pause.

    >>> speech(np.repeat([-80.0, -30.0, -80.0, -30.0], [50, 40, 20, 40])).sum()
    np.int64(100)
    """
    talk = level >= threshold(level)
    for start, stop in zip(*runs(~talk), strict=True):
        if start > 0 and stop < len(talk) and stop - start < round(PAUSE / HOP):
            talk[start:stop] = True
    for start, stop in zip(*runs(talk), strict=True):
        if stop - start < round(SPEECH / HOP):
            talk[start:stop] = False
    return talk


def nuclei(level: Array, active: Flags) -> Places:
    """Return the frames of syllable nuclei among the active ones.

    Args:
        level: (frames,) dB.
        active: (frames,) voiced speech; a peak elsewhere is no nucleus.

    >>> level = -30 - 6 * np.cos(2 * np.pi * 4 * np.arange(200) * 0.01)  # 4 syllables per second
    >>> len(nuclei(level, level > -60))
    8
    """
    smooth = smoothed(level)
    peaks = _parted(smooth, _turns(smooth))
    return peaks[active[peaks]]


def runs(flags: Flags) -> tuple[Places, Places]:
    """First frames of the runs of True, and first frames after them.

    >>> runs(np.array([True, False, True, True]))
    (array([0, 2]), array([1, 4]))
    """
    steps = np.diff(np.concatenate([[0], flags, [0]]).astype(np.int8))
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def smoothed(level: Array) -> Array:
    """Mean of five frames with a Hann window, ends repeated: with frames of 40 ms, the 64 ms of the source."""
    weights = np.array([1, 3, 4, 3, 1]) / 12
    return np.convolve(np.pad(level, 2, mode="edge"), weights, mode="valid")


def _turns(level: Array) -> Places:
    """Frames of the extremes and both ends."""
    rising = np.diff(level) > 0
    return np.concatenate([[0], 1 + np.flatnonzero(rising[1:] != rising[:-1]), [len(level) - 1]])


def _parted(level: Array, turns: Places) -> Places:
    """Highest points between dips; what comes before and after the signal is a dip, too."""
    peaks: list[int] = []
    peak, lowest = -1, -np.inf
    for at, height in zip(turns.tolist(), level[turns].tolist(), strict=True):
        if peak < 0:
            lowest = min(lowest, height)
            peak = at if height >= lowest + _DIP else -1
        elif height > level[peak]:
            peak = at
        elif height <= level[peak] - _DIP:
            peaks.append(peak)
            peak, lowest = -1, height
    return np.array(peaks if peak < 0 else [*peaks, peak], np.intp)
