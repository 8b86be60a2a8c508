"""Bundles like `default` that have not heard the speakers of a fold; for benchmarks that need a model, not a score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from affekt import bundle
from affekt.bundle import Bundle
from affekt.training import frozen
from affekt.training.frozen import Choice, Embedded
from recipes import corpora
from recipes.bundled import train


def bundles(
    corpus: str, folder: Path, *, others: bool = True, parts: Mapping[str, Embedded] | None = None
) -> Iterator[tuple[Bundle, tuple[str, ...]]]:
    """Train a head for each fold of a corpus's protocol, exactly as the shipped one is.

    Shrinkage and temperature are those of `default`, which were fitted on corpora not heard.

    Args:
        corpus: whose speakers are tested.
        folder: where the bundles are kept.
        others: learn from the other corpora, too, as `default` does.
        parts: embeddings of all corpora, if they are at hand.

    Yields:
        a bundle, and the speakers it has not heard.
    """
    parts = parts or {name: corpora.embedded(name) for name in corpora.NAMES}
    card = bundle.card("default")
    data = train.relabelled(frozen.join(list(parts.values())) if others else parts[corpus])
    choice, temperature = Choice(shrinkage=card.notes["shrinkage"]), card.notes["temperature"]
    for number, (_, test) in enumerate(corpora.splits(corpus, parts[corpus])):
        unheard = np.unique(parts[corpus].speakers[test])
        rated = parts["emotale"].part(~np.isin(parts["emotale"].speakers, unheard))
        with threadpool_limits(1):
            head = frozen.fit(data.part(~np.isin(data.speakers, unheard)), choice)
            affect = train.affect_head(rated)
        scaled = head.weights / temperature, head.bias / temperature
        graph = bundle.export_linear(scaled, (affect.weights, affect.bias))
        own = replace(card, name=f"{corpus}-{number}", labels=head.labels.names, sha256="")
        place = folder / own.name
        bundle.save(own, graph, f'encoder = "{card.encoder}"\n', place)
        yield bundle.load(place), tuple(unheard.tolist())
