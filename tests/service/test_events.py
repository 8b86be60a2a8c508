"""The stream of the live state, over a real socket: whole, in order, and bounded by nobody who does not read."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException, Request

from affekt.service.control import events
from affekt.service.control.hub import Hub, merged
from affekt.service.dashboard import content, names, pages, policy, version


class Served:
    """A hub behind its route on a loop of its own."""

    def __init__(self, **pace: float) -> None:
        self.hub = Hub()
        self.app = FastAPI()
        self.app.include_router(events.router(self.hub, tenant, **pace))
        self.app.mount("/", pages())
        self.server = uvicorn.Server(uvicorn.Config(self.app, port=0, log_level="error"))
        self.loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self.server.serve()

    def tell(self, *told: dict) -> None:
        asyncio.run_coroutine_threadsafe(self.hub.take(told), self.loop).result(30)

    @property
    def port(self) -> int:
        return self.server.servers[0].sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def tenant(request: Request) -> str:
    """Of this test: whoever says a tenant is of it."""
    if "x-tenant" not in request.headers:
        raise HTTPException(401)
    return request.headers["x-tenant"]


@contextmanager
def served(**pace: float) -> Iterator[Served]:
    made = Served(**pace)
    thread = threading.Thread(target=asyncio.run, args=(made.run(),), daemon=True)
    thread.start()
    while not made.server.started:
        time.sleep(0.01)
    try:
        yield made
    finally:
        made.loop.call_soon_threadsafe(made.hub.close)
        made.server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def told(kind: str, n: int, call: str = "c", **facts) -> dict:
    about = {"type": kind, "tenant": "one", "call": call, "stream": f"{call}-s", "n": n, "at": 1000.0 + n}
    return {**about, **facts}


def mood(n: int, call: str = "c") -> dict:
    levels = {"anger": (n % 100) / 100, "calm": 0.3}
    emotion = max(levels, key=levels.get)
    return told("mood", n, call, time=float(n), mood_at=float(n), emotion=emotion, levels=levels, speaker="in")


def heard(url: str, enough, *, call: str | None = None) -> list[tuple[str, dict | None]]:
    """Events of the stream until `enough` says so."""
    found, kind = [], ""
    asked = {"call": call} if call else {}
    with httpx.stream("GET", f"{url}/v1/events", params=asked, headers={"X-Tenant": "one"}, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                found.append((kind, json.loads(line[6:])))
            elif line.startswith(":"):
                found.append(("beat", None))
            if found and enough(found):
                break
    return found


def test_a_stream_begins_with_a_snapshot_and_goes_on_with_deltas():
    with served(pause=0.01) as one:
        one.tell(told("call.started", 0), mood(1))
        threading.Timer(0.2, one.tell, [mood(2)]).start()
        (first, state), (second, delta) = heard(one.url, lambda found: len(found) == 2)
        assert (first, second) == ("snapshot", "delta")
        now = merged(state, delta)
        live = one.hub.snapshot("one")
        assert [now[name] for name in ("calls", "alerts_open")] == [live[name] for name in ("calls", "alerts_open")]


def test_what_comes_fast_comes_together():
    """A hundred messages within a pause are one delta."""
    with served(pause=0.3) as one:
        one.tell(told("call.started", 0))

        def many() -> None:
            for n in range(1, 101):
                one.tell(mood(n))

        threading.Timer(0.1, many).start()
        found = heard(one.url, lambda found: found[-1][0] == "delta" and found[-1][1]["calls"][0]["time"] == 100.0)
        assert len(found) <= 4
        assert sum(len(body["calls"][0].get("points", [])) for _, body in found if body["calls"]) == 100


def test_a_quiet_stream_beats_and_ends_with_its_lease():
    with served(beat=0.05, pause=0.01, lease=0.3) as one:
        found = heard(one.url, lambda found: False)
        assert [kind for kind, _ in found].count("beat") >= 2


def test_only_who_is_let_in_hears_anything_and_only_of_the_own_tenant():
    with served(pause=0.01) as one:
        one.tell(told("call.started", 0))
        assert httpx.get(f"{one.url}/v1/events").status_code == 401
        with httpx.stream("GET", f"{one.url}/v1/events", headers={"X-Tenant": "two"}) as answer:
            data = next(line for line in answer.iter_lines() if line.startswith("data: "))
        assert json.loads(data[6:])["calls"] == []


def test_who_freezes_slows_nobody_and_is_told_the_present_when_it_wakes():
    """The frozen one asks, and then does not read: what is sent to it fills the system's buffers, and then stops."""
    with served(pause=0.001) as one:
        calls = [f"c{i}" for i in range(10)]
        one.tell(*(told("call.started", 0, call) for call in calls))
        crowd = [f"speaker {i}" for i in range(700)]  # so that a delta is large: 200 kB
        frozen = socket.socket()
        frozen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        frozen.connect(("127.0.0.1", one.port))
        frozen.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nX-Tenant: one\r\n\r\n")
        slowest, rounds = 0.0, 120
        for n in range(1, rounds + 1):
            began = time.monotonic()
            one.tell(*(told("talk", n, call, time=float(n), seconds=dict.fromkeys(crowd, n / 7)) for call in calls))
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.003)
        assert slowest < 1.0
        found = heard(one.url, lambda found: True)
        assert {call["time"] for call in found[0][1]["calls"]} == {float(rounds)}
        deltas = wakes(frozen, float(rounds))
        assert deltas < rounds / 2, "the rest came in one"
        frozen.close()


