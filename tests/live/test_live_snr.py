"""The SNR of what is judged: told with every window, carried to moods and alerts, and a doubt where it is bad."""

from __future__ import annotations

import json
from pathlib import Path

import live_fakes
import numpy as np
import pytest
import soundfile
from live_fakes import PITCH, RATE, Pitch, of, pipeline, play, sound

from affekt import bundle, denoise
from affekt.live import AlertChanged, MoodChanged, Pipeline, Session, Settings, Stages, WindowJudged
from affekt.live.alerts import Alerts
from affekt.live.rules import Moment, load
from affekt.types import Mood

CALL = Path(__file__).parents[2] / "examples" / "call.wav"


def syllables(what, seconds, hiss):
    """Bursts of a tone that glides, as a voice has them, in white noise with a standard deviation of `hiss`."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = PITCH[what] * (1 + 0.15 * np.sin(2 * np.pi * 1.7 * time))
    tone = 0.1 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * (time % 0.4 < 0.2)
    return (tone + hiss * np.random.default_rng(0).standard_normal(len(time))).astype(np.float32)


def heard(hiss, **settings):
    made = {"snr": 5.0} | settings
    return play(pipeline(**made), syllables("anger", 12, hiss), 4000)


def power_ratio(hiss):
    return 10 * np.log10(0.1**2 / 2 / 2 / hiss**2)


@pytest.mark.parametrize("hiss", [0.005, 0.02, 0.05])
def test_every_window_tells_its_snr_and_its_mood_too(hiss):
    windows, moods = of(heard(hiss), WindowJudged), of(heard(hiss), MoodChanged)
    assert [w.snr for w in windows] == [m.mood.snr for m in moods]
    assert [w.snr for w in windows[2:]] == pytest.approx([power_ratio(hiss)] * len(windows[2:]), abs=2.5)
    told = json.loads(json.dumps(windows[-1].to_dict()))
    assert told["snr"] == round(windows[-1].snr, 1)


def test_a_window_in_bad_noise_is_uncertain_and_in_good_sound_it_is_not():
    loud, quiet = of(heard(0.06), WindowJudged)[2:], of(heard(0.005), WindowJudged)[2:]
    assert all(w.snr < 5 and w.prediction.uncertain for w in loud)
    assert not any(w.prediction.uncertain for w in quiet)
    assert not any(w.prediction.uncertain for w in of(heard(0.06, snr=None), WindowJudged))


def test_doubt_of_noise_reaches_the_mood_which_is_then_no_evidence():
    assert all(m.mood.uncertain for m in of(heard(0.06), MoodChanged))
    assert not of(heard(0.06), AlertChanged)
    assert not all(m.mood.uncertain for m in of(heard(0.06, snr=None), MoodChanged))


def test_an_alert_tells_the_mean_snr_of_its_evidence():
    alerts = Alerts([load("sustained", {"hold": 2.0, "within": 9.0})])
    snrs = {1.0: 30.0, 2.0: 10.0, 3.0: 14.0}
    moods = [Mood(t, None, {"anger": 0.8, "calm": 0.1}, speech=t, snr=snr) for t, snr in snrs.items()]
    fired = [alert for mood in moods for alert in alerts.look(Moment(mood.time, None, [mood]))]
    assert [alert.snr for alert in fired] == [20.0]  # it fires with the second
    assert fired[0].to_dict()["snr"] == 20.0


def test_where_nothing_is_known_of_the_noise_nothing_is_told_and_nothing_doubted():
    (window,) = of(play(pipeline(snr=60.0), sound(("calm", 0.5))), WindowJudged)
    assert window.snr is None
    assert window.to_dict()["snr"] is None
    assert not window.prediction.uncertain


def test_an_agents_track_is_not_measured():
    stream = pipeline({"a": "agent", "c": "customer"})
    play(stream, {"a": syllables("anger", 2, 0.01), "c": syllables("calm", 2, 0.01)}, 4000)
    assert stream._ears["c"]._meter.between(RATE, 2 * RATE) is not None
    assert stream._ears["a"]._meter.between(RATE, 2 * RATE) is None


@pytest.mark.parametrize("chunk", [1, 333, 4000])
def test_the_chunks_change_no_event_behind_noise_reduction(chunk):
    samples = syllables("anger", 3 if chunk == 1 else 8, 0.02)

    def events(size):
        stages = Stages(live_fakes.Loud, clean=denoise.stage("wiener"))
        return play(Pipeline(Pitch(), stages=stages, settings=Settings(snr=None)), samples, size)

    assert of(events(None), WindowJudged)
    assert events(chunk) == events(None)


def test_noise_reduction_changes_no_prediction_of_a_clean_call():
    samples, rate = soundfile.read(CALL, dtype="float32")
    model, part = bundle.load("permissive"), samples[: 14 * rate, 0]

    def said(name):
        session = Session(model, denoise=name)
        return [e.prediction for e in of([*session.push(part, rate), *session.finish()], WindowJudged)]

    assert said("none") == said("wiener") != []
