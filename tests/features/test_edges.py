"""Documented numbers, each tried just below and just above: seconds, decibels and shares mean what is written."""

from __future__ import annotations

import numpy as np
import pytest

from affekt import features
from affekt.features import (
    _autocorrelation,
    _harmonics,
    _peaks,
    _periods,
    _phonation,
    _prediction,
    _syllables,
    prosody,
    voice,
)
from affekt.types import Signal

RATE = 16000


def decibels(*stretches):
    """Level per frame: (dB, frames) after each other."""
    return np.concatenate([np.full(frames, float(level)) for level, frames in stretches])


# --- speech and syllables


def test_speech_is_what_lies_within_25_db_of_the_loud_frames():
    level = decibels((-90, 50), (-30, 50), (-54.9, 50), (-55.1, 50))
    assert _syllables.speech(level).tolist() == [False] * 50 + [True] * 100 + [False] * 50


def test_speech_is_what_lies_5_db_above_the_noise_if_that_is_higher():
    level = decibels((-50, 50), (-30, 50), (-44.9, 50), (-45.1, 50))
    assert _syllables.speech(level).tolist() == [False] * 50 + [True] * 100 + [False] * 50


def test_noise_takes_no_more_than_half_of_the_range():
    level = decibels((-33, 50), (-30, 50), (-42.4, 50), (-42.6, 2))
    assert _syllables.threshold(level) == pytest.approx(-42.5)


def test_nobody_speaks_below_90_dbfs():
    assert not _syllables.speech(np.full(100, -90.1)).any()
    assert _syllables.speech(np.full(100, -89.9)).all()


def test_speech_lasts_100_ms():
    for frames, heard in ((9, 100), (10, 110)):
        level = decibels((-30, 50), (-80, 40), (-30, frames), (-80, 40), (-30, 50))
        assert _syllables.speech(level).sum() == heard


def test_syllables_are_parted_by_a_dip_of_2_db():
    for dip, count in ((1.95, 1), (2.05, 2)):
        level = decibels((-60, 20), (-30, 20), (-30 - dip, 20), (-30, 20), (-60, 20))
        assert len(_syllables.nuclei(level, np.ones(100, bool))) == count


# --- pitch


FINAL, LAST = (prosody.FUNCTIONALS.index(f"F0semitone_{name}") for name in ("finalSlope", "final"))


def pitch(semitones):
    return prosody._pitch(semitones, np.ones(len(semitones), bool))


def test_the_final_slope_is_of_the_last_300_ms():
    """The 30th frame from the end counts, the 31st does not."""
    assert prosody.describe("F0semitone_finalSlope").definition.startswith("regression of the last 0.3 s")
    for frames, counts in ((30, True), (31, False)):
        semitones = np.full(100, 30.0)
        semitones[-frames] = 40.0
        assert (abs(pitch(semitones)[FINAL]) > 1) == counts


def test_the_final_level_is_of_the_last_100_ms():
    """The mean of ten frames, the eleventh from the end is not among them."""
    assert prosody.describe("F0semitone_final").definition.startswith("mean of the last 0.1 s")
    for frames, mean in ((10, 1.0), (11, 0.0)):
        semitones = np.full(100, 30.0)
        semitones[-frames] = 40.0
        assert pitch(semitones)[LAST] == pytest.approx(mean)


def chosen(strength, loudness=1.0):
    """Track of a loud second, then one of the given strength and loudness, of the highest voice there is."""
    strengths = np.repeat([1.0, strength], 100)[:, None]
    peaks = np.repeat([1.0, loudness], 100).astype(np.float32)
    return _autocorrelation.choose(np.full((200, 1), _autocorrelation.CEILING), strengths, peaks)


def test_what_repeats_itself_by_less_than_045_is_unvoiced():
    assert (chosen(0.46).f0[100:] > 0).all()
    assert not chosen(0.44).f0[100:].any()


def test_what_is_softer_than_45_thousandths_of_the_loud_is_unvoiced():
    """There not even the clearest voice is louder than silence: the peaks, not the levels, count."""
    assert (chosen(1.0, 0.046).f0[100:] > 0).all()
    assert not chosen(1.0, 0.044).f0[100:].any()


