"""`affekt features`: tables that are whole or absent, work that is done once, and every number explained."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from affekt import audio, features
from affekt.cli import _measure, _table, main
from affekt.cli.features import number
from affekt.errors import MissingExtraError
from affekt.types import Signal

CALL = Path(__file__).parents[2] / "examples" / "call.wav"
AFFEKT = [sys.executable, "-m", "affekt"]


@pytest.fixture(autouse=True)
def kept(tmp_path_factory, monkeypatch) -> Path:
    """The user's cache folder, for this test alone."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "affekt"


def run(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["features", *map(str, arguments)], input=stdin)


def entries(folder: Path) -> list[Path]:
    """What is kept; not what a process was writing when it was ended."""
    return sorted(folder.rglob("*.npz"))


def speech(seconds: float = 1.0, rate: int = 16000, seed: int = 0) -> np.ndarray:
    """A buzz that changes its pitch, in a little noise."""
    random = np.random.default_rng(seed)
    phase = np.cumsum(2 * np.pi * (120 + 20 * seed + 30 * np.sin(np.arange(round(seconds * rate)) / rate * 5)) / rate)
    return 0.2 * np.sign(np.sin(phase)) + 0.001 * random.normal(size=len(phase))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three recordings, one of them deeper, and a text that is none."""
    (tmp_path / "calls" / "deep").mkdir(parents=True)
    for seed, name in enumerate(("b.wav", "a.flac", "deep/c.wav")):
        soundfile.write(tmp_path / "calls" / name, speech(seed=seed), 16000)
    (tmp_path / "calls" / "notes.txt").write_text("no recording")
    return tmp_path / "calls"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# --- for people


def test_people_see_every_functional_with_its_unit():
    result = run(CALL, "--set", "prosody")
    assert (result.exit_code, result.stderr) == (0, "")
    title, *lines = result.stdout.splitlines()
    assert title.split() == [str(CALL), "0:42.3"]
    assert [line.split()[0] for line in lines if line.strip()] == list(features.load("prosody").functional_names)
    assert ["F0median", "Hz"] in [line.split()[::2] for line in lines if len(line.split()) == 3]
    assert "\x1b" not in result.stdout


def test_egemaps_is_the_set_where_none_is_named():
    said = json.loads(run(CALL, "--json", "--end", "2").stdout)
    assert list(said["features"]) == list(features.load("egemaps").functional_names)


@pytest.mark.parametrize(("value", "said"), [(12345.6, "12346"), (3e12, "3e+12"), (0.00001, "1e-05"), (-1.0, "-1")])
def test_numbers_for_people_are_short(value, said):
    assert number(value) == said


# --- for programs


def test_json_has_what_python_has():
    said = json.loads(run(CALL, "--json", "--set", "prosody", "--channel", "left").stdout)
    samples, rate = soundfile.read(CALL, dtype="float32")
    own = features.load("prosody").functionals(Signal(samples[:, 0], rate))
    assert (said["file"], said["start"], said["end"]) == (str(CALL), 0, len(samples) / rate)
    assert said["features"] == dict(own)


def test_json_of_several_or_of_a_folder_is_a_list(folder):
    said = json.loads(run(folder, "--json", "--set", "formants", "--jobs", 1).stdout)
    assert [Path(one["file"]).name for one in said] == ["a.flac", "b.wav", "c.wav"]


def test_standard_input_is_a_recording(folder):
    said = json.loads(run("-", "--json", "--set", "formants", stdin=(folder / "b.wav").read_bytes()).stdout)
    assert said["file"] == "standard input"


# --- tables


def test_a_csv_has_a_row_per_file_with_every_digit(folder, tmp_path):
    result = run(folder, "--set", "prosody", "-o", tmp_path / "x.csv", "--jobs", 1)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{tmp_path / 'x.csv'}: 3 rows of 58 functionals\n"
    table = rows((tmp_path / "x.csv").read_text())
    assert [row["file"] for row in table] == [str(folder / name) for name in ("a.flac", "b.wav", "deep/c.wav")]
    own = features.load("prosody").functionals(audio.read(folder / "b.wav"))
    assert list(table[1]) == ["file", "start", "end", *own.names]
    assert [float(table[1][name]) for name in own] == own.values.tolist()


def test_parquet_is_the_same_table_and_explains_itself(folder, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the extra 'data'")
    for name in ("x.csv", "x.parquet"):
        assert run(folder, "--set", "prosody", "-o", tmp_path / name, "--jobs", 1).exit_code == 0
    table, text = parquet.read_table(tmp_path / "x.parquet"), rows((tmp_path / "x.csv").read_text())
    assert table.column_names == list(text[0])
    for name in table.column_names[1:]:
        assert table[name].to_pylist() == [float(row[name]) for row in text]
    field = table.schema.field("F0median")
    assert (str(field.type), field.metadata[b"unit"]) == ("double", b"Hz")
    about = json.loads(table.schema.metadata[b"affekt"])
    assert about["sets"] == {"prosody": features.load("prosody").version}
    assert about["level"] == "functionals"


def test_parquet_says_how_it_was_made(folder, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the extra 'data'")
    options = ("--set", "formants", "--option", "ceiling=5000", "--start", "0.2", "--jobs", 1)
    assert run(folder, *options, "-o", tmp_path / "x.parquet").exit_code == 0
    about = json.loads(parquet.read_schema(tmp_path / "x.parquet").metadata[b"affekt"])
    assert (about["options"], about["channel"]) == ({"ceiling": 5000}, "mix")
    assert (about["start"], about["end"]) == (0.2, None)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_frames_have_a_row_per_frame_with_its_time(folder, tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="Parquet needs the extra 'data'")
    assert run(folder, "--set", "prosody", "--level", "frames", "-o", tmp_path / name, "--jobs", 1).exit_code == 0
    frames = features.load("prosody").extract(audio.read(folder / "b.wav"))
    own = [row for row in read(tmp_path / name) if row["file"] == str(folder / "b.wav")]
    assert list(own[0]) == ["file", "time", *frames.names]
    assert [float(row["time"]) for row in own] == pytest.approx(frames.times)
    assert np.array_equal(np.array([row["F0"] for row in own], np.float32), frames["F0"])


def read(path: Path) -> list[dict]:
    if path.suffix == ".csv":
        return rows(path.read_text())
    from pyarrow import parquet

    return parquet.read_table(path).to_pylist()


def test_many_frames_are_one_table(folder, tmp_path, monkeypatch):
    """Parquet is written group by group."""
    pytest.importorskip("pyarrow", reason="Parquet needs the extra 'data'")
    monkeypatch.setattr(_table, "_GROUP", 50)
    assert (
        run(folder, "--set", "prosody", "--level", "frames", "-o", tmp_path / "x.parquet", "--jobs", 1).exit_code == 0
    )
    assert len(read(tmp_path / "x.parquet")) == 300


def test_sets_stand_side_by_side_under_their_names(folder):
    table = rows(run(folder / "b.wav", "--set", "prosody,formants", "--set", "mfcc", "-o", "-").stdout)
    assert list(table[0])[3:] == [
        f"{name}_{functional}"
        for name in ("prosody", "formants", "mfcc")
        for functional in features.load(name).functional_names
    ]


def test_a_file_that_would_be_a_formula_is_none(folder, monkeypatch):
    monkeypatch.chdir(folder)
    shutil.copy("b.wav", "=1+1.wav")
    assert rows(run("=1+1.wav", "b.wav", "--set", "formants", "-o", "-", "--jobs", 1).stdout)[0]["file"] == "./=1+1.wav"
    assert Path("./=1+1.wav").exists()


def test_a_file_whose_name_is_no_unicode_is_in_the_table(folder):
    name = os.fsdecode(b"\xff.wav")
    shutil.copy(folder / "b.wav", folder / name)
    assert "\\xff.wav" in run(folder / name, "--set", "formants", "-o", "-").stdout


# --- what is measured


@pytest.mark.parametrize(
    ("choice", "channels"),
    [("mix", None), ("left", ["left"]), ("right", ["right"]), ("each", ["left", "right"]), ("auto", ["left", "right"])],
)
def test_channels_are_mixed_chosen_or_kept_apart(choice, channels):
    table = rows(run(CALL, "--set", "formants", "--channel", choice, "--end", "12", "-o", "-").stdout)
    assert [row.get("channel") for row in table] == (channels or [None])


def test_channels_differ():
    means = {
        choice: rows(run(CALL, "--set", "prosody", "--channel", choice, "--end", "8", "-o", "-").stdout)[0]["F0median"]
        for choice in ("left", "right", "mix")
    }
    assert len(set(means.values())) == 3


def test_a_part_is_measured_where_it_lies():
    whole, rate = soundfile.read(CALL, dtype="float32", always_2d=True)
    part = Signal(whole[4 * rate : 6 * rate].mean(axis=1), rate, 4 * rate)
    options = ("--set", "prosody", "--start", "4", "--end", "6")
    (row,) = rows(run(CALL, *options, "-o", "-").stdout)
    assert (row["start"], row["end"]) == ("4.0", "6.0")
    assert float(row["F0median"]) == features.load("prosody").functionals(part)["F0median"]
    times = [float(row["time"]) for row in rows(run(CALL, *options, "--level", "frames", "-o", "-").stdout)]
    assert times == pytest.approx(features.load("prosody").extract(part).times)


def test_an_option_reaches_the_set_that_has_it(folder):
    said = [
        json.loads(run(folder / "b.wav", "--set", "formants,mfcc", "--json", *options).stdout)["features"]
        for options in ((), ("--option", "ceiling=4600"), ("--option", "coefficients=20"))
    ]
    assert said[0]["formants_F1frequency_mean"] != said[1]["formants_F1frequency_mean"]
    assert said[0]["mfcc_mfcc1_mean"] == said[1]["mfcc_mfcc1_mean"]
    assert "mfcc_mfcc19_mean" in said[2]


def test_a_part_without_samples_is_not_measured():
    result = run(CALL, "--set", "formants", "--json", "--start", "1", "--end", "1.00001")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has no samples between --start 1 and --end 1.00001" in result.stderr


def test_a_comma_too_many_is_no_set(folder):
    table = rows(run(folder / "b.wav", "--set", "formants, ,", "-o", "-").stdout)
    assert list(table[0])[3:] == list(features.load("formants").functional_names)


def test_a_recording_is_not_written_over(folder, monkeypatch):
    monkeypatch.chdir(folder)
    shutil.copy("b.wav", "self.csv")
    Path("link.csv").symlink_to("self.csv")
    before = Path("self.csv").read_bytes()
    for target in ("self.csv", "link.csv", "../calls/self.csv"):
        result = run("self.csv", "--set", "formants", "-o", target)
        assert result.exit_code == 2
        assert "self.csv is measured and would be written over" in result.stderr
    assert Path("self.csv").read_bytes() == before


def test_a_recording_too_long_for_memory_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(_measure, "LONGEST", 20.0)
    result = run(CALL, "--set", "formants", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "longer than 20 s" in result.stderr
    assert "--start and --end" in result.stderr
    assert run(CALL, "--set", "formants", "--json", "--start", "25", "--end", "30").exit_code == 0


# --- the cache


def test_what_was_measured_is_not_measured_again(folder, monkeypatch, kept):
    first = run(folder, "--set", "prosody,formants", "-o", "-", "--jobs", 1)
    assert len(entries(kept)) == 6
    _measure.loaded.cache_clear()
    monkeypatch.setattr(features.FeatureSet, "_native", lambda *_: pytest.fail("measured again"))
    assert run(folder, "--set", "prosody,formants", "-o", "-", "--jobs", 1).stdout == first.stdout


def test_the_cache_lies_where_it_is_told_or_nowhere(folder, kept, tmp_path):
    run(folder / "b.wav", "--set", "formants", "--json", "--cache", tmp_path / "own" / "cache")
    assert len(entries(tmp_path / "own" / "cache")) == 1
    run(folder / "b.wav", "--set", "formants", "--json", "--no-cache")
    assert entries(kept) == []


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="this system has no /dev/null")
def test_a_cache_that_cannot_be_written_is_noted_once_and_promises_nothing(folder, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nope")
    result = run(folder, "--set", "formants", "-o", "-", "--jobs", 1)
    assert (result.exit_code, len(rows(result.stdout))) == (0, 3)
    assert result.stderr.count("note: results are not kept: /dev/null/nope/affekt cannot be written to") == 1
    real = _measure.measure

    def interrupted(task, recording):
        if recording.source.endswith("b.wav"):
            raise KeyboardInterrupt
        return real(task, recording)

    monkeypatch.setattr(_measure, "measure", interrupted)
    result = run(folder, "--set", "formants", "-o", "-", "--jobs", 1)
    assert result.exit_code == 130
    assert "are kept" not in result.stderr


def test_processes_change_nothing_but_the_time(folder):
    (folder / "bad.wav").write_text("hello")
    one, two = (run(folder, "--set", "formants", "-o", "-", "--no-cache", "--jobs", jobs) for jobs in (1, 2))
    assert (one.stdout, one.stderr, one.exit_code) == (two.stdout, two.stderr, 1)
    assert len(rows(one.stdout)) == 3


def interrupt(process: subprocess.Popen, when, how: signal.Signals) -> int:
    deadline = time.time() + 60
    while process.poll() is None and not when() and time.time() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, how) if how == signal.SIGINT else process.send_signal(how)
    return process.wait(timeout=30)


@pytest.mark.parametrize(("jobs", "how"), [("1", signal.SIGINT), ("2", signal.SIGINT), ("2", signal.SIGTERM)])
def test_an_interrupted_run_leaves_no_half_file_and_goes_on(tmp_path, kept, jobs, how):
    """Ctrl-C reaches the whole group; SIGTERM, of a scheduler, the command alone."""
    for seed in range(40):
        soundfile.write(tmp_path / f"{seed:02}.wav", speech(5.0, seed=seed), 16000)
    table = tmp_path / "x.csv"
    table.write_text("of an earlier run")
    process = subprocess.Popen(
        [*AFFEKT, "features", tmp_path, "--set", "prosody,voice", "-o", table, "--jobs", jobs],
        stderr=subprocess.PIPE,
        start_new_session=True,
        # a job in the background of a shell script ignores SIGINT, and so would what it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert interrupt(process, lambda: len(entries(kept)) > 6, how) == 130
    said = process.stderr.read().decode()
    assert "of 40 are kept: the same command goes on from there" in said
    assert "Traceback" not in said
    assert table.read_text() == "of an earlier run"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
    done = len(entries(kept))
    assert 6 < done < 80
    assert run(tmp_path, "--set", "prosody,voice", "-o", table, "--jobs", 1).exit_code == 0
    assert len(rows(table.read_text())) == 40
    assert len(entries(kept)) == 80


# --- trouble


def test_one_bad_file_is_told_and_the_rest_is_done(folder, tmp_path):
    (folder / "bad.wav").write_text("hello")
    soundfile.write(folder / "low.wav", speech(rate=4000), 4000)
    result = run(folder, folder / "none.wav", "--set", "formants", "-o", tmp_path / "x.csv", "--jobs", 1)
    assert result.exit_code == 1
    assert len(rows((tmp_path / "x.csv").read_text())) == 3
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"{folder / 'bad.wav'}: looks like plain text")
    assert lines[1].startswith(f"{folder / 'low.wav'}: features of the voice need 8000 Hz or more")
    assert lines[2] == f"{folder / 'none.wav'}: there is no such file"
    assert "3 of 6 recordings failed" in lines


def test_nothing_is_written_where_nothing_could_be_measured(tmp_path):
    (tmp_path / "bad.wav").write_text("hello")
    (tmp_path / "x.csv").write_text("of an earlier run")
    result = run(tmp_path / "bad.wav", "-o", tmp_path / "x.csv")
    assert result.exit_code == 1
    assert "not written, since nothing could be measured" in result.stderr
    assert (tmp_path / "x.csv").read_text() == "of an earlier run"


def test_what_is_wrong_with_a_recording_is_noted(tmp_path):
    soundfile.write(tmp_path / "loud.wav", np.sign(speech()), 16000)
    result = run(tmp_path / "loud.wav", "--set", "formants", "--json")
    assert result.exit_code == 0
    assert result.stderr == f"note: {tmp_path / 'loud.wav'}: clipped: 100.0% of the samples are at full scale\n"


def test_an_error_of_ours_stops_no_batch_and_is_told_in_a_line(folder, monkeypatch):
    real = features.FeatureSet.functionals
    first = audio.read(folder / "a.flac").samples

    def broken(self, signal):
        return real(self, signal) if np.array_equal(signal.samples, first) else [][1]

    monkeypatch.setattr(features.FeatureSet, "functionals", broken)
    result = run(folder, "--set", "formants", "--json", "--jobs", 1)
    assert result.exit_code == 1
    assert [Path(one["file"]).name for one in json.loads(result.stdout)] == ["a.flac"]
    assert result.stderr.count("IndexError at test_features.py") == 2
    assert "Traceback" not in result.stderr


def test_a_disk_that_is_full_leaves_no_file(folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_table, "_csv", full)
    result = run(folder, "--set", "formants", "-o", tmp_path / "x.csv", "--jobs", 1)
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
    assert "No space left" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["calls"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("form", [("-o", "-"), ("--json",), ()])
def test_a_full_disk_behind_standard_output_is_one_line(folder, form):
    with Path("/dev/full").open("wb") as full:
        command = [*AFFEKT, "features", folder / "b.wav", "--set", "formants", *form]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "affekt: cannot write to standard output: No space left on device\n")


def test_a_link_is_followed_and_stays(folder, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.csv").write_text("of an earlier run")
    (tmp_path / "x.csv").symlink_to(tmp_path / "real" / "x.csv")
    assert run(folder / "b.wav", "--set", "formants", "-o", tmp_path / "x.csv").exit_code == 0
    assert (tmp_path / "x.csv").is_symlink()
    assert len(rows((tmp_path / "real" / "x.csv").read_text())) == 1


def test_a_folder_is_no_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fold.csv").mkdir()
    result = run(CALL, "-o", "fold.csv")
    assert result.exit_code == 2
    assert "'fold.csv' is a folder; name a file, such as 'fold.csv/features.csv'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'FILE...'. See: affekt features --help"),
        ([CALL, "--set", "egemap"], "no feature set is called 'egemap'; did you mean 'egemaps'?"),
        ([CALL, "--set", "prosody,mfc"], "did you mean 'mfcc'?"),
        ([CALL, "--level", "frames"], "frames are many: write them with -o"),
        ([CALL, "--level", "frames", "--json"], "frames are many: write them with -o"),
        ([CALL, "--level", "frames", "--set", "egemaps,mfcc", "-o", "-"], "write a file for each: --set egemaps"),
        ([CALL, "-o", "x.xlsx"], "a table is a .csv or .parquet file"),
        ([CALL, "-o", "no/such/x.csv"], "there is no folder 'no/such'"),
        ([CALL, "-o", "x.csv", "--json"], "--json goes to standard output"),
        ([CALL, "--plot", "x.html"], ".png or .svg"),
        ([CALL, "--plot", "no/such/x.png"], "there is no folder 'no/such'"),
        ([CALL, CALL, "--plot", "x.png"], "write {name} into it: x-{name}.png"),
        ([CALL, "--cache", "x", "--no-cache"], "contradict"),
        ([CALL, "--start", "5", "--end", "4"], "--end 4 must be after --start 5"),
        ([CALL, "--option", "ceiling=5000"], "no option of egemaps is called 'ceiling'"),
        ([CALL, "--set", "formants", "--option", "celing=5000"], "did you mean 'ceiling'?"),
        ([CALL, "--set", "formants", "--option", "ceiling"], "expected KEY=VALUE"),
        ([CALL, "--set", "formants", "--option", "ceiling=high"], "must be a number, true, false or null"),
        ([CALL, "--set", "formants", "--option", 'ceiling="a"'], "must be a number"),
        ([CALL, "--set", "formants", "--option", "ceiling=[1]"], "must be a number"),
        ([CALL, "--set", "formants", "--option", "ceiling=null"], "ceiling of formants is a number"),
        ([CALL, "--set", "formants", "--option", "ceiling=NaN"], "ceiling of formants is a number"),
        ([CALL, "--set", "formants", "--option", "ceiling=100"], "ceiling is 3500 .. 8000 Hz, got 100"),
        ([CALL, "--set", "mfcc", "--option", "coefficients=13.5"], "coefficients of mfcc is a whole number"),
        ([CALL, "--plot", "x.png", "--option", "ceiling=100"], "ceiling is 3500 .. 8000 Hz, got 100"),
        ([CALL, "--start", "nan"], "--start is a time in seconds, below 1e+09; got nan"),
        ([CALL, "--start", "inf"], "--start is a time in seconds, below 1e+09; got inf"),
        ([CALL, "--end", "nan"], "--end is a time in seconds, below 1e+09; got nan"),
        ([CALL, "--set", ""], "--set names no feature set"),
        ([CALL, "--set", ","], "--set names no feature set"),
        ([CALL, "--plot", "x.png", "--set", "prosody"], "--plot alone measures no --set"),
        ([CALL, "--plot", "x.png", "--level", "functionals"], "--plot alone measures no --level"),
        ([CALL, "--cache", "/dev/null/x"], "cannot keep results in '/dev/null/x'"),
        ([CALL, "--channel", "centre"], "'mix', 'left', 'right', 'each', 'auto'"),
        ([CALL, "--jobs", "0"], "0 is not in the range"),
        ([CALL, "--list"], "measure nothing; leave out"),
        (["--describe", "egemap"], "did you mean 'egemaps'?"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("affekt: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("package", "arguments", "command"),
    [
        ("pyarrow.parquet", ["-o", "x.parquet"], 'pip install "affekt[data]"'),
        ("matplotlib", ["--plot", "x.png"], 'pip install "affekt[report]"'),
        ("opensmile", ["--set", "compare"], 'pip install "affekt[opensmile]"'),
    ],
)
def test_a_missing_package_is_named_with_the_command_before_any_work(
    package, arguments, command, tmp_path, monkeypatch, kept
):
    monkeypatch.chdir(tmp_path)
    code = f"import sys; sys.modules[{package!r}] = None; from affekt.cli import main; main()"
    command_line = [sys.executable, "-c", code, "features", str(CALL), *arguments]
    done = subprocess.run(command_line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert command in done.stderr
    assert done.stderr.count("\n") == 1
    assert entries(kept) == []


# --- drawings


def test_a_drawing_alone_prints_nothing(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    result = run(CALL, "--plot", tmp_path / "call.png", "--end", "3", "--option", "ceiling=5000")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "call.png").stat().st_size > 50_000


def test_several_are_drawn_by_a_pattern_and_channels_apart(folder, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
    soundfile.write(folder / "two.wav", np.column_stack([speech(), speech(seed=4)]), 16000)
    result = run(folder, "--plot", tmp_path / "plots" / "{name}.svg", "--channel", "each", "--jobs", 1)
    assert result.exit_code == 0
    drawn = sorted(path.relative_to(tmp_path / "plots").as_posix() for path in (tmp_path / "plots").rglob("*.svg"))
    assert drawn == ["a.svg", "b.svg", "deep/c.svg", "two-left.svg", "two-right.svg"]


# --- what is told of the sets


def test_the_list_has_every_set_with_sizes_rates_and_licence():
    result = run("--list")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    for name in features.names():
        assert any(line.split()[:1] == [name] for line in lines), name
    (egemaps,) = (line.split() for line in lines if line.startswith("egemaps "))
    assert egemaps[1:3] == ["25", "88"]
    assert "not for commercial products" in " ".join(result.stdout.split())
    for card in json.loads(run("--list", "--json").stdout):
        assert {"name", "about", "licence", "hop", "rates", "version", "options", "missing"} <= set(card)


def test_the_list_names_what_is_missing(monkeypatch):
    code = "import sys; sys.modules['opensmile'] = None; from affekt.cli import main; main(['features', '--list'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "affekt[opensmile]"' in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", [name for name in features.names() if name != "whisper"])
def test_every_feature_of_a_set_is_described(name):
    try:
        known = features.load(name)
        expected = [*known.names, *known.functional_names]
    except MissingExtraError as error:
        pytest.skip(str(error))
    said = json.loads(run("--describe", name, "--json").stdout)
    assert [one["name"] for one in (*said["features"], *said["functionals"])] == expected
    assert all(one["definition"] and one["unit"] and one["source"] for one in said["features"] + said["functionals"])


def test_people_read_name_unit_definition_and_source():
    result = run("--describe", "prosody")
    assert (result.exit_code, result.stderr) == (0, "")
    text = " ".join(result.stdout.split())
    assert "5 features, a frame every 10 ms" in text
    assert "58 functionals of a recording" in text
    assert "F0 Hz fundamental frequency of the voice" in text
    assert "[Boersma 1993]" in text


def test_people_read_what_can_be_chosen_and_where_frames_lie():
    text = " ".join(run("--describe", "mfcc").stdout.split())
    assert "a frame every 10 ms, the first centred at 12.5 ms" in text
    for option, default in features.options("mfcc").items():
        assert re.search(rf" {option} .*?; default {json.dumps(default)}\b", text), option
    assert "highest Hz where the bands end, above 0 and up to half the rate" in text
    said = json.loads(run("--describe", "formants", "--json").stdout)
    assert (said["offset"], [option["unit"] for option in said["about_options"]]) == (0, ["Hz"])


def test_egemaps_says_what_is_heard_later_than_its_time():
    text = " ".join(run("--describe", "egemaps").stdout.split())
    assert "the first centred at 10 ms" in text
    f0 = text[text.index("F0semitoneFrom27.5Hz_sma3nz") :]
    assert "60 ms, whose centre lies 20 ms after the frame's time" in f0[:250]


def test_the_licence_of_others_is_told_once(folder):
    pytest.importorskip("opensmile", reason="the sets of openSMILE need the extra 'opensmile'")
    command = [*AFFEKT, "features", folder, "--set", "gemaps", "-o", "-", "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(rows(done.stdout)) == 3
    assert done.stderr.count("not for commercial products") == 1
    assert done.stderr.count("\n") == 1
