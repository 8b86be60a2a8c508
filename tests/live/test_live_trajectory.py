"""Moods: smoothed in seconds of speech, each second counted once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import UsageError
from affekt.live import Smoothing
from affekt.live.trajectory import Trajectory
from affekt.types import Affect, LabelSet, Prediction, Segment

TWO = LabelSet(("anger", "neutral"))


def say(anger, start, end, *, uncertain=False, affect=True):
    felt = Affect(-anger, anger, 0.0) if affect else None
    return Prediction(Segment(start, end), TWO, (anger, 1 - anger), felt, "left", max(anger, 1 - anger), uncertain)


def follow(*said, **settings):
    trajectory = Trajectory(Smoothing(**{"attack": 2.0} | settings))
    return [trajectory.push(one) for one in said]


def steps(anger, *, since=0.0, hop=1.0, **more):
    return [say(p, since + i * hop, since + (i + 1) * hop, **more) for i, p in enumerate(anger)]


def test_the_first_window_is_the_first_mood():
    (mood,) = follow(say(0.7, 2, 5))
    assert (mood.time, mood.speaker, mood.levels["anger"], mood.speech) == (5, "left", 0.7, 3)
    assert mood.affect == Affect(-0.7, 0.7, 0.0)


def test_after_one_half_life_half_of_the_way_is_gone():
    up = follow(*steps([0.0, 1.0, 1.0]), attack=2.0)
    assert up[-1].levels["anger"] == pytest.approx(0.5)
    down = follow(*steps([1.0, *[0.0] * 6]), release=6.0)
    assert down[-1].levels["anger"] == pytest.approx(0.5)
    felt = follow(*steps([0.0, *[1.0] * 4]), affect=4.0)
    assert felt[-1].affect.arousal == pytest.approx(0.5)


@given(st.sampled_from([0.25, 0.5, 1.0, 3.0]))
def test_the_hop_does_not_change_how_fast_a_mood_follows(hop):
    """12 s at a hop of 3 s and at one of 0.25 s: the same level at the end."""
    mood = follow(say(0.0, 0, 3), *steps([1.0] * round(12 / hop), since=3.0, hop=hop))[-1]
    assert mood.levels["anger"] == pytest.approx(1 - 0.5 ** (12 / 2.0))


def test_seconds_are_counted_once_however_many_windows_lie_over_them():
    moods = follow(say(0.5, 0, 3), say(0.5, 1, 4), say(0.5, 1.5, 4.5), say(0.5, 1.5, 4.5))
    assert [mood.speech for mood in moods] == [3, 4, 4.5, 4.5]


def test_a_pause_neither_calms_nor_excites():
    near, far = (follow(say(0.2, 0, 3), say(0.8, 3 + gap, 6 + gap))[-1] for gap in (0, 600))
    assert near.levels == far.levels
    assert near.speech == far.speech


def test_an_unsure_window_moves_a_mood_less():
    sure, unsure = (follow(say(0.0, 0, 3), say(1.0, 3, 5, uncertain=u))[-1].levels["anger"] for u in (False, True))
    assert sure == pytest.approx(0.5)
    assert unsure == pytest.approx(1 - 0.5**0.5)


def test_a_mood_is_uncertain_until_enough_was_heard_and_while_the_model_is_unsure():
    assert [mood.uncertain for mood in follow(*steps([0.9] * 4), enough=3.0)] == [True, True, False, False]
    assert follow(*steps([0.9] * 9, uncertain=True))[-1].uncertain
    mixed = [*steps([0.9] * 9, uncertain=True), *steps([0.9] * 9, since=9.0)]
    assert not follow(*mixed)[-1].uncertain


def test_the_trend_is_the_slope_per_second_of_speech():
    """Against numpy's own least squares."""
    moods = follow(*steps(np.linspace(0.1, 0.8, 8)), span=30.0)
    time, level = [m.speech for m in moods], [m.levels["anger"] for m in moods]
    assert moods[-1].trend["anger"] == pytest.approx(np.polyfit(time, level, 1)[0])
    arousal = [m.affect.arousal for m in moods]
    assert moods[-1].trend["arousal"] == pytest.approx(np.polyfit(time, arousal, 1)[0])
    assert moods[0].trend == {"anger": 0, "neutral": 0, "valence": 0, "arousal": 0, "dominance": 0}


def test_the_trend_looks_back_no_further_than_its_span():
    rise_then_level = [*np.linspace(0, 1, 10), *[1.0] * 60]
    assert follow(*steps(rise_then_level), span=5.0)[-1].trend["anger"] == pytest.approx(0, abs=1e-6)


def test_a_model_without_affect_has_moods_without_it():
    moods = follow(*steps([0.2, 0.9], affect=False))
    assert moods[-1].affect is None
    assert set(moods[-1].trend) == {"anger", "neutral"}
    assert moods[-1].to_dict()["valence"] is None


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.25, 3), st.floats(0, 2), st.booleans()), min_size=1, max_size=40)
)
def test_levels_stay_within_what_was_heard(said):
    at, windows = 0.0, []
    for anger, length, step, uncertain in said:
        at += step
        windows.append(say(anger, at, at + length, uncertain=uncertain))
    windows.sort(key=lambda window: window.segment.end)
    moods = follow(*windows)
    heard = [window.probs[0] for window in windows]
    assert all(min(heard) - 1e-9 <= mood.levels["anger"] <= max(heard) + 1e-9 for mood in moods)
    assert [m.speech for m in moods] == sorted(m.speech for m in moods)


@pytest.mark.parametrize("setting", [{"attack": 0}, {"doubt": 1.5}, {"release": float("nan")}, {"span": -1}])
def test_senseless_smoothing_is_refused(setting):
    with pytest.raises(UsageError, match=f"smoothing: {next(iter(setting))} must be 0.01 to"):
        Smoothing(**setting)
