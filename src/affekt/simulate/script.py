"""Kind, seconds -> parts of a call: talk in one emotion of the customer's, and what lies between. Pure, seeded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from affekt.errors import DataError, UnknownNameError, UsageError

Kind = Literal["calm", "angry", "mixed"]
"""Calm: nothing but neutral. Angry: neutral, anger, neutral. Mixed: episodes of any emotion, neutral between them."""
KINDS: tuple[Kind, ...] = get_args(Kind)

What = Literal["talk", "hold", "silence", "keys"]

CALM = "neutral"
"""what a script calls speech without an emotion; a corpus's calm clips count as well"""

_SECONDS = (30.0, 7200.0)
_BEFORE, _ANGRY = (0.25, 0.4), (0.3, 0.45)  # of an angry call
_EPISODE = (20.0, 45.0)  # s of an episode of a mixed call
_BETWEEN = (20.0, 70.0)  # s between two of them
_STRETCH = (15.0, 45.0)  # s of calm talk between two things that are no talk
_ASIDES: dict[What, tuple[float, float]] = {"hold": (6.0, 20.0), "silence": (3.0, 9.0), "keys": (1.5, 4.0)}


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a call."""

    what: What
    seconds: float
    "about; a turn that has begun is spoken to its end"
    emotion: str = CALM
    "the customer's, in all of it"


def script(kind: Kind, *, seconds: float, emotions: Collection[str], rng: np.random.Generator) -> tuple[Part, ...]:
    """Write what happens in a call.

    Args:
        kind: calm, angry or mixed.
        seconds: of the whole, 30 to 7200.
        emotions: that the customer can speak in, besides neutral.
        rng: draws.

    Raises:
        UnknownNameError: no such kind.
        UsageError: a call cannot be as short or long.
        DataError: the customer has no anger for an angry call, or nothing at all for a mixed one.

    >>> parts = script("angry", seconds=120, emotions=["anger"], rng=np.random.default_rng(0))
    >>> sum(part.emotion == "anger" for part in parts), round(sum(part.seconds for part in parts))
    (1, 120)
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of call", kind, KINDS)
    if not _SECONDS[0] <= seconds <= _SECONDS[1]:
        raise UsageError(f"a call must last {_SECONDS[0]:g} to {_SECONDS[1]:g} s, got {seconds:g}")
    if kind == "calm":
        return tuple(_calm(seconds, rng))
    wanted = [name for name in sorted(emotions) if name != CALM and (kind == "mixed" or name == "anger")]
    if not wanted:
        raise DataError(f"{kind} calls need a customer who speaks in {'anger' if kind == 'angry' else 'some emotion'}")
    return tuple(_angry(seconds, rng) if kind == "angry" else _mixed(seconds, wanted, rng))


def _angry(seconds: float, rng: np.random.Generator) -> list[Part]:
    before, angry = seconds * rng.uniform(*_BEFORE), seconds * rng.uniform(*_ANGRY)
    after = seconds - before - angry
    return [*_calm(before, rng), Part("talk", angry, "anger"), *_calm(after, rng)]


def _mixed(seconds: float, emotions: list[str], rng: np.random.Generator) -> list[Part]:
    """Calm and episodes in turn; no emotion twice before each had its turn."""
    parts: list[Part] = []
    left, waiting = seconds, [""] * 0
    while left > 0:
        parts += _calm(min(left, rng.uniform(*_BETWEEN)), rng)
        left = seconds - sum(part.seconds for part in parts)
        waiting = waiting or [str(name) for name in rng.permutation(emotions)]
        if left > 0:
            parts.append(Part("talk", min(left, rng.uniform(*_EPISODE)), waiting.pop()))
            left -= parts[-1].seconds
    return parts


def _calm(seconds: float, rng: np.random.Generator) -> list[Part]:
    """Calm talk, broken now and then by what is no talk; it begins and ends with talk."""
    parts: list[Part] = []
    left = seconds
    while left > 0:
        what: What = list(_ASIDES)[int(rng.integers(len(_ASIDES)))]
        talk, aside = rng.uniform(*_STRETCH), rng.uniform(*_ASIDES[what])
        if talk + aside + _STRETCH[0] / 2 > left:
            return [*parts, Part("talk", left)]
        parts += [Part("talk", talk), Part(what, aside)]
        left -= talk + aside
    return parts
