"""Embeddings -> speakers, some seconds behind. Whose voice each quarter of a second is.

The last minute of speech is remembered, and clustered again each second: k-means on the sphere, begun once from the
speakers who are known and once from blocks that lie far apart, so that an early mistake does not last. Clusters take
the names of those to whom most of their blocks were told; what was told is never changed. Somebody is new when one
cluster more lies apart from all the others. Blocks of one voice fall into halves too, by what is said, and the fewer
they are, the farther apart: so few blocks must lie farther. It helps to know how many speak: then less is enough, as
long as somebody is missing. Where it is not known, two who come to be alike become one, by the name that came first.

What is older than the minute stays as a sum of bounded weight per speaker: the same memory after a day as after a
minute.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from affekt.diarize.score import matched
from affekt.errors import UsageError

Embedding = NDArray[np.float32]
Values = NDArray[np.float64]
Clusters = tuple[float, Values]
"how like their blocks are to them on average, and their voices"

BLOCK = 0.25
"""Seconds of a turn for which it is decided who speaks."""
MOST = 8
"""Speakers who are told apart at once where nobody knows how many there are."""
NAMES = 32
"""Speakers who are ever named in one stream: so much can be remembered of it."""

_SURE = 0.5  # s that an embedding must have heard to say anything of who there is
_AGAIN = 4  # blocks after which all is clustered again
_ROUNDS = 8  # of k-means, at most
_MEMORY = 200.0  # blocks that what was forgotten of a speaker weighs at most, so that a voice may change
_RUN = 4  # blocks that are longer than what is embedded at once
_FEW = 16  # blocks of which `Settings.few` speaks


@dataclass(frozen=True, slots=True)
class Settings:
    """When a voice is somebody's. Chosen among some dozens, on speakers whom the benchmark does not test.

    Similarities are cosines.
    """

    apart: float = 0.84
    "similarity of two clusters below which they are two speakers, where many blocks say so"
    expected: float = 0.9
    "the same where it is known how many speak, and somebody is missing"
    few: float = 0.06
    "by how much less it must be where the two have 4 s together; half of that with 16 s, and so on by the root"
    evidence: float = 1.0
    "s of a new speaker at least, of a second or more at once"
    one: float = 0.9
    "similarity of two speakers above which they are one, where it is not known how many speak"
    stay: float = 0.03
    "similarity that another speaker must be nearer than the one who speaks"
    delay: float = 3.5
    "s of the same turn that a block waits for"
    memory: float = 60.0
    "s of speech that are clustered again and again"
    better: float = 0.003
    "similarity, on average over the blocks, by which a fresh clustering must be better to be taken"
    stranger: float = 0.65
    "similarity that a stranger has; for the confidence"
    odds: float = 0.1
    "log-odds of being right where two speakers are equally near"
    slope: float = 9.7
    "and more per similarity beyond the next speaker's"

    def __post_init__(self) -> None:
        least = {"memory": 4.0}
        most = {"evidence": 30.0, "delay": 30.0, "memory": 600.0, "odds": 10.0, "slope": 100.0}
        for item in fields(self):
            value, low, high = getattr(self, item.name), least.get(item.name, 0), most.get(item.name, 1.0)
            if not low <= value <= high:
                raise UsageError(f"diarization: {item.name} must be {low:g} to {high:g}, got {value!r}")


@dataclass(frozen=True, slots=True)
class Told:
    """Who speaks in one block."""

    speaker: int
    "0, 1, ... in the order in which they were found"
    confidence: float
    "that it is this speaker's voice, in [0, 1]"


@dataclass(slots=True, eq=False)
class _Block:
    """A block that is remembered."""

    embedding: Embedding
    who: int | None = None
    "who was told"


class Voices:
    """The speakers of one stream.

    >>> voices = Voices()
    >>> one, other = np.eye(2, dtype=np.float32)
    >>> told = [*(t for _ in range(12) for t in voices.push(one, 0.8)), *voices.end()]
    >>> told += [*(t for _ in range(12) for t in voices.push(other, 0.8)), *voices.end()]
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
        self._apart = self._settings.apart if count is None else self._settings.expected
        self._memory: deque[_Block] = deque()
        self._waiting: deque[_Block] = deque()
        self._speakers: dict[int, _Speaker] = {}
        self._names: dict[int, int] = {}  # speaker -> the number that is told, in the order in which they are
        self._found = self._unheard = 0
        self._current: int | None = None

    def push(self, embedding: Embedding, seconds: float) -> Iterator[Told]:
        """Take the next block of a turn, and how much was heard for it; give the blocks that are decided by now."""
        block = _Block(embedding)
        self._waiting.append(block)
        if seconds >= _SURE:
            self._remember(block)
        while len(self._waiting) * BLOCK > self._settings.delay:
            yield self._tell(self._waiting.popleft())

    def end(self) -> Iterator[Told]:
        """End the turn; give the rest of its blocks."""
        if self._unheard:
            self._learn()
        if self._count is None:
            self._join()
        while self._waiting:
            yield self._tell(self._waiting.popleft())
        self._current = None

    def _remember(self, block: _Block) -> None:
        self._memory.append(block)
        self._unheard += 1
        while len(self._memory) * BLOCK > self._settings.memory:
            old = self._memory.popleft()
            if old.who in self._speakers:
                self._speakers[old.who].forget(old.embedding)
        if self._unheard >= _AGAIN:
            self._learn()

    def _learn(self) -> None:
        """Cluster what is remembered; find out whether somebody is new."""
        self._unheard = 0
        heard = np.stack([block.embedding for block in self._memory]).astype(np.float64)
        if not self._speakers:
            self._welcome([], _unit_rows(heard.sum(axis=0)[None]))
        names = sorted(self._speakers)
        sums = np.stack([self._speakers[who].sum for who in names])
        known = np.stack([self._speakers[who].voice for who in names])
        found = _cluster(heard, known, sums)
        if len(names) > 1 and not self._absent(names):
            fresh = self._fresh(heard, names, sums)
            found = fresh if fresh[0] > found[0] + self._settings.better else found
        if self._room():
            found = self._wider(heard, names, sums, found)
        self._welcome(names, found[1])

    def _wider(self, heard: Values, names: list[int], sums: Values, found: Clusters) -> Clusters:
        """One cluster more, where it is somebody new."""
        sums = np.vstack([sums, np.zeros_like(sums[:1])])
        far = heard[int(np.argmin((_smooth(heard) @ found[1].T).max(axis=1)))]
        more = _cluster(heard, np.vstack([found[1], far]), sums)
        if not self._new(heard, found[1], more[1]) and not self._absent(names):
            more = self._fresh(heard, names, sums)
        return more if self._new(heard, found[1], more[1]) else found

    def _fresh(self, heard: Values, names: list[int], sums: Values) -> Clusters:
        """Cluster from blocks that lie far apart; first the clusters of those with names, by what they were told."""
        smooth = _smooth(heard)
        picked = [int(np.argmin(smooth @ smooth.sum(axis=0)))]
        while len(picked) < len(sums):
            picked.append(int(np.argmin((smooth @ smooth[picked].T).max(axis=1))))
        _, voices = _cluster(heard, smooth[picked], np.zeros_like(sums))
        label = (heard @ voices.T).argmax(axis=1)
        gain = np.array([[self._told(label, who, k) for k in range(len(sums))] for who in names])
        order = [k for _, k in matched(gain)]
        return _cluster(heard, voices[order + [k for k in range(len(sums)) if k not in order]], sums)

    def _absent(self, names: list[int]) -> bool:
        """Whether somebody was last heard before the minute: their voice is not to be found in it."""
        heard = {block.who for block in self._memory}
        return any(self._speakers[who].sum.any() and who not in heard for who in names)

    def _told(self, label: NDArray[np.intp], who: int, cluster: int) -> float:
        """How many blocks of a cluster were told to somebody."""
        return float(sum(self._memory[i].who == who for i in np.flatnonzero(label == cluster)))

    def _new(self, heard: Values, before: Values, voices: Values) -> bool:
        """Whether the last of these voices is somebody of their own."""
        label = (heard @ voices.T).argmax(axis=1)
        size = np.bincount(label, minlength=len(voices))
        like = voices[:-1] @ voices[-1]
        blocks = size[-1] + size[int(np.argmax(like))]
        apart = self._apart - self._settings.few * math.sqrt(_FEW / max(1, blocks))
        return float(like.max()) < apart and self._lasting(heard, voices) > self._lasting(heard, before)

    def _lasting(self, heard: Values, voices: Values) -> int:
        """How many of these voices are more than what two who take turns sound like together."""
        label = (heard @ voices.T).argmax(axis=1)
        return sum(_runs(label == k) * BLOCK >= self._settings.evidence for k in range(len(voices)))

    def _room(self) -> bool:
        return len(self._speakers) < (self._count or MOST) and self._found < NAMES

    def _welcome(self, names: list[int], voices: Values) -> None:
        """Know these voices from now on; those beyond the names are new."""
        for who, voice in zip(names, voices, strict=False):
            self._speakers[who].voice = voice
        for voice in voices[len(names) :]:
            self._speakers[self._found] = _Speaker(voice)
            self._found += 1

    def _tell(self, block: _Block) -> Told:
        if not self._speakers:
            self._welcome([], block.embedding[None].astype(np.float64))
        likeness = {who: float(speaker.voice @ block.embedding) for who, speaker in self._speakers.items()}
        who = max(likeness, key=lambda one: likeness[one] + self._settings.stay * (one == self._current))
        self._current = block.who = who
        other = max([self._settings.stranger, *(like for one, like in likeness.items() if one != who)])
        odds = self._settings.odds + self._settings.slope * (likeness[who] - other)
        return Told(self._names.setdefault(who, len(self._names)), 1 / (1 + math.exp(-odds)))

    def _join(self) -> None:
        """Make one of two who are one voice, at most one pair per turn."""
        for first, second in combinations(sorted(self._speakers, key=lambda who: self._names.get(who, NAMES)), 2):
            if self._speakers[first].voice @ self._speakers[second].voice > self._settings.one:
                gone = self._speakers.pop(second)
                self._speakers[first].sum += gone.sum
                for block in self._memory:
                    block.who = first if block.who == second else block.who
                return


