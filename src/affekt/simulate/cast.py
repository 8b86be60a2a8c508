"""Who can speak in a call, in which emotions -> their clips at 8 kHz: speakers of corpora, or espeak-ng's voices.

Silence before and after a clip is cut off, so that the pauses are those of the script. Anger is louder than calm
speech; a telephone's automatic gain leaves less of that, so a clip lies as far from the person's calm clips, which are
at -26 dBFS, as it did in the corpus, but no more than 8 dB.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from html import escape
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from affekt import audio
from affekt.errors import DataError, MissingProgramError, UnknownNameError
from affekt.manifest import Manifest
from affekt.simulate.script import CALM
from affekt.types import Samples, Utterance

RATE = 8000
"""Hz, of a telephone"""

_LEVEL, _LOUDER = -26.0, 8.0  # dBFS; dB
_KEPT = 256  # clips in memory, some 25 MB
_REFERENCES = 3  # calm clips from which a person's level is taken
_FRAME = RATE // 50
_RANGE = 30.0  # dB below the loud frames, as in affekt.audio.active_level
_MARGIN = 0.04  # s that are left around the speech
_CALM = (CALM, "calm")


class Cast(Protocol):
    """Whoever can speak in a call."""

    @property
    def name(self) -> str:
        """Where the voices come from."""

    @property
    def synthetic(self) -> bool:
        """Whether nobody was recorded."""

    @property
    def people(self) -> Sequence[str]:
        """All who can speak, sorted."""

    def takes(self, person: str) -> Mapping[str, Sequence[str]]:
        """Emotion -> the names of the clips in which the person speaks so."""

    def sound(self, person: str, take: str) -> Samples:
        """Return a clip at 8 kHz, levelled and without silence around it."""


# Corpora ----------------------------------------------------------------------------------------------------------


class Corpora:
    """Speakers of one corpus or several, all or those that are named.

    >>> from affekt.types import LabelSet
    >>> rows = tuple(Utterance(f"{s}-{e}", f"{s}{e}.wav", f"demo/{s}", e) for s in "ab" for e in ("anger", "neutral"))
    >>> demo = Manifest("demo", LabelSet(("anger", "neutral")), rows, licence="", citation="")
    >>> Corpora([demo]).people, dict(Corpora([demo], speakers=["demo/b"]).takes("demo/b"))
    (['demo/a', 'demo/b'], {'anger': ('b-anger',), 'neutral': ('b-neutral',)})
    """

    synthetic = False

    def __init__(self, manifests: Sequence[Manifest], *, speakers: Collection[str] | None = None) -> None:
        """Take the labelled utterances of these speakers; nobody else is ever heard.

        Args:
            manifests: of `affekt.datasets.load`, or any other that knows its root.
            speakers: as the manifests name them, such as emodb/03; everybody when none are given.

        Raises:
            UnknownNameError: no manifest has such a speaker.
        """
        known = sorted({name for manifest in manifests for name in manifest.speakers})
        for name in speakers or ():
            if name not in known:
                raise UnknownNameError("speaker", name, known)
        wanted = set(known if speakers is None else speakers)
        self.name = ", ".join(manifest.name for manifest in manifests)
        self._found: dict[str, dict[str, tuple[Manifest, Utterance]]] = {}
        for manifest in manifests:
            for one in manifest:
                if one.speaker in wanted and one.emotion is not None:
                    self._found.setdefault(one.speaker, {})[one.id] = (manifest, one)
        self._clip = lru_cache(_KEPT)(self._read)
        self._reference = lru_cache(None)(self._calm_level)

    @property
    def people(self) -> list[str]:
        """All who can speak, sorted."""
        return sorted(self._found)

    def takes(self, person: str) -> Mapping[str, Sequence[str]]:
        """Emotion -> ids of utterances, sorted; the clips of a corpus that are calm are neutral here."""
        found: dict[str, list[str]] = {}
        for name, (_, one) in sorted(self._found[person].items()):
            found.setdefault(CALM if one.emotion in _CALM else str(one.emotion), []).append(name)
        return {emotion: tuple(names) for emotion, names in found.items()}

    def sound(self, person: str, take: str) -> Samples:
        """Return a clip at 8 kHz; the last ones are kept in memory.

        Raises:
            AudioError: it cannot be read.
            DataError: there is nothing to be heard in it.
        """
        return self._clip(person, take)

    def _read(self, person: str, take: str) -> Samples:
        raw = self._raw(person, take)
        above = audio.active_level(raw, RATE) - self._reference(person)
        if not np.isfinite(above):
            raise DataError(f"{take}: there is nothing to be heard in it")
        return trimmed(audio.level(raw, RATE, _LEVEL + float(np.clip(above, -_LOUDER, _LOUDER))))

    def _raw(self, person: str, take: str) -> Samples:
        manifest, one = self._found[person][take]
        return audio.read(manifest.file(one), rate=RATE, segment=one.segment).samples

    def _calm_level(self, person: str) -> float:
        calm = self.takes(person).get(CALM, ())[:_REFERENCES]
        return float(np.median([audio.active_level(self._raw(person, take), RATE) for take in calm or [""]]))


# A synthesiser ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Manner:
    """How espeak-ng speaks a sentence."""

    speed: int
    "words per minute"
    pitch: int
    "its scale, 0-99; 50 is the voice's own"
    range: int
    "how far the pitch moves, 0-99"
    louder: float
    "dB above calm speech"
    tilt: float
    "dB per octave above 500 Hz: a loud voice is bright, a tired one is dull"


MANNERS: Mapping[str, Manner] = {
    CALM: Manner(speed=150, pitch=50, range=45, louder=0, tilt=-2),
    "anger": Manner(speed=220, pitch=85, range=92, louder=8, tilt=8),
    "happiness": Manner(speed=185, pitch=75, range=85, louder=3, tilt=2),
    "sadness": Manner(speed=120, pitch=20, range=15, louder=-3, tilt=-10),
}
"""Starting points of `examples/make_call.py`; no listener has judged them."""

SENTENCES: Mapping[str, tuple[str, ...]] = {
    CALM: (
        "I am calling about my last bill.",
        "The number is four, seven, one, one, nine.",
        "Yes, that is the address.",
        "I moved there at the end of March.",
        "Could you tell me when it will arrive?",
        "Let me look for the letter. Here it is.",
        "It says that the contract ends in June.",
        "All right, then I shall wait for your message.",
        "We have the small box with the two lights.",
        "The second light has been green since Monday.",
        "No, I have not changed anything.",
        "That would be fine for me.",
    ),
    "anger": (
        "No! That is not what you told me!",
        "Three times! Three times I have called you!",
        "I want my money back! Now!",
        "Every time I hear the same excuse!",
        "This is outrageous! Do you hear me?",
        "You took it from my account again!",
        "I have had enough of this!",
        "Why does nobody do anything?",
    ),
    "happiness": (
        "Oh, that is wonderful!",
        "You have found it? Great!",
        "That is the best news of the week!",
        "Thank you so much, that is lovely!",
        "It works again! How nice!",
    ),
    "sadness": (
        "I do not know what to do any more.",
        "It was all that we had left.",
        "Nobody can help us, I suppose.",
        "It has been a hard year.",
        "I am just so tired of it.",
    ),
}

VOICES = tuple(f"{accent}+{one}" for accent in ("en-gb", "en-us") for one in ("f1", "f2", "f4", "m1", "m3", "m7"))


class Espeak:
    """Voices of espeak-ng, a program of its own. Emotion is what its knobs allow; nobody has judged it."""

    synthetic = True
    name = "espeak-ng"
    people = sorted(VOICES)

    def __init__(self) -> None:
        """Look for the program.

        Raises:
            MissingProgramError: it is not installed.
        """
        if self._program is None:
            raise MissingProgramError(
                "espeak-ng, which speaks where no corpus is named",
                debian="espeak-ng",
                elsewhere="see github.com/espeak-ng/espeak-ng; or name a corpus",
            )
        self._clip = lru_cache(_KEPT)(self._speak)

    @cached_property
    def _program(self) -> str | None:
        return shutil.which("espeak-ng")

    def takes(self, person: str) -> Mapping[str, Sequence[str]]:
        """Emotion -> sentences; the same for everybody."""
        return SENTENCES

    def sound(self, person: str, take: str) -> Samples:
        """Synthesise a sentence in the emotion that it is listed under."""
        return self._clip(person, take)

    def _speak(self, person: str, take: str) -> Samples:
        import soundfile

        manner = MANNERS[next(emotion for emotion, own in SENTENCES.items() if take in own)]
        marked = f'<prosody range="{manner.range}">{escape(take)}</prosody>'
        knobs = ["-v", person, "-s", str(manner.speed), "-p", str(manner.pitch)]
        command = [str(self._program), "-m", *knobs, "--stdout", marked]
        wav = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603 - the arguments are ours
        samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
        sloped = tilted(audio.resampled(samples, rate, RATE), manner.tilt)
        return trimmed(audio.level(sloped, RATE, _LEVEL + manner.louder))


def tilted(samples: Samples, tilt: float) -> Samples:
    """Slope the spectrum from 500 Hz on, by `tilt` dB per octave."""
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    slope = 10 ** (tilt / 20 * np.log2(np.clip(hertz, 500, None) / 500))
    return np.fft.irfft(np.fft.rfft(samples) * slope, len(samples)).astype(np.float32)


# Clips ------------------------------------------------------------------------------------------------------------


def active(samples: Samples) -> NDArray[np.bool_]:
    """Say of each 20 ms whether somebody speaks: within 30 dB of the loud frames.

    >>> tone = np.sin(np.arange(1600)).astype(np.float32)
    >>> int(active(np.concatenate([tone, np.zeros(1600, np.float32)])).sum())
    10
    """
    count = len(samples) // _FRAME
    power = np.mean(np.square(samples[: count * _FRAME].reshape(count, _FRAME), dtype=np.float64), axis=1)
    loud = np.percentile(power, 95) if count else 0.0
    heard: NDArray[np.bool_] = (power >= loud * 10 ** (-_RANGE / 10)) & (power > 0)
    return heard


def speech(samples: Samples) -> float:
    """Seconds in which somebody speaks."""
    return int(active(samples).sum()) * _FRAME / RATE


def trimmed(samples: Samples) -> Samples:
    """Cut off the silence around the speech."""
    heard = np.flatnonzero(active(samples))
    if not len(heard):
        return samples[:0]
    margin = round(_MARGIN * RATE)
    return samples[max(0, heard[0] * _FRAME - margin) : (heard[-1] + 1) * _FRAME + margin]
