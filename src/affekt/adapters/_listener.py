"""Chunks of sound -> events, beside an event loop. `push` returns at once, however long the model takes.

Hearing has a thread of its own, and a queue of so many seconds before it. When the queue is full, all that waits in it
is dropped: the newest sound says most of the mood, and one hole is better than many. As every chunk knows its place,
the session tells the hole as a gap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from affekt.errors import UsageError
from affekt.live import Event, Session
from affekt.types import Samples

BACKLOG = 3.0
"""Seconds of sound that wait for the model at most: a mood that is later than a window is long is no help."""
_STEP = 0.1  # s that are handed over at once: each time costs more than hearing 20 ms does


@dataclass(frozen=True, slots=True)
class Chunk:
    """Sound as frameworks have it: 16-bit samples of one or more channels of one speaker, in turn."""

    pcm: bytes
    rate: int
    "Hz"
    channels: int
    start: int
    "samples since the stream began"

    @property
    def frames(self) -> int:
        """Samples of each channel."""
        return len(self.pcm) // (2 * self.channels)

    def mono(self) -> Samples:
        """Return the mean of its channels, float32."""
        sides = np.frombuffer(self.pcm, np.int16, self.frames * self.channels).reshape(-1, self.channels)
        samples: Samples = sides.mean(axis=1, dtype=np.float32) / np.float32(32768)
        return samples


class Listener:
    """Hears one speaker of one stream.

    >>> async def main():
    ...     told, listener = [], Listener(partial(Session, "permissive"))
    ...     listener.push(bytes(32000), 16000)
    ...     listener.end()
    ...     await listener.run(told.append)
    ...     return told
    >>> asyncio.run(main())
    [Finished(time=1.0)]
    """

    def __init__(self, make: Callable[[], Session], *, backlog: float = BACKLOG) -> None:
        """Make ready; nothing is loaded before `run`.

        Args:
            make: makes the session, in the thread: loading the model takes a while.
            backlog: seconds of sound that may wait, 0.1 or more.

        Raises:
            UsageError: the backlog is too short.
        """
        if not backlog >= 0.1:
            raise UsageError(f"the backlog must be 0.1 s or more, got {backlog!r}")
        self._make, self._backlog = make, backlog
        self._waiting: deque[Chunk] = deque()
        self._held = 0  # samples that wait
        self._place = 0
        self._wake, self._ended = asyncio.Event(), False

    def push(self, pcm: bytes, rate: int, channels: int = 1) -> None:
        """Leave the next sound to be heard: 16-bit samples, the rate the same for the whole stream."""
        chunk = Chunk(pcm, rate, max(1, channels), self._place)
        if not chunk.frames:
            return
        self._place += chunk.frames
        if self._held + chunk.frames > self._backlog * rate:
            self._drop()
        self._waiting.append(chunk)
        self._held += chunk.frames
        self._wake.set()

    def _drop(self) -> None:
        """Drop what waits, but for the very first sample: what is lost before anything was heard is a gap, too."""
        first = self._waiting[0] if self._waiting else None
        self._waiting.clear()
        if first is not None and first.start == 0:
            self._waiting.append(replace(first, pcm=bytes(2 * first.channels)))
        self._held = len(self._waiting)

    def end(self) -> None:
        """Say that no more sound comes; what waits is still heard."""
        self._ended = True
        self._wake.set()

    async def run(self, tell: Callable[[Event], Awaitable[None] | None]) -> None:
        """Hear until the end, and tell every event in the loop; cancelled, it leaves at once.

        Raises:
            AffektError: the sound is none that can be heard, such as one whose rate changes.
        """
        thread = ThreadPoolExecutor(1, "affekt")
        run = partial(asyncio.get_running_loop().run_in_executor, thread)
        try:
            session = await run(self._make)
            while chunks := await self._next():
                await _tell(tell, await run(_hear, session, chunks))
            await _tell(tell, await run(session.finish))
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    async def _next(self) -> list[Chunk]:
        """The next step of what waits; nothing when the stream has ended."""
        while not self._ended and not (self._waiting and self._held >= _STEP * self._waiting[0].rate):
            self._wake.clear()
            await self._wake.wait()
        chunks: list[Chunk] = []
        while self._waiting and sum(chunk.frames for chunk in chunks) < _STEP * self._waiting[0].rate:
            chunks.append(self._waiting.popleft())
        self._held -= sum(chunk.frames for chunk in chunks)
        return chunks


def _hear(session: Session, chunks: list[Chunk]) -> list[Event]:
    return [event for chunk in chunks for event in session.push(chunk.mono(), chunk.rate, at=chunk.start)]


async def _tell(tell: Callable[[Event], Awaitable[None] | None], events: list[Event]) -> None:
    for event in events:
        told = tell(event)
        if told is not None:
            await told
