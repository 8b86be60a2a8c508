"""The shape of the spectrum: closed forms on tones and noise, ComParE's contours on speech, finite values elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import smile

import clips
from affekt import audio
from affekt.errors import UnknownNameError, UsageError
from affekt.features import spectral
from affekt.types import Signal

PLACES = {name: index for index, name in enumerate(spectral.NAMES)}


def tone(hertz, rate=16000, level=0.5, seconds=1.0):
    time = np.arange(round(seconds * rate)) / rate
    waves = sum(level * np.sin(2 * np.pi * h * time) for h in np.atleast_1d(hertz))
    return Signal(np.asarray(waves, np.float32), rate)


def noise(seconds=3.0, rate=16000, level=0.1):
    samples = np.random.default_rng(0).normal(0, level, round(seconds * rate))
    return Signal(samples.astype(np.float32), rate)


def steady(signal):
    """Columns by name, in the middle of the signal."""
    frames = spectral.extract(signal)[20:80]
    return {name: frames[:, index] for name, index in PLACES.items()}


@pytest.mark.parametrize("rate", spectral.RATES)
@pytest.mark.parametrize("hertz", [500, 1500, 3000])
def test_a_tone_lies_where_it_is(rate, hertz):
    found = steady(tone(hertz, rate))
    assert found["centroid"] == pytest.approx(hertz, abs=10)
    assert found["peak"] == pytest.approx(hertz, abs=16)
    assert found["spread"].max() < 150
    for percent in (25, 50, 75, 90):
        assert found[f"rollOff{percent}"] == pytest.approx(hertz, abs=63)
    assert found["flatness"].max() < 0.01
    assert found["entropy"].max() < 0.4
    assert found["variation"].max() < 0.01


@pytest.mark.parametrize("rate", spectral.RATES)
def test_the_level_of_a_band_is_that_of_the_tone_in_it(rate):
    """A sine of amplitude a has 10 log10 (a^2 / 2) dB."""
    inside, outside = steady(tone(450, rate, 0.2)), steady(tone(3000, rate, 0.2))
    expected = 10 * np.log10(0.2**2 / 2)
    assert inside["energy250-650"] == pytest.approx(expected, abs=0.1)
    assert outside["energy1000-4000"] == pytest.approx(expected, abs=0.1)
    assert inside["energy1000-4000"].max() < expected - 40


def test_two_tones_have_the_moments_of_two_points():
    """Powers 4 : 1 at 1 and 3 kHz: mean 1400 Hz, deviation 800 Hz, skewness 1.5, kurtosis 3.25."""
    time = np.arange(16000) / 16000
    both = np.sin(2 * np.pi * 1000 * time) + 0.5 * np.sin(2 * np.pi * 3000 * time)
    found = steady(Signal((0.3 * both).astype(np.float32), 16000))
    assert found["centroid"] == pytest.approx(1400, rel=0.01)
    assert found["spread"] == pytest.approx(800, rel=0.01)
    assert found["skewness"] == pytest.approx(1.5, rel=0.02)
    assert found["kurtosis"] == pytest.approx(3.25, rel=0.02)
    assert found["rollOff75"] == pytest.approx(1000, abs=63)
    assert found["rollOff90"] == pytest.approx(3000, abs=63)


@pytest.mark.parametrize("rate", spectral.RATES)
def test_white_noise_is_flat(rate):
    """A uniform distribution from 0 Hz to half the rate; its periodogram's flatness is e to the -0.577."""
    found = spectral.functionals(noise(rate=rate))
    top = rate / 2
    assert found["centroid_mean"] == pytest.approx(top / 2, rel=0.02)
    assert found["spread_mean"] == pytest.approx(top / np.sqrt(12), rel=0.02)
    assert found["rollOff25_mean"] == pytest.approx(top / 4, rel=0.05)
    assert found["rollOff90_mean"] == pytest.approx(0.9 * top, rel=0.02)
    assert found["skewness_mean"] == pytest.approx(0, abs=0.05)
    assert found["kurtosis_mean"] == pytest.approx(1.8, abs=0.1)
    assert found["flatness_mean"] == pytest.approx(np.exp(-0.5772), abs=0.03)
    assert found["entropy_mean"] > 0.9
    assert found["slope0-500_mean"] == pytest.approx(0, abs=1.5)


def test_a_tilt_in_decibels_is_its_slope():
    """Noise whose power falls by 20 dB per kHz."""
    white = noise(10.0).samples
    hertz = np.fft.rfftfreq(len(white), 1 / 16000)
    fallen = np.fft.irfft(np.fft.rfft(white) * 10 ** (-20 * hertz / 1000 / 20))
    found = spectral.functionals(Signal(fallen.astype(np.float32), 16000))
    assert found["slope500-1500_mean"] == pytest.approx(-20, abs=1)
    assert found["slope0-500_mean"] == pytest.approx(-20, abs=2)


def test_alpha_ratio_and_hammarberg_index_compare_the_bands():
    """Tones of 500 and 3000 Hz, the upper one half as loud: 6 dB."""
    time = np.arange(16000) / 16000
    both = np.sin(2 * np.pi * 500 * time) + 0.5 * np.sin(2 * np.pi * 3000 * time)
    found = steady(Signal((0.3 * both).astype(np.float32), 16000))
    assert found["alphaRatio"] == pytest.approx(-6.02, abs=0.1)
    assert found["hammarbergIndex"] == pytest.approx(6.02, abs=0.1)


