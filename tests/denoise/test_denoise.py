"""What every noise reduction owes, and the gate: every file in the folder is put through it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clips
from affekt import denoise, registry
from affekt.augment import chain
from affekt.denoise._gate import GATE, Gate
from affekt.errors import MissingExtraError, UnknownNameError, UsageError
from affekt.types import Signal

RATE = 16000
NAMES = registry.names("denoise")
SOUND = np.random.default_rng(0).normal(0, 0.05, 20000).astype(np.float32)


def made(name):
    try:
        return denoise.load(name)
    except MissingExtraError as error:
        pytest.skip(str(error))


def cut(samples, cuts):
    return np.split(samples, sorted(cuts))


def clean(name, samples, cuts=()):
    method = made(name)
    return np.concatenate([*(method.push(part) for part in cut(samples, cuts)), method.finish()])


def gated(samples, cuts=(), name="wiener", gate=GATE, start=0):
    stage = denoise.Gated(made(name), gate)
    given = []
    for part in cut(samples, cuts):
        given += stage.push(Signal(part, RATE, start))
        start += len(part)
    return [*given, *stage.finish()]


def joined(signals):
    return np.concatenate([signal.samples for signal in signals])


@pytest.fixture(scope="module")
def speech():
    """Some seconds of real speech of one corpus, with pauses."""
    heard = clips.read(clips.sample(clips.corpus("emodb"), 2))
    pause = np.zeros(RATE // 2, np.float32)
    return np.concatenate([part for signal in heard for part in (pause, clips.levelled(signal).samples)])


def mixed(speech, decibels, kind="white"):
    change = chain(kind, ranges={kind: {"least": decibels, "most": decibels}})
    return change(Signal(speech, RATE), np.random.default_rng(1)).samples


def fidelity(speech, heard):
    """SI-SDR in dB (Le Roux et al. 2019)."""
    x, y = speech.astype(np.float64), heard.astype(np.float64)
    part = (x @ y) / (x @ x) * x
    return 10 * np.log10(np.sum(part**2) / np.sum((y - part) ** 2))


# --- what every method owes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 511, 512, 513, 5000])
def test_as_many_samples_come_out_as_went_in(name, length):
    cleaned = clean(name, SOUND[:length])
    assert cleaned.shape == (length,)
    assert cleaned.dtype == np.float32


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=20))
def test_the_chunking_changes_nothing_to_the_last_bit(cuts):
    assert np.array_equal(clean("wiener", SOUND, cuts), clean("wiener", SOUND))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("step", [1, 481])
def test_single_samples_give_what_the_whole_gives(name, step):
    assert np.array_equal(clean(name, SOUND[:3000], range(0, 3000, step)), clean(name, SOUND[:3000]))


@pytest.mark.parametrize("name", NAMES)
def test_no_sample_waits_longer_than_the_method_says(name):
    method, given = made(name), 0
    for at in range(0, len(SOUND), 160):
        given += len(method.push(SOUND[at : at + 160]))
        assert at + len(SOUND[at : at + 160]) - given <= method.LAG


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_keeps_its_place(name, speech):
    """The cleaned speech correlates best with the clean one where neither is shifted."""
    heard = clean(name, mixed(speech, 15))
    shifts = range(-40, 41)
    found = [float(np.roll(heard, shift) @ speech) for shift in shifts]
    assert shifts[int(np.argmax(found))] == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["white", "pink"])
def test_speech_at_5_db_comes_out_cleaner(name, kind, speech):
    heard = mixed(speech, 5, kind)
    assert fidelity(speech, clean(name, heard)) > fidelity(speech, heard) + 3


@pytest.mark.parametrize("name", NAMES)
def test_silence_stays_silence(name):
    assert np.abs(clean(name, np.zeros(8000, np.float32))).max() < 1e-6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_what_is_no_number_is_silence_and_harms_nothing_behind_it(name, value):
    broken, silent = SOUND.copy(), SOUND.copy()
    broken[3000:3100], silent[3000:3100] = value, 0
    assert np.array_equal(clean(name, broken), clean(name, silent))


@pytest.mark.parametrize("name", NAMES)
def test_clipped_sound_gives_numbers(name, speech):
    assert np.isfinite(clean(name, np.clip(100 * speech[:RATE], -1, 1))).all()


def test_a_level_far_from_the_usual_changes_what_comes_out_by_the_same_gain():
    quiet = clean("wiener", SOUND * np.float32(2**-7))
    assert np.allclose(quiet * 2**7, clean("wiener", SOUND), atol=1e-6)


# --- the gate


def test_clean_speech_passes_to_the_last_bit(speech):
    assert np.array_equal(joined(gated(speech, range(0, len(speech), 512))), speech)


def test_noise_opens_the_gate_and_most_of_what_the_method_gains_is_gained(speech):
    heard = np.concatenate([mixed(speech, 5)] * 2)
    both = np.concatenate([speech, speech])
    half = slice(len(speech), None)  # by then the gate knows
    before, after = fidelity(both[half], heard[half]), fidelity(both[half], joined(gated(heard))[half])
    alone = fidelity(both[half], clean("wiener", heard)[half])
    assert after - before > 0.8 * (alone - before) > 2


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 3 * len(SOUND)), max_size=20))
def test_the_chunking_changes_nothing_behind_the_gate(cuts):
    tone = np.sin(np.arange(3 * len(SOUND)) * 0.2) * (np.arange(3 * len(SOUND)) // 4000 % 2)
    sound = (np.tile(SOUND, 3) + 0.2 * tone).astype(np.float32)
    whole = joined(gated(sound))
    assert np.array_equal(joined(gated(sound, cuts)), whole)
    assert not np.array_equal(whole, sound)


def test_signals_follow_each_other_from_where_the_stream_begins():
    given = gated(SOUND, range(0, len(SOUND), 333), start=777)
    assert given[0].start == 777
    assert [signal.start for signal in given[1:]] == [signal.end for signal in given[:-1]]
    assert given[-1].end == 777 + len(SOUND)


@pytest.mark.parametrize("length", [0, 1, 255, 256, 700])
def test_a_stream_of_a_few_samples_passes(length):
    assert np.array_equal(joined([Signal(SOUND[:0], RATE), *gated(SOUND[:length])]), SOUND[:length])


def test_a_pause_does_not_move_the_gate(speech):
    heard = mixed(speech, 5)
    gate = Gate()
    gate.push(heard)
    before = gate.snr
    gate.push(np.random.default_rng(2).normal(0, heard[:8000].std(), 5 * RATE).astype(np.float32))
    assert gate.snr == pytest.approx(before, abs=1.5)


def test_memory_does_not_grow_with_the_stream():
    stage = denoise.stage("wiener")()
    second = np.tile(SOUND, 1)[:RATE]

    def hear(seconds, at):
        for i in range(seconds):
            list(stage.push(Signal(second, RATE, at + i * RATE)))
        return at + seconds * RATE

    at = hear(5, 0)
    tracemalloc.start()
    at = hear(2, at)
    before = tracemalloc.get_traced_memory()[0]
    hear(20, at)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 20_000


def test_what_is_wrong_is_said():
    with pytest.raises(UnknownNameError, match="no noise reduction is called 'weiner'; did you mean 'wiener'"):
        denoise.stage("weiner")
    with pytest.raises(UsageError, match="a gate must close above where it is open, got 20 and 10 dB"):
        denoise.stage("wiener", (20, 10))
    stage = denoise.stage()()
    with pytest.raises(UsageError, match="noise is reduced at 16000 Hz, got 8000 Hz; resample first"):
        stage.push(Signal(SOUND, 8000))
    stage.push(Signal(SOUND, RATE))
    with pytest.raises(UsageError, match="expected the signal from sample 20000 on, got one that starts at 5"):
        stage.push(Signal(SOUND, RATE, 5))
