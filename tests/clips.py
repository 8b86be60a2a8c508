"""Real speech from ../shared, for tests whose claim is about real speech; they are skipped, and say so, without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affekt import audio, datasets
from affekt.manifest import Manifest
from affekt.types import Signal

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
NAMES = ("ravdess", "emodb", "savee", "emotale", "urdu")


def corpus(name: str) -> Manifest:
    """Read a corpus's labels."""
    folder = SHARED / "corpora" / name
    if not folder.is_dir():
        pytest.skip(f"no corpora/{name} in ../shared")
    return datasets.load(name, folder)


def sample(manifest: Manifest, size: int) -> Manifest:
    """Draw labelled utterances, always the same ones."""
    labelled = [u.id for u in manifest if u.emotion is not None]
    return manifest.subset(np.random.default_rng(0).choice(labelled, size, replace=False))


def read(manifest: Manifest) -> list[Signal]:
    """Hear every utterance of a manifest, as it was recorded."""
    return [audio.read(manifest.file(utterance)) for utterance in manifest]


def scaled(signal: Signal, decibels: float) -> Signal:
    """Turn the recording up or down."""
    return Signal(signal.samples * np.float32(10 ** (decibels / 20)), signal.rate, signal.start)


def levelled(signal: Signal) -> Signal:
    """Bring speech to the level at which models hear it."""
    return Signal(audio.level(signal.samples, signal.rate), signal.rate, signal.start)
