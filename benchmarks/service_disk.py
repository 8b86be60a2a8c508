"""What is written to disk while calls are heard: none of it may be sound, unless somebody has asked for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.service_load import sounds
from benchmarks.service_row import Row, fine
from benchmarks.service_run import Calls, Service, children

from affekt.service.load.sound import Form, Sound

CALLS = 10
CALLS_TRACED = "openat,creat,write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range"
FORMS: tuple[Form, ...] = ("ulaw", "alaw", "l16", "ulaw64")
_WRITE = re.compile(r"\b(?:p?writev?2?|pwrite64|sendfile|copy_file_range)\(\d+<(/[^>]*)>.* = (\d+)$")
_ELSEWHERE = ("/dev/", "/proc/", "/sys/")  # no disk
_LOUD = 1000  # of 32768: quieter pieces may be found anywhere
_TOLD = 40  # pieces of each side of each sound that are looked for


def measure(minutes: float) -> dict[str, Any]:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        trace = Path(place) / "trace"
        strace = ["strace", "-f", "-y", "--seccomp-bpf", "-e", f"trace={CALLS_TRACED}", "-o", str(trace)]
        with Service(before=strace) as service:
            report = Calls(service, CALLS, seconds=60 * minutes, ramp=1.0).wait()
            mapped = shared(children(service._process.pid)) if service._process else []
            service.stop()
            written = by_file(trace.read_text(encoding="utf-8", errors="replace").splitlines())
            files = sorted(path for path in service.folder.rglob("*") if path.is_file())
            found = {str(path.relative_to(service.folder)): holds(path, needles(sounds(report))) for path in files}
            gone = [path for path in written if not Path(path).exists()]
    return {
        "written": sum(written.values()),
        "files": len(written),
        "gone": gone,
        "mapped": mapped,
        "sound": {path: count for path, count in found.items() if count},
        "spoken": report,
    }


def by_file(lines: Iterable[str]) -> Counter[str]:
    """Return the bytes that were written to each file, from what strace -y says.

    >>> by_file(['7 write(3</tmp/a.db>, "x", 1) = 1', '7 write(1<pipe:[5]>, "x", 1) = 1'])
    Counter({'/tmp/a.db': 1})
    """
    found: Counter[str] = Counter()
    for line in lines:
        if (said := _WRITE.search(line)) and not said[1].startswith(_ELSEWHERE):
            found[said[1]] += int(said[2])
    return found


def shared(pids: Sequence[int]) -> list[str]:
    """Return the files on disk that processes have mapped so that what is written there reaches the disk."""
    found = set()
    for pid in pids:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            _, mode, _, _, _, *name = line.split(maxsplit=5)
            if mode.startswith("rw") and mode.endswith("s") and name and name[0].startswith("/"):
                found.add(name[0])
    memory = ("/dev/", "/memfd:")
    return sorted(name for name in found if not name.startswith(memory) and not name.endswith("-shm"))


def needles(heard: Iterable[Sound]) -> set[bytes]:
    """Return loud pieces of what was said, as platforms code them, and as a program would hold them."""
    found = set()
    for sound in heard:
        for side, samples in sound.samples.items():
            levels = np.abs(samples.reshape(sound.count, -1).astype(int)).mean(axis=1)
            loud = [int(i) for i in np.argsort(levels)[::-1] if levels[i] >= _LOUD][:_TOLD]
            whole = samples.reshape(sound.count, -1).astype(np.float32) / 32768
            found |= {sound.pieces(form, side)[i] for form in FORMS for i in loud}
            found |= {whole[i].tobytes() for i in loud}
    return found


def holds(path: Path, pieces: Iterable[bytes]) -> int:
    """Count the pieces that a file holds."""
    data = path.read_bytes()
    return sum(piece in data for piece in pieces)


def tell(kept: Mapping[str, Any]) -> tuple[bool, str]:
    met = not (kept["sound"] or kept["gone"] or kept["mapped"]) and kept["written"] > 0 and fine(kept["spoken"])
    words = f"{kept['written']:,} bytes to {kept['files']} files, sound in {len(kept['sound'])} of them"
    unseen = [*kept["gone"], *kept["mapped"]]
    return met, words + (f"; not looked into: {', '.join(unseen)}" if unseen else "")


ROWS = (Row("disk", f"sound written to disk by default, while {CALLS} calls are heard", "0 bytes", 0.5, measure, tell),)
