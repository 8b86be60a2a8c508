"""The parts of the telephone report that a wrong number could hide in."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import numpy as np
import pytest

import clips
from affekt.types import Signal


@pytest.fixture(scope="module")
def telephone():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(clips.ROOT))
        yield importlib.import_module("benchmarks.telephone")


def tone(hertz, level=0.01):
    return Signal((level * np.sin(2 * np.pi * hertz * np.arange(16000) / 16000)).astype(np.float32), 16000)


def test_the_code_keeps_the_level_and_the_tone(telephone):
    """A soft tone too: the code hears it at a telephone's level."""
    coded = telephone.code(tone(1000))
    assert (coded.rate, len(coded.samples)) == (8000, 8000)
    clean = tone(1000).samples[::2]
    assert np.corrcoef(coded.samples[100:-100], clean[100:-100])[0, 1] > 0.99
    assert coded.samples[100:-100].std() == pytest.approx(clean.std(), rel=0.05)


@pytest.mark.parametrize(("hertz", "passes"), [(100, False), (1000, True), (3000, True)])
def test_the_line_passes_300_to_3400_hertz(telephone, hertz, passes):
    """Where a loud tone of 1 kHz sets the level, one of 100 Hz is gone."""
    both = Signal(tone(1000, 0.1).samples * (hertz != 1000) + tone(hertz, 0.1).samples, 16000)
    spectrum = np.abs(np.fft.rfft(telephone.line(both).samples)) / 4000
    assert (spectrum[hertz] > 0.05) == passes


def test_silence_goes_through(telephone):
    assert (telephone.line(Signal(np.zeros(1600, np.float32), 16000)).samples == 0).all()


def test_r_is_pearsons_and_constants_have_one(telephone):
    rng = np.random.default_rng(0)
    clean = np.column_stack([rng.normal(size=(50, 2)), np.ones(50), np.ones(50)])
    other = np.column_stack([clean[:, 0] * 3 + 1, clean[:, 1] + rng.normal(size=50), np.ones(50), np.zeros(50)])
    expected = np.corrcoef(clean[:, 1], other[:, 1])[0, 1]
    assert telephone.correlation(clean, other) == pytest.approx([1, expected, 1, 0])


def test_the_change_is_relative_signed_and_leaves_zeros_out(telephone):
    clean = np.array([[2.0, 0.0, -1.0], [4.0, 0.0, -2.0], [0.0, 0.0, -4.0]])
    other = np.array([[1.0, 5.0, 0.0], [2.0, 5.0, 0.0], [9.0, 5.0, 0.0]])
    assert telephone.change(clean, other) == pytest.approx([-0.5, 0, 1])


@pytest.mark.parametrize(
    ("r", "verdict"),
    [([0.99, 0.95], "survives"), ([0.99, 0.94], "changes"), ([0.8, 0.8], "changes"), ([1, 0.7], "lost")],
)
def test_the_worse_corpus_decides(telephone, r, verdict):
    row = telephone.Row("egemaps", "loudness", r, r, 0.0)
    assert telephone.verdict(row) == verdict
    assert any(f"## {verdict.capitalize()}: 1" in part for part in telephone.report([row]))


def test_a_sample_keeps_every_speaker(telephone):
    said = [SimpleNamespace(speaker=f"s{k % 3}", id=k) for k in range(30)]
    chosen = telephone.sample(said, 5)
    assert sorted(u.speaker for u in chosen) == ["s0", "s0", "s1", "s1", "s2", "s2"]


def test_rows_name_every_functional_of_every_set(telephone):
    of = {"one": lambda _: {"a": 1.0, "b": 2.0}, "two": lambda _: {"c": 3.0}}
    values = np.random.default_rng(0).normal(size=(9, 3))
    measured = {name: {"clean": values, "code": values, "line": -values} for name in ("emodb", "ravdess")}
    rows = telephone.rows(measured, of)
    assert [(row.set, row.name) for row in rows] == [("one", "a"), ("one", "b"), ("two", "c")]
    assert all(row.r == pytest.approx([1, 1]) and row.line == pytest.approx([-1, -1]) for row in rows)
    assert all(row.change == 0 for row in rows)
