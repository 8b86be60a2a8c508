"""`affekt serve` as a process of its own, in a folder of its own; calls that are spoken to it; what it tells."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx
from benchmarks.service_tap import Tap

from affekt.service.load.sent import Sent

ROLES = {"inbound": "customer", "outbound": "agent"}
READY = 60.0  # s
PROCESSES = ("gateway", "engine", "control")


class Service:
    """Runs while the block lasts.

    with Service({"engine": {"hop": 1.0}}, tapped=True) as service:
        calls = Calls(service, 40, seconds=60)
        ...
        service.tap.messages        all that gateway and engine have told control
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        tapped: bool = False,
        before: Sequence[str] = (),
        cores: Sequence[int] | None = None,
    ) -> None:
        """Make ready.

        Args:
            settings: what the configuration says beside ports and folder.
            tapped: listen to what gateway and engine tell control.
            before: a command that runs the service, such as strace.
            cores: on which it runs; all when not given.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="affekt-"))
        self.http, self.ingest = free(), free()
        self.tap: Tap | None = None
        self.token = ""
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.http}", timeout=10)
        self._settings, self._tapped, self._before, self._cores = settings or {}, tapped, before, cores
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (self.folder / "log").open("ab")

    @property
    def url(self) -> str:
        """Where calls are spoken to."""
        return f"ws://127.0.0.1:{self.ingest}"

    @property
    def data(self) -> Path:
        """What the service keeps."""
        return self.folder / "data"

    def __enter__(self) -> Service:
        own = {
            "folder": str(self.data),
            "http": {"port": self.http, "rate": 1e5, "burst": 100_000},
            "drain_seconds": 1.0,
        }
        own |= {"ingest": {"port": self.ingest, "max_calls": 512}, "auth": {"enabled": False}}
        (self.folder / "serve.toml").write_text(toml(merged(own, self._settings)), encoding="utf-8")
        try:
            self.start()
            made = self.client.post("/v1/tokens", json={"name": "bench", "protocol": "twilio", "roles": ROLES})
            made.raise_for_status()
            self.token = made.json()["token"]
            if self._tapped:
                self._listen()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self.client.close()
        self._log.close()
        if error[0] is not None:
            print((self.folder / "log").read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it can work."""
        command = [sys.executable, "-m", "affekt", "serve", "--config", str(self.folder / "serve.toml")]
        if self._cores is not None:
            command = ["taskset", "-c", ",".join(map(str, self._cores)), *command]
        env = {name: value for name, value in os.environ.items() if not name.startswith("AFFEKT_")}
        self._process = subprocess.Popen(
            [*self._before, *command], stdout=self._log, stderr=self._log, env=env, start_new_session=True
        )
        self.wait()

    def wait(self, unlike: Mapping[str, int] | None = None) -> None:
        """Wait until all of it is there, with other processes than `unlike`."""
        until = time.monotonic() + READY
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if self.client.get("/v1/ready").status_code == 200:
                    found = self.processes() if unlike else {}
                    if all(found.get(name) not in (None, pid) for name, pid in (unlike or {}).items()):
                        return
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"affekt serve has ended with {self._process.returncode}: {self.said()}")
            time.sleep(0.1)
        raise RuntimeError(f"affekt serve is not ready after {READY:g} s: {self.said()}")

    def said(self) -> str:
        """Return the end of its log."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def processes(self) -> dict[str, int]:
        """Return name -> pid."""
        told = self.client.get("/v1/system").json()["processes"]
        return {name: told[name]["pid"] for name in PROCESSES if told.get(name, {}).get("pid")}

    def pids(self) -> list[int]:
        """Return all processes, its supervisor first."""
        return [] if self._process is None else [self._process.pid, *children(self._process.pid)]

    def kill(self, name: str) -> tuple[float, int]:
        """Kill a process, without warning; give the Unix time and who it was."""
        pid = self.processes()[name]
        os.kill(pid, signal.SIGKILL)
        return time.time(), pid

    def kill_all(self) -> None:
        """Kill everything, without warning: the supervisor first, or it would begin anew."""
        process = self._process
        if process is None:
            return
        pids = self.pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        self._process = None
        until = time.monotonic() + 10
        while any(alive(pid) for pid in pids) and time.monotonic() < until:
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it as an operator would."""
        if self.tap is not None:
            self.tap.close()
        if self._process is None:
            return
        whole = self.pids()
        for pid in whole[1:2] if self._before else whole[:1]:
            os.kill(pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill_all()
        self._process = None

    def _listen(self) -> None:
        """Put a tap between control and the others, who come back to it after a new start."""
        before = self.processes()
        path = bus(before.get("control") or self._control(before))
        self.tap = Tap(path)
        for name in ("gateway", "engine"):
            os.kill(before[name], signal.SIGKILL)
        self.wait({name: before[name] for name in ("gateway", "engine")})

    def _control(self, others: Mapping[str, int]) -> int:
        process = self._process
        found = [pid for pid in children(process.pid) if pid not in others.values()] if process else []
        for pid in found:
            with contextlib.suppress(LookupError, PermissionError):
                bus(pid)
                return pid
        raise LookupError("no process of the service listens on a Unix socket")


class Calls:
    """Calls that are spoken by a process of their own, as `affekt simulate --to` does."""

    def __init__(
        self,
        service: Service,
        count: int,
        *,
        seconds: float,
        ramp: float = 0.0,
        faults: str = "",
        kind: str = "mixed",
        seed: int = 0,
    ) -> None:
        asked = {
            "--calls": count,
            "--minutes": seconds / 60,
            "--ramp": ramp,
            "--seconds": 60,
            "--kind": kind,
            "--seed": seed,
            "--to": service.url,
            "--token": service.token,
            **({"--faults": faults} if faults else {}),
        }
        words = [str(word) for pair in asked.items() for word in pair]
        # Files, since nobody would read a pipe while it speaks; `wait` closes them.
        self._out, self._errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        command = [sys.executable, "-m", "affekt", "simulate", *words, "--json"]
        self._process = subprocess.Popen(command, stdout=self._out, stderr=self._errors)

    def wait(self) -> dict[str, Any]:
        """Wait for their end; give the report.

        Raises:
            RuntimeError: there is none.
        """
        code = self._process.wait()
        out, errors = (_whole(file) for file in (self._out, self._errors))
        try:
            found: dict[str, Any] = json.loads(out)
        except ValueError:
            raise RuntimeError(f"affekt simulate has ended with {code}: {errors[-2000:]}") from None
        return found

    def stop(self) -> dict[str, Any]:
        """End them now, with their goodbyes."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.wait()

    def cut(self) -> None:
        """Let them go without a word."""
        self._process.kill()
        self._process.wait()


def _whole(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        return file.read().decode(errors="replace")


def sent(report: Mapping[str, Any]) -> Sent:
    """Return when what was sent."""
    return Sent.read(report["sent"])


# Of the system ------------------------------------------------------------------------------------------------------


def free() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def memory(pid: int) -> float:
    """Return the memory of a process that is its own, in MB: what it shares with others belongs to all of them."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.endswith(" kB")}
    return (sizes["VmRSS"] - sizes.get("RssShmem", 0)) / 1024


def descriptors(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def processor(pid: int) -> float:
    """Return the processor time of a process so far, in s."""
    after = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(after[11]) + int(after[12])) / os.sysconf("SC_CLK_TCK")


def alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """Return the processes below one, the nearest first."""
    found, left = [], [pid]
    while left:
        parent = left.pop(0)
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                own = [int(word) for word in (task / "children").read_text(encoding="ascii").split()]
                found += own
                left += own
    return found


def bus(pid: int) -> Path:
    """Return the Unix socket on which a process listens.

    Raises:
        LookupError: there is none.
    """
    own = set(_links(pid))
    for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()[1:]:
        words = line.split()
        listens = int(words[3], 16) & 0x10000
        if len(words) > 7 and listens and f"socket:[{words[6]}]" in own:
            return Path(words[7])
    raise LookupError(f"process {pid} listens on no Unix socket")


def _links(pid: int) -> Iterator[str]:
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield str(one.readlink())


# Settings -----------------------------------------------------------------------------------------------------------


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Join two trees; of leaves the second counts."""
    out = dict(one)
    for name, value in other.items():
        both = isinstance(value, Mapping) and isinstance(out.get(name), Mapping)
        out[name] = merged(out[name], value) if both else value
    return out


def toml(tree: Mapping[str, Any], place: str = "") -> str:
    """Write settings: text, numbers, truths, lists and tables."""
    leaves = [f"{name} = {json.dumps(value)}" for name, value in tree.items() if not isinstance(value, Mapping)]
    text = "\n".join(([f"[{place}]"] if place else []) + leaves) + "\n"
    for name, value in tree.items():
        if isinstance(value, Mapping):
            text += toml(value, f"{place}.{name}" if place else name)
    return text
