"""eGeMAPS: openSMILE's names, and its values on real speech; finite values on what is hardly speech."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import clips
from affekt import audio
from affekt.errors import UnknownNameError, UsageError
from affekt.features import _perturbation, _shape, _spectra, egemaps
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


def hardly_speech(sound):
    noise = np.random.default_rng(0).normal(0, 1, RATE)
    samples = {
        "silence": np.zeros(RATE),
        "offset": np.full(RATE, 0.5),
        "clipping": np.clip(20 * tone(150).samples, -1, 1),
        "30 ms": noise[:480],
        "one sample": noise[:1],
        "nothing": noise[:0],
        "noise": noise,
        "click": np.eye(1, RATE, 8000)[0],
        "gated": tone(150).samples * (np.arange(RATE) % 1000 < 300),
    }[sound]
    return Signal(samples.astype(np.float32), RATE)


def test_the_functionals_have_opensmiles_names_and_order():
    assert list(reference("emodb")[0])[1:] == list(egemaps.FUNCTIONALS)
    assert len(egemaps.NAMES) == egemaps.DIM


def test_the_functionals_are_opensmiles_on_emodb():
    """On every tenth recording: r >= 0.99 for at least 80 of the 88, r >= 0.95 for 86; FEATURES.md has all of all."""
    rows = reference("emodb")[::10]
    folder = clips.SHARED / "corpora/emodb/wav"
    if not folder.is_dir():
        pytest.skip("no corpora/emodb in ../shared")
    ours = np.array([list(egemaps.functionals(audio.read(folder / row["path"])).values()) for row in rows])
    theirs = np.array([[float(row[name]) for name in egemaps.FUNCTIONALS] for row in rows])
    r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, theirs.T, strict=True)])
    assert (r >= 0.99).sum() >= 80
    assert (r >= 0.95).sum() >= 86
    assert np.median(np.abs(ours.mean(axis=0) / theirs.mean(axis=0) - 1)) < 0.001


@pytest.mark.parametrize("hertz", [80, 120, 200, 350, 500])
def test_a_tone_has_its_pitch(hertz):
    frames = egemaps.extract(tone(hertz))[10:80]
    assert frames[:, PARTS["F0semitoneFrom27.5Hz_sma3nz"]] == pytest.approx(12 * np.log2(hertz / 27.5), abs=0.2)


def test_a_steady_tone_is_hardly_perturbed_and_harmonic():
    frames = egemaps.extract(tone(160))[20:80]
    assert frames[:, PARTS["jitterLocal_sma3nz"]].mean() < 0.005
    assert frames[:, PARTS["shimmerLocaldB_sma3nz"]].mean() < 0.1
    assert frames[:, PARTS["HNRdBACF_sma3nz"]].mean() > 10


def test_twice_as_loud_changes_no_shape():
    quiet, loud = (egemaps.functionals(clips.scaled(tone(150), gain)) for gain in (-6, 0))
    for name in ("alphaRatioV_sma3nz_amean", "HNRdBACF_sma3nz_amean", "F1frequency_sma3nz_amean", "mfcc2_sma3_amean"):
        assert quiet[name] == pytest.approx(loud[name], rel=1e-3, abs=1e-3)
    difference = loud["equivalentSoundLevel_dBp"] - quiet["equivalentSoundLevel_dBp"]
    assert difference == pytest.approx(6, abs=0.01)


def test_noise_is_unvoiced():
    noise = np.random.default_rng(0).normal(0, 0.05, RATE).astype(np.float32)
    assert (egemaps.extract(Signal(noise, RATE))[:, PARTS["F0semitoneFrom27.5Hz_sma3nz"]] == 0).mean() > 0.9


@pytest.mark.parametrize(
    "sound", ["silence", "offset", "clipping", "30 ms", "one sample", "nothing", "noise", "click", "gated"]
)
@pytest.mark.filterwarnings("error")
def test_what_is_hardly_speech_is_finite(sound):
    signal = hardly_speech(sound)
    frames = egemaps.extract(signal)
    assert frames.shape == (max(1, len(signal.samples) // 160), 25)
    assert np.isfinite(frames).all()
    assert np.isfinite(list(egemaps.functionals(signal).values())).all()


def test_silence_has_no_voice_and_a_soft_floor():
    values = egemaps.functionals(hardly_speech("silence"))
    assert values["F0semitoneFrom27.5Hz_sma3nz_amean"] == values["jitterLocal_sma3nz_amean"] == 0
    assert values["F1amplitudeLogRelF0_sma3nz_amean"] == -201
    assert values["alphaRatioUV_sma3nz_amean"] == values["mfcc1_sma3_amean"] == 0
    assert 0 < values["loudness_sma3_amean"] < 0.01
    assert values["MeanVoicedSegmentLengthSec"] == 0
    assert values["equivalentSoundLevel_dBp"] == -140


def test_parts_of_a_long_recording_are_as_the_whole(monkeypatch):
    """All but what depends on the smallest bits: bandwidths."""
    time = np.arange(6 * RATE) / RATE
    voice = np.sin(2 * np.pi * np.cumsum(150 + 50 * np.sin(4 * time)) / RATE) ** 5 * (np.sin(5 * time) > -0.3)
    signal = Signal((0.3 * voice + np.random.default_rng(0).normal(0, 0.01, len(time))).astype(np.float32), RATE)
    whole = egemaps.functionals(signal)
    monkeypatch.setattr(egemaps, "_PART", 200)
    monkeypatch.setattr(egemaps, "_PIECE", 37)
    monkeypatch.setattr(_perturbation, "_PIECE", 50)
    parts = egemaps.functionals(signal)
    kept = [name for name in whole if "bandwidth" not in name]
    assert [parts[name] for name in kept] == pytest.approx([whole[name] for name in kept], rel=1e-3, abs=1e-4)


def test_samples_that_are_no_numbers_are_refused():
    with pytest.raises(UsageError, match="finite"):
        egemaps.extract(Signal(np.full(RATE, np.nan, np.float32), RATE))


def test_every_column_and_functional_is_documented():
    for name in (*egemaps.NAMES, *egemaps.FUNCTIONALS):
        words = egemaps.describe(name)
        assert words.name == name
        assert all(words)
        assert "{" not in words.unit
    assert egemaps.describe("pctlrange0-2".join(["loudness_sma3_", ""])).unit == "1"
    with pytest.raises(UnknownNameError, match="loudness_sma3_amean"):
        egemaps.describe("loudness_sma3_mean")


def test_mel_filters_tile_the_band():
    """Between the first and last centre the triangles add up to 1."""
    assert _shape.mel_filters(257, RATE)[6:230].sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_shape_of_a_falling_spectrum():
    """Power that falls by 6 dB per 100 Hz has that slope (by a bin of 17 too much); what is above 1 kHz is less."""
    bins = np.arange(257) * 31.25
    power = 10 ** (-0.06 * bins / 10)[None]
    # The reference's regression over one bin fewer is exact only where the mean level is 0.
    level = np.arange(17) * 31.25 * -0.06
    power *= 10 ** (-level.mean() / 10)
    assert _shape.slopes(power, RATE)[0, 0] == pytest.approx(-0.06, rel=0.35)
    assert _shape.alpha_ratio(power, RATE)[0] == pytest.approx(-60, abs=0.1)
    assert _shape.hammarberg_index(power, RATE)[0] == pytest.approx(120, abs=0.1)


def test_flux_is_the_change_since_the_frame_before():
    spectra = np.repeat([[1.0], [3.0], [3.0]], 257, axis=1)
    assert _shape.flux(spectra, RATE) == pytest.approx([0, 2, 0])


def test_frames_begin_every_ten_milliseconds():
    frames = _spectra.windows(np.arange(RATE, dtype=np.float32), RATE, _spectra.LONG)
    assert frames.shape == (95, 960)
    assert (frames[:, 0] == 160 * np.arange(95)).all()
