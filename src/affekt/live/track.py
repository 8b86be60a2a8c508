"""Signals as they come -> samples at 16 kHz in their places. One track of a stream, put right by sample offset.

Signals may be lost, late, doubled or in the wrong order; each of these becomes a `Gap`, and what is missing becomes
silence of the same length, so that time is never compressed. A loss longer than `fill` is not filled: the track breaks
there, and what follows is heard anew. No clock is asked; all that counts is where in the stream a sample says it lies.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from affekt.audio import RATE
from affekt.audio.resample import Doubler, Resampler, at_once
from affekt.errors import UsageError
from affekt.live.events import Gap, GapKind
from affekt.types import Samples, Segment, Signal

_GARBAGE = 2.0**32  # no encoding of audio has larger samples
_REMEMBERED = 16  # losses, by which late is told from double
_HELD = 256  # signals that wait for a hole to be filled
_UNTOLD = 1024  # gaps; of a flood that never goes on, the last ones are told


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a track waits for what is missing. Of the stream's time, not of the day's."""

    reorder: float = 0.2
    "s: what follows a hole is held back for so long, in case that the hole is filled"
    jitter: float = 0.0
    "s: offsets may differ by so much from the count of samples, as those made of milliseconds do"
    fill: float = 2.0
    "s: a longer loss breaks the track instead of becoming silence"
    lag: float = 2.0
    "s: one track may lag so far behind another before it is no longer waited for"

    def __post_init__(self) -> None:
        for name in ("reorder", "jitter", "fill", "lag"):
            if not 0 <= getattr(self, name) <= 60:
                raise UsageError(f"{name} must be 0 to 60 s, got {getattr(self, name)!r}")


@dataclass(slots=True)
class _Run:
    """Samples without a break, at 16 kHz."""

    start: int
    parts: deque[Samples] = field(default_factory=deque)
    end: int = 0
    closed: bool = False
    "a break follows"


