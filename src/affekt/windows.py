"""Speech -> Window. Cuts turns into overlapping windows, each brought to the same level.

A turn no longer than a window is judged whole. A longer one gives [0, 3], [1, 4], ... seconds of the turn, each as soon
as the turn is known to go on, and at its end one window aligned to the end: every sample is judged, none twice in vain.
Live, where waiting costs, a turn may give one window more, `early`, before the first that is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from affekt.audio import level
from affekt.errors import DataError, UsageError
from affekt.speech import Speech
from affekt.types import Role, Samples, Segment, Signal, Window

WINDOW, HOP = 3.0, 1.0
"""Seconds; the defaults."""
SHORTEST = 0.25
"""Seconds; a turn that is shorter is not judged."""
LONGEST = 6.0
"""Seconds of a recording that are judged at once where it is judged whole: the length of training's clips."""

_PEAK = 0.01  # speech at -26 dBFS has samples above; windows below were too quiet to be levelled


class WindowStage:
    """Cuts the turns of one speaker into windows.

    >>> turn = Speech(Signal(np.zeros(72000, np.float32), 16000), turn_start=0, final=True)
    >>> [window.signal.segment for window in WindowStage().push(turn)]
    [Segment(start=0.0, end=3.0), Segment(start=1.0, end=4.0), Segment(start=1.5, end=4.5)]
    """

    def __init__(
        self,
        window: float = WINDOW,
        hop: float = HOP,
        speaker: str | None = None,
        role: Role = "speaker",
        *,
        early: float | None = None,
    ) -> None:
        """Set the length of a window and the time from one to the next, both in seconds.

        Args:
            window: seconds.
            hop: seconds.
            speaker: who is heard.
            role: whose voice it is.
            early: seconds; as soon as so much of a turn is there, it gives a first, shorter window.

        Raises:
            UsageError: `window` is not within 0.25 to 30 s, `hop` not within 0.1 s to the window, or `early` not
                within 0.25 s to less than the window.
        """
        if not 0.25 <= window <= 30:
            raise UsageError(f"a window must be 0.25 to 30 s long, got {window:g} s")
        if not 0.1 <= hop <= window:
            raise UsageError(f"the hop must be 0.1 s to one window ({window:g} s), got {hop:g} s")
        if early is not None and not SHORTEST <= early < window:
            raise UsageError(f"early must be {SHORTEST:g} s to less than a window ({window:g} s), got {early:g} s")
        self._window, self._hop, self._early = window, hop, early
        self._speaker, self._role = speaker, role
        self._turn: _Turn | None = None

    def push(self, speech: Speech) -> Iterator[Window]:
        """Take the next piece of a turn; give the windows that it completes.

        Raises:
            UsageError: the piece does not follow the one before, or the role is an agent's.
        """
        if self._turn is None:
            self._turn = _Turn(speech)
        turn, rate = self._turn, speech.signal.rate
        turn.push(speech)
        size, hop = round(self._window * rate), round(self._hop * rate)
        found = []
        early = turn.start + round((self._early or self._window) * rate)
        if self._early is not None and not turn.begun and turn.end > early:
            turn.begun = True
            found.append(self._cut(turn, turn.start, early, final=False))
        while turn.end > turn.next + size:
            found.append(self._cut(turn, turn.next, turn.next + size, final=False))
            turn.next += hop
        if speech.final:
            if turn.end > turn.start:
                found.append(self._cut(turn, max(turn.start, turn.end - size), turn.end, final=True))
            self._turn = None
        turn.forget(turn.end - size)
        return iter(found)

    def finish(self) -> Iterator[Window]:
        """End the stream; a turn whose final piece never came gives its last window."""
        turn = self._turn
        if turn is None:
            return iter(())
        nothing = Signal(np.zeros(0, np.float32), turn.rate, turn.end)
        return self.push(Speech(nothing, turn.start, final=True))

    def _cut(self, turn: _Turn, start: int, end: int, *, final: bool) -> Window:
        # What is known of the turn's end must not depend on how it arrived: for all but the last, the window's own.
        known = Segment(turn.start / turn.rate, end / turn.rate)
        signal = Signal(level(turn.samples(start, end), turn.rate), turn.rate, start)
        return Window(signal, known, self._speaker, self._role, final)


class _Turn:
    """The part of a turn that windows to come may need."""

    def __init__(self, speech: Speech) -> None:
        self.start = self.next = speech.turn_start
        self.begun = False  # has given its early window
        self.rate = speech.signal.rate
        self._kept: Samples = np.zeros(0, np.float32)
        self._base = speech.turn_start

    @property
    def end(self) -> int:
        return self._base + len(self._kept)

    def push(self, speech: Speech) -> None:
        if (speech.turn_start, speech.signal.start) != (self.start, self.end):
            raise UsageError(
                f"expected sample {self.end} of the turn, got a piece that starts at {speech.signal.start}"
            )
        self._kept = np.concatenate([self._kept, speech.signal.samples])

    def samples(self, start: int, end: int) -> Samples:
        return self._kept[start - self._base : end - self._base]

    def forget(self, before: int) -> None:
        cut = max(0, before - self._base)
        self._kept = self._kept[cut:].copy()
        self._base += cut


def cut(
    signal: Signal,
    segments: Iterable[Segment],
    window: float = WINDOW,
    hop: float = HOP,
    *,
    speaker: str | None = None,
    role: Role = "speaker",
) -> Iterator[Window]:
    """Cut given segments of a signal into windows, each segment as a turn.

    Args:
        signal: the recording, or a part of it.
        segments: seconds since the recording began; what sticks out of the signal is cut off.
        window: seconds.
        hop: seconds.
        speaker: who is heard.
        role: whose voice it is.

    Raises:
        DataError: a segment lies outside the signal altogether.

    >>> turns = cut(Signal(np.zeros(48000, np.float32), 16000), [Segment(0.0, 1.0), Segment(2.0, 9.0)])
    >>> [window.turn for window in turns]
    [Segment(start=0.0, end=1.0), Segment(start=2.0, end=3.0)]
    """
    stage = WindowStage(window, hop, speaker, role)
    for segment in segments:
        inside = segment & signal.segment
        if inside is None:
            raise DataError(f"{segment.start:g}-{segment.end:g} s: the recording ends at {signal.segment.end:g} s")
        start, end = round(inside.start * signal.rate), round(inside.end * signal.rate)
        samples = signal.samples[start - signal.start : end - signal.start]
        yield from stage.push(Speech(Signal(samples, signal.rate, start), start, final=True))


def audible(window: Window) -> bool:
    """Say whether there is something to judge: silence and clicks have no emotion.

    >>> audible(whole(Signal(np.zeros(16000, np.float32), 16000)))
    False
    """
    signal = window.signal
    return signal.duration >= SHORTEST and float(np.abs(signal.samples).max(initial=0.0)) >= _PEAK


def whole(signal: Signal, speaker: str | None = None, role: Role = "speaker") -> Window:
    """Take a whole signal as one window.

    >>> whole(Signal(np.zeros(8000, np.float32), 16000)).turn
    Segment(start=0.0, end=0.5)
    """
    return Window(Signal(level(signal.samples, signal.rate), signal.rate, signal.start), signal.segment, speaker, role)
