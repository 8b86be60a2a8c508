"""Between control and the others: what gateway and engine tell, as it passes, and when control has stored it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_PIECE = 1 << 18


class Tap:
    """Takes the place of control's socket and passes everything on. `messages` grows as they come."""

    def __init__(self, path: Path) -> None:
        self.messages: list[dict[str, Any]] = []
        "in the order in which they came; a batch that is sent again is there again"
        self.stored: list[dict[str, Any]] = []
        "those of which control has said that it has them"
        self._real = path.with_name(path.name + ".real")
        path.rename(self._real)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(8)
        self._path = path
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Give the socket its place back."""
        with contextlib.suppress(OSError):
            self._server.close()
        with contextlib.suppress(OSError):
            self._real.replace(self._path)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                control = socket.socket(socket.AF_UNIX)
                control.connect(str(self._real))
            except OSError:
                return
            batches: dict[int, list[dict[str, Any]]] = {}
            for source, sink, heed in (
                (client, control, lambda line, own=batches: self._told(line, own)),
                (control, client, lambda line, own=batches: self._answered(line, own)),
            ):
                threading.Thread(target=_pass, args=(source, sink, heed), daemon=True).start()

    def _told(self, line: Mapping[str, Any], batches: dict[int, list[dict[str, Any]]]) -> None:
        if "batch" in line:
            now = time.time()
            batches[line["batch"]] = line["messages"]
            self.messages += [one | {"tapped": now} for one in line["messages"]]

    def _answered(self, line: Mapping[str, Any], batches: dict[int, list[dict[str, Any]]]) -> None:
        if "ack" in line:
            self.stored += batches.pop(line["ack"], [])


def _pass(source: socket.socket, sink: socket.socket, heed: Callable[[Mapping[str, Any]], None]) -> None:
    """Pass bytes on, then look at them: whoever waits for them comes first."""
    held = b""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
            *whole, held = (held + piece).split(b"\n")
            for line in whole:
                heed(json.loads(line))
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
