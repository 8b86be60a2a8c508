"""Examples -> a trained head. Classical models on one vector per utterance: options, balance, calibration.

Nothing is fitted or chosen with test speakers: options are chosen, the temperature is fitted and the affect's spread is
matched on parts of the training side that the judged model has not heard, parted by speaker. As a classical model has
no use for development speakers beyond that, it is then fitted to the whole training side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import calibrate, config, metrics, registry
from affekt.errors import DataError, UsageError
from affekt.models._classical import Fitted
from affekt.models._graph import Graph
from affekt.models.ridge import Ridge
from affekt.training import search
from affekt.training.balance import NETWORKS, Rows, balanced, cell_weights
from affekt.training.examples import Examples
from affekt.training.progress import Progress
from affekt.training.run import Run
from affekt.training.search import Found, Options
from affekt.types import LabelSet

Floats = NDArray[np.float32]

INNER = 5
"""Parts of the training speakers on which choices are made."""
_AXES = ("valence", "arousal", "dominance")


@dataclass(frozen=True, slots=True)
class Head:
    """A trained classical model: emotion, affect or both."""

    labels: LabelSet
    dim: int
    emotion: Fitted | None
    affective: Ridge | None

    def probs(self, x: Floats) -> Floats | None:
        """Judge vectors (n, dim): probabilities (n, labels), None where emotion was not learned."""
        return None if self.emotion is None else self.emotion.probs(x)

    def affect(self, x: Floats) -> Floats | None:
        """Judge vectors (n, dim): valence, arousal, dominance (n, 3), None where affect was not learned."""
        return None if self.affective is None else self.affective.affect(x)

    def graph(self) -> bytes:
        """Export: ONNX, `x` (n, dim) -> `probs` (n, labels) and `affect` (n, 3), as far as they were learned."""
        graph = Graph(self.dim)
        if self.emotion is not None:
            graph.output("probs", self.emotion.draw(graph), len(self.labels))
        if self.affective is not None:
            graph.output("affect", self.affective.draw(graph), 3)
        return graph.model()


def fit(examples: Examples, run: Run, *, progress: Progress | None = None) -> tuple[Head, Found]:
    """Choose options, fit and calibrate on a training side.

    Args:
        examples: vectors of training speakers only.
        run: model, search, target and balance.
        progress: is told of each combination that was tried.

    Raises:
        UsageError: frames, an unknown option, or a model that cannot learn the target.
        DataError: nothing to learn from.
    """
    if not isinstance(examples.x, np.ndarray):
        raise UsageError(f'{run.model.name} hears one vector per utterance: set features.level = "functionals"')
    module, affect_alone = registry.load("models", run.model.name), run.target.kind == "affect"
    check(module, run)
    trial = _Trial(examples, run, module, progress or Progress())
    if affect_alone:
        found = search.best(run.model, trial.affect_score, seed=run.seed)
        return Head(examples.labels, examples.x.shape[1], None, trial.ridge(module, found.options)), found
    found = search.best(run.model, trial.emotion_score, seed=run.seed)
    ridge = trial.ridge(registry.load("models", "ridge"), {}) if run.target.kind == "both" else None
    return Head(examples.labels, examples.x.shape[1], trial.emotion(found.options), ridge), found


def check(module: ModuleType, run: Run) -> None:
    """Refuse what a classical model cannot do.

    Raises:
        UsageError: another target than the model's, a strategy of networks, or other weights than copies.
    """
    wanted = "regression" if run.target.kind == "affect" else "classical"
    if wanted != module.KIND:
        able = [name for name in registry.names("models") if wanted == registry.load("models", name).KIND]
        raise UsageError(
            f"{run.model.name} cannot learn the target {run.target.kind!r}; on vectors, {', '.join(able)} can"
        )
    if run.balance.strategy in NETWORKS:
        raise UsageError(
            f"balance.strategy {run.balance.strategy!r} is for networks; a classical model takes none, inverse, "
            f"effective, logit-adjustment, oversample or smote"
        )
    copies = len(run.augment.copies)
    if len(run.augment.weights) not in (0, copies):
        raise UsageError(f"augment.weights has {len(run.augment.weights)} numbers for {copies} copies")


def parse(module: ModuleType, options: Options) -> Any:
    """Read a model's options.

    Raises:
        ConfigError: an unknown option, or a value of the wrong kind.
    """
    return config.parse(module.Options, options, source=f"model.options of {module.__name__.rpartition('.')[2]}")


class _Trial:
    """One training side: what each choice of options is worth on speakers not heard, and the final fits."""

    def __init__(self, examples: Examples, run: Run, module: ModuleType, progress: Progress) -> None:
        self._all, self._run, self._module, self._progress = examples, run, module, progress
        self._parts = search.deal(examples.speakers, INNER)
        self._held: dict[str, NDArray[np.float64]] = {}
        "scores of every row by models that have not heard its speaker, by options"

    def emotion_score(self, options: Options) -> float:
        """UAR on speakers not heard, each corpus's emotions counting alike."""
        self._progress.step("options", len(self._held), search.tries(self._run.model))
        scores, truth = self._held_out(options), self._all.emotions
        right = np.where(self._all.known, scores, -np.inf).argmax(axis=1) == truth
        cells = np.char.add(np.char.add(self._all.corpora, "/"), truth.astype(str))
        return float(np.mean([right[cells == cell].mean() for cell in np.unique(cells[truth >= 0])]))

    def emotion(self, options: Options) -> Fitted:
        """Fit to everybody, with the temperature that speakers not heard call for."""
        fitted = _learn(self._all, self._run, self._module, options)
        if self._parts.max() == 0:
            return fitted
        scores, truth = self._held_out(options), self._all.emotions
        rows = (truth >= 0) & (scores[np.arange(len(truth)), truth] > scores.max(axis=1) - 1e3)
        weights = cell_weights(_cells(self._all)[rows], np.ones(int(rows.sum())))
        return fitted.calibrated(calibrate.temperature(scores[rows], truth[rows], weights))

    def _held_out(self, options: Options) -> NDArray[np.float64]:
        key = _said(options)
        if key not in self._held:
            scores = np.zeros((len(self._all), len(self._all.labels)))
            for train, test in self._splits():
                scores[test] = _learn(self._all.part(train), self._run, self._module, options).scores(self._x(test))
            self._held[key] = scores
        return self._held[key]

    def _splits(self) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        for part in range(int(self._parts.max()) + 1):
            test = self._parts == part
            yield (~test, test) if self._parts.max() else (test, test)

    def _x(self, rows: NDArray[np.bool_]) -> Floats:
        return np.asarray(self._all.x)[rows]

    def affect_score(self, options: Options) -> float:
        """Mean CCC of valence, arousal and dominance on speakers not heard."""
        said, rated = self._held_affect(self._module, options), np.isfinite(self._all.affect).all(axis=1)
        matched = _matched(said[rated], self._all.affect[rated]) if self._run.target.affect_loss == "ccc" else None
        slope, offset = matched or (np.ones(3), np.zeros(3))
        judged = np.clip(said[rated] * slope + offset, -1, 1)
        return float(np.mean([metrics.ccc(self._all.affect[rated][:, i], judged[:, i]) for i in range(3)]))

    def ridge(self, module: ModuleType, options: Options) -> Ridge:
        """Fit to everybody; with the loss `ccc`, the spread is brought to that of the ratings."""
        fitted = _regress(self._all, module, options)
        rated = np.isfinite(self._all.affect).all(axis=1)
        if self._run.target.affect_loss != "ccc" or self._parts.max() == 0:
            return fitted
        slope, offset = _matched(self._held_affect(module, options)[rated], self._all.affect[rated])
        return Ridge(fitted.weights * slope, fitted.bias * slope + offset)

    def _held_affect(self, module: ModuleType, options: Options) -> NDArray[np.float64]:
        said = np.zeros((len(self._all), 3))
        for train, test in self._splits():
            said[test] = _regress(self._all.part(train), module, options).predict(self._x(test))
        return said