def test_what_changes_is_flux_and_what_stays_is_none():
    still = steady(tone(1000))
    samples = tone(1000).samples.copy()
    samples[8000:] = tone(2000).samples[8000:]
    jump = spectral.extract(Signal(samples, 16000))
    assert still["flux"].max() < 1e-3
    assert jump[48:52, PLACES["flux"]].max() > 0.3
    assert jump[48:52, PLACES["variation"]].max() > 0.3
    assert jump[0, PLACES["flux"]] == jump[0, PLACES["variation"]] == 0


def test_twice_as_loud_moves_the_levels_and_the_flux_only():
    quiet, loud = (spectral.functionals(noise(level=level)) for level in (0.05, 0.1))
    for name in spectral.FUNCTIONALS:
        if name.startswith("energy"):
            expected = quiet[name] + (0 if name.endswith("stddev") else 20 * np.log10(2))
        else:
            expected = quiet[name] * (2 if name.startswith("flux") else 1)
        assert loud[name] == pytest.approx(expected, rel=1e-4, abs=1e-3), name


def test_an_offset_is_no_sound():
    """Frames that an offset's leakage cannot reach: the first bins only."""
    plain, shifted = (tone(1500, level=0.5), tone(1500, level=0.5))
    moved = Signal(shifted.samples + np.float32(0.01), 16000)
    assert steady(moved)["centroid"] == pytest.approx(steady(plain)["centroid"], rel=0.01)


def test_sound_below_four_kilohertz_measures_the_same_at_both_rates():
    tones = [300, 700, 1900, 3100]
    wide, narrow = (steady(tone(tones, rate, 0.1)) for rate in spectral.RATES)
    same = ("energy250-650", "alphaRatio", "hammarbergIndex", "centroid", "spread", "skewness", "rollOff90", "peak")
    for name in same:
        assert wide[name].mean() == pytest.approx(narrow[name].mean(), rel=0.02, abs=0.1), name


def test_the_contours_are_compares_on_speech():
    """Smoothed over three frames, as ComParE's are: r >= 0.9999 with each, and equal where the unit is the same."""
    path = clips.SHARED / "reference/speech.wav"
    if not path.is_file():
        pytest.skip("no reference/speech.wav in ../shared")
    signal = smile.sixteen_bits(audio.read(path))
    theirs = smile.contours(signal, "ComParE_2016")
    frames = spectral.extract(signal).astype(np.float64)
    frames[:, :2] = 10 ** (frames[:, :2] / 10)
    frames[:, PLACES["spread"]] **= 2
    names = {
        "energy250-650": ("fband250-650", False),
        "energy1000-4000": ("fband1000-4000", False),
        "flux": ("spectralFlux", False),
        "entropy": ("spectralEntropy", False),
        "centroid": ("spectralCentroid", True),
        "spread": ("spectralVariance", True),
        "skewness": ("spectralSkewness", True),
        "kurtosis": ("spectralKurtosis", True),
        **{f"rollOff{p}": (f"spectralRollOff{p}.0", True) for p in (25, 50, 75, 90)},
    }
    for name, (reference, equal) in names.items():
        column = frames[:, PLACES[name]]
        smooth = (column[:-2] + column[1:-1] + column[2:]) / 3
        wanted = theirs[f"pcm_fftMag_{reference}_sma"][2:-2]
        got = smooth[1 : 1 + len(wanted)]
        assert np.corrcoef(got, wanted)[0, 1] > 0.9999, name
        if equal:
            assert got == pytest.approx(wanted, rel=1e-3, abs=1e-3), name


@pytest.mark.parametrize("rate", spectral.RATES)
def test_silence_is_zero_and_its_levels_the_floor(rate):
    frames = spectral.extract(Signal(np.zeros(rate, np.float32), rate))
    assert (frames[:, :2] == -140).all()
    assert (frames[:, 2:] == 0).all()


@pytest.mark.parametrize("rate", spectral.RATES)
@pytest.mark.parametrize("sound", ["offset", "clipping", "30 ms", "one sample", "nothing", "whisper", "click"])
def test_what_is_hardly_speech_is_finite(rate, sound):
    rng = np.random.default_rng(0)
    samples = {
        "offset": np.full(rate, 0.5),
        "clipping": np.sign(rng.normal(size=rate)),
        "30 ms": rng.normal(0, 0.1, 3 * rate // 100),
        "one sample": np.ones(1),
        "nothing": np.zeros(0),
        "whisper": rng.normal(0, 0.003, rate),
        "click": np.eye(1, rate, rate // 2)[0],
    }[sound]
    signal = Signal(samples.astype(np.float32), rate)
    assert np.isfinite(spectral.extract(signal)).all()
    assert np.isfinite(list(spectral.functionals(signal).values())).all()


def test_other_rates_and_samples_that_are_no_numbers_are_refused():
    with pytest.raises(UsageError, match="resample"):
        spectral.extract(noise(0.5, 44100))
    with pytest.raises(UsageError, match="finite"):
        spectral.functionals(Signal(np.full(16000, np.nan, np.float32), 16000))


def test_a_long_signal_measures_as_its_parts_do():
    """Blocks of frames change nothing, the flux across their borders included."""
    long = noise(11.0)
    later = Signal(long.samples[160 * 500 :], 16000)
    assert spectral.extract(long)[501:1000] == pytest.approx(spectral.extract(later)[1:500], rel=1e-5, abs=1e-6)


def test_every_column_and_functional_is_documented():
    assert spectral.DIM == len(spectral.NAMES) == len(set(spectral.NAMES))
    for name in (*spectral.NAMES, *spectral.FUNCTIONALS):
        assert spectral.describe(name).name == name
        assert all(spectral.describe(name))
    assert spectral.describe("spread_percentile80").unit == "Hz"
    with pytest.raises(UnknownNameError, match="centroid"):
        spectral.describe("centroid_meen")
