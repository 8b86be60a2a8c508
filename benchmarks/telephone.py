"""Corpora -> benchmarks/TELEPHONE.md. Every functional before and after a telephone: what of a voice survives 8 kHz.

    python -m benchmarks.telephone [--every N] [--cache FOLDER]

Reads ../shared/corpora; N takes every Nth recording of each speaker. All of it takes about an hour on one core, and
with a cache only what changed is measured again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affekt import audio, augment, cache, features
from affekt.audio import active_level, resampled
from affekt.manifest import Utterance
from affekt.types import Samples, Signal
from benchmarks import page
from recipes import corpora

CORPORA = ("emodb", "ravdess")
SETS = ("egemaps", "prosody", "voice", "formants", "mfcc", "spectral")
SURVIVES, CHANGES = 0.95, 0.8
"least r of the two classes"

_WIDE, _NARROW = 16000, 8000  # Hz
_LEVEL = -26.0  # dBFS, at which a telephone's code works
_LEAST = 1e-9  # a clean value nearer to 0 has no relative change

Values = NDArray[np.float64]
Functionals = dict[str, Callable[[Signal], dict[str, float]]]

HEAD = """# What survives the telephone

Written by `{command}` on {date}, commit {commit}, over {files}.

Each recording is brought to 8 kHz and -26 dBFS, through G.711 (mu-law, 8 bits a sample) and back to its level; every
functional is measured on it as on the recording at 16 kHz, by `affekt.features.load(set).functionals`. Sets that know
8 kHz measure it as it is, others bring it back to 16 kHz first. `line` is the same with a filter of 300 to 3400 Hz
before the code, as the old public network has it. `mfcc to 4 kHz` is `load("mfcc", highest=4000)`: the same bands at
both rates.

`r` is Pearson's, over the recordings of a corpus; a functional **survives** where r is 0.95 or more in both corpora,
**changes** from 0.8 on, and else is **lost**. `change` is the median of (telephone - clean) / |clean| over all
recordings: a functional may survive and still be shifted, and models must then be trained on telephone speech, too.
"""


READING = """
## Reading

- **Prosody survives**: pitch, level, loudness, pauses, syllables and rhythm.
- **eGeMAPS** keeps the means and percentiles of pitch and loudness, the formants' frequencies, HNR, the harmonics, and
  alpha ratio, Hammarberg index and slopes of voiced frames. Its MFCC shift, since their bands above 4 kHz are empty.
  Lost are deviations that are divided by a mean near 0, and slopes of F0, which hang on single frames.
- **Voice quality**: HNR, CPP, jitter and H1-H2 survive as means and medians; shimmer changes a little. Their deviations
  over time change more, and H1*-A3* goes with the formants that correct it.
- **Formants** of the phonetic kind are other ones at 8 kHz, where four are fitted below 4 kHz and not five below 5.5.
  Those of eGeMAPS are always fitted below 5.5 kHz, and stay.
- **MFCC** of 8 and 16 kHz do not mix, since the same number of bands ends at half the rate. With `highest=4000` at both
  rates most survive.
- **Spectrum**: levels of bands, slopes below 1.5 kHz and the means of alpha ratio and Hammarberg index survive. What
  looks at the whole spectrum is lost: centroid, spread, roll-off, flatness, entropy.
- **A line costs more than the code.** Without what lies below 300 Hz the first harmonic is missing: H1-H2 and
  amplitudes of formants against it, the slope below 500 Hz and most MFCC are lost. Pitch and loudness are still there.
