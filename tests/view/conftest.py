"""Hand-made timelines: a call with two speakers and a changing customer, silence, and a meeting of hours."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from affekt.timeline import Timeline, Turn
from affekt.types import Affect, LabelSet, Prediction, Segment

LABELS = LabelSet(
    ("anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
)
HEAT = {"anger": 1.0, "neutral": 0.0, "sadness": -1.0, "happiness": 2.0}


def judged(segment: Segment, mood: float, *, sure: float = 1.0) -> Prediction:
    """Return probabilities around a place on the line sadness -1, neutral 0, anger 1, happiness 2."""
    near = [math.exp(-3 * sure * (HEAT[n] - mood) ** 2) if n in HEAT else 0.04 + 0.01 * i for i, n in enumerate(LABELS)]
    probs = tuple(p / sum(near) for p in near)
    affect = Affect(
        valence=-0.6 * abs(mood) * (mood < 1.5), arousal=max(-0.8, min(0.9, 0.8 * mood)), dominance=mood / 3
    )
    return Prediction(
        segment, LABELS, probs, affect, confidence=max(probs), uncertain=max(probs) < 0.4, model="default@1"
    )


def turn(start: float, end: float, moods: list[float], *, speaker: str | None = "left", sure: float = 1.0) -> Turn:
    """Return a judged turn whose overlapping windows have the given moods."""
    width = (end - start) if len(moods) == 1 else min(3.0, end - start)
    hop = (end - start - width) / max(1, len(moods) - 1)
    spans = [Segment(start + i * hop, min(end, start + i * hop + width)) for i in range(len(moods))]
    windows = tuple(judged(s, m, sure=sure) for s, m in zip(spans, moods, strict=True))
    whole = judged(Segment(start, end), sum(moods) / len(moods), sure=sure)
    role = "speaker" if speaker is None else "customer"
    return Turn(Segment(start, end), speaker, role, whole, windows)


def sound(duration: float, turns: list[Turn], speaker: str | None, k: int) -> np.ndarray:
    """Return a made waveform (k, 2): noise inside the turns, almost nothing outside."""
    random, time = np.random.default_rng(7), np.linspace(0, duration, k)
    inside = np.full(k, 0.01)
    for t in turns:
        if t.speaker == speaker:
            inside[(time >= t.segment.start) & (time <= t.segment.end)] = 0.6
    level = inside * random.uniform(0.2, 1, k)
    return np.stack([-level, level * 0.9], axis=1).astype(np.float32)


@pytest.fixture
def call() -> Timeline:
    """A telephone call of 42 s: the customer (left) grows angry and calms, the agent (right) is not judged."""
    agent = [Turn(Segment(*at), "right", "agent") for at in ((0.6, 3.1), (8.4, 11.0), (26.9, 31.2), (39.8, 41.6))]
    turns = [
        turn(3.4, 8.1, [0.0, 0.1, 0.2]),
        turn(11.3, 26.6, [0.2, 0.3, 0.5, 0.6, 0.8, 0.9, 1.0, 1.1, 1.1, 1.0, 0.9, 0.8]),
        turn(31.5, 33.0, [-0.6], sure=0.15),
        turn(33.6, 39.4, [-0.4, -0.7, -0.9, -1.0]),
        Turn(Segment(41.7, 41.9), "left", "customer"),
    ]
    both = sorted([*agent, *turns], key=lambda t: t.segment)
    return Timeline(
        "call.wav",
        duration=42.3,
        rate=8000,
        channels=2,
        turns=tuple(both),
        model="default@1",
        licence="Model default@1: research and non-commercial use only (trained on RAVDESS and others).",
        notes=("telephone stereo: left and right are judged as two speakers",),
        waveform={s: sound(42.3, both, s, 900) for s in ("left", "right")},
    )


@pytest.fixture
def silence() -> Timeline:
    """Ten seconds in which nobody speaks."""
    flat = np.zeros((100, 2), np.float32)
    return Timeline("empty.wav", 10.0, 16000, 1, (), "default@1", "CC0", ("no speech found",), {"speaker": flat})


@pytest.fixture
def mono() -> Timeline:
    """One speaker nobody names, judged once."""
    return Timeline("clip.wav", 3.2, 16000, 1, (turn(0.2, 3.0, [1.0], speaker=None),), "default@1", "CC0")


@pytest.fixture
def meeting() -> Timeline:
    """Three hours, two speakers taking turns, about 10 000 windows."""
    turns, at = [], 0.0
    for i in range(760):
        moods = [0.5 + math.sin(i / 40) + 0.3 * math.sin(j / 4) for j in range(13)]
        turns.append(turn(at, at + 13.8, moods, speaker=("Ada", "Ben")[i % 2]))
        at += 14.2
    waves = {s: sound(10800, turns, s, 4000) for s in ("Ada", "Ben")}
    return Timeline("meeting.opus", 10800.0, 48000, 1, tuple(turns), "default@1", "CC0", (), waves)


@pytest.fixture
def rename() -> Callable[[Timeline, str], Timeline]:
    """Return the same timeline of a file with another name."""
    from dataclasses import replace

    return lambda timeline, source: replace(timeline, source=source)
