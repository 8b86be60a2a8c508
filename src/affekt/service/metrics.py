"""What happened -> numbers for Prometheus. Each process counts for itself; control gathers the counts and shows them.

    meters = Meters("engine")
    meters.add("affekt_windows_total", result="certain")
    bus.send(meters.message())                              # every few seconds

    gathered = Gathered(Meters("control"), folder=data)     # in control
    gathered.take(message)
    body = gathered.render()                                # served as `CONTENT_TYPE`

`FAMILIES` is all there is, and docs/operations.md has it as a table. No label says who: a label has a list of values,
or takes names without digits, at most `_DISTINCT` of them. Whatever else is given becomes "other", so neither a call's
id nor a telephone number can reach Prometheus, nor can a flood of values fill it.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from affekt.errors import UnknownNameError, UsageError
from affekt.registry import need
from affekt.types import AlertState

need("prometheus_client", extra="serve")
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector  # noqa: E402
from prometheus_client.metrics_core import Metric  # noqa: E402
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest  # noqa: E402
from prometheus_client.registry import Collector  # noqa: E402

Process = Literal["gateway", "engine", "control"]
Kind = Literal["counter", "gauge", "histogram"]

PROCESSES: tuple[str, ...] = get_args(Process)
CONTENT_TYPE = CONTENT_TYPE_LATEST
"what GET /metrics answers with"
STALE = 15.0
"seconds without a message after which a process counts as gone; send at least three times as often"
OTHER = "other"
"what stands for a label's value that is not allowed"

_DISTINCT = 64  # values that a label without a list may take in one process
_NAME = re.compile(r"[a-z/][a-z_./{}-]{0,63}")  # no digits: a number or an id is no name
_VERSION = re.compile(r"^/v\d/")  # the one digit that a route has
_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LONG = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_DELIVERY = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_BATCH = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_CODES = (200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 501, 502, 503, 504)
_STATUS = tuple(str(code) for code in _CODES)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_STATES: tuple[str, ...] = get_args(AlertState)


@dataclass(frozen=True, slots=True)
class Family:
    """One thing that is counted or measured."""

    name: str
    "as Prometheus knows it; a counter ends in _total"
    kind: Kind
    process: Process | Literal["each"]
    "who counts it; what each counts for itself is shown with a label `process`"
    help: str
    labels: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    "label -> its values; None: any name without digits"
    buckets: tuple[float, ...] = ()
    "upper bounds of a histogram, in its unit"

    @property
    def samples(self) -> frozenset[str]:
        """The names under which a query finds it."""
        if self.kind == "histogram":
            return frozenset(f"{self.name}_{end}" for end in ("bucket", "sum", "count"))
        return frozenset({self.name})

    @property
    def base(self) -> str:
        """The name of the family in OpenMetrics, where a counter's has no _total."""
        return self.name.removesuffix("_total")


_BY_PROTOCOL: dict[str, tuple[str, ...] | None] = {"protocol": None}

