"""Network, rows -> what it says of them; and what is fitted from that without a step: a base's encodings, a first head.

What a frozen `base` says of a row is computed once and kept for as long as the process lives, whichever folds and seeds
ask for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from affekt import calibrate, metrics
from affekt.models import lda
from affekt.training import batches
from affekt.training.batches import Lengths
from affekt.training.examples import Examples
from affekt.training.run import Run

Floats = NDArray[np.float32]

# Judging ----------------------------------------------------------------------------------------------------------


@contextmanager
def _resting(module: nn.Module) -> Iterator[None]:
    """Judge without dropout or gradients, then go on as before."""
    was = module.training
    module.eval()
    with torch.no_grad():
        yield
    module.train(was)


def _apply(call: Callable[..., Any], module: nn.Module, x: Floats | Sequence[Floats], lengths: Lengths) -> list[Floats]:
    """Call on all rows, batch by batch; the outputs in the order of the rows."""
    device = next(module.parameters()).device
    found: list[list[Any]] = []
    places = []
    with _resting(module):
        for rows, frames, mask in batches.still(x, lengths):
            outputs = call(frames.to(device), mask.to(device))
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            found.append([output.float().cpu().numpy() for output in outputs])
            places.append(rows)
    order = np.argsort(np.concatenate(places))
    return [np.concatenate(parts)[order] for parts in zip(*found, strict=True)]


def judge(module: nn.Module, x: Sequence[Floats], lengths: Lengths) -> tuple[Floats, Floats]:
    """Judge raw rows; what a frozen base has said of a row is not asked again."""
    core: nn.Module = getattr(module, "core", module)
    if (base := getattr(module, "base", None)) is not None:
        x = _encode(base, _digest(base), x, lengths)
        lengths = replace(lengths, longest=10**9)
    logits, affect = _apply(core, core, x, lengths)
    return calibrate.softmax(logits.astype(np.float64)).astype(np.float32), affect


def score(module: nn.Module, tune: Examples, run: Run, lengths: Lengths) -> float:
    """Return the UAR of the development speakers, or their mean CCC where only affect is learned."""
    logits, affect = _apply(module, module, tune.x, lengths)
    named = tune.emotions >= 0
    if run.target.kind == "affect" or not named.any():
        rated = ~np.isnan(tune.affect).any(axis=1)
        return float(np.mean([metrics.ccc(tune.affect[rated, i], affect[rated, i]) for i in range(3)]))
    best = np.where(tune.known, logits, -np.inf).argmax(axis=1)
    return metrics.uar(tune.emotions[named].tolist(), best[named].tolist())


# What a frozen base says ------------------------------------------------------------------------------------------

_ENCODED: dict[tuple[str, str], NDArray[np.float16]] = {}


def encode(base: Any, examples: Examples, lengths: Lengths) -> Examples:
    """Replace the frames of all rows and copies by what the base says of them; half precision, kept in memory."""
    digest = _digest(base)
    copies = tuple(_encode(base, digest, copy, lengths) for copy in examples.copies)
    return replace(examples, x=_encode(base, digest, examples.x, lengths), copies=copies)


def _encode(base: Any, digest: str, x: Floats | Sequence[Floats], lengths: Lengths) -> list[Any]:
    keys = [(digest, hashlib.sha1(np.ascontiguousarray(row).tobytes(), usedforsecurity=False).hexdigest()) for row in x]
    missing = [i for i, key in enumerate(keys) if key not in _ENCODED]
    base.eval()
    for rows, frames, mask in batches.still([x[i] for i in missing], lengths):
        with torch.no_grad():
            states, real = base(frames, mask)
        for row, state, kept in zip(rows, states, real, strict=True):
            _ENCODED[keys[missing[row]]] = state[kept].numpy().astype(np.float16)
    return [_ENCODED[key] for key in keys]


def _digest(base: nn.Module) -> str:
    found = hashlib.sha256(repr(getattr(base, "split", "")).encode())
    for value in base.state_dict().values():
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


# A head to begin with ----------------------------------------------------------------------------------------------


def begin(core: Any, examples: Examples, lengths: Lengths) -> None:
    """Standardise a core's pooled vectors, and begin with a linear head where it asks for one."""
    rows = [examples.x, *examples.copies]
    pooled = np.concatenate([_apply(core.pooled, core, x, lengths)[0] for x in rows]).astype(np.float64)
    head = None
    if core.options.start == "lda":
        head = _linear_head(pooled, examples, core.options.shrinkage)
    core.start(pooled, head)


def _linear_head(
    pooled: NDArray[np.float64], examples: Examples, shrinkage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit an LDA, as sure of itself as it may be with speakers that it has not heard."""
    times = len(pooled) // len(examples)
    named = np.tile(examples.emotions >= 0, times)
    truth = np.array(examples.labels.names)[np.tile(examples.emotions, times)][named]
    x, speakers = pooled[named], np.tile(examples.speakers, times)[named]
    half = np.isin(speakers, np.unique(speakers)[::2])
    temperature = 1.0
    if 0 < half.sum() < len(half) and set(truth[half]) == set(truth):
        trial = lda.fit(x[half], truth[half], shrinkage=shrinkage)
        columns = np.array([trial.labels.names.index(name) for name in truth[~half]])
        temperature = calibrate.temperature(trial.scores(x[~half]), columns)
    head = lda.fit(x, truth, shrinkage=shrinkage)
    places = [examples.labels.names.index(name) for name in head.labels]
    weights, bias = np.zeros((x.shape[1], len(examples.labels))), np.full(len(examples.labels), -20.0)
    weights[:, places], bias[places] = head.weights / temperature, head.bias / temperature
    return weights, bias
