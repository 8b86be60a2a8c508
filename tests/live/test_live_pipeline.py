"""The streaming core: the same sound gives the same events, in whatever chunks, and an agent is never judged."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import live_fakes
import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from live_fakes import RATE, Pitch, names, of, pipeline, play, sound

from affekt import bundle
from affekt.audio import Resampler
from affekt.errors import UnknownNameError, UsageError
from affekt.live import (
    AlertChanged,
    Finished,
    Gap,
    MoodChanged,
    Overlap,
    Patience,
    Pipeline,
    Resumed,
    Settings,
    Stages,
    TalkTime,
    TurnEnded,
    TurnStarted,
    WindowJudged,
)
from affekt.live.batch import Batch
from affekt.live.pipeline import judge
from affekt.recognizer import load
from affekt.types import Segment, Signal
from affekt.windows import cut

CALL = Path(__file__).parents[2] / "examples" / "call.wav"
TICK = 512 / RATE
CALM_THEN_ANGRY = sound(("silence", 0.5), ("calm", 5), ("silence", 1), ("anger", 14), ("silence", 2), ("calm", 2))


@pytest.fixture(scope="module")
def model():
    return bundle.load("permissive")


@pytest.fixture(scope="module")
def call():
    samples, rate = soundfile.read(CALL, dtype="float32")
    return {"left": samples[:, 0], "right": samples[:, 1]}, rate


# --- what is told


def test_a_turn_starts_is_judged_early_then_in_windows_and_ends():
    events = play(pipeline(), sound(("silence", 1), ("calm", 4), ("silence", 1)), 160)
    told = [(e.name, round(e.time, 1)) for e in events if not isinstance(e, MoodChanged)]
    assert told[0] == ("turn.started", 1.2)
    assert [t for n, t in told if n == "window.judged"] == [2.0, 3.9, 4.9, 5.6]
    assert told[-3:] == [("turn.ended", 5.6), ("talk", 5.6), ("finished", 6.0)]
    (ended,) = of(events, TurnEnded)
    assert (ended.segment.start, ended.segment.end) == pytest.approx((0.85, 5.15), abs=TICK)


def test_a_short_turn_is_judged_whole_and_once():
    events = play(pipeline(), sound(("silence", 1), ("calm", 0.8), ("silence", 1)), 160)
    (window,) = of(events, WindowJudged)
    (ended,) = of(events, TurnEnded)
    assert window.prediction.segment == ended.segment
    assert window.final


def test_every_window_has_a_mood_and_anger_that_lasts_an_alert():
    events = play(pipeline(), CALM_THEN_ANGRY, 4000)
    assert len(of(events, MoodChanged)) == len(of(events, WindowJudged)) > 10
    fired = [e.alert for e in of(events, AlertChanged) if e.alert.state == "firing" and e.alert.rule == "sustained"]
    assert len(fired) == 1
    assert fired[0].reason.startswith("anger at 0.")
    assert 6.0 < fired[0].segment.start < 11, "a window that ends in anger may begin before it"
    first = next(e for e in of(events, AlertChanged) if e.alert.rule == "sustained")
    assert first.time - 6.5 < 12, "seconds of angry speech until the alert"


def test_time_never_runs_backwards_and_every_event_has_one_json_form(call, model):
    samples, rate = call
    stream = Pipeline(model, {"left": "customer", "right": "agent"})
    events = play(stream, samples, 1600, rate=rate)
    assert [e.time for e in events] == sorted(e.time for e in events)
    for event in events:
        made = json.loads(json.dumps(event.to_dict(), allow_nan=False))
        assert made["type"] == event.name
        assert set(made) >= {"type", "time"}


# --- invariants


@pytest.mark.parametrize("chunk", [1, 160, 511, 4000])
def test_the_chunks_change_no_event(chunk):
    samples = CALM_THEN_ANGRY[: 3 * RATE] if chunk == 1 else CALM_THEN_ANGRY
    assert play(pipeline(), samples, chunk) == play(pipeline(), samples)


parts = st.lists(
    st.tuples(st.sampled_from(["anger", "calm", "neutral", "silence"]), st.floats(0.05, 2)), min_size=1, max_size=3
)


@settings(max_examples=12)
@given(parts, parts, st.integers(1, 9000), st.sampled_from(["customer", "agent"]))
def test_the_chunks_change_no_event_of_a_call(one, other, chunk, role):
    a, b = sound(*one), sound(*other)
    size = max(len(a), len(b))
    tracks = {"a": np.pad(a, (0, size - len(a))), "b": np.pad(b, (0, size - len(b)))}
    roles = {"a": "customer", "b": role}
    assert play(pipeline(roles), tracks, chunk) == play(pipeline(roles), tracks)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_nor_at_another_rate(rate):
    samples = sound(("silence", 0.5), ("calm", 4), ("silence", 1), ("anger", 2), rate=rate)
    whole = play(pipeline(), samples, rate=rate)
    assert len(of(whole, WindowJudged)) > 4
    assert play(pipeline(), samples, 511, rate=rate) == whole


@pytest.mark.parametrize("chunk", [160, 511, 4000])
def test_nor_with_the_real_model_and_detector(call, model, chunk):
    samples, rate = call
    samples = {name: track[: 16 * rate] for name, track in samples.items()}
    roles = {"left": "customer", "right": "agent"}
    whole = play(Pipeline(model, roles), samples, rate=rate)
    assert of(whole, MoodChanged)
    assert play(Pipeline(model, roles), samples, chunk, rate=rate) == whole


@settings(max_examples=12)
@given(st.integers(0, 10**9), st.sampled_from([1, 2, 3]))
def test_a_delay_shifts_all_times_by_exactly_so_much(delay, scale):
    rate = RATE // scale if scale < 3 else 48000
    samples = sound(("silence", 0.3), ("calm", 2), ("silence", 1), ("anger", 1), rate=rate)
    delay = delay // scale * scale  # a place at 16 kHz
    now, later = play(pipeline(), samples, rate=rate), play(pipeline(), samples, rate=rate, start=delay)
    assert names(later) == names(now)
    shift = delay * RATE // rate
    for one, other in zip(now, later, strict=True):
        assert round(other.time * RATE) - round(one.time * RATE) == shift
        for span in ("segment", "start"):
            if hasattr(one, span):
                a, b = (getattr(e, span) for e in (one, other))
                edges = [(a.start, b.start), (a.end, b.end)] if isinstance(a, Segment) else [(a, b)]
                assert all(round(y * RATE) - round(x * RATE) == shift for x, y in edges)
    probs = [[e.prediction.probs for e in of(events, WindowJudged)] for events in (now, later)]
    assert probs[0] == probs[1]


@given(parts, parts, st.lists(st.booleans(), min_size=20, max_size=20))
@settings(max_examples=12)
def test_two_streams_never_mix(one, other, turns):
    """One model, two streams, pushed in any order: each hears what it would hear alone."""
    shared = Pitch()
    sounds = [sound(*one), sound(*other)]
    streams, events, at = [pipeline(model=shared), pipeline(model=shared)], [[], []], [0, 0]
    for second in [*turns, *[False, True] * 12]:
        i = int(second)
        events[i] += streams[i].push(Signal(sounds[i][at[i] : at[i] + 8000], RATE, at[i]))
        at[i] = min(at[i] + 8000, len(sounds[i]))
    for i in (0, 1):
        assert [*events[i], *streams[i].finish()] == play(pipeline(), sounds[i])


def test_finish_is_idempotent_and_nothing_follows_it():
    stream = pipeline()
    events = play(stream, sound(("calm", 2)))
    assert names(events)[-3:] == ["turn.ended", "talk", "finished"]
    assert stream.finish() == stream.pause() == stream.resume() == []
    with pytest.raises(UsageError, match="has been finished"):
        stream.push(Signal(np.zeros(10, np.float32), RATE))
    assert names(pipeline().finish()) == ["finished"]


def dtmf(seconds):
    low, high = (697, 770, 852, 941), (1209, 1336, 1477)
    time = np.arange(RATE // 10) / RATE
    keys = [
        np.concatenate([0.2 * sum(np.sin(2 * np.pi * f * time) for f in (low[k % 4], high[k % 3])), 0 * time])
        for k in range(round(seconds / 0.2))
    ]
    return np.concatenate(keys).astype(np.float32)


def music(seconds, seed=0):
    """Chords of decaying tones, three notes each."""
    rng, time = np.random.default_rng(seed), np.arange(RATE) / RATE
    made = np.zeros(round(seconds * RATE) + RATE)
    for at in range(0, len(made) - RATE, 6000):
        for note in rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 3, replace=False):
            pitch = 220 * 2 ** (note / 12)
            tone = sum(np.sin(2 * np.pi * pitch * k * time) / k**1.5 for k in range(1, 6))
            made[at : at + RATE] += 0.05 * tone * np.exp(-3 * time) * np.minimum(1, 100 * time)
    return made[: round(seconds * RATE)].astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(20 * RATE, np.float32),
        (1e-3 * np.random.default_rng(0).standard_normal(20 * RATE)).astype(np.float32),
        dtmf(10),
        music(20),
        music(20, seed=1),
    ],
    ids=["digital silence", "line noise", "DTMF", "music", "other music"],
)
def test_what_is_no_speech_has_no_emotion_and_makes_no_alert(model, samples):
    """Silero as it is; the music is synthesised, as no recording of any lies here."""
    assert names(play(Pipeline(model), samples, 4000)) == ["finished"]


# --- latency


def latest(window):
    """The documented latency of a window: a pause that may still belong to the turn, and two ticks."""
    return window.prediction.segment.end + 0.6 + 2 * TICK


@settings(max_examples=12)
@given(parts, st.integers(100, 3000))
def test_no_event_is_later_than_documented(made, chunk):
    """In time of the stream, and in samples that had been pushed when it came."""
    stream, samples, found = pipeline(), sound(*made), []
    for at in range(0, len(samples), chunk):
        end = min(at + chunk, len(samples))
        events = stream.push(Signal(samples[at:end], RATE, at))
        assert all(end / RATE - (chunk / RATE + TICK) <= event.time <= end / RATE for event in events)
        found += events
    for event in [*found, *stream.finish()]:
        if isinstance(event, WindowJudged):
            assert event.time <= latest(event) + 1e-9
        if isinstance(event, TurnEnded):
            assert event.time <= event.segment.end + 0.6 + TICK
        if isinstance(event, MoodChanged):
            assert event.time <= event.mood.time + 0.6 + 2 * TICK + 1e-9


def test_an_agent_on_the_line_makes_all_later_by_a_tick():
    tracks = {"a": CALM_THEN_ANGRY, "b": 0 * CALM_THEN_ANGRY}
    stream, late = pipeline({"a": "customer", "b": "agent"}), []
    for at in range(0, len(CALM_THEN_ANGRY), 160):
        part = {name: Signal(x[at : at + 160], RATE, at) for name, x in tracks.items()}
        late += [(at + 160) / RATE - event.time for event in stream.push(part)]
    assert 0.03 < max(late) <= 0.05
    assert of(play(pipeline(), CALM_THEN_ANGRY), TurnEnded)


def test_silero_waits_two_seconds_for_the_level_of_a_stream_and_then_no_more(model, call):
    samples, rate = call
    events = play(Pipeline(model), samples["left"][rate : 12 * rate], 160, rate=rate)
    windows = of(events, WindowJudged)
    assert all(w.time <= max(2.1, latest(w)) for w in windows)


# --- a stream and a recording


def test_live_windows_are_those_of_the_recording_but_for_the_early_ones(model, call):
    samples, rate = call
    timeline = load("permissive").predict(samples["left"], rate)
    events = play(Pipeline(model, settings=Settings(early=None)), samples["left"], 800, rate=rate)
    offline = [w for turn in timeline.turns for w in turn.windows]
    live = [e.prediction for e in of(events, WindowJudged)]
    assert [w.segment for w in live] == [w.segment for w in offline]
    assert np.allclose([w.probs for w in live], [w.probs for w in offline], atol=1e-6)
    assert [e.segment for e in of(events, TurnEnded)] == [turn.segment for turn in timeline.turns]


# --- roles


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from(["customer", "agent", "speaker"]), min_size=1, max_size=3),
    st.lists(parts, min_size=3, max_size=3),
    st.integers(500, 20000),
    st.integers(0, 5),
)
def test_on_no_path_does_a_model_hear_an_agent(roles, sounds, chunk, trouble):
    """Chunks, losses, pauses, the end in the middle of a word: a window is never an agent's."""
    tracks = dict(zip("abc", roles, strict=False))
    model = Pitch()
    stream, events = pipeline(tracks, model), []
    made = {name: sound(*part) for name, part in zip(tracks, sounds, strict=False)}
    for number, at in enumerate(range(0, max(map(len, made.values())), chunk)):
        if trouble and number % 3 == trouble % 3 and trouble < 4:
            continue
        if trouble == 5 and number % 4 in (1, 2):
            events += stream.pause() if number % 4 == 1 else stream.resume()
        events += stream.push({name: Signal(x[at : at + chunk], RATE, at) for name, x in made.items()})
    events += stream.finish()
    agents = {name for name, role in tracks.items() if role == "agent"}
    assert {who for who, _, _ in model.heard} & agents == set()
    assert {role for _, role, _ in model.heard} <= {"customer", "speaker"}
    about = [e.prediction.speaker for e in of(events, WindowJudged)] + [e.mood.speaker for e in of(events, MoodChanged)]
    assert set(about) & agents == set()
    assert {e.alert.speaker for e in of(events, AlertChanged)} & agents == set()