class Track:
    """One mono stream: signals of any length and order in, samples by their place out.

    >>> track = Track("left", Patience())
    >>> track.push(Signal(np.ones(800, np.float32), 16000))
    >>> track.push(Signal(np.ones(800, np.float32), 16000, start=1600))
    >>> track.finish()
    >>> [float(track.take(at, at + 800).mean()) for at in (0, 800, 1600)]
    [1.0, 0.0, 1.0]
    >>> [(gap.kind, gap.segment) for gap in track.gaps(2400, 0.15)]
    [('lost', Segment(start=0.05, end=0.1))]
    """

    def __init__(self, name: str | None, patience: Patience) -> None:
        self.name = name
        self.away = False
        "it lags and is not waited for"
        self.resting = False
        "nothing of it is heard"
        self._patience = patience
        self._rate = 0
        self._next = 0  # samples at the track's own rate: the first that is not there yet
        self._floor = 0  # the same: what lies before is not heard, after an absence
        self._left = 0  # at 16 kHz: up to here the stream has gone on without it
        self._excused = False  # by a pause
        self._ended = False
        self._off = 0  # by how much the last offset differed from the count
        self._waiting: list[Signal] = []  # came too early, in order
        self._lost: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._runs: deque[_Run] = deque()
        self._gaps: deque[tuple[int, GapKind, Segment]] = deque(maxlen=_UNTOLD)
        self._resampler: Resampler | Doubler | None = None

    # In ------------------------------------------------------------------------------------------------------------

    def push(self, signal: Signal) -> None:
        """Take what comes next, or what does not.

        Raises:
            UsageError: another rate than before, or a signal that is none.
        """
        signal = self._checked(signal)
        if not len(signal.samples):
            return
        if not self._rate:
            self._rate, self._next = signal.rate, signal.start
        if self.resting:
            self._next = max(self._next, signal.end)
            return
        if self.away and not self._returns(signal):
            return
        signal = signal if signal.start >= self._floor else _from(signal, self._floor)
        if self._follows(signal):
            self._accept(signal.samples)
        elif signal.start < self._next:
            self._behind(signal)
        else:
            self._wait(signal)
        self._settle(self._samples(self._patience.reorder) if len(self._waiting) <= _HELD else 0)

    def finish(self) -> None:
        """End the track: what waits for a hole to be filled waits no longer."""
        self.close()
        self._ended = True

    def leave(self, to: int) -> None:
        """Go on without this track up to a sample at 16 kHz; what comes later of it is late."""
        if not self.away:
            self.close()
        self.away = True
        self._left = to

    def close(self) -> None:
        """Let go of all that is held back, as far as it came."""
        self._settle(0)
        self._close()

    def rest(self) -> None:
        """Hear nothing of what comes, but follow where it lies."""
        self.close()
        self.resting = True

    def wake(self, after: int) -> None:
        """Hear again, from a sample at 16 kHz on; that nothing was heard before is no gap."""
        self.resting, self.away = False, True
        self._left, self._excused = after, True

    def _returns(self, signal: Signal) -> bool:
        """Begin anew after an absence, unless all of it is too late."""
        floor = -(-self._left * self._rate // RATE)
        late = min(signal.end, floor) - signal.start
        if late > 0 and not self._excused:
            self._note(floor, "late", signal.start, signal.start + late)
        if signal.end <= floor:
            return False
        begin = max(signal.start, floor)
        if begin > self._next and not self._excused:
            self._note(begin, "lost", self._next, begin)
        self.away = self._excused = False
        self._next = self._floor = begin
        return True

    def _checked(self, signal: Signal) -> Signal:
        if self._rate and signal.rate != self._rate:
            raise UsageError(
                f"track {self.name or 'mono'} has {self._rate} Hz, got {signal.rate} Hz; a rate cannot change"
            )
        if signal.samples.ndim != 1:
            raise UsageError(f"a signal must be mono, (n,), got {signal.samples.shape}; push each channel as a track")
        if signal.start < 0:
            raise UsageError(f"a signal must start at sample 0 or later, got {signal.start}")
        sound = np.isfinite(signal.samples) & (np.abs(signal.samples) < _GARBAGE)
        if sound.all():
            return signal
        return Signal(np.where(sound, signal.samples, np.float32(0)).astype(np.float32), signal.rate, signal.start)

    def _follows(self, signal: Signal) -> bool:
        """Say whether it comes next, as exactly as its offsets are; note a clock that runs away."""
        if self._waiting:
            return signal.start == self._next
        off, jitter = signal.start - self._next, self._samples(self._patience.jitter)
        creeping = abs(off - self._off) <= jitter
        self._off = off if abs(off) <= jitter else 0
        if off == 0 or abs(off) <= jitter:
            return True
        if jitter and creeping and off > 0:
            self._note(signal.start, "drift", self._next, signal.start)
            self._accept(np.zeros(off, np.float32))
            return True
        return False

    def _behind(self, signal: Signal) -> None:
        """What lies before the end: late where silence stands in its place, double elsewhere; a rest may be new."""
        end = min(signal.end, self._next)
        late = any(start < end and signal.start < stop for start, stop in self._lost)
        drifts = not late and 0 < self._next - signal.start <= 2 * self._samples(self._patience.jitter)
        self._note(self._next, "late" if late else "drift" if drifts else "duplicate", signal.start, end)
        if signal.end > self._next:
            self._accept(signal.samples[self._next - signal.start :])

    def _wait(self, signal: Signal) -> None:
        self._waiting.append(signal)
        self._waiting.sort(key=lambda waiting: waiting.start)

    def _settle(self, patience: int) -> None:
        """Take from those that wait what comes next now, and what has waited long enough."""
        filled = True  # the hole, by what came late; what waits behind one that never was is in order
        while self._waiting:
            first = self._waiting[0]
            hole = first.start - self._next
            if hole > 0 and max(waiting.end for waiting in self._waiting) - first.start <= patience:
                return
            self._waiting.pop(0)
            if hole > 0:
                self._lose(first.start)
                self._accept(first.samples)
                filled = False
            elif first.end > self._next:
                if filled:
                    self._note(first.end, "reordered", first.start, first.end)
                self._accept(first.samples[-hole:] if hole else first.samples)
            else:
                self._note(self._next, "duplicate", first.start, first.end)

    def _lose(self, until: int) -> None:
        begin = self._next
        self._note(until, "lost", begin, until)
        self._lost.append((begin, until))
        if until - begin > self._samples(self._patience.fill):
            self._close()
            self._next = until
        else:
            self._accept(np.zeros(until - begin, np.float32))

    def _accept(self, samples: Samples) -> None:
        if self._resampler is None:
            self._resampler = at_once(self._rate)
            start = self._place(self._next)
            self._runs.append(_Run(start, end=start))
        self._next += len(samples)
        self._add(self._resampler.push(samples))

    def _close(self) -> None:
        if self._resampler is not None:
            self._add(self._resampler.finish())
            self._runs[-1].closed = True
            self._resampler = None

    def _add(self, samples: Samples) -> None:
        if len(samples):
            self._runs[-1].parts.append(samples)
            self._runs[-1].end += len(samples)

    def _note(self, at: int, kind: GapKind, start: int, end: int) -> None:
        """Remember a gap; one that continues or repeats the last one becomes one with it."""
        segment = Segment(start / self._rate, end / self._rate)
        if self._gaps and self._gaps[-1][1] == kind:
            last = self._gaps[-1][2]
            if segment.start <= last.end and last.start <= segment.end:
                self._gaps.pop()
                segment = Segment(min(segment.start, last.start), max(segment.end, last.end))
        self._gaps.append((self._place(at), kind, segment))

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate)

    def _place(self, at: int) -> int:
        """Where a sample of the track lies at 16 kHz."""
        return (at * RATE + self._rate // 2) // self._rate

    # Out -----------------------------------------------------------------------------------------------------------

    @property
    def start(self) -> int | None:
        """The first sample at 16 kHz that can be taken, or None."""
        return self._runs[0].start if self._runs else None

    @property
    def end(self) -> int:
        """The end of what can be taken, at 16 kHz."""
        return self._runs[-1].end if self._runs else 0

    @property
    def place(self) -> int:
        """Where in the stream, at 16 kHz, the next sample would lie."""
        return self._place(self._next) if self._rate else 0

    @property
    def absent(self) -> bool:
        """Whether nothing is to be waited for."""
        return self.away or self.resting or self._ended

    def ready(self, start: int, end: int) -> bool:
        """Say whether all is there that will ever be between two samples at 16 kHz."""
        for run in self._runs:
            if run.start >= end or run.end >= end:
                return True
            if not run.closed:
                return False
        return self.absent

    def take(self, start: int, end: int) -> Samples | None:
        """Take what lies between two samples at 16 kHz, None if nothing does; the places must follow each other."""
        found: Samples | None = None
        while self._runs and self._runs[0].start < end:
            run = self._runs[0]
            if run.start < start:  # another track has begun the stream before this one was there
                self._gaps.append((start, "late", Segment(run.start / RATE, min(run.end, start) / RATE)))
                _move(run, np.zeros(min(run.end, start) - run.start, np.float32), run.start)
            if run.start < min(run.end, end):
                found = np.zeros(end - start, np.float32) if found is None else found
                _move(run, found, start)
            if run.end > end or not run.closed:
                break
            self._runs.popleft()
        return found

    def gaps(self, before: int, time: float) -> list[Gap]:
        """Give the gaps that are known of before a sample at 16 kHz; `time` is when, in seconds."""
        found = []
        while self._gaps and self._gaps[0][0] < before:
            _, kind, segment = self._gaps.popleft()
            found.append(Gap(time, self.name, kind, segment))
        return found


def _from(signal: Signal, start: int) -> Signal:
    """Cut off what lies before a sample."""
    cut = min(start - signal.start, len(signal.samples))
    return Signal(signal.samples[cut:], signal.rate, signal.start + cut)


def _move(run: _Run, into: Samples, start: int) -> None:
    """Move the samples of a run that lie in `into`, which begins at `start`."""
    end = start + len(into)
    while run.parts and run.start < end:
        part = run.parts.popleft()
        count = min(len(part), end - run.start)
        into[run.start - start : run.start - start + count] = part[:count]
        run.start += count
        if count < len(part):
            run.parts.appendleft(part[count:])
