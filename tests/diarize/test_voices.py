"""Embeddings to speakers: one stays one, another is found, what was told stays, and memory is bounded."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.diarize.voices import BLOCK, NAMES, Settings, Voices
from affekt.errors import UsageError


def person(seed, blocks, spread=0.5):
    """Embeddings of one voice around a point of its own, as spread as real ones are."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=256)
    own /= np.linalg.norm(own)
    noise = rng.normal(size=(blocks, 256)) * spread / 16
    return [(v / np.linalg.norm(v)).astype(np.float32) for v in own + noise]


def told(voices, *turns):
    return [
        [t.speaker for e in turn for t in voices.push(e, 1.6)] + [t.speaker for t in voices.end()] for turn in turns
    ]


def test_one_speaker_stays_one():
    blocks = person(1, 200)
    assert told(Voices(), blocks[:60], blocks[60:61], blocks[61:200]) == [[0] * 60, [0], [0] * 139]


def test_another_is_found_inside_a_turn_and_known_again():
    one, other = person(1, 60), person(2, 40)
    turns = told(Voices(), one[:30] + other[:20], one[30:40], other[20:30])
    assert turns[0][:27] == [0] * 27  # the change itself may be off by what lies around a block
    assert turns[0][-17:] == [1] * 17
    assert turns[1:] == [[0] * 10, [1] * 10]


def test_what_is_too_short_is_nobody_new():
    assert told(Voices(), person(1, 30), person(2, 3)) == [[0] * 30, [0] * 3]


def test_no_more_are_found_than_there_are():
    turns = told(Voices(2), *(person(seed, 30) for seed in range(6)))
    assert {who for turn in turns for who in turn} == {0, 1}


def test_confidence_is_a_probability_and_falls_between_two():
    voices, one, other = Voices(2), person(1, 40), person(2, 40)
    told(voices, one[:30], other[:30])
    middle = one[31] + other[31]
    sure, unsure = ([*voices.push(e, 1.6), *voices.end()][0].confidence for e in (one[30], middle / 2**0.5))
    assert 0.5 < unsure < sure < 1


def test_two_who_alternate_each_second_from_the_first_word_on_are_two():
    """Told as it goes, some seconds behind."""
    one, other = person(1, 40), person(2, 40)
    blocks = [block for i in range(0, 40, 4) for block in (*one[i : i + 4], *other[i : i + 4])]
    (names,) = told(Voices(2), blocks)
    assert names == ([0] * 4 + [1] * 4) * 10


def test_an_early_mistake_does_not_last():
    """Halves of one voice are taken for two; when the second comes, one of the names becomes theirs."""
    one, half, other = person(1, 24, 0.2), person(3, 24, 0.2), person(2, 60)
    near = [(a + 0.8 * b) / np.linalg.norm(a + 0.8 * b) for a, b in zip(one, half, strict=True)]
    turns = told(Voices(2), one + near, other[:40], one[:10], near[:10], other[40:])
    assert set(turns[0]) == {0, 1}
    assert len(set(turns[2] + turns[3])) == 1
    assert set(turns[4]) == {0, 1} - set(turns[2])


def test_who_is_silent_for_longer_than_the_memory_stays_known():
    """What the other says meanwhile falls into halves, as all speech does: neither gets the name."""
    other, one = person(2, 60, 0.2), person(1, 400, 0.2)
    half = [(a + 0.65 * b) / np.linalg.norm(a + 0.65 * b) for a, b in zip(one, person(3, 400, 0.2), strict=True)]
    turns = told(Voices(2), one[:40], other[:40], one[40:220] + half[40:220], one[220:320], other[40:])
    assert turns == [[0] * 40, [1] * 40, [0] * 360, [0] * 100, [1] * 20]


def test_every_block_is_told_once_and_no_name_is_beyond_the_last():
    """Strangers without end: blocks wait for a bounded time, and names and memory have an end."""
    voices, given, most = Voices(), 0, 0
    for seed in range(100):
        turn = person(seed, 15)
        for embedding in turn:
            given += 1
            given -= len(list(voices.push(embedding, 1.6)))
            most = max(most, given)
        ended = list(voices.end())
        given -= len(ended)
        assert given == 0
        assert all(0 <= one.speaker < NAMES for one in ended)
    assert most <= Settings().delay / BLOCK
    assert len(voices._memory) <= Settings().memory / BLOCK
    assert len(voices._speakers) <= 8


def test_senseless_settings_are_refused():
    with pytest.raises(UsageError, match="1 to 32 speakers can be told apart, got 0"):
        Voices(0)
    with pytest.raises(UsageError, match="apart must be 0 to 1, got 2"):
        Settings(apart=2.0)
