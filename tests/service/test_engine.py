"""Records of calls -> what is told: the same as the core says of each call alone, whatever else is going on."""

from __future__ import annotations

import time

import numpy as np
import pytest
from lines import TRACKS, Ears, board, engine, opened, pieces, settle, sound

from affekt import bundle
from affekt.errors import UsageError
from affekt.live import Patience, Pipeline, Settings
from affekt.service.engine.engine import Engine, Plan
from affekt.service.shared import DONE, PAUSED, REFUSED
from affekt.service.store.vault import Vault
from affekt.types import Signal


@pytest.fixture(scope="module")
def model():
    return bundle.load()


class Deaf:
    """A model that only remembers what it was shown."""

    def __init__(self, model):
        self.labels, self.id, self._model = model.labels, "deaf", model
        self.seen = []

    def predict(self, windows):
        self.seen += windows
        return self._model.predict(windows)


def speak(slot, engine, ears, *, until=1e9, rate=8000, pace=True):
    """Write the sample call; never more than half a second ahead of what the engine has judged, so nothing is late."""
    for number, (track, start, samples) in enumerate(pieces()):
        if start / rate > until:
            break
        slot.write("audio", samples, arrived=time.time(), track=track, start=start, rate=rate)
        if pace and number % 8 == 7:
            engine.step(time.time())
            settle(engine, lambda: not len(engine._schedule))


def test_what_is_told_of_a_call_is_what_the_core_says_of_it(model):
    lines = board()
    made, ears = engine(lines, model)
    slot = opened(lines)
    speak(slot, made, ears)
    slot.end(b'{"reason":"hangup"}', arrived=time.time())
    settle(made, lambda: slot.state == DONE)
    made.stop()

    samples, rate = sound()
    pipeline = Pipeline(model, dict(TRACKS), settings=Settings(patience=Patience(reorder=0.2, jitter=0.01)))
    floats = (samples / 32768).astype(np.float32)
    events = pipeline.push({"customer": Signal(floats[:, 0], rate), "agent": Signal(floats[:, 1], rate)})
    events += pipeline.finish()
    expected = [event.name for event in events]
    told = [one for one in ears.told if one["call"] is not None]
    assert [one["type"] for one in told[1:-1] if one["type"] != "alive"] == expected
    moods = [event.to_dict() for event in events if event.name == "mood"]
    assert [(one["mood_at"], one["levels"]) for one in ears.of("mood")] == [(m["at"], m["levels"]) for m in moods]
    assert (told[0]["type"], told[-1]["type"], told[-1]["reason"]) == ("call.started", "call.ended", "hangup")
    assert [one["n"] for one in told] == list(range(1, len(told) + 1))


def test_no_window_of_an_agent_reaches_the_model(model):
    deaf = Deaf(model)
    lines = board()
    made, ears = engine(lines, deaf)
    slot = opened(lines)
    speak(slot, made, ears)
    slot.end(arrived=time.time())
    settle(made, lambda: slot.state == DONE)
    made.stop()
    assert {window.role for window in deaf.seen} == {"customer"}
    assert {one["speaker"] for one in ears.of("mood")} == {"customer"}
    assert {one["speaker"] for one in ears.of("turn.ended")} == {"customer", "agent"}


def test_a_refusal_is_heard_at_once_and_nothing_that_waits_is_judged(model):
    deaf = Deaf(model)
    lines = board()
    made, ears = engine(lines, deaf)
    slot = opened(lines)
    speak(slot, made, ears, until=20.0)
    before = len(ears.of("mood"))
    assert before > 3
    slot.flags |= REFUSED
    made.step(time.time())
    shown = len(deaf.seen)
    for track, start, samples in pieces():
        if start > 20 * 8000:
            slot.write("audio", samples, arrived=time.time(), track=track, start=start, rate=8000)
    slot.end(b'{"reason":"hangup"}', arrived=time.time())
    settle(made, lambda: slot.state == DONE)
    made.stop()
    assert len(deaf.seen) == shown
    assert len(ears.of("mood")) == before
    assert ears.of("consent")[0]["state"] == "refused"
    assert ears.told[-1]["type"] == "call.ended"