def test_voicing_is_a_half_where_the_margin_is_009_and_steep_there():
    """The logistic that was fitted to Praat: 1 / (1 + exp(-14 (margin - 0.09)))."""
    for margin, probability in ((0.09, 0.5), (0.19, 0.8022), (-0.01, 0.1978)):
        assert chosen(0.45 + margin).voicing[150] == pytest.approx(probability, abs=1e-3)


def middle(strengths):
    """F0 of a frame with candidates of 600 and 300 Hz, between frames that are clearly voiced at 600 Hz."""
    frames = np.array([[0.9, 0.05]] * 2 + [strengths] + [[0.9, 0.05]] * 2)
    return _autocorrelation.choose(np.tile([600.0, 300.0], (5, 1)), frames, np.ones(5, np.float32)).f0[2]


def test_a_change_of_voicing_costs_014():
    """Twice that below 0.45, the strength of what is unvoiced, a voice is interrupted."""
    assert middle([0.18, 0.0]) == 600
    assert middle([0.16, 0.0]) == 0


def test_a_jump_of_an_octave_costs_035():
    """Twice that, and 0.01 for being the lower octave, is what the other candidate must be stronger by."""
    assert middle([0.2, 0.90]) == 600
    assert middle([0.2, 0.92]) == 300


@pytest.mark.parametrize(("hertz", "heard"), [(74, False), (76, True), (594, True), (606, False)])
def test_f0_is_within_75_and_600_hz(hertz, heard):
    time = np.arange(RATE) / RATE
    parts = [np.cos(2 * np.pi * h * hertz * time) / h for h in range(1, 6)]
    f0 = _autocorrelation.track(Signal((0.1 * np.sum(parts, axis=0)).astype(np.float32), RATE)).f0[10:-10]
    assert bool((np.abs(f0 / hertz - 1) < 0.005).mean() > 0.9) == heard


# --- glottal periods


def jitters(period, count=4):
    return len(_periods._compared(0.1 + period * np.arange(count + 1), np.ones(count + 1)).terms["jitterLocal"].at)


@pytest.mark.parametrize(("period", "terms"), [(0.00009, 0), (0.00011, 3), (0.0199, 3), (0.0201, 0)])
def test_a_period_lasts_from_a_tenth_to_20_ms(period, terms):
    assert jitters(period) == terms


@pytest.mark.parametrize(("ratio", "terms"), [(1.29, 1), (1.31, 0), (1 / 1.29, 1), (1 / 1.31, 0)])
def test_periods_are_compared_up_to_a_factor_of_1_3(ratio, terms):
    pulses = np.cumsum([0.1, 0.01, 0.01 * ratio])
    assert len(_periods._compared(pulses, np.ones(3)).terms["jitterLocal"].at) == terms


@pytest.mark.parametrize(("ratio", "terms"), [(1.59, 1), (1.61, 0), (1 / 1.59, 1), (1 / 1.61, 0)])
def test_amplitudes_are_compared_up_to_a_factor_of_1_6(ratio, terms):
    found = _periods._compared(0.1 + 0.01 * np.arange(2), np.array([1.0, ratio]))
    assert len(found.terms["shimmerLocal"].at) == terms


class Alike:
    """A wave whose every period is alike by so much."""

    rate = 1000

    def __init__(self, alike):
        self.alike = alike

    def match(self, time, period, way):
        return time + way * period / self.rate, self.alike


@pytest.mark.parametrize(("alike", "inside", "beyond"), [(0.29, 0, 0), (0.31, 4, 0), (0.69, 4, 0), (0.71, 4, 1)])
def test_a_pulse_is_alike_by_03_and_by_07_where_voicing_ends(alike, inside, beyond):
    """100 Hz for 50 ms, and the walk begins 4.5 periods before voicing ends."""
    stretch = _periods._Stretch(Alike(alike), [100.0] * 6, 0.0, 0.01)
    pulses = list(stretch.walk(0.01, 1))
    assert sum(pulse <= stretch.right for pulse in pulses) == inside
    assert sum(pulse > stretch.right for pulse in pulses) == beyond


