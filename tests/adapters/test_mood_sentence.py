"""The sentence that an agent is told: honest, or nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt import bundle
from affekt.adapters._mood import LEAST, MARK, sentence
from affekt.types import Mood

ANGRY = Mood(30.0, None, {"anger": 0.72, "neutral": 0.2}, trend={"anger": 0.03, "neutral": -0.03}, speech=20.4)


def test_it_says_what_how_surely_from_how_much_and_that_it_may_be_wrong():
    said = sentence(ANGRY)
    for part in ("The caller sounds angry", "72 %", "rising", "20 s of speech", "estimate", "may be wrong"):
        assert part in said


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_what_is_uncertain_or_less_likely_than_not_is_not_said(anger, sadness, uncertain):
    mood = replace(ANGRY, levels={"anger": anger, "sadness": sadness}, uncertain=uncertain)
    said = sentence(mood)
    assert (said is None) == (uncertain or max(anger, sadness) < LEAST)
    if said:
        assert int(re.search(r"\((\d+) %", said)[1]) == round(100 * max(anger, sadness))


@pytest.mark.parametrize(("slope", "way"), [(0.03, "rising"), (-0.03, "falling"), (0.0, "steady")])
def test_the_trend_is_that_of_the_emotion_that_is_named(slope, way):
    assert f", {way};" in sentence(replace(ANGRY, trend={"anger": slope, "neutral": 1.0}))
    assert ", steady;" in sentence(replace(ANGRY, trend={}))


@pytest.mark.parametrize("model", ["default", "permissive"])
def test_every_emotion_of_our_bundles_reads_as_english(model):
    for label in bundle.load(model).labels:
        said = sentence(Mood(9.0, None, {label: 0.9}, speech=9.0), who="player")
        assert re.match(r"The player sounds (angry|bored|disgusted|afraid|happy|neutral|sad|surprised) ", said)


def test_the_mark_is_found_by_a_prompt_and_is_nothing_that_people_say():
    assert re.fullmatch(r"\[\w+\]", MARK)