FAMILIES: tuple[Family, ...] = (
    # gateway
    Family("affekt_calls_live", "gauge", "gateway", "Calls whose stream is open", _BY_PROTOCOL),
    Family("affekt_slots", "gauge", "gateway", "Calls that the shared memory has room for"),
    Family(
        "affekt_connections_total",
        "counter",
        "gateway",
        "Connections of carriers, by how they began: accepted, unauthorized, full, invalid",
        {"protocol": None, "result": ("accepted", "unauthorized", "full", "invalid")},
    ),
    Family("affekt_violations_total", "counter", "gateway", "Streams closed for breaking their protocol", _BY_PROTOCOL),
    Family("affekt_audio_seconds_total", "counter", "gateway", "Audio received, summed over tracks", _BY_PROTOCOL),
    Family("affekt_audio_dropped_seconds_total", "counter", "gateway", "Audio for which the shared memory was full"),
    Family("affekt_gateway_loop_lag_seconds", "histogram", "gateway", "How late the event loop wakes", {}, _QUICK),
    # engine
    Family(
        "affekt_audio_gap_seconds_total",
        "counter",
        "engine",
        "Audio that did not come as it should, by kind (docs/live.md)",
        {"kind": ("lost", "late", "duplicate", "reordered", "drift")},
    ),
    Family(
        "affekt_window_latency_seconds",
        "histogram",
        "engine",
        "From the arrival of a window's last sample to the sending of its mood",
        {},
        _LONG,
    ),
    Family(
        "affekt_windows_total",
        "counter",
        "engine",
        "Windows judged, by whether the model was sure",
        {"result": ("certain", "uncertain")},
    ),
    Family(
        "affekt_windows_skipped_total",
        "counter",
        "engine",
        "Windows not judged: a newer one waited, too late, or no power left",
        {"reason": ("newer", "late", "load")},
    ),
    Family("affekt_inference_seconds", "histogram", "engine", "One run of the model over a batch", {}, _QUICK),
    Family("affekt_batch_windows", "histogram", "engine", "Windows in one run of the model", {}, _BATCH),
    Family("affekt_round_seconds", "histogram", "engine", "One round over all calls", {}, _QUICK),
    Family("affekt_load_level", "gauge", "engine", "How far work is cut down under load, 0 (not) to 3"),
    Family("affekt_hop_seconds", "gauge", "engine", "Time between windows inside a turn, as load allows"),
    # control
    Family(
        "affekt_alerts_total",
        "counter",
        "control",
        "Changes of alerts that were stored",
        {"rule": None, "state": _STATES},
    ),
    Family("affekt_alerts_open", "gauge", "control", "Alerts that are firing and that nobody has answered"),
    Family(
        "affekt_deliveries_total",
        "counter",
        "control",
        "Attempts to deliver an alert; gave_up is a delivery lost",
        {"kind": None, "result": ("delivered", "retried", "gave_up")},
    ),
    Family("affekt_deliveries_waiting", "gauge", "control", "Deliveries in the outbox that are due"),
    Family(
        "affekt_delivery_delay_seconds",
        "histogram",
        "control",
        "From the change of an alert to its delivery",
        {"kind": None},
        _DELIVERY,
    ),
    Family(
        "affekt_http_requests_total",
        "counter",
        "control",
        "Requests answered, by the route's template",
        {"route": None, "method": _METHODS, "status": _STATUS},
    ),
    Family("affekt_http_request_seconds", "histogram", "control", "Time to answer", {"route": None}, _QUICK),
    Family("affekt_subscribers", "gauge", "control", "Open event streams of dashboards"),
    Family(
        "affekt_store_seconds",
        "histogram",
        "control",
        "Time in the database",
        {"operation": ("read", "write", "record")},
        _QUICK,
    ),
    Family("affekt_store_errors_total", "counter", "control", "Operations that the database failed"),
    Family("affekt_control_loop_lag_seconds", "histogram", "control", "How late the event loop wakes", {}, _QUICK),
    Family("affekt_disk_free_bytes", "gauge", "control", "Free on the disk of the data folder"),
    Family("affekt_disk_bytes", "gauge", "control", "Size of the disk of the data folder"),
    Family(
        "affekt_process_up",
        "gauge",
        "control",
        "1 where the process has reported within 15 s",
        {"process": PROCESSES},
    ),
    Family(
        "affekt_process_restarts_total",
        "counter",
        "control",
        "Starts of a process after its first, as control saw them",
        {"process": PROCESSES},
    ),
    # each
    Family("affekt_messages_waiting", "gauge", "each", "Messages that control has not acknowledged to this process"),
    Family(
        "affekt_log_lines_total",
        "counter",
        "each",
        "Lines of the log",
        {"level": ("debug", "info", "warning", "error", "critical")},
    ),
    Family("affekt_process_cpu_seconds_total", "counter", "each", "Processor time"),
    Family("affekt_process_resident_memory_bytes", "gauge", "each", "Memory in use"),
    Family("affekt_process_virtual_memory_bytes", "gauge", "each", "Memory asked for"),
    Family("affekt_process_open_fds", "gauge", "each", "Open files and sockets"),
    Family("affekt_process_max_fds", "gauge", "each", "Files and sockets that may be open"),
    Family("affekt_process_start_time_seconds", "gauge", "each", "When it started, Unix time"),
)

