"""Made-up judgements, for tests of evaluation that run anywhere."""

from __future__ import annotations

import numpy as np

from affekt import calibrate
from affekt.evaluation.judgements import Judgements
from affekt.types import LabelSet

EMOTIONS = ("anger", "happiness", "neutral", "sadness")


def judgements(seed=0, speakers=8, clips=20, skill=2.0, folds=0, affect=False) -> Judgements:
    """Utterances of speakers who are recognised unequally well; `skill` is how far the truth stands out."""
    rng = np.random.default_rng(seed)
    n = speakers * clips
    who = np.repeat(np.arange(speakers), clips)
    truth = np.tile(np.arange(len(EMOTIONS)), n)[:n]
    scores = rng.normal(0, 1, (n, len(EMOTIONS)))
    scores[np.arange(n), truth] += skill * rng.uniform(0.3, 1.5, speakers)[who]
    rated = rng.uniform(-1, 1, (n, 3))
    return Judgements(
        name=f"made{seed}",
        labels=LabelSet(EMOTIONS),
        ids=np.array([f"u{row:04d}" for row in range(n)]),
        corpora=np.full(n, "demo"),
        speakers=np.array([f"demo/{number:02d}" for number in who]),
        folds=np.array([str(number % folds + 1) for number in who]) if folds else np.full(n, ""),
        truth=truth,
        probs=calibrate.softmax(scores),
        affect=np.clip(rated + rng.normal(0, 0.5, (n, 3)), -1, 1) if affect else None,
        rated=rated if affect else None,
    )
