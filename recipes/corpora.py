"""Where the corpora lie, and their embeddings; shared by the recipes and benchmarks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt import datasets
from affekt.manifest import Fold, Manifest
from affekt.training import frozen

ROOT = Path(__file__).parents[1]
CORPORA = Path(os.environ.get("AFFEKT_CORPORA", ROOT.parent / "shared/corpora"))
CACHE = Path(os.environ.get("AFFEKT_CACHE", ROOT / "cache/embeddings"))
NAMES = ("ravdess", "emodb", "savee", "emotale", "urdu")
ACTED = ("ravdess", "emodb", "savee", "emotale")
PROTOCOLS = {
    "ravdess": "ravdess/6fold",
    "emodb": "emodb/loso",
    "savee": "savee/loso",
    "emotale": "emotale/6groups",
    "urdu": "urdu/6groups",
}


def manifest(name: str) -> Manifest:
    """Read one corpus, or say where it should be."""
    folder = CORPORA / name
    if not folder.is_dir():
        sys.exit(f"{folder} is not there. Put the corpora into one folder and set AFFEKT_CORPORA to it.")
    return datasets.load(name, folder)


def embedded(name: str) -> frozen.Embedded:
    """Embed one corpus in all copies, from the cache if it is there."""
    return frozen.embed(manifest(name), cache=CACHE, progress=_progress)


def splits(name: str, data: frozen.Embedded) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Rows of training and test of each fold of the corpus's protocol."""
    folds: list[Fold] = datasets.protocol(PROTOCOLS[name], manifest(name))
    return [(np.isin(data.speakers, f.train.speakers), np.isin(data.speakers, f.test.speakers)) for f in folds]


def _progress(name: str, done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        print(f"\r{name}: {done}/{total} embedded ", end="\n" if done == total else "", file=sys.stderr, flush=True)
