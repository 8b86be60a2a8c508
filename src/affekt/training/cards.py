"""Result -> bundle. The card of a trained model: what it was trained on, what it may be used for, how well it does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt import bundle, datasets, features, hearing
from affekt.bundle import Card, Use
from affekt.features import whisper
from affekt.hearing import Input
from affekt.manifest import Manifest
from affekt.registry import need
from affekt.training import folder, results

if TYPE_CHECKING:
    from affekt.training import Model, Result

_USES: dict[str, Use] = {"any": "anything", "non-commercial": "non-commercial"}
_FREE = ("Apache-2.0", "MIT", "BSD", "CC0")
"Beginnings of licences that ask for no more than to be named; the first is ours."
_STRICT: tuple[Use, ...] = ("anything", "non-commercial", "research")
_MEANS: dict[Use, str] = {
    "anything": "for any use",
    "non-commercial": "for non-commercial use",
    "research": "for research",
}


@dataclass(frozen=True, slots=True)
class Made:
    """How the final model was made."""

    manifests: Sequence[Manifest]
    input: Input
    about: dict[str, Any]
    "options that were chosen, ..."


def save(model: Model, result: Result, made: Made, path: Path) -> None:
    """Write the bundle of a run's final model."""
    graph = model.graph()
    if result.run.target.kind in ("emotion", "ratings"):
        graph = _without_affect(graph)  # a network has the outputs, but they were not trained
    bundle.save(card(result, made), graph, folder.toml(result.run), path)


def _without_affect(graph: bytes) -> bytes:
    onnx = need("onnx", extra="train")
    model = onnx.load_from_string(graph)
    kept = [output for output in model.graph.output if output.name != "affect"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    made: bytes = model.SerializeToString()
    return made


def card(result: Result, made: Made) -> Card:
    """Write the card of a run's final model."""
    run, use = result.run, _use(made)
    stamp = f" ({results.LEAKY})" if result.leaky else ""
    names = ", ".join(manifest.name for manifest in made.manifests)
    affective = run.target.kind == "both"
    hears_whisper = made.input.set == "whisper"
    return Card(
        name=run.name,
        version="1",
        title=f"{run.name}: {run.model.name} on {run.features.set}, trained on {names}{stamp}",
        licence="; ".join(_licences(made)),
        licence_line=f"Model {run.name}@1: {_MEANS[use]}, because of what it was trained on ({names}).{stamp}",
        use=use,
        languages=_languages(made.manifests),
        labels=result.judged.labels.names,
        trained_on=tuple(_lines(made.manifests)),
        scores={_protocol(result): _rounded(result.scores)},
        limits=tuple(_limits(result, made)),
        threshold=results.threshold(result.judged),
        affect="learned from the corpora's ratings, brought to -1 .. 1" if affective else "not learned",
        encoder=whisper.NAME if hears_whisper else made.input.set,
        encoder_sha256=whisper.SHA256 if hears_whisper else "",
        sha256="",
        command="affekt train run.toml",
        input=asdict(made.input),
        notes={"chosen": made.about, "git": folder.revision(), "heard": bundle.heard(made.manifests)},
    )


def _use(made: Made) -> Use:
    """The strictest of what corpora and features allow; a corpus that we do not know is for research, to be careful."""
    known = set(datasets.names())
    uses = [_USES.get(datasets.card(m.name).use if m.name in known else "", "research") for m in made.manifests]
    free = _features_licence(made).startswith(_FREE)
    return max([*uses, "anything" if free else "research"], key=_STRICT.index)


def _features_licence(made: Made) -> str:
    own = made.input.set
    return _FREE[0] if own == hearing.SAMPLES else features.load(own).licence


def _licences(made: Made) -> tuple[str, ...]:
    corpora = dict.fromkeys(manifest.licence or "not stated" for manifest in made.manifests)
    own = _features_licence(made)
    return (*corpora, *(() if own == _FREE[0] else (f"features: {own}",)))


def _languages(manifests: Sequence[Manifest]) -> tuple[str, ...]:
    own = dict.fromkeys(u.language for m in manifests for u in m if u.language)
    return tuple(own) or ("und",)


def _lines(manifests: Sequence[Manifest]) -> Iterator[str]:
    for manifest in manifests:
        licence = f" ({manifest.licence})" if manifest.licence else ""
        yield f"{manifest.name}: {len(manifest)} utterances, {len(manifest.speakers)} speakers{licence}"


def _protocol(result: Result) -> str:
    if not result.run.data.protocol:
        return "development speakers, not heard by the model that was tested"
    return f"{result.run.data.protocol}, {results.LEAKY if result.leaky else 'speakers not heard'}"


def _rounded(scores: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name in ("uar", "macro_f1", "weighted_f1", "accuracy"):
        if name in scores:
            shown[name] = _shown(scores[name])
    if "recall" in scores:
        shown["recall"] = {label: round(value, 3) for label, value in scores["recall"].items()}
    if "ccc" in scores:
        shown["CCC"] = {axis: _shown(value) for axis, value in scores["ccc"].items()}
    return shown


def _shown(score: Any) -> str:
    """A score with its interval, as text."""
    value, interval = score["value"], score["interval"]
    if value is None:
        return "not defined"
    return f"{value:.3f}" if not interval or None in interval else f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _limits(result: Result, made: Made) -> Iterator[str]:
    if result.leaky:
        yield f"{results.LEAKY}: the split shares speakers, the scores are too high: do not quote them"
    corpora = [datasets.card(m.name) for m in made.manifests if m.name in datasets.names()]
    if acted := [one.name for one in corpora if one.elicitation == "acted"]:
        yield f"Acted speech ({', '.join(acted)}): natural emotion is subtler, and every model loses there."
    yield "On recordings unlike those in training expect less than these scores; test on a corpus that was not in it."
    yield "The final model was trained on everybody; its scores are those of models trained on a part of the speakers."
    if not made.input.level_speech:
        yield "Trained without levelling; recordings are levelled in use, so expect less."
    yield "Not for judging employees or pupils (prohibited in the EU), nor for decisions about a person by itself."


def dumped(value: Any) -> str:
    """Write JSON for people and programs."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
