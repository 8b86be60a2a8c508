"""An array is a recording: what its shape, type and rate may be, and what is said when they are something else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio.array import open_array
from affekt.errors import AudioError, UsageError

TONE = 0.5 * np.sin(np.arange(8000) * 0.3)


def blocks(samples, rate=8000):
    with open_array(samples, rate) as recording:
        return np.concatenate(list(recording.blocks(seconds=0.1)))


@pytest.mark.parametrize(
    ("samples", "step"),
    [
        (TONE, 1e-6),
        (TONE.astype(np.float32), 1e-6),
        (TONE.astype(np.float16), 1e-3),
        (TONE.tolist(), 1e-6),
        ((TONE * 2**31).astype(np.int32), 1e-6),
        ((TONE * 2**15).astype(np.int16), 1e-4),
        ((TONE * 2**15).astype(">i2"), 1e-4),
        ((TONE * 2**7).astype(np.int8), 1e-2),
        ((TONE * 2**7 + 128).astype(np.uint8), 1e-2),
        ((TONE * 2**15 + 2**15).astype(np.uint16), 1e-4),
        (np.ma.masked_array(TONE), 1e-6),
    ],
)
def test_every_type_is_brought_to_the_same_scale(samples, step):
    heard = blocks(samples)
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard[:, 0], TONE, atol=step)


@given(
    st.sampled_from([np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32]),
    st.floats(0, 1),
)
def test_no_integer_leaves_the_scale(kind, share):
    limits = np.iinfo(kind)
    value = int(limits.min + share * (int(limits.max) - int(limits.min)))
    heard = blocks(np.full(100, value, kind))
    assert np.abs(heard).max() <= 1


def test_columns_are_channels():
    stereo = np.stack([TONE, -TONE], axis=1)
    np.testing.assert_allclose(blocks(stereo), stereo, atol=1e-6)


def test_nothing_is_written_to_the_array():
    samples = TONE.copy()
    samples.setflags(write=False)
    blocks(samples)
    np.testing.assert_array_equal(samples, TONE)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros((2, 8000)), "try samples.T"),
        (np.zeros((1, 8000)), "try samples.T"),
        (np.zeros((100, 100)), r"got \(100, 100\)"),
        (np.zeros((10, 2, 2)), r"got \(10, 2, 2\)"),
        (np.float64(1.0), r"got \(\)"),
        ([[1.0, 2.0], [3.0]], "unequal length"),
        ([1, 2, 3], "got int64"),
        (np.zeros(10, bool), "got bool"),
        (np.zeros(10, complex), "got complex128"),
        ("call.wav", "got <U8"),
        (None, "got object"),
    ],
)
def test_another_shape_or_type_is_refused_with_what_is_allowed(samples, said):
    with pytest.raises(UsageError, match=said):
        open_array(samples, 8000)


@pytest.mark.parametrize("rate", [0, -8000, 3999, 192001, 8000.5, float("nan"), float("inf"), "8000", None])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(UsageError, match="the rate must be"):
        open_array(TONE, rate)


@pytest.mark.parametrize("rate", [8000, 8000.0, np.int32(8000)])
def test_a_whole_rate_may_be_of_any_type(rate):
    assert open_array(TONE, rate).rate == 8000


@pytest.mark.parametrize("samples", [[], np.zeros(0), np.zeros((0, 2))])
def test_an_empty_array_is_an_error(samples):
    with pytest.raises(AudioError, match="no samples"):
        open_array(samples, 8000)


def test_numbers_that_are_none_are_treated_as_in_files():
    few, many = TONE.copy(), TONE.copy()
    few[:10], many[:1000] = np.nan, np.inf
    with open_array(few, 8000) as recording:
        assert sum(map(len, recording.blocks())) == 8000
        assert recording.notes == ["10 samples were not numbers and were replaced by silence"]
    with pytest.raises(AudioError, match="not numbers"):
        blocks(many)


def test_what_no_float32_can_hold_is_no_number():
    with pytest.raises(AudioError, match="not numbers"):
        blocks(np.full(100, 1e300))


@pytest.mark.parametrize("samples", [np.ones(8000), np.full(8000, 2**15 - 1, np.int16)])
def test_full_scale_is_noted_as_clipped(samples):
    with open_array(samples, 8000) as recording:
        list(recording.blocks())
        assert any(note.startswith("clipped") for note in recording.notes)
