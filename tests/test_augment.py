"""Copies of speech: made again to the sample, of the same length, and changed as they say."""

from __future__ import annotations

import dataclasses
import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import clips
from affekt import augment
from affekt.audio import active_level
from affekt.errors import MissingExtraError, UsageError
from affekt.features import prosody
from affekt.types import Signal

SAME_LENGTH = [augment.colour, augment.noise, augment.room, augment.phone]
CHANGES = [augment.crop, augment.speed, augment.quick, *SAME_LENGTH]

sounds = st.builds(
    lambda seed, length, rate: Signal(
        np.random.default_rng(seed).laplace(0, 0.05, length).astype(np.float32), rate, start=seed
    ),
    st.integers(0, 1000),
    st.integers(400, 60000),
    st.sampled_from([8000, 16000, 44100]),
)
seeds = st.integers(0, 10**6)


def rng(seed=0):
    return np.random.default_rng(seed)


def hiss(seconds=4.0):
    return Signal(rng(9).normal(0, 0.05, round(seconds * 16000)).astype(np.float32), 16000)


def band(signal, low, high):
    """Power between two frequencies, in dB."""
    hertz = np.fft.rfftfreq(len(signal.samples), 1 / signal.rate)
    power = np.abs(np.fft.rfft(signal.samples.astype(np.float64))) ** 2
    return 10 * np.log10(power[(hertz >= low) & (hertz < high)].mean() + 1e-20)


