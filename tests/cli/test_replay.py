"""`affekt replay`: a recording as if live; a line of JSON per event, or lines for people."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from affekt import bundle
from affekt.cli import main
from affekt.live import Pipeline
from affekt.types import Signal

CALL = Path(__file__).parents[2] / "examples" / "call.wav"
ROLES = "left=customer,right=agent"


def run(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments)], input=stdin)


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> Path:
    """The first nine seconds of the sample call."""
    path = tmp_path_factory.mktemp("calls") / "short.wav"
    samples, rate = soundfile.read(CALL)
    soundfile.write(path, samples[: 9 * rate], rate)
    return path


def test_json_is_the_events_of_the_core_after_a_line_on_what_is_heard(short):
    result = run(short, "--speed", "max", "--json", "--stereo", ROLES, "--model", "permissive")
    assert (result.exit_code, result.stderr) == (0, "")
    first, *lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (first["type"], first["tracks"]) == ("started", {"left": "customer", "right": "agent"})
    assert "CC0" in first["licence"] or first["model"].startswith("permissive@")
    samples, rate = soundfile.read(short, dtype="float32")
    stream = Pipeline(bundle.load("permissive"), {"left": "customer", "right": "agent"})
    events = stream.push({"left": Signal(samples[:, 0], rate), "right": Signal(samples[:, 1], rate)})
    assert lines == [event.to_dict() for event in [*events, *stream.finish()]]
    assert lines[-1] == {"type": "finished", "time": 9.0}


def test_noise_reduction_is_asked_for_by_name(short):
    lines = run(short, "--speed", "max", "--json", "--denoise", "wiener").stdout.splitlines()
    assert any(json.loads(line).get("snr") for line in lines if "window.judged" in line)
    wrong = run(short, "--denoise", "weiner")
    assert wrong.exit_code == 2
    assert "no noise reduction is called 'weiner'; did you mean 'wiener'" in wrong.stderr


def test_an_agent_is_told_of_by_turns_and_talk_time_alone(short):
    lines = [json.loads(line) for line in run(short, "--speed", "max", "--json", "--stereo", ROLES).stdout.splitlines()]
    about = {line["type"] for line in lines if line.get("speaker") == "right"}
    assert about == {"turn.started", "turn.ended"}
    assert {line["speaker"] for line in lines if line["type"] == "mood"} == {"left"}


def test_people_in_a_pipe_see_a_line_per_turn_and_alert_and_the_licence():
    result = run(CALL, "--speed", "max", "--stereo", "right=agent", "--rule", "sustained.hold=4")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    for word in ("agent: talk time only", "anger", "firing sustained  left: anger at 0.", "Model default@1", "valence"):
        assert word in result.stdout


def test_standard_input_and_mono_recordings_are_heard(short):
    samples, rate = soundfile.read(short)
    import io

    file = io.BytesIO()
    soundfile.write(file, samples[:, 0], rate, format="WAV")
    result = run("-", "--speed", "max", "--json", stdin=file.getvalue())
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[0]["tracks"] == {"speaker": "speaker"}
    assert {line["speaker"] for line in lines if line["type"] == "mood"} == {None}


def test_at_the_speed_of_life_it_takes_as_long_as_the_recording(tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16000), 16000)
    begun = time.monotonic()
    assert run(path, "--json").exit_code == 0
    assert time.monotonic() - begun >= 1.0


def test_a_terminal_shows_a_moving_view(short):
    """On a pseudo-terminal, where it is redrawn."""
    parent, child = pty.openpty()
    code = "import sys; from affekt.cli import main; main(sys.argv[1:])"
    arguments = ["replay", str(short), "--speed", "max", "--stereo", ROLES]
    work = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=child, stderr=child, env={**os.environ, "COLUMNS": "100"}
    )
    os.close(child)
    shown = b""
    try:
        while part := os.read(parent, 65536):
            shown += part
    except OSError:  # Linux's way to say that the other side has closed
        pass
    assert work.wait() == 0
    text = shown.decode("utf-8", "replace")
    for word in ("\x1b[", "of 0:09.0", "speaks", "agent: talk time only", "valence"):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--speed", "0"), 2, "--speed must be 0.1 to 1000, or max, got '0'"),
        (("--speed", "fast"), 2, "--speed must be 0.1 to 1000, or max, got 'fast'"),
        (("--stereo", "left"), 2, "--stereo says who is on which channel, as in left=customer,right=agent, got 'left'"),
        (("--stereo", "left=boss"), 2, "roles are speaker, customer, agent"),
        (("--stereo", "middle=agent"), 1, "has no channel 'middle'; it has left, right"),
        (("--stereo", "left=customer,left=agent"), 2, "--stereo names channel 'left' twice; a channel has one role"),
        (("--rule", "sustained=4"), 2, "--rule sets one number, as in sustained.hold=4, or names a rule, got"),
        (("--rule", "sustaned"), 2, "no alert rule is called 'sustaned'; did you mean 'sustained'"),
        (("--rule", "sustained.emotion=agner"), 2, "did you mean 'anger'"),
        (("--rule", "sustaned.hold=4"), 2, "no alert rule is called 'sustaned'; did you mean 'sustained'"),
        (("--rule", "sustained.hald=4"), 2, "did you mean 'hold'"),
        (("--hop", "9"), 2, "the hop must be 0.1 s to one window"),
        (("--vad", "sileri"), 2, "did you mean 'silero'"),
        (("--model", "defualt"), 2, "did you mean 'default'"),
    ],
)
def test_a_wrong_call_is_answered_with_what_is_right(short, arguments, code, said):
    result = run(short, "--json", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_a_recording_that_is_none_or_has_one_channel_is_the_recordings_fault(tmp_path):
    path = tmp_path / "mono.wav"
    soundfile.write(path, np.zeros(1600), 16000)
    for arguments, said in (((path, "--stereo", ROLES), "has one channel"), ((tmp_path / "no.wav",), "no.wav")):
        result = run(*arguments, "--json")
        assert result.exit_code == 1
        assert said in result.stderr
