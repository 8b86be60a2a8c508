"""Messages of gateway and engine <-> control, over a Unix socket: lines of JSON, acknowledged when they are stored.

Control listens. The others hold a `Client`, which never waits: it keeps what was not acknowledged, and sends it again
to a control that has begun anew. What must not be lost (`MUST`) is kept without end; of the rest the newest.

    client  {"batch": 7, "messages": [...]}        control  {"ack": 7}
    client  {"hello": "engine", "pid": 123}        control  {"do": {"type": "drain"}}
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from affekt.registry import need

need("orjson", extra="serve")
import orjson  # noqa: E402

Message = Mapping[str, Any]

MUST = ("alert.", "call.", "consent")
"""Beginnings of the types of messages that are never dropped."""
KEPT = 50_000
"""Messages that wait for control, beyond which the oldest that may be lost are dropped."""
_LINE = 64 * 1024 * 1024
_BATCH = 2000


class Client:
    """A process's end. `pump` must be called every few milliseconds; it connects, sends, and gives commands."""

    def __init__(self, path: Path, name: str) -> None:
        """Make ready to speak to the control that listens at `path`, as `name`."""
        self.dropped = 0
        "messages that control has not heard in time"
        self._path, self._name = str(path), name
        self._socket: socket.socket | None = None
        self._new: list[Message] = []
        self._sent: deque[tuple[int, list[Message]]] = deque()
        self.held = 0
        "messages that control has not acknowledged"
        self._number = 0
        self._out = bytearray()
        self._in = bytearray()

    @property
    def connected(self) -> bool:
        """Whether control is there."""
        return self._socket is not None

    def send(self, message: Message) -> None:
        """Leave a message to be sent."""
        self._new.append(message)
        self.held += 1
        if self.held > KEPT:
            self._forget()

    def pump(self) -> list[dict[str, Any]]:
        """Send what can be sent; give the commands that have come."""
        if self._socket is None and not self._connect():
            return []
        commands: list[dict[str, Any]] = []
        try:
            self._receive(commands)
            if self._new and len(self._out) < 1 << 20:
                self._batch()
            while self._out and (count := self._send()):
                del self._out[:count]
        except OSError:
            self.close()
        return commands

    def settled(self) -> bool:
        """Whether control has stored all that was said."""
        return not (self._new or self._sent)

    def close(self) -> None:
        """Leave; what was not acknowledged is sent again after the next connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._out.clear()
        self._in.clear()

    def _connect(self) -> bool:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.connect(self._path)
        except OSError:
            made.close()
            return False
        made.setblocking(False)
        self._socket = made
        self._put({"hello": self._name, "pid": os.getpid()})
        for number, messages in self._sent:
            self._put({"batch": number, "messages": messages})
        return True

    def _batch(self) -> None:
        messages, self._new = self._new[:_BATCH], self._new[_BATCH:]
        self._number += 1
        self._sent.append((self._number, messages))
        self._put({"batch": self._number, "messages": messages})

    def _put(self, line: Message) -> None:
        self._out += orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"

    def _send(self) -> int:
        assert self._socket is not None  # noqa: S101 - pump has connected
        try:
            return self._socket.send(self._out[: 1 << 18])
        except BlockingIOError:
            return 0

    def _receive(self, commands: list[dict[str, Any]]) -> None:
        while True:
            assert self._socket is not None  # noqa: S101 - pump has connected
            try:
                found = self._socket.recv(1 << 18)
            except BlockingIOError:
                break
            if not found:
                raise ConnectionResetError
            self._in += found
        while (end := self._in.find(b"\n")) >= 0:
            line = orjson.loads(self._in[:end])
            del self._in[: end + 1]
            if "ack" in line:
                self._acknowledged(line["ack"])
            elif "do" in line:
                commands.append(line["do"])

    def _acknowledged(self, number: int) -> None:
        while self._sent and self._sent[0][0] <= number:
            self.held -= len(self._sent.popleft()[1])

    def _forget(self) -> None:
        """Keep the half that is newest, and what must not be lost."""
        everything = [message for _, messages in self._sent for message in messages] + self._new
        half = len(everything) // 2
        kept = [message for message in everything[:half] if str(message.get("type")).startswith(MUST)]
        self.dropped += half - len(kept)
        self._sent.clear()
        self._new = kept + everything[half:]
        self.held = len(self._new)


class Bus:
    """Control's end: takes batches, sends commands."""

    def __init__(self, path: Path, take: Callable[[list[dict[str, Any]]], Awaitable[None]]) -> None:
        """Make ready to listen at `path`; `take` stores a batch, and may be called again with the same one."""
        self._path, self._take = path, take
        self._server: asyncio.Server | None = None
        self._ends: dict[str, asyncio.StreamWriter] = {}
        self._pids: dict[str, int] = {}
        self._since: dict[str, float] = {}
        self._begun = time.time()
        self.greet: Callable[[str], list[Message]] = lambda name: []
        "commands for a process that has just connected"

    async def start(self) -> None:
        """Listen; only this user may connect."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LINE)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        for end in self._ends.values():
            end.close()

    def send(self, command: Message, to: str | None = None) -> None:
        """Send a command to one process, or to all."""
        for name, end in self._ends.items():
            if to in (None, name):
                end.write(_command(command))

    def state(self) -> dict[str, Any]:
        """Say which processes there are, and since when."""
        others = {
            name: {"pid": pid, "connected": name in self._ends, "since": self._since[name]}
            for name, pid in self._pids.items()
        }
        return {"control": {"pid": os.getpid(), "connected": True, "since": self._begun}, **others}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = ""
        try:
            while line := await reader.readline():
                said = orjson.loads(line)
                if "hello" in said:
                    name = said["hello"]
                    self._ends[name], self._pids[name], self._since[name] = writer, said["pid"], time.time()
                    for command in self.greet(name):
                        writer.write(_command(command))
                elif "batch" in said:
                    await self._take(said["messages"])
                    writer.write(orjson.dumps({"ack": said["batch"]}) + b"\n")
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            pass
        finally:
            if self._ends.get(name) is writer:
                del self._ends[name]
            writer.close()


def _command(command: Message) -> bytes:
    """Write a command; the names of a database's columns are text of a kind of its own."""
    return orjson.dumps({"do": command}, option=orjson.OPT_NON_STR_KEYS) + b"\n"