def test_an_agents_turns_are_told_for_talk_time_and_overlap():
    customer = sound(("silence", 0.5), ("calm", 3), ("silence", 3))
    agent = sound(("silence", 2.5), ("neutral", 3), ("silence", 1))
    events = play(pipeline({"c": "customer", "a": "agent"}), {"c": customer, "a": agent}, 800)
    assert [(e.speaker, e.role) for e in of(events, TurnEnded)] == [("c", "customer"), ("a", "agent")]
    seconds = dict(of(events, TalkTime)[-1].seconds)
    assert seconds == {"c": pytest.approx(3.3, abs=0.1), "a": pytest.approx(3.3, abs=0.1)}
    (overlap,) = of(events, Overlap)
    assert overlap.speakers == ("c", "a")
    assert (overlap.segment.start, overlap.segment.end) == pytest.approx((2.35, 3.65), abs=0.1)


def test_an_agents_echo_on_the_customers_line_is_not_judged():
    agent = sound(("silence", 1), ("anger", 5), ("silence", 1))
    model = Pitch()
    events = play(pipeline({"c": "customer", "a": "agent"}, model), {"c": 0.2 * agent, "a": agent}, 800)
    assert model.heard == []
    assert {e.speaker for e in of(events, TurnStarted)} == {"a"}


