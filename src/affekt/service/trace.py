"""The moments of a window -> one OpenTelemetry span with its stages. Off, it costs one comparison a window.

    tracer = start(endpoint="http://collector:4318", share=0.01, process="engine")
    marks = {} if tracer.pick() else None              # when the window's last sample arrived; mostly None
    if marks is not None: marks["ingest"] = arrived    # each stage: when it began, Unix time, s
    ...
    if marks is not None: tracer.window(marks, end=now, batch=8, level=0)

Spans are made when the window is over, from the moments noted on its way, so nothing of OpenTelemetry runs while a call
is heard. They say how long things took, and never who called, which call it was, or how it sounded: they leave the
machine for a place whose retention is not ours.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Protocol
from urllib.parse import urlsplit

from affekt.errors import UsageError
from affekt.registry import need

_PATIENCE = 2.0  # s, tries included, so that a collector that is away does not hold up the end of the service
STAGES = ("ingest", "vad", "queue", "infer", "publish")
"""Ingest: from the socket to the engine. Vad: resampling, speech, turns. Queue: the wait for a batch. Infer: the model.
Publish: mood, rules and sending."""


class Tracer(Protocol):
    """What the engine tells of its windows."""

    def pick(self) -> bool:
        """Whether this window is one of those that are told."""

    def window(self, marks: Mapping[str, float], *, end: float, **facts: float) -> None:
        """Tell a window: when each stage began, and when the last one ended, Unix time in s."""

    def close(self) -> None:
        """Send what is waiting."""


class Silent:
    """Tells nothing, and needs no package.

    >>> Silent().pick()
    False
    """

    def pick(self) -> bool:
        """Take no window."""
        return False

    def window(self, marks: Mapping[str, float], *, end: float, **facts: float) -> None:
        """Tell nothing."""

    def close(self) -> None:
        """There is nothing to send."""


def start(*, endpoint: str | None, share: float = 0.01, process: str = "engine") -> Tracer:
    """Begin to trace, where an endpoint is given.

    Args:
        endpoint: where OTLP over HTTP is taken, `http://collector:4318` or with a path; None: tracing is off.
        share: of the windows that are told, in [0, 1].
        process: who tells.

    Raises:
        UsageError: a share outside [0, 1].
        MissingExtraError: an endpoint is given, and OpenTelemetry is not installed.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"share must be from 0 to 1, got {share}")
    if endpoint is None or share == 0:
        return Silent()
    otlp = need("opentelemetry.exporter.otlp.proto.http.trace_exporter", extra="otel")
    export = need("opentelemetry.sdk.trace.export", extra="otel")
    sender = otlp.OTLPSpanExporter(endpoint=_whole(endpoint), timeout=_PATIENCE)
    return Spans(export.BatchSpanProcessor(sender), share, process=process)


class Spans:
    """Makes spans of a share of the windows, and gives them to a span processor of OpenTelemetry's SDK."""

    def __init__(self, processor: Any, share: float = 1.0, *, process: str = "engine") -> None:
        sdk = need("opentelemetry.sdk.trace", extra="otel")
        resource = need("opentelemetry.sdk.resources", extra="otel").Resource
        about = {"service.name": "affekt", "service.version": version("affekt"), "affekt.process": process}
        sampler = need("opentelemetry.sdk.trace.sampling", extra="otel").ALWAYS_ON
        self._provider = sdk.TracerProvider(resource=resource(about), sampler=sampler, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("affekt")
        self._below = need("opentelemetry.trace", extra="otel").set_span_in_context
        self._share = share

    def pick(self) -> bool:
        """Take one by chance: every hundredth would always be the same call's, where a hundred are heard."""
        return random.random() < self._share  # noqa: S311

    def window(self, marks: Mapping[str, float], *, end: float, **facts: float) -> None:
        """Make a span `window`, and one below it for each stage that has a mark.

        Raises:
            UsageError: a mark of no stage, or a fact that is no number.
        """
        _check(marks, facts)
        begun = sorted((at, STAGES.index(name)) for name, at in marks.items())
        if not begun:
            return
        whole = self._tracer.start_span("window", start_time=_ns(begun[0][0]), attributes=_named(facts))
        inside = self._below(whole)
        for (at, stage), until in zip(begun, [*(at for at, _ in begun[1:]), end], strict=True):
            part = self._tracer.start_span(STAGES[stage], context=inside, start_time=_ns(at))
            part.end(_ns(max(at, until)))
        whole.end(_ns(max(end, begun[-1][0])))

    def close(self) -> None:
        """Send what is waiting, and end the thread that sends."""
        self._provider.shutdown()


def _whole(endpoint: str) -> str:
    """Add the path that OTLP has for traces, where there is none.

    >>> _whole("http://127.0.0.1:4318"), _whole("https://otlp.example/x/v1/traces")
    ('http://127.0.0.1:4318/v1/traces', 'https://otlp.example/x/v1/traces')
    """
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + "/v1/traces"


def _check(marks: Mapping[str, float], facts: Mapping[str, float]) -> None:
    if strange := set(marks) - set(STAGES):
        raise UsageError(f"no stage of a window is called {sorted(strange)}; known: {', '.join(STAGES)}")
    if words := [name for name, value in facts.items() if not isinstance(value, int | float)]:
        raise UsageError(f"a span takes numbers only, so that it cannot say who spoke; {words} are none")


def _named(facts: Mapping[str, float]) -> dict[str, float]:
    return {f"affekt.{name}": value for name, value in facts.items() if math.isfinite(value)}


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
