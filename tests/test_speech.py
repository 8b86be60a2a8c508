"""Turns: where they begin and end follows from the probabilities alone, however the stream arrives."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt import rttm, vad
from affekt.audio import read
from affekt.errors import UsageError
from affekt.speech import GivenStage, SpeechStage, segments
from affekt.types import Segment, Signal

SHARED = Path(__file__).parents[1] / ".." / "shared"
HOP = 512


class Scripted:
    """A detector that says what it is told: frame i has the probability that its first sample spells."""

    RATES, HOP, rate, hop = (16000,), HOP, 16000, HOP

    def __init__(self):
        self._rest = np.zeros(0, np.float32)

    def push(self, samples):
        data = np.concatenate([self._rest, samples])
        count = len(data) // HOP
        self._rest = data[count * HOP :]
        return data[: count * HOP : HOP].copy()

    def finish(self):
        probs, self._rest = self._rest[:1], self._rest[:0]
        return probs

    def reset(self):
        self._rest = self._rest[:0]


def turns(samples, chunk=None, stage=None, start=0):
    """(start, end, samples) of each turn in samples."""
    stage = stage or SpeechStage(Scripted())
    chunk = chunk or max(1, len(samples))
    found, pieces = [], []
    signals = [Signal(samples[i : i + chunk], 16000, start + i) for i in range(0, len(samples), chunk)]
    for speech in [*(piece for signal in signals for piece in stage.push(signal)), *stage.finish()]:
        assert speech.signal.start == (pieces[-1].end if pieces else speech.turn_start), "without a gap"
        pieces.append(speech.signal)
        if speech.final:
            found.append((speech.turn_start, speech.signal.end, np.concatenate([p.samples for p in pieces])))
            pieces = []
    assert not pieces, "every turn is closed"
    return found


def most_kept(samples, chunk):
    """The largest number of samples that a stage holds between two chunks."""
    stage, kept = SpeechStage(Scripted()), []
    for i in range(0, len(samples), chunk):
        stage.push(Signal(samples[i : i + chunk], 16000, i))
        kept.append(len(stage._heard._samples))
    return max(kept)


def script(*runs):
    """Samples that spell (probability, frames) runs."""
    return np.concatenate([np.full(round(frames * HOP), prob, np.float32) for prob, frames in runs])


def bounds(samples, **rules):
    return [(start, end) for start, end, _ in turns(samples, stage=SpeechStage(Scripted(), **rules))]


def test_a_turn_is_padded_on_both_sides():
    assert bounds(script((0, 20), (1, 20), (0, 40)), pad=0.1) == [(20 * HOP - 1600, 40 * HOP + 1600)]


def test_the_pad_ends_with_the_stream():
    assert bounds(script((1, 20)), pad=0.1) == [(0, 20 * HOP)]
    assert bounds(script((0, 1), (1, 20), (0, 1.5)), pad=0.1) == [(0, 22 * HOP + HOP // 2)]


def test_speech_shorter_than_the_minimum_is_dropped():
    """8 frames are 256 ms."""
    assert bounds(script((0, 20), (1, 7), (0, 60))) == []
    assert len(bounds(script((0, 20), (1, 8), (0, 60)))) == 1


def test_pauses_do_not_count_as_speech():
    words = [(1, 3), (0, 10)] * 2
    assert bounds(script(*words, (0, 60))) == []
    assert len(bounds(script(*words, (1, 2), (0, 60)))) == 1


def test_short_pauses_stay_inside_and_long_ones_part():
    """0.6 s are 18.75 frames: the turn ends with the 19th frame of silence."""
    assert len(bounds(script((1, 10), (0, 18), (1, 10)))) == 1
    assert len(bounds(script((1, 10), (0, 19), (1, 10)))) == 2


def test_pads_never_overlap_neighbours():
    for pause in range(2, 30):
        (_, end), (start, _) = bounds(script((1, 10), (0, pause), (1, 10)), max_pause=0.05, pad=0.3)
        assert end <= start


def test_hysteresis_holds_a_turn_between_the_thresholds():
    """0.4 neither begins a turn nor ends it, and does not end a pause."""
    assert bounds(script((0.4, 100))) == []
    assert bounds(script((1, 10), (0.4, 100)), pad=0) == [(0, 110 * HOP)]
    assert bounds(script((1, 10), (0.3, 1), (0.4, 100)), pad=0) == [(0, 10 * HOP)]
    assert bounds(script((1, 10), (0.4, 100)), threshold=0.6, pad=0) == [(0, 10 * HOP)]


def test_positions_count_from_the_streams_beginning():
    found, later = (turns(script((0, 20), (1, 20), (0, 40)), start=start) for start in (0, 7))
    assert [(s + 7, e + 7) for s, e, _ in found] == [(s, e) for s, e, _ in later]


runs = st.lists(st.tuples(st.sampled_from([0.0, 0.3, 0.4, 0.55, 1.0]), st.floats(0.1, 30)), max_size=12)


@given(runs, st.sampled_from([1, 160, 511, 4000, 9999]), st.floats(0, 0.5), st.floats(0.05, 1))
def test_the_chunking_changes_nothing(made, chunk, pad, pause):
    samples = script((0, 0.3), *made)
    if chunk == 1:
        samples = samples[:4000]
    rules = {"pad": pad, "max_pause": pause}
    whole = turns(samples, stage=SpeechStage(Scripted(), **rules))
    parts = turns(samples, chunk, SpeechStage(Scripted(), **rules))
    assert [(start, end) for start, end, _ in parts] == [(start, end) for start, end, _ in whole]
    for start, end, heard in [*whole, *parts]:
        assert np.array_equal(heard, samples[start:end])
    assert all(before[1] <= after[0] for before, after in pairwise(whole))


def test_a_long_turn_is_handed_out_as_it_comes():
    """Ten minutes of speech without a pause: never more kept than what may turn out to be a pause, and a frame."""
    samples = script((0, 10), (1, 18750), (0, 30))
    assert len(turns(samples, 8000)) == 1
    assert most_kept(samples, 8000) <= 9600 + HOP


def test_silence_is_not_kept():
    assert most_kept(script((0, 10000)), 8000) <= 2400 + HOP


def test_a_stream_that_jumps_is_refused():
    stage = SpeechStage(Scripted())
    stage.push(Signal(np.zeros(100, np.float32), 16000))
    with pytest.raises(UsageError, match="expected the signal from sample 100 on, got one that starts at 200"):
        stage.push(Signal(np.zeros(100, np.float32), 16000, 200))


def test_another_rate_is_refused():
    with pytest.raises(UsageError, match="hears 16000 Hz, got 8000 Hz; resample first"):
        SpeechStage(Scripted()).push(Signal(np.zeros(100, np.float32), 8000))


@pytest.mark.parametrize(
    "rule", [{"threshold": 0}, {"threshold": 50}, {"pad": -1}, {"max_pause": 0}, {"min_speech": 11}]
)
def test_senseless_rules_are_refused(rule):
    with pytest.raises(UsageError, match=f"{next(iter(rule))} must be between"):
        SpeechStage(Scripted(), **rule)


def test_an_empty_stream_has_no_turns():
    assert list(SpeechStage(Scripted()).finish()) == []
    assert turns(np.zeros(0, np.float32)) == []


# --- real speech ---


@pytest.fixture(scope="module")
def conversation():
    path = SHARED / "conversation" / "two_speakers"
    if not path.exists():
        pytest.skip("no conversation/two_speakers in ../shared")
    return read(path / "sample.flac"), [segment for segment, _ in rttm.read(path / "sample.rttm")]


@pytest.mark.parametrize("name", ["silero", "energy"])
@pytest.mark.parametrize("chunk", [160, 511, 4000])
def test_real_turns_do_not_depend_on_the_chunking(conversation, name, chunk):
    samples = conversation[0].samples[: 12 * 16000]
    whole = turns(samples, stage=SpeechStage(vad.load(name)))
    parts = turns(samples, chunk, SpeechStage(vad.load(name)))
    assert len(whole) == len(parts) >= 1
    for (start, end, heard), (start_, end_, heard_) in zip(whole, parts, strict=True):
        assert (start, end) == (start_, end_)
        assert np.array_equal(heard, heard_)


def covered(spans, frames):
    """Which 32 ms frames lie in one of the segments."""
    centres = (np.arange(frames) + 0.5) * 0.032
    return np.any([(span.start <= centres) & (centres < span.end) for span in spans], axis=0)


@pytest.mark.parametrize(("name", "recall", "precision"), [("silero", 0.97, 0.97), ("energy", 0.97, 0.92)])
def test_turns_cover_the_speech_of_a_real_conversation(conversation, name, recall, precision):
    """Frames of 30 s of dialogue against its reference; pads and short pauses count as speech here."""
    signal, reference = conversation
    frames = len(signal.samples) // HOP
    truth, found = covered(reference, frames), covered(segments(signal, vad.load(name)), frames)
    assert (found & truth).sum() / truth.sum() >= recall
    assert (found & truth).sum() / found.sum() >= precision


@pytest.mark.parametrize("name", ["silero", "energy"])
@pytest.mark.parametrize("gain", [-30, 10])
def test_a_gain_moves_no_turn_in_real_speech(conversation, name, gain):
    """The conversation, an English and a German actor, talk-show Urdu: to the sample."""
    paths = sorted((SHARED / "corpora").glob("*/**/*.flac"))[::250]
    for signal in [conversation[0], *map(read, paths)]:
        scaled = Signal(signal.samples * np.float32(10 ** (gain / 20)), signal.rate)
        assert segments(scaled, vad.load(name)) == segments(signal, vad.load(name))


def test_near_silent_recordings_have_no_turns():
    path = SHARED / "conversation" / "ami"
    if not path.exists():
        pytest.skip("no conversation/ami in ../shared")
    for name in ("dev00", "dev01", "tst00", "tst01"):  # digital silence but for 22 samples of tst00
        assert segments(read(path / f"{name}.flac"), vad.load("silero")) == []


# --- given segments ---


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 100)), max_size=6), st.sampled_from([1, 7, 100, 1000]))
def test_given_turns_are_the_segments_with_overlaps_merged(given_segments, chunk):
    samples = np.arange(250, dtype=np.float32)
    stage = GivenStage([Segment(start / 16000, (start + length) / 16000) for start, length in given_segments])
    inside = np.zeros(500, bool)
    for start, length in given_segments:
        inside[start : start + length] = True
    heard = np.zeros(250, bool)
    for start, end, taken in turns(samples, chunk, stage):
        assert np.array_equal(taken, samples[start:end])
        heard[start:end] = True
    assert np.array_equal(heard, inside[:250])


def test_given_segments_beyond_the_end_are_not_heard():
    stage = GivenStage([Segment(5, 6)])
    assert list(stage.push(Signal(np.zeros(16000, np.float32), 16000))) == []
    assert list(stage.finish()) == []