- RAVDESS suffers more than EmoDB: its pauses are softer than the code's smallest step, and come out as silence.
"""


class Row(NamedTuple):
    """One functional."""

    set: str
    name: str
    r: list[float]
    "after the code, per corpus"
    line: list[float]
    "after line and code, per corpus"
    change: float
    "after the code"

    @property
    def least(self) -> float:
        return min(self.r)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth recording of each speaker")
    parser.add_argument("--cache", metavar="FOLDER", help="look functionals up, and keep them")
    asked = parser.parse_args()
    of = sets(cache.Cache(Path(asked.cache)) if asked.cache else None)
    measured = {name: measure(name, asked.every, of) for name in CORPORA}
    text = "\n".join([*_head(measured, asked.every), *report(rows(measured, of))]) + "\n"
    page.write("TELEPHONE.md", text)


# Sound ------------------------------------------------------------------------------------------------------------


def code(signal: Signal) -> Signal:
    """Send through G.711 at 8 kHz; the level is that of the original."""
    return _coded(signal, lambda samples: samples)


def line(signal: Signal) -> Signal:
    """Send through a line of 300 to 3400 Hz, then G.711 at 8 kHz."""
    return _coded(signal, _filtered)


def _coded(signal: Signal, through: Callable[[Samples], Samples]) -> Signal:
    samples = resampled(signal.samples, signal.rate, _NARROW)
    found = active_level(samples, _NARROW)
    gain = np.float32(10 ** ((_LEVEL - found) / 20) if np.isfinite(found) else 1.0)
    return Signal(augment.mu_law(through(samples * gain)) / gain, _NARROW)


def _filtered(samples: Samples) -> Samples:
    hertz = np.fft.rfftfreq(len(samples), 1 / _NARROW)
    # 24 dB per octave outside the band, as `augment.phone` has it.
    passed = 1 / np.sqrt((1 + (300 / np.maximum(hertz, 1)) ** 8) * (1 + (hertz / 3400) ** 8))
    return np.fft.irfft(np.fft.rfft(samples) * passed, len(samples)).astype(np.float32)


# Numbers ----------------------------------------------------------------------------------------------------------


def measure(name: str, every: int, of: Functionals) -> dict[str, Values]:
    """Functionals of all sets: of the clean recordings, after the code, after the line; each (files, functionals)."""
    manifest = corpora.manifest(name)
    chosen = sample(list(manifest), every)
    found: dict[str, list[Values]] = {"clean": [], "code": [], "line": []}
    for done, utterance in enumerate(chosen, 1):
        clean = audio.read(manifest.file(utterance), rate=_WIDE)
        for kind, signal in (("clean", clean), ("code", code(clean)), ("line", line(clean))):
            found[kind].append(np.concatenate([list(measured(signal).values()) for measured in of.values()]))
        if done % 20 == 0 or done == len(chosen):
            print(f"\r{name}: {done}/{len(chosen)} ", end="", file=sys.stderr, flush=True)
    return {kind: np.array(values) for kind, values in found.items()}


def sets(store: cache.Cache | None = None) -> Functionals:
    """The functionals by the hand-made sets, by name."""
    found = {name: features.load(name, cache=store) for name in SETS}
    found["mfcc to 4 kHz"] = features.load("mfcc", cache=store, highest=4000.0)
    return {name: _functionals(which) for name, which in found.items()}


def _functionals(which: features.FeatureSet) -> Callable[[Signal], dict[str, float]]:
    return lambda signal: dict(which.functionals(signal))


def sample(utterances: list[Utterance], every: int) -> list[Utterance]:
    """Every Nth recording of each speaker, so that all speakers stay."""
    of: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        of[utterance.speaker].append(utterance)
    return [utterance for said in of.values() for utterance in said[::every]]


def rows(measured: dict[str, dict[str, Values]], of: Functionals) -> list[Row]:
    """Compare every functional, sorted by set and order in it."""
    silence = Signal(np.zeros(_WIDE, np.float32), _WIDE)
    names = [(name, functional) for name, summarise in of.items() for functional in summarise(silence)]
    code_r, line_r = (
        np.array([correlation(found["clean"], found[kind]) for found in measured.values()]).T
        for kind in ("code", "line")
    )
    clean, coded = (np.concatenate([found[kind] for found in measured.values()]) for kind in ("clean", "code"))
    changes = change(clean, coded)
    return [
        Row(name, functional, list(code_r[k]), list(line_r[k]), float(changes[k]))
        for k, (name, functional) in enumerate(names)
    ]


def correlation(clean: Values, other: Values) -> Values:
    """Pearson's r of every column; where one is constant 0, and 1 where both are, and the same."""
    a, b = clean - clean.mean(axis=0), other - other.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    same = (clean == other).all(axis=0)
    return np.where(size > 0, (a * b).sum(axis=0) / np.where(size > 0, size, 1.0), same.astype(float))


def change(clean: Values, other: Values) -> Values:
    """Median relative change of every column, over the recordings whose clean value is not 0; 0 where all are."""
    known = np.abs(clean) > _LEAST
    relative = np.where(known, (other - clean) / np.where(known, np.abs(clean), 1.0), np.nan)
    return np.array(
        [np.nanmedian(column) if kept.any() else 0.0 for column, kept in zip(relative.T, known.T, strict=True)]
    )


def verdict(row: Row) -> str:
    return "survives" if row.least >= SURVIVES else "changes" if row.least >= CHANGES else "lost"


# Words ------------------------------------------------------------------------------------------------------------


def _head(measured: dict[str, dict[str, Values]], every: int) -> Iterator[str]:
    yield HEAD.format(
        **page.origin("benchmarks.telephone", every),
        files=" and ".join(f"{len(found['clean'])} files of {name}" for name, found in measured.items()),
    )


def report(found: list[Row]) -> Iterator[str]:
    yield from _summary(found)
    yield READING
    for kind in ("survives", "changes", "lost"):
        chosen = sorted((row for row in found if verdict(row) == kind), key=lambda row: -row.least)
        yield f"\n## {kind.capitalize()}: {len(chosen)}\n"
        yield "| functional | set | r emodb | r ravdess | change | line: r emodb | line: r ravdess |"
        yield "|---|---|---|---|---|---|---|"
        for row in chosen:
            r, through = (" | ".join(f"{value:.3f}" for value in values) for values in (row.r, row.line))
            yield f"| {row.name} | {row.set} | {r} | {row.change:+.1%} | {through} |"


def _summary(found: list[Row]) -> Iterator[str]:
    yield "| set | functionals | survive | change | lost | median r | median r, line |"
    yield "|---|---|---|---|---|---|---|"
    for name in dict.fromkeys(row.set for row in found):
        own = [row for row in found if row.set == name]
        counts = Counter(map(verdict, own))
        median, through = np.median([row.least for row in own]), np.median([min(row.line) for row in own])
        numbers = " | ".join(str(counts[kind]) for kind in ("survives", "changes", "lost"))
        yield f"| {name} | {len(own)} | {numbers} | {median:.3f} | {through:.3f} |"


if __name__ == "__main__":
    main()
