"""Starts gateway, engine and control, and starts them again when they die. It does nothing else, so it does not die.

An engine that dies takes no call with it: another one goes on from the shared memory. A control that dies takes no
alert with it: the engine keeps what was not stored. A gateway that dies takes its sockets with it, and their calls end.
"""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from affekt.errors import AffektError
from affekt.service import shared
from affekt.service.settings import Serve, handed

log = logging.getLogger("affekt.service")

NAMES = ("control", "gateway", "engine")
_LOOK = 0.02  # s
_STABLE = 10.0  # s after which a process counts as well
_WAIT = (0.0, 0.25, 1.0, 3.0, 10.0)  # s before a process that keeps dying is started again
_BROKEN = 3  # exit code of a process that cannot work as it is told to


@dataclass(slots=True)
class _Child:
    name: str
    process: subprocess.Popen[bytes]
    begun: float
    deaths: int = 0
    again: float | None = field(default=None)
    "monotonic time at which it is started again"


class Supervisor:
    """The parent of all."""

    def __init__(self, serve: Serve, *, config: Path | None, open_to_all: bool = False) -> None:
        """Make the memory that gateway and engine share, and a place for the bus that only this user may enter."""
        self._serve = serve
        self._home = Path(tempfile.mkdtemp(prefix="affekt-"))
        self._memory = shared.make(serve.ingest.max_calls)
        self._options = [*(["--config", str(config)] if config else []), *(["--open"] if open_to_all else [])]
        self._children: dict[str, _Child] = {}
        self._stopping = False

    def run(self) -> int:
        """Go on until told to stop; give the exit code.

        Raises:
            AffektError: a process said, right after its start, that it cannot work like this.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            for name in NAMES:
                self._children[name] = _Child(name, self._start(name), time.monotonic())
            while not self._stopping:
                time.sleep(_LOOK)
                for child in self._children.values():
                    self._look(child)
            self._end()
            return 0
        finally:
            for child in self._children.values():
                child.process.kill()
                child.process.wait()
            shutil.rmtree(self._home, ignore_errors=True)

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own: Ctrl-C is for the parent, who ends them in their order."""
        command = [sys.executable, "-m", "affekt.service.run", name, "--bus", str(self._home / "bus"), *self._options]
        env = {**handed(name), "OMP_NUM_THREADS": "1"}
        if name == "control":
            return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
        command += ["--memory", str(self._memory)]
        return subprocess.Popen(  # noqa: S603
            command, env=env, stdin=subprocess.DEVNULL, pass_fds=[self._memory], start_new_session=True
        )

    def _look(self, child: _Child) -> None:
        now = time.monotonic()
        if child.again is not None:
            if now >= child.again:
                child.process, child.begun, child.again = self._start(child.name), now, None
            return
        code = child.process.poll()
        if code is None:
            return
        if code == _BROKEN and now - child.begun < _STABLE and child.deaths == 0:
            raise AffektError(f"{child.name} cannot start; what it said is above")
        child.deaths = 0 if now - child.begun > _STABLE else child.deaths + 1
        wait = _WAIT[min(child.deaths, len(_WAIT) - 1)]
        log.error("%s died (%s) and is started again%s", child.name, _cause(code), f" in {wait:g} s" if wait else "")
        child.again = now + wait

    def _end(self) -> None:
        """End in the order of the sound, so that what was heard is stored."""
        for name, patience in (("gateway", self._serve.drain_seconds + 3.0), ("engine", 4.0), ("control", 8.0)):
            process = self._children[name].process
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                log.error("%s did not end within %g s", name, patience)
                process.kill()
            if name == "gateway":
                time.sleep(0.5)  # for the engine to read the ends of the calls


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
