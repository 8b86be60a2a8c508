"""Samples of one track -> turns and windows. The hearing of a track, step by step, from break to break.

An agent's speech goes to talk time alone: there is no window stage for one, and `Window` refuses to be built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from affekt.audio import RATE
from affekt.live.events import Event, TalkTime, TurnEnded, TurnStarted
from affekt.live.stage import OneVoice, Stages
from affekt.live.talk import Floor
from affekt.noise import Meter
from affekt.speech import Speech, SpeechStage, Voice
from affekt.types import Role, Samples, Segment, Signal, Window
from affekt.vad import Detector
from affekt.windows import WindowStage, audible

PAD = 0.15
"""Seconds that a turn begins before its first speech."""


class Ear:
    """Hears one track of a stream."""

    def __init__(
        self, track: str | None, role: Role, floor: Floor, stages: Stages, *, windows: tuple[float, float, float | None]
    ) -> None:
        """Make ready for a track.

        Args:
            track: its name, which is the speaker's where diarization does not say otherwise.
            role: whose voice it carries.
            floor: is told who speaks.
            stages: what finds speech, cleans it and tells voices apart.
            windows: seconds of a window, of the hop, and of speech before an early window.
        """
        self._track, self._role, self._floor, self._stages = track, role, floor, stages
        window, hop, early = windows
        self._windows = (window, hop, early + PAD if early is not None and early + PAD < window else None)
        self._open = False
        self._now = 0
        self._left: list[Event | Window] = []  # of what broke off, not told yet
        # An agent's voice is known by its track: no stage clones, names or cleans it.
        self._who = OneVoice(track, role) if role == "agent" else stages.who(track, role)
        if isinstance(self._who, OneVoice):
            floor.join(track)

    def push(self, samples: Samples, start: int) -> Iterator[Event | Window]:
        """Hear the next samples at 16 kHz; after a break they may begin anywhere behind."""
        self.ready(start)
        yield from self.settle(start)
        self._now = start + len(samples)
        if self._role != "agent":
            self._meter.push(samples)
        signal = Signal(samples, RATE, start)
        yield from self._listen([signal] if self._clean is None else self._clean.push(signal))

    def ready(self, start: int) -> Detector | None:
        """Make ready for samples from `start` on; give the detector that is going to hear just these, if one is."""
        self._break(start)
        if not self._open:
            self._begin(start)
        self._now = start
        return self._detector if self._clean is None else None

    def settle(self, start: int | None) -> list[Event | Window]:
        """Tell what has broken off before `start`; None: it breaks off here."""
        self._break(start)
        left, self._left = self._left, []
        return left

    def _break(self, start: int | None) -> None:
        if self._open and start != self._now:
            self._open = False
            self._left += self._end()

    def _end(self) -> Iterator[Event | Window]:
        if self._clean is not None:
            yield from self._listen(self._clean.finish())
        yield from self._spoken(self._speech.finish())
        yield from self._attribute(self._who.finish())

    def _begin(self, start: int) -> None:
        self._open = True
        self._meter = Meter(start)
        stages = self._stages
        self._clean = stages.clean() if stages.clean and self._role != "agent" else None
        self._detector = stages.detector()
        self._speech = SpeechStage(self._detector, pad=PAD)
        self._cuts: dict[str | None, WindowStage] = {}
        self._turns: dict[str | None, _Told] = {}

    def _listen(self, signals: Iterable[Signal]) -> Iterator[Event | Window]:
        for signal in signals:
            yield from self._spoken(self._speech.push(signal))

    def _spoken(self, pieces: Iterable[Speech]) -> Iterator[Event | Window]:
        """Somebody speaks, which breaks a silence at once, also where it takes longer to tell who."""
        for speech in pieces:
            if len(speech.signal.samples):
                self._floor.stir(ago=max(0, self._now - speech.signal.end))
            yield from self._attribute(self._who.push(speech))

    def _attribute(self, voices: Iterable[Voice]) -> Iterator[Event | Window]:
        for voice in voices:
            yield from self._follow(voice)

    def _follow(self, voice: Voice) -> Iterator[Event | Window]:
        speech, who, role, now = voice.speech, voice.speaker, voice.role, self._now / RATE
        self._floor.speak(who, speech.signal.start, speech.signal.end)
        if who not in self._turns:
            self._turns[who] = _Told(speech.turn_start)
            yield TurnStarted(now, who, role, speech.turn_start / RATE, voice.confidence)
        told = self._turns[who]
        told.add(voice)
        if role != "agent":
            for window in filter(audible, self._cut(who, role).push(speech)):
                yield replace(window, snr=self._meter.between(window.signal.start, window.signal.end))
        if speech.final:
            del self._turns[who]
            yield TurnEnded(now, who, role, Segment(told.start / RATE, speech.signal.end / RATE), told.confidence)
            yield TalkTime(now, self._floor.turn(who, speech.signal.end - told.start))

    def _cut(self, who: str | None, role: Role) -> WindowStage:
        if who not in self._cuts:
            window, hop, early = self._windows
            self._cuts[who] = WindowStage(window, hop, who, role, early=early)
        return self._cuts[who]


class _Told:
    """A turn that is being told."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._samples = 0
        self._sum: float | None = None

    def add(self, voice: Voice) -> None:
        if voice.confidence is not None:
            samples = len(voice.speech.signal.samples)
            self._sum = (self._sum or 0.0) + samples * voice.confidence
            self._samples += samples

    @property
    def confidence(self) -> float | None:
        """Mean over the turn, where a speaker was told by the voice."""
        return None if self._sum is None else self._sum / max(1, self._samples)