def test_a_window_that_waits_as_the_customer_refuses_is_not_judged(model):
    """The model is busy with another call meanwhile."""

    class Slow(Deaf):
        def predict(self, windows):
            said = super().predict(windows)
            time.sleep(0.3)
            return said

    slow, lines = Slow(model), board()
    made, _ = engine(lines, slow)
    slots = [opened(lines) for _ in range(2)]
    for track, start, samples in pieces():
        if start < 7 * 8000:
            for slot in slots:
                slot.write("audio", samples, arrived=time.time(), track=track, start=start, rate=8000)
    settle(made, lambda: len(made._schedule) and slow.seen)
    for slot in slots:
        slot.flags |= REFUSED
    made.step(time.time())
    assert len(made._schedule) == 0
    shown = len(slow.seen)
    time.sleep(0.8)
    made.stop()
    assert len(slow.seen) == shown


def test_half_a_second_from_window_to_window_gives_twice_as_many(model):
    counts = []
    for hop in (1.0, 0.5):
        lines = board()
        made, ears = engine(lines, model, hop=hop)
        slot = opened(lines)
        speak(slot, made, ears, until=27.0)
        counts.append(len(ears.of("window.judged")) + sum(one["count"] for one in ears.of("windows.skipped")))
        made.stop()
    assert counts[1] > 1.4 * counts[0]


def test_nothing_is_heard_in_a_pause_even_if_the_word_for_it_was_lost(model):
    lines = board()
    made, ears = engine(lines, model)
    slot = opened(lines)
    speak(slot, made, ears, until=8.0)
    slot.write("pause", arrived=time.time())
    slot.flags |= PAUSED
    settle(made, lambda: ears.of("paused"))
    slot.flags &= ~PAUSED
    slot.write("resume", arrived=time.time())
    settle(made, lambda: ears.of("resumed"))
    # now the ring runs over while the engine looks away, and the pause is among what is gone
    slot.write("pause", arrived=time.time())
    slot.flags |= PAUSED
    for start in range(80_000, 80_000 + 300_000, 8000):
        slot.write("audio", np.zeros(8000, np.int16), arrived=time.time(), track=0, start=start, rate=8000)
    assert slot.overrun
    settle(made, lambda: len(ears.of("paused")) == 2)
    made.stop()


def test_an_alert_is_acknowledged_from_outside(model):
    from affekt.live.rules import load

    lines = board()
    made, ears = engine(lines, model, rules=[load("sustained", {"enter": 0.05, "exit": 0.01, "hold": 1.0})])
    slot = opened(lines)
    speak(slot, made, ears, until=27.0)
    (firing,) = ears.of("alert.firing")
    assert firing["evidence"]["points"]
    assert firing["evidence"]["model"] == "default@1"
    command = {"type": "alert.acknowledge", "call": firing["call"], "rule": "sustained", "speaker": "customer"}
    ears.commands.append(command | {"speaker": "nobody"})  # a mistake must end no call
    ears.commands.append(command)
    settle(made, lambda: ears.of("alert.acknowledged"))
    made.stop()


def test_another_engine_goes_on_where_the_first_one_died(model):
    lines = board()
    first, heard = engine(lines, model)
    slot = opened(lines)
    speak(slot, first, heard, until=20.0)
    first._judge.stop()  # dead, in the middle of a turn
    second, ears = engine(lines, model)
    settle(second, lambda: ears.of("call.started"))
    for track, start, samples in pieces():
        if start > 20 * 8000 and start < 27 * 8000:
            slot.write("audio", samples, arrived=time.time(), track=track, start=start, rate=8000)
    settle(second, lambda: ears.of("mood"))
    assert all(mood["mood_at"] > 20 for mood in ears.of("mood"))  # places are those of the stream
    assert ears.of("mood")[0]["mood_at"] < 21.5  # and it need not learn the line's level first
    assert ears.told[0]["sender"] != heard.told[0]["sender"]
    second.stop()


def test_one_call_too_many_does_not_keep_the_others_waiting(model):
    """What is not heard for want of time is counted; a window is judged in time or not at all."""
    lines = board()
    made, ears = engine(lines, model)
    slots = [opened(lines) for _ in range(6)]
    for track, start, samples in pieces():
        if start < 12 * 8000:
            for slot in slots:
                slot.write("audio", samples, arrived=time.time(), track=track, start=start, rate=8000)
    for slot in slots:
        slot.end(arrived=time.time())
    settle(made, lambda: all(slot.state == DONE for slot in slots))
    made.stop()
    samples, rate = sound()
    pipeline = Pipeline(model, dict(TRACKS), settings=Settings(patience=Patience(reorder=0.2, jitter=0.01)))
    floats = (samples[: 12 * rate] / 32768).astype(np.float32)
    events = pipeline.push({"customer": Signal(floats[:, 0], rate), "agent": Signal(floats[:, 1], rate)})
    alone = [event.name for event in events + pipeline.finish()].count("window.judged")
    skipped = sum(one["count"] for one in ears.of("windows.skipped"))
    assert skipped > 0  # else there was enough time for all
    assert len(ears.of("window.judged")) + skipped == 6 * alone


