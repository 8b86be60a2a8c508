"""Pitch, level, syllables and pauses: of sounds whose prosody is known, and of speech beside Praat."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import clips
from affekt import audio
from affekt.audio import Resampler
from affekt.errors import UsageError
from affekt.features import _autocorrelation, _syllables, prosody
from affekt.features._autocorrelation import track
from affekt.types import Signal


def voice(f0, *, rate=16000, harmonics=range(1, 60), gate=1.0, level=0.1):
    """A voice whose F0 at every sample is given, all harmonics falling by 6 dB per octave."""
    phase = 2 * np.pi * np.cumsum(f0) / rate
    parts = [np.where(h * f0 < 0.45 * rate, np.sin(h * phase) / h, 0) for h in harmonics]
    return Signal((level * gate * np.sum(parts, axis=0)).astype(np.float32), rate)


def steady(hertz, seconds=1.0, rate=16000, **more):
    return voice(np.full(round(seconds * rate), float(hertz)), rate=rate, **more)


def glide(semitones, seconds, middle=200.0):
    """A voice that goes up by so many semitones at a steady pace."""
    return voice(middle * 2 ** (np.linspace(-0.5, 0.5, round(seconds * 16000)) * semitones / 12))


def noise(level=0.01, seconds=1.0, rate=16000):
    return np.random.default_rng(0).normal(0, level, round(seconds * rate)).astype(np.float32)


def syllables(per_second, seconds, *, spoken=None):
    """A voice of 150 Hz that swells and fades by 12 dB, so many times a second; `spoken` gates its samples."""
    time = np.arange(round(seconds * 16000)) / 16000
    swell = 10 ** ((-6 - 6 * np.cos(2 * np.pi * per_second * time)) / 20)
    return voice(np.full(len(time), 150.0), gate=swell if spoken is None else swell * spoken)


def between(seconds, *stretches):
    """1 within the stretches (s), 0 elsewhere."""
    time = np.arange(round(seconds * 16000)) / 16000
    return np.any([(time >= start) & (time < stop) for start, stop in stretches], axis=0).astype(float)


def cents(heard, known):
    return 1200 * np.log2(heard / known)


# --- F0


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("hertz", [76, 81.3, 120, 199.7, 333, 441.5, 590])
def test_f0_of_a_steady_voice_is_within_a_cent(rate, hertz):
    f0 = track(steady(hertz, 0.5, rate)).f0[5:-5]
    assert np.abs(cents(f0, hertz)).max() < 1


def test_f0_follows_a_glide():
    f0 = track(glide(24, 1.0)).f0
    known = 200 * 2 ** (np.linspace(-1, 1, 16000))[::160]
    assert np.abs(cents(f0[5:-5], known[5:-5])).max() < 10


def test_the_fundamental_may_be_missing():
    """A telephone carries nothing below 300 Hz; the period is there all the same."""
    f0 = track(steady(110, 0.5, harmonics=range(3, 30))).f0[5:-5]
    assert np.abs(cents(f0, 110)).max() < 1


def test_a_strong_second_harmonic_is_no_octave():
    signal = steady(140, 0.5)
    signal.samples[:] += 0.4 * np.sin(2 * np.pi * 280 * np.arange(8000) / 16000).astype(np.float32)
    assert np.abs(cents(track(signal).f0[5:-5], 140)).max() < 5


@pytest.mark.parametrize("level", [1e-4, 1.0, 30.0])
def test_a_gain_changes_nothing(level):
    loud, here = steady(170, 0.5, level=0.1), steady(170, 0.5, level=0.1 * level)
    assert track(here).f0 == pytest.approx(track(loud).f0, rel=1e-4)


def test_the_same_at_8_and_16_khz():
    wide = clips.read(clips.sample(clips.corpus("ravdess"), 3))
    for signal in wide:
        resampler = Resampler(16000, 8000)
        narrow = Signal(np.concatenate([resampler.push(signal.samples), resampler.finish()]), 8000)
        near, far = (track(s).f0[: len(narrow.samples) // 80] for s in (signal, narrow))
        both = (near > 0) & (far > 0)
        assert np.mean((near > 0) != (far > 0)) < 0.01
        assert np.median(np.abs(cents(near[both], far[both]))) < 1


def test_neither_silence_nor_noise_is_voiced():
    assert not track(Signal(np.zeros(16000, np.float32), 16000)).f0.any()
    found = track(Signal(noise(), 16000))
    assert (found.f0 > 0).mean() < 0.03
    assert np.median(found.voicing) < 0.1


def test_voicing_is_a_probability_that_a_voice_raises():
    signal = voice(np.full(16000, 150.0), gate=between(1.0, (0.3, 0.7)))
    signal.samples[:] += noise(0.002)
    found = track(signal)
    assert found.voicing.min() >= 0
    assert found.voicing.max() <= 1
    assert found.voicing[33:67].min() > 0.95
    assert np.median(np.delete(found.voicing, np.s_[27:73])) < 0.1
    assert ((found.f0 > 0) == (found.voicing > 0.5)).mean() > 0.97


@pytest.mark.parametrize("snr", [20, 10, 0])
def test_strength_is_the_harmonic_share_of_the_power(snr):
    """Normalised autocorrelation at the period is H / (H + N) (Boersma 1993), from which the HNR follows."""
    signal = steady(180, 2.0, rate=8000)
    power = np.mean(signal.samples.astype(float) ** 2)
    mixed = signal.samples + noise(np.sqrt(power * 10 ** (-snr / 10)), 2.0, 8000)
    strength = track(Signal(mixed.astype(np.float32), 8000)).strength[5:-5]
    assert strength.mean() == pytest.approx(1 / (1 + 10 ** (-snr / 10)), abs=0.06)


def test_a_click_does_not_silence_the_voice():
    """What is soft is told by the loud frames, not by the loudest sample."""
    signal = steady(150, 2.0, level=0.01)
    signal.samples[16000] = 1.0
    assert (track(signal).f0[5:-5] > 0).mean() > 0.97


def chosen(frequencies, strengths):
    """F0 of frames with these two candidates each, all of them loud."""
    return _autocorrelation.choose(np.array(frequencies), np.array(strengths), np.ones(len(strengths), np.float32)).f0


def test_one_weak_frame_does_not_part_a_voice():
    """Two changes of voicing cost 0.28; only what is weaker by more than that is unvoiced."""
    pair = [200.0, 100.0]
    for weak, voiced in ((0.25, 5), (0.1, 4)):
        f0 = chosen([pair] * 5, [[0.9, 0.8], [0.9, 0.8], [weak, weak / 2], [0.9, 0.8], [0.9, 0.8]])
        assert (f0 > 0).sum() == voiced


def test_one_frame_does_not_jump_an_octave():
    """There and back costs 0.7; a lower octave that is stronger by less is not believed."""
    pair = [200.0, 100.0]
    f0 = chosen([pair] * 5, [[0.9, 0.8], [0.9, 0.8], [0.6, 0.99], [0.9, 0.8], [0.9, 0.8]])
    assert f0.tolist() == [200.0] * 5


def test_floor_and_ceiling_are_the_callers():
    assert np.abs(cents(track(steady(55, 0.5), floor=45).f0[8:-8], 55)).max() < 1
    assert np.abs(cents(track(steady(780, 0.5), ceiling=800).f0[5:-5], 780)).max() < 5
    assert not (np.abs(cents(np.maximum(track(steady(55, 0.5)).f0, 1), 55)) < 100).any()


@pytest.mark.parametrize(("floor", "ceiling"), [(30, 600), (75, 801), (300, 200), (75, 75)])
def test_floor_and_ceiling_have_limits(floor, ceiling):
    with pytest.raises(UsageError, match=rf"40 \.\. 800 Hz, floor below ceiling; got {floor} and {ceiling}"):
        track(steady(150, 0.1), floor=floor, ceiling=ceiling)


def test_a_stream_in_overlapping_parts_is_tracked_as_the_whole():
    """Parts of a second with half a second around them; the level of loud speech must be given."""
    for signal in clips.read(clips.sample(clips.corpus("emodb"), 3)):
        whole = track(signal, loud=0.3).f0
        parts = []
        for start in range(0, len(whole), 100):
            first = max(0, start - 50)
            stop = (start + 150) * 160 if start + 150 < len(whole) else len(signal.samples)
            part = Signal(signal.samples[first * 160 : stop], 16000)
            parts.append(track(part, loud=0.3).f0[start - first :][:100])
        assert np.concatenate(parts) == pytest.approx(whole, rel=1e-4)


def test_a_long_recording_is_tracked_as_a_short_one():
    """Frames are held in pieces of 512; where one ends must not be heard."""
    signal = glide(12, 12.0)
    heard = track(signal).f0
    known = 200 * 2 ** np.linspace(-0.5, 0.5, len(signal.samples))[::160]
    assert np.abs(cents(heard[5:-5], known[5:-5])).max() < 5


def test_speech_is_tracked_as_praat_does():
    """Gross errors at most 3 % of what both call voiced, voicing at most 8 % apart; all files: benchmarks/PITCH.md."""
    parselmouth = pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed: make test installs it")
    for name in ("ravdess", "emodb"):
        gross, apart = [], []
        for signal in clips.read(clips.sample(clips.corpus(name), 12)):
            whole = len(signal.samples) // 160 * 160
            # With one sample more than whole hops, Praat's frames lie half a sample from ours.
            sound = parselmouth.Sound(np.append(signal.samples[:whole], 0).astype(float), 16000)
            pitch = sound.to_pitch_ac(0.01, 75.0, pitch_ceiling=600.0)
            theirs = pitch.selected_array["frequency"]
            ours = track(signal).f0[np.round(pitch.xs() * 100).astype(int)]
            both = (ours > 0) & (theirs > 0)
            gross.append(np.abs(ours[both] / theirs[both] - 1) > 0.2)
            apart.append((ours > 0) != (theirs > 0))
            assert np.median(np.abs(cents(ours[both], theirs[both]))) < 3
        assert np.concatenate(gross).mean() <= 0.03
        assert np.concatenate(apart).mean() <= 0.08


def test_half_the_rate_keeps_what_is_below_3400_hz_and_nothing_above_4600():
    time = np.arange(16000) / 16000
    for hertz, gain in ((100, 1), (1000, 1), (3400, 1), (4600, 0), (7900, 0)):
        tone = Signal(np.sin(2 * np.pi * hertz * time).astype(np.float32), 16000)
        heard = _autocorrelation.narrow(tone)[100:-100].std() / np.sqrt(0.5)
        assert heard == pytest.approx(gain, abs=0.01)


def test_half_the_rate_has_no_delay():
    click = np.zeros(1001, np.float32)
    click[500] = 1
    narrow = _autocorrelation.narrow(Signal(click, 16000))
    assert len(narrow) == 501
    assert narrow.argmax() == 250
    assert narrow[200:251] == pytest.approx(narrow[250:301][::-1], abs=1e-7)


# --- frames


def column(signal, name):
    return prosody.extract(signal)[:, prosody.NAMES.index(name)]


def test_semitones_count_from_27_5_hz():
    assert column(steady(440, 0.3), "F0semitone")[5:-5] == pytest.approx(48, abs=0.01)
    assert not column(Signal(noise(), 16000), "F0semitone")[column(Signal(noise(), 16000), "F0") == 0].any()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_energy_is_rms_below_full_scale(rate):
    """A sine of amplitude 1 has -3.01 dBFS, as everywhere in Affekt; a tenth of it 20 dB less."""
    sine = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate).astype(np.float32)
    for gain in (1.0, 0.1):
        level = column(Signal(gain * sine, rate), "energy")[3:-3]
        assert level == pytest.approx(20 * np.log10(gain) - 3.01, abs=0.05)


def test_energy_of_silence_has_a_floor():
    assert column(Signal(np.zeros(1600, np.float32), 16000), "energy") == pytest.approx(-100)
    assert column(Signal(np.full(8000, 0.5, np.float32), 16000), "energy")[10] < -90


def test_loudness_of_the_reference_sine_is_1_and_grows_as_the_cube_root():
    sine = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    amplitude = np.sqrt(2 * 10**-2.6)
    heard = [column(Signal((g * amplitude * sine).astype(np.float32), 16000), "loudness")[50] for g in (1, 10**0.5)]
    assert heard[0] == pytest.approx(1, abs=0.15)  # what leaks into neighbouring bands is compressed, too
    assert heard[1] / heard[0] == pytest.approx(10**0.33, rel=0.01)


def test_loudness_hears_low_tones_less():
    tones = [np.sin(2 * np.pi * hertz * np.arange(16000) / 16000) for hertz in (60, 1000, 3000)]
    low, middle, high = (column(Signal((0.1 * tone).astype(np.float32), 16000), "loudness")[50] for tone in tones)
    assert low < 0.7 * middle
    assert high > middle


def test_frames_are_centred_at_multiples_of_the_hop():
    click = np.zeros(16000, np.float32)
    click[8000] = 1
    assert column(Signal(click, 16000), "energy").argmax() == 50


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_frame_per_10_ms(rate):
    assert len(prosody.extract(Signal(noise(rate=rate)[: rate // 2 + 79], rate))) == 50


# --- speech and pauses


def levels(*stretches, speech=-30.0, rest=-80.0):
    """Level per frame: (speech?, frames) after each other."""
    return np.concatenate([np.full(frames, speech if active else rest) for active, frames in stretches])


def test_a_pause_lasts_300_ms():
    for frames, pauses in ((29, 0), (30, 1)):
        speech = _syllables.speech(levels((True, 50), (False, frames), (True, 50)))
        assert len(_syllables.runs(speech)[0]) == pauses + 1


def test_silence_before_and_after_is_no_speech_however_short():
    speech = _syllables.speech(levels((False, 5), (True, 50), (False, 5)))
    assert speech.sum() == 50


def test_a_click_between_pauses_is_no_speech():
    speech = _syllables.speech(levels((True, 50), (False, 40), (True, 9), (False, 40), (True, 50)))
    assert speech.sum() == 100


def test_noise_15_db_below_speech_is_a_pause_all_the_same():
    level = levels((True, 60), (False, 40), (True, 60), rest=-45.0)
    level += np.random.default_rng(0).normal(0, 1, len(level))
    assert len(_syllables.runs(_syllables.speech(level))[0]) == 2


def test_silence_is_no_speech():
    assert not _syllables.speech(np.full(100, -95.0)).any()
    assert not _syllables.speech(np.full(1, -100.0)).any()


def test_pauses_are_counted_and_measured():
    spoken = between(6.0, (0.5, 2.0), (2.5, 4.0), (5.0, 5.5))
    found = prosody.functionals(syllables(4, 6.0, spoken=spoken))
    assert found["pausesPerMinute"] == pytest.approx(2 / 5 * 60, rel=0.03)
    assert found["pause_mean"] == pytest.approx(0.75, abs=0.04)
    assert found["pause_stddev"] == pytest.approx(0.25, abs=0.04)
    assert found["pauseShare"] == pytest.approx(1.5 / 5, abs=0.02)


# --- syllables


@pytest.mark.parametrize("per_second", [2, 3, 5, 7])
def test_syllables_of_a_swelling_voice_are_counted(per_second):
    found = prosody.functionals(syllables(per_second, 4.0))
    assert found["articulationRate"] == pytest.approx(per_second, rel=0.08)
    assert found["speakingRate"] == pytest.approx(per_second, rel=0.08)


def test_pauses_slow_speaking_but_not_articulation():
    found = prosody.functionals(syllables(4, 4.0, spoken=between(4.0, (0, 1.5), (2.5, 4.0))))
    assert found["articulationRate"] == pytest.approx(4, rel=0.1)
    assert found["speakingRate"] == pytest.approx(3, rel=0.1)


def test_a_peak_without_voice_is_no_syllable():
    time = np.arange(48000) / 16000
    hiss = noise(0.05, 3.0) * 10 ** (-0.6 * np.cos(2 * np.pi * 4 * time) / 2)
    assert prosody.functionals(Signal(hiss.astype(np.float32), 16000))["speakingRate"] < 0.7


def test_a_dip_of_less_than_2_db_parts_no_syllables():
    time = np.arange(300) * 0.01
    for depth, count in ((1.0, 1), (3.0, 12)):
        level = -30 - depth / 2 * np.cos(2 * np.pi * 4 * time)
        assert len(_syllables.nuclei(level, np.ones(300, bool))) == count


def test_nuclei_lie_at_the_peaks():
    level = -30 - 6 * np.cos(2 * np.pi * 4 * np.arange(100) * 0.01)
    assert _syllables.nuclei(level, np.ones(100, bool)) == pytest.approx([12.5, 37.5, 62.5, 87.5], abs=1)


def test_the_syllables_of_a_known_sentence_are_counted():
    """RAVDESS's two sentences have seven syllables each, however they are acted."""
    counts = []
    for signal in clips.read(clips.sample(clips.corpus("ravdess"), 40)):
        frames = prosody.extract(signal).astype(float)
        speech = _syllables.speech(frames[:, 3])
        counts.append(len(_syllables.nuclei(frames[:, 3], speech & (frames[:, 0] > 0))))
    assert np.mean(counts) == pytest.approx(7, abs=0.7)
    assert np.mean(np.abs(np.array(counts) - 7)) < 1


