"""Decoder -> blocks or named mono tracks, with notes for people on what is wrong with the recording.

A recording of any length is read in constant memory: one block at a time, plus at most 30 s of look-ahead when the
channels are chosen by their sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import inf
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from affekt.audio import channels as layout
from affekt.audio.channels import Channel, Tracks
from affekt.audio.decode import Block, Decoder, Source, open_decoder, open_file
from affekt.errors import AudioError, UsageError

RATES = (4000, 192000)
"""Hz; the lowest and the highest rate that is read."""
MAX_CHANNELS = 32
_LARGEST_BLOCK = 2**22  # samples of all channels, 16 MiB; four of them are the most that is looked ahead
_SILENT = 1e-4  # -80 dBFS: three steps of a 16-bit quantiser
_CLIPPED = 0.001  # share of samples at full scale
_NOT_NUMBERS = 0.01  # share of samples beyond which the recording is refused
_GARBAGE = 2.0**32  # no encoding of audio has larger samples; a spike would deafen everything that follows
_BEYOND = 1000.0  # times full scale: no mix comes to 60 dB more, integers written as floats do
_SHORT = (0.01, 0.1)  # missing share and seconds from which a recording counts as truncated: MP3 headers estimate


def open_recording(source: Source) -> Recording:
    """Open a recording for reading: `with open_recording("call.wav") as recording: ...`.

    Args:
        source: a path, the bytes of a file, an open binary file, or "-" for standard input. What cannot be searched
            (pipes) and foreign file objects are first copied to a temporary file of at most 2 GiB.

    Raises:
        AudioError: missing, a folder, empty, not audio, damaged beyond use, without samples, a rate outside
            4-192 kHz, more than 32 channels.
        MissingExtraError: MP4, M4A, AAC, WebM and the like need the package `av`.

    >>> open_recording(b"Dear diary")
    Traceback (most recent call last):
    affekt.errors.AudioError: bytes: looks like plain text; WAV, FLAC, OGG, MP3, MP4, M4A, WebM and others can be read
    """
    file, name = open_file(source)
    try:
        return Recording(open_decoder(file, name), name, file)
    except Exception:
        file.close()
        raise


class Recording:
    """An open recording; read once, by `blocks` or by `tracks`."""

    def __init__(self, decoder: Decoder, name: str, file: BinaryIO) -> None:
        self.name = name
        "path, or what stands for it"
        self.rate = decoder.rate
        "Hz"
        self.channels = decoder.channels
        self.duration = None if decoder.frames is None else decoder.frames / max(1, decoder.rate)
        "seconds, as announced by the recording, or None"
        self.format = decoder.format
        "container and codec, e.g. WAV PCM_16"
        self._decoder = decoder
        self._file = file
        self._tally = _Tally(decoder.channels, decoder.full_scale, exact="FLOAT" in decoder.format)
        self._layout_note: str | None = None
        self._read = False
        self._ended = False
        self._check()

    def _check(self) -> None:
        low, high = RATES
        problem = None
        if not low <= self.rate <= high:
            problem = f"sampled at {self.rate} Hz; rates from {low} to {high} Hz can be judged"
        elif not 1 <= self.channels <= MAX_CHANNELS:
            problem = f"has {self.channels} channels; 1 to {MAX_CHANNELS} can be read"
        elif self._decoder.frames == 0:
            problem = "has a header but no samples; was its recording or copying cut off?"
        if problem:
            self.close()
            raise AudioError(f"{self.name}: {problem}")

    def blocks(self, seconds: float = 10.0) -> Iterator[Block]:
        """Decode block by block, (n, channels) float32 of about `seconds` each.

        Raises:
            AudioError: nothing could be decoded, or more than 1 % of the samples are not numbers, or beyond any
                scale of audio.
            UsageError: the recording has been read before.
        """
        if self._read:
            raise UsageError(f"{self.name}: a recording is read once; open it again")
        self._read = True
        return self._blocks(max(1, min(round(seconds * self.rate), _LARGEST_BLOCK // self.channels)))

    def _blocks(self, frames: int) -> Iterator[Block]:
        # While reading, bad samples are weighed against the announced length: one bad second spoils no hour.
        announced = self._decoder.frames or inf
        for block in self._decoder.blocks(frames):
            clean = self._tally.count(block)
            self._refuse_not_numbers(max(announced, self._tally.heard))
            yield clean
        if self._tally.heard == 0:
            raise AudioError(f"{self.name}: nothing could be decoded ({self._decoder.damage or 'no samples'})")
        self._refuse_not_numbers(self._tally.heard)
        self._ended = True

    def _refuse_not_numbers(self, frames: float) -> None:
        share = self._tally.repaired / (frames * self.channels)
        if share > _NOT_NUMBERS:
            raise AudioError(f"{self.name}: at least {share:.0%} of the samples are {self._tally.what_was_repaired}")

    def tracks(self, choice: Channel = "auto", *, seconds: float = 10.0) -> Iterator[Tracks]:
        """Decode block by block as named mono tracks: the same names in every block.

        Args:
            choice: left or right (the first or second of at least two channels), mix (the mean, one track named
                None), each (left and right, or ch1, ch2, ...; a mono recording's track is named None), or auto: each
                when the first 30 s carry different sound, else mix.
            seconds: about so long is a block.

        Raises:
            AudioError: as `blocks`, or the recording has no right or left channel.
            UnknownNameError: no such choice.
        """
        layout.check(choice, self.channels, self.name)
        return self._tracks(self.blocks(seconds), choice)

    def _tracks(self, blocks: Iterator[Block], choice: Channel) -> Iterator[Tracks]:
        if self.channels == 1:
            choice = "mix"
        elif choice == "auto":
            ahead: list[Block] = []
            wanted = min(layout.LOOK_AHEAD * self.rate, 4 * _LARGEST_BLOCK / self.channels)
            while sum(map(len, ahead)) < wanted and (block := next(blocks, None)) is not None:
                ahead.append(block)
            blocks = chain(ahead, blocks)
            choice, self._layout_note = layout.decide(ahead, self.rate)
        for block in blocks:
            yield layout.split(block, choice)

    @property
    def notes(self) -> list[str]:
        """What a person should know of this recording, a phrase each; complete when all blocks have been read."""
        found = [*self._tally.notes(), self._truncated(), self._layout_note]
        return [note for note in found if note]

    def _truncated(self) -> str | None:
        heard, announced = self._tally.heard, self._decoder.frames or 0
        if self._decoder.damage:
            return f"damaged: nothing could be decoded after {heard / self.rate:.2f} s ({self._decoder.damage})"
        missing = announced - heard
        share, seconds = _SHORT
        if self._ended and missing > max(share * announced, seconds * self.rate):
            return f"truncated: {heard / self.rate:.2f} s of the announced {announced / self.rate:.2f} s are there"
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._decoder.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Tally:
    """What was heard so far, counted block by block."""

    def __init__(self, channels: int, full_scale: float, *, exact: bool) -> None:
        self.heard = 0
        "samples per channel"
        self.repaired = 0
        "samples of all channels that were not numbers, or beyond any scale of audio"
        self._infinite = self._huge = False  # which of the two there were
        self._clipped = 0
        self._full_scale = full_scale
        self._exact = exact  # floats may go beyond 1 unharmed, so that only those at 1 were clipped
        self._high = np.full(channels, -inf)
        self._low = np.full(channels, inf)

    def count(self, block: Block) -> Block:
        """Take note of a block; return it with silence in place of what is not a number."""
        high, low = _extremes(block)
        if not bool(np.all((high < _GARBAGE) & (low > -_GARBAGE))):  # false for NaN as well
            bad = ~(np.abs(block) < _GARBAGE)
            self.repaired += int(np.count_nonzero(bad))
            finite = np.isfinite(block[bad])
            self._infinite |= not finite.all()
            self._huge |= bool(finite.any())
            block = np.where(bad, np.float32(0), block)
            high, low = _extremes(block)
        if max(high.max(), -low.min()) >= self._full_scale:
            size = np.abs(block)
            at_limit = np.abs(size - 1) < 1e-4 if self._exact else size >= self._full_scale
            self._clipped += int(np.count_nonzero(at_limit))
        self._high, self._low = np.maximum(self._high, high), np.minimum(self._low, low)
        self.heard += len(block)
        return block

    @property
    def what_was_repaired(self) -> str:
        """Say what the repaired samples were, in words that follow "are"."""
        found = [("not numbers (NaN or infinite)", self._infinite)]
        found += [(f"beyond any scale of audio (over {_GARBAGE:.0e} times full scale)", self._huge)]
        return " or ".join(words for words, there in found if there)

    def notes(self) -> list[str]:
        """Describe what was counted."""
        total = max(1, self.heard * len(self._high))
        found = []
        if self.repaired:
            what = self.what_was_repaired.replace(" (NaN or infinite)", "")
            found.append(f"{self.repaired} samples were {what} and were replaced by silence")
        if self._clipped > _CLIPPED * total:
            found.append(f"clipped: {self._clipped / total:.1%} of the samples are at full scale")
        return [*found, *self._level_notes()] if self.heard else found

    def _level_notes(self) -> list[str]:
        largest = max(self._high.max(), -self._low.min())
        if largest > _BEYOND:
            return [f"beyond full scale: the largest sample is {largest:.3g}, where 1 is full scale"]
        if self.heard == 1:
            return ["one sample long: too short for any sound"]
        if (self._high - self._low).max() < 2 * _SILENT:
            return ["silent: nothing is louder than -80 dBFS"]
        return []


def _extremes(block: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows = np.ascontiguousarray(block.T)  # numpy is slow at reducing over the few columns of a block
    return rows.max(axis=1), rows.min(axis=1)
