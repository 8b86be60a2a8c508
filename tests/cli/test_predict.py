"""`affekt predict`: results on standard output and nothing else there, words on standard error, exit codes to trust."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from affekt import bundle, load, rttm
from affekt.audio import Channel
from affekt.cli import _options, main
from affekt.cli._recordings import find
from affekt.types import Segment

CALL = Path(__file__).parents[2] / "examples" / "call.wav"
AFFEKT = [sys.executable, "-m", "affekt"]


def run(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)], input=stdin)


@pytest.fixture
def calls(tmp_path) -> Path:
    """A folder of three recordings, one of them deeper, and of what is none."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.wav", "a.WAV", "deep/er/c.wav"):
        shutil.copy(CALL, tmp_path / name)
    (tmp_path / "notes.txt").write_text("no recording")
    (tmp_path / "._b.wav").write_text("what a Mac leaves behind")
    return tmp_path


def sources(stdout: str) -> list[str]:
    return list(dict.fromkeys(json.loads(line)["source"] for line in stdout.splitlines()))


# --- for people


def test_people_see_turns_a_summary_and_the_licence():
    result = run(CALL, "--agent", "right")
    assert (result.exit_code, result.stderr) == (0, "")
    for word in ("call.wav", "anger", "sadness", "agent: talk time only", "Summary", "valence", "Model default@1"):
        assert word in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_licence_is_told_once_after_all_recordings(calls):
    result = run(calls)
    assert result.stdout.count("for research and non-commercial use") == 1
    assert result.stdout.count("Summary") == 3
    assert result.stdout.rstrip().endswith("take the model permissive.")


def test_top_shows_the_next_best_emotions():
    one, three = (run(CALL, "--top", n).stdout.splitlines() for n in (1, 3))
    assert len(three) == len(one) + 2 * 9


def test_output_has_no_colours_and_no_bars_in_a_pipe(calls):
    result = run(calls)
    assert "\x1b" not in result.stdout + result.stderr


# --- for programs


def test_json_is_the_timeline_of_the_one_recording():
    result = run(CALL, "--json", "--agent", "right")
    assert json.loads(result.stdout) == load().predict_file(str(CALL), agent="right").to_dict()


def test_json_of_several_or_of_a_folder_is_a_list(calls):
    assert [t["source"] for t in json.loads(run(CALL, CALL, "--json").stdout)] == [str(CALL)] * 2
    assert len(json.loads(run(calls / "deep", "--json").stdout)) == 1


def test_jsonl_is_a_line_per_turn_or_per_window():
    timeline = load().predict_file(str(CALL))
    turns, windows = run(CALL, "--jsonl").stdout, run(CALL, "--jsonl", "--windows").stdout
    assert len(turns.splitlines()) == len(timeline.turns)
    assert len(windows.splitlines()) == sum(len(turn.windows) for turn in timeline.turns)
    assert json.loads(turns.splitlines()[0])["model"] == "default@1"


def test_csv_has_a_header_and_the_models_probabilities():
    rows = list(csv.DictReader(io.StringIO(run(CALL, "--csv", "--model", "permissive").stdout)))
    labels = bundle.card("permissive").labels
    assert len(rows) == 9
    for row in rows:
        assert sum(float(row[f"p_{label}"]) for label in labels) == pytest.approx(1, abs=1e-3)


def test_whole_is_one_row_per_recording(calls):
    rows = list(csv.DictReader(io.StringIO(run(calls, "--whole", "--channel", "mix", "--csv").stdout)))
    assert [(row["start"], row["end"]) for row in rows] == [("0.0", "42.294")] * 3


def test_nothing_is_written_where_the_only_recording_fails(tmp_path):
    for form in ("--json", "--jsonl"):
        result = run(tmp_path / "missing.wav", form)
        assert (result.exit_code, result.stdout) == (1, "")


# --- what is judged


def test_folders_are_searched_to_the_bottom_in_the_order_of_names(calls):
    assert sources(run(calls, "--jsonl").stdout) == [str(calls / name) for name in ("a.WAV", "b.wav", "deep/er/c.wav")]


def test_standard_input_is_a_recording():
    result = run("-", "--jsonl", stdin=CALL.read_bytes())
    assert sources(result.stdout) == ["standard input"]
    assert len(result.stdout.splitlines()) == 9


def test_channels_on_offer_are_those_of_the_package():
    assert set(_options.CHANNELS) == set(get_args(Channel))