def test_what_was_judged_too_late_is_not_told(model):
    """A model that takes longer than half a second is no help: its windows are counted as late."""

    class Slow(Deaf):
        def predict(self, windows):
            time.sleep(0.6)
            return super().predict(windows)

    lines = board()
    made, ears = engine(lines, Slow(model))
    slot = opened(lines)
    for track, start, samples in pieces():
        if start < 10 * 8000:
            slot.write("audio", samples, arrived=time.time(), track=track, start=start, rate=8000)
    settle(made, lambda: ears.of("windows.skipped"))
    slot.end(arrived=time.time())
    settle(made, lambda: slot.state == DONE)
    made.stop()
    assert {one["reason"] for one in ears.of("windows.skipped")} >= {"late"}
    assert all(one["final"] for one in ears.of("window.judged"))  # of the end, for which nobody waits


def test_a_call_that_says_nothing_is_told_to_be_there(model, monkeypatch):
    lines = board()
    made, ears = engine(lines, model)
    opened(lines)
    now = time.time()
    for step in range(60):
        made.step(now + step)
    made.stop()
    assert 4 <= len(ears.of("alive")) <= 6


def test_models_for_busy_times_must_know_the_same_emotions(model):
    with pytest.raises(UsageError, match="the same emotions"):
        Plan([model, bundle.load("permissive")])


def test_it_says_how_it_goes(model):
    lines = board()
    made, ears = engine(lines, model)
    opened(lines)
    now = time.time()
    made.step(now)
    made.step(now + 3)
    made.stop()
    assert isinstance(ears, Ears)
    (state,) = ears.of("engine")
    assert (state["calls"], state["level"]) == (1, 0)
    assert ears.of("metrics")[0]["samples"]["affekt_load_level"] == [["", {}, 0.0]]


@pytest.mark.parametrize(("facts", "words", "kept"), [
    ({}, [], 0),
    ({"may_record": True}, [], 0),
    ({"may_record": True, "record": True}, [], 2),
    ({"may_record": True}, [b'{"type":"consent","state":"given"}'], 2),
    ({"may_record": False}, [b'{"type":"consent","state":"given"}'], 0),
])  # fmt: skip
def test_sound_is_kept_only_where_the_tenant_records_and_the_customer_agrees(model, tmp_path, facts, words, kept):
    vault = Vault(tmp_path / "vault", bytes(range(32)))
    lines, ears = board(), Ears()
    made = Engine(lines, ears, Plan([model]), vault=vault)
    slot = opened(lines, **facts)
    for one in words:
        slot.write("words", one, arrived=time.time())
    for track, start, samples in pieces():
        if start < 3 * 8000:
            slot.write("audio", samples, arrived=time.time(), track=track, start=start, rate=8000)
    slot.end(arrived=time.time())
    settle(made, lambda: slot.state == DONE)
    made.stop()
    call = ears.told[0]["call"]
    found = list(vault.list("default", call))
    assert len(found) == kept
    for path, about, whole in found:
        assert whole
        column = list(TRACKS).index(about["role"])
        assert b"".join(vault.read(path)) == sound()[0][: 3 * 8000 + 80, column].tobytes()[: 2 * 24000]
        assert sound()[0][8000:8080, column].tobytes() not in path.read_bytes()


def test_what_was_recorded_is_erased_when_the_customer_takes_it_back(model, tmp_path):
    vault = Vault(tmp_path / "vault", bytes(range(32)))
    lines, ears = board(), Ears()
    made = Engine(lines, ears, Plan([model]), vault=vault)
    slot = opened(lines, may_record=True, record=True)
    for track, start, samples in pieces():
        if start < 8000:
            slot.write("audio", samples, arrived=time.time(), track=track, start=start, rate=8000)
    settle(made, lambda: list((tmp_path / "vault").rglob("*.afv")))
    slot.flags |= REFUSED
    settle(made, lambda: not list((tmp_path / "vault").rglob("*.afv")))
    made.stop()
