"""The loop learns, listens to development speakers, and goes on after an interruption as if there had been none."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from onnxruntime import InferenceSession  # noqa: E402

from affekt import metrics, registry  # noqa: E402
from affekt.errors import DataError, UsageError  # noqa: E402
from affekt.training import loop  # noqa: E402
from affekt.training.examples import Examples  # noqa: E402
from affekt.training.run import Augmenting, Balance, Data, Optimise, Run, Target  # noqa: E402
from affekt.types import LabelSet  # noqa: E402

LABELS = LabelSet(("anger", "neutral", "sadness"))
DIM = 12


def made(n: int = 60, speakers: int = 5, seed: int = 0) -> Examples:
    """Emotions that differ in where the energy lies; affect is a function of the emotion."""
    rng = np.random.default_rng(seed)
    emotions = rng.integers(3, size=n)
    x = []
    for emotion in emotions:
        frames = rng.normal(size=(int(rng.integers(20, 60)), DIM))
        frames[:, 4 * emotion : 4 * emotion + 4] *= 4
        x.append(frames.astype(np.float32))
    return Examples(
        labels=LABELS,
        ids=np.array([f"u{i}" for i in range(n)]),
        speakers=np.array([f"s{i % speakers}" for i in range(n)]),
        corpora=np.array(["made"] * n),
        x=x,
        emotions=emotions,
        ratings=np.eye(3, dtype=np.float32)[emotions],
        affect=np.array([[-0.5, 0.8, 0.4], [0.0, 0.0, 0.0], [-0.6, -0.7, -0.5]], np.float32)[emotions],
        known=np.ones((n, 3), bool),
        copies=(),
    )


def parts(data: Examples) -> tuple[Examples, Examples]:
    tuned = data.speakers == "s0"
    return data.part(~tuned), data.part(tuned)


def run(**optimise) -> Run:
    chosen = {"epochs": 6, "rate": 5e-3, "batch": 4.0, "patience": 0, **optimise}
    return Run("made", Data(corpora=("emodb",)), optimise=Optimise(**chosen))


def module_of(name: str = "bilstm", **options):
    plugin = registry.load("models", name)
    small = {"bilstm": {"inputs": DIM, "hidden": 8, "attention": 4}, "cnn": {"channels": (4, 4, 4), "attention": 4}}
    return partial(plugin.build, options=plugin.Options(**{**small[name], "centre": "corpus", **options}))


def weights(fitted: loop.Fitted) -> dict[str, torch.Tensor]:
    return fitted.modules[0].state_dict()


def same(one: loop.Fitted, other: loop.Fitted) -> bool:
    a, b = weights(one), weights(other)
    return all(torch.equal(a[name], b[name]) for name in a)


def test_what_can_be_learned_is_learned():
    train, tune = parts(made(120))
    fitted = loop.fit(train, tune, run(epochs=12), module_of=module_of())
    unheard = made(60, seed=1)
    guess = fitted.probs(unheard.x).argmax(axis=1)
    assert metrics.uar(unheard.emotions.tolist(), guess.tolist()) > 0.9
    assert fitted.probs(unheard.x).sum(axis=1) == pytest.approx(np.ones(60), abs=1e-5)


def test_affect_is_learned_from_ratings():
    train, tune = parts(made(120))
    asked = replace(run(epochs=12), target=Target("affect"))
    fitted = loop.fit(train, tune, asked, module_of=module_of())
    unheard = made(60, seed=1)
    assert metrics.ccc(unheard.affect[:, 1], fitted.affect(unheard.x)[:, 1]) > 0.8
    assert fitted.history[-1].score > 0.6


@pytest.mark.parametrize("kind", ["ratings", "both"])
def test_soft_labels_and_both_targets_are_learned(kind):
    train, tune = parts(made(120))
    fitted = loop.fit(train, tune, replace(run(epochs=12), target=Target(kind)), module_of=module_of())
    assert max(epoch.score for epoch in fitted.history) > 0.9


@pytest.mark.parametrize("strategy", ["inverse", "effective", "focal", "logit-adjustment", "oversample", "sampler"])
def test_every_strategy_of_balance_trains(strategy):
    train, tune = parts(made(60))
    fitted = loop.fit(train, tune, replace(run(epochs=2), balance=Balance(strategy)), module_of=module_of())
    assert np.isfinite([epoch.loss for epoch in fitted.history]).all()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    train, tune = parts(made())
    asked = replace(run(epochs=2), augment=Augmenting(time_masks=1, band_masks=1, mixup=0.3))
    one, again = (loop.fit(train, tune, asked, module_of=module_of()) for _ in range(2))
    assert same(one, again)
    assert not same(one, loop.fit(train, tune, replace(asked, seed=1), module_of=module_of()))


class PowerCutError(Exception):
    """The machine stopped."""


@pytest.mark.parametrize("step", [3, 7, 12, 17])
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_an_interrupted_run_goes_on_to_the_very_same_weights(tmp_path, monkeypatch, step, average):
    """Stopped within an epoch or at its end, with dropout, masks and mixtures: bit by bit the same."""
    monkeypatch.setattr(loop, "SAVE_AFTER", 0.0)
    train, tune = parts(made())
    asked = replace(run(epochs=3, average=average), augment=Augmenting(time_masks=1, mixup=0.3))
    whole = loop.fit(train, tune, asked, module_of=module_of("cnn"))

    def cut(done: int, of: int) -> None:
        if done == step:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        loop.fit(train, tune, asked, module_of=module_of("cnn"), on_step=cut, checkpoint=tmp_path)
    steps: list[int] = []
    resumed = loop.fit(
        train, tune, asked, module_of=module_of("cnn"), checkpoint=tmp_path, on_step=lambda done, of: steps.append(done)
    )
    assert steps[0] == step  # the step that was cut was the last one not yet saved
    assert same(whole, resumed)
    assert [e.loss for e in resumed.history] == pytest.approx([e.loss for e in whole.history])


def test_a_finished_run_is_not_trained_again(tmp_path):
    train, tune = parts(made())
    once = loop.fit(train, tune, run(epochs=2), module_of=module_of(), checkpoint=tmp_path)
    steps: list[int] = []
    again = loop.fit(
        train, tune, run(epochs=2), module_of=module_of(), checkpoint=tmp_path, on_step=lambda d, of: steps.append(d)
    )
    assert steps == []
    assert same(once, again)


def test_the_checkpoint_of_another_run_is_not_taken_up(tmp_path):
    train, tune = parts(made())
    loop.fit(train, tune, run(epochs=2), module_of=module_of(), checkpoint=tmp_path)
    other = loop.fit(train, tune, run(epochs=3), module_of=module_of(), checkpoint=tmp_path)
    assert [epoch.number for epoch in other.history] == [1, 2, 3]


def test_nothing_in_a_checkpoint_is_pickled(tmp_path):
    train, tune = parts(made())
    loop.fit(train, tune, run(epochs=1), module_of=module_of(), checkpoint=tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["checkpoint.safetensors"]


def test_the_weights_of_the_best_epoch_are_kept():
    """The best by the development speakers, not the last."""
    train, tune = parts(made())
    fitted = loop.fit(train, tune, run(epochs=8, rate=0.02), module_of=module_of())
    best = max(fitted.history, key=lambda epoch: epoch.score)
    guess = fitted.probs(tune.x).argmax(axis=1)
    assert fitted.epochs == best.number
    assert metrics.uar(tune.emotions.tolist(), guess.tolist()) == pytest.approx(best.score)


def test_training_stops_when_the_development_speakers_hear_no_gain():
    train, tune = parts(made())
    fitted = loop.fit(train, tune, run(epochs=30, patience=2, rate=1e-9), module_of=module_of())
    assert len(fitted.history) == 3


def test_without_development_speakers_every_epoch_is_trained():
    fitted = loop.fit(made(), None, run(epochs=3, patience=1), module_of=module_of())
    assert [epoch.number for epoch in fitted.history] == [1, 2, 3]
    assert fitted.epochs == 3
    assert np.isnan([epoch.score for epoch in fitted.history]).all()


def test_several_seeds_are_averaged_and_together_hear_every_speaker():
    """With `rotate`, each network has other development speakers."""
    train, tune = parts(made(speakers=4))
    fitted = loop.fit(train, tune, run(epochs=1, seeds=3, rotate=True), module_of=module_of())
    assert {epoch.seed for epoch in fitted.history} == {0, 1, 2}
    alone = [replace(fitted, modules=(module,)).probs(tune.x) for module in fitted.modules]
    np.testing.assert_allclose(fitted.probs(tune.x), np.mean(alone, axis=0), atol=1e-6)
    asked = run(seeds=4, rotate=True)
    tuned = [set(loop._rotate(train, tune, asked, number)[1].speakers) for number in range(4)]
    assert set.union(*tuned) == {"s0", "s1", "s2", "s3"}
    assert all(not speakers & set(loop._rotate(train, tune, asked, i)[0].speakers) for i, speakers in enumerate(tuned))


def test_the_graph_says_what_the_networks_say():
    train, tune = parts(made())
    fitted = loop.fit(train, tune, run(epochs=1, seeds=2), module_of=module_of("cnn"))
    session = InferenceSession(fitted.graph())
    expected, affect = fitted.probs(tune.x), fitted.affect(tune.x)
    for i, row in enumerate(tune.x):
        probs, felt = session.run(["probs", "affect"], {"x": row[None]})
        np.testing.assert_allclose(probs[0], expected[i], atol=1e-4)
        np.testing.assert_allclose(felt[0], affect[i], atol=1e-4)


def test_several_corpora_learn_together_and_none_is_asked_what_it_cannot_name():
    """Half of the rows could not have been called sad; nobody calls them sad on that account, and nobody is NaN."""
    data = made(120)
    known = data.known.copy()
    known[(data.emotions != 2) & (np.arange(120) % 2 == 0), 2] = False
    train, tune = parts(replace(data, known=known))
    fitted = loop.fit(train, tune, run(epochs=10), module_of=module_of())
    unheard = made(60, seed=1)
    guess = fitted.probs(unheard.x).argmax(axis=1)
    assert metrics.uar(unheard.emotions.tolist(), guess.tolist()) > 0.85


def test_half_precision_trains():
    train, tune = parts(made())
    fitted = loop.fit(train, tune, run(epochs=2, precision="bf16"), module_of=module_of())
    assert np.isfinite(fitted.probs(tune.x)).all()


def test_two_processes_train_one_network(tmp_path):
    """As on a machine with several GPUs: batches are dealt out, and all processes end with the same weights."""
    code = (
        "import test_loop as t\n"
        "train, tune = t.parts(t.made(90))\n"
        "fitted = t.loop.fit(train, tune, t.run(epochs=2, average=0.9), module_of=t.module_of('cnn'))\n"
        "total = sum(float(v.detach().double().sum()) for v in fitted.modules[0].parameters())\n"
        f"open({str(tmp_path)!r} + '/' + t.os.environ['RANK'], 'w').write(str(total))\n"
    )
    places = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    settings = {**os.environ, "PYTHONPATH": places, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    call = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--no-python", sys.executable, "-c"]
    done = subprocess.run([*call, code], capture_output=True, text=True, check=False, env=settings, timeout=300)
    said = [path.read_text() for path in tmp_path.iterdir()]
    assert len(said) == 2, done.stderr[-2000:]
    assert said[0] == said[1]


def test_tensorboard_hears_each_epoch(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train, tune = parts(made())
    asked = replace(run(epochs=3), tensorboard=True, folder=tmp_path)
    place = tmp_path / "made/checkpoints/00/00"
    fitted = loop.fit(train, tune, asked, module_of=module_of(), checkpoint=place)
    (file,) = tmp_path.rglob("events*")
    assert file.parent == tmp_path / "made/tensorboard/00/00/seed0/made"
    events = EventAccumulator(str(file.parent))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "development", "rate"}
    for name, own in (("loss", "loss"), ("development", "score"), ("rate", "rate")):
        told = events.Scalars(name)
        assert [event.step for event in told] == [1, 2, 3]
        assert [event.value for event in told] == pytest.approx([getattr(e, own) for e in fitted.history], rel=1e-6)


def test_mlflow_hears_each_epoch_of_each_seed(tmp_path):
    """In a local store that nobody serves: read back from its own file, by MLflow itself."""
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed: make test installs it")
    train, tune = parts(made())
    address = f"sqlite:///{tmp_path.as_posix()}/store.db"
    asked = replace(run(epochs=2, seeds=2), mlflow=address, folder=tmp_path)
    fitted = loop.fit(train, tune, asked, module_of=module_of(), checkpoint=tmp_path / "made/checkpoints/01/00")
    client = mlflow.MlflowClient(address)
    told = client.search_runs([client.get_experiment_by_name("made").experiment_id])
    assert {one.info.run_name for one in told} == {"01/00/seed0", "01/00/seed1"}
    assert {one.info.status for one in told} == {"FINISHED"}
    for one in told:
        own = [epoch for epoch in fitted.history if one.info.run_name.endswith(f"seed{epoch.seed}")]
        for name, field in (("loss", "loss"), ("development", "score"), ("rate", "rate")):
            kept = client.get_metric_history(one.info.run_id, name)
            assert [point.step for point in kept] == [1, 2]
            assert [point.value for point in kept] == pytest.approx([getattr(epoch, field) for epoch in own])


def test_a_store_that_mlflow_cannot_open_is_refused_with_one_that_it_can(tmp_path):
    pytest.importorskip("mlflow", reason="mlflow-skinny is not installed: make test installs it")
    asked = replace(run(), mlflow=(tmp_path / "plain").as_uri(), folder=tmp_path)
    with pytest.raises(UsageError, match=r"sqlite:///mlflow\.db is a local store"):
        loop.fit(made(), None, asked, module_of=module_of())


def test_mlflow_is_asked_for_by_name_where_it_is_missing(monkeypatch):
    monkeypatch.setattr("accelerate.utils.is_mlflow_available", lambda: False)
    with pytest.raises(UsageError, match="pip install mlflow"):
        loop.fit(made(), None, replace(run(), mlflow="http://localhost:5000"), module_of=module_of())


def test_a_speaker_on_both_sides_is_refused():
    data = made()
    with pytest.raises(DataError, match="both a training and a development speaker"):
        loop.fit(data, data, run(), module_of=module_of())


def test_functionals_are_refused_with_the_key_to_change():
    data = replace(made(4), x=np.zeros((4, 88), np.float32))
    with pytest.raises(UsageError, match=r"features\.level"):
        loop.fit(data, None, run(), module_of=module_of())


def test_nobody_to_learn_from_is_an_error():
    with pytest.raises(DataError, match="no utterance"):
        loop.fit(made().part(np.zeros(60, bool)), None, run(), module_of=module_of())
