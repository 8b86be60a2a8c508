"""File or array -> Timeline. The main job, on the same path for a second and for three hours.

Blocks of a recording become named mono tracks, each track a signal at 16 kHz, each speaker's part of it turns and
windows, and the model judges windows in small batches. Memory does not grow with the recording, but for the result:
about a kilobyte per window. An agent's turns are found for their talk time, and no window is ever cut from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affekt import bundle, registry, vad
from affekt import denoise as reduction
from affekt.audio import RATE, Channel, Recording, Source, open_recording
from affekt.audio.array import open_array
from affekt.audio.channels import Tracks, mute_echo, split
from affekt.audio.resample import at_once
from affekt.errors import AudioError, UsageError
from affekt.rttm import Row
from affekt.speech import GivenStage, Speech, SpeechStage
from affekt.timeline import Timeline, Turn
from affekt.types import Affect, Model, Prediction, Role, Samples, Segment, Signal, Window
from affekt.windows import HOP, LONGEST, SHORTEST, WINDOW, WindowStage, audible

Progress = Callable[[float, float | None], None]
"""Called with the seconds heard so far and those of the whole recording, None where it does not say."""

_BATCH = 8  # windows; more bring nothing on one core
_BLOCK = 10.0  # s
_COLUMNS = 12_000  # of a waveform; even, since two become one
_FOREVER = Segment(0.0, 1e9)


class Judge(Model, Protocol):
    """A model that says what it is: `affekt.bundle.Bundle`, or whatever wraps one."""

    @property
    def id(self) -> str:
        """Name and version, e.g. default@1."""

    @property
    def card(self) -> bundle.Card:
        """Its licence and its threshold are used."""


def load(
    model: str | Path = "default",
    *,
    vad: str = "silero",
    window: float = WINDOW,
    hop: float = HOP,
    denoise: str = "none",
) -> Recognizer:
    """Load a model and make it ready for recordings. Needs no network; takes 0.2 s.

    Args:
        model: a bundled model (`affekt models` lists them), or the folder of another bundle.
        vad: the voice activity detector that finds speech: silero, or energy for clean recordings.
        window: seconds that are judged at once, 0.25 to 30; a shorter turn is judged whole.
        hop: seconds from one window to the next, 0.1 to `window`.
        denoise: what reduces noise where it is loud, before speech is looked for: none, wiener or deepfilter.

    Raises:
        UnknownNameError: there is no such model, detector or noise reduction.
        MissingExtraError: the noise reduction needs a package that is not installed.
        UsageError: `window` or `hop` is out of range.
        BundleError: the bundle is incomplete, altered, or of another version.

    >>> load("permissive", window=2.0)  # doctest: +ELLIPSIS
    Recognizer(model=<Bundle permissive@1: ...>, vad='silero', window=2.0, hop=1.0, denoise='none')
    """
    return Recognizer(bundle.load(model), vad=vad, window=window, hop=hop, denoise=denoise)


@dataclass(frozen=True)
class Recognizer:
    """Recordings in, timelines out; keeps nothing between two calls.

    >>> recognizer = load("permissive")
    >>> timeline = recognizer.predict(np.zeros(16000), rate=16000)
    >>> timeline.turns, timeline.notes
    ((), ('silent: nothing is louder than -80 dBFS', 'no speech found'))
    """

    model: Judge
    _: KW_ONLY
    vad: str = "silero"
    "name of the voice activity detector"
    window: float = WINDOW
    "seconds"
    hop: float = HOP
    "seconds"
    denoise: str = "none"
    "name of the noise reduction"

    def __post_init__(self) -> None:
        WindowStage(self.window, self.hop)
        registry.load("vad", self.vad)  # what is wrong is said before any sound is heard
        reduction.stage(self.denoise)

    def predict_file(
        self,
        source: Source,
        *,
        channel: Channel = "auto",
        agent: str | None = None,
        segments: Sequence[Row] | None = None,
        whole: bool = False,
        progress: Progress | None = None,
    ) -> Timeline:
        """Recognise the emotions in a recording: WAV, FLAC, OGG, MP3, with PyAV also MP4, M4A, WebM; 4 to 192 kHz.

        Args:
            source: a path, the bytes of a file, an open binary file, or "-" for standard input.
            channel: what is heard: "left", "right", "mix" (the mean of all channels), "each" (every channel for
                itself, as on the telephone), or "auto": each where the channels carry different sound, else mix.
            agent: an employee, whose emotions are not judged (EU AI Act, article 5 (1) f): a channel ("left",
                "right", "ch3") or a speaker of `segments`. Their turns are found for their talk time alone; everybody
                else is a customer.
            segments: who speaks when, e.g. `affekt.rttm.read("call.rttm")`; then no speech is looked for. Speakers
                who are called like the channels are heard on their own channel, all others on the mix.
            whole: one prediction per channel over the whole recording, without looking for speech, as corpora are
                judged; beyond 30 s, the mean over windows of 30 s of which the last is aligned to the end.
            progress: called now and then with the seconds heard so far and those of the recording.

        Raises:
            AudioError: the recording cannot be read, or has not the channel or speaker that is asked for.
            MissingExtraError: MP4, M4A, AAC, WebM and the like need the package `av`.
            UsageError: the arguments contradict each other, or are none of those allowed.

        >>> import io, soundfile
        >>> file = io.BytesIO()
        >>> soundfile.write(file, np.random.default_rng(7).normal(0, 0.1, 64000), 16000, format="WAV")
        >>> timeline = load("permissive").predict_file(file.getvalue(), segments=[(Segment(1.0, 3.5), "Ada")])
        >>> [(turn.speaker, turn.segment, round(sum(turn.prediction.probs), 6)) for turn in timeline.turns]
        [('Ada', Segment(start=1.0, end=3.5), 1.0)]
        """
        wish = _Wish(channel, agent, None if segments is None else tuple(segments), whole)
        with open_recording(source) as recording:
            return self._hear(recording, wish, progress)

    def predict(
        self,
        samples: ArrayLike,
        rate: int,
        *,
        channel: Channel = "auto",
        agent: str | None = None,
        segments: Sequence[Row] | None = None,
        whole: bool = False,
        progress: Progress | None = None,
    ) -> Timeline:
        """Recognise the emotions in an array; the same as `predict_file` but for the first two arguments.

        Args:
            samples: (n,) or (n, channels); floats, full scale at 1, or integers of 8 to 32 bits, full scale at the
                type's own. The level does not matter, nor does a constant offset.
            rate: Hz, 4000 to 192000.
            channel: as in `predict_file`.
            agent: as in `predict_file`.
            segments: as in `predict_file`.
            whole: as in `predict_file`.
            progress: as in `predict_file`.

        Raises:
            AudioError: there are no samples, or more than 1 % of them are not numbers.
            UsageError: the shape, the type or the rate is none of those allowed, or the arguments contradict.
        """
        wish = _Wish(channel, agent, None if segments is None else tuple(segments), whole)
        with open_array(samples, rate) as recording:
            return self._hear(recording, wish, progress)

    def _hear(self, recording: Recording, wish: _Wish, progress: Progress | None) -> Timeline:
        hearing = _Hearing(self, wish, recording)
        for block in recording.tracks(wish.layout(recording), seconds=_BLOCK):
            hearing.push(block)
            if progress:
                progress(hearing.seconds, recording.duration)
        turns = hearing.finish()
        return Timeline(
            source=recording.name,
            duration=hearing.seconds,
            rate=recording.rate,
            channels=recording.channels,
            turns=turns,
            model=self.model.id,
            licence=self.model.card.licence_line,
            notes=(*recording.notes, *hearing.notes(turns)),
            waveform=hearing.waveform(turns),
        )


# What is asked for ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wish:
    """How a recording is to be heard, and whom in it."""

    channel: Channel
    agent: str | None
    segments: tuple[Row, ...] | None
    whole: bool

    def __post_init__(self) -> None:
        if self.whole and self.segments is not None:
            raise UsageError("a recording is judged whole or by given segments, not both")
        if self.agent is not None and self.segments is None and self.channel == "mix":
            raise UsageError(
                "an agent cannot be told apart in a mix of channels; hear each channel, or give segments with speakers"
            )

    @property
    def speakers(self) -> list[str]:
        """Who speaks in the given segments."""
        return sorted({speaker for _, speaker in self.segments or ()})

    def layout(self, recording: Recording) -> Channel:
        """Choose what is heard, as far as names decide it.

        Raises:
            AudioError: the recording has no such speaker or channel.
        """
        own = _channel_names(recording.channels)
        if self.segments is None:
            if self.agent is not None and self.agent not in own:
                raise AudioError(f"{recording.name}: {_nobody(self.agent, own)}")
            return "each" if self.agent and self.channel == "auto" else self.channel
        if self.agent is not None and self.agent not in self.speakers:
            raise AudioError(f"{recording.name}: {_nobody(self.agent, self.speakers)}")
        if self.channel == "auto":
            return "each" if own and set(self.speakers) <= set(own) else "mix"
        if self.channel == "each" and own and (other := set(self.speakers) - set(own)):
            raise AudioError(f"{recording.name}: {_nobody(min(other), own)}; use channel mix")
        return self.channel

    def rows(self, tracks: Sequence[str | None]) -> dict[str | None, dict[str | None, list[Segment]]]:
        """Say for each track who is heard on it, and when; only to be called with given segments."""
        found: dict[str | None, dict[str | None, list[Segment]]] = {track: {} for track in tracks}
        for segment, speaker in self.segments or ():
            found[speaker if len(tracks) > 1 else tracks[0]].setdefault(speaker, []).append(segment)
        for spoken in found.values():
            agent = spoken.get(self.agent, [])
            spoken.update({name: _without(own, agent) for name, own in spoken.items() if name != self.agent})
        return found

    def role(self, speaker: str | None) -> Role:
        if self.agent is None:
            return "speaker"
        return "agent" if speaker == self.agent else "customer"


def _without(segments: Sequence[Segment], taken: Sequence[Segment]) -> list[Segment]:
    """What is left of the segments where nothing is taken."""
    left = list(segments)
    for cut in taken:
        parts = [
            (Segment(s.start, min(s.end, max(s.start, cut.start))), Segment(max(s.start, min(s.end, cut.end)), s.end))
            for s in left
        ]
        left = [part for pair in parts for part in pair if part.duration > 0]
    return left


def _channel_names(channels: int) -> list[str]:
    return [str(name) for name in split(np.zeros((0, channels), np.float32), "each")] if channels > 1 else []


def _nobody(name: str, known: Sequence[str]) -> str:
    if known:
        return f"there is no {name!r} in it, there are {', '.join(known)}"
    return f"has one channel, so {name!r} cannot be told apart; give segments with speakers"


# Hearing ----------------------------------------------------------------------------------------------------------


class _Hearing:
    """One recording: blocks of tracks in, turns out."""

    def __init__(self, settings: Recognizer, wish: _Wish, recording: Recording) -> None:
        self._settings, self._wish = settings, wish
        self._rate = recording.rate
        self._tracks: dict[str | None, _Track] = {}
        self._turns = _Turns(settings.model)
        self._heard = 0
        self._muted = 0

    @property
    def seconds(self) -> float:
        """What was heard so far."""
        return self._heard / self._rate

    def push(self, block: Tracks) -> None:
        if not self._tracks:
            self._tracks = self._open(list(block))
        if self._wish.agent in block and self._wish.agent is not None:
            block, muted = mute_echo(block, self._wish.agent, self._rate)
            self._muted += muted
        for name, samples in block.items():
            self._turns.push(self._tracks[name].push(samples))
        self._heard += len(next(iter(block.values())))

    def finish(self) -> tuple[Turn, ...]:
        """End the recording; its turns in order of time."""
        for track in self._tracks.values():
            self._turns.push(track.finish())
        return self._turns.finish()

    def _open(self, names: list[str | None]) -> dict[str | None, _Track]:
        if self._wish.segments is not None:
            given = self._wish.rows(names)
            voices = {
                name: [self._voice(speaker, GivenStage(segments)) for speaker, segments in given[name].items()]
                for name in names
            }
        elif self._wish.whole:
            voices = {name: [self._voice(name, GivenStage([_FOREVER]))] for name in names}
        else:
            voices = {name: [self._voice(name, SpeechStage(vad.load(self._settings.vad)))] for name in names}
        clean = reduction.stage(self._settings.denoise)
        return {
            name: _Track(self._rate, voices[name], clean() if clean and not _agents(voices[name]) else None)
            for name in names
        }

    def _voice(self, speaker: str | None, speech: _Speech) -> _Voice:
        role = self._wish.role(speaker)
        if role == "agent":
            return _Voice(speech, _Unheard(speaker))
        size = (LONGEST, LONGEST) if self._wish.whole else (self._settings.window, self._settings.hop)
        return _Voice(speech, WindowStage(*size, speaker, role))

    def notes(self, turns: Sequence[Turn]) -> Iterator[str]:
        """Say what a reader of these turns should know."""
        beyond = sum(segment.start >= self.seconds for segment, _ in self._wish.segments or ())
        if beyond:
            yield f"{beyond} of the {len(self._wish.segments or ())} given segments begin after the recording's end"
        if self._muted > self._rate / 2:
            yield f"{self._muted / self._rate:.1f} s were not heard: the agent speaks on the other channel as well"
        if self._wish.segments is not None:
            return
        if not turns:
            yield "no speech found"
            return
        speaking = {turn.speaker for turn in turns}
        yield from (f"no speech found on channel {name}" for name in self._tracks if name not in speaking)
        if self._wish.whole and not any(turn.prediction for turn in turns):
            yield f"not judged: silent, or shorter than {SHORTEST:g} s"

    def waveform(self, turns: Sequence[Turn]) -> dict[str, NDArray[np.float32]]:
        """Give the tracks' waveforms, by the speaker where there is one to a track."""
        found: dict[str, NDArray[np.float32]] = {}
        for name, track in self._tracks.items():
            speakers = {turn.speaker for turn in turns if name is None or turn.speaker == name}
            if len(self._tracks) > 1 and not speakers:
                continue  # a plot would show it in the colours of those who do speak
            key = name if len(speakers) == 0 else speakers.pop() if len(speakers) == 1 else "all speakers"
            found[key or "speaker"] = track.envelope.columns
        return found


