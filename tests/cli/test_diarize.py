"""`affekt diarize` and `affekt replay --speakers`: channels first, then voices; RTTM that `affekt predict` takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
from click.testing import CliRunner, Result

from affekt import rttm
from affekt.cli import main

CALL = Path(__file__).parents[2] / "examples" / "call.wav"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def mono(tmp_path: Path, seconds: int = 12) -> Path:
    samples, rate = soundfile.read(CALL)
    soundfile.write(tmp_path / "one track.wav", samples[: seconds * rate].mean(axis=1), rate)
    return tmp_path / "one track.wav"


def test_channels_say_who_speaks():
    result = run("diarize", CALL, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert {row["speaker"] for row in json.loads(result.stdout)} == {"left", "right"}


def test_one_track_gives_rttm_that_predict_takes(tmp_path):
    path, table = mono(tmp_path), tmp_path / "who.rttm"
    result = run("diarize", path, "--speakers", 1)
    assert result.exit_code == 0
    table.write_text(result.stdout)
    assert {name for _, name in rttm.read(table)} == {"speaker_1"}
    said = json.loads(run("predict", path, "--segments", table, "--agent", "speaker_1", "--json").stdout)
    assert {(turn["speaker"], turn["role"], turn["emotion"]) for turn in said["turns"]} == {
        ("speaker_1", "agent", None)
    }


def test_silence_gives_nothing_and_says_so(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    result = run("diarize", tmp_path / "silence.wav")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no speech found" in result.stderr


def test_a_replay_tells_voices_apart_on_one_track(tmp_path):
    result = run("replay", mono(tmp_path), "--speakers", 2, "--speed", "max", "--json", "--model", "permissive")
    assert result.exit_code == 0
    ended = [line for line in map(json.loads, result.stdout.splitlines()) if line["type"] == "turn.ended"]
    assert ended
    assert {line["speaker"] for line in ended} <= {"speaker 1", "speaker 2"}
    assert all(0 < line["speaker_confidence"] < 1 for line in ended)


def test_what_channels_say_is_not_asked_of_voices(tmp_path):
    for arguments in (["--speakers", 2], ["--speakers", 2, "--stereo", "left=customer,right=agent"]):
        assert run("replay", CALL, "--speed", "max", *arguments).exit_code in (1, 2)
        assert run("replay", CALL, "--speed", "max", *arguments).stdout == ""
    told = run("diarize", CALL, "--speakers", 2)
    assert (told.exit_code, told.stdout) == (1, "")
    assert "its channels carry a speaker each" in told.stderr
