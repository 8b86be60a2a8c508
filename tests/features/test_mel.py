"""Whisper's log-mel spectrogram of the real length: equal to the stock front end, where that one hears sound at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clips
from affekt.errors import UsageError
from affekt.features import _mel, logmel
from affekt.types import Signal

sounds = st.builds(
    lambda seed, length, scale: Signal(np.random.default_rng(seed).laplace(0, scale, length).astype(np.float32), 16000),
    st.integers(0, 10**6),
    st.integers(201, 40000),
    st.sampled_from([1e-3, 0.1, 1.0]),
)


@pytest.fixture(scope="module")
def stock():
    """The front end of transformers: signal -> (frames, 80), padded as asked."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: make test installs it")
    extractor = transformers.WhisperFeatureExtractor()

    def spectrogram(signal, padding):
        found = extractor(signal.samples, sampling_rate=16000, padding=padding, return_tensors="np")
        return found["input_features"][0].T

    return spectrogram


@pytest.fixture(scope="module", params=clips.NAMES)
def speech(request):
    return clips.read(clips.sample(clips.corpus(request.param), 6))


def test_it_is_the_stock_spectrogram_of_real_speech(stock, speech):
    for signal in speech:
        expected = stock(signal, "longest")
        assert _mel.log_mel(signal).shape == expected.shape
        assert np.abs(_mel.log_mel(signal) - expected).max() < 1e-4


def test_padding_to_half_a_minute_changes_nothing_but_the_last_frames(stock, speech):
    """At the end the stock front end hears the step into its own silence, this one a mirror of the sound."""
    for signal in speech:
        ours = _mel.log_mel(signal)[:-2]
        assert np.abs(ours - stock(signal, "max_length")[: len(ours)]).max() < 1e-4


@given(sounds)
def test_it_is_the_stock_spectrogram_of_any_sound(stock, signal):
    assert np.abs(_mel.log_mel(signal) - stock(signal, "longest")).max() < 1e-4


def test_the_filters_are_the_published_ones():
    audio_utils = pytest.importorskip("transformers.audio_utils", reason="transformers is not installed")
    expected = audio_utils.mel_filter_bank(201, 80, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
    assert np.abs(_mel.mel_filters() - expected).max() < 1e-7


@pytest.mark.parametrize("length", [0, 1, 2, 100, 159, 160, 200, 201, 319])
def test_the_shortest_sounds_have_one_frame(length):
    mel = _mel.log_mel(Signal(np.full(length, 0.1, np.float32), 16000))
    assert mel.shape == (1, 80)
    assert mel.dtype == np.float32
    assert np.isfinite(mel).all()


@given(sounds)
def test_a_frame_begins_every_ten_milliseconds(signal):
    assert len(_mel.log_mel(signal)) == len(signal.samples) // 160


def test_silence_is_flat():
    assert np.ptp(_mel.log_mel(Signal(np.zeros(8000, np.float32), 16000))) == 0


@given(sounds, st.floats(-20, 20))
def test_a_gain_shifts_every_cell_alike(signal, decibels):
    """By decibels / 10 decades, a quarter of which is the scale."""
    if signal.samples.std() > 0.05:  # else the quietest cells reach the floor of the logarithm
        shift = _mel.log_mel(clips.scaled(signal, decibels)) - _mel.log_mel(signal)
        assert np.abs(shift - decibels / 40).max() < 1e-4


@given(sounds)
def test_the_range_is_eighty_decibels(signal):
    assert np.ptp(_mel.log_mel(signal)) <= 2 + 1e-6


@given(sounds)
def test_power_is_what_the_logarithm_was_taken_of(signal):
    mel = _mel.log_mel(signal)
    assert np.allclose(np.log10(_mel.mel_power(mel)), 4 * mel - 4, atol=1e-5)


def test_another_rate_is_refused():
    with pytest.raises(UsageError, match=r"takes 16000 Hz, got 8000 Hz; resample"):
        logmel.extract(Signal(np.zeros(800, np.float32), 8000))
