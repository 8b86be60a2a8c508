"""What is taken away is gone, what is kept is kept."""

from __future__ import annotations

import numpy as np
import pytest
from ears import noise, power
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import UnknownNameError
from affekt.explain._edit import Editor, edges
from affekt.types import Signal


def tone(hertz: float, seconds: float = 1.0) -> Signal:
    samples = 0.1 * np.sin(2 * np.pi * hertz * np.arange(round(16000 * seconds)) / 16000)
    return Signal(samples.astype(np.float32), 16000)


@given(length=st.integers(1, 5000), moments=st.integers(1, 9), bands=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_where_nothing_is_taken_the_signal_stays(length, moments, bands):
    signal = Signal(np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32), 16000, start=77)
    same = Editor(signal).without(np.zeros((moments, bands)), "mean")
    assert (same.rate, same.start) == (16000, 77)
    assert np.allclose(same.samples, signal.samples, atol=1e-6)


def test_a_moment_is_gone_and_its_neighbours_are_not():
    signal, gone = noise(1.0), np.zeros((10, 1))
    gone[4] = 1
    left = Editor(signal).without(gone, "silence")
    assert power(left, 0.43, 0.47) < 1e-6
    for start, end in ((0.0, 0.37), (0.53, 1.0)):
        assert power(left, start, end) == pytest.approx(power(signal, start, end), rel=1e-3)


def test_a_band_is_gone_and_the_others_are_not():
    gone = np.zeros((1, 8))
    band = 4
    gone[0, band] = 1
    low, high = edges(8, 16000)[band : band + 2]
    inside, outside = (Editor(tone(f)).without(gone, "silence") for f in ((low + high) / 2, high * 1.5))
    assert np.abs(inside.samples[1000:-1000]).max() < 0.01
    assert np.abs(outside.samples[1000:-1000]).max() == pytest.approx(0.1, rel=0.02)


def test_the_mean_is_as_loud_as_the_sound_and_the_floor_is_softer():
    """Of steady noise the mean filling is such noise again; of speech with pauses the floor is that of the pauses."""
    signal = noise(2.0)
    assert power(Editor(signal).without(np.ones((1, 1)), "mean"), 0.1, 1.9) == pytest.approx(1, rel=0.35)
    pause = Signal(signal.samples * np.repeat([1.0, 0.01], 16000).astype(np.float32), 16000)
    assert power(Editor(pause).without(np.ones((1, 1)), "floor"), 0.1, 1.9) < 1e-3


def test_the_filling_is_always_the_same():
    once, again = (Editor(noise(0.5)).without(np.ones((3, 2)), "floor").samples for _ in range(2))
    assert (once == again).all()


def test_an_unknown_filling_is_refused():
    with pytest.raises(UnknownNameError, match="floor"):
        Editor(noise(0.1)).without(np.ones((1, 1)), "flor")  # type: ignore[arg-type]


def test_bands_cover_all_frequencies():
    assert edges(8, 16000)[[0, -1]] == pytest.approx([0, 8000])
    assert (np.diff(edges(8, 16000)) > 0).all()
