"""Corpora -> benchmarks/RESULTS.md. Every number of the recipe, on speakers and corpora that its heads have not heard.

    python -m benchmarks.accuracy

Reads ../shared/corpora (or AFFEKT_CORPORA); a few minutes on two cores once the embeddings are cached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from affekt import audio, bundle, metrics
from affekt.features import whisper
from affekt.training import frozen
from affekt.training.frozen import Choice, Embedded, Held, Recipe
from affekt.types import Signal
from benchmarks import page
from recipes import corpora

FOUR = ("anger", "happiness", "neutral", "sadness")
FLOORS = {"ravdess": 0.75, "emodb": 0.90, "savee": 0.69, "emotale": 0.65, "urdu": 0.60}
FLOORS_UNHEARD = {"ravdess": 0.48, "emodb": 0.77, "savee": 0.70, "emotale": 0.56}
CHOSEN = Recipe()
STUDIO = Recipe(sets=(frozen.STUDIO,))
PHONE = Recipe(sets=(frozen.PHONE,))
TESTED = ("whole", "crop", "phone")

HEAD = """# Accuracy

Written by `{command}` on {date}, commit {commit}. Speaker-independent throughout: no head has
heard a speaker of its test. Scalers, copies and shrinkage are fitted or chosen on the training speakers of each fold.
Intervals: 95 %, bootstrap over speakers (1000 draws). One encoder for everything: {encoder}, INT8, frozen.

How many configurations were looked at: about 130 heads, poolings and copies were compared on these same corpora while
the recipe was found, so its numbers are a little better than a fresh corpus would show; the corpora that are not in
training (second table) guard best against that.

Every other kind of model, one row a recipe: [LAB.md](LAB.md).

