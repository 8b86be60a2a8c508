"""Jobs -> predictions, in threads of their own: the runtime lets go of Python's lock, so that hearing goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from affekt.service.engine.schedule import Job, Schedule
from affekt.types import Model

_AT_ONCE = 4  # windows per call of the model: more would let an urgent one wait


class Judge:
    """Takes windows from a schedule and has the model judge them, until it is stopped."""

    def __init__(
        self,
        schedule: Schedule,
        model: Model,
        *,
        told: Callable[[], None],
        count: Callable[[int, float], None] = lambda windows, seconds: None,
        threads: int = 1,
    ) -> None:
        """Begin.

        Args:
            schedule: what waits.
            model: may be replaced while it runs.
            told: called from the thread whenever something was settled.
            count: told of each run of the model: how many windows, and seconds.
            threads: how many judge side by side.
        """
        self.model = model
        self.busy = 0.0
        "seconds that the threads have judged"
        self.failed: str | None = None
        "the last error of the model, for the log"
        self._schedule, self._told, self._count = schedule, told, count
        self._wake = threading.Event()
        self._stopped = False
        self._threads = [threading.Thread(target=self._run, name=f"judge-{i}", daemon=True) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Say that something waits."""
        self._wake.set()

    def stop(self) -> None:
        """End the threads; what waits is not judged."""
        self._stopped = True
        self._wake.set()
        for thread in self._threads:
            thread.join(2.0)

    def _run(self) -> None:
        while not self._stopped:
            jobs = self._schedule.take(_AT_ONCE, now=time.time())
            if not jobs:
                self._wake.wait(0.05)
                self._wake.clear()
                continue
            begun = time.perf_counter()
            _mark(jobs, "infer")
            try:
                for job, said in zip(jobs, self.model.predict([job.window for job in jobs]), strict=True):
                    job.said = said
            except Exception as error:  # a window that cannot be judged must not end all calls
                self.failed = f"{type(error).__name__}: {error}"
                for job in jobs:
                    job.skipped = "late"
            took = time.perf_counter() - begun
            self.busy += took
            self._count(len(jobs), took)
            _mark(jobs, "publish")
            self._schedule.cost += 0.1 * (took / len(jobs) - self._schedule.cost)
            self._told()


def _mark(jobs: list[Job], stage: str) -> None:
    for job in jobs:
        if job.marks is not None:
            job.marks[stage] = time.time()
