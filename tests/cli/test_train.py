"""`affekt train`: results on standard output, words on standard error, and an exit code that scripts can trust."""

from __future__ import annotations

import json

import pytest
import soundfile
from click.testing import CliRunner

import tones
from affekt.cli import main

pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")

RUN = """
name = "toy"
folder = "{folder}/runs"
cache = "{folder}/cache"
[data]
manifest = "{table}"
protocol = "speakers/3"
[features]
set = "logmel"
level = "functionals"
[model]
name = "logistic"
"""


def affekt(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return tones.corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def run(corpus, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN.format(folder=tmp_path.as_posix(), table=corpus.as_posix()), encoding="utf-8")
    return path


def test_training_prints_scores_and_how_to_use_the_model(run):
    done = affekt("train", run, "--workers", 1)
    assert done.exit_code == 0, done.output
    for words in ("toy: logistic on functionals of logmel", "speakers/3: 36 clips of 6 speakers not heard", "UAR"):
        assert words in done.stdout
    assert "recall: anger 1.00" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("to use it: ")]
    assert line.endswith("runs/toy/bundle FILE")
    assert done.stderr.splitlines()[0].startswith("fold 1: UAR ")


def test_from_a_csv_to_a_prediction_in_three_commands(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = affekt("train", "--new", corpus, "logistic")
    assert made.exit_code == 0
    text = made.stdout.replace('set = "whisper"', 'set = "logmel"').replace('"speakers/5"', '"speakers/3"')
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")
    assert affekt("train", "run.toml", "--workers", 1).exit_code == 0
    said = affekt(
        "predict", "--model", "runs/mine-logistic/bundle", "--whole", "--json", corpus.parent / "mine-0-anger-0.wav"
    )
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["turns"][0]["emotion"] == "anger"


def test_json_is_the_metrics_file(run, tmp_path):
    done = affekt("train", run, "--json", "--no-bundle", "--workers", 1)
    assert json.loads(done.stdout) == json.loads((tmp_path / "runs/toy/metrics.json").read_text(encoding="utf-8"))
    assert json.loads(done.stdout)["bundle"] is None


def test_a_dry_run_tells_and_trains_nothing(run, tmp_path):
    done = affekt("train", run, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "36 clips of 6 speakers" in done.stdout
    assert "18 clips, 3 speakers" in done.stdout
    assert "fits on 160 columns" in done.stdout
    assert "GB of memory" in done.stdout
    assert not (tmp_path / "runs").exists()
    assert json.loads(affekt("train", run, "--dry-run", "--json").stdout)["clips"] == 36


def test_what_does_not_fit_in_memory_is_exit_code_2(run, monkeypatch):
    monkeypatch.setattr("affekt.training.plan.free", lambda: 1e6)
    for options in ((), ("--dry-run",)):
        done = affekt("train", run, *options)
        assert done.exit_code == 2
        assert "of memory, and 0.0 GB are free" in done.stderr


def test_a_leak_is_stamped_on_the_screen(run):
    text = run.read_text(encoding="utf-8").replace('"speakers/3"', '"random/3"\nallow_leak = true')
    run.write_text(text, encoding="utf-8")
    assert "LEAKY" in affekt("train", run, "--dry-run").stdout
    assert "LEAKY: this split shares speakers" in affekt("train", run, "--workers", 1).stdout


def test_a_leak_that_nobody_asked_for_is_exit_code_1(run):
    run.write_text(run.read_text(encoding="utf-8").replace('"speakers/3"', '"random/3"'), encoding="utf-8")
    done = affekt("train", run)
    assert done.exit_code == 1
    assert "data.allow_leak = true" in done.stderr


def test_copies_can_be_heard(run, tmp_path):
    run.write_text(run.read_text(encoding="utf-8") + '[augment]\ncopies = ["phone", "speed"]\n', encoding="utf-8")
    done = affekt("train", run, "--listen", tmp_path / "heard")
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 9
    assert soundfile.info(tmp_path / "heard/anger-phone.wav").samplerate == 16000
    assert (tmp_path / "heard/sadness-as-it-is.wav").exists()


def test_copies_are_heard_with_their_ranges_and_folders(run, corpus, tmp_path):
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise/hum.wav", tones.hum("neutral", 9000), 16000)
    own = 'copies = ["reverb+recorded", "gain"]\nnoise = "{folder}/noise"\nranges = {{ gain = {{ most = 0 }} }}\n'
    own = own.format(folder=tmp_path.as_posix())
    run.write_text(f"{run.read_text(encoding='utf-8')}[augment]\n{own}", encoding="utf-8")
    done = affekt("train", run, "--listen", tmp_path / "heard")
    assert done.exit_code == 0, done.output
    plain, same, other = (
        soundfile.read(tmp_path / f"heard/anger-{name}.wav")[0] for name in ("as-it-is", "gain", "reverb+recorded")
    )
    assert (plain == same).all()
    assert len(plain) == len(other)
    assert (plain != other).mean() > 0.9


def test_recordings_of_the_run_as_noise_are_exit_code_1(run, corpus, tmp_path):
    own = f'[augment]\ncopies = ["recorded"]\nnoise = "{corpus.parent.as_posix()}"\n'
    run.write_text(run.read_text(encoding="utf-8") + own, encoding="utf-8")
    for options in (("--listen", tmp_path / "heard"), ("--dry-run",), ()):
        done = affekt("train", run, *options)
        assert done.exit_code == 1
        assert "is a recording of this run" in done.stderr
    assert not (tmp_path / "heard").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('protocol = "', 'protocl = "', "data: no key is called 'protocl'; did you mean 'protocol'"),
        ('"logistic"', '"logistics"', "did you mean 'logistic'"),
        (
            '"functionals"',
            '"functional"',
            'features.level: given "functional", allowed is one of "frames", "functionals"',
        ),
        ('"logmel"', '"logmle"', "did you mean 'logmel'"),
        ('"speakers/3"', '"speakers/99"', "cannot deal 6 speakers into 99 groups"),
        ("[model]", "[modell]", "did you mean 'model'"),
    ],
)
def test_a_wrong_run_is_exit_code_2_and_names_the_right_key(run, old, new, words):
    run.write_text(run.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done = affekt("train", run, "--workers", 1)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_a_run_must_be_given():
    done = affekt("train")
    assert done.exit_code == 2
    assert "affekt train --new CORPUS MODEL > run.toml" in done.stderr
    assert affekt("train", "nowhere.toml").exit_code == 2
    assert affekt("train", "--new", "emodb", "svn").exit_code == 2
