"""The nouns. Frozen values, one unit each, that every layer above speaks.

Units of the whole package: seconds (float) at rest, integer samples while streaming, Hz, mono float32 in [-1, 1],
affect in [-1, 1], probabilities in [0, 1]. Seconds are computed by one division, never accumulated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UnknownNameError, UsageError

Samples = NDArray[np.float32]
"""Mono audio, shape (n,), in [-1, 1]."""

Role = Literal["speaker", "customer", "agent"]
"""Who is heard. `agent` is an employee, whose emotions must not be inferred (EU AI Act, article 5 (1) f)."""


@dataclass(frozen=True, order=True, slots=True)
class Segment:
    """A stretch of time, ordered by start, then end.

    >>> Segment(1.0, 3.0) & Segment(2.0, 5.0)
    Segment(start=2.0, end=3.0)
    >>> Segment(0.0, 1.0) & Segment(1.0, 2.0) is None
    True
    """

    start: float
    "seconds"
    end: float
    "seconds, not before start"

    def __post_init__(self) -> None:
        if not self.start <= self.end:
            raise UsageError(f"a segment cannot end ({self.end} s) before it starts ({self.start} s)")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    def __and__(self, other: Segment) -> Segment | None:
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Segment(start, end) if start < end else None


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """Mono audio with its place in the stream; a file is a stream of one Signal.

    >>> Signal(np.zeros(8000, np.float32), 16000, start=16000).segment
    Segment(start=1.0, end=1.5)
    """

    samples: Samples
    "(n,) float32 in [-1, 1]"
    rate: int
    "Hz"
    start: int = 0
    "samples since the stream began"

    @property
    def end(self) -> int:
        """Index of the first sample after this signal, counted from the stream's beginning."""
        return self.start + len(self.samples)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate

    @property
    def segment(self) -> Segment:
        """Where this signal lies in its stream, in seconds."""
        return Segment(self.start / self.rate, self.end / self.rate)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Ordered emotion names; the order is that of a model's outputs. No index travels alone.

    >>> eight = LabelSet(("calm", "happiness", "neutral"))
    >>> eight.to(LabelSet(("happiness", "neutral")), {"calm": "neutral"})
    array([[0., 1.],
           [1., 0.],
           [0., 1.]])
    """

    names: tuple[str, ...]
    "lower case, unique"

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise UsageError(f"labels must be unique, got {', '.join(self.names)}")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def index(self, name: str) -> int:
        """Return the position of `name`.

        Raises:
            UnknownNameError: it is not one of these labels.
        """
        if name not in self.names:
            raise UnknownNameError("emotion", name, self.names)
        return self.names.index(name)

    def to(self, other: LabelSet, mapping: Mapping[str, str] | None = None) -> NDArray[np.float64]:
        """Matrix (len(self), len(other)) that carries scores of these labels to `other`.

        Args:
            other: the labels to arrive at.
            mapping: own name -> other's name, for names that differ. A name in neither `mapping` nor `other`
                gets a row of zeros: its share is dropped, and the caller renormalises.
        """
        mapping = mapping or {}
        matrix = np.zeros((len(self), len(other)))
        for row, name in enumerate(self.names):
            target = mapping.get(name, name)
            if target in other:
                matrix[row, other.index(target)] = 1.0
        return matrix


@dataclass(frozen=True, slots=True)
class Affect:
    """Dimensional emotion, each in [-1, 1]: negative..positive, calm..excited, submissive..dominant."""

    valence: float
    arousal: float
    dominance: float

    @classmethod
    def from_scale(cls, valence: float, arousal: float, dominance: float, *, low: float, high: float) -> Affect:
        """Bring a corpus's rating scale (1-5, 1-7, ...) to [-1, 1], linearly.

        >>> Affect.from_scale(3, 5, 1, low=1, high=5)
        Affect(valence=0.0, arousal=1.0, dominance=-1.0)
        """
        centre, half = (low + high) / 2, (high - low) / 2
        return cls((valence - centre) / half, (arousal - centre) / half, (dominance - centre) / half)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled recording, or a part of one: a row of a manifest."""

    id: str
    "unique in the corpus, e.g. 03-01-01-01-01-01-01"
    path: str
    "relative to the corpus's root, POSIX separators"
    speaker: str
    "prefixed by the corpus, e.g. ravdess/07"
    emotion: str | None
    "the corpus's label in our vocabulary (glossary), or None where there is none"
    affect: Affect | None = None
    segment: Segment | None = None
    "the part of the file, or None for the whole"
    language: str | None = None
    "BCP 47, e.g. en, de, da, ur"
    text: str | None = None
    "transcript or prompt"
    ratings: Mapping[str, float] | None = None
    "share of raters per emotion (soft label), sums to 1"
    session: str | None = None
    "prefixed by the corpus; recordings that must not be parted by a split"
    sex: Literal["female", "male"] | None = None
    age: int | None = None
    "years"
    extra: Mapping[str, str] = field(default_factory=dict)
    "what only this corpus has: intensity, take, split, ..."