def g711(samples):
    """The telephone's own code, by libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format="WAV", subtype="ULAW")
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def decibels(signal, error):
    return 10 * np.log10(np.mean(signal**2) / (np.mean(error**2) + 1e-20))


@pytest.mark.parametrize("change", CHANGES)
@given(signal=sounds, seed=seeds)
def test_the_same_seed_makes_the_same_copy(change, signal, seed):
    kept = signal.samples.copy()
    first, second = (change(signal, rng(seed)) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)
    assert np.array_equal(signal.samples, kept), "the original is left alone"


@pytest.mark.parametrize("change", CHANGES)
def test_another_seed_makes_another_copy(change):
    copies = [change(hiss(), rng(seed)).samples for seed in (1, 2)]
    assert not np.array_equal(*copies)


@pytest.mark.parametrize("change", SAME_LENGTH)
@given(signal=sounds, seed=seeds)
def test_length_rate_and_place_are_kept(change, signal, seed):
    copy = change(signal, rng(seed))
    assert (len(copy.samples), copy.rate, copy.start) == (len(signal.samples), signal.rate, signal.start)
    assert copy.samples.dtype == np.float32
    assert np.isfinite(copy.samples).all()


@given(signal=sounds, seed=seeds, shortest=st.floats(0.1, 1.0), more=st.floats(0, 2))
def test_a_crop_is_a_stretch_of_the_signal(signal, seed, shortest, more):
    cut = augment.crop(signal, rng(seed), shortest=shortest, longest=shortest + more)
    begin = cut.start - signal.start
    assert np.array_equal(cut.samples, signal.samples[begin : begin + len(cut.samples)])
    if len(cut.samples) < len(signal.samples):
        assert shortest - 1 / signal.rate <= cut.duration <= shortest + more


def test_crops_reach_every_part_of_a_signal():
    signal = hiss(6.0)
    cuts = [augment.crop(signal, rng(seed)) for seed in range(200)]
    assert min(cut.duration for cut in cuts) < 1.3 < 2.9 < max(cut.duration for cut in cuts)
    assert min(cut.start for cut in cuts) < 1600
    assert max(cut.end for cut in cuts) > len(signal.samples) - 1600


@given(seeds, st.floats(0.01, 0.1))
def test_another_speed_moves_length_and_pitch_together(seed, most):
    rate, pitch = 16000, 440.0
    tone = np.sin(2 * np.pi * pitch * np.arange(rate) / rate).astype(np.float32)
    played = augment.speed(Signal(tone, rate, start=7), rng(seed), most=most)
    heard = np.abs(np.fft.rfft(played.samples * np.hanning(len(played.samples)), 16 * rate)).argmax() / 16
    assert heard * played.duration == pytest.approx(pitch, rel=2e-3), "as many periods as before"
    assert 1 - most - 0.006 <= played.duration**-1 <= 1 + most + 0.006
    assert (played.rate, played.start) == (rate, 7)


def test_quick_is_another_speed_and_a_crop():
    copies = [augment.quick(hiss(6.0), rng(seed)) for seed in range(20)]
    assert all(1.2 - 1e-4 <= copy.duration <= 3 for copy in copies)


@given(seeds)
def test_a_microphone_colours_within_its_bounds(seed):
    """Tilt of 6 dB in three octaves, from 60 Hz to 8 kHz around 1 kHz, and a ripple of 4 dB: at most 12.2 dB."""
    signal = hiss(1.0)
    before, after = (np.abs(np.fft.rfft(s.samples)) for s in (signal, augment.colour(signal, rng(seed))))
    gain = 20 * np.log10(after[1:-1] / before[1:-1])
    assert np.abs(gain).max() < 12.5
    assert np.ptp(gain) > 0.5


@pytest.mark.parametrize("ratio", [10.0, 17.5, 25.0])
def test_noise_lies_below_the_active_speech_by_the_ratio(ratio):
    """Pauses do not count: half of this signal is silent."""
    samples = np.concatenate([hiss().samples, np.zeros(64000, np.float32)])
    for seed in range(5):
        copy = augment.noise(Signal(samples, 16000), rng(seed), least=ratio, most=ratio)
        assert active_level(copy.samples[70000:], 16000) == pytest.approx(-26 - ratio, abs=0.8)


def test_noise_lies_between_white_and_pink():
    silent = Signal(np.zeros(64000, np.float32), 16000)
    tilts = []
    for seed in range(30):
        added = augment.noise(silent, rng(seed))
        tilts.append(band(added, 250, 500) - band(added, 4000, 8000))
    assert min(tilts) > -1.5
    assert max(tilts) < 13.5  # four octaves at 3 dB
    assert max(tilts) > 6


@given(seeds)
def test_a_telephone_passes_its_band_alone(seed):
    heard = augment.phone(hiss(), rng(seed))
    passed = band(heard, 700, 2800)
    assert band(heard, 4300, 8000) < passed - 60
    assert band(heard, 20, 150) < passed - 20
    assert abs(band(heard, 400, 700) - passed) < 2
    assert abs(band(heard, 2800, 3200) - passed) < 3


@pytest.mark.parametrize("change", [augment.noise, augment.room, augment.phone])
def test_the_level_of_the_recording_does_not_come_through(change):
    for signal in clips.read(clips.sample(clips.corpus("emodb"), 3)):
        loud, quiet = (change(clips.scaled(signal, gain), rng(1)).samples for gain in (10, -30))
        assert decibels(loud, loud - quiet) > 35  # a telephone quantises, so that rounding may show


@given(st.floats(-1, 1))
def test_mu_law_keeps_what_it_has_made(value):
    once = augment.mu_law(np.array([value], np.float32))
    assert np.array_equal(augment.mu_law(once), once)


def test_mu_law_has_255_steps_that_grow_with_the_level():
    heard = np.unique(augment.mu_law(np.linspace(-1.5, 1.5, 100001, dtype=np.float32)))
    assert len(heard) == 255
    assert np.array_equal(heard, -heard[::-1])
    assert heard[-1] == 1
    assert (np.diff(heard[127:], 2) > -1e-7).all()


@pytest.mark.parametrize("level", [-10, -20, -30, -40])
def test_mu_law_sounds_as_g711_does(level):
    """G.711 follows the curve by eight straight pieces: speech comes through as cleanly, within 1.5 dB."""
    speech = (rng().laplace(0, 10 ** (level / 20) / np.sqrt(2), 50000)).clip(-0.98, 0.98).astype(np.float32)
    ours, theirs = (decibels(speech, speech - code(speech)) for code in (augment.mu_law, g711))
    assert ours == pytest.approx(theirs, abs=1.5)
    assert ours > 35


# Every chain ------------------------------------------------------------------------------------------------------

ADDS = ["white", "pink", "brown", "babble"]
OWN_LENGTH = [*ADDS, "gain", "clip", "lowpass", "reverb", "packets", "phone_a_law", "pitch"]
ALONE = [name for name, kind in augment.CHAINS.items() if not kind.must]
"need no folder"

short = st.builds(
    lambda seed, length, rate: Signal(
        np.random.default_rng(seed).laplace(0, 0.05, length).astype(np.float32), rate, start=seed
    ),
    st.integers(0, 1000),
    st.integers(1, 9000),
    st.sampled_from([8000, 16000, 44100]),
)


def made(name, **ranges):
    if augment.CHAINS[name].package:
        pytest.importorskip(augment.CHAINS[name].package, reason="python-stretch is not installed")
    return augment.chain(name, ranges={name: ranges} if ranges else {})


def speech(name="emodb", size=6):
    return clips.read(clips.sample(clips.corpus(name), size))


@pytest.mark.parametrize("name", ALONE)
@settings(max_examples=20)
@given(signal=short, seed=seeds)
def test_a_chain_gives_finite_samples_the_same_for_the_same_seed(name, signal, seed):
    change, kept = made(name), signal.samples.copy()
    one, again = (change(signal, rng(seed)) for _ in range(2))
    assert np.array_equal(one.samples, again.samples)
    assert np.isfinite(one.samples).all()
    assert np.abs(one.samples).max(initial=0) < 100, "nothing explodes"
    assert (one.samples.dtype, one.rate) == (np.float32, signal.rate)
    assert np.array_equal(signal.samples, kept), "the original is left alone"
    if name in OWN_LENGTH:
        assert (len(one.samples), one.start) == (len(signal.samples), signal.start)


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("samples", [[0.0], [0.5], [0.5, -0.5], [0.0] * 16000])
def test_a_sample_alone_and_silence_are_taken(name, samples):
    copy = made(name)(Signal(np.array(samples, np.float32), 16000), rng())
    assert np.isfinite(copy.samples).all()
    assert np.abs(copy.samples).max(initial=0) <= 1.5


@pytest.mark.parametrize("name", [*ADDS, "gain", "clip", "lowpass", "reverb", "packets", "shift", "stretch", "pitch"])
def test_where_nobody_speaks_nothing_is_added(name):
    copy = made(name)(Signal(np.zeros(8000, np.float32), 16000), rng())
    assert np.abs(copy.samples).max(initial=0) < 1e-6


@pytest.mark.parametrize("name", [name for name in ALONE if name != "quick"])
def test_a_chain_draws_anew_for_each_seed(name):
    assert len({made(name)(hiss(), rng(seed)).samples.tobytes() for seed in range(4)}) > 1


FROZEN = {
    "crop": (21666, [0.0134, -0.0397, -0.0278, -0.0355, -0.0]),
    "speed": (25806, [-0.0296, -0.0179, 0.0312, -0.057, 0.0741]),
    "quick": (25806, [-0.0296, -0.0179, 0.0312, -0.057, 0.0741]),
    "colour": (24000, [0.0383, -0.0113, -0.0004, -0.0235, -0.022]),
    "noise": (24000, [0.0644, 0.0075, 0.0136, -0.0306, -0.0334]),
    "room": (24000, [0.0381, -0.0095, -0.0021, -0.0343, -0.0273]),
    "phone": (24000, [-0.0166, 0.0507, 0.0284, -0.0112, -0.0019]),
    # What is above made the copies of the bundled models, and changes them with it; all else needs a new version.
    "shift": (25548, [-0.0284, 0.0207, 0.0385, -0.0119, -0.0016]),
    "gain": (24000, [0.0381, 0.004, 0.009, -0.0162, -0.0175]),
    "clip": (24000, [0.0675, 0.0071, 0.0159, -0.0288, -0.031]),
    "lowpass": (24000, [0.0057, 0.0253, 0.0287, -0.0153, -0.0132]),
    "white": (24000, [0.0788, 0.0013, 0.0092, -0.0224, -0.038]),
    "pink": (24000, [0.0655, 0.0083, 0.0158, -0.0282, -0.0424]),
    "brown": (24000, [0.0684, 0.0141, 0.029, -0.0298, -0.0334]),
    "babble": (24000, [0.0769, 0.012, 0.0109, -0.0235, -0.0372]),
    "reverb": (24000, [0.0973, -0.011, 0.0476, -0.0277, 0.0066]),
    "phone_a_law": (24000, [-0.0165, 0.0506, 0.0279, -0.0113, -0.0017]),
    "packets": (24000, [0.0675, 0.0071, 0.0159, -0.0288, -0.031]),
}
"of the hiss of 1.5 s: length, and every 4000th sample"


@pytest.mark.parametrize("name", FROZEN)
def test_copies_are_what_they_were_or_the_chain_has_another_version(name):
    length, expected = FROZEN[name]
    assert augment.CHAINS[name].version == 1, "a chain of another version has other numbers: renew them, and this one"
    copy = augment.chain(name)(hiss(1.5), rng(3))
    assert len(copy.samples) == length
    assert copy.samples[1000:20000:4000].tolist() == pytest.approx(expected, abs=6e-5)


# Noise ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ADDS)
@pytest.mark.parametrize("ratio", [0.0, 10.0, 25.0])
def test_what_is_added_lies_below_the_speech_by_the_ratio_and_the_speech_stays(name, ratio):
    for number, signal in enumerate(speech(size=4)):
        copy = made(name, least=ratio, most=ratio)(signal, rng(number))
        added = copy.samples.astype(np.float64) - signal.samples
        below = active_level(signal.samples, signal.rate) - 10 * np.log10(np.mean(added**2))
        assert below == pytest.approx(ratio, abs=0.05)


@pytest.mark.parametrize(("name", "slope"), [("white", 0.0), ("pink", -3.0), ("brown", -6.0)])
def test_a_colour_falls_per_octave_as_it_should(name, slope):
    signal = hiss()
    added = Signal(made(name, least=0, most=0)(signal, rng(1)).samples - signal.samples, 16000)
    octaves = [band(added, low, 2 * low) for low in (62.5, 125, 250, 500, 1000, 2000, 4000)]
    assert np.polyfit(range(7), octaves, 1)[0] == pytest.approx(slope, abs=0.3)


def test_babble_is_several_voices():
    """Voices at once swing less in level than one."""
    for number, signal in enumerate(speech()):
        copy = made("babble", least=0, most=0)(signal, rng(number))
        added = copy.samples.astype(np.float64) - signal.samples
        swing = [np.std(10 * np.log10(_powers(x, 512) + 1e-9)) for x in (signal.samples, added)]
        assert swing[1] < 0.75 * swing[0]


def test_babble_made_of_the_utterance_runs_backwards():
    """Forwards it would be an echo. What sets in at once and dies away here, swells there and stops at once."""
    time = np.arange(64000) / 16000
    struck = hiss().samples * np.exp(-10 * (time % 0.5)).astype(np.float32)
    for seed in range(4):
        signal = Signal(struck, 16000)
        added = made("babble", least=0, most=0)(signal, rng(seed)).samples - struck
        steps = [np.mean(np.diff(_powers(x, 800)) ** 3) for x in (struck, added)]
        assert steps[0] > 0 > steps[1]


def _powers(samples, size):
    return np.mean(samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64) ** 2, axis=1)


@pytest.fixture
def folder(tmp_path):
    """Noise and impulse responses side by side, as some collections have them; at another rate than the speech's."""
    sounds = {"hum.wav": np.sin(np.arange(16000) * 0.2), "deep/rain.flac": rng(1).normal(0, 0.1, 4000)}
    sounds["RIR_hall.wav"] = np.r_[np.zeros(80), 1.0, np.zeros(799), 0.5]
    for name, samples in sounds.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, samples, 8000)
    (tmp_path / "README.txt").write_text("no sound")
    return tmp_path


