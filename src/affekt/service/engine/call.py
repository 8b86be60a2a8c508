"""Records of one call -> ticks; what was heard and judged -> messages, in the order of the call."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from affekt.audio import RATE
from affekt.live import Event, Pipeline
from affekt.live.events import AlertChanged, MoodChanged, WindowJudged
from affekt.live.tick import Heard, Tick
from affekt.service import wire
from affekt.service.engine.schedule import Job, Reason, Schedule
from affekt.service.engine.tape import Tapes
from affekt.service.shared import ENDED, PAUSED, REFUSED, Record, Slot
from affekt.service.trace import Silent, Tracer
from affekt.types import Mood, Role, Signal, Window

LATEST = 0.42
"""Seconds from when a window is known to its deadline: with what comes before and after, half a second."""
_RATE = 0.4  # windows a second that a call has, where it was not heard for long enough to tell
_PATIENT = 5.0  # s, of windows that no newer one follows
_SILENT = 10.0  # s
_RECALL = 2.5  # s
_ARRIVALS = 1024
_EVIDENCE = 30  # moods that an alert shows


@dataclass(slots=True)
class _Waiting:
    """What was heard in a tick, and the jobs of its windows, in order; None: thinned out."""

    heard: Heard
    jobs: list[Job | None]


class Call:
    """One call, from its slot to its messages."""

    def __init__(
        self,
        slot: Slot,
        said: Mapping[str, Any],
        pipeline: Pipeline,
        *,
        schedule: Schedule,
        sender: str,
        model: str,
        tapes: Tapes | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """Begin to hear a call.

        Args:
            slot: where its records are.
            said: what the gateway knows of it.
            pipeline: hears its tracks.
            schedule: where its windows wait to be judged.
            sender: who tells: another engine has another name, and counts anew.
            model: the name of the model, told at the start.
            tapes: record it, where it may be recorded.
            tracer: is told how long some windows took, stage by stage.
        """
        self.slot, self.said, self.pipeline = slot, said, pipeline
        self._schedule, self._tapes, self._tracer = schedule, tapes, tracer or Silent()
        self._read_at = 0.0
        self._taped = bool(said.get("record"))
        self.ticks: deque[Tick] = deque()
        self.arrived = 0.0
        "Unix time of the newest record that was read"
        self._arrivals: deque[tuple[float, float]] = deque(maxlen=_ARRIVALS)  # (end of sound, s; Unix time)
        self.skipped: dict[Reason, int] = {}
        "windows that were not judged since this was last told"
        self.parked = self.refused = self.ended = self.over = False
        self._number, self._model, self._sender = 0, model, sender
        self._born = slot.born
        self._tracks: list[str] = list(said["tracks"])
        self._waiting: deque[_Waiting] = deque()
        self._accepted: dict[str | None, float] = {}  # speaker -> end of the last window that was not thinned out, s
        self._recent: deque[Mood] = deque(maxlen=_EVIDENCE)
        self._reason = ""
        self._paused = False
        self._unheard = 0.0
        self._windows = 0
        self._recalled = -1  # samples at 16 kHz up to which everything has been told
        self._said_at = 0.0

    @property
    def id(self) -> str:
        """The call's id."""
        return str(self.said["call"])

    @property
    def gone(self) -> bool:
        """Whether the slot is another call's by now."""
        return self.slot.born != self._born

    def recall(self) -> None:
        """Hear the last seconds once more that another engine has heard: detectors need them to know the level.

        Nothing is told of them, and nothing is judged again.
        """
        if self.refused or self.slot.flags & PAUSED:
            self._paused = bool(self.slot.flags & PAUSED)
            return
        records = [record for record in self.slot.again() if record.kind == "audio"]
        if not records:
            return
        ends = [(record.start + len(record.payload) // 2) / record.rate for record in records]
        self._recalled = round(max(ends) * RATE)
        runs: dict[int, list[Record]] = {}
        for record, end in zip(records, ends, strict=True):
            if end > max(ends) - _RECALL:
                self._join(runs, record)
        self._hear(runs)

    def begin(self, now: float) -> Iterator[dict[str, Any]]:
        """Tell that it has begun, or goes on with another engine."""
        facts = {key: value for key, value in self.said.items() if key not in ("call", "stream", "tenant")}
        yield self._message({"type": "call.started", **facts, "model": self._model}, now)

    # Records -> ticks ----------------------------------------------------------------------------------------------

    def read(self, now: float) -> list[dict[str, Any]]:
        """Read what has come; give what is to be told at once."""
        told: list[dict[str, Any]] = []
        self._read_at = now
        if self.slot.overrun and bool(self.slot.flags & PAUSED) != self._paused:
            self._pause(not self._paused)  # the record that said so is lost
        runs: dict[int, list[Record]] = {}
        for record in self.slot.read():
            self.arrived = record.arrived
            if record.kind == "audio":
                if self._taped and self._tapes is not None and not self.refused:
                    self._tapes.write(self.said, self._tracks, record)
                if self.parked or self.refused:
                    continue
                self._join(runs, record)
                continue
            self._hear(runs)
            told += self._heed(record, now)
        self._hear(runs)
        if self.ended or (self.slot.state == ENDED and not self.slot.waiting):
            self._end()
        return told

    def _join(self, runs: dict[int, list[Record]], record: Record) -> None:
        """Put a piece behind those of its track; where it does not follow them, hear all that is there first."""
        if (before := runs.get(record.track)) and not _follows(before[-1], record):
            self._hear(runs)
        runs.setdefault(record.track, []).append(record)

    def _hear(self, runs: dict[int, list[Record]]) -> None:
        """Hear runs of pieces without a hole, one of each track, and forget them."""
        signals: dict[str | None, Signal] = {}
        for track, run in runs.items():
            if run and track < len(self._tracks):
                samples = np.concatenate([record.samples for record in run]) if len(run) > 1 else run[0].samples
                scaled = samples.astype(np.float32) * np.float32(1 / 32768)
                signals[self._tracks[track]] = Signal(scaled, run[0].rate, run[0].start)
                for record in run:
                    end = (record.start + len(record.payload) // 2) / record.rate
                    self._arrivals.append((end, record.arrived))
        runs.clear()
        if signals:
            self.ticks.extend(self.pipeline.take(signals))

    def _heed(self, record: Record, now: float) -> list[dict[str, Any]]:
        if record.kind in ("pause", "resume"):
            self._pause(record.kind == "pause")
        elif record.kind == "words":
            words = wire.read(record.payload)
            self._taped = bool(self.said.get("may_record")) and words.get("state") == "given"
            return [self._message(words, now)]
        elif record.kind == "end":
            self._reason = str(wire.read(record.payload).get("reason", "")) if record.payload else ""
            self.ended = True
        return []

    def _pause(self, paused: bool) -> None:
        if paused == self._paused or self.refused:
            return
        self._paused = paused
        self._flush()
        for heard in self.pipeline.hold() if paused else self.pipeline.wake():
            self._queue(heard)

    def _flush(self) -> None:
        """Hear the ticks that wait, whose turn it is before anything else happens."""
        for heard in self.pipeline.hear(list(self.ticks)):
            self._queue(heard)
        self.ticks.clear()

    def _end(self) -> None:
        if self.over:
            return
        self.over = True
        if not self.refused:
            self._flush()
            for heard in self.pipeline.hear(self.pipeline.end()):
                self._queue(heard)

    def wants_out(self) -> bool:
        """Whether the customer has refused since this was last asked; nothing else may be said of it any more."""
        return not self.refused and bool(self.slot.flags & REFUSED)

    def refuse(self, now: float) -> list[dict[str, Any]]:
        """Forget all that waits: nothing of this call may be judged any more."""
        self.refused = True
        if self._tapes is not None and self.said.get("may_record"):
            self._tapes.erase(self.said)
        self.ticks.clear()
        for job in (job for waiting in self._waiting for job in waiting.jobs if job is not None):
            self._schedule.forget(job)
        self._waiting.clear()
        return [self._message({"type": "consent", "state": "refused", "by": "call"}, now)]

    # Heard, judged -> messages -------------------------------------------------------------------------------------

    def queue(self, heard: Heard, hop: float) -> None:
        """Let the windows of what was heard be judged in time, no more than one per hop (s) and speaker."""
        if heard.at <= self._recalled:
            return
        jobs: list[Job | None] = []
        self._windows += len(heard.windows)
        for window in heard.windows:
            if self._thinned(window, hop):
                jobs.append(None)
                self._count("load")
            else:
                # The last window of a turn is known by the pause that ends it: from then on it waits.
                who, since = (self.said["stream"], window.speaker), self._arrival(heard.at / RATE)
                job = self._schedule.add(who, window, since + LATEST, since=since)
                if self._tracer.pick():
                    job.marks = {"ingest": since, "vad": max(since, self._read_at), "queue": time.time()}
                jobs.append(job)
        self._waiting.append(_Waiting(heard, jobs))

    def _queue(self, heard: Heard) -> None:
        """Let windows be judged with which a pause, or the end, has broken a turn off: none of them gives way."""
        if heard.at <= self._recalled:
            return
        jobs: list[Job | None] = [
            self._schedule.add(
                (self.said["stream"], window.speaker, window.signal.start),
                window,
                self.arrived + _PATIENT,
                since=self.arrived,
            )
            for window in heard.windows
        ]
        self._waiting.append(_Waiting(heard, jobs))

    def _arrival(self, end: float) -> float:
        """When the sample came that ends a window at `end` (s), Unix time."""
        found = self.arrived
        for place, arrived in reversed(self._arrivals):
            if place < end - 0.001:
                break
            found = arrived
        return found

    def _thinned(self, window: Window, hop: float) -> bool:
        end, last = window.signal.segment.end, self._accepted.get(window.speaker, -1e9)
        if hop > 0 and end - last < hop - 1e-6 and not window.final:
            return True
        self._accepted[window.speaker] = end
        return False

    def felt(self, now: float) -> list[dict[str, Any]]:
        """Feel what has been judged; give the messages."""
        told: list[dict[str, Any]] = []
        while self._waiting and all(job is None or job.settled for job in self._waiting[0].jobs):
            waiting = self._waiting.popleft()
            for job in waiting.jobs:
                if job is not None and job.said is not None and now > job.deadline:
                    job.said, job.skipped = None, "late"
            for event in self.pipeline.feel([self._judged(waiting)]):
                told.append(self._told(event, now))
            for job in waiting.jobs:
                if job is not None and job.marks is not None and "publish" in job.marks:
                    self._tracer.window(job.marks, end=max(now, job.marks["publish"]))
        if self.over and not self._waiting and not self.gone and self.slot.state == ENDED:
            told += self._close(now)
        return told

    def _judged(self, waiting: _Waiting) -> tuple[Heard, list[Any]]:
        """What was heard, without the windows that were skipped, and what the model says of the rest."""
        if all(job is not None and job.said is not None for job in waiting.jobs):
            return waiting.heard, [job.said for job in waiting.jobs if job is not None]
        jobs = iter(waiting.jobs)
        items, said = [], []
        for item in waiting.heard.items:
            if isinstance(item, Window):
                job = next(jobs)
                if job is None or job.said is None:
                    if job is not None and job.skipped is not None:
                        self._count(job.skipped)
                    continue
                said.append(job.said)
            items.append(item)
        return replace(waiting.heard, items=tuple(items)), said

    def _close(self, now: float) -> list[dict[str, Any]]:
        told = [] if self.refused else [self._told(event, now) for event in self.pipeline.close()]
        told += self.tell_skipped(now)
        if self._tapes is not None and self._taped:
            self._tapes.end(self.said)
        told.append(self._message({"type": "call.ended", "reason": self._reason or "hangup"}, now))
        self.slot.done()
        return told

    def acknowledge(self, rule: str, speaker: str | None, now: float) -> list[dict[str, Any]]:
        """Somebody has seen an alert."""
        return [self._told(event, now) for event in self.pipeline.acknowledge(rule, speaker)]

    def snooze(self, rule: str, speaker: str | None, seconds: float, now: float) -> list[dict[str, Any]]:
        """Somebody does not want to hear of a rule for a while."""
        return [self._told(event, now) for event in self.pipeline.snooze(rule, speaker, seconds=seconds)]

    def unheard(self, seconds: float) -> None:
        """Count windows that were never cut, since nobody heard the sound: as many as there were a second before."""
        heard = self._arrivals[-1][0] if self._arrivals else 0.0
        self._unheard += seconds * (self._windows / heard if heard > 20 else _RATE)
        whole = int(self._unheard)
        self._unheard -= whole
        if whole:
            self._count("load", whole)

    def tell_skipped(self, now: float) -> list[dict[str, Any]]:
        """Tell which windows were not judged since this was last told."""
        counts, self.skipped = self.skipped, {}
        return [
            self._message({"type": "windows.skipped", "count": count, "reason": reason}, now)
            for reason, count in counts.items()
        ]

    def still_there(self, now: float) -> list[dict[str, Any]]:
        """Tell that it goes on, where nothing else was told for a while: silence is no end."""
        if now - self._said_at < _SILENT:
            return []
        return [self._message({"type": "alive"}, now)]

    def _count(self, reason: Reason, count: int = 1) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + count

    def _told(self, event: Event, now: float) -> dict[str, Any]:
        facts = wire.event(event)
        if isinstance(event, MoodChanged):
            self._recent.append(event.mood)
        elif isinstance(event, AlertChanged):
            facts["evidence"] = wire.evidence(event.alert, list(self._recent), self._model)
        elif isinstance(event, WindowJudged):
            facts["arrived"] = round(self._arrival(event.prediction.segment.end), 4)
        return self._message(facts, now)

    def _message(self, facts: Mapping[str, Any], now: float) -> dict[str, Any]:
        self._number += 1
        self._said_at = now
        envelope = {name: self.said[name] for name in ("tenant", "call", "stream")}
        return {**facts, **envelope, "sender": self._sender, "n": self._number, "at": now}


def roles(said: Mapping[str, Any]) -> dict[str | None, Role]:
    """Track -> role, as the pipeline takes them."""
    return dict(said["tracks"].items())


def _follows(before: Record, record: Record) -> bool:
    return record.rate == before.rate and record.start == before.start + len(before.payload) // 2
