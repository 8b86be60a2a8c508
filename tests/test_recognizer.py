"""Recordings in, timelines out: who is heard, how windows become turns, and that neither level nor length matters."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from affekt import bundle, windows
from affekt.audio.resample import Doubler
from affekt.errors import AudioError, UnknownNameError, UsageError
from affekt.recognizer import Recognizer, _Envelope, load
from affekt.timeline import Turn
from affekt.types import Affect, LabelSet, Prediction, Segment, Signal, Window

CALL = Path(__file__).parents[1] / "examples" / "call.wav"
CORPORA = Path(__file__).parents[2] / "shared" / "corpora"


class Chosen:
    """A model whose probabilities are chosen, which remembers what it heard."""

    id = "chosen@1"
    labels = LabelSet(("anger", "neutral"))

    def __init__(self, anger: list[float] | None = None) -> None:
        self.card = bundle.card("permissive")
        self.heard: list[Window] = []
        self._anger = iter(anger or ())

    def predict(self, windows: list[Window]) -> list[Prediction]:
        self.heard += windows
        return [self._say(window, next(self._anger, 0.5)) for window in windows]

    def _say(self, window: Window, anger: float) -> Prediction:
        affect = Affect(-anger, anger, 0.0)
        probs = (anger, 1 - anger)
        return Prediction(window.signal.segment, self.labels, probs, affect, window.speaker, max(probs), model=self.id)


@pytest.fixture(scope="module")
def default() -> Recognizer:
    return load()


@pytest.fixture(scope="module")
def call() -> tuple[np.ndarray, int]:
    return soundfile.read(CALL, dtype="float32")


def noise(seconds: float, rate: int = 16000, channels: int = 1) -> np.ndarray:
    """A different noise on each channel."""
    samples = np.random.default_rng(7).normal(0, 0.1, (round(seconds * rate), channels))
    return samples.astype(np.float32).clip(-1, 1)


def wav(samples: np.ndarray, rate: int = 16000, subtype: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def said(turns: tuple[Turn, ...]) -> list[tuple[Segment, str | None, str | None]]:
    return [(t.segment, t.speaker, t.prediction and t.prediction.emotion) for t in turns]


# --- the main job


def test_a_call_is_heard_as_two_speakers_in_order_of_time(default):
    timeline = default.predict_file(CALL)
    assert {turn.speaker for turn in timeline.turns} == {"left", "right"}
    assert [turn.segment for turn in timeline.turns] == sorted(turn.segment for turn in timeline.turns)
    assert all(turn.prediction and turn.role == "speaker" for turn in timeline.turns)
    assert (timeline.source, timeline.rate, timeline.channels) == (str(CALL), 8000, 2)
    assert timeline.duration == soundfile.info(CALL).duration
    assert "the channels carry different sound and are judged apart" in timeline.notes


def test_the_customer_of_the_sample_call_grows_angry_and_gives_up(default):
    customer = [turn for turn in default.predict_file(CALL, agent="right").turns if turn.role == "customer"]
    assert [turn.prediction.emotion for turn in customer][-2:] == ["anger", "sadness"]
    arousal = [turn.prediction.affect.arousal for turn in customer]
    assert arousal[0] < arousal[2] > arousal[3]


def test_an_array_is_judged_as_the_file_it_was_read_from(default, call):
    samples, rate = call
    of_array, of_file = default.predict(samples, rate), default.predict_file(CALL)
    assert of_array.turns == of_file.turns
    assert (of_array.source, of_array.duration) == ("signal", of_file.duration)


def test_bytes_and_open_files_are_recordings_too(default):
    with CALL.open("rb") as file:
        assert default.predict_file(file).turns == default.predict_file(CALL.read_bytes()).turns


def test_the_timeline_names_model_and_licence(default):
    timeline = default.predict_file(CALL)
    assert (timeline.model, timeline.licence) == (default.model.id, default.model.card.licence_line)


@pytest.mark.parametrize("vad", ["silero", "energy"])
def test_silence_has_no_turns_and_says_so(vad):
    timeline = load("permissive", vad=vad).predict(np.zeros(48000), 16000)
    assert timeline.turns == ()
    assert "no speech found" in timeline.notes


def test_a_channel_on_which_nobody_speaks_is_named(default, call):
    samples, rate = call
    timeline = default.predict(samples * np.array([1, 0], np.float32), rate, channel="each")
    assert "no speech found on channel right" in timeline.notes
    assert set(timeline.waveform) == {"left"}


def test_progress_tells_seconds_heard_and_in_all(default):
    told: list[tuple[float, float | None]] = []
    timeline = default.predict_file(CALL, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (timeline.duration, timeline.duration)


# --- windows -> turns


def test_a_turn_is_the_mean_of_its_windows():
    model = Chosen([0.9, 0.7, 0.2])
    (turn,) = Recognizer(model).predict(noise(4.5), 16000, segments=[(Segment(0, 4.5), "Ada")]).turns
    assert [w.segment for w in turn.windows] == [Segment(0, 3), Segment(1, 4), Segment(1.5, 4.5)]
    assert turn.prediction.segment == Segment(0, 4.5)
    assert turn.prediction.probs == pytest.approx((0.6, 0.4))
    assert turn.prediction.affect.valence == pytest.approx(-0.6)
    assert turn.prediction.confidence == pytest.approx(0.6)
    assert (turn.prediction.speaker, turn.prediction.model) == ("Ada", "chosen@1")


@pytest.mark.parametrize("anger", [[0.9, 0.2, 0.2], [0.9, 0.9, 0.9]])
def test_a_turn_is_uncertain_below_the_cards_threshold_whatever_its_windows_are(anger):
    model = Chosen(anger)
    model.card = replace(model.card, threshold=0.75)
    (turn,) = Recognizer(model).predict(noise(4.5), 16000, segments=[(Segment(0, 4.5), "Ada")]).turns
    assert turn.prediction.uncertain == (turn.prediction.confidence < 0.75) == (anger[1] < 0.5)


def test_a_short_turn_is_judged_whole_and_its_prediction_is_the_models():
    (turn,) = Recognizer(Chosen([0.8])).predict(noise(2), 16000, segments=[(Segment(0.5, 1.5), "Ada")]).turns
    assert turn.windows == (turn.prediction,)


def test_what_is_too_short_or_silent_is_a_turn_without_a_prediction():
    samples = np.concatenate([noise(1), np.zeros((16000, 1), np.float32)])
    rows = [(Segment(0, 0.1), "Ada"), (Segment(0.2, 0.8), "Ada"), (Segment(1.2, 1.9), "Ada")]
    model = Chosen()
    turns = Recognizer(model).predict(samples, 16000, segments=rows).turns
    assert [bool(turn.prediction) for turn in turns] == [False, True, False]
    assert len(model.heard) == 1


def test_windows_are_sixteen_kilohertz_and_levelled():
    model = Chosen()
    Recognizer(model).predict(0.001 * noise(3, 44100), 44100, segments=[(Segment(0, 3), "Ada")])
    (window,) = model.heard
    assert window.signal.rate == 16000
    assert 20 * np.log10(np.std(window.signal.samples)) == pytest.approx(-26, abs=0.5)


@given(batch=st.integers(1, 30))
def test_how_many_windows_are_judged_at_once_changes_no_turn(batch):
    from affekt import recognizer

    rows = [(Segment(i * 1.1, i * 1.1 + 1 + i % 4), "AB"[i % 2]) for i in range(20)]
    anger = [i % 10 / 10 for i in range(100)]
    with pytest.MonkeyPatch.context() as patch:
        expected = Recognizer(Chosen(anger)).predict(noise(24), 16000, segments=rows).turns
        patch.setattr(recognizer, "_BATCH", batch)
        assert Recognizer(Chosen(anger)).predict(noise(24), 16000, segments=rows).turns == expected


def test_window_and_hop_are_settable():
    timeline = load("permissive", window=2.0, hop=0.5).predict(noise(4), 16000, segments=[(Segment(0, 4), "Ada")])
    assert [w.segment.start for w in timeline.turns[0].windows] == [0, 0.5, 1, 1.5, 2]
    assert {w.segment.duration for w in timeline.turns[0].windows} == {2.0}


@pytest.mark.parametrize("settings", [{"window": 0.1}, {"window": 31}, {"hop": 0.05}, {"hop": 4}])
def test_settings_out_of_range_are_refused_at_once(settings):
    with pytest.raises(UsageError, match=r"must be .* got"):
        load("permissive", **settings)


def test_an_unknown_detector_or_model_is_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'silero'"):
        load("permissive", vad="sileri")
    with pytest.raises(UnknownNameError, match="Known: default, permissive"):
        load("nothing")


# --- an agent is never judged


def test_an_agents_turns_are_found_and_never_reach_the_model():
    model = Chosen()
    timeline = Recognizer(model).predict_file(CALL, agent="right")
    agent = [turn for turn in timeline.turns if turn.speaker == "right"]
    assert agent
    assert all(turn.role == "agent" and turn.prediction is None and turn.windows == () for turn in agent)
    assert {window.speaker for window in model.heard} == {"left"}
    assert {turn.role for turn in timeline.turns if turn.speaker == "left"} == {"customer"}


def test_an_agents_talk_time_is_that_of_a_judged_speaker(default):
    talk = default.predict_file(CALL).summary().talk
    assert default.predict_file(CALL, agent="right").summary().talk == pytest.approx(talk, abs=0.1)


def test_an_agent_heard_on_both_channels_is_judged_on_neither(default, call):
    samples, rate = call
    both = np.repeat(samples[:, :1], 2, axis=1)
    assert {turn.speaker for turn in default.predict(both, rate).turns} == {None}
    timeline = default.predict(both, rate, agent="left")
    assert {turn.speaker: turn.role for turn in timeline.turns} == {"left": "agent"}
    assert any("the agent speaks on the other channel as well" in note for note in timeline.notes)


@pytest.mark.parametrize("decibels", [-20, -30, -40])
def test_an_agents_echo_on_the_customers_channel_is_not_judged(default, call, decibels):
    """Crosstalk both ways: the customer's turns stay, and none lies where only the agent speaks."""
    samples, rate = call
    mixed = samples + 10 ** (decibels / 20) * samples[:, ::-1]
    clean = [t for t in default.predict(samples, rate, agent="right").turns if t.role == "customer"]
    turns = default.predict(mixed, rate, agent="right").turns
    for turn in (t for t in turns if t.role == "customer"):
        overlap = sum(both.duration for own in clean if (both := own.segment & turn.segment))
        assert overlap > 0.8 * turn.segment.duration
    heard = sum(t.segment.duration for t in turns if t.role == "customer")
    assert heard > 0.9 * sum(t.segment.duration for t in clean)