def test_recorded_noise_comes_from_the_folder_and_impulse_responses_are_no_noise(folder):
    chain = augment.chain("recorded", ranges={"recorded": {"least": 10, "most": 10}}, folders={"noise": folder})
    assert [path.name for path in chain.files] == ["rain.flac", "hum.wav"]
    signal, heard = hiss(3.0), set()
    for seed in range(6):
        added = (chain(signal, rng(seed)).samples - signal.samples).astype(np.float64)
        assert active_level(signal.samples, 16000) - 10 * np.log10(np.mean(added**2)) == pytest.approx(10, abs=0.05)
        power = np.abs(np.fft.rfft(added)) ** 2
        heard.add(bool(power.max() > 0.2 * power.sum()))
    assert heard == {True, False}, "a tone in one, rain in the other"


def test_an_impulse_response_from_the_folder_makes_its_echo_and_the_voice_stays_in_place(folder):
    chain = augment.chain("reverb", folders={"rooms": folder})
    assert [path.name for path in chain.files] == ["RIR_hall.wav"]
    click = np.zeros(16000, np.float32)
    click[4000] = 0.5
    heard = chain(Signal(click, 16000), rng()).samples
    assert np.abs(heard).argmax() == pytest.approx(4000, abs=1)
    echo = 5000 + np.abs(heard[5000:]).argmax()
    assert echo == pytest.approx(4000 + 1600, abs=2), "0.1 s after it"
    assert abs(heard[echo] / heard[4000]) == pytest.approx(0.5, abs=0.05)


