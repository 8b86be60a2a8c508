"""Silero VAD: the files are the published ones, run as published."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

import affekt.vad
from affekt import vad
from affekt.audio import read
from affekt.vad import silero
from affekt.vad._frames import Framer

FOLDER = Path(affekt.vad.__file__).parent
SHARED = Path(__file__).parents[2] / ".." / "shared"


@pytest.fixture(scope="module")
def conversation():
    path = SHARED / "conversation" / "two_speakers" / "sample.flac"
    if not path.exists():
        pytest.skip("no conversation/two_speakers in ../shared")
    return read(path).samples


def test_the_files_are_those_of_the_notice():
    listed = dict(re.findall(r"([0-9a-f]{64})  (\S+)", (FOLDER / "NOTICE").read_text())[::-1])
    found = {hashlib.sha256(path.read_bytes()).hexdigest(): path.name for path in FOLDER.glob("*.onnx")}
    assert found == listed
    assert len(found) == 2


def test_many_frames_at_once_are_judged_as_one_by_one(conversation):
    """Silero's sequence variant against its ordinary network, on 30 s of real speech."""
    frames = Framer(512, 64).push(conversation)
    at_once, one_by_one = silero._Sequence(), silero._FrameByFrame(16000)
    blocks = [at_once.run(frames[i : i + 32]) for i in range(0, len(frames), 32)]
    assert np.abs(np.concatenate(blocks) - one_by_one.run(frames)).max() < 1e-6


def test_both_rates_agree(conversation):
    """Half the rate, the same speech: nearly all frames are judged alike."""
    wide = vad.load("silero", 16000).push(conversation)
    narrow = vad.load("silero", 8000).push(read_at_8(conversation))
    assert np.mean((wide > 0.5) == (narrow[: len(wide)] > 0.5)) > 0.97


def read_at_8(samples):
    import soxr

    return soxr.resample(samples, 16000, 8000)


def test_streams_do_not_disturb_each_other(conversation):
    """The network is shared, its state is not."""
    part = conversation[160000:240000]
    alone = vad.load("silero").push(part)
    one, other = vad.load("silero"), vad.load("silero")
    together = []
    for at in range(0, len(part), 8000):
        together.append(one.push(part[at : at + 8000]))
        other.push(conversation[at : at + 8000])
    assert np.array_equal(np.concatenate(together), alone)


def test_a_quiet_second_speaker_is_heard_after_a_loud_one():
    """Two clips of the same speech, the second 25 dB quieter: a fixed gain loses a part of it."""
    path = SHARED / "reference" / "speech.wav"
    if not path.exists():
        pytest.skip("no reference/speech.wav in ../shared")
    speech = read(path).samples
    heard = [
        (vad.load("silero").push(np.concatenate([speech, speech * np.float32(gain)])) > 0.5) for gain in (1, 10**-1.25)
    ]
    half = len(heard[0]) // 2
    assert heard[1][half:].sum() > 0.9 * heard[0][half:].sum()


def test_a_leaking_far_side_is_not_heard_after_the_near_side(conversation):
    """What is 60 dB below the speech of this side stays out, however long this side is silent."""
    speech = conversation[int(10.6 * 16000) : int(14.6 * 16000)]
    leak = np.tile(speech, 5) * np.float32(1e-3)
    probs = vad.load("silero").push(np.concatenate([speech, np.zeros(160000, np.float32), leak]))
    assert (probs[:125] > 0.5).mean() > 0.7
    assert (probs[-len(leak) // 512 :] > 0.5).mean() < 0.05


def test_a_bang_does_not_deafen(conversation):
    """Half a second of noise 30 dB above the speech that follows."""
    speech = conversation[int(10.6 * 16000) : int(14.6 * 16000)]
    bang = np.random.default_rng(0).normal(0, 30 * speech.std(), 8192).astype(np.float32)
    probs = vad.load("silero").push(np.concatenate([bang, speech, speech]))
    assert (probs[20:] > 0.5).mean() > 0.9


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_noise_is_not_speech_at_any_level(number):
    path = SHARED / "noise" / f"noise{number}.flac"
    if not path.exists():
        pytest.skip("no noise in ../shared")
    noise = read(path).samples[: 20 * 16000]
    for gain in (1, 1e-3):
        assert (vad.load("silero").push(noise * np.float32(gain)) > 0.5).mean() < 0.02


# --- many streams in one call


def alone(samples, rate=16000):
    detector = vad.load("silero", rate)
    return np.concatenate([detector.push(samples), detector.finish()])


@pytest.mark.parametrize(("rate", "apart"), [(16000, 2e-6), (8000, 0)])
def test_streams_that_join_and_leave_are_judged_as_if_alone(conversation, rate, apart):
    """Real speech: nine stretches of a conversation, at three levels, each begun and ended at another time."""
    speech = conversation if rate == 16000 else read_at_8(conversation)
    rng = np.random.default_rng(0)
    cuts = [(int(rng.integers(0, 20 * rate)), int(rng.integers(3 * rate, 8 * rate))) for _ in range(9)]
    parts = {i: speech[at : at + size] * np.float32(10 ** -(i % 3)) for i, (at, size) in enumerate(cuts)}
    joins = {i: int(rng.integers(0, 40)) for i in parts}
    streams, heard, at = silero.Streams(rate), {i: [] for i in parts}, dict.fromkeys(parts, 0)
    for step in range(10_000):
        if all(at[i] >= len(part) for i, part in parts.items()):
            break
        present = [i for i in parts if step >= joins[i] and at[i] < len(parts[i])]
        size = {i: int(rng.integers(1, 8000)) for i in present}
        for i, probs in streams.push({i: parts[i][at[i] : at[i] + size[i]] for i in present}).items():
            heard[i].append(probs)
            at[i] += size[i]
            if at[i] >= len(parts[i]):
                heard[i].append(streams.finish(i))
    assert len(streams) == 0
    for i, part in parts.items():
        together, single = np.concatenate(heard[i]), alone(part, rate)
        assert together.shape == single.shape
        assert np.abs(together - single).max() <= apart
        assert np.array_equal(together > 0.5, single > 0.5)


def test_a_name_that_has_left_begins_another_stream(conversation):
    streams, part = silero.Streams(), conversation[:64000]
    first = streams.push({"a": part})["a"]
    streams.forget("a")
    assert np.array_equal(streams.push({"a": part})["a"], first)
    assert streams.finish("nobody").shape == (0,)
    assert streams.push({}) == {}