In URDU 26 of 29 speakers show one emotion only and each television show has its own sound, so that channel and emotion
go together; copies that teach a head to ignore channels cost it ten points there and nothing elsewhere
(docs/decisions/0006-phone-copies.md).
"""


def main() -> None:
    parts = {name: corpora.embedded(name) for name in corpora.NAMES}
    with threadpool_limits(1):
        lines = [
            HEAD.format(**page.origin("benchmarks.accuracy"), encoder=whisper.NAME),
            *within(parts),
            *unheard(parts),
            *levels(parts),
            *choices(),
        ]
    page.write("RESULTS.md", "\n".join(lines) + "\n")


# Tables -----------------------------------------------------------------------------------------------------------

_USED: dict[str, Sequence[Choice]] = {}


def within(parts: Mapping[str, Embedded]) -> Iterator[str]:
    """Each corpus by its own protocol and with its own emotions."""
    yield "## Within a corpus, speakers not heard\n"
    yield (
        "UAR of whole clips, of random stretches of 1.2-3 s, and over a telephone (300-3400 Hz, 8 kHz, mu-law). "
        "`chosen`: the recipe, which picks its training copies and shrinkage on the training speakers (phone copies "
        "unless clean ones are better there by more than a standard error); `studio` and `phone`: the copies fixed. "
        "Shipped heads use `phone`.\n"
    )
    yield "| corpus, protocol | copies | UAR whole | floor | UAR 1.2-3 s | UAR phone | macro-F1 | weighted F1 | WA |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, data in parts.items():
        for title, recipe in (("chosen", CHOSEN), ("studio", STUDIO), ("phone", PHONE)):
            held = frozen.hold_out(data, corpora.splits(name, data), recipe, tested=TESTED)
            if title == "chosen":
                _USED[name] = held.choices
            floor = FLOORS[name] if title == "chosen" else None
            yield _row(f"{corpora.PROTOCOLS[name]}, {len(held.labels)} emotions", title, held, floor)


def unheard(parts: Mapping[str, Embedded]) -> Iterator[str]:
    """Each corpus by a head trained on the other acted corpora, four emotions."""
    yield "\n## Corpora not heard: trained on the other acted corpora, four emotions\n"
    yield "Anger, happiness, neutral, sadness. Copies and shrinkage are chosen by leaving one training corpus out.\n"
    yield "| test corpus | copies | UAR whole | floor | UAR 1.2-3 s | UAR phone | macro-F1 | weighted F1 | WA |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in parts:
        data = frozen.join([four(parts[other]) for other in dict.fromkeys((*corpora.ACTED, name))])
        test = data.corpora == name
        for title, recipe in (("chosen", CHOSEN), ("phone", PHONE)):
            held = frozen.hold_out(data, [(~test, test)], recipe, by="corpora", tested=TESTED)
            if title == "chosen":
                _USED[f"-> {name}"] = held.choices
            floor = FLOORS_UNHEARD.get(name) if title == "chosen" else None
            yield _row(name, title, held, floor)


def four(data: Embedded) -> Embedded:
    return data.part(np.isin(data.emotions, FOUR))


def _row(name: str, title: str, held: Held, floor: float | None) -> str:
    cells = [_uar(held, "whole"), _verdict(held, floor), _uar(held, "crop"), _uar(held, "phone")]
    scores = metrics.scores(held.data.emotions, held.emotions("whole"))
    cells += [f"{value:.3f}" for value in (scores.macro_f1, scores.weighted_f1, scores.accuracy)]
    return f"| {name} | {title} | {' | '.join(cells)} |"


def _verdict(held: Held, floor: float | None) -> str:
    if floor is None:
        return ""
    met = metrics.uar(held.data.emotions, held.emotions("whole")) >= floor
    return f"{floor:.2f} {'met' if met else 'MISSED'}"


def _uar(held: Held, copy: str) -> str:
    found = metrics.bootstrap(metrics.uar, held.data.emotions, held.emotions(copy), held.data.speakers, n=1000, seed=0)
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def levels(parts: Mapping[str, Embedded]) -> Iterator[str]:
    """How many decisions of the shipped heads change with the level of the recording."""
    yield "\n## Level: decisions that change when the input is scaled\n"
    yield "Every clip of every corpus, float samples, judged whole by the bundled heads.\n"
    yield "| bundle | clips | changed at -30 dB | at +10 dB | of them confident | widest gap of the two best |"
    yield "|---|---|---|---|---|---|"
    vectors = {gain: _scaled(gain) for gain in (0.0, -30.0, 10.0)}
    for name in bundle.names():
        model = bundle.load(name)
        probs = {gain: model.judge(x)[0] for gain, x in vectors.items()}
        yield f"| {name} | {len(probs[0.0])} | {_changes(probs, model.card.threshold)} |"


def _changes(probs: Mapping[float, frozen.Vectors], threshold: float) -> str:
    first = probs[0.0]
    moved = {gain: probs[gain].argmax(axis=1) != first.argmax(axis=1) for gain in (-30.0, 10.0)}
    either = moved[-30.0] | moved[10.0]
    best = np.sort(first[either], axis=1)[:, -2:]
    widest = float((best[:, 1] - best[:, 0]).max(initial=0))
    sure = int((best[:, 1] >= threshold).sum())
    return f"{moved[-30.0].sum()} | {moved[10.0].sum()} | {sure} | {widest:.4f}"


def _scaled(gain: float) -> frozen.Vectors:
    rows = []
    for name in corpora.NAMES:
        manifest = corpora.manifest(name)
        for utterance in manifest:
            signal = audio.read(manifest.file(utterance))
            samples = signal.samples * np.float32(10 ** (gain / 20))
            rows.append(whisper.embed(Signal(audio.level(samples, signal.rate), signal.rate)))
    return np.stack(rows)


def choices() -> Iterator[str]:
    """What the recipe chose in each fold."""
    yield "\n## What the recipe chose\n"
    yield "| test | copies, shrinkage of each fold |"
    yield "|---|---|"
    for name, used in _USED.items():
        words = [f"{'phone' if 'phone' in c.weights else 'studio'} {c.shrinkage:g}" for c in used]
        counted = [f"{words.count(word)} x {word}" for word in dict.fromkeys(words)]
        yield f"| {name} | {', '.join(counted)} |"


if __name__ == "__main__":
    main()
