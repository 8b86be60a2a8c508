"""So many requests per second, and so many wrong passwords. In memory: control is one process.

Both are bounded: what was not seen for longest is forgotten first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

_MOST = 20_000  # names or addresses that are remembered
_LONGEST = 900.0  # s


class Buckets:
    """A bucket of tokens per user, key or address: `rate` flow in per second, `burst` have room.

    >>> buckets = Buckets(rate=2.0, burst=1)
    >>> buckets.wait("ada", now=0.0), buckets.wait("ada", now=0.0), buckets.wait("ada", now=0.5)
    (0.0, 0.5, 0.0)
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._level: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, who: Hashable, *, now: float) -> float:
        """Take a token; or say in how many seconds there will be one, and take none."""
        with self._lock:
            level, since = self._level.pop(who, (self._burst, now))
            level = min(self._burst, level + max(0.0, now - since) * self._rate)
            enough = level >= 1.0
            self._level[who] = (level - enough, now)
            _forget(self._level)
        return 0.0 if enough else (1.0 - level) / self._rate


class Lockout:
    """Wrong passwords -> how long the next try must wait: 1, 2, 4 s ... to 15 min.

    A stranger must not be able to lock a user out from afar, so a name at one address is locked soon, an address
    later, and a name everywhere only when very many addresses try it. A try counts before its password is looked at,
    so that a hundred at once are a hundred.

    >>> lockout = Lockout()
    >>> [lockout.attempt("ada", "192.0.2.1", now=0.0) for _ in range(6)]
    [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    >>> lockout.attempt("ada", "198.51.100.9", now=0.0)
    0.0
    """

    FREE = (5, 20, 100)
    "wrong passwords before the waiting begins: of a name at an address, of an address, of a name"

    def __init__(self) -> None:
        self._tries: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, name: str, address: str, *, now: float) -> float:
        """Count a try and give 0; or give the seconds for which none is heard, and count none."""
        keys = _keys(name, address)
        with self._lock:
            wait = max(self._left(key, free, now) for key, free in zip(keys, self.FREE, strict=True))
            if wait > 0:
                return wait
            for key in keys:
                count, since = self._tries.pop(key, (0, now))
                self._tries[key] = (1 if now - since > 2 * _LONGEST else count + 1, now)
            _forget(self._tries)
        return 0.0

    def right(self, name: str, address: str) -> None:
        """Take a try back: the password was right."""
        own, *others = _keys(name, address)
        with self._lock:
            self._tries.pop(own, None)
            for key in others:
                if key in self._tries:
                    count, since = self._tries[key]
                    self._tries[key] = (max(0, count - 1), since)

    def _left(self, key: Hashable, free: int, now: float) -> float:
        count, since = self._tries.get(key, (0, now))
        if count < free:
            return 0.0
        return max(0.0, since + min(_LONGEST, 2.0 ** min(count - free, 20)) - now)


def _keys(name: str, address: str) -> tuple[Hashable, Hashable, Hashable]:
    return (name, address), ("address", address, None), ("name", name, None)


def _forget(table: OrderedDict[Hashable, tuple[float, float]] | OrderedDict[Hashable, tuple[int, float]]) -> None:
    while len(table) > _MOST:
        table.popitem(last=False)
