"""The state machine of alerts: what its table says, and nothing else."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import UnknownNameError, UsageError
from affekt.live.alerts import TABLE, Alerts, Sign, State
from affekt.live.rules import Moment, load
from affekt.types import Mood

RULE = {"enter": 0.6, "exit": 0.4, "hold": 3.0, "within": 6.0, "release": 2.0, "cooldown": 10.0}


def moment(speech, anger, time=None, fresh=True):
    mood = Mood(speech, "c", {"anger": anger, "calm": 0.2}, speech=speech)
    return Moment(speech if time is None else time, "c", [mood], fresh, heard=speech)


def alerts(**settings):
    return Alerts([load("sustained", RULE | settings)], stale=100.0)


def run(machine, levels, since=1):
    """States and alerts after each second of speech."""
    found = []
    for i, anger in enumerate(levels):
        found += machine.look(moment(float(since + i), anger))
    return [(a.state, a.segment.start, a.segment.end) for a in found], machine.state("sustained", "c")


def test_the_table_names_every_state_and_sign_and_leads_everywhere():
    assert {s for s, _ in TABLE} | set(TABLE.values()) == set(get_args(State))
    assert {s for _, s in TABLE} == set(get_args(Sign))
    assert set(TABLE.values()) == set(get_args(State)), "every state can be reached"
    assert {s for s, _ in TABLE} == set(get_args(State)), "and left"


def test_an_alert_fires_after_it_was_held_and_is_resolved_after_it_was_released():
    machine = alerts()
    assert run(machine, [0.8, 0.8]) == ([], "pending")
    assert run(machine, [0.8], 3) == ([("firing", 0, 3)], "firing")
    assert run(machine, [0.8, 0.5, 0.5, 0.5, 0.3], 4) == ([], "firing")
    assert run(machine, [0.3], 9) == ([("resolved", 0, 4)], "resolved")


def test_what_was_too_short_to_be_sure_of_counts_once_it_is_sure():
    """The first moods are uncertain; the first certain one speaks for at most 3 s before."""
    machine, unsure = alerts(hold=5.0), []
    for t in range(1, 40):
        mood = Mood(float(t), "c", {"anger": 0.8, "calm": 0.2}, speech=float(t), uncertain=True)
        unsure += machine.look(Moment(float(t), "c", [mood], heard=float(t)))
    assert unsure == []
    assert run(machine, [0.8, 0.8], 40) == ([], "pending")
    assert run(machine, [0.8], 42)[0] == [("firing", 37, 42)]


def test_between_exit_and_enter_nothing_ends():
    machine = alerts()
    assert run(machine, [0.8] * 3 + [0.5] * 50) == ([("firing", 0, 3)], "firing")
    assert run(machine, [0.3, 0.5, 0.3, 0.5, 0.3], 54) == ([], "firing")


def test_evidence_adds_up_within_its_time_and_is_forgotten_after():
    assert run(alerts(), [0.8, 0.5, 0.8, 0.5, 0.8])[1] == "firing"
    assert run(alerts(), [0.8, 0.5, 0.5, 0.5, 0.8, 0.5, 0.5, 0.5, 0.8])[1] == "pending"
    assert run(alerts(), [0.8, *[0.5] * 6])[1] == "idle"


def test_it_is_silent_while_it_cools_down_and_then_starts_from_nothing():
    machine = alerts()
    run(machine, [0.8] * 3 + [0.1] * 2)
    assert machine.state("sustained", "c") == "resolved"
    assert run(machine, [0.9] * 9, 6) == ([], "resolved")
    assert run(machine, [0.9] * 2, 15) == ([], "pending")
    told, state = run(machine, [0.9], 17)
    assert (told, state) == ([("firing", 14, 17)], "firing")


def test_an_acknowledged_alert_stays_until_it_is_resolved():
    machine = alerts()
    run(machine, [0.8] * 3)
    assert [a.state for a in machine.acknowledge("sustained", "c")] == ["acknowledged"]
    assert machine.acknowledge("sustained", "c") == []
    assert run(machine, [0.8] * 5, 4) == ([], "acknowledged")
    assert [s for s, *_ in run(machine, [0.1] * 2, 9)[0]] == ["resolved"]


def test_a_snoozed_rule_is_silent_for_so_long():
    machine = alerts()
    run(machine, [0.8] * 3)
    assert [a.state for a in machine.snooze("sustained", "c", until=20.0)] == ["snoozed"]
    assert run(machine, [0.8] * 16, 4) == ([], "snoozed")
    assert run(machine, [0.8] * 3, 20)[0] == [("firing", 19, 22)]


def test_what_has_not_fired_is_snoozed_without_a_word():
    machine = alerts()
    run(machine, [0.8])
    assert machine.snooze("sustained", "c", until=50.0) == []
    assert run(machine, [0.8] * 9, 2) == ([], "snoozed")


def test_an_alert_without_news_expires_and_so_does_one_that_the_end_meets():
    machine = alerts()
    run(machine, [0.8] * 3)
    assert machine.look(moment(3.0, 0.8, time=90.0, fresh=False)) == []
    assert [a.state for a in machine.look(moment(3.0, 0.8, time=103.0, fresh=False))] == ["expired"]
    other = alerts()
    run(other, [0.8] * 3)
    assert [a.state for a in other.finish()] == ["expired"]
    assert other.finish() == []


def test_the_reason_has_the_numbers_also_when_it_is_over():
    machine = alerts()
    told = [a for t, p in enumerate([0.8] * 3 + [0.25] * 2) for a in machine.look(moment(t + 1.0, p))]
    assert told[0].reason == "anger at 0.80 (0.60 or more for 3.0 s of speech)"
    assert told[1].reason == told[0].reason + "; over: 0.25, below 0.40 for 2.0 s of speech"


def test_speakers_do_not_share_a_machine():
    machine = alerts()
    run(machine, [0.8] * 3)
    assert (machine.state("sustained", "c"), machine.state("sustained", "d")) == ("firing", "idle")


def test_unknown_and_double_names_are_refused():
    with pytest.raises(UnknownNameError, match="no alert rule in use is called 'sustainde'; did you mean 'sustained'"):
        alerts().acknowledge("sustainde")
    with pytest.raises(UsageError, match="two rules have one name"):
        Alerts([load("sustained"), load("sustained")])


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["", "", "", "ack", "snooze", "finish"])), max_size=80))
def test_whatever_happens_the_told_states_follow_the_table(steps):
    """An alert begins by firing, and each further state of it is one that the table leads to."""
    machine, told = alerts(), []
    for i, (anger, act) in enumerate(steps):
        told += machine.look(moment(i + 1.0, anger))
        if act == "ack":
            told += machine.acknowledge("sustained", "c")
        elif act == "snooze":
            told += machine.snooze("sustained", "c", until=i + 5.0)
        elif act == "finish":
            told += machine.finish()
    before = "resolved"
    for alert in told:
        allowed = {to for (frm, _), to in TABLE.items() if frm == before} if alert.state != "firing" else {"firing"}
        assert alert.state in allowed
        assert (alert.state == "firing") == (before in ("resolved", "expired", "snoozed"))
        assert alert.reason
        before = alert.state


def test_a_snooze_does_not_shorten_a_cooldown():
    machine = alerts(cooldown=100.0)
    run(machine, [0.8] * 3 + [0.1] * 2)
    assert machine.state("sustained", "c") == "resolved"
    assert machine.snooze("sustained", "c", until=8.0) == []
    assert run(machine, [0.8] * 20, 6) == ([], "resolved")
