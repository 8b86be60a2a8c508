"""`affekt explain`: the window that was asked for, in every form; never an agent; a wrong call costs no work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result

import clips
from affekt import audio, load
from affekt.cli import main

CALL = Path(__file__).parents[2] / "examples" / "call.wav"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)])


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """The angriest seconds of the call, which is quicker than all of it."""
    signal = audio.read(CALL, channel="left")
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    soundfile.write(path, signal.samples[round(22.7 * 16000) : round(25.7 * 16000)], 16000)
    return path


@pytest.fixture(scope="module")
def timeline():
    return load().predict_file(str(CALL), agent="right")


def test_people_get_a_page_a_picture_and_a_summary(clip, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: make test installs it")
    words = tmp_path / "w.csv"
    words.write_text("word,start,end\nnote,1.5,1.9\n")
    page, picture = tmp_path / "why.html", tmp_path / "why.png"
    result = run(clip, "--whole", "--fast", "-o", page, "--plot", picture, "--words", words)
    assert (result.exit_code, result.stderr) == (0, "")
    for word in ("clip.wav", "moments", "frequencies", "Without the 20 %", "words", "note", "Model default@1"):
        assert word in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_json_explains_the_window_that_the_model_is_most_sure_of(timeline):
    found = json.loads(run(CALL, "--agent", "right", "--fast", "--json").stdout)
    best = max((w for turn in timeline.turns for w in turn.windows), key=lambda w: w.confidence)
    assert (found["start"], found["end"]) == pytest.approx((best.segment.start, best.segment.end))
    assert found["probability"] == pytest.approx(best.confidence, abs=1e-3)
    assert (found["emotion"], found["role"], found["speaker"]) == (best.emotion, "customer", "left")


def test_a_turn_and_a_target_can_be_chosen(timeline):
    number = next(i for i, turn in enumerate(timeline.turns, 1) if turn.prediction and len(turn.windows) > 1)
    turn = timeline.turns[number - 1]
    found = json.loads(
        run(CALL, "--agent", "right", "--fast", "--json", "--turn", number, "--target", "sadness").stdout
    )
    column = turn.windows[0].labels.index("sadness")
    best = max(turn.windows, key=lambda w: w.probs[column])
    assert (found["target"], found["start"]) == ("sadness", pytest.approx(best.segment.start, abs=1e-3))
    assert (found["turn"]["start"]) == pytest.approx(turn.segment.start, abs=1e-3)


def test_a_time_chooses_the_window_around_it():
    found = json.loads(run(CALL, "--agent", "right", "--fast", "--json", "--time", 21.5, "--against", "fear").stdout)
    assert found["start"] <= 21.5 <= found["end"]
    assert abs((found["start"] + found["end"]) / 2 - 21.5) <= 0.51
    assert found["against"] == "fear"


def test_an_agent_is_not_explained(timeline):
    number = next(i for i, turn in enumerate(timeline.turns, 1) if turn.role == "agent")
    result = run(CALL, "--agent", "right", "--turn", number)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "never judged" in result.stderr


@pytest.mark.parametrize("command", ["explain", "predict"])
def test_of_two_agents_none_is_judged_unnoticed(command):
    result = CliRunner().invoke(main, [command, str(CALL), "--agent", "right", "--agent", "left"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--agent was given 2 times (right, left)" in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["-o", "why.png"], 2, ".html"),
        (["--plot", "why.html"], 2, ".svg"),
        (["--turn", "2", "--time", "3"], 2, "not by both"),
        (["--turn", "99"], 2, "there is no turn 99"),
        (["--target", "joy"], 2, "no emotion is called 'joy'"),
        (["--whole", "--target", "anger", "--against", "anger"], 2, "against itself"),
        (["--time", "500"], 1, "nothing was judged at 500 s"),
        (["--speaker", "emodb/03"], 2, "--examples"),
        (["--examples", "nowhere=x"], 2, "nowhere"),
        (["--model", "none"], 2, "none"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(clip, options, code, message):
    result = run(clip, *options)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_file_is_the_recordings_fault(tmp_path):
    assert run(tmp_path / "none.wav").exit_code == 1


def test_examples_leave_out_the_speaker_who_is_heard(tmp_path):
    """A file of the corpus itself: its speaker is known, and not listed unless asked for."""
    corpus = clips.corpus("emodb")
    few = corpus.filter(lambda u: u.speaker in ("emodb/03", "emodb/08"))
    few = few.subset([u.id for u in few][::8])
    from affekt import manifest

    manifest.write(few, tmp_path / "few.jsonl")
    mine = next(u for u in few if u.speaker == "emodb/03")
    base = (few.file(mine), "--whole", "--fast", "--json", "--model", "permissive", "--cache", tmp_path / "cache")
    given = (*base, "--examples", tmp_path / "few.jsonl")
    found, own = (json.loads(run(*given, *more).stdout) for more in ((), ("--own",)))
    assert {near["speaker"] for near in found["nearest"]} == {"emodb/08"}
    assert (own["nearest"][0]["id"], own["nearest"][0]["distance"]) == (mine.id, pytest.approx(0, abs=1e-3))
    assert {remark["word"] for remark in found["voice"]} & {"usual", "high", "low"}