def test_the_noise_and_rooms_beside_the_checkout_are_told_apart():
    place = clips.SHARED / "noise"
    if not place.is_dir():
        pytest.skip("no noise in ../shared")
    noises = augment.chain("recorded", folders={"noise": place})
    rooms = augment.chain("reverb", folders={"rooms": place})
    assert ({p.stem[:3] for p in noises.files}, {p.stem[:3] for p in rooms.files}) == ({"noi"}, {"rir"})
    (signal,) = speech(size=1)
    for seed in range(4):
        for chain in (noises, rooms):
            copy = chain(signal, rng(seed))
            assert np.isfinite(copy.samples).all()
            assert not np.array_equal(copy.samples, signal.samples)


# Voice ------------------------------------------------------------------------------------------------------------


def pitch_of(signal):
    """Median F0 of the voiced frames, in semitones."""
    f0 = prosody.extract(signal)[:, 0]
    return 12 * np.log2(np.median(f0[f0 > 0]))


@pytest.mark.parametrize("corpus", ["emodb", "ravdess"])
def test_another_pitch_moves_f0_as_asked_and_leaves_the_length(corpus):
    """On real speech; a single utterance's median also moves with which frames are found voiced."""
    asked, found = [], []
    for seed, signal in enumerate(speech(corpus, 8)):
        copy = made("pitch")(signal, rng(seed))
        draws = rng(seed)
        asked.append(draws.uniform(-1, 1))
        found.append(pitch_of(copy) - pitch_of(signal))
        assert len(copy.samples) == len(signal.samples)
    differences = np.subtract(found, asked)
    assert np.abs(np.median(differences)) < 0.1
    assert np.abs(differences).max() < 0.5
    assert np.corrcoef(asked, found)[0, 1] > 0.9


