"""Recordings that take longer than a request may: a job in the store, done in the background, kept for a day.

The recordings lie in a folder of their own until they are judged, and no longer. What a stop of the service interrupts
is told as failed when it starts again; nothing is left on the disk.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from affekt.service.control.judging import Full, Judging, Wish
from affekt.service.control.problems import about
from affekt.service.control.uploads import Upload, folder

if TYPE_CHECKING:
    from affekt.service.store import Store

log = logging.getLogger("affekt.service.control")

KIND = "predict"

_TELL = 1.0  # s between two notes of the progress
_SWEEP = 600.0  # s


class Jobs:
    """What is being judged in the background."""

    def __init__(self, store: Store, judging: Judging, folder: Path, *, keep: float) -> None:
        self.folder = folder
        "uploads of all requests"
        self.held = 0
        "folders in it: of uploads that come, and of those that wait"
        self._store, self._judging, self._keep = store, judging, keep
        self._running: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Clear away what the last run of the service has left behind."""
        await run_in_threadpool(self._tidy)

    def _tidy(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._store.jobs_interrupted()

    async def sweep(self) -> None:
        """Remove jobs that are kept no longer, for ever."""
        while True:
            try:
                await run_in_threadpool(self._forget, time.time() - self._keep)
            except Exception:
                log.exception("old jobs could not be removed")
            await asyncio.sleep(_SWEEP)

    def _forget(self, before: float) -> None:
        """Remove what was done, or given up, before a Unix time."""
        for tenant in self._store.tenants():
            for job in self._all(tenant["id"]):
                if job["id"] not in self._running and datetime.fromisoformat(job["changed"]).timestamp() < before:
                    self._store.job_remove(tenant["id"], job["id"])

    def _all(self, tenant: str) -> list[dict[str, Any]]:
        found = self._store.jobs(tenant, limit=200)
        jobs = list(found["items"])
        while found["next"]:
            found = self._store.jobs(tenant, cursor=found["next"], limit=200)
            jobs += found["items"]
        return jobs

    async def hold(self) -> Path:
        """Make a folder for the uploads of one request."""
        self.held += 1
        try:
            return await run_in_threadpool(folder, self.folder)
        except BaseException:
            self.held -= 1
            raise

    async def let_go(self, held: Path) -> None:
        """Remove it, with all that is in it."""
        self.held -= 1
        await run_in_threadpool(shutil.rmtree, held, True)

    async def add(self, tenant: str, by: str, files: Sequence[Upload], wish: Wish, held: Path) -> dict[str, Any]:
        """Take a job; give its row.

        Args:
            tenant: whose it is.
            by: who asks.
            files: the recordings, in `held`.
            wish: how they are heard.
            held: the folder, of this job alone; it is let go of when the job is done.
        """
        request = {"files": [file.name for file in files], "model": wish.model}
        row = await run_in_threadpool(partial(self._store.job_add, tenant, KIND, by, request=request))
        self._run(row["id"], self._do(row["id"], files, wish, held))
        return row

    async def background(
        self, tenant: str, kind: str, by: str, work: Callable[[str], dict[str, Any]]
    ) -> dict[str, Any]:
        """Have something else done in a thread; give the row of its job.

        Args:
            tenant: whose it is.
            kind: what people call it.
            by: who asks.
            work: is given the job's id, and gives its result.
        """
        row = await run_in_threadpool(self._store.job_add, tenant, kind, by)
        self._run(row["id"], self._finish(row["id"], run_in_threadpool(work, row["id"])))
        return row

    def _run(self, job: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running[job] = task
        task.add_done_callback(lambda _: self._running.pop(job, None))

    async def remove(self, tenant: str, job: str) -> bool:
        """End the job, and forget it; False: there is none."""
        if await run_in_threadpool(self._store.job, tenant, job) is None:
            return False
        task = self._running.get(job)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        return await run_in_threadpool(self._store.job_remove, tenant, job)

    async def stop(self) -> None:
        """End all; what is unfinished is told when the service starts again."""
        for task in list(self._running.values()):
            task.cancel()
        if self._running:
            await asyncio.wait(list(self._running.values()))

    async def _do(self, job: str, files: Sequence[Upload], wish: Wish, held: Path) -> None:
        try:
            await self._finish(job, self._each(job, files, wish))
        finally:
            await self.let_go(held)

    async def _each(self, job: str, files: Sequence[Upload], wish: Wish) -> dict[str, Any]:
        return {"results": [await self._one(job, i, files, wish) for i in range(len(files))]}

    async def _finish(self, job: str, work: Coroutine[Any, Any, dict[str, Any]]) -> None:
        """Write down what came of it."""
        update = partial(self._store.job_update, job)
        try:
            await run_in_threadpool(update, progress=1.0, state="done", result=await work)
        except Exception:
            log.exception("job %s failed", job)
            problem = about(500, "a fault of the service; the log has more")
            await run_in_threadpool(update, state="failed", result={"problem": problem})

    async def _one(self, job: str, index: int, files: Sequence[Upload], wish: Wish) -> dict[str, Any]:
        progress = _Progress(self._store, job, index, len(files))
        progress(0.0)
        file = files[index]
        while True:
            try:
                return await self._judging.judge(file.path, file.name, wish, lane="jobs", heard=progress)
            except Full:  # a job has time
                await asyncio.sleep(1.0)


class _Progress:
    """Notes how far a job is, once in a while; called in the thread that reads from the process."""

    def __init__(self, store: Store, job: str, index: int, count: int) -> None:
        self._store, self._job, self._index, self._count = store, job, index, count
        self._told = 0.0

    def __call__(self, share: float) -> None:
        """Take the share of this recording that was heard."""
        now = time.monotonic()
        if now - self._told >= _TELL:
            self._told = now
            self._store.job_update(self._job, progress=(self._index + share) / self._count, state="running")
