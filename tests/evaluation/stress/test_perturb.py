"""Perturbations do what they say, to the amount that they say, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from affekt import augment
from affekt.audio import active_level
from affekt.evaluation.stress import perturb, robustness
from affekt.types import Signal

RATE = 16000


def rng(seed=0):
    return np.random.default_rng(seed)


def speech(seconds=2.0, seed=5, level=0.05):
    """Noise in bursts with pauses, as speech has them."""
    n = round(seconds * RATE)
    bursts = np.repeat(rng(seed).random(-(-n // 4000)) > 0.3, 4000)[:n]
    return Signal((rng(seed + 1).normal(0, level, n) * bursts).astype(np.float32), RATE, start=7)


SCENE = robustness.Scene(
    talkers=tuple(speech(seed=s).samples for s in (11, 12, 13)),
    noises=(rng(3).normal(0, 0.1, 5000).astype(np.float32),),
    responses={"hall": np.r_[np.zeros(50), 1.0, 0.3 * rng(4).normal(size=400)].astype(np.float32)},
)
LEVELS = [(test.name, level) for test in robustness.tests(SCENE) for level in test.levels]


def db(value):
    return 20 * np.log10(value)


@pytest.mark.parametrize(("name", "level"), LEVELS, ids=lambda value: getattr(value, "name", value))
def test_every_level_gives_the_same_for_the_same_seed_and_leaves_the_original_alone(name, level):
    signal = speech()
    kept = signal.samples.copy()
    first, second = (level.change(signal, rng(9)) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)
    assert np.array_equal(signal.samples, kept)
    assert first.samples.dtype == np.float32
    assert np.isfinite(first.samples).all()
    assert (first.rate, first.start) == (signal.rate, signal.start)


@pytest.mark.parametrize(("name", "level"), LEVELS, ids=lambda value: getattr(value, "name", value))
def test_every_level_bears_silence_and_a_click(name, level):
    for samples in (np.zeros(8000, np.float32), np.eye(1, 8000, 400, dtype=np.float32)[0]):
        heard = level.change(Signal(samples, RATE), rng()).samples
        assert np.isfinite(heard).all()
        assert len(heard) > 3000


@given(st.floats(-40, 20))
def test_a_gain_is_its_decibels(decibels):
    changed = perturb.gain(speech(), rng(), decibels=decibels)
    assert db(changed.samples.std() / speech().samples.std()) == pytest.approx(decibels, abs=1e-3)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_clipping_leaves_the_share_of_samples_at_full_scale(share):
    heard = np.abs(perturb.clip(speech(), rng(), share=share).samples)
    assert heard.max() == 1.0
    assert np.mean(heard >= 1.0) == pytest.approx(share, abs=1e-3)


def test_overdrive_is_linear_below_full_scale():
    signal = speech()
    heard = perturb.overdrive(signal, rng(), decibels=12).samples
    gain = 10 ** (12 / 20) / np.abs(signal.samples).max()
    free = np.abs(heard) < 1
    assert np.allclose(heard[free], (gain * signal.samples)[free], atol=1e-6)
    assert 0 < np.mean(~free) < 0.2


def test_eight_bits_are_255_steps():
    heard = perturb.bits(Signal(np.linspace(-1, 1, 50000, dtype=np.float32), RATE), rng(), depth=8).samples
    assert len(np.unique(heard)) == 255


@pytest.mark.parametrize("snr", [20.0, 10.0, 5.0])
@pytest.mark.parametrize("kind", ["white", "pink", "brown", "babble", "recorded"])
def test_noise_lies_below_the_active_speech_by_the_ratio(kind, snr):
    signal = speech(4.0)
    changes = {
        "babble": lambda: perturb.babble(signal, rng(1), talkers=SCENE.talkers, snr=snr),
        "recorded": lambda: perturb.recorded(signal, rng(1), noises=SCENE.noises, snr=snr),
    }
    heard = changes.get(kind, lambda: perturb.noise(signal, rng(1), colour=kind, snr=snr))()
    added = heard.samples.astype(np.float64) - signal.samples
    assert active_level(signal.samples, RATE) - db(np.sqrt(np.mean(added**2))) == pytest.approx(snr, abs=0.01)


@pytest.mark.parametrize(("colour", "slope"), [("white", 0.0), ("pink", -3.01), ("brown", -6.02)])
def test_noise_falls_by_its_decibels_per_octave(colour, slope):
    signal = speech(8.0)
    added = perturb.noise(signal, rng(2), colour=colour, snr=0).samples - signal.samples
    power = np.abs(np.fft.rfft(added)) ** 2
    hertz = np.fft.rfftfreq(len(added), 1 / RATE)
    octaves = [10 * np.log10(power[(hertz >= f) & (hertz < 2 * f)].mean()) for f in (100, 200, 400, 800, 1600, 3200)]
    assert np.polyfit(np.arange(6), octaves, 1)[0] == pytest.approx(slope, abs=0.4)


def test_babble_never_has_the_utterance_itself_in_it():
    signal = speech()
    heard = perturb.babble(signal, rng(), talkers=(signal.samples, SCENE.talkers[0]), snr=0).samples - signal.samples
    alone = perturb.babble(signal, rng(), talkers=(SCENE.talkers[0],), snr=0).samples - signal.samples
    assert abs(np.corrcoef(heard, signal.samples)[0, 1]) < 0.2
    assert heard.std() == pytest.approx(alone.std(), rel=1e-3)


def response(rt60, seed):
    """What a room makes of a click."""
    return perturb.reverb(Signal(np.eye(1, RATE, dtype=np.float32)[0], RATE), rng(seed), rt60=rt60).samples


@pytest.mark.parametrize("rt60", [0.3, 0.8])
def test_a_room_decays_by_60_db_in_its_time(rt60):
    """By Schroeder's backward integration (ISO 3382), from -5 to -35 dB of the tail."""
    times = []
    for seed in range(5):
        tail = response(rt60, seed)[1 : round(rt60 * RATE)].astype(np.float64)
        decay = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
        part = (decay < -5) & (decay > -35)
        slope = np.polyfit(np.flatnonzero(part) / RATE, decay[part], 1)[0]
        times.append(-60 / slope)
    assert np.mean(times) == pytest.approx(rt60, rel=0.05)


