"""Manifest -> the utterances that sound most alike to the model, and how this voice compares with theirs.

What sounds alike is measured where the model hears: in its own features, each brought to the examples' mean and
deviation, by the cosine of the angle between them. The training corpus is not in a bundle, so it has to be at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt import audio, cache, features, windows
from affekt.bundle import Bundle
from affekt.cache import Cache
from affekt.errors import AffektError, DataError
from affekt.manifest import Manifest
from affekt.types import Signal, Utterance, Window

Floats = NDArray[np.float64]
Progress = Callable[[float, float], None]

_VERSION = 1
"of how an utterance becomes a vector; raised when that changes"


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Utterances as a model hears them."""

    manifest: Manifest
    utterances: tuple[Utterance, ...]
    "those that could be heard"
    vectors: Floats
    "(n, dimensions)"

    def __len__(self) -> int:
        return len(self.utterances)

    def signal(self, place: int) -> Signal:
        """Hear one of them."""
        return sound(self.manifest, self.utterances[place])


@dataclass(frozen=True, slots=True)
class Near:
    """An utterance that sounds alike."""

    corpus: str
    id: str
    path: str
    speaker: str
    emotion: str | None
    text: str | None
    distance: float
    "1 - cosine: 0 the same, 1 unrelated, 2 the opposite"


def sound(manifest: Manifest, utterance: Utterance) -> Signal:
    """Read an utterance, or the part of its file that it is."""
    signal = audio.read(manifest.file(utterance))
    inside = signal.segment & (utterance.segment or signal.segment)
    if inside is None:
        raise DataError(f"{manifest.name}: {utterance.id} begins after its file has ended")
    first, last = round(inside.start * signal.rate), round(inside.end * signal.rate)
    return Signal(signal.samples[first:last], signal.rate, first)


def hear(
    model: Bundle, manifest: Manifest, *, store: Cache | None = None, progress: Progress | None = None
) -> Examples:
    """Hear all labelled utterances of a corpus as the model does; those that cannot be read are left out.

    Args:
        model: whose features are used.
        manifest: with its root.
        store: where the vectors are looked up and kept.
        progress: is told how many are done, of how many.

    Raises:
        DataError: none of them could be heard.
    """
    wanted = [utterance for utterance in manifest if utterance.emotion is not None]
    found: list[tuple[Utterance, Floats]] = []
    for done, utterance in enumerate(wanted, start=1):
        try:
            found.append((utterance, vector(model, sound(manifest, utterance), store=store)))
        except AffektError:
            continue
        finally:
            if progress:
                progress(done, len(wanted))
    if not found:
        raise DataError(f"{manifest.name}: none of its {len(wanted)} labelled utterances could be heard")
    return Examples(manifest, tuple(u for u, _ in found), np.array([x for _, x in found]))


def vector(model: Bundle, signal: Signal, *, store: Cache | None = None) -> Floats:
    """Give one vector of a signal as the model hears it; of frames, their mean and deviation."""

    def make() -> NDArray[np.float32]:
        heard = model.hear(windows.whole(signal).signal)
        return heard if heard.ndim == 1 else np.concatenate([heard.mean(axis=0), heard.std(axis=0)])

    if store is None:
        return make().astype(np.float64)
    what = repr(sorted(model.card.input.items())) + model.card.encoder_sha256
    return store.fetch(cache.key("explain", _VERSION, what, signal.samples), make).astype(np.float64)


def nearest(
    model: Bundle, window: Window, examples: Examples, *, count: int = 5, without: Sequence[str] = ()
) -> tuple[Near, ...]:
    """List the examples that sound most alike to the model, the nearest first.

    Args:
        model: whose features the examples are in.
        window: what is compared.
        examples: what it is compared with.
        count: how many are listed.
        without: speakers whose recordings are passed over, above all the one who is heard.
    """
    scaled = _Scale(examples.vectors)
    distances = 1 - scaled(examples.vectors) @ scaled(vector(model, window.signal)[None])[0]
    free = [place for place in np.argsort(distances) if examples.utterances[place].speaker not in without]
    return tuple(_near(examples, place, float(distances[place])) for place in free[:count])


