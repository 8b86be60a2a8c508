"""Bad input through the whole command: a clear word, the right exit code, and the good ones are all done."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from affekt.cli import main

CALL = Path(__file__).parents[1] / "examples" / "call.wav"


def speech(rate: int = 16000) -> np.ndarray:
    """Three seconds of the sample call's angry customer, mono, in [-1, 1]."""
    import soxr

    samples, own = soundfile.read(CALL, dtype="float32")
    cut = samples[19 * own : 22 * own, 0]
    return (0.5 / np.abs(cut).max() * soxr.resample(cut, own, rate)).astype(np.float32)


def encoded(samples: np.ndarray, rate: int = 16000, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def with_nan(share: float) -> np.ndarray:
    samples = speech()
    samples[: round(share * len(samples))] = np.nan
    return samples


def damaged_flac() -> bytes:
    whole = bytearray(encoded(speech(), kind="FLAC"))
    whole[len(whole) // 2 : len(whole) // 2 + 4000] = bytes(4000)
    return bytes(whole)


BAD = {  # what is in the file, what is said of it
    "empty.wav": (lambda: b"", "the file is empty (0 bytes)"),
    "text.wav": (lambda: b"Dear diary,\ntoday", "looks like plain text"),
    "noise.mp3": (lambda: np.random.default_rng(7).bytes(20000), "no known audio format"),
    "header.wav": (lambda: encoded(speech())[:44], "a header but no samples"),
    "half_a_header.wav": (lambda: encoded(speech())[:20], "damaged or not complete"),
    "nothing.wav": (lambda: encoded(np.zeros(0)), "a header but no samples"),
    "nan.wav": (lambda: encoded(with_nan(1), subtype="FLOAT"), "100% of the samples are not numbers"),
    "slow.wav": (lambda: encoded(speech(4000), rate=3000), "sampled at 3000 Hz; rates from 4000 to 192000"),
    "channels.wav": (lambda: encoded(np.zeros((100, 40)), subtype="FLOAT"), "40 channels; 1 to 32 can be read"),
    "broken.m4a": (lambda: b"\0\0\0\x20ftypM4A " + bytes(100), "MP4"),
}
ODD = {  # what can be judged all the same or has nothing to judge, its turns, and the note
    "silent.wav": (lambda: encoded(np.zeros(32000)), 0, "no speech found"),
    "one_sample.wav": (lambda: encoded(np.ones(1) / 2), 0, "no speech found"),
    "click.wav": (lambda: encoded(np.eye(1, 32000, 9000)[0]), 0, "no speech found"),
    "hum.wav": (lambda: encoded(0.1 * np.sin(np.arange(48000) * 0.02)), 0, "no speech found"),
    "offset.wav": (lambda: encoded(speech() * 0.3 + 0.5), 1, None),
    "clipped.wav": (lambda: encoded((20 * speech()).clip(-1, 1)), 1, "clipped"),
    "few_nan.wav": (lambda: encoded(with_nan(0.005), subtype="FLOAT"), 1, "were not numbers"),
    "truncated.wav": (lambda: encoded(speech())[:64000], 1, "truncated"),
    "damaged.flac": (damaged_flac, None, "damaged"),
    "telephone.wav": (lambda: encoded(speech(8000), 8000, "ALAW"), 1, None),
    "slowest.wav": (lambda: encoded(speech(4000), 4000), 1, None),
    "fastest.flac": (lambda: encoded(speech(192000), 192000, kind="FLAC"), 1, None),
    "odd_rate.wav": (lambda: encoded(speech(12345), 12345), 1, None),
    "eight_bits.wav": (lambda: encoded(speech(), subtype="PCM_U8"), 1, None),
    "loud.wav": (lambda: encoded(100 * speech(), subtype="FLOAT"), 1, None),
    "stereo.wav": (lambda: encoded(np.stack([speech()] * 2, axis=1)), 1, None),
    "six.wav": (lambda: encoded(np.stack([speech()] * 6, axis=1)), 1, None),
    "one_side.wav": (
        lambda: encoded(np.stack([speech(), 0 * speech()], axis=1)),
        1,
        "no speech found on channel right",
    ),
    "wrong_name.txt": (lambda: encoded(speech(), kind="OGG", subtype="VORBIS"), 1, None),
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


def written(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes((BAD | ODD)[name][0]())
    return path


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("options", [(), ("--json",), ("--whole", "--csv")])
def test_what_cannot_be_judged_alone_is_a_line_and_exit_code_1(tmp_path, name, options):
    path = written(tmp_path, name)
    result = run(path, *options)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{path}: ")
    assert result.stderr.count("\n") == 1
    assert BAD[name][1] in result.stderr
    assert result.stdout.count("\n") == ("--csv" in options)  # its header


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_judged_and_noted(tmp_path, name):
    result = run(written(tmp_path, name), "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    timeline = json.loads(result.stdout)
    _, turns, note = ODD[name]
    if turns is not None:
        assert len(timeline["turns"]) == turns
    if note is None:
        assert {turn["emotion"] for turn in timeline["turns"]} == {"anger"}
        assert timeline["notes"] == []
    else:
        assert any(note in told for told in timeline["notes"])


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("options", [(), ("--whole",), ("--top", "9"), ("--channel", "each"), ("--vad", "energy")])
def test_what_is_odd_fails_in_no_mode(tmp_path, name, options):
    result = run(written(tmp_path, name), *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.exception is None


def test_a_container_without_its_package_says_which_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    path = written(tmp_path, "broken.m4a")
    result = run(path)
    assert result.exit_code == 1
    assert result.stderr == f"{path}: is MP4; this needs the package 'av': pip install \"affekt[video]\"\n"


def test_a_path_that_is_none_is_exit_code_1(tmp_path):
    result = run(tmp_path / "missing.wav")
    assert (result.exit_code, result.stderr) == (1, f"{tmp_path / 'missing.wav'}: there is no such file\n")


def test_a_folder_without_recordings_is_exit_code_1(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    result = run(tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{tmp_path}: no recordings in this folder")


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_ones_stop_no_batch(tmp_path, workers):
    """All of them at once, with a missing file and an empty folder between: what can be judged is, in order."""
    names = sorted(BAD | ODD)
    paths: list[Path] = [written(tmp_path, name) for name in names]
    (tmp_path / "none").mkdir()
    paths[5:5] = [tmp_path / "missing.wav", CALL, tmp_path / "none"]
    result = run(*paths, "--json", "--workers", workers)
    assert result.exit_code == 1
    judged = [timeline["source"] for timeline in json.loads(result.stdout)]
    assert judged == [str(path) for path in paths if path == CALL or path.name in ODD]
    *told, last = result.stderr.splitlines()
    assert [line.split(": ")[0] for line in told] == [str(path) for path in paths if str(path) not in judged]
    assert last == f"{len(BAD) + 2} of {len(paths)} recordings failed"


@pytest.mark.parametrize("size", [0, 1, 43, 44, 45, 46, 100, 1000])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_a_file_cut_off_anywhere_is_judged_or_refused_and_never_a_traceback(tmp_path, size, kind):
    path = tmp_path / "cut.wav"
    path.write_bytes(encoded(speech(), kind=kind, subtype=None)[:size])
    result = run(path)
    assert result.exit_code in (0, 1)
    assert "report" not in result.stderr
    assert bool(result.stderr) == (result.exit_code == 1)


@pytest.mark.parametrize("decibels", [-30, 10])
def test_a_gain_changes_no_emotion_and_no_turn(tmp_path, decibels):
    samples, rate = soundfile.read(CALL, dtype="float32")
    for name, gain in (("plain.wav", 1), ("scaled.wav", 10 ** (decibels / 20))):
        soundfile.write(tmp_path / name, samples * np.float32(gain), rate, subtype="FLOAT")
    plain, scaled = json.loads(run(tmp_path / "plain.wav", tmp_path / "scaled.wav", "--json").stdout)
    for one, other in zip(plain["turns"], scaled["turns"], strict=True):
        for key in ("start", "end", "speaker", "emotion", "uncertain"):
            assert one[key] == other[key]
        assert one["probs"] == pytest.approx(other["probs"], abs=0.01)
