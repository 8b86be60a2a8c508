"""Run -> what it will take. Who is trained on and tested, how many fits or steps, about how long, how much memory.

Time is measured, not guessed: a few recordings are heard, and one model of the run's size is fitted to random numbers.
The machine may be busier later, so read "about" as half to twice.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import audio
from affekt.errors import AffektError, DataError, UsageError
from affekt.training import classical, examples, results, search
from affekt.training.examples import Gathered
from affekt.training.run import Run
from affekt.types import LabelSet

Floats = NDArray[np.float32]

_HEARD = 3  # recordings that are heard to know how long it takes
_PROBED = 200  # recordings whose length is looked up
_ROWS = 800  # of a trial fit
_TRIED = 12.0  # seconds of speech in a trial step
_SCORED = 0.5  # seconds per model for calibration and intervals
_BASE = 250e6  # bytes of Python, numpy and onnxruntime
_TORCH = 450e6  # bytes that torch and transformers add


@dataclass(frozen=True, slots=True)
class Side:
    """One part of a fold."""

    clips: int
    speakers: int
    emotions: int
    "that occur in it"


@dataclass(frozen=True, slots=True)
class Cost:
    """What the fits take."""

    fits: int
    "models that are fitted: all folds, inner parts and the final model together"
    steps: int
    "of the optimiser, at most; 0 for classical models"
    seconds: float
    "NaN where it was not measured"
    memory: float
    "bytes at most, features included"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do."""

    run: Run
    clips: int
    speakers: int
    speech: float
    "seconds, about"
    labels: LabelSet
    counts: tuple[int, ...]
    "clips per label"
    folds: tuple[tuple[str, Side, Side, Side], ...]
    "name, train, development, test"
    dimensions: int
    hearing: float
    "seconds to compute the features that are not in the cache, in one process; NaN where it was not measured"
    cost: Cost
    free: float
    "bytes of memory that are free, NaN where unknown"
    leaky: bool

    @property
    def seconds(self) -> float:
        """In all, about; NaN where it was not measured."""
        return self.hearing + self.cost.seconds

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": "affekt.plan/1",
            "run": self.run.name,
            "split": results.LEAKY if self.leaky else "speaker-independent",
            "clips": self.clips,
            "speakers": self.speakers,
            "speech": round(self.speech),
            "labels": dict(zip(self.labels, self.counts, strict=True)),
            "folds": [_fold(*fold) for fold in self.folds],
            "dimensions": self.dimensions,
            "fits": self.cost.fits,
            "steps": self.cost.steps,
            "seconds": None if math.isnan(self.seconds) else round(self.seconds),
            "memory": round(self.cost.memory),
            "free": None if math.isnan(self.free) else round(self.free),
        }

    def refuse(self) -> None:
        """Refuse what cannot fit in memory.

        Raises:
            UsageError: it needs more than is free; the message says what would need less.
        """
        if self.cost.memory > self.free:
            less = "a smaller optimise.batch" if self.cost.steps else "a feature set of fewer columns"
            raise UsageError(
                f"this run needs about {self.cost.memory / 1e9:.1f} GB of memory, and {self.free / 1e9:.1f} GB are "
                f"free. Take a shorter features.longest, fewer augment.copies, {less}, or a part of the data"
            )


def _fold(name: str, *sides: Side) -> dict[str, Any]:
    said = ({"clips": s.clips, "speakers": s.speakers, "emotions": s.emotions} for s in sides)
    return {"fold": name, **dict(zip(("train", "development", "test"), said, strict=True))}


def plan(run: Run, gathered: Gathered | None = None, *, timed: bool = True) -> Plan:
    """Say what a run will take.

    Args:
        run: the run.
        gathered: its rows, where they were read before.
        timed: also measure time.

    Raises:
        AffektError: what `train` would raise before it begins.
    """
    from affekt.training import check

    module, found = check(run), gathered or examples.gather(run)
    rows, lengths = found.examples, _lengths(found)
    heard, each = _hear(found, run)
    cost_of = _network if module.KIND == "neural" else _classical
    trial = _Trial(run, module, found, heard, float(np.minimum(lengths, run.features.longest).mean()), timed)
    return Plan(
        run=run,
        clips=len(rows),
        speakers=len(np.unique(rows.speakers)),
        speech=float(lengths.mean() * len(rows)),
        labels=rows.labels,
        counts=tuple(int((rows.emotions == i).sum()) for i in range(len(rows.labels))),
        folds=tuple(
            (f.name, _side(found, f.train), _side(found, f.development), _side(found, f.test)) for f in found.folds
        ),
        dimensions=heard.shape[-1],
        hearing=each * len(rows) * (1 - examples.cached(found, run)) if timed else float("nan"),
        cost=cost_of(trial),
        free=free(),
        leaky=found.leaky,
    )


def _side(found: Gathered, rows: NDArray[np.intp]) -> Side:
    emotions = found.examples.emotions[rows]
    return Side(len(rows), len(np.unique(found.examples.speakers[rows])), len(np.unique(emotions[emotions >= 0])))


def _some(count: int, wanted: int) -> list[int]:
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, wanted))})


def _lengths(found: Gathered) -> NDArray[np.float64]:
    """Seconds of some utterances."""
    seconds = []
    for row in _some(len(found.files), _PROBED):
        segment = found.segments[row]
        seconds.append(_duration(found.files[row]) if segment is None else segment.duration)
    known = [s for s in seconds if s is not None]
    if not known:
        raise DataError(f"no recording can be opened; the first is {found.files[0]}")
    return np.array(known)


def _duration(path: Path) -> float | None:
    try:
        with audio.open_recording(path) as recording:
            return recording.duration
    except AffektError:
        return None


