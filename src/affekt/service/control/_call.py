"""Messages of one call -> how the call stands, as the wall shows it. Pure: no clock, no I/O.

Every value carries the version at which it last changed. So what a viewer lacks is found from one number, however long
that viewer has been away, and nothing is ever kept for a viewer.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

POINTS = 180
"""Points of its trajectory that a call keeps; about three minutes of speech with the default windows."""

URGENCY = {
    "anger": 1.0,
    "frustration": 1.0,
    "fear": 0.8,
    "contempt": 0.8,
    "disgust": 0.7,
    "sadness": 0.6,
    "boredom": 0.2,
}
"""How much the level of an emotion adds to the heat of a call; a choice, not a measurement. Others add nothing."""

OPEN = ("firing", "acknowledged")
"""States of an alert in which it is an alert of the call's present."""

_REMEMBERED = 512  # messages of a stream by which a replay is known
_FRESH: dict[str, Any] = {
    "protocol": None,
    "agent": None,
    "queue": None,
    "subject": None,
    "direction": None,
    "time": 0.0,
    "emotion": None,
    "level": None,
    "confidence": None,
    "uncertain": True,
    "trend": None,
    "valence": None,
    "arousal": None,
    "dominance": None,
    "heat": 0.0,
    "speaking": [],
    "talk": {},
    "alerts": [],
    "paused": False,
    "consent": "unknown",
    "notice": None,
    "gaps": 0.0,
    "skipped": 0,
    "tracks": {},
    "model": None,
}


def heat(levels: Mapping[str, float], *, uncertain: bool = False, firing: bool = False) -> float:
    """Return how soon somebody should look at a call, in [0, 1].

    It is half of the mood's urgency (the levels of the emotions, weighed by `URGENCY`; an uncertain mood counts half),
    and half more while an alert fires. So a call with a firing alert stands above every call without one.

    >>> heat({"anger": 0.8, "calm": 0.2}), heat({"anger": 0.8}, uncertain=True), heat({"calm": 1.0}, firing=True)
    (0.4, 0.2, 0.5)
    """
    return round(urgency(levels) * (0.25 if uncertain else 0.5) + (0.5 if firing else 0.0), 4)


def urgency(levels: Mapping[str, float]) -> float:
    """Weigh the levels of the unpleasant emotions, in [0, 1]."""
    return min(1.0, sum(URGENCY.get(name, 0.0) * level for name, level in levels.items()))


def alert_id(message: Mapping[str, Any]) -> str:
    """Name the alert that a message makes: the same name wherever, and however often, the message is read."""
    place = f"{message['call']}/{message['rule']}/{message.get('speaker')}/{message['stream']}/{message['time']:.3f}"
    return str(uuid5(NAMESPACE_URL, f"affekt:{place}"))