def test_an_agents_segments_are_cut_out_of_everybody_elses_on_the_same_track():
    model = Chosen()
    rows = [(Segment(0, 4), "Ada"), (Segment(1, 2), "Ben"), (Segment(3, 5), "Ben")]
    turns = Recognizer(model).predict(noise(6), 16000, segments=rows, agent="Ben").turns
    judged = [turn.segment for turn in turns if turn.role == "customer"]
    assert judged == [Segment(0, 1), Segment(2, 3)]


def test_the_agent_may_be_any_channel_or_a_speaker_of_the_segments():
    model = Chosen()
    roles = [t.role for t in Recognizer(model).predict(noise(2, 16000, 3), 16000, whole=True, agent="ch3").turns]
    assert sorted(roles) == ["agent", "customer", "customer"]
    rows = [(Segment(0, 1), "Ada"), (Segment(1, 2), "Ben")]
    turns = Recognizer(model).predict(noise(2), 16000, segments=rows, agent="Ben").turns
    assert [turn.role for turn in turns] == ["customer", "agent"]
    assert {window.speaker for window in model.heard} == {"ch1", "ch2", "Ada"}


@pytest.mark.parametrize(
    ("channels", "asked", "error", "said"),
    [
        (1, {"agent": "left"}, AudioError, "one channel, so 'left' cannot be told apart"),
        (2, {"agent": "Ben"}, AudioError, "no 'Ben' in it, there are left, right"),
        (2, {"agent": "left", "channel": "mix"}, UsageError, "cannot be told apart in a mix"),
        (1, {"agent": "Ben", "segments": [(Segment(0, 1), "Ada")]}, AudioError, "no 'Ben' in it, there are Ada"),
        (2, {"channel": "each", "segments": [(Segment(0, 1), "Ada")]}, AudioError, "no 'Ada' in it.*left, right"),
        (1, {"channel": "right"}, AudioError, "no right one"),
        (1, {"channel": "centre"}, UnknownNameError, "Known: auto, each"),
        (1, {"whole": True, "segments": []}, UsageError, "not both"),
    ],
)
def test_whoever_cannot_be_told_apart_is_an_error_and_not_a_guess(channels, asked, error, said):
    model = Chosen()
    with pytest.raises(error, match=said):
        Recognizer(model).predict(noise(1, 16000, channels), 16000, **asked)
    assert model.heard == []


