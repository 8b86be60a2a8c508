"""What every report of this folder needs: the command and machine that made it, and its file."""

from __future__ import annotations

import argparse
import datetime
import platform
import subprocess

import numpy as np
from recipes.corpora import ROOT


def every(description: str | None) -> int:
    """Read the command line of a report that can take every Nth recording only."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--every", type=int, default=1, help="every Nth recording only")
    chosen: int = options.parse_args().every
    return chosen


def origin(command: str, every: int = 1) -> dict[str, str]:
    """Say how a report came to be: command, date, commit, machine."""
    return {
        "command": f"python -m {command}" + (f" --every {every}" if every > 1 else ""),
        "date": str(datetime.date.today()),
        "commit": commit(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}",
    }


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "?"


def write(name: str, text: str) -> None:
    """Write benchmarks/NAME, and show it."""
    (ROOT / "benchmarks" / name).write_text(text, encoding="utf-8")
    print(text, end="")
