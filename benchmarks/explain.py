"""How faithful explanations are -> benchmarks/EXPLAIN.md.

    python -m benchmarks.explain [--per-speaker 2]

Needs EmoDB and RAVDESS in ../shared/corpora (or AFFEKT_CORPORA) and the extra `train` for the shuffled head. Methods
are chosen on EmoDB and reported on RAVDESS. About ten minutes of one core.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import audio, bundle, windows
from affekt.bundle import Bundle
from affekt.explain import _masks, bands, examples, explain, faithfulness, moments
from affekt.explain._judge import Judge
from affekt.features import whisper
from affekt.manifest import Manifest
from affekt.registry import need
from affekt.types import Signal, Utterance, Window
from benchmarks import page
from recipes import corpora

Floats = NDArray[np.float64]

MODELS = ("permissive", "default")
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
LONGEST = 6.0  # s
METHODS: dict[str, Callable[[Judge], Floats]] = {
    "masked, 128 calls": moments.masked,
    "masked, 32 calls": partial(moments.masked, calls=32),
    "masked, filled with mean": partial(moments.masked, filling="mean"),
    "pooled, frame by frame": moments.pooled,
    "pooled, 0.2 s": partial(moments.pooled, stretch=0.2),
    "occluded, 0.2 s": moments.occluded,
    "occluded, 0.08 s": partial(moments.occluded, stretch=0.08),
    "loudest": lambda judge: faithfulness.loudness(judge, moments.count(judge.window.signal.duration)),
    "random": lambda judge: _random(judge, 0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-speaker", type=int, default=2, help="clips of each RAVDESS speaker for the long part")
    parser.add_argument("--part", help="print one part alone: curves, whole, choice, cells, near, sanity, time")
    asked = parser.parse_args()
    origin = page.origin("benchmarks.explain")
    _remember()
    models = {name: bundle.load(name) for name in MODELS}
    emodb, ravdess = corpora.manifest("emodb"), corpora.manifest("ravdess")
    parts = [_head(origin, asked.per_speaker)]
    made = {
        "curves": partial(_curves, models, ravdess, asked.per_speaker),
        "whole": partial(_whole, models, ravdess),
        "choice": partial(_choice, models, emodb),
        "cells": partial(_cells, models["default"], emodb),
        "near": partial(_near, models["permissive"], {"emodb": emodb, "ravdess": ravdess}),
        "sanity": partial(_sanity, models["permissive"], ravdess),
        "time": partial(_time, models["default"], ravdess),
    }
    if asked.part:
        print("\n".join(made[asked.part]()))
        return
    for part in made.values():
        parts += part()
    page.write("EXPLAIN.md", "\n".join(parts) + "\n")


# Sound ------------------------------------------------------------------------------------------------------------


def _remember() -> None:
    """Both models hear through one encoder: what it made of a signal is kept until the next clip."""
    made: dict[bytes, Any] = {}
    encode = whisper.embed

    def embed(signal: Signal) -> NDArray[np.float32]:
        key = signal.samples.tobytes()
        if key not in made:
            if len(made) > 1000:
                made.clear()
            made[key] = encode(signal)
        found: NDArray[np.float32] = made[key]
        return found

    whisper.embed = embed


def chosen(manifest: Manifest, per_speaker: int) -> list[Utterance]:
    """So many clips of each speaker, evenly over the sorted ids; 0 for all."""
    of: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in sorted(manifest, key=lambda u: u.id):
        of[utterance.speaker].append(utterance)
    found = []
    for own in of.values():
        places = np.linspace(0, len(own), per_speaker or len(own), endpoint=False).astype(int)
        found += [own[place] for place in places]
    return found


def heard(manifest: Manifest, utterances: Sequence[Utterance], what: str) -> Iterator[tuple[str, Window]]:
    for done, utterance in enumerate(utterances, 1):
        window = windows.whole(audio.read(manifest.file(utterance)))
        if window.signal.duration <= LONGEST:
            yield utterance.speaker, window
        if done % 10 == 0 or done == len(utterances):
            print(f"\r{what}: {done}/{len(utterances)} ", end="", file=sys.stderr, flush=True)


def _judge(model: Bundle, window: Window) -> Judge:
    return Judge(model, window, model.predict([window])[0].emotion)


def _random(judge: Judge, draw: int) -> Floats:
    """Random moments in runs of about three, other ones than those that `masked` drew."""
    seed = 1_000_003 + draw
    noise = np.random.default_rng(seed).normal(size=moments.count(judge.window.signal.duration) + 2)
    return np.convolve(noise, np.ones(3), "valid")


def lost(judge: Judge, sets: Sequence[Floats], filling: Any = "floor") -> tuple[Floats, Floats]:
    """What each set of missing moments costs: in probability and in log-odds."""
    editor = faithfulness.Editor(judge.window.signal)
    signals = [judge.window.signal, *(editor.without(one[:, None], filling) for one in sets)]
    probs = judge.hear(signals)
    share, score = judge.share(probs), judge.score(probs)
    return share[0] - share[1:], score[0] - score[1:]


# Every clip -------------------------------------------------------------------------------------------------------


def _whole(models: Mapping[str, Bundle], manifest: Manifest) -> Iterator[str]:
    """The exact method, which costs nothing, on all clips."""
    rows: dict[str, list[Floats]] = {name: [] for name in models}
    speakers = []
    for speaker, window in heard(manifest, chosen(manifest, 0), "ravdess, all"):
        speakers.append(speaker)
        for name, model in models.items():
            judge = _judge(model, window)
            worth = [moments.pooled(judge), _random(judge, 0), _random(judge, 1), METHODS["loudest"](judge)]
            rows[name].append(np.array(lost(judge, [moments.highest(one, 0.2) for one in worth])))
    yield f"\n## All {len(speakers)} clips of RAVDESS: the exact method alone\n"
    yield "What the probability of the named emotion loses without 20 % of the moments, median over clips."
    yield "\n| model | top (pooled) | random | loudest | top above random: speakers, p | above loudest |"
    yield "|---|---|---|---|---|---|"
    for name, found in rows.items():
        fell = np.array(found)[:, 0]
        top, random, loud = fell[:, 0], fell[:, 1:3].mean(axis=1), fell[:, 3]
        values = " | ".join(f"{np.median(one):.3f}" for one in (top, random, loud))
        yield f"| {name} | {values} | {_test(top - random, speakers)} | {_test(top - loud, speakers)} |"


def _test(difference: Floats, speakers: Sequence[str]) -> str:
    """How many speakers' median difference is above zero, and the p of a sign-flip test over speakers."""
    who = np.array(speakers)
    own = np.array([np.median(difference[who == name]) for name in np.unique(who)])
    return f"{(own > 0).sum()} of {len(own)}, p = {sign_flip(own):.1g}"


