"""A script: as long as it was asked for, with the emotions that were asked for, and talk at both ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.simulate.script import KINDS, script

EMOTIONS = ("anger", "fear", "sadness")
seconds = st.floats(30, 7200)
seeds = st.integers(0, 2**32)


@given(st.sampled_from(KINDS), seconds, seeds)
def test_it_lasts_as_long_as_asked_and_begins_and_ends_with_talk(kind, seconds, seed):
    parts = script(kind, seconds=seconds, emotions=EMOTIONS, rng=np.random.default_rng(seed))
    assert sum(part.seconds for part in parts) == pytest.approx(seconds)
    assert all(part.seconds > 0 for part in parts)
    assert parts[0].what == parts[-1].what == "talk"
    assert all(part.emotion == "neutral" for part in parts if part.what != "talk")


@given(seconds, seeds)
def test_a_calm_call_has_no_emotion_and_an_angry_one_has_one_anger(seconds, seed):
    for kind, expected in (("calm", []), ("angry", ["anger"])):
        parts = script(kind, seconds=seconds, emotions=EMOTIONS, rng=np.random.default_rng(seed))
        assert [part.emotion for part in parts if part.emotion != "neutral"] == expected
        assert parts[0].emotion == parts[-1].emotion == "neutral"


@given(st.floats(600, 7200), seeds)
def test_a_mixed_call_has_every_emotion_before_one_comes_again(seconds, seed):
    parts = script("mixed", seconds=seconds, emotions=EMOTIONS, rng=np.random.default_rng(seed))
    found = [part.emotion for part in parts if part.emotion != "neutral"]
    assert set(found[:3]) == set(EMOTIONS)


def test_the_same_seed_writes_the_same_script():
    made = [script("mixed", seconds=300, emotions=EMOTIONS, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize(
    ("kind", "seconds", "emotions", "error", "said"),
    [
        ("clam", 60, EMOTIONS, UnknownNameError, "did you mean 'calm'"),
        ("calm", 5, EMOTIONS, UsageError, "a call must last 30 to 7200 s, got 5"),
        ("angry", 60, ("fear",), DataError, "angry calls need a customer who speaks in anger"),
        ("mixed", 60, ("neutral",), DataError, "mixed calls need a customer who speaks in some emotion"),
    ],
)
def test_what_cannot_be_is_refused_in_words(kind, seconds, emotions, error, said):
    with pytest.raises(error, match=said):
        script(kind, seconds=seconds, emotions=emotions, rng=np.random.default_rng(0))
