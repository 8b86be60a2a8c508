"""Corpora -> benchmarks/MATRIX.md and docs/images/matrix.png. Trained on each corpus, tested on every other.

    python -m benchmarks.matrix

The same as `affekt matrix` on the recipes of recipes/matrix. Run it beside ../shared/corpora; what was finished is kept
in runs, so an interrupted one goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from affekt import config, training
from affekt.cli import matrix as command
from affekt.training import Run, matrix
from affekt.view import matrix as view
from benchmarks import page

ROOT = Path(__file__).parents[1]
RECIPES = ("whisper-lda", "egemaps-svm")
CORPORA = ("emodb", "ravdess", "savee", "emotale", "urdu")
PICTURE = ROOT / "docs/images/matrix.png"

HEAD = """# Across corpora

Written by `{command}` on {date}, commit {commit}, {machine}.

One recipe, trained on each corpus and tested on every other; `affekt matrix` does it for any recipe and corpora, and
[docs/evaluation.md](../docs/evaluation.md#across-corpora) says how. Four emotions that all five corpora have; options
and temperature are chosen and fitted on the training side alone. Acted corpora and the spontaneous one are averaged
apart.

![Heat map of the first table](../docs/images/matrix.png)
"""


class Told(training.Progress):
    """Says on standard error how far the work is."""

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def measure(recipe: str) -> dict[str, Any]:
    """Train and test all cells of a recipe."""
    run = config.load(Run, ROOT / f"recipes/matrix/{recipe}.toml")
    with threadpool_limits(1):
        return command.to_dict(matrix.judge(matrix.prepare(replace(run, name=recipe), CORPORA), progress=Told()))


def section(found: Mapping[str, Any]) -> Iterator[str]:
    """Write one recipe: its table, its means, and what it took."""
    yield f"## {found['run']}: {found['model']} on {found['features']}\n"
    yield view.markdown(found)
    yield "| tested on | same corpus, other speakers | another corpus | all other corpora in training |"
    yield "|---|---|---|---|"
    means = {(row["tested"], row["kind"]): row for row in found["means"] if row["measure"] == "uar"}
    for tested in dict.fromkeys(tested for tested, _ in means):
        rows = [means.get((tested, kind)) for kind in ("within", "across", "others")]
        cells = (f"{row['mean']:.3f} (mean of {row['cells']})" if row else "" for row in rows)
        yield f"| {tested} | {' | '.join(cells)} |"
    below = sum(view.guessed(cell, "uar") for cell in found["cells"] if cell["kind"] == "across")
    across = sum(cell["kind"] == "across" for cell in found["cells"])
    tried = max(cell["tried"] for cell in found["cells"] if cell["kind"] == "across")
    yield f"\n{below} of {across} cells across corpora are no better than guessing. Each model tried {tried}"
    yield "combinations of options on its training speakers.\n"


def main() -> None:
    lines = [HEAD.format(**page.origin("benchmarks.matrix"))]
    for place, recipe in enumerate(RECIPES):
        found = measure(recipe)
        lines += list(section(found))
        if not place:
            command.write(found, PICTURE)
    page.write("MATRIX.md", "\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
