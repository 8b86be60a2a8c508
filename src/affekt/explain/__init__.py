"""Bundle, window -> Explanation. Which moments, frequencies, features and words spoke for an emotion, and is that true.

    from affekt import audio, bundle, explain, windows

    model = bundle.load()
    said = explain.explain(model, windows.whole(audio.read("angry.wav")))
    said.moments, said.check.faithful

Everything is asked of the model from outside, by changing what it hears, so that every bundle can be explained with the
base install. An attribution says what this model used; it does not say why a person spoke so, nor that the model is
right. docs/explain.md tells how to read it, benchmarks/EXPLAIN.md how faithful it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.bundle import Bundle, Card
from affekt.explain import bands, examples, faithfulness, functionals, moments, words
from affekt.explain._edit import edges
from affekt.explain._judge import Judge
from affekt.explain.examples import Examples, Near, Remark
from affekt.explain.faithfulness import Check
from affekt.explain.functionals import Contribution
from affekt.explain.words import Said, Word
from affekt.types import Prediction, Window

__all__ = ["SCHEMA", "WARNING", "Check", "Contribution", "Explanation", "Near", "Remark", "Said", "explain"]

Floats = NDArray[np.float64]

SCHEMA = "affekt.explanation/1"
WARNING = (
    "An attribution says which parts of the sound this model used. It is not why a person spoke so, not what they "
    "felt, and no proof that the model is right: a wrong judgement is explained as smoothly as a right one."
)
"""Stands on every page, picture and JSON."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why a model said of one window what it said, as far as that can be found out from outside."""

    source: str
    window: Window
    prediction: Prediction
    card: Card
    target: str
    against: str | None
    share: float
    "probability of the target; of the two emotions where it is against another"
    moments: Floats
    "(moments,) log-odds lost without each; above 0 it speaks for the target, below against it"
    cells: Floats
    "(moments, bands) the same of coarser moments and bands of frequencies"
    hertz: Floats
    "(bands + 1,) edges of the bands"
    check: Check
    method: str
    "in a sentence"
    seconds: float
    "that it took"
    contributions: tuple[Contribution, ...] = ()
    "of functionals, where the model hears them"
    remarks: tuple[Remark, ...] = ()
    "how the voice compares with that of the examples: a description, not a cause"
    nearest: tuple[Near, ...] = ()
    words: tuple[Said, ...] = ()
    notes: tuple[str, ...] = ()
    "what a reader should know, above all what could not be explained and why"

    @property
    def question(self) -> str:
        """What was asked: `anger`, or `anger against neutral`."""
        return f"{self.target} against {self.against}" if self.against else self.target

    def top(self, share: float = faithfulness.SHARE) -> list[tuple[float, float]]:
        """Return the stretches (start, end in seconds) that hold the moments which speak most for the target."""
        marked = moments.highest(self.moments, share)
        edges_of = np.flatnonzero(np.diff(np.concatenate([[0.0], marked, [0.0]])))
        at = self.window.signal.segment
        step = at.duration / len(self.moments)
        return [(at.start + first * step, at.start + last * step) for first, last in edges_of.reshape(-1, 2).tolist()]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; times in seconds, worth in log-odds, numbers to 4 digits."""
        at, turn, said = self.window.signal.segment, self.window.turn, self.prediction
        return {
            "schema": SCHEMA,
            "source": self.source,
            "model": self.card.id,
            "licence": self.card.licence_line,
            "warning": WARNING,
            "start": _round(at.start),
            "end": _round(at.end),
            "turn": {"start": _round(turn.start), "end": _round(turn.end)},
            "speaker": self.window.speaker,
            "role": self.window.role,
            "emotion": said.emotion,
            "confidence": _round(said.confidence),
            "uncertain": said.uncertain,
            "probs": {name: _round(p) for name, p in zip(said.labels, said.probs, strict=True)},
            "target": self.target,
            "against": self.against,
            "probability": _round(self.share),
            "method": self.method,
            "hop": _round(at.duration / len(self.moments), 6),
            "moments": _list(self.moments),
            "frequencies": {"hertz": _list(self.hertz), "cells": [_list(row) for row in self.cells]},
            "faithfulness": {**{k: _round(v) for k, v in asdict(self.check).items()}, "faithful": self.check.faithful},
            "features": [_rounded(asdict(one)) for one in self.contributions],
            "voice": [_rounded(asdict(one)) for one in self.remarks],
            "nearest": [_rounded(asdict(one)) for one in self.nearest],
            "words": [
                {
                    "word": one.word,
                    "start": _round(one.segment.start),
                    "end": _round(one.segment.end),
                    "worth": _round(one.worth),
                }
                for one in self.words
            ],
            "notes": list(self.notes),
        }


def explain(
    model: Bundle,
    window: Window,
    *,
    source: str = "signal",
    target: str | None = None,
    against: str | None = None,
    transcript: Sequence[Word] = (),
    fast: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Explanation:
    """Explain what a model says of a window; takes some 350 calls of the model.

    Args:
        model: any bundle that names emotions.
        window: 16 kHz, levelled: `affekt.windows.whole(signal)`; one of an agent cannot be built.
        source: what the recording is called.
        target: the emotion to explain; the one that the model named unless given.
        against: explain the target against this emotion alone, rather than against all others.
        transcript: words with their times in the recording, as `affekt.explain.words.read` gives them.
        fast: fewer calls, coarser answers.
        progress: is told what is being done.

    Raises:
        UnknownNameError: the model knows no such emotion.
        UsageError: an emotion against itself, or a window that the model does not take.

    >>> from affekt import bundle, windows
    >>> from affekt.types import Signal
    >>> noise = np.random.default_rng(0).normal(0, 0.05, 16000).astype(np.float32)
    >>> said = explain(bundle.load("permissive"), windows.whole(Signal(noise, 16000)), fast=True)
    >>> said.moments.shape, said.cells.shape
    ((50,), (12, 8))
    """
    tell = progress or (lambda what: None)
    began = time.perf_counter()
    (prediction,) = model.predict([window])
    judge = Judge(model, window, target or prediction.emotion, against)
    tell("moments")
    worth = moments.masked(judge, calls=moments.CALLS // (4 if fast else 1))
    tell("frequencies")
    cells = bands.masked(judge, calls=bands.CALLS // (2 if fast else 1))
    tell("faithfulness")
    check = faithfulness.check(judge, worth)
    return Explanation(
        source=source,
        window=window,
        prediction=prediction,
        card=model.card,
        target=judge.target,
        against=against,
        share=check.whole,
        moments=worth,
        cells=cells,
        hertz=edges(bands.BANDS, window.signal.rate),
        check=check,
        method=moments.describe(judge),
        seconds=time.perf_counter() - began,
        words=words.weigh(transcript, worth, window.signal.segment),
        notes=_notes(model),
    )


def compare(
    said: Explanation,
    model: Bundle,
    among: Examples,
    *,
    count: int = 5,
    without: Sequence[str] = (),
    store: Any = None,
    progress: Callable[[str], None] | None = None,
) -> Explanation:
    """Add what only examples can tell: the nearest ones, what each functional says, how the voice compares.

    Args:
        said: to be added to.
        model: that was explained.
        among: its training corpus, or another one, by `examples.hear`.
        count: of the nearest examples.
        without: speakers whose recordings are not listed, above all the one who is heard.
        store: an `affekt.cache.Cache` for features of the voice.
        progress: is told what is being done.
    """
    tell = progress or (lambda what: None)
    judge = Judge(model, said.window, said.target, said.against)
    tell("nearest examples")
    near = examples.nearest(model, said.window, among, count=count, without=without)
    found = replace(said, nearest=near, notes=tuple(note for note in said.notes if note != _NO_EXAMPLES))
    if judge.functional:
        tell("features")
        return replace(found, contributions=_contributions(judge, among))
    tell("voice")
    return replace(found, remarks=examples.describe(said.window, among, store=store))


def _contributions(judge: Judge, among: Examples) -> tuple[Contribution, ...]:
    known = [place for place, u in enumerate(among.utterances) if u.emotion in judge.model.labels]
    truth = [str(among.utterances[place].emotion) for place in known]
    lost = functionals.importance(judge.model, among.vectors[known], truth) if known else None
    return functionals.contributions(judge, among.vectors, lost)


_NO_EXAMPLES = (
    "the training corpus is not in the bundle: give it (--examples) to see what sounds alike and what is usual there"
)


def _notes(model: Bundle) -> tuple[str, ...]:
    functional = model.card.input.get("level") == "functionals"
    more = ("the model hears functionals of the whole window: what a moment says is what they lose without it",)
    return (*(more if functional else ()), _NO_EXAMPLES)


def _round(value: float, digits: int = 4) -> float:
    return round(float(value), digits)


def _list(values: Floats) -> list[float]:
    return [_round(value) for value in values]


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Round numbers; what is not a number becomes None, since JSON has no word for it."""
    return {key: (_round(v, 6) if np.isfinite(v) else None) if isinstance(v, float) else v for key, v in values.items()}
