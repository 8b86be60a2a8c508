"""What is written to disk while calls are heard: none of it may be sound, unless somebody has asked for it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.service_load import sounds
from benchmarks.service_row import Row, fine
from benchmarks.service_run import Calls, Service

from affekt.service.load.sound import Form, Sound

CALLS = 10
TRACED = "write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range"
FORMS: tuple[Form, ...] = ("ulaw", "alaw", "l16", "ulaw64")
_CALL = re.compile(r"^(\w+)\((.*)\) += (\d+)$")
_PLACE = re.compile(r"\d+<((?:\\x[0-9a-f]{2})+)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_ELSEWHERE = ("/dev/", "/proc/", "/sys/", "/memfd:")  # no disk
_LOUD = 1000  # of 32768: quieter pieces may be found anywhere
_TOLD = 40  # pieces of each side of each sound that are looked for


def measure(minutes: float) -> dict[str, Any]:
    """Let strace write down all that the service's processes write, and look for what was said."""
    with tempfile.TemporaryDirectory() as place:
        strace = ["strace", "-ff", "-y", "-xx", "-s", "100000000", "--seccomp-bpf"]
        with Service(before=[*strace, "-e", f"trace={TRACED}", "-o", f"{place}/trace"]) as service:
            report = Calls(service, CALLS, seconds=60 * minutes, ramp=1.0).wait()
            mapped = shared(service.pids())
            service.stop()
        written = by_file(line for path in sorted(Path(place).iterdir()) for line in path.open(encoding="ascii"))
    pieces = needles(sounds(report))
    return {
        "written": sum(map(len, written.values())),
        "files": len(written),
        "mapped": mapped,
        "copied": sorted(path for path, data in written.items() if not data),
        "sound": {path: found for path, data in written.items() if (found := sum(one in data for one in pieces))},
        "spoken": report,
    }


def by_file(lines: Iterable[str]) -> dict[str, bytes]:
    r"""Return what was written to each file, from what strace -y -xx says; nothing of a file that was copied to.

    >>> by_file([r'write(3<\x2f\x61>, "\x68\x69", 2) = 2', r'write(3<\x2f\x61>, "\x21", 1) = 1'])
    {'/a': b'hi!'}
    >>> by_file([r'sendfile(4<\x2f\x62>, 3<\x2f\x61>, NULL, 9) = 9', r'write(1<\x70\x69\x70\x65>, "\x68", 1) = 1'])
    {'/b': b''}
    """
    found: dict[str, bytearray] = {}
    for line in lines:
        if (call := _CALL.match(line)) is None or (places := _PLACE.findall(call[2])) == []:
            continue
        path = _bytes(places[-1 if call[1] == "copy_file_range" else 0]).decode(errors="replace")
        if path.startswith("/") and not path.startswith(_ELSEWHERE):
            texts = b"".join(map(_bytes, _TEXT.findall(call[2])))
            found.setdefault(path, bytearray()).extend(texts[: int(call[3])])
    return {path: bytes(data) for path, data in found.items()}


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


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


def tell(kept: Mapping[str, Any]) -> tuple[bool, str]:
    unseen = [*kept["copied"], *kept["mapped"]]
    met = not (kept["sound"] or unseen) and kept["written"] > 0 and fine(kept["spoken"])
    words = f"{kept['written']:,} bytes to {kept['files']} files, sound in {len(kept['sound'])} of them"
    return met, words + (f"; not looked into: {', '.join(unseen)}" if unseen else "")


ROWS = (Row("disk", f"sound written to disk by default, while {CALLS} calls are heard", "0 bytes", 0.5, measure, tell),)
