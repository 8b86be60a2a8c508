"""One timer for all connections: a beat of 2 ms, each connection on one of ten in turns. And how late it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from affekt.service.load.sound import PIECE

SLOTS = 10
"beats in a piece: calls that begin at once do not send at once"
_BIN, _BINS = 1e-4, 20_000  # s; the last bin holds all that is later

Step = Callable[[float], bool]
"""what happens on a beat; takes the Unix time of the beat, gives whether it wants another one"""


class Lateness:
    """How late a timer was, as a histogram: bounded, however long it runs.

    >>> late = Lateness()
    >>> for value in (0.0, 0.001, 0.002, 0.1): late.add(value)
    >>> late.quantile(0.5), late.quantile(1.0), late.worst
    (0.0011, 0.1001, 0.1)
    """

    def __init__(self) -> None:
        self._counts = [0] * _BINS
        self.count = 0
        self.worst = 0.0
        "s"

    def add(self, seconds: float) -> None:
        """Count one beat."""
        self._counts[min(max(int(seconds / _BIN), 0), _BINS - 1)] += 1
        self.count += 1
        self.worst = max(self.worst, seconds)

    def quantile(self, share: float) -> float:
        """Return the upper end of the bin in which the quantile lies, in s."""
        left = share * self.count
        for number, count in enumerate(self._counts):
            left -= count
            if left <= 0:
                return round((number + 1) * _BIN, 4)
        return self.worst


class Pace:
    """Steps on beats. One that is late is caught up, beat by beat: nothing is left out."""

    def __init__(self) -> None:
        self.late = Lateness()
        self._slots: list[list[Step]] = [[] for _ in range(SLOTS)]
        self._beat, self._begun, self._unix = 0, 0.0, 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to beat, in the running loop."""
        loop = asyncio.get_running_loop()
        self._begun, self._unix = loop.time(), time.time()
        self._timer = loop.call_at(self._begun, self._fire)

    def stop(self) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()

    def join(self, step: Step) -> None:
        """Call `step` once per piece, on the beat with the fewest others."""
        min(self._slots, key=len).append(step)

    def _fire(self) -> None:
        loop, due = asyncio.get_running_loop(), self._beat * PIECE / SLOTS
        self.late.add(loop.time() - self._begun - due)
        slot = self._slots[self._beat % SLOTS]
        if slot:
            at = self._unix + due
            left = [step for step in slot if not step(at)]
            for step in left:
                slot.remove(step)
        self._beat += 1
        self._timer = loop.call_at(self._begun + self._beat * PIECE / SLOTS, self._fire)