# --- the course of pitch and level


@pytest.mark.parametrize("pace", [-6.0, 4.0])
def test_declination_is_semitones_per_second(pace):
    found = prosody.functionals(glide(2 * pace, 2.0))
    assert found["F0semitone_slope"] == pytest.approx(pace, rel=0.02)
    assert found["F0semitone_finalSlope"] == pytest.approx(pace, rel=0.05)
    assert found["F0semitone_final"] == pytest.approx(pace * 0.95, rel=0.05)
    way, other = ("rising", "falling") if pace > 0 else ("falling", "rising")
    assert found[f"F0semitone_{way}Slope_mean"] == pytest.approx(pace, rel=0.1)
    assert abs(found[f"F0semitone_{other}Slope_mean"]) < 0.5


def test_a_question_rises_at_its_end():
    time = np.arange(32000) / 16000
    found = prosody.functionals(voice(180 * 2 ** (np.interp(time, [0, 1.7, 2], [0, -2, 4]) / 12)))
    assert found["F0semitone_finalSlope"] > 15
    assert found["F0semitone_final"] > 3


def test_distribution_of_pitch():
    found = prosody.functionals(glide(10, 2.0))
    middle = 12 * np.log2(200 / 27.5)
    assert found["F0median"] == pytest.approx(200, rel=0.01)
    for name, known in (("mean", middle), ("stddev", 10 / 12**0.5), ("range", 9), ("percentile5", middle - 4.5)):
        assert found[f"F0semitone_{name}"] == pytest.approx(known, rel=0.02), name


