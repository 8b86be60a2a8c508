"""The rules of `affekt.service.trace`: a span per window, of numbers only; nothing where it is off."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from affekt.errors import UsageError
from affekt.service.trace import STAGES, Silent, Spans, start

MARKS = {"ingest": 100.0, "vad": 100.01, "queue": 100.02, "infer": 100.05, "publish": 100.06}


@pytest.fixture
def kept():
    """A tracer, and the exporter that keeps what it tells."""
    export = pytest.importorskip("opentelemetry.sdk.trace.export", reason='pip install "affekt[otel]"')
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    return Spans(export.SimpleSpanProcessor(memory)), memory


@pytest.fixture
def receiver() -> Iterator[tuple[str, list]]:
    """A server on this machine that takes OTLP over HTTP, and the requests it took."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason='pip install "affekt[otel]"')
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    taken: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_window_is_one_span_with_its_stages_in_order(kept):
    tracer, memory = kept
    tracer.window(MARKS, end=100.07, batch=8, level=1)
    *stages, whole = memory.get_finished_spans()
    assert [span.name for span in stages] == list(STAGES)
    assert (whole.name, whole.parent) == ("window", None)
    assert dict(whole.attributes) == {"affekt.batch": 8, "affekt.level": 1}
    assert (whole.start_time, whole.end_time) == (100_000_000_000, 100_070_000_000)
    assert {span.parent.span_id for span in stages} == {whole.context.span_id}
    assert [span.end_time for span in stages] == [span.start_time for span in stages[1:]] + [whole.end_time]
    assert whole.resource.attributes["service.name"] == "affekt"


def test_a_stage_without_a_mark_is_left_out(kept):
    tracer, memory = kept
    tracer.window({"queue": 2.0, "infer": 3.0}, end=4.0)
    tracer.window({}, end=4.0)
    assert [span.name for span in memory.get_finished_spans()] == ["queue", "infer", "window"]


def test_a_clock_that_was_set_back_makes_no_span_end_before_it_began(kept):
    tracer, memory = kept
    tracer.window(MARKS, end=50.0)
    assert all(span.end_time >= span.start_time for span in memory.get_finished_spans())


def test_a_span_cannot_say_who_spoke_or_how_it_sounded(kept):
    tracer, _ = kept
    with pytest.raises(UsageError, match="numbers only"):
        tracer.window(MARKS, end=101.0, call="1b4e28ba")
    with pytest.raises(UsageError, match="no stage of a window is called"):
        tracer.window({"anger": 1.0}, end=101.0)


def test_a_share_of_the_windows_is_told(kept):
    tracer, _ = kept
    tracer._share = 0.1
    picked = sum(tracer.pick() for _ in range(5000))
    assert 350 < picked < 650  # 7 standard deviations


def test_a_collector_gets_the_spans(receiver):
    """A real server, the real protocol, decoded by the protocol's own classes."""
    endpoint, taken = receiver
    tracer = start(endpoint=endpoint, share=1.0)
    assert tracer.pick()
    tracer.window(MARKS, end=100.07, batch=8)
    tracer.close()
    spans = [span for one in taken for r in one.resource_spans for s in r.scope_spans for span in s.spans]
    assert sorted(span.name for span in spans) == sorted([*STAGES, "window"])
    whole = next(span for span in spans if span.name == "window")
    assert all(span.trace_id == whole.trace_id for span in spans)
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == 70_000_000


def test_a_collector_that_is_away_stops_nothing():
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason='pip install "affekt[otel]"')
    tracer = start(endpoint="http://127.0.0.1:9/v1/traces", share=1.0)
    tracer.window(MARKS, end=100.07)
    tracer.close()


def test_off_it_needs_no_package_and_imports_none():
    code = (
        "import sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "from affekt.service import trace\n"
        "off = trace.start(endpoint=None)\n"
        "assert not off.pick(); off.window({}, end=0.0); off.close()\n"
        "try: trace.start(endpoint='http://127.0.0.1:9/v1/traces')\n"
        "except Exception as error: print(error)\n"
        "print(sorted(name for name in sys.modules if name.startswith('opentelemetry.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "affekt[otel]"' in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_share_that_is_none_is_refused():
    assert isinstance(start(endpoint="http://x", share=0.0), Silent)
    with pytest.raises(UsageError, match="from 0 to 1, got 2"):
        start(endpoint=None, share=2)
