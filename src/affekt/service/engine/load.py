"""How busy the engine is -> how much it does. Pure: numbers in, a level out, each change with its reason.

    level 0  everything
    level 1  half of the windows; what begins anew is heard without noise reduction
    level 2  a third of them; the lighter model, where one is configured
    level 3  a quarter of them; no new calls; the newest calls are not heard until the others keep up

Up at once, down slowly: a level lasts for some seconds at least, so that nobody sees it flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = (1.0, 2.0, 3.0, 4.0)
"""By how much the hop grows."""


FULL = 0.92
"""Share of the time in which the loop may be busy with hearing before no further call is let in."""
_FEW = 8  # calls, of which nobody can say yet what one costs


def room(calls: int, hearing: float, slots: int) -> int:
    """Say how many further calls could be heard, by what those cost that are.

    >>> room(40, 0.46, 256), room(60, 0.92, 256), room(3, 0.95, 256)
    (40, 0, 256)
    """
    if calls < _FEW:
        return slots
    return max(0, int((FULL - hearing) / (hearing / calls))) if hearing > 0 else slots


@dataclass(frozen=True, slots=True)
class Pressure:
    """What the last moments were like."""

    judging: float
    "share of the time in which the model was busy, of all its threads, in [0, 1]"
    hearing: float
    "share of the time in which the loop was busy, in [0, 1]"
    wait: float
    "s: windows waited so long to be judged, the slowest"
    lag: float
    "s: sound that has come and is not heard"


class Controller:
    """Chooses the level.

    >>> controller = Controller()
    >>> controller.look(Pressure(0.99, 0.5, 0.4, 0.0), now=10.0), controller.level
    ('windows wait 0.40 s for the model', 1)
    """

    def __init__(self, *, up: float = 0.5, down: float = 5.0) -> None:
        """Set the seconds for which a level lasts at least before it rises and falls."""
        self.level = 0
        self._up, self._down = up, down
        self._since = -1e9
        self._calm: float | None = None

    def look(self, pressure: Pressure, *, now: float) -> str | None:
        """Look at the pressure, a few times a second; say why the level has changed, or nothing."""
        reason = _too_much(pressure)
        if reason:
            self._calm = None
            if self.level < len(LEVELS) - 1 and now - self._since >= self._up:
                self.level, self._since = self.level + 1, now
                return reason
            return None
        if not _calm(pressure, self.level):
            self._calm = None
            return None
        self._calm = now if self._calm is None else self._calm
        if self.level and now - max(self._calm, self._since) >= self._down:
            self.level, self._since, self._calm = self.level - 1, now, None
            return f"the model is busy {pressure.judging:.0%} of the time"
        return None


def _too_much(pressure: Pressure) -> str | None:
    if pressure.lag > 0.3:
        return f"sound waits {pressure.lag:.2f} s to be heard"
    if pressure.wait > 0.25:
        return f"windows wait {pressure.wait:.2f} s for the model"
    return None


def _calm(pressure: Pressure, level: int) -> bool:
    """Whether the next lower level would be calm, too: there is more to judge."""
    growth = LEVELS[level] / LEVELS[max(0, level - 1)]
    return pressure.wait < 0.1 and pressure.lag < 0.1 and pressure.judging * growth < 0.8 and pressure.hearing < 0.9
