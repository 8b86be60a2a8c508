"""Corpora and made voices -> benchmarks/PITCH.md. The set `prosody` beside Praat and beside what is true.

    python -m benchmarks.pitch [--every N]

Needs praat-parselmouth (extra `dev`), espeak-ng for the counted syllables, and ../shared/corpora; N takes every Nth
recording. All of it takes five minutes on one core.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import parselmouth
from numpy.typing import NDArray

from affekt import audio, augment
from affekt.audio import resampled
from affekt.features import _autocorrelation, _syllables, prosody
from affekt.features._autocorrelation import CEILING, FLOOR, HOP
from affekt.types import Signal, Utterance
from benchmarks import page
from recipes import corpora

NAMES = ("ravdess", "emodb")
RATE = 16000
SNRS = (np.inf, 20.0, 10.0, 5.0, 0.0)
Values = NDArray[np.float64]

HEAD = """# Prosody: pitch beside Praat and the truth, syllables counted, speed

Written by `{command}` on {date}, commit {commit}: {machine}.

F0 of Praat: `to_pitch_ac` of praat-parselmouth {praat}, its own defaults, floor {floor:g} Hz, ceiling {ceiling:g} Hz,
a frame per 10 ms at the same times as ours. Gross: share of the frames that both call voiced whose F0 differ by
more than 20 %. Voicing: share of all frames in which one is voiced and the other is not; `only here` (the tracker of
the row) and `only there` (what it is compared with) are its parts. Cents: median absolute difference of F0 where both
are voiced.
"""


@dataclass
class Score:
    """F0 heard beside F0 that is known, over many recordings."""

    frames: int = 0
    both: int = 0
    gross: int = 0
    ours: int = 0
    theirs: int = 0
    cents: list[Values] = field(default_factory=list)

    def add(self, heard: Values, known: Values) -> None:
        voiced, truth = heard > 0, known > 0
        ratio = heard[voiced & truth] / known[voiced & truth]
        self.frames += len(heard)
        self.both += len(ratio)
        self.gross += int((np.abs(ratio - 1) > 0.2).sum())
        self.ours += int((voiced & ~truth).sum())
        self.theirs += int((~voiced & truth).sum())
        self.cents.append(np.abs(1200 * np.log2(ratio)))

    def cells(self) -> str:
        gross = self.gross / max(self.both, 1)
        wrong = [share / self.frames for share in (self.ours + self.theirs, self.ours, self.theirs)]
        cents = float(np.median(np.concatenate(self.cents)))
        return f"{gross:.2%} | {' | '.join(f'{share:.2%}' for share in wrong)} | {cents:.2f}"


CELLS = "gross | voicing | only here | only there | cents"


def main() -> None:
    every = page.every(__doc__)
    lines = [_head(every), *corpus_lines(every), *truth_lines(), *syllable_lines(every), *speed_lines()]
    page.write("PITCH.md", "\n".join(lines) + "\n")


def _head(every: int) -> str:
    made = page.origin("benchmarks.pitch", every)
    return HEAD.format(**made, praat=parselmouth.__version__, floor=FLOOR, ceiling=CEILING)


# Praat ------------------------------------------------------------------------------------------------------------


def praat(samples: Values, rate: int) -> tuple[NDArray[np.intp], Values]:
    """Praat's F0 and the numbers of our frames that are centred at the same times."""
    whole = len(samples) // (rate // 100) * (rate // 100)
    # One sample more than a whole number of hops puts Praat's frames half a sample from ours.
    sound = parselmouth.Sound(np.append(samples[:whole], 0.0).astype(float), rate)
    pitch = sound.to_pitch_ac(HOP, FLOOR, pitch_ceiling=CEILING)
    places = np.round(pitch.xs() / HOP).astype(int)
    assert np.abs(places * HOP - pitch.xs()).max() < 1e-4
    return places, pitch.selected_array["frequency"]


def recordings(name: str, every: int) -> Iterator[tuple[Utterance, Signal]]:
    manifest = corpora.manifest(name)
    for utterance in list(manifest)[::every]:
        yield utterance, audio.read(manifest.file(utterance))


