"""The loop: read all calls, hear them, have windows judged, feel, tell. One thread, beside those of the model.

Every few milliseconds it reads what has come and hears tick by tick, so that one call of the detector's network serves
all calls. It never waits for the model: what is judged by now is felt, the rest is looked at again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affekt.errors import AffektError, UsageError
from affekt.live import Pipeline, Settings, Stages
from affekt.live.batch import Batch
from affekt.live.rules import Named, defaults
from affekt.live.track import Patience
from affekt.service import wire
from affekt.service.bus import Client
from affekt.service.engine.call import Call, roles
from affekt.service.engine.judge import Judge
from affekt.service.engine.load import LEVELS, Controller, Pressure, room
from affekt.service.engine.schedule import Schedule
from affekt.service.engine.tape import Tapes
from affekt.service.metrics import Meters
from affekt.service.shared import ENDED, LIVE, REFUSED, Board
from affekt.service.store.vault import Vault
from affekt.service.trace import Tracer
from affekt.types import Model

PERIOD = 0.016
"""Seconds from one look at all calls to the next."""
_STEPS = 16  # ticks of a call that are heard before the others are looked at again
_LOOK = 0.25  # s between two looks at the load
_TELL = 2.0  # s between two messages on how it goes
_UNHEARD = 0.6  # s of sound that waits, beyond which the newest calls are not heard
_PATIENCE = Patience(reorder=0.2, jitter=0.01)  # less than the shortest piece, else two of them change places


@dataclass(frozen=True, slots=True)
class Plan:
    """How calls are heard."""

    models: Sequence[Model]
    "the one that judges, and lighter ones for when there is too much to do; with the same emotions"
    hop: float = 1.0
    "s"
    denoise: str = "none"
    vad: str = "silero"
    rules: Sequence[Named] | None = None
    threads: int = 1
    "that judge"

    @property
    def settings(self) -> Settings:
        """Of the pipelines."""
        return Settings(hop=self.hop, patience=_PATIENCE)

    def __post_init__(self) -> None:
        names = [tuple(model.labels) for model in self.models]
        if not names or len(set(names)) > 1:
            raise UsageError(f"the models must have the same emotions, got {' and '.join(map(str, names)) or 'none'}")


class Engine:
    """Hears the calls of a board and tells control."""

    def __init__(
        self,
        board: Board,
        bus: Client,
        plan: Plan,
        *,
        meters: Meters | None = None,
        vault: Vault | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """Make ready; the model's threads begin.

        Args:
            board: the calls.
            bus: tells control.
            plan: how calls are heard.
            meters: count.
            vault: where the sound of calls goes that may be recorded.
            tracer: is told how long windows took.
        """
        self._tracer = tracer
        self._tapes = None if vault is None else Tapes(vault)
        self._meters = meters or Meters("engine")
        self._name = f"engine/{os.getpid()}/{time.time_ns():x}"
        self.calls: dict[int, Call] = {}
        self.level = Controller()
        self._board, self._bus, self._plan = board, bus, plan
        self._rules = defaults() if plan.rules is None else plan.rules  # once: it looks through all that is installed
        self._batch = Batch()
        self._schedule = Schedule()
        self._woken = threading.Event()
        self._judge = Judge(
            self._schedule, plan.models[0], told=self._woken.set, count=self._judged_some, threads=plan.threads
        )
        self._looked = self._told = time.time()
        self._busy = self._judged = 0.0
        self._denoise = plan.denoise != "none"
        self._stages = self._make_stages()
        self._lag = self._hearing = 0.0

    def run(self, stopped: Callable[[], bool]) -> None:
        """Go on until told to stop."""
        while not stopped():
            begun = time.time()
            self.step(begun)
            self._busy += (took := time.time() - begun)
            self._meters.observe("affekt_round_seconds", took)
            self._woken.wait(max(0.001, PERIOD - took))
            self._woken.clear()

    def stop(self) -> None:
        """End the threads, and send what is left to be said."""
        self._judge.stop()
        if self._tapes is not None:
            self._tapes.stop()
        if self._tracer is not None:
            self._tracer.close()
        until = time.time() + 1.0
        while time.time() < until and self._bus.connected and not self._bus.settled():
            self._bus.pump()
            time.sleep(0.01)
        self._bus.close()

    def step(self, now: float) -> None:
        """Do what there is to do."""
        for command in self._bus.pump():
            self._obey(command, now)
        self._meet(now)
        self._read(now)
        self._hear()
        self._judge.wake()
        self._feel()
        if now - self._looked >= _LOOK:
            self._look(now)
        if now - self._told >= _TELL:
            self._tell(now)
        self._bus.pump()

    # Calls ---------------------------------------------------------------------------------------------------------

    def _meet(self, now: float) -> None:
        """Begin with the calls that are new, and let go of those that are over."""
        for number, call in list(self.calls.items()):
            if call.gone or call.slot.state not in (LIVE, ENDED):
                del self.calls[number]
        for number in self._board.live():
            if number not in self.calls:
                self._begin(number, now)

    def _begin(self, number: int, now: float) -> None:
        slot = self._board.slots[number]
        said = wire.read(slot.meta)
        try:
            pipeline = Pipeline(
                self._judge.model, roles(said), settings=self._plan.settings, rules=self._rules, stages=self._stages
            )
        except (AffektError, KeyError) as error:
            self._say({"type": "log", "level": "error", "text": f"a call cannot be heard: {error}"}, now)
            slot.done()
            return
        model = getattr(self._plan.models[0], "id", "model")
        call = Call(
            slot,
            said,
            pipeline,
            schedule=self._schedule,
            sender=self._name,
            model=model,
            tapes=self._tapes,
            tracer=self._tracer,
        )
        call.refused = bool(slot.flags & REFUSED)
        call.recall()
        self.calls[number] = call
        for message in call.begin(now):
            self._send(message, now)

    def _make_stages(self) -> Stages:
        made = Stages.of(self._plan.vad, self._plan.denoise)
        clean = made.clean
        detector = self._batch.detector if self._plan.vad == "silero" else made.detector
        return Stages(detector, clean=clean if self._denoise else None)

    def _read(self, now: float) -> None:
        lag = 0.0
        for call in self.calls.values():
            if call.wants_out():
                for message in call.refuse(now):
                    self._send(message, now)
        for number in self._board.busy():
            if (known := self.calls.get(number)) is not None:
                for message in known.read(now):
                    self._send(message, now)
                if known.ticks and not known.parked:
                    lag = max(lag, now - known.arrived + len(known.ticks) * 0.032)
        for call in self.calls.values():
            if call.slot.state == ENDED and not call.over:
                for message in call.read(now):
                    self._send(message, now)
        self._lag = lag

    def _hear(self) -> None:
        """Tick by tick, all calls side by side."""
        hop = self._hop()
        for _ in range(_STEPS):
            steps = [(call, call.ticks.popleft()) for call in self.calls.values() if call.ticks]
            if not steps:
                return
            self._batch.tell([pair for call, tick in steps for pair in call.pipeline.detectors(tick)])
            for call, tick in steps:
                for heard in call.pipeline.hear([tick]):
                    call.queue(heard, hop)

    def _hop(self) -> float:
        """Seconds between windows that are judged; 0: all that are cut."""
        level = self.level.level
        return self._plan.hop * LEVELS[level] if level else 0.0

    def _feel(self) -> None:
        now = time.time()
        for call in self.calls.values():
            for message in call.felt(now):
                self._send(message, now)

    def _judged_some(self, windows: int, seconds: float) -> None:
        self._meters.observe("affekt_inference_seconds", seconds)
        self._meters.observe("affekt_batch_windows", windows)

    def _send(self, message: Mapping[str, Any], now: float) -> None:
        """Tell control; count what is worth a number."""
        self._bus.send(message)
        kind = message["type"]
        if kind == "window.judged":
            if not message["final"]:  # the last window of a turn waits for the pause that ends it
                self._meters.observe("affekt_window_latency_seconds", max(0.0, now - message["arrived"]))
            self._meters.add("affekt_windows_total", result="uncertain" if message["uncertain"] else "certain")
        elif kind == "windows.skipped":
            self._meters.add("affekt_windows_skipped_total", message["count"], reason=message["reason"])
        elif kind == "gap":
            self._meters.add("affekt_audio_gap_seconds_total", message["end"] - message["start"], kind=message["kind"])

    def _obey(self, command: Mapping[str, Any], now: float) -> None:
        kind = command.get("type", "")
        for call in self.calls.values():
            if call.id != command.get("call"):
                continue
            try:
                if kind == "alert.acknowledge":
                    told = call.acknowledge(command["rule"], command.get("speaker"), now)
                elif kind == "alert.snooze":
                    told = call.snooze(command["rule"], command.get("speaker"), float(command["seconds"]), now)
                else:
                    continue
            except (AffektError, KeyError, TypeError, ValueError) as error:
                self._say({"type": "log", "level": "warning", "text": f"{kind}: {error}"}, now)
                continue
            for message in told:
                self._send(message, now)

    # Load ----------------------------------------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        span = now - self._looked
        judged = self._judge.busy
        wait = max(0.0, now - oldest) if (oldest := self._schedule.oldest()) is not None else 0.0
        pressure = Pressure(
            judging=min(1.0, (judged - self._judged) / span / self._plan.threads),
            hearing=min(1.0, self._busy / span),
            wait=wait,
            lag=self._lag,
        )
        self._looked, self._busy, self._judged = now, 0.0, judged
        self._hearing += 0.3 * (pressure.hearing - self._hearing)
        calls, free = len(self.calls), self._board.free()
        further = 0 if pressure.lag > 0.3 else room(calls, self._hearing, free)
        self._board.promise(min(free, further, max(16, calls // 2)))
        before = self.level.level
        if (why := self.level.look(pressure, now=now)) is not None:
            self._change(before, why, now)
        self._park(pressure)

    def _change(self, before: int, why: str, now: float) -> None:
        self._board.level = level = self.level.level
        models = self._plan.models
        self._judge.model = models[min(len(models) - 1, 1)] if level >= 2 else models[0]
        self._denoise = self._plan.denoise != "none" and level == 0
        self._stages = self._make_stages()
        said = {"hop": self._plan.hop * LEVELS[level], "model": getattr(self._judge.model, "id", "model")}
        self._say(
            {"type": "load.changed", "level": level, "before": before, "why": why, "denoise": self._denoise} | said, now
        )

    def _park(self, pressure: Pressure) -> None:
        """At the last level, hear the newest calls no longer until the others keep up; then one more at each look."""
        heard = [call for call in self.calls.values() if not call.parked]
        parked = [call for call in self.calls.values() if call.parked]
        if self.level.level == len(LEVELS) - 1 and pressure.lag > _UNHEARD and len(heard) > 1:
            for call in heard[-max(1, len(heard) // 8) :]:
                call.parked = True
                call.ticks.clear()
        elif parked and pressure.lag < 0.1 and self._hearing < 0.6:
            parked[0].parked = False
        for call in parked:
            call.unheard(_LOOK)

    def _tell(self, now: float) -> None:
        self._told = now
        for call in self.calls.values():
            for message in (*call.tell_skipped(now), *call.still_there(now)):
                self._send(message, now)
        self._meters.set("affekt_load_level", self.level.level)
        self._meters.set("affekt_hop_seconds", self._plan.hop * LEVELS[self.level.level])
        self._meters.set("affekt_messages_waiting", self._bus.held)
        self._say(self._meters.message(), now)
        parked = sum(call.parked for call in self.calls.values())
        state = {"calls": len(self.calls), "parked": parked, "level": self.level.level}
        self._say({"type": "engine", **state, "hearing": round(self._hearing, 3)}, now)
        if self._judge.failed:
            self._say({"type": "log", "level": "error", "text": f"the model failed: {self._judge.failed}"}, now)
            self._judge.failed = None

    def _say(self, facts: Mapping[str, Any], now: float) -> None:
        none = {"tenant": None, "call": None, "stream": None, "sender": "engine"}
        self._bus.send({**none, "n": int(now * 1e6), "at": now, "pid": os.getpid(), **facts})
