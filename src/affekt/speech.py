"""Signal -> Speech. Cuts a stream into turns: speech without a long pause.

A turn begins with a frame whose probability of speech reaches the threshold and lasts while it stays above the
threshold less 0.15 (the hysteresis of Silero's own segmenter); pauses shorter than `max_pause` stay inside. A turn is
handed out piece by piece as its samples become certain, so that an hour of speech needs no more memory than a second.
How the stream is cut into chunks decides how a turn is cut into pieces, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.errors import UsageError
from affekt.types import Role, Samples, Segment, Signal
from affekt.vad import Detector, Probs

_HYSTERESIS = 0.15


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of a turn; the pieces of a turn follow each other without a gap."""

    signal: Signal
    "may be empty when `final`"
    turn_start: int
    "samples since the stream began"
    final: bool
    "the turn ends with this piece"


@dataclass(frozen=True, slots=True)
class Voice:
    """A piece of a turn, and whose it is."""

    speech: Speech
    speaker: str | None
    role: Role
    confidence: float | None = None
    "probability that it is this speaker's voice; None where the channel says whose it is"


@dataclass(slots=True)
class _Turn:
    """The turn that is being heard."""

    start: int
    "padded"
    given: int
    "end of what was handed out"
    end: int
    "end of the last speech; behind the frame at hand in a pause"
    speech: int = 0
    "samples of speech, pauses not counted"


class SpeechStage:
    """Finds the turns in one mono stream.

    >>> from affekt.vad import load
    >>> sign = np.resize([1, -1], 16000).astype(np.float32)
    >>> stream = np.concatenate([1e-3 * sign, 0.1 * sign, 1e-3 * sign])
    >>> stage = SpeechStage(load("energy"))
    >>> [piece.signal.segment for piece in [*stage.push(Signal(stream, 16000)), *stage.finish()]]
    [Segment(start=0.842, end=2.166)]
    """

    def __init__(
        self,
        detector: Detector,
        *,
        threshold: float = 0.5,
        min_speech: float = 0.25,
        max_pause: float = 0.6,
        pad: float = 0.15,
    ) -> None:
        """Set the rules of a turn.

        Args:
            detector: a fresh voice activity detector; its rate is that of the stream.
            threshold: probability of speech with which a turn begins, in (0, 1).
            min_speech: seconds; a turn with less speech, its pauses not counted, is dropped.
            max_pause: seconds; a pause as long as this ends the turn.
            pad: seconds added before and after a turn, as far as neighbours leave room.
        """
        _check(threshold=(threshold, 0.01, 0.99), min_speech=(min_speech, 0, 10), max_pause=(max_pause, 0.05, 10))
        _check(pad=(pad, 0, 2))
        self._detector = detector
        self._enter, self._stay = threshold, max(threshold - _HYSTERESIS, 0.01)
        self._min_speech, self._max_pause = round(min_speech * detector.rate), round(max_pause * detector.rate)
        self._pad = round(pad * detector.rate)
        self._heard: _Buffer | None = None
        self._now = 0  # end of the last judged frame
        self._floor = 0  # end of the last turn
        self._turn: _Turn | None = None

    def push(self, signal: Signal) -> Iterator[Speech]:
        """Hear the next samples; give what has become certain.

        Raises:
            UsageError: the signal has another rate than the detector, or does not follow the one before.
        """
        if signal.rate != self._detector.rate:
            raise UsageError(f"the detector hears {self._detector.rate} Hz, got {signal.rate} Hz; resample first")
        if self._heard is None:
            self._heard = _Buffer(signal.start)
            self._now = self._floor = signal.start
        self._heard.push(signal)
        found = self._follow(self._detector.push(signal.samples), self._heard)
        turn = self._turn
        if turn and turn.speech >= self._min_speech:
            found += self._give(turn, self._heard, final=False)
        self._heard.forget(turn.given if turn else max(self._floor, self._now - self._pad))
        return iter(found)

    def finish(self) -> Iterator[Speech]:
        """End the stream, and the turn in it."""
        if self._heard is None:
            return iter(())
        found = self._follow(self._detector.finish(), self._heard)
        if self._turn:
            found += self._close(self._turn, self._heard)
        return iter(found)

    def _follow(self, probs: Probs, heard: _Buffer) -> list[Speech]:
        found: list[Speech] = []
        for prob in probs.tolist():
            begin, self._now = self._now, self._now + self._detector.hop
            turn = self._turn
            if turn is None and prob >= self._enter:
                start = max(self._floor, begin - self._pad)
                turn = self._turn = _Turn(start, given=start, end=begin)
            if turn is None:
                continue
            if prob >= self._enter or (prob >= self._stay and turn.end == begin):
                turn.speech += self._detector.hop
                turn.end = self._now
            elif self._now - turn.end >= self._max_pause:
                found += self._close(turn, heard)
        return found

    def _close(self, turn: _Turn, heard: _Buffer) -> list[Speech]:
        self._turn = None
        if turn.speech < self._min_speech:
            return []
        return self._give(turn, heard, final=True)

    def _give(self, turn: _Turn, heard: _Buffer, *, final: bool) -> list[Speech]:
        """Hand out what surely belongs to the turn: in a pause, its speech and the pad after it."""
        certain = min(turn.end + min(self._pad, self._max_pause), self._now, heard.end)
        piece = heard.signal(turn.given, certain, self._detector.rate)
        turn.given = certain
        if final:
            self._floor = certain
        return [Speech(piece, turn.start, final)] if final or len(piece.samples) else []


