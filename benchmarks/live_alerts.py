"""Alerts in scripted calls: is sustained anger found, and how often does calm talk raise an alert?

Calls are those of `affekt.simulate`: two channels, 8 kHz, mu-law, noise 20 dB below, echo of the agent in half of
them. Customer and agent are speakers that no model has heard. Three judge the same windows: one like `default`, which
knows the corpus but not its speakers, one that does not know the corpus either, and `permissive`, which knows EmoDB alone.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affekt import bundle, metrics, simulate
from affekt.bundle import Bundle
from affekt.live import AlertChanged, Pipeline, Smoothing
from affekt.live.feel import Feel
from affekt.live.rules import Named, defaults, load
from affekt.live.tick import Heard
from affekt.registry import names
from affekt.types import Affect, Prediction, Role, Segment, Signal, Window
from benchmarks import held
from recipes import corpora

CORPORA = ("ravdess", "emodb", "savee", "emotale")
"""those that are acted; calm speech and anger of each speaker"""
ANGRY, SECONDS = 8, 150.0  # calls of a group of speakers; s of each
CALM_HOURS, CALM = 4.0, 600.0  # of a corpus; s of a call
WITHIN = 12.0  # s of speech
ROLES: dict[str | None, Role] = {"left": "customer", "right": "agent"}
MODELS = ("like `default`, speakers not heard", "like `default`, corpus not heard", "`permissive`, corpus not heard")
GRID = {"attack": (1.0, 2.0), "enter": (0.3, 0.35, 0.4, 0.45, 0.5, 0.6), "hold": (3.0, 4.0, 6.0)}
OUT = 0.7
"""exit, as a share of enter"""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A call as it was heard, without its sound, and what each model said of its windows."""

    truth: simulate.Truth
    heard: tuple[Heard, ...]
    said: tuple[tuple[tuple[Prediction, ...], ...], ...]
    "model -> tick -> window; of EmoDB, `permissive` says nothing"

    @property
    def episode(self) -> simulate.Episode | None:
        """The customer's anger."""
        return next((one for one in self.truth.episodes if one.emotion == "anger"), None)


# Hearing ----------------------------------------------------------------------------------------------------------


def measure() -> dict[str, Any]:
    with ProcessPoolExecutor(2) as pool:
        calls = [call for part in pool.map(hear_corpus, CORPORA) for call in part]
    chosen = {name: best(calls, without=name) for name in CORPORA}
    return {
        "shipped": {"smoothing": Smoothing().attack, **_settings(load("sustained"))},
        "all": [row(calls, title, model) for model, title in enumerate(MODELS)],
        "corpora": {
            name: [row(own, title, model) for model, title in enumerate(MODELS)]
            for name, own in ((name, _of(calls, name)) for name in CORPORA)
        },
        "chosen": {
            name: {"settings": settings, "rows": [row(_of(calls, name), t, m, settings) for m, t in enumerate(MODELS)]}
            for name, settings in chosen.items()
        },
        "before": [row(calls, title, model, {"attack": 2.0, "enter": 0.6, "hold": 6.0}) for model, title in enumerate(MODELS)],
    }


def hear_corpus(corpus: str) -> list[Kept]:
    """Hear the calls of all groups of speakers of a corpus."""
    parts = {name: corpora.embedded(name) for name in corpora.NAMES}
    manifest, found = corpora.manifest(corpus), []
    groups = held.groups(corpus, parts)
    calm = round(CALM_HOURS * 3600 / CALM / len(groups))
    with tempfile.TemporaryDirectory() as folder:
        strangers = [held.without([corpus], parts, Path(folder))]
        if corpus != "emodb":
            strangers.append(bundle.load("permissive"))
        for number, group in enumerate(groups):
            models = [held.without(group, parts, Path(folder)), *strangers]
            cast = simulate.Corpora([manifest], speakers=group)
            angry = simulate.calls(ANGRY, cast=cast, kind="angry", seconds=SECONDS, seed=number)
            quiet = simulate.calls(calm, cast=cast, kind="calm", seconds=CALM, seed=number)
            found += [hear(call, models) for call in itertools.chain(angry, quiet)]
            print(f"{corpus}: group {number + 1} of {len(groups)} heard", file=sys.stderr, flush=True)
    return found


def hear(call: simulate.Call, models: Sequence[Bundle]) -> Kept:
    """Hear a call once, and let each model judge its windows."""
    pipeline, heard = Pipeline(models[0], ROLES), []
    said: list[list[tuple[Prediction, ...]]] = [[] for _ in models]
    ticks = (pipeline.take(signals) for signals in blocks(call))
    for some in itertools.chain(ticks, (pipeline.end() for _ in range(1))):
        for one in pipeline.hear(some):
            vectors = [models[0].hear(window.signal) for window in one.windows]
            for model, own in zip(models, said, strict=True):
                own.append(tuple(judged(model, one.windows, vectors)))
            heard.append(silent(one))
    return Kept(call.truth, tuple(heard), tuple(map(tuple, said)))


