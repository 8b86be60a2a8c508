"""How long the API takes: requests by key and by session, a login, a recording, and others while a model works.

python benchmarks/service_api.py                on loopback, SQLite in a temporary folder; prints a table
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "service" / "control"))

from control_site import PASSWORD, Site, call, run

CALL = Path(__file__).parents[1] / "examples" / "call.wav"


def timed(act: Callable[[], httpx.Response], count: int) -> list[float]:
    """Milliseconds of each."""
    took = []
    for _ in range(count):
        start = time.perf_counter()
        act().raise_for_status()
        took.append(1000 * (time.perf_counter() - start))
    return took


def tell(what: str, took: list[float]) -> None:
    ranked = sorted(took)
    print(
        f"| {what} | {statistics.median(took):.1f} | {ranked[int(0.95 * (len(ranked) - 1))]:.1f} | {ranked[-1]:.1f} |"
    )


def measure(site: Site) -> None:
    for i in range(200):
        call(site.store, f"call {i}")
    wish = {"params": {"model": "permissive"}}
    recording = CALL.read_bytes()

    def judge(client: httpx.Client, hop: float = 1.0) -> httpx.Response:
        params = wish["params"] | {"hop": hop}
        return client.post("/v1/predict", params=params, files={"files": ("call.wav", recording)})

    print("| what | median, ms | 95 %, ms | longest, ms |\n|---|--:|--:|--:|")
    with site.client() as key, site.client(None) as session:
        sign_in = {"name": "admin", "password": PASSWORD}
        tell("health, without saying who", timed(lambda: session.get("/v1/health"), 300))
        tell("sign in (argon2id, 64 MiB)", timed(lambda: session.post("/v1/session", json=sign_in), 10))
        tell("who am I, by session", timed(lambda: session.get("/v1/session"), 300))
        tell("who am I, by key", timed(lambda: key.get("/v1/session"), 300))
        tell("50 of 200 calls", timed(lambda: key.get("/v1/calls"), 100))
        tell("one call, whole", timed(lambda: key.get("/v1/calls/call 1"), 100))
        tell("a note", timed(lambda: key.post("/v1/calls/call 1/notes", json={"text": "x"}), 50))
        judge(key)
        tell("a call of 42 s, judged", timed(lambda: judge(key), 5))
        stop = threading.Event()
        with site.client() as other:

            def work() -> None:
                while not stop.is_set():
                    judge(other, 0.1)

            busy = threading.Thread(target=work)
            busy.start()
            tell("who am I, while a model works", timed(lambda: key.get("/v1/session"), 300))
            stop.set()
            busy.join()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for site in run(Path(folder)):
            measure(site)


if __name__ == "__main__":
    main()
