"""Embeddings -> speakers, as they come. Whose voice each quarter of a second is, and whether somebody new has begun.

Each speaker is the sum of the embeddings that were surely theirs. A block goes to the nearest speaker, with a little
preference for the one who is speaking. Somebody is new when the embeddings around a block, seven of them, are
together unlike everybody known, and go on so for `evidence` seconds; until then the blocks are held back, and no
longer. It helps to know how many speak: then a stranger is sooner believed, as long as somebody is missing. Where it
is not known, two speakers who turn out to be one voice become one, under the name that came first. What was told is
never changed.

What is remembered is a vector per speaker and some twenty blocks: the same after a day as after a minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError

Embedding = NDArray[np.float32]

BLOCK = 0.25
"""Seconds of a turn for which it is decided who speaks."""
MOST = 8
"""Speakers who are told apart at once where nobody knows how many there are."""
NAMES = 32
"""Speakers who are ever named in one stream: so much can be remembered of it."""

_AROUND = 3  # blocks before and after that have a say in whether somebody is new
_SURE = 1.4  # s that an embedding must have heard to become part of what is known of a speaker
_MEMORY = 200.0  # blocks that a speaker's sum weighs at most, so that a voice may change


@dataclass(frozen=True, slots=True)
class Settings:
    """When a voice is somebody's. Chosen among hundreds drawn at random, on speakers whom the benchmark does not test.

    Similarities are cosines.
    """

    known: float = 0.78
    "similarity of what lies around a block to a speaker, below which it may be somebody new"
    expected: float = 0.82
    "the same where it is known how many speak, and somebody is missing"
    evidence: float = 2.5
    "s for which that must last"
    stay: float = 0.06
    "similarity that another speaker must be nearer than the one who speaks"
    one: float = 0.88
    "similarity of two speakers above which they are one, where it is not known how many speak"
    stranger: float = 0.65
    "similarity that a stranger has; for the confidence"
    odds: float = 0.6
    "log-odds of being right where two speakers are equally near"
    slope: float = 5.9
    "and more per similarity beyond the next speaker's"

    def __post_init__(self) -> None:
        for item in fields(self):
            value, high = getattr(self, item.name), {"evidence": 30.0, "odds": 10.0, "slope": 100.0}.get(item.name, 1.0)
            if not 0 <= value <= high:
                raise UsageError(f"diarization: {item.name} must be 0 to {high:g}, got {value!r}")


@dataclass(frozen=True, slots=True)
class Told:
    """Who speaks in one block."""

    speaker: int
    "0, 1, ... in the order in which they were found"
    confidence: float
    "that it is this speaker's voice, in [0, 1]"


class Voices:
    """The speakers of one stream.

    >>> voices = Voices()
    >>> one, other = np.eye(2, dtype=np.float32)
    >>> told = [*(t for _ in range(12) for t in voices.push(one, 1.6)), *voices.end()]
    >>> told += [*(t for _ in range(12) for t in voices.push(other, 1.6)), *voices.end()]
    >>> [t.speaker for t in told] == [0] * 12 + [1] * 12
    True
    """

    def __init__(self, count: int | None = None, settings: Settings | None = None) -> None:
        """Know nobody yet.

        Args:
            count: how many speak, 1 to 32; None where nobody knows.
            settings: when a voice is somebody's.
        """
        if count is not None and not 1 <= count <= NAMES:
            raise UsageError(f"1 to {NAMES} speakers can be told apart, got {count!r}")
        self._count, self._settings = count, settings or Settings()
        self._known = self._settings.known if count is None else self._settings.expected
        self._floor = max(1, round(self._settings.evidence / BLOCK))
        self._speakers: dict[int, _Speaker] = {}
        self._named = 0
        self._current: int | None = None
        self._turn: list[tuple[Embedding, float]] = []  # blocks from `_AROUND` before the first that is not decided
        self._next = 0  # the first that is not decided
        self._strange: list[Embedding] = []  # decided to be nobody's so far

    def push(self, embedding: Embedding, seconds: float) -> Iterator[Told]:
        """Take the next block of a turn, and how much was heard for it; give the blocks that are decided by now."""
        self._turn.append((embedding, seconds))
        yield from self._decide(len(self._turn) - _AROUND)

    def end(self) -> Iterator[Told]:
        """End the turn; give the rest of its blocks."""
        yield from self._decide(len(self._turn))
        if self._strange and not self._speakers:
            yield from self._welcome()
        yield from self._resolve()
        self._turn, self._next, self._current = [], 0, None
        if self._count is None:
            self._join()

    def _decide(self, end: int) -> Iterator[Told]:
        while self._next < end:
            around = [one for one, _ in self._turn[max(0, self._next - _AROUND) : self._next + _AROUND + 1]]
            embedding, seconds = self._turn[self._next]
            self._next += 1
            if self._like(around) >= self._known or (self._speakers and not self._room()):
                yield from self._resolve()
                yield self._tell(embedding, learn=seconds >= _SURE)
            else:
                self._strange.append(embedding)
                if len(self._strange) >= self._floor:
                    yield from self._welcome() if self._like(self._strange) < self._known else self._resolve()
        old = max(0, self._next - _AROUND)
        self._turn, self._next = self._turn[old:], self._next - old

    def _room(self) -> bool:
        return len(self._speakers) < (self._count or MOST) and self._named < NAMES

    def _like(self, embeddings: list[Embedding]) -> float:
        """Similarity of several blocks together to the speaker whom they resemble most."""
        middle = _unit(np.stack(embeddings).sum(axis=0))
        return max((speaker.like(middle) for speaker in self._speakers.values()), default=-1.0)

    def _welcome(self) -> Iterator[Told]:
        """Make the strange blocks a new speaker."""
        self._current, self._named = self._named, self._named + 1
        self._speakers[self._current] = _Speaker(self._strange)
        yield from self._resolve()

    def _resolve(self) -> Iterator[Told]:
        """Give the strange blocks to whom they resemble most."""
        strange, self._strange = self._strange, []
        for embedding in strange:
            yield self._tell(embedding, learn=False)

    def _tell(self, embedding: Embedding, *, learn: bool) -> Told:
        likeness = {who: speaker.like(embedding) for who, speaker in self._speakers.items()}
        who = max(likeness, key=lambda one: likeness[one] + self._settings.stay * (one == self._current))
        self._current = who
        if learn:
            self._speakers[who].learn(embedding)
        other = max([self._settings.stranger, *(like for one, like in likeness.items() if one != who)])
        odds = self._settings.odds + self._settings.slope * (likeness[who] - other)
        return Told(who, 1 / (1 + math.exp(-odds)))

    def _join(self) -> None:
        """Make one of two who are one voice, at most one pair per turn."""
        for first, second in combinations(sorted(self._speakers), 2):
            if self._speakers[first].like(self._speakers[second].voice) > self._settings.one:
                self._speakers[first].absorb(self._speakers.pop(second))
                return


class _Speaker:
    """The sum of a speaker's embeddings, of bounded weight."""

    def __init__(self, embeddings: list[Embedding]) -> None:
        self._sum: NDArray[np.float64] = np.stack(embeddings).sum(axis=0, dtype=np.float64)
        self._weight = float(len(embeddings))

    @property
    def voice(self) -> NDArray[np.float64]:
        return _unit(self._sum)

    def like(self, embedding: NDArray[np.floating]) -> float:
        return float(self.voice @ embedding)

    def learn(self, embedding: Embedding) -> None:
        if self._weight >= _MEMORY:
            self._sum *= (_MEMORY - 1) / self._weight
            self._weight = _MEMORY - 1
        self._sum = self._sum + embedding
        self._weight += 1

    def absorb(self, other: _Speaker) -> None:
        self._sum = self._sum + other._sum
        self._weight += other._weight


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return vector.astype(np.float64) / (length if length > 0 else 1.0)
