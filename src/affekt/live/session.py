"""Samples -> events, in process: for games, voice agents and whatever else has sound in its hands.

from affekt.live import Session

session = Session()
for chunk in microphone:                        # any length, any rate from 4 to 192 kHz
    for event in session.push(chunk, 48000):
        print(event.to_dict())
session.finish()
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affekt import bundle
from affekt.errors import UsageError
from affekt.live.events import Event
from affekt.live.pipeline import Pipeline, Settings
from affekt.live.rules import Named
from affekt.live.stage import Stages
from affekt.types import Model, Role, Signal

_RATES = (4000, 192000)


class Session:
    """One player, one caller, one microphone; or a call with a channel for each side.

    >>> session = Session("permissive", channels={"left": "customer", "right": "agent"})
    >>> session.push(np.zeros((8000, 2)), 8000)
    []
    >>> [event.name for event in session.finish()], session.finish()
    (['finished'], [])
    """

    def __init__(
        self,
        model: Model | str | Path = "default",
        *,
        channels: Mapping[str, Role] | None = None,
        rules: Sequence[Named] | None = None,
        settings: Settings | None = None,
        vad: str = "silero",
        denoise: str = "none",
        diarize: bool | int = False,
    ) -> None:
        """Load the model (0.2 s) and make ready; nothing is downloaded, nothing runs in the background.

        Args:
            model: a bundled model's name, a bundle's folder, or a model that is already loaded and may be shared.
            channels: name -> role of each channel, in the order of the samples' columns; one speaker without a name
                when none are given. An agent's channel is never judged.
            rules: of the alerts; those that are on by default when none are given.
            settings: windows, smoothing, patience.
            vad: what finds speech: silero or energy.
            denoise: what reduces noise before anything else hears it: wiener, deepfilter or none; docs/live.md.
            diarize: tell speakers apart by their voices, on a single channel: True, or how many they are, which helps.
                They are "speaker 1", "speaker 2", ..., all in the role of the channel, and never certain.

        Raises:
            UnknownNameError: there is no such model, detector or noise reduction.
            MissingExtraError: the noise reduction needs a package that is not installed.
            UsageError: `diarize` is asked for several channels, or for more than 32 speakers.
            BundleError: the bundle is incomplete, altered, or of another version.
        """
        self._channels: dict[str | None, Role] = dict(channels.items()) if channels else {None: "speaker"}
        if diarize and len(self._channels) > 1:
            raise UsageError(f"voices are told apart on one channel, got {len(self._channels)}: those say who speaks")
        self._pipeline = Pipeline(
            bundle.load(model) if isinstance(model, str | Path) else model,
            self._channels,
            settings=settings,
            rules=rules,
            stages=Stages.of(vad, denoise, diarize=diarize),
        )
        self._next = 0

    def push(self, samples: ArrayLike, rate: int, *, at: int | None = None) -> list[Event]:
        """Hear the next samples; give what has become known, which mostly is nothing.

        Args:
            samples: (n,) or (n, channels); floats with full scale at 1, or 16-bit integers. The level does not matter.
            rate: Hz, 4000 to 192000; the same for the whole session.
            at: where they lie, in samples since the session began; behind those before when it is not said.

        Raises:
            UsageError: the shape, the type or the rate is none of those allowed, or the session has been finished.
        """
        block = _block(samples, len(self._channels))
        start = self._next if at is None else operator.index(at)
        if not _RATES[0] <= rate <= _RATES[1]:
            raise UsageError(f"the rate must be {_RATES[0]} to {_RATES[1]} Hz, got {rate!r}")
        signals = {name: Signal(block[:, i].copy(), int(rate), start) for i, name in enumerate(self._channels)}
        events = self._pipeline.push(signals)
        self._next = max(self._next, start + len(block))
        return events

    def finish(self) -> list[Event]:
        """End the session; give the rest. Once it has ended, there is no rest."""
        return self._pipeline.finish()

    def pause(self) -> list[Event]:
        """Hear nothing from here on: a muted microphone, a call on hold."""
        return self._pipeline.pause()

    def resume(self) -> list[Event]:
        """Hear everything again."""
        return self._pipeline.resume()

    def acknowledge(self, rule: str, speaker: str | None = None) -> list[Event]:
        """Say that somebody has seen an alert; `Pipeline.acknowledge`."""
        return self._pipeline.acknowledge(rule, speaker)

    def snooze(self, rule: str, speaker: str | None = None, *, seconds: float) -> list[Event]:
        """Hear nothing of a rule for a while; `Pipeline.snooze`."""
        return self._pipeline.snooze(rule, speaker, seconds=seconds)


def _block(samples: ArrayLike, channels: int) -> NDArray[np.float32]:
    """Bring samples to (n, channels), float32."""
    array = np.asarray(samples)
    if array.dtype == np.int16:
        array = array.astype(np.float32) / 32768
    if array.dtype.kind != "f":
        raise UsageError(f"samples must be floats with full scale at 1, or 16-bit integers, got {array.dtype}")
    block = array[:, None] if array.ndim == 1 else array
    if block.ndim != 2 or block.shape[1] != channels:
        raise UsageError(f"samples must be (n, {channels}){' or (n,)' if channels == 1 else ''}, got {array.shape}")
    with np.errstate(over="ignore"):
        return block.astype(np.float32)
