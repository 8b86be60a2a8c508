"""Signal -> Signal with less noise, every sample at its place. One file = one method; streaming, at 16 kHz.

A method is a module with a class `Denoiser` of the shape below; a new file in this folder is a new method. What reduces
noise also takes something of the voice. So none acts on its own: `Gated` lets it act where the noise is loud, and
where it is not, the samples pass as they are, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from affekt import noise, registry
from affekt.denoise._gate import GATE, Gate
from affekt.errors import UnknownNameError, UsageError
from affekt.types import Samples, Signal

NONE = "none"
"""The name of no noise reduction."""


class Denoiser(Protocol):
    """Cleans one mono stream at 16 kHz. The chunking of the stream changes no sample."""

    LAG: ClassVar[int]
    "samples at 16 kHz that a sample waits at most for those behind it"

    def push(self, samples: Samples) -> Samples:
        """Clean the next samples; give those that are settled, in order from the first one on."""

    def finish(self) -> Samples:
        """Give the rest: as many in all as came."""


def names() -> list[str]:
    """Return what may be asked for.

    >>> names()
    ['none', 'deepfilter', 'wiener']
    """
    return [NONE, *registry.names("denoise")]


def load(name: str = "wiener") -> Denoiser:
    """Make the method `name` for one stream; it acts always, whatever the noise.

    Raises:
        UnknownNameError: no such method; the message lists them.
        MissingExtraError: it needs a package that is not installed.

    >>> len(load("wiener").push(np.zeros(1024, np.float32)))
    768
    """
    made: Denoiser = registry.load("denoise", name).Denoiser()
    return made


def stage(name: str = "wiener", gate: tuple[float, float] = GATE) -> Callable[[], Gated] | None:
    """Give what makes the stage of a track, for `affekt.live.Stages`; nothing for none.

    Raises:
        UnknownNameError: no such method.
        MissingExtraError: it needs a package that is not installed.
        UsageError: the gate is the wrong way round.

    >>> stage("none") is None
    True
    """
    if name not in names():
        raise UnknownNameError("noise reduction", name, names())
    if name == NONE:
        return None
    made = partial(_made, name, gate)
    made()  # what is wrong is said before any sound is heard
    return made


def _made(name: str, gate: tuple[float, float]) -> Gated:
    return Gated(load(name), gate)


class Gated:
    """Lets a method act where the SNR is low; a stage of one stream.

    >>> tone = np.sin(np.arange(16000) * 0.3).astype(np.float32)
    >>> gated = Gated(load("wiener"))
    >>> parts = [*gated.push(Signal(tone, 16000, start=160)), *gated.finish()]
    >>> [part.segment for part in parts], bool((np.concatenate([part.samples for part in parts]) == tone).all())
    ([Segment(start=0.01, end=0.986), Segment(start=0.986, end=1.01)], True)
    """

    def __init__(self, denoiser: Denoiser, gate: tuple[float, float] = GATE) -> None:
        """Set the method and the gate: it acts fully below the first number of dB, and not at all above the second."""
        self._denoiser, self._gate = denoiser, Gate(gate)
        self._dry = self._wet = np.zeros(0, np.float32)
        self._share: NDArray[np.float32] = np.zeros(0, np.float32)
        self._at: int | None = None  # place of the next sample that is given

    def push(self, signal: Signal, /) -> Iterator[Signal]:
        """Hear the next samples; give what is settled.

        Raises:
            UsageError: another rate than 16 kHz, or a signal that does not follow the one before.
        """
        if signal.rate != noise.RATE:
            raise UsageError(f"noise is reduced at {noise.RATE} Hz, got {signal.rate} Hz; resample first")
        if self._at is None:
            self._at = signal.start
        if signal.start != self._at + len(self._dry):
            expected = self._at + len(self._dry)
            raise UsageError(f"expected the signal from sample {expected} on, got one that starts at {signal.start}")
        samples = noise.number(signal.samples)
        self._dry = np.concatenate([self._dry, samples], dtype=np.float32)
        self._wet = np.concatenate([self._wet, self._denoiser.push(samples)])
        self._share = np.concatenate([self._share, self._gate.push(samples)])
        return self._settled()

    def finish(self) -> Iterator[Signal]:
        """End the stream; give the rest."""
        self._wet = np.concatenate([self._wet, self._denoiser.finish()])
        self._share = np.concatenate([self._share, self._gate.finish()])
        return self._settled()

    def _settled(self) -> Iterator[Signal]:
        count = min(len(self._dry), len(self._wet), len(self._share))
        if self._at is None or not count:
            return iter(())
        dry, wet, share = self._dry[:count], self._wet[:count], self._share[:count]
        mixed = np.where(share > 0, dry + share * (wet - dry), dry)
        self._dry, self._wet, self._share = (a[count:].copy() for a in (self._dry, self._wet, self._share))
        signal = Signal(mixed, noise.RATE, self._at)
        self._at = signal.end
        return iter((signal,))
