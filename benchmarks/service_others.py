"""Rows that have a script of their own: fuzzing, deliveries, the API's own description."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from benchmarks.service_row import Row
from benchmarks.service_run import Service

FRAMES = 1_000_000
PER_MINUTE = 2_000_000  # messages, about, of all protocols
GROWTH = 20.0  # MB
ALERTS = 200
SECONDS = 1.0
EXCLUDED = "^/v1/(events|session/oidc)"  # an answer without an end; what needs an issuer, and says so with 501


def fuzz(minutes: float) -> dict[str, Any]:
    from affekt.service.gateway import codec
    from benchmarks import fuzz_gateway

    names = codec.names()
    frames = min(FRAMES, int(minutes * PER_MINUTE / len(names)))
    all_borne = [fuzz_gateway.bear(name, frames) for name in names]
    crashes = [crash for one in all_borne for crash in one.crashes]
    growth = {one.protocol: one.growth for one in all_borne}
    return {"frames": frames, "protocols": names, "crashes": crashes[:20], "count": len(crashes), "growth": growth}


def tell_fuzz(kept: Mapping[str, Any]) -> tuple[bool, str]:
    most = max(kept["growth"].values())
    met = not kept["count"] and most < GROWTH and kept["frames"] >= FRAMES
    return met, (
        f"{kept['frames']:,} to each of {len(kept['protocols'])} protocols: {kept['count']} crashes, {most:+.1f} MB"
    )


def webhook(minutes: float) -> dict[str, Any]:
    from benchmarks import deliver

    found = {name: asyncio.run(deliver.measured(ALERTS, **how)) for name, how in deliver.CASES.items()}
    return {"p99": {name: float(np.percentile(seconds, 99)) for name, seconds in found.items()}}


def tell_webhook(kept: Mapping[str, Any]) -> tuple[bool, str]:
    name, worst = max(kept["p99"].items(), key=lambda pair: pair[1])
    return worst <= SECONDS, f"p99 {1e3 * worst:.0f} ms of {ALERTS} alerts in the worst case ({name})"


def schema(minutes: float) -> dict[str, Any]:
    """Ask everything that the description allows, and look for answers of 500 and more."""
    tool = Path(sys.executable).with_name("schemathesis")
    with Service() as service, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = [
            *(tool, "run", f"http://127.0.0.1:{service.http}/v1/openapi.json"),
            *("--checks", "not_a_server_error", "--exclude-path-regex", EXCLUDED),
            *("--max-time", str(round(60 * minutes)), "--report-junit-path", report, "--no-color"),
        ]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        return {"exit": done.returncode, **cases(report)}


def cases(report: Path) -> dict[str, Any]:
    """Return how many operations were tried, and which failed, how."""
    every = list(ElementTree.parse(report).getroot().iter("testcase"))
    wrong = [(one.get("name"), what) for one in every for kind in ("failure", "error") for what in one.iter(kind)]
    words = [f"{name}: {what.get('message') or what.text or ''}"[:600] for name, what in wrong]
    return {"tests": len(every), "failed": words}


def tell_schema(kept: Mapping[str, Any]) -> tuple[bool, str]:
    met = kept["exit"] == 0 and kept["tests"] > 0
    return met, f"{kept['tests']} operations, {len(kept['failed'])} failed"


ROWS = (
    Row(
        "fuzz",
        "mutated messages to every codec",
        f"{FRAMES:,} each, 0 crashes, memory bounded",
        4.0,
        fuzz,
        tell_fuzz,
    ),
    Row("webhook", "alert committed -> webhook received", f"p99 <= {SECONDS:g} s", 1.0, webhook, tell_webhook),
    Row("schema", "the API against its own description (schemathesis)", "0 server errors", 2.0, schema, tell_schema),
)
