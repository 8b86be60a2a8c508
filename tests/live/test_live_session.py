"""Sessions: samples of any kind in, the events of the pipeline out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from live_fakes import RATE, Pitch, names, of, play, sound

import affekt
from affekt.errors import UnknownNameError, UsageError
from affekt.live import Gap, Pipeline, Session, Stages, TurnEnded, WindowJudged
from affekt.live.rules import load
from affekt.vad import energy

CALL = Path(__file__).parents[2] / "examples" / "call.wav"


def test_it_is_the_pipeline_with_places_counted():
    samples, rate = soundfile.read(CALL, dtype="float32")
    samples = samples[: 9 * rate]
    session = Session(Pitch(), channels={"left": "customer", "right": "agent"})
    events = [e for at in range(0, len(samples), 160) for e in session.push(samples[at : at + 160], rate)]
    tracks = {"left": samples[:, 0], "right": samples[:, 1]}
    assert [*events, *session.finish()] == play(
        Pipeline(Pitch(), {"left": "customer", "right": "agent"}), tracks, rate=rate
    )


def heard(samples, **more):
    session = Session(Pitch(), vad="energy", **more)
    return [*session.push(samples, RATE), *session.finish()]


def test_integers_doubles_and_columns_are_the_same_sound():
    samples = sound(("silence", 1), ("calm", 2), ("silence", 1))
    whole = np.round(samples * 32767).astype(np.int16)
    expected = heard(whole.astype(np.float32) / 32768)
    assert len(of(expected, WindowJudged)) > 1
    assert heard(whole) == heard(whole.astype(np.float64) / 32768) == heard(whole[:, None]) == expected


def test_a_place_may_be_given_and_a_loss_is_told():
    session = Session(Pitch())
    session.push(np.zeros(1600), RATE)
    events = session.push(np.zeros(16000), RATE, at=4800)
    assert [(e.kind, e.segment.start, e.segment.end) for e in of(events, Gap)] == [("lost", 0.1, 0.3)]
    assert session.finish()[-1].time == 1.3


def test_a_list_of_rules_is_used():
    samples = sound(("silence", 1), ("anger", 9), ("silence", 1))
    session = Session(Pitch(), rules=[load("sustained", {"hold": 2.0}, called="angry")], vad="energy")
    events = [*session.push(samples, RATE), *session.finish()]
    assert [e.alert.rule for e in events if e.name.startswith("alert.firing")] == ["angry"]


def test_alerts_are_acknowledged_and_snoozed():
    session = Session(Pitch(), rules=[load("sustained", {"hold": 2.0})], vad="energy")
    session.push(sound(("silence", 1), ("anger", 9)), RATE)
    assert names(session.acknowledge("sustained")) == ["alert.acknowledged"]
    assert names(session.snooze("sustained", seconds=60)) == ["alert.snoozed"]
    with pytest.raises(UsageError, match="nobody called 'left' is judged here"):
        session.acknowledge("sustained", "left")
    with pytest.raises(UnknownNameError, match="no alert rule in use is called 'cross'"):
        session.acknowledge("cross")
    with pytest.raises(UsageError, match="snoozed for up to a day"):
        session.snooze("sustained", seconds=-1)


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (np.zeros((10, 2)), RATE, r"samples must be \(n, 1\) or \(n,\), got \(10, 2\)"),
        (np.zeros(10, np.int32), RATE, "must be floats with full scale at 1, or 16-bit integers, got int32"),
        (np.zeros(10), 3000, "the rate must be 4000 to 192000 Hz, got 3000"),
    ],
)
def test_senseless_samples_are_refused(samples, rate, reason):
    with pytest.raises(UsageError, match=reason):
        Session(Pitch()).push(samples, rate)


def test_unknown_detectors_and_models_are_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'silero'"):
        Session(Pitch(), vad="sileri")
    with pytest.raises(UnknownNameError, match="Known: default, permissive"):
        Session("nothing")


def test_it_is_found_from_the_package():
    assert affekt.live.Session is Session


def test_another_detector_is_taken():
    stream = Pipeline(Pitch(), stages=Stages(energy.Detector))
    events = play(stream, sound(("silence", 2), ("calm", 2), ("silence", 2)), 800)
    assert len(of(events, TurnEnded)) == 1
