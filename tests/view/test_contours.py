"""The picture of a voice: aligned, readable, of any recording; its spectrogram shows what is in the sound."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from affekt import features
from affekt.cache import Cache
from affekt.errors import MissingExtraError, UsageError
from affekt.types import Signal
from affekt.view import contours
from affekt.view.palette import luminance

RATE = 16000


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> Signal:
    return Signal((0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32), rate)


def buzz(hertz: float, seconds: float = 1.0, rate: int = RATE) -> Signal:
    """Pulses, the simplest voice."""
    samples = np.zeros(round(seconds * rate), np.float32)
    samples[(np.arange(0, seconds, 1 / hertz) * rate).astype(int)] = 0.9
    return Signal(samples, rate)


def half_voiced() -> Signal:
    """Half a second of silence, then half a second of voice."""
    voice = buzz(150, 0.5).samples
    return Signal(np.concatenate([np.zeros(RATE // 2, np.float32), voice]), RATE)


def pixels(path: Path) -> np.ndarray:
    """Read a PNG as (height, width, 3) in [0, 1]."""
    image = pytest.importorskip("matplotlib.image", reason="pictures need the extra 'report'")
    return np.asarray(image.imread(path))[..., :3]


# --- spectrogram


@pytest.mark.parametrize("hertz", [600, 1000, 3500])
def test_a_tone_lies_at_its_frequency(hertz):
    levels, top = contours.spectrogram(tone(hertz))
    strongest = levels.mean(axis=1).argmax() / (len(levels) - 1) * top
    assert strongest == pytest.approx(hertz, abs=60)


def test_the_window_is_wide_band():
    """A 5 ms window resolves 260 Hz: two tones 100 Hz apart are one, pulses 8 ms apart are two."""
    levels, top = contours.spectrogram(tone(1000))
    profile = levels[:, 100:-100].mean(axis=1)
    width = (profile > profile.max() - 3).sum() * top / (len(levels) - 1)
    assert 180 < width < 340
    pulses, _ = contours.spectrogram(buzz(125))
    over_time = pulses[100:300, 100:-100].mean(axis=0)
    assert np.ptp(over_time) > 30


def test_levels_lie_between_the_range_and_zero_and_do_not_know_the_gain():
    voice = half_voiced()
    levels, _ = contours.spectrogram(voice)
    assert levels.max() == pytest.approx(0)
    assert levels.min() == pytest.approx(-70)
    quiet, _ = contours.spectrogram(Signal(voice.samples * np.float32(0.01), RATE))
    assert np.abs(quiet - levels).max() < 0.1


def test_sound_is_where_it_sounds():
    levels, _ = contours.spectrogram(half_voiced())
    loud = levels.max(axis=0) > -40
    assert np.flatnonzero(loud)[0] / len(loud) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("rate", "top"), [(8000, 4000), (11025, 5000), (16000, 5000), (44100, 5000)])
def test_the_spectrogram_ends_at_5_khz_or_half_the_rate(rate, top):
    levels, highest = contours.spectrogram(buzz(150, 0.5, rate))
    assert highest == top
    assert np.isfinite(levels).all()


def test_a_long_recording_has_no_more_columns_than_a_picture():
    signal = buzz(150, 30.0)
    levels, _ = contours.spectrogram(signal)
    assert levels.shape[1] == 1800
    spread = levels[20:200, 10:-10].mean(axis=0).std()
    assert spread < 3  # a column is a mean over its windows, not the one pulse that it happens to hit


# --- contours


def test_contours_lie_on_one_grid_and_know_what_is_voiced():
    found = contours.measure(half_voiced())
    assert len(found.times) == len(found.f0) == len(found.energy) == len(found.loudness) == len(found.formants)
    (stretch,) = found.voiced
    assert stretch.start == pytest.approx(0.5, abs=0.04)
    assert stretch.end == pytest.approx(1.0, abs=0.04)
    assert np.median(found.f0[found.f0 > 0]) == pytest.approx(150, rel=0.02)


def test_a_part_of_a_stream_keeps_its_times():
    here = contours.measure(Signal(buzz(150).samples, RATE, start=5 * RATE))
    assert here.times[0] == pytest.approx(5.0)


def test_the_ceiling_is_that_of_the_formants_unless_told_otherwise():
    assert features.options("formants") == {"ceiling": contours.CEILING}


def test_the_ceiling_reaches_the_formants():
    lower, higher = (contours.measure(buzz(150), ceiling=ceiling).formants for ceiling in (4600, 5500))
    assert not np.array_equal(lower, higher)


def test_features_come_from_the_cache(tmp_path, monkeypatch):
    contours.measure(buzz(150), cache=Cache(tmp_path))
    monkeypatch.setattr("affekt.features.FeatureSet._native", lambda *_: pytest.fail("measured again"))
    contours.measure(buzz(150), cache=Cache(tmp_path))


# --- picture

SOUNDS = {
    "voice": half_voiced(),
    "telephone": buzz(120, 1.0, 8000),
    "compact disc": buzz(300, 0.5, 44100),
    "a minute and more": buzz(200, 70.0),
    "silence": Signal(np.zeros(RATE, np.float32), RATE),
    "noise": Signal(np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32), RATE),
    "a constant": Signal(np.full(RATE, 0.5, np.float32), RATE),
    "one sample": Signal(np.full(1, 0.5, np.float32), RATE),
    "nothing": Signal(np.zeros(0, np.float32), RATE),
    "a part": Signal(buzz(150).samples, RATE, start=5 * RATE),
}


@pytest.mark.parametrize("kind", ["png", "svg"])
@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.filterwarnings("error")
def test_any_sound_can_be_drawn(sound, kind, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    contours.save(SOUNDS[sound], tmp_path / f"a.{kind}", title=sound)
    if kind == "svg":
        ET.parse(tmp_path / "a.svg")
    else:
        assert pixels(tmp_path / "a.png").shape == (1198, 1800, 3)


def test_rows_are_aligned(tmp_path):
    """The ground of a voiced stretch begins in the same column in the waveform, the pitch and the level."""
    contours.save(half_voiced(), tmp_path / "a.png", title="x")
    image = (pixels(tmp_path / "a.png") * 255).round().astype(int)
    blue = np.all(image == [int(contours._VOICED[i : i + 2], 16) for i in (1, 3, 5)], axis=-1)
    rows = np.flatnonzero(blue.sum(axis=1) > 200)
    blocks = np.split(rows, np.flatnonzero(np.diff(rows) > 10) + 1)
    assert len(blocks) == 3
    starts = {int(np.flatnonzero(blue[block].any(axis=0))[0]) for block in blocks}
    assert max(starts) - min(starts) <= 1


def test_colours_can_be_told_apart_without_hue():
    """F1, F2 and F3 have an order and a name; on grey each has a white edge, and none is near white."""
    assert max(luminance(colour) for _, colour in contours._FORMANTS) < 0.35


def test_the_same_sound_gives_the_same_bytes(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    for name in ("a.svg", "b.svg"):
        contours.save(half_voiced(), tmp_path / name, title="x")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("name", ["$x^2$.wav", r"a\frac{.wav", "\x1b[2J.wav", "x" * 300])
def test_a_title_is_text_and_never_a_formula(name, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    contours.save(half_voiced(), tmp_path / "a.png", title=name)


# --- refusals


@pytest.mark.parametrize("name", ["a.pdf", "a.html", "a"])
def test_another_extension_is_refused_with_the_allowed_ones(name, tmp_path):
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        contours.save(half_voiced(), tmp_path / name, title="x")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    with pytest.raises(UsageError, match="No such file or directory"):
        contours.save(half_voiced(), tmp_path / "missing" / "a.png", title="x")


def test_below_8_khz_nothing_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    with pytest.raises(UsageError, match="8000 Hz or more"):
        contours.save(buzz(150, 0.5, 4000), tmp_path / "a.png", title="x")


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"affekt\[report\]"):
        contours.save(half_voiced(), tmp_path / "a.png", title="x")


def test_drawing_leaves_matplotlibs_settings_and_pyplot_alone(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    code = (
        "import sys; from matplotlib import rcParams as r; known = lambda: {k: r[k] for k in r if k != 'backend'}\n"
        "before = known()\n"
        "import numpy as np; from pathlib import Path\n"
        "from affekt.types import Signal; from affekt.view import contours\n"
        f"contours.save(Signal(np.zeros(9000, np.float32), 8000), Path({str(tmp_path / 'a.png')!r}), title='x')\n"
        "print('matplotlib.pyplot' in sys.modules, known() == before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