def test_a_gap_is_no_slope():
    """Two notes with a rest between them neither rise nor fall."""
    f0 = np.where(np.arange(32000) < 16000, 150.0, 250.0)
    found = prosody.functionals(voice(f0, gate=between(2.0, (0, 0.9), (1.1, 2))))
    assert found["F0semitone_risingSlope_mean"] < 1
    assert found["F0semitone_slope"] > 5


def test_a_voice_that_fades_has_a_falling_level():
    fade = 10 ** (np.linspace(0, -10, 32000) / 20)
    found = prosody.functionals(voice(np.full(32000, 150.0), gate=fade))
    assert found["energy_slope"] == pytest.approx(-5, rel=0.1)
    assert found["loudness_slope"] < 0


def test_a_gain_moves_levels_only():
    quiet = clips.read(clips.sample(clips.corpus("emodb"), 1))[0]
    near, far = prosody.functionals(quiet), prosody.functionals(clips.scaled(quiet, 6.0))
    for name in prosody.FUNCTIONALS:
        moved = 6.0 if prosody.describe(name).unit == "dBFS" else 0.0
        if not name.startswith("loudness"):
            assert far[name] - near[name] == pytest.approx(moved, abs=0.02, rel=0.02), name


# --- rhythm


def rhythm(*stretches):
    """Functionals of a voice (True) and a hiss (False) in turn, seconds each."""
    voiced = np.concatenate([np.full(round(seconds * 16000), sounds) for sounds, seconds in stretches])
    sound = steady(150, len(voiced) / 16000).samples * voiced + noise(0.03, len(voiced) / 16000) * ~voiced
    return prosody.functionals(Signal(sound.astype(np.float32), 16000))