def _hear(found: Gathered, run: Run) -> tuple[Floats, float]:
    """Features of a recording, and the seconds that one takes with all its copies."""
    heard, spent, values = examples.input_of(run), [], None
    for row in _some(len(found.files), _HEARD):
        began = time.process_time()
        try:
            for copy in (None, *examples.chains_of(run)):
                name = str(found.examples.ids[row])
                values = heard.hear(examples.sound(found.files[row], found.segments[row], name, copy=copy))
        except AffektError:
            continue
        spent.append(time.process_time() - began)
    if values is None:
        raise DataError(f"none of {_HEARD} recordings can be read; the first is {found.files[0]}")
    return values, min(spent)  # the first one also pays for loading the encoder


# What the fits take -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trial:
    run: Run
    module: ModuleType
    found: Gathered
    heard: Floats
    "of one recording"
    mean: float
    "seconds of an utterance, cropped"
    timed: bool

    @property
    def taught(self) -> int:
        """Rows of the largest training side."""
        return max(len(fold.taught) for fold in self.found.folds)

    @property
    def options(self) -> Any:
        return classical.parse(self.module, next(search.corners(self.run.model)))

    @property
    def features(self) -> float:
        """Bytes of all features."""
        frames = len(self.heard) if self.heard.ndim == 2 else 1
        return float(len(self.found.examples) * (1 + len(self.run.augment.copies)) * frames * self.heard.shape[-1] * 4)


def _classical(trial: _Trial) -> Cost:
    speakers = [_side(trial.found, fold.taught).speakers for fold in trial.found.folds]
    if trial.run.target.kind != "affect":  # the bundle is the last
        speakers.append(len(np.unique(trial.found.examples.speakers)))
    models, tries = len(speakers), search.tries(trial.run.model)
    fits = sum(tries * min(classical.INNER, known) + 1 for known in speakers)
    rows, dim = trial.taught * (1 + len(trial.run.augment.copies)), trial.heard.shape[-1]
    # Raw, prepared and centred rows, and a few matrices of covariances at their side.
    memory = _BASE + trial.features + rows * dim * (4 + 3 * 8) + 4 * 8 * min(dim, rows) ** 2
    memory += 5e8 * (trial.run.model.name == "svm")
    seconds = fits * _fit_seconds(trial, rows, dim) + models * _SCORED if trial.timed else float("nan")
    return Cost(fits, 0, seconds, memory)


def _fit_seconds(trial: _Trial, rows: int, dim: int) -> float:
    """Time of one fit, from one on random numbers."""
    rng, used = np.random.default_rng(0), min(rows, _ROWS)
    truth = np.arange(used) % max(2, len(trial.found.examples.labels))
    x = (rng.normal(size=(used, dim)) + 0.4 * rng.normal(size=(truth.max() + 1, dim))[truth]).astype(np.float32)
    half, spent = max(used // 2, min(used, 2 * len(set(truth.tolist())))), []
    for size in (half, half, used):  # the first pays for what is imported
        began = time.process_time()
        if trial.module.KIND == "regression":
            trial.module.learn(x[:size], rng.uniform(-1, 1, (size, 3)), options=trial.options)
        else:
            trial.module.learn(x[:size], truth[:size], trial.found.examples.labels, options=trial.options)
        spent.append(time.process_time() - began)
    growth = 2 if trial.run.model.name == "svm" else 1
    # a + b * rows ** growth through the last two; what does not depend on the rows must not be multiplied
    slope = max(0.0, spent[2] - spent[1]) / max(1, used**growth - half**growth)
    return float(spent[2] + slope * max(0, rows**growth - used**growth))


def _network(trial: _Trial) -> Cost:
    run, folds = trial.run, trial.found.folds
    speech = max(len(fold.train) for fold in folds) * trial.mean
    models = (len(folds) * search.tries(trial.run.model) + (run.target.kind != "affect")) * run.optimise.seeds
    steps = math.ceil(speech / (0.9 * run.optimise.batch)) * run.optimise.epochs
    step, memory = _step(trial)
    judged = 1.5  # with what development speakers and best weights take
    return Cost(models, steps * models, step * steps * models * judged, _BASE + _TORCH + trial.features + memory)


def _step(trial: _Trial) -> tuple[float, float]:
    """Seconds and bytes of one step, from one on a few random utterances."""
    import torch

    rows = max(1, round(min(_TRIED, trial.run.optimise.batch) / trial.mean))
    frames, labels = len(trial.heard), max(1, len(trial.found.examples.labels))
    module = trial.module.build(trial.heard.shape[-1], labels, options=trial.options)
    x = torch.randn(rows, frames, trial.heard.shape[-1])
    mask, kept = torch.ones(rows, frames, dtype=torch.bool), dict[int, int]()

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    began = time.process_time()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        logits, affect = module(x, mask)
    (logits.square().mean() + affect.square().mean()).backward()
    spent, weights = time.process_time() - began, sum(p.numel() * p.element_size() for p in module.parameters())
    share = trial.run.optimise.batch / (rows * trial.mean)
    activations = max(0, sum(kept.values()) - weights) * share
    return (spent * share if trial.timed else float("nan")), 5 * weights + 2 * activations


def free() -> float:
    """Bytes of memory that a new process can have; NaN where the system does not say."""
    found = [_meminfo(), _cgroup()]
    known = [value for value in found if not math.isnan(value)]
    return min(known) if known else float("nan")


def _meminfo() -> float:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pass
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return float("nan")


def _cgroup() -> float:
    """What a container may still take."""
    folder = Path("/sys/fs/cgroup")
    try:
        most, used = ((folder / f"memory.{name}").read_text(encoding="ascii").strip() for name in ("max", "current"))
        return float("nan") if most == "max" else float(most) - float(used)
    except (OSError, ValueError):
        return float("nan")
