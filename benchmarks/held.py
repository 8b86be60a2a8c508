"""Bundles like `default` that have not heard some speakers, or a whole corpus; for what needs a model, not a score."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
from recipes.bundled import train
from threadpoolctl import threadpool_limits

from affekt import bundle
from affekt.bundle import Bundle
from affekt.training import frozen
from affekt.training.frozen import Choice, Embedded
from recipes import corpora


def groups(corpus: str, parts: Mapping[str, Embedded]) -> list[list[str]]:
    """Deal the speakers of a corpus by its protocol; where that leaves out one at a time, two at a time."""
    data = parts[corpus]
    folds = [np.unique(data.speakers[test]).tolist() for _, test in corpora.splits(corpus, data)]
    if all(len(fold) == 1 for fold in folds):
        folds = [[*chain(*folds[i : i + 2])] for i in range(0, len(folds), 2)]
    return folds


def without(who: Collection[str], parts: Mapping[str, Embedded], folder: Path) -> Bundle:
    """Train a head as the shipped one is, on all corpora but for some speakers or corpora.

    Shrinkage and temperature are those of `default`, which were fitted on corpora not heard.

    Args:
        who: speakers, such as ravdess/01, or names of corpora.
        parts: embeddings of all corpora.
        folder: where the bundle is written.
    """
    card = bundle.card("default")
    data = train.relabelled(frozen.join([part for name, part in parts.items() if name not in who]))
    rated = parts["emotale"]  # the only ratings; of others, valence has not heard the speakers anyway
    with threadpool_limits(1):
        head = frozen.fit(_rest(data, who), Choice(shrinkage=card.notes["shrinkage"]))
        affect = train.affect_head(_rest(rated, who))
    scaled = head.weights / card.notes["temperature"], head.bias / card.notes["temperature"]
    own = replace(card, name=f"without-{'-'.join(sorted(who)).replace('/', '')}", labels=head.labels.names, sha256="")
    graph = bundle.export_linear(scaled, (affect.weights, affect.bias))
    bundle.save(own, graph, f'encoder = "{card.encoder}"\n', folder / own.name)
    return bundle.load(folder / own.name)


def _rest(data: Embedded, who: Collection[str]) -> Embedded:
    return data.part(~np.isin(data.speakers, list(who)))