class _Speaker:
    """A speaker's voice, and the sum of those of their blocks that were forgotten."""

    def __init__(self, voice: Values) -> None:
        self.voice = voice
        self.sum: Values = np.zeros(len(voice))
        self._weight = 0.0

    def forget(self, embedding: Embedding) -> None:
        if self._weight >= _MEMORY:
            self.sum *= (_MEMORY - 1) / self._weight
            self._weight = _MEMORY - 1
        self.sum = self.sum + embedding
        self._weight += 1


def _cluster(heard: Values, voices: Values, sums: Values) -> Clusters:
    """Improve the voices by k-means, `sums` being theirs for certain."""
    label = None
    for _ in range(_ROUNDS):
        last, label = label, (heard @ voices.T).argmax(axis=1)
        if last is not None and np.array_equal(last, label):
            break
        total = sums + np.stack([heard[label == k].sum(axis=0) for k in range(len(voices))])
        voices = np.where(np.any(total, axis=1)[:, None], _unit_rows(total), voices)
    return float((heard @ voices.T).max(axis=1).mean()), voices


def _runs(there: NDArray[np.bool_]) -> int:
    """Blocks in runs that are longer than what mixes two speakers at a change."""
    edges = np.flatnonzero(np.diff(there.astype(int), prepend=0, append=0))
    runs = edges[1::2] - edges[::2]
    return int(runs[runs >= _RUN].sum())


def _smooth(heard: Values) -> Values:
    """Each block with its neighbours."""
    padded = np.vstack([heard[:1], heard, heard[-1:]])
    return _unit_rows(padded[:-2] + padded[1:-1] + padded[2:])


def _unit_rows(rows: Values) -> Values:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1.0)
