"""Setting, seed -> calls, one after the other: each is made when it is asked for, and nothing of it is kept."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count as counted
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt import rttm
from affekt.errors import DataError, UnknownNameError, UsageError
from affekt.simulate import line
from affekt.simulate.cast import RATE, Cast, Espeak
from affekt.simulate.script import CALM, KINDS, Kind, script
from affekt.simulate.stage import Stage, channels, lines
from affekt.simulate.truth import Side, Truth

_NOISE = (-10.0, 60.0)  # dB
_ECHO, _BELOW, _DELAY = 0.5, (22.0, 38.0), (0.0, 0.02)  # share of calls; dB; s
_REST = RATE  # samples after the last word


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call, as it would be recorded."""

    audio: NDArray[np.float32]
    "(n, 2) in [-1, 1]: the customer left, the agent right; already through G.711"
    rate: int
    "Hz"
    truth: Truth
    law: line.Law = "mu"

    def wav(self) -> bytes:
        """Return a WAV file of 8 bits per sample in the call's law; reading it gives `audio` to the bit."""
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, self.audio, self.rate, format="WAV", subtype=line.SUBTYPES[self.law])
        return file.getvalue()

    def write(self, folder: Path) -> tuple[Path, Path, Path]:
        """Write sound, truth and who spoke when: NAME.wav, NAME.json, NAME.rttm.

        Raises:
            UsageError: the folder cannot be written to.
        """
        wav, truth, rows = (folder / f"{self.truth.name}.{suffix}" for suffix in ("wav", "json", "rttm"))
        try:
            wav.write_bytes(self.wav())
            truth.write_text(json.dumps(self.truth.to_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            rttm.write(rows, self.truth.rows(), self.truth.name)
        except OSError as error:
            raise UsageError(f"cannot write to {str(folder)!r}: {error.strerror or error}") from error
        return wav, truth, rows


@dataclass(frozen=True, slots=True)
class Setting:
    """What kind of calls."""

    kind: Kind = "mixed"
    seconds: float = 180.0
    "about: a turn that has begun is spoken to its end"
    noise: float | None = 20.0
    "dB below the customer's speech; None: only the hiss of the line"
    law: line.Law = "mu"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownNameError("kind of call", self.kind, KINDS)
        if self.law not in line.LAWS:
            raise UnknownNameError("law of G.711", self.law, line.LAWS)
        if self.noise is not None and not _NOISE[0] <= self.noise <= _NOISE[1]:
            raise UsageError(
                f"noise lies {_NOISE[0]:g} to {_NOISE[1]:g} dB below the speech, or is None, got {self.noise:g}"
            )
        if self.seed < 0:
            raise UsageError(f"a seed is 0 or more, got {self.seed}")


def calls(
    count: int | None = None, *, cast: Cast | None = None, setting: Setting | None = None, **changed: object
) -> Iterator[Call]:
    """Give calls, one after the other. Call 7 of a seed is the same, however many are asked for.

    Args:
        count: how many; without end when not given.
        cast: who speaks; voices of espeak-ng when not given. Customer and agent are never the same person.
        setting: what kind of calls.
        changed: fields of `Setting` that should be others, such as kind="calm".

    Raises:
        UsageError: a setting that cannot be.
        DataError: the cast has nobody for a role.
        MissingProgramError: no cast is given, and espeak-ng is not installed.
    """
    asked = replace(setting or Setting(), **changed)  # type: ignore[arg-type]
    script(asked.kind, seconds=asked.seconds, emotions=["anger"], rng=np.random.default_rng(0))  # or refuses
    known = _Known(cast or Espeak(), asked.kind)
    return (_call(number, asked, known) for number in (counted() if count is None else range(count)))


class _Known:
    """A cast, and who of it can play whom."""

    def __init__(self, cast: Cast, kind: Kind) -> None:
        self.cast = cast
        takes = {person: cast.takes(person) for person in cast.people}
        self.agents = [person for person, own in takes.items() if CALM in own]
        self.customers = [person for person in self.agents if _plays(takes[person], kind)]
        if not self.customers or len(self.agents) < 2:
            raise DataError(
                f"{cast.name}: {kind} calls need two people with neutral speech, one of them with "
                f"{'anger' if kind == 'angry' else 'another emotion' if kind == 'mixed' else 'no more'}; "
                f"of {len(takes)} there are {len(self.agents)}, and {len(self.customers)}"
            )

    def people(self, rng: np.random.Generator) -> dict[Side, str]:
        customer = self.customers[int(rng.integers(len(self.customers)))]
        others = [person for person in self.agents if person != customer]
        return {"customer": customer, "agent": others[int(rng.integers(len(others)))]}


def _plays(takes: Mapping[str, object], kind: Kind) -> bool:
    return kind == "calm" or ("anger" in takes if kind == "angry" else len(takes) > 1)


def _call(number: int, setting: Setting, known: _Known) -> Call:
    """Make one call."""
    rng = np.random.default_rng((setting.seed, number))
    people = known.people(rng)
    emotions = known.cast.takes(people["customer"])
    stage = Stage(known.cast, people, rng)
    stage.perform(script(setting.kind, seconds=setting.seconds, emotions=list(emotions), rng=rng))
    length = -(-(stage.at + _REST) // RATE) * RATE
    noise = None if setting.noise is None else (line.NOISES[int(rng.integers(3))], setting.noise)
    echo = (rng.uniform(*_BELOW), rng.uniform(*_DELAY)) if rng.random() < _ECHO else None
    truth = Truth(
        name=f"{setting.kind}-{setting.seed}-{number:04d}",
        seed=(setting.seed, number),
        kind=setting.kind,
        seconds=length / RATE,
        cast=known.cast.name,
        synthetic=known.cast.synthetic,
        people=people,
        noise=noise,
        echo=echo,
        lines=tuple(lines(stage.placed)),
        asides=tuple(stage.asides),
    )
    return Call(_heard(stage, length, truth, setting.law), RATE, truth, setting.law)


def _heard(stage: Stage, length: int, truth: Truth, law: line.Law) -> NDArray[np.float32]:
    """Mix what was performed, as it would be recorded."""
    sound, rng = channels(stage.placed, length), stage.rng
    customer = sound["customer"] if truth.noise is None else line.noisy(sound["customer"], *truth.noise, rng)
    both: dict[Side, NDArray[np.float32]] = {"customer": customer, "agent": sound["agent"]}
    for side in both:
        both[side] = line.filled(both[side], [one for one in truth.asides if one.side == side], rng)
    if truth.echo is not None:
        both["customer"] = line.echoed(both["customer"], both["agent"], *truth.echo)
    return np.stack([line.recorded(samples, law, rng) for samples in both.values()], axis=1)
