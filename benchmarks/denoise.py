"""Corpora -> benchmarks/DENOISE.md. What noise costs, what noise reduction gives back, and how well the SNR is told.

    python -m benchmarks.denoise [--every N]

Reads ../shared (corpora, noise), or AFFEKT_CORPORA; keeps embeddings in cache/ (or AFFEKT_CACHE), so that what was
interrupted goes on. N takes every Nth utterance; all of them take hours on one core. Needs the extras `train` and
`denoise`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from affekt import audio, augment, denoise, metrics, noise, registry, vad
from affekt.audio import RATE, active_level, level, resampled
from affekt.cache import Cache, key
from affekt.denoise._gate import GATE, Gate
from affekt.features import whisper
from affekt.manifest import Manifest
from affekt.models import lda
from affekt.training import frozen
from affekt.types import LabelSet, Samples, Signal, Utterance
from benchmarks import page
from recipes import corpora

CORPORA = ("emodb", "ravdess")
KINDS = ("white", "pink", "recorded", "babble", "telephone")
LEVELS = (5, 0, 10, 20)
"dB; in the order in which they are measured"
METHODS = ("none", "wiener", "wiener gated")
DEEP = ("deepfilter", "deepfilter gated")
DEEP_KINDS = ("white",)
"at 5 dB and on EmoDB only, beside clean speech: it is slow"
CHOICE = frozen.Choice(frozen.PHONE, 0.75)
"how the heads are trained: as the shipped one"

_PAUSE = round(0.7 * RATE)
_VOICES = 6
_VERSION = 1  # of the streams
STORE = Cache(corpora.CACHE.parent / "denoise")

Floats = NDArray[np.float64]

HEAD = """# Noise reduction

Written by `{command}` on {date}, commit {commit} ({machine}).

Speaker-independent: heads on Whisper-tiny, LDA as shipped, trained on the training speakers of each fold (EmoDB leaving
each speaker out, RAVDESS in six folds), without noisy copies but for rooms and telephones. Heard are {counts}
utterances. Those of a speaker make one stream, with pauses of 0.7 s, in one steady level of noise; the SNR is that of
the stream's active speech level, so that a soft utterance has less. Babble is six voices of SAVEE, `recorded` stretches
of ../shared/noise, `telephone` pink noise through G.711 at 8 kHz. The stream goes through the method, then each
utterance is cut out, levelled and judged. `gated` is what ships: all below {low:g} dB as the gate
reads it, nothing above {high:g}. DeepFilterNet, which is slow, is measured on EmoDB alone: clean, and in white noise at
5 dB.

