"""The real service in processes of its own, for tests and measurements: started, asked, killed, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Service:
    """`affekt serve` in a folder of its own."""

    def __init__(self, folder: Path, *, auth: bool = False, more: str = "", env: dict[str, str] | None = None) -> None:
        self.folder, self.http, self.ingest = folder, free_port(), free_port()
        self.config = folder / "serve.toml"
        self.config.write_text(
            f'folder = "{folder / "data"}"\ndrain_seconds = 1.0\n'
            f"[http]\nport = {self.http}\nrate = 1e4\nburst = 100000\n"
            f"[ingest]\nport = {self.ingest}\n{more}"
        )
        self._auth, self._env = auth, env or {}
        self.url, self.calls = f"http://127.0.0.1:{self.http}", f"ws://127.0.0.1:{self.ingest}"
        self.asked = httpx.Client(base_url=self.url, timeout=10)

    def start(self) -> Service:
        command = [sys.executable, "-m", "affekt", "serve", "--config", str(self.config)]
        self.log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [*command, *([] if self._auth else ["--no-auth"])], stderr=self.log, env={**os.environ, **self._env}
        )
        self.until(self.ready, 30)
        return self

    def ready(self) -> bool:
        assert self.process.poll() is None, self.words()
        try:
            return self.asked.get("/v1/ready").status_code == 200
        except httpx.TransportError:
            return False

    def words(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def get(self, path: str, **query: Any) -> Any:
        found = self.asked.get(path, params=query)
        assert found.status_code == 200, found.text
        return found.json()

    def pid(self, name: str) -> int:
        return int(self.get("/v1/system")["processes"][name]["pid"])

    def kill(self, name: str) -> int:
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_all(self) -> None:
        """As when the power goes: the parent, and all children."""
        pids = [self.process.pid]
        try:
            pids += [one["pid"] for one in self.get("/v1/system")["processes"].values()]
        except httpx.TransportError:
            pids += children(self.process.pid)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.log.close()
        return code

    @staticmethod
    def until(true: Callable[[], Any], seconds: float = 10.0) -> Any:
        end = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)
        return found


def children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
