"""The made-up corpus of `examples/make_corpus.py`, for tests of training that run anywhere."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from make_corpus import EMOTIONS, corpus, hum

__all__ = ["EMOTIONS", "corpus", "hum"]
