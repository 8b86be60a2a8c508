"""The service for calls -> benchmarks/SERVICE.md: delays, capacity, and what it bears.

    python -m benchmarks.service                                     all rows: about two hours
    python -m benchmarks.service --only latency,capacity --minutes 1   some, each for so long
    python -m benchmarks.service --table                             write the page again, measure nothing

Each row starts `affekt serve` anew, in a folder of its own on free ports of loopback, and speaks simulated calls to it
(espeak-ng must be installed). Numbers are kept in benchmarks/service.json with date, commit and command. The machine
speaks, too, so what it bears beside that is more: each row names the processor that speaking took.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.service_row import Row

from benchmarks import (
    page,
    service_carrier,
    service_disk,
    service_faults,
    service_gateway,
    service_load,
    service_others,
    service_viewers,
)

PARTS = (
    service_load,
    service_gateway,
    service_faults,
    service_viewers,
    service_others,
    service_disk,
    service_carrier,
)
ROWS: Mapping[str, Row] = {row.name: row for part in PARTS for row in part.ROWS}
KEPT = page.ROOT / "benchmarks/service.json"

HEAD = """# Service

Written by `python -m benchmarks.service`, which runs `affekt serve` and speaks simulated telephone calls to it from the
same machine. A call is two tracks of 20 ms messages. Delays are counted from the beat on which the last sample of a
window was due to be sent, so that a sender that is late counts against the service. Left out are a turn's last window,
which waits for the pause that ends the turn, and the first 2 s of a call, in which the detector learns its level.

| what | goal | measured | |
|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--minutes", type=float, metavar="M", help="of each row, instead of its own")
    parser.add_argument("--table", action="store_true", help="write the page again, measure nothing")
    chosen = parser.parse_args()
    names = chosen.only.split(",") if chosen.only else list(ROWS)
    for name in names:
        if name not in ROWS:
            parser.error(f"there is no row {name!r}; there are {', '.join(ROWS)}")
    kept = read()
    for name in () if chosen.table else names:
        minutes = chosen.minutes or ROWS[name].minutes
        print(f"{name}: {minutes:g} min", file=sys.stderr, flush=True)
        kept[name] = {**stamp(name, chosen.minutes), "minutes": minutes, **ROWS[name].measure(minutes)}
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    page.write("SERVICE.md", written(kept))


def read() -> dict[str, Any]:
    """Read what has been measured before."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


def stamp(name: str, minutes: float | None) -> dict[str, Any]:
    """Say how a row came to be."""
    asked = "" if minutes is None else f" --minutes {minutes:g}"
    command = f"python -m benchmarks.service --only {name}{asked}"
    cores = len(os.sched_getaffinity(0))
    return {"date": str(datetime.date.today()), "commit": page.commit(), "command": command, "cores": cores}


def written(kept: Mapping[str, Any]) -> str:
    """Write the page."""
    return "\n".join([HEAD, *lines(kept), "", *origins(kept)]) + "\n"


def lines(kept: Mapping[str, Any]) -> Iterator[str]:
    for name, row in ROWS.items():
        if name not in kept:
            yield f"| {row.what} | {row.goal} | not measured | |"
            continue
        met, words = row.tell(kept[name])
        yield f"| {row.what} | {row.goal} | {words} | {'met' if met else '**missed**'} |"


def origins(kept: Mapping[str, Any]) -> Iterator[str]:
    for name, found in kept.items():
        if name in ROWS:
            yield f"- {name}: `{found['command']}`, {found['date']}, commit {found['commit']}, {found['cores']} cores."


if __name__ == "__main__":
    main()