# --- given segments


def test_given_segments_are_the_turns(default):
    rows = [(Segment(19.0, 25.7), "Ada"), (Segment(0.3, 2.8), "Ben")]
    timeline = default.predict_file(CALL, segments=rows)
    assert [(turn.segment, turn.speaker) for turn in timeline.turns] == sorted(rows)
    assert list(timeline.waveform) == ["all speakers"]


def test_speakers_called_like_channels_are_heard_on_their_own(default):
    timeline = default.predict_file(CALL, segments=[(Segment(19.0, 25.7), "left"), (Segment(26.4, 30.4), "right")])
    alone = default.predict_file(CALL, channel="left", segments=[(Segment(19.0, 25.7), "left")])
    assert timeline.turns[0] == alone.turns[0]
    assert set(timeline.waveform) == {"left", "right"}


def test_segments_of_one_speaker_that_overlap_are_one_turn():
    rows = [(Segment(0, 1), "Ada"), (Segment(0.5, 2), "Ada"), (Segment(0.5, 2), "Ben")]
    turns = Recognizer(Chosen()).predict(noise(3), 16000, segments=rows).turns
    assert [(turn.segment, turn.speaker) for turn in turns] == [(Segment(0, 2), "Ada"), (Segment(0.5, 2), "Ben")]