class _Speech(Protocol):
    """Signal -> pieces of turns."""

    def push(self, signal: Signal) -> Iterator[Speech]: ...
    def finish(self) -> Iterator[Speech]: ...


class _Cut(Protocol):
    """Pieces of turns -> what becomes of them."""

    def push(self, speech: Speech) -> Iterator[Window] | Iterator[Turn]: ...


def _agents(voices: Sequence[_Voice]) -> bool:
    return all(isinstance(voice.cut, _Unheard) for voice in voices)


class _Unheard:
    """Pieces of an agent's turns -> turns without a prediction."""

    def __init__(self, speaker: str | None) -> None:
        self._speaker = speaker

    def push(self, speech: Speech) -> Iterator[Turn]:
        if speech.final:
            rate = speech.signal.rate
            yield Turn(Segment(speech.turn_start / rate, speech.signal.end / rate), self._speaker, "agent")


@dataclass(frozen=True, slots=True)
class _Voice:
    """The stages of one speaker."""

    speech: _Speech
    cut: _Cut

    def push(self, signal: Signal) -> Iterator[Window | Turn]:
        for piece in self.speech.push(signal):
            yield from self.cut.push(piece)

    def finish(self) -> Iterator[Window | Turn]:
        for piece in self.speech.finish():
            yield from self.cut.push(piece)