def test_a_room_is_as_loud_as_the_voice():
    heard = response(0.5, 0)
    assert np.sum(heard[1:] ** 2) == pytest.approx(heard[0] ** 2)


def test_a_response_keeps_place_and_level_of_the_direct_sound():
    """Whatever the delay and the gain of the recording of the room."""
    signal = speech()
    for delay, gain in ((0, 1.0), (50, 0.01)):
        heard = perturb.respond(signal, rng(), response=np.eye(1, 300, delay)[0] * gain)
        assert np.allclose(heard.samples, signal.samples, atol=1e-5)


@pytest.mark.parametrize("share", [0.03, 0.1, 0.5])
def test_packets_of_20_ms_are_lost_by_their_share(share):
    heard = perturb.lose(Signal(np.ones(16000 * 4, np.float32), RATE), rng(), share=share).samples.reshape(-1, 320)
    assert set(np.unique(heard)) == {0.0, 1.0}
    assert (heard.min(axis=1) == heard.max(axis=1)).all(), "a packet is lost as a whole"
    assert np.mean(heard[:, 0] == 0) == pytest.approx(share, abs=0.003)


@pytest.fixture
def sizes(monkeypatch):
    """Bytes of every file that is encoded."""
    seen = []
    write = soundfile.write
    monkeypatch.setattr(soundfile, "write", lambda file, *a, **k: (write(file, *a, **k), seen.append(file.tell())))
    return seen


@pytest.mark.parametrize(("change", "off"), [(perturb.mp3, 0.05), (perturb.opus, 0.35)])
@pytest.mark.parametrize("kilobits", [64.0, 32.0])
def test_a_codec_has_its_bit_rate(change, off, kilobits, sizes):
    """MP3 to its frames' headers; Opus varies with what it hears, and is asked for a mean."""
    change(Signal(rng().normal(0, 0.1, 160000).astype(np.float32), RATE), rng(), kilobits=kilobits)
    assert sizes[0] * 8 / 10 / 1000 == pytest.approx(kilobits, rel=off)


@pytest.mark.parametrize("change", [perturb.mp3, perturb.opus])
def test_a_codec_keeps_time_and_form(change):
    chirp = np.sin(np.cumsum(np.linspace(0.05, 0.9, 32000))).astype(np.float32) * 0.3
    heard = change(Signal(chirp, RATE), rng(), kilobits=64.0).samples
    assert len(heard) == len(chirp)
    assert np.mean((heard - chirp) ** 2) < 0.01 * np.mean(chirp**2)


def test_a_codec_does_not_clip_what_is_beyond_full_scale():
    loud = Signal(speech().samples * 40, RATE)
    heard = perturb.opus(loud, rng(), kilobits=64.0).samples
    assert np.abs(heard).max() > 1.5


@given(st.sampled_from([0.95, 0.97, 1.03, 1.05]))
def test_speed_moves_length_and_pitch_together(factor):
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    heard = perturb.speed(Signal(tone, RATE), rng(), factor=factor).samples
    assert RATE / len(heard) == pytest.approx(factor, rel=1e-3)
    pitch = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), 16 * RATE)).argmax() / 16
    assert pitch == pytest.approx(440 * factor, rel=2e-3)


def test_time_is_cut_and_padded_by_its_seconds():
    signal = speech(2.0)
    assert np.array_equal(perturb.late(signal, rng(), seconds=0.1).samples, signal.samples[1600:])
    assert np.array_equal(perturb.crop(signal, rng(), seconds=1.0).samples, signal.samples[8000:24000])
    padded = perturb.pad(signal, rng(), before=0.5, after=0.25).samples
    assert len(padded) == 2.75 * RATE
    assert np.array_equal(padded[8000:40000], signal.samples)
    assert not padded[:8000].any()
    assert not padded[40000:].any()


def test_all_that_augment_lends_is_in_the_version():
    """Or a changed chain would be taken for what was judged before."""
    lent = {getattr(level.change, "func", level.change) for _, level in LEVELS} | set(perturb.COLOURS.values())
    names = {one.__name__ for one in lent if one.__module__.startswith("affekt.augment")}
    assert names | {"reverb"} == set(perturb.BORROWED)
    assert all(f"{name} {augment.CHAINS[name].version}" in perturb.version() for name in names)
