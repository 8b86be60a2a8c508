"""Predictions -> Moods. The trajectory of one speaker: what overlapping windows say, smoothed in seconds of speech.

The clock is the speaker's own speech, each second counted once however many windows lie over it: three windows that
share 2 s are no threefold evidence, and a pause neither calms nor excites. A level rises with one half-life and falls
with a slower one, since an outburst is short and is not over with the next breath.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError
from affekt.types import Affect, Mood, Prediction

_AXES = ("valence", "arousal", "dominance")
_SPAN = 60.0  # s: the longest
_POINTS = 640  # of the trend; more than that has at the shortest hop, 0.1 s


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How fast a mood follows what is heard. All times are seconds of the speaker's speech."""

    attack: float = 1.0
    "s: half-life of a rise of a level"
    release: float = 6.0
    "s: half-life of a fall of a level"
    affect: float = 4.0
    "s: half-life of valence, arousal and dominance"
    doubt: float = 0.5
    "weight, in (0, 1], of a window of which the model is uncertain"
    span: float = 10.0
    "s of speech over which the trend is taken"
    enough: float = 3.0
    "s of speech below which a mood is uncertain"

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            high = {"doubt": 1.0, "span": _SPAN}.get(item.name, 600.0)
            if not 0.01 <= value <= high:
                raise UsageError(f"smoothing: {item.name} must be 0.01 to {high:g}, got {value!r}")


class Trajectory:
    """The mood of one speaker.

    >>> from affekt.types import LabelSet, Segment
    >>> two, trajectory = LabelSet(("anger", "neutral")), Trajectory()
    >>> said = [Prediction(Segment(i, i + 3), two, (p, 1 - p)) for i, p in enumerate((0.1, 0.9, 0.9, 0.9))]
    >>> [round(trajectory.push(one).levels["anger"], 2) for one in said]
    [0.1, 0.5, 0.7, 0.8]
    """

    def __init__(self, smoothing: Smoothing | None = None) -> None:
        self._settings = smoothing or Smoothing()
        self._heard = 0.0  # s: end of the speech that has counted
        self._speech = 0.0
        self._levels: NDArray[np.float64] | None = None
        self._affect: NDArray[np.float64] | None = None
        self._doubt = 0.5  # not known yet
        self._past: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=_POINTS)

    def push(self, said: Prediction) -> Mood:
        """Take the next prediction, in order of the windows' ends; give the mood then."""
        new = min(said.segment.duration, max(0.0, said.segment.end - max(self._heard, said.segment.start)))
        self._heard = max(self._heard, said.segment.end)
        self._speech += new
        levels = self._follow(said, new * (self._settings.doubt if said.uncertain else 1.0))
        self._doubt = _toward(self._doubt, float(said.uncertain), new, self._settings.affect)
        return self._mood(said, levels)

    def _follow(self, said: Prediction, weight: float) -> NDArray[np.float64]:
        probs, now = np.asarray(said.probs, np.float64), self._settings
        before = probs if self._levels is None else self._levels
        half = np.where(probs > before, now.attack, now.release)
        levels: NDArray[np.float64] = probs + (before - probs) * 0.5 ** (weight / half)
        self._levels = levels
        self._feel(said, weight)
        return levels

    def _feel(self, said: Prediction, weight: float) -> None:
        if said.affect is not None:
            felt = np.array([getattr(said.affect, axis) for axis in _AXES])
            before = felt if self._affect is None else self._affect
            self._affect = felt + (before - felt) * 0.5 ** (weight / self._settings.affect)

    def _mood(self, said: Prediction, levels: NDArray[np.float64]) -> Mood:
        felt = None if self._affect is None else self._affect.tolist()
        names = [*said.labels, *(_AXES if felt else ())]
        values = np.concatenate([levels, felt or []])
        self._past.append((self._speech, values))
        while len(self._past) > 2 and self._past[1][0] <= self._speech - self._settings.span:
            self._past.popleft()
        return Mood(
            time=said.segment.end,
            speaker=said.speaker,
            levels=dict(zip(said.labels, levels.tolist(), strict=True)),
            affect=Affect(*felt) if felt else None,
            trend=dict(zip(names, _slopes(self._past).tolist(), strict=True)),
            speech=self._speech,
            uncertain=self._speech < self._settings.enough or self._doubt > 0.5,
        )


def _toward(value: float, goal: float, seconds: float, half_life: float) -> float:
    return float(goal + (value - goal) * 0.5 ** (seconds / half_life))


def _slopes(past: deque[tuple[float, NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Least squares slope of each value over the seconds of speech; 0 as long as there is one point."""
    size = len(past[-1][1])
    points = [(at, values) for at, values in past if len(values) == size]  # affect may come later than levels
    time = np.array([at for at, _ in points])
    time = time - time.mean()
    spread = float(time @ time)
    slopes: NDArray[np.float64] = time @ np.array([values for _, values in points])
    return slopes / spread if spread > 0 else np.zeros(size)
