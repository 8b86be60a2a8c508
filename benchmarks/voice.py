"""Corpora and made vowels -> benchmarks/VOICE.md. The sets `voice` and `formants` beside Praat and beside what is true.

    python -m benchmarks.voice [--every N]

Needs praat-parselmouth (extra `dev`) and ../shared/corpora; N takes every Nth recording. All of it takes half an hour
on one core, most of it Praat's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import parselmouth
from numpy.typing import NDArray
from parselmouth.praat import call

from affekt import audio
from affekt.features import formants, voice
from affekt.features._autocorrelation import CEILING, FLOOR, HOP, track
from affekt.types import Signal
from benchmarks import page
from recipes import corpora

NAMES = ("emodb", "ravdess")
RATE = 16000
Values = NDArray[np.float64]

JITTER = {"jitterLocal": "local", "jitterLocalAbsolute": "local, absolute", "jitterRAP": "rap", "jitterPPQ5": "ppq5"}
SHIMMER = {
    "shimmerLocal": "local",
    "shimmerLocaldB": "local_dB",
    "shimmerAPQ3": "apq3",
    "shimmerAPQ5": "apq5",
    "shimmerAPQ11": "apq11",
}
MEASURES = (*JITTER, *SHIMMER, "HNR")
PERIODS = (0.0, 0.0, 0.0001, 0.02, 1.3)
"of Praat's commands: all the time, shortest and longest period, largest factor"
CPPS_EVERY = 4
"recordings; Praat takes half a second for one"

HEAD = """# Voice quality and formants beside Praat and the truth

Written by `{command}` on {date}, commit {commit}: {machine}.

Praat is praat-parselmouth {praat}. Pulses: `To PointProcess (periodic, cc)`, {floor:g} to {ceiling:g} Hz; jitter and
shimmer of periods from 0.1 to 20 ms, factors 1.3 and 1.6. HNR: mean of `To Harmonicity (cc)`, 10 ms, {floor:g} Hz,
silence 0.1, one period per window. Formants: `To Formant (burg)`, 10 ms, 5 below 5500 Hz, 25 ms, 50 Hz. CPPS:
`To PowerCepstrogram`, 60 Hz, 2 ms, 5000 Hz, 50 Hz; `Get CPPS`, 20 ms, 0.5 ms, 60 to 330 Hz, parabolic, trend from 1 to
50 ms, straight, robust. Ours are the functionals that end in `_utterance`.
"""


def main() -> None:
    every = page.every(__doc__)
    lines = [_head(every), *vowel_lines(), *corpus_lines(every), *speed_lines()]
    page.write("VOICE.md", "\n".join(lines) + "\n")


def _head(every: int) -> str:
    made = page.origin("benchmarks.voice", every)
    return HEAD.format(**made, praat=parselmouth.__version__, floor=FLOOR, ceiling=CEILING)


# Praat and ours ---------------------------------------------------------------------------------------------------


def perturbed(sound: parselmouth.Sound) -> dict[str, float]:
    """Praat's jitter and shimmer; NaN where it has too few periods."""
    pulses = call(sound, "To PointProcess (periodic, cc)", FLOOR, CEILING)
    jitter = {name: call(pulses, f"Get jitter ({which})", *PERIODS) for name, which in JITTER.items()}
    both = [sound, pulses]
    return jitter | {name: call(both, f"Get shimmer ({which})", *PERIODS, 1.6) for name, which in SHIMMER.items()}


def harmonicity(sound: parselmouth.Sound) -> float:
    """Praat's harmonics to noise, dB, mean over the frames that have it."""
    return float(call(sound.to_harmonicity_cc(HOP, FLOOR, 0.1, 1.0), "Get mean", 0, 0))


def cepstral(sound: parselmouth.Sound) -> float:
    """Praat's smoothed cepstral peak prominence, dB."""
    found = call(sound, "To PowerCepstrogram", 60, 0.002, 5000, 50)
    search = ("no", 0.02, 0.0005, 60, 330, 0.05, "Parabolic", 0.001, 0.05, "Straight", "Robust")
    return float(call(found, "Get CPPS", *search))


