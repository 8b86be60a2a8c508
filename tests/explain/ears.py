"""Models whose reasons are known, to be explained; and bundles of our own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np

from affekt import bundle, hearing
from affekt.hearing import Input
from affekt.types import LabelSet, Prediction, Signal, Window

LABELS = LabelSet(("anger", "neutral", "sadness"))


class Ear:
    """Judges by a rule: signal -> log-odds of anger; the others share the rest."""

    labels = LABELS
    card = replace(bundle.card("permissive"), labels=LABELS.names, input={"level": "frames"})

    def __init__(self, rule: Callable[[Signal], float]) -> None:
        self._rule = rule

    def predict(self, windows: Sequence[Window]) -> list[Prediction]:
        return [self._judge(window) for window in windows]

    def _judge(self, window: Window) -> Prediction:
        prob = 1 / (1 + np.exp(-self._rule(window.signal)))
        probs = (prob, 0.75 * (1 - prob), 0.25 * (1 - prob))
        return Prediction(window.signal.segment, LABELS, probs, confidence=max(probs))


def noise(seconds: float, seed: int = 0) -> Signal:
    samples = np.random.default_rng(seed).normal(0, 0.05, round(seconds * 16000))
    return Signal(samples.astype(np.float32), 16000)


def power(signal: Signal, start: float, end: float, low: float = 0, high: float = 8000) -> float:
    """Mean power of a stretch between two frequencies, 1 for white noise of deviation 0.05."""
    piece = signal.samples[round(start * 16000) : round(end * 16000)]
    spectrum, hertz = np.abs(np.fft.rfft(piece)) ** 2, np.fft.rfftfreq(len(piece), 1 / 16000)
    inside = spectrum[(hertz >= low) & (hertz < high)]
    return float(inside.mean() / len(piece) / 0.05**2)


def functional_bundle(folder, weights, bias, name="prosody"):
    """A linear model on functionals: softmax(x @ weights + bias)."""
    from affekt.models._graph import Graph

    graph = Graph(len(weights))
    graph.output("probs", graph.node("Softmax", graph.affine("x", weights, bias), axis=-1), len(LABELS))
    heard = asdict(Input(name, "functionals", hearing.version(name)))
    card = replace(bundle.card("permissive"), name="ours", labels=LABELS.names, input=heard, encoder=name)
    bundle.save(card, graph.model(), "", folder)
    return bundle.load(folder)
