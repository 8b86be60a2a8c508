"""Tries so far -> seconds to the next one, or None. The schedule of Standard Webhooks 1.0, a little over three days.

Jitter only ever adds: a receiver that comes back after an outage is not met by all deliveries at once.
"""

from __future__ import annotations

import random

from affekt.service.deliver.delivery import Failed

WAITS = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds before each try: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""

JITTER = 0.2
"""Share of the wait that is added at most."""


def wait(tries: int, failed: Failed, *, most: int = len(WAITS), chance: random.Random | None = None) -> float | None:
    """Give the seconds until a delivery is tried again; None: it is given up.

    Args:
        tries: how often it was tried, this one included; 1 or more.
        failed: how this one went; what the receiver asks for is kept.
        most: tries that the channel allows, up to all of `WAITS`.
        chance: for tests.

    >>> [wait(tries, Failed("500"), chance=random.Random(1)) is None for tries in (1, 9, 10)]
    [False, False, True]
    >>> 300.0 <= wait(2, Failed("500")) <= 360.0, wait(1, Failed("429", after=60.0)) >= 60.0
    (True, True)
    """
    if tries >= min(most, len(WAITS)) or failed.ends != "nothing":
        return None
    share = (chance or random.SystemRandom()).uniform(0.0, JITTER)
    return max(WAITS[tries], failed.after or 0.0) * (1.0 + share)
