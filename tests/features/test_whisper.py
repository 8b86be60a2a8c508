"""The encoder: its file, its limits, its pooling; near the original network, and deaf to the level of a recording."""

from __future__ import annotations

import hashlib
import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clips
from affekt.errors import UsageError
from affekt.features import _mel, whisper
from affekt.types import Signal

WEIGHTS = clips.SHARED / "weights" / "whisper-tiny.en-encoder"


@pytest.fixture(scope="module")
def speech():
    """Two clips of each corpus, levelled."""
    return [clips.levelled(s) for name in clips.NAMES for s in clips.read(clips.sample(clips.corpus(name), 2))]


@pytest.fixture(scope="module")
def original():
    """The network in torch, in 32-bit floats: (frames, 80) -> (frames / 2, 1152)."""
    torch = pytest.importorskip("torch", reason="torch is not installed: make test installs it")
    if not WEIGHTS.is_dir():
        pytest.skip("no weights/whisper-tiny.en-encoder in ../shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clips.ROOT))
        model = importlib.import_module("recipes.bundled.export_encoder").load(WEIGHTS)

    def encode(mel):
        with torch.no_grad():
            return model(torch.from_numpy(mel[None])).numpy()[0]

    return encode


def noise(seconds, seed=0):
    samples = np.random.default_rng(seed).normal(0, 0.05, round(seconds * 16000))
    return Signal(samples.astype(np.float32), 16000)


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_the_file_is_the_one_that_heads_were_trained_on():
    assert hashlib.sha256(whisper.WEIGHTS.read_bytes()).hexdigest() == whisper.SHA256


def test_eight_bits_hear_what_thirty_two_bits_hear(original, speech):
    """Every layer, frame by frame, correlates above 0.998 (measured: 0.9984 to 0.9997); mean and deviation, 0.9995."""
    for signal in speech:
        ours, theirs = whisper.extract(signal), original(_mel.log_mel(signal))
        layers = zip(np.split(ours, 3, axis=1), np.split(theirs, 3, axis=1), strict=True)
        assert min(correlation(*layer) for layer in layers) > 0.998
        assert correlation(ours.mean(axis=0), theirs.mean(axis=0)) > 0.9995
        assert correlation(ours.std(axis=0), theirs.std(axis=0)) > 0.9995


@pytest.mark.parametrize("length", [0, 1, 160, 320, 321, 4800, 48000, 480000])
def test_frames_last_twenty_milliseconds(length):
    """A begun frame counts; one frame is the least, 30 s the most."""
    frames = whisper.extract(Signal(noise(30).samples[:length], 16000))
    assert frames.dtype == np.float32
    assert frames.shape == (max(1, -(-(length // 160) // 2)), whisper.DIM)
    assert np.isfinite(frames).all()


@pytest.mark.parametrize("hear", [whisper.extract, whisper.embed])
def test_longer_than_the_encoder_hears_is_refused(hear):
    with pytest.raises(UsageError, match=r"at most 30 s at once, got 30\.1 s; cut windows"):
        hear(noise(30.1))


@pytest.mark.parametrize("hear", [whisper.extract, whisper.embed])
def test_another_rate_is_refused(hear):
    with pytest.raises(UsageError, match="16000 Hz, got 44100 Hz"):
        hear(Signal(np.zeros(44100, np.float32), 44100))


@pytest.mark.parametrize("length", [0, 1, 500, 8000])
def test_silence_and_the_shortest_sounds_have_a_vector(length):
    for samples in (np.zeros(length, np.float32), noise(1).samples[:length]):
        vector = whisper.embed(Signal(samples, 16000))
        assert vector.shape == (whisper.EMBEDDING,)
        assert np.isfinite(vector).all()


def test_the_vector_is_the_weighted_mean_and_deviation_of_the_frames(speech):
    for signal in speech:
        frames = whisper.extract(signal).astype(np.float64)
        share = whisper.loudness(_mel.log_mel(signal), len(frames)).astype(np.float64)
        mean = np.average(frames, axis=0, weights=share)
        deviation = np.sqrt(np.average((frames - mean) ** 2, axis=0, weights=share))
        assert np.allclose(whisper.embed(signal), np.concatenate([mean, deviation]), atol=1e-4)


@given(st.integers(1, 400), st.integers(0, 10**6))
def test_loudness_is_shared_out(length, seed):
    """Weights of a spectrogram of any length are positive and sum to 1."""
    mel = np.random.default_rng(seed).uniform(-1, 1.5, (length, 80)).astype(np.float32)
    share = whisper.loudness(mel, -(-length // 2))
    assert share.sum() == pytest.approx(1, abs=1e-5)
    assert (share > 0).all()


@given(st.floats(-15, 20))
def test_a_gain_does_not_change_the_weights(speech, decibels):
    """While no cell of the spectrogram sinks below the floor of its logarithm, 100 dB below full scale."""
    for signal in speech[:3]:
        mel, turned = _mel.log_mel(signal), _mel.log_mel(clips.scaled(signal, decibels))
        frames = -(-len(mel) // 2)
        assert np.allclose(whisper.loudness(mel, frames), whisper.loudness(turned, frames), atol=2e-4)


def test_pauses_weigh_little():
    """As loudness in sones does: 30 dB less power is a quarter of the weight."""
    samples = noise(2).samples
    samples[16000:] *= 10 ** (-30 / 20)
    share = whisper.loudness(_mel.log_mel(Signal(samples, 16000)), 100)
    assert share[60:95].mean() / share[5:45].mean() == pytest.approx(10 ** (-3 * 0.2), rel=0.05)


@pytest.mark.parametrize("decibels", [-30, 10])
def test_the_level_of_a_recording_is_not_heard(decibels):
    """What is left is the rounding of floats, which the 8-bit network makes visible: 1/300 of the largest value."""
    for name in clips.NAMES:
        for signal in clips.read(clips.sample(clips.corpus(name), 4)):
            before = whisper.embed(clips.levelled(signal))
            after = whisper.embed(clips.levelled(clips.scaled(signal, decibels)))
            assert correlation(before, after) > 0.9999
            assert np.abs(before - after).max() < 0.03


def test_the_number_of_blas_threads_changes_nothing():
    """Nor does it slow anything: no matrix product is large enough to be shared among threads."""
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
    signal = clips.levelled(noise(3.0))
    vectors = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            vectors.append(whisper.embed(signal))
    assert np.array_equal(*vectors)