def test_segments_beyond_the_end_are_cut_off_or_told():
    rows = [(Segment(0.5, 9), "Ada"), (Segment(10, 11), "Ada")]
    timeline = Recognizer(Chosen()).predict(noise(2), 16000, segments=rows)
    assert [turn.segment for turn in timeline.turns] == [Segment(0.5, 2.0)]
    assert "1 of the 2 given segments begin after the recording's end" in timeline.notes


# --- whole


def test_whole_is_one_prediction_of_all_samples(default):
    (turn,) = default.predict_file(CALL, whole=True, channel="left", segments=None).turns[:1]
    samples, rate = soundfile.read(CALL, dtype="float32")
    doubler = Doubler()
    signal = Signal(np.concatenate([doubler.push(samples[:, 0]), doubler.finish()]), 2 * rate)
    assert turn.segment == signal.segment
    first = default.model.predict([windows.whole(Signal(signal.samples[: 6 * 16000], 16000))])[0]
    assert turn.windows[0].probs == pytest.approx(first.probs, abs=1e-6)


@pytest.mark.parametrize(("seconds", "starts"), [(3.5, [0]), (6, [0]), (7, [0, 1]), (15, [0, 6, 9])])
def test_whole_takes_long_recordings_in_windows_of_six_seconds(seconds, starts):
    (turn,) = Recognizer(Chosen()).predict(noise(seconds), 16000, whole=True).turns
    assert [w.segment.start for w in turn.windows] == starts
    assert turn.segment == Segment(0, seconds)


@pytest.mark.parametrize("samples", [np.zeros(32000), noise(0.1)])
def test_a_whole_recording_that_cannot_be_judged_says_why(default, samples):
    timeline = default.predict(samples, 16000, whole=True)
    assert [turn.prediction for turn in timeline.turns] == [None]
    assert "not judged: silent, or shorter than 0.25 s" in timeline.notes


# --- level and length


