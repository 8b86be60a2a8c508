"""What every file in features/ owes. A new encoder is tested here without a new test."""

from __future__ import annotations

import numpy as np
import pytest

import clips
from affekt import registry
from affekt.errors import UsageError
from affekt.types import Signal


@pytest.fixture(params=registry.names("features"))
def encoder(request):
    return registry.load("features", request.param)


def noise(seconds, rate=16000):
    samples = np.random.default_rng(0).normal(0, 0.05, round(seconds * rate))
    return Signal(samples.astype(np.float32), rate)


def test_it_names_its_shape(encoder):
    assert isinstance(encoder.DIM, int)
    assert encoder.DIM > 0
    assert 0 < encoder.HOP <= 30
    assert encoder.RATE in range(4000, 192001)
    assert encoder.extract.__doc__


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.25, 1.0, 3.0])
def test_a_frame_per_hop(encoder, seconds):
    frames = encoder.extract(noise(seconds, encoder.RATE))
    assert frames.dtype == np.float32
    assert frames.shape[1:] == (encoder.DIM,)
    assert len(frames) == pytest.approx(max(1, seconds / encoder.HOP), abs=1)
    assert np.isfinite(frames).all()


def test_silence_is_no_error(encoder):
    frames = encoder.extract(Signal(np.zeros(encoder.RATE, np.float32), encoder.RATE))
    assert np.isfinite(frames).all()


def test_another_rate_is_refused(encoder):
    with pytest.raises(UsageError, match="resample"):
        encoder.extract(noise(0.5, encoder.RATE + 1))


def test_the_same_sound_gives_the_same_frames(encoder):
    signal = noise(1.0, encoder.RATE)
    kept = signal.samples.copy()
    assert np.array_equal(encoder.extract(signal), encoder.extract(signal))
    assert np.array_equal(signal.samples, kept)


def test_different_speech_gives_different_frames(encoder):
    first, second = (s.samples[: encoder.RATE] for s in clips.read(clips.sample(clips.corpus("emodb"), 2)))
    frames = [encoder.extract(Signal(samples, encoder.RATE)) for samples in (first, second)]
    assert not np.allclose(*frames)
