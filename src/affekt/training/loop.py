"""Examples -> a trained network. The one loop: AdamW, warm-up and cosine, on development speakers' word.

accelerate brings precision, devices and several processes; this module brings what a run asks for. All that is random
in a step follows from the seed and the number of the step, so a run that was interrupted goes on from its checkpoint
to the very same weights. Checkpoints are safetensors: nothing is pickled.

A network may have a `base` that is never trained (a frozen encoder) and a `core` that is: `judging` then asks the base
once of each row.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affekt.errors import DataError, UsageError
from affekt.registry import need
from affekt.training import batches, export, judging, losses
from affekt.training.batches import Batch, Lengths
from affekt.training.examples import Examples
from affekt.training.run import Run

Floats = NDArray[np.float32]
ModuleOf = Callable[[int, int], Any]
"""(columns of a frame, labels) -> untrained network"""

SAVE_AFTER = 30.0
"""Seconds between two checkpoints within an epoch; at its end there is always one."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch came to."""

    seed: int
    number: int
    "counted from 1"
    of: int
    loss: float
    "mean over the steps"
    score: float
    "of the development speakers: UAR, or mean CCC where only affect is learned; NaN without them"
    seconds: float
    rate: float
    "learning rate at its end"


@dataclass(frozen=True, slots=True)
class Fitted:
    """Trained networks of one architecture; their judgements are averaged."""

    modules: tuple[nn.Module, ...]
    epochs: int
    "of the best epoch, the median over the networks: what a run without development speakers should take"
    history: tuple[Epoch, ...]
    lengths: Lengths
    dim: int

    def probs(self, x: Sequence[Floats]) -> Floats:
        """Judge rows (frames, dim): probabilities (n, labels)."""
        return self._judged(x)[0]

    def affect(self, x: Sequence[Floats]) -> Floats:
        """Judge rows (frames, dim): valence, arousal, dominance (n, 3)."""
        return self._judged(x)[1]

    def graph(self) -> bytes:
        """Export: ONNX, `x` (1, frames, dim) -> `probs` (1, labels), `affect` (1, 3), any number of frames."""
        return export.graph(self.modules, self.dim)

    def _judged(self, x: Sequence[Floats]) -> tuple[Floats, Floats]:
        each = [judging.judge(module, x, self.lengths) for module in self.modules]
        return _mean([probs for probs, _ in each]), _mean([affect for _, affect in each])


def _mean(parts: Sequence[Floats]) -> Floats:
    found: Floats = np.stack(parts).mean(axis=0)
    return found


def fit(
    examples: Examples,
    development: Examples | None,
    run: Run,
    *,
    module_of: ModuleOf,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    on_step: Callable[[int, int], None] = lambda step, of: None,
    checkpoint: Path | None = None,
) -> Fitted:
    """Train as a run asks, once for each of its seeds.

    Args:
        examples: training speakers, with frames.
        development: other speakers, on whom the best epoch is chosen; without them every epoch is trained and the
            last weights are taken.
        run: what is asked for.
        module_of: makes the network: `functools.partial(plugin.build, options=options)`.
        on_epoch: is told each epoch.
        on_step: is told steps done and steps in all.
        checkpoint: folder in which an interrupted run is taken up again; none without it.

    Raises:
        DataError: no rows, or a speaker in both parts.
        UsageError: the precision is not to be had here.
    """
    _check(examples, development)
    fitted: list[_Training] = []
    for number in range(run.optimise.seeds):
        seed = run.seed + number
        train, tune = _rotate(examples, development, run, number)
        place = None if checkpoint is None else checkpoint / f"seed{seed}"
        training = _Training(train, tune, run=run, seed=seed, module_of=module_of, place=place)
        training.go(on_epoch, on_step)
        fitted.append(training)
    return Fitted(
        tuple(one.whole for one in fitted),
        round(float(np.median([one.state.best_epoch for one in fitted]))),
        tuple(epoch for one in fitted for epoch in one.state.history),
        fitted[0].raw_lengths,
        fitted[0].dim,
    )


def _check(examples: Examples, development: Examples | None) -> None:
    if not len(examples):
        raise DataError("there is no utterance to learn from")
    if isinstance(examples.x, np.ndarray) and examples.x.ndim == 2:
        raise UsageError("a network hears frames: features.level must be 'frames'")
    shared = set(examples.speakers) & set(development.speakers) if development is not None else set()
    if shared:
        raise DataError(f"{sorted(shared)[0]} is both a training and a development speaker")


