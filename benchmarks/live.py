"""The streaming core -> benchmarks/LIVE.md: time, memory, and what it finds in calls with a known truth.

    python -m benchmarks.live                 all of it: about an hour of processor
    python -m benchmarks.live speed           one part: speed, streaming, alerts; the others stay as they were measured

Reads ../shared/corpora (or AFFEKT_CORPORA). One thread. Numbers are kept in benchmarks/live.json with date and commit.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.latency import ONE_THREAD

from benchmarks import live_alerts, live_speed, live_streaming, page

PARTS: Mapping[str, Any] = {"speed": live_speed, "streaming": live_streaming, "alerts": live_alerts}
KEPT = page.ROOT / "benchmarks/live.json"

HEAD = """# Live

Written by `python -m benchmarks.live`: the streaming core `affekt.live`, on one thread of a server CPU that others used
too. Each part names its date and commit.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--table", action="store_true", help="write the page again, measure nothing")
    chosen = parser.parse_args()
    for name in chosen.parts:
        if name not in PARTS:
            parser.error(f"there is no part {name!r}; there are {', '.join(PARTS)}")
    kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for name in () if chosen.table else chosen.parts or PARTS:
        found = PARTS[name].measure()
        kept[name] = {"date": str(datetime.date.today()), "commit": page.commit(), **found}
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    page.write("LIVE.md", "\n".join([HEAD, *sections(kept)]) + "\n")


def sections(kept: Mapping[str, Any]) -> Iterator[str]:
    for name, part in PARTS.items():
        if name in kept:
            yield from part.section(kept[name])
            yield f"\n`python -m benchmarks.live {name}`, {kept[name]['date']}, commit {kept[name]['commit']}.\n"


if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():
        # Libraries read these when they are loaded, which has happened by now.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.live", *sys.argv[1:]], os.environ | ONE_THREAD)
    main()
