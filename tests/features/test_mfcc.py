"""MFCC: HTK's definition, number by number; openSMILE's values on speech; finite values on what is hardly speech."""

from __future__ import annotations

import numpy as np
import pytest
import smile
from hypothesis import given
from hypothesis import strategies as st

import clips
from affekt import audio
from affekt.errors import UnknownNameError, UsageError
from affekt.features import _cepstrum, _deltas, _framing, _moments, mfcc
from affekt.types import Signal

# HTK's MFCC_0_D_A in openSMILE's words. TOP is half the rate.
HTK = r"""
[componentInstances:cComponentManager]
instance[dataMemory].type=cDataMemory
\{\cm[source{?}:source]}
[componentInstances:cComponentManager]
instance[cut].type=cFramer
instance[emphasis].type=cVectorPreemphasis
instance[window].type=cWindower
instance[transform].type=cTransformFFT
instance[magnitude].type=cFFTmagphase
instance[bands].type=cMelspec
instance[cepstrum].type=cMfcc
instance[first].type=cDeltaRegression
instance[second].type=cDeltaRegression
instance[together].type=cVectorConcat
[cut:cFramer]
reader.dmLevel=wave
writer.dmLevel=frames
frameSize=0.025
frameStep=0.010
frameCenterSpecial=left
[emphasis:cVectorPreemphasis]
reader.dmLevel=frames
writer.dmLevel=emphasised
k=0.97
[window:cWindower]
reader.dmLevel=emphasised
writer.dmLevel=windowed
winFunc=ham
[transform:cTransformFFT]
reader.dmLevel=windowed
writer.dmLevel=complex
[magnitude:cFFTmagphase]
reader.dmLevel=complex
writer.dmLevel=spectrum
[bands:cMelspec]
reader.dmLevel=spectrum
writer.dmLevel=mel
htkcompatible=1
usePower=1
nBands=BANDS
lofreq=0
hifreq=TOP
specScale=mel
[cepstrum:cMfcc]
reader.dmLevel=mel
writer.dmLevel=static
firstMfcc=0
lastMfcc=LAST
cepLifter=22
htkcompatible=1
[first:cDeltaRegression]
reader.dmLevel=static
writer.dmLevel=change
deltawin=2
[second:cDeltaRegression]
reader.dmLevel=change
writer.dmLevel=bend
deltawin=2
[together:cVectorConcat]
reader.dmLevel=static;change;bend
writer.dmLevel=lld
includeSingleElementFields=1
\{\cm[sink{?}:sink]}
"""


def speech(rate):
    path = clips.SHARED / "reference/speech.wav"
    if not path.is_file():
        pytest.skip("no reference/speech.wav in ../shared")
    return smile.sixteen_bits(audio.read(path, rate=rate))


def noise(seconds, rate=16000, level=0.1):
    samples = np.random.default_rng(0).normal(0, level, round(seconds * rate))
    return Signal(samples.astype(np.float32), rate)