def test_even_intervals_do_not_vary():
    found = rhythm(*[(True, 0.2), (False, 0.2)] * 8)
    assert found["voicedInterval_mean"] == pytest.approx(0.2, abs=0.02)
    assert found["voicedInterval_nPVI"] < 0.1
    assert found["voicedInterval_varco"] < 0.1
    assert found["voicedShare"] == pytest.approx(0.5, abs=0.06)


def test_long_and_short_in_turn_vary_much():
    """0.3 s after 0.1 s differ by their mean: nPVI 1 (100 in the usual scale); standard deviation 0.1 s."""
    found = rhythm(*[(True, 0.1), (False, 0.15), (True, 0.3), (False, 0.15)] * 5)
    assert found["voicedInterval_nPVI"] == pytest.approx(1, abs=0.15)
    assert found["voicedInterval_stddev"] == pytest.approx(0.1, abs=0.01)
    assert found["voicedInterval_varco"] == pytest.approx(0.5, abs=0.05)
    assert found["unvoicedInterval_rPVI"] < 0.02


def test_a_pair_across_a_pause_does_not_count():
    speech = np.repeat([True, False, True], [40, 40, 40])
    voiced = np.repeat([True, False, True, False, True], [10, 20, 10, 50, 30])
    lengths, pairs = prosody._intervals(speech, voiced)
    assert lengths == pytest.approx([0.1, 0.1, 0.3])
    assert pairs == pytest.approx(np.array([[0.1], [0.1]]))


