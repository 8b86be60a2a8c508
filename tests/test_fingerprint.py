"""Fingerprints: a copy is found however it was treated, another recording is not; speed and cuts are told."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt import audio, augment, datasets, fingerprint
from affekt.audio import resampled
from affekt.fingerprint import RATE
from affekt.types import Signal
from voices import voice

CORPORA = Path(__file__).parents[1] / ".." / "shared" / "corpora"


def coded(samples, format, subtype):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=format, subtype=subtype)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def chained(name):
    return lambda samples: augment.chain(name)(Signal(samples, RATE), np.random.default_rng(3)).samples


TREATED = {
    "softer": lambda samples: samples * np.float32(0.05),
    "cut": lambda samples: samples[1500:],
    "later": lambda samples: np.concatenate([np.zeros(3333, np.float32), samples]),
    "mp3": lambda samples: coded(samples, "MP3", "MPEG_LAYER_III"),
    "opus": lambda samples: coded(samples, "OGG", "OPUS"),
    "mu-law": lambda samples: coded(samples, "WAV", "ULAW"),
    "colour": chained("colour"),
    "noise": chained("noise"),
    "room": chained("room"),
}


@pytest.fixture(scope="module")
def voices():
    return [voice(seed) for seed in range(24)]


@pytest.fixture(scope="module")
def prints(voices):
    return [fingerprint.take(samples) for samples in voices]


@pytest.mark.parametrize("name", TREATED)
def test_a_treated_copy_is_found_and_nothing_else(name, voices, prints):
    copies = [fingerprint.take(TREATED[name](samples)) for samples in voices[:6]]
    found = list(fingerprint.matches(copies, prints, least=0.08))
    assert [(m.query, m.reference) for m in found] == [(i, i) for i in range(6)]
    assert {m.speed for m in found} == {1.0}


@pytest.mark.parametrize("speed", [0.92, 0.97, 1.035, 1.08])
def test_a_copy_at_another_speed_is_found_with_its_speed(speed, voices, prints):
    copies = [fingerprint.take(resampled(samples, round(RATE * speed), RATE)) for samples in voices[:6]]
    found = list(fingerprint.matches(copies, prints, least=0.08))
    assert [(m.query, m.reference) for m in found] == [(i, i) for i in range(6)]
    # resampling a copy at `speed` plays it that much faster, and undoing it is 1 / speed in the fingerprint's terms
    assert all(abs(m.speed - speed) < 0.011 or abs(m.speed - 1 / speed) < 0.011 for m in found)


def test_different_recordings_do_not_match(prints):
    assert list(fingerprint.matches(prints, least=0.08)) == []


_SPOKEN = voice(7)


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(0.003, 4), shift=st.integers(0, 4000))
def test_neither_gain_nor_a_cut_hides_a_copy(gain, shift):
    copy = (gain * _SPOKEN[shift:]).astype(np.float32)
    (match,) = fingerprint.matches([fingerprint.take(copy)], [fingerprint.take(_SPOKEN)], least=0.15, speeds=(1.0,))
    assert match.speed == 1


def test_one_list_gives_each_pair_once(prints):
    found = list(fingerprint.matches([*prints[:3], prints[1]], least=0.08))
    assert [(m.query, m.reference, m.score) for m in found] == [(1, 3, 1.0)]


@pytest.mark.parametrize("alone", [True, False])
def test_the_size_of_blocks_and_pieces_changes_nothing(alone, prints, monkeypatch):
    def found():
        references = None if alone else prints[5:]
        return sorted(
            (m.query, m.reference, m.score, m.speed) for m in fingerprint.matches(prints, references, least=0.001)
        )

    monkeypatch.setattr(fingerprint, "_FEWEST", 2)  # so that chance gives something to compare
    whole = found()
    monkeypatch.setattr(fingerprint, "_BLOCK", 7)
    monkeypatch.setattr(fingerprint, "_PIECE", 50)
    assert found() == whole
    assert whole


def test_a_held_tone_is_not_taken_for_a_voice_nor_compared_for_long(prints):
    t = np.arange(3 * RATE) / RATE
    tone = fingerprint.take((0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32))
    pairs = fingerprint._pairs([tone, prints[0]])
    same = pairs.keys(1.0)[pairs.owner == 0]
    assert np.unique(same, return_counts=True)[1].max() <= fingerprint._ALIKE
    assert list(fingerprint.matches([tone], prints, least=0.08)) == []


def test_stretches_joined_match_the_whole():
    samples = voice(5, seconds=6)
    parts = [fingerprint.take(samples[i : i + 2 * RATE], start=i / RATE) for i in range(0, len(samples), 2 * RATE)]
    (match,) = fingerprint.matches([fingerprint.join(parts)], [fingerprint.take(samples)], least=0.08)
    assert match.score > 0.5


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(9), np.zeros(8000), np.ones(8000), np.full(8000, 1e-7)])
def test_what_has_no_sound_matches_nothing(samples, prints):
    nothing = fingerprint.take(samples.astype(np.float32))
    assert list(fingerprint.matches([nothing], [nothing, *prints], least=0.08)) == []
    assert list(fingerprint.matches([], prints, least=0.08)) == []
    assert list(fingerprint.matches(prints, [], least=0.08)) == []


@pytest.mark.parametrize(("reach", "axis"), [(1, 0), (4, 0), (5, 1), (7, 1)])
def test_the_running_maximum_is_scipy_s(reach, axis):
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is not installed: make test installs it")
    level = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    wanted = ndimage.maximum_filter1d(level, 2 * reach + 1, axis=axis, mode="constant", cval=-np.inf)
    assert np.array_equal(fingerprint._highest(level, reach, axis), wanted)


def test_real_takes_of_one_sentence_are_told_apart_and_the_doubled_recording_is_found():
    """All 60 clips of RAVDESS's actor 7, of which one pair is one recording."""
    if not (CORPORA / "ravdess").is_dir():
        pytest.skip("no ravdess in ../shared/corpora")
    ravdess = datasets.load("ravdess", CORPORA / "ravdess")
    rows = [u for u in ravdess if u.speaker == "ravdess/07"]
    taken = [fingerprint.take(audio.read(ravdess.file(u), rate=RATE).samples) for u in rows]
    (match,) = fingerprint.matches(taken, least=0.08)
    assert {rows[match.query].id, rows[match.reference].id} == {"03-01-03-01-02-01-07", "03-01-03-01-02-02-07"}