# --- gaps, pauses, lagging tracks


def push_all(stream, signals):
    return [event for signal in signals for event in stream.push(signal)]


def test_a_loss_is_told_and_time_goes_on():
    samples = sound(("silence", 1), ("calm", 2), ("silence", 1), ("anger", 2), ("silence", 1))
    stream = pipeline()
    cut_ = slice(int(3.2 * RATE), int(3.9 * RATE))
    samples[cut_] = 0
    events = push_all(stream, [Signal(samples[: cut_.start], RATE), Signal(samples[cut_.stop :], RATE, cut_.stop)])
    events += stream.finish()
    (gap,) = of(events, Gap)
    assert (gap.kind, gap.segment) == ("lost", Segment(3.2, 3.9))
    whole = play(pipeline(), samples)
    assert [e for e in events if e != gap] == whole


def test_a_long_loss_ends_the_turn_and_what_follows_is_heard_anew():
    samples = sound(("calm", 2))
    stream = pipeline()
    events = push_all(stream, [Signal(samples, RATE), Signal(samples, RATE, 3600 * RATE)])
    events += stream.finish()
    assert [e.kind for e in of(events, Gap)] == ["lost"]
    ended = [(e.segment.start, e.segment.end) for e in of(events, TurnEnded)]
    assert ended == [pytest.approx((0, 2), abs=TICK), pytest.approx((3600, 3602), abs=TICK)]
    assert of(events, Finished)[0].time == 3602


