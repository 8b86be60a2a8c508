"""What every alert rule owes: every file in the folder is put through it; and what each finds."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from itertools import pairwise

import pytest
from live_fakes import pipeline

from affekt import registry
from affekt.errors import ConfigError, UnknownNameError, UsageError
from affekt.live.alerts import Alerts
from affekt.live.rules import Moment, defaults, load
from affekt.types import Affect, Mood

NAMES = registry.names("live.rules")


def mood(speech, anger=0.1, *, valence=0.0, arousal=0.0, uncertain=False, emotion="anger"):
    levels = {"anger": 0.05, "neutral": 0.1, "sadness": 0.05} | {emotion: anger}
    return Mood(speech, "c", levels, Affect(valence, arousal, 0.0), speech=speech, uncertain=uncertain)


def reasons(rule, moments):
    alerts = Alerts([rule])
    return [(alert.state, alert.reason) for moment in moments for alert in alerts.look(moment)]


def spoken(moods):
    """Moments of a speaker who never pauses."""
    return [Moment(m.time, "c", moods[: i + 1], heard=m.time) for i, m in enumerate(moods)]


def test_the_folder_lists_the_rules():
    assert set(NAMES) >= {
        *("sustained", "rising_arousal", "sudden_change", "low_valence", "silence_after_anger", "cross_talk"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_is_a_frozen_dataclass_of_documented_settings_with_defaults(name):
    kind = registry.load("live.rules", name).Rule
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert kind.CLOCK in ("speech", "call")
    fields = {field.name for field in dataclasses.fields(kind)}
    assert fields >= {"enter", "exit", "hold", "within", "release", "cooldown"}
    assert all(field.default is not dataclasses.MISSING for field in dataclasses.fields(kind))
    (tree,) = (n for n in ast.parse(inspect.getsource(inspect.getmodule(kind))).body if isinstance(n, ast.ClassDef))
    body = tree.body
    said = {
        one.target.id: isinstance(two, ast.Expr) and isinstance(two.value, ast.Constant)
        for one, two in pairwise(body)
        if isinstance(one, ast.AnnAssign)
    }
    assert all(said[field] for field in fields), "the unit stands below each setting"


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_says_nothing_where_nothing_is_known(name):
    assert reasons(load(name), [Moment(float(t), "c", heard=float(t)) for t in range(100)]) == []
    unsure = [mood(float(t), 0.95, valence=-0.9, arousal=t / 50, uncertain=True) for t in range(1, 60)]
    rule = load(name)
    assert reasons(rule, spoken(unsure)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_says_nothing_of_a_calm_call(name):
    moods = [mood(float(t), 0.1 + 0.05 * (t % 3), arousal=0.1 * (t % 2)) for t in range(1, 300)]
    assert reasons(load(name), spoken(moods)) == []


@pytest.mark.parametrize("name", NAMES)
def test_measuring_changes_nothing(name):
    moment = spoken([mood(float(t), 0.2 + 0.01 * t, valence=-0.5, arousal=0.02 * t) for t in range(1, 40)])[-1]
    rule = load(name).rule
    assert rule.measure(moment) == rule.measure(moment)


@pytest.mark.parametrize("name", NAMES)
def test_senseless_settings_are_refused(name):
    with pytest.raises(ConfigError, match="must not be above enter"):
        load(name, {"enter": 0.1, "exit": 0.2})
    with pytest.raises(ConfigError, match="must not be shorter than hold"):
        load(name, {"hold": 50.0, "within": 5.0})
    with pytest.raises(ConfigError, match="cooldown must be 0 to 3600 s"):
        load(name, {"cooldown": -1.0})
    with pytest.raises(UnknownNameError, match="no alert rule is called 'sustaned'"):
        load("sustaned")


def scene(name):
    """Moments that each rule is made for."""
    silence = [Moment(20.0 + t / 2, "c", [mood(9.0, 0.8)], False, t / 2, 0.0, 20.0 + t / 2) for t in range(40)]
    talk = [Moment(30.0 + t, "c", [], False, 0.0, 1.0 * t, 30.0 + t) for t in range(9)]
    return {
        "sustained": spoken([mood(float(t), 0.8) for t in range(1, 12)]),
        "rising_arousal": spoken([mood(float(t), arousal=min(0.6, t / 40)) for t in range(1, 30)]),
        "sudden_change": spoken([mood(float(t), 0.8 if t > 10 else 0.05) for t in range(1, 16)]),
        "low_valence": spoken([mood(float(t), valence=-0.5) for t in range(1, 30)]),
        "silence_after_anger": silence,
        "cross_talk": talk,
    }[name]


EXPECTED = {
    "sustained": "anger at 0.80 (0.35 or more for 4.0 s of speech)",
    "rising_arousal": "arousal rose by 0.38 within 15 s of speech, to",
    "sudden_change": "from neutral to anger within 5 s of speech (anger +0.75)",
    "low_valence": "valence at -0.50 (-0.40 or less for 20.0 s of speech)",
    "silence_after_anger": "nobody has spoken for 8.0 s, after anger at 0.80",
    "cross_talk": "two spoke at once for 8.0 of the last 30 s",
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_rule_finds_what_it_is_made_for_and_says_it_with_the_numbers(name):
    settings = {"enter": 0.37} if name == "rising_arousal" else {}
    ((state, reason),) = reasons(load(name, settings), scene(name))
    assert state == "firing"
    assert reason.startswith(EXPECTED[name])
    assert re.search(r"\d", reason)


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_of_the_folder_has_a_scene_that_fires_it(name):
    """A new rule brings its scene with it."""
    assert name in EXPECTED


@pytest.mark.parametrize("name", ["sustained", "rising_arousal", "sudden_change", "low_valence"])
def test_what_a_voice_says_is_clocked_by_speech_alone(name):
    """Between two words lies an hour: nothing changes but the times."""
    close = scene(name)
    far = [dataclasses.replace(m, time=m.time * 100, heard=m.time * 100) for m in close]
    assert reasons(load(name), far) == reasons(load(name), close)


def test_silence_is_no_alert_where_nobody_was_angry():
    calm = [dataclasses.replace(m, moods=[mood(9.0, 0.3)]) for m in scene("silence_after_anger")]
    assert reasons(load("silence_after_anger"), calm) == []


def test_another_emotion_and_two_rules_of_one_file():
    sad = load("sustained", {"emotion": "sadness"}, called="sadness")
    moods = [mood(float(t), 0.9, emotion="sadness") for t in range(1, 12)]
    alerts = Alerts([load("sustained"), sad])
    assert [a.rule for moment in spoken(moods) for a in alerts.look(moment)] == ["sadness"]


def test_an_optional_rule_is_on_only_where_it_is_asked_for():
    on = [named.name for named in defaults()]
    assert set(NAMES) - set(on) == {"low_valence", "sudden_change"}
    assert [named.name for named in defaults({"low_valence": {"hold": 30.0}, "sudden_change": {}})] == NAMES
    with pytest.raises(UnknownNameError, match="low_valence"):
        defaults({"low_valense": {}})


def test_a_change_to_calm_is_no_alarm():
    calmed = spoken([mood(float(t), 0.05 if t > 10 else 0.8) for t in range(1, 16)])
    assert reasons(load("sudden_change"), calmed) == []


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("sustained", {"enter": 35.0}, "enter must be a number up to 1"),
        ("sustained", {"enter": float("inf")}, "enter must be a number"),
        ("silence_after_anger", {"level": 35.0}, "level must be 0 to 1"),
        ("rising_arousal", {"over": -5.0}, "over must be 1 to 120 s"),
        ("sudden_change", {"over": 500.0}, "over must be 1 to 120 s"),
    ],
)
def test_a_rule_that_could_never_fire_is_refused(name, settings, said):
    with pytest.raises(UsageError, match=said):
        load(name, settings)


def test_a_rule_on_an_emotion_that_the_model_does_not_know_is_refused():
    with pytest.raises(UnknownNameError, match="anger"):
        pipeline(rules=[load("sustained", {"emotion": "agner"})])
