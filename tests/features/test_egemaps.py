"""eGeMAPS: openSMILE's names, and its values on real speech; finite values on what is hardly speech."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clips
from affekt import audio
from affekt.errors import UsageError
from affekt.features import _shape, _spectra, _statistics, _voice, egemaps
from affekt.types import Signal

RATE = egemaps.RATE
PARTS = {name: index for index, name in enumerate(egemaps.NAMES)}


def tone(hertz, seconds=1.0, harmonics=20):
    time = np.arange(round(seconds * RATE)) / RATE
    waves = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, harmonics + 1) if hertz * k < 7000)
    return Signal((0.2 * waves).astype(np.float32), RATE)


def reference(name):
    path = clips.SHARED / f"reference/opensmile_egemaps_v02_{name}.csv"
    if not path.is_file():
        pytest.skip(f"no reference/{path.name} in ../shared")
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_functionals_have_opensmiles_names_and_order():
    assert list(reference("emodb")[0])[1:] == list(egemaps.FUNCTIONALS)
    assert len(egemaps.NAMES) == egemaps.DIM


def test_most_functionals_are_opensmiles_on_emodb():
    """On every tenth recording: r >= 0.99 for at least 50, r >= 0.95 for 65 of the 88; FEATURES.md has them all."""
    rows = reference("emodb")[::10]
    folder = clips.SHARED / "corpora/emodb/wav"
    if not folder.is_dir():
        pytest.skip("no corpora/emodb in ../shared")
    ours = np.array([list(egemaps.functionals(audio.read(folder / row["path"])).values()) for row in rows])
    theirs = np.array([[float(row[name]) for name in egemaps.FUNCTIONALS] for row in rows])
    r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, theirs.T, strict=True)])
    assert (r >= 0.99).sum() >= 50
    assert (r >= 0.95).sum() >= 65


@pytest.mark.parametrize("hertz", [80, 120, 200, 350, 500])
def test_a_tone_has_its_pitch(hertz):
    frames = egemaps.extract(tone(hertz))[10:80]
    assert frames[:, PARTS["F0semitoneFrom27.5Hz_sma3nz"]] == pytest.approx(12 * np.log2(hertz / 27.5), abs=0.2)


def test_a_steady_tone_is_hardly_perturbed_and_harmonic():
    frames = egemaps.extract(tone(160))[20:80]
    assert frames[:, PARTS["jitterLocal_sma3nz"]].mean() < 0.005
    assert frames[:, PARTS["shimmerLocaldB_sma3nz"]].mean() < 0.1
    assert frames[:, PARTS["HNRdBACF_sma3nz"]].mean() > 10


def test_known_jitter_is_found():
    """A pulse train whose periods alternate by 4 % has that jitter, if no pulse lies where the walk begins."""
    lengths = np.tile([98, 102], 80)
    samples = np.zeros(lengths.sum() + 200)
    samples[np.cumsum(lengths) - 50] = 0.8
    smooth = np.convolve(samples, np.hanning(60), mode="same")
    jitter, _ = _voice.perturbation(smooth, np.full(90, 160.0), RATE, 160, 960)
    assert jitter[5:].mean() == pytest.approx(0.04, rel=0.3)


def test_twice_as_loud_changes_no_shape():
    quiet, loud = (egemaps.functionals(clips.scaled(tone(150), gain)) for gain in (-6, 0))
    for name in ("alphaRatioV_sma3nz_amean", "HNRdBACF_sma3nz_amean", "F1frequency_sma3nz_amean", "mfcc2_sma3_amean"):
        assert quiet[name] == pytest.approx(loud[name], rel=1e-3, abs=1e-3)
    difference = loud["equivalentSoundLevel_dBp"] - quiet["equivalentSoundLevel_dBp"]
    assert difference == pytest.approx(6, abs=0.01)


def test_noise_is_unvoiced():
    noise = np.random.default_rng(0).normal(0, 0.05, RATE).astype(np.float32)
    assert (egemaps.extract(Signal(noise, RATE))[:, PARTS["F0semitoneFrom27.5Hz_sma3nz"]] == 0).mean() > 0.9


@pytest.mark.parametrize("sound", ["silence", "offset", "clipping", "30 ms", "nothing", "noise"])
def test_what_is_hardly_speech_is_finite(sound):
    noise = np.random.default_rng(0).normal(0, 1, RATE)
    samples = {
        "silence": np.zeros(RATE),
        "offset": np.full(RATE, 0.5),
        "clipping": np.clip(20 * tone(150).samples, -1, 1),
        "30 ms": noise[:480],
        "nothing": noise[:0],
        "noise": noise,
    }[sound]
    signal = Signal(samples.astype(np.float32), RATE)
    assert np.isfinite(egemaps.extract(signal)).all()
    assert np.isfinite(list(egemaps.functionals(signal).values())).all()


def test_samples_that_are_no_numbers_are_refused():
    with pytest.raises(UsageError, match="finite"):
        egemaps.extract(Signal(np.full(RATE, np.nan, np.float32), RATE))


def test_prediction_finds_the_filter_that_made_the_sound():
    noise = np.random.default_rng(0).normal(0, 1, 20000)
    sound = noise.copy()
    for n in range(2, len(sound)):
        sound[n] += 1.2 * sound[n - 1] - 0.8 * sound[n - 2]
    correlation = np.array([[sound[: len(sound) - k] @ sound[k:] for k in range(12)]])
    assert _voice._prediction(correlation)[0, :2] == pytest.approx([-1.2, 0.8], abs=0.03)


def test_mel_filters_tile_the_band():
    """Between the first and last centre the triangles add up to 1."""
    assert _shape.mel_filters(257, RATE)[6:230].sum(axis=1) == pytest.approx(1, abs=1e-9)


def test_frames_begin_every_ten_milliseconds():
    frames = _spectra.frames(Signal(np.arange(RATE, dtype=np.float32), RATE), _spectra.LONG)
    assert frames.shape == (95, 960)
    assert (frames[:, 0] == 160 * np.arange(95)).all()


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0]), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_smoothing_what_is_present_keeps_the_gaps_and_the_range(values):
    contour = np.array(values)[:, None]
    smooth = _statistics.smooth_present(contour)
    assert ((smooth == 0) == (contour == 0)).all()
    assert smooth.max() <= contour.max() + 1e-12


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=60))
@settings(max_examples=50, deadline=None)
def test_extremes_alternate(values):
    contour = np.array(values)
    turns = _statistics.extremes(contour)
    assert sorted(set(turns)) == turns
    steps = np.sign(np.diff(contour[turns]))
    assert (steps[1:] != steps[:-1]).all()


def test_a_triangle_wave_has_its_slopes_and_peaks():
    contour = np.concatenate([np.linspace(0, 1, 11)[:-1], np.linspace(1, 0, 21)[:-1]] * 10)
    rising, _, falling, _ = _statistics.slopes(contour)
    assert (rising, falling) == (pytest.approx(10, rel=0.02), pytest.approx(5, rel=0.02))
    assert _statistics.peaks_per_second(contour) == pytest.approx(10 / 3, rel=0.02)


def test_segments_are_counted_from_their_first_to_their_last_frame():
    active = np.array([0, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1], bool)
    assert _statistics.segments(active) == pytest.approx([0.03, 0.02])


def test_statistics_of_nothing_are_zero():
    nothing = np.zeros(0)
    assert _statistics.percentiles(nothing) == [0, 0, 0, 0]
    assert _statistics.slopes(nothing) == [0, 0, 0, 0]
    assert (_statistics.mean(nothing), _statistics.spread(nothing)) == (0, 0)
