"""Pieces of turns -> who has the floor. Talk time, overlap and silence: all that is told of an agent.

Counted in samples, on turns as they are handed out; a piece becomes known up to a few seconds after it was spoken, so
the last ten of each speaker are kept to be compared with what comes later.
"""

from __future__ import annotations

from collections import deque

from affekt.audio import RATE
from affekt.live.events import Overlap
from affekt.types import Segment

WITHIN = 30.0
"""Seconds of the stream for which overlap is summed up."""
_KEPT = 10 * RATE
_OVER = RATE // 2  # samples after which an overlap is over
_SHORTEST = RATE // 4  # samples; a shorter overlap is no event

Span = tuple[int, int]


class Floor:
    """Who speaks, who spoke how long, and who at once.

    >>> floor = Floor()
    >>> for who, start, end in (("left", 0, 32000), ("right", 16000, 48000)):
    ...     floor.speak(who, start, end)
    >>> floor.overlap("left", 48000)
    1.0
    """

    def __init__(self) -> None:
        self._spoken: dict[str | None, deque[Span]] = {}
        self._both: dict[tuple[str | None, str | None], deque[Span]] = {}
        self._told: dict[tuple[str | None, str | None], int] = {}  # end of the last overlap that was told
        self._talk: dict[str | None, int] = {}
        self._heard = 0  # samples of the stream that were heard
        self._last = 0  # of these, those before the end of the last speech

    def join(self, speaker: str | None) -> None:
        """Know a speaker, who may never say a word."""
        self._talk.setdefault(speaker, 0)

    def listen(self, samples: int) -> None:
        """Let time pass in which the stream was heard."""
        self._heard += samples

    def stir(self, *, ago: int = 0) -> None:
        """Somebody, whoever it is, has spoken until `ago` samples before the end of what was heard."""
        self._last = max(self._last, self._heard - ago)

    def speak(self, speaker: str | None, start: int, end: int) -> None:
        """Take the next piece of a turn."""
        if start == end:
            return
        self.join(speaker)
        for other, spans in self._spoken.items():
            if other != speaker:
                for span in spans:
                    self._meet(self._pair(speaker, other), max(start, span[0]), min(end, span[1]))
        _add(self._spoken.setdefault(speaker, deque()), start, end)

    def turn(self, speaker: str | None, samples: int) -> tuple[tuple[str | None, float], ...]:
        """Count a turn that has ended; give everybody's seconds so far."""
        self._talk[speaker] = self._talk.get(speaker, 0) + samples
        return tuple((who, spoken / RATE) for who, spoken in self._talk.items())

    def settle(self, at: int) -> list[Overlap]:
        """Give the overlaps that are over by now, and forget what is too old to matter."""
        found = []
        for pair, spans in self._both.items():
            for start, end in spans:
                if end > self._told.get(pair, -1) and at - end > _OVER:
                    self._told[pair] = end
                    if end - start >= _SHORTEST:
                        found.append(Overlap(at / RATE, pair, Segment(start / RATE, end / RATE)))
            _forget(spans, at - round(WITHIN * RATE))
        for spans in self._spoken.values():
            _forget(spans, at - _KEPT)
        return found

    def silence(self) -> float:
        """Seconds for which nobody has spoken, those not heard left out."""
        return (self._heard - self._last) / RATE

    def heard(self) -> float:
        """Seconds of the stream that were heard."""
        return self._heard / RATE

    def overlap(self, speaker: str | None, at: int) -> float:
        """Seconds of the last 30 in which this speaker and another spoke at once."""
        since = at - round(WITHIN * RATE)
        spans = [span for pair, both in self._both.items() if speaker in pair for span in both]
        return sum(max(0, min(end, at) - max(start, since)) for start, end in spans) / RATE

    def _pair(self, one: str | None, other: str | None) -> tuple[str | None, str | None]:
        """The two in the order in which they joined."""
        order = list(self._talk)
        return (one, other) if order.index(one) < order.index(other) else (other, one)

    def _meet(self, pair: tuple[str | None, str | None], start: int, end: int) -> None:
        if start < end:
            _add(self._both.setdefault(pair, deque()), start, end)


def _add(spans: deque[Span], start: int, end: int) -> None:
    """Add a span in its place; what touches becomes one."""
    later = []
    while spans and spans[-1][1] >= start:
        first, last = spans.pop()
        if first > end:
            later.append((first, last))
        else:
            start, end = min(first, start), max(last, end)
    spans.append((start, end))
    spans.extend(reversed(later))


def _forget(spans: deque[Span], before: int) -> None:
    while spans and spans[0][1] < before:
        spans.popleft()
