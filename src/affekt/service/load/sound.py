"""Two sides of a call -> its 20 ms pieces, coded once for all calls that speak them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affekt.errors import UsageError

Side = Literal["customer", "agent"]
Form = Literal["ulaw", "alaw", "l16", "ulaw64"]
"""G.711 of both laws; 16 bits little-endian; mu-law in base64"""
SIDES: tuple[Side, Side] = ("customer", "agent")
PIECE = 0.02
"seconds of sound in a message"
_SUBTYPES = {"ulaw": "ULAW", "alaw": "ALAW", "ulaw64": "ULAW"}


class Sound:
    """What both sides of a call say, as long as the shorter one of them, in whole pieces.

    Coding is the dear part of speaking, so each form is made once and kept: N calls cost N times the sending only.

    >>> sound = Sound(np.zeros(1700, np.int16), np.zeros(1700, np.int16), 8000)
    >>> sound.count, sound.size, sound.pieces("ulaw", "customer")[0] == b"\\xff" * 160
    (10, 160, True)
    """

    def __init__(self, customer: NDArray[np.int16], agent: NDArray[np.int16], rate: int, *, name: str = "") -> None:
        self.rate, self.name = rate, name
        self.size = round(rate * PIECE)
        "samples of one side in a piece"
        self.count = min(len(customer), len(agent)) // self.size
        "pieces"
        if not self.count:
            raise UsageError(f"a call needs {PIECE:g} s of sound on each side, got {len(customer)} and {len(agent)}")
        whole = self.count * self.size
        self.samples: dict[Side, NDArray[np.int16]] = {"customer": customer[:whole], "agent": agent[:whole]}
        self._made: dict[tuple[str, ...], list[bytes]] = {}

    @classmethod
    def of(cls, audio: NDArray[np.float32], rate: int, *, name: str = "") -> Sound:
        """Take (n, 2) in [-1, 1]: the customer left, the agent right."""
        both = np.clip(np.rint(audio * 32768.0), -32768, 32767).astype(np.int16)
        return cls(both[:, 0], both[:, 1], rate, name=name)

    def pieces(self, form: Form, *sides: Side) -> list[bytes]:
        """Return the pieces of one side, or of both with their samples taking turns."""
        key = (form, *sides)
        if key not in self._made:
            self._made[key] = self._coded(form, sides)
        return self._made[key]

    def _coded(self, form: Form, sides: Sequence[Side]) -> list[bytes]:
        samples = np.stack([self.samples[side] for side in sides], axis=1).reshape(-1)
        coded = samples.astype("<i2").tobytes() if form == "l16" else _g711(samples, _SUBTYPES[form])
        step = len(coded) // self.count
        cut = [coded[at : at + step] for at in range(0, len(coded), step)]
        return [base64.b64encode(one) for one in cut] if form == "ulaw64" else cut


def _g711(samples: NDArray[np.int16], subtype: str) -> bytes:
    """Code by ITU-T G.711, as libsndfile does."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format="RAW", subtype=subtype)
    return file.getvalue()
