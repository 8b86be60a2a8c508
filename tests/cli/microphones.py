"""A microphone for tests: PortAudio as it is, on an ALSA device that reads from a file or a pipe instead of a card."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np

BASE = Path("/usr/share/alsa/alsa.conf")
_DEVICE = """<{base}>
pcm.recorded {{
  type file
  slave.pcm "null"
  file "/dev/null"
  infile "{source}"
  format "raw"
  hint {{ show on
  description "a recording" }}
}}
"""


def missing() -> str:
    """Why there can be none here, or nothing."""
    if not BASE.exists():
        return "there is no ALSA"
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        return f"PortAudio is not installed: {error}"
    return ""


def device(folder: Path, source: Path) -> dict[str, str]:
    """The environment in which a process finds the one device `recorded`."""
    path = folder / "asound.conf"
    path.write_text(_DEVICE.format(base=BASE, source=source))
    return {**os.environ, "ALSA_CONFIG_PATH": str(path)}


class Speaker:
    """Speaks into a pipe at the speed of life, then falls silent; or dead, with nothing at all, until it is left."""

    def __init__(self, pipe: Path, samples: np.ndarray, rate: int, *, dead: bool = False) -> None:
        os.mkfifo(pipe)
        self._end = os.open(pipe, os.O_RDWR)  # so that nobody waits for the other side to open it
        self._samples, self._rate, self._dead = samples.astype("<i2"), rate, dead
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)

    def __enter__(self) -> Speaker:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        os.set_blocking(self._end, False)
        self._thread.join(2)
        os.close(self._end)

    def _speak(self) -> None:
        size, begun, at = self._rate // 20, time.monotonic(), 0  # as much as is read at once: a short read is filled up
        while not self._over.is_set():
            block = self._samples[at : at + size]
            if len(block) < size and self._dead:
                return
            block = np.concatenate([block, np.zeros((size - len(block), *block.shape[1:]), "<i2")])
            try:
                os.write(self._end, block.tobytes())
            except BlockingIOError:
                return
            at += size
            time.sleep(max(0.0, begun + at / self._rate - time.monotonic()))
