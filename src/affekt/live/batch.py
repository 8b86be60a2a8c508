"""Ticks of many streams -> probabilities of speech, one network call for all. For a service that hears a hundred calls.

    batch = Batch()
    pipelines = [Pipeline(model, stages=Stages(batch.detector)) for _ in range(100)]
    ...
    batch.tell([pair for pipeline, tick in ticks for pair in pipeline.detectors(tick)])     # one call
    heard = [pipeline.hear([tick]) for pipeline, tick in ticks]                             # no call

The answers are those of a stream that is heard alone; what was not told beforehand is judged when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from affekt.audio import RATE
from affekt.types import Samples
from affekt.vad import Detector, Probs
from affekt.vad.silero import Streams


class Batch:
    """Silero for many streams at 16 kHz.

    >>> import numpy as np
    >>> batch = Batch()
    >>> one, other = batch.detector(), batch.detector()
    >>> batch.tell([(one, np.zeros(512, np.float32)), (other, np.zeros(1024, np.float32))])
    >>> [len(detector.push(np.zeros(size, np.float32))) for detector, size in ((one, 512), (other, 1024))]
    [1, 2]
    """

    def __init__(self) -> None:
        self._streams = Streams(RATE)

    def detector(self) -> Detector:
        """Make the detector of one stream; it is what `Stages` asks for."""
        return _Told(self._streams)

    def tell(self, heard: Iterable[tuple[Detector, Samples]]) -> None:
        """Judge what each detector is going to hear next. Those of others are left alone."""
        own = [(detector, samples) for detector, samples in heard if isinstance(detector, _Told)]
        probs = self._streams.push(dict(own))
        for detector, _ in own:
            detector.told = probs[detector]


class _Told:
    """A detector that was told beforehand what it is going to say."""

    RATES: ClassVar[tuple[int, ...]] = (RATE,)
    HOP: ClassVar[int] = 512

    def __init__(self, streams: Streams) -> None:
        self.rate, self.hop = RATE, self.HOP
        self.told: Probs | None = None
        self._streams = streams

    def push(self, samples: Samples) -> Probs:
        """Say it; ask, if nothing was told."""
        told, self.told = self.told, None
        return self._streams.push({self: samples})[self] if told is None else told

    def finish(self) -> Probs:
        """Judge the rest, and leave."""
        return self._streams.finish(self)

    def reset(self) -> None:
        """Forget everything heard."""
        self._streams.forget(self)
        self.told = None