def corpus_lines(every: int) -> Iterator[str]:
    near, far, far_praat = ({name: Score() for name in NAMES} for _ in range(3))
    probabilities, equal = [], np.zeros(2, int)
    for name in NAMES:
        for _, signal in recordings(name, every):
            ours, phone = _autocorrelation.track(signal), telephoned(signal)
            places, theirs = praat(signal.samples, signal.rate)
            near[name].add(ours.f0[places], theirs)
            far[name].add(*_as_long(_autocorrelation.track(phone).f0, ours.f0))
            far_praat[name].add(*_as_long(praat(phone.samples, phone.rate)[1], theirs))
            probabilities.append((ours.voicing[places], theirs > 0))
            equal += streamed(signal, ours.f0)
    yield "## Against Praat, on speech\n"
    yield f"| corpus | frames | {CELLS} |\n|---|---|---|---|---|---|---|"
    yield from (f"| {name} | {score.frames} | {score.cells()} |" for name, score in near.items())
    yield "\nGoals: gross at most 3 %, voicing at most 8 %.\n"
    yield from calibration_lines(probabilities)
    yield "\n## Through a telephone\n"
    yield "The same recordings at 8 kHz, 300-3400 Hz, mu-law (ITU-T G.711), each tracker beside itself at 16 kHz.\n"
    yield f"| corpus | tracker | {CELLS} |\n|---|---|---|---|---|---|---|"
    for name in NAMES:
        yield f"| {name} | Affekt | {far[name].cells()} |"
        yield f"| {name} | Praat | {far_praat[name].cells()} |"
    yield "\n## In parts, as a stream\n"
    yield (
        f"Tracked second by second with half a second before and after, the level of loud speech given: "
        f"{equal[0] / equal[1]:.4%} of {equal[1]} frames have the same F0 and voicing as in one go."
    )


def _as_long(one: Values, other: Values) -> tuple[Values, Values]:
    count = min(len(one), len(other))
    return one[:count], other[:count]


def telephoned(signal: Signal) -> Signal:
    """What a telephone makes of a recording, still at 8 kHz."""
    return augment.phone(Signal(resampled(signal.samples, signal.rate, 8000), 8000), np.random.default_rng(0))


def streamed(signal: Signal, whole: Values) -> tuple[int, int]:
    """Frames whose F0 comes out the same from parts of a second, and frames."""
    peaks = np.concatenate([piece.peaks for piece in _autocorrelation.pieces(signal)])
    loud, step, parts = _autocorrelation.loudest(peaks), round(signal.rate * HOP), []
    for start in range(0, len(whole), 100):
        first, last = max(0, start - 50), start + 150
        stop = last * step if last < len(whole) else len(signal.samples)
        part = Signal(signal.samples[first * step : stop], signal.rate)
        parts.append(_autocorrelation.track(part, loud=loud).f0[start - first :][:100])
    return int(np.isclose(np.concatenate(parts), whole, rtol=1e-4, atol=0).sum()), len(whole)


def calibration_lines(found: list[tuple[Values, NDArray[np.bool_]]]) -> Iterator[str]:
    voicing, voiced = (np.concatenate(part) for part in zip(*found, strict=True))
    bins = np.minimum((voicing * 10).astype(int), 9)
    known = [k for k in range(10) if (bins == k).any()]
    gaps = [abs(voicing[bins == k].mean() - voiced[bins == k].mean()) * (bins == k).mean() for k in known]
    yield f"Probability of voicing beside how often Praat calls such frames voiced; mean gap {sum(gaps):.3f}:\n"
    yield "| probability | " + " | ".join(f"{voicing[bins == k].mean():.2f}" for k in known) + " |"
    yield "|---|" + "---|" * len(known)
    yield "| voiced | " + " | ".join(f"{voiced[bins == k].mean():.2f}" for k in known) + " |"


# Truth ------------------------------------------------------------------------------------------------------------

VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
"Hz, F1 to F3 (Peterson & Barney 1952)"


