"""F0 of eGeMAPS: openSMILE's, frame by frame; and what its parts promise."""

from __future__ import annotations

import numpy as np
import pytest
import smile

import clips
from affekt import audio
from affekt.features import _pitch, _spectra
from affekt.types import Signal

RATE = 16000


def tone(hertz, seconds=1.0):
    time = np.arange(round(seconds * RATE)) / RATE
    waves = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 20) if hertz * k < 7000)
    return Signal((0.2 * waves).astype(np.float32), RATE)


def smoothed(contour):
    """Mean of three frames, of those that are voiced."""
    near = np.lib.stride_tricks.sliding_window_view(np.pad(contour, 1), 3)
    return np.where(contour > 0, near.sum(axis=1) / np.maximum((near > 0).sum(axis=1), 1), 0)


def test_f0_is_opensmiles_frame_by_frame():
    """Of every 40th recording: voicing in all but 2 frames of 1000, F0 to a hundredth of a semitone in 99 of 100."""
    folder = clips.SHARED / "corpora/emodb/wav"
    if not folder.is_dir():
        pytest.skip("no corpora/emodb in ../shared")
    ours, theirs = [], []
    for path in sorted(folder.iterdir())[::40]:
        signal = audio.read(path)
        ours.append(smoothed(_pitch.semitones(_pitch.track(signal)[0]))[:-3])
        contour = smile.contours(signal, "eGeMAPSv02")["F0semitoneFrom27.5Hz_sma3nz"]
        theirs.append(contour[: len(ours[-1])])
    ours, theirs = np.concatenate(ours), np.concatenate(theirs)
    assert ((ours > 0) == (theirs > 0)).mean() >= 0.998
    both = (ours > 0) & (theirs > 0)
    assert (np.abs(ours - theirs)[both] < 0.01).mean() >= 0.99


@pytest.mark.parametrize("hertz", [60, 80, 120, 200, 350, 500, 800])
def test_a_tone_has_its_pitch(hertz):
    f0, _ = _pitch.track(tone(hertz))
    assert 12 * np.log2(f0[5:-5] / hertz) == pytest.approx(0, abs=0.2)


def test_f0_is_also_found_at_8_khz():
    f0, magnitudes = _pitch.track(Signal(tone(200).samples[::2], 8000))
    assert f0[5:-5] == pytest.approx(200, rel=0.01)
    assert magnitudes.shape == (95, 257)


def test_silence_has_no_pitch():
    f0, _ = _pitch.track(Signal(np.zeros(RATE, np.float32), RATE))
    assert (f0 == 0).all()


def test_a_lonely_voiced_frame_and_a_lonely_gap_are_ignored():
    frequencies = np.full((40, 1), 200.0)
    alone, gap = np.full((40, 1), 0.5), np.full((40, 1), 0.9)
    alone[20], gap[20] = 0.9, 0.65
    assert (_pitch.follow(frequencies, alone) == 0).all()
    assert (_pitch.follow(frequencies, gap) == 200).all()


def test_f0_does_not_jump_to_a_candidate_that_is_briefly_better():
    frequencies = np.tile([200.0, 100.0], (40, 1))
    voicing = np.tile([0.85, 0.8], (40, 1))
    voicing[20] = 0.8, 0.9
    assert (_pitch.follow(frequencies, voicing) == 200).all()


def test_a_frame_has_no_more_than_six_candidates_within_the_range_and_the_highest_first():
    magnitudes = np.abs(np.random.default_rng(0).normal(0, 1, (200, 513))).astype(np.float32)
    frequencies, voicing = _pitch.candidates(magnitudes, RATE)
    assert frequencies.shape == voicing.shape == (200, 6)
    known = frequencies > 0
    assert (np.sort(~known, axis=1) == ~known).all()
    assert (frequencies[known] >= _pitch.LOWEST).all()
    assert (frequencies[known] <= _pitch.HIGHEST).all()
    assert (voicing[:, 0] == voicing.max(axis=1)).all()


def test_what_is_softer_than_the_floor_is_unvoiced():
    sound = tone(150).samples
    heard = [(_pitch.track(Signal(np.float32(gain) * sound, RATE))[0] > 0).mean() for gain in (0.1, 0.001)]
    assert heard[0] > 0.9
    assert heard[1] == 0


def test_pieces_of_a_long_recording_are_as_the_whole(monkeypatch):
    sweep = np.sin(np.cumsum(np.linspace(0.03, 0.1, 5 * RATE))) ** 3
    signal = Signal(sweep.astype(np.float32), RATE)
    f0, magnitudes = _pitch.track(signal)
    monkeypatch.setattr(_spectra, "_PIECE", 50)
    pieces = _pitch.track(signal)
    assert pieces[0] == pytest.approx(f0)
    assert pieces[1] == pytest.approx(magnitudes)


def test_the_spline_goes_through_its_points_and_keeps_lines():
    knots = np.cumsum(np.linspace(1, 0.1, 20))
    places = np.linspace(knots[0], knots[-1], 77)
    assert _pitch._spline(knots, places) @ knots == pytest.approx(places)
    assert _pitch._spline(knots, knots) == pytest.approx(np.eye(20), abs=1e-12)


def test_bands_multiply_as_the_whole_matrix():
    random = np.random.default_rng(0)
    matrix = np.where(np.abs(np.subtract.outer(range(70), range(90))) < 20, random.normal(0, 1, (70, 90)), 0)
    columns = random.normal(0, 1, (90, 5)).astype(np.float32)
    assert _pitch._multiply(_pitch._bands(matrix), columns) == pytest.approx(matrix @ columns, abs=1e-4)


def test_no_product_of_matrices_is_large_enough_to_be_spread_over_threads():
    """OpenBLAS does so from 2^18 multiplications on, and its threads then wait for work with all their might."""
    largest = max(matrix.size for _, _, matrix in _pitch._octave_bands(513, float(np.log2(320))))
    assert largest * _spectra._PIECE <= 2**18