# --- conventions and bad input


def test_where_nobody_speaks_levels_are_100_below_and_all_else_is_0():
    for samples in (np.zeros(16000), np.zeros(0), np.full(100, 0.7)):
        found = prosody.functionals(Signal(samples.astype(np.float32), 16000))
        for name, value in found.items():
            assert value == (-100 if prosody.describe(name).unit == "dBFS" else 0), name


def test_a_whisper_has_a_level_but_no_pitch():
    found = prosody.functionals(Signal(noise(0.02) * between(1.0, (0.1, 0.9)).astype(np.float32), 16000))
    assert found["energy_mean"] == pytest.approx(-37, abs=2)
    assert found["voicedShare"] < 0.05
    assert found["unvoicedInterval_mean"] > 0.2


@settings(max_examples=60, deadline=None)
@given(
    samples=arrays.arrays(np.float32, st.integers(0, 3000), elements=st.floats(-1, 1, width=32)),
    rate=st.sampled_from([8000, 16000]),
    repeats=st.integers(1, 5),
)
def test_any_finite_sound_gives_finite_numbers_without_a_warning(samples, rate, repeats):
    signal = Signal(np.tile(samples, repeats), rate)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames, found = prosody.extract(signal), prosody.functionals(signal)
    assert np.isfinite(frames).all()
    assert np.isfinite(list(found.values())).all()
    assert ((frames[:, 0] == 0) | ((frames[:, 0] >= 75) & (frames[:, 0] <= 600))).all()
    assert ((frames[:, 2] >= 0) & (frames[:, 2] <= 1)).all()


