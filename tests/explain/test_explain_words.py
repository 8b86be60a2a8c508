"""Transcripts are read in three forms, and every moment of a word counts once."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.explain import words
from affekt.types import Segment

WORDS = [(Segment(0.5, 0.8), "no"), (Segment(0.8, 1.25), "note")]
CTM = ";; a comment\ncall 1 0.5 0.3 no 0.98\ncall 1 0.8 0.45 note\n"
CSV = "word,start,end\nno,0.5,0.8\nnote,0.8,1.25\n"
ROWS = [{"word": "no", "start": 0.5, "end": 0.8}, {"word": "note", "start": 0.8, "end": 1.25}]


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.ctm", CTM), ("a.csv", CSV), ("a.json", json.dumps(ROWS)), ("b.json", json.dumps({"words": ROWS}))],
)
def test_every_form_gives_the_same_words(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = words.read(tmp_path / name)
    assert [word for _, word in found] == ["no", "note"]
    for (segment, _), (expected, _) in zip(found, WORDS, strict=True):
        assert (segment.start, segment.end) == pytest.approx((expected.start, expected.end))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.ctm", "call 1 0.5\n", "line 1"),
        ("a.ctm", "call 1 x 0.3 no\n", "start at 0 s or later"),
        ("a.ctm", "", "no words"),
        ("a.csv", "word,begin\nno,1\n", "line 2"),
        ("a.csv", "word,start,end\nno,2,1\n", "line 2"),
        ("a.csv", "word,start,end\n,1,2\n", "missing"),
        ("a.json", "{", "no JSON"),
        ("a.json", '{"text": "no note"}', "'words'"),
        ("a.json", '[{"word": "no", "start": null, "end": 1}]', "word 1"),
    ],
)
def test_what_is_wrong_with_a_transcript_is_said(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        words.read(tmp_path / name)


def test_a_missing_transcript_is_said(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        words.read(tmp_path / "none.ctm")


@given(cuts=st.lists(st.floats(1.0, 4.0), max_size=6, unique=True), count=st.integers(1, 40))
def test_words_that_fill_the_window_share_out_all_that_it_says(cuts, count):
    worth = np.random.default_rng(count).normal(size=count)
    edges = [0.0, *sorted(cuts), 9.0]
    said = words.weigh([(Segment(a, b), "x") for a, b in pairwise(edges)], worth, Segment(1.0, 4.0))
    assert sum(one.worth for one in said) == pytest.approx(worth.sum(), abs=1e-9)
    assert all(1.0 <= one.segment.start < one.segment.end <= 4.0 for one in said)


def test_words_outside_the_window_are_left_out():
    assert words.weigh([(Segment(0.0, 0.5), "before"), (Segment(5.0, 6.0), "after")], np.ones(3), Segment(1, 2)) == ()
