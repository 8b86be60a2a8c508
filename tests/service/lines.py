"""Calls for tests of gateway and engine: a board, a bus that only listens, the sample call in pieces of 20 ms."""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from affekt.service import shared, wire
from affekt.service.engine.engine import Engine, Plan
from affekt.service.shared import Board, Slot

CALL = Path(__file__).parents[2] / "examples" / "call.wav"
TRACKS = {"customer": "customer", "agent": "agent"}


class Ears:
    """The engine's end of a bus: it hears what is told, and gives the commands that a test puts there."""

    def __init__(self) -> None:
        self.told: list[dict] = []
        self.commands: list[dict] = []
        self.held, self.connected = 0, False

    def send(self, message: dict) -> None:
        wire.write(message)  # whatever is told has a form in JSON
        self.told.append(message)

    def pump(self) -> list[dict]:
        commands, self.commands = self.commands, []
        return commands

    def settled(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def of(self, kind: str, call: str | None = None) -> list[dict]:
        return [one for one in self.told if one["type"] == kind and call in (None, one["call"])]


def board(slots: int = 8) -> Board:
    return Board(shared.make(slots), slots)


def engine(board: Board, model, **plan) -> tuple[Engine, Ears]:
    ears = Ears()
    return Engine(board, ears, Plan([model], **plan)), ears


def opened(board: Board, tracks: dict[str, str] = TRACKS, rate: int = 8000, **facts) -> Slot:
    said = {"call": str(uuid.uuid4()), "stream": str(uuid.uuid4()), "tenant": "default", "tracks": tracks, "rate": rate}
    slot = board.open(wire.write(said | facts))
    assert slot is not None
    return slot


@functools.cache
def sound() -> tuple[np.ndarray, int]:
    """(n, 2) int16, Hz: the customer left, the agent right."""
    return soundfile.read(CALL, dtype="int16")


def pieces(seconds: float = 0.02) -> Iterator[tuple[int, int, np.ndarray]]:
    """(track, start, samples), as a telephone platform sends them."""
    samples, rate = sound()
    size = round(seconds * rate)
    for start in range(0, len(samples), size):
        for track in (0, 1):
            yield track, start, np.ascontiguousarray(samples[start : start + size, track])


def settle(engine: Engine, true, seconds: float = 20.0) -> None:
    """Let the engine work until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        engine.step(time.time())
        time.sleep(0.001)
