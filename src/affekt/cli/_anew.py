"""Bundle, protocol -> Judgements. Its recipe, trained anew in each fold, judges the speakers that the fold leaves out.

So a model can be judged on a corpus that it was trained on: not itself, but what its recipe gives for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affekt import calibrate, config, datasets
from affekt.errors import DataError, MissingExtraError, UsageError
from affekt.evaluation import judgements
from affekt.evaluation.judgements import Judgements, Offered
from affekt.manifest import Fold, Manifest
from affekt.registry import need
from affekt.types import LabelSet

if TYPE_CHECKING:
    from affekt.bundle import Bundle
    from affekt.training import Progress
    from affekt.training.frozen import Embedded, Held

GENERAL = ("speakers", "sessions", "corpora")
"""Kinds of protocol that any corpora can be split by."""


def is_protocol(name: str) -> bool:
    """Say whether this names a protocol rather than a corpus or a file.

    >>> is_protocol("ravdess/6fold"), is_protocol("speakers/5"), is_protocol("ravdess"), is_protocol("data/mine.csv")
    (True, True, False, False)
    """
    kind, _, which = name.partition("/")
    return bool(which) and not Path(name).exists() and kind in (*GENERAL, *datasets.names())


def judge(
    model: Bundle,
    protocol: str,
    *,
    root: Path,
    cache: Path,
    merge: Mapping[str, str] | None = None,
    offered: Offered = "corpus",
    workers: int = 1,
    progress: Progress,
) -> Judgements:
    """Train the bundle's recipe anew in each fold of a protocol, and judge the test speakers.

    Args:
        model: the bundle.
        protocol: e.g. ravdess/6fold.
        root: folder of the corpora's folders.
        cache: folder for features, and for a run that is interrupted.
        merge: emotions that count as another; the bundle's own when not given.
        offered: what the models may say.
        workers: processes for features.
        progress: is told how far the work is.

    Raises:
        UsageError: the bundle has no recipe, or was not trained on that corpus.
        DataError: a corpus is missing, or is another one than the bundle was trained on.
        UnknownNameError: no such protocol.
    """
    if "copies" in model.run:
        return _frozen(model, protocol, root, (cache, workers, progress), (merge, offered))
    if "model" in model.run and "data" in model.run:
        if merge is not None or offered != "corpus":
            raise UsageError("a run is trained with its own merges and offers; change its run.toml instead")
        return _run(model, protocol, root, (cache, workers, progress))
    raise UsageError(f"{model.id} has no run.toml that says how it was trained, so it cannot be trained anew")


def _unheard(model: Bundle, corpus: str, known: Mapping[str, Any]) -> UsageError:
    return UsageError(
        f"{model.id} was trained on {', '.join(known)}, not on {corpus}: judge that corpus itself, --on {corpus}"
    )


_Aside = tuple[Path, int, "Progress"]


# Bundles of `affekt train` ----------------------------------------------------------------------------------------


def _run(model: Bundle, protocol: str, root: Path, aside: _Aside) -> Judgements:
    from affekt import training
    from affekt.cache import key

    cache, workers, progress = aside
    run = config.load(training.Run, model.folder / "run.toml")
    corpus = protocol.partition("/")[0]
    if corpus not in (*GENERAL, *run.data.corpora) and run.data.manifest is None:
        raise _unheard(model, corpus, dict.fromkeys(run.data.corpora))
    data = replace(run.data, protocol=protocol, folds=(), root=root)
    anew = replace(run, data=data, folder=cache / "anew", cache=cache / "features")
    name = f"{run.name}-{key(config.dump(anew), model.card.sha256)[:12]}"
    done = training.train(replace(anew, name=name), workers=workers, progress=progress, bundle=False)
    found = judgements.read(done.folder)
    told = {"offered": "corpus", "recipe": f"its run.toml, trained anew in each fold of {protocol}"}
    return _joined(replace(found, name=model.id, about={**found.about, **told}), root)


def _joined(found: Judgements, root: Path) -> Judgements:
    own = [datasets.load(name, root / name) for name in np.unique(found.corpora).tolist() if (root / name).is_dir()]
    return judgements.join(found, own) if own else found


# The bundles that ship --------------------------------------------------------------------------------------------


def _frozen(
    model: Bundle, protocol: str, root: Path, aside: _Aside, labels: tuple[Mapping[str, str] | None, Offered]
) -> Judgements:
    from affekt.training import frozen

    corpus, told = protocol.partition("/")[0], model.run["fingerprints"]
    if corpus not in told:
        raise _unheard(model, corpus, told)
    cache, workers, progress = aside
    merge, offered = model.merge if labels[0] is None else dict(labels[0]), labels[1]
    parts = {name: _manifest(model, name, root / name, told[name]) for name in told}
    folds = datasets.protocol(protocol, parts[corpus])
    copies = model.run["copies"]
    embedded = {
        name: frozen.embed(
            part, copies=tuple(copies), cache=cache / "embeddings", workers=workers, progress=progress.step
        )
        for name, part in parts.items()
    }
    rows, splits = _rows(parts, folds, corpus, merge)
    data = replace(frozen.join([embedded[name] for name in parts]), emotions=np.array([u[2] for u in rows]))
    recipe = frozen.Recipe(sets=(copies,), shrinkages=(model.run["shrinkage"],))
    kept = data.emotions != ""
    with _one_thread():
        held = frozen.hold_out(data.part(kept), [(a[kept], b[kept]) for a, b in splits], recipe, tested=("whole",))
    tested = np.any([test for _, test in splits], axis=0) & kept
    found = _judgements(model, held, [row for row, own in zip(rows, tested, strict=True) if own], parts[corpus])
    about = {
        "protocol": protocol,
        "tested": "test speakers",
        "offered": offered,
        "merge": merge,
        "fingerprints": dict(told),
        "recipe": f"the head, copies and shrinkage of its run.toml, trained anew in each fold of {protocol} on "
        f"{', '.join(told)}; the temperature is the one that was shipped",
    }
    names = {merge.get(name, name) for name in folds[0].test.labels}
    found = replace(found, about=about)
    return judgements.join(judgements.offer(found, names) if offered == "corpus" else found, [parts[corpus]])


def _one_thread() -> AbstractContextManager[Any]:
    """Sums in one order, so that the same numbers come out on any machine; where it can be had."""
    try:
        limits: AbstractContextManager[Any] = need("threadpoolctl", extra="train").threadpool_limits(1)
    except MissingExtraError:
        return nullcontext()
    return limits


def _manifest(model: Bundle, name: str, folder: Path, fingerprint: str) -> Manifest:
    if not folder.is_dir():
        raise DataError(f"{model.id} was trained on {name} as well, and there is no folder {folder}; see --root")
    found = datasets.load(name, folder)
    if found.fingerprint != fingerprint:
        raise DataError(f"{folder} is another {name} than {model.id} was trained on: some of its rows differ")
    return found.filter(lambda u: u.emotion is not None)


_Row = tuple[str, str, str]
"Corpus and id, fold, emotion; the emotion is empty where the protocol leaves the utterance out."


def _rows(
    parts: Mapping[str, Manifest], folds: list[Fold], corpus: str, merge: Mapping[str, str]
) -> tuple[list[_Row], list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]]:
    """Name each row's fold and emotion; and the rows of training and test of each fold. All other corpora train."""
    said = {u.id: u.emotion for fold in folds for side in (fold.train, fold.dev, fold.test) if side for u in side}
    place = {u.id: fold.name for fold in folds for u in fold.test}
    rows = []
    for name, part in parts.items():
        for u in part:
            emotion = said.get(u.id) if name == corpus else u.emotion
            tested = place.get(u.id, "") if name == corpus else ""
            rows.append((f"{name}/{u.id}", tested, merge.get(emotion, emotion) if emotion else ""))
    splits = []
    for fold in folds:
        test = np.array([own == fold.name for _, own, _ in rows])
        own = {f"{corpus}/{u.id}" for side in (fold.train, fold.dev) if side for u in side}
        train = np.array([name in own or not name.startswith(f"{corpus}/") for name, _, _ in rows])
        splits.append((train, test))
    return rows, splits


def _judgements(model: Bundle, held: Held, rows: list[_Row], part: Manifest) -> Judgements:
    data: Embedded = held.data
    probs = calibrate.softmax(held.scores["whole"] / model.run["temperature"])
    return Judgements(
        name=model.id,
        labels=LabelSet(held.labels),
        ids=np.array([name.partition("/")[2] for name, _, _ in rows]),
        corpora=np.full(len(rows), part.name),
        speakers=data.speakers,
        folds=np.array([fold for _, fold, _ in rows]),
        truth=np.array([held.labels.index(name) for name in data.emotions], np.intp),
        probs=probs,
    )
