"""Signal -> Signal, seeded: what the stress suite does to a recording, to the amount that it says.

Unlike in `affekt.augment`, whose noise and rooms these are, nothing is drawn from a range: 10 dB is 10 dB, for every
utterance. What chance decides (which noise, which packets) comes from the generator alone. The level of speech is that
of `affekt.audio.active_level`, so that pauses do not count; levels of noise are RMS over the whole of it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from affekt import augment
from affekt.audio import resampled
from affekt.augment._sound import add, of, stretch_of
from affekt.hearing import middle
from affekt.types import Samples, Signal

BORROWED = ("white", "pink", "brown", "reverb", "phone")
"""Chains of `affekt.augment` that are part of the suite."""
COLOURS = {"white": augment.white, "pink": augment.pink, "brown": augment.brown}

_VERSION = 2  # raised when a perturbation changes here; augment's chains have versions of their own
_TALKERS = 6  # as many voices are a babble, of which no word is understood
_PACKET = 0.02  # s, the packet of nearly every telephone over IP
_MP3, _OPUS = (8.0, 160.0), (6.0, 256.0)
"kbit/s that libsndfile gives at compression level 1 and 0: MPEG-2 layer III at 16 kHz, and mono Opus"


def version() -> str:
    """Name the perturbations' versions: when one changes, what was judged before is judged anew."""
    return " ".join([str(_VERSION), *(f"{name} {augment.CHAINS[name].version}" for name in BORROWED)])


# Level ------------------------------------------------------------------------------------------------------------


def gain(signal: Signal, rng: np.random.Generator, *, decibels: float) -> Signal:
    """Turn up or down; nothing is clipped."""
    return of(signal.samples * 10 ** (decibels / 20), signal)


def overdrive(signal: Signal, rng: np.random.Generator, *, decibels: float) -> Signal:
    """Bring the peak to full scale, turn up by so much more, and clip what is beyond."""
    peak = float(np.abs(signal.samples).max(initial=0.0))
    return of(np.clip(signal.samples * (10 ** (decibels / 20) / max(peak, 1e-9)), -1, 1), signal)


def clip(signal: Signal, rng: np.random.Generator, *, share: float) -> Signal:
    """Clip so that `share` of all samples are at full scale."""
    limit = float(np.quantile(np.abs(signal.samples), 1 - share)) if len(signal.samples) else 0.0
    return of(np.clip(signal.samples / max(limit, 1e-9), -1, 1), signal)


def bits(signal: Signal, rng: np.random.Generator, *, depth: int) -> Signal:
    """Bring the peak to full scale and keep `depth` bits a sample, as an old sound card would."""
    steps = 2 ** (depth - 1) - 1
    peak = max(float(np.abs(signal.samples).max(initial=0.0)), 1e-9)
    return of(np.round(signal.samples / peak * steps) / steps, signal)


# Noise ------------------------------------------------------------------------------------------------------------


def noise(signal: Signal, rng: np.random.Generator, *, colour: str, snr: float) -> Signal:
    """Add synthetic noise of a colour, its RMS `snr` dB below the active speech."""
    return COLOURS[colour](signal, rng, least=snr, most=snr)


def babble(signal: Signal, rng: np.random.Generator, *, talkers: Sequence[Samples], snr: float) -> Signal:
    """Add six other voices at one level, each from a random place on and over again, together `snr` dB below.

    Here they are other people of the corpus; augment.babble must not use them, or a test speaker could be trained on.
    """
    others = [talker for talker in talkers if not np.array_equal(talker, signal.samples)]
    chosen = rng.choice(len(others), size=min(_TALKERS, len(others)), replace=False)
    voices = [stretch_of(others[i], len(signal.samples), rng) for i in chosen]
    return add(signal, np.sum([voice / _rms(voice) for voice in voices], axis=0), snr)


def recorded(signal: Signal, rng: np.random.Generator, *, noises: Sequence[Samples], snr: float) -> Signal:
    """Add a stretch of one of the recorded noises, its RMS `snr` dB below the active speech."""
    return add(signal, stretch_of(noises[int(rng.integers(len(noises)))], len(signal.samples), rng), snr)


# Rooms ------------------------------------------------------------------------------------------------------------


