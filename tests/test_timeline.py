"""The rules of `affekt.timeline`: turns are weighed by their duration, and the JSON form is one and stable."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from affekt.timeline import SCHEMA, Timeline, Turn
from affekt.types import Affect, LabelSet, Prediction, Segment

LABELS = LabelSet(("anger", "neutral", "sadness"))


def judged(start, end, probs, *, affect=None, uncertain=False, speaker=None):
    said = Prediction(Segment(start, end), LABELS, probs, affect=affect, confidence=max(probs), uncertain=uncertain)
    return Turn(Segment(start, end), speaker, prediction=said, windows=(said,))


def timeline(*turns, **changes):
    given_fields = {
        "source": "call.wav",
        "duration": 60.0,
        "rate": 8000,
        "channels": 2,
        "model": "default@1",
        "licence": "research only",
        **changes,
    }
    return Timeline(turns=turns, **given_fields)


@st.composite
def timelines(draw):
    """Up to eight turns: judged, not judged, with and without affect."""
    turns = []
    for start in range(draw(st.integers(0, 8))):
        segment = Segment(start, start + draw(st.integers(0, 100)) / 100)
        weights = np.array(draw(st.tuples(*[st.integers(0, 9)] * 3)), float) + 1e-9
        affect = draw(st.none() | st.builds(Affect, *[st.integers(-10, 10).map(lambda k: k / 10)] * 3))
        said = Prediction(
            segment, LABELS, tuple((weights / weights.sum()).tolist()), affect, uncertain=draw(st.booleans())
        )
        speaker = draw(st.sampled_from([None, "left", "right"]))
        turns.append(Turn(segment, speaker, prediction=draw(st.sampled_from([said, said, None]))))
    return timeline(*turns)


@given(timelines())
def test_shares_of_judged_speech_sum_to_one_and_are_ranked(line):
    summary = line.summary()
    assert summary.speech == pytest.approx(sum(turn.segment.duration for turn in line.turns))
    assert sum(summary.talk.values()) == pytest.approx(summary.speech)
    assert 0 <= summary.uncertain <= 1 + 1e-9
    shares = list(summary.emotions.values())
    assert shares == sorted(shares, reverse=True)
    assume(any(turn.prediction and turn.segment.duration for turn in line.turns))
    assert sum(shares) == pytest.approx(1)


@given(timelines())
def test_the_mean_affect_lies_among_the_turns(line):
    rated = [t.prediction.affect for t in line.turns if t.prediction and t.prediction.affect and t.segment.duration]
    mean = line.summary().affect
    assume(rated)
    for name in ("valence", "arousal", "dominance"):
        values = [getattr(affect, name) for affect in rated]
        assert min(values) - 1e-9 <= getattr(mean, name) <= max(values) + 1e-9


def test_a_long_turn_weighs_more_than_a_short_one():
    line = timeline(
        judged(0, 3, (1, 0, 0), affect=Affect(-1, 1, 0), uncertain=True),
        judged(5, 6, (0, 1, 0), affect=Affect(1, 0, 0)),
    )
    summary = line.summary()
    assert summary.emotions == {"anger": 0.75, "neutral": 0.25, "sadness": 0}
    assert summary.affect == Affect(-0.5, 0.75, 0)
    assert summary.uncertain == 0.75


def test_a_turn_that_was_not_judged_counts_as_talk_only():
    agent = Turn(Segment(3, 9), "right", role="agent")
    summary = timeline(judged(0, 3, (1, 0, 0), speaker="left"), agent).summary()
    assert summary.talk == {"left": 3, "right": 6}
    assert summary.speech == 9
    assert summary.emotions["anger"] == 1


def test_turns_without_affect_do_not_pull_the_mean_to_nought():
    """Bundles without dimensions may be mixed with those that have them."""
    line = timeline(judged(0, 1, (1, 0, 0), affect=Affect(0.8, 0.4, 0.2)), judged(1, 2, (1, 0, 0)))
    mean = line.summary().affect
    assert (mean.valence, mean.arousal, mean.dominance) == pytest.approx((0.8, 0.4, 0.2))


def test_silence_has_a_summary_too():
    summary = timeline(notes=("no speech found",)).summary()
    assert (summary.speech, summary.talk, summary.emotions) == (0, {}, {})
    assert (summary.affect, summary.uncertain) == (None, 0)


@given(timelines())
def test_the_json_form_is_plain_json(line):
    form = line.to_dict()
    assert json.loads(json.dumps(form, allow_nan=False)) == form
    assert form["schema"] == SCHEMA == "affekt.timeline/1"
    assert len(form["turns"]) == len(line.turns)


def test_the_json_form_of_one_call():
    """This is a contract with other programs: a change here needs a new number in the schema."""
    turn = judged(0.12345, 1.5, (0.5, 0.25, 0.25), affect=Affect(-0.33333, 0.5, 0), speaker="left")
    said = {
        "emotion": "anger",
        "confidence": 0.5,
        "uncertain": False,
        "probs": {"anger": 0.5, "neutral": 0.25, "sadness": 0.25},
        "valence": -0.3333,
        "arousal": 0.5,
        "dominance": 0.0,
    }
    times = {"start": 0.123, "end": 1.5}
    agent = Turn(Segment(2, 3), "right", role="agent")
    assert timeline(turn, agent, notes=("clipped",)).to_dict() == {
        "schema": "affekt.timeline/1",
        "source": "call.wav",
        "duration": 60.0,
        "rate": 8000,
        "channels": 2,
        "model": "default@1",
        "licence": "research only",
        "notes": ["clipped"],
        "summary": {
            "speech": 2.377,
            "talk": {"left": 1.377, "right": 1.0},
            "emotions": {"anger": 0.5, "neutral": 0.25, "sadness": 0.25},
            "valence": -0.3333,
            "arousal": 0.5,
            "dominance": 0.0,
            "uncertain": 0.0,
        },
        "turns": [
            {**times, "speaker": "left", "role": "speaker", **said, "windows": [{**times, **said}]},
            {"start": 2.0, "end": 3.0, "speaker": "right", "role": "agent", "emotion": None, "windows": []},
        ],
    }


def test_waveforms_are_for_plots_and_not_part_of_the_value():
    plain, drawn = timeline(), timeline(waveform={"left": np.zeros((10, 2), np.float32)})
    assert plain == drawn
    assert "waveform" not in repr(drawn)
    assert "waveform" not in drawn.to_dict()
