"""--merge calm=neutral -> emotions that count as another."""

from __future__ import annotations

from collections.abc import Sequence

from affekt.errors import UsageError


def merges(given: Sequence[str]) -> dict[str, str] | None:
    """Read the option; that it was not given is not the same as no merges, since a bundle has its own.

    Raises:
        UsageError: one is not like A=B.

    >>> merges(["calm=neutral"]), merges([])
    ({'calm': 'neutral'}, None)
    """
    pairs = [one.partition("=") for one in given]
    wrong = [one for one, (a, _, b) in zip(given, pairs, strict=True) if not (a and b)]
    if wrong:
        raise UsageError(f"--merge must be like calm=neutral, not {wrong[0]!r}")
    return {a: b for a, _, b in pairs} if given else None
