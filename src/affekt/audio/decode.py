"""Path, bytes or stream -> decoded blocks (n, channels) float32. libsndfile first, PyAV for what it refuses.

A damaged recording is decoded up to the damage; `Decoder.damage` then says what happened. Errors of the libraries
below never escape: whatever cannot be decoded ends in an `AudioError` that names the recording.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from affekt.errors import AudioError, MissingExtraError
from affekt.registry import need

Source = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes of a file, an open binary file, or "-" for standard input."""
Block = NDArray[np.float32]
"""Samples, shape (n, channels)."""

SPOOL_LIMIT = 2**31
"""Bytes. What is no file is copied to a temporary one of at most 2 GiB: 3 hours at the rate of a CD."""

_CONTAINERS = (  # offset, first bytes, name: what libsndfile does not read and FFmpeg does
    (4, b"ftyp", "MP4"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"\x30\x26\xb2\x75", "WMA"),
    (0, b"#!AMR", "AMR"),
    (0, b"FLV", "FLV"),
    (0, b"OggS", "Ogg"),
)
_UNRECOGNISED, _UNSUPPORTED = 1, 4  # SF_ERR_UNRECOGNISED_FORMAT, SF_ERR_UNSUPPORTED_ENCODING
_LARGEST = {"ULAW": 32124 / 32768, "ALAW": 32256 / 32768, "PCM_S8": 127 / 128, "PCM_U8": 127 / 128}
_SHORTENED = re.compile(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_STREAMED = 0x7FFF0000  # headers written before the length was known claim sizes above


class Decoder(Protocol):
    """A recording while it is decoded."""

    rate: int
    "Hz"
    channels: int
    frames: int | None
    "samples per channel as announced, None when the recording does not say"
    format: str
    "container and codec"
    full_scale: float
    "the largest sample that the codec can carry"
    damage: str | None
    "what ended the decoding early"

    def blocks(self, frames: int) -> Iterator[Block]:
        """Decode the rest in blocks of about so many samples per channel."""

    def close(self) -> None:
        """Let go of the file."""


def open_file(source: Source) -> tuple[BinaryIO, str]:
    """Open `source` as a searchable file; return it with the name by which people know it.

    Raises:
        AudioError: it does not exist, cannot be opened, or is larger than a stream may be.
    """
    if isinstance(source, bytes):
        return _spool(io.BytesIO(source), "bytes"), "bytes"
    if source == "-":
        return _spool(sys.stdin.buffer, "standard input"), "standard input"
    if isinstance(source, str | os.PathLike):
        return _open_path(Path(source))
    name = getattr(source, "name", None)
    name = name if isinstance(name, str) else "stream"
    return _spool(source, name), name


def _open_path(path: Path) -> tuple[BinaryIO, str]:
    name = str(path)
    try:
        # Unbuffered: libsndfile reads the descriptor itself, whose position a buffer would have moved.
        file = cast(BinaryIO, path.open("rb", buffering=0))
    except FileNotFoundError as error:
        raise AudioError(f"{name}: there is no such file") from error
    except IsADirectoryError as error:
        raise AudioError(f"{name}: is a folder, not a recording") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{name}: cannot be opened ({getattr(error, 'strerror', None) or error})") from error
    if file.seekable():
        return file, name
    with file:
        return _spool(file, name), name


def _spool(stream: BinaryIO, name: str) -> BinaryIO:
    copy = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - the recording closes it
    while part := stream.read(1 << 20):
        copy.write(part)
        if copy.tell() > SPOOL_LIMIT:
            copy.close()
            raise AudioError(f"{name}: streams may be {SPOOL_LIMIT >> 20} MiB long; save it as a file first")
    return copy


def open_decoder(file: BinaryIO, name: str) -> Decoder:
    """Find who can decode `file`.

    Raises:
        AudioError: it is empty, or nothing that can be decoded.
        MissingExtraError: it needs PyAV, which is not installed.
    """
    import soundfile

    if file.seek(0, io.SEEK_END) == 0:
        raise AudioError(f"{name}: the file is empty (0 bytes)")
    file.seek(0)
    head = file.read(16)
    file.seek(0)
    try:
        return Sndfile(file)
    except soundfile.LibsndfileError as error:
        container = _container(head)
        if container and error.code in (_UNRECOGNISED, _UNSUPPORTED):
            file.seek(0)
            return _open_av(file, name, container)
        raise AudioError(_refusal(name, head, error)) from error


def _container(head: bytes) -> str | None:
    return next((kind for at, magic, kind in _CONTAINERS if head[at:].startswith(magic)), None)


def _refusal(name: str, head: bytes, error: Any) -> str:
    if error.code == _UNRECOGNISED:
        text = head.isascii() and "".join(head.decode("ascii").split()).isprintable()
        kind = "looks like plain text" if text else "no known audio format"
        return f"{name}: {kind}; WAV, FLAC, OGG, MP3, MP4, M4A, WebM and others can be read"
    return f"{name}: is damaged or not complete ({_reason(error)})"


class Sndfile:
    """Everything libsndfile reads."""

    def __init__(self, file: BinaryIO) -> None:
        import soundfile

        # By descriptor: faster than calls back into Python, and the ending of the name has no say. On Windows a
        # descriptor belongs to one C runtime, and libsndfile may have another.
        self._file = soundfile.SoundFile(file if os.name == "nt" else file.fileno(), closefd=False)
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int | None = _announced(self._file.frames, self._file.extra_info)
        self.format = f"{self._file.format} {self._file.subtype}"
        self.full_scale = _LARGEST.get(self._file.subtype, 0.9999)
        self.damage: str | None = None

    def blocks(self, frames: int) -> Iterator[Block]:
        """Decode the rest in blocks of `frames`, the last one shorter."""
        import soundfile

        while self.damage is None:
            block = np.empty((frames, self.channels), np.float32)
            start = self._file.tell()
            try:
                count = len(self._file.read(out=block))
            except soundfile.SoundFileError as error:
                self.damage = _reason(error)
                count = min(max(self._file.tell() - start, 0), frames)  # what came before the damage is in the block
            if count == 0:
                return
            yield block[:count]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _announced(frames: int, log: str) -> int | None:
    """Samples that the header promises: libsndfile tells only what is there, and the rest in its log."""
    found = _SHORTENED.search(log)
    if found and frames and int(found[1]) < _STREAMED:
        return round(frames * int(found[1]) / max(1, int(found[2])))
    return frames


def _open_av(file: BinaryIO, name: str, container: str) -> Decoder:
    try:
        av = need("av", extra="video")
    except MissingExtraError as error:
        error.args = (f"{name}: is {container}; {error}",)
        raise
    try:
        return Av(av, file, name, container)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise AudioError(f"{name}: {container} that is damaged or not complete ({_reason(error)})") from error


class Av:
    """Everything FFmpeg reads, by PyAV: the sound track of MP4, M4A, AAC, WebM, Matroska, WMA, AMR."""

    def __init__(self, av: Any, file: BinaryIO, name: str, container: str) -> None:
        self._av = av
        self._container = av.open(file, metadata_errors="replace")
        tracks = self._container.streams.audio
        if not tracks:
            self._container.close()
            raise AudioError(f"{name}: {container} without a sound track")
        self._track = tracks[0]
        self.rate: int = self._track.rate or 0
        self.channels: int = self._track.channels
        seconds = self._container.duration  # in microseconds; approximate, it is that of the longest track
        self.frames: int | None = round(seconds * self.rate / 1_000_000) if seconds else None
        self.format = f"{container} {self._track.codec_context.name}"
        self.full_scale = 0.9999
        self.damage: str | None = None

    def blocks(self, frames: int) -> Iterator[Block]:
        """Decode the rest in blocks of at least `frames`, the last one shorter."""
        parts: list[Block] = []
        for part in self._parts():
            parts.append(part)
            if sum(map(len, parts)) >= frames:
                yield np.concatenate(parts)
                parts = []
        if parts:
            yield np.concatenate(parts)

    def _parts(self) -> Iterator[Block]:
        planar = self._av.AudioResampler(format="fltp", layout=self._track.layout, rate=self.rate)
        try:
            for packet in self._container.decode(self._track):
                yield from (part.to_ndarray().T for part in planar.resample(packet))
            yield from (part.to_ndarray().T for part in planar.resample(None))
        except (self._av.FFmpegError, ValueError, OSError) as error:
            self.damage = _reason(error)

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()


def _reason(error: Exception) -> str:
    """What a library says, without its numbers, calls and full stops."""
    words = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(words).removeprefix("Error : ").rstrip(".")
