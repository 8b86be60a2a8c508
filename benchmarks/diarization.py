"""Conversations -> benchmarks/DIARIZATION.md. Who speaks when on one track: DER, what stands in its way, its cost.

    python -m benchmarks.diarization          measure
    python -m benchmarks.diarization --tune   choose the settings, on speakers that are not measured

Needs ../shared/corpora and ../shared/conversation. Measuring takes about two minutes of one core.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt import audio, augment, rttm, vad
from affekt.audio import level, resampled
from affekt.diarize import Diarizer, Score, Settings, ge2e, score
from affekt.diarize.voices import BLOCK
from affekt.rttm import Row
from affekt.speech import Speech, SpeechStage, segments
from affekt.types import Samples, Segment, Signal
from benchmarks import page
from recipes import corpora

RATE = 16000
REAL = corpora.ROOT.parent / "shared" / "conversation"
TUNED = ("emodb", "ravdess")
TESTED = ("emotale", "savee", "urdu", "ravdess")
SECONDS = 30.0
PEOPLE = (2, 3, 1)
"speakers of the conversations of each corpus"
FAST = (2, 2, 3)
"the same of the fast ones"
Embedding = NDArray[np.float32]
Embed = Callable[[Signal], Embedding]

HEAD = """# Diarization: who speaks when on one track

Written by `{command}` on {date}, commit {commit}: {machine}.

DER without a collar, overlaps included: speech missed, falsely found, or given to somebody else, of all speech. *Told*
means that the number of speakers was given, as with `--speakers 2`. All of it is online: nothing told is changed.

**What could not be measured.** The four AMI excerpts of ../shared/conversation are digital silence, so the goal of 35 %
on AMI is neither met nor missed. The only real conversation there is the two-speaker sample, 30 s. Largest sample of
each excerpt, all of it looked at: {silent}.

**What stands in.** Conversations made of acted and recorded clips: {seconds:.0f} s, turns of 1.5 to 6 s, a quarter of
them 0.4 to 1 s, pauses of 0.15 to 1.5 s, one change in seven without a pause and one in five over the other's last
words, levels up to 6 dB apart. In a *fast* one turns last 0.6 to 2.5 s, cut from clips wherever that is, the pauses
between them 0 to 0.4 s, and one change in seven comes 0.1 to 0.4 s too early. The truth is where the clips were put,
their silent ends cut off; pauses inside a clip count as speech. In *all emotions* a speaker's emotion changes with
every clip, which is harder than life; in *calm* all clips are neutral, calm or bored. *Phone* is 8 kHz, 300-3400 Hz,
mu-law. Settings were chosen on such conversations of EmoDB and of RAVDESS' actors 1 to 12, fast and slow, all emotions,
calm, and by phone, among some dozens; measured are EmoTale, SAVEE, URDU and RAVDESS' actors 13 to 24.
"""


# Conversations ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Conversation:
    """A made-up or real conversation, its truth, and its turns as they are heard."""

    name: str
    people: int
    truth: list[Row]
    turns: list[Speech]
    seconds: float


def conversation(name: str, people: int, samples: Samples, truth: list[Row]) -> Conversation:
    stage, turns, parts = SpeechStage(vad.load()), [], []
    for piece in [*stage.push(Signal(samples, RATE)), *stage.finish()]:
        parts.append(piece.signal.samples)
        if piece.final:
            turns.append(Speech(Signal(np.concatenate(parts), RATE, piece.turn_start), piece.turn_start, True))
            parts = []
    return Conversation(name, people, truth, turns, len(samples) / RATE)


def clips(corpus: str, *, calm: bool, tune: bool) -> dict[str, list[Path]]:
    """Speaker -> recordings; RAVDESS' first half serves tuning, the other the test."""
    found: dict[str, list[Path]] = {}
    manifest = corpora.manifest(corpus)
    for utterance in manifest:
        mine = corpus != "ravdess" or (int(utterance.speaker.split("/")[1]) <= 12) == tune
        if mine and (not calm or utterance.emotion in ("neutral", "calm", "boredom")):
            found.setdefault(utterance.speaker, []).append(manifest.file(utterance))
    return found


@cache
def clip(path: Path) -> Samples:
    """A recording without its silent ends, at one level."""
    signal = audio.read(path)
    samples = level(signal.samples, signal.rate)
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    loud = 10 * np.log10((frames**2).mean(axis=1) + 1e-12)
    on = np.flatnonzero(loud > loud.max() - 35)
    return samples[on[0] * 320 : (on[-1] + 1) * 320]


