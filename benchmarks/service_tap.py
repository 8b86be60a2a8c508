"""Between control and the others: what gateway and engine tell, as it passes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_PIECE = 1 << 18


class Tap:
    """Takes the place of control's socket and passes everything on. `messages` grows as they come."""

    def __init__(self, path: Path) -> None:
        self.messages: list[dict[str, Any]] = []
        "in the order in which they came; a batch that is sent again is there again"
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
            for source, sink, heed in ((client, control, self._told), (control, client, None)):
                threading.Thread(target=_pass, args=(source, sink, heed), daemon=True).start()

    def _told(self, line: Mapping[str, Any]) -> None:
        self.messages += line.get("messages", ())


def _pass(source: socket.socket, sink: socket.socket, heed: Callable[[Mapping[str, Any]], None] | None) -> None:
    """Pass bytes on, then look at them: whoever waits for them comes first."""
    held = b""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
            if heed is not None:
                *whole, held = (held + piece).split(b"\n")
                for line in whole:
                    heed(json.loads(line))
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
