"""A cast of made-up voices: no corpus and no program needed."""

from __future__ import annotations

from functools import cache

from affekt.audio import resampled
from affekt.fingerprint import RATE as NARROW
from affekt.simulate.cast import RATE, trimmed
from voices import voice


class Players:
    """Four people; each clip is another sound, as loud as calm speech."""

    name = "made up"
    synthetic = True
    people = ("a", "b", "c", "d")

    def takes(self, person):
        emotions = ("neutral", "anger", "sadness") if person != "d" else ("neutral",)
        return {emotion: tuple(f"{person}/{emotion}/{n}" for n in range(4)) for emotion in emotions}

    def sound(self, person, take):
        assert take.startswith(f"{person}/")
        return _sound(take)


@cache
def _sound(take):
    seed = sum(ord(c) * 31**i for i, c in enumerate(take)) % 2**32
    return trimmed(resampled(voice(seed, 1.5), NARROW, RATE))