@pytest.mark.parametrize(
    ("options", "check"),
    [
        (["--channel", "left"], lambda turns: {t["speaker"] for t in turns} == {"left"}),
        (["--agent", "left"], lambda turns: {t["speaker"] for t in turns if t["emotion"]} == {"right"}),
        (["--window", "1", "--hop", "0.5"], lambda turns: max(len(t["windows"]) for t in turns) > 10),
        (["--vad", "energy"], lambda turns: len(turns) > 4),
        (["--model", "permissive"], lambda turns: "surprise" not in turns[0]["probs"]),
        (["--whole", "--channel", "right"], lambda turns: [(t["start"], t["end"]) for t in turns] == [(0, 42.294)]),
    ],
)
def test_options_reach_the_recognizer(options, check):
    assert check(json.loads(run(CALL, "--json", *options).stdout)["turns"])


def test_given_segments_of_the_only_recording_need_not_bear_its_name(tmp_path):
    rttm.write(tmp_path / "x.rttm", [(Segment(19.0, 25.7), "Ada"), (Segment(26.4, 30.4), "Ben")], "another")
    turns = json.loads(run(CALL, "--json", "--segments", tmp_path / "x.rttm").stdout)["turns"]
    assert [(t["start"], t["end"], t["speaker"]) for t in turns] == [(19.0, 25.7, "Ada"), (26.4, 30.4, "Ben")]


def test_segments_of_several_recordings_are_found_by_name(calls):
    shutil.copy(CALL, calls / "with space.wav")
    rttm.write(calls / "x.rttm", [(Segment(1, 2), "Ada")], "with space")
    with (calls / "x.rttm").open("a") as file:
        file.write("SPEAKER b 1 3.0 1.0 <NA> <NA> Ben <NA> <NA>\n")
    result = run(calls, "--jsonl", "--segments", calls / "x.rttm")
    turns = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(Path(t["source"]).name, t["speaker"], t["start"]) for t in turns] == [
        ("b.wav", "Ben", 3.0),
        ("with space.wav", "Ada", 1.0),
    ]
    assert result.exit_code == 1
    assert "a.WAV: " in result.stderr
    assert "has no segments of 'a', only of b, with_space" in result.stderr


# --- drawings


def test_the_only_recording_is_drawn_to_the_file(tmp_path):
    assert run(CALL, "--plot", tmp_path / "call.html").exit_code == 0
    assert "<!doctype html>" in (tmp_path / "call.html").read_text("utf-8")


def test_several_are_drawn_by_a_pattern_that_keeps_their_folders(calls, tmp_path):
    result = run(calls, calls / "b.wav", "--jsonl", "--plot", tmp_path / "plots" / "{name}.html")
    assert result.exit_code == 0
    drawn = sorted(path.relative_to(tmp_path / "plots").as_posix() for path in (tmp_path / "plots").rglob("*.html"))
    assert drawn == ["a.html", "b-2.html", "b.html", "deep/er/c.html"]


def test_a_picture_without_matplotlib_is_refused_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run(CALL, "--plot", tmp_path / "call.png")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "affekt: this needs the package 'matplotlib': pip install \"affekt[report]\"\n"


def test_what_was_judged_is_written_even_where_it_cannot_be_drawn(calls):
    (calls / "plots").write_text("a file in the way")
    result = run(calls, "--jsonl", "--plot", calls / "plots" / "{name}.html")
    assert result.exit_code == 1
    assert len(sources(result.stdout)) == 3
    assert "cannot make the folder" in result.stderr