A difference is to `none` on the same sound, with its 95 % interval over speakers (1000 draws); one that excludes 0 is
bold.
"""


READING = """
**Off by default.** Behind its gate the Wiener filter costs nothing on clean speech. At 5 dB it is sure to help on EmoDB
and not on RAVDESS, at 0 dB on both; at 10 dB it helps on neither, and behind the gate it harms on RAVDESS. In steady
noise and over the telephone it gives back most; in babble nothing is sure but a loss on RAVDESS at 10 dB. Turn it on
for lines that are known to be very noisy. DeepFilterNet gains more where it was measured, at many times the cost.
"""


class Cell(NamedTuple):
    """Noise of a kind at a level, through methods."""

    corpus: str
    kind: str
    snr: int | None
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.corpus} {self.kind}" + ("" if self.snr is None else f" {self.snr} dB")


class Heard(NamedTuple):
    """What a cell gave."""

    embeddings: NDArray[np.float32]
    "(utterances, methods, 2304)"
    snr: Floats
    "dB, (utterances,): told by the meter"
    truth: Floats
    "dB"
    changed: Floats
    "share of the samples that the gate let change, (utterances,)"


def cells() -> list[Cell]:
    found = [Cell(corpus, "clean", None, METHODS) for corpus in CORPORA]
    for snr in LEVELS:
        found += [Cell(corpus, kind, snr, METHODS) for corpus in CORPORA for kind in KINDS]
    return [*found, Cell("emodb", "clean", None, DEEP), *(Cell("emodb", kind, 5, DEEP) for kind in DEEP_KINDS)]


# Sound ------------------------------------------------------------------------------------------------------------


@cache
def chosen(corpus: str, every: int) -> Manifest:
    """Every Nth labelled utterance, in an order that has nothing to do with who speaks and how."""
    manifest = corpora.manifest(corpus)
    ids = [u.id for u in manifest if u.emotion is not None]
    return manifest.subset(np.random.default_rng(0).permutation(ids)[: max(1, len(ids) // every)])


def spoken(manifest: Manifest, own: list[Utterance]) -> tuple[Samples, list[slice]]:
    """Utterances of one speaker with pauses before each, and where each of them lies."""
    parts: list[Samples] = []
    places = []
    at = 0
    for utterance in own:
        samples = audio.read(manifest.file(utterance), segment=utterance.segment).samples
        parts += [np.zeros(_PAUSE, np.float32), samples]
        places.append(slice(at + _PAUSE, at + _PAUSE + len(samples)))
        at = places[-1].stop
    return np.concatenate(parts), places


def noise_of(kind: str, count: int, rng: np.random.Generator) -> Floats:
    if kind == "recorded":
        files = recordings()
        return augment._noise.stretch_of(files[int(rng.integers(len(files)))], count, rng).astype(np.float64)
    if kind == "babble":
        return sum((_voice(count, rng) for _ in range(_VOICES)), np.zeros(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    slope = 0 if kind == "white" else 1
    shape = np.where(hertz >= 20, np.maximum(hertz, 20) ** (-slope / 2), 0.0)
    return np.fft.irfft(np.fft.rfft(rng.normal(size=count)) * shape, count)


@cache
def recordings() -> list[Samples]:
    folder = corpora.CORPORA.parent / "noise"
    return [audio.read(path).samples for path in sorted(folder.glob("noise*.flac"))]


@cache
def voices() -> list[Samples]:
    manifest = corpora.manifest("savee")
    return [audio.read(manifest.file(u)).samples for u in manifest.utterances[::12]]


def _voice(count: int, rng: np.random.Generator) -> Floats:
    source = voices()[int(rng.integers(len(voices())))]
    turned = np.roll(source, int(rng.integers(len(source))))
    return level(np.resize(turned, count), RATE).astype(np.float64)


def noisy(speech: Samples, cell: Cell, rng: np.random.Generator) -> tuple[Samples, float]:
    """The stream as it arrives, and the level of its noise in dBFS."""
    if cell.snr is None:
        return speech, -np.inf
    added = noise_of(cell.kind, len(speech), rng)
    wanted = active_level(speech, RATE) - cell.snr
    added *= 10 ** (wanted / 20) / np.sqrt(np.mean(added**2))
    mixed = (speech + added).astype(np.float32)
    if cell.kind == "telephone":
        mixed = resampled(augment.mu_law(resampled(mixed, RATE, 8000)), 8000)[: len(mixed)]
    return mixed, wanted


def through(name: str, samples: Samples) -> Samples:
    """What a method makes of a stream, without a gate."""
    method = denoise.load(name)
    return np.concatenate([method.push(samples), method.finish()])


def shares(samples: Samples) -> NDArray[np.float32]:
    gate = Gate(GATE)
    return np.concatenate([gate.push(samples), gate.finish()])


# Measuring --------------------------------------------------------------------------------------------------------


def hear(cell: Cell, every: int) -> Heard:
    """One cell; rows in the order of the manifest."""
    manifest = chosen(cell.corpus, every)
    rows: dict[str, Floats] = {}
    for speaker in sorted(manifest.speakers):
        own = [u for u in manifest if u.speaker == speaker]
        rows |= dict(zip([u.id for u in own], _stream(manifest, own, cell), strict=True))
    table = np.stack([rows[u.id] for u in manifest])
    size = len(cell.methods) * whisper.EMBEDDING
    embeddings = table[:, :size].reshape(len(table), len(cell.methods), -1).astype(np.float32)
    return Heard(embeddings, *table[:, size:].T)


def _stream(manifest: Manifest, own: list[Utterance], cell: Cell) -> Iterator[Floats]:
    speech, places = spoken(manifest, own)
    seed = int(key(_VERSION, own[0].speaker, cell.kind)[:8], 16)
    dry, loud = noisy(speech, cell, np.random.default_rng(seed))
    wet, share = through(cell.methods[-1].split()[0], dry), shares(dry)
    mixed = {
        "none": dry,
        cell.methods[-1].split()[0]: wet,
        cell.methods[-1]: np.where(share > 0, dry + share * (wet - dry), dry),
    }
    meter = noise.Meter()
    at = 0
    for place in places:
        meter.push(dry[at : place.stop])
        at = place.stop
        told = meter.between(place.start, place.stop)
        kept = [embedded(mixed[name][place]) for name in cell.methods]
        facts = [
            np.nan if told is None else told,
            active_level(speech[place], RATE) - loud,
            float((share[place] > 0).mean()),
        ]
        yield np.concatenate([*kept, facts]).astype(np.float64)


def embedded(samples: Samples) -> NDArray[np.float32]:
    return whisper.embed(Signal(level(samples[: round(whisper.LONGEST * RATE)], RATE), RATE))


def measured(every: int) -> dict[Cell, Heard]:
    found = {}
    for cell in cells():
        begin = time.monotonic()
        name = key("cell", _VERSION, every, str(cell), str(GATE), chosen(cell.corpus, every).fingerprint)
        table = STORE.get(name)
        if table is None:
            heard = hear(cell, every)
            facts = np.stack([heard.snr, heard.truth, heard.changed], axis=1)
            STORE.put(name, np.concatenate([heard.embeddings.reshape(len(facts), -1), facts], axis=1))
            print(f"{cell.name}, {cell.methods[-1]}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        else:
            count = len(cell.methods) * whisper.EMBEDDING
            parts = table[:, :count].reshape(len(table), len(cell.methods), -1).astype(np.float32)
            heard = Heard(parts, *table[:, count:].T)
        found[cell] = heard
    return found


def _head(data: frozen.Embedded) -> lda.Linear:
    name = key("head", _VERSION, str(CHOICE), *data.speakers.tolist(), data.copies["whole"])
    table = STORE.fetch(name, lambda: _fitted(frozen.fit(data, CHOICE)))
    return lda.Linear(LabelSet(tuple(sorted(set(data.emotions.tolist())))), table[:-1], table[-1])


def _fitted(head: lda.Linear) -> Floats:
    return np.concatenate([head.weights, head.bias[None]])


class Heads:
    """Judges utterances by the head of the fold that has not heard their speaker."""

    def __init__(self, corpus: str) -> None:
        data = corpora.embedded(corpus)
        self._of: dict[str, lda.Linear] = {}
        for train, test in corpora.splits(corpus, data):
            with threadpool_limits(1):
                head = _head(data.part(train))
            self._of |= dict.fromkeys(np.unique(data.speakers[test]).tolist(), head)

    def judge(self, embeddings: NDArray[np.float32], speakers: NDArray[np.str_]) -> NDArray[np.str_]:
        said = [self._of[who].predict(row[None])[0] for who, row in zip(speakers.tolist(), embeddings, strict=True)]
        return np.array(said)


# Tables -----------------------------------------------------------------------------------------------------------


class Said(NamedTuple):
    """What was said of the utterances of one corpus, or of several cells of it, by method."""

    truth: NDArray[np.str_]
    speakers: NDArray[np.str_]
    by: Mapping[str, NDArray[np.str_]]

    def uar(self, method: str) -> float:
        return metrics.uar(self.truth, self.by[method])

    def gain(self, method: str) -> metrics.Interval:
        pairs = np.stack([self.by["none"], self.by[method]], axis=1)
        return metrics.bootstrap(_gain, self.truth, pairs, self.speakers, n=1000, seed=0)


def _gain(truth: Any, pairs: Any) -> float:
    return metrics.uar(truth, pairs[:, 1]) - metrics.uar(truth, pairs[:, 0])


def judged(found: Mapping[Cell, Heard], every: int) -> dict[tuple[str, str, int | None], Said]:
    made: dict[tuple[str, str, int | None], Said] = {}
    for corpus in CORPORA:
        manifest, heads = chosen(corpus, every), Heads(corpus)
        truth, speakers = np.array([u.emotion for u in manifest]), np.array([u.speaker for u in manifest])
        for cell, heard in found.items():
            if cell.corpus == corpus:
                place = (corpus, cell.kind, cell.snr)
                by = dict(made[place].by) if place in made else {}
                for column, method in enumerate(cell.methods):
                    by[method] = heads.judge(heard.embeddings[:, column], speakers)
                made[place] = Said(truth, speakers, by)
    return made


def pooled(parts: list[Said]) -> Said:
    methods = set.intersection(*(set(part.by) for part in parts))
    return Said(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.speakers for part in parts]),
        {method: np.concatenate([part.by[method] for part in parts]) for method in methods},
    )


def report(found: Mapping[Cell, Heard], every: int) -> Iterator[str]:
    counts = " and ".join(f"{len(chosen(corpus, every))} ({corpus})" for corpus in CORPORA)
    yield HEAD.format(**page.origin("benchmarks.denoise", every), counts=counts, low=GATE[0], high=GATE[1])
    said = judged(found, every)
    yield from verdict(found, said)
    yield READING
    yield from uar_tables(said)
    yield from snr_table(found)
    yield from vad_table(every)
    yield from cost_table()


def gains(
    said: Mapping[tuple[str, str, int | None], Said], snr: int | None, method: str
) -> dict[str, metrics.Interval]:
    """Per corpus, over all kinds of noise at one level for which there is the method."""
    found = {}
    for corpus in CORPORA:
        parts = [one for (name, _, at), one in said.items() if (name, at) == (corpus, snr) and method in one.by]
        if parts:
            found[corpus] = pooled(parts).gain(method)
    return found


def verdict(found: Mapping[Cell, Heard], said: Mapping[tuple[str, str, int | None], Said]) -> Iterator[str]:
    """A method passes that loses at most 0.005 on clean speech and surely gains at 5 dB, in both corpora."""
    yield "## Verdict\n"
    yield "| method | clean: difference of UAR | 5 dB, all its kinds of noise | loses nothing, gains at 5 dB |"
    yield "|---|---|---|---|"
    for method in (*METHODS[1:], *DEEP):
        clean, loud = gains(said, None, method), gains(said, 5, method)
        passes = all(one.value >= -0.005 for one in clean.values()) and all(one.low > 0 for one in loud.values())
        answer = ("yes" if passes else "no") if len(loud) == len(CORPORA) else "not measured on both"
        yield f"| {method} | {_both(clean)} | {_both(loud)} | {answer} |"
    yield ""
    for cell, heard in found.items():
        if cell.kind == "clean" and cell.methods == METHODS:
            same = int((heard.changed == 0).sum())
            yield f"Of {len(heard.changed)} clean utterances of {cell.corpus} the gate let {same} pass unchanged."
    yield ""


def _both(gains: Mapping[str, metrics.Interval]) -> str:
    return "; ".join(f"{corpus} {_interval(gain)}" for corpus, gain in gains.items())


def _interval(gain: metrics.Interval) -> str:
    text = f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    return f"**{text}**" if gain.low > 0 or gain.high < 0 else text


def uar_tables(said: Mapping[tuple[str, str, int | None], Said]) -> Iterator[str]:
    for corpus in CORPORA:
        yield f"## UAR: {corpus}\n"
        yield "| noise | none | " + " | ".join((*METHODS[1:], *DEEP)) + " |"
        yield "|---" * (2 + len((*METHODS[1:], *DEEP))) + "|"
        places = [("clean", None), *((kind, snr) for kind in KINDS for snr in sorted(LEVELS, reverse=True))]
        for kind, snr in places:
            yield _row(f"{kind}" if snr is None else f"{kind}, {snr} dB", said[corpus, kind, snr])
        for snr in sorted(LEVELS, reverse=True):
            yield _row(f"all kinds, {snr} dB", pooled([said[corpus, kind, snr] for kind in KINDS]))
        yield ""


def _row(name: str, one: Said) -> str:
    given = [
        f"{one.uar(method):.3f}, {_interval(one.gain(method))}" if method in one.by else ""
        for method in (*METHODS[1:], *DEEP)
    ]
    return f"| {name} | {one.uar('none'):.3f} | {' | '.join(given)} |"


def snr_table(found: Mapping[Cell, Heard]) -> Iterator[str]:
    yield "## The SNR that is told\n"
    yield "Of each utterance, against its own active speech level and the level of the noise; both corpora.\n"
    yield "| noise | true, median | error: mean | standard deviation | mean absolute | told below 5 dB |"
    yield "|---|---|---|---|---|---|"
    for kind in ("clean", *KINDS):
        for snr in [None] if kind == "clean" else sorted(LEVELS, reverse=True):
            own = [h for c, h in found.items() if (c.kind, c.snr, c.methods) == (kind, snr, METHODS)]
            told, truth = (np.concatenate([getattr(h, name) for h in own]) for name in ("snr", "truth"))
            known = np.isfinite(told)
            low = f"{np.mean(told[known] < 5):.0%}"
            if kind == "clean":
                span = " to ".join(f"{v:.0f}" for v in np.percentile(told[known], (5, 95)))
                yield f"| clean (told: {span} dB) | | | | | {low} |"
                continue
            error = (told - truth)[known]
            values = f"{error.mean():+.1f} | {error.std():.1f} | {np.abs(error).mean():.1f}"
            yield f"| {kind}, {snr} dB | {np.median(truth):.1f} | {values} | {low} |"
    yield ""


def vad_table(every: int) -> Iterator[str]:
    """Frames on which Silero says of the noisy stream what it says of the clean one."""
    yield "## Voice activity, 5 dB\n"
    yield "Share of the 32 ms of which Silero says the same as without noise; the first two speakers of EmoDB.\n"
    yield "| noise | none | wiener | wiener gated |"
    yield "|---|---|---|---|"
    manifest = chosen("emodb", every)
    for kind in KINDS:
        right: dict[str, list[NDArray[np.bool_]]] = {method: [] for method in METHODS}
        for speaker in sorted(manifest.speakers)[:2]:
            speech, _ = spoken(manifest, [u for u in manifest if u.speaker == speaker])
            dry, _ = noisy(speech, Cell("emodb", kind, 5, METHODS), np.random.default_rng(1))
            wet, share = through("wiener", dry), shares(dry)
            truth = _speaks(speech)
            for method, sound in zip(METHODS, (dry, wet, dry + share * (wet - dry)), strict=True):
                right[method].append(_speaks(sound) == truth)
        yield f"| {kind} | " + " | ".join(f"{np.concatenate(right[method]).mean():.3f}" for method in METHODS) + " |"
    yield ""


def _speaks(samples: Samples) -> NDArray[np.bool_]:
    detector = vad.load()
    return np.concatenate([detector.push(samples.astype(np.float32)), detector.finish()]) >= 0.5


def cost_table() -> Iterator[str]:
    yield "## Cost\n"
    yield "CPU time on one core, in steps of 32 ms; how long a sample waits for those behind it.\n"
    yield "| | ms per second of sound | latency |"
    yield "|---|---|---|"
    speech, _ = spoken(corpora.manifest("emodb"), list(corpora.manifest("emodb").utterances[:4]))
    for name in registry.names("denoise"):
        method = denoise.load(name)
        yield f"| {name} | {_cost(method.push, speech):.1f} | {1000 * method.LAG / RATE:.0f} ms |"
    yield f"| the gate | {_cost(Gate(GATE).push, speech):.1f} | 16 ms |"
    yield f"| the meter (always on) | {_cost(noise.Meter().push, speech):.1f} | 16 ms |"


def _cost(push: Any, speech: Samples) -> float:
    begin = time.process_time()
    for at in range(0, len(speech), 512):
        push(speech[at : at + 512])
    return (time.process_time() - begin) / (len(speech) / RATE) * 1e3


def main() -> None:
    every = page.every(__doc__)
    text = "\n".join(report(measured(every), every)) + "\n"
    page.write("DENOISE.md", text)


if __name__ == "__main__":
    main()
