"""`affekt listen`: a real PortAudio on a virtual device, and a source of blocks where there is none."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import microphones
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from affekt import bundle
from affekt.audio.microphone import Block
from affekt.cli import main
from affekt.cli._stream import Tally
from affekt.cli.listen import heard
from affekt.live import Gap, MoodChanged, Pipeline
from affekt.types import Signal

CALL = Path(__file__).parents[2] / "examples" / "call.wav"
WHY = microphones.missing()
real = pytest.mark.skipif(bool(WHY), reason=WHY or "-")
CODE = "import sys; from affekt.cli import main; main(sys.argv[1:])"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["listen", *map(str, arguments)])


def call(seconds: float) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(CALL, dtype="int16")
    return samples[: round(seconds * rate)], rate


def start(env, *arguments, **more):
    command = [sys.executable, "-c", CODE, "listen", *map(str, arguments)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.fixture
def pipe(tmp_path):
    return tmp_path / "sound"


# A source ---------------------------------------------------------------------------------------------------------


class Blocks:
    """A recording as a source: some blocks at a time, some of them lost."""

    name, rate, channels = "blocks", 8000, 2

    def __init__(self, samples, *, lost=()):
        self._blocks = [Block(samples[at : at + 400], at) for at in range(0, len(samples), 400)]
        self._blocks = [block for number, block in enumerate(self._blocks) if number not in lost]

    def read(self, wait):
        given, self._blocks = self._blocks[:2], self._blocks[2:]
        return given or None


STEREO = ("--stereo", "left=customer,right=agent")
ROLES = {"left": "customer", "right": "agent"}


def listened(source, **more):
    pipeline = Pipeline(bundle.load("permissive"), ROLES)
    return list(heard(source, pipeline, ROLES, **{"seconds": None, "stopped": [], **more}))


def test_what_is_heard_is_what_the_core_makes_of_the_samples():
    samples, rate = call(9)
    steps = listened(Blocks(samples))
    told = [event.to_dict() for step in steps for event in step.events]
    floats = samples.astype(np.float32) / 32768
    stream = Pipeline(bundle.load("permissive"), ROLES)
    events = stream.push({n: Signal(floats[:, i].copy(), rate) for i, n in enumerate(ROLES)})
    assert told == [event.to_dict() for event in [*events, *stream.finish()]]
    assert steps[-1].heard == 9.0


def test_what_is_lost_is_told_with_its_length_and_time_goes_on():
    steps = listened(Blocks(call(9)[0], lost=range(40, 50)))
    gaps = [event for step in steps for event in step.events if isinstance(event, Gap)]
    assert {(gap.kind, gap.segment.start, gap.segment.end) for gap in gaps} == {("lost", 2.0, 2.5)}
    assert steps[-1].heard == 9.0


def test_it_stops_after_the_seconds_asked_for_or_when_somebody_says_so():
    assert listened(Blocks(call(9)[0]), seconds=3.0)[-1].heard == pytest.approx(3.0, abs=0.1)
    assert [step.heard for step in listened(Blocks(call(9)[0]), stopped=[1])] == [0.0]


def test_zeros_for_long_are_told_and_a_quiet_room_is_not():
    zeros = np.zeros((8000 * 4, 2), np.int16)
    assert [bool(step.note) for step in listened(Blocks(zeros))].index(True) == 29
    quiet = np.resize(np.array([[0, 0], [1, -1]], np.int16), zeros.shape)
    assert not any(step.note for step in listened(Blocks(quiet)))


def test_the_level_is_that_of_the_louder_channel():
    square = np.resize(np.array([[16384, 1], [-16384, 1]], np.int16), (800, 2))
    assert listened(Blocks(square))[0].level == pytest.approx(-6.02, abs=0.01)


def test_the_sum_weighs_each_second_of_speech_once():
    tally, steps = Tally(), listened(Blocks(call(20)[0]))
    for step in steps:
        tally.push(step)
    words = list(tally.words())
    assert words[0] == "heard 0:20.0"
    assert words[1].startswith("left spoke 0:1")
    assert words[2].startswith("right spoke 0:0")
    assert not set("%") & set(words[2])  # an agent is not judged
    moods = [event.mood for step in steps for event in step.events if isinstance(event, MoodChanged)]
    fresh = np.diff([mood.speech for mood in moods], prepend=0)
    assert tally.levels["left"]["anger"] == pytest.approx(np.dot(fresh, [mood.levels["anger"] for mood in moods]))
    assert fresh.sum() <= tally.talk["left"]


# A device ---------------------------------------------------------------------------------------------------------


@real
def test_the_devices_are_listed(tmp_path, pipe):
    env = microphones.device(tmp_path, CALL)
    table, listed = start(env, "--devices"), start(env, "--devices", "--json")
    assert "recorded" in table.communicate()[0]
    (one,) = [one for one in json.loads(listed.communicate()[0]) if one["name"] == "recorded"]
    assert (one["system"], one["channels"] >= 2, one["rate"] > 0) == ("ALSA", True, True)


@real
def test_a_device_is_heard_at_the_speed_of_life(tmp_path, pipe):
    """Real PortAudio: the turns are those of the samples that went in, and it stops by itself."""
    samples, rate = call(4)
    with microphones.Speaker(pipe, samples, rate):
        env = microphones.device(tmp_path, pipe)
        work = start(env, "--device", "recorded", "--rate", rate, "--json", "--seconds", 5, *STEREO)
        out, err = work.communicate(timeout=60)
    assert work.returncode == 0, err
    first, *lines = [json.loads(line) for line in out.splitlines()]
    assert (first["source"], first["rate"], first["tracks"]) == ("recorded", 8000, ROLES)
    assert lines[-1]["type"] == "finished"
    assert lines[-1]["time"] == pytest.approx(5, abs=0.2)
    steps = listened(Blocks(np.concatenate([samples, np.zeros((rate, 2), np.int16)])))
    expected = [e.to_dict() for step in steps for e in step.events]
    turns = [[(e["speaker"], e["start"]) for e in own if e["type"] == "turn.ended"] for own in (lines, expected)]
    assert turns[0] == turns[1] != []
    assert not [line for line in lines if line["type"] == "gap"]
    assert "heard 0:0" in err


@real
def test_ctrl_c_ends_it_with_a_summary_and_without_an_error(tmp_path, pipe):
    samples, rate = call(30)
    with microphones.Speaker(pipe, samples[:, 0], rate):
        work = start(microphones.device(tmp_path, pipe), "--device", "recorded", "--rate", rate, "--json")
        lines = [json.loads(work.stdout.readline()) for _ in range(2)]
        work.send_signal(signal.SIGINT)
        out, err = work.communicate(timeout=30)
    assert work.returncode == 0
    assert [line["type"] for line in lines] == ["started", "turn.started"]
    assert json.loads(out.splitlines()[-1])["type"] == "finished"
    assert err.startswith("heard 0:")
    assert "Traceback" not in err


@real
def test_a_muted_microphone_is_told_on_standard_error(tmp_path, pipe):
    with microphones.Speaker(pipe, np.zeros(8000, np.int16), 8000):
        env = microphones.device(tmp_path, pipe)
        out, err = start(env, "--device", "recorded", "--rate", 8000, "--seconds", 4, "--json").communicate(timeout=60)
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["started", "finished"]
    assert err.splitlines()[0].startswith("nothing but zeros: is the microphone muted")
    assert err.splitlines()[1] == "heard 0:04.0; nobody spoke"


@real
def test_a_terminal_shows_a_moving_view_with_a_meter(tmp_path, pipe):
    samples, rate = call(3)
    parent, child = pty.openpty()
    with microphones.Speaker(pipe, samples[:, 1], rate):
        env = {**microphones.device(tmp_path, pipe), "COLUMNS": "100", "TERM": "xterm-256color"}
        command = [sys.executable, "-c", CODE, "listen", "--device", "recorded", "--rate", str(rate), "--seconds", "3"]
        work = subprocess.Popen(command, stdout=child, stderr=child, env=env)
        os.close(child)
        shown = b""
        try:
            while part := os.read(parent, 65536):
                shown += part
        except OSError:  # Linux's way to say that the other side has closed
            pass
    assert work.wait() == 0
    text = shown.decode("utf-8", "replace")
    for word in ("recorded", "dBFS", "speaks", "heard 0:03", "Model default"):
        assert word in text


@real
def test_a_reader_too_slow_is_told_what_it_has_lost(tmp_path):
    """The device of a plain file has no clock: it gives what is asked for, hundreds of times as fast as life."""
    source = tmp_path / "sound"
    call(40)[0].astype("<i2").tofile(source)
    env = microphones.device(tmp_path, source)
    work = start(env, "--device", "recorded", "--rate", 8000, "--json", "--seconds", 300)
    out, err = work.communicate(timeout=120)
    assert work.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    gaps = [line for line in lines if line["type"] == "gap"]
    assert gaps
    assert all(line["kind"] == "lost" and line["end"] > line["start"] for line in gaps)
    times = [line["time"] for line in lines]
    assert times == sorted(times)
    assert "lost: " in err


@real
def test_a_device_that_falls_dead_is_told_and_what_was_heard_stays(tmp_path, pipe):
    samples, rate = call(1)
    with microphones.Speaker(pipe, samples[:, 0], rate, dead=True):
        begun = time.monotonic()
        work = start(microphones.device(tmp_path, pipe), "--device", "recorded", "--rate", rate, "--json")
        while json.loads(work.stdout.readline())["type"] != "finished":
            pass
    out, err = work.communicate(timeout=30)
    assert (work.returncode, out) == (1, "")
    assert time.monotonic() - begun > 5
    assert "recorded: nothing has come for 5 s" in err


# What is wrong ----------------------------------------------------------------------------------------------------


@real
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--device", "no such"), 2, "no devices are called 'no such'; there are: "),
        (("--stereo", "middle=agent"), 2, "there is no channel 'middle' of 2; there are: left, right"),
        (("--channels", "1", "--stereo", "left=agent"), 2, "there is no channel 'left' of 1"),
        (("--vad", "sileri"), 2, "did you mean 'silero'"),
        (("--rule", "sustaned.hold=4"), 2, "did you mean 'sustained'"),
    ],
)
def test_a_wrong_call_is_answered_with_what_is_right(tmp_path, arguments, code, said):
    work = start(microphones.device(tmp_path, CALL), *arguments)
    out, err = work.communicate(timeout=60)
    assert (work.returncode, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1


@real
def test_no_microphone_is_said_in_a_line(tmp_path):
    path = tmp_path / "asound.conf"
    path.write_text("pcm.nothing { type null }\nctl.default { type hw card 0 }\n")
    if Path("/proc/asound/cards").exists():
        pytest.skip("this machine has a sound card")
    for arguments in ((), ("--devices",)):
        work = start(dict(os.environ), *arguments)
        assert work.communicate(timeout=60)[1] == (
            "affekt: there is no microphone: the system knows no device that records\n"
        )
        assert work.returncode == 1


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("sys.modules['sounddevice'] = None", 'pip install "affekt[mic]"'),
        ("sys.path.insert(0, sys.argv.pop(1))", "sudo apt install libportaudio2"),
    ],
)
def test_what_is_not_installed_is_said_with_the_command_to_type(tmp_path, broken, said):
    """Without the package; and with one that finds no library, as sounddevice answers on Linux without PortAudio."""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    code = f"import sys; {broken}; from affekt.cli import main; main(sys.argv[1:])"
    arguments = [str(tmp_path)] if "argv" in broken else []
    work = subprocess.run(
        [sys.executable, "-c", code, *arguments, "listen", "--devices"], capture_output=True, text=True, check=False
    )
    assert work.returncode == 1
    assert said in work.stderr
    assert len(work.stderr.splitlines()) == 1
