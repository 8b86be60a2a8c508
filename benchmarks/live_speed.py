"""Time and memory of the core: the push that judges, the delay of what is told, voice activity of many streams."""

from __future__ import annotations

import gc
import itertools
import statistics
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from benchmarks.latency import clips, trimmed
from numpy.typing import NDArray

from affekt import audio, bundle
from affekt.audio.resample import resampled
from affekt.live import MoodChanged, Pipeline, Session, WindowJudged
from affekt.types import Signal
from affekt.vad import silero

BLOCK = 0.032  # s that are pushed at once
STREAMS = 128
MINUTES = 5  # of speech
LIVE = 60.0  # s that are heard at the speed of life


def measure() -> dict[str, Any]:
    speech = spoken(60.0 * MINUTES)
    return {
        "pushes": pushes(speech),
        "call": pushes(speech, rate=8000, channels=True),
        "delay": delays(speech[: round(LIVE * audio.RATE)]),
        "vad": detectors(speech),
        "memory": memory(speech[: 60 * audio.RATE]),
    }


def spoken(seconds: float) -> NDArray[np.float32]:
    """Acted speech of all corpora, a pause of 0.8 s after every third clip; 16 kHz."""
    pause, parts = np.zeros(round(0.8 * audio.RATE), np.float32), []
    for number, clip in enumerate(itertools.cycle(clips())):
        parts += [trimmed(clip.samples), *([pause] if number % 3 == 2 else [])]
        if sum(map(len, parts)) >= seconds * audio.RATE:
            break
    return np.concatenate(parts)[: round(seconds * audio.RATE)]


def pushes(speech: NDArray[np.float32], *, rate: int = audio.RATE, channels: bool = False) -> dict[str, float]:
    """Processor time of each push of 32 ms: of those that judge a window, and of all, per window judged."""
    samples = resampled(speech, audio.RATE, rate) if rate != audio.RATE else speech
    block = samples
    if channels:
        half = len(samples) // 2
        block = np.stack([samples[:half], np.roll(samples, 7 * rate)[:half]], axis=1)
    session = Session(channels={"left": "customer", "right": "agent"} if channels else None)
    size, judged, all_, windows = round(BLOCK * rate), [], 0.0, 0
    for at in range(0, len(block), size):
        begin = time.process_time()
        events = session.push(block[at : at + size], rate)
        took = time.process_time() - begin
        all_ += took
        found = sum(isinstance(event, WindowJudged) for event in events)
        windows += found
        if found:
            judged.append(took)
    return {
        "median": 1e3 * statistics.median(judged),
        "p99": 1e3 * float(np.percentile(judged, 99)),
        "per_window": 1e3 * all_ / windows,
        "per_second": 1e3 * all_ * rate / len(block),
        "windows": windows,
    }


def delays(speech: NDArray[np.float32]) -> dict[str, float]:
    """At the speed of life: from the moment in which a window's last sample was there to its mood, by the clock."""
    session, size, late, computed = Session(), round(BLOCK * audio.RATE), [], []
    begun = time.perf_counter()
    for at in range(0, len(speech), size):
        there = begun + min(at + size, len(speech)) / audio.RATE
        time.sleep(max(0.0, there - time.perf_counter()))
        events = session.push(speech[at : at + size], audio.RATE)
        now = time.perf_counter()
        for event in events:
            if isinstance(event, WindowJudged) and not event.final:
                late.append(now - begun - event.prediction.segment.end)
            if isinstance(event, MoodChanged):
                computed.append(now - there)
    return {
        "windows": len(late),
        "median": 1e3 * statistics.median(late),
        "p95": 1e3 * float(np.percentile(late, 95)),
        "computed": 1e3 * float(np.percentile(computed, 95)),
    }


