"""`affekt simulate`: calls in a folder, a listing on standard output, words on standard error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from affekt import rttm, simulate
from affekt.cli import main
from affekt.cli import simulate as command
from affekt.simulate import line
from voices import sound

ROOT = Path(__file__).parents[3] / "shared" / "corpora"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Path:
    """A folder of corpora with one in it: of the reader `folder`, whose emotions are the names of its folders."""
    root = tmp_path_factory.mktemp("corpora")
    for number, (who, emotion) in enumerate([(w, e) for w in ("ann", "bob", "eve") for e in ("anger", "neutral")] * 2):
        path = root / "folder" / emotion / who / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound(number), 16000)
    return root


def test_the_choices_are_those_of_the_module():
    assert command._KINDS == simulate.KINDS
    assert command._LAWS == line.LAWS


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: the voices cannot be made")
def test_calls_lie_in_the_folder_with_their_truth(tmp_path):
    folder = tmp_path / "new" / "calls"
    result = run(folder, "--calls", 2, "--seconds", 30, "--kind", "angry", "--noise", "none", "--json")
    assert result.exit_code == 0, result.stderr
    listed = json.loads(result.stdout)
    assert sorted(path.name for path in folder.iterdir()) == sorted(f for one in listed["calls"] for f in one["files"])
    for one in listed["calls"]:
        wav, truth, rows = (folder / name for name in one["files"])
        known = json.loads(truth.read_text(encoding="utf-8"))
        assert known["synthetic"]
        assert known["noise"] is None
        assert [e["emotion"] for e in known["episodes"]] == ["neutral", "anger", "neutral"]
        assert soundfile.info(wav).duration == known["seconds"]
        assert {who for _, who in rttm.read(rows)} == {"customer", "agent"}
    again = run(tmp_path / "again", "--calls", 1, "--seconds", 30, "--kind", "angry", "--noise", "none")
    assert "angry-0-0000" in again.stdout
    assert "nobody has judged them" in again.stderr
    first, second = (soundfile.read(place / "angry-0-0000.wav")[0] for place in (folder, tmp_path / "again"))
    assert np.array_equal(first, second)


def test_any_corpus_that_affekt_reads_can_play(corpora, tmp_path):
    result = run(tmp_path, "--kind", "angry", "--seconds", 30, "--corpus", "folder", "--root", corpora, "--law", "a",
                 "--speakers", "folder/ann,folder/eve")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert {name for name in ("folder/ann", "folder/bob", "folder/eve") if name in result.stdout} == {
        "folder/ann",
        "folder/eve",
    }
    assert "nobody" not in result.stderr
    assert soundfile.info(tmp_path / "angry-0-0000.wav").subtype == "ALAW"


@pytest.mark.skipif(not (ROOT / "emodb").is_dir(), reason=f"no corpus in {ROOT}: real speakers cannot be tried")
def test_of_a_real_corpus_only_the_named_speakers_are_heard(tmp_path):
    chosen = {"emodb/03", "emodb/08"}
    result = run(tmp_path, "--calls", 3, "--seconds", 40, "--kind", "angry", "--corpus", "emodb", "--root", ROOT,
                 "--speakers", ",".join(sorted(chosen)), "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    for one in json.loads(result.stdout)["calls"]:
        assert set(one["people"].values()) == chosen
        spoken = json.loads((tmp_path / one["files"][1]).read_text())["lines"]
        assert {clip["source"][:2] for clip in spoken} == {"03", "08"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--noise", "much"), 2, "--noise is a number of dB, or none, got 'much'"),
        (("--noise", "99"), 2, "noise lies -10 to 60 dB below the speech"),
        (("--seconds", "5"), 2, "a call must last 30 to 7200 s, got 5"),
        (("--speakers", "emodb/03"), 2, "name it with --corpus"),
        (("--corpus", "emodbb"), 2, "did you mean 'emodb'"),
        (("--corpus", "emodb", "--root", "nowhere"), 1, "there is no folder nowhere/emodb"),
        (("--kind", "clam"), 2, "'clam' is not one of 'calm', 'angry', 'mixed'"),
    ],
)
def test_a_wrong_call_is_answered_with_what_is_right(tmp_path, arguments, code, said):
    result = run(tmp_path / "calls", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "calls").exists()


def test_without_a_synthesiser_it_is_said_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run(tmp_path / "calls")
    assert result.exit_code == 1
    assert "sudo apt install espeak-ng" in result.stderr
