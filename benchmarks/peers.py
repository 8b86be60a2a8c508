"""Corpora -> benchmarks/PEERS.md. What others would reach on the same folds, in the same run as our own recipe.

    python -m benchmarks.peers

Needs the extras `train` and `opensmile` (whose licence allows research, not products). Run it beside ../shared/corpora.
Features are kept in cache/features, everything else is done anew each time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from affekt import config, metrics, training
from affekt.errors import AffektError
from affekt.evaluation import compare, floor
from affekt.evaluation.draws import Draws
from affekt.evaluation.judgements import Judgements
from affekt.features import egemaps_opensmile
from affekt.training import Examples, Run, Split, examples
from affekt.training.run import Data, Features
from benchmarks import page

Said = NDArray[np.intp]
"""Index of the emotion that was said, for each row that is tested."""
Learn = Callable[[Examples, Split, Run], Said]

RECIPES = Path(__file__).parents[1] / "recipes/matrix"
PROTOCOLS = {"ravdess": "ravdess/6fold", "emodb": "emodb/loso"}
OURS = "whisper-lda"
MEASURED = 24
"""Recordings of a corpus on which the time of features is measured."""

HEAD = """# Peers

Written by `{command}` on {date}, commit {commit}, {machine}.

Everything in one run, on the same folds and recordings: RAVDESS in six folds of four actors (`ravdess/6fold`, 8
emotions), EmoDB leaving each speaker out (`emodb/loso`, 7 emotions), folds pooled. No model hears copies of the
recordings here; with the copies of the bundled models, [LAB.md](LAB.md) has the row of Whisper-tiny and LDA. UAR with
its 95 % interval over speakers (1000 draws); p is `affekt compare`'s: all predictions of a speaker change sides between
the row and the last one. It is not corrected for looking at several rows; with 10 speakers (EmoDB) it cannot be below
0.002.

- **MFCC, as a tutorial would**: mean and deviation of 13 MFCC and their deltas, recordings as they are,
  `StandardScaler`, scikit-learn's `SVC` or `LogisticRegression` (1000 steps) with default options.
- **eGeMAPS**: the 88 numbers, by openSMILE or by our own `egemaps`, and the same SVM
  (`recipes/matrix/egemaps-svm.toml`), whose options are chosen on the training speakers of each fold.
- **Whisper-tiny + LDA**: features and head of the bundled models (`recipes/matrix/whisper-lda.toml`), shrinkage and
  layers chosen on the training speakers of each fold.

The rows are not equally tuned: the values that the SVM and the LDA choose from were found while looking at these very
folds ([LAB.md](LAB.md) says how often), the tutorial's rows were run once, as they are.

{licence}.
"""


@dataclass(frozen=True)
class Peer:
    """One way to do it."""

    title: str
    features: Features | None
    "None: does not listen"
    learn: Learn
    recipe: str = OURS


# Ways to learn ----------------------------------------------------------------------------------------------------


def majority(own: Examples, fold: Split, run: Run) -> Said:
    """Always say the commonest emotion of the training speakers."""
    return np.full(len(fold.test), np.bincount(own.emotions[fold.taught]).argmax(), np.intp)


def guess(own: Examples, fold: Split, run: Run) -> Said:
    """Say any emotion, all alike."""
    rng = np.random.default_rng([run.seed, int(fold.test[0])])
    return rng.integers(len(own.labels), size=len(fold.test), dtype=np.intp)


def tutorial(own: Examples, fold: Split, run: Run, *, name: str) -> Said:
    """Scale and fit as the first example of scikit-learn does."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    model = make_pipeline(StandardScaler(), {"svc": SVC(), "logistic": LogisticRegression(max_iter=1000)}[name])
    x = np.asarray(own.x)
    model.fit(x[fold.taught], own.emotions[fold.taught])
    return np.asarray(model.predict(x[fold.test]), np.intp)


def ours(own: Examples, fold: Split, run: Run) -> Said:
    """Train as `affekt train` does."""
    model, _ = training.fit(own, fold, run)
    return np.asarray(np.asarray(model.probs(own.part(fold.test).x)).argmax(axis=1), np.intp)


def svc(own: Examples, fold: Split, run: Run) -> Said:
    return tutorial(own, fold, run, name="svc")


def logistic(own: Examples, fold: Split, run: Run) -> Said:
    return tutorial(own, fold, run, name="logistic")


def _functionals(name: str, *, level: bool = True) -> Features:
    return Features(set=name, level="functionals", longest=30.0, level_speech=level)


