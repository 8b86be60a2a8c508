"""What two people say -> what a telephone exchange records of it: noise, the agent's echo, band, code (ITU-T G.711)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affekt import augment
from affekt.simulate.cast import RATE
from affekt.simulate.stage import faded
from affekt.simulate.truth import Aside
from affekt.types import Samples, Signal

Law = Literal["mu", "a"]
"""mu: North America and Japan; a: elsewhere"""
LAWS = ("mu", "a")
SUBTYPES = {"mu": "ULAW", "a": "ALAW"}

NOISES = ("white", "pink", "brown")
_HISS = 4e-4  # RMS of a quiet line, -68 dBFS
_HOP, _EDGE = 3072, 512  # samples; the filter rings for less than an edge
_MUSIC, _TONE = 0.05, 0.08  # RMS of music on hold; amplitude of each tone of a key
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)  # Hz, ITU-T Q.23
_KEY, _BETWEEN = 0.1, 0.25  # s a key is pressed; s from one to the next
_CHORDS = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))  # Hz: C, a, F, G
_NOTE = 0.3  # s


def noisy(samples: Samples, kind: str, below: float, rng: np.random.Generator) -> Samples:
    """Add noise `below` dB below the speech in a channel, pauses not counted; in the telephone's band, else it is lost.

    The chains of `affekt.augment` make it. Of brown noise, say, most lies below the band and would never be heard.
    """
    added = augment.CHAINS[kind].change(Signal(samples, RATE), rng, least=below, most=below).samples - samples
    heard = banded(added)
    return samples + heard * np.float32(np.sqrt(np.mean(added**2) / max(float(np.mean(heard**2)), 1e-20)))


def echoed(samples: Samples, other: Samples, below: float, delay: float) -> Samples:
    """Add the other side, `below` dB quieter and `delay` s later."""
    late = round(delay * RATE)
    return samples + np.float32(10 ** (-below / 20)) * np.pad(other, (late, 0))[: len(samples)]


def filled(samples: Samples, asides: Sequence[Aside], rng: np.random.Generator) -> Samples:
    """Add the sound of what is no speech, on this channel."""
    out = samples.copy()
    for one in asides:
        start, end = round(one.segment.start * RATE), round(one.segment.end * RATE)
        sound = {"hold": _music, "keys": _keys}.get(one.what, _nothing)(end - start, rng)
        out[start:end] += faded(sound)[: len(out) - start]
    return out


def recorded(samples: Samples, law: Law, rng: np.random.Generator) -> Samples:
    """Pass through a telephone: hiss, 300-3400 Hz, 8 bits. What comes back is coded again without a further loss."""
    import soundfile

    narrow = np.clip(banded(samples + np.float32(_HISS) * rng.standard_normal(len(samples), dtype=np.float32)), -1, 1)
    kind = {"format": "RAW", "subtype": SUBTYPES[law]}
    file = io.BytesIO()
    soundfile.write(file, narrow, RATE, **kind)
    file.seek(0)
    coded: Samples = soundfile.read(file, dtype="float32", samplerate=RATE, channels=1, **kind)[0]
    return coded


def banded(samples: Samples) -> Samples:
    """Keep 300 to 3400 Hz, 24 dB per octave outside, as `augment.phone` does; in blocks, since calls are long."""
    count = -(-len(samples) // _HOP)
    padded = np.pad(samples, (_EDGE, count * _HOP - len(samples) + _EDGE))
    blocks = np.lib.stride_tricks.sliding_window_view(padded, _HOP + 2 * _EDGE)[::_HOP]
    hertz = np.fft.rfftfreq(_HOP + 2 * _EDGE, 1 / RATE)
    passed = 1 / np.sqrt((1 + (300 / np.maximum(hertz, 1)) ** 8) * (1 + (hertz / 3400) ** 8))
    out = np.zeros((count, _HOP), np.float32)
    for number, block in enumerate(blocks):
        out[number] = np.fft.irfft(np.fft.rfft(block) * passed)[_EDGE : _EDGE + _HOP]
    return out.reshape(-1)[: len(samples)]


def _nothing(count: int, rng: np.random.Generator) -> Samples:
    return np.zeros(count, np.float32)


def _music(count: int, rng: np.random.Generator) -> Samples:
    """Broken chords, a note after the other, with three harmonics each."""
    each = round(_NOTE * RATE)
    order, turn = rng.permutation(3), int(rng.integers(len(_CHORDS)))
    notes = [_CHORDS[(turn + n // 6) % len(_CHORDS)][order[n % 3]] for n in range(count // each + 1)]
    played = np.concatenate([_note(hertz, each) for hertz in notes])[:count]
    return (played * (_MUSIC / max(float(played.std()), 1e-9))).astype(np.float32)


def _note(hertz: float, count: int) -> NDArray[np.float64]:
    time = np.arange(count) / RATE
    tone: NDArray[np.float64] = sum((np.sin(2 * np.pi * k * hertz * time) / k**2 for k in (1, 2, 3)), np.zeros(count))
    return tone * np.exp(-time / 0.25)


def _keys(count: int, rng: np.random.Generator) -> Samples:
    """Pressed keys, one after the other: dual tones."""
    out = np.zeros(count)
    pressed, step = round(_KEY * RATE), round(_BETWEEN * RATE)
    time = np.arange(pressed) / RATE
    for start in range(0, count - pressed, step):
        pair = (_ROWS[int(rng.integers(4))], _COLUMNS[int(rng.integers(3))])
        out[start : start + pressed] = _TONE * sum(np.sin(2 * np.pi * hertz * time) for hertz in pair)
    return out.astype(np.float32)
