"""The rules of `affekt.service.metrics`: nothing says who, each process counts for itself, Prometheus can read it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import UnknownNameError, UsageError
from affekt.live.events import GapKind

pytest.importorskip("prometheus_client", reason='pip install "affekt[serve]"')
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from affekt.service import metrics
from affekt.service.metrics import FAMILIES, STALE, Gathered, Meters, watch_loop


def read(gathered: Gathered) -> dict[tuple[str, frozenset], float]:
    """What Prometheus's own parser finds in the text."""
    families = text_string_to_metric_families(gathered.render().decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def sent(meters: Meters) -> dict:
    """Its message, as it comes out of the socket."""
    return json.loads(json.dumps(meters.message()))


class Clock:
    """A clock that a test turns."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_each_process_counted_is_read_by_prometheus():
    engine, gateway, gathered = Meters("engine"), Meters("gateway"), Gathered(Meters("control"))
    engine.add("affekt_windows_total", 3, result="uncertain")
    engine.observe("affekt_window_latency_seconds", 0.4)
    engine.set("affekt_messages_waiting", 7)
    gateway.set("affekt_calls_live", 2, protocol="twilio")
    assert gathered.take(sent(engine))
    assert gathered.take(sent(gateway))
    found = read(gathered)
    assert found["affekt_windows_total", frozenset({("result", "uncertain")})] == 3
    assert found["affekt_window_latency_seconds_bucket", frozenset({("le", "0.3")})] == 0
    assert found["affekt_window_latency_seconds_bucket", frozenset({("le", "0.5")})] == 1
    assert found["affekt_window_latency_seconds_sum", frozenset()] == pytest.approx(0.4)
    assert found["affekt_messages_waiting", frozenset({("process", "engine")})] == 7
    assert found["affekt_messages_waiting", frozenset({("process", "control")})] == 0
    assert found["affekt_calls_live", frozenset({("protocol", "twilio")})] == 2


def test_a_counter_with_a_list_of_values_begins_at_zero():
    """Else the first event, for which nothing was there before, would be no rise."""
    samples = Meters("engine").message()["samples"]["affekt_windows_skipped_total"]
    assert sorted(labels["reason"] for _, labels, _ in samples) == ["late", "load", "newer"]
    assert all(value == 0 for _, _, value in samples)


@given(st.uuids().map(str) | st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True) | st.text("0123456789+-ab /", min_size=1))
def test_no_label_takes_a_call_or_a_number(value):
    control = Meters("control")
    control.add("affekt_http_requests_total", route=f"/v1/calls/{value}", method=value, status=200)
    control.add("affekt_alerts_total", rule=value, state="firing")
    samples = control.message()["samples"]
    (_, request, _), (_, alert, _) = *samples["affekt_http_requests_total"], *samples["affekt_alerts_total"]
    assert request["method"] == "other"
    assert not any(c.isdigit() for c in request["route"].removeprefix("/v1/") + alert["rule"])


def test_a_label_without_a_list_takes_no_flood_of_names():
    control = Meters("control")
    names = ["".join(chr(97 + int(c, 16)) for c in uuid.uuid4().hex) for _ in range(500)]
    for name in names:
        control.add("affekt_alerts_total", rule=name, state="firing")
    rows = control.message()["samples"]["affekt_alerts_total"]
    assert len(rows) == metrics._DISTINCT + 1
    assert sum(value for _, labels, value in rows if labels["rule"] == "other") == 500 - metrics._DISTINCT


@pytest.mark.parametrize("route", ["/v1/calls/{id}", "/v1/alerts/{id}/acknowledge", "/metrics", "/v1/events", "/"])
def test_routes_are_told_by_their_template(route):
    control = Meters("control")
    control.add("affekt_http_requests_total", route=route, method="GET", status=200)
    assert control.message()["samples"]["affekt_http_requests_total"][0][1]["route"] == route


def test_a_silent_process_is_left_out_and_told():
    clock = Clock()
    gathered = Gathered(Meters("control"), clock=clock)
    gathered.take(sent(Meters("engine")))
    assert read(gathered)["affekt_process_up", frozenset({("process", "engine")})] == 1
    clock.now += STALE + 1
    found = read(gathered)
    assert found["affekt_process_up", frozenset({("process", "engine")})] == 0
    assert ("affekt_load_level", frozenset()) not in found
    assert found["affekt_process_up", frozenset({("process", "control")})] == 1


def test_a_process_that_started_anew_is_a_restart():
    gathered = Gathered(Meters("control"))
    first = sent(Meters("engine"))
    second = first | {"started": first["started"] + 1}
    for message in (first, first, second, second):
        gathered.take(message)
    assert read(gathered)["affekt_process_restarts_total", frozenset({("process", "engine")})] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"process": "control"},
        {"process": "somebody"},
        {"process": ["engine"]},
        {"samples": None},
        {"samples": [1]},
        {"started": "yesterday"},
    ],
)
def test_what_is_no_message_changes_nothing(change):
    gathered = Gathered(Meters("control"))
    before = len(read(gathered))
    assert not gathered.take(sent(Meters("engine")) | change)
    assert len(read(gathered)) == before


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from(["_total", "_bucket", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["result", "le", "x"]), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([f.name for f in FAMILIES] + ["made_up"]), json_values, max_size=4))
def test_whatever_a_message_holds_the_text_stays_readable(samples):
    gathered = Gathered(Meters("control"))
    gathered.take({"type": "metrics", "process": "engine", "started": 1.0, "samples": samples})
    names = {name for name, _ in read(gathered)}
    assert "made_up" not in names


def test_the_disk_of_the_data_folder_is_watched(tmp_path):
    found = read(Gathered(Meters("control"), folder=tmp_path))
    assert 0 < found["affekt_disk_free_bytes", frozenset()] <= found["affekt_disk_bytes", frozenset()]


def test_a_wrong_name_or_label_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'affekt_windows_total'"):
        Meters("engine").add("affekt_window_total", result="certain")
    with pytest.raises(UnknownNameError, match="no metric of gateway"):
        Meters("gateway").add("affekt_windows_total", result="certain")
    with pytest.raises(UsageError, match=r"has the labels \['result'\], got \['call'\]"):
        Meters("engine").add("affekt_windows_total", call="x")
    with pytest.raises(UnknownNameError, match="no process"):
        Meters("supervisor")


def test_every_family_is_counted_by_its_process_and_no_name_is_double():
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    for family in FAMILIES:
        assert family.kind != "counter" or family.name.endswith("_total"), family.name
        assert (family.kind == "histogram") == bool(family.buckets), family.name
        assert family.buckets == tuple(sorted(family.buckets))


def test_kinds_of_gaps_are_those_of_the_stream():
    family = next(f for f in FAMILIES if f.name == "affekt_audio_gap_seconds_total")
    assert family.labels["kind"] == get_args(GapKind)


def test_a_blocked_loop_is_measured():
    meters = Meters("gateway")

    async def block() -> None:
        watching = asyncio.create_task(watch_loop(meters, every=0.01))
        await asyncio.sleep(0.02)
        time.sleep(0.2)
        await asyncio.sleep(0.02)
        watching.cancel()

    asyncio.run(block())
    rows = meters.message()["samples"]["affekt_gateway_loop_lag_seconds"]
    slow = {labels["le"]: value for end, labels, value in rows if end == "_bucket"}
    assert slow["+Inf"] - slow["0.1"] == 1
