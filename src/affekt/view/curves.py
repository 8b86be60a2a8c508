"""Turns -> curves to draw: the windows' probabilities and affect over time, no finer than a picture can show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from affekt.timeline import Turn
from affekt.types import Prediction, Segment

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """The stretch that one judgement stands for: from the middle between two window centres to the next."""

    segment: Segment
    said: Prediction

    @property
    def centre(self) -> float:
        """Middle of the judged window, seconds; not always the middle of the cell."""
        return (self.said.segment.start + self.said.segment.end) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A piece of curve without a gap."""

    times: Numbers
    "(k,) seconds, rising"
    probs: Numbers
    "(k, labels)"
    affect: Numbers
    "(k, 3) valence, arousal, dominance; not a number where the model has none"
    unsure: tuple[Segment, ...]
    "stretches in which the model is uncertain"


def cells(turn: Turn) -> list[Cell]:
    """Cut a turn into the cells of its windows; a turn that is not judged has none."""
    windows = turn.windows or ((turn.prediction,) if turn.prediction else ())
    centres = [(w.segment.start + w.segment.end) / 2 for w in windows]
    inner = [(a + b) / 2 for a, b in pairwise(centres)]
    edges = [turn.segment.start, *inner, turn.segment.end]
    return [Cell(Segment(*edges[i : i + 2]), window) for i, window in enumerate(windows)]


def runs(turns: Sequence[Turn], *, duration: float, room: float) -> list[Run]:
    """Return a run per judged turn, or averages over equal bins, joined, where a picture has no room for them.

    Args:
        turns: of one speaker.
        duration: seconds that the picture shows.
        room: its width in points.
    """
    judged = [turn for turn in turns if turn.prediction]
    found = [cells(turn) for turn in judged]
    points = _bin(len(judged), sum(map(len, found)), room)
    if not points:
        return [_run(turn, own) for turn, own in zip(judged, found, strict=True)]
    return list(_averaged([cell for own in found for cell in own], points * duration / room))


def _bin(turns: int, windows: int, room: float) -> float:
    """Return the width of a bin in points, 0 for none.

    Turns narrower than 8 points would be a comb of gaps: a bin of about two of them bridges the other speaker's.
    """
    if turns and room / turns < 8:
        return min(12.0, max(1.0, 2 * room / turns))
    return 2.0 if windows > room else 0.0


def _run(turn: Turn, own: Sequence[Cell]) -> Run:
    """Hold the first and the last judgement up to the turn's ends."""
    held = [own[0], *own, own[-1]]
    times = [turn.segment.start, *(cell.centre for cell in own), turn.segment.end]
    return Run(
        np.array(times),
        np.array([cell.said.probs for cell in held]),
        np.array([_affect(cell.said) for cell in held]),
        tuple(cell.segment for cell in own if cell.said.uncertain),
    )


def _averaged(found: Sequence[Cell], width: float) -> Iterator[Run]:
    bins: dict[int, list[Cell]] = defaultdict(list)
    for cell in found:
        bins[int(cell.centre / width)].append(cell)
    keys = sorted(bins)
    breaks = [i for i in range(1, len(keys)) if keys[i] > keys[i - 1] + 1]
    for first, last in zip([0, *breaks], [*breaks, len(keys)], strict=True):
        yield _joined({key: bins[key] for key in keys[first:last]}, width)


def _joined(bins: dict[int, list[Cell]], width: float) -> Run:
    first, last = min(bins), max(bins)
    held = [bins[first], *bins.values(), bins[last]]
    return Run(
        np.array([first * width, *((key + 0.5) * width for key in bins), (last + 1) * width]),
        np.array([np.mean([cell.said.probs for cell in own], axis=0) for own in held]),
        np.array([np.mean([_affect(cell.said) for cell in own], axis=0) for own in held]),
        tuple(
            Segment(key * width, (key + 1) * width)
            for key, own in bins.items()
            if sum(cell.said.uncertain for cell in own) > len(own) / 2
        ),
    )


def _affect(said: Prediction) -> tuple[float, float, float]:
    a = said.affect
    return (np.nan, np.nan, np.nan) if a is None else (a.valence, a.arousal, a.dominance)