def praat(sound: parselmouth.Sound) -> dict[str, float]:
    return perturbed(sound) | {"HNR": harmonicity(sound)}


def ours(signal: Signal) -> dict[str, float]:
    found = voice.functionals(signal)
    return {name: found[f"{name}_utterance"] for name in (*MEASURES, "CPPS")}


def heard(samples: Values) -> tuple[Signal, parselmouth.Sound]:
    return Signal(samples.astype(np.float32), RATE), parselmouth.Sound(samples, RATE)


# Truth ------------------------------------------------------------------------------------------------------------

MEN, WOMEN, CHILDREN = (
    {
        "a": (730, 1090, 2440),
        "e": (530, 1840, 2480),
        "i": (270, 2290, 3010),
        "o": (570, 840, 2410),
        "u": (300, 870, 2240),
    },
    {
        "a": (850, 1220, 2810),
        "e": (610, 2330, 2990),
        "i": (310, 2790, 3310),
        "o": (590, 920, 2710),
        "u": (370, 950, 2670),
    },
    {
        "a": (1030, 1370, 3170),
        "e": (690, 2610, 3570),
        "i": (370, 3200, 3730),
        "o": (680, 1060, 3180),
        "u": (430, 1170, 3260),
    },
)
"Hz, F1 to F3 (Peterson and Barney 1952)"
VOICES = {
    90: (MEN, (3500, 4500)),
    120: (MEN, (3500, 4500)),
    160: (MEN, (3500, 4500)),
    200: (WOMEN, (4000, 5000)),
    260: (WOMEN, (4000, 5000)),
    330: (CHILDREN, (4500, 5600)),
}
"F0 in Hz: vowels, F4 and F5"
GLOTTIS = (100.0, 110.0)
"Hz; the source falls by 12 dB per octave above, and lips radiate 6 of them"
CLEAN = 60.0
"dB; noise that hides nothing, and without which no recording is"
SERIES = {
    "jitter": [(level, 0.0, CLEAN) for level in (0.0025, 0.005, 0.01, 0.02, 0.03)],
    "shimmer": [(0.0, level, CLEAN) for level in (0.01, 0.02, 0.05, 0.1, 0.15)],
    "noise": [(0.0, 0.0, level) for level in (5.0, 10.0, 15.0, 20.0, 30.0)],
    "all three": list(product((0.005, 0.015), (0.03, 0.1), (10.0, 20.0, 30.0))),
}
"jitter and shimmer (standard deviation of period and amplitude, relative) and harmonics to noise in dB"


class Vowel(NamedTuple):
    samples: Values
    "at 16 kHz"
    jitter: float
    shimmer: float
    "local, of the pulses as they were made"
    hnr: float


