"""What `affekt stress` found -> rows and sentences: passed or FAILED, how sure, and whether guessing passes as well.

A question mark says that the interval lies on both sides of the threshold, or that there is one speaker and so none:
with other speakers it could be the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from affekt.evaluation.stress import page, table

Result = Mapping[str, Any]
"""The JSON form of `affekt.evaluation.stress.table.Result`"""

_TINY = 0.0005  # what three digits cannot show

SHOWN = ("change of UAR", "agreement")
"""What a robustness test is judged by; the rest of a level says how it came about."""


def rows(stress: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give a row for each number, with its verdict in words."""
    asks = {test["name"]: test["asks"] for test in stress["tests"]}
    return [_row(result, asks.get(result["test"], "")) for result in stress["results"]]


def _row(result: Result, asks: str) -> dict[str, Any]:
    family, _, name = result["test"].partition("/")
    kept = ("corpus", "level", "metric", "value", "low", "high", "threshold", "side", "note")
    guess = page.guessed(table.Result.from_dict(result))
    return {
        **{key: result.get(key) for key in kept},
        "family": family,
        "test": name,
        "asks": asks,
        "shown": _shown(result),
        "verdict": verdict(result),
        "needed": needed(result),
        "random": (result.get("random") or {}).get("value"),
        "random_verdict": "" if guess is None else "passed" if guess else "FAILED",
        "groups": result.get("detail", {}).get("groups", {}),
        "main": family != "robustness" or result["metric"] in SHOWN or result.get("passed") is not None,
    }


def verdict(result: Result) -> str:
    """Say how a result went.

    >>> told = {"corpus": "demo", "test": "correctness/uar", "level": "", "metric": "UAR", "value": 0.4}
    >>> verdict({**told, "threshold": 0.5, "low": 0.3, "high": 0.6}), verdict({**told, "value": None})
    ('FAILED?', 'not measured')
    """
    judged = page.verdict([table.Result.from_dict(result)])
    return judged or ("not measured" if result.get("value") is None else "shown")


def needed(result: Result) -> str:
    """Say what is needed to pass, empty where nothing is judged.

    >>> needed({"threshold": 0.05, "side": "most"})
    'at most 0.050'
    """
    limit = result.get("threshold")
    return "" if limit is None else f"at {result['side']} {number(limit, _digits(result))}"


def _shown(result: Result) -> str:
    value, limit = result.get("value"), result.get("threshold")
    if value is None:
        return ""
    if abs(value) < _TINY and (limit is None or abs(limit) >= _TINY):
        return number(0.0)
    sign = "+" if result["metric"].startswith("change") and value >= _TINY else ""
    return f"{sign}{number(value, _digits(result))}"


def _digits(result: Result) -> int:
    """As many as it takes to see on which side of the threshold a value lies."""
    value, limit = result.get("value"), result.get("threshold")
    if value is None or limit is None or value in (limit, 0):
        return 3
    return next((n for n in (3, 4, 5) if round(value, n) != round(limit, n)), 6)


def number(value: float, digits: int = 3) -> str:
    """Write a number with three digits, a tiny one in powers of ten.

    >>> number(0.5), number(1e-06), number(0)
    ('0.500', '1e-06', '0.000')
    """
    return f"{value:.0e}" if 0 < abs(value) < _TINY else f"{value:.{digits}f}"


def tally(stress: Mapping[str, Any], corpus: str) -> tuple[int, int, int]:
    """Count what was judged, what passed, and what guessing passes; a level of a perturbation counts once."""
    return page.verdicts([table.Result.from_dict(one) for one in stress["results"] if one["corpus"] == corpus])


def sentences(stress: Mapping[str, Any]) -> Iterator[str]:
    """Say how each corpus went."""
    for about in stress["corpora"]:
        judged, passed, guessed = tally(stress, about["name"])
        part = f", on {about['utterances']:,} utterances that were chosen (--quick)" if stress.get("quick") else ""
        yield (
            f"Of {judged} stress tests that were judged on {about['name']}{part}, {stress['model']} passes {passed}; "
            f"a model that guesses passes {guessed}."
        )
        if about.get("leaky"):
            yield f"LEAKY on {about['name']}: {about['leaky']}; only what changes with the sound means anything."
