"""Examples -> batches. Rows of like length together, bounded by seconds of padded speech; masks, crops, mixtures.

Everything random is drawn from a generator that is made of the run's seed and the number of the epoch or step, so that
a run which was interrupted goes on exactly as it would have gone.

Sources: SpecAugment, Park et al. 2019; mixup, Zhang et al. 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affekt import registry
from affekt.training.examples import Examples
from affekt.training.run import Augmenting, Balancing, Run

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows side by side, padded to the longest."""

    x: Tensor
    "(batch, frames, dim)"
    mask: Tensor
    "(batch, frames): a frame is real"
    target: Tensor
    "shares of the emotions (batch, labels); zeros where nobody named one"
    known: Tensor
    "(batch, labels)"
    affect: Tensor
    "(batch, 3), NaN where nobody rated"

    def to(self, device: torch.device) -> Batch:
        """Move it to a device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths in frames."""

    batch: int
    "of all rows of a batch together, padding included"
    longest: int
    crop: int | None = None
    "of the random stretch that is taken in training"

    @classmethod
    def of(cls, run: Run, hop: float | None = None) -> Lengths:
        """Turn a run's seconds into frames of `hop` seconds, by default those of its feature set."""
        step = frame_hop(run.features.set) if hop is None else hop
        crop = run.features.crop
        frames = [max(1, round(seconds / step)) for seconds in (run.optimise.batch, run.features.longest, crop or 1.0)]
        return cls(frames[0], frames[1], None if crop is None else frames[2])


def frame_hop(name: str) -> float:
    """Return the seconds from one frame of a feature set to the next; of samples, 1/16000.

    >>> frame_hop("logmel")
    0.01
    """
    if name == "samples":
        return 1 / 16000
    hop: float = registry.load("features", name).HOP
    return hop


# Which rows -------------------------------------------------------------------------------------------------------


def draw(emotions: Rows, strategy: Balancing, rng: np.random.Generator) -> Rows:
    """Choose the rows of an epoch.

    Args:
        emotions: of each row, -1 where nobody named one.
        strategy: `oversample` repeats rows of rare emotions until all are as frequent as the most frequent one;
            `sampler` draws as many rows as there are, every emotion alike; anything else takes each row once.
        rng: draws.

    >>> draw(np.array([0, 0, 0, 1]), "oversample", np.random.default_rng(0)).tolist()
    [0, 1, 2, 3, 3, 3]
    """
    everyone = np.arange(len(emotions))
    names, index, counts = np.unique(emotions, return_inverse=True, return_counts=True)
    if strategy == "oversample":
        extra = [rng.choice(everyone[index == i], counts.max() - n) for i, n in enumerate(counts) if names[i] >= 0]
        return np.concatenate([everyone, *extra])
    if strategy == "sampler":
        return rng.choice(everyone, len(everyone), p=1 / (counts[index] * len(counts)))
    return everyone


def plan(lengths: Rows, most: int, rng: np.random.Generator | None = None) -> list[Rows]:
    """Part rows into batches of like length, none with more than `most` frames once padded.

    A row that is longer than that is a batch of its own. With a generator, lengths are blurred by a tenth so that
    batches differ from epoch to epoch, and the batches come in random order; without one, in the order of length.

    Args:
        lengths: frames of each row.
        most: frames of a batch, padding included.
        rng: draws.

    >>> [rows.tolist() for rows in plan(np.array([5, 2, 3, 5]), 10)]
    [[1, 2], [0, 3]]
    """
    blurred = lengths * (1.0 if rng is None else rng.uniform(0.9, 1.1, len(lengths)))
    batches: list[list[int]] = [[]]
    longest = 0
    for row in np.argsort(blurred, kind="stable"):
        longest = max(longest, int(lengths[row]))
        if batches[-1] and longest * (len(batches[-1]) + 1) > most:
            batches.append([])
            longest = int(lengths[row])
        batches[-1].append(int(row))
    order = np.arange(len(batches)) if rng is None else rng.permutation(len(batches))
    return [np.array(batches[i], dtype=np.intp) for i in order if batches[i]]


# What they are ----------------------------------------------------------------------------------------------------


def pad(rows: Sequence[Floats]) -> tuple[Tensor, Tensor]:
    """Pad rows (frames, dim) to the longest: (batch, frames, dim), and the mask of what is real.

    >>> x, mask = pad([np.ones((2, 1), np.float32), np.ones((1, 1), np.float32)])
    >>> x[..., 0].tolist(), mask.tolist()
    ([[1.0, 1.0], [1.0, 0.0]], [[True, True], [True, False]])
    """
    frames = max(len(row) for row in rows)
    x = np.zeros((len(rows), frames, rows[0].shape[1]), np.float32)
    mask = np.zeros((len(rows), frames), bool)
    for i, row in enumerate(rows):
        x[i, : len(row)], mask[i, : len(row)] = row, True
    return torch.from_numpy(x), torch.from_numpy(mask)


