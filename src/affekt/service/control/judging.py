"""Files -> timelines, in processes of their own, so that the event loop never waits for a model.

Two lanes with a process each: what is answered at once is not behind a job of three hours. A process is started when it
is first needed, knows no secret, gives way to the processes that hear calls, and is replaced after some recordings.
A recording that kills it, or takes too long, gets a problem of its own; the next one gets a new process.

    python -m affekt.service.control.judging      is such a process: a line of JSON in, lines of JSON out
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from affekt.errors import AffektError
from affekt.service import settings

if TYPE_CHECKING:
    from affekt.audio import Channel
    from affekt.recognizer import Recognizer

log = logging.getLogger("affekt.service.control")

Lane = Literal["now", "jobs"]
Heard = Callable[[float], None]
"""Called with the share of a recording that was heard, in [0, 1]."""

_RECORDINGS = 200  # per process; what leaks, leaks no further
_NICE = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """How a recording is to be heard: the options of `affekt predict`."""

    model: str = "default"
    channel: Channel = "auto"
    agent: str | None = None
    whole: bool = False
    window: float = 3.0
    "seconds"
    hop: float = 1.0
    "seconds"
    denoise: str = "none"


class Full(Exception):  # noqa: N818  not an error of anybody: come back later
    """So many recordings are waiting that no more are taken."""


class Judging:
    """Two lanes of work."""

    def __init__(self, *, waiting: int, longest: float) -> None:
        self._lanes: dict[Lane, _Lane] = {"now": _Lane(longest), "jobs": _Lane(longest)}
        self._waiting = waiting

    async def duration(self, path: Path, name: str) -> float | dict[str, Any] | None:
        """Give the seconds of a recording, None where it does not say; or the problem that it has.

        Raises:
            Full: too many are waiting.
        """
        said = await self._do("now", {"do": "measure", "path": str(path), "name": name}, None)
        found: float | dict[str, Any] | None = said["problem"] if "problem" in said else said["seconds"]
        return found

    async def judge(
        self, path: Path, name: str, wish: Wish, *, lane: Lane = "now", heard: Heard | None = None
    ) -> dict[str, Any]:
        """Judge a recording: `{"file", "timeline"}` or `{"file", "problem"}`.

        Args:
            path: where it lies.
            name: what its sender calls it.
            wish: how it is heard.
            lane: who waits for it.
            heard: is told how far it is.

        Raises:
            Full: too many are waiting.
        """
        task = {"do": "judge", "path": str(path), "name": name, "wish": asdict(wish)}
        return {"file": name, **await self._do(lane, task, heard)}

    async def _do(self, lane: Lane, task: dict[str, Any], heard: Heard | None) -> dict[str, Any]:
        own = self._lanes[lane]
        if own.waiting >= self._waiting:
            raise Full
        own.waiting += 1
        try:
            async with own.turn:
                return await _uncancelled(own, task, heard)
        finally:
            own.waiting -= 1

    def state(self) -> dict[str, Any]:
        """Say how many are waiting in each lane."""
        return {name: {"waiting": lane.waiting, "running": lane.running} for name, lane in self._lanes.items()}

    def stop(self) -> None:
        """End the processes."""
        for lane in self._lanes.values():
            lane.kill()


async def _uncancelled(lane: _Lane, task: Mapping[str, Any], heard: Heard | None) -> dict[str, Any]:
    """Wait for the work; where nobody waits any longer, end it, and only then let the next one in."""
    work = asyncio.create_task(asyncio.to_thread(lane.do, task, heard))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        lane.kill()
        with suppress(Exception):
            await work
        raise


class _Lane:
    """One recording at a time, in one process at a time."""

    def __init__(self, longest: float) -> None:
        self.turn = asyncio.Lock()
        self.waiting = 0
        self._longest = longest
        self._process: subprocess.Popen[str] | None = None
        self._judged = 0
        self._stopped = False

    @property
    def running(self) -> bool:
        """There is a process."""
        return self._process is not None and self._process.poll() is None

    def do(self, task: Mapping[str, Any], heard: Heard | None) -> dict[str, Any]:
        """Have the process do it; blocks. One that has died while it was idle is no fault of the recording."""
        used = self._process is not None and self._judged > 0
        late = threading.Event()
        said = self._try(task, heard, late)
        if said is None and used and not late.is_set() and not self._stopped:
            said = self._try(task, heard, late)
        if said is not None:
            self._judged += 1
            return said
        if late.is_set():
            return _trouble(f"{task['name']}: given up after {self._longest:g} s of work", 422)
        return _trouble(f"{task['name']}: the process that judged it has died; it was given up", 500)

    def _try(self, task: Mapping[str, Any], heard: Heard | None, late: threading.Event) -> dict[str, Any] | None:
        process = self._ready()

        def give_up() -> None:
            late.set()
            process.kill()

        with _alarm(self._longest, give_up):
            said = _ask(process, task, heard)
        if said is None:
            self._end()
        return said

    def _ready(self) -> subprocess.Popen[str]:
        self._stopped = False
        if self._judged >= _RECORDINGS:
            self._end()
        if self._process is None or self._process.poll() is not None:
            self._process, self._judged = _start(), 0
        return self._process

    def kill(self) -> None:
        """End what it does, for whoever waits no longer for it."""
        self._stopped = True
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@contextmanager
def _alarm(seconds: float, ring: Callable[[], Any]) -> Iterator[None]:
    timer = threading.Timer(seconds, ring)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  ourselves, and no word of it comes from outside
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=settings.harmless(),
    )


def _ask(process: subprocess.Popen[str], task: Mapping[str, Any], heard: Heard | None) -> dict[str, Any] | None:
    """Send the task, read on to its end; None: the process has died."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        return None
    try:
        stdin.write(json.dumps(task) + "\n")
        stdin.flush()
    except OSError:
        return None
    for line in stdout:
        try:
            said: dict[str, Any] = json.loads(line)
        except ValueError:  # cut off by its death
            return None
        if "heard" not in said:
            return said
        if heard is not None:
            heard(said["heard"])
    return None