@pytest.mark.parametrize(("rate", "coefficients", "bands"), [(16000, 13, 26), (8000, 13, 26), (16000, 20, 40)])
def test_coefficients_deltas_and_delta_deltas_are_openSMILEs_on_speech(tmp_path, rate, coefficients, bands):
    """Configured as HTK's; openSMILE puts the zeroth last. Away from the end, which only ours fills up."""
    path, signal = tmp_path / "htk.conf", speech(rate)
    text = HTK.replace("TOP", str(rate // 2)).replace("BANDS", str(bands)).replace("LAST", str(coefficients - 1))
    path.write_text(text, encoding="utf-8")
    theirs = np.column_stack(list(smile.contours(signal, str(path)).values()))
    order = [coefficients - 1, *range(coefficients - 1)]
    theirs = theirs[:, [k + coefficients * part for part in range(3) for k in order]]
    ours = mfcc.extract(signal, coefficients=coefficients, bands=bands)[: len(theirs)]
    assert np.abs(ours - theirs)[:-5].max() < 2e-3
    assert np.ptp(ours, axis=0).min() > 1


def test_a_frame_is_what_the_book_writes():
    """Equations 5.1 to 5.14 of the HTK book, in loops, on one frame of 8 kHz."""
    samples = noise(0.025, 8000).samples.astype(float) * 32767
    size, fft, bands, top = 200, 256, 26, 4000.0
    emphasised = [samples[0] * (1 - 0.97)] + [samples[n] - 0.97 * samples[n - 1] for n in range(1, size)]
    windowed = [x * (0.54 - 0.46 * np.cos(2 * np.pi * n / (size - 1))) for n, x in enumerate(emphasised)]
    power = np.abs(np.fft.fft(windowed, fft)) ** 2
    mel = lambda hertz: 2595 * np.log10(1 + hertz / 700)  # noqa: E731
    width, logs = mel(top) / (bands + 1), []
    for band in range(1, bands + 1):
        rise = lambda k, b=band: 1 - abs(mel(k * 8000 / fft) / width - b)  # noqa: E731
        logs.append(np.log(sum(max(0.0, rise(k)) * power[k] for k in range(fft // 2 + 1))))
    for order in range(13):
        value = sum(log * np.cos(np.pi * order / bands * (j + 0.5)) for j, log in enumerate(logs))
        lifted = np.sqrt(2 / bands) * value * (1 + 11 * np.sin(np.pi * order / 22))
        assert mfcc.extract(noise(0.025, 8000))[0, order] == pytest.approx(lifted, rel=1e-3, abs=1e-3)


def test_twice_as_loud_moves_only_the_zeroth_coefficient():
    quiet, loud = (mfcc.extract(noise(1, level=level))[:97] for level in (0.05, 0.1))
    gain = loud[:, 0] - quiet[:, 0]
    assert gain == pytest.approx(np.full(97, 2 * np.log(2) * np.sqrt(2 / 26) * 26), abs=1e-3)
    assert np.abs(loud - quiet)[:, 1:].max() < 0.01


def test_silence_is_zero_throughout():
    silence = Signal(np.zeros(8000, np.float32), 16000)
    assert (mfcc.extract(silence) == 0).all()
    assert set(mfcc.functionals(silence).values()) == {0.0}


def test_the_same_bands_at_both_rates_give_nearly_the_same_coefficients():
    wide, narrow = (mfcc.extract(speech(rate), highest=3400.0) for rate in (16000, 8000))
    count = min(len(wide), len(narrow)) - 5
    r = [np.corrcoef(wide[:count, k], narrow[:count, k])[0, 1] for k in range(13)]
    assert min(r) > 0.95


def test_normalised_coefficients_know_no_line():
    """A line multiplies the spectrum, which adds a constant to each coefficient; its mean is taken out."""
    plain, normalised = (mfcc.extract(noise(1), normalise=n) for n in (False, True))
    assert normalised[:, :13].mean(axis=0) == pytest.approx(np.zeros(13), abs=1e-4)
    assert normalised[:, 13:] == pytest.approx(plain[:, 13:], abs=1e-4)
    functionals = mfcc.functionals(noise(1), normalise=True)
    assert functionals["mfcc4_mean"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("coefficients", [1, 13, 20, 26, 27, 40])
def test_any_number_of_coefficients_up_to_forty(coefficients):
    frames = mfcc.extract(noise(0.5), coefficients=coefficients)
    assert frames.shape == (50, 3 * coefficients) == (50, len(mfcc.names(coefficients)))
    assert np.isfinite(frames).all()
    assert len(mfcc.functionals(noise(0.5), coefficients=coefficients)) == 6 * coefficients


def test_lifter_weighs_up_to_its_length_and_no_weight_turns_a_sign():
    plain, lifted = (mfcc.extract(noise(0.2), coefficients=30, lifter=n)[:, :30] for n in (0, 22))
    weights = (lifted / plain).mean(axis=0)
    assert weights[:22] == pytest.approx(1 + 11 * np.sin(np.pi * np.arange(22) / 22), rel=1e-3)
    assert weights[22:] == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"coefficients": 0}, "1 to 40"),
        ({"coefficients": 41}, "1 to 40"),
        ({"coefficients": 20, "bands": 13}, "at most as many coefficients"),
        ({"bands": 80}, "1 to 40"),
        ({"highest": 9000.0}, "half the rate, 8000 Hz"),
        ({"highest": -1.0}, "half the rate"),
        ({"lifter": -1}, "0 .none. or more"),
    ],
)
def test_settings_out_of_range_are_refused(settings, told):
    with pytest.raises(UsageError, match=told):
        mfcc.extract(noise(0.1), **settings)


def test_other_rates_and_samples_that_are_no_numbers_are_refused():
    with pytest.raises(UsageError, match="resample"):
        mfcc.extract(noise(0.5, 11025))
    with pytest.raises(UsageError, match="finite"):
        mfcc.functionals(Signal(np.full(16000, np.inf, np.float32), 16000))


@pytest.mark.parametrize("rate", mfcc.RATES)
@pytest.mark.parametrize("sound", ["offset", "clipping", "30 ms", "one sample", "nothing", "whisper"])
def test_what_is_hardly_speech_is_finite(rate, sound):
    rng = np.random.default_rng(0)
    samples = {
        "offset": np.full(rate, 0.5),
        "clipping": np.sign(rng.normal(size=rate)),
        "30 ms": rng.normal(0, 0.1, 3 * rate // 100),
        "one sample": np.ones(1),
        "nothing": np.zeros(0),
        "whisper": rng.normal(0, 0.003, rate),
    }[sound]
    signal = Signal(samples.astype(np.float32), rate)
    assert np.isfinite(mfcc.extract(signal)).all()
    assert np.isfinite(list(mfcc.functionals(signal).values())).all()


def test_functionals_are_those_of_whole_frames():
    signal = noise(1.0)
    whole = mfcc.extract(signal)[:98].astype(float)
    functionals = mfcc.functionals(signal)
    assert tuple(functionals) == mfcc.FUNCTIONALS
    assert functionals["mfcc2_mean"] == pytest.approx(whole[:, 2].mean(), rel=1e-4)
    assert functionals["mfcc2_stddev"] == pytest.approx(whole[:, 2].std(), rel=1e-4)
    centred = (whole[:, 2] - whole[:, 2].mean()) / whole[:, 2].std()
    assert functionals["mfcc2_kurtosis"] == pytest.approx((centred**4).mean(), rel=1e-4)
    assert functionals["mfcc5_delta_stddev"] == pytest.approx(whole[:96, 18].std(), rel=0.1)


def test_every_column_and_functional_is_documented():
    assert mfcc.DIM == len(mfcc.NAMES) == len(mfcc.FEATURES) == 39
    for name in (*mfcc.NAMES, *mfcc.FUNCTIONALS):
        found = mfcc.describe(name)
        assert found.name == name
        assert all(found)
    assert mfcc.describe("mfcc2_delta_stddev").unit == "1/frame"
    assert mfcc.describe("mfcc2_kurtosis").unit == "1"
    with pytest.raises(UnknownNameError, match="mfcc1_mean"):
        mfcc.describe("mfcc1_meen")


# Parts ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30), st.floats(-3, 3))
def test_deltas_are_linear_and_ignore_an_offset(values, offset):
    contour = np.array(values)[:, None]
    assert _deltas.deltas(contour + offset) == pytest.approx(_deltas.deltas(contour), abs=1e-9)
    assert _deltas.deltas(2 * contour) == pytest.approx(2 * _deltas.deltas(contour), abs=1e-9)


def test_the_delta_of_a_line_is_its_slope():
    assert _deltas.deltas(3 * np.arange(20.0)[:, None])[2:-2] == pytest.approx(np.full((16, 1), 3.0))


def test_mel_filters_tile_the_band():
    filters = _cepstrum.mel_filters(257, 16000, 26, 8000.0)
    assert (filters.max(axis=0) > 0.6).all()
    assert filters[3:225].sum(axis=1) == pytest.approx(1)
    assert (_cepstrum.mel_filters(257, 16000, 40, 4000.0)[129:] == 0).all()


def test_blocks_change_nothing():
    frames = _framing.cut(noise(12.0), 0.02)
    whole = np.diff(frames[:, :5], axis=0, prepend=frames[:1, :5])
    parts = _framing.in_blocks(frames, lambda f: np.diff(f[:, :5], axis=0, prepend=f[:1, :5]), before=1)
    assert np.array_equal(whole, parts)


def test_frames_begin_every_ten_milliseconds_and_silence_ends_them():
    signal = Signal(np.arange(1, 1601, dtype=np.float32), 16000)
    frames = _framing.cut(signal, 0.025)
    assert (frames[:, 0] == 160 * np.arange(10) + 1).all()
    assert (frames[-1, 160:] == 0).all()
    assert (_framing.cut(signal, 0.025, whole=True) > 0).all()


def test_a_constant_has_no_shape():
    mean, deviation, skewness, kurtosis = _moments.shape(np.full((50, 1), 0.1))
    assert (mean[0], deviation[0], skewness[0], kurtosis[0]) == (pytest.approx(0.1), 0, 0, 0)
    normal = np.random.default_rng(0).normal(size=(100000, 1))
    assert [float(v[0]) for v in _moments.shape(normal)] == pytest.approx([0, 1, 0, 3], abs=0.05)