_KNOWN = MappingProxyType({family.name: family for family in FAMILIES})
_SYSTEM = frozenset(f.name for f in FAMILIES if f.process == "each" and f.name.startswith("affekt_process_"))
"measured by the system, through ProcessCollector"
_ENDS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


class Meters:
    """The counts of one process, in a registry of its own.

    >>> meters = Meters("engine")
    >>> meters.set("affekt_load_level", 2)
    >>> meters.message()["samples"]["affekt_load_level"]
    [['', {}, 2.0]]

    Raises:
        UnknownNameError: no process, or none of this process's families, is called so.
        UsageError: labels that the family does not have.
    """

    def __init__(self, process: Process) -> None:
        if process not in PROCESSES:
            raise UnknownNameError("process", process, PROCESSES)
        self.process = process
        self.started = time.time()
        self._registry = CollectorRegistry(auto_describe=False)
        self._system = ProcessCollector(namespace="affekt", registry=None)
        self._made = {
            family.name: _make(family, self._registry)
            for family in FAMILIES
            if family.process in (process, "each") and family.name not in _SYSTEM
        }
        self._seen: dict[tuple[str, str], set[str]] = {}

    def add(self, name: str, amount: float = 1.0, **labels: str | int) -> None:
        """Count; `amount` is not negative."""
        self._of(name, labels).inc(amount)

    def set(self, name: str, value: float, **labels: str | int) -> None:
        """Say what a gauge stands at."""
        self._of(name, labels).set(value)

    def observe(self, name: str, value: float, **labels: str | int) -> None:
        """Put a value into a histogram."""
        self._of(name, labels).observe(value)

    def message(self) -> dict[str, Any]:
        """Return all counts so far, ready for JSON: what control is sent every few seconds."""
        samples = {name: rows for name, rows in self._rows() if rows}
        return {"type": "metrics", "process": self.process, "started": self.started, "samples": samples}

    def _rows(self) -> Iterator[tuple[str, list[list[Any]]]]:
        for metric in (*self._registry.collect(), *self._system.collect()):
            name = next((name for name in (metric.name, f"{metric.name}_total") if name in _KNOWN), None)
            if name is not None:
                base = _KNOWN[name].base
                yield name, [[s.name.removeprefix(base), dict(s.labels), s.value] for s in metric.samples if _shown(s)]

    def _of(self, name: str, labels: Mapping[str, str | int]) -> Any:
        metric = self._made.get(name)
        if metric is None:
            raise UnknownNameError(f"metric of {self.process}", name, self._made)
        family = _KNOWN[name]
        if labels.keys() != family.labels.keys():
            raise UsageError(f"{name} has the labels {sorted(family.labels)}, got {sorted(labels)}")
        return (
            metric.labels(**{key: self._value(family, key, str(labels[key])) for key in labels}) if labels else metric
        )

    def _value(self, family: Family, label: str, value: str) -> str:
        allowed = family.labels[label]
        if allowed is not None:
            return value if value in allowed else OTHER
        seen = self._seen.setdefault((family.name, label), set())
        if value in seen:
            return value
        if len(seen) >= _DISTINCT or not _NAME.fullmatch(_VERSION.sub("/", value)):
            return OTHER
        seen.add(value)
        return value


@dataclass(frozen=True, slots=True)
class _Report:
    at: float
    "when it came, by the monotonic clock, s"
    started: float
    "when its process started, Unix time"
    samples: Mapping[str, list[list[Any]]]


