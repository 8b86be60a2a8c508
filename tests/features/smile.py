"""openSMILE as an oracle: its contours of a signal, by our own configuration or one of its published ones."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.types import Signal


def contours(signal, configuration):
    """Columns by name; `configuration` is a path or the name of a set."""
    opensmile = pytest.importorskip("opensmile", reason="openSMILE, the oracle, is not installed: make test does it")
    found = opensmile.Smile(configuration, "lld").process_signal(signal.samples, signal.rate)
    return {name: found[name].to_numpy(np.float64) for name in found}


def sixteen_bits(signal):
    """Round to 16-bit samples, as openSMILE does before it measures."""
    return Signal((np.round(signal.samples * 32767) / 32767).astype(np.float32), signal.rate)
