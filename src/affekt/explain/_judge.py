"""Bundle, signals -> scores. What the model says of a changed window, as a number that adds up.

The score of an emotion is its log-odds, log(p / (1 - p)); against another one it is log(p / q). Probabilities near 0 or
1 hardly move whatever is taken away, their log-odds do; and of a linear head log(p / q) is a sum over what it heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affekt.bundle import Bundle
from affekt.errors import UsageError
from affekt.types import Signal, Window

Floats = NDArray[np.float64]

_LEAST = 1e-30
"probability that is taken for none"


@dataclass(frozen=True)
class Judge:
    """A model that is asked one question: how much for `target`, `against` another emotion or all others.

    Raises:
        UnknownNameError: the model has no such emotion.
        UsageError: an emotion against itself.
    """

    model: Bundle
    window: Window
    target: str
    against: str | None = None

    def __post_init__(self) -> None:
        self.model.labels.index(self.target)
        if self.against is not None:
            self.model.labels.index(self.against)
        if self.target == self.against:
            raise UsageError(f"{self.target} against itself says nothing; name another emotion, or none")

    @property
    def pools(self) -> bool:
        """The model judges the pooled frames of the encoder that comes with the package."""
        return not self.model.card.input

    @property
    def functional(self) -> bool:
        """The model judges one vector of named functionals."""
        return self.model.card.input.get("level") == "functionals"

    def hear(self, signals: Sequence[Signal]) -> Floats:
        """Judge changed copies of the window: probabilities (n, labels)."""
        said = self.model.predict([replace(self.window, signal=signal) for signal in signals])
        return np.array([one.probs for one in said], np.float64).reshape(len(said), len(self.model.labels))

    def vectors(self, x: NDArray[np.floating]) -> Floats:
        """Judge vectors (n, dimensions) as the head hears them: probabilities (n, labels)."""
        return self.model.judge(np.asarray(x, np.float32))[0].astype(np.float64)

    def score(self, probs: Floats) -> Floats:
        """Give the log-odds of probabilities (n, labels), (n,)."""
        column = self.model.labels.index(self.target)
        logs = np.log(np.maximum(probs, _LEAST))
        if self.against is not None:
            return np.asarray(logs[:, column] - logs[:, self.model.labels.index(self.against)])
        others = np.delete(probs, column, axis=1).sum(axis=1)
        return np.asarray(logs[:, column] - np.log(np.maximum(others, _LEAST)))

    def share(self, probs: Floats) -> Floats:
        """Give the probability of the target, of the two where it is against another, (n,)."""
        column = self.model.labels.index(self.target)
        if self.against is None:
            return np.asarray(probs[:, column])
        both = probs[:, column] + probs[:, self.model.labels.index(self.against)]
        return np.asarray(probs[:, column] / np.maximum(both, _LEAST))