@pytest.mark.parametrize("corpus", ["emodb", "ravdess"])
def test_another_tempo_moves_the_length_as_asked_and_leaves_f0(corpus):
    moved = []
    for seed, signal in enumerate(speech(corpus, 8)):
        copy = made("stretch")(signal, rng(seed))
        factor = rng(seed).uniform(0.92, 1.08)
        assert signal.duration / copy.duration == pytest.approx(factor, rel=1e-3)
        moved.append(pitch_of(copy) - pitch_of(signal))
    assert np.abs(np.median(moved)) < 0.1
    assert np.abs(moved).max() < 0.5


@given(seeds, st.floats(0, 1))
@settings(max_examples=25)
def test_a_shift_surrounds_the_whole_utterance_with_its_own_floor(seed, most):
    noisy = np.concatenate([rng(1).normal(0, 1e-3, 4000), hiss(0.5).samples]).astype(np.float32)
    copy = made("shift", most=most)(Signal(noisy, 16000), rng(seed)).samples
    added = len(copy) - len(noisy)
    assert 0 <= added <= 2 * most * 16000 + 2
    places = [i for i in range(added + 1) if np.array_equal(copy[i : i + len(noisy)], noisy)]
    assert places, "nothing of it was cut off or changed"
    for part in (copy[: places[0]], copy[places[0] + len(noisy) :]):
        if len(part) > 500:
            assert np.sqrt(np.mean(part**2)) == pytest.approx(1e-3, rel=0.15)