@pytest.mark.parametrize(("share", "place"), [(0.79, None), (0.81, 0.81), (1.19, 1.19), (1.21, None)])
def test_the_next_pulse_lies_08_to_12_periods_away(share, place):
    """Two clicks are a period of that share apart; where they are farther or nearer, they are not matched."""
    samples = np.zeros(4000)
    for at in (2000, 2000 + round(share * 100)):
        samples[at] = 1.0
    wave = _periods._Wave(samples, np.concatenate([[0.0], np.cumsum(samples**2)]), 10000)
    time, alike = wave.match(0.2, 100.0, 1)
    assert (alike > 0.99) == (place is not None)
    if place:
        assert (time - 0.2) * 100 == pytest.approx(place, abs=0.01)


@pytest.mark.parametrize(("away", "heard"), [(0.19, True), (0.21, False)])
def test_an_amplitude_is_of_a_fifth_of_the_period_around_its_pulse(away, heard):
    samples = np.zeros(10000)
    samples[round(5000 + 1000 * away)] = 1.0
    heights = _periods.amplitudes(samples, 100000, np.array([0.04, 0.05, 0.06]))
    assert (heights[1] > 0) == heard


def test_a_frame_of_jitter_looks_30_ms_to_either_side():
    """One pulse of 200 Hz comes late: three comparisons, 5 ms apart, and frames up to 30 ms from them notice."""
    places = np.arange(0.0025, 1.0, 0.005)
    places[100] += 0.0001
    time = np.arange(RATE) / RATE
    samples = np.exp(-0.5 * ((time - places[:, None]) / 0.0002) ** 2).sum(axis=0)
    jitter = voice.extract(Signal((0.3 * samples).astype(np.float32), RATE))[:, voice.NAMES.index("jitterLocal")]
    noticed = np.flatnonzero(jitter > 0.001)
    reach = 0.03 + 0.005
    assert noticed.tolist() == [i for i in range(100) if abs(i / 100 - places[100]) < reach]


# --- cepstral peak and harmonics


def test_the_trend_of_the_cepstrum_is_that_of_1_to_50_ms():
    """Theil's line, found here from every bin, through a cepstrum that falls like speech's."""
    rate = 10000
    quefrency = np.arange(1, 520)
    curve = -12 * np.log(quefrency) + 0.002 * np.maximum(quefrency - 250, 0)
    curve[99] += 20
    inside = quefrency[(quefrency >= 0.001 * rate) & (quefrency < 0.05 * rate)]
    half, heights = len(inside) // 2, curve[inside - 1]
    slope = np.median((heights[half : 2 * half] - heights[:half]) / half)
    level = np.median(heights - slope * inside)
    power = 10 ** (np.concatenate([[0.0], curve]) / 10)
    found = _phonation._prominence(power[None], rate)[0]
    assert found == pytest.approx(curve[99] - level - slope * 100, abs=0.15)


@pytest.mark.parametrize(("hertz", "heard"), [(59, False), (62, True), (322, True), (350, False)])
def test_the_cepstral_peak_is_sought_from_60_to_330_hz(hertz, heard):
    curve = np.zeros(520)
    curve[round(10000 / hertz)] = 20.0
    found = _phonation._prominence(10 ** (curve / 10)[None], 10000)[0]
    assert found == pytest.approx(20 if heard else 0, abs=0.01)


def test_cepstra_are_averaged_over_30_ms():
    """Three frames: one stands in the sums of itself and its two neighbours."""
    power = np.zeros((9, 40))
    power[4] = 1.0
    assert (_phonation._averaged(power)[:, 20] > 0).sum() == 3
    assert len(_phonation._averaged(power)) == 7


def test_quefrencies_are_averaged_over_half_a_millisecond():
    power = np.zeros((3, 40))
    power[:, 20] = 1.0
    assert np.flatnonzero(_phonation._averaged(power)[0]).tolist() == [18, 19, 20, 21, 22]


@pytest.mark.parametrize(("share", "heard"), [(0.89, False), (0.91, True), (1.09, True), (1.11, False)])
def test_the_harmonic_of_a_formant_lies_within_a_tenth_of_it(share, heard):
    """As `formants` documents: within 10 %."""
    spectra = np.full((1, 1025), -60.0)
    spectra[0, round(500 * share)] = 0.0
    assert (_phonation._level(spectra, np.array([500.0]))[1][0] > -1) == heard


