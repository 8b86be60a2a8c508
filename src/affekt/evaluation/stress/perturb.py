"""Signal -> Signal, seeded: what the stress suite does to a recording, to the amount that it says.

Unlike `affekt.augment`, nothing is drawn from a range: 10 dB is 10 dB, for every utterance. What chance decides (which
noise, which packets) comes from the generator alone. The level of speech is that of `affekt.audio.active_level`, so
that pauses do not count; levels of noise are RMS over the whole of it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from affekt.audio import Resampler, active_level
from affekt.hearing import middle
from affekt.types import Samples, Signal

VERSION = 1
"""Raise it when a perturbation changes: what was judged before is then judged anew."""

COLOURS = {"white": 0.0, "pink": 0.5, "brown": 1.0}
"""Noise and how its amplitude falls with frequency: 0, 3 and 6 dB per octave."""

_LOWEST = 20.0  # Hz, below which nobody hears; brown noise would have most of its power there
_TALKERS = 6  # as many voices are a babble, of which no word is understood
_DELAY = 0.0025  # s from the direct sound to the first reverberation: a detour of 0.9 m
_PACKET = 0.02  # s, the packet of nearly every telephone over IP
_MP3, _OPUS = (8.0, 160.0), (6.0, 256.0)
"kbit/s that libsndfile gives at compression level 1 and 0: MPEG-2 layer III at 16 kHz, and mono Opus"


# Level ------------------------------------------------------------------------------------------------------------


def gain(signal: Signal, rng: np.random.Generator, *, decibels: float) -> Signal:
    """Turn up or down; nothing is clipped."""
    return _of(signal.samples * 10 ** (decibels / 20), signal)


def overdrive(signal: Signal, rng: np.random.Generator, *, decibels: float) -> Signal:
    """Bring the peak to full scale, turn up by so much more, and clip what is beyond."""
    peak = float(np.abs(signal.samples).max(initial=0.0))
    return _of(np.clip(signal.samples * (10 ** (decibels / 20) / max(peak, 1e-9)), -1, 1), signal)


def clip(signal: Signal, rng: np.random.Generator, *, share: float) -> Signal:
    """Clip so that `share` of all samples are at full scale."""
    limit = float(np.quantile(np.abs(signal.samples), 1 - share)) if len(signal.samples) else 0.0
    return _of(np.clip(signal.samples / max(limit, 1e-9), -1, 1), signal)


def bits(signal: Signal, rng: np.random.Generator, *, depth: int) -> Signal:
    """Bring the peak to full scale and keep `depth` bits a sample, as an old sound card would."""
    steps = 2 ** (depth - 1) - 1
    peak = max(float(np.abs(signal.samples).max(initial=0.0)), 1e-9)
    return _of(np.round(signal.samples / peak * steps) / steps, signal)


# Noise ------------------------------------------------------------------------------------------------------------


def noise(signal: Signal, rng: np.random.Generator, *, colour: str, snr: float) -> Signal:
    """Add synthetic noise from 20 Hz up, its RMS `snr` dB below the active speech."""
    n = _quick(len(signal.samples))
    spectrum = np.fft.rfft(rng.normal(size=n))
    hertz = np.fft.rfftfreq(n, 1 / signal.rate)
    shape = np.where(hertz >= _LOWEST, np.maximum(hertz, _LOWEST) ** -COLOURS[colour], 0.0)
    return add(signal, np.fft.irfft(spectrum * shape, n)[: len(signal.samples)], snr)


def babble(signal: Signal, rng: np.random.Generator, *, talkers: Sequence[Samples], snr: float) -> Signal:
    """Add six other voices at one level, each from a random place on and over again, together `snr` dB below."""
    others = [talker for talker in talkers if not np.array_equal(talker, signal.samples)]
    chosen = rng.choice(len(others), size=min(_TALKERS, len(others)), replace=False)
    voices = [_stretch(others[i], len(signal.samples), rng) for i in chosen]
    return add(signal, np.sum([voice / _rms(voice) for voice in voices], axis=0), snr)


def recorded(signal: Signal, rng: np.random.Generator, *, noises: Sequence[Samples], snr: float) -> Signal:
    """Add a stretch of one of the recorded noises, its RMS `snr` dB below the active speech."""
    return add(signal, _stretch(noises[int(rng.integers(len(noises)))], len(signal.samples), rng), snr)


def add(signal: Signal, sound: NDArray[np.floating], snr: float) -> Signal:
    """Add a sound `snr` dB below the active speech; to digital silence, nothing.

    >>> tone = Signal(np.sin(np.arange(16000) * 0.3).astype(np.float32), 16000)
    >>> added = add(tone, np.random.default_rng(0).normal(size=16000), 10).samples - tone.samples
    >>> round(float(20 * np.log10(tone.samples.std() / added.std())), 2)
    10.0
    """
    speech = active_level(signal.samples, signal.rate)
    gain = 10 ** ((speech - snr) / 20) if np.isfinite(speech) else 0.0
    return _of(signal.samples + gain / _rms(sound) * sound, signal)


# Rooms ------------------------------------------------------------------------------------------------------------


def reverb(signal: Signal, rng: np.random.Generator, *, rt60: float) -> Signal:
    """Put into a made-up room, at the distance where its sound is as strong as the voice itself."""
    return respond(signal, rng, response=room(rt60, signal.rate, rng))


def respond(signal: Signal, rng: np.random.Generator, *, response: NDArray[np.floating]) -> Signal:
    """Convolve with a room's impulse response; length stays, and so do place and level of the direct sound."""
    early = int(np.abs(response).argmax())
    response = response / max(float(np.abs(response).max()), 1e-12)
    n = _quick(len(signal.samples) + len(response))
    heard = np.fft.irfft(np.fft.rfft(signal.samples, n) * np.fft.rfft(response, n), n)
    return _of(heard[early : early + len(signal.samples)], signal)