class _Track:
    """Mono samples at the recording's rate -> windows and unjudged turns of everybody who is heard on it."""

    def __init__(self, rate: int, voices: Sequence[_Voice], clean: reduction.Gated | None = None) -> None:
        self._resampler = at_once(rate)
        self._voices, self._clean = voices, clean
        self._at = 0
        self.envelope = _Envelope(rate)

    def push(self, samples: Samples) -> Iterator[Window | Turn]:
        self.envelope.push(samples)
        yield from self._feed(self._resampler.push(samples))

    def finish(self) -> Iterator[Window | Turn]:
        yield from self._feed(self._resampler.finish())
        for signal in self._clean.finish() if self._clean else ():
            yield from self._hear(signal)
        for voice in self._voices:
            yield from voice.finish()

    def _feed(self, samples: Samples) -> Iterator[Window | Turn]:
        signal = Signal(samples, RATE, self._at)
        self._at = signal.end
        for cleaned in self._clean.push(signal) if self._clean else (signal,):
            yield from self._hear(cleaned)

    def _hear(self, signal: Signal) -> Iterator[Window | Turn]:
        for voice in self._voices:
            yield from voice.push(signal)


class _Turns:
    """Windows -> turns, judged in small batches that may mix speakers."""

    def __init__(self, model: Judge) -> None:
        self._model = model
        self._waiting: list[Window] = []
        self._open: dict[str | None, list[Prediction]] = defaultdict(list)
        self._turns: list[Turn] = []

    def push(self, heard: Iterable[Window | Turn]) -> None:
        for item in heard:
            if isinstance(item, Turn):
                self._turns.append(item)
                continue
            self._waiting.append(item)
            if len(self._waiting) >= _BATCH:
                self._judge()

    def finish(self) -> tuple[Turn, ...]:
        self._judge()
        return tuple(sorted(self._turns, key=lambda turn: (turn.segment, turn.speaker or "")))

    def _judge(self) -> None:
        windows, self._waiting = self._waiting, []
        said = iter(self._model.predict([window for window in windows if audible(window)]))
        for window in windows:
            if audible(window):
                self._open[window.speaker].append(next(said))
            if window.final:
                self._turns.append(self._turn(window, self._open.pop(window.speaker, [])))

    def _turn(self, last: Window, said: Sequence[Prediction]) -> Turn:
        mean = _mean(last.turn, said, self._model.card.threshold) if said else None
        return Turn(last.turn, last.speaker, last.role, mean, tuple(said))


