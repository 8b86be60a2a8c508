"""The parts of the stopwatch that a wrong number could hide in."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import soundfile

import clips


@pytest.fixture(scope="module")
def latency():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clips.ROOT))
        yield importlib.import_module("benchmarks.latency")


def test_a_file_is_as_long_as_asked(latency, tmp_path):
    stereo = np.random.default_rng(0).uniform(-0.1, 0.1, (700, 2)).astype(np.float32)
    path = latency.repeated(tmp_path / "long.wav", stereo, 8000, 0.25)
    found, rate = soundfile.read(path)
    assert (found.shape, rate) == ((2000, 2), 8000)
    assert np.allclose(found[700:1400], found[:700])


def test_only_the_silence_around_speech_is_cut(latency):
    tone = np.sin(np.arange(3200) * 0.3).astype(np.float32)
    clip = np.concatenate([np.zeros(1600), tone, np.zeros(320), tone, np.zeros(800)]).astype(np.float32)
    assert np.array_equal(latency.trimmed(clip), clip[1600:8320])


def test_every_step_takes_its_turn(latency):
    heard = []
    steps = {name: lambda i, name=name: heard.append((name, i)) for name in "ab"}
    took = latency.in_turns(steps, 2, rounds=4, warm=0)
    assert heard == [("a", 0), ("b", 0), ("a", 1), ("b", 1)] * 2
    assert [len(times) for times in took.values()] == [4, 4]


def test_a_row_says_whether_the_goal_was_met(latency):
    assert str(latency.goal("one", [0.01, 0.02, 0.03], 0.02, peer=0.1)) == (
        "| one | <= 20 ms: met | 20.00 ms (11.00 - 29.00) | 100.0 ms | 5.0 |"
    )
    assert "**missed**" in str(latency.goal("one", [0.01, 0.03, 0.03], 0.02))


def test_a_file_is_heard_in_a_process_of_its_own(latency):
    """The memory is that process's, which has no torch: far below that of whoever asks."""
    seconds, cpu, memory, count, speech = latency.hear(latency.CALL)
    assert cpu > 0
    assert 0 < seconds < 60
    assert 50 < memory < 250
    assert count > 10
    assert 20 < speech < 85