@pytest.mark.parametrize(("share", "heard"), [(0.79, False), (0.81, True), (1.19, True), (1.21, False)])
def test_the_harmonic_of_an_egemaps_formant_lies_within_a_fifth_of_it(share, heard):
    """Its fourth harmonic has twice the amplitude of the others, so it is taken wherever it is near."""
    row = np.full(513, 1e-6, np.float32)
    for bin_, height in ((64, 1), (128, 1), (192, 1), (256, 2)):
        row[bin_ - 1 : bin_ + 2] = height * np.array([0.5, 1, 0.5])
    formants = np.array([[4000 / share, 0.0, 0.0]])
    level = _harmonics.measure(row[None], np.array([1000.0]), formants, RATE).amplitudes[0, 0]
    assert level == pytest.approx(20 * np.log10(2) if heard else 0, abs=0.01)


@pytest.mark.parametrize(
    ("hertz", "found"), [(49, False), (51, True), (5449, True), (5451, False)], ids=lambda value: str(value)
)
def test_a_pole_within_50_hz_of_either_end_is_no_formant(hertz, found):
    roots = np.zeros((1, 10), complex)
    roots[0, :2] = 0.95 * np.exp(1j * np.pi * hertz / 5500), 0.95 * np.exp(-1j * np.pi * hertz / 5500)
    frequency, _ = _prediction._resonances(roots, 5500.0)
    assert frequency[0] == pytest.approx([hertz if found else 0, 0, 0])


# --- contours of eGeMAPS


@pytest.mark.parametrize(("second", "kept"), [(1.04, 1.0), (1.06, 1.06)])
def test_a_peak_after_a_small_step_must_be_a_twentieth_higher(second, kept):
    contour = np.array([0, 0, 0, 0.5, 1.0, 0.99, 0.98, 1.0, second, 0.5, 0.0, 0.0, 0.0])
    assert [extreme.height for extreme in _peaks.extremes(contour) if extreme.peak] == [kept]


@pytest.mark.parametrize(("depth", "peaks"), [(0.099, 1), (0.101, 2)])
def test_a_valley_is_a_tenth_of_the_range_deep(depth, peaks):
    contour = np.array([0, 0, 0, 0.5, 1.0, 1 - depth / 2, 1 - depth, 1 - depth / 2, 1.0, 0.5, 0.0, 0.0, 0.0])
    assert sum(extreme.peak for extreme in _peaks.extremes(contour)) == peaks


@pytest.mark.parametrize(("frame", "peaks"), [(1, 0), (2, 1), (10, 1), (11, 0)])
def test_there_is_no_peak_in_two_frames_at_either_end(frame, peaks):
    contour = np.zeros(13)
    contour[frame] = 1.0
    assert sum(extreme.peak for extreme in _peaks.extremes(contour)) == peaks


# --- where frames lie

LOUDNESS = {"prosody": "energy", "mfcc": "mfcc0", "spectral": "energy1000-4000", "egemaps": "Loudness_sma3"}


@pytest.mark.parametrize("name", LOUDNESS)
def test_a_click_is_loudest_in_the_frame_whose_time_is_nearest(name):
    """At each millisecond of a hop, those apart that lie midway between two frames."""
    which = features.load(name)
    for millisecond in range(10):
        at = 0.5002 + millisecond / 1000
        samples = np.zeros(RATE, np.float32)
        samples[round(at * RATE)] = 0.5
        frames = which.extract(Signal(samples, RATE))
        away = np.abs(frames.times - at)
        level = frames[LOUDNESS[name]]
        if np.sort(away)[1] - away.min() > 0.001:
            assert level[away.argmin()] == pytest.approx(level.max(), rel=1e-5), at


@pytest.mark.parametrize(("name", "column"), [("formants", "F1frequency"), ("voice", "H1-H2"), ("voice", "CPP")])
def test_frames_of_a_voice_lie_evenly_around_its_middle(name, column):
    """Where a column has values from 0.3 to 0.7 s, their times' middle is 0.5 s: over a hop, to a millisecond."""
    found = []
    for shift in np.arange(0, 0.01, 0.001):
        away = np.arange(RATE) / RATE - 0.5 - shift
        sound = sum(np.cos(2 * np.pi * 150 * h * away) / h for h in range(1, 30)) * (np.abs(away) < 0.2)
        frames = features.load(name).extract(Signal((0.05 * sound).astype(np.float32), RATE))
        there = frames.times[frames[column] != 0]
        found.append((there[0] + there[-1]) / 2 - 0.5 - shift)
    assert np.mean(found) == pytest.approx(0, abs=0.0011)
