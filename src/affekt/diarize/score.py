"""Truth, what was found -> DER. How much of who spoke when is wrong, as NIST counts it: no collar, overlaps included.

Every moment counts for as many speakers as speak in it. Speakers found are matched with true ones, one to one, so that
most of their time agrees; names do not matter.

Source: NIST 2009, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.rttm import Row

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """Seconds that are wrong, of those spoken; scores of several recordings add up."""

    spoken: float
    "s of speech, those of two who speak at once counted twice"
    missed: float = 0.0
    "s of speech of which nothing was found"
    false_alarm: float = 0.0
    "s found in which nobody, or one fewer, spoke"
    confusion: float = 0.0
    "s found of somebody else"

    @property
    def error(self) -> float:
        """The diarization error rate, 0 and more; where nobody speaks, infinite if something was found."""
        wrong = self.missed + self.false_alarm + self.confusion
        return wrong / self.spoken if self.spoken else float("inf") if wrong else 0.0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.spoken + other.spoken,
            self.missed + other.missed,
            self.false_alarm + other.false_alarm,
            self.confusion + other.confusion,
        )


def score(truth: Sequence[Row], found: Sequence[Row]) -> Score:
    """Compare who spoke when with what was found.

    >>> from affekt.types import Segment
    >>> truth = [(Segment(0.0, 6.0), "Ada"), (Segment(6.0, 10.0), "Bo")]
    >>> result = score(truth, [(Segment(0.0, 7.0), "speaker 1"), (Segment(7.0, 9.0), "speaker 2")])
    >>> result, round(result.error, 2)
    (Score(spoken=10.0, missed=1.0, false_alarm=0.0, confusion=1.0), 0.2)
    """
    edges = np.unique([time for segment, _ in (*truth, *found) for time in (segment.start, segment.end)])
    seconds = np.diff(edges)
    real, guessed = _activity(truth, edges), _activity(found, edges)
    there, heard = real.sum(axis=0), guessed.sum(axis=0)
    right = float(sum(together[pair] for together in [(real * seconds) @ guessed.T] for pair in matched(together)))
    return Score(
        spoken=float(there @ seconds),
        missed=float(np.maximum(0, there - heard) @ seconds),
        false_alarm=float(np.maximum(0, heard - there) @ seconds),
        confusion=max(0.0, float(np.minimum(there, heard) @ seconds) - right),
    )


def _activity(rows: Sequence[Row], edges: Values) -> Values:
    """Who speaks in which stretch, (speakers, stretches), 0 or 1: somebody who overlaps themselves counts once."""
    names = sorted({name for _, name in rows})
    active = np.zeros((len(names), max(0, len(edges) - 1)))
    for segment, name in rows:
        first, last = np.searchsorted(edges, [segment.start, segment.end])
        active[names.index(name), first:last] = 1.0
    return active


def matched(gain: Values) -> list[tuple[int, int]]:
    """Match rows with columns, one to one, for the largest sum (Kuhn 1955, in the form of shortest paths).

    >>> matched(np.array([[5.0, 4.0], [4.0, 0.0]]))
    [(0, 1), (1, 0)]
    """
    if gain.shape[0] > gain.shape[1]:
        return sorted((row, column) for column, row in matched(gain.T))
    rows, columns = gain.shape
    owner = np.full(columns + 1, -1)  # column -> its row; the last column stands for the row that looks for one
    price_row, price_column = np.zeros(rows), np.zeros(columns + 1)
    for row in range(rows):
        owner[columns], here = row, columns
        least, before = np.full(columns, np.inf), np.full(columns, columns)
        seen = np.zeros(columns + 1, bool)
        while owner[here] >= 0:
            seen[here] = True
            cost = -gain[owner[here]] - price_row[owner[here]] - price_column[:-1]
            better = ~seen[:-1] & (cost < least)
            least[better], before[better] = cost[better], here
            near = int(np.argmin(np.where(seen[:-1], np.inf, least)))
            step = least[near]
            price_row[owner[seen]] += step
            price_column[seen] -= step
            least[~seen[:-1]] -= step
            here = near
        while here != columns:
            owner[here], here = owner[before[here]], int(before[here])
        owner[columns] = -1
    return sorted((int(row), column) for column, row in enumerate(owner[:-1]) if row >= 0)
