"""Recording -> rows of features, or a drawing of them. What a process does with one recording after the other."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt import audio, features
from affekt.cache import Cache
from affekt.cli._recordings import Recording
from affekt.cli._report import Outcome, about, bug
from affekt.errors import AffektError, AudioError
from affekt.features import FeatureSet, Level
from affekt.types import Samples, Segment, Signal

LONGEST = 3600.0
"""Seconds; a recording is measured as a whole, and this much of it fits into memory."""


@dataclass(frozen=True, slots=True)
class Task:
    """All that is the same for all recordings; frozen, since processes are sent it."""

    sets: tuple[str, ...]
    level: Level | None
    "None to draw only"
    channel: audio.Channel
    cache: Path | None
    options: tuple[tuple[str, Any], ...] = ()
    "of the sets; each gets those that it has"
    start: float = 0.0
    "seconds; the part of each recording that is measured"
    end: float = inf


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What was measured of one channel of a recording."""

    source: str
    channel: str | None
    segment: Segment
    "what was measured, seconds"
    times: NDArray[np.float64] | None
    "(rows,) seconds of frames; None for functionals"
    values: NDArray[np.float64] | NDArray[np.float32]
    "(rows, columns)"


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of one recording that could be read."""

    rows: tuple[Rows, ...]
    notes: tuple[str, ...]


@cache
def loaded(task: Task) -> tuple[FeatureSet, ...]:
    """Load the sets once per process; their licences are told by the command, not by each process."""
    warnings.filterwarnings("ignore", "openSMILE")
    store = Cache(task.cache) if task.cache else None
    return tuple(features.load(name, cache=store, **_own(task, name)) for name in task.sets)


def _own(task: Task, name: str) -> dict[str, Any]:
    known = features.options(name)
    return {key: value for key, value in task.options if key in known}


def columns(task: Task) -> dict[str, features.Feature]:
    """Name and document the columns that the task measures; of several sets, each has the set's name in front.

    Raises:
        MissingExtraError: a set needs an optional package.
    """
    sets = loaded(task)
    found: dict[str, features.Feature] = {}
    for one in sets:
        front = f"{one.name}_" if len(sets) > 1 else ""
        names = one.names if task.level == "frames" else one.functional_names
        found |= {front + name: one.describe(name) for name in names}
    return found


def measure(task: Task, recording: Recording) -> Outcome[Measured]:
    """Do all the work on one recording; whatever it is, no error leaves."""
    if recording.trouble:
        return Outcome(None, f"{recording.source}: {recording.trouble}")
    done = None
    try:
        tracks, notes = _hear(task, recording.source)
        rows = [_rows(task, recording, name, signal) for name, signal in tracks.items()] if task.level else []
        done = Measured(tuple(rows), tuple(about(recording, note) for note in notes))
        if recording.plot:
            _draw(task, recording, tracks)
    except AffektError as error:
        return Outcome(done, about(recording, str(error)))
    except MemoryError:
        return Outcome(done, about(recording, "too long for this machine's memory; cut it into pieces"))
    except Exception as error:
        return Outcome(done, about(recording, bug(error)))
    return Outcome(done)


def _hear(task: Task, source: str) -> tuple[dict[str | None, Signal], list[str]]:
    """Read what is asked for, at the recording's own rate; also what is wrong with the recording."""
    parts: dict[str | None, list[Samples]] = defaultdict(list)
    with audio.open_recording(source) as recording:
        first, heard = round(task.start * recording.rate), 0
        last = recording.rate * min(task.end, task.start + 2 * LONGEST)
        for tracks in recording.tracks(task.channel):
            within = slice(max(0, first - heard), max(0, round(last - heard)))
            for name, samples in tracks.items():
                parts[name].append(samples[within])
            heard += len(samples)
            if min(heard, last) - first > LONGEST * recording.rate:
                raise AudioError(
                    f"longer than {LONGEST:g} s, too long to be measured as a whole; use --start and --end"
                )
            if heard >= last:
                break
        if heard <= first:
            raise AudioError(f"ends at {heard / recording.rate:.2f} s, before --start {task.start:g}")
        tracks = {name: np.concatenate(own) for name, own in parts.items()}
        if not all(map(len, tracks.values())):
            raise AudioError(f"has no samples between --start {task.start:g} and --end {task.end:g}")
        return {n: Signal(samples, recording.rate, first) for n, samples in tracks.items()}, recording.notes


def _rows(task: Task, recording: Recording, channel: str | None, signal: Signal) -> Rows:
    if task.level == "frames":
        (only,) = loaded(task)
        frames = only.extract(signal)
        return Rows(recording.source, channel, signal.segment, frames.times, frames.values)
    values = np.concatenate([one.functionals(signal).values for one in loaded(task)])
    return Rows(recording.source, channel, signal.segment, None, values[None])


def _draw(task: Task, recording: Recording, tracks: Mapping[str | None, Signal]) -> None:
    """Draw each channel; the files of several have the channel's name at their end."""
    from affekt.cli._recordings import make_folder
    from affekt.view import contours

    path = recording.plot
    if path is None:
        return
    make_folder(path.parent)
    store = Cache(task.cache) if task.cache else None
    for channel, signal in tracks.items():
        one = path.with_stem(f"{path.stem}-{channel}") if len(tracks) > 1 else path
        title = " · ".join([Path(recording.source).name, *([channel] if channel else [])])
        contours.save(signal, one, title=title, cache=store, **_own(task, "formants"))
