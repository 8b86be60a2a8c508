"""File, bytes or standard input -> Signal. Decoding, channels, resampling, level.

A recording is read as a stream of blocks, so that its length never matters:

- `decode`     bytes -> blocks (n, channels): libsndfile, and PyAV for what libsndfile refuses
- `recording`  blocks with their notes: clipped, truncated, silent, ...
- `array`      samples that a program already has, in the same shape
- `channels`   (n, channels) -> named mono tracks
- `resample`   any rate -> 16 kHz, in any chunking
- `loudness`   the level of speech, and bringing it to -26 dBFS
"""

from __future__ import annotations

import numpy as np

from affekt.audio.channels import Channel
from affekt.audio.decode import Source
from affekt.audio.loudness import active_level, level
from affekt.audio.recording import Recording, open_recording
from affekt.audio.resample import RATE, Resampler, resampled
from affekt.errors import AudioError, DataError, UsageError
from affekt.types import Samples, Segment, Signal

__all__ = ["RATE", "Channel", "Recording", "Resampler", "Source"]
__all__ += ["active_level", "level", "open_recording", "read", "resampled"]


def read(
    source: Source,
    *,
    channel: Channel = "mix",
    rate: int = RATE,
    limit: float = 3600.0,
    segment: Segment | None = None,
) -> Signal:
    """Read a whole recording into one mono signal; for clips. Longer ones are streamed by `open_recording`.

    Args:
        source: a path, the bytes of a file, an open binary file, or "-" for standard input.
        channel: left, right, or mix (the mean of all channels).
        rate: Hz of the result.
        limit: seconds; a longer recording is refused rather than held in memory.
        segment: the part that is kept, as if it were the whole recording.

    Raises:
        AudioError: it cannot be read, or is longer than `limit`.
        DataError: the segment lies outside the recording.
        MissingExtraError: MP4, M4A, AAC, WebM and the like need the package `av`.
        UsageError: `channel` would give more than one signal.

    >>> import io, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((800, 2)), 8000, format="WAV")
    >>> read(file.getvalue()).segment
    Segment(start=0.0, end=0.1)
    """
    if channel not in ("left", "right", "mix"):
        raise UsageError(f"channel must be left, right or mix to give one signal, got {channel!r}")
    with open_recording(source) as recording:
        resampler = Resampler(recording.rate, rate)
        parts: list[Samples] = []
        heard = 0
        for track in recording.tracks(channel):
            (samples,) = track.values()
            heard += len(samples)
            if max(recording.duration or 0.0, heard / recording.rate) > limit:
                raise AudioError(f"{recording.name}: longer than {limit:g} s, too long to be read as a whole")
            parts.append(resampler.push(samples))
    signal = Signal(np.concatenate([*parts, resampler.finish()]), rate)
    return signal if segment is None else _part(signal, segment, recording.name)


def _part(signal: Signal, segment: Segment, name: str) -> Signal:
    begin, end = (round(t * signal.rate) for t in (segment.start, segment.end))
    if begin >= min(end, len(signal.samples)):
        raise DataError(f"{name}: {segment} holds no sample of {signal.duration:.2f} s")
    return Signal(signal.samples[begin:end], signal.rate)