def made(pool: dict[str, list[Path]], people: int, seed: int, *, fast: bool = False) -> tuple[Samples, list[Row]]:
    """Put clips of several speakers one after the other."""
    rng = np.random.default_rng(seed)
    turn, gap = (_fast_turn, _fast_gap) if fast else (_turn, _gap)
    who = [str(name) for name in rng.choice(sorted(pool), people, replace=False)]
    gains = 10 ** (rng.uniform(-3, 3, people) / 20)
    mix, truth = np.zeros(round((SECONDS + 20) * RATE), np.float32), []
    at, last = RATE // 2, -1
    while at < SECONDS * RATE:
        last = int(rng.choice([i for i in range(people) if i != last or people == 1]))
        for start, samples in turn(rng, pool[who[last]], at):
            mix[start : start + len(samples)] += samples * gains[last]
            truth.append((Segment(start / RATE, (start + len(samples)) / RATE), who[last]))
        at = round((truth[-1][0].end + gap(rng, truth[-1][0].duration)) * RATE)
    mix = mix[: round((max(segment.end for segment, _ in truth) + 0.5) * RATE)]
    return 0.5 * (mix + rng.normal(0, 3e-4, len(mix)).astype(np.float32)), sorted(truth)


def _turn(rng: np.random.Generator, files: Sequence[Path], at: int) -> Iterator[tuple[int, Samples]]:
    short = rng.random() < 0.25
    left = rng.uniform(0.4, 1.0) if short else rng.uniform(1.5, 6.0)
    while left > 0:
        samples = clip(files[rng.integers(len(files))])
        samples = samples[: round(left * RATE)] if short else samples
        yield at, samples
        left -= left if short else len(samples) / RATE
        at += len(samples) + round(rng.uniform(0.05, 0.4) * RATE)


def _gap(rng: np.random.Generator, before: float) -> float:
    kind = rng.random()
    if kind < 0.2 and before > 0.6:
        return -float(rng.uniform(0.2, min(0.6, 0.4 * before)))
    return 0.0 if kind < 0.35 else float(rng.uniform(0.15, 1.5))


def _fast_turn(rng: np.random.Generator, files: Sequence[Path], at: int) -> Iterator[tuple[int, Samples]]:
    left = rng.uniform(0.6, 2.5)
    yield at, clip(files[rng.integers(len(files))])[: round(left * RATE)]


def _fast_gap(rng: np.random.Generator, before: float) -> float:
    return -float(rng.uniform(0.1, min(0.4, 0.4 * before))) if rng.random() < 0.15 else float(rng.uniform(0.0, 0.4))


def through_phone(samples: Samples, seed: int) -> Samples:
    narrow = augment.phone(Signal(resampled(samples, RATE, 8000), 8000), np.random.default_rng(seed))
    return resampled(narrow.samples, 8000, RATE)


def conversations(names: Sequence[str], *, tune: bool) -> Iterator[tuple[str, Conversation]]:
    """Give (set, conversation)."""
    for corpus, calm, fast in itertools.product(names, (False, True), (False, True)):
        pool = clips(corpus, calm=calm, tune=tune)
        kind = ("calm" if calm else "all emotions") + (", fast" if fast else "")
        for seed, people in enumerate(FAST if fast else PEOPLE):
            samples, truth = made(pool, people, 1000 * fast + 100 * calm + seed, fast=fast)
            yield kind, conversation(corpus, people, samples, truth)
            if seed == 0:
                yield f"{kind}, phone", conversation(corpus, people, through_phone(samples, seed), truth)


def remembered(embed: Embed) -> Embed:
    """Embed the same samples once."""
    known: dict[int, Embedding] = {}

    def ask(signal: Signal) -> Embedding:
        key = hash(signal.samples.tobytes())
        if key not in known:
            known[key] = embed(signal)
        return known[key]

    return ask


# Measuring --------------------------------------------------------------------------------------------------------


def found(one: Conversation, embed: Embed, settings: Settings | None = None, *, told: bool) -> list[Row]:
    stage = Diarizer(count=one.people if told else None, settings=settings, embed=embed)
    ends = [voice for turn in one.turns for voice in stage.push(turn) if voice.speech.final]
    return [(Segment(v.speech.turn_start / RATE, v.speech.signal.end / RATE), str(v.speaker)) for v in ends]


def blocks(one: Conversation, embed: Embed) -> tuple[NDArray[np.float64], list[Segment]]:
    """Every block's embedding and segment, as the stage cuts them."""
    heard: list[Embedding] = []
    segments: list[Segment] = []
    for turn in one.turns:
        before = len(heard)
        list(Diarizer(count=1, embed=lambda signal: (heard.append(embed(signal)), heard[-1])[1]).push(turn))
        edges = turn.signal.segment.start + BLOCK * np.arange(len(heard) - before + 1)
        edges[-1] = turn.signal.segment.end
        segments += [Segment(float(start), float(end)) for start, end in itertools.pairwise(edges)]
    return np.stack(heard).astype(np.float64), segments


