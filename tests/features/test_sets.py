"""What every file in features/ owes, through the facade and by itself. A new set is tested here without a new test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clips
from affekt import audio, cache, features, registry
from affekt.errors import MissingExtraError, UnknownNameError, UsageError
from affekt.types import Signal

NAMES = registry.names("features")
RATES = (8000, 11025, 16000, 22050, 44100, 48000)


@pytest.fixture(params=NAMES)
def which(request):
    """The feature set of each file, where its packages are installed."""
    try:
        found = features.load(request.param)
        assert found.names
        return found
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.fixture
def module(which):
    return registry.load("features", which.name)


def noise(seconds, rate=16000, level=0.05):
    samples = np.random.default_rng(0).normal(0, level, round(seconds * rate))
    return Signal(samples.astype(np.float32), rate)


def vowel(seconds, rate, hertz=120.0):
    """Pulses of a voice through three resonances."""
    pulses = np.zeros(round(seconds * rate))
    pulses[(np.arange(0, seconds, 1 / hertz) * rate).astype(int)] = 1.0
    response = np.zeros(rate // 20)
    time = np.arange(len(response)) / rate
    for formant, width in ((700, 80), (1200, 100), (2600, 140)):
        response += np.exp(-np.pi * width * time) * np.sin(2 * np.pi * formant * time)
    voice = np.convolve(pulses, response)[: len(pulses)]
    return Signal((0.3 * voice / np.abs(voice).max()).astype(np.float32), rate)


# --- what a file says of itself


def test_it_names_its_shape(module):
    assert module.DIM in range(1, 100_000)
    assert 0 < module.HOP <= 30
    assert list(module.RATES) == sorted(module.RATES)
    assert set(module.RATES) <= {*range(8000, 192001)}
    assert isinstance(module.VERSION, int)
    assert module.extract.__doc__


def test_every_column_and_functional_is_documented(which, module):
    """Name, unit, definition and source of each, and no name twice."""
    assert len(which.names) == module.DIM == len(set(which.names))
    assert len(which.functional_names) == len(set(which.functional_names)) > 0
    for name in (*which.names, *which.functional_names):
        feature = which.describe(name)
        assert feature.name == name
        assert all((feature.unit, feature.source)), feature
        assert len(feature.definition) > 8, feature


def test_the_modules_own_names_are_those_of_the_facade(which, module):
    assert getattr(module, "NAMES", which.names) == which.names
    assert getattr(module, "FUNCTIONALS", which.functional_names) == which.functional_names


def test_importing_it_loads_no_engine():
    engines = {"soundfile", "soxr", "onnxruntime", "opensmile", "scipy", "multiprocessing"}
    code = f"import sys, affekt.features\nprint(sorted({engines!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- frames


@pytest.mark.parametrize("seconds", [0.0, 1 / 16000, 0.01, 0.03, 0.25, 1.0, 3.0])
def test_a_frame_per_hop_however_short(which, seconds):
    frames = which.extract(noise(seconds))
    assert frames.values.dtype == np.float32
    assert frames.values.shape == (len(frames.times), len(which.names))
    assert np.isfinite(frames.values).all()
    assert len(frames) == pytest.approx(max(1, seconds / which.hop), abs=7)
    assert len(frames) >= 1


def test_times_step_by_the_hop_and_count_from_the_streams_beginning(which):
    here, later = noise(1.0), noise(1.0)
    later = Signal(later.samples, later.rate, start=5 * later.rate)
    frames, moved = which.extract(here), which.extract(later)
    assert np.diff(frames.times) == pytest.approx(which.hop)
    assert 0 <= frames.times[0] < 0.1
    assert moved.times == pytest.approx(frames.times + 5)
    assert np.array_equal(moved.values, frames.values)


def test_a_column_is_found_by_its_name(which):
    frames = which.extract(noise(0.5))
    for place in (0, -1):
        assert np.array_equal(frames[which.names[place]], frames.values[:, place])
    with pytest.raises(UnknownNameError, match="no feature is called 'nonsense'"):
        frames["nonsense"]


def test_frames_hold_columns_by_name_as_a_table_does():
    frames = features.Frames(np.arange(3) / 100, np.arange(6, dtype=np.float32).reshape(3, 2), ("F0", "HNR"))
    assert list(frames) == list(frames.keys()) == list(dict(frames)) == ["F0", "HNR"]
    assert ("F0" in frames, "F1" in frames, 0 in frames, frames.times in frames) == (True, False, False, False)
    assert {name: column.tolist() for name, column in frames.items()} == {"F0": [0, 2, 4], "HNR": [1, 3, 5]}
    assert len(frames) == 3


def test_a_vector_is_a_table_of_names():
    vector = features.Vector(("mean", "range"), np.array([1.5, 3.0]))
    assert vector.items() == tuple(dict(vector).items()) == (("mean", 1.5), ("range", 3.0))
    assert [] not in vector


@pytest.mark.parametrize("name", [0, slice(0, 2), None, ["F0"], np.array([0, 1])])
def test_what_is_no_name_is_answered_with_the_known_ones(name):
    frames = features.Frames(np.zeros(3), np.zeros((3, 2), np.float32), ("F0", "HNR"))
    vector = features.Vector(("F0", "HNR"), np.zeros(2))
    for ask in (frames.__getitem__, vector.__getitem__, features.load("mfcc").describe):
        with pytest.raises(UnknownNameError, match="a name is text"):
            ask(name)


def test_the_same_sound_gives_the_same_frames_and_is_left_alone(which):
    signal = vowel(1.0, 16000)
    kept = signal.samples.copy()
    assert np.array_equal(which.extract(signal).values, which.extract(signal).values)
    assert np.array_equal(signal.samples, kept)


def test_different_speech_gives_different_frames(which):
    first, second = (s.samples[:16000] for s in clips.read(clips.sample(clips.corpus("emodb"), 2)))
    frames = [which.extract(Signal(samples, 16000)).values for samples in (first, second)]
    assert not np.allclose(*frames)


# --- functionals


def test_functionals_are_finite_and_named(which, module):
    vector = which.functionals(vowel(1.0, 16000))
    assert vector.names == which.functional_names
    assert vector.values.dtype == np.float64
    assert np.isfinite(vector.values).all()
    assert list(dict(vector)) == list(vector) == list(which.functional_names)
    assert dict(vector)[vector.names[-1]] == vector[vector.names[-1]] == vector.values[-1]
    assert vector.names[0] in vector
    assert "nonsense" not in vector
    if hasattr(module, "functionals"):
        own = module.functionals(Signal(np.zeros(module.RATES[-1], np.float32), module.RATES[-1]))
        assert tuple(own) == which.functional_names


def test_functionals_hear_a_difference(which):
    low, high = (which.functionals(vowel(1.0, 16000, hertz)).values for hertz in (110, 220))
    assert not np.allclose(low, high)


# --- bad input

BAD = {
    "silence": np.zeros(16000),
    "offset": np.full(16000, 0.5),
    "full scale": np.ones(16000),
    "clipping": np.clip(40 * vowel(1.0, 16000).samples, -1, 1),
    "one click": np.eye(1, 16000, 8000)[0],
    "very quiet": noise(1.0, level=1e-7).samples,
    "too loud": noise(1.0, level=1e3).samples,
    "whisper": noise(1.0, level=0.01).samples,
    "30 ms": vowel(0.03, 16000).samples,
    "one sample": np.array([0.3]),
    "nothing": np.zeros(0),
}


@pytest.mark.parametrize("sound", BAD)
def test_what_is_hardly_speech_is_finite(which, sound):
    signal = Signal(BAD[sound].astype(np.float32), 16000)
    assert np.isfinite(which.extract(signal).values).all()
    assert np.isfinite(which.functionals(signal).values).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(which, value):
    signal = Signal(np.full(16000, value, np.float32), 16000)
    for measure in (which.extract, which.functionals):
        with pytest.raises(UsageError, match=r"finite .* got NaN or infinity"):
            measure(signal)


def samples_of(kind):
    return (100 * vowel(0.5, 16000).samples).astype(kind)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (samples_of(np.int16), r"float in \[-1, 1\], got int16; divide by 32768"),
        (samples_of(np.int32), "got int32; divide by 2147483648"),
        (np.full(8000, 130, np.uint8), "got uint8; subtract 128 as float, then divide by 128"),
        (np.ones(8000, bool), "got bool; these are no sound"),
        (np.ones(8000, complex), "got complex128; take the real part"),
        (np.full(8000, 0.1, object), "got object; use .astype"),
        ([0.1] * 8000, "a numpy array of floats, got list"),
        (None, "a numpy array of floats, got NoneType"),
    ],
)
def test_samples_of_another_type_are_refused_with_what_to_do(samples, said):
    """What full scale is decides every level, and nothing but the type tells that it is not 1."""
    which = features.load("mfcc")
    for measure in (which.extract, which.functionals):
        with pytest.raises(UsageError, match=said):
            measure(Signal(samples, 16000))


@pytest.mark.parametrize("given", [np.zeros(16000, np.float32), None, "call.wav", 5])
def test_what_is_no_signal_is_refused_with_how_to_make_one(given):
    with pytest.raises(UsageError, match=rf"got {type(given).__name__}; .*audio\.read"):
        features.load("mfcc").extract(given)


@pytest.mark.parametrize("gain", [1e-45, 1e-38, 1e-30, 1e-12, 1.0, features.LOUDEST])
def test_whatever_is_loud_or_quiet_is_finite(which, gain):
    voice = vowel(0.5, 16000).samples.astype(np.float64)
    signal = Signal((gain * voice / np.abs(voice).max()).astype(np.float32), 16000)
    assert np.isfinite(which.extract(signal).values).all()
    assert np.isfinite(which.functionals(signal).values).all()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("gain", "kind"), [(1.01e6, "f4"), (1e18, "f4"), (1e38, "f4"), (1e300, "f8")])
def test_what_is_louder_than_any_sound_is_refused(gain, kind, sign):
    """Its powers leave the range of numbers, and NaN comes out."""
    signal = Signal(np.append(np.zeros(8000), sign * gain).astype(kind), 16000)
    with pytest.raises(UsageError, match=r"up to 1e\+06 is borne, got .*e\+.*; divide"):
        features.load("mfcc").extract(signal)


# --- rates


@pytest.mark.parametrize("rate", RATES)
def test_any_rate_from_8_khz_on_is_measured(which, rate):
    signal = vowel(1.0, rate)
    assert len(which.extract(signal)) == pytest.approx(1 / which.hop, abs=7)
    assert np.isfinite(which.functionals(signal).values).all()


def test_another_rate_is_resampled_to_the_nearest_above_that_is_native(which, module):
    signal = vowel(1.0, 11025)
    resampler = audio.Resampler(11025, min(rate for rate in module.RATES if rate >= 11025))
    native = np.concatenate([resampler.push(signal.samples), resampler.finish()])
    by_hand = which.extract(Signal(native, min(rate for rate in module.RATES if rate >= 11025)))
    assert np.array_equal(which.extract(signal).values, by_hand.values)


def test_a_native_rate_is_not_resampled(which, module):
    for rate in module.RATES:
        signal = vowel(0.5, rate)
        if not getattr(module, "LEVELLED", False):
            assert np.array_equal(which.extract(signal).values, module.extract(signal))


@pytest.mark.parametrize("rate", [4000, 7999])
def test_below_8_khz_is_refused_with_what_to_do(which, rate):
    with pytest.raises(UsageError, match=rf"8000 Hz or more, this signal has {rate} Hz; .* resample"):
        which.functionals(noise(0.5, rate))


@pytest.mark.parametrize("rate", [None, "16000", True, 16000.5, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(UsageError, match="whole number of Hz, got"):
        features.load("mfcc").extract(Signal(np.zeros(100, np.float32), rate))


def test_another_rate_is_refused_by_the_module_itself(module):
    with pytest.raises(UsageError, match="resample"):
        module.extract(noise(0.5, module.RATES[-1] + 1))


def test_a_signal_is_mono(which):
    with pytest.raises(UsageError, match=r"mono.*\(100, 2\)"):
        which.extract(Signal(np.zeros((100, 2), np.float32), 16000))


# --- the facade


def test_an_unknown_set_is_answered_with_the_closest():
    with pytest.raises(UnknownNameError, match=r"no feature set is called 'egemap'; did you mean 'egemaps'\?"):
        features.load("egemap")
    for name in (5, None, ["egemaps"]):
        with pytest.raises(UnknownNameError, match=r"a name is text. Known: compare, egemaps"):
            features.load(name)


def test_an_unknown_feature_is_answered_with_the_closest(which):
    name = which.functional_names[0]
    with pytest.raises(UnknownNameError, match="did you mean"):
        which.describe(name[:-1] + "?")


def test_names_are_the_files_of_the_folder():
    assert {"egemaps", "logmel", "whisper"} <= set(features.names())
    assert not any(name.startswith("_") for name in features.names())


def test_the_smallest_module_is_a_set(monkeypatch):
    """DIM, HOP, RATES and extract are enough: columns are numbered, functionals are means and deviations."""

    class Smallest:
        DIM, HOP, RATES = 2, 0.5, (8000,)

        @staticmethod
        def extract(signal):
            halves = signal.samples.reshape(2, -1)
            return np.column_stack([halves.mean(axis=1), halves.max(axis=1)]).astype(np.float32)

    small = features.FeatureSet("small", Smallest)
    signal = Signal(np.repeat(np.array([0.25, 0.75], np.float32), 4000), 8000)
    assert small.extract(signal)["small_1"].tolist() == [0.25, 0.75]
    assert dict(small.functionals(signal)) == {
        "small_0_mean": 0.5,
        "small_1_mean": 0.5,
        "small_0_stddev": 0.25,
        "small_1_stddev": 0.25,
    }
    assert small.describe("small_1_stddev").definition.startswith("standard deviation over the frames")


# --- the facade's options


@pytest.mark.parametrize(
    ("name", "key", "value", "said"),
    [
        ("formants", "ceiling", "a", "is a number, 5500.0 unless chosen; got 'a'"),
        ("formants", "ceiling", None, "a number, .* got None"),
        ("formants", "ceiling", [1], "a number"),
        ("formants", "ceiling", True, "a number"),
        ("formants", "ceiling", float("nan"), "a number"),
        ("formants", "ceiling", 10**400, "a number"),
        ("mfcc", "coefficients", 13.5, "is a whole number, 13 unless chosen; got 13.5"),
        ("mfcc", "coefficients", "x", "a whole number"),
        ("mfcc", "coefficients", True, "a whole number"),
        ("mfcc", "lifter", 10**400, "a whole number"),
        ("mfcc", "bands", 26.5, "is a whole number or nothing, None unless chosen; got 26.5"),
        ("mfcc", "highest", "4000", "a number or nothing"),
        ("mfcc", "normalise", 1, "is true or false, False unless chosen; got 1"),
    ],
)
def test_an_option_of_another_kind_is_refused_when_the_set_is_loaded(name, key, value, said):
    with pytest.raises(UsageError, match=rf"option {key} of {name} .*{said}"):
        features.load(name, **{key: value})


@pytest.mark.parametrize("ceiling", [5000, 5000.0, np.float32(5000), np.int64(5000)])
def test_a_number_of_any_type_is_an_option(ceiling):
    assert np.isfinite(features.load("formants", ceiling=ceiling).extract(noise(0.1)).values).all()


def test_what_an_option_may_be_is_read_from_the_module():
    """Its annotation, or else the type of its default; what neither tells is left to the module."""

    class Chooses(Counted):
        def extract(self, signal, *, plain=1.5, free=None, written: int = 3, either: int | None = 3, odd: list = ()):
            return super().extract(signal)

    for chosen in ({"plain": 2}, {"free": "x"}, {"written": 4}, {"either": None}, {"odd": [1]}):
        assert features.FeatureSet("chooses", Chooses(), None, chosen).chosen == chosen
    for wrong in ({"plain": "x"}, {"written": None}, {"either": 1.5}):
        with pytest.raises(UsageError, match=r"option .* of chooses is"):
            features.FeatureSet("chooses", Chooses(), None, wrong)


# --- the facade's cache


class Counted:
    """A set that counts how often it is asked."""

    DIM, HOP, RATES, VERSION = 1, 0.01, (16000,), 1

    def __init__(self):
        self.asked = 0

    def extract(self, signal):
        self.asked += 1
        return np.ones((3, 1), np.float32) * (self.VERSION or 0)


def test_what_was_measured_is_looked_up(tmp_path):
    counted = Counted()
    for _ in range(3):
        which = features.FeatureSet("counted", counted, cache.Cache(tmp_path))
        assert which.extract(noise(0.1)).values.tolist() == [[1.0]] * 3
        assert dict(which.functionals(noise(0.1))) == {"counted_0_mean": 1.0, "counted_0_stddev": 0.0}
    assert counted.asked == 2


@pytest.mark.parametrize("kind", [str, Path])
def test_a_cache_may_be_given_as_its_folder(tmp_path, kind):
    folder = tmp_path / "made" / "when needed"
    which = features.load("mfcc", cache=kind(folder))
    assert not folder.exists()
    assert np.array_equal(which.extract(noise(0.1)).values, which.extract(noise(0.1)).values)
    assert len(list(folder.rglob("*.npz"))) == 1


@pytest.mark.parametrize("given", [True, 5, {}])
def test_what_is_no_cache_is_refused_when_the_set_is_loaded(given):
    with pytest.raises(UsageError, match=r"cache is a folder or affekt\.cache\.Cache"):
        features.load("mfcc", cache=given)


def test_another_sound_rate_name_or_version_is_measured_anew(tmp_path):
    counted = Counted()
    store = cache.Cache(tmp_path)
    sounds = [noise(0.1), Signal(-noise(0.1).samples, 16000), Signal(noise(0.1).samples, 8000)]
    for sound in sounds:
        features.FeatureSet("counted", counted, store).extract(sound)
    features.FeatureSet("other", counted, store).extract(sounds[0])
    counted.VERSION = 2
    assert features.FeatureSet("counted", counted, store).extract(sounds[0]).values[0] == 2
    assert counted.asked == 5


def test_a_set_without_a_version_is_not_cached(tmp_path):
    counted = Counted()
    counted.VERSION = None
    for _ in range(2):
        features.FeatureSet("counted", counted, cache.Cache(tmp_path)).extract(noise(0.1))
    assert counted.asked == 2
    assert list(tmp_path.iterdir()) == []


def test_where_a_sound_lies_in_its_stream_does_not_matter_to_the_cache(tmp_path):
    counted = Counted()
    which = features.FeatureSet("counted", counted, cache.Cache(tmp_path))
    times = [which.extract(Signal(noise(0.1).samples, 16000, start)).times[0] for start in (0, 16000)]
    assert times == [0.0, 1.0]
    assert counted.asked == 1