@pytest.mark.parametrize("name", ["stretch", "pitch", "reverb", "lowpass", "packets", "clip", "shift", "speed"])
def test_the_level_of_the_speech_is_kept(name):
    moved = [
        active_level(made(name)(signal, rng(i)).samples, 16000) - active_level(signal.samples, 16000)
        for i, signal in enumerate(speech())
    ]
    assert np.abs(np.median(moved)) < 0.6
    assert np.abs(moved).max() < 1.5


# Microphone and room ----------------------------------------------------------------------------------------------


@given(seeds, st.floats(0, 30))
def test_a_gain_is_one_factor_within_its_range_and_never_clips(seed, most):
    signal = hiss(0.2)
    copy = made("gain", most=most)(signal, rng(seed))
    factor = copy.samples[0] / signal.samples[0]
    assert abs(20 * np.log10(factor)) <= most + 1e-3
    np.testing.assert_allclose(copy.samples, factor * signal.samples, rtol=1e-4)
    assert np.abs(copy.samples).max() <= 1.0001


@given(seeds)
def test_clipping_cuts_the_peaks_and_nothing_else(seed):
    signal = hiss(0.5)
    copy, peak = made("clip")(signal, rng(seed)), np.abs(signal.samples).max()
    most = np.abs(copy.samples).max()
    assert 1 - 1e-3 <= 20 * np.log10(peak / most) <= 6 + 1e-3
    untouched = np.abs(signal.samples) < most
    assert np.array_equal(copy.samples[untouched], signal.samples[untouched])


@pytest.mark.parametrize("edge", [1000.0, 3400.0])
def test_a_low_pass_takes_away_what_lies_above_its_edge(edge):
    signal = hiss()
    copy = made("lowpass", least=edge, most=edge)(signal, rng())
    assert band(copy, 50, 0.6 * edge) == pytest.approx(band(signal, 50, 0.6 * edge), abs=0.2)
    assert band(copy, 0.95 * edge, 1.05 * edge) - band(signal, 0.95 * edge, 1.05 * edge) == pytest.approx(-3, abs=0.5)
    assert band(copy, 1.9 * edge, 2.1 * edge) - band(signal, 1.9 * edge, 2.1 * edge) == pytest.approx(-24, abs=1)


@given(st.sampled_from([8000, 16000, 48000]), st.floats(0.1, 2.0), st.floats(-5, 20), seeds)
@settings(max_examples=30)
def test_a_made_room_dies_away_in_its_time_and_has_its_ratio(rate, rt60, ratio, seed):
    response = augment.impulse_response(rate, rt60, ratio, rng(seed))
    echo = response[1:]
    assert response[0] == 1
    assert -10 * np.log10(np.sum(echo**2)) == pytest.approx(ratio, abs=1e-6)
    left = np.cumsum(echo[::-1] ** 2)[::-1]  # Schroeder's backward integration
    decay = 10 * np.log10(left / left[0])
    time = np.arange(len(decay)) / rate
    line = (decay < -5) & (decay > -25)  # T20
    slope = np.polyfit(time[line], decay[line], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.25)