def voice(rng: np.random.Generator, *, vowel: bool, seconds: float = 3.0) -> tuple[Values, Values, NDArray[np.bool_]]:
    """Make a voice of known F0: samples, F0 per frame (0 unvoiced), and which frames are clearly one or the other."""
    time_ = np.arange(round(seconds * RATE)) / RATE
    middle = np.exp(rng.uniform(np.log(95), np.log(330)))
    knots = rng.uniform(-7, 7, 7).cumsum() * 0.5
    curve = np.interp(time_, np.linspace(0, seconds, 7), knots - knots.mean())
    f0 = np.clip(middle * 2 ** (np.convolve(np.pad(curve, 800, "edge"), np.ones(1601) / 1601, "valid") / 12), 80, 560)
    harmonics = np.arange(1, int(RATE / 2 / f0.min()))[:, None]
    frequencies = harmonics * f0
    heights = np.where(frequencies < RATE / 2 - 200, 1 / harmonics, 0.0)
    if vowel:
        heights = heights * _tract(frequencies, VOWELS[rng.integers(len(VOWELS))])
    sound = (heights * np.sin(harmonics * 2 * np.pi * np.cumsum(f0) / RATE)).sum(axis=0)
    gate, voiced = _voicing(rng, len(time_))
    sound = sound / np.sqrt((sound**2)[voiced].mean()) * gate
    frames = np.arange(0, len(time_), RATE // 100)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(voiced, 320, "edge"), 641)[frames]
    return sound, np.where(voiced, f0, 0.0)[frames], near.all(axis=1) | ~near.any(axis=1)


def _tract(frequencies: Values, formants: tuple[int, ...]) -> Values:
    """Gain of a cascade of resonances of 80 Hz width."""
    gain = np.ones_like(frequencies)
    for centre in formants:
        pole = -40 + 1j * centre
        gain *= np.abs(pole) ** 2 / np.abs((1j * frequencies - pole) * (1j * frequencies - np.conj(pole)))
    return gain


def _voicing(rng: np.random.Generator, size: int) -> tuple[Values, NDArray[np.bool_]]:
    """Voiced stretches of 0.2 to 0.7 s, faded in 10 ms, and rests of 0.1 to 0.4 s."""
    voiced = np.zeros(size, bool)
    at = round(rng.uniform(0.1, 0.3) * RATE)
    while at < size:
        stop = at + round(rng.uniform(0.2, 0.7) * RATE)
        voiced[at:stop] = stop + RATE // 10 < size
        at = stop + round(rng.uniform(0.1, 0.4) * RATE)
    fade = np.hanning(161)
    return np.convolve(voiced, fade / fade.sum(), "same"), voiced


def noisy(rng: np.random.Generator, sound: Values, snr: float) -> NDArray[np.float32]:
    """Add pink noise so many dB below the voice (RMS of what is voiced), and keep 16 bits of all."""
    spectrum = np.fft.rfft(rng.normal(size=len(sound)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 20)), len(sound))
    mixed = 0.1 * (sound + noise / noise.std() * 10 ** (-snr / 20))
    return (np.round(mixed * 32768) / 32768).astype(np.float32)


def truth_lines() -> Iterator[str]:
    yield "\n## Against the truth, on made voices\n"
    yield (
        "30 voices of each kind, 3 s, F0 gliding between 80 and 560 Hz, voiced stretches and rests, pink noise; "
        "frames within 20 ms of a change of voicing are left out.\n"
    )
    yield f"| voice | SNR | tracker | {CELLS} |\n|---|---|---|---|---|---|---|---|"
    for kind in ("tone", "vowel"):
        for snr in SNRS:
            rng, scores = np.random.default_rng(0), {"Affekt": Score(), "Praat": Score()}
            for _ in range(30):
                sound, f0, clear = voice(rng, vowel=kind == "vowel")
                samples = noisy(rng, sound, snr)
                places, theirs = praat(samples, RATE)
                kept = clear[places]
                ours = _autocorrelation.track(Signal(samples, RATE)).f0
                scores["Affekt"].add(ours[places][kept], f0[places][kept])
                scores["Praat"].add(theirs[kept], f0[places][kept])
            name = "clean" if np.isinf(snr) else f"{snr:.0f} dB"
            yield from (f"| {kind} | {name} | {who} | {score.cells()} |" for who, score in scores.items())


# Syllables --------------------------------------------------------------------------------------------------------

GERMAN = {"a01": 8, "a02": 9, "a04": 11, "a05": 18, "a07": 10, "b01": 15, "b02": 20, "b03": 24, "b09": 17, "b10": 14}
"syllables of EmoDB's sentences"
ENGLISH = {
    "Kids are talking by the door.": 7,
    "Dogs are sitting by the door.": 7,
    "My mother bought a yellow banana.": 10,
    "Nobody knows what happened to the little animal.": 14,
    "Tomorrow we will travel to another city.": 12,
    "The weather is beautiful today.": 9,
    "Many people remember that summer.": 9,
    "She sat down.": 3,
    "I do not believe a single word you say.": 11,
    "Open the window and look at the garden.": 11,
}
SPEEDS = (120, 160, 200)
"words per minute"


