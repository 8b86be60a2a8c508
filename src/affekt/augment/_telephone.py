"""What a telephone does: its band, its code (ITU-T G.711, in both laws), and packets that are lost on the way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from affekt.audio import level, resampled
from affekt.augment._sound import Wide, of
from affekt.types import Samples, Signal

_SPEECH = -26.0  # dBFS, the level that `affekt.audio.level` gives
_PHONE = 8000  # Hz
_MU = 255.0
_PACKET = 0.02  # s, as most calls over the Internet send them (RFC 3551)
_KEPT, _GONE = 0.01, 0.06  # s into a gap until which the last packet is repeated in full, and after which all is silent


def phone(signal: Signal, rng: np.random.Generator) -> Signal:
    """Send through a telephone: 300-3400 Hz, 8 kHz, mu-law (ITU-T G.711), and back to the signal's rate.

    >>> tone = Signal(np.sin(np.arange(16000) * 0.4).astype(np.float32), 16000)
    >>> len(phone(tone, np.random.default_rng(0)).samples)
    16000
    """
    return _call(signal, rng, mu_law)


def phone_a_law(signal: Signal, rng: np.random.Generator) -> Signal:
    """Send through a telephone outside North America and Japan: as `phone`, with A-law."""
    return _call(signal, rng, a_law)


def _call(signal: Signal, rng: np.random.Generator, code: Callable[[Samples], Samples]) -> Signal:
    narrow = resampled(level(signal.samples, signal.rate, _SPEECH + rng.uniform(0, 8)), signal.rate, _PHONE)
    if not len(narrow):
        return signal
    spectrum = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1 / _PHONE)
    # 24 dB per octave outside the band, as a telephone's fourth-order filter
    passed = 1 / np.sqrt((1 + (300 / np.maximum(hertz, 1)) ** 8) * (1 + (hertz / 3400) ** 8))
    coded = code(np.fft.irfft(spectrum * passed, len(narrow)).astype(np.float32))
    wide = resampled(coded, _PHONE, signal.rate)[: len(signal.samples)]
    return of(np.pad(wide, (0, len(signal.samples) - len(wide))), signal)  # rounding may have cost a sample


def mu_law(samples: Samples) -> Samples:
    """Quantise to 8 bits by the mu-law curve and expand again; beyond full scale is clipped.

    >>> mu_law(np.array([0.0, 0.5, 2.0], np.float32)).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    held = np.clip(samples, -1, 1)
    coded = np.round(np.sign(held) * np.log1p(_MU * np.abs(held)) / np.log1p(_MU) * 127) / 127
    expanded: Samples = (np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(_MU)) / _MU).astype(np.float32)
    return expanded


def a_law(samples: Samples) -> Samples:
    """Quantise to 8 bits by A-law and expand again; beyond full scale is clipped.

    Source: ITU-T G.711 (1988), table 1: with full scale at 4096 the intervals are 2 wide up to 64, and twice as wide
    from each power of two on; a value comes out as the middle of its interval, so that none is 0.

    >>> (4096 * a_law(np.array([0.0, 0.5, -2.0], np.float32))).tolist()
    [1.0, 2112.0, -4032.0]
    """
    size = np.minimum(np.abs(samples.astype(np.float64)) * 4096, 4095)
    width = 2.0 * 2.0 ** np.floor(np.log2(np.maximum(size, 32) / 32))
    middle = (np.floor(size / width) + 0.5) * width
    expanded: Samples = (np.where(samples < 0, -middle, middle) / 4096).astype(np.float32)
    return expanded


def packets(
    signal: Signal,
    rng: np.random.Generator,
    *,
    least: float = 0.01,
    most: float = 0.1,
    burst: float = 2.0,
    silent: float = 0.3,
) -> Signal:
    """Lose packets of 20 ms, often several in a row; the gaps are filled with the last packet, fading, or with nothing.

    Source: ITU-T G.711 appendix I (1999) for the fading: in full for 10 ms, then falling, silent after 60 ms.

    Args:
        signal: the speech.
        rng: draws what is lost.
        least: share of the packets that are lost, at least.
        most: at most.
        burst: packets that are lost in a row, on average.
        silent: share of the calls whose gaps are filled with nothing.
    """
    size = max(1, round(_PACKET * signal.rate))
    gone = lost(-(-len(signal.samples) // size), rng.uniform(least, most), burst, rng)
    fade = np.zeros(1) if rng.random() < silent else _fade(size, signal.rate)
    heard = np.pad(signal.samples, (0, len(gone) * size - len(signal.samples))).reshape(-1, size).astype(np.float64)
    last, run = np.zeros(size), 0
    for number, missing in enumerate(gone):
        run = run + 1 if missing else 0
        if missing:
            heard[number] = last * (fade[run - 1] if run <= len(fade) else 0.0)
        else:
            last = heard[number]
    return of(heard.reshape(-1)[: len(signal.samples)], signal)


def _fade(size: int, rate: int) -> Wide:
    """How loud the last packet still is in the first, second, ... packet of a gap."""
    count = round(_GONE / _PACKET)
    time = np.arange(count * size) / rate
    return np.clip((_GONE - time) / (_GONE - _KEPT), 0, 1).reshape(count, size)


def lost(count: int, share: float, burst: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Say which packets are lost: a network is either good or bad, and stays so for a while.

    Source: Gilbert 1960, "Capacity of a burst-noise channel", with a bad state in which every packet is lost.

    Args:
        count: packets.
        share: of them that are lost on average, in [0, 0.5].
        burst: packets that are lost in a row on average, at least 1.
        rng: draws.

    >>> bool(lost(10000, 0.1, 3.0, np.random.default_rng(0)).mean().round(1) == 0.1)
    True
    """
    leave = 1 / burst
    enter = share * leave / (1 - share)
    bad, gone = bool(rng.random() < share), np.zeros(count, dtype=bool)
    for number, drawn in enumerate(rng.random(count)):
        gone[number] = bad
        bad = bool(drawn >= leave) if bad else bool(drawn < enter)
    return gone