# Telephone --------------------------------------------------------------------------------------------------------


def test_a_law_has_the_values_of_the_recommendation():
    """G.711, table 1a: 128 intervals a side, 32 of width 2, then 16 in each segment, twice as wide as in the last."""
    edges = np.concatenate([np.arange(0, 64, 2), *(np.arange(64 * 2**n, 128 * 2**n, 4 * 2**n) for n in range(6))])
    widths = np.diff([*edges, 4096])
    assert len(edges) == 128
    expected = (edges + widths / 2) / 4096
    assert [4096 * expected[i] for i in (0, 31, 32, 127)] == [1, 63, 66, 4032]
    for place in (0.01, 0.5, 0.99):
        inside = ((edges + place * widths) / 4096).astype(np.float32)
        np.testing.assert_array_equal(augment.a_law(inside), expected.astype(np.float32))
        np.testing.assert_array_equal(augment.a_law(-inside), -expected.astype(np.float32))
    assert augment.a_law(np.array([1.5, -7.0], np.float32)).tolist() == [4032 / 4096, -4032 / 4096]


def test_a_law_gives_the_values_that_libsndfile_gives():
    """All 256 codes, decoded by another implementation of G.711, come out of our coder unchanged."""
    file = io.BytesIO(bytes(range(256)))
    theirs = soundfile.read(file, dtype="float32", samplerate=8000, channels=1, format="RAW", subtype="ALAW")[0]
    assert len(np.unique(theirs)) == 256
    np.testing.assert_array_equal(augment.a_law(theirs), theirs)


def test_both_telephones_sound_alike_and_are_not_the_same():
    (signal,) = speech(size=1)
    one, other = (augment.chain(name)(signal, rng(1)).samples for name in ("phone", "phone_a_law"))
    assert not np.array_equal(one, other)
    assert decibels(one.astype(np.float64), one.astype(np.float64) - other) > 25


@pytest.mark.parametrize(("share", "burst"), [(0.02, 1.0), (0.1, 2.0), (0.3, 5.0)])
def test_packets_are_lost_as_often_and_as_many_in_a_row_as_asked(share, burst):
    gone = augment.lost(200_000, share, burst, rng(4))
    assert gone.mean() == pytest.approx(share, rel=0.06)
    runs = np.diff(np.flatnonzero(np.diff(np.r_[0, gone.astype(int), 0])))[::2]
    assert runs.mean() == pytest.approx(burst, rel=0.06)


def test_a_copy_loses_the_share_of_packets_that_was_asked_for():
    signal = Signal(np.ones(16000 * 200, np.float32), 16000)
    copy = made("packets", least=0.08, most=0.08, silent=1.0)(signal, rng(2))
    packets = copy.samples.reshape(-1, 320)
    assert set(np.unique(packets)) == {0.0, 1.0}
    assert np.array_equal(packets.min(axis=1), packets.max(axis=1)), "whole packets of 20 ms"
    assert (packets[:, 0] == 0).mean() == pytest.approx(0.08, abs=0.01)


def test_a_gap_is_filled_with_the_last_packet_until_it_has_faded():
    """In full for 10 ms, silent after 60 ms, straight between; what arrives is untouched."""
    signal = Signal(np.repeat(np.arange(1, 2001, dtype=np.float32) / 2000, 320), 16000)
    heard = made("packets", least=0.3, most=0.3, burst=5, silent=0)(signal, rng(3)).samples.reshape(-1, 320)
    sent = signal.samples.reshape(-1, 320)
    fade = np.clip((0.06 - np.arange(960) / 16000) / 0.05, 0, 1).reshape(3, 320)
    whole = (heard == sent).all(axis=1)
    assert 0.6 < whole.mean() < 0.8
    first = int(whole.argmax())
    run = 0
    for number in range(first + 1, 2000):
        run = 0 if whole[number] else run + 1
        if run:
            expected = sent[number - run] * (fade[run - 1] if run <= 3 else 0)
            np.testing.assert_allclose(heard[number], expected, atol=1e-6)