def iso(at: float) -> str:
    """Write a Unix time as ISO 8601 in UTC.

    >>> iso(0.5)
    '1970-01-01T00:00:00.500Z'
    """
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Call:
    """One call as it stands."""

    def __init__(self, id: str, at: float) -> None:
        """Begin a call of which nothing is known; `at` is the Unix time of its beginning."""
        self.id, self.at = id, at
        self.values = {**_FRESH, "started": iso(at)}
        self.points: deque[tuple[int, list[Any]]] = deque(maxlen=POINTS)
        self.version = 0
        self.streams: dict[str, float | None] = {}  # -> s from the call's beginning to the stream's, if it was told
        self.open: set[str] = set()
        self._changed: dict[str, int] = {}
        self._levels: Mapping[str, float] = {}
        self._window: tuple[Any, Any] = (None, None)  # emotion and confidence of the last window
        self._talks: dict[tuple[str, str], Mapping[str, float]] = {}
        self._seen: OrderedDict[tuple[Any, ...], None] = OrderedDict()

    def take(self, message: Mapping[str, Any], version: int) -> list[dict[str, Any]]:
        """Follow one message; give the alerts that it changed. A replay changes nothing."""
        key = (message.get("stream"), message.get("n"), message.get("type"), message.get("at"))
        if key in self._seen:
            return []
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        if "time" in message:
            self.put(version, time=max(self.values["time"], self.place(message, message["time"])))
        kind = str(message.get("type"))
        if kind.startswith("alert."):
            return self._alert(message, version)
        if kind in _TAKES:
            _TAKES[kind](self, message, version)
        return []

    def put(self, version: int, **facts: Any) -> None:
        """Set what has changed, and note at which version."""
        for name, value in facts.items():
            if name not in self.values or self.values[name] != value:
                self.values[name] = value
                self._changed[name] = self.version = version

    def anew(self, version: int) -> None:
        """Let every viewer who has not seen this version lack everything."""
        self.version = version
        self._changed.update(dict.fromkeys(self.values, version))

    def place(self, message: Mapping[str, Any], time: float) -> float:
        """Bring seconds of a stream to seconds of the call."""
        stream = str(message.get("stream"))
        offset = self.streams.get(stream)
        if offset is None:  # control was away when the stream began: a message comes about when it became known
            offset = max(0.0, float(message["at"]) - self.at - float(message.get("time", time)))
            self.streams[stream] = offset
            self.open.add(stream)
        return round(offset + time, 3)

    def whole(self) -> dict[str, Any]:
        """Return all that is known."""
        return {"id": self.id, **self.values, "points": [point for _, point in self.points]}

    def since(self, version: int) -> dict[str, Any]:
        """Return what a viewer lacks who has seen this version."""
        facts = {name: self.values[name] for name, changed in self._changed.items() if changed > version}
        fresh = [point for seen, point in self.points if seen > version]
        return {"id": self.id, **facts, **({"points": fresh} if fresh else {})}

    def close(self) -> None:
        """Forget what only a live call needs."""
        self.points.clear()
        self._talks.clear()

    def restore(self, row: Mapping[str, Any], version: int) -> None:
        """Take a call as the store has it: of a time before this process began."""
        self.streams = {stream["id"]: stream["offset"] for stream in row["streams"]}
        self.open = {stream["id"] for stream in row["streams"] if stream["ended"] is None} or set(self.streams)
        plain = ("protocol", "agent", "queue", "subject", "direction", "notice", "model", "consent", "tracks", "talk")
        lost = sum(gap["end"] - gap["start"] for gap in row["gaps"] if gap["kind"] == "lost")
        alerts = [_shown(alert) for alert in row["alerts"] if alert["state"] in OPEN]
        facts = {name: row[name] for name in plain if row[name] is not None}
        self.put(version, skipped=row["skipped"], gaps=round(lost, 3), alerts=alerts, **facts)
        for mood in row["points"]:
            self._point({**mood, "type": "mood"}, mood["time"], version)
        self.put(version, time=max([self.values["time"], *(mood["time"] for mood in row["points"])]))
        self.anew(version)

    def row(self, row: Mapping[str, Any], version: int) -> None:
        """Take an alert as the store has it: what somebody did with it, or what the engine said."""
        shown = _shown(row)
        kept = [alert for alert in self.values["alerts"] if alert["id"] != shown["id"]]
        self.put(version, alerts=[*kept, shown] if shown["state"] in OPEN else kept)
        self._warm(version)

    def _alert(self, message: Mapping[str, Any], version: int) -> list[dict[str, Any]]:
        who = (message["rule"], message.get("speaker"))
        known = next((a for a in self.values["alerts"] if (a["rule"], a["speaker"]) == who), None)
        state = str(message["type"]).removeprefix("alert.")
        if known is None and state != "firing":
            return []
        again = (
            known is not None and state == "firing"
        )  # the engine began anew: the same alert, and who has seen it has
        alert = {
            "id": known["id"] if known else alert_id(message),
            "rule": message["rule"],
            "speaker": message.get("speaker"),
            "state": known["state"] if known and again else state,
            "reason": message.get("reason", known["reason"] if known else ""),
            "time": known["time"] if known else self.place(message, message["time"]),
        }
        self.row(alert, version)
        about = {"call": self.id, "agent": self.values["agent"], "queue": self.values["queue"]}
        return [{**alert, **about, "changed": iso(message["at"])}]

    def _started(self, message: Mapping[str, Any], version: int) -> None:
        stream = str(message.get("stream"))
        self.open.add(stream)
        self.streams[stream] = max(0.0, float(message["at"]) - self.at)
        names = ("protocol", "agent", "queue", "subject", "direction", "notice", "model")
        facts = {name: message[name] for name in names if message.get(name) is not None}
        tracks = {**self.values["tracks"], **(message.get("tracks") or {})}
        consent = message.get("consent") or self.values["consent"]
        self.put(version, started=iso(self.at), tracks=tracks, consent=consent, paused=False, **facts)

    def _ended(self, message: Mapping[str, Any], version: int) -> None:
        self.open.discard(str(message.get("stream")))
        self.put(version, speaking=[])

    def _mood(self, message: Mapping[str, Any], version: int) -> None:
        if self.values["tracks"].get(message.get("speaker")) == "agent":
            return  # never judged; should one come, it is not shown
        self._point(message, self.place(message, message.get("mood_at", message.get("time", 0.0))), version)

    def _point(self, message: Mapping[str, Any], at: float, version: int) -> None:
        self._levels = message.get("levels") or {}
        emotion, uncertain = message.get("emotion"), bool(message.get("uncertain"))
        level = round(float(self._levels.get(str(emotion), 0.0)), 4)
        affect = {name: message.get(name) for name in ("valence", "arousal", "dominance")}
        slopes = message.get("trend") or {}
        trend = round(sum(URGENCY.get(name, 0.0) * slope for name, slope in slopes.items()), 4)
        self.put(version, emotion=emotion, level=level, uncertain=uncertain, trend=trend, **affect)
        self._sure(version)
        self._warm(version)
        if not self.points or at > self.points[-1][1][0]:
            alone = heat(self._levels, uncertain=uncertain) * 2
            point = [at, emotion, level, affect["valence"], affect["arousal"], int(uncertain), round(alone, 4)]
            self.points.append((version, point))
            self.version = version

    def _warm(self, version: int) -> None:
        firing = any(alert["state"] == "firing" for alert in self.values["alerts"])
        self.put(version, heat=heat(self._levels, uncertain=self.values["uncertain"], firing=firing))

    def _judged(self, message: Mapping[str, Any], version: int) -> None:
        self._window = message.get("emotion"), message.get("confidence")
        self.put(version, model=message.get("model") or self.values["model"])
        self._sure(version)

    def _sure(self, version: int) -> None:
        """Show the confidence of the last window where it is about the emotion that is shown."""
        emotion, confidence = self._window
        self.put(version, confidence=confidence if emotion == self.values["emotion"] else None)

    def _speaks(self, message: Mapping[str, Any], version: int) -> None:
        who = message.get("speaker") or "speaker"
        self.put(version, speaking=[*(name for name in self.values["speaking"] if name != who), who])

    def _stops(self, message: Mapping[str, Any], version: int) -> None:
        who = message.get("speaker") or "speaker"
        self.put(version, speaking=[name for name in self.values["speaking"] if name != who])

    def _talk(self, message: Mapping[str, Any], version: int) -> None:
        feed = str(message.get("stream")), str(message.get("sender"))  # an engine that begins anew counts anew
        self._talks[feed] = message.get("seconds") or {}
        talk: dict[str, float] = {}
        for seconds in self._talks.values():
            for who, spoken in seconds.items():
                talk[who] = round(talk.get(who, 0.0) + spoken, 3)
        self.put(version, talk=talk)

    def _gap(self, message: Mapping[str, Any], version: int) -> None:
        if message.get("kind") == "lost":
            self.put(version, gaps=round(self.values["gaps"] + message["end"] - message["start"], 3))

    def _skipped(self, message: Mapping[str, Any], version: int) -> None:
        self.put(version, skipped=self.values["skipped"] + int(message.get("count", 0)))


def _shown(alert: Mapping[str, Any]) -> dict[str, Any]:
    return {name: alert.get(name) for name in ("id", "rule", "speaker", "state", "reason", "time")}


_TAKES: dict[str, Callable[[Call, Mapping[str, Any], int], None]] = {
    "call.started": Call._started,
    "call.ended": Call._ended,
    "turn.started": Call._speaks,
    "turn.ended": Call._stops,
    "window.judged": Call._judged,
    "mood": Call._mood,
    "talk": Call._talk,
    "gap": Call._gap,
    "windows.skipped": Call._skipped,
    "paused": lambda call, _, version: call.put(version, paused=True, speaking=[]),
    "resumed": lambda call, _, version: call.put(version, paused=False),
    "finished": lambda call, _, version: call.put(version, speaking=[]),
    "consent": lambda call, message, version: call.put(version, consent=message["state"]),
}
