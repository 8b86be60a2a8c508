"""Corpora -> benchmarks/EVALUATION.md. What the recipes of the bundled models give, judged by `affekt evaluate`.

    python -m benchmarks.evaluation

Reads ../shared/corpora (or AFFEKT_CORPORA); a few minutes on two cores once the embeddings are cached.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from affekt import bundle, datasets
from affekt.cache import Cache
from affekt.cli import _anew
from affekt.evaluation import judgements, scores
from affekt.evaluation.judgements import Judgements
from affekt.training import Progress
from benchmarks import page
from recipes import corpora

LIMIT = 180.0
"""Seconds that the whole evaluation of RAVDESS may take, with cached features."""

HEAD = """# Evaluation

Written by `{command}` on {date}, commit {commit}, {machine}.

What `affekt evaluate MODEL --on PROTOCOL` says of the bundled models: the head, copies and shrinkage that were
shipped, trained anew in each fold on all of the model's corpora but the fold's test speakers. Emotions that the corpus
cannot name are not offered; calm counts as neutral in `default`. Intervals: 95 %, 1000 bootstraps over speakers. What
the columns mean is in [docs/evaluation.md](../docs/evaluation.md).

The model card's first row of `default` is another measurement: there the shrinkage is chosen in each fold on the
training speakers, and all eight emotions are offered; the shipped shrinkage was chosen for corpora that were not heard.
"""

COLUMNS = (
    "| model | on | emotions | UAR | guessing, up to | told apart from (alike, unlike) | ECE (perfect, up to) | ECE, "
    "temperature of others | accuracy | surest 80 % | surest 60 % |"
)


def main() -> None:
    lines = [HEAD.format(**page.origin("benchmarks.evaluation"))]
    seconds = dict[str, tuple[float, ...]]()
    lines += ["## Speakers not heard, corpora heard\n", COLUMNS, "|---|---|---|---|---|---|---|---|---|---|---|"]
    lines += list(anew(seconds))
    lines += ["\n## Corpora not heard\n", COLUMNS, "|---|---|---|---|---|---|---|---|---|---|---|"]
    lines += list(unheard())
    lines += list(timing(seconds))
    page.write("EVALUATION.md", "\n".join(lines) + "\n")


def anew(seconds: dict[str, tuple[float, ...]]) -> Iterator[str]:
    wanted = [("default", protocol) for protocol in corpora.PROTOCOLS.values()] + [("permissive", "emodb/loso")]
    for name in corpora.NAMES:
        corpora.embedded(name)
    for model, protocol in wanted:
        begin, spent = time.monotonic(), time.process_time()
        own = _anew.judge(
            bundle.load(model), protocol, root=corpora.CORPORA, cache=corpora.CACHE.parent, progress=Progress()
        )
        judged = time.monotonic()
        yield row(model, protocol, own)
        measured = time.monotonic()
        seconds[f"{model}, {protocol}"] = judged - begin, measured - judged, time.process_time() - spent
        print(f"{model}, {protocol}: {measured - begin:.0f} s", file=sys.stderr, flush=True)


def unheard() -> Iterator[str]:
    model, kept = bundle.load("permissive"), Cache(corpora.CACHE.parent / "heard")
    for name in corpora.NAMES:
        if name != "emodb":
            manifest = datasets.load(name, corpora.CORPORA / name)
            yield row("permissive", name, judgements.judge(model, manifest, cache=kept))


def row(model: str, on: str, own: Judgements) -> str:
    found = scores.evaluate(own)
    emotion, calibration, at = found["emotion"], found["calibration"], found["selective"]["at"]
    (random,) = [peer for peer in emotion["peers"] if peer["name"] == "random"]
    told, raw = emotion["resolves"]["uar"], calibration["raw"]
    cells = [
        model,
        on,
        str(len(own.labels)),
        shown(emotion["uar"]),
        f"{random['uar']['interval'][1]:.3f}",
        f"{told['alike']:.3f}, {told['unlike']:.3f}",
        f"{raw['ece']['value']:.3f} ({raw['ece']['perfect']['interval'][1]:.3f})",
        f"{calibration['temperature']['ece']['value']:.3f}",
        shown(emotion["accuracy"]),
        *(f"{one['accuracy']['value']:.3f}" for one in at),
    ]
    return f"| {' | '.join(cells)} |"


def shown(score: Mapping[str, Any]) -> str:
    return f"{score['value']:.3f} [{score['interval'][0]:.3f}, {score['interval'][1]:.3f}]"


def timing(seconds: Mapping[str, tuple[float, ...]]) -> Iterator[str]:
    yield "\n## How long it takes\n"
    yield (
        f"With cached features, one thread, on two cores that others used as well: the processor's seconds are what it "
        f"needs. RAVDESS may take {LIMIT:.0f} s.\n"
    )
    yield "| | train and judge all folds, s | measure, 1000 bootstraps, s | processor, s | |"
    yield "|---|---|---|---|---|"
    for name, (judged, measured, spent) in seconds.items():
        verdict = ("met" if judged + measured <= LIMIT else "MISSED") if "ravdess" in name else ""
        yield f"| {name} | {judged:.0f} | {measured:.1f} | {spent:.0f} | {verdict} |"


if __name__ == "__main__":
    main()