def wakes(frozen: socket.socket, wanted: float) -> int:
    """Read on until the time of a call is the wanted one; how many deltas that took."""
    frozen.settimeout(5)
    tail, deltas = b"", 0
    while f'"time":{wanted}'.encode() not in tail:
        piece = frozen.recv(65536)
        assert piece
        tail = tail[-100:] + piece
        deltas += tail.count(b"event: delta")
    return deltas


def test_who_has_left_is_forgotten():
    with served(beat=0.05, pause=0.01) as one:
        heard(one.url, lambda found: True)
        for _ in range(100):
            if one.hub.viewers == 0:
                break
            time.sleep(0.05)
        assert one.hub.viewers == 0


# The files of the dashboard ---------------------------------------------------------------------------------------


def test_the_page_names_parts_that_are_there_and_are_kept_for_a_year():
    with served() as one:
        page = httpx.get(one.url)
        assert page.headers["cache-control"] == "no-cache"
        for name in ("app.js", "app.css", "base.css", "palette.css", "theme.js", "icon.svg"):
            assert f"/static/{version()}/{name}" in page.text
        for name in names():
            part = httpx.get(f"{one.url}/static/{version()}/{name}")
            assert part.status_code == 200
            assert "immutable" in part.headers["cache-control"]
        for path in (f"/static/{version()}/nothing.js", "/static/0/app.js", f"/static/{version()}/../__init__.py"):
            assert httpx.get(one.url + path).status_code == 404


def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline():
    said = policy("calls.example")
    assert "unsafe" not in said
    assert "*;" not in said.replace(":*;", ";"), "no bare star"
    assert "evil" not in policy("evil'; script-src *")
    assert policy("x", ["wss://in.example:8001"]).count("wss://in.example:8001") == 1


@pytest.mark.parametrize("name", sorted(names()))
def test_no_file_of_the_dashboard_loads_from_elsewhere_or_writes_markup(name):
    """Text is set as text: what makes markup of a string is not used at all."""
    text = content(name).decode()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc", "@import"):
        assert word not in text, word
    links = [line for line in text.splitlines() if "://" in line and "w3.org" not in line]
    assert all(".protocol" in line for line in links), links


def test_the_colours_are_those_of_the_palette():
    from affekt.view.palette import PAINTS

    for name, paint in PAINTS.items():
        assert f".e-{name} {{ --fill: {paint.light};" in content("palette.css").decode()
        assert paint.dark in content("palette.js").decode()