@dataclass(eq=False)
class Gathered(Collector):
    """What all processes have counted, as Prometheus reads it. A process that is silent for `STALE` s is left out.

    >>> gathered = Gathered(Meters("control"))
    >>> gathered.take({"type": "metrics", "process": "engine", "started": 1.0, "samples": {
    ...     "affekt_load_level": [["", {}, 2.0]]}})
    True
    >>> [line for line in gathered.render().decode().splitlines() if line.startswith("affekt_load")]
    ['affekt_load_level 2.0']
    """

    own: Meters
    "of control itself"
    folder: Path | None = None
    "the data folder, whose disk is watched"
    clock: Any = time.monotonic
    _reports: dict[str, _Report] = field(default_factory=dict, init=False)

    def take(self, message: Mapping[str, Any]) -> bool:
        """Take a child's message of type `metrics`; return False, and change nothing, where it is none."""
        report = self._read(message)
        if report is None:
            return False
        process = message["process"]
        before = self._reports.get(process)
        if before is not None and before.started != report.started:
            self.own.add("affekt_process_restarts_total", process=process)
        self._reports[process] = report
        return True

    def render(self) -> bytes:
        """Return the OpenMetrics text; it ends with `# EOF`."""
        self._look()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
        return text

    def collect(self) -> Iterable[Metric]:
        """Give every family that somebody has counted, in the order of `FAMILIES`."""
        told: dict[str, Any] = {self.own.process: self.own.message()["samples"]}
        told |= {process: report.samples for process, report in self._reports.items() if self._fresh(report)}
        for family in FAMILIES:
            metric = Metric(family.base, family.help, family.kind)
            for process, samples in told.items():
                more = {"process": process} if family.process == "each" else {}
                for end, labels, value in samples.get(family.name, ()):
                    metric.add_sample(family.base + end, {**labels, **more}, value)
            if metric.samples:
                yield metric

    def _read(self, message: Mapping[str, Any]) -> _Report | None:
        process, samples, started = (message.get(key) for key in ("process", "samples", "started"))
        others = [name for name in PROCESSES if name != self.own.process]
        if process not in others or not isinstance(samples, Mapping) or not isinstance(started, int | float):
            return None
        kept = {name: rows for name, rows in samples.items() if _fits(name, rows, process)}
        return _Report(self.clock(), float(started), kept)

    def _fresh(self, report: _Report | None) -> bool:
        return report is not None and self.clock() - report.at <= STALE

    def _look(self) -> None:
        """Measure what is known only now: who lives, and how much disk is left."""
        for process in PROCESSES:
            up = process == self.own.process or self._fresh(self._reports.get(process))
            self.own.set("affekt_process_up", float(up), process=process)
        if self.folder is not None:
            disk = shutil.disk_usage(self.folder)
            self.own.set("affekt_disk_free_bytes", disk.free)
            self.own.set("affekt_disk_bytes", disk.total)


async def watch_loop(meters: Meters, *, every: float = 0.25) -> None:
    """Measure for ever how late this process's event loop wakes, `every` so many seconds; cancel it to end it."""
    name = f"affekt_{meters.process}_loop_lag_seconds"
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        await asyncio.sleep(every)
        meters.observe(name, max(0.0, loop.time() - due))


def _make(family: Family, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    labels = tuple(family.labels)
    if family.kind == "histogram":
        return Histogram(family.name, family.help, labels, registry=registry, buckets=family.buckets)
    maker = Counter if family.kind == "counter" else Gauge
    made = maker(family.name, family.help, labels, registry=registry)
    lists = [family.labels[label] for label in labels]
    if labels and len(lists) == 1 and lists[0] is not None and family.kind == "counter":
        for value in lists[0]:  # a counter that begins at its first event hides that event from a rate
            made.labels(value)
    return made


def _shown(sample: Any) -> bool:
    """When a counter was made is not worth a series of its own."""
    return not sample.name.endswith("_created")


def _fits(name: Any, rows: Any, process: str) -> bool:
    """Whether it is a family of this process, and each of its rows [end, labels, value]."""
    family = _KNOWN.get(name)
    if family is None or family.process not in (process, "each") or not isinstance(rows, list | tuple):
        return False
    return all(_is_row(row, family) for row in rows)


def _is_row(row: Any, family: Family) -> bool:
    if not isinstance(row, list | tuple) or len(row) != 3:
        return False
    end, labels, value = row
    return end in _ENDS[family.kind] and _are_labels(labels, end, family) and isinstance(value, int | float)


def _are_labels(labels: Any, end: str, family: Family) -> bool:
    asked = {*family.labels, "le"} if end == "_bucket" else set(family.labels)
    return isinstance(labels, Mapping) and set(labels) == asked and all(isinstance(v, str) for v in labels.values())
