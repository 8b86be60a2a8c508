"""Speech -> Voice: who speaks when, where no channel says it. Uncertain by nature, and marked so.

    from affekt.live import Session

    session = Session(diarize=2)            # a mono call; True where nobody knows how many speak

    rows = diarize.recording("call.wav")    # [(Segment, "speaker 1"), ...], for affekt.rttm.write

- `stage`   pieces of turns -> pieces with a name, while somebody speaks
- `voices`  embeddings -> speakers
- `ge2e`    signal -> embedding
- `score`   truth, what was found -> DER

Voices on separate channels need none of it: the channel says who speaks, and is right.
"""

from __future__ import annotations

from affekt import vad
from affekt.audio import RATE, Resampler, Source, open_recording
from affekt.diarize.score import Score, score
from affekt.diarize.stage import Diarizer
from affekt.diarize.voices import Settings
from affekt.errors import AudioError
from affekt.rttm import Row
from affekt.speech import SpeechStage
from affekt.types import Samples, Segment, Signal

__all__ = ["Diarizer", "Score", "Settings", "recording", "score"]


def recording(source: Source, *, count: int | None = None, detector: str = "silero") -> list[Row]:
    """Say who speaks when in a recording: each channel's own speaker, or those of a single track by voice.

    Args:
        source: a path, the bytes of a file, an open binary file, or "-" for standard input.
        count: how many speak on a single track, where that is known: it helps.
        detector: what finds speech: silero or energy.

    Raises:
        AudioError: the recording cannot be read, or `count` is given where its channels carry a speaker each.
        UsageError: `count` is not 1 to 32.
    """
    with open_recording(source) as sound:
        tracks: dict[str | None, _Track] = {}
        for block in sound.tracks("auto", seconds=10.0):
            if count is not None and len(block) > 1:
                raise AudioError(
                    f"{sound.name}: its channels carry a speaker each; a number of speakers is for a single track"
                )
            for name, samples in block.items():
                if name not in tracks:
                    tracks[name] = _Track(name, sound.rate, detector, None if len(block) > 1 else Diarizer(count=count))
                tracks[name].push(samples)
        return sorted(row for track in tracks.values() for row in track.finish())


class _Track:
    """Samples of one track -> rows."""

    def __init__(self, name: str | None, rate: int, detector: str, who: Diarizer | None) -> None:
        self._name, self._who = name, who
        self._resampler, self._speech = Resampler(rate), SpeechStage(vad.load(detector))
        self._at = 0
        self._rows: list[Row] = []

    def push(self, samples: Samples) -> None:
        self._hear(self._resampler.push(samples))

    def finish(self) -> list[Row]:
        self._hear(self._resampler.finish(), last=True)
        return self._rows

    def _hear(self, samples: Samples, *, last: bool = False) -> None:
        signal = Signal(samples, RATE, self._at)
        self._at = signal.end
        for speech in [*self._speech.push(signal), *(self._speech.finish() if last else ())]:
            if self._who is None:
                if speech.final:
                    self._add(speech.turn_start, speech.signal.end, self._name or "speaker")
                continue
            for voice in self._who.push(speech):
                if voice.speech.final:
                    self._add(voice.speech.turn_start, voice.speech.signal.end, voice.speaker or "speaker")

    def _add(self, start: int, end: int, name: str) -> None:
        self._rows.append((Segment(start / RATE, end / RATE), name))