class _Buffer:
    """The last samples of a stream, by their position in it."""

    def __init__(self, start: int) -> None:
        self._samples: Samples = np.zeros(0, np.float32)
        self._start = start

    @property
    def end(self) -> int:
        return self._start + len(self._samples)

    def push(self, signal: Signal) -> None:
        if signal.start != self.end:
            raise UsageError(f"expected the signal from sample {self.end} on, got one that starts at {signal.start}")
        self._samples = np.concatenate([self._samples, signal.samples], dtype=np.float32)

    def signal(self, start: int, end: int, rate: int) -> Signal:
        return Signal(self._samples[start - self._start : end - self._start].copy(), rate, start)

    def forget(self, before: int) -> None:
        cut = max(0, before - self._start)
        self._samples = self._samples[cut:].copy()  # a view would hold all that was pushed
        self._start += cut


class GivenStage:
    """Gives the turns of given segments of one speaker, in the same shape as `SpeechStage`; overlaps become one turn.

    >>> stage = GivenStage([Segment(0.5, 2.0)])
    >>> [(p.signal.segment, p.final) for p in stage.push(Signal(np.zeros(16000, np.float32), 16000))]
    [(Segment(start=0.5, end=1.0), False)]
    >>> [(p.signal.segment, p.final) for p in stage.finish()]
    [(Segment(start=1.0, end=1.0), True)]
    """

    def __init__(self, segments: Sequence[Segment], rate: int = 16000) -> None:
        self._rate = rate
        self._turns: list[list[int]] = []  # start, end; first in time first
        for segment in sorted(segments):
            start, end = round(segment.start * rate), round(segment.end * rate)
            if self._turns and start < self._turns[-1][1]:
                self._turns[-1][1] = max(end, self._turns[-1][1])
            elif start < end:
                self._turns.append([start, end])
        self._begun = False
        self._end = 0

    def push(self, signal: Signal) -> Iterator[Speech]:
        """Hear the next samples; give the pieces of turns in them."""
        found = []
        self._end = signal.end
        while self._turns and self._turns[0][0] < signal.end:
            start, end = self._turns[0]
            first, last = max(start, signal.start), min(end, signal.end)
            samples = signal.samples[max(0, first - signal.start) : max(0, last - signal.start)]
            self._begun = last < end
            found.append(Speech(Signal(samples, signal.rate, first), start, not self._begun))
            if self._begun:
                break
            self._turns.pop(0)
        return iter(found)

    def finish(self) -> Iterator[Speech]:
        """End the turn that the stream's end cuts off; turns after it are not heard."""
        if not self._begun:
            return iter(())
        return iter([Speech(Signal(np.zeros(0, np.float32), self._rate, self._end), self._turns[0][0], True)])


def segments(signal: Signal, detector: Detector) -> list[Segment]:
    """Find the turns of a whole signal, in seconds; a fresh detector of the same rate.

    >>> from affekt.vad import load
    >>> segments(Signal(np.zeros(16000, np.float32), 16000), load("silero"))
    []
    """
    stage = SpeechStage(detector)
    pieces = [*stage.push(signal), *stage.finish()]
    return [Segment(p.turn_start / signal.rate, p.signal.segment.end) for p in pieces if p.final]


def _check(**settings: tuple[float, float, float]) -> None:
    for name, (value, low, high) in settings.items():
        if not low <= value <= high:
            raise UsageError(f"{name} must be between {low:g} and {high:g}, got {value:g}")