def crop(row: Floats, most: int, rng: np.random.Generator | None = None) -> Floats:
    """Cut a row to at most so many frames: anywhere with a generator, else in the middle."""
    spare = len(row) - most
    if spare <= 0:
        return row
    at = spare // 2 if rng is None else int(rng.integers(spare + 1))
    return row[at : at + most]


def hide(row: Floats, augment: Augmenting, rng: np.random.Generator) -> Floats:
    """SpecAugment: set stretches of frames, a third of them at most, and of columns to the row's mean."""
    if not augment.time_masks and not augment.band_masks:
        return row
    row, middle = row.copy(), row.mean(axis=0)
    most = min(augment.time_width, len(row) // max(3, 3 * augment.time_masks))
    for _ in range(augment.time_masks):
        width = int(rng.integers(most + 1))
        at = int(rng.integers(len(row) - width + 1))
        row[at : at + width] = middle
    for _ in range(augment.band_masks):
        width = int(rng.integers(min(augment.band_width, row.shape[1]) + 1))
        at = int(rng.integers(row.shape[1] - width + 1))
        row[:, at : at + width] = middle[at : at + width]
    return row


def mix(row: Floats, other: Floats, share: float) -> Floats:
    """Weigh two rows; the other is repeated or cut to the length of the first, so that no padding is mixed in."""
    wrapped = other[np.arange(len(row)) % len(other)]
    return (share * row + (1 - share) * wrapped).astype(np.float32)


def shares(examples: Examples, rows: Rows, kind: str) -> Floats:
    """Return targets (n, labels): the ratings, or one-hot emotions; zeros where nobody named one."""
    if kind == "ratings":
        return np.nan_to_num(examples.ratings[rows]).astype(np.float32)
    found = np.zeros((len(rows), len(examples.labels)), np.float32)
    named = np.flatnonzero(examples.emotions[rows] >= 0)
    found[named, examples.emotions[rows][named]] = 1
    return found


def gather(examples: Examples, rows: Rows, run: Run, *, lengths: Lengths, rng: np.random.Generator) -> Batch:
    """Make a training batch of some rows: copies, crops, masks and mixtures as the run asks for them."""
    augment = run.augment
    most = lengths.longest if lengths.crop is None else lengths.crop
    heard = [crop(_heard(examples, int(row), augment, rng), most, rng) for row in rows]
    target, known, affect = shares(examples, rows, run.target.kind), examples.known[rows], examples.affect[rows]
    if augment.mixup > 0 and len(rows) > 1:
        partner = rng.permutation(len(rows))
        lam = rng.beta(augment.mixup, augment.mixup, len(rows)).astype(np.float32)
        lam = np.maximum(lam, 1 - lam)  # the row whose length is kept is the one that is heard more
        heard = [mix(heard[i], heard[j], float(s)) for i, (j, s) in enumerate(zip(partner, lam, strict=True))]
        weight = lam[:, None]
        target, affect = (weight * part + (1 - weight) * part[partner] for part in (target, affect))
        known = known | known[partner]
    x, mask = pad([hide(row, augment, rng) for row in heard])
    return _batch(x, mask, target, known, affect)


def _batch(x: Tensor, mask: Tensor, target: Floats, known: NDArray[np.bool_], affect: Floats) -> Batch:
    return Batch(
        x,
        mask,
        torch.from_numpy(np.asarray(target, np.float32)),
        torch.from_numpy(known),
        torch.from_numpy(np.asarray(affect, np.float32)),
    )


def _heard(examples: Examples, row: int, augment: Augmenting, rng: np.random.Generator) -> Floats:
    if examples.copies and rng.random() < augment.chance:
        return np.asarray(examples.copies[int(rng.integers(len(examples.copies)))][row], np.float32)
    return np.asarray(examples.x[row], np.float32)


def still(x: Floats | Sequence[Floats], lengths: Lengths) -> list[tuple[Rows, Tensor, Tensor]]:
    """Part rows that are only to be judged into batches: (rows, x, mask) each; long rows are cut in the middle."""
    sizes = np.array([min(len(row), lengths.longest) for row in x], dtype=np.intp)
    plans = plan(sizes, lengths.batch)
    return [(rows, *pad([crop(np.asarray(x[i], np.float32), lengths.longest) for i in rows])) for rows in plans]
