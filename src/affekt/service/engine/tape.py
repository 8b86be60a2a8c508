"""Sound of calls that may be recorded -> the vault. In a thread of its own: a slow disk must not keep a call waiting.

A call is recorded where its tenant records and the customer has agreed, from that moment on; whoever takes it back has
what was recorded erased. What comes faster than the disk takes it is left out, and counted.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from affekt.errors import AffektError
from affekt.service.shared import Record
from affekt.service.store.vault import Recorder, Vault

log = logging.getLogger("affekt.service.engine")

_WAITING = 4096  # pieces
_SILENCE = 60.0  # s of a hole that are written as silence; a longer one is closed up


class Tapes:
    """All recordings that are being made."""

    def __init__(self, vault: Vault) -> None:
        """Begin the thread."""
        self.left_out = 0
        "pieces for which the disk was too slow"
        self._vault = vault
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._open: dict[tuple[str, str], _Tape] = {}
        self._thread = threading.Thread(target=self._run, name="tapes", daemon=True)
        self._thread.start()

    def write(self, said: Mapping[str, Any], tracks: Sequence[str], record: Record) -> None:
        """Record a piece of sound of the call of which so much is said."""
        if record.track < len(tracks):
            self._put(lambda: self._write(said, tracks[record.track], record))

    def end(self, said: Mapping[str, Any]) -> None:
        """The stream has ended."""
        self._put(lambda: self._close(said["stream"]))

    def erase(self, said: Mapping[str, Any]) -> None:
        """The customer does not want it."""
        self._put(lambda: self._erase(said))

    def stop(self) -> None:
        """Write what waits, and close all."""
        self._queue.put(None)
        self._thread.join(5.0)

    def _put(self, work: Callable[[], None]) -> None:
        try:
            self._queue.put_nowait(work)
        except queue.Full:
            self.left_out += 1

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except (AffektError, OSError) as error:
                log.error("a recording cannot be written: %s", error)
        for tape in self._open.values():
            tape.close()

    def _write(self, said: Mapping[str, Any], track: str, record: Record) -> None:
        key = (said["stream"], track)
        if key not in self._open:
            about = {"rate": record.rate, "start": record.start, "role": said["tracks"][track]}
            name = f"{said['stream']}/{track}/{record.start}"  # an engine begun anew begins another file
            made = self._vault.recorder(said["tenant"], said["call"], name, about=about)
            self._open[key] = _Tape(made, record.start)
        self._open[key].write(record)

    def _close(self, stream: str) -> None:
        for key in [key for key in self._open if key[0] == stream]:
            self._open.pop(key).close()

    def _erase(self, said: Mapping[str, Any]) -> None:
        self._close(said["stream"])
        self._vault.erase(said["tenant"], said["call"])


class _Tape:
    """One track of one stream; places stay true."""

    def __init__(self, recorder: Recorder, start: int) -> None:
        self._recorder, self._next = recorder, start

    def write(self, record: Record) -> None:
        hole = record.start - self._next
        if hole < 0:
            return  # late or double
        if 0 < hole <= _SILENCE * record.rate:
            self._recorder.write(bytes(2 * hole))
        self._recorder.write(record.payload)
        self._next = record.start + len(record.payload) // 2

    def close(self) -> None:
        self._recorder.close()
