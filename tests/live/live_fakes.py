"""Fast stand-ins of the shapes that the core asks for: a detector that hears loudness, a model that hears pitch."""

from __future__ import annotations

import numpy as np

from affekt.live import Pipeline, Settings, Stages
from affekt.types import Affect, LabelSet, Prediction, Signal

RATE = 16000
LABELS = LabelSet(("anger", "calm", "neutral"))
PITCH = {"anger": 2000.0, "calm": 250.0, "neutral": 800.0}


class Loud:
    """A detector: a frame louder than -40 dBFS is speech. Nothing is held back."""

    RATES, HOP, rate, hop = (RATE,), 512, RATE, 512

    def __init__(self, hop: int = 512):
        self.hop = hop
        self._rest = np.zeros(0, np.float32)

    def push(self, samples):
        data = np.concatenate([self._rest, samples])
        count = len(data) // self.hop
        self._rest = data[count * self.hop :]
        frames = data[: count * self.hop].reshape(count, self.hop)
        return (np.abs(frames).mean(axis=1) > 0.01).astype(np.float32)

    def finish(self):
        left = len(self._rest)
        return self.push(np.zeros(self.hop - left, np.float32)) if left else np.zeros(0, np.float32)

    def reset(self):
        self._rest = self._rest[:0]


class Pitch:
    """A model: a high tone is anger, a low one calm. Remembers whom it heard."""

    id = "pitch@1"
    labels = LABELS

    def __init__(self):
        self.heard = []

    def predict(self, windows):
        self.heard += [(window.speaker, window.role, window.signal.segment) for window in windows]
        return [self._say(window) for window in windows]

    def _say(self, window):
        x = window.signal.samples
        pitch = float((np.diff(np.signbit(x)) != 0).sum()) / (2 * window.signal.duration)
        near = np.array([np.exp(-(((pitch - PITCH[name]) / 400) ** 2)) + 0.02 for name in LABELS])
        probs = near / near.sum()
        affect = Affect(float(probs[1] - probs[0]), float(probs[0] - probs[1]), 0.0)
        return Prediction(
            window.signal.segment,
            LABELS,
            tuple(probs.tolist()),
            affect,
            window.speaker,
            float(probs.max()),
            model="pitch@1",
        )


def sound(*parts, rate=RATE):
    """Samples of (what, seconds) parts: anger, calm and neutral are tones, silence is faint noise."""
    made = []
    for what, seconds in parts:
        time = np.arange(round(seconds * rate)) / rate
        if what == "silence":
            made.append(1e-4 * np.random.default_rng(len(time)).standard_normal(len(time)))
        else:
            made.append(0.1 * np.sin(2 * np.pi * PITCH[what] * time + 0.1))
    return np.concatenate(made).astype(np.float32)


def pipeline(tracks=None, model=None, *, rules=None, hop=512, snr=None, **settings):
    """A stream that takes the tones for speech: to who measures noise, a tone that lasts is one."""
    made = Settings(snr=snr, **settings)
    return Pipeline(model or Pitch(), tracks, rules=rules, settings=made, stages=Stages(lambda: Loud(hop)))


def play(stream, samples, chunk=None, *, rate=RATE, start=0):
    """Push samples, (n,) or {track: (n,)}, in chunks, and finish; give all events."""
    tracks = samples if isinstance(samples, dict) else {None: samples}
    length = max(map(len, tracks.values()))
    events = []
    for at in range(0, length, chunk or max(length, 1)):
        part = {n: Signal(x[at : at + (chunk or length)], rate, start + at) for n, x in tracks.items()}
        events += stream.push(part)
    return [*events, *stream.finish()]


def names(events):
    return [event.name for event in events]


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]
