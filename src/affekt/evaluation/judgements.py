"""predictions.csv, or a bundle and a corpus -> Judgements. What a model said of utterances whose truth is known.

`read` takes what `affekt train` leaves behind, and any CSV of that shape: id, speaker, truth and one `p_EMOTION` per
emotion are enough. `judge` lets a bundle judge a manifest, the same way as `affekt predict --whole` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.types import LabelSet

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

AXES = ("valence", "arousal", "dominance")


@dataclass(frozen=True, slots=True)
class Judgements:
    """What a model said of utterances whose truth is known, row by row."""

    name: str
    "of the model or run"
    labels: LabelSet
    "order of the probabilities"
    ids: Names
    "(n,)"
    corpora: Names
    speakers: Names
    folds: Names
    "in which each was tested; empty strings where there are no folds"
    truth: NDArray[np.intp]
    "index into labels, -1 where nobody named an emotion"
    probs: Floats | None
    "(n, labels), rows sum to 1; None where emotion was not judged"
    affect: Floats | None = None
    "valence, arousal, dominance (n, 3); None where affect was not judged"
    rated: Floats | None = None
    "the raters' affect (n, 3), NaN where nobody rated"
    ratings: Floats | None = None
    "share of raters (n, labels), rows sum to 1 or are NaN"
    groups: Mapping[str, Names] = field(default_factory=dict)
    "sex, age, language, accent, ...: a value for each row, an empty string where it is not known"
    leaky: bool = False
    "train and test shared speakers: scores are too high, every output is stamped LEAKY"
    about: Mapping[str, Any] = field(default_factory=dict)
    "protocol, combinations tried, fingerprints, ...: whatever is known of how they came about"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def names(self) -> Names:
        """The true emotions, empty strings where there is none."""
        found: Names = np.array([*self.labels, ""])[self.truth]
        return found

    @property
    def said(self) -> Names:
        """The emotions that were judged most probable."""
        if self.probs is None:
            return np.full(len(self), "", dtype=np.str_)
        found: Names = np.array(self.labels.names)[self.probs.argmax(axis=1)]
        return found

    def part(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Judgements:
        """Keep some rows."""
        each = ("ids", "corpora", "speakers", "folds", "truth")
        maybe = ("probs", "affect", "rated", "ratings")
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in each}
        arrays |= {name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in maybe}
        return replace(self, groups={key: own[rows] for key, own in self.groups.items()}, **arrays)
