"""Clips in a row, as turns of a telephone call, heard as a stream: are they judged as well as each clip alone?"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.latency import trimmed
from numpy.typing import NDArray
from recipes.bundled.train import SAME

from affekt import audio, metrics
from affekt.audio.resample import resampled
from affekt.bundle import Bundle
from affekt.live import Pipeline, WindowJudged
from affekt.manifest import Manifest
from affekt.simulate import line
from affekt.types import Prediction, Segment, Signal, Utterance
from affekt.windows import whole
from benchmarks import held
from recipes import corpora

CORPORA = ("ravdess", "emodb")
RATE = 8000
PAUSE = 1.0  # s between two clips: longer than what ends a turn
CLIPS = 40  # of one speaker in a call
LEVEL = -26.0  # dBFS
GOAL = 0.03


def measure() -> dict[str, Any]:
    return {corpus: compare(corpus) for corpus in CORPORA}


def compare(corpus: str) -> dict[str, Any]:
    """Judge each clip as a turn of a stream, and alone."""
    parts = {name: corpora.embedded(name) for name in corpora.NAMES}
    manifest, rng = corpora.manifest(corpus), np.random.default_rng(0)
    truth, speakers, streamed, alone, missed = [], [], [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        for group in held.groups(corpus, parts):
            model = held.without(group, parts, Path(folder))
            for speaker in group:
                own = [one for one in manifest if one.speaker == speaker and one.emotion is not None]
                own = [own[i] for i in rng.permutation(len(own))]
                for first in range(0, len(own), CLIPS):
                    clips = own[first : first + CLIPS]
                    said = list(stream(model, manifest, clips, rng))
                    missed += sum(not turn for turn, _ in said)
                    streamed += [_emotion(model, turn) for turn, _ in said]
                    alone += [_emotion(model, [one]) for _, one in said]
                    truth += [SAME.get(str(one.emotion), str(one.emotion)) for one in clips]
                    speakers += [speaker] * len(clips)
            print(f"{corpus}: {len(truth)} of {len(manifest)} clips", file=sys.stderr, flush=True)
    found = {
        name: metrics.bootstrap(metrics.uar, truth, guess, speakers)
        for name, guess in (("stream", streamed), ("alone", alone))
    }
    lost = metrics.bootstrap(_lost, truth, np.stack([streamed, alone], axis=1), speakers)
    rows = found | {"loss": lost}
    return {name: [one.value, one.low, one.high] for name, one in rows.items()} | {
        "clips": len(truth),
        "missed": missed,
    }


def _lost(truth: NDArray[Any], guesses: NDArray[Any]) -> float:
    return metrics.uar(truth, guesses[:, 1]) - metrics.uar(truth, guesses[:, 0])


def stream(
    model: Bundle, manifest: Manifest, clips: Sequence[Utterance], rng: np.random.Generator
) -> Iterator[tuple[list[Prediction], Prediction]]:
    """Hear clips as one call; for each, the predictions of its windows, and that of the clip alone."""
    pause, parts, places, at = np.zeros(round(PAUSE * RATE), np.float32), [], [], 0
    for one in clips:
        signal = audio.read(manifest.file(one), segment=one.segment)
        samples = audio.level(resampled(trimmed(signal.samples), audio.RATE, RATE), RATE, LEVEL)
        parts += [samples, pause]
        places.append(Segment(at / RATE, (at + len(samples)) / RATE))
        at += len(samples) + len(pause)
    call = line.recorded(np.concatenate(parts), "mu", rng)
    pipeline, events = Pipeline(model), []
    for start in range(0, len(call), RATE):
        events += pipeline.push(Signal(call[start : start + RATE], RATE, start))
    events += pipeline.finish()
    said = [event.prediction for event in events if isinstance(event, WindowJudged)]
    for place in places:
        cut = slice(round(place.start * RATE), round(place.end * RATE))
        (one_alone,) = model.predict([whole(Signal(resampled(call[cut], RATE), audio.RATE))])
        yield [one for one in said if place.start <= (one.segment.start + one.segment.end) / 2 < place.end], one_alone


def _emotion(model: Bundle, said: Sequence[Prediction]) -> str:
    """The emotion of a turn: its windows' probabilities, averaged by their length; none where nothing was judged."""
    if not said:
        return ""
    shares = np.average([one.probs for one in said], axis=0, weights=[one.segment.duration for one in said])
    return str(model.labels.names[int(shares.argmax())])


# Page -------------------------------------------------------------------------------------------------------------


def section(kept: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## What hearing as a stream costs\n"
    yield (
        f"Clips of a speaker in a row, {PAUSE:g} s between them, 8 kHz, mu-law, heard by a model like `default` that "
        "knows the corpus and not the speaker. A turn's emotion is the mean of its windows; `alone` is the same clip, "
        "cut out of the same call. UAR [95 % over speakers].\n"
    )
    yield "| corpus | clips | alone | streamed | loss | goal | clips without a window |"
    yield "|---|---|---|---|---|---|---|"
    for corpus in CORPORA:
        row = kept[corpus]
        met = "met" if row["loss"][0] <= GOAL else "**missed**"
        cells = (
            row["clips"],
            *(_range(row[name]) for name in ("alone", "stream", "loss")),
            f"<= {GOAL}: {met}",
            row["missed"],
        )
        yield f"| {corpus} | {' | '.join(map(str, cells))} |"


def _range(values: Sequence[float]) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)