def _rotate(
    examples: Examples, development: Examples | None, run: Run, number: int
) -> tuple[Examples, Examples | None]:
    """Deal other development speakers to each seed, so that the networks together have heard everybody."""
    if development is None or not run.optimise.rotate or not number:
        return examples, development
    everybody = _join(development, examples)
    first = np.unique(development.speakers)
    others = np.random.default_rng(run.seed).permutation(np.unique(examples.speakers))
    order = np.concatenate([first, others])
    chosen = np.roll(order, -number * len(first))[: len(first)]
    tuned = np.isin(everybody.speakers, chosen)
    return everybody.part(~tuned), everybody.part(tuned)


def _join(one: Examples, other: Examples) -> Examples:
    names = ("ids", "speakers", "corpora", "emotions", "ratings", "affect", "known")
    arrays: dict[str, Any] = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    copies = tuple([*a, *b] for a, b in zip(one.copies, other.copies, strict=True))
    return replace(one, x=[*one.x, *other.x], copies=copies, **arrays)


# One network ------------------------------------------------------------------------------------------------------


@dataclass
class _State:
    """Where a training stands; all of it but the tensors."""

    step: int = 0
    epoch: int = 0
    "epochs done"
    batch: int = 0
    "batches done of the one after"
    loss: float = 0.0
    "sum over those batches"
    seconds: float = 0.0
    best: float = -math.inf
    best_epoch: int = 0
    done: bool = False
    history: list[Epoch] = field(default_factory=list)


