"""Corpora -> bundle. `affekt train run.toml`: one file, one command, one loop, on speakers kept apart.

`run` holds what a run may say, `examples` turns manifests into rows, `splits` parts them by speaker, `classical` and
`loop` fit the two families of models, `results` scores them, `folder` keeps what a run leaves behind, `cards` tells
what a bundle is, `plan` says beforehand what a run will take. `frozen` is the recipe of the bundled models.

    from affekt import config, training
    result = training.train(config.load(training.Run, "run.toml"))
    print(result.scores["uar"])
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from affekt import registry
from affekt.errors import DataError, UsageError
from affekt.training import cards, classical, results, search
from affekt.training import plan as planned
from affekt.training.examples import Examples, Gathered, chains_of, gather, hear, input_of
from affekt.training.folder import Finished, Folder
from affekt.training.progress import Progress
from affekt.training.results import Floats, Judged
from affekt.training.run import Run
from affekt.training.splits import Split

if TYPE_CHECKING:
    from affekt.training.loop import Epoch

__all__ = ["Examples", "Progress", "Result", "Run", "Split", "train"]

Rows = Floats | Sequence[Floats]


class Model(Protocol):
    """What either family gives."""

    def probs(self, x: Any) -> Floats | None:
        """Judge rows: probabilities (n, labels)."""

    def affect(self, x: Any) -> Floats | None:
        """Judge rows: valence, arousal, dominance (n, 3)."""

    def graph(self) -> bytes:
        """Export to ONNX."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a run."""

    run: Run
    folder: Path
    judged: Judged
    "test speakers of all folds; of a run without a protocol the development speakers"
    scores: Mapping[str, Any]
    "of all folds together, see `results.scores`"
    folds: tuple[Mapping[str, Any], ...]
    "scores, options that were chosen and seconds of each"
    tried: int
    "combinations of options, in all folds together"
    skipped: tuple[str, ...]
    "a line for each recording that could not be read"
    bundle: Path | None
    "None where none was wanted, or affect alone was learned"

    @property
    def leaky(self) -> bool:
        """Whether a split shared speakers or sessions: the scores are too high."""
        return self.judged.leaky

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: metrics.json."""
        return {
            "schema": "affekt.training/1",
            "run": self.run.name,
            "split": results.LEAKY if self.leaky else "speaker-independent",
            "protocol": self.run.data.protocol,
            "tested": "test speakers" if self.run.data.protocol else "development speakers",
            "labels": list(self.judged.labels),
            "scores": dict(self.scores),
            "corpora": results.per_corpus(self.judged),
            "folds": [dict(fold) for fold in self.folds],
            "tried": self.tried,
            "skipped": list(self.skipped),
            "bundle": None if self.bundle is None else self.bundle.name,
        }


def train(run: Run, *, workers: int = 1, progress: Progress | None = None, bundle: bool = True) -> Result:
    """Train and test every fold, then train a final model on everybody and write it as a bundle.

    A fold that the run's folder holds already is not trained again.

    Args:
        run: what to do.
        workers: processes that compute features; a script that asks for more than one needs the usual
            `if __name__ == "__main__":`.
        progress: is told how far the work is.
        bundle: whether the final model is wanted.

    Raises:
        DataError: the data are not what they should be, or a split shares speakers.
        UsageError: the run asks for what does not go together, or its folder holds another one.
        UnknownNameError: no such corpus, protocol, feature set, model, label or augmentation.
        MissingExtraError: the extra `train` is not installed.
    """
    progress = progress or Progress()
    check(run)
    gathered = gather(run)
    planned.plan(run, gathered, timed=False).refuse()
    folder = Folder.open(run, gathered.manifests)
    examples, folds, skipped = hear(gathered, run, workers=workers, progress=progress)
    finished = [
        _fold(number, fold, examples, run, folder=folder, progress=progress) for number, fold in enumerate(folds)
    ]
    judged = _pooled(finished, folds, examples)
    scores = results.scores(judged)
    per_fold = tuple({**own, **done.about} for own, done in zip(results.per_fold(judged), finished, strict=True))
    tried = sum(done.about["tried"] for done in finished)
    result = Result(run, folder.path, judged, scores, per_fold, tried, skipped, None)
    if bundle:
        result = replace(result, bundle=_final(result, gathered, examples, folder, progress))
    folder.write("predictions.csv", results.table(judged))
    folder.write("metrics.json", cards.dumped(result.to_dict()))
    shutil.rmtree(folder.path / "checkpoints", ignore_errors=True)
    return result


def check(run: Run) -> ModuleType:
    """Refuse what does not go together before anything is read; return the model's module.

    Raises:
        UsageError: an option that the model has not, or a level, target, strategy or range that are not for it.
        UnknownNameError: no such model or augmentation.
    """
    module = registry.load("models", run.model.name)
    level = "frames" if module.KIND == "neural" else "functionals"
    if run.features.level != level:
        what = "frames, one window after the other" if level == "frames" else "one vector per utterance"
        raise UsageError(f'{run.model.name} hears {what}: set features.level = "{level}"')
    for options in search.corners(run.model):
        classical.parse(module, options)
    chains_of(run)
    if module.KIND != "neural":
        classical.check(module, run)
    return module


# Folds ------------------------------------------------------------------------------------------------------------


def _fold(number: int, fold: Split, examples: Examples, run: Run, *, folder: Folder, progress: Progress) -> Finished:
    """Train one fold and judge its test speakers once; without a protocol, the development speakers."""
    test = examples.part(fold.test if run.data.protocol else fold.development)
    if not len(test):
        raise DataError("nobody is left to be judged: there is a single speaker, and no data.protocol")
    kept = folder.fold(number, tuple(test.ids.tolist()))
    if kept is not None:
        progress.note(f"fold {fold.name}: done before")
        return kept
    began, spent = time.monotonic(), time.process_time()
    model, about = fit(examples, fold, run, checkpoint=folder.checkpoint(f"{number:02d}"), progress=progress)
    probs, affect = said(model, test.x, run)
    about |= {"seconds": round(time.monotonic() - began, 1), "cpu": round(time.process_time() - spent, 1)}
    done = Finished(tuple(test.ids.tolist()), probs, affect, about)
    folder.keep(number, done)
    progress.note(f"fold {fold.name}: {_brief(test, done)}")
    return done


def fit(
    examples: Examples, fold: Split, run: Run, *, checkpoint: Path | None = None, progress: Progress | None = None
) -> tuple[Model, dict[str, Any]]:
    """Fit a run's model to the training side of a fold; return it with what was chosen.

    A classical model chooses by cross-validation over all speakers of the training side and is fitted to all of them;
    where there is no protocol, to the training speakers only, since the development speakers are judged. A network
    trains on the training speakers and stops by the development speakers.
    """
    progress, module = progress or Progress(), check(run)
    if module.KIND == "neural":
        return _network(examples, fold, run, module, (checkpoint, progress))
    taught = fold.taught if run.data.protocol or not len(fold.development) else fold.train
    head, found = classical.fit(examples.part(taught), run, progress=progress)
    return head, {"options": dict(found.options), "validation": round(found.score, 4), "tried": found.tried}


def _network(
    examples: Examples, fold: Split, run: Run, module: ModuleType, aside: tuple[Path | None, Progress]
) -> tuple[Model, dict[str, Any]]:
    from affekt.training import loop

    checkpoint, progress = aside
    train = examples.part(fold.train)
    development = examples.part(fold.development) if len(fold.development) else None
    models: list[tuple[float, dict[str, Any], loop.Fitted]] = []

    def judge(options: search.Options) -> float:
        fitted = loop.fit(
            train,
            development,
            run,
            module_of=partial(module.build, options=classical.parse(module, options)),
            on_epoch=lambda epoch: progress.note(_epoch(fold.name, epoch)),
            on_step=lambda step, of: progress.step(f"fold {fold.name}", step, of),
            checkpoint=None if checkpoint is None else checkpoint / f"{len(models):02d}",
        )
        score = max((epoch.score for epoch in fitted.history), default=float("nan"))
        models.append((score, dict(options), fitted))
        return score

    found = search.best(run.model, judge, seed=run.seed)
    best = next(fitted for _, options, fitted in models if options == dict(found.options))
    about = {"options": dict(found.options), "validation": _rounded(found.score), "tried": found.tried}
    return best, about | {"epochs": best.epochs}


def _rounded(score: float) -> float | None:
    return None if np.isnan(score) else round(score, 4)


def _epoch(fold: str, epoch: Epoch) -> str:
    said = "" if np.isnan(epoch.score) else f", development {epoch.score:.3f}"
    return f"fold {fold}, epoch {epoch.number}/{epoch.of}: loss {epoch.loss:.3f}{said}, {epoch.seconds:.0f} s"


def said(model: Model, x: Rows, run: Run) -> tuple[Floats | None, Floats | None]:
    """Judge rows, as far as the run learned to: probabilities and affect."""
    probs = None if run.target.kind == "affect" else model.probs(x)
    return probs, model.affect(x) if run.target.kind in ("affect", "both") else None


def _brief(test: Examples, done: Finished) -> str:
    own = results.scores(Judged(test, np.array([""] * len(test)), done.probs, done.affect))
    words = [f"UAR {own['uar']['value']:.3f}"] if "uar" in own else []
    words += [f"{axis} {own['ccc'][axis]['value']:.3f}" for axis in results.AXES] if "ccc" in own else []
    return f"{', '.join(words)} on {own['n']} utterances, {done.about['seconds']:.0f} s"


def _pooled(finished: Sequence[Finished], folds: Sequence[Split], examples: Examples) -> Judged:
    rows = [fold.test if len(fold.test) else fold.development for fold in folds]
    names = np.concatenate([np.array([fold.name] * len(own)) for fold, own in zip(folds, rows, strict=True)])
    probs, affect = (_joined([getattr(done, what) for done in finished]) for what in ("probs", "affect"))
    unheard = replace(examples, x=np.zeros((len(examples), 0), np.float32), copies=())
    return Judged(unheard.part(np.concatenate(rows)), names, probs, affect, any(fold.leaky for fold in folds))


def _joined(parts: Sequence[Floats | None]) -> Floats | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if there else None


# The final model --------------------------------------------------------------------------------------------------


def _final(result: Result, gathered: Gathered, examples: Examples, folder: Folder, progress: Progress) -> Path | None:
    """Train on everybody and write the bundle."""
    run = result.run
    if run.target.kind == "affect":
        progress.note('no bundle: a model of affect alone names no emotion; target.kind = "both" gives one')
        return None
    if (folder.bundle / "card.json").exists():
        progress.note("bundle: made before")
        return folder.bundle
    progress.note(f"trains the final model on all {len(np.unique(examples.speakers))} speakers")
    nobody = np.zeros(0, np.intp)
    everybody = Split("final", np.arange(len(examples)), nobody, nobody, result.leaky)
    settled = _settled(run, result.folds)
    model, about = fit(examples, everybody, settled, checkpoint=folder.checkpoint("final"), progress=progress)
    cards.save(model, result, cards.Made(gathered.manifests, input_of(run), about), folder.bundle)
    return folder.bundle


def _settled(run: Run, folds: Sequence[Mapping[str, Any]]) -> Run:
    """A network that has nobody to stop it trains for as long as those of the folds did in the median."""
    epochs = [fold["epochs"] for fold in folds if "epochs" in fold]
    if not epochs:
        return run
    scores = [fold["validation"] or 0.0 for fold in folds]
    options = folds[int(np.argmax(scores))]["options"]  # nobody is left to choose on
    model = replace(run.model, options=options, search={})
    return replace(run, model=model, optimise=replace(run.optimise, epochs=max(1, round(float(np.median(epochs))))))
