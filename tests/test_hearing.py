"""What a model hears: the same in training and in use, whatever the level, and nothing but what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

import clips
from affekt import hearing, registry
from affekt.errors import UnknownNameError, UsageError
from affekt.hearing import Input
from affekt.types import Signal
from affekt.windows import whole


def noise(seconds=1.0, seed=0):
    return Signal(np.random.default_rng(seed).laplace(0, 0.05, round(16000 * seconds)).astype(np.float32), 16000)


@pytest.fixture(scope="module")
def speech():
    return clips.read(clips.sample(clips.corpus("emodb"), 1))[0]


@pytest.mark.parametrize("level", ["frames", "functionals"])
def test_every_feature_set_can_be_heard(level):
    for name in registry.names("features"):
        heard = Input(name, level).hear(noise())
        assert heard.ndim == (2 if level == "frames" else 1)
        assert heard.dtype == np.float32
        assert np.isfinite(heard).all()


@pytest.mark.parametrize("level", ["frames", "functionals"])
def test_a_window_that_is_levelled_already_is_heard_as_the_recording_is(speech, level):
    """Training hears recordings, use hears windows: to a model they must be the same."""
    heard = Input("egemaps", level)
    assert np.allclose(heard.hear(speech), heard.hear(whole(speech).signal), rtol=1e-3, atol=1e-3)


def test_the_level_of_a_recording_is_not_heard_unless_asked_for(speech):
    quiet = clips.scaled(speech, -20)
    levelled, raw = Input("logmel"), Input("logmel", level_speech=False)
    assert np.allclose(levelled.hear(speech), levelled.hear(quiet), atol=1e-3)
    assert not np.allclose(raw.hear(speech), raw.hear(quiet), atol=1e-3)


def test_of_what_is_too_long_the_middle_is_heard():
    signal = noise(4.0)
    middle = Signal(signal.samples[16000:48000], 16000)
    assert np.array_equal(Input("logmel", longest=2.0).hear(signal), Input("logmel", longest=2.0).hear(middle))


def test_silence_at_the_ends_is_cut_off_only_where_asked():
    signal = noise()
    padded = Signal(np.concatenate([np.zeros(8000, np.float32), signal.samples, np.zeros(8000, np.float32)]), 16000)
    assert len(Input("logmel", trim=True).hear(padded)) == 110
    assert len(Input("logmel").hear(padded)) == 200


def test_silence_alone_stays():
    silent = Signal(np.zeros(16000, np.float32), 16000)
    assert len(hearing.trimmed(silent.samples, 16000)) == 16000
    assert len(hearing.trimmed(silent.samples[:5], 16000)) == 5


def test_versions_tell_features_apart():
    assert hearing.version("whisper") != hearing.version("logmel")


def test_what_cannot_be_heard_is_refused():
    with pytest.raises(UsageError, match="samples are heard as frames"):
        Input("samples", "functionals")
    with pytest.raises(UsageError, match=r"0\.1 to 30 s, got 60 s"):
        Input("logmel", longest=60)
    with pytest.raises(UnknownNameError, match="no feature set is called 'egemap'; did you mean 'egemaps'"):
        Input("egemap").hear(noise())