class _Training:
    """One network from its first step to its best epoch."""

    def __init__(
        self,
        examples: Examples,
        tune: Examples | None,
        *,
        run: Run,
        seed: int,
        module_of: ModuleOf,
        place: Path | None,
    ) -> None:
        self.run, self.seed, self.state = run, seed, _State()
        self.dim = examples.x[0].shape[1]
        torch.manual_seed(seed)
        self.whole: Any = module_of(self.dim, len(examples.labels))
        self.raw_lengths = self.lengths = Lengths.of(run)
        core = self._prepare_rows(examples, tune)
        self.accelerator = _accelerator(run, place)
        self.optimiser = torch.optim.AdamW(_groups(core, run), weight_decay=run.optimise.decay)
        self.peaks = [group["lr"] for group in self.optimiser.param_groups]
        self.encoder = [p for parameters, _ in getattr(core, "rates", list)() for p in parameters]
        self.core, self.optimiser = self.accelerator.prepare(core, self.optimiser)
        self.bare: nn.Module = self.accelerator.unwrap_model(self.core)
        self.average = _average(self.bare, run.optimise.average)
        self.objective = losses.Objective.of(run.target, run.balance, _counts(self.examples, run))
        self.best = {name: value.clone() for name, value in self.judge.state_dict().items()}
        self.file = None if place is None else place / "checkpoint.safetensors"
        self.signature = _signature(run, seed, examples)

    def _prepare_rows(self, examples: Examples, tune: Examples | None) -> nn.Module:
        """Fit what is fitted without steps, ask the base what it says of each row, and return what is trained."""
        if (normalise := getattr(self.whole, "normalise", None)) is not None:
            normalise.fit(examples.x)
        if (base := getattr(self.whole, "base", None)) is not None:
            self.lengths = Lengths.of(self.run, self.whole.hop)
            examples = judging.encode(base, examples, self.raw_lengths)
            tune = None if tune is None else judging.encode(base, tune, self.raw_lengths)
        self.examples, self.tune = examples, tune
        core: nn.Module = getattr(self.whole, "core", self.whole)
        if hasattr(core, "start"):
            judging.begin(core, examples, self.lengths)
        return core

    @property
    def judge(self) -> nn.Module:
        """The weights that are judged: their moving average where the run wants one."""
        return self.bare if self.average is None else self.average.module

    @cached_property
    def of(self) -> int:
        """Steps in all, as far as the first epoch tells."""
        return max(1, len(self.plan(0)) * self.run.optimise.epochs)

    def plan(self, epoch: int) -> list[NDArray[np.intp]]:
        """Deal the rows of an epoch; the processes of one training take turns."""
        rng = np.random.default_rng([self.seed, 1, epoch])
        rows = batches.draw(self.examples.emotions, self.run.balance.strategy, rng)
        most = self.lengths.longest if self.lengths.crop is None else self.lengths.crop
        sizes = np.array([min(len(self.examples.x[row]), most) for row in rows], dtype=np.intp)
        plans = [rows[part] for part in batches.plan(sizes, self.lengths.batch, rng)]
        mine, processes = self.accelerator.process_index, self.accelerator.num_processes
        return plans[mine::processes][: max(1, len(plans) // processes)]

    def go(self, on_epoch: Callable[[Epoch], None], on_step: Callable[[int, int], None]) -> None:
        """Train, from the checkpoint if there is one."""
        self.load()
        while not self.state.done:
            self.train_epoch(on_step)
            epoch = self.judge_epoch()
            self.save()
            on_epoch(epoch)
        self.judge.load_state_dict(self.best)
        self.bare.load_state_dict(self.best)
        self.accelerator.end_training()
        self.whole.to("cpu").eval()

    def train_epoch(self, on_step: Callable[[int, int], None]) -> None:
        """Take the steps of an epoch that are still to be taken."""
        state, plan = self.state, self.plan(self.state.epoch)
        saved = begun = time.monotonic()
        moving = state.epoch >= self.run.optimise.head_first
        for parameter in self.encoder:
            parameter.requires_grad_(moving)
        self.core.train()
        for rows in plan[state.batch :]:
            state.loss += self.step(rows)
            state.batch += 1
            on_step(state.step, self.of)
            if time.monotonic() - saved >= SAVE_AFTER:
                state.seconds += time.monotonic() - begun
                begun = saved = time.monotonic()
                self.save()
        state.seconds += time.monotonic() - begun

    def step(self, rows: NDArray[np.intp]) -> float:
        """Learn from one batch; returns its loss."""
        torch.manual_seed(int(np.random.default_rng([self.seed, 2, self.state.step]).integers(2**62)))
        rng = np.random.default_rng([self.seed, 3, self.state.step, self.accelerator.process_index])
        batch = batches.gather(self.examples, rows, self.run, lengths=self.lengths, rng=rng).to(self.accelerator.device)
        share = self.schedule(self.state.step)
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * share
        loss = self._loss(batch)
        self.optimiser.zero_grad()
        self.accelerator.backward(loss)
        if self.run.optimise.clip > 0:
            self.accelerator.clip_grad_norm_(self.core.parameters(), self.run.optimise.clip)
        self.optimiser.step()
        if self.average is not None:
            self.average.update_parameters(self.bare)
        self.state.step += 1
        return float(loss.detach())

    def _loss(self, batch: Batch) -> Tensor:
        outputs = self.core(batch.x, batch.mask)
        return self.objective(outputs, target=batch.target, known=batch.known, affect=batch.affect)

    def schedule(self, step: int) -> float:
        """Share of the peak learning rate: a straight way up, then half a cosine down."""
        warm = max(1, round(self.run.optimise.warmup * self.of))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, self.of - warm))))

    def judge_epoch(self) -> Epoch:
        """Ask the development speakers, keep the weights if they are the best so far, and decide whether to go on."""
        state, optimise = self.state, self.run.optimise
        state.epoch += 1
        score = float("nan")
        if self.tune is not None:
            own = judging.score(self.judge, self.tune, self.run, self.lengths)
            # Running statistics differ a little between processes; all must agree on when to stop.
            score = float(self.accelerator.gather(torch.tensor([own], device=self.accelerator.device))[0])
        if self.tune is None or score > state.best or not state.best_epoch:
            state.best, state.best_epoch = score, state.epoch
            self.best = {name: value.detach().clone() for name, value in self.judge.state_dict().items()}
        loss = state.loss / max(1, state.batch)
        rate = self.optimiser.param_groups[0]["lr"]
        epoch = Epoch(self.seed, state.epoch, optimise.epochs, loss, score, state.seconds, rate)
        state.history.append(epoch)
        state.batch, state.loss, state.seconds = 0, 0.0, 0.0
        tired = self.tune is not None and 0 < optimise.patience <= state.epoch - state.best_epoch
        state.done = state.epoch >= optimise.epochs or tired
        if self.accelerator.trackers:
            self.accelerator.log({"loss": loss, "development": score, "rate": rate}, step=state.epoch)
        return epoch

    # The checkpoint: tensors, and everything else as JSON in the file's own metadata, so that both appear at once.

    def save(self) -> None:
        """Write all that the next step depends on."""
        if self.file is None or not self.accelerator.is_main_process:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        state = json.dumps(asdict(self.state))
        tensors = {name: value.detach().contiguous().clone() for name, value in self._tensors()}
        need("safetensors.torch", extra="train").save_file(
            tensors, part, metadata={"state": state, "signature": self.signature}
        )
        part.replace(self.file)

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        parts = {"core": self.bare.state_dict(), "best": self.best}
        if self.average is not None:
            parts["average"] = self.average.state_dict()
        for part, tensors in parts.items():
            yield from ((f"{part}/{name}", value) for name, value in tensors.items())
        for index, moments in self.optimiser.state_dict()["state"].items():
            yield from ((f"moments/{index}/{name}", value) for name, value in moments.items())

    def load(self) -> None:
        """Go back to the checkpoint of this very run; one of another run is written over."""
        if self.file is None or not self.file.is_file():
            return
        with need("safetensors", extra="train").safe_open(self.file, framework="pt") as file:
            metadata = file.metadata()
            if metadata["signature"] != self.signature:
                return
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a mapping
        state = json.loads(metadata["state"])
        state["history"] = [Epoch(**epoch) for epoch in state["history"]]
        self.state = _State(**state)
        self.bare.load_state_dict(_below(tensors, "core/"))
        self.best = _below(tensors, "best/")
        if self.average is not None:
            self.average.load_state_dict(_below(tensors, "average/"))
        self._load_moments(_below(tensors, "moments/"))

    def _load_moments(self, tensors: dict[str, Tensor]) -> None:
        kept = self.optimiser.state_dict()
        kept["state"] = {}
        for name, value in tensors.items():
            index, _, moment = name.partition("/")
            kept["state"].setdefault(int(index), {})[moment] = value
        self.optimiser.load_state_dict(kept)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _signature(run: Run, seed: int, examples: Examples) -> str:
    return hashlib.sha256(f"{run!r} {seed} {examples.ids.tolist()}".encode()).hexdigest()