def _said(options: Options) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items()) or "the defaults"


def _matched(said: NDArray[np.float64], truth: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope and offset that give what was said the mean and deviation of the truth.

    Least squares shrinks towards the mean; of all linear maps this one has the best CCC (Lin 1989: it is then the
    correlation).
    """
    slope = truth.std(axis=0) / np.maximum(said.std(axis=0), 1e-6)
    return slope, truth.mean(axis=0) - slope * said.mean(axis=0)


# Rows -------------------------------------------------------------------------------------------------------------


def _learn(examples: Examples, run: Run, module: ModuleType, options: Options) -> Fitted:
    rows = balanced(_rows(examples, run), run.balance, labels=len(examples.labels), seed=run.seed)
    fitted: Fitted = module.learn(
        rows.x, rows.truth, examples.labels, options=parse(module, options), weights=rows.weights, seed=run.seed
    )
    return fitted if rows.bias is None else fitted.shifted(rows.bias)


def _rows(examples: Examples, run: Run) -> Rows:
    """Set the copies one below the other; a soft label becomes a row for each emotion that was heard."""
    copies = (np.asarray(examples.x), *map(np.asarray, examples.copies))
    each = (1.0, *(run.augment.weights or (1.0,) * len(examples.copies)))
    if run.target.kind == "ratings":
        row, truth = np.nonzero(examples.ratings)
        share = examples.ratings[row, truth].astype(np.float64)
    else:
        row = np.flatnonzero(examples.emotions >= 0)
        truth, share = examples.emotions[row], np.ones(len(row))
    if not len(row):
        raise DataError("no utterance has an emotion to learn")
    cells = np.unique(np.char.add(np.char.add(examples.corpora[row], "/"), truth.astype(str)), return_inverse=True)[1]
    return Rows(
        np.concatenate([copy[row] for copy in copies]),
        np.tile(truth, len(copies)),
        np.concatenate([weight * share for weight in each]),
        np.tile(cells, len(copies)),
    )


def _cells(examples: Examples) -> NDArray[np.intp]:
    names = np.char.add(np.char.add(examples.corpora, "/"), examples.emotions.astype(str))
    return np.asarray(np.unique(names, return_inverse=True)[1])


def _regress(examples: Examples, module: ModuleType, options: Mapping[str, Any]) -> Ridge:
    copies = (np.asarray(examples.x), *map(np.asarray, examples.copies))
    fitted: Ridge = module.learn(
        np.concatenate(copies), np.tile(examples.affect, (len(copies), 1)), options=parse(module, options)
    )
    return fitted