def reverb(signal: Signal, rng: np.random.Generator, *, rt60: float) -> Signal:
    """Put into a made-up room, at the distance where its sound is as strong as the voice itself."""
    return respond(signal, rng, response=augment.impulse_response(signal.rate, rt60, 0.0, rng))


def respond(signal: Signal, rng: np.random.Generator, *, response: NDArray[np.floating]) -> Signal:
    """Convolve with a room's impulse response; length stays, and so do place and level of the direct sound.

    augment.reverb keeps the level of the speech instead, and so turns down the voice itself: noise beside it.
    """
    early = int(np.abs(response).argmax())
    response = response / max(float(np.abs(response).max()), 1e-12)
    n = 1 << (len(signal.samples) + len(response)).bit_length()
    heard = np.fft.irfft(np.fft.rfft(signal.samples, n) * np.fft.rfft(response, n), n)
    return of(heard[early : early + len(signal.samples)], signal)


# Lines and codecs -------------------------------------------------------------------------------------------------


def lose(signal: Signal, rng: np.random.Generator, *, share: float) -> Signal:
    """Lose `share` of the packets of 20 ms, at random places; a lost packet is silent, since nobody conceals it.

    augment.packets loses a share on average only, in bursts, and most of its calls conceal them.
    """
    size = round(_PACKET * signal.rate)
    count = -(-len(signal.samples) // size)
    lost = rng.choice(count, size=round(share * count), replace=False)
    kept = np.ones(count, np.float32)
    kept[lost] = 0.0
    return of(signal.samples * np.repeat(kept, size)[: len(signal.samples)], signal)


def mp3(signal: Signal, rng: np.random.Generator, *, kilobits: float) -> Signal:
    """Encode as MP3 (MPEG-2 layer III, constant bit rate) and decode."""
    return _coded(signal, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT", level=_at(kilobits, _MP3))


def opus(signal: Signal, rng: np.random.Generator, *, kilobits: float) -> Signal:
    """Encode as Opus (RFC 6716) at about this bit rate, and decode."""
    return _coded(signal, format="OGG", subtype="OPUS", bitrate_mode=None, level=_at(kilobits, _OPUS))


def _at(kilobits: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return (high - kilobits) / (high - low)


def _coded(signal: Signal, *, format: str, subtype: str, bitrate_mode: str | None, level: float) -> Signal:
    import soundfile

    peak = max(1.0, float(np.abs(signal.samples).max(initial=0.0)))  # a codec clips what is beyond full scale
    file = io.BytesIO()
    soundfile.write(
        file, signal.samples / peak, signal.rate, format=format, subtype=subtype, bitrate_mode=bitrate_mode,
        compression_level=level,
    )  # fmt: skip
    file.seek(0)
    heard, _ = soundfile.read(file, dtype="float32")
    return of(_fit(heard, len(signal.samples)) * peak, signal)


# Time -------------------------------------------------------------------------------------------------------------


def crop(signal: Signal, rng: np.random.Generator, *, seconds: float) -> Signal:
    """Keep the middle."""
    return of(middle(signal.samples, round(seconds * signal.rate)), signal)


def late(signal: Signal, rng: np.random.Generator, *, seconds: float) -> Signal:
    """Begin so much later; what is shorter is left alone."""
    begin = round(seconds * signal.rate)
    return of(signal.samples[begin:], signal) if begin < len(signal.samples) else signal


def pad(signal: Signal, rng: np.random.Generator, *, before: float = 0.0, after: float = 0.0) -> Signal:
    """Put digital silence before and after; both in seconds."""
    return of(np.pad(signal.samples, (round(before * signal.rate), round(after * signal.rate))), signal)


def speed(signal: Signal, rng: np.random.Generator, *, factor: float) -> Signal:
    """Play faster (factor above 1) or slower, pitch and formants with it.

    >>> round(speed(Signal(np.zeros(16000, np.float32), 16000), np.random.default_rng(0), factor=1.05).duration, 3)
    0.952
    """
    return of(resampled(signal.samples, round(signal.rate * factor), signal.rate), signal)


def _fit(samples: Samples, n: int) -> Samples:
    return np.pad(samples[:n], (0, max(0, n - len(samples))))


def _rms(sound: NDArray[np.floating]) -> float:
    return max(float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0, 1e-12)
