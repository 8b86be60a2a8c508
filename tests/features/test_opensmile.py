"""openSMILE's sets through the extra: openSMILE's own values, its licence told once, nothing loaded before its time."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import pytest

import clips
from affekt import audio
from affekt.errors import UnknownNameError, UsageError
from affekt.features import compare, egemaps, egemaps_opensmile, emobase, gemaps
from affekt.types import Signal

SETS = {"compare": compare, "egemaps_opensmile": egemaps_opensmile, "emobase": emobase, "gemaps": gemaps}
SIZES = {"compare": (65, 6373), "egemaps_opensmile": (25, 88), "emobase": (26, 988), "gemaps": (18, 62)}

pytestmark = pytest.mark.filterwarnings("ignore:openSMILE")


@pytest.fixture(params=SETS)
def name(request):
    pytest.importorskip("opensmile", reason='openSMILE is not installed: pip install "affekt[opensmile]"')
    return request.param


def fresh(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def noise(seconds, rate=16000):
    return Signal(np.random.default_rng(0).normal(0, 0.05, round(seconds * rate)).astype(np.float32), rate)


def test_it_has_the_published_numbers_of_descriptors_and_functionals(name):
    module = SETS[name]
    assert (module.DIM, len(module.FUNCTIONALS)) == (len(module.NAMES), len(set(module.FUNCTIONALS))) == SIZES[name]


def test_egemaps_by_openSMILE_has_the_names_of_our_own():
    pytest.importorskip("opensmile")
    assert egemaps_opensmile.FUNCTIONALS == egemaps.FUNCTIONALS
    assert [n.lower() for n in egemaps_opensmile.NAMES] == [n.lower() for n in egemaps.NAMES]


@pytest.mark.parametrize(
    ("module", "reference"), [(compare, "compare_2016"), (egemaps_opensmile, "egemaps_v02")], ids=["compare", "egemaps"]
)
def test_the_functionals_are_openSMILEs_own(module, reference):
    """On a recording of 44.1 kHz, not resampled, each within 1e-4 of the value kept from another machine."""
    pytest.importorskip("opensmile")
    path = clips.SHARED / f"reference/opensmile_{reference}_speech.csv"
    if not path.is_file():
        pytest.skip(f"no reference/{path.name} in ../shared")
    with path.open(encoding="utf-8") as file:
        kept = {name: float(value) for name, value in csv.reader(file)}
    ours = module.functionals(audio.read(clips.SHARED / "reference/speech.wav", rate=44100))
    assert list(ours) == list(kept)
    assert list(ours.values()) == pytest.approx(list(kept.values()), rel=1e-4, abs=1e-9)


def test_the_frames_are_openSMILEs_own_and_the_last_is_held(name):
    opensmile = pytest.importorskip("opensmile")
    module, signal = SETS[name], noise(1.0)
    title = module._SET.title
    level = opensmile.FeatureLevel.LowLevelDescriptors
    theirs = opensmile.Smile(opensmile.FeatureSet[title], level).process_signal(signal.samples, 16000).to_numpy()
    ours = module.extract(signal)
    assert ours.shape == (100, module.DIM)
    assert np.array_equal(ours[: len(theirs)], theirs)
    assert (ours[len(theirs) :] == theirs[-1]).all()


@pytest.mark.parametrize("sound", ["silence", "offset", "clipping", "30 ms", "one sample", "nothing", "whisper"])
def test_what_is_hardly_speech_is_finite(name, sound):
    rng = np.random.default_rng(0)
    samples = {
        "silence": np.zeros(16000),
        "offset": np.full(16000, 0.5),
        "clipping": np.sign(rng.normal(size=16000)),
        "30 ms": rng.normal(0, 0.1, 480),
        "one sample": np.ones(1),
        "nothing": np.zeros(0),
        "whisper": rng.normal(0, 0.003, 16000),
    }[sound]
    signal = Signal(samples.astype(np.float32), 16000)
    assert np.isfinite(SETS[name].extract(signal)).all()
    assert np.isfinite(list(SETS[name].functionals(signal).values())).all()


def test_what_is_louder_than_sixteen_bits_is_clipped(name):
    """openSMILE's package would turn the sign of a sample of 1.0, and so make noise of a clipped recording."""
    wave = np.sign(np.sin(2 * np.pi * 150 * np.arange(16000) / 16000)).astype(np.float32)
    loudest, full, beyond = (
        SETS[name].extract(Signal(np.float32(gain) * wave, 16000)) for gain in (32767 / 32768, 1.0, 1000.0)
    )
    assert np.abs(full - loudest).max() < 0.01 * np.abs(loudest).max()
    assert np.array_equal(full, beyond)


def test_other_rates_and_samples_that_are_no_numbers_are_refused():
    with pytest.raises(UsageError, match="resample"):
        compare.extract(noise(0.5, 16001))
    with pytest.raises(UsageError, match="finite"):
        compare.extract(Signal(np.full(16000, np.nan, np.float32), 16000))


def test_every_feature_and_functional_is_documented(name):
    module = SETS[name]
    for wanted in (*module.NAMES, *module.FUNCTIONALS):
        found = module.describe(wanted)
        assert found.name == wanted
        assert found.unit
        assert "?" not in found.unit, wanted
        assert len(found.definition) > 10, wanted
        assert found.source
    assert tuple(feature.name for feature in module.FEATURES) == module.NAMES
    with pytest.raises(UnknownNameError):
        module.describe("loudnes")


def test_the_parts_of_a_name_are_read_right():
    pytest.importorskip("opensmile")
    slope = compare.describe("mfcc_sma_de[3]_stddev")
    assert (slope.unit, slope.definition.count("number 3")) == ("1/frame", 1)
    assert compare.describe("F0final_sma_ff0_nnz").unit == "share of the duration"
    assert emobase.describe("F0_sma_maxPos").unit == "frame"
    assert gemaps.describe("slopeUV0-500_sma3nz_amean").definition.endswith(", unvoiced frames")
    assert gemaps.describe("F1frequency_sma3nz_amean").definition.endswith(", voiced frames")


def test_the_licence_is_told_once_in_a_process():
    pytest.importorskip("opensmile")
    told = fresh(
        "import warnings; warnings.simplefilter('always')\n"
        "from affekt.features import compare, gemaps\n"
        "for _ in range(2): compare.FUNCTIONALS, gemaps.NAMES, gemaps.FEATURES"
    )
    assert told.stderr.count("not for commercial products") == 1


def test_nothing_of_openSMILE_is_loaded_before_it_is_asked_for():
    quiet = "import sys\nfrom affekt.features import compare\ncompare.DIM, compare.HOP, compare.LICENCE\n"
    assert fresh(quiet + "print('opensmile' in sys.modules, 'pandas' in sys.modules)").stdout == "False False\n"


def test_without_the_package_the_pip_command_is_told():
    told = fresh(
        "import sys; sys.modules['opensmile'] = None\n"
        "from affekt.errors import MissingExtraError\nfrom affekt.features import compare\n"
        "try: compare.NAMES\nexcept MissingExtraError as error: print(error)"
    ).stdout
    assert 'pip install "affekt[opensmile]"' in told
