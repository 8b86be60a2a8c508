"""The nearest example is the one that sounds alike, and never by accident the speaker's own."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from ears import noise

import clips
from affekt import bundle, datasets, windows
from affekt.cache import Cache
from affekt.errors import DataError
from affekt.explain import examples


@pytest.fixture(scope="module")
def model():
    return bundle.load("permissive")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Noises of several colours; one file is no audio."""
    root = tmp_path_factory.mktemp("corpus")
    for place, (emotion, who) in enumerate([("anger", "a"), ("anger", "b"), ("neutral", "a"), ("sadness", "b")]):
        folder = root / emotion / who
        folder.mkdir(parents=True)
        samples = np.cumsum(noise(0.5, place).samples) if place % 2 else noise(0.5, place).samples
        soundfile.write(folder / "x.wav", samples / np.abs(samples).max() / 2, 16000)
    (root / "anger" / "a" / "broken.wav").write_text("no sound")
    return datasets.load("folder", root)


def test_what_cannot_be_heard_is_left_out(model, corpus):
    told = []
    found = examples.hear(model, corpus, progress=lambda done, total: told.append((done, total)))
    assert (len(corpus), len(found), found.vectors.shape) == (5, 4, (4, 2304))
    assert told[-1] == (5, 5)


def test_an_example_is_nearest_to_itself(model, corpus):
    among = examples.hear(model, corpus)
    for place, utterance in enumerate(among.utterances):
        near = examples.nearest(model, windows.whole(among.signal(place)), among, count=4)
        assert near[0].id == utterance.id
        assert near[0].distance == pytest.approx(0, abs=1e-4)
        assert [one.distance for one in near] == sorted(one.distance for one in near)


def test_the_speakers_own_recordings_are_passed_over(model, corpus):
    among = examples.hear(model, corpus)
    window = windows.whole(among.signal(0))
    near = examples.nearest(model, window, among, without=(among.utterances[0].speaker,))
    assert {one.speaker for one in near} == {u.speaker for u in among.utterances} - {among.utterances[0].speaker}


def test_vectors_come_from_the_cache_the_second_time(model, corpus, tmp_path, monkeypatch):
    store = Cache(tmp_path)
    first = examples.hear(model, corpus, store=store)
    monkeypatch.setattr(model, "hear", None)  # would fail if it were asked again
    assert (examples.hear(model, corpus, store=store).vectors == first.vectors).all()


def test_a_corpus_that_cannot_be_heard_at_all_is_refused(model, tmp_path):
    (tmp_path / "anger" / "a").mkdir(parents=True)
    (tmp_path / "anger" / "a" / "broken.wav").write_text("no sound")
    with pytest.raises(DataError, match="none of its 1"):
        examples.hear(model, datasets.load("folder", tmp_path))


def test_real_neighbours_share_the_emotion_more_often_than_chance(model):
    """EmoDB, other speakers only: the model's features bring the same emotion together."""
    among = examples.hear(model, clips.sample(clips.corpus("emodb"), 60))
    same = []
    for place, utterance in enumerate(among.utterances[:25]):
        near = examples.nearest(model, windows.whole(among.signal(place)), among, without=(utterance.speaker,))
        same += [one.emotion == utterance.emotion for one in near]
    counts = np.unique([u.emotion for u in among.utterances], return_counts=True)[1] / len(among)
    assert np.mean(same) > 1.5 * float((counts**2).sum())


def test_a_voice_is_described_among_the_examples():
    among = examples.hear(bundle.load("permissive"), clips.sample(clips.corpus("emodb"), 8))
    remarks = examples.describe(windows.whole(among.signal(0)), among)
    assert [one.name for one in remarks] == list(examples.VOICE)
    for one in remarks:
        assert 0 <= one.rank <= 1
        assert one.word in (*examples.VOICE[one.name][2:], "usual")
        assert (one.word == "usual") == (0.2 <= one.rank <= 0.8)