def test_a_pause_is_told_and_what_comes_meanwhile_is_not_heard():
    samples = sound(("calm", 2), ("anger", 3), ("calm", 2))
    stream, model = pipeline(), Pitch()
    stream = pipeline(model=model)
    events = stream.push(Signal(samples[: 2 * RATE], RATE))
    events += stream.pause()
    assert stream.pause() == []
    events += stream.push(Signal(samples[2 * RATE : 5 * RATE], RATE, 2 * RATE))
    events += stream.resume()
    events += stream.push(Signal(samples[5 * RATE :], RATE, 5 * RATE)) + stream.finish()
    assert [e.segment for e in of(events, TurnEnded)] == [Segment(0, 2), Segment(5, 7)]
    assert [(e.name, e.time) for e in events if e.name in ("paused", "resumed", "gap")] == [
        ("paused", 2),
        ("resumed", 5),
    ]
    assert {e.prediction.emotion for e in of(events, WindowJudged)} == {"calm"}
    assert of(events, Resumed)


def test_a_track_that_lags_is_waited_for_a_little_and_then_not_at_all():
    tone = sound(("calm", 12))
    stream = pipeline({"a": "customer", "b": "customer"}, patience=Patience(lag=1.0))
    stream.push({"a": Signal(tone[:8000], RATE), "b": Signal(tone[:8000], RATE)})
    events = []
    for at in range(8000, 8 * RATE, 1600):
        events += stream.push({"a": Signal(tone[at : at + 1600], RATE, at)})
        newest = at + 1600
        if events:
            assert newest / RATE - events[-1].time < 4
    assert [e for e in events if isinstance(e, WindowJudged) and e.prediction.speaker == "a"]
    back = stream.push({"b": Signal(tone[: 2 * RATE], RATE, 9 * RATE), "a": Signal(tone[: 3 * RATE], RATE, 8 * RATE)})
    (gap,) = of(back, Gap)
    assert (gap.track, gap.kind, gap.segment) == ("b", "lost", Segment(0.5, 9))
    (ended,) = [e.segment for e in of(stream.finish(), TurnEnded) if e.speaker == "b"]
    assert (ended.start, ended.end) == pytest.approx((9, 11), abs=TICK)