# --- wrong calls


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'FILE...'"),
        ([CALL, "--json", "--csv"], "choose one of --json, --csv"),
        ([CALL, "--windows"], "--windows goes with --jsonl or --csv"),
        ([CALL, "--json", "--top", "2"], "--top is for people"),
        ([CALL, "--top", "0"], "0 is not in the range x>=1"),
        ([CALL, "--model", "defualt"], "did you mean 'default'?"),
        ([CALL, "--vad", "sileri"], "did you mean 'silero'?"),
        ([CALL, "--channel", "centre"], "'auto', 'left', 'right', 'mix', 'each'"),
        ([CALL, "--window", "31"], "a window must be 0.25 to 30 s long"),
        ([CALL, "--hop", "5"], "the hop must be"),
        ([CALL, "--agent", "left", "--channel", "mix"], "cannot be told apart in a mix"),
        ([CALL, "--segments", "missing.rttm"], "'missing.rttm' does not exist"),
        ([CALL, "--plot", "call.pdf"], "allowed are .html, .png, .svg"),
        ([CALL, "--plot", "no/such/folder/call.html"], "there is no folder 'no/such/folder'"),
        ([CALL, CALL, "--plot", "call.html"], "write {name} into it: call-{name}.html"),
        ([CALL, "-", "--workers", "2"], "standard input cannot be shared"),
        ([CALL, "--jsno"], "Did you mean"),
        ([CALL, "--workers", "0"], "0 is not in the range"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("affekt: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_segments_for_whole_recordings_are_a_contradiction(tmp_path):
    rttm.write(tmp_path / "x.rttm", [(Segment(1, 2), "Ada")], "x")
    result = run(CALL, "--whole", "--segments", tmp_path / "x.rttm")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "not both" in result.stderr


def test_an_unreadable_list_of_segments_is_exit_code_1(tmp_path):
    (tmp_path / "x.rttm").write_text("SPEAKER x 1 two 1.0 <NA> <NA> Ada <NA> <NA>\n")
    result = run(CALL, "--segments", tmp_path / "x.rttm")
    assert result.exit_code == 1
    assert result.stderr.startswith("affekt: ")
    assert "line 1: start and duration must be seconds" in result.stderr


# --- many


def test_workers_change_nothing_but_the_time(calls):
    (calls / "bad.wav").write_text("hello")
    one, two = run(calls, "--jsonl"), run(calls, "--jsonl", "--workers", 2)
    assert (two.stdout, two.stderr, two.exit_code) == (one.stdout, one.stderr, 1)
    assert len(sources(two.stdout)) == 3


def test_failures_are_counted(calls):
    (calls / "bad.wav").write_text("hello")
    result = run(calls)
    assert result.stderr.splitlines() == [
        f"{calls / 'bad.wav'}: looks like plain text; WAV, FLAC, OGG, MP3, MP4, M4A, WebM and others can be read",
        "1 of 4 recordings failed",
    ]


def test_an_error_of_ours_stops_no_batch_and_is_told_in_a_line(calls, monkeypatch):
    from affekt.recognizer import Recognizer

    real = Recognizer.predict_file

    def broken(self, source, **asked):
        return real(self, source, **asked) if source.endswith("b.wav") else [][1]

    monkeypatch.setattr(Recognizer, "predict_file", broken)
    result = run(calls, "--jsonl")
    assert result.exit_code == 1
    assert sources(result.stdout) == [str(calls / "b.wav")]
    assert "IndexError at test_predict.py" in result.stderr
    assert "please report" in result.stderr
    assert "Traceback" not in result.stderr


def test_names_of_files_cannot_write_to_the_terminal(tmp_path):
    bad = tmp_path / "x\x1b[31m\nfake.wav"
    bad.write_text("hello")
    result = run(bad)
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1


# --- as a process


def test_a_reader_that_leaves_early_is_no_error(calls):
    command = f"{sys.executable} -m affekt predict {calls} --jsonl | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_quietly_with_130(calls, workers):
    many = [str(calls)] * 200
    process = subprocess.Popen(
        [*AFFEKT, "predict", *many, "--jsonl", "--workers", workers],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # a job in the background of a shell script ignores SIGINT, and so would what it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.strip() == b""


def test_a_person_who_watches_sees_progress_and_a_pipe_does_not(calls):
    """Standard error is a terminal, standard output is not."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*AFFEKT, "predict", calls, "--jsonl"], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    stdout = process.stdout.read()
    process.wait()
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert b"of 3 recordings" in shown
    assert shown.rstrip().endswith((b"\x1b[?25h", b"\x1b[2K", b"\x1b[1A\x1b[2K"))  # the bar is gone, the cursor back
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")
    assert sources(stdout.decode()) == [str(calls / name) for name in ("a.WAV", "b.wav", "deep/er/c.wav")]


def test_a_short_recording_is_judged_without_anything_heavy(tmp_path):
    code = (
        "import json, sys\nfrom affekt.cli import main\n"
        f"main(['predict', {str(CALL)!r}, '--json'], standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert (
        loaded & {"torch", "scipy", "sklearn", "matplotlib", "av", "rich", "transformers", "multiprocessing"} == set()
    )


def test_a_short_recording_takes_less_than_a_second_and_a_half_from_the_start_of_the_process():
    """In time of the processor: a busy machine is no bug."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*AFFEKT, "predict", CALL], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5


def test_recordings_are_found_by_their_endings_in_folders_and_by_their_names_else(tmp_path):
    for name in ("x.OGG", "y.m4a", "z.txt", ".hidden.wav"):
        (tmp_path / name).touch()
    assert [Path(r.source).name for r in find([str(tmp_path)])] == ["x.OGG", "y.m4a"]
    assert [Path(r.source).name for r in find([str(tmp_path / "z.txt")])] == ["z.txt"]
