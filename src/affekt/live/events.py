"""What the core tells, each a small frozen value with one JSON form.

`time` is when it became known, in seconds since the stream began: a place in the sound, not a time of day. So the same
sound gives the same events, whenever and in whatever chunks it arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from affekt.types import Alert, Mood, Prediction, Role, Segment

GapKind = Literal["lost", "late", "duplicate", "reordered", "drift"]
"""Lost: never came, silence stands in its place. Late: came when silence already stood there; dropped. Duplicate: came
twice; dropped. Reordered: came too early and waited for its turn. Drift: the sender's clock runs apart from its
samples; silence was put in, or samples were left out."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that became known."""

    type: ClassVar[str]
    "its name in JSON"
    time: float
    "seconds since the stream began"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: times rounded to a millisecond, everything else to 4 digits."""
        return {"type": self.name, "time": _ms(self.time), **self._facts()}

    @property
    def name(self) -> str:
        """Its type, as JSON has it."""
        return self.type

    def _facts(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True)
class TurnStarted(Event):
    """Somebody has begun to speak."""

    type: ClassVar[str] = "turn.started"
    speaker: str | None
    role: Role
    start: float
    "seconds; a little before `time`, since speech must last before it counts"
    speaker_confidence: float | None = None
    "probability that it is this speaker, who was told by the voice; None where the track says it"

    def _facts(self) -> dict[str, Any]:
        return {"speaker": self.speaker, "role": self.role, "start": _ms(self.start), **_by_voice(self)}


@dataclass(frozen=True, slots=True)
class TurnEnded(Event):
    """Somebody has stopped."""

    type: ClassVar[str] = "turn.ended"
    speaker: str | None
    role: Role
    segment: Segment
    speaker_confidence: float | None = None
    "mean over the turn, as in `TurnStarted`"

    def _facts(self) -> dict[str, Any]:
        return {"speaker": self.speaker, "role": self.role, **_span(self.segment), **_by_voice(self)}


@dataclass(frozen=True, slots=True)
class WindowJudged(Event):
    """What the model says of one window; never an agent's."""

    type: ClassVar[str] = "window.judged"
    prediction: Prediction
    role: Role
    turn: Segment
    "the turn as far as it is known"
    final: bool
    "no further window of this turn follows"
    snr: float | None = None
    "dB of the speech above the noise; None where it is not known"

    def _facts(self) -> dict[str, Any]:
        said = self.prediction
        affect = said.affect
        return {
            "speaker": said.speaker,
            "role": self.role,
            **_span(said.segment),
            "turn_start": _ms(self.turn.start),
            "final": self.final,
            "emotion": said.emotion,
            "confidence": round(said.confidence, 4),
            "uncertain": said.uncertain,
            "snr": None if self.snr is None else round(self.snr, 1),
            "probs": {name: round(p, 4) for name, p in zip(said.labels, said.probs, strict=True)},
            "valence": None if affect is None else round(affect.valence, 4),
            "arousal": None if affect is None else round(affect.arousal, 4),
            "dominance": None if affect is None else round(affect.dominance, 4),
            "model": said.model,
        }


@dataclass(frozen=True, slots=True)
class MoodChanged(Event):
    """A new point of a speaker's trajectory."""

    type: ClassVar[str] = "mood"
    mood: Mood

    def _facts(self) -> dict[str, Any]:
        facts = self.mood.to_dict()
        return {"at": facts.pop("time"), **facts}


@dataclass(frozen=True, slots=True)
class AlertChanged(Event):
    """An alert fired, or what has become of it since; its type is `alert.` and the alert's state."""

    type: ClassVar[str] = "alert"
    alert: Alert

    @property
    def name(self) -> str:
        """`alert.firing`, `alert.acknowledged`, `alert.snoozed`, `alert.resolved` or `alert.expired`."""
        return f"alert.{self.alert.state}"

    def _facts(self) -> dict[str, Any]:
        return self.alert.to_dict()


@dataclass(frozen=True, slots=True)
class TalkTime(Event):
    """How long everybody has spoken so far; told when a turn ends."""

    type: ClassVar[str] = "talk"
    seconds: tuple[tuple[str | None, float], ...]
    "(speaker, seconds of their turns), in the order of the tracks"

    def _facts(self) -> dict[str, Any]:
        total = sum(seconds for _, seconds in self.seconds) or 1.0
        return {
            "seconds": {who or "speaker": _ms(seconds) for who, seconds in self.seconds},
            "share": {who or "speaker": round(seconds / total, 4) for who, seconds in self.seconds},
        }


@dataclass(frozen=True, slots=True)
class Overlap(Event):
    """Two spoke at once."""

    type: ClassVar[str] = "overlap"
    speakers: tuple[str | None, str | None]
    segment: Segment

    def _facts(self) -> dict[str, Any]:
        return {"speakers": list(self.speakers), **_span(self.segment)}


@dataclass(frozen=True, slots=True)
class Gap(Event):
    """The sound did not come as it should. Time is never compressed: what is missing is silence."""

    type: ClassVar[str] = "gap"
    track: str | None
    kind: GapKind
    segment: Segment
    "seconds: what was lost, late, doubled, waiting, put in or left out"

    def _facts(self) -> dict[str, Any]:
        return {"track": self.track, "kind": self.kind, **_span(self.segment)}


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """From here on nothing is heard, until resumed: a call on hold, a muted microphone."""

    type: ClassVar[str] = "paused"


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """From here on everything is heard again."""

    type: ClassVar[str] = "resumed"


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The stream has ended; nothing follows."""

    type: ClassVar[str] = "finished"


def _by_voice(turn: TurnStarted | TurnEnded) -> dict[str, float]:
    """Only where a speaker was told by the voice: an uncertain thing."""
    return {} if turn.speaker_confidence is None else {"speaker_confidence": round(turn.speaker_confidence, 4)}


def _ms(seconds: float) -> float:
    return round(float(seconds), 3)


def _span(segment: Segment) -> dict[str, float]:
    return {"start": _ms(segment.start), "end": _ms(segment.end)}
