"""Judgements, and whatever else is known of a model -> one report, `affekt.report/1`: all that a reader should see.

It holds an evaluation as `scores` makes it, how other models compare with it, the results of a stress suite, and the
card of the bundle. `affekt.view` makes a page, Markdown and a model card of it.
"""

from __future__ import annotations

import json
import platform
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from affekt.bundle import Card
from affekt.errors import DataError
from affekt.evaluation import scores
from affekt.evaluation.compare import compare
from affekt.evaluation.judgements import Judgements

SCHEMA = "affekt.report/1"
STRESS = "affekt.stress/1"

_PACKAGES = ("affekt", "numpy")
_STRESS_PARTS: Mapping[str, frozenset[str]] = {
    "corpora": frozenset({"name", "utterances", "speakers"}),
    "tests": frozenset({"name", "asks"}),
    "results": frozenset({"corpus", "test", "level", "metric", "value", "threshold", "side", "passed"}),
}
"What a report needs of a stress suite."


def gather(
    subject: Judgements,
    others: Sequence[Judgements] = (),
    *,
    stress: Mapping[str, Any] | None = None,
    card: Card | None = None,
    run: Mapping[str, Any] | None = None,
    command: str = "",
    bootstraps: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Put together what a report of `subject` shows.

    Args:
        subject: the model's judgements.
        others: of models that are compared with it, on the utterances that both have judged.
        stress: what `affekt stress -o` wrote.
        card: of the bundle that judged, where there is one.
        run: what `read_run` found.
        command: that makes the report again.
        bootstraps: draws of speakers.
        seed: of the draws.

    Returns:
        JSON, docs/evaluation.md has every key.

    Raises:
        DataError: there is nothing to score.
    """
    return {
        "schema": SCHEMA,
        "subject": scores.evaluate(subject, bootstraps=bootstraps, seed=seed),
        "others": [_beside(subject, other, bootstraps, seed) for other in others],
        "stress": None if stress is None else dict(stress),
        "card": None if card is None else {**card.to_dict(), "id": card.id},
        "run": None if run is None else dict(run),
        "made": {"command": command, "python": platform.python_version(), "packages": _packages()},
    }


def _beside(subject: Judgements, other: Judgements, bootstraps: int, seed: int) -> dict[str, Any]:
    """Score another model, and compare it where both have judged the same utterances."""
    own = scores.evaluate(other, bootstraps=bootstraps, seed=seed)
    found: dict[str, Any] = {"evaluation": own, "comparison": None, "trouble": None}
    try:
        found["comparison"] = compare(subject, other, bootstraps=bootstraps, seed=seed)
    except DataError as error:
        found["trouble"] = str(error)
    return found


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# What lies beside -------------------------------------------------------------------------------------------------


def read_stress(path: Path) -> dict[str, Any]:
    """Read what `affekt stress -o` wrote.

    Raises:
        DataError: it is not there, or something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("schema") != STRESS:
        raise DataError(f"{path} is no result of the kind {STRESS}; `affekt stress -o` writes one")
    lacking = [name for name in ("model", "corpora", "tests", "results") if name not in found]
    if lacking:
        raise DataError(f"{path} lacks {', '.join(lacking)}; `affekt stress -o` writes them")
    for part, needed in _STRESS_PARTS.items():
        rows = found[part]
        if not isinstance(rows, list) or any(not isinstance(row, dict) or needed - row.keys() for row in rows):
            raise DataError(
                f"{path}: {part} must be a list of objects with {', '.join(sorted(needed))}; "
                f"`affekt stress -o` writes it"
            )
    return found


def read_run(folder: Path) -> dict[str, Any] | None:
    """Read what a run of `affekt train` wrote of itself: its environment and its seed; None where it is no run.

    Raises:
        DataError: a file of it cannot be read.
    """
    environment, told = folder / "environment.json", folder / "run.toml"
    if not told.is_file():
        return None
    try:
        options = tomllib.loads(told.read_text(encoding="utf-8"))
        around = json.loads(environment.read_text(encoding="utf-8")) if environment.is_file() else {}
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{folder} cannot be read: {error}") from error
    return {"environment": around, "options": options}