def sign_flip(values: Floats, *, draws: int = 99_999, seed: int = 0) -> float:
    """Two-sided p of a mean as far from zero as this one, if each speaker's sign were a coin's."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, len(values)))
    extreme = np.abs(signs @ values) >= abs(values.sum()) * (1 - 1e-12)
    return float((extreme.sum() + 1) / (draws + 1))


# Curves -----------------------------------------------------------------------------------------------------------


KINDS = ("masked", "pooled", "random", "loudest")


def _curves(models: Mapping[str, Bundle], manifest: Manifest, per_speaker: int) -> Iterator[str]:
    fell: dict[str, list[Floats]] = {name: [] for name in models}
    alone: dict[str, list[Floats]] = {name: [] for name in models}
    whole: dict[str, list[float]] = {name: [] for name in models}
    speakers = []
    for speaker, window in heard(manifest, chosen(manifest, per_speaker), "ravdess, curves"):
        speakers.append(speaker)
        for name, model in models.items():
            judge = _judge(model, window)
            worth = [moments.masked(judge), moments.pooled(judge), _random(judge, 0), METHODS["loudest"](judge)]
            gone = [moments.highest(one, share) for one in worth for share in SHARES]
            fell[name].append(np.array(lost(judge, gone)).reshape(2, len(KINDS), len(SHARES)))
            whole[name].append(float(judge.share(judge.hear([window.signal]))[0]))
            stays = [1 - moments.highest(one, share) for one in worth for share in (0.2, 0.5)]
            alone[name].append(whole[name][-1] - lost(judge, stays)[0].reshape(len(KINDS), 2))
    yield f"\n## Deletion and insertion: {per_speaker} clips of each RAVDESS speaker ({len(speakers)})\n"
    yield "Deletion: what the probability of the named emotion loses without the share of moments that a method puts"
    yield "first. Insertion: the probability with these alone. Medians over clips.\n"
    heads = " | ".join(f"-{share:.0%}" for share in SHARES)
    yield f"| model (median probability) | moments | {heads} | 20 % alone | 50 % alone |"
    yield "|---|---|" + "---|" * (len(SHARES) + 2)
    for name in models:
        medians = np.median(np.array(fell[name])[:, 0], axis=0), np.median(alone[name], axis=0)
        for row, kind in enumerate(KINDS):
            numbers = " | ".join(f"{value:.3f}" for side in medians for value in side[row])
            yield f"| {f'{name} ({np.median(whole[name]):.3f})' if not row else ''} | {kind} | {numbers} |"
    yield from _speakers({name: np.array(fell[name]) for name in models}, alone, speakers)


def _speakers(
    fell: Mapping[str, Floats], alone: Mapping[str, Sequence[Floats]], speakers: Sequence[str]
) -> Iterator[str]:
    yield "\nPer speaker: how many speakers' median difference is above zero, and a sign-flip test over speakers. Where"
    yield "nearly nothing is left of a probability, whatever is taken, only its log-odds tell methods apart.\n"
    yield "| model | missing | in | masked above random | masked above loudest | masked above pooled |"
    yield "|---|---|---|---|---|---|"
    for name, (at, share), (scale, unit) in product(fell, enumerate(SHARES), enumerate(("probability", "log-odds"))):
        if share in (0.05, 0.1, 0.2):
            worth = fell[name][:, scale, :, at]
            tests = " | ".join(_test(worth[:, 0] - worth[:, KINDS.index(k)], speakers) for k in _RIVALS)
            yield f"| {name} | {share:.0%} | {unit} | {tests} |"
    yield "\n| model | 20 % alone: masked above random | masked above loudest | masked above pooled |"
    yield "|---|---|---|---|"
    for name in fell:
        kept = np.array(alone[name])[:, :, 0]
        tests = " | ".join(_test(kept[:, 0] - kept[:, KINDS.index(k)], speakers) for k in _RIVALS)
        yield f"| {name} | {tests} |"


_RIVALS = ("random", "loudest", "pooled")


# Choices, on EmoDB ------------------------------------------------------------------------------------------------


def _choice(models: Mapping[str, Bundle], manifest: Manifest) -> Iterator[str]:
    rows: dict[str, list[Floats]] = {name: [] for name in models}
    for _, window in heard(manifest, chosen(manifest, 1), "emodb, methods"):
        for name, model in models.items():
            judge = _judge(model, window)
            gone = [moments.highest(method(judge), 0.2) for method in METHODS.values()]
            rows[name].append(np.array([lost(judge, gone, filling)[1] for filling in ("floor", "mean", "silence")]))
    yield f"\n## Which method: EmoDB, {len(rows[MODELS[0]])} clips\n"
    yield "Log-odds that are lost without the 20 % of moments that a method puts first, mean over clips, by what they"
    yield "are replaced with: noise at the window's own soft level, at its mean level, or silence.\n"
    columns = [f"{name}, {filling}" for name in models for filling in ("floor", "mean", "silence")]
    yield "| method | " + " | ".join(columns) + " |"
    yield "|---|" + "---|" * len(columns)
    means = np.concatenate([np.mean(rows[name], axis=0) for name in models])
    for column, method in enumerate(METHODS):
        yield f"| {method} | " + " | ".join(f"{value:.2f}" for value in means[:, column]) + " |"


def _cells(model: Bundle, manifest: Manifest) -> Iterator[str]:
    """The map of frequencies, the same way."""
    rows: list[Floats] = []
    for _, window in heard(manifest, chosen(manifest, 1), "emodb, cells"):
        judge = _judge(model, window)
        energy = _energy(window.signal)
        random = np.random.default_rng(7).normal(size=energy.shape)
        maps = [bands.masked(judge), bands.masked(judge, calls=96), bands.occluded(judge), energy, random]
        editor = faithfulness.Editor(window.signal)
        gone = [_masks.highest(one.reshape(1, -1), 0.2).reshape(one.shape) for one in maps]
        scores = judge.score(judge.hear([window.signal, *(editor.without(one, "floor") for one in gone)]))
        rows.append(scores[0] - scores[1:])
    yield f"\n## The map of frequencies: EmoDB, {len(rows)} clips, model default\n"
    yield f"Log-odds lost without 20 % of the {bands.MOMENTS} x {bands.BANDS} cells, mean over clips.\n"
    yield "| masked, 192 calls | masked, 96 calls | occluded, 96 calls | loudest cells | random |"
    yield "|---|---|---|---|---|"
    yield "| " + " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0)) + " |"


def _energy(signal: Signal) -> Floats:
    """Log energy of each cell, (moments, bands)."""
    cut = np.array_split(signal.samples.astype(np.float64), bands.MOMENTS)
    edges = faithfulness.Editor(signal).edges(bands.BANDS)
    found = []
    for piece in cut:
        power, hertz = np.abs(np.fft.rfft(piece)) ** 2, np.fft.rfftfreq(len(piece), 1 / signal.rate)
        found.append([power[(hertz >= a) & (hertz < b)].sum() for a, b in pairwise(edges)])
    return np.log(np.array(found) + 1e-12)


# Nearest examples -------------------------------------------------------------------------------------------------


def _near(model: Bundle, manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """How often the five nearest of other speakers share the emotion, by what nearness is measured in."""
    yield "\n## Nearest examples: which distance\n"
    yield "Share of the five nearest utterances of other speakers that have the same emotion; in the pooled frames of"
    yield "the encoder, in which no head has a say.\n"
    yield "| corpus (clips) | chance | cosine | cosine, centred | cosine, each column in its deviation |"
    yield "|---|---|---|---|---|"
    for name, manifest in manifests.items():
        few = manifest.subset([u.id for u in chosen(manifest, 20)])
        among = examples.hear(model, few)
        x, emotions, speakers = (
            among.vectors,
            np.array([u.emotion for u in among.utterances]),
            np.array([u.speaker for u in among.utterances]),
        )
        same, other = emotions[:, None] == emotions, speakers[:, None] != speakers
        spaces = x, x - x.mean(axis=0), (x - x.mean(axis=0)) / x.std(axis=0)
        shares = " | ".join(f"{_shared(space, same, other):.3f}" for space in spaces)
        yield f"| {name} ({len(few)}) | {same[other].mean():.3f} | {shares} |"


def _shared(x: Floats, same: NDArray[np.bool_], other: NDArray[np.bool_], count: int = 5) -> float:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    nearest = np.argsort(np.where(other, -(unit @ unit.T), np.inf), axis=1)[:, :count]
    return float(np.take_along_axis(same, nearest, axis=1).mean())


# Sanity -----------------------------------------------------------------------------------------------------------


def _sanity(model: Bundle, manifest: Manifest) -> Iterator[str]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        other = shuffled(model, Path(folder) / "shuffled")
        for _, window in heard(manifest, chosen(manifest, 1)[::2], "ravdess, sanity"):
            target = model.predict([window])[0].emotion
            own, strange = (Judge(one, window, target) for one in (model, other))
            again = moments.masked(own, seed=1)
            first, second = moments.masked(own), moments.masked(strange)
            pooled = _alike(moments.pooled(own), moments.pooled(strange))
            rows.append([_alike(first, again), _alike(first, second), pooled])
    found = np.array(rows)
    yield "\n## Sanity: a head with shuffled weights (Adebayo et al. 2018)\n"
    yield f"Spearman's correlation of two attributions of the same clip and emotion, median over {len(found)} clips"
    yield "of RAVDESS, model permissive. What does not depend on what was learned would stay.\n"
    yield "| masked, other random masks | masked, shuffled head | pooled, shuffled head |"
    yield "|---|---|---|"
    yield "| " + " | ".join(f"{value:.2f}" for value in np.median(found, axis=0)) + " |"


def shuffled(model: Bundle, folder: Path) -> Bundle:
    """The same model with the weights of each emotion in another order."""
    onnx = need("onnx", extra="train")
    graph = onnx.load(bundle.FOLDER / model.card.name / "model.onnx").graph
    values = {one.name: onnx.numpy_helper.to_array(one).astype(np.float64) for one in graph.initializer}
    weights = np.random.default_rng(0).permuted(values["W"], axis=0)
    affect = np.zeros((weights.shape[0], 3)), np.zeros(3)
    bundle.save(replace(model.card, name="shuffled"), bundle.export_linear((weights, values["b"]), affect), "", folder)
    return bundle.load(folder)


def _alike(a: Floats, b: Floats) -> float:
    ranks = [np.argsort(np.argsort(one)) for one in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


# Time -------------------------------------------------------------------------------------------------------------


def _time(model: Bundle, manifest: Manifest) -> Iterator[str]:
    _, window = next(heard(manifest, chosen(manifest, 1), "time"))
    samples = np.resize(window.signal.samples, 48000)
    three = windows.whole(Signal(samples, 16000))
    rng = np.random.default_rng(0)
    yield "\n## Time for a window of 3 s, one core\n"
    yield "| pooled | whole explanation | with --fast |"
    yield "|---|---|---|"
    took = []
    for what in (
        lambda w: moments.pooled(_judge(model, w)),
        partial(explain, model),
        partial(explain, model, fast=True),
    ):
        best = np.inf
        for _ in range(3):
            other = replace(three, signal=Signal(samples + rng.normal(0, 1e-5, 48000).astype(np.float32), 16000))
            began = time.process_time()
            what(other)
            best = min(best, time.process_time() - began)
        took.append(best)
    yield "| " + " | ".join(f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s" for value in took) + " |"
    yield "\nSeconds of the processor, best of three."


def _head(origin: Mapping[str, str], per_speaker: int) -> str:
    return f"""# How faithful explanations are

Written by `{origin["command"]} --per-speaker {per_speaker}` (its parts one by one, `--part`) on
{origin["date"]}, commit {origin["commit"]}; {origin["machine"]}.

Explained is the emotion that the model names, whether right or wrong. What is taken away is replaced by noise that has
the window's own spectrum at its soft level, unless it says otherwise. `masked` is the method in use, `pooled` the exact
one it starts from. `random` are as many moments in runs of about three (60 ms); `loudest` those of the largest root
mean square: loud moments matter to every model of speech, so that this is the harder control. `permissive` was trained
on EmoDB alone and has not heard RAVDESS; `default` was trained on both. docs/explain.md tells what the methods do."""


if __name__ == "__main__":
    main()