def _trouble(detail: str, status: int) -> dict[str, Any]:
    from affekt.service.control import problems

    return {"problem": problems.about(status, detail)}


# Within the process -----------------------------------------------------------------------------------------------


def serve(lines: TextIO, out: TextIO) -> None:
    """Do one task per line, until the lines end."""
    for line in lines:
        task = json.loads(line)
        print(json.dumps(_answer(task, out), ensure_ascii=False), file=out, flush=True)


def _answer(task: Mapping[str, Any], out: TextIO) -> dict[str, Any]:
    from affekt.service.control import problems

    act = _measure if task["do"] == "measure" else _judge
    try:
        return act(task, out)
    except AffektError as error:
        text = str(error).replace(task["path"], task["name"])
        return {"problem": problems.about(problems.status_of(error), text)}
    except Exception:
        log.exception("a recording could not be judged")
        return _trouble(f"{task['name']}: a fault of the service; the log has more", 500)


def _measure(task: Mapping[str, Any], _: TextIO) -> dict[str, Any]:
    from affekt.audio import open_recording

    with open_recording(task["path"]) as recording:
        return {"seconds": recording.duration}


def _judge(task: Mapping[str, Any], out: TextIO) -> dict[str, Any]:
    wish, told = Wish(**task["wish"]), -1.0

    def progress(seconds: float, whole: float | None) -> None:
        nonlocal told
        share = min(1.0, seconds / whole) if whole else 0.0
        if share >= told + 0.01:
            told = share
            print(json.dumps({"heard": share}), file=out, flush=True)

    recognizer = _recognizer(wish.model, wish.window, wish.hop, wish.denoise)
    timeline = recognizer.predict_file(
        task["path"], channel=wish.channel, agent=wish.agent, whole=wish.whole, progress=progress
    )
    return {"timeline": replace(timeline, source=task["name"]).to_dict()}


@lru_cache(maxsize=4)
def _recognizer(model: str, window: float, hop: float, denoise: str) -> Recognizer:
    from affekt.recognizer import load

    return load(model, window=window, hop=hop, denoise=denoise)


def _main() -> None:
    """Keep the line to the parent for ourselves: what a library prints must not be read as an answer."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if hasattr(os, "nice"):
        os.nice(_NICE)
    with suppress(BrokenPipeError, KeyboardInterrupt):
        serve(sys.stdin, out)


if __name__ == "__main__":
    _main()
