"""Manifests -> Examples. Rows with features, targets and masks: what every model is fitted on.

Several corpora with different label sets learn together: `known` says which emotions a row's corpus could have named,
and a model is neither rewarded nor punished for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affekt.types import LabelSet

Floats = NDArray[np.float32]
Rows = NDArray[np.bool_] | NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Examples:
    """Utterances ready to be learned from, row by row."""

    labels: LabelSet
    ids: NDArray[np.str_]
    speakers: NDArray[np.str_]
    corpora: NDArray[np.str_]
    x: Floats | Sequence[Floats]
    "functionals: (n, dimensions); frames: n arrays (frames, dimensions) of their own lengths"
    emotions: NDArray[np.intp]
    "index into labels, -1 where nobody named one, (n,)"
    ratings: Floats
    "share of raters, (n, labels), rows sum to 1; one-hot where there are no ratings"
    affect: Floats
    "(n, 3) valence, arousal, dominance in [-1, 1]; NaN where nobody rated"
    known: NDArray[np.bool_]
    "(n, labels): emotions that the row's corpus could have named"
    copies: tuple[Floats | Sequence[Floats], ...] = ()
    "the same rows as they sound through each augmentation"

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, rows: Rows) -> Examples:
        """Keep some rows."""
        chosen = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
        arrays = {
            name: getattr(self, name)[chosen]
            for name in ("ids", "speakers", "corpora", "emotions", "ratings", "affect", "known")
        }
        copies = tuple(_take(copy, chosen) for copy in self.copies)
        return replace(self, x=_take(self.x, chosen), copies=copies, **arrays)


def _take(x: Floats | Sequence[Floats], rows: NDArray[np.intp]) -> Floats | Sequence[Floats]:
    return x[rows] if isinstance(x, np.ndarray) else [x[i] for i in rows]