def close(one: tuple[Turn, ...], other: tuple[Turn, ...]) -> bool:
    """The same turns, and probabilities that differ by what rounding inside an INT8 graph brings."""
    return [t.segment for t in one] == [t.segment for t in other] and all(
        np.abs(np.subtract(a.prediction.probs, b.prediction.probs)).max() < 0.01
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("decibels", [-30, 10])
def test_a_gain_changes_no_turn_and_no_emotion_of_the_sample_call(default, call, decibels):
    samples, rate = call
    scaled = default.predict_file(wav(samples * np.float32(10 ** (decibels / 20)), rate)).turns
    assert said(scaled) == said(default.predict_file(CALL).turns)
    assert close(scaled, default.predict_file(CALL).turns)


@pytest.mark.parametrize("corpus", ["emodb", "emotale", "ravdess", "savee", "urdu"])
def test_a_gain_changes_no_turn_and_no_decision_on_real_speech(default, corpus):
    """Where the two best emotions are nearly tied, an INT8 graph may swap them; nowhere else."""
    if not (CORPORA / corpus).is_dir():
        pytest.skip(f"no {corpus} in ../shared/corpora")
    clips = sorted(p for p in (CORPORA / corpus).rglob("*") if p.suffix in (".wav", ".flac"))
    for clip in clips[:: len(clips) // 6]:
        samples, rate = soundfile.read(clip, dtype="float32")
        plain = default.predict(samples, rate).turns
        for gain in (10 ** (-30 / 20), 10 ** (10 / 20)):
            scaled = default.predict(samples * np.float32(gain), rate).turns
            assert close(scaled, plain), clip
            for one, other in zip(scaled, plain, strict=True):
                (first, best), (_, second) = other.prediction.top(2)
                assert one.prediction.emotion == first or best - second < 0.01, clip


@pytest.mark.parametrize("seconds", [0.013, 0.7, 60.0])
def test_how_much_is_decoded_at_once_changes_nothing(default, monkeypatch, seconds):
    from affekt import recognizer

    expected = default.predict_file(CALL)
    monkeypatch.setattr(recognizer, "_BLOCK", seconds)
    assert default.predict_file(CALL).to_dict() == expected.to_dict()


def test_memory_does_not_grow_with_the_recording(tmp_path):
    """One minute, then forty, in one process: held in memory the forty alone were 150 MB."""
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 8000, 1, "PCM_16") as file:
        minute = np.zeros(60 * 8000, np.int16)
        speech, _ = soundfile.read(CALL, dtype="int16")
        minute[: 10 * 8000] = speech[19 * 8000 : 29 * 8000, 0]
        for number in range(40):
            file.write(minute)
            if number == 0:
                soundfile.write(tmp_path / "short.wav", minute, 8000)
    code = (
        "import resource, affekt\nmodel = affekt.load()\n"
        "def peak(name):\n"
        "    timeline = model.predict_file(name)\n"
        "    return len(timeline.turns), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "(few, before), (many, after) = peak('short.wav'), peak('long.wav')\n"
        "print(many / few, after - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    turns, growth = map(float, done.stdout.split())
    assert turns == 40
    assert growth < 25


# --- waveforms


@given(
    lengths=st.lists(st.integers(0, 5000), min_size=1, max_size=12),
    rate=st.sampled_from([4000, 8000, 44100]),
    scale=st.sampled_from([1, 40]),
)
def test_an_envelope_is_that_of_equal_stretches_however_the_samples_arrive(lengths, rate, scale):
    samples = np.random.default_rng(sum(lengths)).uniform(-1, 1, sum(lengths) * scale).astype(np.float32)
    envelope = _Envelope(rate)
    for end, length in zip(np.cumsum(lengths) * scale, lengths, strict=True):
        envelope.push(samples[end - length * scale : end])
    columns = envelope.columns
    assert len(columns) < 12_000
    if len(columns) == 0:
        assert len(samples) < rate // 1000
        return
    step = rate // 1000
    while len(samples) // step >= 12_000:
        step *= 2
    covered = samples[: len(columns) * step].reshape(-1, step)
    assert len(samples) - covered.size < step
    np.testing.assert_array_equal(columns, np.stack([covered.min(axis=1), covered.max(axis=1)], axis=1))


def test_a_waveform_per_channel_and_one_for_a_room(default, call):
    samples, rate = call
    assert set(default.predict_file(CALL).waveform) == {"left", "right"}
    mono = default.predict(samples[:, 0], rate)
    assert set(mono.waveform) == {"speaker"}
    assert np.abs(mono.waveform["speaker"]).max() == np.abs(samples[:, 0]).max()
