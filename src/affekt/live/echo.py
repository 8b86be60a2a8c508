"""Ticks -> ticks, 0.3 s later. Silences the other tracks where an agent is what is heard on them.

The same as in recordings (`affekt.audio.channels.mute_echo`, decision 0008), frame by frame with what lies around it,
so that neither chunks nor blocks change a sample: an agent must not be judged by way of the customer's line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import lcm

import numpy as np

from affekt.audio import RATE
from affekt.audio.channels import Tracks, mute_echo
from affekt.live.tick import Tick
from affekt.types import Samples

_FRAME = RATE // 50  # of mute_echo, 20 ms


class Echo:
    """Hears all tracks of a call together; only calls with an agent need it."""

    def __init__(self, agents: Sequence[str | None], hop: int) -> None:
        """Set who the agents are, and how many samples a tick has."""
        self._agents = [agent for agent in agents if agent is not None]
        self._group = lcm(hop, _FRAME) // hop  # ticks
        self._before: list[Tick] = []
        self._held: list[Tick] = []

    @property
    def active(self) -> bool:
        """Whether it does anything: there is an agent with a track of their own."""
        return bool(self._agents)

    def push(self, tick: Tick) -> Iterator[Tick]:
        """Take the next tick; give those that are clear of echo by now."""
        if not self._agents:
            yield tick
            return
        if self._held and tick.start != self._held[-1].end:
            yield from self.finish()
        self._held.append(tick)
        if len(self._held) == 2 * self._group:
            yield from self._clear(self._group)

    def finish(self) -> Iterator[Tick]:
        """Give the rest; the sound breaks off here."""
        if self._held:
            yield from self._clear(len(self._held))
        self._before = []

    def _clear(self, count: int) -> Iterator[Tick]:
        """Clear the first ticks that are held, with what lies around them."""
        around = [*self._before, *self._held]
        names = dict.fromkeys(name for tick in around for name in tick.sounds)
        tracks: Tracks = {name: np.concatenate([_sound(tick, name) for tick in around]) for name in names}
        for agent in self._agents:
            if agent in tracks:
                heard, _ = mute_echo(tracks, agent, RATE)
                # an agent's own voice is not somebody's echo: of other agents it may be, which is their own affair
                tracks = {name: tracks[name] if name in self._agents else samples for name, samples in heard.items()}
        origin = around[0].start
        for tick in self._held[:count]:
            place = slice(tick.start - origin, tick.end - origin)
            yield replace(tick, sounds=_cleared(tick.sounds, tracks, place))
        self._before, self._held = self._held[:count][-self._group :], self._held[count:]


def _sound(tick: Tick, name: str | None) -> Samples:
    samples = tick.sounds.get(name)
    return np.zeros(tick.end - tick.start, np.float32) if samples is None else samples


def _cleared(
    sounds: Mapping[str | None, Samples | None], tracks: Tracks, place: slice
) -> dict[str | None, Samples | None]:
    return {name: None if samples is None else tracks[name][place] for name, samples in sounds.items()}
