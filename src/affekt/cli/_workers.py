"""Jobs -> results, by several processes, in the order of the jobs.

A process that dies takes only its own job with it, and another takes its place. At most a few jobs per process are
ahead of the result that is waited for, so that a slow one does not pile up the others' results.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

_AHEAD = 4


def in_order(
    work: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int, lost: Callable[[Job], Result]
) -> Iterator[Result]:
    """Do the jobs; give their results in order, each as soon as it and all before it are there.

    Args:
        work: is sent to the processes, as are the jobs and results: all must be picklable.
        jobs: what is to be done.
        workers: number of processes.
        lost: makes the result of a job whose process died.
    """
    idle: list[_Worker[Job, Result]] = [_Worker(work) for _ in range(workers)]
    busy: dict[_Worker[Job, Result], int] = {}
    done: dict[int, Result] = {}
    given = 0
    try:
        for number in range(len(jobs)):
            while number not in done:
                while idle and given < min(len(jobs), number + _AHEAD * workers):
                    idle[-1].give(jobs[given])
                    busy[idle.pop()] = given
                    given += 1
                for worker in _ready(busy):
                    at = busy.pop(worker)
                    done[at] = worker.take(partial(lost, jobs[at]))
                    idle.append(worker)
            yield done.pop(number)
    finally:
        for worker in (*idle, *busy):
            worker.stop()


@contextmanager
def stoppable() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, so that what was begun is cleared away: only the first, which must not be disturbed.

    Raises:
        KeyboardInterrupt: the process was asked to end.
    """
    if threading.current_thread() is not threading.main_thread():  # only there can a signal be taken
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


class _Worker(Generic[Job, Result]):
    """One process at a time, doing one job after the other."""

    def __init__(self, work: Callable[[Job], Result]) -> None:
        self._work = work
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads can hang
        self.line, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(far, self._work), daemon=True)
        self._process.start()
        far.close()  # else the death of the process would not close the line

    def give(self, job: Job) -> None:
        with suppress(OSError):  # it is dead, and `take` will find out
            self.line.send(job)

    def take(self, lost: Callable[[], Result]) -> Result:
        """Receive the result; if the process has died, another takes its place."""
        try:
            result: Result = self.line.recv()
        except (EOFError, OSError):
            self.stop()
            self._start()
            return lost()
        return result

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()
        self.line.close()


def _ready(busy: Iterable[_Worker[Job, Result]]) -> list[_Worker[Job, Result]]:
    """Wait until at least one worker has something to say, or has died."""
    lines: dict[object, _Worker[Job, Result]] = {worker.line: worker for worker in busy}
    return [lines[line] for line in wait([worker.line for worker in busy])]


def _serve(line: Connection, work: Callable[[Job], Result]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    while True:
        try:
            job = line.recv()
        except (EOFError, OSError):  # the parent is gone
            return
        result = work(job)
        try:
            line.send(result)
        except OSError:  # the parent has gone meanwhile
            return