def _near(examples: Examples, place: int, distance: float) -> Near:
    utterance = examples.utterances[place]
    return Near(
        corpus=examples.manifest.name,
        id=utterance.id,
        path=utterance.path,
        speaker=utterance.speaker,
        emotion=utterance.emotion,
        text=utterance.text,
        distance=max(0.0, distance),
    )


class _Scale:
    """Vectors -> unit vectors around the examples' mean, each column in its own deviation."""

    def __init__(self, x: Floats) -> None:
        self._centre, deviation = x.mean(axis=0), x.std(axis=0)
        self._deviation = np.where(deviation > 1e-9, deviation, np.inf)

    def __call__(self, x: Floats) -> Floats:
        z = (x - self._centre) / self._deviation
        return np.asarray(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12))


# How the voice compares -------------------------------------------------------------------------------------------

VOICE = {
    "F0median": ("pitch", "prosody", "high", "low"),
    "F0semitone_range": ("range of pitch", "prosody", "wide", "narrow"),
    "loudness_stddev": ("changes of loudness", "prosody", "large", "small"),
    "articulationRate": ("speed", "prosody", "fast", "slow"),
    "pauseShare": ("pauses", "prosody", "many", "few"),
    "voicedShare": ("voiced speech", "prosody", "much", "little"),
    "HNR_median": ("clearness of the voice (HNR)", "voice", "clear", "rough or breathy"),
    "CPPS_utterance": ("strength of the voice (CPPS)", "voice", "strong", "weak"),
    "jitterLocal_utterance": ("unsteadiness of pitch (jitter)", "voice", "unsteady", "steady"),
}
"""Functional -> in words, its feature set, and what much and little of it is called. Level is not among them: windows
are brought to one level before they are judged."""
_SAMPLE = 200
"utterances that a voice is compared with at most"
_TELLING = 0.2
"share at either end that is worth a word"


@dataclass(frozen=True, slots=True)
class Remark:
    """How one measure of the voice compares with that of the examples. A description, not a cause."""

    name: str
    "functional, e.g. F0median"
    measure: str
    "in words"
    unit: str
    value: float
    median: float
    "of the examples"
    rank: float
    "share of the examples that have less, in [0, 1]"
    word: str
    "high, low, ...; usual where it is neither"


def describe(
    window: Window, examples: Examples, *, store: Cache | None = None, progress: Progress | None = None
) -> tuple[Remark, ...]:
    """Compare the voice with a sample of the examples, in words."""
    places = np.random.default_rng(0).permutation(len(examples))[:_SAMPLE]
    rows = []
    for done, place in enumerate(places, start=1):
        rows.append(_measured(windows.whole(examples.signal(place)).signal, store))
        if progress:
            progress(done, len(places))
    return tuple(_remarks(_measured(window.signal, store), np.array(rows)))


def _measured(signal: Signal, store: Cache | None) -> Floats:
    sets = {name: features.load(name, cache=store) for name in ("prosody", "voice")}
    found = {name: own.functionals(signal) for name, own in sets.items()}
    return np.array([found[of][name] for name, (_, of, _, _) in VOICE.items()])


def _remarks(own: Floats, others: Floats) -> list[Remark]:
    found = []
    for column, (name, (measure, of, much, little)) in enumerate(VOICE.items()):
        below, same = others[:, column] < own[column], others[:, column] == own[column]
        rank = float((below + same / 2).mean())
        word = much if rank > 1 - _TELLING else little if rank < _TELLING else "usual"
        unit = features.load(of).describe(name).unit
        found.append(Remark(name, measure, unit, float(own[column]), float(np.median(others[:, column])), rank, word))
    return found
