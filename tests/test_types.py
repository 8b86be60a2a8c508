"""The rules of `affekt.types`: frozen values, one unit each, and no index that travels alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from affekt import types
from affekt.errors import UnknownNameError, UsageError
from affekt.types import Affect, Alert, LabelSet, Mood, Prediction, Segment, Signal, Utterance, Window

NOUNS = [value for value in vars(types).values() if dataclasses.is_dataclass(value)]
seconds = st.floats(0, 1e5)
segments = st.tuples(seconds, seconds).map(lambda ends: Segment(min(ends), max(ends)))
names = st.lists(st.sampled_from(["anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral"]), unique=True)


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_is_frozen_and_has_no_room_for_more(noun):
    assert noun.__dataclass_params__.frozen
    assert "__slots__" in vars(noun)


# Segment ----------------------------------------------------------------------------------------------------------


@given(segments, segments)
def test_overlap_is_symmetric_lies_in_both_and_is_never_empty(a, b):
    both = a & b
    assert both == b & a
    if both is None:
        assert a.end <= b.start or b.end <= a.start or 0 in (a.duration, b.duration)
    else:
        assert both & a == both & b == both
        assert 0 < both.duration <= min(a.duration, b.duration)


@given(segments)
def test_overlap_with_itself_is_itself_unless_it_has_no_duration(a):
    assert (a & a) == (a if a.duration else None)


@given(st.lists(segments))
def test_segments_are_ordered_by_start_then_end(many):
    assert sorted(many) == sorted(many, key=lambda s: (s.start, s.end))


@pytest.mark.parametrize("ends", [(2.0, 1.0), (float("nan"), 1.0), (0.0, float("nan"))])
def test_a_segment_cannot_end_before_it_starts_nor_at_no_time(ends):
    with pytest.raises(UsageError, match="cannot end"):
        Segment(*ends)


# Signal -----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 500), st.sampled_from([8000, 16000, 44100]), st.integers(0, 10**9))
def test_seconds_are_one_division_of_samples(n, rate, start):
    """Cut anywhere, the parts of a stream meet exactly: the end of one is the start of the next."""
    signal = Signal(np.zeros(n, np.float32), rate, start)
    following = Signal(np.zeros(1, np.float32), rate, signal.end)
    assert signal.end == start + n
    assert signal.duration == n / rate
    assert signal.segment.end == following.segment.start


# LabelSet ---------------------------------------------------------------------------------------------------------


def test_labels_must_be_unique():
    with pytest.raises(UsageError, match="labels must be unique, got anger, anger"):
        LabelSet(("anger", "anger"))


@given(names)
def test_a_label_set_is_an_ordered_collection(given_names):
    labels = LabelSet(tuple(given_names))
    assert list(labels) == given_names
    assert len(labels) == len(given_names)
    assert [labels.index(name) for name in labels] == list(range(len(labels)))
    assert all(name in labels for name in given_names)
    assert "greed" not in labels


def test_index_of_an_unknown_emotion_answers_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="no emotion is called 'angry'; did you mean 'anger'"):
        LabelSet(("anger", "neutral")).index("angry")


@given(names, names)
def test_carrying_scores_keeps_shared_labels_and_drops_the_others(own, other):
    matrix = LabelSet(tuple(own)).to(LabelSet(tuple(other)))
    scores = np.arange(1, len(own) + 1) @ matrix
    assert scores.tolist() == [own.index(name) + 1 if name in own else 0 for name in other]


def test_a_mapping_wins_over_the_name_and_sums_what_it_joins():
    """IEMOCAP's four classes: excitement counts as happiness; frustration has no place."""
    own = LabelSet(("excitement", "frustration", "happiness"))
    matrix = own.to(LabelSet(("happiness", "sadness")), {"excitement": "happiness"})
    assert (np.array([0.25, 0.25, 0.5]) @ matrix).tolist() == [0.75, 0.0]


# Affect -----------------------------------------------------------------------------------------------------------


@given(*[st.floats(1, 7)] * 3)
def test_a_rating_scale_is_brought_to_minus_one_to_one(v, a, d):
    affect = Affect.from_scale(v, a, d, low=1, high=7)
    for scaled, rated in zip((affect.valence, affect.arousal, affect.dominance), (v, a, d), strict=True):
        assert -1 <= scaled <= 1
        assert scaled * 3 + 4 == pytest.approx(rated)


# Window, Prediction, Utterance -------------------------------------------------------------------------------------


def test_a_window_cannot_be_built_from_an_agents_voice():
    signal = Signal(np.zeros(16000, np.float32), 16000)
    assert Window(signal, signal.segment, role="customer").final
    with pytest.raises(UsageError, match="an agent's voice is never judged"):
        Window(signal, signal.segment, role="agent")


@given(names, st.integers(1, 9), st.data())
def test_top_is_the_head_of_all_labels_ranked(given_names, n, data):
    assume(given_names)
    probs = data.draw(st.lists(st.integers(0, 9), min_size=len(given_names), max_size=len(given_names)))
    said = Prediction(Segment(0, 1), LabelSet(tuple(given_names)), tuple(p / 10 for p in probs))
    top = said.top(n)
    assert [p for _, p in top] == sorted(said.probs, reverse=True)[:n]
    assert all(said.probs[said.labels.index(name)] == p for name, p in top)


@given(names, st.data())
def test_the_emotion_is_the_first_of_the_ranking(given_names, data):
    """Also when probabilities tie: a summary and its details must not contradict each other."""
    assume(given_names)
    probs = data.draw(st.lists(st.integers(0, 2), min_size=len(given_names), max_size=len(given_names)))
    said = Prediction(Segment(0, 1), LabelSet(tuple(given_names)), tuple(map(float, probs)))
    assert said.top(1)[0][0] == said.emotion


def test_an_utterance_needs_only_what_every_corpus_has():
    one = Utterance(id="03a01Fa", path="wav/03a01Fa.flac", speaker="emodb/03", emotion="happiness")
    assert one.affect is one.segment is one.ratings is one.session is None
    assert one.extra == {}


# --- moods and alerts


def test_a_mood_has_the_emotion_of_its_highest_level_and_one_json_form():
    mood = Mood(1.23456, "left", {"anger": 0.25, "calm": 0.50004}, Affect(-0.1, 0.2, 0), {"anger": 0.123456}, 9.0, True)
    assert mood.to_dict() == {
        "time": 1.235,
        "speaker": "left",
        "emotion": "calm",
        "uncertain": True,
        "speech": 9.0,
        "levels": {"anger": 0.25, "calm": 0.5},
        "trend": {"anger": 0.1235},
        "valence": -0.1,
        "arousal": 0.2,
        "dominance": 0,
        "snr": None,
    }
    assert Mood(1.0, None, {"calm": 1.0}).to_dict()["arousal"] is None
    assert Mood(1.0, None, {"calm": 1.0}, snr=12.34).to_dict()["snr"] == 12.3


def test_an_alert_has_one_json_form():
    alert = Alert("sustained", Segment(1.0, 9.87654), None, "anger at 0.80")
    assert alert.to_dict() == {
        "rule": "sustained",
        "start": 1.0,
        "end": 9.877,
        "speaker": None,
        "reason": "anger at 0.80",
        "state": "firing",
        "snr": None,
    }