def blocks(call: simulate.Call) -> Iterator[dict[str | None, Signal]]:
    for at in range(0, len(call.audio), call.rate):
        part = call.audio[at : at + call.rate]
        yield {side: Signal(part[:, i].copy(), call.rate, at) for i, side in enumerate(ROLES)}


def judged(model: Bundle, windows: Sequence[Window], vectors: Sequence[Any]) -> Iterator[Prediction]:
    """What `Bundle.predict` says, of windows that were embedded before."""
    if not windows:
        return
    probs, affect = model.judge(vectors)
    assert affect is not None  # noqa: S101 - these heads have one
    for window, shares, felt in zip(windows, probs.tolist(), affect.tolist(), strict=True):
        confidence = max(shares)
        yield Prediction(
            window.signal.segment,
            model.labels,
            tuple(shares),
            Affect(*felt),
            window.speaker,
            confidence,
            confidence < model.card.threshold,
            model.id,
        )


def silent(heard: Heard) -> Heard:
    """Let go of the sound."""
    items = (replace(i, signal=replace(i.signal, samples=i.signal.samples[:1].copy())) if isinstance(i, Window) else i for i in heard.items)
    return replace(heard, items=tuple(items))


# Judging ----------------------------------------------------------------------------------------------------------


def alerts(call: Kept, model: int, rules: Sequence[Named], smoothing: Smoothing) -> list[tuple[float, str]]:
    """When which rule fired, in seconds of the call."""
    feel = Feel(ROLES, smoothing=smoothing, rules=rules)
    events = (e for heard, said in zip(call.heard, call.said[model], strict=True) for e in feel.push(heard, said))
    return [(e.time, e.alert.rule) for e in events if isinstance(e, AlertChanged) and e.alert.state == "firing"]


def made(settings: Mapping[str, float] | None) -> tuple[list[Named], Smoothing]:
    """Rules and smoothing: those that ship, or `sustained` alone with settings."""
    if settings is None:
        return defaults(), Smoothing()
    rule = load("sustained", {"enter": settings["enter"], "exit": OUT * settings["enter"], "hold": settings["hold"]})
    return [rule], Smoothing(attack=settings["attack"])


def row(calls: Sequence[Kept], title: str, model: int, settings: Mapping[str, float] | None = None) -> dict[str, Any]:
    """What is found of anger, and what calm calls raise, by rule."""
    rules, smoothing = made(settings)
    speakers, waits, wrong, hours = [], [], dict.fromkeys((rule.name for rule in rules), 0), 0.0
    early = 0
    for call in (call for call in calls if model < len(call.said)):
        fired, anger = alerts(call, model, rules, smoothing), call.episode
        if anger is None:
            hours += call.truth.seconds / 3600
            for _, rule in fired:
                wrong[rule] += 1
        elif anger.speech >= WITHIN:
            own = [time for time, rule in fired if rule == "sustained"]
            early += sum(time < anger.segment.start for time in own)
            inside = [time for time in own if time >= anger.segment.start]
            speakers.append(call.truth.people["customer"])
            waits.append(call.truth.speech("customer", Segment(anger.segment.start, inside[0])) if inside else np.inf)
    hit = np.array(waits) <= WITHIN
    found = metrics.bootstrap(metrics.accuracy, np.ones(len(hit), bool), hit, speakers)
    return {
        "model": title,
        "calls": len(hit),
        "speakers": len(set(speakers)),
        "found": [found.value, found.low, found.high],
        "wait": float(np.median(waits)),
        "early": early,
        "hours": hours,
        "wrong": wrong,
    }


def best(calls: Sequence[Kept], *, without: str) -> dict[str, float]:
    """Choose settings on the speakers of all other corpora: least is missed, and a false alert an hour costs a tenth."""
    others = [call for call in calls if call not in _of(calls, without)]
    grid = [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]

    def cost(settings: Mapping[str, float]) -> float:
        rows = [row(others, title, model, settings) for model, title in enumerate(MODELS)]
        return sum(1 - one["found"][0] + 0.1 * one["wrong"]["sustained"] / one["hours"] for one in rows)

    return min(grid, key=cost)


def _of(calls: Sequence[Kept], corpus: str) -> list[Kept]:
    return [call for call in calls if call.truth.cast == corpus]
