"""Judgements -> those of a model that guesses. What "passed" is worth shows in whether guessing passes as well.

Probabilities are uniform on the simplex, so that every emotion is named equally often; affect is normal around 0 with a
standard deviation of 1/3, cut at -1 and 1, as the random models of audEERING's ser-tests.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

from affekt.evaluation.judgements import Judgements

_SPREAD = 1 / 3


def guess(j: Judgements, seed: str) -> Judgements:
    """Guess what the model judged.

    Args:
        j: whose rows are guessed; affect is guessed where it was judged.
        seed: another one guesses otherwise.
    """
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    probs = rng.dirichlet(np.ones(len(j.labels)), size=len(j))
    affect = rng.normal(0, _SPREAD, (len(j), 3)).clip(-1, 1)
    return replace(j, probs=probs, affect=None if j.affect is None else affect)