def _accelerator(run: Run, place: Path | None) -> Any:
    accelerate = need("accelerate", extra="train")
    accelerate.state.AcceleratorState._reset_state()  # another run of this process may have had another precision
    precision = {"fp32": "no"}.get(run.optimise.precision, run.optimise.precision)
    trackers = [name for name, wanted in (("tensorboard", run.tensorboard), ("mlflow", run.mlflow)) if wanted]
    if run.tensorboard:
        need("tensorboard", extra="train")
    if run.mlflow and not accelerate.utils.is_mlflow_available():
        raise UsageError(
            f"mlflow = {run.mlflow!r} needs a package that affekt does not bring: pip install mlflow-skinny"
        )
    label = _label(run, place)
    # The head of what is not asked for has no gradient, nor has an encoder that waits for its head.
    unused = accelerate.DistributedDataParallelKwargs(find_unused_parameters=True)
    try:
        accelerator = accelerate.Accelerator(
            mixed_precision=precision,
            log_with=trackers or None,
            project_dir=run.folder / run.name / "tensorboard" / label,
            kwargs_handlers=[unused],
        )
    except ValueError as error:
        raise UsageError(f"optimise.precision = {run.optimise.precision!r} is not to be had here: {error}") from error
    if run.mlflow and accelerator.is_main_process:
        _open_store(run.mlflow)
    if trackers:
        accelerator.init_trackers(run.name, init_kwargs={"mlflow": {"run_name": label or None}} if run.mlflow else {})
    return accelerator


def _label(run: Run, place: Path | None) -> str:
    """Name one training of a run, as its checkpoint is named: fold/try/seed."""
    if place is None:
        return ""
    checkpoints = run.folder / run.name / "checkpoints"
    return place.relative_to(checkpoints).as_posix() if place.is_relative_to(checkpoints) else place.name


def _open_store(address: str) -> None:
    """Say where MLflow keeps what it is told; it tells nobody else, as it would by itself."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = need("mlflow", extra="dev")
    mlflow.set_tracking_uri(address)
    try:
        mlflow.search_experiments(max_results=1)
    except mlflow.exceptions.MlflowException as error:
        raise UsageError(
            f"mlflow = {address!r} cannot be opened; sqlite:///mlflow.db is a local store: {error}"
        ) from error


def _groups(core: nn.Module, run: Run) -> list[dict[str, Any]]:
    """Group the trained weights by learning rate: the encoder's own, and all others."""
    optimise = run.optimise
    pretrained = optimise.rate / 10 if optimise.encoder_rate is None else optimise.encoder_rate
    groups: list[dict[str, Any]] = []
    for parameters, factor in getattr(core, "rates", list)():
        groups.append({"params": parameters, "lr": pretrained * factor})
    taken = {id(p) for group in groups for p in group["params"]}
    rest = [p for p in core.parameters() if p.requires_grad and id(p) not in taken]
    return [{"params": rest, "lr": optimise.rate}, *groups]


def _average(module: nn.Module, decay: float) -> Any:
    if not decay:
        return None
    swa: Any = torch.optim.swa_utils
    return swa.AveragedModel(module, multi_avg_fn=swa.get_ema_multi_avg_fn(decay), use_buffers=True)


def _counts(examples: Examples, run: Run) -> NDArray[np.float64]:
    everyone = np.arange(len(examples))
    if run.balance.strategy in {"oversample", "sampler"}:
        return np.ones(len(examples.labels))  # the rows themselves are balanced
    counts: NDArray[np.float64] = batches.shares(examples, everyone, run.target.kind).sum(axis=0, dtype=np.float64)
    return counts
