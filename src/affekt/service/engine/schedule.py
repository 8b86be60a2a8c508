"""Windows of all calls -> the next to be judged. Earliest deadline first, at most one waiting per speaker.

A window that is late helps nobody: when a newer one of the same speaker comes, the older one is skipped, and so is one
whose deadline has passed. Each skipped window is counted, with the reason.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from affekt.types import Prediction, Window

Reason = Literal["newer", "late", "load"]


@dataclass(order=True, slots=True)
class Job:
    """A window that waits, is judged, or was skipped."""

    deadline: float
    "Unix time, s"
    number: int
    "jobs with one deadline go in order"
    who: Hashable = field(compare=False)
    "(call, speaker)"
    window: Window = field(compare=False)
    said: Prediction | None = field(default=None, compare=False)
    skipped: Reason | None = field(default=None, compare=False)
    since: float = field(default=0.0, compare=False)
    "Unix time of its last sample"
    marks: dict[str, float] | None = field(default=None, compare=False)
    "stage -> when it began, Unix time, of the few windows that are traced"

    @property
    def settled(self) -> bool:
        """Whether it waits no longer."""
        return self.said is not None or self.skipped is not None


class Schedule:
    """What waits. Added to by one thread, taken from by another.

    >>> import numpy as np
    >>> from affekt.types import Segment, Signal
    >>> window = Window(Signal(np.zeros(16000, np.float32), 16000), Segment(0, 1))
    >>> schedule = Schedule()
    >>> old, new = (schedule.add("call 1", window, deadline) for deadline in (1.0, 2.0))
    >>> old.skipped, [job is new for job in schedule.take(4, now=0.5)]
    ('newer', [True])
    """

    def __init__(self, *, cost: float = 0.01) -> None:
        """Set the seconds that judging a window takes, about: less time than that to the deadline is too late."""
        self.cost = cost
        self._lock = threading.Lock()
        self._heap: list[Job] = []
        self._waiting: dict[Hashable, Job] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, who: Hashable, window: Window, deadline: float, *, since: float = 0.0) -> Job:
        """Let a window wait, whose last sample came at `since`; another one of the same speaker waits no longer."""
        with self._lock:
            self._number += 1
            job = Job(deadline, self._number, who, window, since=since)
            if (old := self._waiting.get(who)) is not None:
                old.skipped = "newer"
            self._waiting[who] = job
            heapq.heappush(self._heap, job)
        return job

    def take(self, count: int, *, now: float) -> list[Job]:
        """Take the most urgent ones; skip those that would be late."""
        found: list[Job] = []
        with self._lock:
            while self._heap and len(found) < count:
                job = heapq.heappop(self._heap)
                if job.skipped is None:
                    del self._waiting[job.who]
                    if now + self.cost > job.deadline:
                        job.skipped = "late"
                    else:
                        found.append(job)
        return found

    def oldest(self) -> float | None:
        """When the last sample came of the window that has waited longest, Unix time; None where none waits."""
        with self._lock:
            return min((job.since for job in self._waiting.values()), default=None)

    def forget(self, job: Job) -> None:
        """Nobody asks for this window any more: it is not judged, unless that has begun."""
        with self._lock:
            if self._waiting.get(job.who) is job:
                del self._waiting[job.who]
                job.skipped = "newer"