def test_what_lies_before_the_beginning_of_a_stream_is_late():
    """One track begins at 2 s; the other comes after it and says that it began at 1 s."""
    stream, tone = pipeline({"a": "customer", "b": "customer"}), sound(("calm", 3))
    events = stream.push({"a": Signal(tone[: 3 * RATE // 2], RATE, 2 * RATE)})
    events += stream.push({"b": Signal(tone, RATE, RATE)}) + stream.finish()
    (gap,) = of(events, Gap)
    assert (gap.track, gap.kind, gap.segment) == ("b", "late", Segment(1, 2))
    ended = {e.speaker: (e.segment.start, e.segment.end) for e in of(events, TurnEnded)}
    assert ended == {"a": pytest.approx((2, 3.5), abs=TICK), "b": pytest.approx((2, 4), abs=TICK)}


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["push", "push", "push", "skip", "back", "far", "pause", "resume", "one", "ack"]),
            st.integers(1, 12000),
        ),
        max_size=16,
    ),
    st.sampled_from([0.0, 0.02]),
)
@example([("push", 1), ("push", 1), ("one", 2360), ("push", 25), ("push", 1273), ("far", 321)], 0.0)
def test_whatever_comes_and_goes_time_runs_forward_and_the_end_is_told(steps, jitter):
    """Losses, repeats, leaps, pauses, tracks that stay away: no step fails, and every turn that starts ends."""
    stream = pipeline({"a": "customer", "b": "agent"}, patience=Patience(jitter=jitter, lag=0.5))
    tone, at, events = sound(("calm", 2), ("silence", 1), ("anger", 2)), {"a": 0, "b": 0}, []
    for what, size in steps:
        for name in "ab":
            at[name] += {"skip": size, "far": 100 * size, "back": -min(size, at[name])}.get(what, 0)
        if what in ("pause", "resume"):
            events += getattr(stream, what)()
        elif what == "ack":
            events += stream.acknowledge("sustained", "a")
        else:
            names_ = "a" if what == "one" else "ab"
            events += stream.push({n: Signal(np.resize(tone, size), RATE, at[n]) for n in names_})
            for name in names_:
                at[name] += size
    events += stream.finish()
    times = [event.time for event in events]
    assert times == sorted(times)
    assert names(events)[-1] == "finished"
    for who in "ab":
        turns = [e.name for e in events if isinstance(e, TurnStarted | TurnEnded) and e.speaker == who]
        assert turns == ["turn.started", "turn.ended"] * (len(turns) // 2)
    assert names(events).count("paused") - names(events).count("resumed") in (0, 1)


def test_tracks_are_named_and_pushed_by_name():
    stream = pipeline({"a": "customer", "b": "agent"})
    with pytest.raises(UsageError, match="has the tracks a, b; push a mapping"):
        stream.push(Signal(np.zeros(10, np.float32), RATE))
    with pytest.raises(UnknownNameError, match="no track is called 'c'"):
        stream.push({"c": Signal(np.zeros(10, np.float32), RATE)})


# --- taken apart, as a service does


def test_hear_judge_and_feel_taken_apart_over_two_streams_are_push(monkeypatch):
    model = Pitch()
    sounds = [CALM_THEN_ANGRY, CALM_THEN_ANGRY[::-1].copy()]
    streams, events = [pipeline(model=model), pipeline(model=model)], [[], []]
    for at in range(0, len(CALM_THEN_ANGRY), 8000):
        heard = [s.hear(s.take(Signal(x[at : at + 8000], RATE, at))) for s, x in zip(streams, sounds, strict=True)]
        said = iter(judge(model, [w for stream in heard for one in stream for w in one.windows]))
        for i in (0, 1):
            events[i] += streams[i].feel([(one, [next(said) for _ in one.windows]) for one in heard[i]])
    for i in (0, 1):
        assert [*events[i], *streams[i].finish()] == play(pipeline(), sounds[i])


def test_voice_activity_of_many_streams_in_one_call_gives_the_turns_of_each_alone(call):
    """Three streams of real telephone speech that begin at different times, one of them with a long loss."""
    samples, rate = call
    model, batch = Pitch(), Batch()
    sounds = [samples["left"], samples["right"], samples["left"][5 * rate :]]
    streams = [Pipeline(model, stages=Stages(batch.detector)) for _ in sounds]
    events = [[] for _ in sounds]

    for at in range(0, 16 * rate, 160):
        ticks = [
            s.take(Signal(x[at : at + 160], rate, at if i < 2 or at < 8 * rate else at + 9 * rate))
            for i, (s, x) in enumerate(zip(streams, sounds, strict=True))
        ]
        for step in range(max(map(len, ticks))):
            now = [(i, own[step]) for i, own in enumerate(ticks) if len(own) > step]
            batch.tell([pair for i, tick in now for pair in streams[i].detectors(tick)])
            for i, tick in now:
                events[i] += streams[i].feel([(h, judge(model, h.windows)) for h in streams[i].hear([tick])])
    for i, stream in enumerate(streams):
        alone = Pipeline(model)
        parts = [(sounds[i][: 8 * rate], 0), (sounds[i][8 * rate : 16 * rate], 8 * rate if i < 2 else 17 * rate)]
        expected = [e for part, at in parts for e in alone.push(Signal(part, rate, at))] + alone.finish()
        found = [*events[i], *stream.finish()]
        assert len(of(found, TurnEnded)) >= 2
        assert found == expected


def test_a_prediction_that_is_missing_is_refused():
    stream = pipeline()
    heard = stream.hear(stream.take(Signal(sound(("calm", 2)), RATE)))
    with pytest.raises(UsageError, match="1 windows were heard, got 0 predictions"):
        stream.feel([(one, []) for one in heard])


# --- stages


class Halved:
    """A stage that cleans: here, halves."""

    def push(self, signal):
        yield Signal(signal.samples / 2, signal.rate, signal.start)

    def finish(self):
        return iter(())


def test_a_stage_of_noise_reduction_and_one_of_diarization_have_their_places():
    from affekt.live.stage import Voice

    class Second:
        """A stage that tells voices apart: every second turn is the other's, who is an agent."""

        def __init__(self, track, role):
            self.turns = []

        def push(self, speech):
            if speech.turn_start not in self.turns:
                self.turns.append(speech.turn_start)
            other = len(self.turns) % 2 == 0
            yield Voice(speech, "other" if other else "one", "agent" if other else "customer")

        def finish(self):
            return iter(())

    model = Pitch()
    stream = Pipeline(model, stages=Stages(live_fakes.Loud, clean=Halved, who=Second))
    events = play(stream, sound(("calm", 2), ("silence", 1), ("anger", 2), ("silence", 1), ("calm", 2)), 800)
    assert [e.speaker for e in of(events, TurnEnded)] == ["one", "other", "one"]
    assert {who for who, _, _ in model.heard} == {"one"}


def test_no_stage_cleans_an_agents_voice_or_tells_whose_it_is():
    """Neither is anybody's business, and a stage that calls an agent a speaker must not have them judged."""
    heard = []

    class Overheard(Halved):
        def push(self, signal):
            heard.append(signal)
            return super().push(signal)

    class Speaker:
        def __init__(self, track, role):
            heard.append(role)

        def push(self, speech):
            from affekt.live.stage import Voice

            yield Voice(speech, "somebody", "speaker")

        def finish(self):
            return iter(())

    model = Pitch()
    stream = Pipeline(model, {"a": "agent"}, stages=Stages(live_fakes.Loud, clean=Overheard, who=Speaker))
    events = play(stream, {"a": sound(("calm", 2), ("silence", 1), ("anger", 2))}, 800)
    assert [e.speaker for e in of(events, TurnEnded)] == ["a", "a"]
    assert not heard
    assert not model.heard


def test_who_speaks_breaks_a_silence_before_it_is_told_who_it_is():
    class Late:
        """Tells who it was when the turn is over."""

        def __init__(self, track, role):
            self.held = []

        def push(self, speech):
            from affekt.live.stage import Voice

            self.held.append(Voice(speech, "somebody", "speaker"))
            if speech.final:
                yield from self.held
                self.held = []

        def finish(self):
            return iter(self.held)

    stream = Pipeline(Pitch(), stages=Stages(live_fakes.Loud, who=Late))
    tone, silences = sound(("calm", 1), ("silence", 2), ("calm", 6)), []
    for at in range(0, len(tone), 1600):
        for one in stream.hear(stream.take(Signal(tone[at : at + 1600], RATE, at))):
            silences += [(one.at / RATE, one.floor.silence)]
    assert max(silence for time, silence in silences if time < 3) > 1.2
    assert max(silence for time, silence in silences if time > 4) < 0.5


# --- memory


def test_a_day_needs_the_memory_of_an_hour():
    """24 h of virtual time: steps of 15 s, a word now and then, and a model that is fast and forgets."""
    model = Pitch()
    stream = pipeline({"c": "customer"}, model, hop=15 * RATE)
    minute = np.concatenate([sound(("anger", 15)), np.zeros(45 * RATE, np.float32)])
    hush = np.zeros(60 * RATE, np.float32)
    taken = []
    tracemalloc.start()
    for number in range(24 * 60):
        spoken = number % 20 == 0
        stream.push({"c": Signal(minute if spoken else hush, RATE, number * 60 * RATE)})
        model.heard.clear()
        if number in (3 * 60 - 1, 24 * 60 - 1):
            taken.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert taken[1] - taken[0] < 20_000, f"bytes after three hours and a day: {taken}"


def test_windows_of_given_segments_are_refused_for_agents():
    """The type itself refuses, whatever way it is made."""
    signal = Signal(sound(("calm", 3)), RATE)
    with pytest.raises(UsageError, match="an agent's voice is never judged"):
        list(cut(signal, [Segment(0, 1)], role="agent"))


def test_a_resampler_holds_back_less_than_eighty_milliseconds():
    """`time` is a place in the sound: at another rate than 16 kHz it is known so much later."""
    for rate in (8000, 44100, 48000):
        resampler, came = Resampler(rate), 0
        for _ in range(100):
            came += len(resampler.push(np.zeros(rate // 50, np.float32)))
        assert 2 * RATE - came <= 0.08 * RATE