@dataclass(frozen=True, slots=True)
class Window:
    """Speech ready to be judged. It cannot be built from an agent's voice: the model never hears one."""

    signal: Signal
    "16 kHz, levelled"
    turn: Segment
    "the turn that this window lies in, seconds"
    speaker: str | None = None
    role: Role = "speaker"
    final: bool = True
    "no further window of this turn follows"
    snr: float | None = None
    "dB of the speech above the noise, as it was recorded; None where it is not known"

    def __post_init__(self) -> None:
        if self.role == "agent":
            raise UsageError(
                "an agent's voice is never judged: inferring employees' emotions is prohibited in the EU. "
                "Keep the agent's turns for talk time only."
            )


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one window, turn or file.

    >>> p = Prediction(Segment(0, 3), LabelSet(("anger", "neutral")), (0.75, 0.25), confidence=0.75)
    >>> p.emotion, p.top(1)
    ('anger', [('anger', 0.75)])
    """

    segment: Segment
    labels: LabelSet
    probs: tuple[float, ...]
    "one per label, sum to 1"
    affect: Affect | None = None
    speaker: str | None = None
    confidence: float = 0.0
    "calibrated probability that `emotion` is right, in [0, 1]"
    uncertain: bool = False
    "confidence is below the bundle's documented threshold: treat `emotion` as a guess"
    model: str = ""
    "bundle id, e.g. default@0.1"

    @property
    def emotion(self) -> str:
        """The most probable label."""
        return self.labels.names[int(np.argmax(self.probs))]

    def top(self, n: int) -> list[tuple[str, float]]:
        """Return the `n` most probable (label, probability) pairs, best first; the first is `emotion`."""
        order = np.argsort(-np.asarray(self.probs), kind="stable")[:n]  # ties in the labels' order, as in `emotion`
        return [(self.labels.names[i], self.probs[i]) for i in order]


@dataclass(frozen=True, slots=True)
class Mood:
    """One point of a trajectory: how a speaker has sounded lately.

    >>> mood = Mood(4.0, "left", {"anger": 0.7, "neutral": 0.2}, Affect(-0.5, 0.6, 0.1))
    >>> mood.emotion
    'anger'
    """

    time: float
    "seconds since the stream began: the end of the speech behind it"
    speaker: str | None
    levels: Mapping[str, float]
    "smoothed probability per emotion, each in [0, 1]; each is smoothed for itself, so they need not sum to 1"
    affect: Affect | None = None
    "smoothed"
    trend: Mapping[str, float] = field(default_factory=dict)
    "1/s: change per second of speech of each level, and of valence, arousal and dominance"
    speech: float = 0.0
    "seconds of this speaker's speech behind the trajectory, each counted once: the clock of the alert rules"
    uncertain: bool = False
    "too little was heard, or the model was unsure of most of it: treat `emotion` as a guess"
    snr: float | None = None
    "dB: of the last window; None where it is not known"

    @property
    def emotion(self) -> str:
        """The emotion of the highest level."""
        return max(self.levels, key=self.levels.__getitem__)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        affect = {} if self.affect is None else asdict(self.affect)
        return {
            "time": round(self.time, 3),
            "speaker": self.speaker,
            "emotion": self.emotion,
            "uncertain": self.uncertain,
            "levels": {name: round(level, 4) for name, level in self.levels.items()},
            **{name: round(affect[name], 4) if affect else None for name in ("valence", "arousal", "dominance")},
            "trend": {name: round(slope, 4) for name, slope in self.trend.items()},
            "speech": round(self.speech, 3),
            "snr": _tenth(self.snr),
        }


AlertState = Literal["firing", "acknowledged", "snoozed", "resolved", "expired"]
"""What has become of an alert. The states before it fires (idle, pending) are nobody's business."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule's finding on the moods of one speaker."""

    rule: str
    "a file of affekt/live/rules"
    segment: Segment
    "seconds: from the first evidence to the last"
    speaker: str | None
    reason: str
    "a sentence with the numbers"
    state: AlertState = "firing"
    snr: float | None = None
    "dB: mean over the evidence; None where it is not known"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "rule": self.rule,
            "start": round(self.segment.start, 3),
            "end": round(self.segment.end, 3),
            "speaker": self.speaker,
            "reason": self.reason,
            "state": self.state,
            "snr": _tenth(self.snr),
        }


def _tenth(decibels: float | None) -> float | None:
    return None if decibels is None else round(decibels, 1)


class Model(Protocol):
    """Anything that judges windows; fusion, calibration and personalisation wrap one into another."""

    @property
    def labels(self) -> LabelSet:
        """Order of the probabilities."""

    def predict(self, windows: Sequence[Window]) -> list[Prediction]:
        """Judge each window; one prediction each, in order."""