@pytest.mark.parametrize("rate", [7999, 11025, 44100])
def test_another_rate_is_refused(rate):
    with pytest.raises(UsageError, match=rf"8000 or 16000 Hz, got {rate} Hz; resample"):
        prosody.functionals(Signal(noise(), rate))


def test_a_sample_that_is_no_number_is_refused():
    samples = noise()
    samples[5] = np.nan
    with pytest.raises(UsageError, match=r"finite samples, got NaN or infinity; decode"):
        prosody.extract(Signal(samples, 16000))


def test_real_speech_has_prosody():
    """Bounds that any acted sentence keeps."""
    for signal in clips.read(clips.sample(clips.corpus("emodb"), 10)):
        found = prosody.functionals(Signal(audio.level(signal.samples, signal.rate), signal.rate))
        assert 75 < found["F0median"] < 600
        assert 2 < found["articulationRate"] < 9
        assert 0.3 < found["voicedShare"] < 0.95
        assert -35 < found["energy_percentile80"] < -15
        assert found["F0semitone_percentile5"] <= found["F0semitone_percentile50"] <= found["F0semitone_percentile95"]


def test_silence_around_a_voice_changes_no_frame_of_it():
    """What is loud is told by the loudest frames, not by a share of all, so ten seconds of silence change nothing."""
    signal = audio.read(clips.SHARED / "reference/speech.wav") if (clips.SHARED / "reference").is_dir() else steady(150)
    quiet = Signal(np.pad(signal.samples, (16000, 160000)), signal.rate)
    alone, within = track(signal), track(quiet)
    inside = slice(105, 100 + len(alone.f0) - 5)
    assert within.f0[inside] == pytest.approx(alone.f0[5:-5], abs=1e-3)
    assert (within.f0[: 100 - 5] == 0).all()
