"""Messages -> live state -> snapshot and deltas. What the wall shows, for as many viewers as like to look.

A viewer costs one number, the version that it has seen; what it lacks is read from the state when it asks. So there is
no queue: a viewer that freezes slows nobody, fills no memory, and finds the present when it wakes. Viewers who are
equally far share one delta.

The state is bounded too: a call keeps its last `POINTS` points, and of ended calls and changed alerts the last few are
kept. Who was away for longer than those reach back gets a fresh snapshot.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from affekt.service.control._call import POINTS, Call, heat, iso

__all__ = ["POINTS", "Hub", "Live", "Viewer", "heat", "merged"]

LIVE, ENDED, ALERTS = 4096, 512, 512
"""Calls of a tenant that are live at most, ended ones that are remembered, and changes of alerts that are."""


class Live:
    """The calls of one tenant, as they stand.

    >>> live = Live()
    >>> about = {"call": "c", "stream": "s"}
    >>> live.take({**about, "type": "call.started", "n": 0, "at": 60.0, "agent": "Ada"})
    >>> live.take({**about, "type": "turn.started", "n": 1, "at": 62.0, "time": 2.0, "speaker": "in"})
    >>> live.delta(1)["calls"]
    [{'id': 'c', 'time': 2.0, 'speaking': ['in']}]
    """

    def __init__(self) -> None:
        self.version = 0
        self.load: dict[str, Any] = {}
        self._load_changed = 0
        self._calls: OrderedDict[str, Call] = OrderedDict()  # the one that changed last at the end
        self._ended: OrderedDict[str, tuple[int, Call]] = OrderedDict()
        self._alerts: OrderedDict[str, tuple[int, dict[str, Any]]] = OrderedDict()
        self._forgotten = 0  # what ended, or changed of alerts, up to this version may be no longer known
        self._memo: tuple[tuple[int, int, str | None], dict[str, Any]] | None = None

    def take(self, message: Mapping[str, Any]) -> None:
        """Follow one message of this tenant, or one that is about all of them."""
        self.version += 1
        if message.get("type") == "load.changed":
            names = ("level", "hop", "model", "denoise", "why")
            self.load, self._load_changed = {name: message.get(name) for name in names}, self.version
        elif message.get("call"):
            self._call(str(message["call"]), message)

    def restore(self, row: Mapping[str, Any]) -> None:
        """Take a call that was live before this process began, as the store has it."""
        self.version += 1
        id, began = str(row["id"]), datetime.fromisoformat(row["started"]).timestamp()
        self._calls[id] = Call(id, began)
        self._calls[id].restore(row, self.version)

    def end(self, call: str) -> None:
        """End a call of which no end will be told: its gateway is gone."""
        if call in self._calls:
            self.version += 1
            self._end(self._calls[call])

    def changed(self, row: Mapping[str, Any]) -> None:
        """Take an alert as the store has it, after somebody has acknowledged or snoozed it."""
        self.version += 1
        self._tell(row)
        own = self._calls.get(str(row.get("call")))
        if own is not None:
            own.row(row, self.version)
            self._calls.move_to_end(own.id)

    def snapshot(self, call: str | None = None) -> dict[str, Any]:
        """Return everything, or everything of one call."""
        shown = [own.whole() for own in self._calls.values() if call in (None, own.id)]
        return {"calls": shown, "load": self.load, "alerts_open": self.firing}

    def delta(self, since: int, call: str | None = None) -> dict[str, Any] | None:
        """Return what has changed after a version; None when that is too long ago, and a snapshot must be taken."""
        if since < self._forgotten:
            return None
        key = (since, self.version, call)
        if self._memo is None or self._memo[0] != key:
            self._memo = key, self._delta(since, call)
        return self._memo[1]

    @property
    def firing(self) -> int:
        """How many alerts of live calls fire, and nobody has acknowledged."""
        return sum(alert["state"] == "firing" for own in self._calls.values() for alert in own.values["alerts"])

    def __len__(self) -> int:
        return len(self._calls)

    def _delta(self, since: int, call: str | None) -> dict[str, Any]:
        fresh = [own.since(since) for own in self._newer(since) if call in (None, own.id)]
        ended = [id for id, (version, _) in self._ended.items() if version > since and call in (None, id)]
        rows = [row for version, row in self._alerts.values() if version > since]
        told = {"calls": fresh, "ended": ended, "alerts": [row for row in rows if call in (None, row.get("call"))]}
        return {**told, "alerts_open": self.firing, **({"load": self.load} if self._load_changed > since else {})}

    def _newer(self, since: int) -> Iterator[Call]:
        for own in reversed(self._calls.values()):
            if own.version <= since:
                return
            yield own

    def _call(self, id: str, message: Mapping[str, Any]) -> None:
        begins = message.get("type") == "call.started"
        past = self._ended.get(id)
        if past is not None and not (begins and str(message.get("stream")) not in past[1].streams):
            self._late(past[1], message)
            return
        own = self._calls.get(id) or self._begin(id, message, past)
        rows = own.take(message, self.version)
        if own.version == self.version:
            self._calls.move_to_end(id)
        for row in rows:
            self._tell(row)
        if message.get("type") == "call.ended" and not own.open:
            self._end(own)

    def _late(self, own: Call, message: Mapping[str, Any]) -> None:
        """Of a call that has ended only its alerts still matter."""
        if str(message.get("type")).startswith("alert."):
            for row in own.take(message, self.version):
                self._tell(row)

    def _begin(self, id: str, message: Mapping[str, Any], past: tuple[int, Call] | None) -> Call:
        """Begin a call, or go on with one whose connection was restored after its end; known anew to every viewer."""
        at = float(message["at"]) - float(message.get("time", 0.0))
        own = Call(id, past[1].at if past else at)
        if past:
            del self._ended[id]
            own.streams = dict.fromkeys(past[1].streams, 0.0)
            self._forgotten = max(self._forgotten, past[0])  # who has not heard of the end would mix the two
        own.anew(self.version)
        self._calls[id] = own
        while len(self._calls) > LIVE:
            self._end(next(iter(self._calls.values())))
        return own

    def _end(self, own: Call) -> None:
        del self._calls[own.id]
        own.close()
        self._ended[own.id] = self.version, own
        self._forget(self._ended, ENDED)

    def _tell(self, row: Mapping[str, Any]) -> None:
        self._alerts.pop(str(row["id"]), None)
        self._alerts[str(row["id"])] = self.version, dict(row)
        self._forget(self._alerts, ALERTS)

    def _forget(self, kept: OrderedDict[str, tuple[int, Any]], most: int) -> None:
        while len(kept) > most:
            self._forgotten = max(self._forgotten, kept.popitem(last=False)[1][0])


class Viewer:
    """One who looks: which tenant, perhaps which call, and how much has been seen."""

    def __init__(self, live: Live, call: str | None, clock: Callable[[], float]) -> None:
        self._live, self._call, self._clock = live, call, clock
        self._seen = -1
        self._told = asyncio.Event()
        self.closed = False

    def wake(self) -> None:
        """Say that there may be something new."""
        self._told.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until something is new, or for so long; say which."""
        try:
            await asyncio.wait_for(self._told.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def look(self) -> tuple[str, dict[str, Any]] | None:
        """Return what this viewer lacks: ("snapshot", ...) or ("delta", ...); None when that is nothing."""
        self._told.clear()
        delta = self._live.delta(self._seen, self._call) if self._seen >= 0 else None
        self._seen = self._live.version
        if delta is None:
            return "snapshot", {**self._live.snapshot(self._call), "now": iso(self._clock())}
        return (
            ("delta", delta) if any(delta[name] for name in ("calls", "ended", "alerts")) or "load" in delta else None
        )


class Hub:
    """The live state of all tenants, and who looks at it. It belongs to the event loop that serves the viewers."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tenants: dict[str, Live] = {}
        self._viewers: dict[str, set[Viewer]] = {}
        self._load: Mapping[str, Any] | None = None

    async def take(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Follow messages in their order, and wake who looks; waits for nobody."""
        touched: set[str] = set()
        for message in messages:
            if message.get("tenant") is None:
                self._load = message if message.get("type") == "load.changed" else self._load
                about = list(self._tenants)
            else:
                about = [str(message["tenant"])]
            for tenant in about:
                self.live(tenant).take(message)
            touched.update(about)
        self._wake(touched)

    def live(self, tenant: str) -> Live:
        """Return the state of one tenant; it is made when it is first asked for."""
        if tenant not in self._tenants:
            self._tenants[tenant] = Live()
            if self._load is not None:
                self._tenants[tenant].take(self._load)
        return self._tenants[tenant]

    def restore(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the calls that were live before this process began: what `Store.live_calls` gives."""
        for row in rows:
            self.live(str(row["tenant"])).restore(row)

    def changed(self, tenant: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take alerts as the store has them, after somebody has acknowledged or snoozed them."""
        for row in rows:
            self.live(tenant).changed(row)
        self._wake({tenant})

    def end(self, tenant: str, calls: Iterable[str]) -> None:
        """End calls of which no end will be told, or that were erased."""
        for call in calls:
            self.live(tenant).end(call)
        self._wake({tenant})

    def snapshot(self, tenant: str, call: str | None = None) -> dict[str, Any]:
        """Return everything of a tenant as it stands, or of one call."""
        return {**self.live(tenant).snapshot(call), "now": iso(self._clock())}

    def watch(self, tenant: str, call: str | None = None) -> Viewer:
        """Begin to look; whoever does must `leave`."""
        viewer = Viewer(self.live(tenant), call, self._clock)
        viewer.wake()
        self._viewers.setdefault(tenant, set()).add(viewer)
        return viewer

    async def subscribe(self, tenant: str, call: str | None = None) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Give ("snapshot", ...) and then ("delta", ...) whenever something is new, for as long as somebody asks."""
        viewer = self.watch(tenant, call)
        try:
            while not viewer.closed:
                found = viewer.look() if await viewer.wait(1.0) else None
                if found is not None:
                    yield found
        finally:
            self.leave(tenant, viewer)

    def leave(self, tenant: str, viewer: Viewer) -> None:
        """Look no longer."""
        self._viewers.get(tenant, set()).discard(viewer)

    def close(self) -> None:
        """Send every viewer away: the service ends."""
        for viewer in [viewer for viewers in self._viewers.values() for viewer in viewers]:
            viewer.closed = True
            viewer.wake()

    @property
    def firing(self) -> int:
        """How many alerts fire that nobody has answered, of all tenants."""
        return sum(live.firing for live in self._tenants.values())

    @property
    def viewers(self) -> int:
        """How many look."""
        return sum(map(len, self._viewers.values()))

    def _wake(self, tenants: Iterable[str]) -> None:
        for tenant in tenants:
            for viewer in self._viewers.get(tenant, ()):
                viewer.wake()


def merged(snapshot: Mapping[str, Any], delta: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a snapshot up to date: what a viewer does with a delta. Neither argument is changed.

    >>> before = {"calls": [{"id": "c", "paused": False, "points": [[1.0]]}], "load": {}, "alerts_open": 0}
    >>> merged(before, {"calls": [{"id": "c", "points": [[2.0]]}], "ended": [], "alerts": []})["calls"]
    [{'id': 'c', 'paused': False, 'points': [[1.0], [2.0]]}]
    """
    calls = {call["id"]: call for call in snapshot["calls"] if call["id"] not in delta["ended"]}
    for fresh in delta["calls"]:
        before = calls.get(fresh["id"], {})
        points = [*before.get("points", []), *fresh.get("points", [])][-POINTS:]
        calls[fresh["id"]] = {**before, **fresh, "points": points}
    changed = {name: delta[name] for name in ("load", "alerts_open") if name in delta}
    return {**snapshot, **changed, "calls": list(calls.values())}
