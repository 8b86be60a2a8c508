"""A microphone -> blocks with their places, as they come. PortAudio, through `sounddevice` (extra `mic`).

PortAudio calls from a thread of its own that must never wait: it copies what came into a queue of a set length, and no
more. Whoever reads too slowly finds that the queue was full: what came then is gone, and the next block's place says
how much that was. So memory is bounded and nothing is lost unsaid: `Session.push(..., at=block.at)` tells the gap.
"""

from __future__ import annotations

import queue
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from affekt.errors import AudioError, MissingProgramError, UsageError
from affekt.registry import need

_BLOCK = 0.05  # s that PortAudio hands over at once
_HELD = 10.0  # s that wait for a slow reader
_DEAD = 5.0  # s without a block, after which nobody expects another; a silent room still sends samples


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Samples that came together."""

    samples: NDArray[np.int16]
    "(n, channels)"
    at: int
    "place of the first, in samples since the source began; more than the end of the block before: that was lost"


class Source(Protocol):
    """Whatever sound comes from, while it comes."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def rate(self) -> int:
        """Hz."""

    @property
    def channels(self) -> int:
        """How many."""

    def read(self, wait: float) -> list[Block] | None:
        """Return what has come, after `wait` seconds at the latest, maybe nothing; None: nothing will come again."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something that can be listened to."""

    index: int
    name: str
    system: str
    "ALSA, Core Audio, WASAPI, ..."
    channels: int
    "at most"
    rate: int
    "Hz, its own"
    default: bool


class Intake:
    """The queue between the thread of the sound and the reader. `put` never waits and never grows it beyond its length.

    >>> intake = Intake(2)
    >>> for number in range(3):
    ...     intake.put(np.full((4, 1), number, np.int16))
    >>> [block.at for block in intake.get(0)], intake.dropped
    ([0, 4], 4)
    >>> intake.put(np.zeros((4, 1), np.int16))
    >>> [block.at for block in intake.get(0)]
    [12]
    """

    def __init__(self, blocks: int) -> None:
        self._waiting: queue.Queue[Block] = queue.Queue(blocks)
        self._at = 0
        self.dropped = 0
        "samples that found no place"

    def put(self, samples: NDArray[np.int16], *, missed: int = 0) -> None:
        """Take a copy, or drop it.

        Args:
            samples: (n, channels); the caller may overwrite them afterwards.
            missed: samples before these that never came.
        """
        at = self._at + missed
        self._at = at + len(samples)
        try:
            self._waiting.put_nowait(Block(samples.copy(), at))
        except queue.Full:
            self.dropped += len(samples)

    def get(self, wait: float) -> list[Block]:
        """Return all that is there; wait for it if there is nothing."""
        found: list[Block] = []
        with suppress(queue.Empty):
            found.append(self._waiting.get(block=wait > 0, timeout=wait))
            while True:
                found.append(self._waiting.get_nowait())
        return found


class Microphone:
    """An input device that is open within a `with`.

    with Microphone() as microphone:
        while (blocks := microphone.read(0.1)) is not None:
            ...
    """

    def __init__(self, device: str | int | None = None, *, rate: int | None = None, channels: int = 1) -> None:
        """Find the device; nothing is recorded yet.

        Args:
            device: number or part of its name, as `devices` gives them; the system's choice when none is given.
            rate: Hz; the device's own when none is given.
            channels: how many of it.

        Raises:
            MissingExtraError: the package sounddevice is not installed.
            MissingProgramError: the library PortAudio is not.
            AudioError: there is no microphone.
            UsageError: there is none of this name, or it has no such rate or channels.
        """
        self._portaudio = _portaudio()
        self._device = _find(device)
        self.name, self.channels, self.rate = self._device.name, channels, rate or self._device.rate
        if channels > self._device.channels:
            raise UsageError(f"{self.name} has {self._device.channels} channels, got {channels}")
        self._intake = Intake(round(_HELD / _BLOCK))
        self._stream: Any = None
        self._ended = False
        self._last, self._due = time.monotonic(), 0.0

    def __enter__(self) -> Microphone:
        """Begin to record.

        Raises:
            AudioError: the device cannot be opened.
            UsageError: it has no such rate.
        """
        try:
            self._stream = self._portaudio.InputStream(
                device=self._device.index,
                samplerate=self.rate,
                channels=self.channels,
                dtype="int16",
                blocksize=round(_BLOCK * self.rate),
                callback=self._take,
                finished_callback=self._finish,
            )
            self._stream.start()
        except self._portaudio.PortAudioError as error:
            self.__exit__(None, None, None)
            raise self._trouble(error) from error
        self._last = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop at once."""
        if self._stream is not None:
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)
            self._stream = None

    def read(self, wait: float) -> list[Block] | None:
        """Return what has come, after `wait` seconds at the latest; None when the device has ended the recording.

        Raises:
            AudioError: nothing has come for 5 s.
        """
        blocks, now = self._intake.get(wait), time.monotonic()
        if blocks:
            self._last = now
        elif self._ended:
            return None
        elif now - self._last > _DEAD:
            raise AudioError(f"{self.name}: nothing has come for {_DEAD:g} s; is it unplugged, or used elsewhere?")
        return blocks

    def _take(self, samples: NDArray[np.int16], count: int, times: Any, status: Any) -> None:
        """Run in PortAudio's thread: copy, and leave."""
        began = float(times.inputBufferAdcTime)
        missed = max(1, round((began - self._due) * self.rate)) if status.input_overflow and self._due else 0
        self._due = began + count / self.rate if began else 0.0
        self._intake.put(samples, missed=missed)

    def _finish(self) -> None:
        self._ended = True

    def _trouble(self, error: Exception) -> AudioError | UsageError:
        text = str(error.args[0]) if error.args else str(error)
        if "sample rate" in text.lower():
            return UsageError(f"{self.name} does not record at {self.rate} Hz; its own rate is {self._device.rate} Hz")
        return AudioError(f"{self.name}: cannot be opened ({text}); is it used by another program?")


def devices() -> list[Device]:
    """List all that can be listened to.

    Raises:
        MissingExtraError: the package sounddevice is not installed.
        MissingProgramError: the library PortAudio is not.
    """
    portaudio = _portaudio()
    systems, default = portaudio.query_hostapis(), portaudio.default.device[0]
    return [
        Device(
            index=number,
            name=str(found["name"]),
            system=str(systems[found["hostapi"]]["name"]),
            channels=int(found["max_input_channels"]),
            rate=round(found["default_samplerate"]),
            default=number == default,
        )
        for number, found in enumerate(portaudio.query_devices())
        if found["max_input_channels"] > 0
    ]


def _find(wanted: str | int | None) -> Device:
    known = devices()
    if not known:
        raise AudioError("there is no microphone: the system knows no device that records")
    if wanted is None:
        return next((one for one in known if one.default), known[0])
    text = str(wanted)
    same = [one for one in known if text in (str(one.index), one.name)]
    found = same or [one for one in known if text.lower() in one.name.lower()]
    if len(found) != 1:
        listed = ", ".join(f"{one.index} {one.name}" for one in found or known)
        raise UsageError(f"{len(found) or 'no'} devices are called {text!r}; there are: {listed}")
    return found[0]


def _portaudio() -> Any:
    try:
        return need("sounddevice", extra="mic")
    except OSError as error:  # the package is there; the library that it calls is not
        raise MissingProgramError("PortAudio", debian="libportaudio2", elsewhere="brew install portaudio") from error
