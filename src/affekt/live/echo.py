"""Ticks -> ticks, 0.03 s later. Silences the other tracks where an agent is what is heard on them.

The same as in recordings (`affekt.audio.channels.mute_echo`, decision 0008), frame by frame with what lies around it,
so that neither chunks nor blocks change a sample: an agent must not be judged by way of the customer's line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import lcm

import numpy as np
from numpy.typing import NDArray

from affekt.audio import RATE
from affekt.audio.channels import ECHO_EDGES, ECHO_FRAME, echo_frames
from affekt.live.tick import Tick
from affekt.types import Samples

_FRAME = round(ECHO_FRAME * RATE)
_BEFORE, _AFTER = ECHO_EDGES

Flags = NDArray[np.bool_]


@dataclass(slots=True)
class _Group:
    """Ticks that are a whole number of frames together, and what is known of their frames, track by track."""

    ticks: list[Tick]
    echo: dict[str | None, Flags] = field(default_factory=dict)
    fainter: dict[str | None, Flags] = field(default_factory=dict)


class Echo:
    """Hears all tracks of a call together; only calls with an agent need it."""

    def __init__(self, agents: Sequence[str | None], hop: int) -> None:
        """Set who the agents are, and how many samples a tick has."""
        self._agents = [agent for agent in agents if agent is not None]
        size = lcm(hop, _FRAME)
        self._ticks, frames = size // hop, size // _FRAME
        self._back, self._ahead = -(-_AFTER // frames), -(-_BEFORE // frames)  # groups
        self._open: list[Tick] = []
        self._groups: deque[_Group] = deque()
        self._cleared = 0  # of the groups that are kept

    @property
    def active(self) -> bool:
        """Whether it does anything: there is an agent with a track of their own."""
        return bool(self._agents)

    def push(self, tick: Tick) -> Iterator[Tick]:
        """Take the next tick; give those that are clear of echo by now."""
        if not self._agents:
            yield tick
            return
        last = self._open[-1] if self._open else self._groups[-1].ticks[-1] if self._groups else None
        if last is not None and tick.start != last.end:
            yield from self.finish()
        self._open.append(tick)
        if len(self._open) == self._ticks:
            self._close()
            if len(self._groups) - self._cleared > self._ahead:
                yield from self._clear()

    def finish(self) -> Iterator[Tick]:
        """Give the rest; the sound breaks off here."""
        if self._open:
            self._close()
        while self._cleared < len(self._groups):
            yield from self._clear()
        self._groups.clear()
        self._cleared = 0

    def _close(self) -> None:
        group, self._open = _Group(self._open), []
        sounds = {name: _sound(group.ticks, name) for name in group.ticks[0].sounds}
        for agent in self._agents:
            if not (theirs := sounds.get(agent, _NOTHING)).any():
                continue
            for name, own in sounds.items():
                if name not in self._agents:  # an agent's own voice is not somebody's echo
                    echo, fainter = echo_frames(own, theirs, _FRAME)
                    group.echo[name] = group.echo.get(name, False) | echo
                    group.fainter[name] = group.fainter.get(name, False) | fainter
        self._groups.append(group)

    def _clear(self) -> Iterator[Tick]:
        """Clear the next group by what is known around it."""
        first = max(0, self._cleared - self._back)
        around = list(islice(self._groups, first, self._cleared + self._ahead + 1))
        group = self._groups[self._cleared]
        muted = {name: _muted(around, group, name) for name in {name for one in around for name in one.echo}}
        self._cleared += 1
        while self._cleared > self._back:
            self._groups.popleft()
            self._cleared -= 1
        origin = group.ticks[0].start
        for tick in group.ticks:
            place = slice(tick.start - origin, tick.end - origin)
            yield replace(tick, sounds=_silenced(tick, muted, place)) if muted else tick


_NOTHING = np.zeros(0, np.float32)


def _sound(ticks: Sequence[Tick], name: str | None) -> Samples:
    """The sound of a track, silence where it has none, filled up to whole frames."""
    parts = [np.zeros(t.end - t.start, np.float32) if (s := t.sounds.get(name)) is None else s for t in ticks]
    parts.append(np.zeros(-sum(map(len, parts)) % _FRAME, np.float32))
    return np.concatenate(parts)


def _muted(around: Sequence[_Group], group: _Group, name: str | None) -> Flags:
    """Which samples of a group's track are an agent's echo."""
    frames = [-(-sum(t.end - t.start for t in one.ticks) // _FRAME) for one in around]
    echo = np.concatenate([one.echo.get(name, np.zeros(n, np.bool_)) for one, n in zip(around, frames, strict=True)])
    at = next(i for i, one in enumerate(around) if one is group)
    begin, count = sum(frames[:at]), frames[at]
    near = [echo[max(0, i - _AFTER) : i + _BEFORE + 1].any() for i in range(begin, begin + count)]
    own = echo[begin : begin + count]
    fainter = group.fainter.get(name, np.zeros(count, np.bool_))
    return np.repeat(own | (np.asarray(near) & fainter), _FRAME)


def _silenced(tick: Tick, muted: dict[str | None, Flags], place: slice) -> dict[str | None, Samples | None]:
    return {
        name: samples if samples is None or name not in muted or not (echo := muted[name][place]).any()
        else np.where(echo, np.float32(0), samples)
        for name, samples in tick.sounds.items()
    }  # fmt: skip