def speaking(one: Conversation, segments: Sequence[Segment]) -> list[str]:
    """Who speaks most in each segment, or nearest to it."""
    nearest = lambda segment: max(  # noqa: E731
        one.truth, key=lambda row: min(row[0].end, segment.end) - max(row[0].start, segment.start)
    )
    return [nearest(segment)[1] for segment in segments]


def bounds(one: Conversation, embed: Embed) -> dict[str, list[Row]]:
    """What is found by who knows more than is allowed."""
    heard, segments = blocks(one, embed)
    truth = np.array(speaking(one, segments))
    names = sorted(set(truth))
    voices = np.stack([heard[truth == name].sum(axis=0) for name in names])
    nearest = (heard @ (voices / np.linalg.norm(voices, axis=1, keepdims=True)).T).argmax(axis=1)
    labels = {
        "the truth of each block": truth,
        "each block to the nearest true voice": nearest,
        "all blocks clustered at once": clustered(heard, one.people),
    }
    return {name: list(zip(segments, map(str, label), strict=True)) for name, label in labels.items()}


def clustered(heard: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The best of twenty k-means on the sphere."""
    rng, best = np.random.default_rng(0), (-1.0, np.zeros(len(heard), np.intp))
    for _ in range(20):
        voices = heard[rng.choice(len(heard), count, replace=False)]
        for _ in range(20):
            label = (heard @ voices.T).argmax(axis=1)
            sums = np.stack([heard[label == k].sum(axis=0) for k in range(count)])
            voices = np.where(
                np.any(sums, axis=1)[:, None], sums / (np.linalg.norm(sums, axis=1, keepdims=True) + 1e-9), voices
            )
        best = max(best, (float((heard @ voices.T).max(axis=1).mean()), label), key=lambda pair: pair[0])
    return best[1]


def cells(result: Score) -> str:
    parts = (result.error, *(x / result.spoken for x in (result.missed, result.false_alarm, result.confusion)))
    return " | ".join(f"{100 * part:.1f}" for part in parts)


def total(scores: Sequence[Score]) -> Score:
    return sum(scores, Score(0.0))


def set_lines(talks: list[tuple[str, Conversation]], embed: Embed) -> Iterator[str]:
    for kind, told in itertools.product(sorted({kind for kind, _ in talks}), (True, False)):
        own = [one for k, one in talks if k == kind]
        rows = [found(one, embed, told=told) for one in own]
        many = total([score(o.truth, r) for o, r in zip(own, rows, strict=True) if o.people > 1])
        right = sum(len({n for _, n in r}) == o.people for o, r in zip(own, rows, strict=True))
        yield f"| {kind} | {'yes' if told else 'no'} | {len(own)} | {cells(many)} | {right} of {len(own)} |"


def bound_lines(talks: list[tuple[str, Conversation]], embed: Embed) -> Iterator[str]:
    yield "\n## What stands in the way\n"
    yield "The same blocks of a quarter of a second, by who knows more than is allowed; two and more speakers.\n"
    yield "| set | given | DER % | missed | false alarm | confusion |\n|---|---|---|---|---|---|"
    scores: dict[tuple[str, str], Score] = {}
    for kind, one in talks:
        for name, rows in (bounds(one, embed) if one.people > 1 else {}).items():
            scores[kind, name] = scores.get((kind, name), Score(0.0)) + score(one.truth, rows)
    for (kind, name), result in sorted(scores.items()):
        yield f"| {kind} | {name} | {cells(result)} |"


def each_lines(talks: list[tuple[str, Conversation]], embed: Embed) -> Iterator[str]:
    yield "\n## Each recording, the number told\n"
    yield "| recording | set | speakers | found | DER % | missed | false alarm | confusion |"
    yield "|---|---|---|---|---|---|---|---|"
    for kind, one in talks:
        rows = found(one, embed, told=True)
        yield f"| {one.name} | {kind} | {one.people} | {len({n for _, n in rows})} | {cells(score(one.truth, rows))} |"


def real() -> Conversation | None:
    path = REAL / "two_speakers" / "sample.flac"
    if not path.exists():
        return None
    truth = rttm.read(path.with_suffix(".rttm"))
    return conversation("two_speakers", 2, audio.read(path).samples, truth)


def silent() -> str:
    """Say of each AMI excerpt what its largest sample is."""
    peaks = [(path.stem, np.abs(audio.read(path).samples).max()) for path in sorted((REAL / "ami").glob("*.flac"))]
    return ", ".join(f"{name} {peak:.1g}" for name, peak in peaks) or "not to be had here"


def real_lines(embed: Embed) -> Iterator[str]:
    yield "\n## The two-speaker sample\n"
    yield "30 s, real; goal 20 %. No setting was chosen on it.\n"
    yield "| by | speakers | DER % | missed | false alarm | confusion |\n|---|---|---|---|---|---|"
    if (one := real()) is None:
        yield "| not to be had here | | | | | |"
        return
    ways = {f"online, number {'told' if told else 'not told'}": found(one, embed, told=told) for told in (True, False)}
    ways |= bounds(one, embed) | {"one speaker for all": [(turn.signal.segment, "all") for turn in one.turns]}
    for name, rows in ways.items():
        yield f"| {name} | {len({n for _, n in rows})} | {cells(score(one.truth, rows))} |"


def channel_lines() -> Iterator[str]:
    """The same conversations with a channel for each speaker: nothing is told apart by voice."""
    results = []
    for corpus in TESTED:
        pool = clips(corpus, calm=False, tune=False)
        mix, truth = made(pool, 2, 0)
        rows: list[Row] = []
        for name in sorted({n for _, n in truth}):
            own = np.zeros(len(mix), np.float32)
            for segment, who in truth:
                place = slice(round(segment.start * RATE), round(segment.end * RATE))
                own[place] = mix[place] if who == name else 0
            rows += [(segment, name) for segment in segments(Signal(own, RATE), vad.load())]
        results.append(score(truth, rows))
    yield "\n## A channel for each speaker\n"
    yield "The first conversation of each corpus, a channel for each speaker's clips; no voice is compared.\n"
    yield "| DER % | missed | false alarm | confusion |\n|---|---|---|---|"
    yield f"| {cells(total(results))} |"


def speed_lines(one: Conversation) -> Iterator[str]:
    yield "\n## Speed\n"
    yield f"CPU per second of speech, 16 kHz, one thread; an embedding per {BLOCK} s of speech.\n"
    yield "| | ms per second of speech |\n|---|---|"
    speech = sum(turn.signal.duration for turn in one.turns)
    for name, embed in {"all": ge2e.embed, "without the embeddings": remembered(ge2e.embed)}.items():
        found(one, embed, told=True)
        start = time.process_time()
        found(one, embed, told=True)
        yield f"| {name} | {1000 * (time.process_time() - start) / speech:.0f} |"


def measure() -> None:
    talks = list(conversations(TESTED, tune=False))
    embed = remembered(ge2e.embed)
    lines = [HEAD.format(**page.origin("benchmarks.diarization"), silent=silent(), seconds=SECONDS)]
    lines += ["## Made conversations\n"]
    lines += ["DER over those of two and more speakers, number found over all.\n"]
    lines += ["| set | told | recordings | DER % | missed | false alarm | confusion | number found |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    lines += [*set_lines(talks, embed), *real_lines(embed), *bound_lines(talks, embed), *channel_lines()]
    lines += [*speed_lines(talks[0][1]), *each_lines(talks, embed)]
    page.write("DIARIZATION.md", "\n".join(lines) + "\n")


# Choosing ---------------------------------------------------------------------------------------------------------


def tune(draws: int = 24) -> None:
    """Print the best of settings drawn at random: by the DER of all, one and many, told and not."""
    talks = [one for _, one in conversations(TUNED, tune=True)]
    embed, rng = remembered(ge2e.embed), np.random.default_rng(0)
    for told in (True, False):
        tried = []
        for settings in [Settings(), *(_drawn(rng) for _ in range(draws))]:
            results = [score(one.truth, found(one, embed, settings, told=told)) for one in talks]
            tried.append((total(results).error, settings))
        print(f"as it is: {100 * tried[0][0]:.1f} %", flush=True)
        for error, settings in sorted(tried, key=lambda pair: pair[0])[:5]:
            print(f"number {'told' if told else 'not told'}: {100 * error:.1f} % {settings}", flush=True)


def _drawn(rng: np.random.Generator) -> Settings:
    apart = round(float(rng.uniform(0.76, 0.92)), 2)
    return replace(
        Settings(),
        apart=apart,
        expected=apart,
        few=float(rng.choice([0.0, 0.04, 0.08, 0.1])),
        one=min(1.0, apart + float(rng.choice([0.04, 0.08]))),
        stay=float(rng.choice([0.0, 0.01, 0.03, 0.06])),
        better=float(rng.choice([0.0, 0.003, 0.01])),
    )


if __name__ == "__main__":
    chosen = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    chosen.add_argument("--tune", action="store_true", help="choose the settings instead")
    if chosen.parse_args().tune:
        tune()
    else:
        measure()