def vowel(
    f0: float, resonances: tuple[int, ...], rng: np.random.Generator, perturbation: tuple[float, float, float]
) -> Vowel:
    """Make a second of a vowel: pulses between samples through resonances, so that its perturbation is known."""
    jitter, shimmer, hnr = perturbation
    times = np.cumsum((1 + jitter * rng.normal(size=int(1.2 * f0))) / f0)
    times = times[times < 1]
    heights = np.maximum(1 + shimmer * rng.normal(size=len(times)), 0.1)
    place, response = _response(resonances)
    at = np.ceil(times * RATE).astype(int)[:, None] + np.arange(RATE // 20)
    sound = np.zeros(2 * RATE)
    np.add.at(sound, at, heights[:, None] * np.interp(at / RATE - times[:, None], place, response))
    sound = sound[:RATE] / (3 * np.abs(sound).max())
    sound += rng.normal(size=RATE) * np.sqrt((sound**2).mean()) * 10 ** (-hnr / 20)
    periods = np.diff(times)
    differences = (np.abs(np.diff(values)).mean() / values.mean() for values in (periods, heights))
    return Vowel(sound, next(differences), next(differences), hnr)


def _response(resonances: tuple[int, ...]) -> tuple[Values, Values]:
    """What one pulse sounds like at the lips: times and values, finely sampled."""
    poles = _poles(resonances)
    # Partial fractions of a cascade of poles and one zero at 0 Hz.
    others = np.array([np.prod((pole - np.delete(poles, k)) / 1000) for k, pole in enumerate(poles)])
    place = np.arange(64 * RATE // 20) / (64 * RATE)
    return place, (np.exp(np.outer(place, poles)) @ (poles / others)).real


def _poles(resonances: tuple[int, ...]) -> NDArray[np.complex128]:
    widths = 80 + 120 * np.array(resonances) / 5000
    poles = np.pi * (-widths + 2j * np.array(resonances))
    return np.concatenate([poles, poles.conj(), -2 * np.pi * np.array(GLOTTIS)])


def vowel_lines() -> Iterator[str]:
    yield "## Against Praat and the truth, on made vowels\n"
    yield (
        f"Five vowels at {', '.join(map(str, VOICES))} Hz with the formants of men (to 160 Hz), women and children, "
        "1 s, 16 kHz: pulses with random jitter and shimmer through resonances, and white noise. Error: mean absolute "
        "difference from what was made. Where one kind is made, the truth of the others is 0, or 60 dB: perturbation "
        "and noise cannot be told apart in sound, each raises the measure of the other, in Praat as here.\n"
    )
    yield "| made | vowels | measure | r with Praat | error | Praat's | truth, mean |\n|---|---|---|---|---|---|---|"
    rows: dict[str, list[tuple[Vowel, dict[str, float], dict[str, float]]]] = {}
    for series, levels in SERIES.items():
        rng = np.random.default_rng(0)
        made = [vowel(f0, tract, rng, level) for f0, tract in _tracts() for level in levels]
        rows[series] = [(v, ours(signal), praat(sound)) for v in made for signal, sound in [heard(v.samples)]]
    rows["**all**"] = [row for series in rows.values() for row in series]
    yield from (_vowel_row(series, name, found) for series, found in rows.items() for name in _meant(series))
    yield "\nGoal: r at least 0.95 for jitter, shimmer and HNR.\n"
    yield from formant_truth_lines()


def _tracts() -> Iterator[tuple[int, tuple[int, ...]]]:
    """Every F0 with the resonances of every vowel."""
    for f0, (vowels, above) in VOICES.items():
        yield from ((f0, (*resonances, *above)) for resonances in vowels.values())


def _meant(series: str) -> tuple[str, ...]:
    one = {"jitter": ("jitterLocal",), "shimmer": ("shimmerLocal",), "noise": ("HNR",)}
    return one.get(series, ("jitterLocal", "shimmerLocal", "HNR"))


def _vowel_row(series: str, name: str, rows: list[tuple[Vowel, dict[str, float], dict[str, float]]]) -> str:
    truth = np.array(
        [getattr(made, {"jitterLocal": "jitter", "shimmerLocal": "shimmer"}.get(name, "hnr")) for made, *_ in rows]
    )
    mine, theirs = (np.array([row[who][name] for row in rows]) for who in (1, 2))
    digits = 2 if name == "HNR" else 5
    cells = (np.abs(mine - truth).mean(), np.abs(theirs - truth).mean(), truth.mean())
    numbers = " | ".join(f"{value:.{digits}f}" for value in cells)
    return f"| {series} | {len(rows)} | {name} | {correlation(mine, theirs):.4f} | {numbers} |"


def correlation(one: Values, other: Values) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def formant_truth_lines() -> Iterator[str]:
    yield "Formants of the same vowels without perturbation: mean absolute error of the five vowels' medians, Hz.\n"
    yield "| F0 | F1 | F1, Praat | F2 | F2, Praat | F3 | F3, Praat |\n|---|---|---|---|---|---|---|"
    rng = np.random.default_rng(0)
    for f0, (vowels, above) in VOICES.items():
        errors = []
        for resonances in vowels.values():
            samples = vowel(f0, (*resonances, *above), rng, (0.0, 0.0, CLEAN)).samples
            found = formants.functionals(heard(samples)[0])
            mine = [found[f"F{k}frequency_median"] for k in (1, 2, 3)]
            theirs = np.nanmedian(praat_formants(samples)[1][:, :, 0], axis=0)
            errors.append(np.abs(np.array([mine, theirs]) - resonances))
        cells = np.mean(errors, axis=0).T.ravel()
        yield f"| {f0} | {' | '.join(f'{cell:.0f}' for cell in cells)} |"
    yield (
        "\nA pole that finds no resonance may stand between two formants, as in e at 160 and i at 200 Hz, and takes "
        "the number of the next, in Praat as here: sparse harmonics and faint high formants invite it."
    )


# Speech -----------------------------------------------------------------------------------------------------------


def praat_formants(samples: Values, ceiling: float = 5500) -> tuple[NDArray[np.intp], Values]:
    """Numbers of our frames that lie where Praat's do, and frequencies and bandwidths there, (frames, 3, 2), or NaN."""
    step = RATE // 100
    # One sample less than a whole number of hops puts Praat's frames half a sample from ours.
    sound = parselmouth.Sound(samples[: len(samples) // step * step - 1].astype(float), RATE)
    found = sound.to_formant_burg(HOP, 5, ceiling, 0.025, 50)
    places = np.round(found.xs() / HOP).astype(int)
    assert np.abs(places * HOP - found.xs()).max() < 1e-4
    get = (found.get_value_at_time, found.get_bandwidth_at_time)
    return places, np.array([[[value(k, at) for value in get] for k in (1, 2, 3)] for at in found.xs()])


class Heard(NamedTuple):
    """A corpus, measured."""

    measures: Values
    "(recordings, 10 measures, ours and Praat's)"
    cepstral: Values
    "(every fourth recording, ours and Praat's)"
    differences: Values
    "Hz, absolute: (frames that both call voiced, F1 to F3, frequency and bandwidth)"


def measured(name: str, every: int) -> Heard:
    manifest = corpora.manifest(name)
    measures, cepstra, differences = [], [], []
    for count, utterance in enumerate(list(manifest)[::every]):
        signal = audio.read(manifest.file(utterance))
        sound = parselmouth.Sound(signal.samples.astype(float), signal.rate)
        mine, theirs = ours(signal), praat(sound)
        measures.append([[mine[m], theirs[m]] for m in MEASURES])
        if count % CPPS_EVERY == 0:
            cepstra.append((mine["CPPS"], cepstral(sound)))
        differences.append(_formant_differences(signal, sound))
        if count % 100 == 0:
            print(f"{name}: {count}", flush=True)
    return Heard(np.array(measures), np.array(cepstra), np.concatenate(differences))


def _formant_differences(signal: Signal, sound: parselmouth.Sound) -> Values:
    f0, pitch = track(signal).f0, sound.to_pitch_ac(HOP, FLOOR, pitch_ceiling=CEILING)
    places, theirs = praat_formants(signal.samples)
    both = np.array([f0[i] > 0 and pitch.get_value_at_time(i * HOP) > 0 for i in places])
    mine = formants.extract(signal)[places].reshape(-1, 3, 3)[:, :, :2]
    return np.abs(mine - theirs)[both]


def corpus_lines(every: int) -> Iterator[str]:
    found = {name: measured(name, every) for name in NAMES}
    yield "\n## Against Praat, on speech\n"
    yield "One value per recording; ratio: mean of ours over mean of Praat's.\n"
    yield "| measure | " + " | ".join(f"r, {name} | ratio, {name}" for name in NAMES) + " |"
    yield "|---|" + "---|---|" * len(NAMES)
    for column, measure in enumerate(MEASURES):
        yield f"| {measure} | " + " | ".join(_cells(heard.measures[:, column]) for heard in found.values()) + " |"
    yield "| CPPS | " + " | ".join(_cells(heard.cepstral) for heard in found.values()) + " |"
    counts = (f"{len(heard.measures)} of {name} (CPPS: {len(heard.cepstral)})" for name, heard in found.items())
    yield f"\nRecordings: {', '.join(counts)}. Goal: r at least 0.85; without one for CPPS.\n"
    yield from _undefined(found)
    yield from _formant_lines(found)


def _cells(pairs: Values) -> str:
    mine, theirs = pairs[np.isfinite(pairs).all(axis=1)].T
    return f"{correlation(mine, theirs):.3f} | {mine.mean() / theirs.mean():.3f}"


def _undefined(found: dict[str, Heard]) -> Iterator[str]:
    for name, heard in found.items():
        missing = np.isnan(heard.measures[:, :, 1])
        absent = [f"{m} {missing[:, k].sum()}" for k, m in enumerate(MEASURES) if missing[:, k].any()]
        if absent:
            yield f"Undefined by Praat and left out, {name}: {', '.join(absent)}.\n"


def _formant_lines(found: dict[str, Heard]) -> Iterator[str]:
    yield "Formants, frames that both call voiced, absolute difference in Hz (near: share of frames within 50 Hz):\n"
    yield "| corpus | frames | formant | median | mean | near | bandwidth, median |\n|---|---|---|---|---|---|---|"
    for name, heard in found.items():
        for k in range(3):
            known = np.isfinite(heard.differences[:, k]).all(axis=1)
            frequency, width = heard.differences[known, k].T
            numbers = f"{np.median(frequency):.2f} | {frequency.mean():.1f} | {(frequency < 50).mean():.2%}"
            yield f"| {name} | {known.sum()} | F{k + 1} | {numbers} | {np.median(width):.2f} |"
    yield "\nGoals: median at most 60 Hz for F1, 120 Hz for F2.\n"


# Speed ------------------------------------------------------------------------------------------------------------


def speed_lines(turns: int = 15) -> Iterator[str]:
    manifest = corpora.manifest("emodb")
    speech = np.concatenate([audio.read(manifest.file(u)).samples for u in list(manifest)[::100]])[: 3 * RATE]
    signal, sound = heard(speech.astype(np.float64))
    jobs: dict[str, Callable[[], object]] = {
        "voice, functionals": lambda: voice.functionals(signal),
        "voice, frames": lambda: voice.extract(signal),
        "formants, functionals (voiced frames)": lambda: formants.functionals(signal),
        "formants, frames (all)": lambda: formants.extract(signal),
        "F0 alone, in each of the above": lambda: track(signal),
        "Praat: pulses, jitter, shimmer": lambda: perturbed(sound),
        "Praat: harmonicity": lambda: harmonicity(sound),
        "Praat: formants": lambda: sound.to_formant_burg(HOP, 5, 5500, 0.025, 50),
        "Praat: CPPS": lambda: cepstral(sound),
    }
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(turns):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            times[name].append(1000 * (time.process_time() - start))
    spent = {name: statistics.median(t) for name, t in times.items()}
    yield "## Speed\n"
    yield "3 s of EmoDB at 16 kHz, in turns within one process, one thread, ms of CPU; goal: 30 ms.\n"
    yield "| what | median | least |\n|---|---|---|"
    yield from (f"| {name} | {spent[name]:.1f} | {min(t):.1f} |" for name, t in times.items())
    peer = sum(value for name, value in spent.items() if name.startswith("Praat") and "CPPS" not in name)
    lot = spent["voice, functionals"] + spent["formants, functionals (voiced frames)"]
    yield (
        f"\n`voice` and `formants` together: {lot:.1f} ms, {lot / peer:.2f} of Praat's time without CPPS "
        f"and {lot / (peer + spent['Praat: CPPS']):.2f} with it."
    )


if __name__ == "__main__":
    main()
