"""One file = one corpus: its card, label map, reader and protocols. The folder is the registry.

>>> from affekt import datasets
>>> datasets.card("ravdess").clips
1440
>>> list(datasets.protocols("ravdess"))
['6fold', '5fold-luna', '7class-pepino']

`load` reads a corpus in its official layout; `protocol` splits it the way its literature does:

    ravdess = datasets.load("ravdess", "/data/RAVDESS")
    for fold in datasets.protocol("ravdess/6fold", ravdess):
        train(fold.train), test(fold.test)
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path

from affekt import registry
from affekt.datasets._card import VOCABULARY, Card, Defect, Protocol
from affekt.errors import UnknownNameError, UsageError
from affekt.manifest import Fold, Manifest

__all__ = ["VOCABULARY", "Card", "Defect", "Protocol", "card", "load", "names", "options", "protocol", "protocols"]


def names() -> list[str]:
    """Return the names of all corpora, sorted."""
    return registry.names("datasets")


def card(name: str) -> Card:
    """Return a corpus's card.

    Raises:
        UnknownNameError: no such corpus.
    """
    found: Card = registry.load("datasets", name).CARD
    return found


def options(name: str) -> dict[str, str]:
    """Return what `load` takes for this corpus besides its folder: name -> default.

    >>> options("crema_d")
    {'target': 'intended'}
    """
    parameters = list(inspect.signature(registry.load("datasets", name).read).parameters.values())[1:]
    return {p.name: p.default for p in parameters}


def load(name: str, root: str | Path, **chosen: str) -> Manifest:
    """Read the labels of a corpus from the folder that holds its official release. No audio is opened.

    Args:
        name: the corpus, e.g. "ravdess".
        root: its folder (for `table`, its CSV file).
        chosen: the corpus's own options, see `options`.

    Raises:
        UnknownNameError: no such corpus.
        UsageError: the corpus has no such option, or the option no such value.
        DataError: the folder is not that corpus, or its annotations are damaged.
    """
    known = options(name)
    for key in chosen:
        if key not in known:
            raise UsageError(f"{name} has no option {key!r}; it has {', '.join(known) or 'none'}")
    manifest: Manifest = registry.load("datasets", name).read(Path(root), **chosen)
    return manifest


def protocols(name: str) -> Mapping[str, Protocol]:
    """Return a corpus's published splits, the recommended one first."""
    found: Mapping[str, Protocol] = registry.load("datasets", name).PROTOCOLS
    return found


def protocol(name: str, manifest: Manifest) -> list[Fold]:
    """Split a manifest as published.

    Args:
        name: corpus and protocol, e.g. "ravdess/6fold".
        manifest: of that corpus; some protocols take a part of it, e.g. four emotions of ten.

    Raises:
        UnknownNameError: no such corpus or protocol.
        DataError: the manifest lacks speakers of the protocol.
    """
    corpus, _, which = name.partition("/")
    known = protocols(corpus)
    if which not in known:
        raise UnknownNameError(f"protocol of {corpus}", which, known)
    return known[which].folds(manifest)
