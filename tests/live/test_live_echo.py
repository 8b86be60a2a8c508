"""An agent's echo is muted live as in a recording: to the sample, in whatever ticks it comes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from affekt.audio.channels import mute_echo
from affekt.live.echo import Echo
from affekt.live.tick import Tick

CALL = Path(__file__).parents[2] / "examples" / "call.wav"
RATE = 16000


@pytest.fixture(scope="module")
def tracks():
    """The sample call with the agent 20 dB down on the customer's line, and a stretch where both speak."""
    samples, rate = soundfile.read(CALL, dtype="float32")
    left, right = (soxr.resample(samples[: 12 * rate, i], rate, RATE) for i in (0, 1))
    right = right + np.roll(left, 4 * RATE)
    return {"c": (left + 0.1 * right).astype(np.float32), "a": right.astype(np.float32)}


def ticks(tracks, hop=512):
    length = len(next(iter(tracks.values())))
    for at in range(0, length, hop):
        end = min(at + hop, length)
        yield Tick(at, end, {name: samples[at:end] for name, samples in tracks.items()})


def joined(found, name):
    return np.concatenate([tick.sounds[name] for tick in found])


def test_it_is_the_muting_of_recordings_to_the_sample(tracks):
    echo = Echo(["a"], 512)
    found = [clear for tick in ticks(tracks) for clear in echo.push(tick)] + list(echo.finish())
    expected, count = mute_echo(tracks, "a", RATE)
    assert count > RATE
    assert np.array_equal(joined(found, "c"), expected["c"])
    assert np.array_equal(joined(found, "a"), tracks["a"])
    assert [(tick.start, tick.end) for tick in found] == [(tick.start, tick.end) for tick in ticks(tracks)]


def test_nothing_waits_longer_than_a_tick(tracks):
    echo, given = Echo(["a"], 512), 0
    for tick in ticks(tracks):
        given += len(list(echo.push(tick)))
        assert tick.end - given * 512 <= 512


def test_without_an_agent_nothing_is_touched_or_held(tracks):
    echo = Echo([], 512)
    for tick in ticks(tracks):
        assert list(echo.push(tick)) == [tick]


def test_a_jump_ends_what_is_held_and_a_track_that_is_not_heard_stays_so(tracks):
    echo, first = Echo(["a"], 512), list(ticks(tracks))[:3]
    assert [len(list(echo.push(tick))) for tick in first] == [0, 1, 1]
    far = Tick(10**6, 10**6 + 512, {"c": tracks["c"][:512], "a": None})
    assert [tick.start for tick in echo.push(far)] == [first[-1].start]
    (last,) = echo.finish()
    assert (last.start, last.sounds["a"]) == (10**6, None)
    assert np.array_equal(last.sounds["c"], tracks["c"][:512])
