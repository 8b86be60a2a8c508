"""Signals -> events: hear, judge, feel. The streaming core for one stream: a call, a microphone, a player.

    take    signals as they come -> ticks: steps of 32 ms of all tracks, in their places
    hear    ticks -> events that are known at once, and windows: per stream, cheap
    judge   windows -> predictions: the model, shared by all streams
    feel    predictions -> moods and alerts: per stream, cheap

`push` does all four. A service takes them apart: it hears every stream, judges the windows of all in one batch, and
lets every stream feel its own. Nothing here reads a clock, waits, or does I/O: the same sound gives the same events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from affekt.audio import RATE
from affekt.errors import UnknownNameError, UsageError
from affekt.live.ear import Ear
from affekt.live.echo import Echo
from affekt.live.events import Event, Finished, Gap, Paused, Resumed
from affekt.live.feel import Feel
from affekt.live.rules import Named
from affekt.live.stage import OneVoice, Stages
from affekt.live.talk import Floor
from affekt.live.tick import Floored, Heard, Item, Tick
from affekt.live.track import Patience, Track
from affekt.live.trajectory import Smoothing
from affekt.types import Model, Prediction, Role, Samples, Signal, Window
from affekt.vad import Detector
from affekt.windows import HOP, WINDOW, WindowStage

Signals = Signal | Mapping[str | None, Signal]
"""The next signal of the only track, or of several tracks by name."""
Judged = Sequence[tuple[Heard, Sequence[Prediction]]]

_LOOK = RATE // 2  # samples between two looks of the rules at what nobody says
_FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Settings:
    """How a stream is heard and followed."""

    window: float = WINDOW
    "s that are judged at once; a shorter turn is judged whole"
    hop: float = HOP
    "s from one window of a turn to the next"
    early: float | None = 1.0
    "s of speech after which a turn gives a first, shorter window; none: it waits for a whole one"
    smoothing: Smoothing = field(default_factory=Smoothing)
    patience: Patience = field(default_factory=Patience)
    snr: float | None = 5.0
    "dB below which a window is uncertain, whatever the model says of it; none: it is not"

    def __post_init__(self) -> None:
        WindowStage(self.window, self.hop)
        if self.early is not None and not self.early >= 0.25:
            raise UsageError(f"early must be 0.25 s or more, got {self.early:g} s")


class Pipeline:
    """One stream of one or more tracks.

    >>> import numpy as np
    >>> from affekt import bundle
    >>> pipeline = Pipeline(bundle.load("permissive"))
    >>> pipeline.push(Signal(np.zeros(16000, np.float32), 16000))
    []
    >>> pipeline.finish()
    [Finished(time=1.0)]
    """

    def __init__(
        self,
        model: Model,
        tracks: Mapping[str | None, Role] | None = None,
        *,
        settings: Settings | None = None,
        rules: Sequence[Named] | None = None,
        stages: Stages | None = None,
    ) -> None:
        """Make ready for a stream.

        Args:
            model: what judges windows; shared by as many streams as you like.
            tracks: name -> role of each; one nameless speaker when none are given. A track is one speaker, who has its
                name, unless `stages` tells voices apart.
            settings: windows, smoothing, patience.
            rules: of the alerts; those that are on by default when none are given.
            stages: what finds speech, cleans it and tells voices apart.
        """
        for named in rules or ():
            _know(named, model)
        self._model = model
        self._roles: dict[str | None, Role] = dict(tracks) if tracks else {None: "speaker"}
        self._settings, stages = settings or Settings(), stages or Stages()
        self._hop = stages.detector().hop
        self._tracks = {name: Track(name, self._settings.patience) for name in self._roles}
        self._echo = Echo([name for name, role in self._roles.items() if role == "agent"], self._hop)
        self._floor = Floor()
        windows = (self._settings.window, self._settings.hop, self._settings.early)
        self._ears = {name: Ear(name, role, self._floor, stages, windows=windows) for name, role in self._roles.items()}
        people = self._roles if stages.who is OneVoice else {}  # else they are known by their voices, as they speak
        self._feel = Feel(people, smoothing=self._settings.smoothing, rules=rules, snr=self._settings.snr)
        self._at: int | None = None  # start of the next tick
        self._looked: int | None = None
        self._known = 0  # end of the last tick that was heard
        self._paused = self._finished = False

    # All in one ----------------------------------------------------------------------------------------------------

    def push(self, signals: Signals) -> list[Event]:
        """Hear the next samples; give what has become known.

        Args:
            signals: mono, 4 to 192 kHz, each with its place in the stream (`Signal.start`). Tracks of one stream are
                best pushed together; where one lags behind, the others wait for it a little (`Patience.lag`).

        Raises:
            UsageError: the stream has been finished, a rate has changed, or a signal is not mono.
            UnknownNameError: there is no such track.
        """
        return self._through(self.hear(self.take(signals)))

    def finish(self) -> list[Event]:
        """End the stream; give the rest. Once it has ended, there is no rest."""
        if self._finished:
            return []
        return [*self._through(self.hear(self.end())), *self.close()]

    def pause(self) -> list[Event]:
        """Hear nothing from here on: a call on hold. What is pushed meanwhile passes unheard, and is no gap."""
        return self._through(self.hold())

    def resume(self) -> list[Event]:
        """Hear everything again from here on."""
        return self._through(self.wake())

    def acknowledge(self, rule: str, speaker: str | None = None) -> list[Event]:
        """Say that somebody has seen an alert.

        Raises:
            UnknownNameError: there is no such rule.
            UsageError: nobody of that name is judged.
        """
        return self._feel.acknowledge(rule, speaker, self._known / RATE)

    def snooze(self, rule: str, speaker: str | None = None, *, seconds: float) -> list[Event]:
        """Hear nothing of a rule for a while; a firing alert ends with it.

        Raises:
            UnknownNameError: there is no such rule.
            UsageError: nobody of that name is judged, or the time is out of range.
        """
        return self._feel.snooze(rule, speaker, self._known / RATE, seconds)

    def _through(self, heard: Sequence[Heard]) -> list[Event]:
        # Tick by tick: which windows a model sees at once must not depend on the chunks.
        return self.feel([(one, judge(self._model, one.windows)) for one in heard])

    # Taken apart ---------------------------------------------------------------------------------------------------

    def take(self, signals: Signals) -> list[Tick]:
        """Put signals into their places; give the ticks that are complete."""
        if self._finished:
            raise UsageError("the stream has been finished; make another pipeline for another stream")
        named = {self._only(): signals} if isinstance(signals, Signal) else signals
        for name, signal in named.items():
            if name not in self._tracks:
                raise UnknownNameError("track", name, [str(known) for known in self._tracks])
            self._tracks[name].push(signal)
        return [clear for tick in self._ticks() for clear in self._echo.push(tick)]

    def end(self) -> list[Tick]:
        """End all tracks; give the rest of the ticks."""
        for track in self._tracks.values():
            track.finish()
        return self._rest()

    def hear(self, ticks: Sequence[Tick]) -> list[Heard]:
        """Find turns and windows; give what says something."""
        return [heard for tick in ticks for heard in (*self._settle(tick), *self._hear(tick))]

    def hold(self) -> list[Heard]:
        """Pause; give what was heard up to here, and that it is paused."""
        if self._paused or self._finished:
            return []
        for track in self._tracks.values():
            track.rest()
        ticks, self._paused = self._rest(), True
        heard = self.hear(ticks)
        return [*heard, self._said(Paused(self._known / RATE))]

    def wake(self) -> list[Heard]:
        """Hear again; give that it is resumed."""
        if not self._paused or self._finished:
            return []
        self._paused, self._at = False, None
        self._known = max(self._known, *(track.place for track in self._tracks.values()))
        for track in self._tracks.values():
            track.wake(self._known)
        return [self._said(Resumed(self._known / RATE))]

    def close(self) -> list[Event]:
        """End the feeling, when all that was heard has been felt; what still fires expires."""
        if self._finished:
            return []
        self._finished = True
        time = self._known / RATE
        return [*self._feel.finish(time), Finished(time)]

    def _said(self, event: Event) -> Heard:
        return Heard(self._known, (event,), self._floored(self._known))

    def detectors(self, tick: Tick) -> list[tuple[Detector, Samples]]:
        """Say who is going to hear what when this tick is heard next; for `affekt.live.batch`."""
        found = []
        for name, samples in tick.sounds.items():
            if samples is not None and (detector := self._ears[name].ready(tick.start)):
                found.append((detector, samples))
        return found

    def feel(self, judged: Judged) -> list[Event]:
        """Follow what was judged: moods, alerts, and in between all that was known at once."""
        return [event for heard, said in judged for event in self._feel.push(heard, said)]

    def _only(self) -> str | None:
        if len(self._tracks) > 1:
            names = ", ".join(str(name) for name in self._tracks)
            raise UsageError(f"this stream has the tracks {names}; push a mapping of them to their signals")
        return next(iter(self._tracks))

    def _rest(self) -> list[Tick]:
        """The ticks that are left when all tracks break off, the last of them marked."""
        ticks = [clear for tick in self._ticks() for clear in self._echo.push(tick)]
        ticks += self._echo.finish()
        end = ticks[-1].end if ticks else self._known
        events = self._gaps(_FOREVER, end)
        if not ticks:
            return [Tick(end, end, {}, events, breaks=True)]
        return [*ticks[:-1], replace(ticks[-1], events=(*ticks[-1].events, *events), breaks=True)]

    def _ticks(self) -> Iterator[Tick]:
        if self._at is None:
            begun = [track.start for track in self._tracks.values() if track.start is not None]
            if not begun:
                return
            self._at = min(begun)
        while (tick := self._next(self._at)) is not None:
            self._at = tick.end
            yield tick

    def _next(self, start: int) -> Tick | None:
        start = self._skip(start)
        end = start + self._hop
        newest = max(track.end for track in self._tracks.values())
        if newest <= start:
            return None
        if all(track.absent for track in self._tracks.values()):
            end = min(end, newest)  # the last step is as long as what is left
        lag = round(self._settings.patience.lag * RATE)
        for track in self._tracks.values():
            if not track.ready(start, end):
                if newest - end <= lag:
                    return None
                track.leave(end)
        sounds = {name: track.take(start, end) for name, track in self._tracks.items()}
        for track in self._tracks.values():
            if track.away:
                track.leave(end)
        return Tick(start, end, sounds, self._gaps(end, end))

    def _skip(self, start: int) -> int:
        """Step over what no track has, as after a loss that is too long to be filled."""
        begins = [track.start for track in self._tracks.values()]
        if any(begin is None and not track.absent for begin, track in zip(begins, self._tracks.values(), strict=True)):
            return start
        first = min((begin for begin in begins if begin is not None), default=start)
        return start + max(0, (first - start) // self._hop) * self._hop

    def _gaps(self, before: int, end: int) -> tuple[Gap, ...]:
        return tuple(gap for track in self._tracks.values() for gap in track.gaps(before, end / RATE))

    def _settle(self, tick: Tick) -> Iterator[Heard]:
        """What broke off before this tick was known where it broke off, however long nothing was heard since."""
        items: list[Item] = []
        for name, ear in self._ears.items():
            items += ear.settle(None if tick.sounds.get(name) is None else tick.start)
        if items:
            yield Heard(self._known, tuple(items), self._floored(self._known))

    def _hear(self, tick: Tick) -> Iterator[Heard]:
        heard = {name: samples for name, samples in tick.sounds.items() if samples is not None}
        items: list[Item] = [*tick.events]
        self._floor.listen(tick.end - tick.start if heard else 0)
        for name, samples in heard.items():
            items += self._ears[name].push(samples, tick.start)
        for ear in self._ears.values() if tick.breaks else ():
            items += ear.settle(None)
        self._known = tick.end
        self._looked = tick.start if self._looked is None else self._looked
        looks = tick.breaks or tick.end - self._looked >= _LOOK
        if looks:
            self._looked = tick.end
            items += self._floor.settle(tick.end)
        if looks or items:
            yield Heard(tick.end, tuple(items), self._floored(tick.end))

    def _floored(self, at: int) -> Floored:
        floor = self._floor
        overlap = {name: floor.overlap(name, at) for name in self._roles} if len(self._roles) > 1 else {}
        return Floored(floor.silence(), floor.heard(), overlap)


def _know(named: Named, model: Model) -> None:
    """Refuse a rule on an emotion of the caller's that the model does not know, as by a typing error."""
    own = {field.name: field.default for field in fields(named.rule)}  # type: ignore[arg-type]
    emotion = getattr(named.rule, "emotion", None)
    if emotion is not None and emotion != own["emotion"] and emotion not in model.labels:
        raise UnknownNameError("emotion", emotion, list(model.labels))


def judge(model: Model, windows: Sequence[Window]) -> list[Prediction]:
    """Let the model judge windows, of one stream or of many; nothing is asked of it where there is none."""
    return model.predict(windows) if windows else []