def room(rt60: float, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Make an impulse response: one impulse, then noise that falls by 60 dB in `rt60` seconds, of equal energy.

    Source: J.-D. Polack, La transmission de l'énergie sonore dans les salles (1988), the model of late reverberation.
    """
    time = np.arange(round(1.2 * rt60 * rate)) / rate
    tail = rng.normal(size=len(time)) * 10 ** (-3 * time / rt60)
    tail[: round(_DELAY * rate)] = 0.0
    response = tail / np.linalg.norm(tail)
    response[0] = 1.0
    return np.asarray(response)


# Lines and codecs -------------------------------------------------------------------------------------------------


def lose(signal: Signal, rng: np.random.Generator, *, share: float) -> Signal:
    """Lose `share` of the packets of 20 ms, at random places; a lost packet is silent, since nobody conceals it."""
    size = round(_PACKET * signal.rate)
    count = -(-len(signal.samples) // size)
    lost = rng.choice(count, size=round(share * count), replace=False)
    kept = np.ones(count, np.float32)
    kept[lost] = 0.0
    return _of(signal.samples * np.repeat(kept, size)[: len(signal.samples)], signal)


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
    return _of(_fit(heard, len(signal.samples)) * peak, signal)


# Time -------------------------------------------------------------------------------------------------------------


def crop(signal: Signal, rng: np.random.Generator, *, seconds: float) -> Signal:
    """Keep the middle."""
    return _of(middle(signal.samples, round(seconds * signal.rate)), signal)


def late(signal: Signal, rng: np.random.Generator, *, seconds: float) -> Signal:
    """Begin so much later; what is shorter is left alone."""
    begin = round(seconds * signal.rate)
    return _of(signal.samples[begin:], signal) if begin < len(signal.samples) else signal


def pad(signal: Signal, rng: np.random.Generator, *, before: float = 0.0, after: float = 0.0) -> Signal:
    """Put digital silence before and after; both in seconds."""
    return _of(np.pad(signal.samples, (round(before * signal.rate), round(after * signal.rate))), signal)


def speed(signal: Signal, rng: np.random.Generator, *, factor: float) -> Signal:
    """Play faster (factor above 1) or slower, pitch and formants with it.

    >>> round(speed(Signal(np.zeros(16000, np.float32), 16000), np.random.default_rng(0), factor=1.05).duration, 3)
    0.952
    """
    resampler = Resampler(round(signal.rate * factor), signal.rate)
    return _of(np.concatenate([resampler.push(signal.samples), resampler.finish()]), signal)


def _stretch(sound: Samples, n: int, rng: np.random.Generator) -> Samples:
    """Take n samples from a random place on; a short sound is repeated."""
    begin = int(rng.integers(max(1, len(sound))))
    return np.resize(np.roll(sound, -begin), n)


def _fit(samples: Samples, n: int) -> Samples:
    return np.pad(samples[:n], (0, max(0, n - len(samples))))


def _rms(sound: NDArray[np.floating]) -> float:
    return max(float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0, 1e-12)


def _quick(n: int) -> int:
    """Give the next length that a fast Fourier transform likes: 2, 3 or 5 times a power of two, no shorter than n."""
    power = 1 << max(0, (n - 1).bit_length() - 3)
    return next(power * k for k in (1, 5, 6, 8, 9, 10, 12, 15, 16) if power * k >= n)


def _of(samples: NDArray[np.floating], signal: Signal) -> Signal:
    return Signal(np.asarray(samples, np.float32), signal.rate, signal.start)
