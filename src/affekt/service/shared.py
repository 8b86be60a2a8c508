"""Records of calls <-> shared memory, without locks: the gateway writes, the engine reads, either may die.

A slot is one call: a few numbers, what was said at its start, and a ring of records in the order in which they came.
When the engine is late or dead, the oldest records give way to the newest; the places that the records carry tell what
is gone. The reader's place is in the slot, too, so that an engine begun anew goes on where the last one stopped.

    free -> live        the gateway opens it
    live -> ended       the gateway has written the last record
    ended -> done       the engine has read it
    done -> free        the gateway takes it back
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError

Kind = Literal["pad", "audio", "pause", "resume", "words", "end"]
"""What a record says. Pad: nothing, up to the ring's end. Words: JSON for control, in its place among the sound."""

RING = 512 * 1024
"""Bytes of a call's ring: 16 s of two tracks at 8 kHz, 8 s at 16 kHz."""
FREE, LIVE, ENDED, DONE = range(4)
PAUSED, REFUSED = 1, 2
"""Bits of a slot's `flags`: what holds now, even if the record that said so has been overwritten."""

_KINDS: tuple[str, ...] = get_args(Kind)
_RECORD = struct.Struct("<BBHIqdI4x")  # kind, track, 0, bytes, start, arrived, rate
_PAGE = 4096
_META = 8192 - 64
_HEAD = 8192  # bytes of a slot before its ring
_STATE, _BORN, _BEGIN, _END, _READ, _SAID, _FLAGS = range(7)  # 8-byte numbers at the start of a slot
_PAD = 0


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One thing that a call has said."""

    kind: Kind
    track: int
    start: int
    "samples since the stream began, at `rate`"
    rate: int
    "Hz; 0 where there is no sound"
    arrived: float
    "Unix time, s"
    payload: bytes

    @property
    def samples(self) -> NDArray[np.int16]:
        """The sound, (n,)."""
        return np.frombuffer(self.payload, np.int16)


class Board:
    """All slots. One process makes it and hands its file descriptor to those that open it."""

    def __init__(self, descriptor: int, slots: int) -> None:
        """Open the memory behind a descriptor; `make` gives one."""
        self._memory = mmap.mmap(descriptor, _size(slots))
        self._bytes = memoryview(self._memory)
        numbers = np.frombuffer(self._memory, np.int64)
        self._first = numbers[: _PAGE // 8]
        stride, first = (_HEAD + RING) // 8, _PAGE // 8
        self._numbers = np.lib.stride_tricks.as_strided(numbers[first:], (slots, 7), (stride * 8, 8))
        self.slots = [Slot(self._bytes[at : at + _HEAD + RING]) for at in range(_PAGE, _size(slots), _HEAD + RING)]

    @property
    def level(self) -> int:
        """How much there is to do, as the engine says: at 3 it can take no further call."""
        return int(self._first[0])

    @level.setter
    def level(self, level: int) -> None:
        self._first[0] = level

    def promise(self, calls: int) -> None:
        """Say how many further calls the engine could hear; it says so anew a few times a second."""
        self._first[1] = max(0, calls)
        self._first[2] += 1

    @property
    def promised(self) -> tuple[int, int]:
        """How many further calls the engine could hear, and how often it has said so: 0 where no engine has yet."""
        return int(self._first[1]), int(self._first[2])

    def open(self, meta: bytes) -> Slot | None:
        """Take a free slot for a call, of which so much is known (JSON, 8 kB); None when there is none."""
        for slot in self.slots:
            if slot.state in (FREE, DONE):
                slot.begin(meta)
                return slot
        return None

    def busy(self) -> list[int]:
        """The slots that have something to be read, or a state that must be looked at."""
        numbers = self._numbers
        state = numbers[:, _STATE]
        found = ((state == LIVE) | (state == ENDED)) & (numbers[:, _END] != numbers[:, _READ])
        return [int(i) for i in np.flatnonzero(found)]

    def live(self) -> list[int]:
        """The slots of calls that have not been read to their end."""
        state = self._numbers[:, _STATE]
        return [int(i) for i in np.flatnonzero((state == LIVE) | (state == ENDED))]

    def free(self) -> int:
        """How many calls could begin now."""
        state = self._numbers[:, _STATE]
        return int(np.count_nonzero((state == FREE) | (state == DONE)))


class Slot:
    """One call: written by one process, read by one other."""

    def __init__(self, memory: memoryview) -> None:
        self._head = memory[:64].cast("q")
        self._meta = memory[64:_HEAD]
        self._ring = memory[_HEAD:]

    @property
    def state(self) -> int:
        """FREE, LIVE, ENDED or DONE."""
        return self._head[_STATE]

    @property
    def born(self) -> int:
        """Which call of this slot it is, counted from 1."""
        return self._head[_BORN]

    @property
    def meta(self) -> bytes:
        """What was said at the start."""
        return bytes(self._meta[: self._head[_SAID]])

    @property
    def flags(self) -> int:
        """PAUSED, REFUSED."""
        return self._head[_FLAGS]

    @flags.setter
    def flags(self, bits: int) -> None:
        self._head[_FLAGS] = bits

    @property
    def overrun(self) -> bool:
        """Whether records have been overwritten that were never read."""
        return self._head[_READ] < self._head[_BEGIN]

    @property
    def waiting(self) -> int:
        """Bytes that are written and not read."""
        return self._head[_END] - max(self._head[_READ], self._head[_BEGIN])

    # The gateway's side --------------------------------------------------------------------------------------------

    def begin(self, meta: bytes) -> None:
        """Make it a new call's."""
        if len(meta) > _META:
            raise UsageError(f"what is said of a call must be at most {_META} bytes, got {len(meta)}")
        head = self._head
        self._meta[: len(meta)] = meta
        head[_SAID], head[_FLAGS] = len(meta), 0
        head[_BEGIN] = head[_END] = head[_READ] = 0
        head[_BORN] += 1
        head[_STATE] = LIVE

    def write(
        self,
        kind: Kind,
        payload: bytes | memoryview | NDArray[np.int16] = b"",
        *,
        arrived: float,
        track: int = 0,
        start: int = 0,
        rate: int = 0,
    ) -> None:
        """Add a record; the oldest give way where there is no room.

        Args:
            kind: what it says.
            payload: samples as int16, or JSON.
            arrived: Unix time, s.
            track: number of the track.
            start: place of the first sample.
            rate: Hz.
        """
        view = payload if isinstance(payload, bytes) else memoryview(payload).cast("B")  # type: ignore[arg-type]
        size, head, ring = len(view), self._head, self._ring
        need = _RECORD.size + (size + 7 & ~7)
        if need > RING // 4:
            raise UsageError(f"a record holds at most {RING // 4} bytes, got {size}")
        end = head[_END]
        if (left := RING - end % RING) < need:
            self._room(end + left)
            ring[end % RING] = _PAD
            end += left
        self._room(end + need)
        at = end % RING
        _RECORD.pack_into(ring, at, _KINDS.index(kind), track, 0, size, start, arrived, rate)
        ring[at + _RECORD.size : at + _RECORD.size + size] = view
        head[_END] = end + need

    def end(self, payload: bytes = b"", *, arrived: float) -> None:
        """Write the last record."""
        self.write("end", payload, arrived=arrived)
        self._head[_STATE] = ENDED

    def _room(self, until: int) -> None:
        head = self._head
        begin = head[_BEGIN]
        while until - begin > RING:
            begin += self._length(begin)
        head[_BEGIN] = begin  # before anything is overwritten, so that the reader can know

    def _length(self, place: int) -> int:
        at = place % RING
        if self._ring[at] == _PAD:
            return RING - at
        size: int = struct.unpack_from("<I", self._ring, at + 4)[0]
        return _RECORD.size + (size + 7 & ~7)

    # The engine's side ---------------------------------------------------------------------------------------------

    def read(self, limit: int = 256) -> list[Record]:
        """Give the next records; what has been overwritten meanwhile is left out."""
        head = self._head
        found, place = self._between(max(head[_READ], head[_BEGIN]), head[_END], limit)
        begin = head[_BEGIN]
        head[_READ] = max(place, begin)
        return [record for at, record in found if at >= begin]

    def again(self) -> list[Record]:
        """Give what has been read and not been overwritten: what an engine begun anew may hear once more."""
        head = self._head
        found, _ = self._between(head[_BEGIN], head[_READ], 1 << 20)
        begin = head[_BEGIN]
        return [record for at, record in found if at >= begin]

    def _between(self, place: int, end: int, limit: int) -> tuple[list[tuple[int, Record]], int]:
        found: list[tuple[int, Record]] = []
        while place < end and len(found) < limit:
            at = place % RING
            if self._ring[at] == _PAD:
                place += RING - at
                continue
            kind, track, _, size, start, arrived, rate = _RECORD.unpack_from(self._ring, at)
            if kind >= len(_KINDS) or size > RING // 4:  # overwritten while it was read
                break
            payload = bytes(self._ring[at + _RECORD.size : at + _RECORD.size + size])
            found.append((place, Record(_KINDS[kind], track, start, rate, arrived, payload)))
            place += _RECORD.size + (size + 7 & ~7)
        return found, place

    def done(self) -> None:
        """Say that it has been read to its end."""
        self._head[_STATE] = DONE


def make(slots: int) -> int:
    """Make the memory; give its file descriptor, which children may inherit. It goes with the last who holds it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("affekt-calls")
    else:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            descriptor = os.dup(file.fileno())
        Path(file.name).unlink()
    os.ftruncate(descriptor, _size(slots))
    return descriptor


def _size(slots: int) -> int:
    return _PAGE + slots * (_HEAD + RING)
