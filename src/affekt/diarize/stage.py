"""Speech -> Voice. Tells apart the speakers of one track by their voices, while they speak.

Each quarter of a second of a turn is embedded with what lies around it, 0.8 s at most, and given to a speaker; where
the speaker changes, the turn is cut, pause or not. Where two speak at once, one of them is found.

A block is told 4.1 s after it began, or at the end of its turn: until then what follows may say whose it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from affekt.audio import RATE
from affekt.diarize import ge2e
from affekt.diarize.voices import BLOCK, Embedding, Settings, Told, Voices
from affekt.speech import Speech, Voice
from affekt.types import Role, Samples, Signal

WINDOW = 0.8
"""Seconds that are embedded at once. The encoder was trained on 1.6, in which two who alternate fast are mixed."""

_BLOCK, _HALF = round(BLOCK * RATE), round(WINDOW * RATE / 2)


class Diarizer:
    """Names the speakers of one track "speaker 1", "speaker 2", ...; those of a track with a name, "left 1", ...

    Everybody has the role of the track: a voice does not say who is an employee. So nobody on an agent's track is ever
    judged, and on a track that mixes an agent with others the agent is not left out.

    >>> stage = Diarizer()
    >>> speech = Speech(Signal(np.zeros(16000, np.float32), 16000), turn_start=0, final=True)
    >>> [(voice.speaker, voice.role, voice.speech.signal.segment.end) for voice in stage.push(speech)][-1]
    ('speaker 1', 'speaker', 1.0)
    """

    def __init__(
        self,
        track: str | None = None,
        role: Role = "speaker",
        *,
        count: int | None = None,
        settings: Settings | None = None,
        embed: Callable[[Signal], Embedding] = ge2e.embed,
    ) -> None:
        """Know nobody yet.

        Args:
            track: what is heard; names begin with it.
            role: of everybody on it.
            count: how many speak, 1 to 32, where that is known: it helps.
            settings: when a voice is somebody's.
            embed: signal at 16 kHz -> a vector of length 1; `settings` are for this one.
        """
        self._name, self._role, self._embed = track or "speaker", role, embed
        self._voices = Voices(count, settings)
        self._turn: _Turn | None = None

    def push(self, speech: Speech, /) -> Iterator[Voice]:
        """Take the next piece of a turn; give what is known to be somebody's."""
        if self._turn is None:
            self._turn = _Turn(speech.turn_start, speech.signal.start)
        turn = self._turn
        turn.push(speech.signal.samples)
        for window, seconds in turn.windows(final=speech.final):
            turn.told.extend(self._voices.push(self._embed(window), seconds))
        if speech.final:
            turn.told.extend(self._voices.end())
            self._turn = None
        yield from self._give(turn, final=speech.final)

    def finish(self) -> Iterator[Voice]:
        """End the turn at hand: the sound breaks off here. Speakers stay known."""
        if self._turn is not None:
            end = self._turn.end
            yield from self.push(Speech(Signal(np.zeros(0, np.float32), RATE, end), self._turn.start, final=True))

    def _give(self, turn: _Turn, *, final: bool) -> Iterator[Voice]:
        while turn.told:
            told = turn.told.popleft()
            last = final and not turn.told
            if turn.who is not None and told.speaker != turn.who:
                yield self._voice(turn, turn.who, turn.confidence, turn.given, final=True)
                turn.start = turn.given
            turn.who, turn.confidence = told.speaker, told.confidence
            yield self._voice(turn, told.speaker, told.confidence, turn.end if last else turn.given + _BLOCK, last)
        turn.forget()

    def _voice(self, turn: _Turn, who: int, confidence: float, end: int, final: bool) -> Voice:
        speech = Speech(turn.take(end), turn.start, final)
        return Voice(speech, f"{self._name} {who + 1}", self._role, confidence)


class _Turn:
    """The turn that is being heard: its samples as far as they are needed, and who was told."""

    def __init__(self, start: int, first: int) -> None:
        self.start = start  # of what is told as one turn
        self.given = self._first = self._base = first
        self.told: deque[Told] = deque()
        self.who: int | None = None
        self.confidence = 0.0
        self._next = 0  # block
        self._kept: Samples = np.zeros(0, np.float32)

    @property
    def end(self) -> int:
        return self._base + len(self._kept)

    def push(self, samples: Samples) -> None:
        self._kept = np.concatenate([self._kept, samples])

    def windows(self, *, final: bool) -> Iterator[tuple[Signal, float]]:
        """Give what lies around each block that is ready, and its seconds; at the end a last block takes the rest."""
        heard = self.end - self._first
        blocks = max(1, round(heard / _BLOCK)) if final else (heard - _HALF + _BLOCK // 2) // _BLOCK
        while self._next < blocks:
            middle = self._first + self._next * _BLOCK + _BLOCK // 2
            window = self._samples(max(self._first, middle - _HALF), min(self.end, middle + _HALF))
            self._next += 1
            yield window, window.duration

    def take(self, end: int) -> Signal:
        """Hand out what lies before `end`."""
        signal = self._samples(self.given, end)
        self.given = end
        return signal

    def forget(self) -> None:
        """Forget what was handed out and lies around no block to come."""
        middle = self._first + self._next * _BLOCK + _BLOCK // 2
        cut = max(0, min(self.given, middle - _HALF) - self._base)
        self._kept = self._kept[cut:].copy()
        self._base += cut

    def _samples(self, start: int, end: int) -> Signal:
        return Signal(self._kept[start - self._base : end - self._base].copy(), RATE, start)