# Names, ranges and folders ----------------------------------------------------------------------------------------


def test_chains_are_joined_by_plus_from_left_to_right():
    signal, joined = hiss(1.0), augment.chain("lowpass+phone", ranges={"lowpass": {"least": 500, "most": 500}})
    draws = rng(5)
    by_hand = augment.phone(augment.lowpass(signal, draws, least=500, most=500), draws)
    assert np.array_equal(joined(signal, rng(5)).samples, by_hand.samples)
    assert band(joined(signal, rng(5)), 2000, 3000) < band(signal, 2000, 3000) - 30


@pytest.mark.parametrize("name", augment.CHAINS)
def test_every_range_has_its_default_within_what_is_allowed(name):
    kind = augment.CHAINS[name]
    for option, value in kind.defaults.items():
        low, high = kind.allowed[option]
        assert low <= value <= high, option


@pytest.mark.parametrize(
    ("names", "ranges", "folders", "words"),
    [
        (("reverb+phon",), {}, {}, "no augmentation is called 'phon'; did you mean 'phone'"),
        (("noise",), {"noise": {"last": 5}}, {}, "no option of noise is called 'last'; did you mean 'least'"),
        (("noise",), {"noise": {"least": 30}}, {}, "least 30 and most 25; the first must not be the greater one"),
        (("crop",), {"crop": {"shortest": 5}}, {}, "shortest 5 and longest 3"),
        (("packets",), {"packets": {"most": 5}}, {}, r"augment\.ranges\.packets\.most must be 0 to 0\.5, got 5"),
        (("room",), {"noise": {"least": 5}}, {}, "no copy is made by noise"),
        (("noise",), {"nois": {"least": 5}}, {}, "did you mean 'noise'"),
        (("recorded",), {}, {"noise": None}, r"augment\.noise must name a folder"),
        (("noise",), {}, {"noise": Path("here")}, "no copy is made by recorded"),
        (("reverb",), {}, {"rooms": Path("nowhere")}, "there is no impulse response in nowhere"),
        (("recorded",), {}, {"noise": Path("nowhere")}, "there is no recording in nowhere"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_does(names, ranges, folders, words):
    with pytest.raises(UsageError, match=words):
        augment.chains(names, ranges=ranges, folders=folders)


@pytest.mark.parametrize("name", ["stretch", "pitch", "phone+pitch"])
def test_what_a_chain_lacks_is_said_before_a_recording_is_read(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "python_stretch", None)
    with pytest.raises(MissingExtraError, match=r"affekt\[train\]"):
        augment.chain(name)


def test_chains_that_differ_in_anything_have_other_keys(folder):
    one = augment.chain("noise+phone")
    assert one.key == augment.chain("noise+phone").key
    others = [
        augment.chain("phone+noise"),
        augment.chain("noise+phone", ranges={"noise": {"least": 9}}),
        augment.chain("noise+phone_a_law"),
    ]
    keys = {one.key, *(other.key for other in others)}
    keys.add(augment.chain("babble").key)
    keys.add(augment.chain("babble", folders={"babble": folder}).key)
    soundfile.write(folder / "hum.wav", np.zeros(9), 8000)
    keys.add(augment.chain("babble", folders={"babble": folder}).key)
    assert len(keys) == 7


def test_a_chain_that_was_changed_has_another_key(monkeypatch):
    before = augment.chain("noise").key
    changed = dataclasses.replace(augment.CHAINS["noise"], version=2)
    monkeypatch.setattr(augment, "CHAINS", {**augment.CHAINS, "noise": changed})
    assert augment.chain("noise").key != before
