"""What is known of a simulated call, to the sample: lines, episodes, what is no speech. -> JSON, and rows of RTTM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

from affekt import rttm
from affekt.types import Segment

SCHEMA = "affekt.call/1"

Side = Literal["customer", "agent"]
"""left and right channel"""


@dataclass(frozen=True, slots=True)
class Line:
    """What one of the two says without a pause: one utterance of a corpus, or one sentence of the synthesiser."""

    speaker: Side
    emotion: str
    segment: Segment
    speech: float
    "s in which it is loud enough to be heard; pauses inside do not count"
    source: str
    "id of the utterance in its corpus, or the text that was spoken"
    backchannel: bool = False
    "a short sound while the other one speaks"


@dataclass(frozen=True, slots=True)
class Episode:
    """Lines of one speaker in one emotion, without a line in another between them."""

    speaker: Side
    emotion: str
    segment: Segment
    "from the start of the first line to the end of the last"
    speech: float
    "s of speech in it"


@dataclass(frozen=True, slots=True)
class Aside:
    """What is heard, and is no speech; or a silence of both."""

    what: Literal["hold", "silence", "keys"]
    side: Side
    "on whose channel; a silence is on both"
    segment: Segment


@dataclass(frozen=True, slots=True)
class Truth:
    """What is in a call."""

    name: str
    seed: tuple[int, int]
    "of all calls, and the number of this one: together they make it again"
    kind: str
    seconds: float
    cast: str
    "corpora, or espeak-ng"
    synthetic: bool
    "no person was recorded: each emotion is what the script says, and nobody has heard it"
    people: Mapping[Side, str]
    noise: tuple[str, float] | None
    "kind, and dB below the customer's speech; None: only the hiss of the line"
    echo: tuple[float, float] | None
    "the agent in the customer's channel: dB below the agent's own, and s later"
    lines: tuple[Line, ...]
    "by start"
    asides: tuple[Aside, ...]

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """The customer's, by start. An agent plays no emotion, so there is none to tell."""
        own = [line for line in self.lines if line.speaker == "customer" and not line.backchannel]
        return tuple(_episode(list(lines)) for _, lines in groupby(own, key=lambda line: line.emotion))

    def speech(self, speaker: Side, segment: Segment) -> float:
        """Return the seconds of speech in a stretch; of a line that lies in it partly, its share.

        >>> line = Line("customer", "anger", Segment(2, 6), 3.0, "a")
        >>> truth = Truth("a", (0, 0), "angry", 9, "demo", False, {}, None, None, (line,), ())
        >>> truth.speech("customer", Segment(0, 4)), truth.episodes[0].speech
        (1.5, 3.0)
        """
        own = [(line, line.segment & segment) for line in self.lines if line.speaker == speaker]
        return sum(line.speech * part.duration / line.segment.duration for line, part in own if part)

    def rows(self) -> list[rttm.Row]:
        """Return who spoke when."""
        return [(line.segment, line.speaker) for line in self.lines]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; times in seconds, rounded to a millisecond."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "seed": list(self.seed),
            "kind": self.kind,
            "seconds": _ms(self.seconds),
            "cast": self.cast,
            "synthetic": self.synthetic,
            "channels": {"left": "customer", "right": "agent"},
            "people": dict(self.people),
            "noise": None if self.noise is None else {"kind": self.noise[0], "snr": round(self.noise[1], 2)},
            "echo": None if self.echo is None else {"below": round(self.echo[0], 2), "delay": _ms(self.echo[1])},
            "episodes": [_flat(one) for one in self.episodes],
            "lines": [_flat(one) for one in self.lines],
            "asides": [_flat(one) for one in self.asides],
        }


def _episode(lines: list[Line]) -> Episode:
    first, last = lines[0], max(lines, key=lambda line: line.segment.end)
    whole = Segment(first.segment.start, last.segment.end)
    return Episode(first.speaker, first.emotion, whole, sum(line.speech for line in lines))


def _flat(one: Line | Episode | Aside) -> dict[str, Any]:
    facts = asdict(one)
    span = facts.pop("segment")
    facts |= {"start": _ms(span["start"]), "end": _ms(span["end"])}
    return facts | ({"speech": _ms(facts["speech"])} if "speech" in facts else {})


def _ms(seconds: float) -> float:
    return round(float(seconds), 3)
