"""Blocks (n, channels) -> named mono tracks. On the telephone each channel is one person; elsewhere they are a room.

`auto` looks at up to 30 s and asks whether the channels carry the same sound. Two measures, since each is blind alone:
the correlation of the samples (blind to the delay between two microphones) and that of the loudness over time (blind to
sources that sit between the channels). Measured on conversations put on two channels: a call with clean channels
0.0-0.2, with the other side leaking at -20 dB 0.2-0.4, at -12 dB 0.5; copies 0.9-1.0, one conversation in a room at two
microphones 0.8-1.0, sources panned over the stereo image 0.6-0.9, chords spread over it 0.6-0.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affekt.errors import AudioError, UnknownNameError
from affekt.types import Samples

Channel = Literal["auto", "left", "right", "mix", "each"]
"""Which channels of a recording are heard: one of them, their mean, each for itself, or what the sound suggests."""
Tracks = dict[str | None, Samples]
"""Track name -> mono samples. The name says who is heard, None where the recording does not tell."""

LOOK_AHEAD = 30.0
"""Seconds on which `auto` decides."""
ALIKE = 0.55
"""Channels whose `likeness` is below carry different sound."""
_FRAME = 0.032  # s
ECHO_FRAME = 0.016
"""Seconds of the frames in which `mute_echo` decides."""
ECHO_EDGES = (2, 6)
"""Frames before and after an agent's echo in which what is fainter than the agent goes, too."""
_SILENT_START = "the channels begin in silence and are heard as one; choose channel each if they are a call's sides"
_FAINT = 1e-3  # -60 dBFS: below, there is nobody to be told apart


def check(choice: Channel, channels: int, name: str) -> None:
    """Refuse a choice that a recording of so many channels cannot fulfil.

    Raises:
        UnknownNameError: no such choice.
        AudioError: right or left of a mono recording.
    """
    if choice not in get_args(Channel):
        raise UnknownNameError("channel choice", choice, get_args(Channel))
    if choice in ("left", "right") and channels < 2:
        raise AudioError(f"{name}: has one channel, so there is no {choice} one; use channel auto or mix")


def split(block: NDArray[np.float32], choice: Channel) -> Tracks:
    """Give the named mono tracks of a block (n, channels); `choice` is decided: not auto, and mix for one channel.

    >>> block = np.array([[0.5, -0.5], [1.0, 0.0]], np.float32)
    >>> split(block, "each")
    {'left': array([0.5, 1. ], dtype=float32), 'right': array([-0.5,  0. ], dtype=float32)}
    >>> split(block, "mix")
    {None: array([0. , 0.5], dtype=float32)}
    """
    # Channels as rows: reducing over the few columns of a block takes numpy 50 times as long.
    rows = np.ascontiguousarray(block.T)
    if choice == "left" or choice == "right":
        return {choice: rows[int(choice == "right")]}
    if choice == "each":
        names = ("left", "right") if len(rows) == 2 else [f"ch{i + 1}" for i in range(len(rows))]
        return dict(zip(names, rows, strict=True))
    return {None: rows.mean(axis=0)}


def decide(blocks: Sequence[NDArray[np.float32]], rate: int) -> tuple[Channel, str | None]:
    """Choose how channels that begin with these blocks are heard, and say it in words when it is worth a note."""
    start = np.concatenate(blocks)
    pairs = [(start[:, i], start[:, j]) for i, j in combinations(range(start.shape[1]), 2)]
    if not start.any():
        return "mix", _SILENT_START if len(start) >= 0.9 * LOOK_AHEAD * rate else None
    if all(likeness(a, b, rate) < ALIKE for a, b in pairs):
        return "each", "the channels carry different sound and are judged apart"
    if len(pairs) == 1 and _correlation(*pairs[0]) < -ALIKE:
        return "left", "the right channel is the left one inverted; only the left one is judged"
    return "mix", None


def mute_echo(tracks: Tracks, agent: str, rate: int) -> tuple[Tracks, int]:
    """Silence the other tracks where the agent is what is heard on them; also count the samples so silenced.

    A frame of 16 ms goes when the agent's own channel is 12 dB louder (sidetone, crosstalk), or carries the same sound
    and is no more than 3 dB quieter (copied channels); 32 ms more go before and 96 ms after, for the echo's edges.

    >>> voice = np.sin(np.arange(1600) * 0.3).astype(np.float32)
    >>> muted, count = mute_echo({"left": 0.01 * voice, "right": voice}, "right", 8000)
    >>> float(abs(muted["left"]).max()), count > 1400
    (0.0, True)
    """
    found, count = dict(tracks), 0
    for name, samples in tracks.items():
        if name != agent:
            echo = _is_echo(samples, tracks[agent], round(ECHO_FRAME * rate))
            found[name] = np.where(echo, np.float32(0), samples)
            count += int(np.count_nonzero(np.abs(samples[echo]) > _FAINT))
    return found, count


def _is_echo(own: Samples, agent: Samples, frame: int) -> NDArray[np.bool_]:
    """Which samples of `own` are the agent's."""
    rows = -(-len(own) // frame)
    if not rows:
        return np.zeros(0, np.bool_)
    a, b = (np.pad(x, (0, rows * frame - len(x))) for x in (own, agent))
    echo, fainter = echo_frames(a, b, frame)
    before, after = ECHO_EDGES
    around = np.convolve(np.pad(echo, (after, before)), np.ones(before + 1 + after), mode="valid") > 0
    return np.repeat(echo | (around & fainter), frame)[: len(own)]


def echo_frames(own: Samples, agent: Samples, frame: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say of each frame of `own` whether it is the agent's echo, and whether it is fainter than the agent.

    The edges of an echo are faint; what is louder there than the agent is somebody else's voice. Both are as long, and
    a whole number of frames.
    """
    a, b = own.reshape(-1, frame), agent.reshape(-1, frame)
    mine, theirs, both = (np.einsum("ij,ij->i", x, y) for x, y in ((a, a), (b, b), (a, b)))
    same = (both * both > 0.64 * mine * theirs) & (theirs > mine / 2)
    return ((theirs > 16 * mine) | same) & (theirs > frame * _FAINT**2), theirs > mine


def likeness(a: Samples, b: Samples, rate: int) -> float:
    """How much two channels carry the same sound: about 0 for two telephone lines, 1 for copies, at most 1.

    The larger of two correlations: of the samples (its absolute value, at lag zero) and of the RMS of 32 ms frames.
    """
    frame = round(_FRAME * rate)
    envelopes = [_envelope(channel, frame) for channel in (a, b)]
    return max(abs(_correlation(a, b)), _correlation(envelopes[0], envelopes[1]))


def _envelope(samples: Samples, frame: int) -> Samples:
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    spread: Samples = frames.std(axis=1)
    return spread


def _correlation(a: Samples, b: Samples) -> float:
    """Pearson's r; 0 where one of the two does not change."""
    if len(a) < 2:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt(float(a @ a)) * np.sqrt(float(b @ b))
    return float(a @ b) / float(scale) if scale > 0 else 0.0