def detectors(speech: NDArray[np.float32]) -> dict[str, float]:
    """Voice activity of 128 streams, 32 ms each: one by one and in one call, in turns."""
    hop, steps = silero.Detector.HOP, 200
    places = np.linspace(0, len(speech) - hop * (steps + 1), STREAMS).astype(int)
    alone = [silero.Detector(audio.RATE) for _ in range(STREAMS)]
    together = silero.Streams(audio.RATE)
    one_by_one, at_once, apart = [], [], 0.0
    for step in range(steps):
        heard = {i: speech[place + step * hop : place + (step + 1) * hop] for i, place in enumerate(places)}
        begin = time.process_time()
        single = [alone[i].push(samples) for i, samples in heard.items()]
        middle = time.process_time()
        batch = together.push(heard)
        end = time.process_time()
        apart = max(apart, *(float(np.abs(one - batch[i]).max(initial=0)) for i, one in enumerate(single)))
        if step > 100:  # all streams have found their level
            one_by_one.append(middle - begin)
            at_once.append(end - middle)
    return {
        "one_by_one": 1e3 * statistics.median(one_by_one),
        "at_once": 1e3 * statistics.median(at_once),
        "apart": apart,
    }


def memory(speech: NDArray[np.float32]) -> dict[str, float]:
    """What a stream adds, once it has heard a minute: both of its tracks, moods and alerts."""
    model, count = bundle.load(), 20
    roles: Any = {"left": "customer", "right": "agent"}
    half = len(speech) // 2

    def heard() -> Pipeline:
        pipeline = Pipeline(model, roles)
        for at in range(0, half, audio.RATE // 10):
            tracks = {"left": speech[at : at + 1600], "right": speech[half + at : half + at + 1600]}
            pipeline.push({name: Signal(samples, audio.RATE, at) for name, samples in tracks.items()})
        return pipeline

    warm = heard()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [heard() for _ in range(count)]
    gc.collect()
    added = (tracemalloc.get_traced_memory()[0] - before) / count
    tracemalloc.stop()
    del warm, kept
    return {"stream": added / 1e6}


# Page -------------------------------------------------------------------------------------------------------------


def section(kept: Mapping[str, Any]) -> Iterator[str]:
    mono, call, delay, vad, memory = (kept[name] for name in ("pushes", "call", "delay", "vad", "memory"))
    yield "## Time and memory\n"
    yield "| what | goal | measured | reference |"
    yield "|---|---|---|---|"
    yield _row("processor time of a push that judges a window, p99", 30, mono["p99"], "100 ms games, 500 ms calls")
    yield _row("... its median", None, mono["median"])
    yield _row("... all pushes together, per window", None, mono["per_window"])
    yield _row("... the same of a call: 8 kHz, two channels, an agent; p99", 30, call["p99"])
    yield _row("... all pushes together, per window", None, call["per_window"])
    yield _row("speed of life, 32 ms at a time: a window's last sample to its mood, p95", 80, delay["p95"])
    yield _row("... of it computing, p95", None, delay["computed"])
    one = f"{vad['one_by_one']:.1f} ms one by one, same run"
    yield _row(f"voice activity, {STREAMS} streams x 32 ms in one call", 5, vad["at_once"], one)
    yield _row(
        "memory that a stream of two tracks adds", 1, memory["stream"], "96 MB a job in an agent framework", "MB"
    )
    yield ""
    yield (
        f"- {mono['windows']} windows in {MINUTES} minutes of acted speech of five corpora, model `default`; mono at "
        f"16 kHz takes {mono['per_second']:.1f} ms of processor per second, a call {call['per_second']:.1f} ms."
    )
    yield (
        f"- The delay is that of the {delay['windows']} windows inside a turn, in {LIVE:.0f} s. The last window of "
        "a turn waits for the pause that ends it, 0.6 s more; another rate than 16 kHz adds 0.08 s, 8 kHz 0.004 s, a "
        "call with an agent 0.03 s (docs/live.md)."
    )
    yield f"- Voice activity in one call differs from one stream alone by {vad['apart']:.0e} at most."


def _row(what: str, goal: float | None, value: float, reference: str = "", unit: str = "ms") -> str:
    asked = "" if goal is None else f"<= {goal:g} {unit}: {'met' if value <= goal else '**missed**'}"
    return f"| {what} | {asked} | {value:.3g} {unit} | {reference} |"