PEERS = (
    Peer("always the commonest", None, majority),
    Peer("a guess, one draw", None, guess),
    Peer("MFCC + logistic regression, as a tutorial would", _functionals("mfcc", level=False), logistic),
    Peer("MFCC + SVC, as a tutorial would", _functionals("mfcc", level=False), svc),
    Peer("eGeMAPS by openSMILE + SVM", _functionals("egemaps_opensmile"), ours, "egemaps-svm"),
    Peer("eGeMAPS, our own + SVM", _functionals("egemaps"), ours, "egemaps-svm"),
    Peer("Whisper-tiny + LDA, our own", _functionals("whisper"), ours),
)


# Running ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What one peer reached on one corpus."""

    title: str
    judged: Judgements
    uar: metrics.Interval
    hearing: float | None
    "processor ms of the features of one recording, its decoding included"
    training: float
    "processor s of all folds, judging included"


def measure(peer: Peer, run: Run) -> Measured:
    """Train and test a peer on every fold of the run's protocol."""
    own, folds = examples.load(run)
    began = time.process_time()
    with threadpool_limits(1):
        said = np.concatenate([peer.learn(own, fold, run) for fold in folds])
    spent = time.process_time() - began
    rows = np.concatenate([fold.test for fold in folds])
    names = np.concatenate([np.full(len(fold.test), fold.name) for fold in folds])
    judged = Judgements(
        name=peer.title,
        labels=own.labels,
        ids=own.ids[rows],
        corpora=own.corpora[rows],
        speakers=own.speakers[rows],
        folds=names,
        truth=own.emotions[rows],
        probs=None,
        decided=said,
    )
    uar = metrics.bootstrap(metrics.uar, judged.truth, said, judged.speakers, n=1000, seed=0)
    return Measured(peer.title, judged, uar, None if peer.features is None else hearing(run), spent)


def hearing(run: Run) -> float:
    """Measure the time of features, on recordings all over the corpus; the first one pays for what is loaded."""
    gathered, heard, spent = examples.gather(run), examples.input_of(run), []
    for row in np.linspace(0, len(gathered.files) - 1, MEASURED + 1).astype(int):
        began = time.process_time()
        heard.hear(examples.sound(gathered.files[row], gathered.segments[row], ""))
        spent.append(time.process_time() - began)
    return 1000 * float(np.mean(spent[1:]))


def runs(corpus: str) -> Iterator[tuple[Peer, Run]]:
    """Every peer, and the run whose rows, folds and options it takes."""
    for peer in PEERS:
        recipe = config.load(Run, RECIPES / f"{peer.recipe}.toml")
        data = Data((corpus,), protocol=PROTOCOLS[corpus])
        yield peer, replace(recipe, data=data, features=peer.features or _functionals("whisper"))


# The page ---------------------------------------------------------------------------------------------------------


def table(found: Sequence[Measured]) -> Iterator[str]:
    """Write one corpus; the last row is what all others are compared with."""
    yield "| | UAR | less than the last row by | p | features, ms a recording | training of all folds, s |"
    yield "|---|---|---|---|---|---|"
    for one in found:
        apart = None if one is found[-1] else compare.compare(found[-1].judged, one.judged)["scores"]["uar"]
        cells = [one.title, str(one.uar), *_apart(apart)]
        cells += ["" if one.hearing is None else f"{one.hearing:.0f}", f"{one.training:.1f}"]
        yield f"| {' | '.join(cells)} |"


def guessing(judged: Judgements) -> str:
    """Say what guesses reach: one draw, which the test needs, may be a lucky one."""
    draws = Draws.of(judged.speakers, n=1, seed=0)
    peers = floor.peers(judged.truth, len(judged.labels), draws, n=1000, seed=0)
    (found,) = [peer["uar"] for peer in peers if peer["name"] == "random"]
    low, high = found["interval"]
    return f"Of 1000 guesses the mean is {found['value']:.3f}, and 95 % lie between {low:.3f} and {high:.3f}."


def _apart(found: Mapping[str, Any] | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    low, high = found["interval"]
    return f"{found['difference']:+.3f} [{low:+.3f}, {high:+.3f}]", f"{found['p']:.4f}"


def main() -> None:
    lines = [HEAD.format(**page.origin("benchmarks.peers"), licence=egemaps_opensmile.LICENCE)]
    for corpus, protocol in PROTOCOLS.items():
        found = []
        for peer, run in runs(corpus):
            try:
                found.append(measure(peer, run))
            except AffektError as error:
                sys.exit(f"{peer.title}: {error}")
            print(f"{corpus}: {peer.title}: {found[-1].uar}", file=sys.stderr, flush=True)
        n, people = len(found[0].judged), len(np.unique(found[0].judged.speakers))
        lines += [f"## {protocol}: {n} recordings, {people} speakers, {len(found[0].judged.labels)} emotions\n"]
        lines += [*table(found), "", guessing(found[0].judged), ""]
    lines.append("Times are the processor's, one thread, on two cores that others used as well.")
    page.write("PEERS.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
