"""Made-up judgements, for tests whose claim is about numbers and not about sound."""

from __future__ import annotations

import numpy as np

from affekt.evaluation.judgements import Judgements
from affekt.types import LabelSet

LABELS = LabelSet(("anger", "happiness", "neutral", "sadness"))
WORDS = np.array([(-0.51, 0.59, 0.25), (0.81, 0.51, 0.46), (0.0, 0.0, 0.0), (-0.63, -0.27, -0.33)])
"Valence, arousal, dominance of the four: Russell & Mehrabian 1977."


def judged(seed=0, *, speakers=24, clips=6, skill=0.6, talent=0.0, sexes=("female", "male"), rated=True, bias=None):
    """Judge `clips` of each emotion and speaker, right with probability `skill`.

    `talent` is the standard deviation of skill between speakers; `bias` = (sex, emotion, share) turns that share of
    what is said of one sex into the emotion.
    """
    rng = np.random.default_rng(seed)
    k = len(LABELS)
    who = np.repeat(np.arange(speakers), k * clips)
    truth = np.tile(np.repeat(np.arange(k), clips), speakers)
    sex = np.array(sexes)[np.arange(speakers) % len(sexes)][who]
    right = rng.random(len(who)) < np.clip(skill + rng.normal(0, talent, speakers)[who], 0, 1)
    said = np.where(right, truth, rng.integers(0, k, len(who)))
    if bias:
        group, emotion, share = bias
        turned = (sex == group) & (rng.random(len(who)) < share)
        said = np.where(turned, LABELS.index(emotion), said)
    probs = np.full((len(who), k), 0.1)
    probs[np.arange(len(who)), said] = 1 - 0.1 * (k - 1)
    people = np.array([f"demo/{s:02}" for s in range(speakers)])[who]
    return Judgements(
        name="made up",
        labels=LABELS,
        ids=np.array([f"u{i}" for i in range(len(who))]),
        corpora=np.full(len(who), "demo"),
        speakers=people,
        folds=np.full(len(who), ""),
        truth=truth,
        probs=probs,
        affect=WORDS[said] + rng.normal(0, 0.05, (len(who), 3)),
        rated=WORDS[truth] + rng.normal(0, 0.1, speakers)[who][:, None] if rated else None,
        groups={"sex": sex},
    )