def _mean(turn: Segment, said: Sequence[Prediction], threshold: float) -> Prediction:
    if len(said) == 1:
        return replace(said[0], segment=turn)
    probs = tuple(np.mean([one.probs for one in said], axis=0).tolist())
    rated = [(a.valence, a.arousal, a.dominance) for one in said if (a := one.affect)]
    return replace(
        said[0],
        segment=turn,
        probs=probs,
        affect=Affect(*np.mean(rated, axis=0).tolist()) if rated else None,
        confidence=max(probs),
        uncertain=max(probs) < threshold,
    )


class _Envelope:
    """The lowest and the highest sample of equal stretches. When there are too many, two become one."""

    def __init__(self, rate: int) -> None:
        self._step = max(1, rate // 1000)
        self._columns: NDArray[np.float32] = np.zeros((0, 2), np.float32)
        self._rest: Samples = np.zeros(0, np.float32)

    def push(self, samples: Samples) -> None:
        data = np.concatenate([self._rest, samples])
        while count := min(len(data) // self._step, _COLUMNS - len(self._columns)):
            cut = data[: count * self._step].reshape(count, self._step)
            self._columns = np.concatenate([self._columns, np.stack([cut.min(axis=1), cut.max(axis=1)], axis=1)])
            data = data[count * self._step :]
            if len(self._columns) == _COLUMNS:
                low, high = self._columns[:, 0].reshape(-1, 2), self._columns[:, 1].reshape(-1, 2)
                self._columns = np.stack([low.min(axis=1), high.max(axis=1)], axis=1)
                self._step *= 2
        self._rest = data.copy()  # a view would hold all that was pushed

    @property
    def columns(self) -> NDArray[np.float32]:
        """Shape (k, 2); what does not fill a stretch at the end is left out."""
        return self._columns