def syllable_lines(every: int) -> Iterator[str]:
    yield "\n## Syllables\n"
    yield (
        "Nuclei found beside the syllables of the words, as a dictionary has them; natural and fast speech swallows "
        "some. Bias and mean error of the counts, and r of the rates per second of speech (the seconds are the same).\n"
    )
    yield "| speech | recordings | bias | mean error, syllables | r of rates |\n|---|---|---|---|---|"
    for name, found in (("espeak-ng, English and German", espoken()), *natural(every)):
        if not found:
            yield f"| {name} | not to be had here | | | |"
            continue
        heard, known, seconds = np.array(found).T
        rates = np.corrcoef(heard / seconds, known / seconds)[0, 1]
        yield (
            f"| {name} | {len(found)} | {heard.sum() / known.sum() - 1:+.1%} "
            f"| {np.abs(heard - known).mean():.2f} | {rates:.3f} |"
        )


def counted(signal: Signal, known: int) -> tuple[float, float, float]:
    """Syllables heard, syllables known, seconds of speech."""
    frames = prosody.extract(signal).astype(float)
    f0, energy = (frames[:, prosody.NAMES.index(name)] for name in ("F0", "energy"))
    speech = _syllables.speech(energy)
    return len(_syllables.nuclei(energy, speech & (f0 > 0))), known, max(float(speech.sum()), 1) * HOP


def natural(every: int) -> Iterator[tuple[str, list[tuple[float, float, float]]]]:
    yield "RAVDESS, 7 syllables each", [counted(signal, 7) for _, signal in recordings("ravdess", every)]
    spoken = recordings("emodb", every)
    yield "EmoDB", [counted(signal, GERMAN[_sentence(utterance)]) for utterance, signal in spoken]


def _sentence(utterance: Utterance) -> str:
    return Path(utterance.path).stem[2:5]


def espoken() -> list[tuple[float, float, float]]:
    """Sentences by espeak-ng at several speeds, by a man and by a woman."""
    if not shutil.which("espeak-ng"):
        return []
    german = {u.text or "": GERMAN[_sentence(u)] for u in corpora.manifest("emodb")}
    return [
        counted(_espeak(text, f"{language}+{speaker}", speed), known)
        for language, sentences in (("en-us", ENGLISH), ("de", german))
        for text, known in sentences.items()
        for speed in SPEEDS
        for speaker in ("m3", "f2")
    ]


def _espeak(text: str, name: str, speed: int) -> Signal:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-v", name, "-s", str(speed), "-w", str(path), text], check=True)
        said = audio.read(path)
    return Signal(resampled(said.samples, said.rate, RATE), RATE)


# Speed ------------------------------------------------------------------------------------------------------------


def speed_lines(turns: int = 100) -> Iterator[str]:
    speech = np.concatenate([signal.samples for _, signal in recordings("emodb", 100)])[: 3 * RATE]
    assert len(speech) == 3 * RATE
    signal = Signal(speech, RATE)
    sound = parselmouth.Sound(speech.astype(float), RATE)
    phone = Signal(speech[: len(speech) // 2 * 2].reshape(-1, 2).mean(axis=1), 8000)
    jobs = {
        "prosody, frames and functionals": lambda: prosody.functionals(signal),
        "prosody, frames": lambda: prosody.extract(signal),
        "prosody, frames and functionals, of 8 kHz": lambda: prosody.functionals(phone),
        "F0 alone": lambda: _autocorrelation.track(signal),
        "F0 alone, Praat": lambda: sound.to_pitch_ac(HOP, FLOOR, pitch_ceiling=CEILING),
    }
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(turns):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            times[name].append(1000 * (time.process_time() - start))
    yield "\n## Speed\n"
    yield "3 s of EmoDB at 16 kHz, in turns within one process, ms of CPU; goal for prosody: 5 ms.\n"
    yield "| what | median | least | median over Praat's |\n|---|---|---|---|"
    peer = statistics.median(times["F0 alone, Praat"])
    for name, spent in times.items():
        middle = statistics.median(spent)
        yield f"| {name} | {middle:.2f} | {min(spent):.2f} | {middle / peer:.2f} |"


if __name__ == "__main__":
    main()
