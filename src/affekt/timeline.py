"""Turns -> Timeline. What was said how, over a whole recording; and its one JSON form.

A turn is speech without a long pause by one speaker. A short turn is judged whole, a long one in overlapping windows
whose mean is the turn's own prediction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.types import Affect, Prediction, Role, Segment

SCHEMA = "affekt.timeline/1"


@dataclass(frozen=True, slots=True)
class Turn:
    """One stretch of speech by one speaker, judged or not."""

    segment: Segment
    speaker: str | None = None
    "left, right, or the name in the given segments; None when the recording does not tell"
    role: Role = "speaker"
    prediction: Prediction | None = None
    "None: not judged (an agent's turn, or too short)"
    windows: tuple[Prediction, ...] = ()
    "the judgements behind `prediction`, in time; a short turn has one"


@dataclass(frozen=True, slots=True)
class Summary:
    """A recording in a few numbers."""

    speech: float
    "seconds of speech, all speakers"
    talk: Mapping[str, float]
    "seconds of speech per speaker"
    emotions: Mapping[str, float]
    "share of judged speech per emotion, mean of the probabilities weighted by duration, sum to 1"
    affect: Affect | None
    "mean over the judged speech that has one, weighted by duration"
    uncertain: float
    "share of judged speech whose turn is uncertain, in [0, 1]"


@dataclass(frozen=True, slots=True)
class Timeline:
    """The emotions of one recording over time."""

    source: str
    "path or name of the recording"
    duration: float
    "seconds"
    rate: int
    "Hz, as recorded"
    channels: int
    turns: tuple[Turn, ...]
    "in order of their start"
    model: str
    "bundle id, e.g. default@1"
    licence: str
    "the model's licence line, for people"
    notes: tuple[str, ...] = ()
    "what a reader should know of this recording: clipped, no speech found, channels judged apart, ..."
    waveform: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, compare=False, repr=False)
    "speaker or channel -> (k, 2) lowest and highest sample of each of k equal stretches; for plots only"

    def summary(self) -> Summary:
        """Weigh the turns by their duration."""
        talk: dict[str, float] = defaultdict(float)
        shares: dict[str, float] = defaultdict(float)
        judged, unsure = 0.0, 0.0
        affect, rated = np.zeros(3), 0.0
        for turn in self.turns:
            seconds = turn.segment.duration
            talk[turn.speaker or "speaker"] += seconds
            said = turn.prediction
            if said is None:
                continue
            judged += seconds
            unsure += seconds * said.uncertain
            for name, prob in zip(said.labels, said.probs, strict=True):
                shares[name] += seconds * prob
            if said.affect is not None:
                rated += seconds
                affect += seconds * np.array([said.affect.valence, said.affect.arousal, said.affect.dominance])
        scale = 1 / judged if judged else 0.0
        ranked = sorted(shares.items(), key=lambda item: -item[1])
        return Summary(
            speech=sum(talk.values()),
            talk=dict(talk),
            emotions={name: share * scale for name, share in ranked},
            affect=Affect(*(affect / rated).tolist()) if rated else None,
            uncertain=unsure * scale,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; times in seconds rounded to a millisecond, everything else to 4 digits."""
        summary = self.summary()
        return {
            "schema": SCHEMA,
            "source": self.source,
            "duration": _round(self.duration, 3),
            "rate": self.rate,
            "channels": self.channels,
            "model": self.model,
            "licence": self.licence,
            "notes": list(self.notes),
            "summary": {
                "speech": _round(summary.speech, 3),
                "talk": {k: _round(v, 3) for k, v in summary.talk.items()},
                "emotions": {k: _round(v) for k, v in summary.emotions.items()},
                **_affect(summary.affect),
                "uncertain": _round(summary.uncertain),
            },
            "turns": [
                {
                    **_times(turn.segment),
                    "speaker": turn.speaker,
                    "role": turn.role,
                    **(_judgement(turn.prediction) if turn.prediction else {"emotion": None}),
                    "windows": [{**_times(w.segment), **_judgement(w)} for w in turn.windows],
                }
                for turn in self.turns
            ],
        }


def _round(value: float, digits: int = 4) -> float:
    return round(float(value), digits)


def _times(segment: Segment) -> dict[str, float]:
    return {"start": _round(segment.start, 3), "end": _round(segment.end, 3)}


def _affect(affect: Affect | None) -> dict[str, float | None]:
    names = ("valence", "arousal", "dominance")
    return {name: None if affect is None else _round(getattr(affect, name)) for name in names}


def _judgement(said: Prediction) -> dict[str, Any]:
    return {
        "emotion": said.emotion,
        "confidence": _round(said.confidence),
        "uncertain": said.uncertain,
        "probs": {name: _round(p) for name, p in zip(said.labels, said.probs, strict=True)},
        **_affect(said.affect),
    }
