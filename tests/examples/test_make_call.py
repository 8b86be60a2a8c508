"""The sample call is what the README says: a short telephone call, a speaker per channel, made by its script."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile as sf

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield importlib.import_module("make_call")


def test_it_is_a_short_telephone_call() -> None:
    wave = sf.info(EXAMPLES / "call.wav")
    assert (wave.samplerate, wave.channels, wave.subtype) == (8000, 2, "ULAW")
    assert 35 <= wave.duration <= 45
    assert (EXAMPLES / "call.wav").stat().st_size < 800_000


def test_only_one_side_speaks_at_a_time_and_neither_clips() -> None:
    samples, _ = sf.read(EXAMPLES / "call.wav")
    frames = np.abs(samples[: len(samples) // 800 * 800]).reshape(-1, 800, 2).max(axis=1) > 0.01
    assert frames.any(axis=0).all()
    assert not frames.all(axis=1).any()
    assert np.abs(samples).max() < 0.98


def test_the_customer_grows_loud_and_falls_silent(script: ModuleType) -> None:
    manners = [manner for who, manner, _ in script.SCENE if who == "customer"]
    for scale in ("speed", "pitch", "level", "tilt"):
        plain, firm, angry, tired = (getattr(manner, scale) for manner in manners)
        assert tired < plain < firm < angry


@pytest.mark.parametrize("tilt", [-11.0, 0.0, 8.0])
def test_the_line_passes_speech_and_slopes_it(script: ModuleType, tilt: float) -> None:
    """A tone's level follows the tilt per octave, and what lies outside 300 to 3400 Hz is gone."""
    time = np.arange(8000) / 8000

    def level(hertz: float) -> float:
        tone = script.telephone(np.sin(2 * np.pi * hertz * time), tilt)
        return float(20 * np.log10(np.sqrt(np.mean(tone**2)) * np.sqrt(2)))

    assert level(2000) - level(1000) == pytest.approx(tilt, abs=0.1)
    assert level(100) < -35


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: the voices cannot be made")
def test_the_script_makes_the_call_again_and_always_the_same(script: ModuleType) -> None:
    """Another version of espeak-ng may speak a little differently: only the length is compared with the file."""
    once, again = script.call(), script.call()
    assert np.array_equal(once, again)
    assert len(once) / 8000 == pytest.approx(sf.info(EXAMPLES / "call.wav").duration, rel=0.05)
