"""`affekt evaluate` and `affekt compare`: numbers on standard output, words on standard error, honest exit codes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import clips
import judged
import tones
from affekt import bundle, datasets
from affekt.cli import _anew, evaluate, main
from affekt.errors import DataError, UsageError
from affekt.evaluation import scores
from affekt.training import Progress, frozen
from affekt.training.frozen import Embedded


def affekt(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def written(path, own):
    """Judgements as the JSON that `-o` writes."""
    evaluate.write(scores.evaluate(own, bootstraps=20), path)
    return path


@pytest.fixture
def table(tmp_path):
    """Predictions of another system."""
    own = judged.judgements()
    lines = ["id,speaker,truth,prediction," + ",".join(f"p_{name}" for name in own.labels)]
    for row in range(len(own)):
        probs = ",".join(f"{p:.6f}" for p in own.probs[row])
        lines.append(f"{own.ids[row]},{own.speakers[row]},{own.names[row]},{own.said[row]},{probs}")
    path = tmp_path / "theirs.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of `affekt train` on hummed tones."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: make test installs it")
    folder = tmp_path_factory.mktemp("run")
    path = folder / "run.toml"
    path.write_text(
        f'name = "toy"\nfolder = "{folder.as_posix()}/runs"\ncache = "{folder.as_posix()}/cache"\n'
        f'[data]\nmanifest = "{tones.corpus(folder / "corpus").as_posix()}"\nprotocol = "speakers/3"\n'
        '[features]\nset = "logmel"\nlevel = "functionals"\n[model]\nname = "logistic"\n',
        encoding="utf-8",
    )
    assert affekt("train", path, "--workers", 1).exit_code == 0
    return folder / "runs" / "toy"


# Evaluate ---------------------------------------------------------------------------------------------------------


def test_a_run_is_told_in_words(run):
    done = affekt("evaluate", run, "--bootstraps", 50)
    assert done.exit_code == 0, done.output
    for words in ("toy: speakers/3", "36 utterances of 6 speakers not heard", "UAR", "guessing", "hardest speakers",
                  "calibration: ECE", "on the surest 80%", "noise: two equally good models"):  # fmt: skip
        assert words in done.stdout


def test_json_and_file_are_the_same_evaluation(table, tmp_path):
    path = tmp_path / "found.json"
    done = affekt("evaluate", table, "--json", "-o", path, "--bootstraps", 20)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found == json.loads(path.read_text(encoding="utf-8"))
    assert (found["schema"], found["bootstraps"], found["n"]) == ("affekt.evaluation/1", 20, 160)
    again = affekt("evaluate", path, "--json", "--bootstraps", 20)
    assert json.loads(again.stdout)["emotion"] == found["emotion"]


def test_a_table_that_says_nothing_of_its_split_is_said_to(table):
    words = " ".join(affekt("evaluate", table, "--bootstraps", 5).stdout.split())
    assert "note: It is not known how training and test were parted" in words


def test_one_emotion_and_one_speaker_are_said_to_mean_little(tmp_path):
    path = tmp_path / "thin.csv"
    path.write_text("id,speaker,truth,prediction\na,x,anger,anger\nb,x,anger,anger\n", encoding="utf-8")
    words = " ".join(affekt("evaluate", path, "--bootstraps", 5).stdout.split())
    assert "note: The truth knows one emotion only, anger" in words
    assert "note: One speaker is no sample of people" in words


def test_merged_emotions_are_said_to_be_merged(table):
    done = affekt("evaluate", table, "--merge", "sadness=neutral", "--bootstraps", 5)
    assert "counted as one: sadness = neutral" in done.stdout
    assert "sadness " not in done.stdout.partition("counted as one")[2].partition("\n")[2]


def noises(folder, count=3):
    """A folder per emotion, a folder per speaker."""
    rng = np.random.default_rng(0)
    for emotion in ("anger", "sadness"):
        for number in range(count):
            path = folder / emotion / f"s{number}" / "a.wav"
            path.parent.mkdir(parents=True)
            soundfile.write(path, 0.1 * rng.normal(size=16000), 16000)
    return folder


def test_a_bundle_judges_a_folder_and_says_what_was_offered(tmp_path):
    folder = noises(tmp_path / "noises")
    done = affekt("evaluate", "permissive", "--on", folder, "--cache", tmp_path / "kept", "--json", "--bootstraps", 5)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["name"], found["n"], found["labels"]) == ("permissive@1", 6, ["anger", "sadness"])
    assert found["about"]["offered"] == "corpus"
    assert not found["leaky"]
    done = affekt("evaluate", "permissive", "--on", folder, "--cache", tmp_path / "kept", "--offered", "all")
    assert "emotions offered: all that the model knows" in done.stdout
    assert "surprise" not in done.stdout


def test_a_recording_that_cannot_be_read_is_named_and_the_exit_code_is_1(tmp_path):
    folder = noises(tmp_path / "noises")
    (folder / "anger" / "s0" / "a.wav").write_bytes(b"none")
    done = affekt("evaluate", "permissive", "--on", folder, "--cache", tmp_path / "kept", "--bootstraps", 5)
    assert done.exit_code == 1
    assert "5 utterances of 3 speakers" in done.stdout
    assert "left out: " in done.stderr
    assert "s0/a.wav" in done.stderr.replace("\\", "/")


def test_a_bundle_that_knows_the_corpus_is_refused_unless_the_leak_is_allowed(run, tmp_path):
    on = run.parents[1] / "corpus" / "mine.csv"
    done = affekt("evaluate", run, "--on", on, "--cache", tmp_path)
    assert done.exit_code == 1
    assert "toy@1 knows table: it was trained on these very recordings" in done.stderr
    done = affekt("evaluate", run, "--on", on, "--allow-leak", "--cache", tmp_path, "--bootstraps", 5)
    assert done.exit_code == 0, done.output
    assert "LEAKY: it was trained on these very recordings (table); the scores are too high" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["absent"], 2, "there is no run, table or bundle 'absent'; bundled models are default, permissive"),
        (["default"], 2, "default is a bundle: say what it judges, e.g. --on ravdess"),
        (["default", "--on", "ravdes"], 2, "did you mean 'ravdess'?"),
        (["default", "--on", "ravdess", "--root", "nowhere"], 1, "there is no folder nowhere"),
        (["default", "--on", "ravdess/7fold"], 1, "default@1 was trained on ravdess as well, and there is no folder"),
        (["default", "--on", "crema_d/5fold"], 2, "judge that corpus itself, --on crema_d"),
        (["x.csv", "--merge", "calm"], 2, "--merge must be like calm=neutral, not 'calm'"),
        (["x.csv", "-o", "x.html"], 2, "its name must end in .json, not in '.html'"),
        (["x.csv", "--on", "ravdess"], 2, "--on is what a bundle judges"),
    ],
)
def test_a_wrong_call_is_refused_in_a_line(arguments, code, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("id,speaker,truth,prediction\n", encoding="utf-8")
    done = affekt("evaluate", *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr


# A recipe, trained anew -------------------------------------------------------------------------------------------


def test_a_run_is_trained_anew_for_the_speakers_of_a_protocol(run, tmp_path):
    done = affekt("evaluate", run, "--on", "speakers/2", "--cache", tmp_path, "--workers", 1, "--json",
                  "--bootstraps", 5)  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["split"] == "speaker-independent"
    assert [fold["speakers"] for fold in found["folds"]] == [3, 3]
    assert found["n"] == 36
    assert found["about"]["protocol"] == "speakers/2"
    assert "its run.toml, trained anew in each fold of speakers/2" in found["about"]["recipe"]
    again = affekt("evaluate", run, "--on", "speakers/2", "--cache", tmp_path, "--bootstraps", 5)
    assert "fold 1: done before" in again.stderr
    assert "judged by its run.toml, trained anew" in " ".join(again.stdout.split())


@pytest.fixture
def embeddings(monkeypatch):
    """Real labels and speakers; embeddings of 12 dimensions, in which emotions can be told apart."""
    monkeypatch.setattr(frozen, "LAYERS", tuple(np.arange(i, i + 4) for i in (0, 4, 8)))

    def embed(manifest, *, copies, **rest):
        rng = np.random.default_rng(len(manifest))
        places = {name: np.random.default_rng(i).normal(size=12) for i, name in enumerate(datasets.VOCABULARY)}
        plain = np.array([places[u.emotion] for u in manifest]) + rng.normal(0, 0.7, (len(manifest), 12))
        return Embedded(
            {copy: plain.astype(np.float32) for copy in copies},
            np.array([u.emotion for u in manifest]),
            np.array([u.speaker for u in manifest]),
            np.full(len(manifest), manifest.name),
            np.full((len(manifest), 3), np.nan),
        )

    monkeypatch.setattr(frozen, "embed", embed)


def anew(name, protocol, tmp_path, **options):
    return _anew.judge(
        bundle.load(name), protocol, root=clips.SHARED / "corpora", cache=tmp_path, progress=Progress(), **options
    )


@pytest.mark.parametrize(
    ("name", "protocol", "count", "folds"),
    [
        ("permissive", "emodb/loso", 535, 10),
        ("default", "ravdess/6fold", 1440, 6),
        ("default", "emotale/6groups", 800, 6),
    ],
)
def test_the_recipe_of_a_bundled_model_judges_every_speaker_that_a_fold_leaves_out(
    embeddings, tmp_path, name, protocol, count, folds
):
    corpus = protocol.partition("/")[0]
    manifest = clips.corpus(corpus)
    for other in bundle.load(name).run["fingerprints"]:
        clips.corpus(other)
    found = anew(name, protocol, tmp_path)
    assert len(found) == count
    truth = {u.id: "neutral" if u.emotion == "calm" and name == "default" else u.emotion for u in manifest}
    voice = {u.id: u.speaker for u in manifest}
    assert found.names.tolist() == [truth[row] for row in found.ids.tolist()]
    assert found.speakers.tolist() == [voice[row] for row in found.ids.tolist()]
    tested = {fold.name: set(fold.test.speakers) for fold in datasets.protocol(protocol, manifest)}
    assert len(tested) == len(np.unique(found.folds)) == folds
    assert all(s in tested[f] for s, f in zip(found.speakers.tolist(), found.folds.tolist(), strict=True))
    assert (found.said == found.names).mean() > 0.8
    assert not found.leaky
    assert {"boredom", "calm"} & set(found.labels) == ({"boredom"} & set(manifest.labels))


def test_other_emotions_are_offered_where_it_is_asked_for(embeddings, tmp_path):
    for name in clips.NAMES:
        clips.corpus(name)
    found = anew("default", "ravdess/6fold", tmp_path, offered="all")
    assert "boredom" in found.labels


def test_a_corpus_that_is_another_one_than_was_trained_on_is_refused(embeddings, tmp_path, monkeypatch):
    manifest = clips.corpus("emodb")
    monkeypatch.setattr(datasets, "load", lambda name, root: replace(manifest, utterances=manifest.utterances[1:]))
    with pytest.raises(DataError, match=r"is another emodb than permissive@1 was trained on"):
        anew("permissive", "emodb/loso", tmp_path)


def test_a_bundle_without_a_recipe_cannot_be_trained_anew(tmp_path):
    model = bundle.load("permissive")
    bundle.save(model.card, (model.folder / "model.onnx").read_bytes(), "", tmp_path / "bare")
    with pytest.raises(UsageError, match=r"permissive@1 has no run\.toml that says how it was trained"):
        anew(tmp_path / "bare", "emodb/loso", tmp_path)


# Compare ----------------------------------------------------------------------------------------------------------


def test_two_models_are_told_apart(tmp_path):
    good, bad = (judged.judgements(s, skill=k, clips=30) for s, k in ((0, 3.0), (1, 0.7)))
    a, b = (written(tmp_path / f"{name}.json", replace(own, name=name)) for name, own in (("a", good), ("b", bad)))
    done = affekt("compare", a, b, "--bootstraps", 50)
    assert done.exit_code == 0, done.output
    for words in ("240 utterances of 8 speakers", "A is better in UAR", "every way to swap", "p, Holm", "kappa"):
        assert words in done.stdout
    found = json.loads(affekt("compare", a, b, "--json", "--bootstraps", 50).stdout)
    assert found["schema"] == "affekt.comparison/1"
    assert found["scores"]["uar"]["p"] < 0.05
    assert found["scores"]["uar"]["difference"] > 0


def test_equals_are_said_to_be_equal(table):
    done = affekt("compare", table, table, "--bootstraps", 5)
    assert "no difference in UAR can be told from chance" in done.stdout


def test_every_key_of_a_comparison_is_in_the_documentation(tmp_path):
    a = written(tmp_path / "a.json", judged.judgements(affect=True))
    found = json.loads(affekt("compare", a, a, "--json", "--bootstraps", 5).stdout)
    page = (clips.ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8").partition("## Two models")[2]
    names = [*found, *found["scores"], *found["scores"]["uar"], *found["classes"][0], *found["agreement"]]
    names += [*found["agreement"]["right"], *found["agreement"]["speakers"]]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_what_cannot_be_compared_is_refused(table, tmp_path):
    done = affekt("compare", table, tmp_path / "absent.csv")
    assert (done.exit_code, done.stdout) == (2, "")
    other = tmp_path / "other.csv"
    other.write_text("id,speaker,truth,prediction\nu0000,demo/00,sadness,anger\n", encoding="utf-8")
    done = affekt("compare", table, other)
    assert done.exit_code == 1
    assert "the truth of u0000 is anger in theirs and sadness in other" in done.stderr


def test_names_cannot_harm_a_terminal_and_json_keeps_them(tmp_path):
    path = tmp_path / "hostile.csv"
    rows = [f"{n},\x1b]0;mine\x07{n % 3},{('anger', 'fear')[n % 2]},anger" for n in range(6)]
    path.write_text("id,speaker,truth,prediction\n" + "\n".join(rows) + "\n", encoding="utf-8")
    for command in (("evaluate", path), ("compare", path, path)):
        done = affekt(*command, "--bootstraps", 20)
        assert done.exit_code == 0
        assert "\x1b" not in done.output
        assert "\x07" not in done.output
    assert "]0;mine" in affekt("evaluate", path, "--bootstraps", 20).stdout
    rows = json.loads(affekt("evaluate", path, "--bootstraps", 20, "--json").stdout)["rows"]
    assert rows["speaker"][0] == "\x1b]0;mine\x070"
    path.write_text("id,speaker,truth,prediction\n1,x,\x1b[31m,anger\n1,x,anger,anger\n", encoding="utf-8")
    assert "\x1b" not in affekt("evaluate", path).stderr


@pytest.mark.parametrize("command", [("evaluate",), ("report",)])
def test_a_folder_that_is_not_there_is_told_before_the_work(tmp_path, command):
    done = affekt(*command, tmp_path / "no.csv", "-o", tmp_path / "nowhere" / "x.json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "there is no folder" in done.stderr
